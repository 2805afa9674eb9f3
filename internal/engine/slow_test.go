package engine

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// takes is a hook that runs that long.
func (f *fake) takes(d time.Duration) func(context.Context, phased.Hook) (phased.Result, error) {
	return func(ctx context.Context, h phased.Hook) (phased.Result, error) {
		f.sink.Started(h, phased.Process{Pid: 1})
		select {
		case <-time.After(d):
			return phased.Result{Exit: phased.Exit{Cause: phased.CauseOK}}, nil
		case <-ctx.Done():
			return phased.Result{Exit: phased.ExitByCause(context.Cause(ctx))}, nil
		}
	}
}

func usually(p50 time.Duration, runs int) func(context.Context, string, phased.Text) (phased.Usual, bool) {
	return func(_ context.Context, phase string, hook phased.Text) (phased.Usual, bool) {
		if phase != "a" || hook != "1" {
			return phased.Usual{}, false
		}
		return phased.Usual{P50: p50, P95: 2 * p50, Runs: runs}, true
	}
}

func slowOnes(rec *recorder) (all []phased.HookSlow) {
	for _, e := range rec.events {
		if d, ok := e.Data.(phased.HookSlow); ok {
			all = append(all, d)
		}
	}
	return all
}

// TestSlowHooks runs a hook that is usual in many ways: it is told of when, and
// only when, it has taken three times as long, and a second.
func TestSlowHooks(t *testing.T) {
	tests := []struct {
		name      string
		takes     time.Duration
		p50       time.Duration
		runs      int
		elapsed   time.Duration // 0: nothing is told
		hookLimit time.Duration
	}{
		{name: "three times as long", takes: 31 * time.Second, p50: 10 * time.Second, runs: 5, elapsed: 30 * time.Second},
		{name: "nearly three times as long", takes: 29 * time.Second, p50: 10 * time.Second, runs: 50},
		{name: "too few runs", takes: time.Hour, p50: 10 * time.Second, runs: 4},
		{name: "a short hook", takes: 1100 * time.Millisecond, p50: 10 * time.Millisecond, runs: 5, elapsed: time.Second},
		{name: "a hook that is short even when slow", takes: 900 * time.Millisecond, p50: 10 * time.Millisecond, runs: 5},
		{name: "a hook that took no time", takes: 2 * time.Second, p50: 0, runs: 9, elapsed: time.Second},
		{name: "a limit before it", takes: time.Hour, p50: 10 * time.Second, runs: 5, hookLimit: 20 * time.Second},
		{name: "a limit behind it", takes: time.Hour, p50: 10 * time.Second, runs: 5, elapsed: 30 * time.Second, hookLimit: 40 * time.Second},
		{name: "a time beyond all numbers", takes: time.Hour, p50: 1 << 62, runs: 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{}
				f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"1": f.takes(tt.takes), "2": f.takes(time.Hour)}
				p := planOf("a: 1", "b: 1 2")
				p.Phases[0].HookTimeout, p.Phases[0].OnFailure = phased.Duration(tt.hookLimit), phased.Continue
				run, rec, err := start(t, t.Context(), p, f, Options{Usual: usually(tt.p50, tt.runs)})
				if err != nil {
					t.Fatal(err)
				}
				var want []phased.HookSlow
				if tt.elapsed > 0 {
					want = []phased.HookSlow{{Phase: "a", Hook: "1", Elapsed: tt.elapsed, P50: tt.p50, P95: 2 * tt.p50, Runs: tt.runs}}
				}
				if d := cmp.Diff(want, slowOnes(rec)); d != "" {
					t.Fatal(d)
				}
				var folded []phased.HookSlow
				for _, p := range run.Phases {
					for _, h := range p.Hooks {
						if h.Slow != nil {
							folded = append(folded, *h.Slow)
						}
					}
				}
				if d := cmp.Diff(want, folded); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// TestSlowIsToldBetweenStartAndEnd wants the event in its place, and from a hook
// that was started only.
func TestSlowIsToldBetweenStartAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"1": f.takes(time.Minute)}
		_, rec, err := start(t, t.Context(), planOf("a: 1"), f, Options{Usual: usually(time.Second, 5)})
		if err != nil {
			t.Fatal(err)
		}
		want := "run.started phase.started hook.started hook.slow hook.finished phase.finished run.finished"
		if got := strings.Join(rec.kinds(), " "); got != want {
			t.Errorf("got %s", got)
		}
		f = &fake{}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"1": func(context.Context, phased.Hook) (phased.Result, error) {
			time.Sleep(time.Minute)
			return phased.Result{Exit: phased.Exit{Cause: phased.CauseCannotRun, Status: 127}}, nil
		}}
		_, rec, err = start(t, t.Context(), planOf("a: 1"), f, Options{Usual: usually(time.Second, 5)})
		if err != nil || len(slowOnes(rec)) > 0 {
			t.Errorf("%v, %v: a hook that was never started is not slow", err, slowOnes(rec))
		}
	})
}

// TestSlowHookWithASecretName is told of by the name that the record has.
func TestSlowHookWithASecretName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"1": f.takes(time.Minute)}
		_, rec, err := start(t, t.Context(), planOf("a: 1"), f, Options{
			Usual: usually(time.Second, 5),
			Clean: func(p phased.Payload) phased.Payload {
				return phased.Cleaned(p, func(s string) string { return strings.ReplaceAll(s, "1", "[secret]") })
			},
		})
		if got := slowOnes(rec); err != nil || len(got) != 1 || got[0].Hook != "[secret]" {
			t.Errorf("%v, %+v", err, got)
		}
	})
}

// TestWhoLooksUpWhatIsUsualHoldsUpNoHook lets the question take for ever: the end
// of the hook ends it.
func TestWhoLooksUpWhatIsUsualHoldsUpNoHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, asked := &fake{}, 0
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"1": f.takes(3 * time.Second), "2": f.takes(time.Second / 2)}
		began := time.Now()
		_, rec, err := start(t, t.Context(), planOf("a: 1 2 2"), f, Options{
			Usual: func(ctx context.Context, _ string, _ phased.Text) (phased.Usual, bool) {
				asked++
				<-ctx.Done()
				return phased.Usual{P50: 1, Runs: 9}, true
			},
		})
		if took := time.Since(began); err != nil || took != 4*time.Second || len(slowOnes(rec)) > 0 {
			t.Errorf("%v after %v: %v", err, took, rec.kinds())
		}
		if asked != 1 {
			t.Errorf("asked %d times: of hooks that end within a second nobody asks", asked)
		}
	})
}
