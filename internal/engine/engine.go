package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"phased/internal/phased"
)

// run is one execution. mu guards the event stream: events come from the loop
// and from what hooks left behind.
//
//	phase: Enter ► hook … hook ► Leave      a failure, by policy:
//	  stop         ends the phase and the lifecycle   ► failure phase
//	  finish-phase runs the rest of the phase         ► failure phase
//	  continue     runs the rest of the lifecycle     ► failure phase
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
	started bool // the executor has told of the hook that it was given
	setup   phased.Setup
	// failureEnv is the story of the failure, for the hooks of the failure phase.
	failureEnv []phased.Text
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
	r := &run{plan: p, o: o, began: time.Now()}
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

// lifecycle runs the phases, and the failure phase where one is due.
func (r *run) lifecycle(ctx context.Context) error {
	runCtx, cancel := limit(ctx, "run", r.plan.Lifecycle, r.plan.Timeout)
	defer cancel()
	var fatal error
	phases := r.plan.Phases
	if r.o.Reboots > r.o.RebootLimit { // by a hook that reboots the host itself
		r.fail(phased.Failure{Exit: tooMany(r.o.Reboots, r.o.RebootLimit)})
		phases = nil
	}
	for _, p := range phases {
		reason, message, err := r.skip(p.Name, phased.Entry{})
		if err != nil {
			return errors.Join(fatal, err)
		}
		if reason != "" {
			r.emit(phased.PhaseSkipped{Phase: p.Name, Reason: reason, Message: message})
			continue
		}
		goOn, err := r.phase(runCtx, p)
		fatal = errors.Join(fatal, err)
		if !goOn || r.reboot.due {
			break
		}
	}
	r.settleReboot()
	if r.failure == nil || r.plan.Failure == nil || r.killed() {
		return fatal
	}
	if r.o.NoFailurePhaseOnStop && r.failure.Exit.Cause == phased.CauseStopped {
		return fatal
	}
	failCtx, cancel := r.failureContext(ctx, runCtx)
	defer cancel()
	r.failurePhase(failCtx)
	return fatal
}

// failureContext ends at the limit of the failure phase and when Kill is closed.
// It outlives the cancel of ctx, unless a stop leaves the failure phase out.
func (r *run) failureContext(ctx, runCtx context.Context) (context.Context, context.CancelFunc) {
	p := r.plan.Failure
	ends := p.Timeout
	if ends == 0 {
		ends = r.plan.FailureLimit
	}
	outlives := context.WithoutCancel(ctx)
	if r.o.NoFailurePhaseOnStop {
		outlives = ctx
	}
	c, cancel := context.WithCancelCause(outlives)
	c, cancelLimit := limit(c, "phase", p.Name, ends)
	cancelRun := func() {}
	if deadline, ok := runCtx.Deadline(); ok && r.o.TimeoutStrikesOnce && runCtx.Err() == nil {
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

// skip asks whether a phase or a hook of it is not run.
func (r *run) skip(phase string, e phased.Entry) (reason, message string, err error) {
	if r.o.Skip == nil {
		return "", "", nil
	}
	return r.o.Skip(phase, e)
}

func internal(err error) phased.Exit {
	return phased.Exit{Cause: phased.CauseInternal, Status: exitInternal, Message: err.Error()}
}

// The exit codes that a run can end with, of the one table in docs/design.md,
// section 6.
const (
	exitHook     = 1
	exitInvalid  = 2
	exitInternal = 74
	exitReboot   = 76
	exitTrust    = 77
	exitTimeout  = 124
)

// ExitCode returns phased's exit status for the cause that stopped a run.
func ExitCode(e phased.Exit) int {
	switch e.Cause {
	case phased.CauseOK:
		return 0
	case phased.CauseList:
		return exitInvalid
	case phased.CauseInternal:
		return exitInternal
	case phased.CauseTrust:
		return exitTrust
	case phased.CauseTimeout:
		return exitTimeout
	case phased.CauseStopped:
		return e.Status
	}
	return exitHook
}
