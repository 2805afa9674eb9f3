package journal

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

type followed struct {
	mu     sync.Mutex
	events []phased.Event
	err    error
	done   chan struct{}
}

func (f *followed) seqs() []uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	var s []uint64
	for _, e := range f.events {
		s = append(s, e.Seq)
	}
	return s
}

// collect follows in the background.
func collect(seq func(yield func(phased.Event, error) bool)) *followed {
	f := &followed{done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for e, err := range seq {
			f.mu.Lock()
			if err != nil {
				f.err = err
			} else {
				f.events = append(f.events, e)
			}
			f.mu.Unlock()
		}
	}()
	return f
}

func (f *followed) wait(t *testing.T) {
	t.Helper()
	select {
	case <-f.done:
	case <-time.After(30 * time.Second):
		t.Fatal("the following does not end")
	}
}

// TestFollowers follows one run in three ways while it is written.
func TestFollowers(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	events := longRun(id)
	w := begin(t, s, id)
	inside := collect(w.Follow(t.Context(), 0))
	outside := collect(s.Follow(t.Context(), id, 0))
	late := collect(w.Follow(t.Context(), 5))
	for i, e := range events[:len(events)-1] {
		if err := w.Append(e); err != nil {
			t.Fatal(err)
		}
		if i == 3 { // what is written is seen before more comes
			eventually(t, "four events are seen", func() bool { return len(inside.seqs()) == 4 && len(outside.seqs()) == 4 })
			if len(late.seqs()) != 0 {
				t.Error("events before the wanted one are yielded")
			}
		}
	}
	if err := w.Append(events[len(events)-1]); err != nil {
		t.Fatal(err)
	}
	inside.wait(t) // before Close: the final event ends it
	late.wait(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	outside.wait(t)
	for name, c := range map[string]struct {
		f    *followed
		want []phased.Event
	}{"inside": {inside, events}, "outside": {outside, events}, "late": {late, events[5:]}} {
		if d := cmp.Diff(c.want, c.f.events); d != "" || c.f.err != nil {
			t.Errorf("%s: %v\n%s", name, c.f.err, d)
		}
	}
	// Everything is there for those who come after.
	again := collect(w.Follow(t.Context(), 0))
	again.wait(t)
	if d := cmp.Diff(events, again.events); d != "" {
		t.Errorf("after the end:\n%s", d)
	}
}

// TestFollowGathers checks that the first event and the final one come at once,
// and that those between are read together, every 50 ms.
func TestFollowGathers(t *testing.T) {
	s := openStore(t, Options{Durability: "run"})
	synctest.Test(t, func(t *testing.T) {
		id := testID(1)
		w, err := s.Begin(id)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		var at []time.Duration
		n := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, err := range w.Follow(t.Context(), 0) {
				if err != nil {
					t.Error(err)
				}
				n++
				if now := time.Since(begun); len(at) == 0 || at[len(at)-1] != now {
					at = append(at, now)
				}
			}
		}()
		sc := newScript(id)
		time.Sleep(time.Second)
		for range 210 {
			if err := w.Append(sc.next(phased.RunWarning{Message: "w"})); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		if err := w.Append(sc.next(phased.RunFinished{Status: phased.StatusSucceeded})); err != nil {
			t.Fatal(err)
		}
		<-done
		ms := time.Millisecond
		want := []time.Duration{1000 * ms, 1050 * ms, 1100 * ms, 1150 * ms, 1200 * ms, 1210 * ms}
		if !slices.Equal(at, want) || n != 211 {
			t.Errorf("%d events read at %v, want %v", n, at, want)
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestFollowEndsWithContext(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	w := begin(t, s, id)
	if err := w.Append(goodRun(id, "/x")[:3]...); err != nil {
		t.Fatal(err)
	}
	why := errors.New("the page was closed")
	for name, follow := range map[string]func(context.Context) *followed{
		"inside":  func(ctx context.Context) *followed { return collect(w.Follow(ctx, 0)) },
		"outside": func(ctx context.Context) *followed { return collect(s.Follow(ctx, id, 0)) },
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		f := follow(ctx)
		eventually(t, "three events are seen", func() bool { return len(f.seqs()) == 3 })
		cancel(why)
		f.wait(t)
		if !errors.Is(f.err, why) || len(f.events) != 3 {
			t.Errorf("%s: %d events, %v", name, len(f.events), f.err)
		}
	}
}

func TestFollowEndsWithWriter(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	w := begin(t, s, id)
	events := goodRun(id, "/x")[:3]
	inside, outside := collect(w.Follow(t.Context(), 0)), collect(s.Follow(t.Context(), id, 0))
	if err := w.Append(events...); err != nil {
		t.Fatal(err)
	}
	eventually(t, "three events are seen", func() bool { return len(inside.seqs()) == 3 && len(outside.seqs()) == 3 })
	select {
	case <-outside.done:
		t.Error("the following ends while the writer lives")
	case <-inside.done:
		t.Error("the following ends while the writer lives")
	case <-time.After(3 * poll):
	}
	if err := w.Close(); err != nil { // without a final event, as by death
		t.Fatal(err)
	}
	inside.wait(t)
	outside.wait(t)
	for name, f := range map[string]*followed{"inside": inside, "outside": outside} {
		if d := cmp.Diff(events, f.events); d != "" || f.err != nil {
			t.Errorf("%s: %v\n%s", name, f.err, d)
		}
	}
}

func TestFollowStopsEarly(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	keep(t, s, goodRun(id, "/x"))
	n := 0
	for range s.Follow(t.Context(), id, 0) {
		if n++; n == 2 {
			break
		}
	}
	for range s.Output(t.Context(), id, "", "") {
		break
	}
	for range s.Events(t.Context(), id) {
		break
	}
	if n != 2 {
		t.Errorf("%d events", n)
	}
}

func TestNoSuchRun(t *testing.T) {
	s := openStore(t, Options{})
	for _, id := range []string{testID(7), "../../etc/passwd", ""} {
		errs := map[string]error{}
		_, errs["Run"] = s.Run(t.Context(), id)
		for _, err := range s.Follow(t.Context(), id, 0) {
			errs["Follow"] = err
		}
		for _, err := range s.Events(t.Context(), id) {
			errs["Events"] = err
		}
		for _, err := range s.Output(t.Context(), id, "", "") {
			errs["Output"] = err
		}
		for name, err := range errs {
			if !errors.Is(err, phased.ErrNoRun) {
				t.Errorf("%s(%q): %v", name, id, err)
			}
		}
		if len(errs) != 4 {
			t.Errorf("%q: %d errors", id, len(errs))
		}
	}
}

func TestOutput(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	out := func(phase, hook, stream, text string) phased.HookOutput {
		return phased.HookOutput{Phase: phase, Hook: phased.Text(hook), Stream: stream, Text: phased.Text(text)}
	}
	all := []phased.HookOutput{
		out("configure", "a", "out", "1\xff"), out("configure", "b", "out", "2"), out("configure", "a", "err", "3"), out("error", "a", "out", "4"),
	}
	sc := newScript(id)
	events := sc.all(started("/x"))
	for _, o := range all {
		events = append(events, sc.next(o))
	}
	keep(t, s, events)
	for _, c := range []struct {
		phase, hook string
		want        []phased.HookOutput
	}{
		{"configure", "a", []phased.HookOutput{all[0], all[2]}},
		{"", "a", []phased.HookOutput{all[0], all[2], all[3]}},
		{"error", "", all[3:]},
		{"", "", all},
		{"configure", "c", nil},
	} {
		var got []phased.HookOutput
		for o, err := range s.Output(t.Context(), id, c.phase, phased.Text(c.hook)) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, o)
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%q %q:\n%s", c.phase, c.hook, d)
		}
	}
}
