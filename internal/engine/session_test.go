package engine

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// shellPlan is planOf with the policy of stack, unstack and clean.
func shellPlan(lines ...string) phased.Plan {
	p := planOf(lines...)
	for i := range p.Phases {
		p.Phases[i].OnFailure = phased.Shell
	}
	return p
}

// ends is a hook in which the session ends with the status.
func (f *fake) ends(status int) func(context.Context, phased.Hook) (phased.Result, error) {
	return func(ctx context.Context, h phased.Hook) (phased.Result, error) {
		r, err := f.exits(status)(ctx, h)
		r.Ended = true
		return r, err
	}
}

func exited(status int) *phased.Exit {
	if status == 0 {
		return &phased.Exit{Cause: phased.CauseOK}
	}
	return &phased.Exit{Cause: phased.CauseExit, Status: status}
}

// TestTheShellDecides runs plans by the policy of a session: only the end of the
// shell ends a run, and its status is the run's.
func TestTheShellDecides(t *testing.T) {
	type hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error)
	tests := []struct {
		name   string
		hooks  func(f *fake) hooks
		end    int // status of the shell
		calls  string
		code   int
		status phased.Status
		hook   phased.Text // that failed the run
		failed int
	}{
		{
			name: "a failure that the shell survives is ignored", hooks: func(f *fake) hooks { return hooks{"bad": f.exits(3)} },
			calls: "a/1 a/bad a/2 b/3", status: phased.StatusSucceeded, failed: 1,
		},
		{
			name: "errexit", hooks: func(f *fake) hooks { return hooks{"bad": f.ends(3)} }, end: 3,
			calls: "a/1 a/bad", code: 3, status: phased.StatusFailed, hook: "bad", failed: 1,
		},
		{
			name: "exit 0 half-way", hooks: func(f *fake) hooks { return hooks{"bad": f.ends(0)} },
			calls: "a/1 a/bad", status: phased.StatusSucceeded,
		},
		{
			name: "the EXIT trap has the last word", hooks: func(f *fake) hooks { return hooks{"bad": f.ends(3)} }, end: 9,
			calls: "a/1 a/bad", code: 9, status: phased.StatusFailed, hook: "bad", failed: 1,
		},
		{
			name: "the EXIT trap fails a good run", hooks: func(*fake) hooks { return nil }, end: 7,
			calls: "a/1 a/bad a/2 b/3", code: 7, status: phased.StatusFailed,
		},
		{
			name: "not readable when its turn comes", hooks: func(*fake) hooks {
				return hooks{"bad": func(context.Context, phased.Hook) (phased.Result, error) {
					return phased.Result{Skipped: "is gone"}, nil
				}}
			},
			calls: "a/1 a/bad a/2 b/3", status: phased.StatusSucceeded,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{session: exited(tt.end)}
			f.hooks = tt.hooks(f)
			run, rec, err := start(t, t.Context(), shellPlan("a: 1 bad 2", "b: 3"), f, Options{SessionExit: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(f.calls, " "); got != tt.calls {
				t.Errorf("ran %q, want %q", got, tt.calls)
			}
			if run.ExitCode != tt.code || run.Status != tt.status {
				t.Errorf("ended %s with %d, want %s with %d", run.Status, run.ExitCode, tt.status, tt.code)
			}
			if tt.hook != "" && (run.Failure == nil || run.Failure.Hook != tt.hook) {
				t.Errorf("failure %+v, want of hook %s", run.Failure, tt.hook)
			}
			end, _ := rec.events[len(rec.events)-1].Data.(phased.RunFinished)
			if end.Failed != tt.failed {
				t.Errorf("%d failed, want %d", end.Failed, tt.failed)
			}
			if _, told := rec.events[len(rec.events)-2].Data.(phased.SessionEnded); !told && run.Failure == nil {
				t.Errorf("the end of the session is not told before the run's: %q", rec.kinds())
			}
		})
	}
}

func TestAnIgnoredFailureIsMarked(t *testing.T) {
	f := &fake{session: exited(0)}
	f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"bad": f.exits(3), "end": f.ends(4)}
	run, _, err := start(t, t.Context(), shellPlan("a: bad end"), f, Options{SessionExit: true})
	if err != nil {
		t.Fatal(err)
	}
	bad, end := run.Hook("a", "bad"), run.Hook("a", "end")
	if !bad.Ignored || bad.Ended || bad.Status != phased.StatusFailed {
		t.Errorf("the failure that nobody minded: %+v", bad)
	}
	if end.Ignored || !end.Ended {
		t.Errorf("the failure that ended the shell: %+v", end)
	}
}

// TestALimitIsNoExitOfTheSession ends a hook at its limit: the run exits as
// phased says, not as the killed shell.
func TestALimitIsNoExitOfTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{session: &phased.Exit{Cause: phased.CauseSignal, Status: 137, Signal: 9}}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){
			"hang": func(ctx context.Context, h phased.Hook) (phased.Result, error) {
				r, err := f.hangs(ctx, h)
				r.Ended = true
				return r, err
			},
		}
		p := shellPlan("a: hang 2", "b: 3")
		p.Phases[0].HookTimeout = phased.Duration(time.Hour)
		run, _, err := start(t, t.Context(), p, f, Options{SessionExit: true})
		if err != nil || run.ExitCode != 124 || run.Status != phased.StatusTimedOut || len(f.calls) != 1 {
			t.Errorf("%v, ended %s with %d after %q", err, run.Status, run.ExitCode, f.calls)
		}
	})
}

// TestSkip leaves out what a resumed run has done, and tells so.
func TestSkip(t *testing.T) {
	f := &fake{}
	skip := func(phase string, e phased.Entry) (string, string, error) {
		if phase == "a" || phase == "b" && e.Name == "2" {
			return phased.SkippedDone, "done in run X", nil
		}
		return "", "", nil
	}
	run, _, err := start(t, t.Context(), planOf("a: 1", "b: 2 3", "c: 4"), f, Options{Skip: skip})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(f.calls, " "); got != "b/3 c/4" {
		t.Errorf("ran %q", got)
	}
	if run.Phases[0].Status != phased.StatusSkipped || run.Phases[0].Reason != "done in run X" || run.Phases[1].Hooks[0].Status != phased.StatusSkipped {
		t.Errorf("skipped: %+v", run.Phases)
	}
	if ran, _ := run.Counts(); ran != 2 {
		t.Errorf("%d hooks counted, want 2", ran)
	}
}

// TestLookAlikesAreToldOnce warns of a name that may have been meant for a hook
// at the first point that lists it.
func TestLookAlikesAreToldOnce(t *testing.T) {
	p := shellPlan("a: 1", "b: 1")
	for i := range p.Phases {
		p.Phases[i].Entries = append(p.Phases[i].Entries,
			phased.Entry{Name: "50-x.SH", Path: "/x/50-x.SH", Verdict: phased.VerdictNoMatch, Detail: phased.LooksLikeHook + "it ends with .SH"},
			phased.Entry{Name: "README", Path: "/x/README", Verdict: phased.VerdictNoMatch, Detail: "the name does not match *.sh"})
	}
	run, rec, err := start(t, t.Context(), p, &fake{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var told []phased.HookWarning
	for _, e := range rec.events {
		if w, ok := e.Data.(phased.HookWarning); ok {
			told = append(told, w)
		}
	}
	if len(told) != 1 || told[0].Phase != "a" || told[0].Hook != "50-x.SH" || told[0].Code != phased.WarnLookAlike {
		t.Errorf("told %+v", told)
	}
	if len(run.Phases[0].Warnings) != 1 {
		t.Errorf("the phase has %+v", run.Phases[0].Warnings)
	}
}

// TestACalledRunHasAnID gives a lifecycle that is called the id of its run.
func TestACalledRunHasAnID(t *testing.T) {
	f, n := &fake{}, 0
	var got []string
	f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){
		"unstack": func(ctx context.Context, h phased.Hook) (phased.Result, error) {
			got = append(got, h.Run)
			return f.exits(0)(ctx, h)
		},
	}
	p := shellPlan("a: 1", "u: unstack")
	p.Phases[1].Calls = "unstack"
	run, _, err := start(t, t.Context(), p, f, Options{NewID: func() string { n++; return fmt.Sprint("id", n) }})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"id1"}, got); d != "" {
		t.Error(d)
	}
	if h := run.Hook("u", "unstack"); h == nil || h.Run != "id1" {
		t.Errorf("the record does not name the run: %+v", h)
	}
}
