package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// points writes the phases of a plan down, one a line.
func points(p phased.Plan) []string {
	var all []string
	for _, ph := range p.Phases {
		what := ph.Dir + "/" + ph.Glob
		switch {
		case ph.Calls != "":
			what = "calls " + ph.Calls
		case ph.Localrc:
			what = "localrc"
		case ph.Files != nil:
			what = joined(ph.Files, ",")
		case ph.Dir == "":
			what = "-"
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s: %s (%s) %s %s", ph.Name, what, joined(ph.Args, " "), ph.Scope, ph.Plugins)))
		if ph.OnFailure != phased.Shell || ph.Executor != phased.ExecutorSession || ph.Order != phased.Glob || ph.Optional == (ph.Files != nil) || ph.Failure {
			all = append(all, fmt.Sprintf("%+v", ph.Phase))
		}
	}
	return all
}

// stackTop makes a top directory with the files named.
func stackTop(t testing.TB, files ...string) string {
	t.Helper()
	top := t.TempDir()
	mkdir(t, filepath.Join(top, "extras.d"))
	for _, f := range files {
		write(t, filepath.Join(top, f), "echo "+f+"\n", 0o644)
	}
	return top
}

// plugin makes a plugin with the files named.
func plugin(t testing.TB, name string, requires []string, files ...string) phased.Plugin {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	mkdir(t, dir)
	for _, f := range files {
		write(t, filepath.Join(dir, "devstack", f), "echo "+name+"\n", 0o644)
	}
	return phased.Plugin{Name: name, Source: phased.Text(dir), Dir: phased.Text(dir), Requires: requires, Line: 3}
}

// The built-in lifecycles have the points, arguments and scopes of stack.sh,
// unstack.sh and clean.sh; base steps and plugins' points only where there are
// any.
func TestBuiltinSourcedLifecycles(t *testing.T) {
	bare := map[string][]string{
		"stack": {
			"source: extras.d/*.sh (source) function settings",
			"pre-install: extras.d/*.sh (stack pre-install) function plugin.sh",
			"install: extras.d/*.sh (stack install) function plugin.sh",
			"post-config: extras.d/*.sh (stack post-config) function plugin.sh",
			"extra: extras.d/*.sh (stack extra) function plugin.sh",
		},
		"unstack": {
			"source: extras.d/*.sh (source) top settings",
			"unstack: extras.d/*.sh (unstack) function plugin.sh",
		},
		"clean": {
			"source: extras.d/*.sh (source) top settings",
			"unstack: calls unstack ()",
			"clean: extras.d/*.sh (clean) top plugin.sh",
		},
	}
	whole := map[string][]string{
		"stack": {
			"functions: steps/stack/functions.d/1.sh () top", "localrc: localrc () top",
			"override-defaults: - (override_defaults) function override-defaults",
			"libraries: steps/stack/libraries.d/1.sh () top", bare["stack"][0],
			"prerequisites: steps/stack/prerequisites.d/1.sh () top", bare["stack"][1],
			"services: steps/stack/services.d/1.sh () top", bare["stack"][2],
			"initialize: steps/stack/initialize.d/1.sh () top", bare["stack"][3],
			"start: steps/stack/start.d/1.sh () top", bare["stack"][4],
			"test-config: - (stack test-config) function plugin.sh",
			"finish: steps/stack/finish.d/1.sh () top",
		},
		"unstack": {
			"functions: steps/unstack/functions.d/1.sh () top", "localrc: localrc () top",
			"override-defaults: - (override_defaults) function override-defaults",
			"libraries: steps/unstack/libraries.d/1.sh () top", bare["unstack"][0],
			"stop: steps/unstack/stop.d/1.sh () top", bare["unstack"][1],
			"finish: steps/unstack/finish.d/1.sh () top",
		},
		"clean": {
			"functions: steps/clean/functions.d/1.sh () top", "localrc: localrc () top",
			"libraries: steps/clean/libraries.d/1.sh () top", bare["clean"][0], bare["clean"][1], bare["clean"][2],
			"finish: steps/clean/finish.d/1.sh () top",
		},
	}
	for name := range bare {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(bare[name], points(mustLoad(t, Options{Lifecycle: name, TopDir: stackTop(t)}))); diff != "" {
				t.Errorf("without anything (-want +got):\n%s", diff)
			}
			top := stackTop(t)
			for _, pt := range []string{"functions", "libraries", "prerequisites", "services", "initialize", "start", "stop", "finish"} {
				write(t, filepath.Join(top, "steps", name, pt+".d", "1.sh"), ":\n", 0o644)
			}
			p := mustLoad(t, Options{Lifecycle: name, TopDir: top, Conf: top + "/local.conf", Localrc: "A=1\n", Plugins: []phased.Plugin{plugin(t, "p", nil)}})
			if diff := cmp.Diff(whole[name], points(p)); diff != "" {
				t.Errorf("with all (-want +got):\n%s", diff)
			}
			if p.Base != phased.Text(top) || !slices.Equal(p.Roots, []phased.Text{phased.Text(top)}) {
				t.Errorf("base %s, roots %q", p.Base, p.Roots)
			}
		})
	}
}

// stack.sh brings its own locale, umask and PATH; unstack.sh and clean.sh take
// what their caller has.
func TestCallersSurroundings(t *testing.T) {
	environ := []string{"PATH=/bin:/usr/sbin", "LANG=de_DE.UTF-8", "LANGUAGE=de", "LC_ALL=fr_FR.UTF-8", "A=1", "A=2", "odd", "NOUNSET=1", "é=x"}
	top := stackTop(t)
	load := func(name string, o Options) phased.Plan {
		o.Lifecycle, o.TopDir = name, top
		if o.Environ == nil {
			o.Environ = environ
		}
		return mustLoad(t, o)
	}
	stack := load("stack", Options{})
	want := phased.Surroundings{
		Env:   []phased.Text{"PATH=/bin:/usr/sbin:/usr/local/sbin:/sbin", "LC_ALL=C", "A=1", "A=2", "odd", "NOUNSET=1", "é=x"},
		Umask: 0o022, Stdin: "inherit",
	}
	if diff := cmp.Diff(want, stack.Surroundings); diff != "" {
		t.Errorf("stack (-want +got):\n%s", diff)
	}
	session := &phased.Session{
		Name: phased.Text(top + "/stack.sh"), TopDir: phased.Text(top), Options: []string{"errexit", "xtrace", "nounset"}, Provenance: true, Resume: "on",
	}
	if diff := cmp.Diff(session, stack.Session); diff != "" {
		t.Errorf("stack (-want +got):\n%s", diff)
	}
	if got := load("stack", Options{Environ: []string{"NOUNSET=", "A=1"}}); !slices.Equal(got.Session.Options, []string{"errexit", "xtrace"}) ||
		!slices.Equal(got.Surroundings.Env, []phased.Text{"NOUNSET=", "A=1", "LC_ALL=C"}) {
		t.Errorf("without NOUNSET and PATH: %q, %q", got.Session.Options, got.Surroundings.Env)
	}
	for _, name := range []string{"unstack", "clean"} {
		got := load(name, Options{Environ: []string{"LC_ALL=C", "LANG=de_DE.UTF-8", "NOUNSET=1", "PATH=/bin"}})
		if got.Surroundings.Umask != -1 || got.Surroundings.Stdin != "inherit" || got.Surroundings.Dir != "" || len(got.Session.Options) != 0 ||
			got.Session.Name != phased.Text(top+"/"+name+".sh") || joined(got.Surroundings.Env, " ") != "LC_ALL=C LANG=de_DE.UTF-8 NOUNSET=1 PATH=/bin" {
			t.Errorf("%s: %+v, %+v", name, got.Surroundings, got.Session)
		}
	}
	got := load("stack", Options{
		Environ: []string{"A=1"}, Env: []string{"LC_ALL=C.UTF-8", "B=2"}, Stdin: "null", Settings: parse(t, "environment: {A: 5}\numask: 077\nlifecycles: {stack: {options: [], shell: posix, provenance: false, resume: keep, hook-timeout: 5m, on-failure: stop}}"),
	})
	if joined(got.Surroundings.Env, " ") != "A=5 LC_ALL=C.UTF-8 B=2" || got.Surroundings.Stdin != "null" || got.Surroundings.Umask != 0o022 {
		t.Errorf("with settings: %+v", got.Surroundings)
	}
	if s := got.Session; !s.Posix || s.Provenance || s.Resume != "keep" || s.Options == nil || len(s.Options) != 0 ||
		got.Phases[0].OnFailure != phased.Stop || got.Phases[0].HookTimeout == 0 {
		t.Errorf("with settings: %+v, %+v", s, got.Phases[0].Phase)
	}
}

// A lifecycle of the user's has the surroundings of any hook, and the phases
// that the settings have.
func TestSourcedInSettings(t *testing.T) {
	top := stackTop(t, "lib/b.sh", "lib/a.sh", "extras.d/50-x.sh", "verify.d/1-a.sh", "verify.d/x.sh", "migrate.d/10-move")
	if err := os.Chmod(top+"/migrate.d/10-move", 0o755); err != nil {
		t.Fatal(err)
	}
	s := parse(t, `
lifecycles:
  site:
    base: `+top+`
    executor: session
    options: [errexit, nounset]
    local-conf: site.conf
    hook-timeout: 3m
    phases:
      - {name: functions, files: [lib/b.sh, lib/a.sh]}
      - localrc
      - {name: source, dir: extras.d, args: [source], plugins: settings}
      - {name: migrate, executor: process, dir: migrate.d}
      - {name: verify, glob: '[0-9]*.sh', scope: top, on-failure: shell}
      - {name: plugs, plugins: plugin.sh, args: [x]}
      - {name: down, calls: unstack}
    failure: oops
`)
	o := Options{Settings: s, Lifecycle: "site", Environ: []string{"LEAK=1"}, Conf: top + "/site.conf", Localrc: "A=1\n", Plugins: []phased.Plugin{plugin(t, "p", nil, "plugin.sh")}}
	p := mustLoad(t, o)
	var got []string
	for _, ph := range p.Phases {
		got = append(got, fmt.Sprintf("%s %s %s %s %v %s: %s", ph.Name, ph.Executor, ph.OnFailure, ph.Scope, ph.Optional, ph.HookTimeout, names(ph)))
	}
	want := []string{
		"functions session stop top false 3m0s: lib/b.sh lib/a.sh",
		"localrc session stop top true 3m0s: localrc",
		"source session stop function false 3m0s: 50-x.sh -p/devstack/settings",
		"migrate process stop  false 3m0s: 10-move",
		"verify session shell top false 3m0s: 1-a.sh -x.sh",
		"plugs session stop function false 3m0s: p/devstack/plugin.sh",
		"down session stop  false 3m0s: unstack",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
	if p.Failure == nil || p.Failure.Executor != phased.ExecutorProcess || p.Surroundings.Umask != 0o022 || p.Surroundings.Dir != "/" ||
		valueOf(p.Surroundings.Env, "LEAK") != "" || !slices.Equal(p.Session.Options, []string{"errexit", "nounset"}) ||
		p.Session.Name != phased.Text(top+"/site.sh") {
		t.Errorf("plan %+v, %+v", p.Surroundings, p.Session)
	}
	if e := p.Phases[5].Entries[0]; !slices.Equal(e.Args, []phased.Text{"x"}) || e.Plugin != "p" {
		t.Errorf("plugin %+v", e)
	}
	o.Localrc = ""
	if p := mustLoad(t, o); p.Phases[1].Name != "source" {
		t.Errorf("without a localrc, %s comes second", p.Phases[1].Name)
	}
	o.Localrc, o.Settings = "A=1", parse(t, "lifecycles: {site: {executor: session, phases: [{name: a, executor: process, optional: true}, {name: b, optional: true}]}}")
	o.TopDir = top
	if p := mustLoad(t, o); len(p.Phases) != 3 || p.Phases[1].Name != "localrc" {
		t.Errorf("the localrc comes before the first sourced phase: %+v", points(p))
	}
}

// names lists the entries of a phase; - stands before those that do not run.
func names(ph phased.PlannedPhase) string {
	var all []string
	for _, e := range ph.Entries {
		if e.Verdict != phased.VerdictRun {
			all = append(all, "-"+string(e.Name))
			continue
		}
		all = append(all, string(e.Name))
	}
	return strings.Join(all, " ")
}

func verdicts(ph phased.PlannedPhase) []string {
	var all []string
	for _, e := range ph.Entries {
		all = append(all, fmt.Sprintf("%s %s %s", e.Name, e.Verdict, e.Detail))
	}
	return all
}

// Every entry of the directory has one verdict, as the shell will have it.
func TestSourcedVerdicts(t *testing.T) {
	top := stackTop(t, "extras.d/50-a.sh", "extras.d/.hidden.sh", "extras.d/50-b.SH", "extras.d/50-c.sh~", "extras.d/50-d.sh.bak", "extras.d/README.rst",
		"extras.d/60-no-suffix", "extras.d/50-e.sh.dpkg-old", "extras.d/70-x.bash", "extras.d/5 0.sh")
	dir := filepath.Join(top, "extras.d")
	mkdir(t, dir+"/dir.sh")
	mkdir(t, dir+"/dir")
	link(t, "nowhere", dir+"/gone.sh")
	link(t, "/dev/null", dir+"/null.sh")
	link(t, "50-a.sh", dir+"/55-link.sh")
	if err := unix.Mkfifo(dir+"/fifo.sh", 0o644); err != nil {
		t.Fatal(err)
	}
	p := mustLoad(t, Options{Lifecycle: "stack", TopDir: top})
	want := []string{
		"5 0.sh run ", "50-a.sh run ", "55-link.sh run link to 50-a.sh", "dir.sh run a directory: sourcing it fails",
		"fifo.sh run a FIFO: what sourcing it does depends on who writes to it", "null.sh run link to /dev/null: it does nothing",
		".hidden.sh no-match looks like a hook: it is hidden; the name does not match *.sh",
		"50-b.SH no-match looks like a hook: it ends with .SH; the name does not match *.sh",
		"50-c.sh~ no-match looks like a hook: an editor's leftover; the name does not match *.sh",
		"50-d.sh.bak no-match looks like a hook: a backup; the name does not match *.sh",
		"50-e.sh.dpkg-old no-match looks like a hook: a package manager's leftover; the name does not match *.sh",
		"60-no-suffix no-match looks like a hook: it has a number and no .sh; the name does not match *.sh",
		"70-x.bash no-match looks like a hook: it ends with .bash; the name does not match *.sh",
		"README.rst no-match the name does not match *.sh", "dir no-match the name does not match *.sh",
		"gone.sh dangling-link link to nowhere, which does not exist; the shell passes over it, unless that changes before its turn",
	}
	if diff := cmp.Diff(want, verdicts(p.Phases[0])); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	for _, e := range p.Phases[1].Entries {
		regular := e.Verdict == phased.VerdictRun && e.Name != "dir.sh" && e.Name != "fifo.sh" && e.Name != "null.sh"
		if (e.Digest != "") != regular || regular && joined(e.Args, " ") != "stack pre-install" {
			t.Errorf("%s has the digest %q and is sourced with %q", e.Name, e.Digest, e.Args)
		}
	}
}

// A hook that its user cannot read is passed over.
func TestSourcedUnreadable(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	top := stackTop(t, "extras.d/50-a.sh")
	for _, d := range []string{filepath.Dir(top), top, top + "/extras.d"} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, top+"/extras.d/60-b.sh", ":", 0o600)
	asUser(t, 54321, func() {
		p := mustLoad(t, Options{Lifecycle: "stack", TopDir: top})
		if got := names(p.Phases[0]); got != "50-a.sh -60-b.sh" || p.Phases[0].Entries[1].Verdict != phased.VerdictUnreadable {
			t.Errorf("got %s", verdicts(p.Phases[0]))
		}
		now, err := ListSourced(p.Phases[0], []phased.Text{phased.Text(top + "/extras.d/50-a.sh"), phased.Text(top + "/extras.d/60-b.sh")})
		if err != nil || names(now) != "50-a.sh 60-b.sh" || !strings.Contains(now.Entries[1].Detail, "not readable") {
			t.Errorf("got %v, %v", verdicts(now), err)
		}
		if d := Compare(p.Phases[0], now); len(d) != 0 {
			t.Errorf("what could not be read and still cannot is as planned, not %+v", d)
		}
	})
}

// extras.d that is missing, or no directory, is no error; the top directory must
// be there.
func TestSourcedWithoutDirectory(t *testing.T) {
	top := t.TempDir()
	if p := mustLoad(t, Options{Lifecycle: "stack", TopDir: top}); len(p.Phases) != 5 || !p.Phases[0].Missing || len(p.Phases[0].Entries) != 0 {
		t.Errorf("got %+v", p.Phases)
	}
	write(t, top+"/extras.d", "", 0o644)
	if p := mustLoad(t, Options{Lifecycle: "unstack", TopDir: top}); !p.Phases[0].Missing {
		t.Errorf("got %+v", p.Phases[0])
	}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Lifecycle: "stack", TopDir: top + "/nowhere"}, top + "/nowhere: the top directory does not exist; name another with --top-dir"},
		{Options{Lifecycle: "stack", TopDir: top + "/extras.d"}, top + "/extras.d: is not a directory; the top directory holds extras.d"},
		{Options{Lifecycle: "clean"}, "the hooks of the lifecycle clean are sourced, from one top directory: name it with --top-dir, or with `base` in the settings"},
		{
			Options{Lifecycle: "l", TopDir: top, Settings: parse(t, "lifecycles: {l: {executor: session, phases: [a, {name: b, files: [no.sh]}]}}")},
			"phase a: there is no directory a.d in " + top + "; make it, or say `optional: true` in the settings\n" +
				top + "/no.sh: cannot be sourced by the phase b: no such file or directory; make it, or say `optional: true` in the settings",
		},
	} {
		if _, err := Load(c.o); err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
	p := mustLoad(t, Options{Lifecycle: "l", TopDir: top, Settings: parse(t, "lifecycles: {l: {executor: session, phases: [{name: b, files: [no.sh], optional: true}]}}")})
	if names(p.Phases[0]) != "-no.sh" {
		t.Errorf("got %v", verdicts(p.Phases[0]))
	}
}

// Base steps are listed once, in byte order, and are what is sourced.
func TestBaseSteps(t *testing.T) {
	top := stackTop(t, "steps/unstack/stop.d/20-b.sh", "steps/unstack/stop.d/20-A.sh", "steps/unstack/stop.d/100-z.sh", "steps/unstack/stop.d/x.SH", "steps/stack/start.d/1.sh")
	p := mustLoad(t, Options{Lifecycle: "unstack", TopDir: top, Environ: []string{"LC_ALL=en_US.UTF-8"}})
	stop := p.Phases[1]
	if stop.Name != "stop" || names(stop) != "100-z.sh 20-A.sh 20-b.sh -x.SH" || stop.Dir != "" || len(stop.Files) != 3 || stop.Entries[0].Args != nil {
		t.Errorf("got %+v", stop)
	}
	write(t, top+"/steps/unstack/stop.d/10-new.sh", ":", 0o644)
	removeAll(t, top+"/steps/unstack/stop.d/20-A.sh")
	now, err := ListSourced(stop, nil)
	if err != nil || names(now) != "100-z.sh 20-A.sh 20-b.sh -10-new.sh -x.SH" || !strings.Contains(now.Entries[1].Detail, "sourcing it fails") {
		t.Errorf("got %v, %v", verdicts(now), err)
	}
	mkdir(t, top+"/steps/unstack/finish.d")
	if p := mustLoad(t, Options{Lifecycle: "unstack", TopDir: top}); len(p.Phases) != 3 {
		t.Errorf("an empty directory of base steps is a phase: %v", points(p))
	}
}

// Plugins come behind the hooks, in their order, each with the file of the point.
func TestPluginEntries(t *testing.T) {
	top := stackTop(t, "extras.d/50-a.sh", "extras.d/z.SH")
	plugins := []phased.Plugin{
		plugin(t, "zeta", nil, "plugin.sh", "settings"), plugin(t, "alpha", nil, "plugin.sh", "override-defaults"),
		{Name: "later", Dir: "/nowhere/later", Fetch: true},
		plugin(t, "odd", nil, "plugin.sh/x", "settings/x"),
	}
	p := mustLoad(t, Options{Lifecycle: "stack", TopDir: top, Plugins: plugins})
	got := map[string]string{}
	for _, ph := range p.Phases {
		got[ph.Name] = names(ph)
	}
	all := "50-a.sh zeta/devstack/plugin.sh alpha/devstack/plugin.sh later/devstack/plugin.sh -odd/devstack/plugin.sh -z.SH"
	want := map[string]string{
		"override-defaults": "-zeta/devstack/override-defaults alpha/devstack/override-defaults later/devstack/override-defaults -odd/devstack/override-defaults",
		"source":            "50-a.sh zeta/devstack/settings -alpha/devstack/settings later/devstack/settings -odd/devstack/settings -z.SH",
		"pre-install":       all, "install": all, "post-config": all, "extra": all,
		"test-config": "zeta/devstack/plugin.sh alpha/devstack/plugin.sh later/devstack/plugin.sh -odd/devstack/plugin.sh",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	for _, ph := range p.Phases {
		for _, e := range ph.Entries {
			if e.Plugin == "" {
				continue
			}
			args := joined(e.Args, " ")
			if ph.Plugins == "plugin.sh" && args != joined(ph.Args, " ") || ph.Plugins != "plugin.sh" && args != "" {
				t.Errorf("%s in %s is sourced with %q", e.Name, ph.Name, args)
			}
		}
	}
	write(t, string(plugins[1].Dir)+"/devstack/settings", "x", 0o644)
	now, err := ListSourced(p.Phases[1], []phased.Text{phased.Text(top + "/extras.d/50-a.sh")})
	if err != nil || names(now) != "50-a.sh zeta/devstack/settings alpha/devstack/settings -later/devstack/settings -odd/devstack/settings -z.SH" {
		t.Errorf("listed again: %v, %v", names(now), err)
	}
}

// ListSourced takes the shell's list as it is, in its order.
func TestListSourced(t *testing.T) {
	top := stackTop(t, "extras.d/10-a.sh", "extras.d/20-b.sh", "extras.d/30-c.sh", "extras.d/x.SH")
	dir := top + "/extras.d/"
	p := mustLoad(t, Options{Lifecycle: "stack", TopDir: top}).Phases[1]
	paths := func(names ...string) []phased.Text {
		var all []phased.Text
		for _, n := range names {
			all = append(all, phased.Text(dir+n))
		}
		return all
	}
	now, err := ListSourced(p, paths("30-c.sh", "10-a.sh", "gone.sh"))
	if err != nil || names(now) != "30-c.sh 10-a.sh gone.sh -20-b.sh -x.SH" {
		t.Fatalf("got %v, %v", verdicts(now), err)
	}
	if e := now.Entries[0]; e.Digest == "" || joined(e.Args, " ") != "stack pre-install" || e.Root != phased.Text(top) {
		t.Errorf("entry %+v", e)
	}
	if e := now.Entries[3]; !strings.Contains(e.Detail, "did not give it") {
		t.Errorf("what the shell left out: %+v", e)
	}
	var got []string
	for _, d := range Compare(p, now) {
		got = append(got, fmt.Sprintf("%s %s %s %s", d.Name, d.What, d.Was, d.Is))
	}
	if diff := cmp.Diff([]string{"10-a.sh order 1 2", "20-b.sh verdict run no-match", "30-c.sh order 2 1", "gone.sh added  run"}, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if now, err := ListSourced(p, paths("*.sh")); err != nil || names(now) != "-10-a.sh -20-b.sh -30-c.sh -x.SH" {
		t.Errorf("a pattern that fits nothing: %v, %v", verdicts(now), err)
	}
	moved := stackTop(t, "extras.d/77-else.sh")
	if now, err := ListSourced(p, []phased.Text{phased.Text(moved + "/extras.d/77-else.sh")}); err != nil || names(now) != "77-else.sh" || now.Dirs[0] != phased.Text(moved+"/extras.d") {
		t.Errorf("another top directory: %v, %v", verdicts(now), err)
	}
	removeAll(t, top+"/extras.d")
	if now, err := ListSourced(p, nil); err != nil || !now.Missing || len(now.Entries) != 0 {
		t.Errorf("a directory that is gone: %+v, %v", now, err)
	}
	for _, name := range []string{"localrc", "unstack"} {
		p := mustLoad(t, Options{Lifecycle: "clean", TopDir: moved, Conf: "/c", Localrc: "X"})
		for _, ph := range p.Phases {
			if ph.Name != name {
				continue
			}
			if now, err := ListSourced(ph, nil); err != nil || !cmp.Equal(ph, now) {
				t.Errorf("%s listed again: %+v, %v", name, now, err)
			}
		}
	}
}

// Only a changed file is read again.
func TestListSourcedKeepsDigests(t *testing.T) {
	top := stackTop(t, "extras.d/10-a.sh")
	p := mustLoad(t, Options{Lifecycle: "stack", TopDir: top}).Phases[0]
	path := p.Entries[0].Path
	p.Entries[0].Digest = "kept"
	var st unix.Stat_t
	if err := unix.Stat(string(path), &st); err != nil {
		t.Fatal(err)
	}
	p.Entries[0].File = phased.FileID{Dev: st.Dev, Ino: st.Ino, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano()}
	now, err := ListSourced(p, []phased.Text{path})
	if err != nil || now.Entries[0].Digest != "kept" {
		t.Errorf("got %+v, %v", now.Entries, err)
	}
	write(t, string(path), "echo changed\n", 0o644)
	if now, err = ListSourced(p, []phased.Text{path}); err != nil || now.Entries[0].Digest == "kept" || now.Entries[0].Digest == "" {
		t.Errorf("got %+v, %v", now.Entries, err)
	}
}
