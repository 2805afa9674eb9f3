package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
)

// mostRows is how many hooks each list of Stats shows to people.
const mostRows = 8

// Stats prints which hooks take longest, fail without a reason and change most,
// and time limits that would fit. Others are runs of other lifecycles or bases,
// of which there are such figures, too.
func Stats(w io.Writer, s Style, st phased.Stats, others []phased.Summary) error {
	p := newPrinter(w, s)
	when := count(st.Runs, "run") + ", " + p.day(st.First)
	if from, to := p.day(st.First), p.day(st.Last); from != to {
		when += " to " + to
	}
	p.line(p.right(p.paint(bold, runTitle(st.Lifecycle, st.Base)), p.paint(dim, when)))
	hooks := slices.DeleteFunc(slices.Clone(st.Hooks), func(h phased.HookStats) bool { return h.Gone })
	p.slowest(hooks)
	p.flakiest(hooks)
	p.mostChanged(hooks)
	p.suggestions(hooks)
	if n := len(st.Hooks) - len(hooks); n > 0 {
		p.line("")
		p.line(p.paint(dim, count(n, "hook")+" gone since: left out here (--json has all)"))
	}
	var next [][2]string
	for _, o := range others {
		next = append(next, [2]string{p.Command("stats", o.Lifecycle, "--base", string(o.Base)), "the same of " + runTitle(o.Lifecycle, o.Base)})
	}
	if len(next) > 0 {
		p.line("")
		p.next(next)
	}
	return p.flush()
}

func (p *printer) day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return p.time(t)[:len("2006-01-02")]
}

func (p *printer) slowest(hooks []phased.HookStats) {
	picked := pick(hooks, func(h phased.HookStats) bool { return h.Timed > 0 }, func(a, b phased.HookStats) bool {
		return a.P50 > b.P50 || a.P50 == b.P50 && a.P95 > b.P95
	})
	p.list("slowest", []string{"P50", "P95", "LONGEST", "TIMES"}, picked, func(h phased.HookStats) []string {
		return []string{p.took(h.P50), p.took(h.P95), p.took(h.Longest), strconv.Itoa(h.Timed)}
	})
}

func (p *printer) flakiest(hooks []phased.HookStats) {
	picked := pick(hooks, func(h phased.HookStats) bool { return h.Flaky > 0 }, func(a, b phased.HookStats) bool {
		return a.Flaky*b.Runs > b.Flaky*a.Runs
	})
	p.list("flakiest", []string{"FLAKY", "FAILED", "RUNS", "SHARE"}, picked, func(h phased.HookStats) []string {
		return []string{strconv.Itoa(h.Flaky), strconv.Itoa(h.Failed), strconv.Itoa(h.Runs), fmt.Sprintf("%d %%", (100*h.Flaky+h.Runs/2)/h.Runs)}
	})
}

func (p *printer) mostChanged(hooks []phased.HookStats) {
	picked := pick(hooks, func(h phased.HookStats) bool { return h.Changed > 0 }, func(a, b phased.HookStats) bool { return a.Changed > b.Changed })
	p.list("most changed", []string{"CHANGES"}, picked, func(h phased.HookStats) []string { return []string{strconv.Itoa(h.Changed)} })
}

// suggestions lists time limits for hooks that have none, or one that is less than
// twice what they took.
func (p *printer) suggestions(hooks []phased.HookStats) {
	picked := pick(hooks, func(h phased.HookStats) bool {
		return h.Suggested > 0 && (h.Timeout == 0 || time.Duration(h.Timeout) < 2*h.Longest)
	}, func(a, b phased.HookStats) bool { return a.P95 > b.P95 })
	p.list("suggested time limits", []string{"NOW", "LINE TO WRITE IN THE HOOK"}, picked, func(h phased.HookStats) []string {
		return []string{limitText(h.Timeout), "# phased: timeout=" + limitText(h.Suggested)}
	})
	for _, h := range picked {
		if strings.Trim(string(h.Hook), "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == "" {
			p.line(p.paint(dim, fmt.Sprintf("  or in the settings, in the lifecycle: hooks: {%s: {timeout: %s}}", h.Hook, limitText(h.Suggested))))
			return
		}
	}
}

// pick returns the hooks that fit, the first by less first; those that are the same
// to it stay in their order.
func pick(hooks []phased.HookStats, fits func(phased.HookStats) bool, before func(a, b phased.HookStats) bool) []phased.HookStats {
	picked := slices.DeleteFunc(slices.Clone(hooks), func(h phased.HookStats) bool { return !fits(h) })
	slices.SortStableFunc(picked, func(a, b phased.HookStats) int {
		switch {
		case before(a, b):
			return -1
		case before(b, a):
			return 1
		}
		return 0
	})
	return picked
}

// list prints the first hooks, a line each, with cells of which all but a text at
// the end stand at the right of their columns.
func (p *printer) list(title string, heads []string, hooks []phased.HookStats, cells func(phased.HookStats) []string) {
	p.line("")
	if len(hooks) == 0 {
		p.line(p.paint(bold, title) + p.paint(dim, "  none"))
		return
	}
	shown := hooks
	if p.Terminal {
		shown = hooks[:min(len(hooks), mostRows)]
	}
	name, wide := columns(title)-2, make([]int, len(heads))
	for i, head := range heads {
		wide[i] = len(head)
	}
	rows := make([][]string, len(shown))
	for i, h := range shown {
		rows[i] = cells(h)
		name = max(name, columns(Hook(h.Phase, h.Hook)))
		for j, c := range rows[i] {
			wide[j] = max(wide[j], columns(c))
		}
	}
	rest := 2
	for _, n := range wide {
		rest += n + 2
	}
	if p.Terminal {
		name = min(name, max(12, p.width()-rest))
	}
	p.line(p.paint(bold, pad(title, name+2)) + p.paint(dim, alignRight(heads, wide)))
	for i, h := range shown {
		text := Hook(h.Phase, h.Hook)
		if p.Terminal {
			text = p.cutHook(h.Phase, h.Hook, name)
		}
		p.line("  " + pad(text, name) + alignRight(rows[i], wide))
	}
	if n := len(hooks) - len(shown); n > 0 {
		p.line(p.paint(dim, fmt.Sprintf("  and %d more (--json has all)", n)))
	}
}

// alignRight returns the cells at the right of their columns; texts that are
// meant to be copied at the left.
func alignRight(cells []string, wide []int) string {
	var b strings.Builder
	for i, c := range cells {
		b.WriteString("  ")
		if strings.Contains(c, "#") || strings.Contains(c, "LINE") {
			b.WriteString(pad(c, wide[i]))
			continue
		}
		b.WriteString(strings.Repeat(" ", max(0, wide[i]-columns(c))) + c)
	}
	return b.String()
}

// limitText is a time limit as it is written in settings: 90s, 2m, 1h30m; - for
// none.
func limitText(d phased.Duration) string {
	if d <= 0 {
		return "-"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
