package tui

import (
	"fmt"
	"strings"

	"phased/internal/phased"
	"phased/internal/report"
)

// How much of a log is kept on the screen's side; all of it is in phased logs.
const (
	logLines = 100_000
	logBytes = 64 << 20
)

// logView is the log of one hook, and where somebody is in it.
type logView struct {
	phase  string
	hook   phased.Text
	after  uint64 // what it wrote comes after this event
	back   view   // where it was opened
	tail   report.Tail
	bytes  int
	gone   int // lines that are not kept any more
	note   string
	over   bool // no more comes
	top    int
	column int
	follow bool
	typing bool
	typed  string
	search string
}

// openLog opens the log of a hook that has started.
func (m *Model) openLog(phase string, hook phased.Text) {
	back := m.view
	if m.log != nil && m.log.phase == phase && m.log.hook == hook {
		m.log.back, m.view = back, logging
		return
	}
	l := &logView{phase: phase, hook: hook, back: back, follow: true, tail: report.Tail{Max: 1 << 30}}
	if v := m.hooks[report.Hook(phase, hook)]; v != nil {
		l.after = v.seq - 1
	}
	if m.run.Start.Output == "inherited" {
		l.note, l.over = "its output was inherited, and is not on record", true
	}
	m.log, m.view = l, logging
}

// Log returns whose log is open, and after which event its output comes; ok is
// false where none is, or where nothing is to be read for it.
func (m *Model) Log() (phase string, hook phased.Text, after uint64, ok bool) {
	if m.log == nil || m.view == inline || m.run.Start.Output == "inherited" {
		return "", "", 0, false
	}
	return m.log.phase, m.log.hook, m.log.after, true
}

// LogEvents takes what was read for the log that is open. Over says that no more
// comes.
func (m *Model) LogEvents(phase string, hook phased.Text, events []phased.Event, over bool) {
	l := m.log
	if l == nil || l.phase != phase || l.hook != hook {
		return
	}
	for _, e := range events {
		switch d := e.Data.(type) {
		case phased.HookStarted:
			if d.Attempt > 1 {
				l.tail.End()
				l.tail.Lines = append(l.tail.Lines, report.TailLine{Text: fmt.Sprintf("attempt %d", d.Attempt)})
			}
		case phased.HookOutput:
			l.bytes += len(d.Text)
			l.tail.Add(d)
		case phased.HookCut:
			l.tail.End()
			l.tail.Lines = append(l.tail.Lines, report.TailLine{Text: report.Size(d.Dropped) + " left out of the record here"})
		case phased.HookFinished:
			l.tail.End()
		}
	}
	l.over = l.over || over
	for len(l.tail.Lines) > logLines || l.bytes > logBytes && len(l.tail.Lines) > 1 {
		n := max(1, len(l.tail.Lines)/4)
		for _, one := range l.tail.Lines[:n] {
			l.bytes -= len(one.Text) + 1
		}
		l.tail.Lines = append([]report.TailLine(nil), l.tail.Lines[n:]...)
		l.gone += n
		l.top = max(0, l.top-n)
	}
}

// rest returns what comes behind the lines that are whole: what has no end yet, and
// what is known of output that is not on record yet.
func (l *logView) rest(v *hookView) []report.TailLine {
	open := l.tail.Open()
	if v != nil && v.ahead != nil {
		open = append(open, report.TailLine{Text: v.beyond() + "; the rest goes on record when the hook ends; its last lines:"})
		open = append(open, v.ahead.last...)
	}
	return open
}

// line returns a line of the log, as it may be shown.
func (l *logView) line(n int, open []report.TailLine, colour bool) report.TailLine {
	var one report.TailLine
	if n < len(l.tail.Lines) {
		one = l.tail.Lines[n]
	} else {
		one = open[n-len(l.tail.Lines)]
	}
	one.Text = report.Safe(one.Text, colour)
	return one
}

// logFrame is the whole screen with the log.
func (m *Model) logFrame() []string {
	l := m.log
	v := m.hooks[report.Hook(l.phase, l.hook)]
	open := l.rest(v)
	total, room := len(l.tail.Lines)+len(open), max(1, m.h-2)
	if l.follow {
		l.top = total - room
	}
	l.top = max(0, min(l.top, total-1))
	lines := []string{m.topLine(report.Hook(l.phase, l.hook) + m.logState(v))}
	for n := l.top; n < min(total, l.top+room); n++ {
		lines = append(lines, m.logLine(l.line(n, open, m.o.Colour && l.search == "")))
	}
	switch {
	case total > 0:
	case l.note != "":
		lines = append(lines, m.fit(m.paint(dim, l.note)))
	case l.over || v == nil || !m.goesOn(l):
		lines = append(lines, m.fit(m.paint(dim, "no output")))
	default:
		lines = append(lines, m.fit(m.paint(dim, "no output yet")))
	}
	left := fmt.Sprintf("line %d of %d", min(total, l.top+room)+l.gone, total+l.gone)
	if l.gone > 0 && l.top == 0 {
		left += fmt.Sprintf(", the first %d only in %s", l.gone, m.style().Command("logs", m.o.id(m.run.ID), report.Hook(l.phase, l.hook)))
	}
	if l.follow && !l.over {
		left += ", following"
	}
	right := "/ search  f follow  ? keys  q back"
	if l.typing {
		left, right = "/"+report.Safe(l.typed, false)+m.mark("▏", "_"), "enter search  esc give up"
	}
	return m.filled(lines, left, right)
}

// goesOn reports whether the hook of a log runs.
func (m *Model) goesOn(l *logView) bool {
	h := m.run.Hook(l.phase, l.hook)
	return h != nil && h.Status == phased.StatusRunning
}

// logState tells where the hook of a log stands.
func (m *Model) logState(v *hookView) string {
	h := m.run.Hook(m.log.phase, m.log.hook)
	switch {
	case h == nil:
		return ""
	case h.Status == phased.StatusRunning && v != nil:
		return m.paint(dim, "  running for "+report.About(m.now.Sub(v.began)))
	case h.Exit != nil && h.Exit.OK():
		return m.paint(dim, "  ok in "+report.Took(h.Took))
	case h.Exit != nil:
		return "  " + m.paint(red, report.ExitText(*h.Exit)) + m.paint(dim, " after "+report.Took(h.Took))
	}
	return ""
}

func (m *Model) logLine(one report.TailLine) string {
	if one.Stream == "" { // phased's own words
		return m.fit(m.paint(dim, m.mark("⋮ ", ": ")+one.Text))
	}
	if at, n := m.log.match(one.Text); n > 0 {
		one.Text = one.Text[:at] + m.paintMatch(one.Text[at:at+n]) + one.Text[at+n:]
	}
	return m.outputLine(one, "", m.log.column)
}

func (m *Model) paintMatch(text string) string {
	if !m.o.Colour {
		return ">" + text + "<"
	}
	return m.paint(reverse, text)
}

// match returns where in a line what is searched stands.
func (l *logView) match(line string) (at, n int) {
	if l.search == "" {
		return 0, 0
	}
	low := strings.ToLower(line)
	at = strings.Index(low, strings.ToLower(l.search))
	if at < 0 || len(low) != len(line) || at+len(l.search) > len(line) {
		return 0, 0
	}
	return at, len(l.search)
}

// find goes to the next match, or the one before.
func (m *Model) find(step int) {
	l := m.log
	if l.search == "" {
		m.answer("nothing was searched for: / does")
		return
	}
	total := len(l.tail.Lines)
	for i := 1; i <= total; i++ {
		n := ((l.top+step*i)%total + total) % total
		if _, found := l.match(report.Safe(l.tail.Lines[n].Text, false)); found > 0 {
			l.top, l.follow = n, false
			return
		}
	}
	m.answer("not found: " + report.Safe(l.search, false))
}

// logKey takes a key in the log.
func (m *Model) logKey(key string) {
	l, page := m.log, max(1, m.h-3)
	if l.typing {
		m.typeKey(key)
		return
	}
	top := l.top
	switch key {
	case "up", "k":
		top--
	case "down", "j", "enter":
		top++
	case "pgup", "b":
		top -= page
	case "pgdown", "space":
		top += page
	case "home", "g":
		top = 0
	case "end", "G":
		l.follow = true
		return
	case "f":
		l.follow = !l.follow
		return
	case "left", "h":
		l.column = max(0, l.column-20)
	case "right":
		l.column += 20
	case "/":
		l.typing, l.typed = true, ""
	case "n":
		m.find(1)
		return
	case "N":
		m.find(-1)
		return
	}
	last := max(0, len(l.tail.Lines)+len(l.rest(m.hooks[report.Hook(l.phase, l.hook)]))-max(1, m.h-2))
	if top = max(0, min(top, last)); top != l.top {
		l.top, l.follow = top, top == last && top > l.top
	}
}

// typeKey takes a key of what is searched for.
func (m *Model) typeKey(key string) {
	l := m.log
	switch {
	case key == "enter":
		l.typing, l.search = false, l.typed
		if l.search != "" {
			l.top--
			m.find(1)
		}
	case key == "esc":
		l.typing = false
	case key == "backspace":
		if r := []rune(l.typed); len(r) > 0 {
			l.typed = string(r[:len(r)-1])
		}
	case key == "space":
		l.typed += " "
	case len([]rune(key)) == 1:
		l.typed += key
	}
}
