package engine

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"phased/internal/phased"
)

// TestReboot asks for reboots in every way, and looks at how the run ends, what
// was run, and where it says that it goes on.
func TestReboot(t *testing.T) {
	ask := func(phase, hook string, when phased.RebootWhen, same bool) phased.RebootRequest {
		return phased.RebootRequest{Phase: phase, Hook: phased.Text(hook), When: when, Same: same}
	}
	now, phase, after := phased.RebootNow, phased.RebootAfterPhase, phased.RebootAfterRun
	for _, c := range []struct {
		name     string
		asked    []phased.RebootRequest
		exits    map[string]int
		policy   phased.OnFailure
		reboots  int
		ran      string
		status   phased.Status
		code     int
		next     string
		warnings string // a part of them
	}{
		{name: "none", ran: "a/1 a/2 b/3", status: phased.StatusSucceeded},
		{name: "now", asked: []phased.RebootRequest{ask("a", "1", now, false)}, ran: "a/1", status: phased.StatusWaiting, code: 76, next: "a/2"},
		{name: "now, same", asked: []phased.RebootRequest{ask("a", "1", now, true)}, ran: "a/1", status: phased.StatusWaiting, code: 76, next: "a/1"},
		{name: "phase", asked: []phased.RebootRequest{ask("a", "1", phase, false)}, ran: "a/1 a/2", status: phased.StatusWaiting, code: 76, next: "b/3"},
		{name: "phase, same", asked: []phased.RebootRequest{ask("a", "2", phase, true)}, ran: "a/1 a/2", status: phased.StatusWaiting, code: 76, next: "a/2"},
		{name: "run", asked: []phased.RebootRequest{ask("a", "1", after, false)}, ran: "a/1 a/2 b/3", status: phased.StatusWaiting, code: 76},
		{name: "phase, then now", asked: []phased.RebootRequest{ask("a", "1", phase, false), ask("a", "2", now, false)}, ran: "a/1 a/2", status: phased.StatusWaiting, code: 76, next: "b/3"},
		{name: "the last hook", asked: []phased.RebootRequest{ask("b", "3", now, false)}, ran: "a/1 a/2 b/3", status: phased.StatusWaiting, code: 76},
		{name: "by exit status", exits: map[string]int{"1": 103}, ran: "a/1", status: phased.StatusWaiting, code: 76, next: "a/2"},
		{name: "another's request", asked: []phased.RebootRequest{ask("b", "1", now, false), ask("a", "9", now, false)}, ran: "a/1 a/2 b/3", status: phased.StatusSucceeded},
		{name: "asks and fails", asked: []phased.RebootRequest{ask("a", "1", now, false)}, exits: map[string]int{"1": 1}, ran: "a/1 error/e", status: phased.StatusFailed, code: 1, warnings: "asked for a reboot and failed"},
		{name: "another fails", asked: []phased.RebootRequest{ask("a", "1", phase, false)}, exits: map[string]int{"2": 1}, ran: "a/1 a/2 error/e", status: phased.StatusFailed, code: 1, warnings: "the run has failed: the reboot that a/1 asked for"},
		{name: "goes on after a failure, but not without the reboot", asked: []phased.RebootRequest{ask("a", "2", phase, false)}, exits: map[string]int{"1": 1}, policy: phased.Continue, ran: "a/1 a/2 error/e", status: phased.StatusFailed, code: 1, warnings: "the run has failed"},
		{name: "fails before the end of the run", asked: []phased.RebootRequest{ask("a", "1", after, false)}, exits: map[string]int{"3": 1}, ran: "a/1 a/2 b/3 error/e", status: phased.StatusFailed, code: 1},
		{name: "by the failure phase", asked: []phased.RebootRequest{ask("error", "e", now, false)}, exits: map[string]int{"3": 1}, ran: "a/1 a/2 b/3 error/e", status: phased.StatusFailed, code: 1},
		{name: "the last that is allowed", asked: []phased.RebootRequest{ask("a", "1", now, true)}, reboots: 2, ran: "a/1", status: phased.StatusWaiting, code: 76, next: "a/1"},
		{name: "one too many", asked: []phased.RebootRequest{ask("a", "1", now, true)}, reboots: 3, ran: "a/1 error/e", status: phased.StatusFailed, code: 1},
		{name: "too many already", reboots: 4, ran: "error/e", status: phased.StatusFailed, code: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planOf("a: 1 2", "b: 3", "!error: e")
			p.RebootExits = []phased.RebootExit{{Status: 103, When: phased.RebootNow}}
			for i := range p.Phases {
				if c.policy != "" {
					p.Phases[i].OnFailure = c.policy
				}
			}
			f := &fake{hooks: map[string]func(context.Context, phased.Hook) (phased.Result, error){}}
			for hook, status := range c.exits {
				f.hooks[hook] = f.exits(status)
			}
			run, rec, err := start(t, t.Context(), p, f, Options{
				Requested: func() ([]phased.RebootRequest, error) { return c.asked, nil },
				Reboots:   c.reboots, RebootLimit: 3, Start: phased.RunStarted{BootID: "boot"},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(f.calls, " "); got != c.ran {
				t.Errorf("ran %q, want %q", got, c.ran)
			}
			if run.Status != c.status || run.ExitCode != c.code {
				t.Errorf("ended %s with %d, want %s with %d", run.Status, run.ExitCode, c.status, c.code)
			}
			if w := run.Waiting; (w != nil) != (c.status == phased.StatusWaiting) || w != nil && (w.Next != c.next || w.BootID != "boot" || len(w.Requests) == 0) {
				t.Errorf("waits with %+v, want to go on at %q", w, c.next)
			}
			if got := strings.Join(run.Warnings, "\n"); !strings.Contains(got, c.warnings) || c.warnings == "" && got != "" {
				t.Errorf("warnings %q, want %q", got, c.warnings)
			}
			if last := rec.events[len(rec.events)-1]; !last.Closing() {
				t.Errorf("the last event is %s", last.Data.Kind())
			}
		})
	}
}

// TestKilledByItsReboot lets hooks be ended in the ways in which a host goes down:
// only the one that asked for a reboot at once has not failed.
func TestKilledByItsReboot(t *testing.T) {
	for _, c := range []struct {
		when   phased.RebootWhen
		same   bool
		exit   phased.Exit
		status phased.Status
		next   string
	}{
		{phased.RebootNow, false, phased.Exit{Cause: phased.CauseSignal, Status: 143, Signal: 15}, phased.StatusWaiting, "b/2"},
		{phased.RebootNow, true, phased.Exit{Cause: phased.CauseStopped, Status: 143, Signal: 15}, phased.StatusWaiting, "a/1"},
		{phased.RebootNow, false, phased.Exit{Cause: phased.CauseSignal, Status: 139, Signal: int(syscall.SIGSEGV)}, phased.StatusFailed, ""},
		{phased.RebootNow, false, phased.Exit{Cause: phased.CauseTimeout, Status: 124}, phased.StatusTimedOut, ""},
		{phased.RebootAfterPhase, false, phased.Exit{Cause: phased.CauseSignal, Status: 143, Signal: 15}, phased.StatusFailed, ""},
	} {
		f := &fake{}
		f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){
			"1": func(_ context.Context, h phased.Hook) (phased.Result, error) {
				f.sink.Started(h, phased.Process{Pid: 1})
				return phased.Result{Exit: c.exit}, nil
			},
		}
		req := phased.RebootRequest{Phase: "a", Hook: "1", When: c.when, Same: c.same}
		run, _, err := start(t, t.Context(), planOf("a: 1", "b: 2"), f, Options{
			Requested: func() ([]phased.RebootRequest, error) { return []phased.RebootRequest{req}, nil }, RebootLimit: 3,
		})
		if err != nil {
			t.Fatal(err)
		}
		if run.Status != c.status || run.Waiting != nil && run.Waiting.Next != c.next {
			t.Errorf("%+v of one that asks for %s: %s, %+v", c.exit, c.when, run.Status, run.Waiting)
		}
	}
}

// TestRemember wants a hook with a frequency to be remembered when it has ended
// well, before that is on record, and the run to stop where that cannot be done.
func TestRemember(t *testing.T) {
	p := planOf("a: 1 2 3", "!error: e")
	for i := range p.Phases[0].Entries {
		p.Phases[0].Entries[i].Frequency = phased.Once
	}
	p.Phases[0].OnFailure = phased.Continue
	p.Phases[0].Entries[2].Frequency = ""
	var rec *recorder
	var told []string
	remember := func(phase string, e phased.Entry) error {
		told = append(told, phase+"/"+string(e.Name))
		for _, ev := range rec.events {
			if h, ok := ev.Data.(phased.HookFinished); ok && h.Hook == e.Name {
				t.Errorf("%s was on record before it was remembered", e.Name)
			}
		}
		return nil
	}
	f := &fake{}
	f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"2": f.exits(1)}
	rec = &recorder{}
	if _, _, err := start(t, t.Context(), p, f, Options{Remember: remember, Record: rec.record}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(told, " "); got != "a/1" {
		t.Errorf("remembered %q, want a/1: the second failed, and the third runs every time", got)
	}
	f = &fake{}
	run, _, err := start(t, t.Context(), p, f, Options{Remember: func(string, phased.Entry) error { return errDisk }})
	if err == nil || run.ExitCode != 74 || strings.Join(f.calls, " ") != "a/1 error/e" {
		t.Errorf("not remembered: %v, exit code %d, ran %q", err, run.ExitCode, f.calls)
	}
}
