package engine

import (
	"context"
	"errors"
	"sync"

	"phased/internal/phased"
)

// hooks runs the hooks of the phase, number by number, and returns the first
// failure among them, in run order.
func (r *run) hooks(ctx context.Context, p *phased.PlannedPhase) (first *phased.Failure, err error) {
	var turns []turn
	for rest := p.Entries; len(rest) > 0; {
		var number []phased.Entry
		if number, rest = nextNumber(p, rest); len(number) == 0 {
			break
		}
		if r.reboot.due && !atEndAnyway(p) {
			r.reboot.cut = true
			return first, nil
		}
		if turns, err = r.turns(turns[:0], p, number); err != nil {
			return first, err
		}
		if len(turns) == 0 {
			continue
		}
		if exit, ended := endedBy(ctx); ended {
			return orFailure(first, phased.Failure{Phase: p.Name, Exit: exit}), nil
		}
		if lost := r.recordFailure(p.Name); lost != nil && !atEndAnyway(p) { // the phase's start, or what was passed over
			return orFailure(first, *lost), nil
		}
		f, err := r.number(ctx, p, turns)
		if f != nil {
			first = orFailure(first, *f)
		}
		if err = errors.Join(err, r.between()); err != nil {
			return first, err
		}
		if lost := r.recordFailure(p.Name); lost != nil && !atEndAnyway(p) {
			return lost, nil
		}
		if f != nil && f.Exit.Cause == phased.CauseTrust {
			return f, nil // what others can change stops the run, whatever its policy is
		}
		if f != nil && p.OnFailure == phased.Stop || r.over {
			return first, nil
		}
	}
	return first, nil
}

// atEndAnyway reports whether a phase runs also where the run goes no further: for
// a reboot, or because it cannot be recorded.
func atEndAnyway(p *phased.PlannedPhase) bool { return p.Failure || p.When == phased.WhenAlways }

// nextNumber returns the entries that run together, which may be one, and those
// behind them; entries between that do not run count with them. Without entries
// that run, it returns none.
func nextNumber(p *phased.PlannedPhase, entries []phased.Entry) (number, rest []phased.Entry) {
	for len(entries) > 0 && entries[0].Verdict != phased.VerdictRun {
		entries = entries[1:]
	}
	if len(entries) == 0 {
		return nil, nil
	}
	n := 1
	if p.Parallel == phased.ParallelSameNumber {
		for value := entries[0].NumberValue(); n < len(entries) && (entries[n].Verdict != phased.VerdictRun || entries[n].NumberValue() == value); n++ {
		}
	}
	return entries[:n], entries[n:]
}

// turns decides, in run order and before any of them begins, which hooks of a
// number run, and adds these to turns.
func (r *run) turns(turns []turn, p *phased.PlannedPhase, number []phased.Entry) ([]turn, error) {
	for _, e := range number {
		if e.Verdict != phased.VerdictRun {
			continue
		}
		cannot := r.inputs(&e)
		reason, message, err := r.skip(p.Name, e)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			r.emit(phased.HookSkipped{Phase: p.Name, Hook: e.Name, Path: e.Path, Reason: reason, Message: message})
			continue
		}
		turns = append(turns, turn{phase: p, entry: e, hook: r.hookOf(p, e, message), err: cannot})
	}
	return turns, nil
}

// number runs the hooks of one number, waits for all of them and returns the
// first failure, in run order, of one that has failed by itself.
//
// All of them run, whoever fails, so that neither the record nor the exit status
// depends on who was first; except that nothing begins any more where one has
// failed and the policy for siblings is stop, where one was refused, and where
// phased itself cannot go on.
func (r *run) number(ctx context.Context, p *phased.PlannedPhase, turns []turn) (*phased.Failure, error) {
	if len(turns) == 1 {
		one := [1]ending{r.hook(ctx, turns[0], seat{})}
		return r.settle(ctx, p, turns, one[:], nil)
	}
	nctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g := &together{r: r, phase: p, cancel: cancel}
	endings := make([]ending, len(turns))
	if r.plan.Jobs <= 1 {
		for i, t := range turns {
			endings[i] = r.hook(nctx, t, seat{g, i})
		}
		return r.settle(ctx, p, turns, endings, g.why)
	}
	g.schedule = newSchedule(turns, r.plan.Jobs)
	var all sync.WaitGroup
	for i, t := range turns {
		all.Go(func() { endings[i] = r.hook(nctx, t, seat{g, i}) })
	}
	all.Wait()
	return r.settle(ctx, p, turns, endings, g.why)
}

// seat is the place of a hook among those of its number. That of the zero value is
// always free.
type seat struct {
	g *together // nil: it is alone
	i int
}

// take waits until an attempt of the hook may begin. It reports false where the
// context ends before, or where nothing begins any more and this would be the
// first one.
func (t seat) take(ctx context.Context, first bool) bool {
	switch {
	case t.g == nil:
		return ctx.Err() == nil
	case t.g.schedule == nil:
		return ctx.Err() == nil && (!first || !t.g.over())
	}
	s := t.g.schedule
	closed := s.wait(t.i)
	select {
	case <-s.hooks[t.i].turn:
	case <-ctx.Done():
	case <-closed:
	}
	return s.begin(t.i, ctx.Err() != nil)
}

// give ends an attempt: its job and its locks are free. Before they are, the last
// attempt may keep others from beginning.
func (t seat) give(of turn, end ending, last bool) {
	if t.g == nil {
		return
	}
	if last {
		t.g.ended(of, end)
	}
	if t.g.schedule != nil {
		t.g.schedule.leave(t.i)
	}
}

// together is what hooks of one number share while they run.
type together struct {
	r        *run
	phase    *phased.PlannedPhase
	cancel   context.CancelCauseFunc
	schedule *schedule // nil: one at a time

	mu  sync.Mutex
	why error // nothing begins any more, for this
}

// ended looks at a hook that has ended: whether others may begin, or go on.
func (g *together) ended(t turn, end ending) {
	var why error
	switch f := end.failure; {
	case end.err != nil:
		why = end.err
	case !atEndAnyway(g.phase) && g.r.unrecorded() != nil:
		why = g.r.unrecorded()
	case f != nil && f.Exit.Cause == phased.CauseTrust:
		why = &phased.SiblingFailed{Phase: t.phase.Name, Hook: t.entry.Name, Refused: true}
	case f != nil && !end.stopped && g.phase.Siblings == phased.SiblingsStop:
		why = &phased.SiblingFailed{Phase: t.phase.Name, Hook: t.entry.Name}
	default:
		return
	}
	g.mu.Lock()
	if g.why == nil {
		g.why = why
	}
	g.mu.Unlock()
	if g.schedule != nil {
		g.schedule.close()
	}
	if s, ok := errors.AsType[*phased.SiblingFailed](why); ok && !s.Refused {
		g.cancel(s)
	}
}

// over reports whether nothing begins any more.
func (g *together) over() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.why != nil
}

// settle takes over, in run order, what the hooks of a number have left; why is
// the reason for which some of them did not begin.
func (r *run) settle(ctx context.Context, p *phased.PlannedPhase, turns []turn, endings []ending, why error) (first *phased.Failure, err error) {
	counts := !p.Failure
	down, never := false, false
	for i, end := range endings {
		t := turns[i]
		switch {
		case end.never:
			never = true
			if s, ok := errors.AsType[*phased.SiblingFailed](why); ok {
				r.emit(phased.HookSkipped{Phase: p.Name, Hook: t.entry.Name, Path: t.entry.Path, Reason: phased.SkippedSibling, Message: s.Error()})
			}
		case !end.skipped && counts:
			r.ran++
			if end.failed {
				r.failed++
			}
		}
		err = errors.Join(err, end.err)
		r.over = r.over || end.over
		down = down || end.down
		r.askedFor(t, end)
	}
	r.reboot.cut = r.reboot.cut || down && never
	for _, end := range endings {
		f := end.failure
		switch {
		case f == nil, end.stopped, down && goingDown(f.Exit):
		case first == nil, f.Exit.Cause == phased.CauseTrust && first.Exit.Cause != phased.CauseTrust:
			first = f
		}
	}
	if exit, ended := endedBy(ctx); first == nil && never && ended && !down {
		first = &phased.Failure{Phase: p.Name, Exit: exit}
	}
	return first, err
}
