package space_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/space"
)

// within runs hook in a frame as phases have it, between two snapshots: one at
// the top before it, and one in the frame behind it.
func within(t testing.TB, before, hook string) (top, first, last *space.Space) {
	t.Helper()
	dir := t.TempDir()
	text := space.DumpFunction + before + "\n" + space.Snapshot(dir+"/top", "p", "''", "", false) + `
run_phase() {
'builtin' local mode=$1 phase=${2-}
'builtin' unset -f run_phase
` + space.Snapshot(dir+"/first", "p", "''", "", true) + hook + "\n" + space.Snapshot(dir+"/last", "p", "h", "", true) + "\n}\nrun_phase stack install\n"
	if out := shell(t, text); out != "" {
		t.Logf("bash said: %s", out)
	}
	return parseFile(t, dir+"/top"), parseFile(t, dir+"/first"), parseFile(t, dir+"/last")
}

func TestLocalsAreToldApart(t *testing.T) {
	top, first, last := within(t, "x=global y=global; trap 'echo err' ERR; set -- a 'b c'",
		"declare x=local; declare -a list=(1 2); local -r fixed=1; z=global; trap 'dbg=1' DEBUG")
	for _, s := range []*space.Space{first, last} {
		if !s.Frame || s.Locals["phase"].Text() != "install" || s.Locals["mode"].Text() != "stack" {
			t.Errorf("frame %v has the locals %v", s.Frame, s.Locals)
		}
	}
	if top.Frame || len(top.Locals) > 0 || !cmp.Equal(top.Positional, []string{"a", "b c"}) {
		t.Errorf("at the top: frame %v, locals %v, parameters %q", top.Frame, top.Locals, top.Positional)
	}
	if top.Traps["ERR"] != "echo err" || last.Traps["ERR"] != "" || last.Traps["DEBUG"] != "dbg=1" {
		t.Errorf("traps: at the top %v, in the frame %v", top.Traps, last.Traps)
	}
	if _, ok := last.Variables["x"]; ok || last.Locals["x"].Text() != "local" || last.Variables["z"].Text() != "global" || last.Locals["fixed"].Attributes != "r" {
		t.Errorf("locals %v", last.Locals)
	}
	first.Inherit(top)
	last.Inherit(top)
	if last.Variables["x"].Text() != "global" || last.Outer["ERR"] != "echo err" || len(last.Positional) != 2 {
		t.Errorf("inherited: x=%q, traps %v, parameters %q", last.Variables["x"].Text(), last.Outer, last.Positional)
	}
	got := describe(space.Diff(first, last, nothing{}))
	want := []string{"set trap DEBUG", "set variable dbg", "set variable fixed local", "set variable list local", "set variable x local", "set variable z"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("changes: %s", d)
	}
	if got := describe(space.Diff(top, first, nothing{})); len(got) > 0 {
		t.Errorf("entering the frame changes %q", got)
	}
	warned := space.Warnings(first, last, phased.ScopeFunction)
	if !strings.Contains(messages(warned), "declares fixed, list, x local to this phase") {
		t.Errorf("warnings: %s", messages(warned))
	}
}

// A space that was taken in the frame of a phase is restored into a new shell
// and a new frame: both snapshots there must be what they were.
func TestFrameIsRestored(t *testing.T) {
	top, _, last := within(t, "x=global; trap 'echo err' ERR; set -- a 'b c'; declare -A map=([k]=v); IFS=$'\\222-gtL\\377\\001e'",
		"declare -i x=4; declare -A m=([a b]=$'\\n' ['@']=2); local -r fixed=1; declare -n ref=x; phase=other; local IFS=, odd=$'\\001\\177'; trap '((1))' DEBUG; trap 'echo mine' ERR; set -u")
	last.Inherit(top)
	global, locals, lost := space.Restore(last)
	if len(lost) > 0 {
		t.Errorf("lost: %q", lost)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "restore")
	if err := os.WriteFile(file, global, 0o600); err != nil {
		t.Fatal(err)
	}
	newTop, _, newLast := within(t, ". "+file, "eval "+space.Quote(string(locals)))
	if newTop.Traps["ERR"] != "echo err" || newTop.Variables["x"].Text() != "global" || len(newTop.Positional) != 2 {
		t.Errorf("at the top: %v, x=%q, %q", newTop.Traps, newTop.Variables["x"].Text(), newTop.Positional)
	}
	newLast.Inherit(newTop)
	if d := cmp.Diff(exactly(last), exactly(newLast)); d != "" {
		t.Errorf("restored, it differs:\n%s\nby\n%s\n%s", d, global, locals)
	}
	if _, _, lost := space.Restore(func() *space.Space { _, _, s := within(t, "x=1", "declare x=2"); return s }()); !strings.Contains(strings.Join(lost, "\n"), "x") {
		t.Errorf("not inherited, it has lost %q", lost)
	}
}

// describe tells changes in a line each.
func describe(changes []phased.Change) []string {
	var all []string
	for _, c := range changes {
		s := c.What + " " + string(c.Kind)
		if c.Name != "" {
			s += " " + string(c.Name)
		}
		if c.Local {
			s += " local"
		}
		all = append(all, s)
	}
	return all
}

func messages(w []phased.HookWarning) string {
	var b strings.Builder
	for _, x := range w {
		b.WriteString(string(x.Code) + ": " + x.Message + "\n")
	}
	return b.String()
}
