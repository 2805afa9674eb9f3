package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// Environment gives the executed hooks of each phase the environment that the
// files of an environment directory export, sourced one after the other by one
// bash when the phase is entered. Unlike with EnvShell, nothing else that the files
// do to their process reaches hooks, nor lives on. It implements the engine's
// Executor.
type Environment struct {
	Inner interface {
		Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error)
		Exec(ctx context.Context, h phased.Hook) (phased.Result, error)
		Leave(ctx context.Context) error
		Close(ctx context.Context) error
	}
	// List lists the files as they are now.
	List func() (phased.PlannedPhase, error)
	// Refuse returns why the files may not be sourced; nil: they always may.
	Refuse func(files phased.PlannedPhase) *phased.Exit
	// Changed is called where the environment of a phase is not that of the phase
	// before; nil: nobody wants to know.
	Changed func(phase string, was, is []phased.Text, sink phased.Sink)
	Bash    string // "" stands for /bin/bash

	last []phased.Text // environment of the last phase; nil: none was made yet
	lost bool          // the files have failed
}

// Enter sources the files, and enters the phase by the inner executor. Where they
// fail the phase does; the failure phase, and what runs always, go on with the
// environment of the phase before: they are there for things that go wrong.
func (e *Environment) Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	if p.Executor == phased.ExecutorSession {
		return e.Inner.Enter(ctx, p, s)
	}
	was := e.last
	if was == nil {
		was = s.Surroundings.Env
	}
	saved := p.Failure || p.When == phased.WhenAlways
	is, err := was, error(nil)
	if !saved || !e.lost {
		is, err = e.source(ctx, s)
	}
	e.lost = e.lost || err != nil
	if x, ok := errors.AsType[*phased.ExitError](err); ok && saved {
		s.Sink.Warning("the environment of phase " + p.Name + " is that of the phase before: " + x.Exit.Message)
		is, err = was, nil
	}
	if err != nil {
		p.Entries = nil
		return p, err
	}
	if e.last = is; e.Changed != nil && !slices.Equal(was, is) {
		e.Changed(p.Name, was, is, s.Sink)
	}
	s.Surroundings.Env = is
	return e.Inner.Enter(ctx, p, s)
}

// Exec lets the inner executor run the hook.
func (e *Environment) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	return e.Inner.Exec(ctx, h)
}

// Leave ends the phase.
func (e *Environment) Leave(ctx context.Context) error { return e.Inner.Leave(ctx) }

// Close ends what the inner executor holds.
func (e *Environment) Close(ctx context.Context) error { return e.Inner.Close(ctx) }

// source returns the environment that the files make of the surroundings'.
func (e *Environment) source(ctx context.Context, s phased.Setup) ([]phased.Text, error) {
	listed, err := e.List()
	if err != nil {
		return nil, &phased.ExitError{Exit: phased.Exit{Cause: phased.CauseList, Status: 2, Message: "environment files: " + err.Error()}}
	}
	if len(listed.Hooks()) == 0 {
		return s.Surroundings.Env, nil
	}
	if e.Refuse != nil {
		if x := e.Refuse(listed); x != nil {
			return nil, &phased.ExitError{Exit: *x}
		}
	}
	// bash sources each of its arguments, and becomes a program that writes its
	// environment to descriptor 3. What it is about is said on descriptor 4, by
	// NUL-ended fields.
	args := []string{"-c", `trap '\builtin printf "failed\0%s\0%s\0" "${BASH_SOURCE[0]}" "$LINENO" >&4' ERR
set -eEuo pipefail
for __phased; do \builtin printf 'file\0%s\0' "$__phased" >&4; . "$__phased"; done
trap - ERR
\builtin unset -v __phased
\builtin exec /usr/bin/env -0 >&3
`, "bash"}
	for _, f := range listed.Hooks() {
		args = append(args, string(f.Path))
	}
	var files [3]*os.File // the environment, what it is about, output
	for i := range files {
		if files[i], err = inMemoryFile(); err != nil {
			return nil, err
		}
		defer files[i].Close()
	}
	err = e.bash(ctx, s, args, files)
	env, rerr := readMemory(files[0], 8<<20)
	if rerr != nil {
		return nil, rerr
	}
	if err == nil && len(env) > 0 {
		return exported(env, s.Surroundings.Env)
	}
	return nil, explainSourcing(ctx, err, files)
}

// bash runs bash, and ends with it what it has started in its process group.
func (e *Environment) bash(ctx context.Context, s phased.Setup, args []string, files [3]*os.File) error {
	bash := e.Bash
	if bash == "" {
		bash = shell
	}
	cmd := exec.CommandContext(ctx, bash, args...)
	cmd.Dir = string(s.Surroundings.Dir)
	cmd.Env = make([]string, len(s.Surroundings.Env))
	for i, v := range s.Surroundings.Env {
		cmd.Env[i] = string(v)
	}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = files[2], files[2], files[:2]
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGTERM) }
	cmd.WaitDelay = s.Grace
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start %s, which environment files need: %w", bash, err)
	}
	err := cmd.Wait()
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // nobody is left, as a rule
	return err
}

// inMemoryFile is a file that nobody else has: a pipe would have to be read until
// the last process that environment files have started has closed it.
func inMemoryFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("phased", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot make a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), "memfd"), nil
}

func readMemory(f *os.File, limit int64) ([]byte, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// exported is the environment without what bash itself has added to it.
func exported(env []byte, base []phased.Text) ([]phased.Text, error) {
	before := map[string]phased.Text{}
	for _, v := range base {
		name, _, _ := strings.Cut(string(v), "=")
		before[name] = v
	}
	var all []phased.Text
	for v := range bytes.SplitSeq(bytes.TrimSuffix(env, []byte{0}), []byte{0}) {
		name, _, _ := strings.Cut(string(v), "=")
		switch {
		case name == "_", name == "SHLVL", name == "PWD", name == "OLDPWD":
			if was, had := before[name]; had {
				all = append(all, was)
			}
		case strings.HasPrefix(name, "PHASED_"):
			return nil, &phased.ExitError{Exit: phased.Exit{Cause: phased.CauseCannotRun, Status: 1, Message: "environment files: one of them exports " + name + "; names that begin with PHASED_ are phased's own"}}
		default:
			all = append(all, phased.Text(v))
		}
	}
	slices.Sort(all)
	return all, nil
}

// explainSourcing tells what went wrong: where bash has said it, with file and
// line.
func explainSourcing(ctx context.Context, err error, files [3]*os.File) error {
	if ctx.Err() != nil {
		x := phased.ExitByCause(context.Cause(ctx))
		x.Message = "while the environment files were sourced: " + x.Message
		return &phased.ExitError{Exit: x}
	}
	ended := &exec.ExitError{}
	if err != nil && !errors.As(err, &ended) {
		return &phased.ExitError{Exit: phased.Exit{Cause: phased.CauseCannotRun, Status: statusNotFound, Message: err.Error()}}
	}
	about, _ := readMemory(files[1], 1<<20)
	output, _ := readMemory(files[2], 64<<10)
	file, at := "", ""
	for fields := strings.Split(string(about), "\x00"); len(fields) > 1; {
		switch {
		case fields[0] == "file":
			file, at, fields = fields[1], fields[1], fields[2:]
		case fields[0] == "failed" && len(fields) > 2:
			at, fields = fields[1]+":"+fields[2], fields[3:]
		default:
			fields = nil
		}
	}
	said := lastLine(string(output))
	if where, line, what, ok := complaint(said); ok && at == file { // bash itself had ended it
		at, said = where+":"+line, what
	}
	x := phased.Exit{Message: "exit status 0"}
	if err != nil {
		if status, ok := ended.Sys().(syscall.WaitStatus); ok {
			x = shellExit(unix.WaitStatus(status))
		}
	}
	x.Message = strings.TrimSuffix(fmt.Sprintf("environment file %s: it ended bash (%s): %s", at, x.Message, said), ": ")
	x.Cause, x.Status, x.Signal = phased.CauseCannotRun, max(1, x.Status), 0
	return &phased.ExitError{Exit: x}
}

func lastLine(text string) string {
	text = strings.TrimRight(text, "\n")
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// complaint takes a message of bash apart: FILE: line N: WHAT.
func complaint(text string) (file, line, what string, ok bool) {
	file, rest, found := strings.Cut(text, ": line ")
	line, what, more := strings.Cut(rest, ": ")
	_, err := strconv.Atoi(line)
	return file, line, what, found && more && err == nil
}
