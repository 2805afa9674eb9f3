package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"phased/internal/carry"
	"phased/internal/config"
	"phased/internal/engine"
	"phased/internal/executor"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/redact"
	"phased/internal/systemd"
	"phased/internal/trust"
)

// runOptions are the flags of `phased run`.
type runOptions struct {
	places
	planFlags
	limitFlags
	lifecycle string
	holdFlags
	json  bool
	plain bool
	innerFlags
}

func (o *runOptions) addFlags(f *pflag.FlagSet) {
	o.planFlags.addFlags(f)
	o.limitFlags.addFlags(f)
	o.holdFlags.addFlags(f)
	f.BoolVar(&o.json, "json", false, "print the events as JSON lines")
	f.BoolVar(&o.plain, "plain", false, "print plain lines also on a terminal")
	o.places.addFlags(f)
	o.innerFlags.addFlags(f)
}

func newRun(w *World) *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run [LIFECYCLE]",
		Short: "run the hooks of a lifecycle, phase by phase",
		Long: `Runs the hooks of a lifecycle (refresh where none is named), phase by phase: one at
a time, unless the settings let those with the same number run together. The first
failure ends the run, unless the settings say otherwise, and starts the failure
phase. The first SIGINT, SIGTERM or SIGHUP ends the hook that runs and starts the
failure phase; the second kills.

Everything is recorded: phased show tells the story afterwards.`,
		Example: `phased run
phased run --base /srv/hooks --hook-timeout 5m
phased run --wait=10m --orphans=wait nightly`,
		Args:              atMost(1),
		ValidArgsFunction: completeLifecycles(&o.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.lifecycle = args[0]
			}
			return runRun(cmd.Context(), w, &o)
		},
	}
	o.addFlags(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

// job is one run on its way: what runRun's steps hand each other.
type job struct {
	w        *World
	o        *runOptions
	settings *config.Settings
	plan     phased.Plan
	secrets  *redact.Set
	files    *config.SecretFiles // that hooks name
	store    *journal.Store
	id       string
	base     string
	again    string
	stop     *stopper

	manager *systemd.Socket       // who wants to be told how far it is; nil: nobody
	early   sync.WaitGroup        // for what is made ready meanwhile:
	contain *executor.Containment // of the hooks
	cannot  error                 // why there is none
	guard   *executor.Guarded     // of what is run; nil: nobody looks
	resumes string                // run that this one continues
	restore string                // variable space that it starts in
	// restoredRun is the run that it is of; "": that which this one continues.
	restoredRun string
	recheck     func(context.Context) error // once it holds the lock; nil: nothing
	reboots     int                         // that the runs which this one continues have ended for
	skip        plan.Skip
	carried     *carry.Log // what the hooks of the runs that this one continues have handed on
	usual       *baselines
}

// runRun is `phased run`: plan, lock, look for what died before, run, tidy up.
func runRun(ctx context.Context, w *World, o *runOptions) error {
	ctx, stop := listen(ctx)
	defer stop.close()
	j, err := prepare(ctx, w, o)
	if err != nil {
		return err
	}
	j.stop = stop
	return j.execute(ctx)
}

// execute runs what is prepared.
func (j *job) execute(ctx context.Context) error {
	defer j.uncontain()
	lock, err := j.lock(ctx)
	if err != nil {
		return err
	}
	if lock != nil {
		if err := j.alone(ctx); err != nil {
			return errors.Join(err, lock.Unlock())
		}
	}
	if j.recheck != nil {
		if err := j.recheck(ctx); err != nil {
			return errors.Join(err, lock.Unlock())
		}
	}
	<-j.stop.ready
	run, err := j.run(ctx, lock)
	if err != nil {
		j.w.talk("%v", err)
		if run.ExitCode == exitOK {
			return status(exitInternal)
		}
	}
	if run.Status == phased.StatusWaiting {
		j.waiting(run)
	}
	return status(run.ExitCode)
}

// talk prints a line for the operator once signals are caught: that nobody reads
// it must not end what goes on.
func (j *job) talk(format string, args ...any) {
	<-j.stop.ready
	j.w.talk(format, args...)
}

// prepare makes the plan and opens the record. Nothing was started when it
// fails.
func prepare(ctx context.Context, w *World, o *runOptions) (*job, error) {
	if err := o.innerFlags.check(); err != nil {
		return nil, err
	}
	o.fetch = true
	s, err := o.places.settings(w)
	if err != nil {
		return nil, err
	}
	j := &job{w: w, o: o, settings: s, manager: w.manager(), again: o.places.again(), id: orText(o.id, journal.NewID(time.Now()))}
	j.early.Go(func() { j.contain, j.cannot = j.containHooks() }) // while the plan is made, and the lock is taken
	if err := j.ready(ctx); err != nil {
		j.uncontain()
		return nil, err
	}
	return j, nil
}

// ready makes the plan and opens the record.
func (j *job) ready(ctx context.Context) (err error) {
	o, s := j.o, j.settings
	if j.plan, err = o.planBy(ctx, j.w, s, &o.limitFlags, o.lifecycle); err != nil {
		return err
	}
	if err := o.holdFlags.check(s); err != nil {
		return err
	}
	if j.secrets, err = secretSet(s, j.plan); err != nil {
		return err
	}
	if j.files, err = hookSecrets(j.secrets, j.plan); err != nil {
		return err
	}
	if j.guard, err = o.places.guard(s, j.plan); err != nil {
		return err
	}
	dir, err := o.places.dir(j.w, s)
	if err != nil {
		return err
	}
	j.base = string(j.plan.Base)
	j.store, err = journal.Open(dir, journal.Options{Create: true, Durability: s.Durability, AnyOwner: o.places.anyOwner(s), Rebooted: j.w.rebooted(dir)})
	if err != nil {
		return cannotRecord(err)
	}
	return nil
}

// uncontain gives back what contains the hooks.
func (j *job) uncontain() {
	j.early.Wait()
	j.contain.Close()
}

func cannotRecord(err error) error {
	if _, untrusted := errors.AsType[*trust.Problem](err); untrusted {
		return &failure{exitTrust, fmt.Errorf("%w\nNo hook was run: whoever can write the record can change and hide it, and name files for user %d to write", err, os.Geteuid())}
	}
	return broken("%v\nNo hook was run: a run must be recorded. Make room or access, or name another directory with --state-dir", err)
}

// run records and executes the plan, gives the lock back, and then removes what
// the record holds too much of. A slow reader of the progress keeps nobody from
// the next run, nor an operator from ending this process.
func (j *job) run(ctx context.Context, lock *journal.Lock) (phased.Run, error) {
	writer, err := j.store.Begin(j.id)
	if err != nil {
		return phased.Run{}, errors.Join(cannotRecord(err), lock.Unlock())
	}
	if err := lock.SetRun(j.id); err != nil {
		return phased.Run{}, errors.Join(cannotRecord(err), writer.Close(), lock.Unlock())
	}
	start, m := j.start(), j.memory()
	if err := j.pickUp(m, lock); err != nil {
		return phased.Run{}, errors.Join(err, writer.Close(), lock.Unlock())
	}
	c, err := j.carries()
	if err != nil {
		return phased.Run{}, errors.Join(err, writer.Close(), lock.Unlock())
	}
	j.early.Wait()
	if j.cannot != nil {
		return phased.Run{}, errors.Join(&failure{exitInternal, j.cannot}, c.files.Close(), writer.Close(), lock.Unlock())
	}
	start.Containment = j.contain.Fact()
	ex, err := j.executor(j.contain)
	if err != nil {
		return phased.Run{}, errors.Join(err, c.files.Close(), writer.Close(), lock.Unlock())
	}
	j.usual = j.newBaselines(ctx, j.skipOf(m.looking()))
	screen, manager := newScreen(j, writer), newManagerLink(j, writer)
	defer screen.terminal.Guard()
	held := newHookLocks(j.w, j.store.Dir(), j.id, j.plan.Surroundings.Env)
	run, err := engine.Run(ctx, j.plan, engine.Options{
		Executor: c.executor(j, ex), Lock: held.take,
		Before: j.beforeHook(m, both(held.environ, c.Before)), After: j.afterHook(m, c.After), Between: c.Settle,
		Clean: cleaned(j.secrets), Record: screen.record, Unrecorded: screen.unrecorded, Compare: plan.Compare,
		Kill: j.stop.kill, ID: j.id, Start: start, HookEnv: j.hookEnv(m), FailureEnv: j.failureEnv,
		Requested: func() ([]phased.RebootRequest, error) { return m.store.RebootRequests(j.id) },
		Reboots:   j.reboots, RebootLimit: j.settings.RebootLimit,
		Skip: c.passing(j.skipOf(m)), Usual: j.usual.usual, Inputs: plan.Inputs, Remember: m.remember, NewID: func() string { return journal.NewID(time.Now()) },
	})
	j.usual.close()
	j.contain.Close() // now: a reader that does not read holds up what follows
	if e := m.settle(j.plan, run); e != nil {
		j.w.talk("cannot remove notifications that were served: %v", e) // who served them knows
	}
	err = errors.Join(err, c.files.Close(), writer.Close(), lock.Unlock())
	if err == nil {
		err = m.forgetReboots(run)
	}
	j.stop.restore()
	manager.close()
	screen.close()
	err = errors.Join(err, j.forget(run))
	j.prune(ctx)
	return run, err
}

// executor is what runs the hooks: as processes, in a session, or both.
func (j *job) executor(contain *executor.Containment) (engine.Executor, error) {
	process := &executor.Process{
		List: plan.List, Output: executor.Captured, Limit: j.settings.OutputLimit,
		Group: true, CloseOthers: true, Marker: "PHASED_RUN_ID=" + j.id, DrainCommand: drainCommand(),
		Contain: contain, Stdin: j.w.Stdin, Stdout: j.w.Stdout, Stderr: j.w.Stderr, Redact: j.secrets,
	}
	if j.plan.Session == nil {
		return guarded(j.guard, process), nil
	}
	private, err := j.store.Private(j.id)
	if err != nil {
		return nil, cannotRecord(err)
	}
	s := newSession(j.w, j.settings, j.plan, j.secrets, private)
	s.Output, s.Group, s.Marker, s.Contain = executor.Captured, true, process.Marker, contain
	s.Restore, s.RestoredRun = j.restore, orText(j.restoredRun, j.resumes)
	s.Call = caller{j.o.places, j.plan, j.store, j.id}.command
	return guarded(j.guard, &executor.Mixed{Process: process, Session: s}), nil
}

// hookEnv is what every hook is told of the run.
func (j *job) hookEnv(m memory) func(phase string, hook phased.Text) []phased.Text {
	return func(phase string, hook phased.Text) []phased.Text {
		return []phased.Text{
			phased.Text("PHASED_RUN_ID=" + j.id),
			phased.Text("PHASED_LIFECYCLE=" + j.plan.Lifecycle),
			"PHASED_BASE=" + j.plan.Base,
			phased.Text("PHASED_PHASE=" + phase),
			"PHASED_HOOK=" + hook,
			phased.Text("PHASED_STATE_DIR=" + j.store.Dir()),
			phased.Text(notesEnv + m.notesPath(phase, hook)),
		}
	}
}

// failureEnv writes the story of the failure to files, for the hooks of the
// failure phase.
func (j *job) failureEnv(f phased.Failure) []phased.Text {
	files, err := j.store.WriteFailure(j.id, f)
	if err != nil {
		j.w.talk("cannot write the story of the failure for the failure phase: %v", err)
		return nil
	}
	env := []phased.Text{phased.Text("PHASED_FAILURE=" + files.JSON)}
	if files.Log != "" {
		env = append(env, phased.Text("PHASED_FAILED_LOG="+files.Log))
	}
	return env
}

// prune removes old runs at the end of this one.
func (j *job) prune(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	if _, err := j.store.Prune(ctx, limitsOf(j.settings), false); err != nil {
		j.w.talk("cannot remove old runs: %v", err)
	}
}

func limitsOf(s *config.Settings) journal.Limits {
	return journal.Limits{Runs: s.Retention.Runs, Age: s.Retention.Age, Size: s.Retention.Size}
}

// hostname returns the host's name, "" where it has none.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// since tells when something began, and how long ago.
func since(t time.Time) string {
	return fmt.Sprintf("%s (%s)", t.Local().Format("2006-01-02 15:04:05"), ago(t))
}
