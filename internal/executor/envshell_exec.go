package executor

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

// Exec lets bash run the hook, as a child of its own.
func (s *EnvShell) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	if s.over {
		return phased.Result{Exit: s.without()}, nil
	}
	c, err := s.capture(ctx, h)
	if err != nil {
		return phased.Result{}, err
	}
	var r phased.Result
	if err = s.script.write(s.paths.hookScript(h, c.redirect())); err == nil {
		r.Exit, err = s.awaitHook(ctx, h, c)
	}
	err = errors.Join(err, c.finish(h, &r))
	s.status = r.Status
	r.Files = s.files()
	return r, err
}

// files describes inherited output that is a regular file.
func (s *EnvShell) files() []phased.Descriptor {
	if s.Output != Inherited {
		return nil
	}
	return regular(s.outputs())
}

func (s *EnvShell) outputs() [2]int {
	return [2]int{fileno(s.Stdout, os.Stdout), fileno(s.Stderr, os.Stderr)}
}

// awaitHook waits for the status of the one hook that was started.
func (s *EnvShell) awaitHook(ctx context.Context, h phased.Hook, c *capturing) (phased.Exit, error) {
	w := s.watch(ctx, &h)
	w.capturing = c
	defer w.started(0) // at the latest
	for {
		line, err := w.next(ctx)
		var deaf *deafError
		switch {
		case errors.As(err, &deaf):
			s.deaf = true
			return phased.Exit{Cause: phased.CauseCannotRun, Status: statusCannotRun, Message: "bash did not run it: the environment files have left it in a state in which it cannot (set -n, set -r?)"}, nil
		case errors.Is(err, errShellGone):
			w.outlast(ctx)
			if ctx.Err() != nil {
				return phased.ExitByCause(context.Cause(ctx)), nil
			}
			return s.without(), nil
		case err != nil:
			return phased.Exit{}, err
		}
		if word, rest := cutWord(line); word == "ended" {
			status, _ := index(rest, 256)
			if w.asked && ctx.Err() != nil {
				return phased.ExitByCause(context.Cause(ctx)), nil
			}
			return exitOfStatus(status), nil
		}
	}
}

// without is the exit of a hook whose bash has ended, which nobody told it.
func (s *EnvShell) without() phased.Exit {
	e := s.exit()
	e.Message = "the bash that has sourced the environment files ended before the hook: " + e.Message
	if e.OK() {
		e.Cause, e.Status = phased.CauseExit, 1
	}
	return e
}

// outlast waits for the hook's process where bash has ended before it.
func (w *watcher) outlast(ctx context.Context) {
	done := ctx.Done()
	if w.asked {
		done = nil
	}
	for w.pid != 0 && proc.Alive(w.pid, w.start) {
		select {
		case <-done:
			done = nil
			w.end(ctx)
		case <-w.kill:
			w.killHook("told to stop for the second time")
		case <-w.grace:
			w.killHook("still running after the grace period")
		case <-time.After(firstLook * 50):
		}
	}
}

const (
	firstLook = 200 * time.Microsecond // for the process of a hook
	lastLook  = 50 * time.Millisecond
	slowLook  = time.Second // between two questions whether bash still does what it is told
)

// watcher waits for what bash says, and ends what runs when the context ends.
type watcher struct {
	s         *EnvShell
	hook      *phased.Hook // nil: bash itself is at work
	told      bool         // the sink knows of the hook
	pid       int          // of the hook; 0: not known
	start     uint64       // its start time; 0: not known
	asked     bool         // what runs was told to end
	kill      <-chan struct{}
	grace     <-chan time.Time
	look      time.Duration
	capturing *capturing // nil: its output is inherited
	probed    bool       // asked whether bash has said all that it had to say
}

// watch returns a watcher for what bash was told last. Where the context has
// ended before and bash only has to run its trap, it is given the grace for it.
func (s *EnvShell) watch(ctx context.Context, h *phased.Hook) *watcher {
	s.turn++
	w := &watcher{s: s, hook: h, look: firstLook}
	if h == nil && stopped(ctx) {
		w.asked, w.kill, w.grace = true, s.setup.Kill, time.After(s.setup.Grace)
	}
	return w
}

// stopped reports whether the context has ended, but not at a time limit.
func stopped(ctx context.Context) bool {
	var limit *phased.Timeout
	return ctx.Err() != nil && !errors.As(context.Cause(ctx), &limit)
}

// next returns the next line that bash says. The error is errShellGone, or a
// *deafError.
func (w *watcher) next(ctx context.Context) (string, error) {
	timer := time.NewTimer(w.look)
	defer timer.Stop()
	done := ctx.Done()
	if w.asked {
		done = nil
	}
	for {
		select {
		case line, ok := <-w.s.said:
			switch {
			case !ok || line == "gone "+w.s.paths.token:
				w.s.over = true
				return "", errShellGone
			case line == w.s.probe():
				return "", &deafError{}
			case strings.HasPrefix(line, "probe "+w.s.paths.token): // of a question that was answered
				continue
			}
			return line, nil
		case <-done:
			done = nil
			w.end(ctx)
		case <-w.kill:
			w.killHook("told to stop for the second time")
		case <-w.grace:
			w.killHook("still running after the grace period")
		case <-timer.C:
			w.tick()
			timer.Reset(w.look)
		}
	}
}

// tick looks for the hook's process, and from time to time whether bash still
// does what it is told.
func (w *watcher) tick() {
	if w.hook != nil && !w.told {
		if pid := w.find(); pid != 0 || w.look > lastLook {
			w.started(pid)
		}
	}
	if w.look = min(2*w.look, slowLook); w.look < lastLook || w.probed || !w.s.unanswered() {
		return
	}
	// bash has read on, so it has said what it had to say: before this.
	w.probed = true
	_, _ = w.s.answers.w.WriteString(w.s.probe() + "\n") // a full pipe waits for the listener
}

// find returns the pid of the hook: a child of bash that it did not have before.
func (w *watcher) find() int {
	for pid := range childSet(w.s.pid) {
		if !w.s.children[pid] {
			return pid
		}
	}
	return 0
}

// started tells of the hook, once.
func (w *watcher) started(pid int) {
	if w.told || w.hook == nil {
		return
	}
	w.told, w.pid = true, pid
	p := phased.Process{Pid: pid, Files: w.s.files()}
	if st, err := proc.Read(pid); pid != 0 && err == nil {
		p.Start, w.start = st.Start, st.Start
	}
	w.s.setup.Sink.Started(*w.hook, p)
	if w.capturing != nil {
		close(w.capturing.told)
	}
}

// end ends what runs because the context has ended: at once at a time limit,
// else by the signal that phased got, and after the grace by KILL.
func (w *watcher) end(ctx context.Context) {
	w.asked = true
	cause := context.Cause(ctx)
	if _, ok := errors.AsType[*phased.Timeout](cause); ok {
		w.killAll(cause.Error())
		return
	}
	w.kill = w.s.setup.Kill
	w.grace = time.After(w.s.setup.Grace)
	sig, spared := unix.SIGTERM, 0
	var stop *phased.StopRequest
	if errors.As(cause, &stop) && w.s.ForwardSignal {
		sig, spared = stop.Signal, stop.Group
	}
	pass := func(pid int, start uint64) {
		t := descendants(pid, start)
		t.spared = spared
		w.signalled(sig, cause.Error(), t.signal(sig))
	}
	if w.hook == nil { // what bash runs while it sources or in its trap, and bash
		pass(w.s.pid, w.s.start)
		return
	}
	pid := w.pid
	if pid == 0 {
		pid = w.find()
	}
	if pid != 0 {
		w.started(pid)
		pass(pid, w.start)
	}
}

// killHook kills the hook, so that bash can still run its EXIT trap.
func (w *watcher) killHook(reason string) {
	if w.pid == 0 {
		w.killAll(reason)
		return
	}
	w.kill, w.grace = nil, nil
	n, _ := w.s.Contain.stilled(descendants(w.pid, w.start)).kill()
	w.signalled(unix.SIGKILL, reason, n)
}

// killAll kills bash and all that descends from it.
func (w *watcher) killAll(reason string) {
	w.kill, w.grace = nil, nil
	n, _ := w.s.Contain.stilled(descendants(w.s.pid, w.s.start)).kill()
	w.signalled(unix.SIGKILL, reason, n)
}

func (w *watcher) signalled(sig unix.Signal, reason string, count int) {
	if w.hook != nil {
		w.started(w.pid)
		w.s.setup.Sink.Signalled(*w.hook, sig, reason, count)
	}
}

// descendants is the tree of a process without anything that has left it.
func descendants(pid int, start uint64) *tree {
	return newTree(phased.Hook{}, pid, -1, start, false, "")
}
