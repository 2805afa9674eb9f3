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
		first, err = r.hooks(pctx, p)
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
	s := phased.PhaseStarted{Phase: planned.Name, Failure: planned.Failure, Dirs: p.Dirs, Missing: p.Missing, Entries: p.Entries}
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

// hooks runs the hooks of the phase and returns the first failure among them.
func (r *run) hooks(ctx context.Context, p phased.PlannedPhase) (first *phased.Failure, err error) {
	for _, e := range p.Entries {
		if e.Verdict != phased.VerdictRun {
			continue
		}
		if r.reboot.due && !p.Failure {
			r.reboot.cut = true
			return first, nil
		}
		inputErr := r.inputs(&e)
		reason, message, err := r.skip(p.Name, e)
		if err != nil {
			return first, err
		}
		if reason != "" {
			r.emit(phased.HookSkipped{Phase: p.Name, Hook: e.Name, Path: e.Path, Reason: reason, Message: message})
			continue
		}
		if exit, ended := endedBy(ctx); ended {
			return orFailure(first, phased.Failure{Phase: p.Name, Exit: exit}), nil
		}
		if lost := r.recordFailure(p.Name); lost != nil && !p.Failure { // the phase's start, or what was passed over
			return orFailure(first, *lost), nil
		}
		f, err := r.hook(ctx, p, e, turn{why: message, err: inputErr})
		if f != nil {
			first = orFailure(first, *f)
		}
		if err = errors.Join(err, r.between()); err != nil {
			return first, err
		}
		if lost := r.recordFailure(p.Name); lost != nil && !p.Failure {
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

// failurePhase runs the failure phase with the story of the failure. What
// fails in it is recorded and changes neither cause nor exit code.
func (r *run) failurePhase(ctx context.Context) {
	planned := *r.plan.Failure
	began := time.Now()
	f := *r.failure
	r.failureEnv = []phased.Text{
		phased.Text("PHASED_FAILED_PHASE=" + f.Phase),
		"PHASED_FAILED_HOOK=" + f.Hook,
		phased.Text("PHASED_FAILED_CAUSE=" + string(f.Exit.Cause)),
		phased.Text(fmt.Sprintf("PHASED_FAILED_STATUS=%d", f.Exit.Status)),
	}
	if r.o.FailureEnv != nil {
		if r.o.Clean != nil { // it is written to a file, and looked for in the record
			if told, ok := r.o.Clean(phased.RunFailed{Failure: f}).(phased.RunFailed); ok {
				f = told.Failure
			}
		}
		r.failureEnv = append(r.failureEnv, r.o.FailureEnv(f)...)
	}
	p, err := r.enter(ctx, planned)
	status := phased.StatusSucceeded
	var first *phased.Failure
	if err == nil {
		first, err = r.hooks(ctx, p)
		first, err = r.leave(ctx, planned.Name, first, err)
	}
	if err != nil && first == nil {
		first = &phased.Failure{Phase: planned.Name, Exit: exitOf(err)}
	}
	if first != nil {
		status = phased.StatusOf(first.Exit.Cause)
		if first.Hook == "" {
			r.emit(phased.RunWarning{Message: fmt.Sprintf("failure phase %s: %s", planned.Name, first.Exit.Message)})
		}
	}
	r.emit(phased.PhaseFinished{Phase: planned.Name, Status: status, Took: time.Since(began)})
}

// endedBy returns how a context ended, as the exit of what it should have run.
func endedBy(ctx context.Context) (phased.Exit, bool) {
	if ctx.Err() == nil {
		return phased.Exit{}, false
	}
	return phased.ExitByCause(context.Cause(ctx)), true
}
