package compat

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"phased/internal/engine"
	"phased/internal/phased"
)

// refresh is what os-refresh-config does with its phases, as an executor: its
// log lines round each phase, and dib-run-parts inside it, which is this process
// or the program that PATH finds.
type refresh struct {
	say      *console
	job      *job
	parts    *runParts
	program  string // another dib-run-parts; "": this process is it
	limit    int    // seconds; 0: none
	errorDir string // directory of the failure phase
	struck   sync.Once

	// Of the phase that was entered:
	phase   phased.PlannedPhase
	missing bool
	exit    phased.Exit // of the program
	release func() bool
	told    string // the phase whose failure was logged
}

func newRefresh(e *Env, say *console, s *job, limit int, errorDir string) *refresh {
	r := &refresh{say: say, job: s, program: partsProgram(e), limit: limit, errorDir: errorDir}
	r.parts = &runParts{env: e, say: say, name: programPath(e, drpName, drpName)}
	r.parts.setUp(s, true)
	return r
}

var _ engine.Executor = (*refresh)(nil)

// Enter implements engine.Executor.
func (r *refresh) Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	r.phase, r.missing, r.exit = p, false, phased.Exit{}
	stop := context.AfterFunc(ctx, func() { r.strike(ctx) })
	r.release = stop
	if !p.Failure {
		r.say.log(levelDebug, "Checking %s", p.Dir)
	}
	err := present(p.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.missing, p.Missing = true, true
		if !p.Failure {
			r.say.log(levelDebug, "No dir for phase %s", p.Name)
		}
		return p, nil
	case err != nil:
		r.exit = phased.Exit{Cause: phased.CauseList, Status: 1, Message: err.Error()}
		r.failed(ctx, err.Error())
		return p, &phased.ExitError{Exit: r.exit}
	case p.Failure:
		r.say.log(levelInfo, "Calling error handlers.")
	default:
		r.say.log(levelInfo, "Starting phase %s", p.Name)
		r.say.log(levelDebug, "Running %s", command(p.Dir))
	}
	if r.program != "" {
		return r.enterProgram(ctx, p, s)
	}
	now, err := r.parts.Enter(ctx, p, s)
	if err != nil {
		r.failed(ctx, r.died(r.parts.exit))
	}
	return now, err
}

// present reports whether a phase is there: fs.ErrNotExist where it is not.
func present(dir string) error {
	_, err := os.Stat(dir)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return fs.ErrNotExist
	}
	return cannotRead(dir, err)
}

// enterProgram makes one hook of the phase: dib-run-parts.
func (r *refresh) enterProgram(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	p.Dirs = []phased.Text{phased.Text(p.Dir)}
	p.Entries = []phased.Entry{{Name: drpName, Path: phased.Text(r.program), Verdict: phased.VerdictRun}}
	s.Surroundings = r.parts.env.inherited()
	now, err := r.parts.process.Enter(ctx, p, s)
	if err != nil {
		r.exit = phased.Exit{Cause: phased.CauseInternal, Status: 1, Message: err.Error()}
		r.failed(ctx, err.Error())
	}
	return now, err
}

// command is dib-run-parts' command line as Python shows it.
func command(dir string) string { return "[" + pyRepr(drpName) + ", " + pyRepr(dir) + "]" }

// Exec implements engine.Executor.
func (r *refresh) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	if r.program == "" {
		return r.parts.Exec(ctx, h)
	}
	h.Args = []phased.Text{phased.Text(r.phase.Dir)}
	res, err := r.parts.process.Exec(ctx, h)
	res.Exit = stoppedToo(ctx, res.Exit)
	r.exit = res.Exit
	if err != nil {
		r.exit = phased.Exit{Cause: phased.CauseInternal, Status: 1, Message: err.Error()}
	}
	return res, err
}

// Leave implements engine.Executor.
func (r *refresh) Leave(ctx context.Context) error {
	defer r.release()
	if r.missing {
		return nil
	}
	inner, exit := engine.Executor(r.parts), &r.parts.exit
	if r.program != "" {
		inner, exit = &r.parts.process, &r.exit
	}
	err := inner.Leave(ctx)
	if err == nil && exit.Status == 0 && ctx.Err() != nil {
		*exit = phased.ExitByCause(context.Cause(ctx))
		err = &phased.ExitError{Exit: *exit}
	}
	switch {
	case exit.Status != 0:
		r.failed(ctx, r.died(*exit))
	case !r.phase.Failure:
		r.say.log(levelInfo, "Completed phase %s", r.phase.Name)
	}
	return err
}

// Close implements engine.Executor.
func (r *refresh) Close(ctx context.Context) error { return r.parts.Close(ctx) }

// strike logs that the time limit was reached, once.
func (r *refresh) strike(ctx context.Context) {
	var t *phased.Timeout
	if ctx.Err() != nil && errors.As(context.Cause(ctx), &t) {
		r.struck.Do(func() {
			r.say.log(levelError, "Timeout reached: %ds. Sending SIGKILL to all children", r.limit)
		})
	}
}

// failed logs the failure of the phase, unless that is error.d, whose outcome
// nobody is told.
func (r *refresh) failed(ctx context.Context, why string) {
	r.strike(ctx)
	if r.phase.Failure || r.told == r.phase.Name {
		return
	}
	r.told = r.phase.Name
	r.say.log(levelError, "during %s phase. [%s]\n", r.phase.Name, why)
}

// died is how Python tells of the end of dib-run-parts.
func (r *refresh) died(x phased.Exit) string {
	how := fmt.Sprintf("returned non-zero exit status %d.", x.Status)
	switch {
	case x.Cause == phased.CauseTimeout:
		how = pySignal(syscall.SIGKILL)
	case x.Cause == phased.CauseStopped:
		how = pySignal(syscall.Signal(x.Status - 128))
	case x.Cause == phased.CauseSignal && r.program != "":
		how = pySignal(syscall.Signal(x.Signal))
	}
	return fmt.Sprintf("Command '%s' %s", command(r.phase.Dir), how)
}

// pySignal is how Python tells of an end by a signal.
func pySignal(sig syscall.Signal) string {
	name := phased.SignalName(sig)
	switch sig {
	case 34:
		name = "SIGRTMIN"
	case 64:
		name = "SIGRTMAX"
	}
	if name[0] != 'S' {
		return fmt.Sprintf("died with unknown signal %d.", int(sig))
	}
	return fmt.Sprintf("died with <Signals.%s: %d>.", name, int(sig))
}

// story logs a failure that no phase was entered for, and returns what tells
// the hooks of error.d of it.
func (r *refresh) story(f phased.Failure) []phased.Text {
	if f.Exit.Cause == phased.CauseTimeout && r.told == "" {
		r.struck.Do(func() {
			r.say.log(levelError, "Timeout reached: %ds. Sending SIGKILL to all children", r.limit)
		})
		r.say.log(levelError, "during %s phase. [%s]\n", f.Phase, f.Exit.Message)
	}
	if !exists(r.errorDir) {
		return nil
	}
	return r.job.story(f)
}
