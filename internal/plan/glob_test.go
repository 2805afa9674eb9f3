package plan

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
)

// locales makes the locale en_US.UTF-8, which orders by a dictionary.
func locales(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("localedef", "-i", "en_US", "-f", "UTF-8", filepath.Join(dir, "en_US.UTF-8")).CombinedOutput(); err != nil {
		t.Fatalf("localedef: %v: %s", err, out)
	}
	return dir
}

// bashSources lists what a loop of bash would source of a directory, as
// unstack.sh has it.
func bashSources(t testing.TB, dir string, env []string) []string {
	t.Helper()
	return bashSays(t, `for i in "$1"/*.sh; do if [ -r "$i" ]; then printf '%s\0' "${i##*/}"; fi; done`, dir, env)
}

func bashSays(t testing.TB, script, dir string, env []string) []string {
	t.Helper()
	cmd := exec.Command("bash", "-c", script, "bash", dir)
	cmd.Env = env
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
}

// The forecast of what is sourced, and in which order, is that of a real bash in
// the same environment.
func TestOrderAsBash(t *testing.T) {
	loc := "LOCPATH=" + locales(t)
	environments := [][]string{
		{"PATH=/bin"},
		{"PATH=/bin", "LC_ALL=C"},
		{"PATH=/bin", "LANG=C.UTF-8"},
		{"PATH=/bin", loc, "LC_ALL=en_US.UTF-8"},
		{"PATH=/bin", loc, "LANG=en_US.UTF-8"},
		{"PATH=/bin", loc, "LANG=en_US.UTF-8", "LC_COLLATE=C"},
		{"PATH=/bin", loc, "LC_ALL=C", "LANG=en_US.UTF-8"},
		{"PATH=/bin", loc, "LC_ALL=", "LC_COLLATE=en_US.UTF-8", "LANG=C"},
		{"PATH=/bin", "LC_ALL=no_SUCH.UTF-8"},
		{"PATH=/bin", "GLOBIGNORE=*/*a*"},
		{"PATH=/bin", "BASHOPTS=dotglob"},
		{"PATH=/bin", "SHELLOPTS=noglob"},
		{"PATH=/bin", "BASHOPTS=nocaseglob"},
		{"PATH=/bin", "GLOBSORT=-name"},
	}
	r := rand.New(rand.NewPCG(seed(t), 17))
	turned := false
	for range rounds(t, 6) {
		top := t.TempDir()
		dir := filepath.Join(top, "extras.d")
		for _, n := range randomDir(t, r, dir, 30) {
			if r.IntN(3) > 0 {
				_ = os.Rename(dir+"/"+n, dir+"/"+n+".sh")
			}
		}
		for _, n := range []string{"50-B.sh", "50-a.sh", "50-c.sh", "5-z.sh"} {
			write(t, dir+"/"+n, ":", 0o644)
		}
		for _, env := range environments {
			want := bashSources(t, dir, env)
			p := mustLoad(t, Options{Lifecycle: "unstack", TopDir: top, Environ: env})
			var got []string
			for _, e := range p.Phases[0].Hooks() {
				got = append(got, string(e.Name))
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%q (-bash +plan):\n%s", env, diff)
			}
			turned = turned || !slices.IsSorted(got)
			var paths []phased.Text
			for _, f := range bashSays(t, `printf '%s\0' "$1"/*.sh`, dir, env) {
				paths = append(paths, phased.Text(f))
			}
			now, err := ListSourced(p.Phases[0], paths)
			if d := Compare(p.Phases[0], now); err != nil || len(d) != 0 {
				t.Errorf("%q: the phase entered is not as planned: %+v, %v", env, d, err)
			}
		}
		want := bashSources(t, dir, []string{"LC_ALL=C"})
		if got := mustLoad(t, Options{Lifecycle: "stack", TopDir: top, Environ: []string{loc, "LC_ALL=en_US.UTF-8", "LANG=en_US.UTF-8"}}); len(want) != len(got.Phases[0].Hooks()) ||
			got.Phases[0].Hooks()[0].Name != phased.Text(want[0]) {
			t.Errorf("stack has the C locale: %v, not %v", names(got.Phases[0]), want)
		}
	}
	if !turned {
		t.Error("no locale turned anything round: the test proves nothing")
	}
}

// Nothing of the environment makes the bash that is asked run anything.
func TestExpandRunsNothing(t *testing.T) {
	top := stackTop(t, "extras.d/b.sh", "extras.d/a.sh")
	trap := filepath.Join(t.TempDir(), "trap")
	write(t, trap+".sh", "echo ran >"+trap+"\n", 0o755)
	env := []string{
		"LC_ALL=xx_XX", "BASH_ENV=" + trap + ".sh", "ENV=" + trap + ".sh", "SHELLOPTS=xtrace", "PS4=$(" + trap + ".sh)",
		"BASH_FUNC_printf%%=() { " + trap + ".sh; }", "BASH_FUNC_builtin%%=() { " + trap + ".sh; }",
	}
	p := mustLoad(t, Options{Lifecycle: "clean", TopDir: top, Environ: env})
	if got := names(p.Phases[0]); got != "a.sh b.sh" {
		t.Errorf("got %s", got)
	}
	if _, err := os.Lstat(trap); err == nil {
		t.Error("the plan ran what the environment says")
	}
}

// A pattern of the settings fits what the shell says that it fits.
func TestGlobsOfSettings(t *testing.T) {
	top := stackTop(t, "extras.d/10-a.sh", "extras.d/1a.sh", "extras.d/b.sh", "extras.d/.c.sh", "extras.d/d.bash", "extras.d/-e.sh", "extras.d/x]y")
	for glob, want := range map[string]string{
		"*.sh": "-e.sh 10-a.sh 1a.sh b.sh", "[0-9]*.sh": "10-a.sh 1a.sh", "[!0-9]*.sh": "-e.sh b.sh", "?.sh": "b.sh", ".*.sh": ".c.sh",
		"*": "-e.sh 10-a.sh 1a.sh b.sh d.bash x]y", "d.bash": "d.bash", "no": "", "*.bash*": "d.bash", "*]*": "x]y",
	} {
		s := parse(t, "lifecycles: {l: {executor: session, phases: [{name: p, dir: extras.d, glob: '"+glob+"'}]}}")
		p := mustLoad(t, Options{Lifecycle: "l", TopDir: top, Settings: s})
		var got []string
		for _, e := range p.Phases[0].Hooks() {
			got = append(got, string(e.Name))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s fits %q, want %q", glob, got, want)
		}
	}
}

// The lint knows which names a dictionary turns round.
func TestTurnsRound(t *testing.T) {
	env := []string{"LOCPATH=" + locales(t), "LC_ALL=en_US.UTF-8"}
	names := []string{"50-a.sh", "50-B.sh", "50-b.sh", "50-A.sh", "50-c.sh", "5-z.sh", "50_a.sh", "9-c.sh", "90-b.sh", "100-x.sh", "10-x.sh", "50-ab.sh", "50-a-c.sh", "a.sh", "B.sh", "_.sh"}
	for _, a := range names {
		for _, b := range names {
			if a >= b {
				continue
			}
			dir := t.TempDir()
			write(t, dir+"/"+a, "", 0o644)
			write(t, dir+"/"+b, "", 0o644)
			if got, want := turnsRound(a, b), bashSources(t, dir, env)[0] == b; got != want {
				t.Errorf("%s, %s: turned round %v, by bash %v", a, b, got, want)
			}
		}
	}
}
