package web

import (
	"context"
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"phased/internal/phased"
	"phased/internal/report"
)

// Bounds of what is compared of two outputs: beyond them the rest is left out, and
// the page says so.
const (
	maxDiffBytes = 1 << 20 // of each
	maxDiffLines = 20_000  // of each
	maxDiffShown = 2000    // lines of the page
	maxLineShown = 2000    // bytes of a line
	diffContext  = 3
)

// outputDiff is how the output of one hook differs in two runs.
type outputDiff struct {
	Same  bool
	Empty bool // neither has any
	Hunks []diffHunk
	Notes []string  // what was left out
	Lines [2]string // how many there are
}

// diffHunk is a row of lines around a difference.
type diffHunk struct {
	FromA, FromB int
	Lines        []diffLine
}

// diffLine is one line of it; A and B are its numbers, 0 where a side has it not.
type diffLine struct {
	Kind string // same, gone, new
	Sign string
	A, B int
	Text string
}

// outputs compares what a hook wrote in two runs.
func (s *Server) outputs(ctx context.Context, a, b phased.Run, k hookKey, hideDigits bool) (outputDiff, error) {
	var d outputDiff
	var texts [2]captured
	for i, r := range []phased.Run{a, b} {
		c, err := s.captured(ctx, r.ID, k)
		if err != nil {
			return d, fmt.Errorf("cannot read the output of run %s: %w", r.ID, err)
		}
		texts[i], d.Lines[i] = c, report.Count(len(c.lines), "line")
		side := [2]string{"of the first run", "of the second run"}[i]
		if c.more {
			size := len(c.lines)
			for _, l := range c.lines {
				size += len(l)
			}
			d.Notes = append(d.Notes, fmt.Sprintf("Only the beginning of the output %s is compared: %s, %s.", side, report.Size(int64(size)), report.Count(len(c.lines), "line")))
		}
		h := r.Hook(k.phase, k.hook)
		if h != nil && h.Dropped > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("Some of the output %s is not on record.", side))
		}
		if h != nil && r.Start.Output == "inherited" {
			d.Notes = append(d.Notes, fmt.Sprintf("The output %s was inherited: it is not on record.", side))
		}
	}
	d.fill(texts[0].lines, texts[1].lines, hideDigits)
	return d, nil
}

// captured is the beginning of what a hook wrote, in lines.
type captured struct {
	lines []string
	size  int
	more  bool // there is more of it
}

// captured reads what a hook wrote, as far as it is compared. Lines of the two
// streams stand in the order in which they ended.
func (s *Server) captured(ctx context.Context, run string, k hookKey) (captured, error) {
	var c captured
	if s.Hook == nil {
		return c, nil
	}
	open := map[string]*strings.Builder{"out": {}, "err": {}}
	for e, err := range s.Hook(ctx, run, k.phase, k.hook) {
		if err != nil {
			return c, err
		}
		piece, _ := e.Data.(phased.HookOutput)
		b := open[piece.Stream]
		if b == nil || piece.Text == "" {
			continue
		}
		text := string(piece.Text)
		if room := maxDiffBytes - c.size; len(text) > room {
			text, c.more = text[:room], true
		}
		c.size += len(text)
		for line := range strings.Lines(text) {
			b.WriteString(line)
			if strings.HasSuffix(line, "\n") {
				c.lines = append(c.lines, strings.TrimSuffix(b.String(), "\n"))
				b.Reset()
			}
		}
		if len(c.lines) > maxDiffLines {
			c.lines, c.more = c.lines[:maxDiffLines], true
		}
		if c.more {
			return c, nil
		}
	}
	for _, stream := range []string{"out", "err"} {
		if open[stream].Len() > 0 {
			c.lines = append(c.lines, open[stream].String())
		}
	}
	return c, nil
}

// fill compares lines. Where digits are hidden, lines that differ in them alone are
// the same, and those of the second run are shown.
func (d *outputDiff) fill(a, b []string, hideDigits bool) {
	d.Empty = len(a)+len(b) == 0
	before, after := compared(a, hideDigits), compared(b, hideDigits)
	edits := udiff.Lines(before, after)
	if d.Same = len(edits) == 0; d.Same {
		return
	}
	u, err := udiff.ToUnifiedDiff("", "", before, edits, diffContext)
	if err != nil { // its own edits do not fit: never seen, and no reason to show no page
		d.Notes = append(d.Notes, "The outputs cannot be compared: "+err.Error())
		return
	}
	shown, x, y := 0, 1, 1
	for _, h := range u.Hunks {
		// What lies between is the same in both. The hunk's own ToLine is too small where
		// changes stood close together in one before it.
		x, y = h.FromLine, y+h.FromLine-x
		hunk := diffHunk{FromA: x, FromB: y}
		for _, l := range h.Lines {
			if shown++; shown > maxDiffShown {
				break
			}
			line := diffLine{Kind: "same", Sign: " "}
			if l.Kind != udiff.Insert {
				line.A, line.Text = x, at(a, x)
				x++
			}
			if l.Kind != udiff.Delete {
				line.B, line.Text = y, at(b, y)
				y++
			}
			switch l.Kind {
			case udiff.Delete:
				line.Kind, line.Sign = "gone", "-"
			case udiff.Insert:
				line.Kind, line.Sign = "new", "+"
			}
			hunk.Lines = append(hunk.Lines, line)
		}
		if len(hunk.Lines) > 0 {
			d.Hunks = append(d.Hunks, hunk)
		}
	}
	if shown > maxDiffShown {
		d.Notes = append(d.Notes, fmt.Sprintf("Only the first %d lines of the difference are shown.", maxDiffShown))
	}
}

// at returns a line, from 1, as it may be shown.
func at(lines []string, n int) string {
	if n < 1 || n > len(lines) {
		return ""
	}
	text := lines[n-1]
	if len(text) > maxLineShown {
		return report.Safe(text[:maxLineShown], false) + " … " + report.Size(int64(len(text)))
	}
	return report.Safe(text, false)
}

// compared returns lines as one text to compare; each digit of a number, and
// their count, may be hidden.
func compared(lines []string, hideDigits bool) string {
	var b strings.Builder
	for _, l := range lines {
		if hideDigits {
			l = withoutDigits(l)
		}
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return b.String()
}

// withoutDigits puts one # in place of each row of digits.
func withoutDigits(line string) string {
	var b strings.Builder
	in := false
	for i := range len(line) {
		digit := line[i] >= '0' && line[i] <= '9'
		if !digit {
			b.WriteByte(line[i])
		} else if !in {
			b.WriteByte('#')
		}
		in = digit
	}
	return b.String()
}
