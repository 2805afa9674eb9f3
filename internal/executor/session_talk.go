package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"phased/internal/phased"
)

// record is one thing that the shell has said.
type record []string

func (r record) what() string { return r.field(-1) }

func (r record) field(i int) string {
	if i+1 < len(r) {
		return r[i+1]
	}
	return ""
}

// await waits until the shell says one thing, and for its end where that is "".
// The error is errSessionGone where it has ended.
func (s *Session) await(ctx context.Context, what string) (record, error) {
	return s.awaitFor(ctx, func(r record) bool { return what != "" && r.what() == what })
}

func (s *Session) awaitFor(ctx context.Context, until func(record) bool) (record, error) {
	stop := context.AfterFunc(ctx, s.lane.wake.signal)
	defer stop()
	s.lane.cap.interrupt = interruptedBy(ctx, s.setup.Kill)
	if s.last.Path == "" { // nobody whose output it could be: it waits
		fds := s.lane.cap.fds
		s.lane.cap.fds = [2]int{-1, -1}
		defer func() { s.lane.cap.fds = fds }()
	}
	_, got, err := s.listen(ctx, phased.Hook{Phase: s.phase.Name, Name: s.last.Name}, time.Time{}, until)
	return got, err
}

// listen waits until the shell says what satisfies until. It keeps what is said
// of failures, and ends the session where the context ends.
func (s *Session) listen(ctx context.Context, h phased.Hook, askAt time.Time, until func(record) bool) (*job, record, error) {
	j := &job{p: &s.p, lane: s.lane, hook: h, setup: s.setup, pid: s.pid, pidfd: s.pidfd, start: s.start}
	if s.cells != nil {
		j.cell = s.cells
	}
	var got record
	j.session = &talk{exiting: func() bool { return s.exiting }, fd: s.answers.r, ask: s.probe, askAt: askAt, hear: func() (bool, error) {
		for s.heard.read(s.answers.r) {
		}
		for got == nil {
			fields, err := s.heard.next()
			if fields == nil || err != nil {
				return false, err
			}
			if r := record(fields); until(r) {
				got = r
			} else {
				s.note(r)
			}
		}
		if j.ending != nil { // it lives on, and is to end
			s.script.closeWrite()
		}
		return true, nil
	}}
	// What is awaited may have come with what was awaited before.
	if answered, err := j.session.hear(); err != nil || answered {
		if err != nil {
			s.over = true
			return j, nil, j.abandon(err)
		}
		return j, got, nil
	}
	if err := j.wait(ctx); err != nil {
		s.over = true
		return j, nil, j.abandon(err)
	}
	if !j.gone {
		return j, got, nil
	}
	return j, got, s.reap(ctx, j, got)
}

// reap waits for the session, which has ended.
func (s *Session) reap(ctx context.Context, j *job, got record) error {
	s.over = true
	ws, ru, err := reap(s.pid)
	if err != nil {
		return fmt.Errorf("cannot wait for the session: %w", err)
	}
	s.ru, s.exit = ru, exitOf(ws)
	if j.ending == nil && ws.Signaled() && j.stoppedByTerminal(ctx, ws.Signal()) {
		j.ending = s.p.end(ctx)
	}
	if j.ending != nil {
		signal := 0
		if ws.Signaled() {
			signal = int(ws.Signal())
		}
		s.exit = j.ending.exit
		s.exit.Signal = signal
	}
	if got != nil && j.ending == nil {
		return nil
	}
	return errSessionGone
}

// note keeps what is said of failures.
func (s *Session) note(r record) {
	s.exiting = s.exiting || r.what() == saidExit
	if s.run == nil {
		return
	}
	switch r.what() {
	case saidErr, saidExit, saidCall:
		if f, ok := s.readFailure(r); ok {
			s.run.failures = append(s.run.failures, f)
		}
	}
}

// probe finds out whether the shell still waits for the end of the hook. A line
// that it reads shows that it has dropped the hook, or takes no orders any more.
func (s *Session) probe(now time.Time) time.Time {
	switch {
	case s.run == nil || s.over:
		return time.Time{}
	case !s.run.probed:
		s.run.probed = true
		if s.script.write(s.goAhead(s.readOn())) != nil {
			return time.Time{}
		}
	case s.script.empty():
		if s.run.unread++; s.run.unread > 2 {
			s.script.closeWrite() // it reads, and does nothing: that is its end
			return time.Time{}
		}
	}
	return now.Add(slow)
}

// closeCapture takes what can still be read of the output of the session, which
// has ended, and leaves the rest to a process that outlives this one.
func (s *Session) closeCapture() error {
	c := &s.lane.cap
	if s.p.Output == Inherited {
		return nil
	}
	left, err := c.finish()
	if left {
		err = errors.Join(err, s.p.left.add(s.last, s.setup.Sink, c))
	}
	return err
}

// ofHooks returns those letters of flags that are switched off while phased
// speaks.
func ofHooks(flags string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("evxuET", r) {
			return r
		}
		return -1
	}, flags)
}

// letters returns the letters of the options that are switched on while hooks
// run, and not while phased speaks.
func letters(options []string) string {
	known := map[string]string{"errexit": "e", "nounset": "u", "xtrace": "x", "verbose": "v"}
	var all []string
	for _, o := range options {
		all = append(all, known[o])
	}
	return strings.Join(all, "")
}

// restoreFlags gives the options back to the hooks.
func (s *Session) restoreFlags() string {
	if f := ofHooks(s.flags); f != "" {
		return "'builtin' set -" + f + "; "
	}
	return "'builtin' set +e; "
}
