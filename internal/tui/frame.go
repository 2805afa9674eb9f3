package tui

import (
	"strings"
	"time"

	"phased/internal/report"
)

// Frame is what stands below what was told, or, where whole is set, on a screen of
// its own. No line is wider than the terminal, and there are no more than it has.
func (m *Model) Frame() (lines []string, whole bool) {
	switch m.view {
	case listing:
		lines = m.listFrame()
	case logging:
		lines = m.logFrame()
	case helping:
		lines = m.helpFrame()
	default:
		if m.o.Browse && !m.ended {
			return []string{m.fit(m.paint(dim, "reading the record ..."))}, false
		}
		return m.region(), false
	}
	return lines[:min(len(lines), m.h)], true
}

// topLine heads a whole screen.
func (m *Model) topLine(what string) string {
	title := m.paint(bold, report.RunTitle(m.run.Start.Lifecycle, m.run.Start.Base))
	if what != "" {
		title = m.paint(bold, m.run.Start.Lifecycle) + "  " + what
	}
	if m.run.Seq == 0 {
		return m.spread(m.paint(bold, what), m.paint(dim, "no run goes on yet"), m.w)
	}
	state := string(m.run.Status)
	if !m.run.Status.Final() {
		state += " for " + report.About(m.now.Sub(m.run.Began))
	}
	return m.spread(title, m.paint(dim, state), m.w)
}

// filled fills a whole screen up, and adds its last line.
func (m *Model) filled(lines []string, left, right string) []string {
	if m.h < 2 {
		return lines[:1]
	}
	lines = lines[:min(len(lines), m.h-1)]
	for len(lines) < m.h-1 {
		lines = append(lines, "")
	}
	switch {
	case m.flash != "" && m.now.Before(m.until):
		return append(lines, m.fit(m.paint(yellow, m.flash)))
	case m.banner != "":
		return append(lines, m.fit(m.paint(yellow, m.banner)))
	}
	return append(lines, m.spread(m.paint(dim, left), m.paint(dim, right), m.w))
}

func (m *Model) helpFrame() []string {
	lines := []string{m.topLine("keys")}
	where := ""
	var all []string
	for _, k := range Help() {
		if k.Where != where {
			where = k.Where
			all = append(all, "", m.paint(bold, where))
		}
		const wide = 26
		left := "  " + pad(k.Keys, wide)
		for i, part := range wrap(k.What, max(16, min(m.w-1, 119)-wide-2)) {
			if i > 0 {
				left = strings.Repeat(" ", wide+2)
			}
			all = append(all, left+m.paint(dim, part))
		}
	}
	skip := max(0, min(m.helpTop, len(all)-max(1, m.h-2)))
	m.helpTop = skip
	for _, l := range all[skip:] {
		lines = append(lines, m.fit(l))
	}
	more := ""
	if len(all)-skip > m.h-2 {
		more = "down: more"
	}
	return m.filled(lines, more, "q back")
}

// wrap breaks a text at its blanks.
func wrap(text string, n int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && width(line)+1+width(word) > n {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// answer answers a key for some seconds.
func (m *Model) answer(text string) { m.flash, m.until = text, m.now.Add(5*time.Second) }

// Key takes a key: see Help.
func (m *Model) Key(key string) {
	m.flash = ""
	if m.view == logging && m.log.typing {
		m.typeKey(key)
		return
	}
	switch key {
	case "?":
		if m.view != helping {
			m.helped, m.helpTop, m.view = m.view, 0, helping
		}
		return
	case "q", "esc":
		m.leave(key)
		return
	}
	switch m.view {
	case listing:
		if key == "l" {
			key = "enter"
		}
		m.listKey(key)
	case logging:
		if key == "p" {
			m.log.back, m.view = inline, listing
			return
		}
		m.logKey(key)
	case helping:
		switch key {
		case "down", "j", "pgdown", "space":
			m.helpTop++
		case "up", "k", "pgup":
			m.helpTop = max(0, m.helpTop-1)
		}
	default:
		m.inlineKey(key)
	}
}

// leave goes back, or away.
func (m *Model) leave(key string) {
	switch m.view {
	case helping:
		m.view = m.helped
		return
	case logging:
		if m.view = m.log.back; m.view == inline {
			m.log = nil
		}
		return
	case listing:
		if m.o.Attached && m.ended {
			m.quit = true
		}
		m.view, m.list, m.log = inline, listView{}, nil
		return
	}
	switch {
	case m.o.Attached && (key == "q" || m.ended):
		m.quit = true
	case key == "q":
		m.answer("q ends no run: ctrl-C stops it, ctrl-C again kills")
	}
}

func (m *Model) inlineKey(key string) {
	p := m.here()
	switch key {
	case "p":
		m.view, m.list = listing, listView{}
	case "l", "enter":
		switch {
		case p == nil:
			m.answer("no hook runs")
		case m.focused(p) != nil:
			m.openLog(p.name, m.focused(p).hook)
		default:
			m.view = listing
		}
	case "tab":
		if p != nil {
			m.nextFocus(p)
		}
	}
}

// nextFocus chooses the next of the hooks that run.
func (m *Model) nextFocus(p *phaseView) {
	was := m.focused(p)
	for i, v := range p.current {
		if v == was {
			m.focus = p.current[(i+1)%len(p.current)].key
			return
		}
	}
}
