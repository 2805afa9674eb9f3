package stats

import (
	"time"

	"phased/internal/phased"
)

// Baselines are what the hooks of a lifecycle take as a rule.
type Baselines struct{ hooks map[key]phased.Usual }

// Baselines returns what the runs tell of each hook's time.
func (r *Record) Baselines() Baselines {
	b := Baselines{map[key]phased.Usual{}}
	for _, h := range r.Stats().Hooks {
		if h.Timed > 0 {
			b.hooks[key{h.Phase, h.Hook}] = phased.Usual{P50: h.P50, P95: h.P95, Runs: h.Timed}
		}
	}
	return b
}

// Usual returns what a hook takes as a rule; false where it has never ended well.
func (b Baselines) Usual(phase string, hook phased.Text) (phased.Usual, bool) {
	u, ok := b.hooks[key{phase, hook}]
	return u, ok
}

// Left returns about how long a run of the plan will go on: the sum of what its
// hooks that have not ended take in half of the runs, less what those that run
// have taken; of hooks that run together, what the jobs make of it. Hooks of which passed says that the run will pass over them take
// nothing; nil: there are none. It is false where nothing is known of any.
func (b Baselines) Left(p phased.Plan, run phased.Run, passed func(phase string, hook phased.Text) bool, now time.Time) (phased.TimeLeft, bool) {
	s := sum{b: b, jobs: p.Jobs, passed: passed, now: now}
	entered := map[string]*phased.PhaseRun{}
	for i := range run.Phases {
		entered[run.Phases[i].Phase] = &run.Phases[i]
	}
	goesOn := true // with the phases that come
	if f := run.Failure; f != nil {
		goesOn = false // but for those that always run
		for i := range p.Phases {
			if p.Phases[i].Name == f.Phase {
				goesOn = p.Phases[i].OnFailure == phased.Continue
			}
		}
	}
	for i := range p.Phases {
		due := goesOn
		switch p.Phases[i].When {
		case phased.WhenSuccess:
			due = run.Failure == nil
		case phased.WhenAlways:
			due = true
		}
		s.phase(&p.Phases[i], entered[p.Phases[i].Name], due)
	}
	if p.Failure != nil && run.Failure != nil {
		s.phase(p.Failure, entered[p.Failure.Name], true)
	}
	return s.left, s.known
}

// sum adds up what is left.
type sum struct {
	b      Baselines
	jobs   int // that may run at once, where a phase lets them
	passed func(phase string, hook phased.Text) bool
	now    time.Time
	left   phased.TimeLeft
	known  bool
}

// phase adds what is left of a phase: as it was found where it was entered, else
// as planned.
func (s *sum) phase(planned *phased.PlannedPhase, run *phased.PhaseRun, goesOn bool) {
	entries := planned.Entries
	started := map[phased.Text]*phased.HookRun{}
	if run == nil {
		if !goesOn {
			return
		}
	} else {
		if run.Status.Final() {
			return
		}
		entries = run.Entries
		for i := range run.Hooks {
			started[run.Hooks[i].Hook] = &run.Hooks[i]
		}
	}
	number := group{s: s, jobs: max(1, s.jobs)}
	for i := range entries {
		e := &entries[i]
		if e.Verdict != phased.VerdictRun {
			continue
		}
		number.next(planned.Parallel != "", e)
		h := started[e.Name]
		switch {
		case h != nil && h.Status.Final() && !h.Again:
		case h != nil && !h.Again:
			number.add(s.of(planned.Name, e.Name, s.now.Sub(h.Began)))
		case h == nil && s.passed != nil && s.passed(planned.Name, e.Name):
		default:
			number.add(s.of(planned.Name, e.Name, 0))
		}
	}
	number.end()
}

// of returns what a hook still takes that has been running for a while.
func (s *sum) of(phase string, hook phased.Text, elapsed time.Duration) time.Duration {
	u, ok := s.b.Usual(phase, hook)
	if !ok {
		s.left.AtLeast = true
		return 0
	}
	s.known = true
	return max(0, u.P50-max(0, elapsed))
}

// group is what the hooks take that run together: the longest of them, or what the
// jobs make of all.
type group struct {
	s              *sum
	jobs           int
	number         string
	total, longest time.Duration
}

// next ends the group where the entry is not of it.
func (g *group) next(parallel bool, e *phased.Entry) {
	number := e.NumberValue()
	if !parallel || number != g.number {
		g.end()
	}
	g.number = number
}

func (g *group) add(d time.Duration) {
	g.total, g.longest = plus(g.total, d), max(g.longest, d)
}

func (g *group) end() {
	g.s.left.Time = plus(g.s.left.Time, max(g.longest, g.total/time.Duration(g.jobs)))
	g.total, g.longest = 0, 0
}

// plus adds, as far as a duration goes.
func plus(a, b time.Duration) time.Duration {
	if a+b < a {
		return a
	}
	return a + b
}
