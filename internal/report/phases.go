package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"phased/internal/phased"
)

// phases prints every phase of the run with its hooks.
func (p *printer) phases(st Story) {
	r := st.Run
	entered := map[string]bool{}
	told, skipped := map[phased.HookWarning]bool{}, map[string]bool{}
	p.line("")
	for _, ph := range r.Phases {
		if r.Session != nil {
			ph.Warnings = once(ph.Warnings, told)
			text := skippedText(ph.Entries, 8)
			if skipped[text] { // at every point the same directory is looked at
				ph.Entries = phased.PlannedPhase{Entries: ph.Entries}.Hooks()
			}
			skipped[text] = true
		}
		entered[ph.Phase] = true
		if !ph.Failure && ph.When != phased.WhenAlways {
			p.phase(r, ph, st.All)
		}
	}
	for _, name := range r.Start.Phases {
		if !entered[name] {
			p.line(name + p.paint(dim, "  not entered"))
		}
	}
	for _, ph := range r.Phases {
		if ph.Failure || ph.When == phased.WhenAlways {
			p.phase(r, ph, st.All)
		}
	}
}

func (p *printer) phase(r phased.Run, ph phased.PhaseRun, all bool) {
	title := p.phaseTitle(ph.Phase, ph.Failure, ph.When)
	switch {
	case ph.Status == phased.StatusSkipped:
		p.line(title + p.paint(dim, "  skipped: "+Safe(oneLine(ph.Reason), false)))
		return
	case ph.Missing:
		p.line(title + p.paint(dim, "  no directory"))
		return
	case len(ph.Hooks) == 0 && len(notRun(ph)) == 0:
		title += p.paint(dim, "  nothing to run")
	}
	if len(ph.Hooks) > 0 && ph.Status.Final() && ph.Status != phased.StatusInterrupted && ph.Status != phased.StatusWaiting {
		title = p.right(title, p.paint(dim, p.took(ph.Took)))
	}
	p.line(title)
	for _, d := range ph.Differences {
		p.line("  " + p.paint(yellow, differenceText(d)))
	}
	p.warnings(ph.Warnings, "", "  ")
	hidden := 0
	for _, h := range ph.Hooks {
		if h.Status == phased.StatusSucceeded && len(h.Warnings) == 0 && h.Slow == nil && p.Terminal && !all && len(ph.Hooks) > longPhase {
			hidden++
			continue
		}
		p.hookLine(r, h)
	}
	if hidden > 0 {
		p.line("  " + p.statusMark(phased.StatusSucceeded) + " " + fmt.Sprintf("%s succeeded", count(hidden, "hook")) + p.paint(dim, "  (--all lists them)"))
	}
	if left := notRun(ph); len(left) > 0 {
		p.notRun(ph, left, all)
	}
	if text := skippedText(ph.Entries, 8); text != "" {
		p.line("    " + p.paint(dim, text))
	}
}

// notYet is what there is to tell of hooks that have not run.
func notYet(ph phased.PhaseRun) string {
	if ph.Status == phased.StatusRunning {
		return "not run yet"
	}
	return "not run"
}

func (p *printer) notRun(ph phased.PhaseRun, names []phased.Text, all bool) {
	what := notYet(ph)
	for i, n := range names {
		if i == 8 && p.Terminal && !all {
			p.line("    " + p.paint(dim, fmt.Sprintf("%d more %s", len(names)-i, what)))
			return
		}
		p.line("    " + p.paint(dim, Name(n)+"  "+what+lockWait(ph, n)))
	}
}

func (p *printer) hookLine(r phased.Run, h phased.HookRun) {
	left := "  " + p.statusMark(h.Status) + " " + Name(h.Hook)
	right := p.took(h.Took)
	switch {
	case h.Status == phased.StatusRunning:
		left, right = left+"  "+p.paint(bold, "running"), p.running(h.Began)
	case h.Status == phased.StatusSkipped:
		p.line("    " + p.paint(dim, Name(h.Hook)+"  skipped: "+Safe(oneLine(h.Reason), false)))
		p.warnings(h.Warnings, h.Path, "      ")
		return
	case h.Exit == nil:
		left, right = left+"  "+p.paint(yellow, "interrupted"), ""
	case h.Ignored:
		left = p.ignored(h.Hook, *h.Exit)
	case !h.Exit.OK():
		left += "  " + p.paint(statusColour(h.Status), ExitText(*h.Exit))
	}
	if text := attemptText(r, h); text != "" {
		if last := r.Hook(h.Phase, h.Hook); h.Again && r.Status == phased.StatusRunning && last.Attempt == h.Attempt && againIn(h, p.Now) > 0 {
			text += againText(againIn(h, p.Now))
		}
		left += p.paint(dim, "  "+text)
	}
	if h.Changes > 0 {
		left += p.paint(dim, "  changed "+count(h.Changes, "name"))
	}
	p.line(p.right(left, p.paint(dim, right)))
	p.hookNotes(h)
	if h.Slow != nil {
		p.line("      " + p.paint(yellow, p.wasSlow(*h.Slow)))
	}
	if text := leftText(h.LeftBehind, h.LeftMore, h.Leak, 8); text != "" {
		p.line("      " + p.paint(dim, text))
	}
	if h.Left {
		p.line("      " + p.paint(dim, "left a process behind that held its output"))
	}
	if h.Dropped > 0 {
		p.line("      " + p.paint(dim, Size(h.Dropped)+" of its output left out of the record"))
	}
}

// ignored returns the line of a hook that failed and ended nothing.
func (s Style) ignored(hook phased.Text, e phased.Exit) string {
	return "  " + s.paint(yellow, s.mark("✗", "x")) + " " + Name(hook) + "  " + s.paint(yellow, ExitText(e))
}

// costs prints the hooks that took longest.
func (p *printer) costs(r phased.Run) {
	var hooks []phased.HookRun
	var total time.Duration
	for _, ph := range r.Phases {
		for _, h := range ph.Hooks {
			if h.Exit == nil {
				continue
			}
			total += h.Took
			at := slices.IndexFunc(hooks, func(b phased.HookRun) bool { return h.Attempt > 0 && b.Phase == h.Phase && b.Hook == h.Hook })
			if at < 0 {
				hooks = append(hooks, h)
				continue
			}
			hooks[at].Took += h.Took
			hooks[at].Usage = usedInAll(hooks[at].Usage, h.Usage)
		}
	}
	if len(hooks) < 2 || total <= 0 {
		return
	}
	slices.SortStableFunc(hooks, func(a, b phased.HookRun) int { return int(b.Took - a.Took) })
	const most = 8
	hooks = hooks[:min(most, len(hooks))]
	p.line("")
	p.line(p.paint(bold, "where the time went"))
	wide, bar := 0, 16
	for _, h := range hooks {
		wide = max(wide, columns(Hook(h.Phase, h.Hook)))
	}
	wide = min(wide, max(p.width()-32, 18))
	if p.width() < wide+36+bar {
		bar = 0
	}
	for _, h := range hooks {
		share := float64(h.Took) / float64(total)
		text := fmt.Sprintf("  %s  %10s %4.0f %%", pad(p.cutHook(h.Phase, h.Hook, wide), wide), p.took(h.Took), share*100)
		if bar > 0 && p.Terminal {
			text += "  " + p.paint(dim, p.bar(share, bar))
		}
		if u := h.Usage; u != nil {
			text += p.paint(dim, p.usageText(u, p.width()-columns(text)))
		}
		p.line(text)
	}
}

// usedInAll is what two attempts of a hook have used; nil is unknown.
func usedInAll(a, b *phased.Usage) *phased.Usage {
	if a == nil || b == nil {
		return nil
	}
	return &phased.Usage{
		User: a.User + b.User, System: a.System + b.System, MaxRSS: max(a.MaxRSS, b.MaxRSS), Memory: max(a.Memory, b.Memory),
		Read: a.Read + b.Read, Written: a.Written + b.Written, Tasks: max(a.Tasks, b.Tasks),
	}
}

func (s Style) bar(share float64, wide int) string {
	n := int(share*float64(wide) + 0.5)
	return pad(strings.Repeat(s.mark("█", "#"), n), wide)
}
