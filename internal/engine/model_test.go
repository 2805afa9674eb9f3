package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"phased/internal/phased"
)

// The engine against a model of a few lines: which hooks run, in which order, and
// what the run ends with, for random plans and failures.
func TestEngineAgreesWithTheModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := &fake{hooks: map[string]func(context.Context, phased.Hook) (phased.Result, error){}}
		var p phased.Plan
		p.Jobs = rapid.IntRange(0, 1).Draw(rt, "jobs")
		ordinary := rapid.IntRange(0, 4).Draw(rt, "phases")
		ends := rapid.SampledFrom([][]phased.PhaseWhen{nil, {phased.WhenSuccess}, {phased.WhenAlways}, {phased.WhenSuccess, phased.WhenAlways, phased.WhenAlways}}).Draw(rt, "ends")
		phases := ordinary + len(ends)
		for i := range phases + 1 {
			ph := phased.PlannedPhase{Phase: phased.Phase{
				Name:      fmt.Sprint("p", i),
				OnFailure: rapid.SampledFrom([]phased.OnFailure{phased.Stop, phased.FinishPhase, phased.Continue}).Draw(rt, "policy"),
				Parallel:  rapid.SampledFrom([]phased.Parallel{"", phased.ParallelSameNumber}).Draw(rt, "parallel"),
			}}
			if i >= ordinary && i < phases {
				ph.When = ends[i-ordinary]
			}
			for j := range rapid.IntRange(0, 4).Draw(rt, "hooks") {
				name := fmt.Sprintf("h%d.%d", i, j)
				v := rapid.SampledFrom([]phased.Verdict{phased.VerdictRun, phased.VerdictRun, phased.VerdictNotExecutable}).Draw(rt, "verdict")
				retries := rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(rt, "retries")
				ph.Entries = append(ph.Entries, phased.Entry{Name: phased.Text(name), Verdict: v, HookOptions: phased.HookOptions{Retries: retries, AllowExit: []int{3}, SkipExit: []int{4}}})
				f.hooks[name] = f.exits(rapid.SampledFrom([]int{0, 0, 0, 0, 1, 200, 3, 4}).Draw(rt, "status"))
			}
			if i == phases {
				ph.Failure = true
				p.Failure = &ph
				break
			}
			p.Phases = append(p.Phases, ph)
		}
		want, code := model(p, f)
		var events []phased.Event
		run, err := Run(t.Context(), p, Options{ID: "01X", Executor: f, Record: func(e ...phased.Event) error {
			events = append(events, e...)
			return nil
		}})
		if err != nil {
			rt.Fatal(err)
		}
		got := strings.Join(f.calls[:len(f.calls)-1], " ")
		if got != want || run.ExitCode != code {
			rt.Fatalf("ran %q and ended with %d; want %q and %d", got, run.ExitCode, want, code)
		}
		finished := map[string]int{}
		var fold phased.Run
		for _, e := range events {
			if !fold.Apply(e) {
				rt.Fatalf("event %d does not apply", e.Seq)
			}
			if d, ok := e.Data.(phased.HookFinished); ok && !d.Again {
				finished[d.Phase+"/"+string(d.Hook)]++
			}
		}
		for c := range strings.FieldsSeq(want) {
			if finished[c] != 1 {
				rt.Fatalf("%s finished %d times", c, finished[c])
			}
		}
		if !fold.Status.Final() {
			rt.Fatalf("the run ends %s", fold.Status)
		}
	})
}

// model says what a run does, without events, contexts or executor.
func model(p phased.Plan, f *fake) (calls string, code int) {
	var ran []string
	fails := func(ph phased.PlannedPhase) (failed bool) {
		for _, e := range ph.Entries {
			if e.Verdict != phased.VerdictRun {
				continue
			}
			f.sink = discard{}
			res, _ := f.hooks[string(e.Name)](context.Background(), phased.Hook{})
			bad := !res.OK() && res.Status != 3 && res.Status != 4
			ran = append(ran, ph.Name+"/"+string(e.Name))
			if bad && e.Retries > 0 {
				ran = append(ran, ph.Name+"/"+string(e.Name))
			}
			if bad {
				failed = true
				if ph.OnFailure == phased.Stop && ph.Parallel == "" { // else all have one number
					return true
				}
			}
		}
		return failed
	}
	over := false
	for _, ph := range p.Phases {
		if ph.When == phased.WhenAlways || ph.When == phased.WhenSuccess && code != 0 || over {
			continue
		}
		if fails(ph) {
			code = 1
			over = ph.OnFailure != phased.Continue
		}
	}
	if code != 0 {
		fails(*p.Failure)
	}
	for _, ph := range p.Phases {
		if ph.When == phased.WhenAlways && fails(ph) {
			code = 1
		}
	}
	return strings.Join(ran, " "), code
}

// discard is a sink that takes nothing.
type discard struct{ phased.Sink }

func (discard) Started(phased.Hook, phased.Process) {}
