package executor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"phased/internal/phased"
	"phased/internal/trust"
)

// guardedScene is a phase of one hook that leaves a mark where it ran.
func guardedScene(t *testing.T) (phased.PlannedPhase, phased.Hook, string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("files of other users are made by root alone")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "10-x")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho \"$0\" >>"+dir+"/ran\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := phased.PlannedPhase{
		Phase: phased.Phase{Name: "p", Executor: phased.ExecutorProcess}, Dirs: []phased.Text{phased.Text(dir)},
		Entries: []phased.Entry{{Name: "10-x", Path: phased.Text(path), Verdict: phased.VerdictRun}},
	}
	return p, phased.Hook{Phase: "p", Name: "10-x", Path: phased.Text(path)}, filepath.Join(dir, "ran")
}

func ran(path string) string {
	p, _ := os.ReadFile(path)
	return string(p)
}

// A phase is refused when it is listed, and a hook when it is about to be run:
// nothing of either runs.
func TestGuardedRefuses(t *testing.T) {
	p, h, mark := guardedScene(t)
	g := &Guarded{Inner: &Process{}, Guard: &trust.Guard{}}
	rec := &recorder{}
	s := phased.Setup{Sink: rec, Surroundings: phased.Surroundings{Umask: -1}}
	if _, err := g.Enter(t.Context(), p, s); err != nil {
		t.Fatal(err)
	}
	if res, err := g.Exec(t.Context(), h); err != nil || !res.OK() || ran(mark) != string(h.Path)+"\n" {
		t.Fatalf("a good hook: %+v, %v, $0 %q", res, err, ran(mark))
	}
	if err := os.Chmod(string(h.Path), 0o777); err != nil {
		t.Fatal(err)
	}
	res, err := g.Exec(t.Context(), h)
	if err != nil || res.Cause != phased.CauseTrust || res.Status != 77 || !strings.Contains(res.Message, "everybody (mode 0777)") {
		t.Errorf("a hook that turned bad: %+v, %v", res, err)
	}
	if err := g.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = g.Enter(t.Context(), p, s)
	if e, ok := errors.AsType[*phased.ExitError](err); !ok || e.Exit.Cause != phased.CauseTrust || e.Exit.Status != 77 {
		t.Errorf("a phase with a bad hook: %v", err)
	}
	if _, err := g.Exec(t.Context(), h); err != nil {
		t.Error(err)
	}
	if err := g.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(ran(mark), "\n"); n != 1 {
		t.Errorf("the hook ran %d times, want once", n)
	}
}

// With warnings everything runs, and each fault is told once.
func TestGuardedWarns(t *testing.T) {
	p, h, mark := guardedScene(t)
	if err := os.Chmod(filepath.Dir(mark), 0o777); err != nil {
		t.Fatal(err)
	}
	g := &Guarded{Inner: &Process{}, Guard: &trust.Guard{}, Warn: true}
	rec := &recorder{}
	s := phased.Setup{Sink: rec, Surroundings: phased.Surroundings{Umask: -1}}
	if _, err := g.Enter(t.Context(), p, s); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if res, err := g.Exec(t.Context(), h); err != nil || !res.OK() {
			t.Errorf("%+v, %v", res, err)
		}
	}
	if err := errors.Join(g.Leave(t.Context()), g.Close(t.Context())); err != nil {
		t.Error(err)
	}
	if len(rec.warnings) != 1 || !strings.Contains(rec.warnings[0], "can be written by everybody (mode 0777)") {
		t.Errorf("told: %q", rec.warnings)
	}
}

// What is no regular file, or too large for a script, is not read.
func TestReadRegular(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(syscall.Mkfifo(dir+"/fifo", 0o600), os.WriteFile(dir+"/file", []byte("x\n"), 0o600),
		os.WriteFile(dir+"/large", nil, 0o600), os.Truncate(dir+"/large", maxScript+1)); err != nil {
		t.Fatal(err)
	}
	if p, err := readRegular(dir + "/file"); err != nil || string(p) != "x\n" {
		t.Errorf("%q, %v", p, err)
	}
	for _, name := range []string{"fifo", "large", "none", "."} {
		if _, err := readRegular(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}
