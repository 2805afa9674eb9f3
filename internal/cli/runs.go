package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/config"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/usage"
)

// runsOptions are the flags of `phased runs`.
type runsOptions struct {
	places
	lifecycle string
	status    []string
	base      string
	since     string
	number    int
	json      bool
}

func newRuns(w *World) *cobra.Command {
	var o runsOptions
	cmd := &cobra.Command{
		Use:   "runs",
		Short: "list the runs on record, newest first",
		Long: `Lists the runs on record, newest first: id, lifecycle, base, when it began, how long
it took and how it ended. Those that match all of the flags are listed.`,
		Example: `phased runs
phased runs --status failed --since 7d
phased runs --json | jq -r '.[].id'`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, args []string) error { return runRuns(cmd.Context(), w, &o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.lifecycle, "lifecycle", "", "only runs of the lifecycle or personality `NAME`")
	f.StringSliceVar(&o.status, "status", nil, "only runs of these `STATUSES`: running, succeeded, failed, timed-out, stopped, interrupted, waiting-reboot")
	f.StringVar(&o.base, "base", "", "only runs of the base `DIR`")
	f.StringVar(&o.since, "since", "", "only runs that began within a duration (36h, 7d) or since a `DATE` (2026-03-01, 2026-03-01T03:00)")
	f.IntVarP(&o.number, "number", "n", 0, "at most `N` runs")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.places.addFlags(f)
	return cmd
}

// runRuns is `phased runs`.
func runRuns(ctx context.Context, w *World, o *runsOptions) error {
	keep, err := o.filter(time.Now())
	if err != nil {
		return err
	}
	store, err := o.places.record(w)
	if err != nil {
		return err
	}
	all, err := store.Runs(ctx)
	if err != nil {
		return broken("cannot read the record: %v", err)
	}
	shown := []phased.Summary{}
	for _, r := range all {
		if keep(r) && (o.number <= 0 || len(shown) < o.number) {
			shown = append(shown, r)
		}
	}
	if o.json {
		return report.JSON(w.Stdout, shown)
	}
	if len(shown) == 0 {
		w.talk("no run is on record in %s%s", store.Dir(), chosen(len(all)))
		return nil
	}
	return report.Runs(w.Stdout, w.style(false, o.places.again()), shown)
}

func chosen(all int) string {
	if all == 0 {
		return ""
	}
	return " that fits; phased runs lists all"
}

// filter returns what decides whether a run is listed.
func (o *runsOptions) filter(now time.Time) (func(phased.Summary) bool, error) {
	known := []string{"running", "succeeded", "failed", "timed-out", "stopped", "interrupted", "waiting-reboot"}
	for _, s := range o.status {
		if !slices.Contains(known, s) {
			return nil, invalid("runs: unknown status %q%s (expected %s)", s, nearest(s, known), strings.Join(known, ", "))
		}
	}
	if o.number < 0 {
		return nil, invalid("runs: -n %d: expected a number of runs", o.number)
	}
	since, err := moment(o.since, now)
	if err != nil {
		return nil, err
	}
	base := o.base
	if base != "" {
		if base, err = filepath.Abs(base); err != nil {
			return nil, broken("cannot find %s: %v", o.base, err)
		}
	}
	return func(r phased.Summary) bool {
		return (o.lifecycle == "" || r.Lifecycle == o.lifecycle || r.Personality == o.lifecycle) &&
			(len(o.status) == 0 || slices.Contains(o.status, string(r.Status))) &&
			(base == "" || string(r.Base) == base) &&
			(since.IsZero() || !r.Began.Before(since))
	}, nil
}

// moment reads --since: a duration before now, or a date in local time.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := config.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, invalid("runs: --since %q: expected a duration such as 36h or 7d, or a date such as 2026-03-01 or 2026-03-01T03:00", text)
}

// completeRuns completes a RUN, and then a HOOK of it where hooks is set.
func completeRuns(w *World, pl *places, hooks bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		store, err := pl.record(w)
		if err != nil || len(args) > 1 || len(args) == 1 && !hooks {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if len(args) == 1 {
			return completeHooks(cmd.Context(), store, args[0], typed), cobra.ShellCompDirectiveNoFileComp
		}
		words := []string{"last"}
		all, err := store.Runs(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		for _, r := range all {
			words = append(words, r.ID)
		}
		return withPrefix(words, typed), cobra.ShellCompDirectiveNoFileComp
	}
}

func completeHooks(ctx context.Context, store *journal.Store, ref, typed string) []string {
	id, err := store.Resolve(ctx, usage.RunArgument(ref))
	if err != nil {
		return nil
	}
	r, err := store.Run(ctx, id)
	if err != nil {
		return nil
	}
	return withPrefix(hookNames(r), typed)
}

func withPrefix(words []string, prefix string) []string {
	return slices.DeleteFunc(words, func(s string) bool { return !strings.HasPrefix(s, prefix) })
}
