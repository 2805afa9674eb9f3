package cli

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/usage"
)

// showOptions are the flags of `phased show`.
type showOptions struct {
	places
	ref  string
	file string // of a run that is not of the record; "": none
	all  bool
	json bool
}

const runUsage = `RUN is last (where none is named), -1 (the same), -2 and so on, a run id or the
beginning of one.`

func newShow(w *World) *cobra.Command {
	o := showOptions{ref: "last"}
	cmd := &cobra.Command{
		Use:   "show [RUN]",
		Short: "tell the story of a run",
		Long: `Tells the story of a run: the hook that failed with the end of its output, then
every phase and hook with its time, then what took longest.

` + runUsage,
		Example: `phased show
phased show -2
phased show 01JNXZ5M8G --json
phased show --file run.html`,
		Args:              atMost(1),
		ValidArgsFunction: completeRuns(w, &o.places, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.ref = usage.RunArgument(args[0])
			}
			return runShow(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.all, "all", false, "list every hook, also of long phases")
	f.BoolVar(&o.json, "json", false, "print JSON")
	f.StringVar(&o.file, "file", "", "the run in `FILE`: a page that phased capsule made, or a copied run file")
	o.places.addFlags(f)
	return cmd
}

// runShow is `phased show`.
func runShow(ctx context.Context, w *World, o *showOptions) error {
	if o.file != "" {
		return showFile(ctx, w, o)
	}
	store, err := o.places.record(w)
	if err != nil {
		return err
	}
	r, damage, err := findRun(ctx, store, o.ref)
	if err != nil {
		return err
	}
	st := report.Story{NoResume: noResume(store, r)}
	if o.ref != "last" && r.Status.Final() && r.Status != phased.StatusSucceeded { // nothing went on with the last one
		all, err := store.Runs(ctx)
		if err != nil {
			return broken("cannot read the record: %v", err)
		}
		st.ResumedBy = phased.NewestOf(all, r.ID)
	}
	return o.tell(w, r, damage, st, w.style(false, o.places.again()),
		func(phase string, hook phased.Text) iter.Seq2[phased.HookOutput, error] {
			return store.Output(ctx, r.ID, phase, hook)
		})
}

// showFile is `phased show --file`.
func showFile(ctx context.Context, w *World, o *showOptions) error {
	run, done, err := openCopy(o.file)
	if err != nil {
		return err
	}
	defer done()
	if !namesCopy(o.ref, run.ID()) {
		return invalid("show: %s holds run %s, and no other", o.file, run.ID())
	}
	r, damage := findCopy(ctx, w, o.file, run)
	style := w.style(false, "")
	if !r.Status.Final() {
		style.Now = time.Time{} // how long it has been going on, nobody knows
	}
	return o.tell(w, r, damage, report.Story{NoResume: true, File: o.file}, style, func(phase string, hook phased.Text) iter.Seq2[phased.HookOutput, error] {
		return run.Output(ctx, phase, hook)
	})
}

// tell prints the story of a run whose output is read by output.
func (o *showOptions) tell(w *World, r phased.Run, damage error, st report.Story, style report.Style,
	output func(phase string, hook phased.Text) iter.Seq2[phased.HookOutput, error],
) error {
	if o.json {
		return errors.Join(report.JSON(w.Stdout, r), damage)
	}
	st.Run, st.All, st.Tail = r, o.all, report.Tail{Max: report.ShowTail}
	if phase, hook, ok := report.Subject(r); ok {
		for out, err := range output(phase, hook) {
			if err != nil {
				break // the same damage that the run has
			}
			st.Tail.Add(out)
		}
		st.Tail.End()
	}
	return errors.Join(report.Show(w.Stdout, style, st), damage)
}

// findRun returns the run that a RUN argument stands for. Where its file is
// damaged, the run is what can be read of it, and damage an error to end with.
func findRun(ctx context.Context, store *journal.Store, ref string) (r phased.Run, damage, err error) {
	id, err := store.Resolve(ctx, ref)
	if err == nil {
		r, err = store.Run(ctx, id)
	}
	var corrupt *journal.CorruptError
	switch {
	case err == nil:
		return r, nil, nil
	case errors.As(err, &corrupt) && r.Seq > 0:
		return r, broken("the record of run %s is damaged, and what follows the damage is not shown: %v", id, err), nil
	case errors.Is(err, phased.ErrNoRun), errors.Is(err, journal.ErrAmbiguous):
		return r, nil, &failure{exitInvalid, err}
	}
	return r, nil, broken("cannot read the record: %v", err)
}
