package executor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/redact"
)

// EnvShell runs the hooks of a phase as children of one bash that has sourced
// the phase's environment files before, so that what these do to their process
// reaches the hooks: exported variables and functions, umask, limits, working
// directory, traps. One value serves one phase. It has the methods of the
// engine's Executor.
//
// bash reads its script byte by byte from a pipe, which it opens by path and
// keeps on a close-on-exec descriptor, and opens another one by path for each
// thing that it has to say: nothing of this reaches a hook, and no background
// process can hold it open. Each hook is one line of the script. bash is not
// trusted to do as it is told, because an environment file may have changed
// anything: a line that it has read and not answered ends it.
//
//	Enter:  functions ► source, source, ... ► locals that were exported ► ready
//	Exec:   one line ► the hook's status
//	Leave:  exit, which runs the EXIT trap
type EnvShell struct {
	Bash  string   // "" stands for /bin/bash
	Name  string   // $0 of the environment files
	Files []string // environment files, in order, as they are sourced
	// Sourcing is called before each file is sourced; nil: not at all.
	Sourcing func(file string)
	// ForwardSignal ends what runs, where phased was told to stop, by the signal
	// by which it was told so, in place of SIGTERM.
	ForwardSignal bool
	// CloseOthers keeps the descriptors above 2 that phased itself was given
	// away from bash and its hooks.
	CloseOthers bool
	// Output, Limit and DrainCommand are those of Process. What environment files
	// write is always inherited.
	Output       Output
	Limit        int64
	DrainCommand []string
	// Contain keeps everything still while the descendants of a hook are killed;
	// nil: nothing does.
	Contain *Containment
	// Stdin, Stdout and Stderr are what bash and its hooks get; nil: those of os.
	Stdin, Stdout, Stderr *os.File
	// Redact is that of Process.
	Redact *redact.Set

	cap  capture
	wake *wake
	left leftovers

	setup    phased.Setup
	pid      int
	start    uint64
	script   pipe
	answers  pipe
	goAhead  pipe
	paths    paths
	said     chan string   // lines that bash has said, and those that stand for its end and for a probe
	gone     chan struct{} // closed once bash was waited for
	ws       unix.WaitStatus
	status   int    // of the last hook
	flags    string // $- behind the last environment file
	children map[int]bool
	over     bool          // bash has ended, and it was heard
	deaf     bool          // bash does not do what it is told
	turn     int           // counts what bash was told
	written  chan struct{} // closed once the script that sources is in the pipe
}

// EnvError tells that the environment of a phase could not be made. Unsaid is
// set where nobody has said so on stderr yet: a file that fails says why itself.
type EnvError struct {
	phased.ExitError
	Unsaid bool
}

func (e *EnvError) Unwrap() error { return &e.ExitError }

func envError(status int, format string, args ...any) error {
	return &EnvError{phased.ExitError{Exit: phased.Exit{Cause: phased.CauseExit, Status: status, Message: fmt.Sprintf(format, args...)}}, true}
}

// Enter starts bash and lets it source the files. Its error is an *EnvError
// where they fail; bash has ended then.
func (s *EnvShell) Enter(ctx context.Context, p phased.PlannedPhase, setup phased.Setup) (phased.PlannedPhase, error) {
	s.setup = setup
	if err := s.begin(); err != nil {
		s.release()
		return p, err
	}
	if err := s.source(ctx); err != nil {
		s.abandon()
		return p, err
	}
	s.children = childSet(s.pid) // background processes of the environment files
	return p, nil
}

// begin starts bash on an empty script.
func (s *EnvShell) begin() error {
	if s.CloseOthers {
		closeOnExec()
	}
	for _, p := range []*pipe{&s.script, &s.answers, &s.goAhead} {
		if err := p.open(); err != nil {
			return err
		}
	}
	if err := s.openCapture(); err != nil {
		return err
	}
	bash := s.Bash
	if bash == "" {
		bash = shell
	}
	env := make([]string, len(s.setup.Surroundings.Env))
	for i, e := range s.setup.Surroundings.Env {
		env[i] = string(e)
	}
	sys := &syscall.SysProcAttr{}
	s.Contain.inShared(sys)
	pid, err := syscall.ForkExec(bash, []string{bash, s.script.path(s.script.r)}, &syscall.ProcAttr{
		Dir:   string(s.setup.Surroundings.Dir),
		Env:   env,
		Files: []uintptr{uintptr(fileno(s.Stdin, os.Stdin)), uintptr(fileno(s.Stdout, os.Stdout)), uintptr(fileno(s.Stderr, os.Stderr))},
		Sys:   sys,
	})
	if err != nil {
		return envError(statusNotFound, "cannot start %s, which environment files need: %v", bash, err)
	}
	s.pid, s.gone, s.said, s.written = pid, make(chan struct{}), make(chan string), make(chan struct{})
	if st, err := proc.Read(pid); err == nil {
		s.start = st.Start
	}
	s.paths = paths{s.answers.path(s.answers.w), s.goAhead.path(s.goAhead.r), fmt.Sprintf("%d-%d", pid, time.Now().UnixNano())}
	go s.listen(s.said, s.answers.lines())
	go s.await(s.gone, s.answers.w)
	return nil
}

// listen passes on what bash says, line by line, until the pipe is closed.
func (s *EnvShell) listen(said chan<- string, lines iter.Seq[string]) {
	defer close(said)
	for line := range lines {
		said <- line
	}
}

// await waits for the end of bash, and says it behind all that bash has said.
func (s *EnvShell) await(gone chan<- struct{}, answers *os.File) {
	s.ws, _, _ = reap(s.pid)
	close(gone)
	_, _ = answers.WriteString("gone " + s.paths.token + "\n") // closed meanwhile: nobody listens any more
}

// source lets bash source the files.
func (s *EnvShell) source(ctx context.Context) error {
	script, text, written := s.script, s.paths.sourcingScript(s.Name, s.Files), s.written
	go func() { // it may be longer than the pipe holds; release ends it
		_ = script.write(text)
		close(written)
	}()
	doing := ""
	var lists [][]string
	inList := false
	w := s.watch(ctx, nil)
	for {
		line, err := w.next(ctx)
		if err != nil {
			return s.sourcingEnded(ctx, err, doing)
		}
		word, rest := cutWord(line)
		reply := ""
		switch {
		case inList && line == s.paths.token:
			inList = false
			reply = s.afterList(lists)
		case inList:
			lists[len(lists)-1] = append(lists[len(lists)-1], line)
			continue
		case word == "list" && rest == s.paths.token:
			inList = true
			lists = append(lists, nil)
			continue
		case word == "source":
			if i, ok := index(rest, len(s.Files)); ok {
				doing = s.Files[i]
				if s.Sourcing != nil {
					s.Sourcing(doing)
				}
			}
		case word == "ready":
			s.flags = rest
			return nil
		}
		if err := s.goAhead.write(reply + "\n"); err != nil {
			return err
		}
	}
}

// unanswered reports whether bash has read more than what it was told to do.
func (s *EnvShell) unanswered() bool {
	select {
	case <-s.written:
		return s.script.empty()
	default:
		return false
	}
}

// probe is a line that, behind all that bash has said, shows that it did not
// answer.
func (s *EnvShell) probe() string { return fmt.Sprintf("probe %s %d", s.paths.token, s.turn) }

// afterList returns what bash has to do after it has listed its local
// variables, and, if need be, what they hide.
func (s *EnvShell) afterList(lists [][]string) string {
	locals := exportedNames(lists[0])
	switch {
	case len(locals) == 0:
		return ""
	case len(lists) == 1:
		return s.paths.askHidden(locals)
	}
	return promote(locals, exportedNames(lists[1]), s.Files)
}

// sourcingEnded tells what it means that bash has not become ready.
func (s *EnvShell) sourcingEnded(ctx context.Context, err error, file string) error {
	var deaf *deafError
	switch {
	case errors.As(err, &deaf) && file == "":
		return envError(1, "bash does not do what it is told: it sources no environment file")
	case errors.As(err, &deaf):
		return envError(1, "environment file %s has left bash in a state in which it runs nothing (set -n?)", file)
	case !errors.Is(err, errShellGone):
		return err
	case ctx.Err() != nil:
		return &phased.ExitError{Exit: phased.ExitByCause(context.Cause(ctx))}
	case file == "":
		return envError(max(1, s.exit().Status), "%s ended (%s) before it could source an environment file", "bash", s.exit().Message)
	case s.exit().Status == 0:
		return envError(1, "environment file %s ended bash with exit status 0: no hook was run", file)
	}
	e := s.exit()
	e.Message = fmt.Sprintf("environment file %s failed: %s", file, e.Message)
	return &EnvError{phased.ExitError{Exit: e}, false}
}

// exit tells how bash has ended. It must have.
func (s *EnvShell) exit() phased.Exit {
	<-s.gone
	return shellExit(s.ws)
}

func shellExit(ws unix.WaitStatus) phased.Exit {
	if ws.Signaled() {
		sig := ws.Signal()
		return phased.Exit{Cause: phased.CauseSignal, Status: 128 + int(sig), Signal: int(sig), Message: "ended by " + phased.SignalName(sig)}
	}
	return exitOfStatus(ws.ExitStatus())
}

// exitOfStatus is what a status tells that came through a shell: a signal can
// only be guessed from it.
func exitOfStatus(status int) phased.Exit {
	switch status {
	case 0:
		return phased.Exit{Cause: phased.CauseOK}
	case statusCannotRun, statusNotFound:
		return phased.Exit{Cause: phased.CauseExit, Status: status, Message: fmt.Sprintf("exit status %d: bash may not have been able to run it", status)}
	}
	return phased.Exit{Cause: phased.CauseExit, Status: status, Message: fmt.Sprintf("exit status %d", status)}
}

// Leave ends bash, which runs its EXIT trap. Its error is an *phased.ExitError
// where that fails.
func (s *EnvShell) Leave(ctx context.Context) error {
	defer s.abandon()
	if s.pid == 0 || s.deaf || s.over {
		return nil
	}
	if err := s.script.write(exitScript(s.status, s.flags)); err != nil {
		return err
	}
	for w := s.watch(ctx, nil); ; {
		switch _, err := w.next(ctx); {
		case err == nil:
		case !errors.Is(err, errShellGone): // it does not even exit
			return nil
		case ctx.Err() != nil && s.exit().Cause == phased.CauseSignal:
			return &phased.ExitError{Exit: phased.ExitByCause(context.Cause(ctx))}
		default:
			return s.trapExit()
		}
	}
}

// trapExit tells of an EXIT trap that has changed the status of bash.
func (s *EnvShell) trapExit() error {
	e := s.exit()
	if e.Status == s.status || e.Status == 0 {
		return nil
	}
	e.Message = "EXIT trap of the environment files: " + e.Message
	return &phased.ExitError{Exit: e}
}

// Close ends bash where Leave did not, and what still reads output.
func (s *EnvShell) Close(context.Context) error {
	s.abandon()
	return s.closeCapture()
}

func (s *EnvShell) ended() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

// abandon kills bash where it still runs, and gives back what is held.
func (s *EnvShell) abandon() {
	if s.pid != 0 && !s.ended() {
		descendants(s.pid, s.start).kill()
		<-s.gone
	}
	s.release()
}

func (s *EnvShell) release() {
	s.script.close()
	s.goAhead.close()
	s.answers.close()
	if s.said != nil {
		for range s.said { // listen ends once the pipe is closed
		}
		s.said = nil
	}
	s.pid = 0
}
