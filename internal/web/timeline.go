package web

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// The measures of a timeline, in pixels but for shares of its width.
const (
	axisHigh   = 22
	headHigh   = 22  // of a phase, above its hooks
	rowHigh    = 20  // of a hook that has a row of its own
	laneHigh   = 12  // of a lane that hooks share
	bandGap    = 6   // below a phase
	ownRows    = 30  // a phase of more hooks than these shares lanes
	ownInAll   = 90  // so do all, if there were more rows than these
	lanesHigh  = 160 // of all lanes of a phase together
	folded     = 0.3 // bars narrower than this share, in percent, fold with their neighbours
	waitsShown = 20 * time.Millisecond
)

// kind is how a bar is drawn. The greater, the more it matters: of bars that are
// folded together the greatest shows.
type kind int

const (
	barPause kind = iota // between two attempts
	barWait              // for a lock or a job
	barOK
	barRunning
	barSlow
	barStopped // interrupted, stopped
	barTry     // an attempt that failed, and was not the last
	barIgnored // failed, and nobody minded
	barFailed
)

// kindNames are the classes of kinds, and what they are called in the legend.
func (k kind) names() (class, name string) {
	switch k {
	case barPause:
		return "pause", "pause before another attempt"
	case barWait:
		return "wait", "waits for a lock or its turn"
	case barRunning:
		return "running", "running"
	case barSlow:
		return "slow", "slower than usual"
	case barStopped:
		return "stopped", "stopped or interrupted"
	case barTry:
		return "try", "attempt that failed"
	case barIgnored:
		return "ignored", "failed, and ended nothing"
	case barFailed:
		return "failed", "failed"
	}
	return "ok", "ended well"
}

// bar is one piece of a hook in time, or several that are too short to be told
// apart.
type bar struct {
	kind       kind
	hook       int // index of its row in the phase
	from, to   time.Duration
	lane       int
	critical   bool
	many, fail int // folded: how many hooks, and how many of them failed
}

// band is a phase in a timeline.
type band struct {
	phase    int
	lanes    int
	own      bool // each hook has a lane of its own, with a label
	laneHigh float64
	bars     []bar
	hidden   int // hooks without a bar: passed over, or not begun
	y, high  float64
}

// lay returns where everything of a run is drawn.
func (v *view) lay() []band {
	rows := 0
	for _, r := range v.Rows {
		if len(r) <= ownRows {
			rows += len(r)
		}
	}
	all := make([]band, 0, len(v.Rows))
	for i := range v.Run.Phases {
		if v.Run.Phases[i].Status == phased.StatusSkipped {
			continue
		}
		b := band{phase: i, own: len(v.Rows[i]) <= ownRows && rows <= ownInAll}
		v.bars(&b)
		if b.own {
			b.lanes, b.laneHigh = len(v.Rows[i]), rowHigh
			v.apart(&b)
		} else {
			v.pack(&b)
			b.laneHigh = max(2, min(laneHigh, lanesHigh/float64(max(1, b.lanes))))
			b.bars = v.fold(b.bars)
		}
		all = append(all, b)
	}
	y := float64(axisHigh)
	for i := range all {
		all[i].y = y
		all[i].high = headHigh + float64(all[i].lanes)*all[i].laneHigh + bandGap
		y += all[i].high
	}
	return all
}

// bars makes the bars of a phase, each hook in the lane of its row.
func (v *view) bars(b *band) {
	ready := v.ready(b.phase)
	// What a hook took counts from before its process was there, its bar from when it
	// was: it does not stand over the end of its phase for that.
	last := time.Duration(math.MaxInt64)
	if p := &v.Run.Phases[b.phase]; p.Status.Final() && p.Took > 0 {
		last = max(0, p.Began.Sub(v.Run.Began)) + p.Took
	}
	for j, row := range v.Rows[b.phase] {
		if len(row.Attempts) == 0 {
			b.hidden++
			continue
		}
		critical := v.on[[2]int{b.phase, j}]
		began := row.began(v.Run)
		if wait := began - ready[j]; wait >= waitsShown && v.waited(b.phase, row) {
			b.bars = append(b.bars, bar{kind: barWait, hook: j, from: ready[j], to: began, lane: j})
		}
		end := began
		for n, h := range row.Attempts {
			from := max(0, h.Began.Sub(v.Run.Began))
			if n > 0 && from > end {
				b.bars = append(b.bars, bar{kind: barPause, hook: j, from: end, to: from, lane: j})
			}
			end = max(from, min(last, attemptEnd(v.Run, h, v.Now)))
			b.bars = append(b.bars, bar{kind: kindOf(h, n < len(row.Attempts)-1), hook: j, from: from, to: end, lane: j, critical: critical})
		}
	}
}

// kindOf tells how an attempt is drawn.
func kindOf(h *phased.HookRun, again bool) kind {
	switch {
	case h.Exit == nil && h.Status == phased.StatusRunning && h.Slow != nil:
		return barSlow
	case h.Exit == nil && h.Status == phased.StatusRunning:
		return barRunning
	case h.Exit == nil, h.Exit.Cause == phased.CauseStopped:
		return barStopped
	case !h.Exit.OK() && (again || h.Again):
		return barTry
	case h.Ignored:
		return barIgnored
	case !h.Exit.OK():
		return barFailed
	case h.Slow != nil:
		return barSlow
	}
	return barOK
}

// ready returns of each hook of a phase since when nothing but a lock or a job kept
// it from starting: the end of the hooks before its own number.
func (v *view) ready(phase int) []time.Duration {
	p := &v.Run.Phases[phase]
	rows := v.Rows[phase]
	groups, _ := groupsOf(p, rows, 0)
	at := max(0, p.Began.Sub(v.Run.Began))
	ready := make([]time.Duration, len(rows))
	end := at
	for j, row := range rows {
		if j > 0 && groups[j] != groups[j-1] {
			at = end
		}
		ready[j] = at
		if len(row.Attempts) > 0 {
			end = max(end, row.end(v.Run, v.Now))
		}
	}
	return ready
}

// waited reports whether the record has a reason for a hook to wait.
func (v *view) waited(phase int, row hookRow) bool {
	p := &v.Run.Phases[phase]
	if p.Parallel != "" {
		return true
	}
	if len(row.Attempts[0].Locks) > 0 {
		return true
	}
	for _, w := range p.Warnings {
		if w.Hook == row.Name && w.Code == phased.WarnLock {
			return true
		}
	}
	return false
}

// pack gives hooks that did not run at the same time one lane.
func (v *view) pack(b *band) {
	var ends []time.Duration
	lanes := map[int]int{}
	span := map[int][2]time.Duration{}
	var order []int
	for _, one := range b.bars {
		s, known := span[one.hook]
		if !known {
			order = append(order, one.hook)
			s = [2]time.Duration{one.from, one.to}
		}
		span[one.hook] = [2]time.Duration{min(s[0], one.from), max(s[1], one.to)}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(span[a][0] - span[b][0]) })
	sequential := v.Run.Phases[b.phase].Parallel == ""
	for _, hook := range order {
		lane := slices.IndexFunc(ends, func(end time.Duration) bool { return end <= span[hook][0] })
		switch {
		case lane < 0 && sequential && len(ends) > 0:
			lane = 0 // they seem to overlap, and did not
		case lane < 0:
			lane = len(ends)
			ends = append(ends, 0)
		}
		lanes[hook] = lane
		ends[lane] = max(ends[lane], span[hook][1])
	}
	for i := range b.bars {
		b.bars[i].lane = lanes[b.bars[i].hook]
	}
	b.lanes = len(ends)
	v.apart(b)
}

// apart takes off what bars of one lane seem to overlap: a time is taken around the
// events that tell it.
func (v *view) apart(b *band) {
	slices.SortStableFunc(b.bars, func(x, y bar) int {
		if x.lane != y.lane {
			return x.lane - y.lane
		}
		return int(x.from - y.from)
	})
	for i := 1; i < len(b.bars); i++ {
		was, is := &b.bars[i-1], &b.bars[i]
		if was.lane == is.lane && was.to > is.from {
			was.to = max(was.from, is.from)
			is.from = max(is.from, was.to)
			is.to = max(is.to, is.from)
		}
	}
}

// fold puts bars together that are too narrow to be told apart.
func (v *view) fold(bars []bar) []bar {
	narrow := time.Duration(float64(v.length()) * folded / 100)
	var all []bar
	for _, one := range bars {
		if one.many == 0 {
			one.many = 1
		}
		if one.kind == barFailed {
			one.fail = 1
		}
		if n := len(all) - 1; n >= 0 {
			last := &all[n]
			if last.lane == one.lane && one.to-last.from <= narrow {
				if last.hook != one.hook {
					last.many++
				}
				last.kind, last.to, last.fail = max(last.kind, one.kind), max(last.to, one.to), last.fail+one.fail
				last.critical = last.critical || one.critical
				continue
			}
		}
		all = append(all, one)
	}
	return all
}

// length is the time that the width of the timeline stands for.
func (v *view) length() time.Duration {
	end := max(v.Now, time.Millisecond)
	for _, s := range v.All {
		end = max(end, s.end)
	}
	return end
}

// ticks returns times for the axis, at most six.
func ticks(length time.Duration) []time.Duration {
	step := time.Microsecond
	for i := 0; length/step > 5; i++ {
		switch {
		case step < 10*time.Second:
			step = step * time.Duration([]int{2, 5, 10}[i%3]) / time.Duration([]int{1, 2, 5}[i%3])
		default:
			for _, s := range []time.Duration{
				15 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute,
				time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour,
			} {
				if s > step {
					step = s
					break
				}
			}
			if step >= 12*time.Hour && length/step > 5 {
				step *= 2
			}
		}
	}
	var all []time.Duration
	for t := time.Duration(0); t <= length; t += step {
		all = append(all, t)
	}
	return all
}

// tickText is a time at the axis.
func tickText(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return number(float64(d)/1e3) + " µs"
	case d < time.Second:
		return number(float64(d)/1e6) + " ms"
	case d < time.Minute:
		return number(d.Seconds()) + " s"
	case d%time.Hour == 0:
		return number(d.Hours()) + " h"
	case d%time.Minute == 0:
		return number(d.Minutes()) + " min"
	}
	return strings.TrimSuffix(report.Took(d), " 00 s")
}

// about tells in words what a bar is.
func (v *view) about(b *band, one bar) string {
	row := v.Rows[b.phase][one.hook]
	phase := v.Run.Phases[b.phase].Phase
	if one.many > 1 {
		text := fmt.Sprintf("%s: %d hooks from %s on, %s", report.Safe(phase, false), one.many, report.Name(row.Name), report.Took(one.to-one.from))
		if one.fail > 0 {
			text += fmt.Sprintf(", %d failed", one.fail)
		}
		return text
	}
	text := hookText(phase, row.Name) + ": "
	switch one.kind {
	case barPause, barWait:
		_, name := one.kind.names()
		return text + name + ", " + report.Took(one.to-one.from)
	}
	for _, h := range row.Attempts {
		if max(0, h.Began.Sub(v.Run.Began)) == one.from || len(row.Attempts) == 1 {
			text += v.attempt(h)
			break
		}
	}
	if one.critical && len(v.Critical) < len(v.All) {
		text += ", on the critical path"
	}
	return text
}

// attempt tells in words how an attempt went.
func (v *view) attempt(h *phased.HookRun) string {
	text := ""
	if h.Attempt > 1 || h.Again {
		text = fmt.Sprintf("attempt %d, ", max(1, h.Attempt))
	}
	switch {
	case h.Exit != nil && h.Exit.OK():
		text += report.Took(h.Took)
	case h.Exit != nil:
		text += report.ExitText(*h.Exit) + ", after " + report.Took(h.Took)
	case h.Status == phased.StatusRunning:
		text += "running for " + report.About(v.Now-max(0, h.Began.Sub(v.Run.Began)))
	default:
		text += "interrupted"
	}
	if h.Slow != nil {
		text += ", slower than usual"
	}
	return text
}
