package executor

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

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
