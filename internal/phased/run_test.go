package phased

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// someEvent draws an event whose names come from a small set, so that events
// meet the phases and hooks of others.
func someEvent(t *rapid.T, seq uint64) Event {
	phase := rapid.SampledFrom([]string{"configure", "migration", "error"}).Draw(t, "phase")
	hook := Text(rapid.SampledFrom([]string{"10-a", "20-b", "\xff"}).Draw(t, "hook"))
	status := rapid.SampledFrom([]Status{StatusSucceeded, StatusFailed, StatusTimedOut, StatusStopped, StatusRunning, "", "aborted"}).Draw(t, "status")
	exit := Exit{Cause: rapid.SampledFrom([]Cause{CauseOK, CauseExit, CauseTimeout, ""}).Draw(t, "cause")}
	failure := Failure{Phase: phase, Hook: hook, Exit: exit}
	data := rapid.SampledFrom([]Payload{
		RunStarted{Lifecycle: phase},
		PhaseStarted{Phase: phase, Failure: phase == "error"},
		HookStarted{Phase: phase, Hook: hook},
		HookOutput{Phase: phase, Hook: hook},
		HookCut{Phase: phase, Hook: hook, Dropped: 5},
		HookProgress{Phase: phase, Hook: hook, Out: 7, Last: []OutputLine{{Stream: "out", Text: hook}}},
		HookSignalled{Phase: phase, Hook: hook},
		HookFinished{Phase: phase, Hook: hook, Exit: exit},
		PhaseFinished{Phase: phase, Status: status},
		RunFailed{failure},
		RunStopping{},
		RunWarning{Message: phase},
		RunFinished{Status: status, Failure: &failure},
		RunInterrupted{ClosedBy: "x"},
		Unknown{Name: "hook.dreamt"},
	}).Draw(t, "data")
	return Event{Run: "R", Seq: seq, Time: time.Unix(int64(seq), 0).UTC(), Mono: time.Duration(seq), Data: data}
}

// snapshot makes two runs comparable without sharing anything.
func snapshot(t *rapid.T, r Run) string {
	p, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

func TestApplyProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r, in Run // r: with disturbance; in: in order only
		n := rapid.IntRange(1, 30).Draw(t, "events")
		var events []Event
		for i := 1; i <= n; i++ {
			e := someEvent(t, uint64(i))
			events = append(events, e)
			wasFinal, before := r.Status.Final(), snapshot(t, r)

			// What was applied, what leaves a gap, and another run's event change nothing.
			other := e
			other.Run = "S"
			gap := someEvent(t, uint64(i)+rapid.Uint64Range(1, 3).Draw(t, "gap"))
			disturb := []Event{gap, events[rapid.IntRange(0, i-1).Draw(t, "old")]}
			if i > 1 {
				disturb = append(disturb, other)
			}
			for _, x := range disturb {
				if x.Seq != e.Seq || x.Run != e.Run {
					if r.Apply(x) {
						t.Fatalf("applied %+v after seq %d", x, r.Seq)
					}
				}
			}
			if after := snapshot(t, r); after != before {
				t.Fatalf("changed without an event:\n%s", cmp.Diff(before, after))
			}

			if applied := r.Apply(e); applied == wasFinal {
				t.Fatalf("applied %v to a run that is final: %v", e, wasFinal)
			}
			in.Apply(e)
			if wasFinal && snapshot(t, r) != before {
				t.Fatal("a final status was left")
			}
			if !wasFinal && r.Status.Final() != e.Closing() {
				t.Fatalf("%s makes the status %q", e.Data.Kind(), r.Status)
			}
			if !wasFinal && (r.Seq != e.Seq || r.ID != "R" || r.Status == "") {
				t.Fatalf("after %+v: %+v", e, r)
			}
		}
		if d := cmp.Diff(snapshot(t, in), snapshot(t, r)); d != "" {
			t.Fatalf("disturbance left traces:\n%s", d)
		}

		before := snapshot(t, r)
		a := r.AsInterrupted()
		if !a.Status.Final() || (r.Status.Final() && a.Status != r.Status) || (!r.Status.Final() && a.Status != StatusInterrupted) {
			t.Fatalf("%s as interrupted is %s", r.Status, a.Status)
		}
		if snapshot(t, r) != before {
			t.Fatal("AsInterrupted changed the run")
		}
	})
}

// TestApplyAnything feeds arbitrary payloads: nothing may panic.
func TestApplyAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var r Run
		for i := range rapid.IntRange(1, 20).Draw(t, "events") {
			e := anyEvent(t)
			e.Seq = uint64(i + 1)
			r.Apply(e)
			r.Counts()
			r.AsInterrupted()
		}
	})
}

func failedRun() []Event {
	f := Failure{Phase: "configure", Hook: "20-b", Path: "/x/20-b", Exit: Exit{Cause: CauseExit, Status: 3}}
	data := []Payload{
		RunStarted{Lifecycle: "refresh", Hooks: 3},
		PhaseStarted{Phase: "configure"},
		HookStarted{Phase: "configure", Hook: "10-a", Pid: 10},
		HookCut{Phase: "configure", Hook: "10-a", Dropped: 7},
		HookFinished{Phase: "configure", Hook: "10-a", Exit: Exit{Cause: CauseOK}, Took: 5, Out: 100, Err: 4, Left: true},
		HookStarted{Phase: "configure", Hook: "20-b", Pid: 11},
		HookFinished{Phase: "configure", Hook: "20-b", Exit: f.Exit},
		PhaseFinished{Phase: "configure", Status: StatusFailed, Took: 9},
		RunFailed{f},
		PhaseStarted{Phase: "error", Failure: true},
		HookStarted{Phase: "error", Hook: "10-a", Pid: 12},
		HookFinished{Phase: "error", Hook: "10-a", Exit: Exit{Cause: CauseExit, Status: 1}},
		PhaseFinished{Phase: "error", Status: StatusFailed},
		RunFinished{Status: StatusFailed, ExitCode: 1, Failure: &f, Took: 99, Ran: 2, Failed: 1},
	}
	var events []Event
	for i, d := range data {
		events = append(events, Event{Run: "R", Seq: uint64(i + 1), Time: time.Unix(int64(i), 0).UTC(), Mono: time.Duration(i), Data: d})
	}
	return events
}

func TestApplyTellsTheStory(t *testing.T) {
	var r Run
	statuses := []Status{}
	for _, e := range failedRun() {
		if !r.Apply(e) {
			t.Fatalf("event %d was refused", e.Seq)
		}
		if n := len(statuses); n == 0 || statuses[n-1] != r.Status {
			statuses = append(statuses, r.Status)
		}
	}
	if d := cmp.Diff([]Status{StatusRunning, StatusFailing, StatusFailed}, statuses); d != "" {
		t.Error(d)
	}
	if r.Start.Hooks != 3 || r.ExitCode != 1 || r.Took != 99 || !r.Began.Equal(time.Unix(0, 0)) || !r.Ended.Equal(time.Unix(13, 0)) {
		t.Errorf("run: %+v", r)
	}
	h := r.Hook("configure", "10-a")
	if h == nil || h.Pid != 10 || h.Status != StatusSucceeded || h.Dropped != 7 || h.Out != 100 || h.Err != 4 || !h.Left || h.Took != 5 {
		t.Errorf("hook of a name that stands in two phases: %+v", h)
	}
	if h := r.Hook("error", "10-a"); h == nil || h.Status != StatusFailed || h.Exit.Status != 1 {
		t.Errorf("hook of the failure phase: %+v", h)
	}
	if r.Failure == nil || r.Failure.Hook != "20-b" || r.Failure.Exit.Status != 3 {
		t.Errorf("a failure in the failure phase changed the cause: %+v", r.Failure)
	}
	if ran, failed := r.Counts(); ran != 2 || failed != 1 {
		t.Errorf("ran %d, failed %d; the failure phase does not count", ran, failed)
	}
	if r.Hook("migration", "10-a") != nil || r.Hook("configure", "30-c") != nil {
		t.Error("found a hook that never ran")
	}
}

// TestProgressOfAHook: what is known of output that is not on record yet belongs to
// the attempt that runs, and stays only where nothing better comes.
func TestProgressOfAHook(t *testing.T) {
	told := func(n int64) HookProgress {
		return HookProgress{Phase: "configure", Hook: "20-b", Out: n, Err: 1, Last: []OutputLine{{Stream: "err", Text: "\xff"}}}
	}
	var r Run
	add := func(d Payload) *HookRun {
		t.Helper()
		if !r.Apply(Event{Run: "R", Seq: r.Seq + 1, Data: d}) {
			t.Fatalf("%#v was refused", d)
		}
		return r.Hook("configure", "20-b")
	}
	add(RunStarted{})
	add(PhaseStarted{Phase: "configure"})
	add(told(4)) // of a hook that nobody has started
	add(HookStarted{Phase: "configure", Hook: "20-b"})
	if h := add(told(5)); h.Out != 5 || h.Err != 1 || h.Progress == nil || h.Progress.Last[0].Text != "\xff" {
		t.Errorf("while it runs: %+v", h)
	}
	if h := add(told(6)); h.Out != 6 || h.Progress.Out != 6 {
		t.Errorf("later: %+v", h)
	}
	if h := add(HookFinished{Phase: "configure", Hook: "20-b", Exit: Exit{Cause: CauseExit}, Out: 9, Again: true}); h.Progress != nil || h.Out != 9 || h.Err != 0 {
		t.Errorf("at its end: %+v", h)
	}
	if h := add(told(10)); h.Progress != nil || h.Out != 9 {
		t.Errorf("behind its end: %+v", h)
	}
	if h := add(HookStarted{Phase: "configure", Hook: "20-b", Attempt: 2}); h.Progress != nil || h.Out != 0 {
		t.Errorf("the next attempt: %+v", h)
	}
	add(told(3))
	if h := r.AsInterrupted().Phases[0].Hooks[1]; h.Progress == nil || h.Out != 3 || h.Status != StatusInterrupted {
		t.Errorf("where phased died: %+v", h)
	}
}

func TestInterruptedKeepsWhatEnded(t *testing.T) {
	var r Run
	for _, e := range failedRun()[:6] {
		r.Apply(e)
	}
	want := map[Text]Status{"10-a": StatusSucceeded, "20-b": StatusInterrupted}
	check := func(how string, r Run) {
		t.Helper()
		got := map[Text]Status{}
		for _, h := range r.Phases[0].Hooks {
			got[h.Hook] = h.Status
		}
		if !reflect.DeepEqual(got, want) || r.Phases[0].Status != StatusInterrupted || r.Status != StatusInterrupted {
			t.Errorf("%s: %s, %s, %v", how, r.Status, r.Phases[0].Status, got)
		}
	}
	check("as readers show it", r.AsInterrupted())
	if r.Status != StatusRunning || r.Phases[0].Hooks[1].Status != StatusRunning {
		t.Error("AsInterrupted changed the run itself")
	}
	f := &Failure{Phase: "configure"}
	r.Apply(Event{Run: "R", Seq: 7, Time: time.Unix(50, 0), Mono: 5, Data: RunInterrupted{ClosedBy: "R2", Failure: f}})
	check("as it is closed", r)
	if r.ClosedBy != "R2" || r.Failure != f || r.Took != 5 || !r.Ended.Equal(time.Unix(50, 0)) {
		t.Errorf("%+v", r)
	}
}
