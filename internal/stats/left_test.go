package stats_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"phased/internal/phased"
	"phased/internal/stats"
)

// planned makes a plan of phases "name: hook hook"; "!name" is the failure phase.
func planned(lines ...string) phased.Plan {
	var p phased.Plan
	for _, l := range lines {
		name, hooks, _ := strings.Cut(l, ":")
		ph := phased.PlannedPhase{Phase: phased.Phase{Name: strings.TrimPrefix(name, "!"), OnFailure: phased.Stop}}
		for h := range strings.FieldsSeq(hooks) {
			ph.Entries = append(ph.Entries, phased.Entry{Name: phased.Text(h), Verdict: phased.VerdictRun})
		}
		if ph.Name != name {
			p.Failure = &ph
		} else {
			p.Phases = append(p.Phases, ph)
		}
	}
	return p
}

// going makes a run of the events.
func going(data ...phased.Payload) phased.Run {
	var r phased.Run
	for i, d := range slices.Concat([]phased.Payload{phased.RunStarted{}}, data) {
		r.Apply(phased.Event{Run: "R", Seq: uint64(i + 1), Time: time.Unix(1000, 0), Data: d})
	}
	return r
}

// known is a record in which hook 1 takes 1 s, hook 2 2 s and so on, in any of
// the phases.
func known(phases ...string) stats.Baselines {
	r := &stats.Record{}
	for _, name := range phases {
		run := oneRun("1:x:1:ok 2:x:2:ok 3:x:3:ok 4:x:4:ok 10:x:10:ok")
		run.Phases[0].Phase = name
		r.Add(run)
	}
	return r.Baselines()
}

// TestTimeLeft holds the time that a run has left to sums made by hand.
func TestTimeLeft(t *testing.T) {
	plan := planned("a: 1 2", "b: 3 10", "!error: 4")
	unknown := planned("a: 1 new", "b: 3")
	enterA := phased.PhaseStarted{Phase: "a", Entries: plan.Phases[0].Entries}
	enterB := phased.PhaseStarted{Phase: "b", Entries: plan.Phases[1].Entries}
	enterError := phased.PhaseStarted{Phase: "error", Failure: true, Entries: plan.Failure.Entries}
	start := func(phase, hook string) phased.Payload {
		return phased.HookStarted{Phase: phase, Hook: phased.Text(hook)}
	}
	end := func(phase, hook string) phased.Payload {
		return phased.HookFinished{Phase: phase, Hook: phased.Text(hook), Exit: phased.Exit{Cause: phased.CauseOK}}
	}
	bad := func(phase, hook string) phased.Payload {
		return phased.HookFinished{Phase: phase, Hook: phased.Text(hook), Exit: phased.Exit{Cause: phased.CauseExit}}
	}
	failed := func(phase, hook string) phased.Payload {
		return phased.RunFailed{Failure: phased.Failure{Phase: phase, Hook: phased.Text(hook)}}
	}
	leave := func(phase string) phased.Payload {
		return phased.PhaseFinished{Phase: phase, Status: phased.StatusFailed}
	}
	goesOn := planned("a: 1 2", "b: 3 10", "!error: 4")
	goesOn.Phases[0].OnFailure = phased.Continue
	tests := []struct {
		name    string
		plan    phased.Plan
		run     phased.Run
		after   time.Duration
		want    time.Duration
		atLeast bool
		none    bool
	}{
		{name: "nothing was entered", plan: plan, run: going(), want: 16 * s},
		{name: "the first runs for 0.4 s", plan: plan, run: going(enterA, start("a", "1")), after: 400 * time.Millisecond, want: 15600 * time.Millisecond},
		{name: "the first is over its time", plan: plan, run: going(enterA, start("a", "1")), after: 9 * s, want: 15 * s},
		{name: "the clock was set back", plan: plan, run: going(enterA, start("a", "1")), after: -9 * s, want: 16 * s},
		{name: "the first has ended", plan: plan, run: going(enterA, start("a", "1"), end("a", "1")), want: 15 * s},
		{name: "tried again", plan: plan, run: going(enterA, start("a", "1"), bad("a", "1"), start("a", "1")), want: 16 * s},
		{name: "two at once", plan: plan, run: going(enterA, start("a", "1"), start("a", "2")), after: s / 2, want: s/2 + 3*s/2 + 13*s},
		{name: "skipped by the run", plan: plan, run: going(enterA, phased.HookSkipped{Phase: "a", Hook: "1"}), want: 15 * s},
		{name: "a phase skipped by the run", plan: plan, run: going(phased.PhaseSkipped{Phase: "a"}), want: 13 * s},
		{name: "the last one runs", plan: plan, run: going(enterA, leave("a"), enterB, start("b", "3"), end("b", "3"), start("b", "10")), after: 4 * s, want: 6 * s},
		{name: "found when it was entered", plan: plan, run: going(phased.PhaseStarted{Phase: "a", Entries: plan.Phases[0].Entries[:1]}), want: 14 * s},
		{name: "one is unknown", plan: unknown, run: going(), want: 4 * s, atLeast: true},
		{name: "the unknown one has ended", plan: unknown, run: going(enterA, leave("a")), want: 3 * s},
		{name: "all are unknown", plan: planned("a: new", "b: other"), run: going(), atLeast: true, none: true},
		{name: "nothing is left", plan: plan, run: going(enterA, leave("a"), enterB, leave("b")), none: true},
		{name: "failed: the failure phase follows", plan: plan, run: going(enterA, start("a", "1"), bad("a", "1"), failed("a", "1"), leave("a")), want: 4 * s},
		{name: "failed: the failure phase runs", plan: plan, run: going(enterA, failed("a", "1"), leave("a"), enterError, start("error", "4")), after: s, want: 3 * s},
		{name: "failed, and goes on", plan: goesOn, run: going(enterA, failed("a", "1"), leave("a")), want: 13*s + 4*s},
	}
	b := known("a", "b", "error")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := b.Left(tt.plan, tt.run, nil, time.Unix(1000, 0).Add(tt.after))
			if want := (phased.TimeLeft{Time: tt.want, AtLeast: tt.atLeast}); got != want || ok == tt.none {
				t.Errorf("got %+v, %v, want %+v", got, ok, want)
			}
		})
	}
	passed := func(phase string, hook phased.Text) bool { return phase == "b" && hook == "10" }
	if got, _ := b.Left(plan, going(), passed, time.Unix(1000, 0)); got.Time != 6*s {
		t.Errorf("what the run will pass over counts: %+v", got)
	}
}

// TestUsual tells what is usual of hooks that have ended well only.
func TestUsual(t *testing.T) {
	b := record("a:x:2:ok b:x:1:3", "a:x:1:ok b:x:1:3", "a:x:9:3 b:x:1:stopped").Baselines()
	if u, ok := b.Usual("configure", "a"); !ok || u != (phased.Usual{P50: s, P95: 2 * s, Runs: 2}) {
		t.Errorf("a: %+v, %v", u, ok)
	}
	for _, name := range []phased.Text{"b", "c"} {
		if u, ok := b.Usual("configure", name); ok {
			t.Errorf("%s: %+v", name, u)
		}
	}
	if _, ok := b.Usual("other", "a"); ok {
		t.Error("a hook of the same name of another phase")
	}
	if _, ok := (stats.Baselines{}).Usual("configure", "a"); ok {
		t.Error("of nothing")
	}
}

// TestAnyEvents folds whatever payloads in whatever order: nothing panics, and
// the figures stay what they say.
func TestAnyEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &stats.Record{}
		var last phased.Run
		for range rapid.IntRange(0, 6).Draw(t, "runs") {
			last = phased.Run{}
			for i := range rapid.IntRange(1, 25).Draw(t, "events") {
				last.Apply(phased.Event{
					Run: "R", Seq: uint64(i + 1), Data: anyPayload(t),
					Time: time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "time"), 0), Mono: time.Duration(rapid.Int64().Draw(t, "mono")),
				})
			}
			r.Add(last)
		}
		seen := map[string]bool{}
		for _, h := range r.Stats().Hooks {
			name := h.Phase + "\x00" + string(h.Hook)
			if seen[name] {
				t.Fatalf("%q stands there twice", name)
			}
			seen[name] = true
			if h.Failed > h.Runs || h.Flaky > h.Runs || h.Timed > stats.Kept || h.Timed > h.Runs-h.Failed && h.Timed != 0 ||
				h.P50 > h.P95 || h.P95 > h.Longest || h.P50 < 0 || h.Changed < 0 || h.Suggested < 0 ||
				h.Suggested > 0 && (h.Timed < stats.Enough || time.Duration(h.Suggested) < h.Longest) {
				t.Fatalf("%+v", h)
			}
		}
		var p phased.Plan
		if rapid.Bool().Draw(t, "failure phase") {
			p = planned("a: 1 2", "b: 1", "!c: 2")
		} else {
			p = planned("a: 1 2", "c: 1")
		}
		left, ok := r.Baselines().Left(p, last, nil, time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "now"), 0))
		if left.Time < 0 || !ok && left.Time != 0 {
			t.Fatalf("%+v, %v", left, ok)
		}
	})
}

// anyPayload draws a payload whose names are often those of others.
func anyPayload(t *rapid.T) phased.Payload {
	p := rapid.SampledFrom(phased.Payloads()).Draw(t, "payload")
	v := reflect.New(reflect.TypeOf(p)).Elem()
	fill(t, v)
	return v.Interface().(phased.Payload)
}

func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() && v.Type() != reflect.TypeFor[time.Time]() {
				fill(t, f)
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "has value") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			n := rapid.IntRange(0, 3).Draw(t, "length")
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.String:
		v.SetString(rapid.SampledFrom([]string{"a", "b", "c", "1", "2", "run", "ok", "exit", "stopped", "signal", "succeeded", "waiting-reboot", ""}).Draw(t, "word"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3)).Draw(t, "int"))
	}
}

// TestTimeLeftOfHooksTogether wants the longest of hooks that run together, or
// what the jobs make of them; and what always runs to count after a failure.
func TestTimeLeftOfHooksTogether(t *testing.T) {
	p := planned("a: 1 2 3 4", "b: 10", "tidy: 1")
	p.Phases[0].Parallel = phased.ParallelSameNumber
	for i := range p.Phases[0].Entries {
		p.Phases[0].Entries[i].Number = []string{"1", "01", "1.0", "2"}[i]
	}
	p.Phases[2].When = phased.WhenAlways
	enter := phased.PhaseStarted{Phase: "a", Parallel: phased.ParallelSameNumber, Entries: p.Phases[0].Entries}
	start := phased.HookStarted{Phase: "a", Hook: "3"}
	bad := phased.HookFinished{Phase: "a", Hook: "3", Exit: phased.Exit{Cause: phased.CauseExit}, Again: true}
	for _, c := range []struct {
		name string
		jobs int
		run  phased.Run
		want int // seconds
	}{
		{"one at a time", 1, going(), 21},
		{"no jobs are given", 0, going(), 21},
		{"two jobs", 2, going(), 3 + 4 + 10 + 1},
		{"one of them runs", 8, going(enter, start), 3 + 4 + 10 + 1},
		{"one is tried again", 8, going(enter, start, bad), 3 + 4 + 10 + 1},
		{"after a failure", 8, going(enter, phased.RunFailed{Failure: phased.Failure{Phase: "a"}}, phased.PhaseFinished{Phase: "a", Status: phased.StatusFailed}), 1},
	} {
		p.Jobs = c.jobs
		left, ok := known("a", "b", "tidy").Left(p, c.run, nil, time.Unix(1000, 0))
		if want := time.Duration(c.want) * time.Second; left.Time != want || !ok {
			t.Errorf("%s: %v, %v; want %v", c.name, left.Time, ok, want)
		}
	}
}
