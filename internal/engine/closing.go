package engine

import (
	"context"
	"fmt"
	"time"

	"phased/internal/phased"
)

// story makes what the hooks of a phase at the end are told of the run: what has
// made it fail, and for one that runs always how it has gone so far.
func (r *run) story(always bool) {
	if r.failure != nil && r.failureStory == nil {
		r.failureStory = r.failureEnv(*r.failure)
	}
	r.storyEnv = r.failureStory
	if !always {
		return
	}
	status := phased.StatusSucceeded
	if r.failure != nil {
		status = phased.StatusOf(r.failure.Exit.Cause)
	}
	r.storyEnv = append([]phased.Text{phased.Text("PHASED_RUN_STATUS=" + string(status))}, r.failureStory...)
}

// failureEnv is the story of a failure.
func (r *run) failureEnv(f phased.Failure) []phased.Text {
	env := []phased.Text{
		phased.Text("PHASED_FAILED_PHASE=" + f.Phase),
		"PHASED_FAILED_HOOK=" + f.Hook,
		phased.Text("PHASED_FAILED_CAUSE=" + string(f.Exit.Cause)),
		phased.Text(fmt.Sprintf("PHASED_FAILED_STATUS=%d", f.Exit.Status)),
	}
	if r.o.FailureEnv == nil {
		return env
	}
	if r.o.Clean != nil { // it is written to a file, and looked for in the record
		if told, ok := r.o.Clean(phased.RunFailed{Failure: f}).(phased.RunFailed); ok {
			f = told.Failure
		}
	}
	return append(env, r.o.FailureEnv(f)...)
}

// failurePhase runs the failure phase with the story of the failure. What
// fails in it is recorded and changes neither cause nor exit code.
func (r *run) failurePhase(ctx context.Context) {
	if first, _ := r.atEnd(ctx, *r.plan.Failure); first != nil && first.Hook == "" {
		r.emit(phased.RunWarning{Message: fmt.Sprintf("failure phase %s: %s", first.Phase, first.Exit.Message)})
	}
}

// always runs a phase that runs whatever happened, unless the run waits for a
// reboot (then it runs when the run goes on, and ends) or was told to stop for the
// second time. What fails in it makes a run fail that had not failed until then.
func (r *run) always(ctx, runCtx context.Context, p *phased.PlannedPhase) error {
	reason, message, err := r.skip(p.Name, phased.Entry{})
	switch {
	case err != nil:
		r.fail(phased.Failure{Phase: p.Name, Exit: internal(err)})
		return err
	case reason != "":
	case r.killed():
		reason, message = phased.SkippedKilled, "told to stop for the second time"
	case r.failure == nil && r.reboot.due:
		reason, message = phased.SkippedWaiting, waitsFirst
	}
	if reason != "" {
		r.emit(phased.PhaseSkipped{Phase: p.Name, Reason: reason, Message: message})
		return nil
	}
	ctx, cancel := r.endContext(ctx, runCtx, p)
	defer cancel()
	first, err := r.atEnd(ctx, *p)
	if first != nil {
		r.fail(*first)
	}
	return err
}

// atEnd runs a phase at the end of the run, with its story. The error is phased's
// own.
func (r *run) atEnd(ctx context.Context, planned phased.PlannedPhase) (first *phased.Failure, fatal error) {
	began := time.Now()
	r.story(planned.When == phased.WhenAlways)
	p, err := r.enter(ctx, planned)
	if err == nil {
		first, err = r.hooks(ctx, &p)
		first, err = r.leave(ctx, planned.Name, first, err)
	}
	if err != nil {
		first = orFailure(first, phased.Failure{Phase: planned.Name, Exit: exitOf(err)})
		if exitOf(err).Cause == phased.CauseInternal {
			fatal = err
		}
	}
	status := phased.StatusSucceeded
	if first != nil {
		status = phased.StatusOf(first.Exit.Cause)
	}
	r.emit(phased.PhaseFinished{Phase: planned.Name, Status: status, Took: time.Since(began)})
	return first, fatal
}
