package plan

import (
	"fmt"
	"slices"

	"phased/internal/phased"
)

// untrusted adds what of a plan is not trusted. Where owner or mode of the same
// file were told already, that is enough: it only is an error, as nothing would
// be run.
func untrusted(all []phased.Finding, found []phased.Untrusted, refused bool) []phased.Finding {
	severity := phased.SeverityWarning
	if refused {
		severity = phased.SeverityError
	}
	for _, u := range found {
		told := false
		for i, f := range all {
			if (f.Code == CodeWritable || f.Code == CodeOwner) && (f.File == u.At || f.File == u.Path) {
				told = true
				if refused {
					all[i].Severity = phased.SeverityError
				}
			}
		}
		same := func(f phased.Finding) bool { return f.Code == CodeUntrusted && f.File == u.Path }
		if told || slices.ContainsFunc(all, same) {
			continue
		}
		message := u.What
		if u.At != u.Path {
			message = fmt.Sprintf("is reached by %s, which %s", u.At, u.What)
		}
		all = append(all, phased.Finding{Code: CodeUntrusted, Severity: severity, Phase: u.Phase, File: u.Path, Message: message, Cure: u.Cure})
	}
	return all
}
