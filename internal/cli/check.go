package cli

import (
	"context"

	"github.com/spf13/cobra"

	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/report"
)

// checkOptions are the flags of `phased check`.
type checkOptions struct {
	places
	planFlags
	lifecycle string
	strict    bool
	json      bool
}

func newCheck(w *World) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [LIFECYCLE]",
		Short: "look for mistakes in the hooks",
		Long: `Looks for mistakes in the hooks of a lifecycle before they run: names that no tool
runs, missing x bits, interpreters that do not exist, syntax errors, and more.
Ends with 2 where there are errors.`,
		Example: `phased check
phased check --base /srv/hooks --strict`,
		Args:              atMost(1),
		ValidArgsFunction: completeLifecycles(&o.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.lifecycle = args[0]
			}
			return runCheck(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.base, "base", "", "the one hook tree: `DIR` (default: the lifecycle's, or the roots of the settings)")
	o.addSourcedFlags(f)
	f.BoolVar(&o.strict, "strict", false, "count warnings as errors")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.places.addFlags(f)
	return cmd
}

// runCheck is `phased check`.
func runCheck(ctx context.Context, w *World, o *checkOptions) error {
	o.faulty = true // which are findings
	s, p, err := o.makePlan(ctx, w, &o.places, nil, o.lifecycle)
	if err != nil {
		return err
	}
	p, refused, err := o.places.judged(s, p)
	if err != nil {
		return err
	}
	findings := plan.Check(p, plan.CheckOptions{Strict: o.strict, Refused: refused})
	if o.json {
		if findings == nil {
			findings = []phased.Finding{}
		}
		err = report.JSON(w.Stdout, findings)
	} else {
		err = report.Check(w.Stdout, w.style(false, o.places.again()), findings, entries(p))
	}
	if err != nil {
		return err
	}
	for _, f := range findings {
		if f.Severity == phased.SeverityError {
			return status(exitInvalid)
		}
	}
	return nil
}
