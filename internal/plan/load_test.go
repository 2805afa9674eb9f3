package plan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// refresh is what os-refresh-config runs.
func TestBuiltinLifecycle(t *testing.T) {
	base := t.TempDir()
	p := mustLoad(t, Options{Base: base})
	var got []string
	for _, ph := range p.AllPhases() {
		got = append(got, fmt.Sprintf("%s %s %s %s %s optional=%v failure=%v missing=%v entries=%d", ph.Name, ph.Dir, ph.OnFailure, ph.Order, ph.Executor, ph.Optional, ph.Failure, ph.Missing, len(ph.Entries)))
	}
	want := []string{
		"pre-configure pre-configure.d stop numeric process optional=true failure=false missing=true entries=0",
		"configure configure.d stop numeric process optional=true failure=false missing=true entries=0",
		"post-configure post-configure.d stop numeric process optional=true failure=false missing=true entries=0",
		"migration migration.d stop numeric process optional=true failure=false missing=true entries=0",
		"error error.d continue numeric process optional=true failure=true missing=true entries=0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	if p.Lifecycle != "refresh" || string(p.Base) != base || p.Failure.Entries == nil || p.Phases[0].Entries == nil || p.Settings != "" {
		t.Errorf("plan %+v", p)
	}
	if p.Grace != phased.Duration(10*time.Second) || p.FailureLimit != phased.Duration(5*time.Minute) || p.Failure.Timeout != p.FailureLimit || p.Timeout != 0 {
		t.Errorf("limits %v, %v, %v, %v", p.Grace, p.FailureLimit, p.Failure.Timeout, p.Timeout)
	}
}

// Hooks start the same from everywhere: nothing of the caller's environment
// comes through.
func TestSurroundings(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, whose home the test knows")
	}
	t.Setenv("LEAK", "1")
	t.Setenv("PATH", "/leak")
	t.Setenv("HOME", "/leak")
	s := parse(t, "environment: {B: from settings, C: 1, LANG: de_DE.UTF-8}\numask: 027\nstdin: inherit\ndirectory: /usr")
	p := mustLoad(t, Options{
		Base: t.TempDir(), Settings: s, Env: []string{"A=x=y", "C=flag", "EMPTY="},
		Environ: []string{"LEAK=1", "HOME=/leak", "USER=leak"},
	})
	want := phased.Surroundings{
		Dir: "/usr", Umask: 0o027, Stdin: "inherit",
		Env: []phased.Text{
			"A=x=y", "B=from settings", "C=flag", "EMPTY=", "HOME=/root", "LANG=de_DE.UTF-8", "LOGNAME=root",
			"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SHELL=/bin/sh", "USER=root",
		},
	}
	if diff := cmp.Diff(want, p.Surroundings); diff != "" {
		t.Errorf("surroundings (-want +got):\n%s", diff)
	}
	if p := mustLoad(t, Options{Base: t.TempDir(), Settings: s, Stdin: "null"}); p.Surroundings.Stdin != "null" {
		t.Errorf("--stdin null: %s", p.Surroundings.Stdin)
	}
}

// A user whom the user database does not know has the caller's home and name.
func TestIdentityWithoutAnEntry(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	var home, name string
	asUser(t, 54321, func() { home, name = identity([]string{"HOME=/srv/me", "USER=me", "X=y"}) })
	if home != "/srv/me" || name != "me" {
		t.Errorf("home %s, user %s", home, name)
	}
	asUser(t, 54321, func() { home, name = identity([]string{"HOME=relative", "USER="}) })
	if home != "/" || name != "54321" {
		t.Errorf("home %s, user %s", home, name)
	}
}

// Options come from the flag, else the phase, else the lifecycle, else the
// settings, else the default; the plan says which.
func TestOptionsAndOrigins(t *testing.T) {
	base := t.TempDir()
	mkdir(t, base+"/b.d")
	mkdir(t, base+"/cc")
	minute, hour := phased.Duration(time.Minute), phased.Duration(time.Hour)
	text := strings.Join([]string{
		"timeout: 5h",                     // 1
		"hook-timeout: 1m",                // 2
		"phase-timeout: 1h",               // 3
		"failure-timeout: 2m",             // 4
		"lifecycles:",                     // 5
		"  l:",                            // 6
		"    base: " + base,               // 7
		"    timeout: 6h",                 // 8
		"    on-failure: continue",        // 9
		"    hook-timeout: 3m",            // 10
		"    names: '^[a-z]+$'",           // 11
		"    list: pinned",                // 12
		"    phases:",                     // 13
		"    - name: b",                   // 14
		"    - name: c",                   // 15
		"      dir: cc",                   // 16
		"      on-failure: finish-phase",  // 17
		"      order: glob",               // 18
		"      names: '.'",                // 19
		"      timeout: 0",                // 20
		"      hook-timeout: 4m",          // 21
		"    - {name: d, optional: true}", // 22
		"    failure: {name: oops, hook-timeout: 1s}", // 23
	}, "\n")
	o := Options{Settings: parse(t, text), Lifecycle: "l"}
	p := mustLoad(t, o)
	phase := func(name string, f func(*phased.Phase)) phased.Phase {
		ph := phased.Phase{
			Name: name, Dir: name + ".d", OnFailure: "continue", Order: "numeric", Executor: "process", Names: "^[a-z]+$",
			Timeout: hour, HookTimeout: 3 * minute,
		}
		f(&ph)
		return ph
	}
	want := []phased.Phase{
		phase("b", func(*phased.Phase) {}),
		phase("c", func(p *phased.Phase) {
			p.Dir, p.OnFailure, p.Order, p.Names, p.Timeout, p.HookTimeout = "cc", "finish-phase", "glob", ".", 0, 4*minute
		}),
		phase("d", func(p *phased.Phase) { p.Optional = true }),
		phase("oops", func(p *phased.Phase) {
			p.Failure, p.Optional, p.Timeout, p.HookTimeout = true, true, 2*minute, phased.Duration(time.Second)
		}),
	}
	var got []phased.Phase
	for _, ph := range p.AllPhases() {
		got = append(got, ph.Phase)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	if p.Timeout != 6*hour || !p.Pinned || string(p.Base) != base {
		t.Errorf("timeout %v, pinned %v, base %s", p.Timeout, p.Pinned, p.Base)
	}
	file := "/etc/phased/phased.yaml:"
	checkOrigins(t, p, map[string]string{
		"/timeout": "6h0m0s " + file + "8", "/base": base + " " + file + "7", "/list": "pinned " + file + "12", "/grace": "10s default",
		"/failure-timeout": "2m0s " + file + "4", "/umask": "022 default", "/environment.LANG": "C.UTF-8 default",
		"b/dir": "b.d default", "b/on-failure": "continue " + file + "9", "b/timeout": "1h0m0s " + file + "3",
		"b/hook-timeout": "3m0s " + file + "10", "b/names": "^[a-z]+$ " + file + "11", "b/order": "numeric default", "b/optional": "false default",
		"c/dir": "cc " + file + "16", "c/on-failure": "finish-phase " + file + "17", "c/order": "glob " + file + "18",
		"c/names": ". " + file + "19", "c/timeout": "none " + file + "20", "c/hook-timeout": "4m0s " + file + "21",
		"d/optional": "true " + file + "22", "oops/timeout": "2m0s " + file + "4", "oops/hook-timeout": "1s " + file + "23",
		"oops/on-failure": "continue built in", "oops/names": "^[a-z]+$ " + file + "11",
	})
	second := time.Second
	o.Timeout, o.PhaseTimeout, o.HookTimeout, o.FailureTimeout, o.Grace = &second, &second, &second, &second, &second
	p = mustLoad(t, o)
	s := phased.Duration(second)
	if p.Timeout != s || p.Grace != s || p.FailureLimit != s || p.Failure.Timeout != s || p.Phases[1].Timeout != s || p.Phases[1].HookTimeout != s {
		t.Errorf("flags do not win: %+v", p)
	}
	checkOrigins(t, p, map[string]string{
		"/timeout": "1s --timeout", "/grace": "1s --grace", "/failure-timeout": "1s --failure-timeout", "c/timeout": "1s --phase-timeout",
		"c/hook-timeout": "1s --hook-timeout", "oops/timeout": "1s --failure-timeout", "oops/hook-timeout": "1s " + file + "23",
	})
}

// checkOrigins demands that the plan gives these options these values from
// there, and no option twice.
func checkOrigins(t *testing.T, p phased.Plan, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for _, o := range p.Origins {
		k := o.Phase + "/" + o.Option
		if _, twice := got[k]; twice {
			t.Errorf("%s has two origins", k)
		}
		got[k] = o.Value + " " + o.From
	}
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s is %q, want %q", k, got[k], w)
		}
	}
}

// Settings may change the options of refresh without naming its phases, and
// may replace them.
func TestRefreshInSettings(t *testing.T) {
	base := t.TempDir()
	p := mustLoad(t, Options{Base: base, Settings: parse(t, "lifecycles: {refresh: {on-failure: continue, hook-timeout: 7s}}")})
	if len(p.Phases) != 4 || p.Phases[3].OnFailure != phased.Continue || p.Phases[3].HookTimeout != phased.Duration(7*time.Second) ||
		p.Failure == nil || p.Failure.HookTimeout != 0 {
		t.Errorf("options: %+v", p)
	}
	p = mustLoad(t, Options{Base: base, Settings: parse(t, "lifecycles: {refresh: {phases: [{name: only, optional: true}]}}")})
	if len(p.Phases) != 1 || p.Phases[0].Name != "only" || p.Failure == nil || p.Failure.Name != "error" {
		t.Errorf("phases: %+v", p)
	}
	p = mustLoad(t, Options{Base: base, Lifecycle: "own", Settings: parse(t, "lifecycles: {own: {phases: [{name: only, optional: true}]}}")})
	if p.Failure != nil {
		t.Errorf("a lifecycle without a failure phase has %+v", p.Failure)
	}
	p = mustLoad(t, Options{Base: base, Settings: parse(t, "lifecycles: {refresh: {failure: oops}}")})
	if len(p.Phases) != 4 || p.Failure.Name != "oops" || p.Failure.Dir != "oops.d" {
		t.Errorf("failure: %+v", p.Failure)
	}
	if got := Lifecycles(parse(t, "lifecycles: {refresh: {}, b: {phases: [x]}, a: {phases: [x]}}")); !slices.Equal(got, []string{"a", "b", "clean", "refresh", "stack", "unstack"}) {
		t.Errorf("lifecycles %q", got)
	}
	if got := Lifecycles(nil); !slices.Equal(got, []string{"clean", "refresh", "stack", "unstack"}) {
		t.Errorf("lifecycles %q", got)
	}
}

// Roots: --base wins, then the lifecycle's, then the settings'; those that are
// not there are passed over, all but the last.
func TestRoots(t *testing.T) {
	dir := t.TempDir()
	for _, r := range []string{"a", "b", "c", "d"} {
		hook(t, dir+"/"+r+"/configure.d/10-"+r)
	}
	s := parse(t, fmt.Sprintf("roots: [%[1]s/a, %[1]s/none, %[1]s/b]\nlifecycles: {refresh: {roots: [%[1]s/c, %[1]s/a]}}", dir))
	check := func(o Options, base string, roots ...string) {
		t.Helper()
		p := mustLoad(t, o)
		for i := range roots {
			roots[i] = dir + "/" + roots[i]
		}
		if diff := cmp.Diff(texts(roots), p.Roots); diff != "" || string(p.Base) != dir+"/"+base {
			t.Errorf("base %s, roots (-want +got):\n%s", p.Base, diff)
		}
		if got := len(p.Phases[1].Dirs); got != len(roots)-boolInt(slices.Contains(roots, dir+"/none")) {
			t.Errorf("%d directories of %q", got, roots)
		}
	}
	plain := *s
	plain.Lifecycles = nil
	check(Options{Settings: &plain}, "b", "a", "none", "b")
	check(Options{Settings: s}, "a", "c", "a")
	check(Options{Settings: s, Base: dir + "/d"}, "d", "d")
	t.Chdir(dir)
	check(Options{Settings: s, Base: "d/../d/"}, "d", "d")
}

// A lifecycle of absolute directories needs no hook tree.
func TestAbsoluteDirectories(t *testing.T) {
	dir := t.TempDir()
	hook(t, dir+"/x/b")
	hook(t, dir+"/x/10-a")
	s := parse(t, fmt.Sprintf("roots: [%[1]s/none]\nlifecycles: {l: {order: glob, phases: [{name: one, dir: %[1]s/x}, {name: two, dir: %[1]s/y, optional: true}]}}", dir))
	p := mustLoad(t, Options{Settings: s, Lifecycle: "l"})
	if string(p.Base) != dir+"/x" || len(p.Roots) != 0 || !p.Phases[1].Missing {
		t.Errorf("plan %+v", p)
	}
	e := p.Phases[0].Entries
	if len(e) != 2 || e[0].Name != "10-a" || e[0].Root != "" || e[0].Number != "" || string(e[0].Path) != dir+"/x/10-a" {
		t.Errorf("entries %+v", e)
	}
}

func TestLoadErrors(t *testing.T) {
	dir := openTemp(t)
	write(t, dir+"/file", "", 0o644)
	mkdir(t, dir+"/base/pre-configure.d")
	write(t, dir+"/base/configure.d", "", 0o755)
	link(t, "nowhere", dir+"/base/post-configure.d")
	link(t, dir+"/file", dir+"/base/migration.d")
	mkdir(t, dir+"/good")
	deploy := parse(t, "lifecycles: {deploy: {phases: [prepare, apply]}, abs: {phases: [{name: x, dir: "+dir+"/gone}]}}")
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"no base":      {Options{Base: dir + "/none"}, dir + "/none: base directory does not exist; make it, or name another with --base"},
		"base a file":  {Options{Base: dir + "/file"}, dir + "/file: is not a directory; a base directory holds a directory for each phase, such as configure.d"},
		"through file": {Options{Base: dir + "/file/x"}, dir + "/file/x: base directory cannot be looked at: not a directory"},
		"no roots":     {Options{Settings: parse(t, "roots: [/none/a, /none/b]")}, "no base directory: none of /none/a, /none/b exists; make one, or name another with --base"},
		"all phases": {Options{Base: dir + "/base"}, strings.Join([]string{
			dir + "/base/configure.d: is not a directory but a file; a phase is a directory of hooks",
			dir + "/base/post-configure.d: is a link to nowhere, which does not exist; a phase is a directory of hooks",
			dir + "/base/migration.d: is not a directory but a link to something else; a phase is a directory of hooks",
		}, "\n")},
		"unknown": {Options{Base: dir + "/good", Lifecycle: "refesh", Settings: deploy}, `/etc/phased/phased.yaml: unknown lifecycle "refesh" (did you mean refresh?); known are abs, clean, deploy, refresh, stack, unstack`},
		"unlike":  {Options{Base: dir + "/good", Lifecycle: "x"}, `unknown lifecycle "x"; known are clean, refresh, stack, unstack`},
		"missing phases": {Options{Base: dir + "/good", Lifecycle: "deploy", Settings: deploy}, strings.Join([]string{
			"phase prepare: there is no directory prepare.d in " + dir + "/good; make it, or say `optional: true` in the settings",
			"phase apply: there is no directory apply.d in " + dir + "/good; make it, or say `optional: true` in the settings",
		}, "\n")},
		"missing absolute": {Options{Base: dir + "/good", Lifecycle: "abs", Settings: deploy}, dir + "/gone: directory of the phase x does not exist; make it, or say `optional: true` in the settings"},
		"flags": {Options{Base: dir + "/good", Stdin: "tty", Env: []string{"A", "B-C=d", "PHASED_RUN_ID=1", "GOOD=1"}}, strings.Join([]string{
			`--stdin: expected null or inherit, not "tty"`, `--env: "A": expected NAME=value`,
			`--env: "B-C" is no name of a variable; expected letters, digits and _, such as HTTP_PROXY`,
			"--env: PHASED_RUN_ID is set by phased itself; choose another name",
		}, "\n")},
		"directory":        {Options{Base: dir + "/good", Settings: parse(t, "grace: 1s\ndirectory: /none")}, "/etc/phased/phased.yaml:2: hooks cannot start in the directory /none: no such file or directory"},
		"directory a file": {Options{Base: dir + "/good", Settings: parse(t, "directory: /etc/passwd")}, "/etc/phased/phased.yaml:1: hooks cannot start in the directory /etc/passwd: is not a directory"},
		"several":          {Options{Base: dir + "/none", Stdin: "x"}, dir + "/none: base directory does not exist; make it, or name another with --base\n" + `--stdin: expected null or inherit, not "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Load(c.o)
			var all Errors
			if !errors.As(err, &all) || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if p.Digest != "" || len(p.Phases) > 0 {
				t.Errorf("an error, and the plan %+v", p)
			}
		})
	}
}

// What the caller may not read is an error, and no empty phase.
func TestUnreadable(t *testing.T) {
	dir := openTemp(t)
	hook(t, dir+"/shut/configure.d/10-a")
	hook(t, dir+"/base/configure.d/10-a")
	for _, d := range []string{dir + "/shut", dir + "/base/configure.d"} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir+"/shut", 0o700); err != nil {
		t.Fatal(err)
	}
	for base, want := range map[string]string{
		"base": dir + "/base/configure.d: cannot be read: permission denied",
		"shut": strings.Join([]string{
			dir + "/shut/pre-configure.d: cannot be read: permission denied", dir + "/shut/configure.d: cannot be read: permission denied",
			dir + "/shut/post-configure.d: cannot be read: permission denied", dir + "/shut/migration.d: cannot be read: permission denied",
			dir + "/shut/error.d: cannot be read: permission denied",
		}, "\n"),
		"shut/deeper": dir + "/shut/deeper: base directory cannot be looked at: permission denied",
	} {
		var err error
		asNobody(t, func() { _, err = Load(Options{Base: filepath.Join(dir, base)}) })
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// Ten thousand entries are planned, listed again and compared.
func TestManyEntries(t *testing.T) {
	base := t.TempDir()
	d := base + "/configure.d"
	mkdir(t, d)
	for i := range 10_000 {
		if err := os.WriteFile(fmt.Sprintf("%s/%d-hook", d, i), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := mustLoad(t, Options{Base: base})
	hooks := p.Phases[1].Hooks()
	if len(hooks) != 10_000 || hooks[0].Name != "0-hook" || hooks[9].Name != "9-hook" || hooks[9999].Name != "9999-hook" {
		t.Errorf("%d hooks", len(hooks))
	}
	now, err := List(p.Phases[1])
	if err != nil || len(Compare(p.Phases[1], now)) != 0 {
		t.Errorf("%v, %v", Compare(p.Phases[1], now), err)
	}
}

func BenchmarkLoadOneHook(b *testing.B) {
	base := b.TempDir()
	hook(b, base+"/configure.d/10-a")
	for b.Loop() {
		mustLoad(b, Options{Base: base})
	}
}

func BenchmarkLoad10000(b *testing.B) {
	base := b.TempDir()
	mkdir(b, base+"/configure.d")
	for i := range 10_000 {
		if err := os.WriteFile(fmt.Sprintf("%s/configure.d/%d-hook", base, i), []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		mustLoad(b, Options{Base: base})
	}
}
