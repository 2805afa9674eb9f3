package executor

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// A hook that inherits everything shares its stdin with the next one: nobody
// else reads from it.
func TestInheritedStdinIsTheHooks(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("one\ntwo\nthree\n"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	// The process's own descriptor 0 is what a mistaken 0 would read from.
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	old := os.Stdin
	os.Stdin = r
	defer func() { os.Stdin = old }()
	saved, err := dupTo(int(r.Fd()), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer saved()
	p := &Process{Output: Inherited, Stdin: r, Stdout: null, Stderr: null}
	defer p.Close(context.Background())
	s := phased.Setup{Sink: &recorder{}, Surroundings: phased.Surroundings{Env: []phased.Text{"PATH=/usr/bin:/bin"}, Umask: -1, Stdin: "inherit"}}
	if _, err := p.Enter(t.Context(), phased.PlannedPhase{}, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		res, err := p.Exec(t.Context(), hookOf(program(t, "hook", "#!/bin/sh\nread x && [ \"$x\" = "+want+" ]\n")))
		if err != nil || !res.OK() {
			t.Errorf("the hook that should read %q ended %+v, %v", want, res.Exit, err)
		}
	}
	if rest, _ := io.ReadAll(r); string(rest) != "three\n" {
		t.Errorf("left to read: %q", rest)
	}
}

// dupTo makes a descriptor stand for another one, until the function that it
// returns is called.
func dupTo(from, to int) (undo func(), err error) {
	saved, err := unix.FcntlInt(uintptr(to), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	if err := unix.Dup3(from, to, 0); err != nil {
		return nil, err
	}
	return func() {
		_ = unix.Dup3(saved, to, 0)
		unix.Close(saved)
	}, nil
}

// What a terminal has told the whole process group, phased does not tell the
// hooks in that group again.
func TestSignalOfTheTerminalIsNotPassedOn(t *testing.T) {
	for _, group := range []int{0, unix.Getpgrp()} {
		heard := filepath.Join(t.TempDir(), "heard")
		ready := filepath.Join(t.TempDir(), "ready")
		rec := &recorder{}
		p := &Process{Output: Captured, ForwardSignal: true}
		s := phased.Setup{
			Sink: rec, Grace: 200 * time.Millisecond,
			Surroundings: phased.Surroundings{Env: []phased.Text{"PATH=/usr/bin:/bin"}, Umask: -1, Stdin: "null"},
		}
		if _, err := p.Enter(t.Context(), phased.PlannedPhase{}, s); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			await(t, "the hook", func() bool { return content(ready) != "" })
			cancel(&phased.StopRequest{Signal: unix.SIGINT, Group: group})
		}()
		hook := "#!/bin/bash\ntrap 'echo 1 >" + heard + "' INT\necho 1 >" + ready + "\nwhile [ ! -e " + heard + " ]; do sleep 0.01; done\n"
		res, err := p.Exec(ctx, hookOf(program(t, "hook", hook)))
		if err != nil || res.Cause != phased.CauseStopped || res.Status != 130 {
			t.Errorf("ended %+v, %v", res.Exit, err)
		}
		if got := content(heard) != ""; got != (group == 0) {
			t.Errorf("group %d: the hook was told: %v", group, got)
		}
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

// Where a hook's output begins and ends in a file is told of each hook, and
// what the file is called now of one that fails.
func TestInheritedFile(t *testing.T) {
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	rec := &recorder{}
	p := &Process{Output: Inherited, Stdout: log, Stderr: log}
	defer p.Close(context.Background())
	s := phased.Setup{Sink: rec, Surroundings: phased.Surroundings{Env: []phased.Text{"PATH=/usr/bin:/bin"}, Umask: -1, Stdin: "null"}}
	if _, err := p.Enter(t.Context(), phased.PlannedPhase{}, s); err != nil {
		t.Fatal(err)
	}
	file := func(name string, offset int64) []phased.Descriptor {
		path := phased.Text(filepath.Join(dir, name))
		return []phased.Descriptor{{FD: 1, Type: "file", Path: path, Offset: offset}, {FD: 2, Type: "file", Path: path, Offset: offset}}
	}
	for i, c := range []struct {
		hook   string
		was    string
		begins int64
		name   string
		ends   int64
	}{
		{"echo one", "log", 0, "log", 4},
		{"echo three >&2", "log", 4, "log", 10},
		{"mv " + log.Name() + " " + log.Name() + ".1; echo; exit 1", "log", 10, "log.1", 11},
		{"true", "log.1", 11, "log.1", 11},
	} {
		res, err := p.Exec(t.Context(), hookOf(program(t, "hook", "#!/bin/sh\n"+c.hook+"\n")))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(file(c.name, c.ends), res.Files); diff != "" {
			t.Errorf("%s: ended (-want +got):\n%s", c.hook, diff)
		}
		if diff := cmp.Diff(file(c.was, c.begins), rec.started[i].Files); diff != "" {
			t.Errorf("%s: began (-want +got):\n%s", c.hook, diff)
		}
	}
	if _, err := log.WriteString("by phased itself\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Exec(t.Context(), hookOf(program(t, "hook", "#!/bin/sh\n"))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(file("log.1", 28), rec.started[4].Files); diff != "" {
		t.Errorf("after phased's own line (-want +got):\n%s", diff)
	}
}
