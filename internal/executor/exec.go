package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

const (
	// ttySignalWait is how long phased waits to be told of a signal of the
	// terminal that has ended a hook in its own process group.
	ttySignalWait = 50 * time.Millisecond
	// rescan is how often a tree that was told to end is looked at again, at
	// first and at most.
	rescanFirst = 5 * time.Millisecond
	rescanLast  = 250 * time.Millisecond
	// lateAfter is how long a command that a shell has begun after it was told to
	// end may run, at most, before it is told to end as well: it may be part of a
	// trap, or what the shell was just about to do.
	lateAfter = 5 * time.Second
	// maxDoubts is how often nothing may be found of an ended hook's tree,
	// without being sure of it, before it is searched as for a kill.
	maxDoubts = 20
	// slice is how long hooks are run one after the other without letting other
	// goroutines go first.
	slice = 8 * time.Millisecond
)

// job is one hook while it runs.
//
//	running ──► told to end ──► killed
//	   └───────────┴──────────────┴──► gone
//
// A job that was told to end is over when its whole tree is gone; any other
// when its own process is.
type job struct {
	p     *Process
	lane  *lane
	hook  phased.Hook
	setup phased.Setup
	pid   int
	pidfd int
	start uint64

	ending *ending // nil: it runs
	tree   *tree   // made with ending
	gone   bool    // its own process has ended
	killed bool
	killAt time.Time
	lateAt time.Time // when what the session's shell has begun since is told, too
	scanAt time.Time
	pause  time.Duration // until the next look at the tree
	doubts int           // looks that found nothing, and were not sure

	cell    cell  // nil: none
	session *talk // of a sourced hook; nil: it is a process of its own
}

// talk is what a job has to do with the session whose process it is.
type talk struct {
	fd       int                                // to hear from; -1: nothing more
	hear     func() (answered bool, err error)  // what came from it
	ask      func(now time.Time) (at time.Time) // called at askAt; says when again
	askAt    time.Time
	exiting  func() bool // the shell has begun its EXIT trap
	answered bool        // what was awaited has come: the job is over, though its process lives
}

// ending is how a hook is ended, and what its Exit then says.
type ending struct {
	exit   phased.Exit
	signal unix.Signal
	spared int  // process group that has got it already; 0: none
	atOnce bool // without a grace
}

// Exec runs the hook. Where the context has ended, or Kill is closed, before it
// starts, it is not started, and the Exit says why. Hooks that run at once end each
// by its own context, and all by Kill.
func (p *Process) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	n := p.phase
	if n == nil {
		return phased.Result{}, fmt.Errorf("cannot run %s: %w", h.Path, errNotEntered)
	}
	l, err := p.takeLane()
	if err != nil {
		return phased.Result{}, err
	}
	defer p.giveLane(l)
	if p.told(ctx) {
		return phased.Result{Exit: p.end(ctx).exit}, nil
	}
	files, ends, err := p.files(l, h)
	if err != nil {
		return phased.Result{}, err
	}
	begin := n.place([2]int{files[1], files[2]})
	l.clock.Starting()
	c, err := p.Contain.begin(h, n.setup.Sink, n.setup.Surroundings.Umask)
	if err != nil {
		closeAll(ends)
		l.cap.close()
		return phased.Result{}, err
	}
	pid, pidfd, exit, err := p.start(h, files, c)
	closeAll(ends)
	if err != nil || exit != nil {
		if c != nil {
			c.close(true)
		}
		l.cap.close()
		if err != nil {
			return phased.Result{}, err
		}
		return phased.Result{Exit: *exit}, nil
	}
	j := &job{p: p, lane: l, hook: h, setup: n.setup, cell: c, pid: pid, pidfd: pidfd, start: l.startOf(pid, c)}
	defer unix.Close(pidfd)
	n.setup.Sink.Started(h, phased.Process{Pid: pid, Start: j.start, Files: begin})
	l.yield()
	stop := context.AfterFunc(ctx, l.wake.signal)
	defer stop()
	l.cap.interrupt = interruptedBy(ctx, n.setup.Kill)
	if err := j.wait(ctx); err != nil {
		return phased.Result{}, j.abandon(err)
	}
	return j.finish(ctx, files)
}

// files returns what the hook gets as 0, 1 and 2, and those of them that are to
// be closed once it has them.
func (p *Process) files(l *lane, h phased.Hook) (files [3]int, ends []int, err error) {
	files[0] = p.phase.stdin
	if p.Output == Inherited {
		files[1], files[2] = fileno(p.Stdout, os.Stdout), fileno(p.Stderr, os.Stderr)
		return files, nil, nil
	}
	w, err := l.cap.open(p.phase.setup.Sink, h)
	if err != nil {
		return files, nil, err
	}
	files[1], files[2] = w[0], w[1]
	return files, w[:], nil
}

func closeAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}

// told reports whether what runs is to be ended.
func (p *Process) told(ctx context.Context) bool {
	return ctx.Err() != nil || p.killNow()
}

func (p *Process) killNow() bool {
	select {
	case <-p.phase.setup.Kill:
		return true
	default:
		return false
	}
}

// end returns how a hook is ended, by the cause of the context. Where that has
// not ended, Kill was closed: a stop without a signal that is known.
func (p *Process) end(ctx context.Context) *ending {
	cause := context.Cause(ctx)
	e := &ending{exit: phased.ExitByCause(cause), signal: unix.SIGTERM}
	if e.exit.Cause == phased.CauseTimeout {
		e.atOnce = p.KillAtOnce
	} else if p.ForwardSignal {
		e.signal = unix.Signal(e.exit.Signal)
		if stop, ok := errors.AsType[*phased.StopRequest](cause); ok {
			e.spared = stop.Group
		}
	}
	return e
}

// wait returns when the job is over. Until then it reads the output.
func (j *job) wait(ctx context.Context) error {
	c := &j.lane.cap
	fds := []unix.PollFd{{Events: unix.POLLIN}, {Events: unix.POLLIN}, {Events: unix.POLLIN}, {Events: unix.POLLIN}, {Events: unix.POLLIN}}
	for {
		fds[0].Fd, fds[1].Fd = int32(j.pidfd), int32(j.lane.wake.fd)
		if j.gone {
			fds[0].Fd = -1
		}
		fds[2].Fd, fds[3].Fd, fds[4].Fd = int32(c.fds[0]), int32(c.fds[1]), -1
		if j.session != nil {
			fds[4].Fd = int32(j.session.fd)
		}
		if err := poll(fds, j.deadline()); err != nil {
			return err
		}
		now := time.Now()
		if fds[1].Revents != 0 {
			j.lane.wake.clear()
		}
		for i := range c.fds {
			if fds[2+i].Revents != 0 {
				c.read(i, now)
			}
		}
		c.tick(now)
		if fds[0].Revents != 0 {
			j.gone, j.scanAt, j.pause = true, now, rescanFirst
		}
		if j.session != nil {
			if err := j.session.turn(fds[4].Revents != 0 || fds[0].Revents != 0, now); err != nil {
				return err
			}
		}
		if j.step(ctx, now) {
			return nil
		}
	}
}

// turn hears what has come, and asks where it is time to.
func (t *talk) turn(news bool, now time.Time) error {
	if news {
		answered, err := t.hear()
		if err != nil {
			return err
		}
		t.answered = t.answered || answered
	}
	if !t.askAt.IsZero() && !now.Before(t.askAt) {
		t.askAt = t.ask(now)
	}
	return nil
}

// deadline returns when there is something to do without any news.
func (j *job) deadline() time.Time {
	d := j.lane.cap.due()
	if j.session != nil {
		d = earlier(d, j.session.askAt)
	}
	if j.ending != nil && !j.killed {
		d = earlier(earlier(d, j.killAt), j.scanAt)
	}
	return d
}

// earlier returns the earlier of two times, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// step moves the job on, and reports whether it is over.
func (j *job) step(ctx context.Context, now time.Time) bool {
	if j.ending == nil {
		if j.gone || j.session != nil && j.session.answered {
			return true // by itself, even if it was to be ended at this moment
		}
		if !j.p.told(ctx) {
			return false
		}
		j.terminate(j.p.end(ctx), now)
	}
	if !j.killed && (j.p.killNow() || !now.Before(j.killAt)) {
		j.kill()
	}
	if !j.killed && !now.Before(j.scanAt) && j.look(now) {
		return true
	}
	return j.gone && j.killed
}

// look looks whether the tree that was told to end is gone, and reports so.
func (j *job) look(now time.Time) bool {
	// Also while the hook's own process lives: what it forks now is handed on
	// to init when it ends, and would not be found then.
	clear(j.tree.old) // a pid may have been given out again
	members, sure, err := j.tree.scan()
	j.scanAt = now.Add(j.pause)
	if j.session != nil {
		j.tree.signalLate(members, j.ending.signal, !now.Before(j.lateAt) && !j.session.exiting())
	}
	if !j.gone || len(members) > 0 {
		j.pause = min(2*j.pause, rescanLast)
		return false
	}
	if sure || err != nil {
		return true
	}
	// Something keeps forking, of this hook or not. A thorough search tells.
	if j.doubts++; j.doubts == maxDoubts {
		j.kill()
	}
	return false
}

// terminate asks the tree to end, where it has a grace to do so.
func (j *job) terminate(e *ending, now time.Time) {
	j.ending = e
	j.tree = j.newTree()
	j.lateAt = now.Add(min(j.setup.Grace/2, lateAfter))
	j.killAt, j.scanAt, j.pause = now.Add(j.setup.Grace), now.Add(rescanFirst), rescanFirst
	if e.atOnce || j.p.killNow() {
		j.killAt = now
		return
	}
	j.tree.spared = e.spared
	count := j.tree.signal(e.signal)
	j.tree.resume()
	j.setup.Sink.Signalled(j.hook, e.signal, e.exit.Message, count)
}

// newTree returns the tree of what runs: of a session everything that it has
// started since its beginning.
func (j *job) newTree() *tree {
	t := newTree(j.hook, j.pid, j.pidfd, j.start, j.p.phase.group, j.p.Marker)
	t.cell = j.cell
	j.p.Contain.stilled(t)
	if _, ok := j.cell.(*reaped); ok {
		t.group = false // it has been waited for: the number may be another's
	}
	if j.session != nil && len(t.marks) > 0 {
		t.marks = t.marks[:1]
	}
	return t
}

// kill kills the tree.
func (j *job) kill() {
	j.killed = true
	reason := j.ending.exit.Message
	switch {
	case j.ending.atOnce:
	case j.p.killNow():
		reason = "told to stop at once"
	default:
		reason = fmt.Sprintf("still running %v after %s", j.setup.Grace, phased.SignalName(j.ending.signal))
	}
	count, left := j.tree.kill()
	if count > 0 {
		j.setup.Sink.Signalled(j.hook, unix.SIGKILL, reason, count)
	}
	if len(left) > 0 {
		var names []string
		for _, s := range left {
			names = append(names, fmt.Sprintf("%d (%s)", s.Pid, s.Command))
		}
		j.setup.Sink.Warning(fmt.Sprintf("processes of hook %s could not be killed: %s", j.hook.Name, strings.Join(names, ", ")))
	}
}

// abandon ends a hook that cannot be watched any more.
func (j *job) abandon(err error) error {
	if j.tree == nil {
		j.tree = j.newTree()
	}
	j.tree.kill()
	_, _, _ = j.reap()
	if j.cell != nil {
		j.cell.close(true)
	}
	j.lane.cap.close()
	return fmt.Errorf("cannot watch hook %s: %w", j.hook.Path, err)
}

// finish waits for the hook's process, which is gone, and gathers the result.
func (j *job) finish(ctx context.Context, files [3]int) (phased.Result, error) {
	ws, ru, err := j.reap()
	if err != nil {
		j.settle(&phased.Result{}, time.Now())
		j.lane.cap.close()
		return phased.Result{}, fmt.Errorf("cannot wait for hook %s: %w", j.hook.Path, err)
	}
	r := phased.Result{Exit: exitOf(ws), Usage: usage(ru)}
	if j.ending == nil && ws.Signaled() && j.stoppedByTerminal(ctx, ws.Signal()) {
		j.ending = j.p.end(ctx)
	}
	if j.ending != nil {
		signal := r.Signal
		r.Exit = j.ending.exit
		r.Signal = signal
	}
	if j.p.Output == Inherited {
		j.settle(&r, time.Now().Add(linger))
		fds := [2]int{files[1], files[2]}
		if !r.OK() {
			j.p.phase.renamed(fds) // the story of a failure names the file, as it is called now
		}
		r.Files = j.p.phase.place(fds)
		return r, nil
	}
	c := &j.lane.cap
	deadline := time.Now().Add(linger)
	r.Left, err = c.finish()
	j.settle(&r, deadline)
	if r.Left && r.Leak != phased.LeakKeep && r.Leak != "" { // its writers were killed
		var again error
		r.Left, again = c.finish()
		err = errors.Join(err, again)
	}
	r.Out, r.Err = c.count[0], c.count[1]
	if r.Left {
		err = errors.Join(err, j.p.left.add(j.hook, j.setup.Sink, c))
	}
	return r, err
}

// reap waits for the hook's own process.
func (j *job) reap() (unix.WaitStatus, unix.Rusage, error) {
	if c, ok := j.cell.(*reaped); ok {
		return c.wait()
	}
	return reap(j.pid)
}

// settle sees to what the hook, which was waited for, has left behind. After a
// time limit or a stop that is nobody, or who could not be killed.
func (j *job) settle(r *phased.Result, deadline time.Time) {
	t := j.tree
	if t == nil {
		t = j.newTree()
	}
	if t.group { // the number may be another's from now on
		t.group = false
		t.known[j.pid] = j.start
	}
	h := j.hook
	if j.ending != nil {
		h.Leak = phased.LeakKill
	}
	if err := leaks(j.cell, h, t, deadline, r); err != nil {
		j.setup.Sink.Warning(err.Error())
	}
}

// stoppedByTerminal reports whether a hook in phased's own process group was
// ended by the same ^C that tells phased to stop. The kernel told the hook
// first.
func (j *job) stoppedByTerminal(ctx context.Context, sig unix.Signal) bool {
	if j.p.phase.group || sig != unix.SIGINT && sig != unix.SIGQUIT {
		return false
	}
	select {
	case <-ctx.Done():
	case <-time.After(ttySignalWait):
		return false
	}
	var stop *phased.StopRequest
	return errors.As(context.Cause(ctx), &stop) && stop.Signal == sig
}

// exitOf returns how a process ended, by its wait status.
func exitOf(ws unix.WaitStatus) phased.Exit {
	switch {
	case ws.Signaled():
		sig := ws.Signal()
		e := phased.Exit{Cause: phased.CauseSignal, Status: 128 + int(sig), Signal: int(sig), Message: "ended by " + phased.SignalName(sig)}
		if ws.CoreDump() {
			e.Message += " (core dumped)"
		}
		return e
	case ws.ExitStatus() == 0:
		return phased.Exit{Cause: phased.CauseOK}
	}
	return phased.Exit{Cause: phased.CauseExit, Status: ws.ExitStatus(), Message: fmt.Sprintf("exit status %d", ws.ExitStatus())}
}

// usage returns what the process used. Its peak of memory counts from before
// its exec, when the memory was phased's: a smaller peak than that is unknown.
func usage(ru unix.Rusage) *phased.Usage {
	const block = 512 // what the kernel counts storage in
	u := &phased.Usage{
		User: time.Duration(ru.Utime.Nano()), System: time.Duration(ru.Stime.Nano()),
		Read: ru.Inblock * block, Written: ru.Oublock * block,
	}
	var own unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &own) == nil && ru.Maxrss > own.Maxrss {
		u.MaxRSS = ru.Maxrss << 10
	}
	return u
}
