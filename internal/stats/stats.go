// Package stats makes baselines of runs: what a hook takes as a rule, how often
// it fails and changes, which time limit would fit, how long a run has left.
//
// It is pure: runs in, figures out. It reads no journal and knows no clock;
// docs/stats.md has its rules.
package stats

import (
	"slices"
	"strings"
	"time"

	"phased/internal/phased"
)

// Kept is how many times of a hook are counted: the last ones in which it ended
// well.
const Kept = 50

// Enough is the number of counted times from which on a time limit is suggested.
const Enough = 5

// Record collects what runs tell. The zero value is ready; runs of one lifecycle
// and base are added, the newest first.
type Record struct {
	runs        int
	first, last time.Time
	phases      []string // by the newest run that entered each
	hooks       map[key]*history
	contents    map[string]int // what phases held: a number for each
}

// key names a hook within a lifecycle.
type key struct {
	phase string
	hook  phased.Text
}

// history is what is known of one hook, the newest run first.
type history struct {
	times   []time.Duration
	ended   []ending
	digests []string
	limit   phased.Duration
	started bool // limit is known
	bound   bool // it takes no header: it is sourced, or is a run of its own
	gone    bool
}

// ending is how a hook ended in one run.
type ending struct {
	failed  bool
	retried bool // an attempt before the last one failed
	content int  // of its phase
}

// Add takes the next older run. It may go on still, or have died: what ended in
// it counts.
func (r *Record) Add(run phased.Run) {
	if r.hooks == nil {
		r.hooks, r.contents = map[key]*history{}, map[string]int{}
	}
	r.runs++
	if r.last.IsZero() {
		r.last = run.Began
	}
	r.first = run.Began
	for i := range run.Phases {
		if p := &run.Phases[i]; p.Status != phased.StatusSkipped {
			r.phase(&run, p)
		}
	}
}

func (r *Record) phase(run *phased.Run, p *phased.PhaseRun) {
	newest := !slices.Contains(r.phases, p.Phase)
	if newest {
		r.phases = append(r.phases, p.Phase)
	}
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Verdict != phased.VerdictRun {
			continue
		}
		h := r.hook(p.Phase, e.Name, newest)
		if e.Digest != "" {
			h.digests = append(h.digests, e.Digest)
		}
	}
	content := r.content(p)
	last := map[phased.Text]*phased.HookRun{}
	retried := map[phased.Text]bool{}
	for i := range p.Hooks {
		h := &p.Hooks[i]
		if before := last[h.Hook]; before != nil {
			if _, failed := outcome(run, before); failed {
				retried[h.Hook] = true
			}
		}
		last[h.Hook] = h
	}
	for name, h := range last {
		r.hook(p.Phase, name, newest).add(run, h, ending{retried: retried[name], content: content})
	}
}

// hook returns what is known of a hook. One that the newest run of its phase does
// not have is gone.
func (r *Record) hook(phase string, name phased.Text, newest bool) *history {
	k := key{phase, name}
	h := r.hooks[k]
	if h == nil {
		h = &history{gone: !newest}
		r.hooks[k] = h
	}
	return h
}

func (h *history) add(run *phased.Run, last *phased.HookRun, e ending) {
	if last.Status == phased.StatusSkipped {
		return
	}
	if !h.started {
		h.started, h.limit = true, last.Timeout
		h.bound = last.Run != "" || run.Session != nil && run.Session.Pid == last.Pid
	}
	counts, failed := outcome(run, last)
	if !counts {
		return
	}
	e.failed = failed
	h.ended = append(h.ended, e)
	if !failed && len(h.times) < Kept {
		h.times = append(h.times, max(0, last.Took))
	}
}

// outcome tells whether the end of a hook counts, and whether it is a failure.
// What phased, an operator or a reboot ended tells nothing of the hook.
func outcome(run *phased.Run, h *phased.HookRun) (counts, failed bool) {
	if h.Exit == nil {
		return false, false
	}
	switch h.Exit.Cause {
	case phased.CauseOK:
		return true, false
	case phased.CauseStopped, phased.CauseInternal, phased.CauseTrust, phased.CauseReboot, phased.CauseList:
		return false, false
	case phased.CauseSignal:
		return run.Status != phased.StatusWaiting, run.Status != phased.StatusWaiting
	}
	return true, true
}

// content returns the number of what a phase held: all its hooks and what was in
// them.
func (r *Record) content(p *phased.PhaseRun) int {
	var b strings.Builder
	for i := range p.Entries {
		if e := &p.Entries[i]; e.Verdict == phased.VerdictRun {
			b.WriteString(string(e.Name) + "\x00" + e.Digest + "\x00")
		}
	}
	n, known := r.contents[b.String()]
	if !known {
		n = len(r.contents)
		r.contents[b.String()] = n
	}
	return n
}

// Stats returns what the runs told. The lifecycle and the base are the caller's to
// fill in.
func (r *Record) Stats() phased.Stats {
	s := phased.Stats{Runs: r.runs, First: r.first, Last: r.last, Hooks: []phased.HookStats{}}
	for k, h := range r.hooks {
		one := phased.HookStats{
			Phase: k.phase, Hook: k.hook, Runs: len(h.ended), Timed: len(h.times), Flaky: flaky(h.ended),
			Changed: changes(h.digests), Timeout: h.limit, Gone: h.gone,
		}
		for _, e := range h.ended {
			if e.failed {
				one.Failed++
			}
		}
		if sorted := slices.Sorted(slices.Values(h.times)); len(sorted) > 0 {
			one.P50, one.P95, one.Longest = Rank(sorted, 50), Rank(sorted, 95), sorted[len(sorted)-1]
		}
		if one.Timed >= Enough && !h.bound {
			one.Suggested = phased.Duration(Timeout(one.P95, one.Longest))
		}
		s.Hooks = append(s.Hooks, one)
	}
	place := map[string]int{}
	for i, p := range r.phases {
		place[p] = i
	}
	slices.SortFunc(s.Hooks, func(a, b phased.HookStats) int {
		if n := place[a.Phase] - place[b.Phase]; n != 0 {
			return n
		}
		return strings.Compare(string(a.Hook), string(b.Hook))
	})
	return s
}

// flaky counts the runs in which a hook failed although it also ended well in a
// run before or after that between which and this one nothing of its phase was
// changed, and those in which an attempt failed and the last one did not.
func flaky(ended []ending) int {
	n := 0
	for from := 0; from < len(ended); {
		to, well := from, false
		for to < len(ended) && ended[to].content == ended[from].content {
			well = well || !ended[to].failed
			to++
		}
		for _, e := range ended[from:to] {
			if well && (e.failed || e.retried) {
				n++
			}
		}
		from = to
	}
	return n
}

func changes(digests []string) int {
	n := 0
	for i := 1; i < len(digests); i++ {
		if digests[i] != digests[i-1] {
			n++
		}
	}
	return n
}

// Rank returns the smallest of the sorted times that at least percent of 100 of
// them do not exceed (nearest rank): a time that was measured, never one between
// two. 0 where there are none.
func Rank(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	at := (len(sorted)*percent + 99) / 100
	return sorted[min(max(at, 1), len(sorted))-1]
}

// Timeout returns a time limit that fits a hook: three times its 95th percentile,
// or twice its longest time, but not less than 10 s, rounded up to a figure that
// people write. 0 where that were more than 30 days.
func Timeout(p95, longest time.Duration) time.Duration {
	const most = 30 * 24 * time.Hour
	if p95 > most/3 || longest > most/2 {
		return 0
	}
	d := max(10*time.Second, 3*p95, 2*longest)
	for _, round := range []time.Duration{
		10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second, 45 * time.Second,
		time.Minute, 90 * time.Second, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute,
		7 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute, 45 * time.Minute,
		time.Hour, 90 * time.Minute, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 8 * time.Hour, 12 * time.Hour,
	} {
		if d <= round {
			return round
		}
	}
	const day = 24 * time.Hour
	return (d + day - 1).Truncate(day)
}
