package tui

import (
	"fmt"
	"sort"

	"phased/internal/phased"
	"phased/internal/report"
)

// listView is where somebody is in the list of the phases and their hooks. Its
// rows are not kept: each is found by its number when it is drawn.
type listView struct {
	row   int // chosen
	top   int // first one that is drawn
	moved bool
}

// rowStarts returns the first row of each phase, and the number of all rows.
func (m *Model) rowStarts() (starts []int, total int) {
	for _, ph := range m.run.Phases {
		starts = append(starts, total)
		total += 1 + len(ph.Entries)
	}
	return starts, total + len(m.toCome())
}

// toCome returns the phases that were not entered.
func (m *Model) toCome() []string {
	var names []string
	for _, name := range m.run.Start.Phases {
		found := false
		for i := range m.run.Phases {
			found = found || m.run.Phases[i].Phase == name
		}
		if !found {
			names = append(names, name)
		}
	}
	return names
}

// rowAt returns the phase, by its place in the run, and the entry that a row
// stands for: -1 for the phase itself. Beyond those that were entered, the place is
// that of toCome.
func rowAt(starts []int, phases, n int) (phase, entry int, coming bool) {
	i := sort.SearchInts(starts, n+1) - 1
	if i < 0 {
		return n, -1, true
	}
	return i, n - starts[i] - 1, i >= phases
}

func (m *Model) entryAt(n int) (ph *phased.PhaseRun, entry int, coming string) {
	starts, total := m.rowStarts()
	if n < 0 || n >= total {
		return nil, -1, ""
	}
	last := 0
	if k := len(m.run.Phases); k > 0 {
		last = starts[k-1] + 1 + len(m.run.Phases[k-1].Entries)
	}
	if n >= last {
		return nil, -1, m.toCome()[n-last]
	}
	i, entry, _ := rowAt(starts, len(m.run.Phases), n)
	return &m.run.Phases[i], entry, ""
}

// listing is the whole screen with the list.
func (m *Model) listFrame() []string {
	_, total := m.rowStarts()
	room := max(1, m.h-2)
	l := &m.list
	if !l.moved {
		l.row = m.runningRow()
	}
	l.row = max(0, min(l.row, total-1))
	l.top = max(0, min(l.top, l.row, max(0, total-room)))
	if l.row >= l.top+room {
		l.top = l.row - room + 1
	}
	lines := []string{m.topLine("")}
	for n := l.top; n < min(total, l.top+room); n++ {
		lines = append(lines, m.listRow(n, n == l.row))
	}
	return m.filled(lines, fmt.Sprintf("%d of %d", min(l.row+1, total), total), "enter log  x failed  ? keys  q back")
}

// runningRow is the row of the hook that runs, or that ran last.
func (m *Model) runningRow() int {
	starts, total := m.rowStarts()
	if len(m.phases) == 0 {
		return 0
	}
	p := m.phases[len(m.phases)-1]
	if v := m.focused(p); v != nil {
		if place, ok := p.places[v.hook]; ok {
			return starts[p.index] + 1 + place
		}
	}
	if phase, hook, ok := report.Subject(m.run); ok {
		if p := m.phase(phase); p != nil {
			if place, ok := p.places[hook]; ok {
				return starts[p.index] + 1 + place
			}
		}
	}
	if m.ended {
		return 0
	}
	return min(total-1, starts[p.index]+p.done+p.passed)
}

func (m *Model) listRow(n int, chosen bool) string {
	ph, entry, coming := m.entryAt(n)
	var left, right string
	switch {
	case ph == nil:
		left = m.paint(dim, m.mark("· ", "- ")+report.Name(phased.Text(coming))+"  "+m.notEntered())
	case entry < 0:
		left, right = m.phaseRow(ph)
	default:
		left, right = m.entryRow(ph, &ph.Entries[entry])
	}
	pointer := "  "
	if chosen {
		pointer = m.paint(cyan, m.mark("❯ ", "> "))
	}
	return m.spread(pointer+left, right, m.w)
}

func (m *Model) phaseRow(ph *phased.PhaseRun) (left, right string) {
	p := m.phase(ph.Phase)
	switch {
	case ph.Status == phased.StatusSkipped:
		return m.paint(dim, m.mark("· ", "- ")+report.Name(phased.Text(ph.Phase))+"  skipped: "+report.Reason(ph.Reason)), ""
	case p == nil:
		return report.Name(phased.Text(ph.Phase)), ""
	case ph.Missing:
		return m.paint(dim, m.mark("· ", "- ")) + m.title(p, bold) + m.paint(dim, "  no directory"), ""
	case ph.Status.Final():
		return m.status(ph.Status) + " " + m.title(p, bold) + m.paint(dim, "  "+m.tally(p)), m.paint(dim, report.Took(ph.Took))
	}
	return m.status(ph.Status) + " " + m.title(p, bold) + "  " + m.tally(p), report.About(m.now.Sub(ph.Began))
}

func (m *Model) entryRow(ph *phased.PhaseRun, e *phased.Entry) (left, right string) {
	name := report.Name(e.Name)
	if e.Verdict != phased.VerdictRun {
		return m.paint(dim, "    "+name+"  "+string(e.Verdict)), ""
	}
	h := m.hookOf(ph, e.Name)
	switch {
	case h == nil && ph.Status.Final():
		return m.paint(dim, "    "+name+"  not run"), ""
	case h == nil:
		return m.paint(dim, "    "+name), ""
	case h.Status == phased.StatusSkipped:
		return m.paint(dim, "    "+name+"  skipped: "+report.Reason(h.Reason)), ""
	case h.Exit == nil && h.Status == phased.StatusRunning:
		return "  " + m.status(h.Status) + " " + m.paint(bold, name), report.About(m.now.Sub(h.Began))
	case h.Exit == nil:
		return "  " + m.status(h.Status) + " " + name + "  " + m.paint(yellow, string(h.Status)), ""
	}
	if h.Again && !ph.Status.Final() {
		return "  " + m.status(phased.StatusWaiting) + " " + name + "  " + m.paint(yellow, report.ExitText(*h.Exit)+", is tried again"), m.paint(dim, report.Took(h.Took))
	}
	left = "  " + m.status(h.Status) + " " + name
	if !h.Exit.OK() {
		left += "  " + m.paint(red, report.ExitText(*h.Exit))
	}
	if n := len(h.Warnings); n > 0 {
		left += "  " + m.paint(yellow, report.Count(n, "warning"))
	}
	return left, m.paint(dim, report.Took(h.Took))
}

// hookOf returns the last attempt of a hook. Hooks are mostly run in the order in
// which they are listed, so that it is looked for where it would be then.
func (m *Model) hookOf(ph *phased.PhaseRun, name phased.Text) *phased.HookRun {
	p := m.phase(ph.Phase)
	if p == nil {
		return nil
	}
	at := p.places[name]
	for i := min(at, len(ph.Hooks)-1); i >= 0 && i > at-64; i-- {
		if ph.Hooks[i].Hook == name {
			for i+1 < len(ph.Hooks) && ph.Hooks[i+1].Hook == name {
				i++
			}
			if ph.Hooks[i].Again { // others may have run before the next attempt
				break
			}
			return &ph.Hooks[i]
		}
	}
	return m.run.Hook(ph.Phase, name)
}

// listKey takes a key in the list.
func (m *Model) listKey(key string) {
	_, total := m.rowStarts()
	l, page := &m.list, max(1, m.h-3)
	was := l.row
	switch key {
	case "up", "k":
		l.row--
	case "down", "j":
		l.row++
	case "pgup", "b":
		l.row -= page
	case "pgdown", "space":
		l.row += page
	case "home", "g":
		l.row = 0
	case "end", "G":
		l.row = total - 1
	case "x":
		l.row = m.nextFailed(l.row, total)
	case "enter":
		if ph, entry, _ := m.entryAt(l.row); ph != nil && entry >= 0 && m.hookOf(ph, ph.Entries[entry].Name) != nil {
			m.openLog(ph.Phase, ph.Entries[entry].Name)
		}
		return
	}
	l.row = max(0, min(l.row, total-1))
	l.moved = l.moved || l.row != was
}

// nextFailed returns the row of the next hook that has failed, from the top again
// behind the last.
func (m *Model) nextFailed(row, total int) int {
	for i := 1; i <= total; i++ {
		n := (row + i) % total
		if ph, entry, _ := m.entryAt(n); ph != nil && entry >= 0 {
			if h := m.hookOf(ph, ph.Entries[entry].Name); h != nil && h.Exit != nil && !h.Exit.OK() {
				return n
			}
		}
	}
	m.answer("no hook has failed")
	return row
}

// notEntered tells what there is to know of a phase that was not entered.
func (m *Model) notEntered() string {
	if m.ended {
		return "not entered"
	}
	return "to come"
}
