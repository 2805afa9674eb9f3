package web

import (
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// longestLine is how much of a line without an end is taken for one line.
const longestLine = 64 << 10

// logLine is a line of what a hook wrote, or a note in its place.
type logLine struct {
	N      int           // from 1, over both streams; 0: a note
	Stream string        // out or err; of a note ""
	At     time.Duration // since the hook was started first
	Text   string        // as it was written, without its end; of a note the note
	Late   bool          // written when the hook had ended
	Goes   bool          // goes on in the next line of its stream: it is very long
	bad    bool          // a note of a failure
	// unnumbered is a line whose place in the log, and whose time, is not known.
	unnumbered bool
}

// logReader makes lines of the events of one hook. Each stream has its own: they
// are put together as they end, as the record has them.
type logReader struct {
	words report.Page
	emit  func(logLine)
	began time.Duration // of the first attempt
	known bool          // began is set
	runs  bool          // an attempt of it is running
	lines int
	held  [2]heldLine
	// progress is how far a hook is that has more output than is kept.
	progress *phased.HookProgress
	over     bool   // the run is: what was not recorded will never be
	cut      int64  // bytes that were left out
	seq      uint64 // of the last event
}

// heldLine is the beginning of a line.
type heldLine struct {
	text strings.Builder
	at   time.Duration
	late bool
}

func streamOf(name string) (int, string) {
	if name == "err" {
		return 1, "err"
	}
	return 0, "out"
}

// event takes the next event of the hook.
func (l *logReader) event(e phased.Event) {
	l.seq = e.Seq
	switch d := e.Data.(type) {
	case phased.HookStarted:
		l.end()
		if !l.known {
			l.known, l.began = true, e.Mono
		}
		l.runs = true
		if d.Attempt > 1 {
			l.note(e, "attempt "+number(float64(d.Attempt)), false)
		}
	case phased.HookOutput:
		l.output(d, e.Mono-l.began)
	case phased.HookCut:
		l.end()
		l.cut += d.Dropped
		l.note(e, l.words.Cut(d), false)
	case phased.HookProgress:
		l.progress = &d
	case phased.HookSignalled:
		l.note(e, l.words.Signal(d), false)
	case phased.HookFinished:
		l.end()
		l.progress, l.runs = nil, false
		if !d.Exit.OK() {
			l.note(e, report.ExitText(d.Exit)+", after "+report.Took(d.Took), true)
		}
	}
}

func (l *logReader) note(e phased.Event, text string, bad bool) {
	l.emit(logLine{At: e.Mono - l.began, Text: text, bad: bad})
}

func (l *logReader) output(d phased.HookOutput, at time.Duration) {
	i, stream := streamOf(d.Stream)
	held := &l.held[i]
	text := string(d.Text)
	for text != "" {
		if held.text.Len() == 0 {
			held.at, held.late = at, d.Late
		}
		line, rest, found := strings.Cut(text, "\n")
		if room := longestLine - held.text.Len(); len(line) > room {
			held.text.WriteString(line[:room])
			l.line(held, stream, true)
			text = text[room:]
			continue
		}
		held.text.WriteString(line)
		if !found {
			return
		}
		l.line(held, stream, false)
		text = rest
	}
}

// line hands on what is held of a stream.
func (l *logReader) line(held *heldLine, stream string, goes bool) {
	l.lines++
	l.emit(logLine{N: l.lines, Stream: stream, At: held.at, Text: held.text.String(), Late: held.late, Goes: goes})
	held.text.Reset()
}

// end takes what has no line end for a line.
func (l *logReader) end() {
	for i, stream := range []string{"out", "err"} {
		if l.held[i].text.Len() > 0 {
			l.line(&l.held[i], stream, false)
		}
	}
}

// goesOn reports whether the last event left the hook running.
func (l *logReader) goesOn() bool { return l.runs }

// pending returns what has no line end yet.
func (l *logReader) pending() []logLine {
	var all []logLine
	for i, stream := range []string{"out", "err"} {
		if h := &l.held[i]; h.text.Len() > 0 {
			all = append(all, logLine{Stream: stream, At: h.at, Text: h.text.String(), Late: h.late})
		}
	}
	return all
}

// follow has a pen write what the line shows.
func (l logLine) follow(p *pen) {
	if strings.Contains(l.Text, "\x1b") {
		shown, _ := overwritten(l.Text)
		p.spans(shown)
	}
}

// overwritten returns what a terminal would show of a line in the end, and the
// whole of it where that was written over by carriage returns or backspaces. Each
// return starts the line anew: a program that shows its progress does not count on
// what is left of its last one.
func overwritten(line string) (shown, whole string) {
	line = strings.TrimRight(line, "\r")
	if !strings.ContainsAny(line, "\r\b") {
		return line, ""
	}
	for part := range strings.SplitSeq(line, "\r") {
		if part = erased(part); part != "" {
			shown = part
		}
	}
	return shown, line
}

// erased follows backspaces: the cursor goes back, and what comes then takes the
// place of what was there. Colours are no characters.
func erased(text string) string {
	if !strings.Contains(text, "\b") {
		return text
	}
	var cells []string
	at := 0
	for i := 0; i < len(text); {
		n := cell(text[i:])
		switch one := text[i : i+n]; {
		case strings.HasSuffix(one, "\b"):
			at = max(0, at-1)
		case at < len(cells):
			cells[at] = one
			at++
		default:
			cells = append(cells, one)
			at++
		}
		i += n
	}
	return strings.Join(cells, "")
}

// cell returns the length of what takes one place in a line: a character with the
// colours before it.
func cell(text string) int {
	n := 0
	for n+1 < len(text) && text[n] == 0x1b && text[n+1] == '[' {
		end := strings.IndexByte(text[n:], 'm')
		if end < 0 || end > 31 {
			break
		}
		n += end + 1
	}
	if n >= len(text) {
		return len(text)
	}
	for size := range text[n:] {
		if size > 0 {
			return n + size
		}
	}
	return len(text)
}
