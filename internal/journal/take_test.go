package journal

import (
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

var begunAt = time.Unix(1e9, 0).UTC()

// progressOf is what a screen gets of a run that is over, of this process or of
// another one: every event in its place and at its time.
func progressOf(t *testing.T, s *Store, w *Writer) (all [][]phased.Event) {
	t.Helper()
	for _, events := range []iter.Seq2[phased.Event, error]{w.Progress(t.Context(), 4000), s.Progress(t.Context(), w.ID(), 4000)} {
		var got []phased.Event
		for e, err := range events {
			if next := uint64(len(got) + 1); err != nil || e.Seq != next || !e.Time.Equal(begunAt.Add(time.Duration(next))) {
				t.Fatalf("event %d of %v came in place of %d; %v", e.Seq, e.Time, next, err)
			}
			got = append(got, e)
		}
		all = append(all, got)
	}
	return all
}

// begun begins a run, to which add adds events.
func begun(t *testing.T) (s *Store, w *Writer, add func(phased.Payload)) {
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
	return s, w, func(d phased.Payload) {
		t.Helper()
		seq++
		if err := w.Append(phased.Event{Run: id, Seq: seq, Time: begunAt.Add(time.Duration(seq)), Mono: time.Duration(seq), Data: d}); err != nil {
			t.Fatal(err)
		}
	}
}

// A screen gets the first output of a hook and the last, in order, and an event
// for each piece between them; every other event it gets whole.
func TestProgressLeavesOutTheMiddle(t *testing.T) {
	s, w, add := begun(t)
	piece := func(hook phased.Text, n int) {
		add(phased.HookOutput{Phase: "p", Hook: hook, Stream: "out", Text: phased.Text(fmt.Sprintf("%s%d%s", hook, n, strings.Repeat(".", 1000)))})
	}
	add(phased.RunStarted{})
	for _, hook := range []phased.Text{"loud", "loud-as-well"} {
		add(phased.HookStarted{Phase: "p", Hook: hook})
		for n := range 10 {
			piece(hook, n)
			if n == 6 { // which has newer text than the piece before it
				add(phased.HookProgress{Phase: "p", Hook: hook})
			}
		}
		add(phased.HookFinished{Phase: "p", Hook: hook})
	}
	piece("loud", 10) // late
	add(phased.RunFinished{Status: phased.StatusSucceeded})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, events := range progressOf(t, s, w) {
		checkMiddle(t, events)
	}
}

func checkMiddle(t *testing.T, events []phased.Event) {
	var got []string
	for _, e := range events {
		if o, ok := e.Data.(phased.HookOutput); ok {
			got = append(got, strings.Trim(string(o.Text), "."))
		} else {
			got = append(got, string(e.Data.Kind()))
		}
	}
	want := "run.started " +
		"hook.started loud0 loud1 loud2     hook.progress   loud9 hook.finished " +
		"hook.started loud-as-well0 loud-as-well1 loud-as-well2     hook.progress   loud-as-well9 hook.finished " +
		"loud10 run.finished"
	if g := strings.Join(got, " "); g != want {
		t.Errorf("got  %q\nwant %q", g, want)
	}
}

// A hook that writes much leaves the output of one that runs beside it alone.
func TestProgressOfHooksBesideEachOther(t *testing.T) {
	s, w, add := begun(t)
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
	for _, events := range progressOf(t, s, w) {
		checkBeside(t, events)
	}
}

func checkBeside(t *testing.T, events []phased.Event) {
	var got []string
	for _, e := range events {
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

// BenchmarkAttach reads a run with 64 MiB of output, as who comes late to it does.
func BenchmarkAttach(b *testing.B) {
	s, err := Open(b.TempDir(), Options{Create: true})
	if err != nil {
		b.Fatal(err)
	}
	w, err := s.Begin("01ARZ3NDEKTSV4RRFFQ69G5FAV")
	if err != nil {
		b.Fatal(err)
	}
	text := phased.Text(strings.Repeat("a line of the output of a loud hook, as long as lines are\n", 1100))
	size, seq := int64(0), uint64(0)
	add := func(d phased.Payload) {
		seq++
		if err := w.Append(phased.Event{Run: w.ID(), Seq: seq, Data: d}); err != nil {
			b.Fatal(err)
		}
	}
	add(phased.RunStarted{})
	for hook := range 8 {
		name := phased.Text(fmt.Sprintf("%d0-loud", hook))
		add(phased.HookStarted{Phase: "p", Hook: name})
		for range (8 << 20) / len(text) {
			add(phased.HookOutput{Phase: "p", Hook: name, Stream: "out", Text: text})
			size += int64(len(text))
		}
		add(phased.HookFinished{Phase: "p", Hook: name})
	}
	add(phased.RunFinished{Status: phased.StatusSucceeded})
	for name, events := range map[string]iter.Seq2[phased.Event, error]{
		"follow": s.Follow(b.Context(), w.ID(), 0), "progress": s.Progress(b.Context(), w.ID(), 64<<10),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				for _, err := range events {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}
