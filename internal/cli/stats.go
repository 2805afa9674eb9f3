package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"phased/internal/phased"
	"phased/internal/report"
)

// statsOptions are the flags of `phased stats`.
type statsOptions struct {
	places
	lifecycle string
	base      string
	last      int
	json      bool
}

func newStats(w *World) *cobra.Command {
	var o statsOptions
	cmd := &cobra.Command{
		Use:   "stats [LIFECYCLE]",
		Short: "tell which hooks are slow, flaky or often changed, and suggest time limits",
		Long: `Tells of the hooks of a lifecycle what the record knows: which take longest, which
fail although nothing was changed, which change most, and time limits that would
fit. Without LIFECYCLE or --base, those of the newest run count.`,
		Example: `phased stats
phased stats nightly --base /srv/hooks --last 20
phased stats --json | jq '.hooks[] | select(.flaky > 0)'`,
		Args:              atMost(1),
		ValidArgsFunction: completeLifecycles(&o.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.lifecycle = args[0]
			}
			return runStats(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.base, "base", "", "the runs of the base `DIR`")
	f.IntVar(&o.last, "last", baselineRuns, "the newest `N` runs")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.places.addFlags(f)
	return cmd
}

// runStats is `phased stats`.
func runStats(ctx context.Context, w *World, o *statsOptions) error {
	if o.last < 1 {
		return invalid("stats: --last %d: expected a number of runs", o.last)
	}
	if o.base != "" {
		o.base = absolute(o.base)
	}
	store, err := o.places.record(w)
	if err != nil {
		return err
	}
	all, err := store.Runs(ctx)
	if err != nil {
		return broken("cannot read the record: %v", err)
	}
	runs, others, err := o.choose(all)
	if err != nil {
		return err
	}
	record, damaged, err := readRecord(ctx, store, runs, o.last, 0)
	if err != nil {
		return broken("cannot read the record: %v", err)
	}
	st := record.Stats()
	st.Lifecycle, st.Base = runs[0].Lifecycle, runs[0].Base
	if o.json {
		err = report.JSON(w.Stdout, st)
	} else {
		err = report.Stats(w.Stdout, w.style(false, o.places.again()), st, others)
	}
	if err == nil && damaged != nil {
		err = broken("part of the record is damaged, and what follows the damage does not count: %v", damaged)
	}
	return err
}

// choose returns the runs that are asked for, and the newest one of each other
// lifecycle and base.
func (o *statsOptions) choose(all []phased.Summary) (runs, others []phased.Summary, err error) {
	var lifecycles []string
	for _, r := range all {
		if r.Lifecycle == "" { // it cannot be read
			continue
		}
		lifecycles = append(lifecycles, r.Lifecycle)
		if len(runs) > 0 && r.Lifecycle == runs[0].Lifecycle && r.Base == runs[0].Base || len(runs) == 0 && o.fits(r) {
			runs = append(runs, r)
		}
	}
	if len(runs) == 0 {
		where := ""
		if o.base != "" {
			where = " in " + o.base
		}
		if o.lifecycle == "" {
			return nil, nil, &failure{exitInvalid, fmt.Errorf("no run%s is on record (phased runs lists all)", where)}
		}
		return nil, nil, &failure{exitInvalid, fmt.Errorf("no run of the lifecycle %q%s is on record%s (phased runs lists all)", o.lifecycle, where, nearest(o.lifecycle, lifecycles))}
	}
	type kind struct {
		lifecycle string
		base      phased.Text
	}
	seen := map[kind]bool{{runs[0].Lifecycle, runs[0].Base}: true}
	for _, r := range all {
		if k := (kind{r.Lifecycle, r.Base}); r.Lifecycle != "" && !seen[k] {
			seen[k] = true
			others = append(others, r)
		}
	}
	return runs, others, nil
}

// fits reports whether a run is of the lifecycle and base that are asked for;
// where neither is, one that was started inside of another is not.
func (o *statsOptions) fits(r phased.Summary) bool {
	if o.lifecycle == "" && o.base == "" {
		return r.Parent == ""
	}
	return (o.lifecycle == "" || r.Lifecycle == o.lifecycle) && (o.base == "" || string(r.Base) == o.base)
}
