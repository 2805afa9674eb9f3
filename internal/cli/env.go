package cli

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/space"
	"phased/internal/usage"
)

// spaceOptions are the flags of `phased env` and `phased blame`.
type spaceOptions struct {
	places
	ref   string
	name  string   // blame
	names []string // env
	after string
	phase string
	json  bool
}

func newEnv(w *World) *cobra.Command {
	o := spaceOptions{ref: "last"}
	cmd := &cobra.Command{
		Use:   "env [RUN]",
		Short: "show the variable space of hooks",
		Long: `Shows the variable space that the sourced hooks of a run shared: variables, functions,
options, aliases, traps, working directory and umask; and the variables that executed
hooks handed to later ones; at the end of the run or after one of its hooks. Values of
secrets are not on record.

` + runUsage,
		Example: `phased env
phased env --after 50-heat.sh --point post-config
phased env --name 'DATABASE_*' last`,
		Args:              atMost(1),
		ValidArgsFunction: completeRuns(w, &o.places, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.ref = usage.RunArgument(args[0])
			}
			return runEnv(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.after, "after", "", "as it was after this `HOOK`, the last time that it ran")
	f.StringVar(&o.phase, "point", "", "with --after: the `POINT` at which the hook ran, such as post-config")
	f.StringArrayVar(&o.names, "name", nil, "only names that match the `PATTERN`, as a shell's: DATABASE_*; may be repeated")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.places.addFlags(f)
	return cmd
}

// runEnv is `phased env`.
func runEnv(ctx context.Context, w *World, o *spaceOptions) error {
	if o.phase != "" && o.after == "" {
		return invalid("env: --point needs --after HOOK")
	}
	store, r, damage, err := o.sourced(ctx, w)
	if err != nil {
		return err
	}
	changes, at, err := o.changes(ctx, store, r)
	if err != nil {
		return err
	}
	view := phased.SpaceView{Run: r.ID, Phase: at.Phase, Hook: at.Hook}
	for _, e := range space.Fold(slices.Values(changes)).Entries() {
		entry := phased.SpaceEntry{Kind: e.Kind, Name: e.Name, Local: e.Local, ByPhase: e.Phase, ByHook: e.Hook}
		if e.Value != nil {
			entry.Value = *e.Value
		}
		view.Entries = append(view.Entries, entry)
	}
	if view, err = report.PickSpace(view, nil, o.names); err != nil {
		return &failure{exitInvalid, err}
	}
	if o.json {
		return errors.Join(report.JSON(w.Stdout, view), damage)
	}
	return errors.Join(report.Env(w.Stdout, w.style(false, o.places.again()), report.Space{View: view, Picked: len(o.names) > 0}), damage)
}

// sourced returns the run, which must have sourced hooks.
func (o *spaceOptions) sourced(ctx context.Context, w *World) (*journal.Store, phased.Run, error, error) {
	store, err := o.places.record(w)
	if err != nil {
		return nil, phased.Run{}, nil, err
	}
	r, damage, err := findRun(ctx, store, o.ref)
	return store, r, damage, err
}

// changes returns what changed in the variable space of the run, up to the hook
// that --after names, the last time that it ran.
func (o *spaceOptions) changes(ctx context.Context, store *journal.Store, r phased.Run) (changes []phased.SpaceChanged, at phased.SpaceChanged, err error) {
	var all []phased.SpaceChanged
	last, started := -1, false
	is := func(phase string, hook phased.Text) bool {
		return o.after != "" && string(hook) == o.after && (o.phase == "" || o.phase == phase)
	}
	for e, err := range upTo(store.Follow(ctx, r.ID, 0), r.Seq) {
		if err != nil {
			break // the same damage that the run has
		}
		switch d := e.Data.(type) {
		case phased.HookFinished:
			if is(d.Phase, d.Hook) {
				last, at = len(all), phased.SpaceChanged{Phase: d.Phase, Hook: d.Hook}
			}
		case phased.SpaceChanged:
			started = true
			all = append(all, d)
			if is(d.Phase, d.Hook) {
				last, at = len(all), phased.SpaceChanged{Phase: d.Phase, Hook: d.Hook}
			}
		}
	}
	switch {
	case !started && r.Session == nil:
		return nil, at, nothingCarried(r)
	case !started:
		return nil, at, invalid("run %s has not recorded its variable space: the settings say `provenance: false`, or it ended before its first hook", r.ID)
	case o.after != "" && last < 0:
		return nil, at, o.noHook(r)
	case o.after != "":
		all = all[:last]
	}
	return all, at, nil
}

// nothingCarried tells that a run has no variable space.
func nothingCarried(r phased.Run) error {
	return invalid("run %s has no sourced hooks, and its hooks have handed nothing to later ones: there is no variable space to show", r.ID)
}

// noHook tells that the hook of --after has not run, with the nearest one.
func (o *spaceOptions) noHook(r phased.Run) error {
	var names []string
	for _, p := range r.Phases {
		for _, h := range p.Hooks {
			if o.phase == "" || o.phase == p.Phase {
				names = append(names, string(h.Hook))
			}
		}
	}
	where := ""
	if o.phase != "" {
		where = " at the point " + o.phase
	}
	return invalid("run %s has run no hook %q%s%s (phased show %s lists them)", r.ID, o.after, where, nearest(o.after, names), r.ID)
}

func newBlame(w *World) *cobra.Command {
	o := spaceOptions{ref: "last"}
	cmd := &cobra.Command{
		Use:   "blame NAME [RUN]",
		Short: "tell which hook set, changed or removed a name",
		Long: `Tells of a variable, function, option, alias or trap which hook set, changed or
removed it, at which point, and from what to what; of executed hooks, which one
handed it to later ones. NAME may also be directory or umask.

` + runUsage,
		Example: `phased blame DATABASE_URL
phased blame errexit -2`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			if len(args) > 1 {
				o.ref = usage.RunArgument(args[1])
			}
			return runBlame(cmd.Context(), w, &o)
		},
	}
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) < 1 || len(args) > 2 {
			return invalid("blame: expected a NAME and at most one RUN; usage: phased blame NAME [RUN]")
		}
		return nil
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.places.addFlags(f)
	return cmd
}

// runBlame is `phased blame`.
func runBlame(ctx context.Context, w *World, o *spaceOptions) error {
	store, r, damage, err := o.sourced(ctx, w)
	if err != nil {
		return err
	}
	told, err := o.steps(ctx, store, r)
	if err != nil {
		return errors.Join(broken("cannot read the record: %v", err), damage)
	}
	if len(told) == 0 && r.Session == nil && !slices.ContainsFunc(r.Phases, changed) {
		return errors.Join(nothingCarried(r), damage)
	}
	if len(told) == 0 {
		return errors.Join(invalid("nothing in run %s has set or changed %q (phased env %s shows what there is)", r.ID, o.name, r.ID), damage)
	}
	if o.json {
		return errors.Join(report.JSON(w.Stdout, told), damage)
	}
	return errors.Join(report.Blame(w.Stdout, w.style(false, o.places.again()), report.Blamed{Run: r.ID, Name: phased.Text(o.name), Steps: told}), damage)
}

// changed reports whether a hook of the phase has changed anything.
func changed(p phased.PhaseRun) bool {
	return slices.ContainsFunc(p.Hooks, func(h phased.HookRun) bool { return h.Changes > 0 })
}

// steps returns what happened to the name, in the run and before that in those
// that it goes on with: what these have done is there when its session starts.
func (o *spaceOptions) steps(ctx context.Context, store *journal.Store, r phased.Run) ([]phased.BlameStep, error) {
	var told []phased.BlameStep
	if before := r.Start.Resumes; before != "" {
		earlier, err := store.Run(ctx, before)
		if err == nil {
			told, err = o.steps(ctx, store, earlier)
		}
		if err != nil && !errors.Is(err, phased.ErrNoRun) { // its record may have been removed
			return nil, err
		}
	}
	known := len(told) > 0
	steps, err := space.Blame(upTo(store.Follow(ctx, r.ID, 0), r.Seq), o.name)
	for _, st := range steps {
		if known && (st.Phase == "" && st.Hook == "" || skippedIn(r, st.Phase, st.Hook) && !counted(st, told)) {
			continue
		}
		told = append(told, phased.BlameStep{Run: r.ID, Seq: st.Seq, Time: st.Time, Phase: st.Phase, Hook: st.Hook, Change: st.Change})
	}
	return told, err
}

// counted reports whether what a hook that was passed over had handed on made
// another change of a variable than is told already: a hook beside it ran again.
func counted(st space.Step, told []phased.BlameStep) bool {
	return st.Change.Kind == phased.ChangeEnvironment && !slices.ContainsFunc(told, func(t phased.BlameStep) bool {
		return t.Phase == st.Phase && t.Hook == st.Hook && reflect.DeepEqual(t.Change, st.Change)
	})
}

// skippedIn reports whether a hook was not run, nor its phase entered, because
// that was done in the run before.
func skippedIn(r phased.Run, phase string, hook phased.Text) bool {
	for _, p := range r.Phases {
		if p.Phase == phase && p.Status == phased.StatusSkipped {
			return true
		}
	}
	h := r.Hook(phase, hook)
	return h != nil && h.Status == phased.StatusSkipped
}

// upTo ends a run's events at the last one that is to be read: of a run that
// goes on, more would come.
func upTo(events iter.Seq2[phased.Event, error], last uint64) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		for e, err := range events {
			if !yield(e, err) || err != nil || e.Seq >= last {
				return
			}
		}
	}
}
