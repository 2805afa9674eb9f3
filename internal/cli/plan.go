package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/report"
	"phased/internal/state"
)

// planOptions are the flags of `phased plan`.
type planOptions struct {
	places
	planFlags
	lifecycle string
	json      bool
	explain   string
	compare   []string
	publish   bool
	unpublish bool
}

func newPlan(w *World) *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan [LIFECYCLE]",
		Short: "tell what would run, in which order, and why",
		Long: `Tells what phased run would do now: every entry of every hook directory with its
place in the order, or the reason why it is not run; which hook tree it comes
from; what hooks start with. Nothing is run or written, but for --publish.`,
		Example: `phased plan
phased plan --explain 20-render
phased plan --base /srv/hooks --compare dib-run-parts,run-parts
phased plan stack --top-dir /opt/devstack
sudo phased plan --publish`,
		Args:              atMost(1),
		ValidArgsFunction: completeLifecycles(&o.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.lifecycle = args[0]
			}
			switch {
			case o.publish && o.unpublish, (o.publish || o.unpublish) && (o.explain != "" || len(o.compare) > 0), o.unpublish && o.json:
				return invalid("--publish and --unpublish go with neither each other nor --explain or --compare, and --unpublish not with --json")
			case o.publish:
				return runPublish(cmd.Context(), w, &o)
			case o.unpublish:
				return runUnpublish(cmd.Context(), w, &o)
			}
			return runPlan(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.planFlags.addFlags(f)
	f.StringVar(&o.explain, "explain", "", "tell all about the entry `NAME`, PHASE/NAME or path")
	f.StringSliceVar(&o.compare, "compare", nil, "tell where other `TOOLS` would run a different set or order: dib-run-parts, run-parts")
	f.BoolVar(&o.publish, "publish", false, "write the plan, with what phased check finds, beside the runs: for the browser (phased serve)")
	f.BoolVar(&o.unpublish, "unpublish", false, "take away what was published of the lifecycle")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.places.addFlags(f)
	return cmd
}

// runPlan is `phased plan`.
func runPlan(ctx context.Context, w *World, o *planOptions) error {
	o.inputs = true
	settings, p, err := o.makePlan(ctx, w, &o.places, nil, o.lifecycle)
	if err != nil {
		return err
	}
	if p, _, err = o.places.judged(settings, p); err != nil {
		return err
	}
	p = shownPlan(settings, p)
	if dir, err := o.places.dir(w, settings); err == nil {
		m := memory{store: state.New(dir), base: p.Base, lifecycle: p.Lifecycle, boot: w.bootID()}
		if err := m.forecast(&p); err != nil {
			w.talk("warning: %v", err)
		}
	}
	s := w.style(false, o.places.again())
	switch {
	case o.explain != "":
		all, err := plan.Explain(p, o.explain)
		if err != nil {
			return &failure{exitInvalid, err}
		}
		if o.json {
			return report.JSON(w.Stdout, all)
		}
		return report.Explain(w.Stdout, s, explanations(p, all))
	case len(o.compare) > 0:
		all, err := plan.CompareTools(p, o.compare)
		if err != nil {
			return &failure{exitInvalid, err}
		}
		if o.json {
			return report.JSON(w.Stdout, all)
		}
		return report.Compare(w.Stdout, s, toolDifferences(all))
	case o.json:
		return report.JSON(w.Stdout, p)
	}
	return report.Plan(w.Stdout, s, p)
}

func explanations(p phased.Plan, all []plan.Explanation) []report.Explanation {
	out := make([]report.Explanation, len(all))
	for i, e := range all {
		out[i] = report.Explanation{
			Phase: e.Phase, Failure: e.Failure, Name: e.Name, Verdict: e.Verdict, Path: e.Path, Why: e.Why,
			Position: e.Position, Of: e.Of, Number: e.Number, After: e.After, Before: e.Before, Options: e.Options,
		}
		if entry, sourced := sourcedEntry(p, e); sourced {
			out[i].Sourced, out[i].Args, out[i].Plugin = true, entry.Args, entry.Plugin
		}
		for _, pl := range e.Places {
			out[i].Places = append(out[i].Places, report.Place{Dir: pl.Dir, Found: pl.Found, Wins: pl.Wins, Verdict: pl.Verdict, Detail: pl.Detail})
		}
	}
	return out
}

// sourcedEntry returns the entry that an explanation is about, where it is
// sourced.
func sourcedEntry(p phased.Plan, x plan.Explanation) (phased.Entry, bool) {
	for _, ph := range p.Phases {
		if ph.Name != x.Phase || ph.Executor != phased.ExecutorSession {
			continue
		}
		for _, e := range ph.Entries {
			if e.Name == x.Name {
				return e, true
			}
		}
	}
	return phased.Entry{}, false
}

func toolDifferences(all []plan.ToolDifference) []report.ToolDifference {
	out := make([]report.ToolDifference, len(all))
	for i, d := range all {
		r := report.ToolDifference{Tool: d.Tool, Phase: d.Phase, Dir: d.Dir, Same: d.Same, Here: len(d.Here), There: len(d.There), Notes: d.Notes}
		for _, e := range d.OnlyHere {
			r.OnlyHere = append(r.OnlyHere, report.ToolEntry(e))
		}
		for _, e := range d.OnlyThere {
			r.OnlyThere = append(r.OnlyThere, report.ToolEntry(e))
		}
		for _, m := range d.Moved {
			r.Moved = append(r.Moved, report.Moved(m))
		}
		out[i] = r
	}
	return out
}

// entries counts the entries of a plan.
func entries(p phased.Plan) int {
	n := 0
	for _, ph := range p.Phases {
		n += len(ph.Entries)
	}
	if p.Failure != nil {
		n += len(p.Failure.Entries)
	}
	return n
}

// completeLifecycles completes the name of a lifecycle.
func completeLifecycles(pl *places) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		var names []string
		if s, err := pl.settings(nil); err == nil && len(args) == 0 {
			for _, n := range plan.Lifecycles(s) {
				if strings.HasPrefix(n, typed) {
					names = append(names, n)
				}
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
