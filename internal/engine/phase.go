package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"phased/internal/phased"
)

// phase runs one phase. It reports whether the lifecycle goes on; the error is
// phased's own.
func (r *run) phase(ctx context.Context, planned phased.PlannedPhase) (goOn bool, fatal error) {
	began := time.Now()
	pctx, cancel := limit(ctx, "phase", planned.Name, planned.Timeout)
	defer cancel()
	if exit, ended := endedBy(ctx); ended {
		r.fail(phased.Failure{Phase: planned.Name, Exit: exit})
		return false, nil
	}
	p, err := r.enter(pctx, planned)
	var first *phased.Failure // of this phase
	if err == nil {
		first, err = r.hooks(pctx, &p)
		first, err = r.leave(pctx, planned.Name, first, err)
	}
	if err != nil {
		first = orFailure(first, phased.Failure{Phase: planned.Name, Exit: exitOf(err)})
		if exitOf(err).Cause == phased.CauseInternal {
			fatal = err
		}
	}
	r.rebootAfter(phased.RebootAfterPhase)
	status, refused := phased.StatusSucceeded, false
	if r.reboot.cut {
		status = phased.StatusWaiting
	}
	if first != nil {
		r.fail(*first)
		status, refused = phased.StatusOf(first.Exit.Cause), first.Exit.Cause == phased.CauseTrust
	}
	r.emit(phased.PhaseFinished{Phase: planned.Name, Status: status, Took: time.Since(began)})
	if lost := r.recordFailure(planned.Name); lost != nil {
		r.fail(*lost)
		return false, fatal
	}
	if r.over {
		return false, fatal
	}
	return first == nil || (planned.OnFailure == phased.Continue && !refused && ctx.Err() == nil && fatal == nil), fatal
}

// enter lists the phase as it is now and records it. A phase that cannot be
// entered comes back as an error: a *phased.ExitError where it is the phase's
// fault.
func (r *run) enter(ctx context.Context, planned phased.PlannedPhase) (phased.PlannedPhase, error) {
	p, err := r.o.Executor.Enter(ctx, planned, r.setup)
	s := phased.PhaseStarted{Phase: planned.Name, Failure: planned.Failure, When: planned.When, Parallel: planned.Parallel, Dirs: p.Dirs, Missing: p.Missing, Entries: p.Entries}
	if err == nil {
		s.Differences = r.o.Compare(planned, p)
	}
	if s.Entries == nil {
		s.Entries = []phased.Entry{}
	}
	r.emit(s)
	r.lookAlikes(p)
	switch {
	case err != nil:
		return p, err
	case p.Missing && !p.Optional:
		err = listError("phase %s: no hook tree has the directory %s", p.Name, p.Dir)
	case r.plan.Pinned && len(s.Differences) > 0:
		d := s.Differences[0]
		err = listError("phase %s is not as planned and its list is pinned: %s: %s (%d differences)", p.Name, d.Name, d.What, len(s.Differences))
	}
	if err != nil {
		err = errors.Join(err, r.o.Executor.Leave(ctx))
	}
	return p, err
}

// lookAlikes warns of entries that are no hooks and may have been meant to be:
// once a run, though every point lists them.
func (r *run) lookAlikes(p phased.PlannedPhase) {
	for _, e := range p.Entries {
		if !e.LooksLikeHook() || r.warned[e.Path] {
			continue
		}
		if r.warned == nil {
			r.warned = map[phased.Text]bool{}
		}
		r.warned[e.Path] = true
		r.emit(phased.HookWarning{Phase: p.Name, Hook: e.Name, Code: phased.WarnLookAlike, Message: "is not sourced: " + e.Detail, File: e.Path})
	}
}

func listError(format string, args ...any) error {
	return &phased.ExitError{Exit: phased.Exit{Cause: phased.CauseList, Status: exitInvalid, Message: fmt.Sprintf(format, args...)}}
}

// exitOf returns the Exit of a phase that failed by err.
func exitOf(err error) phased.Exit {
	if e, ok := errors.AsType[*phased.ExitError](err); ok {
		return e.Exit
	}
	return internal(err)
}

func orFailure(first *phased.Failure, f phased.Failure) *phased.Failure {
	if first == nil {
		return &f
	}
	return first
}

// recordFailure returns the failure of a run that cannot be recorded; nil where
// it can.
func (r *run) recordFailure(phase string) *phased.Failure {
	if r.unrecorded() == nil {
		return nil
	}
	return &phased.Failure{Phase: phase, Exit: internal(fmt.Errorf("cannot record the run: %w", r.unrecorded()))}
}

// leave ends the phase at the executor, which may have the last word on a phase
// that has not failed.
func (r *run) leave(ctx context.Context, phase string, first *phased.Failure, err error) (*phased.Failure, error) {
	lerr := r.o.Executor.Leave(ctx)
	if lerr == nil || first != nil || err != nil {
		return first, err
	}
	if e, ok := errors.AsType[*phased.ExitError](lerr); ok {
		return &phased.Failure{Phase: phase, Exit: e.Exit}, nil
	}
	return nil, lerr
}

// endedBy returns how a context ended, as the exit of what it should have run.
func endedBy(ctx context.Context) (phased.Exit, bool) {
	if ctx.Err() == nil {
		return phased.Exit{}, false
	}
	return phased.ExitByCause(context.Cause(ctx)), true
}

// between lets what the hooks that have ended left count from now on.
func (r *run) between() error {
	if r.o.Between == nil {
		return nil
	}
	found, err := r.o.Between()
	r.emit(found...)
	return err
}
