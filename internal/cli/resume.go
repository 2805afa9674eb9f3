package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/config"
	"phased/internal/executor"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/report"
)

// resumeOptions are the flags of `phased resume`.
type resumeOptions struct {
	stackOptions
	ref   string
	force bool
}

func newResume(w *World) *cobra.Command {
	o := resumeOptions{ref: "last"}
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "go on with a run of sourced hooks where it failed",
		Long: `Goes on with a failed or interrupted run whose hooks are sourced (stack, unstack,
clean) at the hook that failed, in the variable space that the run had before that
hook. It says what could not be restored, and refuses where a hook that is already
done has changed since.

` + runUsage,
		Example: `phased resume
phased resume -2 --force`,
		Args:              atMost(1),
		ValidArgsFunction: completeRuns(w, &o.places, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.ref = runArgument(args[0])
			}
			return runResume(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.force, "force", false, "go on also where hooks that are done have changed since")
	f.StringVar(&o.localConf, "local-conf", "", "`FILE` with the localrc section and its plugins (default: that of the run)")
	f.StringVar(&o.capture, "capture", "", "what becomes of the hooks' output, `HOW`: inherit or tee (default: the settings', inherit)")
	o.holdFlags.addFlags(f)
	o.limitFlags.addFlags(f)
	o.places.addFlags(f)
	return cmd
}

// runResume is `phased resume`.
func runResume(ctx context.Context, w *World, o *resumeOptions) error {
	if err := o.checkCapture(); err != nil {
		return err
	}
	s, err := o.places.settings(w)
	if err != nil {
		return err
	}
	store, err := o.places.record(w)
	if err != nil {
		return err
	}
	r, damage, err := findRun(ctx, store, o.ref)
	if err = errors.Join(err, damage); err != nil {
		return err
	}
	if r.Session == nil {
		return invalid("run %s has no sourced hooks, and only such runs can be resumed: start it anew", r.ID)
	}
	if r.Start.Parent != "" {
		return invalid("run %s was started inside of run %s: resume that", r.ID, r.Start.Parent)
	}
	switch r.Status {
	case phased.StatusSucceeded:
		return invalid("run %s ended well: there is nothing to go on with", r.ID)
	case phased.StatusRunning, phased.StatusFailing:
		return &failure{exitBusy, fmt.Errorf("run %s goes on", r.ID)}
	}
	whole, err := chain(ctx, store, r)
	if err != nil {
		return err
	}
	saved, err := store.Saved(r.ID, executor.SavedLast)
	if err != nil {
		return unsaved(r, s, err)
	}
	o.lifecycle = r.Start.Lifecycle
	if config.SourcedBuiltin(o.lifecycle) {
		return o.points(ctx, w, s, whole, saved)
	}
	return o.native(ctx, w, whole, saved)
}

// decide says where the run goes on.
func (o *resumeOptions) decide(w *World, p phased.Plan, r phased.Run) (plan.Decision, error) {
	d, err := plan.Resume(p, r, plan.ResumeOptions{Force: o.force})
	if err != nil {
		return d, &failure{exitInvalid, err}
	}
	for _, line := range d.Lines() {
		w.talk("%s", line)
	}
	return d, nil
}

// points goes on with a run of stack, unstack or clean.
func (o *resumeOptions) points(ctx context.Context, w *World, s *config.Settings, r phased.Run, saved string) error {
	o.topDir = string(r.Start.Base)
	p, err := o.stackOptions.plan(ctx, w, s)
	if err != nil {
		return err
	}
	d, err := o.decide(w, p, r)
	if err != nil {
		return err
	}
	j := &session{
		w: w, o: &o.stackOptions, settings: s, plan: p, id: journal.NewID(time.Now()),
		resumes: r.ID, restore: saved, restoredRun: r.ID, skip: d.Skip,
	}
	if err := j.record(); err != nil {
		return err
	}
	return j.run(ctx)
}

// native goes on with a run of a lifecycle of the settings.
func (o *resumeOptions) native(ctx context.Context, w *World, r phased.Run, saved string) error {
	ctx, stop := listen(ctx)
	defer stop.close()
	run := &runOptions{places: o.places, limitFlags: o.limitFlags, lifecycle: o.lifecycle, holdFlags: o.holdFlags}
	run.base, run.localConf = string(r.Start.Base), o.localConf
	j, err := prepare(ctx, w, run)
	if err != nil {
		return err
	}
	d, err := o.decide(w, j.plan, r)
	if err != nil {
		return err
	}
	j.stop, j.resumes, j.restore, j.skip = stop, r.ID, saved, d.Skip
	return j.execute(ctx)
}

// unsaved tells why a run cannot be resumed whose variable space is not there.
func unsaved(r phased.Run, s *config.Settings, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return &failure{exitTrust, err}
	}
	return invalid("run %s cannot be resumed: its variable space is not there (it is kept for %s after a run that failed, unless the settings say `resume: off`); start it anew",
		r.ID, report.About(s.PrivateTTL))
}

// chain returns the run with the hooks on it that runs before it have done,
// which it resumed.
func chain(ctx context.Context, runs phased.Source, r phased.Run) (phased.Run, error) {
	whole := r
	for r.Start.Resumes != "" {
		var err error
		if r, err = runs.Run(ctx, r.Start.Resumes); err != nil {
			return whole, invalid("run %s resumed run %s, whose record cannot be read: %v", whole.ID, whole.Start.Resumes, err)
		}
		whole.Phases = plan.Joined(r.Phases, whole.Phases)
	}
	return whole, nil
}
