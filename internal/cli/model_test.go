package cli

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"phased/internal/phased"
)

// The engine and the journal against a model: random plans, results, stops,
// full disks, kills, power cuts and resumes. A lifeline is one plan and the runs
// that carry it through, each of which resumes the one before.
type lifeline struct {
	Phases  []modelPhase
	Failure *modelPhase // nil: there is no failure phase
	Timeout int         // of a run, in seconds; 0: none
	Sync    string      // durability
	Runs    []modelRun
}

type modelPhase struct {
	Policy  phased.OnFailure
	Timeout int // 0: none
	Hooks   []modelHook
}

type modelHook struct {
	Timeout int           // 0: none
	Ends    []phased.Exit // by run; the last one is for all that follow
	Takes   int           // seconds
	Prints  bool
}

// modelRun is what happens to one run.
type modelRun struct {
	Ends  string // how it ends: by itself (""), "kill", "power" or "full", at event At
	At    int
	Saved int // after a power cut: of what was not synced, in thousandths
	Stop  int // it is told to stop after that many seconds; 0: it is not
}

// Limits and stops end at fractions of a second of their own, so that no two
// things ever happen at one time.
const (
	hookFraction  = 500 * time.Millisecond
	phaseFraction = 250 * time.Millisecond
	runFraction   = 125 * time.Millisecond
	stopFraction  = 62500 * time.Microsecond
)

func limitOf(seconds int, fraction time.Duration) phased.Duration {
	if seconds == 0 {
		return 0
	}
	return phased.Duration(time.Duration(seconds)*time.Second + fraction)
}

// plan returns the plan of the lifeline.
func (l *lifeline) plan() phased.Plan {
	p := phased.Plan{Lifecycle: "model", Base: "/model", Grace: phased.Duration(time.Second), Timeout: limitOf(l.Timeout, runFraction)}
	for i := range l.Phases {
		p.Phases = append(p.Phases, l.Phases[i].planned(fmt.Sprint("p", i)))
	}
	if l.Failure != nil {
		f := l.Failure.planned("failure")
		f.Failure = true
		p.Failure = &f
	}
	return p
}

func (m *modelPhase) planned(name string) phased.PlannedPhase {
	p := phased.PlannedPhase{Phase: phased.Phase{
		Name: name, Dir: name + ".d", OnFailure: m.Policy, Executor: "process", Timeout: limitOf(m.Timeout, phaseFraction),
	}}
	for i, h := range m.Hooks {
		hook := phased.Text(fmt.Sprintf("%d0", i))
		p.Entries = append(p.Entries, phased.Entry{
			Name: hook, Path: phased.Text("/model/"+name+".d/") + hook, Verdict: phased.VerdictRun, Digest: "same", HookOptions: phased.HookOptions{Timeout: limitOf(h.Timeout, hookFraction)},
		})
	}
	return p
}

// hook returns the model of a hook of the plan.
func (l *lifeline) hook(phase string, name phased.Text) *modelHook {
	m := l.Failure
	if n, ok := numberAfter(phase, "p"); ok {
		m = &l.Phases[n]
	}
	n, _ := strconv.Atoi(string(name))
	return &m.Hooks[n/10]
}

func numberAfter(s, prefix string) (int, bool) {
	if len(s) <= len(prefix) || s[:len(prefix)] != prefix {
		return 0, false
	}
	n, err := strconv.Atoi(s[len(prefix):])
	return n, err == nil
}

func (h *modelHook) end(run int) phased.Exit { return h.Ends[min(run, len(h.Ends)-1)] }

func exits() []phased.Exit {
	return []phased.Exit{
		{Cause: phased.CauseOK},
		{Cause: phased.CauseExit, Status: 3},
		{Cause: phased.CauseSignal, Status: 139, Signal: 11},
		{Cause: phased.CauseCannotRun, Status: 126},
		{Cause: phased.CauseInternal, Status: 74},
	}
}

func drawPhase(t *rapid.T, policies []phased.OnFailure, most int) modelPhase {
	m := modelPhase{Policy: rapid.SampledFrom(policies).Draw(t, "policy")}
	if rapid.IntRange(0, 5).Draw(t, "limited phase") == 5 {
		m.Timeout = rapid.IntRange(1, 8).Draw(t, "phase timeout")
	}
	for range rapid.IntRange(0, most).Draw(t, "hooks") {
		h := modelHook{Takes: rapid.IntRange(0, 4).Draw(t, "takes"), Prints: rapid.Bool().Draw(t, "prints")}
		if rapid.IntRange(0, 4).Draw(t, "limited hook") == 4 {
			h.Timeout = rapid.IntRange(1, 4).Draw(t, "hook timeout")
		}
		for range rapid.IntRange(1, 3).Draw(t, "ends") {
			how := max(0, rapid.IntRange(-10, len(exits())-1).Draw(t, "how"))
			h.Ends = append(h.Ends, exits()[how])
		}
		m.Hooks = append(m.Hooks, h)
	}
	return m
}

func drawLifeline(t *rapid.T) lifeline {
	l := lifeline{Sync: rapid.SampledFrom([]string{"run", "phase", "hook"}).Draw(t, "sync")}
	policies := []phased.OnFailure{phased.Stop}
	if rapid.Bool().Draw(t, "policies") {
		policies = append(policies, phased.FinishPhase, phased.Continue)
	}
	for range rapid.IntRange(0, 4).Draw(t, "phases") {
		l.Phases = append(l.Phases, drawPhase(t, policies, 4))
	}
	if rapid.Bool().Draw(t, "failure phase") {
		f := drawPhase(t, []phased.OnFailure{phased.Stop, phased.Continue}, 3)
		l.Failure = &f
	}
	if rapid.IntRange(0, 7).Draw(t, "limited run") == 7 {
		l.Timeout = rapid.IntRange(1, 20).Draw(t, "run timeout")
	}
	for range rapid.IntRange(1, 4).Draw(t, "runs") {
		r := modelRun{Ends: rapid.SampledFrom([]string{"", "kill", "power", "full"}).Draw(t, "ends")}
		if r.Ends != "" {
			r.At = rapid.IntRange(1, 40).Draw(t, "at")
		}
		if r.Ends == "power" {
			r.Saved = rapid.IntRange(0, 1000).Draw(t, "saved")
		}
		if rapid.IntRange(0, 7).Draw(t, "told to stop") == 7 {
			r.Stop = rapid.IntRange(1, 12).Draw(t, "stop")
		}
		l.Runs = append(l.Runs, r)
	}
	return l
}

// How many lifelines are tried: on each push, and in a soak for each 1 of
// PHASED_SOAK, so that make soak tries 100,000.
const (
	modelCases     = 2000
	modelSoakCases = 5000
)

// TestModel tries random lifelines. rapid prints the smallest one that fails.
func TestModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("PHASED_SEED"), 10, 64); err == nil {
		seed = s
	}
	cases := modelCases
	if n, err := strconv.Atoi(os.Getenv("PHASED_SOAK")); err == nil && n > 0 {
		cases = n * modelSoakCases
	}
	t.Logf("PHASED_SEED=%d, %d cases", seed, cases)
	set(t, "rapid.seed", strconv.FormatUint(max(seed, 1), 10))
	set(t, "rapid.checks", strconv.Itoa(cases))
	set(t, "rapid.nofailfile", "true")
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		l := drawLifeline(rt)
		if err := w.play(&l); err != nil {
			rt.Fatalf("%v\nin %s", err, l.text())
		}
	})
	t.Logf("%d runs; %d were killed, of %d the power was cut, of %d the disk was full, %d were told to stop; %d were resumed", w.seq, w.met["kill"], w.met["power"], w.met["full"], w.met["stop"], w.met["resumed"])
	for _, what := range []string{"kill", "power", "full", "stop", "resumed", "failed", "timeout", "failure phase"} {
		if w.met[what] < cases/200 {
			t.Errorf("only %d of %d cases have met: %s", w.met[what], cases, what)
		}
	}
}

// set sets a flag of this process for the time of the test.
func set(t *testing.T, name, value string) {
	t.Helper()
	was := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, was) })
}

// text writes the lifeline for people.
func (l *lifeline) text() string {
	s := fmt.Sprintf("a lifeline with durability %s, run timeout %d\n", l.Sync, l.Timeout)
	for i, p := range l.Phases {
		s += fmt.Sprintf("  p%d: %+v\n", i, p)
	}
	if l.Failure != nil {
		s += fmt.Sprintf("  failure: %+v\n", *l.Failure)
	}
	for i, r := range l.Runs {
		s += fmt.Sprintf("  run %d: %+v\n", i, r)
	}
	return s
}
