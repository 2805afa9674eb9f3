package journal

import (
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"

	"phased/internal/phased"
)

// begun begins a run, to which add adds events.
func begun(t *testing.T) (w *Writer, add func(phased.Payload)) {
	t.Helper()
	s, err := Open(t.TempDir(), Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
	if w, err = s.Begin(id); err != nil {
		t.Fatal(err)
	}
	seq := uint64(0)
	return w, func(d phased.Payload) {
		t.Helper()
		seq++
		if err := w.Append(phased.Event{Run: id, Seq: seq, Data: d}); err != nil {
			t.Fatal(err)
		}
	}
}

// A screen gets the first output of a hook and the last, in order, and an event
// for each piece between them; every other event it gets whole.
func TestProgressLeavesOutTheMiddle(t *testing.T) {
	w, add := begun(t)
	piece := func(hook phased.Text, n int) {
		add(phased.HookOutput{Phase: "p", Hook: hook, Stream: "out", Text: phased.Text(fmt.Sprintf("%s%d%s", hook, n, strings.Repeat(".", 1000)))})
	}
	add(phased.RunStarted{})
	for _, hook := range []phased.Text{"loud", "loud-as-well"} {
		add(phased.HookStarted{Phase: "p", Hook: hook})
		for n := range 10 {
			piece(hook, n)
		}
		add(phased.HookFinished{Phase: "p", Hook: hook})
	}
	piece("loud", 10) // late
	add(phased.RunFinished{Status: phased.StatusSucceeded})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := Open(filepath.Dir(filepath.Dir(w.Path())), Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	want := "run.started " +
		"hook.started loud0 loud1 loud2       loud9 hook.finished " +
		"hook.started loud-as-well0 loud-as-well1 loud-as-well2       loud-as-well9 hook.finished " +
		"loud10 run.finished"
	for name, events := range map[string]iter.Seq2[phased.Event, error]{
		"of the writer": w.Progress(t.Context(), 4000), "of the store": s.Progress(t.Context(), w.ID(), 4000),
	} {
		var got []string
		next := uint64(1)
		for e, err := range events {
			if err != nil {
				t.Fatal(err)
			}
			if e.Seq != next {
				t.Fatalf("%s: event %d came in place of %d", name, e.Seq, next)
			}
			next++
			if o, ok := e.Data.(phased.HookOutput); ok {
				got = append(got, strings.Trim(string(o.Text), "."))
			} else {
				got = append(got, string(e.Data.Kind()))
			}
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s: got  %q\nwant %q", name, g, want)
		}
	}
}

// A hook that writes much leaves the output of one that runs beside it alone.
func TestProgressOfHooksBesideEachOther(t *testing.T) {
	w, add := begun(t)
	piece := func(hook phased.Text, n, size int) {
		add(phased.HookOutput{Phase: "p", Hook: hook, Stream: "out", Text: phased.Text(fmt.Sprintf("%s%d%s", hook, n, strings.Repeat(".", size)))})
	}
	add(phased.RunStarted{})
	add(phased.HookStarted{Phase: "p", Hook: "loud"})
	add(phased.HookStarted{Phase: "p", Hook: "soft"})
	for n := range 8 {
		piece("loud", n, 1000)
		piece("soft", n, 10)
	}
	add(phased.HookFinished{Phase: "p", Hook: "soft"})
	piece("loud", 8, 1000)
	piece("loud", 9, 1000)
	add(phased.HookFinished{Phase: "p", Hook: "loud"})
	add(phased.HookStarted{Phase: "p", Hook: "loud", Attempt: 2})
	piece("loud", 10, 1000)
	add(phased.RunFinished{Status: phased.StatusSucceeded})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	next := uint64(1)
	for e, err := range w.Progress(t.Context(), 4000) {
		if err != nil || e.Seq != next {
			t.Fatalf("event %d came in place of %d; %v", e.Seq, next, err)
		}
		next++
		if o, ok := e.Data.(phased.HookOutput); ok {
			got = append(got, strings.Trim(string(o.Text), "."))
			if o.Text == "" && o.Hook != "loud" {
				t.Errorf("output of %q was left out", o.Hook)
			}
			continue
		}
		got = append(got, strings.TrimPrefix(string(e.Data.Kind()), "hook."))
	}
	want := "run.started started started loud0 soft0 loud1 soft1 loud2 soft2  soft3  soft4  soft5  soft6  soft7 finished  loud9 finished started loud10 run.finished"
	if g := strings.Join(got, " "); g != want {
		t.Errorf("got  %q\nwant %q", g, want)
	}
}
