package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"phased/internal/phased"
)

// run is one execution. mu guards the event stream: events come from the loop,
// from hooks that run together and from what hooks left behind.
//
//	phase: Enter ► hook … hook ► Leave      a failure, by policy:
//	  stop         ends the phase and the lifecycle   ► failure phase
//	  finish-phase runs the rest of the phase         ► failure phase
//	  continue     runs the rest of the lifecycle     ► failure phase
//
//	phases ► success phase, where nothing has failed ► failure phase, where
//	something has ► phases that run always
//
// Hooks that run beside each other share of it what has a lock of its own (the
// event stream, begun, out); the loop alone has the rest, and takes over what they
// left when all of them have ended.
type run struct {
	plan  phased.Plan
	o     Options
	began time.Time

	mu        sync.Mutex
	fold      phased.Run
	recordErr error

	failure *phased.Failure
	warned  map[phased.Text]bool // entries that look like hooks and are none
	over    bool                 // the session has ended: nothing can follow
	reboot  reboot
	ran     int
	failed  int
	begun   begun
	out     outside
	setup   phased.Setup
	// storyEnv is how the run has gone, for the hooks of the phases at its end, and
	// failureStory what of it is about the failure.
	storyEnv, failureStory []phased.Text
}

// Run executes the plan and returns the fold of its events. The error is
// phased's own: that the run could not be recorded or the executor not go on;
// the run's exit code then is 74. A failed hook is no error.
//
// A ctx that ends with a *phased.StopRequest as its cause ends the running hook
// and then runs the failure phase, which a ctx cannot end: only Kill does.
func Run(ctx context.Context, p phased.Plan, o Options) (phased.Run, error) {
	if o.Compare == nil {
		o.Compare = func(_, _ phased.PlannedPhase) []phased.Difference { return nil }
	}
	if o.ExitCode == nil {
		o.ExitCode = ExitCode
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	r := &run{plan: p, o: o, out: outside{o: &o}, began: time.Now()}
	r.setup = phased.Setup{Surroundings: p.Surroundings, Sink: r, Grace: time.Duration(p.Grace), Kill: o.Kill}
	r.emit(r.start())
	if r.recordErr != nil && !o.RecordOptional {
		return r.fold, fmt.Errorf("cannot record the run: %w", errors.Join(r.recordErr, o.Executor.Close(ctx)))
	}
	stopWatch := r.watch(ctx)
	err := r.lifecycle(ctx)
	stopWatch()
	return r.finish(errors.Join(err, r.close(ctx)))
}

// close ends the executor, which may have the last word on a run that has not
// failed.
func (r *run) close(ctx context.Context) error {
	err := r.o.Executor.Close(ctx)
	if e, ok := errors.AsType[*phased.ExitError](err); ok {
		r.fail(phased.Failure{Exit: e.Exit})
		return nil
	}
	return err
}

func (r *run) start() phased.RunStarted {
	s := r.o.Start
	s.Lifecycle, s.Base, s.Roots, s.Settings = r.plan.Lifecycle, r.plan.Base, r.plan.Roots, r.plan.Settings
	s.PlanDigest = r.plan.Digest
	if s.Surroundings.Env == nil {
		s.Surroundings = r.plan.Surroundings
	}
	for _, p := range r.plan.Phases {
		s.Phases = append(s.Phases, p.Name)
		s.Hooks += len(p.Hooks())
	}
	return s
}

// watch records stop requests as they come. The function that it returns waits
// until no more can be recorded.
func (r *run) watch(ctx context.Context) (stop func()) {
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		asked, kill := ctx.Done(), r.o.Kill
		for {
			select {
			case <-asked:
				asked = nil
				if s, ok := errors.AsType[*phased.StopRequest](context.Cause(ctx)); ok {
					r.emit(phased.RunStopping{Signal: phased.SignalName(s.Signal)})
				}
			case <-kill:
				kill = nil
				r.emit(phased.RunStopping{Signal: "SIGKILL", Kill: true})
			case <-quit:
				return
			}
		}
	}()
	return func() { close(quit); <-gone }
}

// fail notes a failure. The first one is the run's cause.
func (r *run) fail(f phased.Failure) {
	if r.failure != nil {
		return
	}
	r.failure = &f
	r.emit(phased.RunFailed{Failure: f})
}

// emit makes the next events and puts them on record together.
func (r *run) emit(data ...phased.Payload) {
	if clean := r.o.Clean; clean != nil {
		for i := range data {
			data[i] = clean(data[i])
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var events []phased.Event
	for _, d := range data {
		if r.fold.Status.Final() {
			break
		}
		e := phased.Event{Run: r.o.ID, Seq: r.fold.Seq + 1, Time: time.Now().UTC(), Mono: time.Since(r.began), Data: d}
		r.fold.Apply(e)
		events = append(events, e)
	}
	if len(events) == 0 {
		return
	}
	if r.recordErr == nil {
		if r.recordErr = r.o.Record(events...); r.recordErr == nil {
			return
		}
	}
	if r.o.Unrecorded != nil {
		for _, e := range events {
			r.o.Unrecorded(e)
		}
	}
}

// unrecorded returns the error that keeps the run from being recorded, where
// the run must not go on for it.
func (r *run) unrecorded() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.o.RecordOptional {
		return nil
	}
	return r.recordErr
}

func (r *run) finish(err error) (phased.Run, error) {
	if e := r.unrecorded(); e != nil {
		err = errors.Join(fmt.Errorf("cannot record the run: %w", e), err)
	}
	if err != nil && r.failure == nil {
		r.fail(phased.Failure{Exit: internal(err)})
	}
	end := phased.RunFinished{Status: phased.StatusSucceeded, Failure: r.failure, Took: time.Since(r.began), Ran: r.ran, Failed: r.failed}
	if r.failure != nil {
		end.Status, end.ExitCode = phased.StatusOf(r.failure.Exit.Cause), r.exitCode(r.failure.Exit)
	}
	if r.failure == nil && r.reboot.due {
		w := r.waits()
		w.Took = time.Since(r.began)
		r.emit(w)
	} else {
		r.emit(end)
	}
	if e := r.unrecorded(); e != nil && err == nil {
		err = fmt.Errorf("cannot record the run: %w", e)
		if r.fold.ExitCode == 0 {
			r.fold.ExitCode = exitInternal
		}
	}
	return r.fold, err
}

// exitCode is the exit status that a failure gives the run.
func (r *run) exitCode(e phased.Exit) int {
	s := r.fold.SessionEnded
	if !r.o.SessionExit || s == nil {
		return r.o.ExitCode(e)
	}
	switch e.Cause {
	case phased.CauseTimeout, phased.CauseStopped, phased.CauseInternal:
		return r.o.ExitCode(e)
	}
	return s.Status
}
