package report

import (
	"strings"

	"phased/internal/phased"
)

// longestLine is how much of a line without an end is kept back before it is
// shown, in bytes.
const longestLine = 64 << 10

// lines puts the pieces of one stream together to lines.
type lines struct{ held string }

// add calls each with every line that is complete now, without its end.
func (l *lines) add(text string, each func(string)) {
	l.held += text
	for {
		line, rest, found := strings.Cut(l.held, "\n")
		if !found {
			break
		}
		l.held = rest
		each(line)
	}
	for len(l.held) > longestLine {
		line := l.held[:longestLine]
		l.held = l.held[longestLine:]
		each(line)
	}
}

// end calls each with what is held back, if anything.
func (l *lines) end(each func(string)) {
	if l.held != "" {
		line := l.held
		l.held = ""
		each(line)
	}
}

// rows returns how a line of output is shown on a terminal: a carriage return
// begins a new row, so that nothing is written over.
func rows(line string) []string {
	line = strings.TrimRight(line, "\r")
	if !strings.Contains(line, "\r") {
		return []string{line}
	}
	var out []string
	for row := range strings.SplitSeq(line, "\r") {
		if row != "" {
			out = append(out, row)
		}
	}
	return out
}

// TailLine is one line of the end of a hook's output.
type TailLine struct {
	Stream string // "out" or "err"
	Text   string
}

// Tail is the end of a hook's output. The zero value keeps nothing; set Max.
type Tail struct {
	Max   int // lines kept
	Lines []TailLine
	Total int // lines seen
	// Elided says that there were more lines than were seen.
	Elided bool
	parts  [2]lines
}

func streamIndex(stream string) int {
	if stream == "err" {
		return 1
	}
	return 0
}

// Add takes a piece of output.
func (t *Tail) Add(o phased.HookOutput) {
	t.parts[streamIndex(o.Stream)].add(string(o.Text), func(line string) { t.keep(o.Stream, line) })
}

// End takes what has no line end as the last line.
func (t *Tail) End() {
	for i, stream := range []string{"out", "err"} {
		t.parts[i].end(func(line string) { t.keep(stream, line) })
	}
}

func (t *Tail) keep(stream, line string) {
	for _, row := range rows(line) {
		t.Total++
		if len(t.Lines) >= t.Max && len(t.Lines) > 0 {
			t.Lines = append(t.Lines[:0], t.Lines[1:]...)
		}
		t.Lines = append(t.Lines, TailLine{Stream: stream, Text: row})
	}
}

// tail prints the lines with a gutter, and before them how many there are more.
func (p *printer) tail(t Tail) {
	const indent = "  "
	if more := t.Total - len(t.Lines); t.Elided {
		p.line(indent + p.paint(dim, p.mark("⋮ ", ": ")+"more than "+count(more, "line")+" before this"))
	} else if more > 0 {
		p.line(indent + p.paint(dim, p.mark("⋮ ", ": ")+count(more, "line")+" before this"))
	}
	for _, l := range t.Lines {
		p.printf("%s%s%s\n", indent, p.gutter(l.Stream), p.output(l.Text))
	}
}

// output returns a row of output as it may be shown.
func (s Style) output(row string) string { return Safe(row, s.Colour) }
