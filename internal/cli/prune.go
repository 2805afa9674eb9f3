package cli

import (
	"context"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/report"
)

// pruneOptions are the flags of `phased prune`.
type pruneOptions struct {
	places
	dryRun bool
	json   bool
}

func newPrune(w *World) *cobra.Command {
	var o pruneOptions
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "remove old runs from the record",
		Long: `Removes runs from the record that are beyond the retention of the settings (200
runs, 90 days or 1 GiB), failed ones last. phased run does so at its end.`,
		Example: `phased prune --dry-run`,
		Args:    atMost(0),
		RunE:    func(cmd *cobra.Command, args []string) error { return runPrune(cmd.Context(), w, &o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.dryRun, "dry-run", false, "only tell what would be removed")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.places.addFlags(f)
	return cmd
}

// runPrune is `phased prune`.
func runPrune(ctx context.Context, w *World, o *pruneOptions) error {
	s, err := o.places.settings(w)
	if err != nil {
		return err
	}
	dir, err := o.places.dir(w, s)
	if err != nil {
		return err
	}
	store, err := journal.Open(dir, journal.Options{ReadOnly: o.dryRun, AnyOwner: o.places.anyOwner(s)})
	if err != nil {
		return notOpened(err)
	}
	pruned, err := store.Prune(ctx, limitsOf(s), o.dryRun)
	if err != nil {
		return broken("cannot remove old runs: %v", err)
	}
	if o.json {
		if pruned == nil {
			pruned = []journal.Pruned{}
		}
		return report.JSON(w.Stdout, pruned)
	}
	all := make([]report.Pruned, len(pruned))
	for i, p := range pruned {
		all[i] = report.Pruned{ID: p.ID, Status: p.Status, Size: p.Size, Reason: p.Reason}
	}
	return report.Prune(w.Stdout, w.style(false, o.places.again()), all, o.dryRun)
}
