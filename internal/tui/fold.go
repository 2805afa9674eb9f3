package tui

import (
	"fmt"
	"strings"

	"phased/internal/phased"
	"phased/internal/report"
)

// foldNotes is how many notes of a phase are told below it.
const foldNotes = 12

func (m *Model) paint(colour, text string) string {
	if !m.o.Colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (m *Model) mark(unicode, ascii string) string {
	if m.o.Unicode {
		return unicode
	}
	return ascii
}

// status is the mark of a status.
func (m *Model) status(s phased.Status) string {
	if s == phased.StatusWaiting {
		return m.paint(yellow, m.mark("↻", "~"))
	}
	return m.o.StatusMark(s)
}

// more stands where something was cut.
func (m *Model) more() string { return m.mark("…", "~") }

// fit returns a line in the columns of the terminal: one is left free, as a line
// that fills its row is told in different ways by terminals.
func (m *Model) fit(line string) string {
	return cut(harmless(line, m.o.Colour), max(1, m.w-1), m.more())
}

// spread returns left and right on one line of w columns; left is cut where
// there is no room for both, and right left out where there is none for it.
func (m *Model) spread(left, right string, w int) string {
	w = max(1, min(w-1, 119))
	left, right = harmless(left, m.o.Colour), harmless(right, m.o.Colour)
	n := width(right)
	if right == "" || n > w-10 {
		return cut(left, w, m.more())
	}
	return pad(cut(left, w-n-2, m.more()), w-n) + right
}

// title is how a phase is called.
func (m *Model) title(p *phaseView, colour string) string {
	text := m.paint(colour, report.Name(phased.Text(p.name)))
	if kind := report.PhaseKind(p.failure, p.when); kind != "" {
		text += m.paint(dim, " ("+kind+")")
	}
	return text
}

// fold tells a phase that has ended in one line, and what there is to know of it
// below.
func (m *Model) fold(p *phaseView) {
	if p == nil || p.folded {
		return
	}
	p.folded, m.tall = true, 0
	run := &m.run.Phases[p.index]
	skipped := report.Skipped(run.Entries)
	if run.Status != phased.StatusRunning && m.run.Session != nil && skipped != "" {
		if m.passed[skipped] { // of a session every point looks at the same directory
			skipped = ""
		}
		m.passed[report.Skipped(run.Entries)] = true
	}
	if p.total == 0 && len(p.notes) == 0 {
		what := "nothing to run"
		if run.Missing {
			what = "no directory"
		}
		if skipped != "" {
			what += "; " + skipped
		}
		m.tell(m.fit(m.paint(dim, m.mark("·", "-")) + " " + m.title(p, dim) + m.paint(dim, "  "+what)))
		return
	}
	status := run.Status
	if !status.Final() { // the run has ended in it
		status = phased.StatusInterrupted
	}
	what := "  " + m.ran(p)
	if skipped != "" {
		what += "; " + skipped
	}
	took := ""
	if run.Status.Final() && run.Status != phased.StatusInterrupted {
		took = report.Took(run.Took)
	}
	m.tell(m.spread(m.status(status)+" "+m.title(p, bold)+m.paint(dim, what), m.paint(dim, took), m.w))
	for _, k := range p.skips {
		m.tell(m.fit("    " + m.paint(dim, report.Names(k.names, 8)+"  skipped: "+report.Reason(k.reason))))
	}
	for i, n := range p.notes {
		if i == foldNotes-1 && len(p.notes)+p.more > foldNotes {
			m.tell("    " + m.paint(dim, fmt.Sprintf("and %d more: %s", len(p.notes)-i+p.more, m.style().Command("show", m.o.id(m.run.ID)))))
			break
		}
		m.tellNote(n.Note, "    ")
	}
	if left := report.NotRun(*run); len(left) > 0 {
		m.tell(m.fit("    " + m.paint(dim, "not run: "+report.Names(left, 6))))
	}
}

// tally tells how far a phase is: "12 hooks"; "3 of 12 hooks, 1 failed, 2 skipped".
func (m *Model) tally(p *phaseView) string {
	if p.passed > 0 {
		return m.ran(p) + fmt.Sprintf(", %d skipped", p.passed)
	}
	return m.ran(p)
}

// ran is tally without the hooks that were skipped: a phase that has ended names
// them below, and must not count them beside the entries that are no hooks.
func (m *Model) ran(p *phaseView) string {
	text := report.Count(p.total, "hook")
	if p.done != p.total {
		text = fmt.Sprintf("%d of %s", p.done, text)
	}
	if p.failed > 0 {
		text += fmt.Sprintf(", %d failed", p.failed)
	}
	return text
}

// tellNote tells a note for good: all of it, in as many lines as that takes.
func (m *Model) tellNote(n report.Note, indent string) {
	if line := m.noteLine(n, indent); width(line) < min(m.w, 120) {
		m.tell(line)
		return
	}
	parts := wrap(n.Text, max(20, min(m.w-1, 119)-len(indent)-4-width(report.Name(n.Hook))))
	n.Text = parts[0]
	m.tell(m.noteLine(n, indent))
	colour := dim
	switch n.Level {
	case report.Warn:
		colour = yellow
	case report.Bad:
		colour = red
	}
	for _, part := range parts[1:] {
		m.tell(indent + "    " + m.paint(colour, part))
	}
}

// noteLine is a note as a line.
func (m *Model) noteLine(n report.Note, indent string) string {
	mark, colour := "", dim
	switch n.Level {
	case report.Warn:
		mark, colour = m.mark("⚠ ", "! "), yellow
	case report.Bad:
		mark, colour = m.mark("✗ ", "x "), alarm
	}
	text := n.Text
	if name := report.Name(n.Hook); n.Hook != "" && !strings.HasPrefix(text, name) {
		if n.Level == report.Bad {
			return indent + m.paint(colour, strings.TrimSpace(mark)) + " " + name + "  " + m.paint(red, text)
		}
		text = name + ": " + text
	}
	return indent + m.paint(colour, mark+text)
}
