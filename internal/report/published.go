package report

import (
	"fmt"
	"io"
	"strings"

	"phased/internal/phased"
)

// Published prints what was published of a plan, and where.
func Published(w io.Writer, s Style, pub phased.Published, file string) error {
	p := newPrinter(w, s)
	hooks, steps := PlanCounts(pub.Plan)
	what := count(hooks, "hook")
	if steps > 0 {
		what += " and " + count(steps, "base step")
	}
	p.line(fmt.Sprintf("published the plan of %s: %s, %s", RunTitle(pub.Plan.Lifecycle, pub.Plan.Base), what, FindingCounts(pub.Findings, pub.FindingsMore)))
	p.line("  " + p.paint(dim, "in "+Name(phased.Text(file))))
	if len(pub.Plan.Untrusted) > 0 && pub.Refused {
		p.line("  " + p.paint(alarm, "not trusted") + ": phased run would run nothing of it")
	}
	return p.flush()
}

// FindingCounts tells how many findings there are of each severity: "no findings",
// "2 errors, 1 warning". more is how many were left out.
func FindingCounts(findings []phased.Finding, more int) string {
	n := map[phased.Severity]int{}
	for _, f := range findings {
		n[f.Severity]++
	}
	var words []string
	for _, s := range []struct {
		severity phased.Severity
		word     string
	}{{phased.SeverityError, "error"}, {phased.SeverityWarning, "warning"}, {phased.SeverityInfo, "hint"}} {
		if n[s.severity] > 0 {
			words = append(words, count(n[s.severity], s.word))
		}
	}
	if more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	if len(words) == 0 {
		return "no findings"
	}
	return strings.Join(words, ", ")
}

// PlanCounts returns how many hooks a plan runs, and how many base steps, without
// the failure phase.
func PlanCounts(pl phased.Plan) (hooks, steps int) {
	for _, ph := range pl.Phases {
		if ph.Files != nil {
			steps += len(ph.Hooks())
			continue
		}
		hooks += len(ph.Hooks())
	}
	return hooks, steps
}

// RunTitle tells what a run or a plan is: "refresh of /etc/phased".
func RunTitle(lifecycle string, base phased.Text) string {
	return Safe(runTitle(lifecycle, base), false)
}
