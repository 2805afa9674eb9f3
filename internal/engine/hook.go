package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"phased/internal/phased"
)

// turn is what is known of a hook when its turn comes.
type turn struct {
	why string // why it runs, where that is not matter of course
	err error  // why it cannot
}

// inputs adds to an entry the files that it depends on, as they are now.
func (r *run) inputs(e *phased.Entry) error {
	if len(e.Inputs) == 0 || r.o.Inputs == nil {
		return nil
	}
	var err error
	e.InputFiles, err = r.o.Inputs(*e)
	return err
}

// cannotRun is the result of a hook that could not be started.
func cannotRun(err error) phased.Result {
	return phased.Result{Exit: phased.Exit{Cause: phased.CauseCannotRun, Status: 126, Message: err.Error()}}
}

// exec lets the executor run the hook, with what Before has for it. let
// tells that Before let it.
func (r *run) exec(ctx context.Context, h phased.Hook) (res phased.Result, let bool, err error) {
	if before := r.o.Before; before != nil {
		if err := before(&h); err != nil {
			return cannotRun(err), false, nil //nolint:nilerr // the hook has failed, and phased has not
		}
	}
	res, err = r.o.Executor.Exec(ctx, h)
	if err != nil {
		res.Exit = internal(err)
	}
	return res, true, err
}

// hookOf is the hook that an entry is.
func (r *run) hookOf(p phased.PlannedPhase, e phased.Entry, why string) phased.Hook {
	h := phased.Hook{Phase: p.Name, Name: e.Name, Path: e.Path, Args: e.Args, Plugin: e.Plugin, Timeout: e.Timeout, Leak: e.LeakPolicy(), Inputs: e.InputFiles, Why: why, Locks: e.Locks, Attempt: 1}
	if p.Calls != "" {
		h.Run = r.o.NewID()
	}
	switch h.Timeout {
	case 0:
		h.Timeout = p.HookTimeout
	case phased.NoLimit:
		h.Timeout = 0
	}
	if r.o.HookEnv != nil {
		h.Env = r.o.HookEnv(p.Name, e.Name)
	}
	if p.Failure {
		h.Env = slices.Concat(h.Env, r.failureEnv)
	}
	return h
}

// hook runs one hook and returns its failure, if any.
func (r *run) hook(ctx context.Context, p phased.PlannedPhase, e phased.Entry, t turn) (*phased.Failure, error) {
	h := r.hookOf(p, e, t.why)
	release, exit, locked := r.lock(ctx, h)
	defer release()
	hctx, cancel := limit(ctx, "hook", string(h.Name), h.Timeout)
	defer cancel()
	began := time.Now()
	r.started = false
	var res phased.Result
	var err error
	let := false // Before has let it run, so that After looks at what it left
	switch {
	case !locked:
		res.Exit = exit
	case t.err != nil:
		res = cannotRun(t.err)
	default:
		res, let, err = r.exec(hctx, h)
	}
	if res.Skipped != "" && err == nil {
		r.emit(phased.HookSkipped{Phase: p.Name, Hook: e.Name, Path: e.Path, Reason: phased.SkippedNotReadable, Message: res.Skipped})
		return nil, nil
	}
	if !r.started { // it could not be run: it is on record all the same
		r.Started(h, phased.Process{})
	}
	down := err == nil && r.asks(p, e, &res)
	var found []phased.Payload
	if let && r.o.After != nil {
		var aerr error
		if found, aerr = r.o.After(h, &res); aerr != nil && err == nil {
			err, res.Exit = aerr, internal(aerr)
		}
	}
	if res.OK() && err == nil && (e.Limited() || len(e.When) > 0) && r.o.Remember != nil {
		if err = r.o.Remember(p.Name, e); err != nil {
			err = fmt.Errorf("%s has ended well, and that cannot be remembered: %w", e.Name, err)
			res.Exit = internal(err)
		}
	}
	ignored := p.OnFailure == phased.Shell && res.Cause == phased.CauseExit && !res.Ended
	r.emit(append([]phased.Payload{phased.HookFinished{
		Phase: p.Name, Hook: e.Name, Exit: res.Exit, Took: time.Since(began), Usage: res.Usage,
		Out: res.Out, Err: res.Err, Files: res.Files, Left: res.Left,
		LeftBehind: res.LeftBehind, LeftMore: res.LeftMore, Leak: res.Leak,
		Ended: res.Ended, Ignored: ignored, Trace: res.Trace,
	}}, found...)...)
	r.over = r.over || res.Ended
	if !p.Failure {
		r.ran++
	}
	if res.OK() || down {
		return nil, err
	}
	if !p.Failure {
		r.failed++
	}
	if ignored {
		return nil, err
	}
	return &phased.Failure{Phase: p.Name, Hook: e.Name, Path: e.Path, Exit: res.Exit, Trace: res.Trace}, err
}

// lock takes the locks that a hook has. ok tells that it has them; otherwise exit
// is how the hook has ended.
func (r *run) lock(ctx context.Context, h phased.Hook) (release func(), exit phased.Exit, ok bool) {
	if len(h.Locks) == 0 || r.o.Lock == nil {
		return func() {}, exit, true
	}
	release, err := r.o.Lock(ctx, h, func(message string) {
		r.emit(phased.HookWarning{Phase: h.Phase, Hook: h.Name, Code: phased.WarnLock, Message: message})
	})
	switch {
	case err == nil:
		return release, exit, true
	case ctx.Err() != nil:
		return func() {}, phased.ExitByCause(context.Cause(ctx)), false
	}
	return func() {}, cannotRun(err).Exit, false
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
