package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phased/internal/phased"
	"phased/internal/space"
)

// sessionOf starts a session whose output is kept, in a directory of its own.
func sessionOf(t *testing.T, r *recorder, s *Session, p phased.Phase) *Session {
	t.Helper()
	s.DrainCommand = drainSelf()
	reenter(t, r, s, p)
	t.Cleanup(func() {
		var exit *phased.ExitError
		if err := s.Close(context.Background()); err != nil && !errors.As(err, &exit) {
			t.Error(err)
		}
	})
	return s
}

func reenter(t *testing.T, r *recorder, s *Session, p phased.Phase) []phased.Entry {
	t.Helper()
	now, err := s.Enter(t.Context(), phased.PlannedPhase{Phase: p}, native(r))
	if err != nil {
		t.Fatal(err)
	}
	return now.Entries
}

// sources sources a text as a hook.
func sources(t *testing.T, s *Session, path, text string) phased.Result {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	res, err := s.Exec(t.Context(), phased.Hook{Phase: "install", Name: phased.Text(filepath.Base(path)), Path: phased.Text(path), Args: s.phase.Args})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

var install = phased.Phase{Name: "install", Scope: phased.ScopeFunction, Args: []phased.Text{"stack", "install"}}

// TestTrace proves that the place of a failure is told exactly.
func TestTrace(t *testing.T) {
	const helper = "deep() {\n  local what=$1\n  ls /nope/$what\n  :\n}\n"
	for _, c := range []struct {
		name, text string
		how        string
		line       int
		command    string
		stack      string // FUNCTION:LINE, innermost first
		variables  string
	}{
		{"a command", helper + "NOT=used\ndeep one\n", "command", 3, "ls /nope/$what", "deep:3 source:7", "what=one"},
		{"a command at the top of the file", "true\nfalse\ntrue\n", "command", 2, "false", "source:2", ""},
		{"the last command", "true\n\n[[ a == b ]] && true\n# end\n", "command", 3, "[[ a == b ]] && true", "source:3", ""},
		{"in a function called in a function", "a() {\n b\n}\nb() { :\n false; }\na", "command", 5, "false", "b:5 a:2 source:6", ""},
		{"a return", "if true; then\n  return 7\nfi\n", "return", 2, "return 7", "source:2", ""},
		{"an exit", "a() {\n\n  exit 9\n}\na\n", "exit", 3, "exit 9", "a:3 source:5", ""},
		{"an unset variable", "set -u\na() {\n  echo \"$N\"\n}\na\n", "unset", 3, `echo "$N"`, "a:3 source:5", "N"},
		{"a required variable", ": ${N:?is needed}\n", "unset", 1, ": ${N:?is needed}", "source:1", "N"},
		{"syntax", "true\nif true\nfi\n", "syntax", 3, "syntax error near unexpected token `fi'", "", ""},
		{"a signal", "true\nkill -9 $$\n", "signal", 2, "kill -9 $$", "", ""},
		{"exec", "true\nexec false\n", "exec", 2, "exec false", "", ""},
		{"a file that it sources", "source ./other\n", "command", 2, "false", "source:2 source:1", ""},
	} {
		for _, scope := range []phased.Scope{phased.ScopeFunction, phased.ScopeTop} {
			t.Run(c.name+" "+string(scope), func(t *testing.T) {
				dir := t.TempDir()
				if err := os.WriteFile(dir+"/other", []byte(":\nfalse\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				p := install
				p.Scope = scope
				r := &recorder{}
				s := sessionOf(t, r, &Session{Config: &phased.Session{Options: []string{"errexit"}}}, p)
				file := filepath.Join(dir, "10-x.sh")
				res := sources(t, s, file, strings.ReplaceAll(c.text, "./", dir+"/"))
				tr := res.Trace
				if res.OK() || !res.Ended || tr == nil {
					t.Fatalf("ended %+v, trace %+v", res, tr)
				}
				var stack []string
				for _, f := range tr.Stack {
					stack = append(stack, fmt.Sprintf("%s:%d", f.Function, f.Line))
				}
				if string(tr.File) != file && c.name != "a file that it sources" || tr.How != c.how || tr.Line != c.line || string(tr.Command) != c.command || strings.Join(stack, " ") != c.stack {
					t.Errorf("%s at %s:%d: %s, stack %q", tr.How, tr.File, tr.Line, tr.Command, stack)
				}
				var names []string
				for _, v := range tr.Variables {
					n := string(v.Name)
					if v.Value != nil {
						n += "=" + string(v.Value.Text)
					}
					names = append(names, n)
				}
				if strings.Join(names, " ") != c.variables {
					t.Errorf("variables %q, expected %q", names, c.variables)
				}
				r.check(t)
			})
		}
	}
}

// TestIgnored proves that failures which nobody minds are counted, each once, and
// that the session goes on.
func TestIgnored(t *testing.T) {
	r := &recorder{}
	s := sessionOf(t, r, &Session{}, install)
	file := filepath.Join(t.TempDir(), "10-x.sh")
	res := sources(t, s, file, "f() { false; }\nf\nfalse || true\nif false; then :; fi\nfor i in 1 2; do f; done\ntrue\n")
	if !res.OK() || res.Ended {
		t.Fatalf("%+v", res)
	}
	var w phased.HookWarning
	for _, p := range r.told {
		if x, ok := p.(phased.HookWarning); ok {
			w = x
		}
	}
	if w.Code != phased.WarnIgnored || !strings.HasPrefix(w.Message, "3 commands failed, the first: ") || w.Line != 1 {
		t.Errorf("warned %+v", w)
	}
	if res := sources(t, s, file, "return 4"); res.OK() || res.Ended || res.Status != 4 || res.Trace == nil || res.Trace.How != "return" {
		t.Errorf("%+v", res)
	}
	if res := sources(t, s, file, "echo $?\n"); !res.OK() || r.stdout() != "0\n" {
		t.Errorf("%+v %v", res, r)
	}
}

// TestOwnErrTrap proves that the ERR traps of hooks stay theirs.
func TestOwnErrTrap(t *testing.T) {
	r := &recorder{}
	s := sessionOf(t, r, &Session{}, install)
	file := filepath.Join(t.TempDir(), "10-x.sh")
	sources(t, s, file, "trap 'echo own $LINENO' ERR\n")
	sources(t, s, file, "f() { false; :; }\nf\nfalse\n:\n")
	if got := r.stdout(); got != "own 3\n" {
		t.Errorf("stdout %q", got)
	}
	if err := s.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	reenter(t, r, s, install)
	sources(t, s, file, "trap -p ERR\nset -o | grep errtrace\n")
	if got := r.stdout(); !strings.Contains(got, "errtrace       \toff") {
		t.Errorf("stdout %q", got)
	}
}

// TestFlags proves that hooks have the options that a shell has, in a frame as
// outside of one, and keep what they change of them.
func TestFlags(t *testing.T) {
	for _, scope := range []phased.Scope{phased.ScopeFunction, phased.ScopeTop} {
		r, p := &recorder{}, install
		p.Scope = scope
		s := sessionOf(t, r, &Session{Config: &phased.Session{Options: []string{"errexit"}}}, p)
		file := filepath.Join(t.TempDir(), "10-x.sh")
		for _, text := range []string{"echo ${-//E}\n", "echo ${-//E}; set +h -u\n", "echo ${-//E}\n", "set -h +u; hash -p /bin/true x; echo ${-//E}\n", "hash -t x\n"} {
			sources(t, s, file, text)
		}
		if err := s.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		reenter(t, r, s, p)
		sources(t, s, file, "echo ${-//E}; hash -t x\n")
		if got, want := r.stdout()+r.stderr(), "ehB\nehB\neuB\nehB\n/bin/true\nehB\n/bin/true\n"; got != want {
			t.Errorf("%s: %q, expected %q", scope, got, want)
		}
	}
}

// TestFrame proves what hooks of a function see of it.
func TestFrame(t *testing.T) {
	r := &recorder{}
	s := sessionOf(t, r, &Session{Config: &phased.Session{Name: "/top/stack.sh", TopDir: "/top"}}, install)
	file := filepath.Join(t.TempDir(), "10-x.sh")
	sources(t, s, file, `echo "$# $* $0 ${FUNCNAME[*]} $mode $phase $i $TOP_DIR $?"; run_phase() { echo mine; }; declare kept=1; set -- a b`)
	sources(t, s, file, `run_phase; echo "$kept $#"; phase=other`)
	sources(t, s, file, `echo "$*"; break`)
	if res := sources(t, s, file, `echo "${kept-none} $phase"`); !res.OK() {
		t.Errorf("%+v", res)
	}
	want := "2 stack install /top/stack.sh source run_phase main stack install " + file + " /top 0\nmine\n1 2\nstack other\nnone install\n"
	if got := r.stdout(); got != want {
		t.Errorf("%q, expected %q", got, want)
	}
	if got := r.stderr(); got != "" {
		t.Errorf("stderr %q", got)
	}
}

// TestSurvives proves that nothing that a hook does to the shell makes phased
// lose it, hear nonsense or say anything of its own.
func TestSurvives(t *testing.T) {
	for i, text := range []string{
		"builtin() { :; }", "IFS=bei_ds", "readonly IFS", "set -o posix", "set -C", "set -f; set -o noglob", "shopt -s failglob nullglob", "PATH=/nope",
		"readonly i=3", "declare -i i", "declare -n i=x", "declare -a i", "exec 3>&- 4>&- 5>&-", "exec 0<&- 1>&- 2>&-", "ulimit -n 16", "set -xv", "set -euo pipefail",
		"trap 'echo never' DEBUG; trap - DEBUG", "trap ': $BASH_COMMAND' DEBUG; set -T", "alias source=false; shopt -s expand_aliases", "LC_ALL=en_US.UTF-8; export LC_ALL",
		"unset -f __phased_tell 2>/dev/null; :", "for v in $(compgen -v); do unset -v $v 2>/dev/null; done", "cd $(mktemp -d) && rmdir $PWD", "BASH_ARGV0=x", "exec 255</dev/null",
		"exec 255<>/dev/zero", "exec 255<> <(sleep 60)", "exec 255>&-", "set +h", "set -- a b c; shift", "OPTIND=9", "eval 'exit() { return 3; }'", "local x=1 2>/dev/null || :", "kill() { return 1; }; printf() { return 1; }; read() { return 1; }; set() { :; }; eval() { :; }; trap() { :; }",
	} {
		for _, scope := range []phased.Scope{phased.ScopeFunction, phased.ScopeTop, "numbers"} {
			t.Run(fmt.Sprint(i, scope), func(t *testing.T) {
				r, dir := &recorder{}, t.TempDir()
				p := install
				p.Scope = scope
				session := &Session{Private: t.TempDir(), Config: &phased.Session{Provenance: true}}
				if scope == "numbers" { // the frame has the list, and no space is written down
					p.Scope, p.Dir = phased.ScopeFunction, dir
					session = &Session{Config: &phased.Session{}}
					for _, name := range []string{"10-x.sh", "20-y.sh", "30-z.sh"} {
						if err := os.WriteFile(dir+"/"+name, nil, 0o644); err != nil {
							t.Fatal(err)
						}
					}
				}
				s := sessionOf(t, r, session, p)
				if listed := s.listed.entries != nil; listed != (scope == "numbers") {
					t.Fatalf("the frame has the list: %v", listed)
				}
				if text == "unset -f __phased_tell 2>/dev/null; :" {
					text = ":" // it says that the session is lost: TestLost
				}
				t.Log(text)
				res := sources(t, s, dir+"/10-x.sh", text+"\n")
				if res.Ended {
					t.Fatalf("%+v", res)
				}
				if res := sources(t, s, dir+"/20-y.sh", "'builtin' echo here >"+dir+"/out; : >|"+dir+"/out2\n"); res.Ended || !exists(dir+"/out") {
					t.Errorf("%+v", res)
				}
				if err := s.Leave(t.Context()); err != nil {
					t.Error(err)
				}
				reenter(t, r, s, p)
				if res := sources(t, s, dir+"/30-z.sh", ": >|"+dir+"/out3\n"); res.Ended || !exists(dir+"/out3") {
					t.Errorf("%+v", res)
				}
				if both := r.stdout() + r.stderr(); strings.Contains(both, "phased") || strings.Contains(both, "__ph") {
					t.Errorf("it shows: %s", both)
				}
			})
		}
	}
}

// TestLost proves that a shell that does nothing any more is noticed.
func TestLost(t *testing.T) {
	for _, scope := range []phased.Scope{phased.ScopeFunction, phased.ScopeTop} {
		r := &recorder{}
		p := install
		p.Scope = scope
		s := sessionOf(t, r, &Session{}, p)
		res := sources(t, s, t.TempDir()+"/10-x.sh", "set -n\n")
		if !res.Ended {
			t.Errorf("%s: %+v", scope, res)
		}
	}
}

// TestRestore proves that a session takes up the variable space of another.
func TestRestore(t *testing.T) {
	private, dir := t.TempDir(), t.TempDir()
	r := &recorder{}
	config := phased.Session{Provenance: true, Options: []string{"errexit"}, TopDir: "/top"}
	one := sessionOf(t, r, &Session{Private: private, Config: &config}, install)
	sources(t, one, dir+"/10-a.sh", "A=(1 'b c'); f() { echo \"f ${A[*]} $kept\"; }; declare kept=local; trap 'echo bye' EXIT; umask 077; cd /usr; set +e\n")
	if res := sources(t, one, dir+"/20-b.sh", "kept=lost; exit 3\n"); !res.Ended {
		t.Fatal(res)
	}
	again := &recorder{}
	two := sessionOf(t, again, &Session{Private: t.TempDir(), Config: &config, Restore: filepath.Join(private, SavedLast), RestoredRun: "01X"}, install)
	if res := sources(t, two, dir+"/20-b.sh", "f; umask; pwd; trap -p EXIT | grep -c bye; [[ $- != *e* ]] && echo no errexit; exit 0\n"); !res.OK() || !res.Ended {
		t.Errorf("%+v %v", res, again)
	}
	if got := again.stdout(); got != "f 1 b c local\n0077\n/usr\n1\nno errexit\nbye\n" {
		t.Errorf("%q", got)
	}
	started, ok := again.told[0].(phased.SessionStarted)
	if !ok || started.Restored != "01X" {
		t.Errorf("told %+v", again.told[0])
	}
	for _, name := range []string{SavedLast, SavedBefore("install")} {
		fi, err := os.Stat(filepath.Join(private, name))
		if err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, fi, err)
		}
	}
	p, err := os.ReadFile(filepath.Join(private, SavedLast))
	if sp, perr := space.Parse(p); err != nil || perr != nil || sp.Hook != "10-a.sh" || sp.Phase != "install" {
		t.Errorf("%v %v", err, perr)
	}
}

// TestChanges proves that what a hook changes is told of it, before anything of
// the next.
func TestChanges(t *testing.T) {
	r := &recorder{}
	s := sessionOf(t, r, &Session{Config: &phased.Session{Provenance: true}}, install)
	dir := t.TempDir()
	sources(t, s, dir+"/10-a.sh", "A=1; set -f\n")
	sources(t, s, dir+"/20-b.sh", "A=2; declare L=3\n")
	if err := s.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range r.told {
		switch d := p.(type) {
		case phased.SpaceChanged:
			if d.Phase == "" {
				got = append(got, "start")
				continue
			}
			for _, c := range d.Changes {
				got = append(got, fmt.Sprintf("%s %s %s %s", d.Hook, c.Kind, c.Name, c.What))
			}
		case phased.HookWarning:
			got = append(got, fmt.Sprintf("%s %s", d.Hook, d.Code))
		}
	}
	want := "start|10-a.sh option noglob changed|10-a.sh variable A set|10-a.sh noglob|20-b.sh variable A changed|20-b.sh variable L set|20-b.sh local| variable L removed"
	if strings.Join(got, "|") != want {
		t.Errorf("%s", strings.Join(got, "|"))
	}
}

// TestLocalrcAndPlugins proves how a local.conf's text and the files of plugins
// are sourced.
func TestLocalrcAndPlugins(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"settings":  "echo \"settings $# $plugin $dir\"; P=set\n",
		"plugin.sh": "echo \"plugin $* $mode $phase $plugin $plugins $P ${FUNCNAME[0]}\"; declare mine=1\n",
	} {
		if err := os.MkdirAll(dir+"/demo/devstack", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/demo/devstack/"+name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	plugin := func(file string) phased.Hook {
		return phased.Hook{Phase: "source", Name: phased.Text("demo/" + file), Path: phased.Text(dir + "/demo/devstack/" + file), Plugin: "demo"}
	}
	r := &recorder{}
	s := sessionOf(t, r, &Session{Config: &phased.Session{
		Localrc: "enable_plugin demo /src v1\nplugin_requires demo x\necho rc ${GITDIR[demo]} ${GITREPO[demo]} ${GITBRANCH[demo]}\n", Conf: "/etc/local.conf",
		Plugins: []phased.Plugin{{Name: "demo", Dir: phased.Text(dir + "/demo")}}, Options: []string{"errexit"},
	}}, phased.Phase{Name: "localrc", Localrc: true, Scope: phased.ScopeTop})
	run := func(h phased.Hook) {
		t.Helper()
		if res, err := s.Exec(t.Context(), h); err != nil || !res.OK() {
			t.Fatalf("%+v %v", res, err)
		}
	}
	run(phased.Hook{Phase: "localrc", Name: "localrc", Path: "/etc/local.conf"})
	for _, p := range []phased.Phase{
		{Name: "source", Scope: phased.ScopeTop, Args: []phased.Text{"source"}, Plugins: "settings"},
		{Name: "install", Scope: phased.ScopeFunction, Args: []phased.Text{"stack", "install"}, Plugins: "plugin.sh"},
	} {
		if err := s.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		reenter(t, r, s, p)
		if res := sources(t, s, dir+"/50-x.sh", "echo x $*\n"); !res.OK() {
			t.Fatal(res)
		}
		run(plugin(p.Plugins))
	}
	want := "rc " + dir + "/demo /src v1\nx source\nsettings 0 demo " + dir + "/demo\nx stack install\nplugin stack install stack install demo ,demo set source\n"
	if got := r.stdout(); got != want {
		t.Errorf("%q, expected %q (%s)", got, want, r.stderr())
	}
}
