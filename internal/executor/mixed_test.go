package executor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"phased/internal/phased"
)

// TestMixed runs phases by the executor that each names: the session keeps its
// variables across a phase of processes in between.
func TestMixed(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) phased.Text {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return phased.Text(path)
	}
	sourced := func(f phased.Text) phased.PlannedPhase {
		return phased.PlannedPhase{Phase: phased.Phase{Executor: phased.ExecutorSession, Scope: phased.ScopeTop, Files: []phased.Text{f}}}
	}
	first, second, last := file("first", "A=1; echo first"), file("second", `echo "second ${A-}"`), file("last", `echo "last $A"`)
	ctx, r := context.Background(), &recorder{}
	m := &Mixed{Process: &Process{Group: true}, Session: &Session{Group: true, CloseOthers: true}}
	for _, step := range []struct {
		phase phased.PlannedPhase
		path  phased.Text
	}{{sourced(first), first}, {phased.PlannedPhase{}, second}, {sourced(last), last}} {
		if _, err := m.Enter(ctx, step.phase, native(r)); err != nil {
			t.Fatal(err)
		}
		if res, err := m.Exec(ctx, hookOf(string(step.path))); err != nil || !res.OK() {
			t.Fatalf("%s: %+v, %v", step.path, res, err)
		}
		if err := m.Leave(ctx); err != nil {
			t.Error(err)
		}
	}
	if _, err := m.Exec(ctx, hookOf(string(last))); err == nil {
		t.Error("a hook was run outside of a phase")
	}
	if err := m.Close(ctx); err != nil {
		t.Error(err)
	}
	if got := r.stdout(); got != "first\nsecond \nlast 1\n" {
		t.Errorf("stdout %q", got)
	}
	only := &Mixed{Process: &Process{}}
	if _, err := only.Enter(ctx, sourced(first), native(r)); err == nil || !strings.Contains(err.Error(), "session") {
		t.Errorf("a phase whose executor is not there: %v", err)
	}
	if err := only.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestMixedTogether runs hooks of a phase of processes at once.
func TestMixedTogether(t *testing.T) {
	m := &Mixed{Process: &Process{Group: true, Marker: marker}, Session: &Session{}}
	testAlone(t, m)
	if err := m.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestPosix starts the session in POSIX mode, for hooks that are written for sh:
// there a special builtin that fails ends the shell.
func TestPosix(t *testing.T) {
	for _, posix := range []bool{false, true} {
		hook := program(t, "hook", "set -o | grep ^posix; readonly R=1; R=2; echo alive\n")
		r := &recorder{}
		s := &Session{Config: &phased.Session{Posix: posix}, Group: true, CloseOthers: true}
		ctx := context.Background()
		p := phased.PlannedPhase{Phase: phased.Phase{Executor: phased.ExecutorSession, Scope: phased.ScopeTop, Files: []phased.Text{phased.Text(hook)}}}
		if _, err := s.Enter(ctx, p, native(r)); err != nil {
			t.Fatal(err)
		}
		res, err := s.Exec(ctx, hookOf(hook))
		if err != nil {
			t.Fatal(err)
		}
		if res.Ended != posix {
			t.Errorf("posix %v: the session ended: %v (%+v), %q", posix, res.Ended, res.Exit, r.stdout())
		}
		mode := map[bool]string{false: "off", true: "on"}[posix]
		if got := strings.Join(strings.Fields(r.stdout()), " "); !strings.HasPrefix(got, "posix "+mode) {
			t.Errorf("posix %v: %q", posix, got)
		}
		_ = s.Leave(ctx)
		if err := s.Close(ctx); (err != nil) != posix {
			t.Errorf("posix %v: close: %v", posix, err)
		}
	}
}
