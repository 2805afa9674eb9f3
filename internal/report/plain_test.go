package report

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

type view interface {
	Event(phased.Event)
	Tick(time.Time)
	Flush() error
}

func progress(b *bytes.Buffer, s Style) view {
	if s.Terminal {
		return &screen{w: b, s: s, locked: map[string]time.Time{}}
	}
	return NewPlain(b, b, s)
}

// screen tells what a screen has words of this package for, in their order.
type screen struct {
	w      *bytes.Buffer
	s      Style
	r      phased.Run
	tail   Tail
	locked map[string]time.Time
}

func (v *screen) Event(e phased.Event) {
	if !v.r.Apply(e) {
		return
	}
	switch d := e.Data.(type) {
	case phased.HookStarted:
		v.tail = Tail{Max: EndTail}
	case phased.HookOutput:
		v.tail.Add(d)
	case phased.HookWarning:
		v.locked[Hook(d.Phase, d.Hook)] = e.Time
	case phased.RunStopping:
		fmt.Fprintln(v.w, Stopping(v.r, d, []string{"a", "b", "c", "d"}))
	}
	for _, n := range Notes(v.s, v.r, e) {
		fmt.Fprintf(v.w, "%d %s\n", n.Level, strings.TrimPrefix(Name(n.Hook)+": "+n.Text, `"": `))
	}
	if e.Closing() {
		v.tail.End()
		Ending(v.w, v.s, Story{Run: v.r, Tail: v.tail})
	}
}

func (v *screen) Tick(now time.Time) {
	if n := len(v.r.Phases); n > 0 {
		for _, text := range Waits(v.r.Phases[n-1], v.locked, now) {
			fmt.Fprintln(v.w, text)
		}
	}
}

func (v *screen) Flush() error { return nil }

func play(b *bytes.Buffer, s Style, events []phased.Event) {
	v := progress(b, s)
	for _, e := range events {
		v.Event(e)
	}
	v.Flush()
}

func TestProgressOfSuccess(t *testing.T) {
	golden(t, "progress-success", func(b *bytes.Buffer, s Style) { play(b, s, success().events) })
}

func TestProgressOfFailure(t *testing.T) {
	golden(t, "progress-failure", func(b *bytes.Buffer, s Style) { play(b, s, failure().events) })
}

func TestProgressOfStop(t *testing.T) {
	tp := (&tape{}).add(0, started(2)).add(0, phased.PhaseStarted{Phase: "configure", Entries: runs("10-long", "20-next")})
	tp.add(0, phased.HookStarted{Phase: "configure", Hook: "10-long", Path: "/etc/phased/configure.d/10-long", Pid: 7})
	tp.add(time.Second, phased.RunStopping{Signal: "SIGINT"}, phased.HookSignalled{Phase: "configure", Hook: "10-long", Signal: "SIGTERM", Reason: "told to stop by SIGINT", Count: 3})
	tp.add(time.Second, phased.RunStopping{Signal: "SIGKILL", Kill: true}, phased.HookSignalled{Phase: "configure", Hook: "10-long", Signal: "SIGKILL", Reason: "told to stop again", Count: 1})
	exit := phased.Exit{Cause: phased.CauseStopped, Status: 130, Signal: 2, Message: "told to stop by SIGINT"}
	tp.add(0, phased.HookCut{Phase: "configure", Hook: "10-long", Dropped: 3 << 20, Limit: 8 << 20})
	tp.add(0, phased.HookFinished{Phase: "configure", Hook: "10-long", Exit: exit, Took: 2 * time.Second, Left: true})
	f := phased.Failure{Phase: "configure", Hook: "10-long", Path: "/etc/phased/configure.d/10-long", Exit: exit}
	tp.add(0, phased.RunFailed{Failure: f}, phased.PhaseFinished{Phase: "configure", Status: phased.StatusStopped, Took: 2 * time.Second})
	tp.add(0, phased.HookOutput{Phase: "configure", Hook: "10-long", Stream: "out", Text: "late words\n", Late: true})
	tp.add(0, phased.RunWarning{Message: "cannot do \x1b[2J this"})
	tp.add(0, phased.RunFinished{Status: phased.StatusStopped, ExitCode: 130, Failure: &f, Took: 2 * time.Second, Ran: 1, Failed: 1})
	golden(t, "progress-stop", func(b *bytes.Buffer, s Style) { play(b, s, tp.events) })
}

// TestLifeSigns follows a quiet hook by the clock of the ticks.
func TestLifeSigns(t *testing.T) {
	tp := (&tape{}).add(0, started(1)).add(0, phased.PhaseStarted{Phase: "configure", Entries: runs("40-sync")})
	tp.add(0, phased.HookStarted{Phase: "configure", Hook: "40-sync", Path: "/x"})
	t0 := tp.events[2].Time
	tp.add(5*time.Second, phased.HookOutput{Phase: "configure", Hook: "40-sync", Stream: "out", Text: "still w"})
	tp.add(time.Minute, phased.HookOutput{Phase: "configure", Hook: "40-sync", Stream: "out", Text: "aiting\nfor it\n"})
	tp.add(time.Second, phased.HookFinished{Phase: "configure", Hook: "40-sync", Exit: okExit, Took: 66 * time.Second})
	golden(t, "life-signs", func(b *bytes.Buffer, s Style) {
		v := progress(b, s)
		for _, e := range tp.events[:3] {
			v.Event(e)
		}
		for half := range 7 {
			v.Tick(t0.Add(time.Duration(half) * 500 * time.Millisecond))
		}
		v.Event(tp.events[3])
		v.Tick(t0.Add(6 * time.Second))
		v.Tick(t0.Add(62 * time.Second))
		v.Tick(t0.Add(66 * time.Second))
		v.Event(tp.events[4])
		v.Tick(t0.Add(90 * time.Second))
		v.Event(tp.events[5])
		v.Tick(t0.Add(300 * time.Second))
		v.Flush()
	})
}

// TestLifeSignWhileQuiet wants a sign a minute while a hook is silent, and none while
// it talks.
func TestLifeSignWhileQuiet(t *testing.T) {
	events := (&tape{}).add(0, started(1)).add(0, phased.PhaseStarted{Phase: "configure", Entries: runs("a")}).
		add(0, phased.HookStarted{Phase: "configure", Hook: "a"}).events
	start := events[2].Time
	t.Run("plain", func(t *testing.T) {
		var out, err bytes.Buffer
		p := NewPlain(&out, &err, styles()["plain"])
		for _, e := range events {
			p.Event(e)
		}
		for s := range 150 {
			p.Tick(start.Add(time.Duration(s) * time.Second))
		}
		want := "... configure/a has been running for 60 s, quiet for 60 s\n... configure/a has been running for 2 min, quiet for 2 min\n"
		if err.String() != want {
			t.Errorf("got %q, want %q", err.String(), want)
		}
	})
}

// TestEveryByteIsShown feeds output in pieces of every size and wants the same
// text as in one piece, so that no boundary loses or changes anything.
func TestEveryByteIsShown(t *testing.T) {
	const text = "ärger\nzwei\r\ndrei\rvier\n\x1b[31mrot\x1b[0m und \xff\nende ohne"
	for _, style := range []string{"plain"} {
		var want string
		for size := len(text); size > 0; size-- {
			tp := (&tape{}).add(0, started(1)).add(0, phased.PhaseStarted{Phase: "p", Entries: runs("a")})
			tp.add(0, phased.HookStarted{Phase: "p", Hook: "a"})
			for i := 0; i < len(text); i += size {
				tp.add(0, phased.HookOutput{Phase: "p", Hook: "a", Stream: "out", Text: phased.Text(text[i:min(i+size, len(text))])})
			}
			tp.add(0, phased.HookFinished{Phase: "p", Hook: "a", Exit: okExit, Took: time.Second})
			var b bytes.Buffer
			play(&b, styles()[style], tp.events)
			if want == "" {
				want = b.String()
			}
			if b.String() != want {
				t.Errorf("%s, pieces of %d bytes:\n%q\nwant\n%q", style, size, b.String(), want)
			}
		}
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestBrokenWriterIsReported(t *testing.T) {
	for name, v := range map[string]view{
		"plain":  NewPlain(brokenWriter{}, &bytes.Buffer{}, Style{}),
		"events": NewEvents(brokenWriter{}),
	} {
		for _, e := range failure().events {
			v.Event(e)
		}
		if err := v.Flush(); !errors.Is(err, errBroken) {
			t.Errorf("%s: Flush gave %v", name, err)
		}
	}
}

// TestStopAtTheEnd looks at what is told of a stop that ends nothing: a phase at
// the end of the run outlives it.
func TestStopAtTheEnd(t *testing.T) {
	for _, ph := range []phased.PhaseStarted{
		{Phase: "error", Failure: true, Entries: runs("10-tell")},
		{Phase: "tidy", When: phased.WhenAlways, Entries: runs("10-tell")},
	} {
		tp := (&tape{}).add(0, started(1)).add(0, ph)
		tp.add(0, phased.HookStarted{Phase: ph.Phase, Hook: "10-tell", Path: "/x"})
		tp.add(time.Second, phased.RunStopping{Signal: "SIGTERM"})
		for _, s := range []Style{{}, {Terminal: true}} {
			var b bytes.Buffer
			play(&b, s, tp.events)
			if got := b.String(); !strings.Contains(got, "the phases at the end of the run go on") || strings.Contains(got, "ending") {
				t.Errorf("%s, %+v:\n%s", ph.Phase, s, got)
			}
		}
	}
}

// TestPauseThatWasCutShort wants no pause told that was not waited for.
func TestPauseThatWasCutShort(t *testing.T) {
	for _, pid := range []int{0, 42} {
		tp := (&tape{}).add(0, started(1)).add(0, phased.PhaseStarted{Phase: "configure", Entries: runs("10-try")})
		tp.add(0, phased.HookStarted{Phase: "configure", Hook: "10-try", Path: "/x", Pid: 41})
		tp.add(0, phased.HookFinished{Phase: "configure", Hook: "10-try", Exit: phased.Exit{Cause: phased.CauseExit, Status: 1}, Again: true, Pause: time.Hour})
		tp.add(time.Second, phased.HookStarted{Phase: "configure", Hook: "10-try", Path: "/x", Pid: pid, Attempt: 2})
		var b bytes.Buffer
		play(&b, Style{}, tp.events)
		if got := b.String(); strings.Contains(got, "started: attempt 2 of 2, after 60 min") != (pid > 0) || !strings.Contains(got, "started: attempt 2 of 2") {
			t.Errorf("process %d:\n%s", pid, got)
		}
	}
}
