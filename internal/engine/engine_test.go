package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

func TestSuccessfulRunTellsEverythingInOrder(t *testing.T) {
	f := &fake{}
	run, rec, err := start(t, t.Context(), planOf("a: 1 2", "b: 3", "!error: e"), f, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"run.started", "phase.started", "hook.started", "hook.finished", "hook.started", "hook.finished", "phase.finished",
		"phase.started", "hook.started", "hook.finished", "phase.finished", "run.finished",
	}
	if d := cmp.Diff(want, rec.kinds()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"a/1", "a/2", "b/3"}, f.calls); d != "" {
		t.Error(d)
	}
	if run.Status != phased.StatusSucceeded || run.ExitCode != 0 || run.Failure != nil {
		t.Errorf("run ended %s with %d, %v", run.Status, run.ExitCode, run.Failure)
	}
	var fold phased.Run
	for i, e := range rec.events {
		if e.Seq != uint64(i+1) || !fold.Apply(e) {
			t.Fatalf("event %d has seq %d or does not apply", i+1, e.Seq)
		}
	}
	if d := cmp.Diff(run, fold); d != "" {
		t.Errorf("the run is not the fold of its events: %s", d)
	}
}

func TestFailurePolicies(t *testing.T) {
	tests := []struct {
		policy phased.OnFailure
		want   string
	}{
		{phased.Stop, "a/1 a/bad error/e1 error/e2"},
		{phased.FinishPhase, "a/1 a/bad a/2 error/e1 error/e2"},
		{phased.Continue, "a/1 a/bad a/2 b/3 error/e1 error/e2"},
	}
	for _, tt := range tests {
		t.Run(string(tt.policy), func(t *testing.T) {
			f := &fake{}
			f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"bad": f.exits(3), "e1": f.exits(9)}
			p := planOf("a: 1 bad 2", "b: 3", "!error: e1 e2")
			for i := range p.Phases {
				p.Phases[i].OnFailure = tt.policy
			}
			run, _, err := start(t, t.Context(), p, f, Options{FailureEnv: func(phased.Failure) []phased.Text {
				return []phased.Text{"PHASED_FAILURE=/story"}
			}})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(f.calls, " "); got != tt.want {
				t.Errorf("ran %q, want %q", got, tt.want)
			}
			if run.ExitCode != 1 || run.Failure == nil || run.Failure.Hook != "bad" || run.Failure.Exit.Status != 3 {
				t.Errorf("exit %d, failure %+v: a failing failure phase must change neither", run.ExitCode, run.Failure)
			}
			want := []phased.Text{
				"PHASED_FAILED_PHASE=a", "PHASED_FAILED_HOOK=bad", "PHASED_FAILED_CAUSE=exit", "PHASED_FAILED_STATUS=3", "PHASED_FAILURE=/story",
			}
			if d := cmp.Diff(want, f.envs["e2"]); d != "" {
				t.Error(d)
			}
			if f.envs["1"] != nil {
				t.Errorf("a hook before the failure got %q", f.envs["1"])
			}
		})
	}
}

func TestLimits(t *testing.T) {
	tests := []struct {
		name  string
		set   func(*phased.Plan)
		ends  time.Duration // of the run
		of    string
		calls string
	}{
		{"hook", func(p *phased.Plan) { p.Phases[0].HookTimeout = phased.Duration(time.Hour) }, time.Hour, "hook", "a/hang error/e"},
		{"own", func(p *phased.Plan) {
			p.Phases[0].HookTimeout = phased.Duration(time.Hour)
			p.Phases[0].Entries[0].Timeout = phased.Duration(time.Minute)
		}, time.Minute, "hook", "a/hang error/e"},
		{"phase", func(p *phased.Plan) { p.Phases[0].Timeout = phased.Duration(time.Hour) }, time.Hour, "phase", "a/hang error/e"},
		{"run", func(p *phased.Plan) { p.Timeout = phased.Duration(time.Hour) }, time.Hour, "run", "a/hang error/e"},
		{"phase of continue", func(p *phased.Plan) {
			p.Phases[0].Timeout, p.Phases[0].OnFailure = phased.Duration(time.Hour), phased.Continue
		}, time.Hour, "phase", "a/hang b/2 error/e"},
		{"run of continue", func(p *phased.Plan) {
			p.Timeout, p.Phases[0].OnFailure = phased.Duration(time.Hour), phased.Continue
		}, time.Hour, "run", "a/hang error/e"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"hang": f.hangs}
				p := planOf("a: hang 1", "b: 2", "!error: e")
				tt.set(&p)
				run, _, err := start(t, t.Context(), p, f, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if got := strings.Join(f.calls, " "); got != tt.calls {
					t.Errorf("ran %q, want %q", got, tt.calls)
				}
				if run.Took != tt.ends || run.ExitCode != 124 || run.Status != phased.StatusTimedOut {
					t.Errorf("took %v, exit %d, %s; want %v, 124, timed-out", run.Took, run.ExitCode, run.Status, tt.ends)
				}
				if run.Failure == nil || run.Failure.Exit.Cause != phased.CauseTimeout || !strings.Contains(run.Failure.Exit.Message, tt.of) {
					t.Errorf("failure %+v does not tell the limit of the %s", run.Failure, tt.of)
				}
			})
		})
	}
}

func TestFailurePhaseHasItsOwnLimit(t *testing.T) {
	for _, strikesOnce := range []bool{false, true} {
		t.Run(fmt.Sprint("strikesOnce=", strikesOnce), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"bad": f.exits(1), "e": f.hangs}
				p := planOf("a: bad", "!error: e e2")
				p.Timeout, p.FailureLimit = phased.Duration(10*time.Second), phased.Duration(time.Minute)
				if strikesOnce {
					p.Failure.OnFailure = phased.Stop
				}
				run, _, err := start(t, t.Context(), p, f, Options{TimeoutStrikesOnce: strikesOnce})
				if err != nil {
					t.Fatal(err)
				}
				want, calls := time.Minute, "a/bad error/e"
				if strikesOnce {
					want = 10 * time.Second
				}
				if got := strings.Join(f.calls, " "); run.Took != want || got != calls || run.ExitCode != 1 {
					t.Errorf("took %v, ran %q, exit %d; want %v, %q, 1", run.Took, got, run.ExitCode, want, calls)
				}
			})
		})
	}
}

func TestFailurePhaseAfterTheRunLimitIsNotEndedByIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		slow := func(ctx context.Context, h phased.Hook) (phased.Result, error) {
			f.sink.Started(h, phased.Process{})
			select {
			case <-ctx.Done():
				return phased.Result{Exit: phased.ExitByCause(context.Cause(ctx))}, nil
			case <-time.After(time.Hour):
				return phased.Result{Exit: phased.Exit{Cause: phased.CauseOK}}, nil
			}
		}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"hang": f.hangs, "e": slow}
		p := planOf("a: hang", "!error: e")
		p.Timeout = phased.Duration(time.Second)
		run, _, _ := start(t, t.Context(), p, f, Options{TimeoutStrikesOnce: true})
		if h := run.Hook("error", "e"); h == nil || !h.Exit.OK() || run.Took != time.Hour+time.Second {
			t.Errorf("the handler ended %+v after %v", h, run.Took)
		}
	})
}

func TestStopRunsTheFailurePhase(t *testing.T) {
	for _, without := range []bool{false, true} {
		t.Run(fmt.Sprint("without=", without), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				ctx, cancel := context.WithCancelCause(t.Context())
				f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"hang": f.hangs}
				time.AfterFunc(time.Minute, func() { cancel(&phased.StopRequest{Signal: syscall.SIGINT}) })
				p := planOf("a: hang 1", "b: 2", "!error: e")
				p.Phases[0].OnFailure = phased.Continue
				run, rec, err := start(t, ctx, p, f, Options{NoFailurePhaseOnStop: without})
				want := "a/hang error/e"
				if without {
					want = "a/hang"
				}
				if got := strings.Join(f.calls, " "); got != want || run.ExitCode != 130 || run.Status != phased.StatusStopped || err != nil {
					t.Errorf("ran %q, exit %d, %s, %v; want %q, 130, stopped", got, run.ExitCode, run.Status, err, want)
				}
				if k := strings.Join(rec.kinds(), " "); !strings.Contains(k, "run.stopping") {
					t.Errorf("no run.stopping among %s", k)
				}
			})
		})
	}
}

func TestStopEndsTheFailurePhaseWhereItIsLeftOutOnStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		ctx, cancel := context.WithCancelCause(t.Context())
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"bad": f.exits(1), "e": f.hangs}
		time.AfterFunc(time.Minute, func() { cancel(&phased.StopRequest{Signal: syscall.SIGTERM}) })
		run, _, _ := start(t, ctx, planOf("a: bad", "!error: e e2"), f, Options{NoFailurePhaseOnStop: true})
		if got := strings.Join(f.calls, " "); got != "a/bad error/e" || run.Took != time.Minute {
			t.Errorf("ran %q, took %v", got, run.Took)
		}
	})
}

func TestSecondStopEndsTheFailurePhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		ctx, cancel := context.WithCancelCause(t.Context())
		kill := make(chan struct{})
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"hang": f.hangs, "e": f.hangs}
		time.AfterFunc(time.Minute, func() { cancel(&phased.StopRequest{Signal: syscall.SIGTERM}) })
		time.AfterFunc(2*time.Minute, func() { close(kill) })
		run, _, _ := start(t, ctx, planOf("a: hang", "!error: e e2"), f, Options{Kill: kill})
		if got := strings.Join(f.calls, " "); got != "a/hang error/e" || run.ExitCode != 143 || run.Took != 2*time.Minute {
			t.Errorf("ran %q, exit %d, took %v", got, run.ExitCode, run.Took)
		}
	})
}

func TestSecondStopInAPhaseLeavesTheFailurePhaseOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		ctx, cancel := context.WithCancelCause(t.Context())
		kill := make(chan struct{})
		stubborn := func(_ context.Context, h phased.Hook) (phased.Result, error) {
			f.sink.Started(h, phased.Process{})
			<-kill
			return phased.Result{Exit: phased.ExitByCause(context.Cause(ctx))}, nil
		}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"stubborn": stubborn}
		time.AfterFunc(time.Minute, func() { cancel(&phased.StopRequest{Signal: syscall.SIGTERM}) })
		time.AfterFunc(2*time.Minute, func() { close(kill) })
		run, _, _ := start(t, ctx, planOf("a: stubborn 1", "!error: e"), f, Options{Kill: kill})
		if got := strings.Join(f.calls, " "); got != "a/stubborn" || run.ExitCode != 143 {
			t.Errorf("ran %q, exit %d", got, run.ExitCode)
		}
	})
}

// Wherever the disk fills up, the running hook finishes, no other starts, the
// failure phase runs, every event is told once and the run ends with 74.
func TestRecordFailsAtEveryEvent(t *testing.T) {
	all := 12
	for n := 1; n <= all; n++ {
		for _, optional := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d/optional=%v", n, optional), func(t *testing.T) {
				f := &fake{}
				rec := &recorder{failFrom: n}
				o := Options{Record: rec.record, RecordOptional: optional, Unrecorded: func(e phased.Event) { rec.unrecorded = append(rec.unrecorded, e) }}
				run, _, err := start(t, t.Context(), planOf("a: 1 2", "b: 3", "!error: e"), f, o)
				for i, e := range append(rec.events, rec.unrecorded...) {
					if e.Seq != uint64(i+1) {
						t.Fatalf("event %d told in place of %d", e.Seq, i+1)
					}
				}
				calls := strings.Join(f.calls, " ")
				if optional {
					if err != nil || run.ExitCode != 0 || calls != "a/1 a/2 b/3" {
						t.Errorf("exit %d, ran %q, %v", run.ExitCode, calls, err)
					}
					return
				}
				if run.ExitCode != 74 && n > 1 || !errors.Is(err, errDisk) {
					t.Errorf("exit %d, error %v; want 74 and the disk's", run.ExitCode, err)
				}
				want := map[int]string{
					1: "", 2: "error/e", 3: "a/1 error/e", 4: "a/1 error/e", 5: "a/1 a/2 error/e", 6: "a/1 a/2 error/e", 7: "a/1 a/2 error/e",
					8: "a/1 a/2 error/e", 9: "a/1 a/2 b/3 error/e", 10: "a/1 a/2 b/3 error/e", 11: "a/1 a/2 b/3 error/e", 12: "a/1 a/2 b/3",
				}[n]
				if calls != want {
					t.Errorf("ran %q, want %q", calls, want)
				}
			})
		}
	}
}

func TestPhaseThatCannotBeEntered(t *testing.T) {
	tests := []struct {
		name   string
		change func(*phased.Plan, *fake)
		code   int
		cause  phased.Cause
		fatal  bool
	}{
		{"missing", func(p *phased.Plan, _ *fake) { p.Phases[0].Missing = true }, 2, phased.CauseList, false},
		{"missing and optional", func(p *phased.Plan, _ *fake) {
			p.Phases[0].Missing, p.Phases[0].Optional, p.Phases[0].Entries = true, true, nil
		}, 0, "", false},
		{"exit error", func(_ *phased.Plan, f *fake) {
			f.enter = map[string]error{"a": &phased.ExitError{Exit: phased.Exit{Cause: phased.CauseExit, Status: 7}}}
		}, 1, phased.CauseExit, false},
		{"executor broken", func(_ *phased.Plan, f *fake) { f.enter = map[string]error{"a": errDisk} }, 74, phased.CauseInternal, true},
		{"exit error at the end", func(_ *phased.Plan, f *fake) {
			f.leave = map[string]error{"a": &phased.ExitError{Exit: phased.Exit{Cause: phased.CauseExit, Status: 7}}}
		}, 1, phased.CauseExit, false},
		{"executor broken at the end", func(_ *phased.Plan, f *fake) { f.leave = map[string]error{"a": errDisk} }, 74, phased.CauseInternal, true},
		{"executor broken at a hook", func(_ *phased.Plan, f *fake) {
			f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){
				"1": func(context.Context, phased.Hook) (phased.Result, error) { return phased.Result{}, errDisk },
			}
		}, 74, phased.CauseInternal, true},
		{"pinned and changed", func(p *phased.Plan, f *fake) {
			p.Pinned = true
			f.now = map[string]phased.PlannedPhase{"a": planOf("a: 1 2").Phases[0]}
		}, 2, phased.CauseList, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{}
			p := planOf("a: 1", "b: 2", "!error: e")
			tt.change(&p, f)
			run, rec, err := start(t, t.Context(), p, f, Options{Compare: func(a, b phased.PlannedPhase) []phased.Difference {
				if len(a.Entries) != len(b.Entries) {
					return []phased.Difference{{Name: "2", What: "added"}}
				}
				return nil
			}})
			if run.ExitCode != tt.code || (err != nil) != tt.fatal {
				t.Errorf("exit %d, error %v; want %d, an error: %v", run.ExitCode, err, tt.code, tt.fatal)
			}
			if tt.code == 0 {
				return
			}
			if run.Failure == nil || run.Failure.Exit.Cause != tt.cause || run.Failure.Phase != "a" {
				t.Errorf("failure %+v, want cause %s in a", run.Failure, tt.cause)
			}
			if c := f.calls; c[len(c)-1] != "error/e" || strings.Contains(strings.Join(c, " "), "b/2") {
				t.Errorf("ran %q: the failure phase must run and b must not", c)
			}
			if k := rec.kinds(); k[len(k)-1] != "run.finished" {
				t.Errorf("events end with %s", k[len(k)-1])
			}
		})
	}
}

// A hook that never came to run is on record like any other.
func TestHookThatCannotRunIsRecorded(t *testing.T) {
	f := &fake{}
	f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){
		"gone": func(context.Context, phased.Hook) (phased.Result, error) {
			return phased.Result{Exit: phased.Exit{Cause: phased.CauseCannotRun, Status: 127, Message: "gone"}}, nil
		},
	}
	run, _, _ := start(t, t.Context(), planOf("a: gone"), f, Options{})
	h := run.Hook("a", "gone")
	if h == nil || h.Exit == nil || h.Exit.Status != 127 || run.ExitCode != 1 {
		t.Errorf("hook %+v, exit %d", h, run.ExitCode)
	}
}

// Late output after the final event is dropped, never recorded behind it.
func TestNothingFollowsTheFinalEvent(t *testing.T) {
	f := &fake{}
	_, rec, _ := start(t, t.Context(), planOf("a: 1"), f, Options{})
	n := len(rec.events)
	f.sink.Output(phased.Hook{Phase: "a", Name: "1"}, []phased.Part{{Stream: "out", Bytes: []byte("x")}}, true)
	f.sink.Warning("late")
	if len(rec.events) != n {
		t.Errorf("%d events after the final one", len(rec.events)-n)
	}
}

// The personalities exit as the originals do, and the record says the same.
func TestExitCodeOfOthers(t *testing.T) {
	f := &fake{}
	f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"bad": f.exits(42)}
	run, rec, _ := start(t, t.Context(), planOf("a: bad"), f, Options{ExitCode: func(e phased.Exit) int { return e.Status }})
	last, ok := rec.events[len(rec.events)-1].Data.(phased.RunFinished)
	if run.ExitCode != 42 || !ok || last.ExitCode != 42 {
		t.Errorf("exit %d, recorded %+v", run.ExitCode, last)
	}
}

// A hook that is refused stops the run, whatever the policy is: with its own
// exit code, and with the failure phase.
func TestRefusedStopsTheRun(t *testing.T) {
	for _, policy := range []phased.OnFailure{phased.Stop, phased.FinishPhase, phased.Continue} {
		f := &fake{}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){
			"bad": f.exits(3),
			"his": func(context.Context, phased.Hook) (phased.Result, error) {
				return phased.Result{Exit: phased.Exit{Cause: phased.CauseTrust, Status: 77}}, nil
			},
		}
		p := planOf("a: 1 his 2", "b: 3", "!error: e1")
		for i := range p.Phases {
			p.Phases[i].OnFailure = policy
		}
		run, _, err := start(t, t.Context(), p, f, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f.calls {
			if c == "a/2" || c == "b/3" {
				t.Errorf("%s: %s ran", policy, c)
			}
		}
		if run.ExitCode != 77 || run.Failure == nil || run.Failure.Hook != "his" || run.Status != phased.StatusFailed {
			t.Errorf("%s: exit %d, failure %+v", policy, run.ExitCode, run.Failure)
		}
	}
}
