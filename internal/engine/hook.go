package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"phased/internal/phased"
)

// turn is a hook whose turn has come, and what is known of it then.
type turn struct {
	phase *phased.PlannedPhase
	entry phased.Entry
	hook  phased.Hook
	err   error // why it cannot be run
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

// hookOf is the hook that an entry is; why tells why it runs, where that is not
// matter of course.
func (r *run) hookOf(p *phased.PlannedPhase, e phased.Entry, why string) phased.Hook {
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
	if atEndAnyway(p) {
		h.Env = slices.Concat(h.Env, r.storyEnv)
	}
	return h
}

// ending is what a run learns of a hook: of its last attempt.
type ending struct {
	never   bool // it was not started: the context had ended, or the schedule was closed
	skipped bool // it was passed over when its turn came
	failed  bool
	failure *phased.Failure // of one that has failed, where that is not ignored
	stopped bool            // because a hook that ran beside it had failed
	asked   *phased.RebootRequest
	down    bool  // the reboot that it asked for has ended it
	over    bool  // the session has ended in it
	err     error // phased's own
}

// hook runs one hook, and again where it fails and has retries left. s says when
// each attempt may begin.
//
//	waits for its turn ► attempt ► ended well, or not to be tried again
//	        └── pause, without locks ◄── failed
func (r *run) hook(ctx context.Context, t turn, s seat) ending {
	for {
		if !s.take(ctx, t.hook.Attempt == 1) {
			if t.hook.Attempt == 1 {
				return ending{never: true}
			}
			return r.cutShort(ctx, t)
		}
		release, exit, locked := r.lock(ctx, t.hook)
		end, again := r.attempt(ctx, t, exit, locked)
		release()
		s.give(t, end, again == nil)
		if again == nil {
			return end
		}
		t.hook.Attempt++
		select {
		case <-time.After(*again):
		case <-ctx.Done():
		}
	}
}

// cutShort ends a hook in the pause before its next attempt: that is on record as
// one that was ended before it could begin.
func (r *run) cutShort(ctx context.Context, t turn) ending {
	end, _ := r.attempt(ctx, t, phased.ExitByCause(context.Cause(ctx)), false)
	return end
}

// lock takes the locks that a hook has. ok tells that it has them; otherwise exit
// is how the hook has ended.
func (r *run) lock(ctx context.Context, h phased.Hook) (release func(), exit phased.Exit, ok bool) {
	release = func() {}
	if len(h.Locks) == 0 || r.o.Lock == nil {
		return release, exit, true
	}
	held, err := r.o.Lock(ctx, h, func(message string) {
		r.emit(phased.HookWarning{Phase: h.Phase, Hook: h.Name, Code: phased.WarnLock, Message: message})
	})
	switch {
	case err == nil:
		return held, exit, true
	case ctx.Err() != nil:
		exit = phased.ExitByCause(context.Cause(ctx))
		exit.Message = err.Error() // who held what it waited for
		return release, exit, false
	}
	return release, cannotRun(err).Exit, false
}

// cannotRun is the result of a hook that could not be started.
func cannotRun(err error) phased.Result {
	return phased.Result{Exit: phased.Exit{Cause: phased.CauseCannotRun, Status: 126, Message: err.Error()}}
}

// attempt runs a hook once, unless it is not to run, and puts its end on record.
// It returns the pause before the next attempt; nil: there is none.
func (r *run) attempt(ctx context.Context, t turn, exit phased.Exit, locked bool) (ending, *time.Duration) {
	h, e := t.hook, t.entry
	hctx, cancel := limit(ctx, "hook", string(h.Name), h.Timeout)
	defer cancel()
	began := time.Now()
	res, let, err := r.exec(hctx, t, exit, locked)
	if res.Skipped != "" && err == nil {
		found, err := r.out.after(h, &res, let)
		r.emit(append([]phased.Payload{phased.HookSkipped{Phase: h.Phase, Hook: e.Name, Path: e.Path, Reason: phased.SkippedNotReadable, Message: res.Skipped}}, found...)...)
		return ending{skipped: true, err: err}, nil
	}
	r.told(h) // it could not be run: it is on record all the same
	var end ending
	var nothing bool
	if err == nil {
		end.asked, nothing = r.judge(t, &res)
	}
	found, aerr := r.out.after(h, &res, let)
	if aerr != nil {
		err = errors.Join(err, aerr)
		res.Exit = internal(err)
	}
	if nothing = nothing && res.OK(); err == nil {
		r.asks(t, &res, &end)
	}
	if res.OK() && (e.Limited() || len(e.When) > 0) {
		if rerr := r.out.remember(h.Phase, e); rerr != nil {
			err = fmt.Errorf("%s has ended well, and that cannot be remembered: %w", e.Name, rerr)
			res.Exit = internal(err)
		}
	}
	pause := r.again(ctx, t, res, end)
	ignored := t.phase.OnFailure == phased.Shell && res.Cause == phased.CauseExit && !res.Ended
	f := phased.HookFinished{
		Phase: h.Phase, Hook: e.Name, Exit: res.Exit, Took: time.Since(began), Usage: res.Usage,
		Out: res.Out, Err: res.Err, Files: res.Files, Left: res.Left,
		LeftBehind: res.LeftBehind, LeftMore: res.LeftMore, Leak: res.Leak,
		Nothing: nothing, Ended: res.Ended, Ignored: ignored, Trace: res.Trace,
	}
	if pause != nil {
		f.Again, f.Pause = true, *pause
	}
	r.emit(append([]phased.Payload{f}, found...)...)
	end.over, end.err = res.Ended, err
	if end.failed = !res.OK() && !end.down; end.failed && !ignored {
		end.failure = &phased.Failure{Phase: h.Phase, Hook: e.Name, Path: e.Path, Exit: res.Exit, Trace: res.Trace}
		_, sibling := errors.AsType[*phased.SiblingFailed](context.Cause(ctx))
		end.stopped = sibling && res.Cause == phased.CauseStopped
	}
	return end, pause
}

// exec lets the executor run a hook that can be run, with what Before has for it.
// let tells that Before let it.
func (r *run) exec(ctx context.Context, t turn, exit phased.Exit, locked bool) (res phased.Result, let bool, err error) {
	switch {
	case !locked:
		return phased.Result{Exit: exit}, false, nil
	case t.err != nil:
		return cannotRun(t.err), false, nil //nolint:nilerr // the hook has failed, and phased has not
	}
	h := t.hook
	if err := r.out.before(&h); err != nil {
		return cannotRun(err), false, nil
	}
	unwatch := r.watchSlow(ctx, h)
	res, err = r.o.Executor.Exec(ctx, h)
	unwatch()
	if err != nil {
		res.Exit = internal(err)
	}
	return res, true, err
}

// judge reads the exit status of a hook by what the lifecycle and the hook itself
// have said of it: the reboots of the lifecycle first, then skip-exit, then
// allow-exit.
func (r *run) judge(t turn, res *phased.Result) (asked *phased.RebootRequest, nothing bool) {
	if res.Cause != phased.CauseExit || res.Ended {
		return nil, false
	}
	if mayReboot(t.phase) {
		if asked = r.exitAsks(t, res); asked != nil {
			return asked, false
		}
	}
	switch {
	case slices.Contains(t.entry.SkipExit, res.Status):
		res.Exit = phased.Exit{Cause: phased.CauseOK, Status: res.Status, Message: fmt.Sprintf("exit status %d: there was nothing to do", res.Status)}
		return nil, true
	case slices.Contains(t.entry.AllowExit, res.Status):
		res.Exit = phased.Exit{Cause: phased.CauseOK, Status: res.Status, Message: fmt.Sprintf("exit status %d, which allow-exit lets pass", res.Status)}
	}
	return nil, false
}

// mostPause is where the pause between attempts stops doubling.
const mostPause = 5 * time.Minute

// again returns the pause after which a hook is tried again; nil where it is not:
// it has not failed by itself, or could not be started, or has no retries left, or
// a limit that it did not set would end the pause.
func (r *run) again(ctx context.Context, t turn, res phased.Result, end ending) *time.Duration {
	if t.hook.Attempt > t.entry.Retries || end.down || res.Ended || ctx.Err() != nil {
		return nil
	}
	switch res.Cause {
	case phased.CauseExit, phased.CauseSignal, phased.CauseTimeout, phased.CauseLeak:
	default:
		return nil
	}
	pause := backoff(time.Duration(t.entry.Backoff), t.hook.Attempt, r.o.Jitter)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= pause {
		return nil
	}
	return &pause
}

// backoff is the pause behind an attempt, from 1: it doubles up to five minutes
// (one that begins longer stays as it is), give or take a fifth.
func backoff(first time.Duration, attempt int, jitter func() float64) time.Duration {
	if first <= 0 {
		return 0
	}
	pause, most := first, max(first, mostPause)
	for ; attempt > 1 && pause < most; attempt-- {
		pause *= 2
	}
	pause = min(pause, most)
	return pause - pause/5 + time.Duration(jitter()*float64(pause)*2/5)
}
