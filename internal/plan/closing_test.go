package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"phased/internal/phased"
)

// closingPlan has a phase, a success phase and one that runs always.
func closingPlan() phased.Plan {
	p := phased.Plan{Lifecycle: "own", Base: "/b"}
	for _, ph := range []struct {
		name, hooks string
		when        phased.PhaseWhen
	}{{"a", "1 2", ""}, {"good", "g", phased.WhenSuccess}, {"tidy", "t", phased.WhenAlways}} {
		pp := phased.PlannedPhase{Phase: phased.Phase{Name: ph.name, Executor: phased.ExecutorProcess, When: ph.when}}
		for h := range strings.FieldsSeq(ph.hooks) {
			pp.Entries = append(pp.Entries, phased.Entry{Name: phased.Text(h), Verdict: phased.VerdictRun, Digest: "1"})
		}
		p.Phases = append(p.Phases, pp)
	}
	return p
}

// What runs in a run that resumes one: phases that run always do so again,
// whatever they have done.
func TestContinueAtTheEnd(t *testing.T) {
	p := closingPlan()
	for _, c := range []struct {
		name  string
		story []string
		only  string
		want  string
	}{
		{
			"a phase has failed",
			[]string{"phase a", "ok 1", "fail 2", "leave failed", "due good failed", "phase tidy", "ok t", "leave succeeded", "finished failed"},
			"", "a/1 done, a/2 RUN, good/g RUN, tidy/t RUN",
		},
		{
			"the success phase has failed",
			[]string{"phase a", "ok 1", "ok 2", "leave succeeded", "phase good", "fail g", "leave failed", "phase tidy", "ok t", "leave succeeded", "finished failed"},
			"", "a/1 done, a/2 done, good/g RUN, tidy/t RUN",
		},
		{
			"one that always runs has failed",
			[]string{"phase a", "ok 1", "ok 2", "leave succeeded", "phase good", "ok g", "leave succeeded", "phase tidy", "fail t", "leave failed", "finished failed"},
			"", "a/1 done, a/2 done, good/g done, tidy/t RUN",
		},
		{
			"waits for a reboot",
			[]string{"phase a", "ok 1", "leave waiting-reboot", "due good waiting", "due tidy waiting", "died"},
			"", "a/1 done, a/2 RUN, good/g RUN, tidy/t RUN",
		},
		{
			"only one is asked for",
			[]string{"phase a", "ok 1", "fail 2", "leave failed", "due good failed", "phase tidy", "ok t", "leave succeeded", "finished failed"},
			"a", "a/1 done, a/2 RUN, good not-asked, tidy not-asked",
		},
		{
			"tried again before it died",
			[]string{"phase a", "again 1", "ok 1", "again 2", "died"},
			"", "a/1 done, a/2 RUN, good/g RUN, tidy/t RUN",
		},
	} {
		got, err := Continue(p, []phased.Run{story(t, p, c.story...)}, ContinueOptions{Only: c.only})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if d := cmp.Diff(c.want, decision(p, got.Skip)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		for _, h := range got.Hooks {
			if h.Phase == "tidy" && h.Why != "runs at the end of every run" {
				t.Errorf("%s: tidy runs since it %s", c.name, h.Why)
			}
		}
	}
}

// Where a lifecycle that is sourced goes on that has such phases, too.
func TestResumeAtTheEnd(t *testing.T) {
	p := closingPlan()
	for _, c := range []struct {
		story []string
		where string
	}{
		{[]string{"phase a", "ok 1", "fail 2", "leave failed", "due good failed", "phase tidy", "ok t", "leave succeeded", "finished failed"}, "a/2"},
		{[]string{"phase a", "ok 1", "ok 2", "leave succeeded", "phase good", "fail g", "leave failed", "phase tidy", "ok t", "leave succeeded", "finished failed"}, "good/g"},
	} {
		d, err := Resume(p, story(t, p, c.story...), ResumeOptions{})
		if err != nil || d.Where() != c.where {
			t.Errorf("goes on at %s, want %s; %v", d.Where(), c.where, err)
		}
		if reason, _, _ := d.Skip("tidy", phased.Entry{}); reason != "" {
			t.Errorf("tidy is passed over: %s", reason)
		}
	}
}

// A reboot takes down what ran beside the hook that asked for it, and nothing else.
func TestWaitsForRebootBesideOthers(t *testing.T) {
	for _, c := range []struct {
		parallel phased.Parallel
		when     phased.RebootWhen
		waits    bool
	}{{phased.ParallelSameNumber, phased.RebootNow, true}, {"", phased.RebootNow, false}, {phased.ParallelSameNumber, phased.RebootAfterPhase, false}} {
		hook := func(name phased.Text) phased.HookRun {
			return phased.HookRun{HookStarted: phased.HookStarted{Phase: "a", Hook: name}, Status: phased.StatusRunning}
		}
		r := phased.Run{Phases: []phased.PhaseRun{{PhaseStarted: phased.PhaseStarted{Phase: "a", Parallel: c.parallel}, Hooks: []phased.HookRun{hook("1"), hook("2")}}}}
		got := WaitsForReboot(r, []phased.RebootRequest{{Phase: "a", Hook: "1", When: c.when}})
		if (got != nil) != c.waits {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}

// Two entries have the same number value where the order of hooks finds their
// numbers equal.
func TestNumberValueIsThatOfTheOrder(t *testing.T) {
	name := rapid.StringMatching(`[ \t]{0,1}-?0{0,2}[0-9]{0,3}(\.[0-9]{0,3}0{0,2})?[a-z-]{0,2}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		value := func(n string) string { return phased.Entry{Number: number(n)}.NumberValue() }
		if same, want := value(a) == value(b), compareNumbers(parseKey(a), parseKey(b)) == 0; same != want {
			t.Fatalf("%q has %s and %q has %s; the order finds them equal: %v", a, value(a), b, value(b), want)
		}
	})
	for n, want := range map[string]string{"": "0", "-0x": "0", "010-a": "10", "10.0": "10", "0.50": "0.5", ".5": "0.5", "-01": "-1"} {
		if got := (phased.Entry{Number: number(n)}).NumberValue(); got != want {
			t.Errorf("%q has %s, want %s", n, got, want)
		}
	}
}

// Only one attempt of a hook is kept of an earlier run: its last.
func TestJoinedWithOneTriedAgain(t *testing.T) {
	p := closingPlan()
	earlier := story(t, p, "phase a", "again 1", "ok 1", "fail 2", "leave failed", "finished failed")
	later := story(t, p, "phase a", "died")
	got := Joined(earlier.Phases, later.Phases)
	at := slices.IndexFunc(got, func(ph phased.PhaseRun) bool { return ph.Phase == "a" })
	if n := len(got[at].Hooks); n != 1 || got[at].Hooks[0].Again || !hookDone(got[at], "1") {
		t.Error(fmt.Sprint(n, " attempts are kept: ", got[at].Hooks))
	}
}
