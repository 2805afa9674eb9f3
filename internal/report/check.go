package report

import (
	"fmt"
	"io"
	"strings"

	"phased/internal/phased"
)

// Check prints findings, a line each with its cure below (once where several in
// one file have the same), and their number.
func Check(w io.Writer, s Style, findings []phased.Finding, entries int) error {
	p := newPrinter(w, s)
	n := map[phased.Severity]int{}
	for i, f := range findings {
		n[f.Severity]++
		where := Name(f.File)
		if f.Line > 0 {
			where += fmt.Sprintf(":%d", f.Line)
		}
		p.line(fmt.Sprintf("%s: %s: %s [%s]", where, p.paint(severityColour(f.Severity), string(f.Severity)), Safe(oneLine(f.Message), false), f.Code))
		again := i+1 < len(findings) && findings[i+1].File == f.File && findings[i+1].Cure == f.Cure
		if f.Cure != "" && !again {
			p.line("    " + p.paint(dim, "cure: "+Safe(oneLine(f.Cure), false)))
		}
	}
	total := "no findings"
	if len(findings) > 0 {
		total = fmt.Sprintf("%s, %s, %s", count(n[phased.SeverityError], "error"), count(n[phased.SeverityWarning], "warning"), count(n[phased.SeverityInfo], "hint"))
	}
	p.line(fmt.Sprintf("%s checked: %s", count(entries, "entry"), total))
	return p.flush()
}

func severityColour(severity phased.Severity) string {
	switch severity {
	case phased.SeverityError:
		return alarm
	case phased.SeverityWarning:
		return yellow
	}
	return dim
}

func oneLine(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ") }

// ToolDifference is what another tool would run of one hook directory.
type ToolDifference struct {
	Tool, Phase string
	Dir         phased.Text
	Same        bool
	Here, There int // hooks that run
	OnlyHere    []ToolEntry
	OnlyThere   []ToolEntry
	Moved       []Moved
	Notes       []string
}

// ToolEntry is a hook that one side runs and the other does not.
type ToolEntry struct {
	Name phased.Text
	Why  string
}

// Moved is a hook that both run at different places.
type Moved struct {
	Name        phased.Text
	Here, There int
}

// Compare prints where other tools would run a different set or order.
func Compare(w io.Writer, s Style, all []ToolDifference) error {
	p := newPrinter(w, s)
	for _, d := range all {
		head := fmt.Sprintf("%s %s", p.paint(bold, d.Tool), Name(d.Dir))
		if d.Same {
			p.line(head + ": " + p.paint(green, "the same ") + count(d.Here, "hook") + " in the same order")
		} else {
			p.line(head + ": " + p.paint(yellow, "differs") + fmt.Sprintf(", %s here, %d there", count(d.Here, "hook"), d.There))
		}
		for _, e := range d.OnlyHere {
			p.line(fmt.Sprintf("  only phased runs %s: %s", Name(e.Name), Safe(oneLine(e.Why), false)))
		}
		for _, e := range d.OnlyThere {
			p.line(fmt.Sprintf("  only %s runs %s: %s", d.Tool, Name(e.Name), Safe(oneLine(e.Why), false)))
		}
		for _, m := range d.Moved {
			p.line(fmt.Sprintf("  %s is number %d here, %d there", Name(m.Name), m.Here, m.There))
		}
		for _, note := range d.Notes {
			p.line("  " + p.paint(dim, "note: "+Safe(oneLine(note), false)))
		}
	}
	return p.flush()
}

// Pruned is a run that was, or would be, removed.
type Pruned struct {
	ID     string
	Status phased.Status
	Size   int64
	Reason string
}

// Prune prints what was removed of the record.
func Prune(w io.Writer, s Style, all []Pruned, dryRun bool) error {
	p := newPrinter(w, s)
	verb := "removed"
	if dryRun {
		verb = "would remove"
	}
	var size int64
	for _, r := range all {
		size += r.Size
		p.line(fmt.Sprintf("%s %s  %s  %s  %s", verb, r.ID, r.Status, Size(r.Size), r.Reason))
	}
	p.line(fmt.Sprintf("%s %s, %s", verb, count(len(all), "run"), Size(size)))
	return p.flush()
}
