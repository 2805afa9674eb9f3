package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"phased/internal/config"
	"phased/internal/devstack"
	"phased/internal/engine"
	"phased/internal/executor"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/redact"
	"phased/internal/report"
)

// session is one run of stack, unstack or clean on its way.
type session struct {
	w        *World
	o        *stackOptions
	settings *config.Settings
	plan     phased.Plan
	secrets  *redact.Set
	store    *journal.Store // nil: there is no record
	id       string

	resumes     string // run that this one continues
	restore     string // variable space that it starts in
	restoredRun string
	skip        plan.Skip
}

// loadSourced makes a plan in which hooks are sourced: with the localrc and the
// plugins of its local.conf. fetch clones those that are not there yet.
func loadSourced(ctx context.Context, w *World, o plan.Options, localConf string, fetch bool) (phased.Plan, error) {
	l := plan.LocalConfOf(o, localConf)
	if l.File != "" {
		c, err := devstack.Load(l.File, devstack.Options{TopDir: orText(o.TopDir, o.Base), PluginDir: l.PluginDir, Environ: w.Environ})
		if err != nil {
			return phased.Plan{}, &failure{exitInvalid, err}
		}
		if fetch {
			more, err := fetchPlugins(ctx, w, c.Plugins)
			if err != nil {
				return phased.Plan{}, err
			}
			c.Warnings = append(c.Warnings, more...)
		}
		for _, warning := range c.Warnings {
			w.talk("warning: %s", warning)
		}
		o.Conf, o.Localrc = c.File, c.Localrc
		if o.Plugins, err = devstack.Order(c.Plugins, l.Order); err != nil {
			return phased.Plan{}, &failure{exitInvalid, fmt.Errorf("%s: %w", c.File, err)}
		}
	}
	p, err := plan.Load(o)
	if err != nil {
		return phased.Plan{}, &failure{exitInvalid, err}
	}
	return p, nil
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// fetchPlugins clones the plugins that are not there yet, and checks the others.
func fetchPlugins(ctx context.Context, w *World, plugins []phased.Plugin) (warnings []devstack.Warning, err error) {
	for i, p := range plugins {
		if p.Fetch {
			w.talk("cloning plugin %s from %s", p.Name, report.Name(p.Source))
		}
		fetched, more, err := devstack.Fetch(ctx, p, w.Environ)
		if err != nil {
			return nil, &failure{exitInvalid, err}
		}
		plugins[i], warnings = fetched, append(warnings, more...)
	}
	return warnings, nil
}

// run locks the base, runs the hooks, and tells what failed.
func (j *session) run(ctx context.Context) error {
	var err error
	if j.secrets, err = secretSet(j.settings, j.plan); err != nil {
		return err
	}
	ctx, stop := listenLikeHooks(ctx)
	defer stop.close()
	<-stop.ready
	lock, err := j.lock(ctx, stop)
	if err != nil {
		return err
	}
	run, err := j.execute(ctx, stop, lock)
	err = errors.Join(err, lock.Unlock())
	stop.restore()
	j.tidy(run)
	if err != nil {
		j.w.talk("%v", err)
		if run.ExitCode == exitOK {
			return status(exitInternal)
		}
	}
	return status(run.ExitCode)
}

// lock takes the run lock of the top directory, and makes sure that nothing else
// works there; nil where there is no record, or the parent's lock is shared.
func (j *session) lock(ctx context.Context, stop *stopper) (*journal.Lock, error) {
	if j.store == nil {
		return nil, nil
	}
	if err := j.o.holdFlags.check(j.settings); err != nil {
		return nil, err
	}
	one := &job{
		w: j.w, o: &runOptions{places: j.o.places, holdFlags: j.o.holdFlags, innerFlags: j.o.innerFlags}, settings: j.settings,
		plan: j.plan, store: j.store, id: j.id, base: string(j.plan.Base), again: j.o.places.again(), stop: stop,
	}
	l, err := one.lock(ctx)
	if err != nil || l == nil {
		return nil, err
	}
	if err := one.alone(ctx); err != nil {
		return nil, errors.Join(err, l.Unlock())
	}
	return l, nil
}

// execute runs the hooks.
func (j *session) execute(ctx context.Context, stop *stopper, lock *journal.Lock) (phased.Run, error) {
	o := engine.Options{
		Record: func(...phased.Event) error { return nil }, RecordOptional: true, Compare: plan.Compare, Kill: stop.kill, ID: j.id,
		Start: j.start(), Clean: cleaned(j.secrets), Skip: j.skip, NewID: func() string { return journal.NewID(time.Now()) }, SessionExit: true,
	}
	stateDir := ""
	if j.store != nil {
		stateDir = j.store.Dir()
	}
	held := newHookLocks(j.w, stateDir, j.id, j.plan.Surroundings.Env)
	o.Lock, o.Before = held.take, held.environ
	closeRecord := func() error { return nil }
	private := ""
	if j.store != nil {
		writer, err := j.store.Begin(j.id)
		if err != nil {
			return phased.Run{}, cannotRecord(err)
		}
		if err := lock.SetRun(j.id); err != nil {
			return phased.Run{}, errors.Join(cannotRecord(err), writer.Close())
		}
		o.Record, closeRecord = writer.Append, writer.Close
		if private, err = j.store.Private(j.id); err != nil {
			j.w.talk("this run cannot be resumed: %v", err)
			private = ""
		}
	}
	s := newSession(j.w, j.settings, j.plan, j.secrets, private)
	s.Output, s.ForwardSignal, s.Contain = j.output(), true, j.containStack()
	defer s.Contain.Close()
	o.Start.Containment = s.Contain.Fact()
	s.Restore, s.RestoredRun = j.restore, j.restoredRun
	s.Call = caller{j.o.places, j.plan, j.store, j.id}.command
	o.Executor = warned(j.settings, s)
	run, err := engine.Run(ctx, j.plan, o)
	return run, errors.Join(err, closeRecord())
}

// newSession is the executor of sourced hooks for a plan.
func newSession(w *World, settings *config.Settings, p phased.Plan, secrets *redact.Set, private string) *executor.Session {
	// The output of the localrc shows its secrets (set -x) before a look at the
	// variable space can tell them.
	for _, a := range devstack.Assigned(p.Session.Localrc, w.Environ) {
		secrets.Learn(a.Name, a.Value)
	}
	return &executor.Session{
		Config: p.Session, List: plan.ListSourced, Limit: settings.OutputLimit, CloseOthers: true, DrainCommand: drainCommand(),
		Stdin: w.Stdin, Stdout: w.Stdout, Stderr: w.Stderr,
		Private: private, Redact: secrets,
	}
}

// output is what becomes of the hooks' output.
func (j *session) output() executor.Output {
	how := j.o.capture
	if how == "" {
		how = j.settings.Personalities.Capture
	}
	if how == string(executor.Tee) && j.store != nil {
		return executor.Tee
	}
	return executor.Inherited
}

// start returns the facts of run.started that the plan does not have.
func (j *session) start() phased.RunStarted {
	s := startFacts(j.w, j.settings, j.plan)
	s.Parent, s.Resumes, s.Output = j.o.parent, j.resumes, string(j.output())
	if j.resumes == "" {
		s.From = j.restoredRun
	}
	if j.output() != executor.Captured {
		s.Inherited = executor.Describe(j.w.Stdout, j.w.Stderr)
	}
	return s
}

// tidy drops what resuming needed, where nobody will resume, and tells what
// failed.
func (j *session) tidy(run phased.Run) {
	if j.store == nil {
		return
	}
	if err := forgetSpace(j.store, j.settings, j.plan.Session.Resume, run); err != nil {
		j.w.talk("%v", err)
	}
	if run.ID != "" {
		st := j.w.styleOf(j.w.Stderr, j.o.places.again())
		if err := report.FailureReport(j.w.Stderr, st, j.story(run)); err != nil && !errors.Is(err, os.ErrClosed) {
			j.w.talk("cannot tell what failed: %v", err)
		}
	}
}

// story is the run with the end of what its failed hook wrote, where that is on
// record.
func (j *session) story(run phased.Run) report.Story {
	st := report.Story{Run: run, Tail: report.Tail{Max: report.ReportTail}, NoResume: noResume(j.store, run)}
	if phase, hook, ok := report.Subject(run); ok && j.output() != executor.Inherited {
		for out, err := range j.store.Output(context.Background(), run.ID, phase, hook) {
			if err != nil {
				break // what can be read is told
			}
			st.Tail.Add(out)
		}
		st.Tail.End()
	}
	return st
}

// forgetSpace removes the saved variable space of a run that nobody will resume,
// with what its hooks carried, and those of old runs. resume is what the settings
// say of keeping them.
func forgetSpace(store *journal.Store, settings *config.Settings, resume string, run phased.Run) error {
	var err error
	partly := run.Session == nil && run.Status == phased.StatusSucceeded && !plan.Finished(run) // by --only
	keep := run.Failure != nil || run.Status == phased.StatusWaiting || resume == "keep" || partly
	if run.ID != "" && (!keep || resume == "off") {
		err = store.ForgetPrivate(run.ID)
		for run.Start.Resumes != "" && run.Failure == nil {
			err = errors.Join(err, store.ForgetPrivate(run.Start.Resumes))
			// One whose record is gone is the last that is known.
			run, _ = store.Run(context.Background(), run.Start.Resumes)
			run.Failure = nil // it has been gone on with
		}
	}
	return errors.Join(err, store.ExpirePrivate(settings.PrivateTTL, time.Now()))
}

// noResume reports whether nothing is kept with which a run could be resumed.
func noResume(store *journal.Store, run phased.Run) bool {
	if run.Session == nil {
		return false
	}
	_, err := store.Saved(run.ID, executor.SavedLast)
	return err != nil
}
