package compat_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// samples is how many trees a differential test makes: some hundred on every
// push, thousands with PHASED_SOAK.
func samples() uint64 {
	if s := os.Getenv("PHASED_SOAK"); s != "" && s != "0" {
		return 4000
	}
	if testing.Short() {
		return 30
	}
	return 200
}

// seed makes every run look at other trees, and a failing one repeatable.
func seed(tb testing.TB) uint64 {
	tb.Helper()
	s := rand.Uint64()
	if v := os.Getenv("PHASED_SEED"); v != "" {
		var err error
		if s, err = strconv.ParseUint(v, 10, 64); err != nil {
			tb.Fatal(err)
		}
	}
	tb.Logf("PHASED_SEED=%d", s)
	return s
}

// eachSample calls f for every sample, on all CPUs, until one fails.
func eachSample(t *testing.T, f func(t *testing.T, r *rand.Rand, dir string)) {
	t.Helper()
	s, n := seed(t), samples()
	dir := shared(t)
	var wg sync.WaitGroup
	next := make(chan uint64)
	for range 2 {
		wg.Go(func() {
			for i := range next {
				if t.Failed() {
					continue
				}
				d := filepath.Join(dir, strconv.FormatUint(i, 10))
				if err := os.Mkdir(d, 0o755); err != nil {
					t.Error(err)
					continue
				}
				f(t, rand.New(rand.NewPCG(s, i)), d)
				if !t.Failed() {
					os.RemoveAll(d)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// outcome is what a run of a program shows.
type outcome struct {
	Status      int
	Out, Err    string
	Left, Order string // what its hooks have left behind
}

// call runs a program in a directory and normalises what it says.
func call(t *testing.T, tg target, dir string, env []string, argv ...string) outcome {
	t.Helper()
	var out, talk bytes.Buffer
	cmd := exec.Command(filepath.Join(tg.bin, argv[0]), argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &talk
	cmd.Stdin = strings.NewReader("first\nsecond\nthird\n")
	cmd.Env = append([]string{
		"PATH=" + tg.bin + ":/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "TZ=UTC", "PHASED_STATE_DIR=" + filepath.Join(filepath.Dir(dir), "state"),
	}, env...)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o := outcome{Status: cmd.ProcessState.ExitCode(), Out: out.String(), Err: normal(talk.String())}
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		o.Status = 1000 + int(ws.Signal())
	}
	order, err := os.ReadFile(filepath.Join(dir, "order"))
	if err == nil {
		o.Order = string(order)
		os.Remove(filepath.Join(dir, "order"))
	}
	return o
}

// normal takes out of stderr what no two runs have in common (dates, times) and
// bash's own diagnostics, which nobody promises.
func normal(s string) string {
	date := regexp.MustCompile(`(?m)^dib-run-parts [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} [A-Z]+ [0-9]{4} `)
	stamp := regexp.MustCompile(`(?m)^\[[-0-9]{10} [:0-9]{8},[0-9]{3}\] `)
	took := regexp.MustCompile(`(?m)[ 0-9]{6}\.[0-9]{3}$`)
	s = date.ReplaceAllString(s, "dib-run-parts DATE ")
	s = stamp.ReplaceAllString(s, "[STAMP] ")
	s = took.ReplaceAllString(s, "   N.NNN")
	// The trap of a shell is traced one level deeper in the originals' subshell.
	s = regexp.MustCompile(`(?m)^\++ echo trapped$`).ReplaceAllString(s, "+ echo trapped")
	var keep []string
	for _, l := range strings.SplitAfter(s, "\n") {
		switch strings.TrimSpace(l) {
		case "Terminated", "Hangup", "User defined signal 1", "Killed":
			continue
		}
		if strings.Contains(l, ": line ") || strings.HasPrefix(l, "dib-run-parts DATE ") && strings.Contains(l, "cannot be run") ||
			strings.HasPrefix(l, "dib-run-parts DATE ") && (strings.Contains(l, "interpreter") || strings.Contains(l, "binary file")) {
			continue
		}
		keep = append(keep, l)
	}
	return strings.Join(keep, "")
}

// hookNames are names with every meaning that order and filter give to
// characters. Blanks and glob characters come in only where the filter refuses
// them: the originals cannot handle them.
func hookName(r *rand.Rand, filtered bool) string {
	pieces := []string{"0", "1", "2", "5", "9", "10", "007", "99999999999999999999", "-", "--", "_", "a", "B", "zz", "1e3", "0x10", "x-y"}
	others := []string{".", ".5", ".50", "~", "#", ",", ":", "@", "+", "é", "ß", "\xff", "\xe2\x82", ".sh", "%", "=", "^"}
	if filtered {
		others = append(others, " ", "\t", "*", "[a]", "?", "\\", "'", `"`, "$", ";", "|")
	}
	var b strings.Builder
	for range 1 + r.IntN(4) {
		if r.IntN(4) == 0 {
			b.WriteString(pick(r, others...))
		} else {
			b.WriteString(pick(r, pieces...))
		}
	}
	return b.String()
}

// plantHooks fills a hook directory with all kinds of entries.
func plantHooks(t *testing.T, r *rand.Rand, dir string, filtered bool) {
	t.Helper()
	check := func(err error) {
		if err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(dir, 0o755))
	target := filepath.Join(filepath.Dir(dir), "target")
	check(os.WriteFile(target, []byte("#!/bin/sh\necho \"linked $0\" >>order\n"), 0o755))
	for range r.IntN(12) {
		path := filepath.Join(dir, hookName(r, filtered))
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		switch r.IntN(14) {
		case 0:
			check(os.Mkdir(path, 0o755))
		case 1:
			check(os.Symlink(target, path))
		case 2:
			check(os.Symlink("/nonexistent/target", path))
		case 3:
			check(os.Symlink("/usr", path))
		case 4:
			check(syscall.Mkfifo(path, 0o755))
		default:
			check(os.WriteFile(path, []byte(hookBody(r)), 0o644))
			check(os.Chmod(path, pick[os.FileMode](r, 0o755, 0o755, 0o755, 0o755, 0o755, 0o644, 0o010, 0o001, 0o700, 0o500, 0o4711)))
		}
	}
}

func hookBody(r *rand.Rand) string {
	body := "#!/bin/sh\necho \"$0 $#\" >>order\necho out; echo err >&2\n"
	switch r.IntN(40) {
	case 0:
		return "" // empty: a success
	case 1:
		return body + "exit " + strconv.Itoa(1+r.IntN(255)) + "\n"
	case 2:
		return "#!/nonexistent/interpreter\n"
	case 3:
		return "\x7fELF\x00\x00"
	case 4:
		return "echo \"$0 $# ${BASH_VERSION:+bash}\" >>order\n"
	case 5:
		return body + "read x; echo \"read $x\"\n"
	case 6:
		return body + "kill -" + pick(r, "TERM", "HUP", "USR1", "INT") + " $$\n"
	case 7:
		return "#! /bin/sh -e\r\n"
	}
	return body + "echo \"E=${E-unset} F=${F-unset} P=${P-unset}\"; umask\n"
}

// envBody is the text of an environment file: of what the originals do in a way
// worth keeping only.
func envBody(r *rand.Rand) string {
	lines := []string{
		"export E=1", "export E=\"${E-} x\"", "F=plain", "export F", "umask 027", "umask 022", "P=${E:-none}", "export P=\"a  b\"",
		"local z=1", "if [ -n \"${E-}\" ]; then export F=set; fi", "arr=(a b c); export P=${arr[1]}", "set -x", "set +x", ": ignored",
		"[[ x == x ]] && export E=2", "return 0", "echo said", "echo said >&2", "trap 'echo trapped' EXIT", "read E <<<here; export E",
		"export P=$(echo sub)", "f() { echo f; }; f", "shopt -s nullglob", "export RUN_PARTS_REGEX=zzz",
	}
	rare := []string{
		"false", "exit 7", "return 5", "no-such-command-zz", "if then", "echo $SURELY_UNSET", "{ false | true; } 2>/dev/null", "[ -n \"\" ] && x=1", "exit 255",
	}
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString(pick(r, lines...) + "\n")
	}
	if r.IntN(12) == 0 {
		b.WriteString(pick(r, rare...) + "\n")
	}
	return b.String()
}

func plantEnv(t *testing.T, r *rand.Rand, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 1 + r.IntN(3) {
		names := []string{"10-a", "2-b", "a.bash", ".hidden", "B_x", "-dash", "10-a.rpmsave", "9.z"}
		name := names[(r.IntN(len(names))+i)%len(names)]
		if err := os.WriteFile(filepath.Join(dir, name), []byte(envBody(r)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range r.IntN(3) { // what does not count
		if err := os.WriteFile(filepath.Join(dir, pick(r, "x~", "#y#", "z w", "é")), []byte("exit 99\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// regexes are filters that both sides read alike.
func regexes() []string {
	return []string{
		"", "^[0-9A-Za-z_-]+$", `\.sh$`, "zzz", "a", "^[[:digit:]]+", "(1|2)", "x{1,2}", `\w+`, "^-", "(.)\\1", "a\nB", ".", "^[^.]*$", "[é]", "5$", "^$", "a|", "()",
	}
}

func TestDibRunPartsAsTheOriginal(t *testing.T) {
	phased, original := static(t), originals(t)
	eachSample(t, func(t *testing.T, r *rand.Rand, dir string) {
		regex := ""
		if r.IntN(3) == 0 {
			regex = pick(r, regexes()...)
		}
		base := pick(r, "b", "x/y", "9b")
		hooks := base + "/" + pick(r, "c.d", "c", "5-d")
		plantHooks(t, r, filepath.Join(dir, hooks), regex == "" || regex == regexes()[1])
		if r.IntN(3) == 0 {
			plantEnv(t, r, filepath.Join(dir, base, "environment.d"))
		}
		env := []string{"FROM_CALLER=1"}
		if regex != "" || r.IntN(8) == 0 {
			env = append(env, "RUN_PARTS_REGEX="+regex)
		}
		if r.IntN(10) == 0 {
			rc := filepath.Join(dir, "bashrc")
			if err := os.WriteFile(rc, []byte("export P=rc E=rc\numask 077\n"), 0o644); err != nil {
				t.Error(err)
			}
			env = append(env, "BASH_ENV="+rc)
		}
		arg := pick(r, hooks, hooks, hooks+"/", "./"+hooks, filepath.Join(dir, hooks), hooks+"//", base+"/../"+hooks)
		for _, argv := range [][]string{{"dib-run-parts", "--list", arg}, {"dib-run-parts", arg}} {
			want, got := call(t, original, dir, env, argv...), call(t, phased, dir, env, argv...)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%s: %q %q (-original +phased):\n%s\n%s", dir, env, argv, d, tree(dir))
				keep(t, dir)
				return
			}
		}
	})
}

func TestOsRefreshConfigAsTheOriginal(t *testing.T) {
	phased, original := static(t), originals(t)
	eachSample(t, func(t *testing.T, r *rand.Rand, dir string) {
		if r.IntN(4) != 0 {
			return // Python takes its time
		}
		for _, p := range []string{"pre-configure", "configure", "post-configure", "migration", "error"} {
			switch r.IntN(6) {
			case 0:
			case 1:
				if err := os.MkdirAll(filepath.Join(dir, "base"), 0o755); err != nil {
					t.Fatal(err)
				}
				if r.IntN(4) == 0 {
					if err := os.WriteFile(filepath.Join(dir, "base", p+".d"), nil, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			default:
				plantHooks(t, r, filepath.Join(dir, "base", p+".d"), true)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "base")); err == nil && r.IntN(4) == 0 {
			plantEnv(t, r, filepath.Join(dir, "base", "environment.d"))
		}
		env := []string{"OS_REFRESH_CONFIG_BASE_DIR=" + pick(r, "base", "base/", "./base", filepath.Join(dir, "base"))}
		argv := []string{"os-refresh-config", "--lockfile", "lock", "--log-level=" + pick(r, "DEBUG", "INFO", "ERROR", "CRITICAL")}
		want, got := call(t, original, dir, env, argv...), call(t, phased, dir, env, argv...)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %q %q (-original +phased):\n%s\n%s", dir, env, argv, d, tree(dir))
			keep(t, dir)
		}
	})
}

// keep saves a failing tree from the clean-up.
func keep(t *testing.T, dir string) {
	to := filepath.Join(os.TempDir(), fmt.Sprintf("phased-differs-%d", os.Getpid()))
	if err := exec.Command("cp", "-a", dir, to).Run(); err == nil {
		t.Logf("kept as %s", to)
	}
}

func tree(dir string) string {
	out, _ := exec.Command("ls", "-lR", dir).Output()
	return string(out)
}
