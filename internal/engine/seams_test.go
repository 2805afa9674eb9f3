package engine

import (
	"context"
	"errors"
	"strings"
	"testing"

	"phased/internal/phased"
)

// TestSeamsAroundHooks looks at when each seam is called, and at what it can
// change.
func TestSeamsAroundHooks(t *testing.T) {
	f := &fake{}
	p := planOf("a: 1 2 3", "!error: e")
	p.Phases[0].OnFailure = phased.FinishPhase
	p.Phases[0].Entries[0].Locks = []string{"apt"}
	p.Phases[0].Entries[2].When = []string{"notified:x"}
	note := func(what string, hook phased.Text) { f.note(what + ":" + string(hook)) }
	run, rec, err := start(t, t.Context(), p, f, Options{
		Before: func(h *phased.Hook) error {
			note("before", h.Name)
			h.Env = append(h.Env, "X="+h.Name)
			return nil
		},
		After: func(h phased.Hook, res *phased.Result) ([]phased.Payload, error) {
			note("after", h.Name)
			if h.Name == "2" {
				res.Exit = phased.Exit{Cause: phased.CauseExit, Status: 1, Message: "nonsense"}
			}
			return []phased.Payload{phased.SpaceChanged{Phase: h.Phase, Hook: h.Name}}, nil
		},
		Between: func() ([]phased.Payload, error) {
			f.note("between")
			return nil, nil
		},
		Lock: func(_ context.Context, h phased.Hook, told func(string)) (func(), error) {
			note("lock", h.Name)
			told("waits for apt")
			return func() { note("release", h.Name) }, nil
		},
		Remember: func(_ string, e phased.Entry) error {
			note("remember", e.Name)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "lock:1 before:1 a/1 after:1 release:1 between " +
		"before:2 a/2 after:2 between before:3 a/3 after:3 remember:3 between before:e error/e after:e between"
	if got := strings.Join(f.calls, " "); got != want {
		t.Errorf("called\n%s\nwant\n%s", got, want)
	}
	if run.Failure == nil || run.Failure.Hook != "2" || run.Failure.Exit.Message != "nonsense" || f.envs["3"][0] != "X=3" {
		t.Errorf("failure %+v, environment %q", run.Failure, f.envs["3"])
	}
	if w := run.Phases[0].Warnings; len(w) != 1 || w[0].Code != phased.WarnLock || w[0].Hook != "1" {
		t.Errorf("warnings %+v", w)
	}
	for i, e := range rec.events {
		if _, ok := e.Data.(phased.HookFinished); !ok {
			continue
		}
		if next, ok := rec.events[i+1].Data.(phased.SpaceChanged); !ok {
			t.Errorf("behind the end of a hook stands %+v", next)
		}
	}
}

// TestSeamsThatFail wants what Before and Lock refuse to fail the hook, and what
// fails in After and Between to stop the run.
func TestSeamsThatFail(t *testing.T) {
	odd := errors.New("odd")
	for _, c := range []struct {
		name  string
		o     Options
		cause phased.Cause
		code  int
		ran   string
	}{
		{"before", Options{Before: func(h *phased.Hook) error {
			if h.Name == "1" {
				return odd
			}
			return nil
		}, After: func(h phased.Hook, _ *phased.Result) ([]phased.Payload, error) {
			if h.Name == "1" {
				t.Error("After looks at a hook that Before has refused")
			}
			return nil, nil
		}}, phased.CauseCannotRun, 1, "a/2 error/e"},
		{"lock", Options{Lock: func(context.Context, phased.Hook, func(string)) (func(), error) { return nil, odd }}, phased.CauseCannotRun, 1, "a/2 error/e"},
		{"after", Options{After: func(phased.Hook, *phased.Result) ([]phased.Payload, error) { return nil, odd }}, phased.CauseInternal, 74, "a/1 error/e"},
		{"between", Options{Between: func() ([]phased.Payload, error) { return nil, odd }}, phased.CauseInternal, 74, "a/1 error/e"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fake{}
			p := planOf("a: 1 2", "!error: e")
			p.Phases[0].OnFailure = phased.FinishPhase
			p.Phases[0].Entries[0].Locks = []string{"apt"}
			run, _, err := start(t, t.Context(), p, f, c.o)
			if got := strings.Join(f.calls, " "); got != c.ran || run.ExitCode != c.code || (err != nil) != (c.code == 74) {
				t.Errorf("ran %q and ended with %d, %v; want %q and %d", got, run.ExitCode, err, c.ran, c.code)
			}
			if run.Failure == nil || run.Failure.Exit.Cause != c.cause || !strings.Contains(run.Failure.Exit.Message, "odd") {
				t.Errorf("failure %+v", run.Failure)
			}
		})
	}
}
