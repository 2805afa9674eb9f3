package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/space"
)

// Session sources hooks into one bash, which it starts when the first phase is
// entered and ends by Close. One value serves one run; Exec sources one hook at
// a time. It implements the engine's Executor.
//
// bash reads its script byte by byte from a pipe, which it opens by path and
// keeps on a close-on-exec descriptor. What runs at the top level comes there
// as one line; the loop of a function's frame reads its next word from the
// same pipe. It says what it has to say by another pipe's path. Nothing of this
// reaches a hook, and no background process can hold it open. When phased dies
// the pipe ends, and bash with it, after the hook that runs.
//
//	Enter  top: ► list          function: ► list ► run_phase { locals ► ready
//	Exec   top: ► source ► end                              ► source ► end
//	Leave                                                   ► left }
//	Close  end of the script ► EXIT trap
//
// Where a hook ends bash, by exit, errexit, exec or a signal, the Result says
// Ended, and nothing can follow.
type Session struct {
	Bash   string // "" stands for /bin/bash
	Config *phased.Session
	// List lists the phase as it is now, with what the shell found first, in that
	// order; nil: what the shell found runs.
	List func(p phased.PlannedPhase, paths []phased.Text) (phased.PlannedPhase, error)
	// Call returns the command line of a lifecycle that the session runs as a
	// process of its own.
	Call func(phased.Hook) []string
	// The following are those of Process. The Marker is looked for in the
	// environment of processes; the Surroundings must have it.
	Output                            Output
	Limit                             int64
	DrainCommand                      []string
	CloseOthers, ForwardSignal, Group bool
	Marker                            string
	Contain                           *Containment
	Stdin, Stdout, Stderr             *os.File
	// Private is a directory that only this user can enter, where snapshots of the
	// variable space are left: last, and before-PHASE. "": none are left.
	Private string
	// Restore is the snapshot to begin with, of the run RestoredRun; "": none.
	Restore     string
	RestoredRun string
	// Redact keeps secrets out of what is told; nil: there are none.
	Redact space.Redactor
	// Blind leaves out what tells where a hook failed.
	Blind bool

	p       Process // its ways of ending
	lane    *lane   // of p: its output and its wake, from its beginning on; nil: not begun
	setup   phased.Setup
	script  channel
	answers channel
	heard   hearing
	dir     string // of private files
	ownDir  bool
	failed  string // that takes the variables when something fails

	stdin string // what it was when nothing was sourced

	pid     int // 0: not started
	pidfd   int
	start   uint64
	over    bool // it has ended and was waited for
	exiting bool // it has begun its EXIT trap
	exit    phased.Exit
	ru      unix.Rusage
	times   cpuTimes

	phase   phased.PlannedPhase
	entered bool
	listed  listed
	found   bool // the hook that runs is in the phase's list
	frame   frame
	flags   string // of the shell, as hooks have it
	traps   map[string]string
	armed   bool // the ERR trap is ours
	speaks  map[textKey]bool
	on      string // options that the frame gives back
	// exported is the environment of the hook before, in the same frame.
	exported []phased.Text
	dirty    bool // __phased_failures is to be emptied
	run      *sourcing
	last     phased.Hook // that ran: what is written later is taken for its
	spaces   snapshots
	cells    *sessionCells // nil: none
	idle     *idle
}

// frame says which loop of the function run_phase waits.
type frame int

const (
	noFrame     frame = iota // the shell is at its top level
	hookFrame                // the loop for the hooks of a directory or for files
	pluginFrame              // the loop for those of plugins
)

var errSessionGone = errors.New("the session has ended")

// Enter starts bash where it does not run yet, lets it list the phase, and makes
// the frame in which the hooks are sourced.
func (s *Session) Enter(ctx context.Context, p phased.PlannedPhase, setup phased.Setup) (phased.PlannedPhase, error) {
	s.leaveIdle()
	s.setup = setup
	tellNotices(s.secrets(), setup.Sink)
	if s.over {
		return p, s.overError()
	}
	if s.pid == 0 {
		if exit, ended := endedBefore(ctx, setup.Kill); ended {
			return p, &phased.ExitError{Exit: exit}
		}
		if err := s.begin(ctx); err != nil {
			return p, err
		}
	}
	s.p.phase.setup = setup
	p, err := s.list(ctx, p)
	if err != nil {
		return p, err
	}
	s.phase, s.entered, s.listed = p, true, listed{place: -1}
	s.spaces.enter(s, p)
	pluginsFirst := len(p.Entries) > 0 && p.Entries[0].Plugin != "" && p.Entries[0].Verdict == phased.VerdictRun
	if p.Calls == "" && p.Scope == phased.ScopeFunction && !pluginsFirst {
		err = s.openFrame(ctx, hookFrame)
	}
	return p, err
}

// endedBefore returns how what has not been started ends, where it is not to be
// started any more.
func endedBefore(ctx context.Context, kill <-chan struct{}) (phased.Exit, bool) {
	ended := ctx.Err() != nil
	select {
	case <-kill:
		ended = true
	default:
	}
	return phased.ExitByCause(context.Cause(ctx)), ended
}

// lenient returns a context for what the shell does for phased: where the one
// given has ended, it has the grace for it.
func (s *Session) lenient(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(context.WithoutCancel(ctx), max(s.setup.Grace, time.Second), context.Cause(ctx))
}

func (s *Session) overError() error {
	e := s.exit
	e.Message = "the session has ended before: " + describeExit(e)
	if e.OK() {
		e.Cause, e.Status = phased.CauseExit, 1
	}
	return &phased.ExitError{Exit: e}
}

func describeExit(e phased.Exit) string {
	if e.OK() {
		return "exit status 0"
	}
	return e.Message
}

// begin starts bash and makes it ready.
func (s *Session) begin(ctx context.Context) error {
	if s.Config == nil {
		s.Config = &phased.Session{}
	}
	s.lane = nil
	if err := s.p.Close(ctx); err != nil { // of a beginning that failed
		return err
	}
	s.p = Process{
		Output: s.Output, Limit: s.Limit, Group: s.Group, ForwardSignal: s.ForwardSignal, Marker: s.Marker, CloseOthers: s.CloseOthers,
		DrainCommand: s.DrainCommand, Contain: s.Contain, Stdin: s.Stdin, Stdout: s.Stdout, Stderr: s.Stderr, Redact: s.secrets(),
	}
	setup := s.setup
	setup.Surroundings.Umask = -1 // the shell sets it for itself
	if _, err := s.p.Enter(ctx, phased.PlannedPhase{}, setup); err != nil {
		return err
	}
	var err error
	if s.lane, err = s.p.takeLane(); err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	failed := ""
	if !s.Blind {
		var err error
		if failed, err = s.privateFile("failed", nil); err != nil {
			return err
		}
		s.failed = failed
	}
	if err := s.spaces.makeNext(s); err != nil {
		return err
	}
	if err := s.startBash(); err != nil {
		return err
	}
	if err := s.script.write(s.prelude(failed)); err != nil {
		return err
	}
	ready, err := s.await(ctx, saidReady)
	if err != nil {
		return s.cannotBegin(err)
	}
	s.flags = letters(s.Config.Options) + ofHooks(ready.field(1))
	if strings.Contains(ready.field(1), "h") {
		s.flags += "h"
	}
	told := phased.SessionStarted{Pid: s.pid, PidStart: s.start, Bash: ready.field(0), Options: s.Config.Options}
	if s.Restore != "" {
		if told.Lost, err = s.restore(ctx); err != nil {
			return err
		}
		told.Restored = s.RestoredRun
	}
	s.setup.Sink.Tell(told)
	return s.firstSnapshot(ctx)
}

// cannotBegin says why the session could not be made ready.
func (s *Session) cannotBegin(err error) error {
	if !errors.Is(err, errSessionGone) {
		return err
	}
	e := s.exit
	e.Message = "bash ended before it could source anything: " + describeExit(e)
	if e.OK() {
		e.Cause, e.Status = phased.CauseExit, 1
	}
	return &phased.ExitError{Exit: e}
}

// prepare makes the pipes and the place of private files.
func (s *Session) prepare() error {
	if err := s.script.open(true); err != nil {
		return err
	}
	if err := s.answers.open(false); err != nil {
		return err
	}
	if err := unix.SetNonblock(s.answers.r, true); err != nil { // the end that is read here, not the shell's
		return fmt.Errorf("cannot set up a pipe: %w", err)
	}
	s.dir = s.Private
	return nil
}

func (s *Session) startBash() error {
	bash := s.Bash
	if bash == "" {
		bash = shell
	}
	argv := []string{bash}
	if s.Config.Posix {
		argv = append(argv, "--posix")
	}
	argv = append(argv, s.script.path)
	n := s.p.phase
	files, ends, err := s.p.files(s.lane, phased.Hook{})
	if err != nil {
		return err
	}
	defer closeAll(ends)
	s.pidfd = -1
	sys := &syscall.SysProcAttr{PidFD: &s.pidfd, Setpgid: n.group}
	if err := s.enterCell(sys); err != nil {
		return err
	}
	pid, err := syscall.ForkExec(bash, argv, &syscall.ProcAttr{
		Dir:   string(s.setup.Surroundings.Dir),
		Env:   environment(n.env, nil),
		Files: []uintptr{uintptr(files[0]), uintptr(files[1]), uintptr(files[2])},
		Sys:   sys,
	})
	if err != nil {
		exit := explain(bash, string(s.setup.Surroundings.Dir), err)
		exit.Message = "cannot start the session: " + exit.Message
		return &phased.ExitError{Exit: *exit}
	}
	s.pid = pid
	if s.pidfd < 0 {
		if s.pidfd, err = unix.PidfdOpen(pid, 0); err != nil {
			return fmt.Errorf("cannot get a pidfd of the session: %w (needs Linux 5.4 or newer)", err)
		}
	}
	if st, err := proc.Read(pid); err == nil {
		s.start = st.Start
	}
	s.stdin, _ = os.Readlink(procFD(pid, 0)) // closed: ""
	return nil
}

// Leave ends the frame of the phase.
func (s *Session) Leave(ctx context.Context) error {
	s.leaveIdle()
	if !s.entered {
		return nil
	}
	s.entered = false
	var err error
	if !s.over {
		ctx, cancel := s.lenient(ctx)
		defer cancel()
		err = s.closeFrame(ctx)
	}
	s.spaces.settle(s)
	if s.over || errors.Is(err, errSessionGone) {
		err = nil // Close tells it
	}
	s.beginIdle()
	return err
}

// Close ends the script of the session, waits for it, and tells how it ended:
// an *phased.ExitError where its status is not 0. Where the context has ended
// before, the EXIT trap is given the grace.
func (s *Session) Close(ctx context.Context) error {
	s.leaveIdle()
	if s.pid == 0 {
		return s.release()
	}
	var err error
	if !s.over {
		ctx, cancel := s.lenient(ctx)
		defer cancel()
		err = s.end(ctx)
	}
	s.spaces.settle(s)
	tellNotices(s.secrets(), s.setup.Sink)
	exit := s.exit
	s.setup.Sink.Tell(phased.SessionEnded{Exit: exit})
	err = errors.Join(err, s.release())
	if err == nil && !exit.OK() {
		err = &phased.ExitError{Exit: exit}
	}
	return err
}

// end lets the script end naturally.
func (s *Session) end(ctx context.Context) error {
	err := s.closeFrame(ctx)
	if err == nil && !s.over {
		if err = s.tellTop("{ __phased_failures=fatal; " + s.restoreFlags() + "}" + hidden + "\n"); err == nil {
			s.script.closeWrite()
			_, err = s.await(ctx, "")
		}
	}
	if errors.Is(err, errSessionGone) {
		err = nil
	}
	return err
}

// release gives back everything that is held.
func (s *Session) release() error {
	s.script.close()
	s.answers.close()
	var err error
	if s.pid != 0 {
		err = s.closeCapture()
		unix.Close(s.pidfd)
		s.pid = 0
		s.over = true
	}
	s.lane = nil
	err = errors.Join(err, s.leaveCells(), s.p.Close(context.Background()))
	if s.ownDir {
		err = errors.Join(err, os.RemoveAll(s.dir))
		s.ownDir = false
	}
	return err
}
