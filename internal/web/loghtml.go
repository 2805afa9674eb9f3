package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"phased/internal/report"
)

// What of a line is shown, in bytes, and how many of the states that a line was
// written over with.
const (
	lineShown  = 8 << 10
	overShown  = 20
	overLength = 400
)

// logWriter makes HTML of lines of a log. It follows colours from line to line, so
// that it is given the lines of a log in their order.
type logWriter struct {
	markup
	find   string // what is marked
	target int    // the line that is gone to
	link   string // address of the page, before #L12; "": lines are no links
	bare   bool   // lines have no ids: the page has several logs, and no download
	pens   [2]pen
}

// lines writes lines.
func (w *logWriter) lines(all []logLine) {
	for _, l := range all {
		if l.N == 0 && l.Stream == "" {
			w.note(l)
			continue
		}
		w.line(l)
	}
}

func (w *logWriter) note(l logLine) {
	class := "ln note"
	if l.bad {
		class += " failed"
	}
	w.open("div", "class", class)
	w.element("span", "", "class", "at")
	w.element("span", report.Safe(l.Text, false), "class", "tx")
	w.close("div")
}

// line writes one line: its number, its time, its stream and its text.
func (w *logWriter) line(l logLine) {
	i, stream := streamOf(l.Stream)
	id, class := "", "ln "+stream
	if l.N > 0 && !w.bare {
		id = "L" + strconv.Itoa(l.N)
	}
	if l.N > 0 && l.N == w.target {
		class += " hit"
	}
	w.open("div", "id", id, "class", class)
	switch {
	case l.N == 0:
		w.element("span", "…", "class", "no")
	case w.link == "":
		w.element("span", strconv.Itoa(l.N), "class", "no")
	default:
		w.element("a", strconv.Itoa(l.N), "class", "no", "href", w.link+"#"+id)
	}
	when := clock(l.At)
	if l.unnumbered {
		when = ""
	}
	w.element("span", when, "class", "at")
	if stream == "err" {
		w.element("span", "err", "class", "st")
	} else {
		w.element("span", "out", "class", "st")
	}
	w.open("span", "class", "tx")
	w.content(l, &w.pens[i])
	w.close("span", "div")
	w.b.WriteByte('\n')
}

// content writes the text of a line.
func (w *logWriter) content(l logLine, p *pen) {
	shown, whole := overwritten(l.Text)
	cut := 0
	if len(shown) > lineShown {
		n := lineShown
		for n > lineShown-4 && !utf8.RuneStart(shown[n]) {
			n--
		}
		cut, shown = len(shown)-n, shown[:n]
	}
	w.spans(p.spans(shown))
	if whole != "" {
		w.over(whole)
	}
	if cut > 0 {
		more := "… " + report.Size(int64(cut)) + " more of this line: "
		if w.bare {
			more += "phased logs has it"
		} else {
			more += "the download has it"
		}
		w.element("span", more, "class", "aside")
	}
	if l.Goes {
		w.element("span", "… the line goes on", "class", "aside")
	}
	if l.Late {
		w.element("span", "written after the hook had ended", "class", "aside")
	}
}

// over writes what a line showed before it was written over.
func (w *logWriter) over(whole string) {
	parts := strings.Split(whole, "\r")
	times := len(parts) - 1
	if times == 0 {
		times = 1 // by backspaces
	}
	w.open("details", "class", "over")
	word := "times"
	if times == 1 {
		word = "time"
	}
	w.element("summary", fmt.Sprintf("written over %d %s", times, word))
	if more := len(parts) - overShown; more > 0 {
		w.element("span", fmt.Sprintf("%d before these", more), "class", "aside")
		parts = parts[more:]
	}
	for _, part := range parts {
		if part != "" {
			text := report.Safe(part[:min(len(part), overLength)], false)
			w.element("span", text, "class", "was")
		}
	}
	w.close("details")
}

// spans writes text with its colours, and marks what is looked for, also across a
// change of colour.
func (w *logWriter) spans(all []span) {
	marks := w.marks(all)
	at := 0
	for _, s := range all {
		if s.class != "" {
			w.open("span", "class", s.class)
		}
		text := s.text
		for text != "" {
			end, marked := len(text), false
			for len(marks) > 0 && marks[0][1] <= at {
				marks = marks[1:]
			}
			if len(marks) > 0 {
				if m := marks[0]; at >= m[0] {
					marked = true
					end = min(end, m[1]-at)
				} else {
					end = min(end, m[0]-at)
				}
			}
			if marked {
				w.element("mark", text[:end])
			} else {
				w.text(text[:end])
			}
			text = text[end:]
			at += end
		}
		if s.class != "" {
			w.close("span")
		}
	}
}

// marks returns where in the text that spans have together stands what is looked
// for.
func (w *logWriter) marks(all []span) [][2]int {
	if w.find == "" {
		return nil
	}
	var b strings.Builder
	for _, s := range all {
		b.WriteString(s.text)
	}
	text, from := b.String(), 0
	var marks [][2]int
	for {
		i := index(text[from:], w.find)
		if i < 0 {
			return marks
		}
		marks = append(marks, [2]int{from + i, from + i + len(w.find)})
		from += i + len(w.find)
	}
}

// clock is a time since the start of a hook: 0.012, 12.3, 1:02:03.
func clock(d time.Duration) string {
	switch {
	case d < 0:
		return "0.000"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
	case d < time.Hour:
		return fmt.Sprintf("%d:%04.1f", d/time.Minute, (d % time.Minute).Seconds())
	}
	return fmt.Sprintf("%d:%02d:%02d", d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second)
}

// logHTML makes HTML of lines for a page that has no addresses of its own.
func logHTML(all []logLine) template.HTML {
	w := logWriter{bare: true}
	w.lines(all)
	return w.html()
}
