package engine

import (
	"context"
	"errors"
	"time"

	"phased/internal/phased"
)

// lifecycle runs the phases, and those at the end that are due.
func (r *run) lifecycle(ctx context.Context) error {
	runCtx, cancel := limit(ctx, "run", r.plan.Lifecycle, r.plan.Timeout)
	defer cancel()
	fatal := r.phases(runCtx)
	r.settleReboot()
	if r.failureDue() {
		failCtx, cancel := r.endContext(ctx, runCtx, r.plan.Failure)
		defer cancel()
		r.failurePhase(failCtx)
	}
	for i := range r.plan.Phases {
		if p := &r.plan.Phases[i]; p.When == phased.WhenAlways {
			fatal = errors.Join(fatal, r.always(ctx, runCtx, p))
		}
	}
	return fatal
}

// phases runs those that come before the end, in order, and the success phase
// where nothing has failed.
func (r *run) phases(ctx context.Context) (fatal error) {
	goOn := true
	if r.o.Reboots > r.o.RebootLimit { // by a hook that reboots the host itself
		r.fail(phased.Failure{Exit: tooMany(r.o.Reboots, r.o.RebootLimit)})
		goOn = false
	}
	for _, p := range r.plan.Phases {
		success := p.When == phased.WhenSuccess
		if p.When == phased.WhenAlways || !goOn && !success {
			continue
		}
		switch reason, message, err := r.skip(p.Name, phased.Entry{}); {
		case err != nil:
			r.fail(phased.Failure{Phase: p.Name, Exit: internal(err)})
			goOn, fatal = false, errors.Join(fatal, err)
			continue
		case reason != "":
			r.emit(phased.PhaseSkipped{Phase: p.Name, Reason: reason, Message: message})
			continue
		case success && r.failure != nil:
			r.emit(phased.PhaseSkipped{Phase: p.Name, Reason: phased.SkippedFailed, Message: "the run has failed"})
			continue
		case success && r.reboot.due:
			r.emit(phased.PhaseSkipped{Phase: p.Name, Reason: phased.SkippedWaiting, Message: waitsFirst})
			continue
		case success && !goOn: // the session has ended half-way, and well
			r.emit(phased.PhaseSkipped{Phase: p.Name, Reason: phased.SkippedFailed, Message: "the phases before it have not all ended"})
			continue
		}
		more, err := r.phase(ctx, p)
		fatal = errors.Join(fatal, err)
		goOn = more && !r.reboot.due
	}
	return fatal
}

const waitsFirst = "the run waits for a reboot, and goes on after it"

// skip asks whether a phase or a hook of it is not run.
func (r *run) skip(phase string, e phased.Entry) (reason, message string, err error) {
	if r.o.Skip == nil {
		return "", "", nil
	}
	return r.o.Skip(phase, e)
}

// failureDue reports whether the failure phase is to run.
func (r *run) failureDue() bool {
	if r.failure == nil || r.plan.Failure == nil || r.killed() {
		return false
	}
	return !r.o.NoFailurePhaseOnStop || r.failure.Exit.Cause != phased.CauseStopped
}

// endContext is that of a phase at the end of the run: it ends at the limit of
// that phase and when Kill is closed. It outlives the cancel of ctx, unless a stop
// leaves the failure phase out.
func (r *run) endContext(ctx, runCtx context.Context, p *phased.PlannedPhase) (context.Context, context.CancelFunc) {
	ends := p.Timeout
	if ends == 0 {
		ends = r.plan.FailureLimit
	}
	outlives := context.WithoutCancel(ctx)
	if r.o.NoFailurePhaseOnStop && p.Failure {
		outlives = ctx
	}
	c, cancel := context.WithCancelCause(outlives)
	c, cancelLimit := limit(c, "phase", p.Name, ends)
	cancelRun := func() {}
	if deadline, ok := runCtx.Deadline(); ok && p.Failure && r.o.TimeoutStrikesOnce && runCtx.Err() == nil {
		c, cancelRun = context.WithDeadlineCause(c, deadline,
			&phased.Timeout{Of: "run", Name: r.plan.Lifecycle, Limit: time.Duration(r.plan.Timeout)})
	}
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-r.o.Kill:
			cancel(killCause(ctx))
		case <-quit:
		}
	}()
	return c, func() { close(quit); <-gone; cancelRun(); cancelLimit(); cancel(nil) }
}

// killCause is the cause of what is ended because Kill was closed.
func killCause(ctx context.Context) error {
	if s, ok := errors.AsType[*phased.StopRequest](context.Cause(ctx)); ok {
		return s
	}
	return &phased.StopRequest{Signal: 9}
}

func (r *run) killed() bool {
	select {
	case <-r.o.Kill:
		return true
	default:
		return false
	}
}

// limit is context.WithTimeoutCause, with 0 for no limit.
func limit(ctx context.Context, of, name string, d phased.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, time.Duration(d), &phased.Timeout{Of: of, Name: name, Limit: time.Duration(d)})
}
