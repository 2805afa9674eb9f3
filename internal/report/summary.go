package report

import (
	"strings"

	"phased/internal/phased"
)

// summaryLines is how many lines of a hook's summary people are shown.
const summaryLines = 60

// summaries prints what hooks say of themselves: Markdown, as it is, with what
// would steer a terminal written out.
func (p *printer) summaries(r phased.Run, all bool) {
	for _, ph := range r.Phases {
		for _, h := range ph.Hooks {
			if h.Summary == "" {
				continue
			}
			p.line("")
			p.line(p.paint(bold, "summary of "+Hook(h.Phase, h.Hook)))
			p.summary(h, all)
		}
	}
}

func (p *printer) summary(h phased.HookRun, all bool) {
	lines := strings.Split(strings.TrimRight(string(h.Summary), "\n"), "\n")
	hidden := 0
	if p.Terminal && !all && len(lines) > summaryLines {
		hidden = len(lines) - summaryLines
		lines = lines[:summaryLines]
	}
	for _, l := range lines {
		p.line("  " + Safe(strings.TrimSuffix(l, "\r"), false))
	}
	if hidden > 0 {
		p.line("  " + p.paint(dim, count(hidden, "more line")+"  (--all shows them)"))
	}
	if h.SummarySize > 0 {
		p.line("  " + p.paint(dim, "cut here: it has "+Size(h.SummarySize)+" in all"))
	}
}
