package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// How tall the frame below what was told may be, and the last lines of a hook in it.
const (
	mostRows = 22
	mostTail = 8
	// quietAfter is for how long a hook has written nothing when that is told.
	quietAfter = 10 * time.Second
)

// region is the frame below what was told: what runs now.
func (m *Model) region() []string {
	switch {
	case m.ended:
		return nil
	case m.run.Status == "" && m.o.Attached:
		return []string{m.spread("no run goes on; waiting for the next one", m.paint(dim, m.leaveKey()), m.w)}
	case m.run.Status == "":
		return nil
	}
	m.ask()
	room := min(m.h-1, mostRows)
	if room < 2 {
		return []string{m.foot()}
	}
	end := []string{m.foot()}
	if m.banner != "" {
		end = []string{m.fit(m.paint(yellow, m.banner)), m.foot()}
	}
	roomy := room >= 9
	if roomy {
		if next := m.coming(); next != "" {
			end = slices.Insert(end, 0, next)
		}
	}
	body := m.body(room - len(end) - btoi(roomy))
	for roomy && len(body)+len(end)+1 < min(m.tall, room) { // does not jump when a hook begins that is quiet
		body = append(body, "")
	}
	if roomy {
		body = append(body, "")
	}
	all := append(body, end...)
	m.tall = max(m.tall, len(all))
	return all[max(0, len(all)-room):]
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// body is the running phase in at most n lines.
func (m *Model) body(n int) []string {
	p := m.here()
	if p == nil || n < 1 {
		return nil
	}
	lines := []string{m.head(p)}
	n--
	shown := min(len(p.current), max(1, n/2))
	tail := m.tail(p, min(mostTail, max(0, n-shown-btoi(len(p.current) > shown))))
	n -= len(tail) + shown + btoi(len(p.current) > shown)
	notes := slices.DeleteFunc(slices.Clone(p.notes[max(0, len(p.notes)-4):]), func(n note) bool { return n.Text == m.banner })
	notes = notes[len(notes)-min(len(notes), 3, max(0, n)):]
	n -= len(notes)
	recent := p.recent[len(p.recent)-min(len(p.recent), max(0, n-1)):]
	for _, d := range recent {
		lines = append(lines, m.doneLine(d))
	}
	for _, one := range notes {
		lines = append(lines, m.fit(m.noteLine(one.Note, "    ")))
	}
	focus := m.focused(p)
	for i, v := range p.current[:shown] {
		lines = append(lines, m.hookLine(v, len(p.current) > 1, v == focus))
		if v == focus || i == 0 && focus != nil && !slices.Contains(p.current[:shown], focus) {
			lines = append(lines, tail...)
		}
	}
	if hidden := len(p.current) - shown; hidden > 0 {
		lines = append(lines, m.fit("    "+m.paint(dim, fmt.Sprintf("and %d more that run", hidden))))
	}
	for _, text := range m.waits[:min(len(m.waits), max(0, n-len(recent)))] {
		lines = append(lines, m.fit("    "+m.paint(dim, text)))
	}
	return lines
}

// ask asks, once a second, for what takes some time to answer.
func (m *Model) ask() {
	if !m.asked.IsZero() && m.now.Sub(m.asked) < time.Second {
		return
	}
	m.asked, m.left, m.waits = m.now, "", nil
	if m.o.Left != nil {
		if left, ok := m.o.Left(m.run, m.now); ok {
			m.left = report.Left(left)
		}
	}
	if p := m.here(); p != nil {
		ph := m.run.Phases[p.index]
		if ph.Parallel != "" || len(p.current) == 0 || len(m.locked) > 0 {
			m.waits = report.Waits(ph, m.locked, m.now)
		}
	}
}

// head is the line of the running phase.
func (m *Model) head(p *phaseView) string {
	right := report.About(m.now.Sub(p.began))
	if bar := m.bar(p.done+p.passed, p.total); bar != "" && m.w >= 70 {
		right = bar + "  " + right
	}
	return m.spread(m.status(phased.StatusRunning)+" "+m.title(p, bold)+"  "+m.tally(p), right, m.w)
}

// bar shows how many of the hooks have ended.
func (m *Model) bar(done, total int) string {
	const wide = 16
	if total < 2 {
		return ""
	}
	n := min(wide, done*wide/total)
	return m.paint(green, strings.Repeat(m.mark("━", "#"), n)) + m.paint(dim, strings.Repeat(m.mark("╌", "."), wide-n))
}

func (m *Model) doneLine(d doneHook) string {
	left := "  " + m.status(d.status) + " " + m.paint(dim, report.Name(d.name))
	if d.text != "" {
		left += "  " + m.paint(red, d.text)
	}
	return m.spread(left, m.paint(dim, report.Took(d.took)), m.w)
}

// hookLine is the line of a hook that runs; where it is one of several, with the
// last that it wrote.
func (m *Model) hookLine(v *hookView, several, focus bool) string {
	right := report.About(m.now.Sub(v.began))
	if quiet := m.now.Sub(v.last); quiet >= quietAfter && m.w >= 60 {
		right += m.paint(dim, ", quiet for "+report.About(quiet))
	}
	if m.o.Usual != nil {
		if u, ok := m.o.Usual(v.phase, v.hook); ok {
			right += m.paint(dim, ", usually "+report.Took(u.P50))
		}
	}
	if v.slow {
		right = m.paint(yellow, right)
	}
	name := report.Name(v.hook)
	if focus {
		name = m.paint(bold, name)
	}
	left := "  " + m.paint(cyan, m.mark("▸", ">")) + " " + name
	if several && !focus {
		if last := v.lastLines(1, false); len(last) > 0 {
			left += "  " + m.paint(dim, tabs(last[0].Text))
		}
	}
	return m.spread(left, right, m.w)
}

// focused is the hook whose last lines are shown.
func (m *Model) focused(p *phaseView) *hookView {
	for _, v := range p.current {
		if v.key == m.focus {
			return v
		}
	}
	if len(p.current) > 0 {
		return p.current[0]
	}
	return nil
}

// tail is the last lines of the focused hook.
func (m *Model) tail(p *phaseView, n int) []string {
	v := m.focused(p)
	if v == nil || n < 1 {
		return nil
	}
	var lines []string
	if text := v.beyond(); text != "" && n > 1 {
		n--
		lines = append(lines, m.fit("    "+m.paint(dim, m.mark("⋮ ", ": ")+text)))
	}
	for _, l := range v.lastLines(n, m.o.Colour) {
		lines = append(lines, m.outputLine(l, "    ", 0))
	}
	return lines
}

// beyond tells of output that is not shown; "" where there is none.
func (v *hookView) beyond() string {
	switch {
	case v.ahead != nil:
		return v.ahead.text
	case v.elided:
		return "writes more than is shown here"
	}
	return ""
}

// outputLine is a line of output behind its gutter, from a column on.
func (m *Model) outputLine(l report.TailLine, indent string, column int) string {
	colour := dim
	if l.Stream == "err" {
		colour = yellow
	}
	text := fewer(tabs(l.Text), m.o.Colours)
	return m.fit(indent + m.paint(colour, m.mark("│", "|")) + " " + from(text, column))
}

// coming names the phases that are still to come.
func (m *Model) coming() string {
	entered := map[string]bool{}
	for _, p := range m.run.Phases {
		entered[p.Phase] = true
	}
	var names []phased.Text
	for _, name := range m.run.Start.Phases {
		if !entered[name] {
			names = append(names, phased.Text(name))
		}
	}
	if len(names) == 0 || m.run.Failure != nil {
		return ""
	}
	return m.fit(m.paint(dim, "  then "+report.Names(names, 8)))
}

// foot is the last line: the run, and the keys.
func (m *Model) foot() string {
	if m.flash != "" && m.now.Before(m.until) {
		return m.fit(m.paint(yellow, m.flash))
	}
	text := m.paint(bold, m.run.Start.Lifecycle) + "  " + report.About(m.now.Sub(m.run.Began))
	if m.run.Status == phased.StatusFailing {
		text = m.paint(alarm, m.run.Start.Lifecycle) + "  " + report.About(m.now.Sub(m.run.Began))
	}
	if m.left != "" {
		text += m.paint(dim, ", "+m.left)
	}
	return m.spread(text, m.paint(dim, m.keys(min(m.w-1, 119)-width(text)-2)), m.w)
}

func (m *Model) leaveKey() string {
	if m.o.Keys {
		return "q leave"
	}
	return "ctrl-C leave"
}

// keys tells as many of the keys that matter here as n columns have room for.
func (m *Model) keys(n int) string {
	end := "ctrl-C stop"
	if m.o.Attached {
		end = m.leaveKey()
	}
	all := []string{"? keys  l log  p phases  " + end, "? keys  " + end, "? keys"}
	if !m.o.Keys {
		all = []string{end}
	}
	for _, text := range all {
		if width(text) <= n {
			return text
		}
	}
	return ""
}
