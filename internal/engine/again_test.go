package engine

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// attempts tells the attempts of a hook in short: number, cause, and the pause
// behind it.
func attempts(events []phased.Event, hook phased.Text) []string {
	var all []string
	n := 0
	for _, e := range events {
		switch d := e.Data.(type) {
		case phased.HookStarted:
			if n = d.Attempt; n == 0 {
				n = 1
			}
		case phased.HookFinished:
			if d.Hook != hook {
				continue
			}
			text := fmt.Sprint(n, " ", d.Exit.Cause)
			if d.Again {
				text += fmt.Sprint(" ", d.Pause)
			}
			all = append(all, text)
		}
	}
	return all
}

// TestRetries runs hooks that fail in every way until they end well, or have no
// retries left.
func TestRetries(t *testing.T) {
	type exec = func(context.Context, phased.Hook) (phased.Result, error)
	ends := func(exit phased.Exit) exec {
		return func(context.Context, phased.Hook) (phased.Result, error) { return phased.Result{Exit: exit}, nil }
	}
	exit := func(status int) exec { return ends(phased.Exit{Cause: phased.CauseExit, Status: status}) }
	ok := ends(phased.Exit{Cause: phased.CauseOK})
	hang := func(ctx context.Context, _ phased.Hook) (phased.Result, error) {
		<-ctx.Done()
		return phased.Result{Exit: phased.ExitByCause(context.Cause(ctx))}, nil
	}
	for _, c := range []struct {
		name    string
		retries int
		backoff time.Duration
		set     func(*phased.PlannedPhase)
		stop    time.Duration // when it is told to stop; 0: never
		does    []exec        // attempt by attempt; of the last one all that follow
		want    []string
		took    time.Duration
		code    int
	}{
		{name: "none", does: []exec{exit(1), ok}, want: []string{"1 exit"}, code: 1},
		{name: "ends well", retries: 5, backoff: 10 * time.Second, does: []exec{exit(1), exit(2), ok}, want: []string{"1 exit 10s", "2 exit 20s", "3 ok"}, took: 30 * time.Second},
		{name: "without a pause", retries: 2, does: []exec{exit(1), ok}, want: []string{"1 exit 0s", "2 ok"}},
		{name: "fails to the end", retries: 2, backoff: time.Second, does: []exec{exit(1), exit(1), exit(9)}, want: []string{"1 exit 1s", "2 exit 2s", "3 exit"}, took: 3 * time.Second, code: 1},
		{name: "five minutes at most", retries: 4, backoff: 2 * time.Minute, does: []exec{exit(1)}, want: []string{"1 exit 2m0s", "2 exit 4m0s", "3 exit 5m0s", "4 exit 5m0s", "5 exit"}, took: 16 * time.Minute, code: 1},
		{name: "longer from the beginning", retries: 2, backoff: time.Hour, does: []exec{exit(1)}, want: []string{"1 exit 1h0m0s", "2 exit 1h0m0s", "3 exit"}, took: 2 * time.Hour, code: 1},
		{name: "signal, leak and its own limit", retries: 9, set: func(p *phased.PlannedPhase) { p.HookTimeout = phased.Duration(time.Minute) }, does: []exec{
			ends(phased.Exit{Cause: phased.CauseSignal, Signal: 11, Status: 139}), ends(phased.Exit{Cause: phased.CauseLeak, Status: 1}), hang, ok,
		}, want: []string{"1 signal 0s", "2 leak 0s", "3 timeout 0s", "4 ok"}, took: time.Minute},
		{name: "cannot run", retries: 9, does: []exec{ends(phased.Exit{Cause: phased.CauseCannotRun, Status: 127})}, want: []string{"1 cannot-run"}, code: 1},
		{name: "refused", retries: 9, does: []exec{ends(phased.Exit{Cause: phased.CauseTrust, Status: 77})}, want: []string{"1 refused"}, code: 77},
		{name: "limit of the phase", retries: 9, set: func(p *phased.PlannedPhase) { p.Timeout = phased.Duration(time.Minute) }, does: []exec{hang}, want: []string{"1 timeout"}, took: time.Minute, code: 124},
		{
			name: "the limit of the phase leaves no time", retries: 9, backoff: 20 * time.Second, set: func(p *phased.PlannedPhase) { p.Timeout = phased.Duration(time.Minute) },
			does: []exec{exit(3)}, want: []string{"1 exit 20s", "2 exit"}, took: 20 * time.Second, code: 1,
		},
		{name: "stopped while it pauses", retries: 9, backoff: time.Hour, stop: time.Minute, does: []exec{exit(3)}, want: []string{"1 exit 1h0m0s", "2 stopped"}, took: time.Minute, code: 143},
		{name: "stopped while it runs", retries: 9, stop: time.Minute, does: []exec{hang}, want: []string{"1 stopped"}, took: time.Minute, code: 143},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if c.stop > 0 {
					time.AfterFunc(c.stop, func() { cancel(&phased.StopRequest{Signal: syscall.SIGTERM}) })
				}
				f := &fake{}
				n := 0
				f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"h": func(ctx context.Context, h phased.Hook) (phased.Result, error) {
					f.sink.Started(h, phased.Process{Pid: 1})
					n++
					return c.does[min(n, len(c.does))-1](ctx, h)
				}}
				p := planOf("a: h")
				p.Phases[0].Entries[0].Retries, p.Phases[0].Entries[0].Backoff = c.retries, phased.Duration(c.backoff)
				if c.set != nil {
					c.set(&p.Phases[0])
				}
				run, rec, err := start(t, ctx, p, f, Options{Jitter: func() float64 { return 0.5 }})
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(c.want, attempts(rec.events, "h")); d != "" || run.ExitCode != c.code || run.Took != c.took {
					t.Errorf("ended with %d after %v, want %d after %v; attempts: %s", run.ExitCode, run.Took, c.code, c.took, d)
				}
				last := rec.events[len(rec.events)-1].Data.(phased.RunFinished)
				if ran, failed := run.Counts(); last.Ran != 1 || ran != 1 || failed != last.Failed || (failed == 1) != (c.code != 0) {
					t.Errorf("%d ran, %d failed; told %d and %d", ran, failed, last.Ran, last.Failed)
				}
				if c.code != 0 && (run.Failure.Hook != "h" || run.Failure.Exit != *run.Hook("a", "h").Exit) {
					t.Errorf("the failure is %+v, and the last attempt %+v", run.Failure, run.Hook("a", "h").Exit)
				}
			})
		})
	}
}

func TestBackoffDiffersByAFifth(t *testing.T) {
	for _, c := range []struct {
		jitter float64
		want   time.Duration
	}{{0, 8 * time.Second}, {0.5, 10 * time.Second}, {0.25, 9 * time.Second}, {1, 12 * time.Second}} {
		if got := backoff(10*time.Second, 1, func() float64 { return c.jitter }); got != c.want {
			t.Errorf("jitter %v: %v, want %v", c.jitter, got, c.want)
		}
	}
	if got := backoff(time.Second, 1000, func() float64 { return 0.5 }); got != 5*time.Minute {
		t.Errorf("the thousandth: %v", got)
	}
}

// TestRetriesPassTheSeams wants each attempt to pass the seams, and only what has
// ended well to be remembered; a lock is free in the pause.
func TestRetriesPassTheSeams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"h": func(_ context.Context, h phased.Hook) (phased.Result, error) {
			if h.Attempt == 1 {
				return phased.Result{Exit: phased.Exit{Cause: phased.CauseExit, Status: 1}}, nil
			}
			return phased.Result{Exit: phased.Exit{Cause: phased.CauseOK}}, nil
		}}
		p := planOf("a: h")
		e := &p.Phases[0].Entries[0]
		e.Retries, e.Locks, e.Frequency = 1, []string{"x"}, phased.Once
		_, _, err := start(t, t.Context(), p, f, Options{
			Before: func(h *phased.Hook) error { f.note(fmt.Sprint("before", h.Attempt)); return nil },
			After: func(h phased.Hook, res *phased.Result) ([]phased.Payload, error) {
				f.note(fmt.Sprint("after", h.Attempt, res.OK()))
				return nil, nil
			},
			Between: func() ([]phased.Payload, error) { f.note("between"); return nil, nil },
			Lock: func(context.Context, phased.Hook, func(string)) (func(), error) {
				f.note("lock")
				return func() { f.note("release") }, nil
			},
			Remember: func(string, phased.Entry) error { f.note("remember"); return nil },
		})
		want := "lock before1 a/h after1 false release lock before2 a/h after2 true remember release between"
		if got := strings.Join(f.calls, " "); got != want || err != nil {
			t.Errorf("called %q, want %q; %v", got, want, err)
		}
	})
}

// TestExitStatusesThatAreNoFailure reads exit statuses by the lifecycle, by
// skip-exit and by allow-exit, in this order.
func TestExitStatusesThatAreNoFailure(t *testing.T) {
	for _, c := range []struct {
		status  int
		cause   phased.Cause
		message string
		nothing bool
		run     phased.Status
	}{
		{0, phased.CauseOK, "", false, phased.StatusSucceeded},
		{3, phased.CauseOK, "exit status 3, which allow-exit lets pass", false, phased.StatusSucceeded},
		{4, phased.CauseOK, "exit status 4: there was nothing to do", true, phased.StatusSucceeded},
		{5, phased.CauseExit, "", false, phased.StatusFailed},
		{103, phased.CauseOK, "asks for a reboot by its exit status", false, phased.StatusWaiting},
	} {
		f := &fake{}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"h": f.exits(c.status)}
		p := planOf("a: h")
		p.RebootExits = []phased.RebootExit{{Status: 103, When: phased.RebootNow}}
		e := &p.Phases[0].Entries[0]
		e.AllowExit, e.SkipExit, e.Frequency = []int{3, 4, 103}, []int{4, 103}, phased.Once
		remembered := false
		run, _, err := start(t, t.Context(), p, f, Options{RebootLimit: 3, Remember: func(string, phased.Entry) error { remembered = true; return nil }})
		h := run.Hook("a", "h")
		if err != nil || h.Exit.Cause != c.cause || h.Exit.Status != c.status || h.Exit.Message != c.message || h.Nothing != c.nothing || run.Status != c.run {
			t.Errorf("status %d: %+v, nothing %v; the run %s; %v", c.status, h.Exit, h.Nothing, run.Status, err)
		}
		if remembered != h.Exit.OK() {
			t.Errorf("status %d: remembered %v", c.status, remembered)
		}
	}
}

// TestPhasesAtTheEnd looks at which phases run at the end, at what their hooks are
// told, and at what the run ends with.
func TestPhasesAtTheEnd(t *testing.T) {
	plan := func() phased.Plan {
		p := planOf("a: 1 2", "good: g", "tidy: t", "last: l", "!error: e")
		p.Phases[1].When, p.Phases[1].OnFailure = phased.WhenSuccess, phased.Continue
		p.Phases[2].When, p.Phases[2].OnFailure = phased.WhenAlways, phased.Continue
		p.Phases[3].When, p.Phases[3].OnFailure = phased.WhenAlways, phased.Continue
		return p
	}
	for _, c := range []struct {
		name   string
		exits  map[string]int
		hang   string // this hook is stopped after a minute
		kill   bool   // and killed after two
		reboot phased.RebootWhen
		limit  bool // the run has a limit of a second
		ran    string
		skips  string
		code   int
		hook   phased.Text // that failed
		status string      // that t is told
		last   string      // that l is told
	}{
		{name: "good", ran: "a/1 a/2 good/g tidy/t last/l", status: "succeeded", last: "succeeded"},
		{name: "bad", exits: map[string]int{"1": 3}, ran: "a/1 error/e tidy/t last/l", skips: "good:failed", code: 1, hook: "1", status: "failed", last: "failed"},
		{name: "the success phase fails", exits: map[string]int{"g": 3}, ran: "a/1 a/2 good/g error/e tidy/t last/l", code: 1, hook: "g", status: "failed", last: "failed"},
		{name: "the failure phase fails", exits: map[string]int{"1": 3, "e": 4}, ran: "a/1 error/e tidy/t last/l", skips: "good:failed", code: 1, hook: "1", status: "failed", last: "failed"},
		{name: "one that always runs fails", exits: map[string]int{"t": 3}, ran: "a/1 a/2 good/g tidy/t last/l", code: 1, hook: "t", status: "succeeded", last: "failed"},
		{name: "all fail", exits: map[string]int{"2": 3, "e": 1, "t": 1, "l": 1}, ran: "a/1 a/2 error/e tidy/t last/l", skips: "good:failed", code: 1, hook: "2", status: "failed", last: "failed"},
		{name: "stopped", hang: "1", ran: "a/1 error/e tidy/t last/l", skips: "good:failed", code: 143, hook: "1", status: "stopped", last: "stopped"},
		{name: "killed", hang: "1 e", kill: true, ran: "a/1 error/e", skips: "good:failed tidy:killed last:killed", code: 143, hook: "1"},
		{name: "killed in one that always runs", hang: "1 t", kill: true, ran: "a/1 error/e tidy/t", skips: "good:failed last:killed", code: 143, hook: "1", status: "stopped"},
		{name: "limit", hang: "2", limit: true, ran: "a/1 a/2 error/e tidy/t last/l", skips: "good:failed", code: 124, hook: "2", status: "timed-out", last: "timed-out"},
		{name: "reboot", reboot: phased.RebootNow, ran: "a/1", skips: "good:waiting tidy:waiting last:waiting", code: 76},
		{name: "reboot after the run", reboot: phased.RebootAfterRun, ran: "a/1 a/2 good/g", skips: "tidy:waiting last:waiting", code: 76},
		{name: "reboot and failure", reboot: phased.RebootAfterRun, exits: map[string]int{"2": 1}, ran: "a/1 a/2 error/e tidy/t last/l", skips: "good:failed", code: 1, hook: "2", status: "failed", last: "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := plan()
				if c.limit {
					p.Timeout = phased.Duration(time.Second)
				}
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				kill := make(chan struct{})
				if c.hang != "" && !c.limit {
					time.AfterFunc(time.Minute, func() { cancel(&phased.StopRequest{Signal: syscall.SIGTERM}) })
				}
				if c.kill {
					time.AfterFunc(2*time.Minute, func() { close(kill) })
				}
				f := &fake{hooks: map[string]func(context.Context, phased.Hook) (phased.Result, error){}}
				for hook, status := range c.exits {
					f.hooks[hook] = f.exits(status)
				}
				for hook := range strings.FieldsSeq(c.hang) {
					f.hooks[hook] = f.hangs
				}
				var asked []phased.RebootRequest
				if c.reboot != "" {
					asked = []phased.RebootRequest{{Phase: "a", Hook: "1", When: c.reboot}}
				}
				run, rec, err := start(t, ctx, p, f, Options{Kill: kill, RebootLimit: 3, Requested: func() ([]phased.RebootRequest, error) { return asked, nil }})
				if err != nil {
					t.Fatal(err)
				}
				var skips []string
				for _, e := range rec.events {
					if d, ok := e.Data.(phased.PhaseSkipped); ok {
						skips = append(skips, d.Phase+":"+d.Reason)
					}
				}
				if got := strings.Join(f.calls, " "); got != c.ran || strings.Join(skips, " ") != c.skips || run.ExitCode != c.code {
					t.Errorf("ran %q, skipped %q, ended with %d; want %q, %q, %d", got, skips, run.ExitCode, c.ran, c.skips, c.code)
				}
				if (run.Failure == nil) != (c.hook == "") || run.Failure != nil && run.Failure.Hook != c.hook {
					t.Errorf("failure %+v, want that of %q", run.Failure, c.hook)
				}
				told := func(hook string) string {
					status, failed := "", false
					for _, v := range f.envs[hook] {
						name, value, _ := strings.Cut(string(v), "=")
						switch name {
						case "PHASED_RUN_STATUS":
							status = value
						case "PHASED_FAILED_HOOK":
							failed = value == string(c.hook)
						}
					}
					if failed != (status != "succeeded") {
						t.Errorf("%s is told %q", hook, f.envs[hook])
					}
					return status
				}
				if c.status != "" && told("t") != c.status || c.last != "" && told("l") != c.last {
					t.Errorf("told %s and %s; want %s and %s", told("t"), told("l"), c.status, c.last)
				}
			})
		})
	}
}

// TestAlwaysHasItsOwnLimit lets a phase that runs always hang: its own limit ends it.
func TestAlwaysHasItsOwnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"1": f.hangs, "t": f.hangs}
		p := planOf("a: 1", "tidy: t", "last: l")
		p.Timeout, p.FailureLimit = phased.Duration(time.Second), phased.Duration(time.Minute)
		p.Phases[1].When, p.Phases[2].When = phased.WhenAlways, phased.WhenAlways
		p.Phases[1].Timeout = phased.Duration(time.Hour)
		run, _, _ := start(t, t.Context(), p, f, Options{})
		if got := strings.Join(f.calls, " "); got != "a/1 tidy/t last/l" || run.Took != time.Hour+time.Second || run.ExitCode != 124 || run.Failure.Hook != "1" {
			t.Errorf("ran %q, took %v, ended with %d", got, run.Took, run.ExitCode)
		}
	})
}
