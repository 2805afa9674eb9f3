package web

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"phased/internal/phased"
)

// going is a record of a run that goes on: its events come as far as they are let.
type going struct {
	record
	upTo chan int // how many events there are now; closed: phased has ended
}

func (g going) Follow(ctx context.Context, id string, after uint64) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		n := 0
		for {
			select {
			case upTo, ok := <-g.upTo:
				if !ok {
					return
				}
				for ; n < upTo; n++ {
					if e := g.runs[id][n]; e.Seq > after && !yield(e, nil) {
						return
					}
				}
			case <-ctx.Done():
				yield(phased.Event{}, context.Cause(ctx))
				return
			}
		}
	}
}

// stream asks for a stream, and returns what is sent and how it ends.
func (g going) stream(ctx context.Context, t *testing.T, address, last string) (*reader, <-chan struct{}) {
	t.Helper()
	s, err := New(Options{Source: g, Resolve: g.resolve, Hook: g.hook, Now: func() time.Time { return tellTime.Add(time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	w, end := &reader{header: http.Header{}}, make(chan struct{})
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+address, http.NoBody)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	h := s.Handler()
	go func() { defer close(end); h.ServeHTTP(w, r) }()
	return w, end
}

// targets returns what a stream puts where, by the ids of the elements.
func targets(text string) map[string]string {
	all := map[string]string{}
	for part := range strings.SplitSeq(text, "<template ") {
		_, rest, found := strings.Cut(part, `hx-target="[id='`)
		if !found {
			continue
		}
		id, rest, _ := strings.Cut(rest, "'")
		all[id] += rest
	}
	return all
}

// liveRun is a run of two phases, one of whose hooks fails.
func liveRun() *teller {
	run := tell("01LIVE", phased.RunStarted{Lifecycle: "x", Base: "/b", Phases: []string{"p", "q"}, Hooks: 3})
	run.phase("p", "", "10-a", "20-b")
	run.start("p", "10-a")
	run.output("p", "10-a", "out", "first\nsec")
	run.output("p", "10-a", "out", "ond\nthird\nhalf a li")
	run.output("p", "10-a", "err", "oops\n")
	run.end("p", "10-a", 0, time.Second)
	run.start("p", "20-b")
	run.end("p", "20-b", 0, time.Second)
	run.say(phased.PhaseFinished{Phase: "p", Status: phased.StatusSucceeded})
	run.phase("q", "", "10-c")
	run.start("q", "10-c")
	run.output("q", "10-c", "err", "no such file <b>\n")
	run.end("q", "10-c", 4, time.Second)
	run.say(phased.RunFailed{Failure: phased.Failure{Phase: "q", Hook: "10-c", Exit: phased.Exit{Cause: phased.CauseExit, Status: 4}}})
	run.say(phased.RunFinished{Status: phased.StatusFailed, ExitCode: 1, Took: 3 * time.Second, Ran: 3, Failed: 1})
	return run
}

// TestRunIsLive: what the reader has not seen is sent, and nothing else; the end is
// the page as it would be loaded then.
func TestRunIsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := liveRun()
		g := going{run.record(), make(chan int, 1)}
		g.upTo <- 4 // 10-a has written
		w, end := g.stream(t.Context(), t, "/runs/01LIVE/live?after=3", "")
		time.Sleep(1500 * time.Millisecond) // between two looks, from here on
		got := targets(w.take())
		if !strings.Contains(got["run-story"], "sec") || !strings.Contains(got["run-head"], "running") || got["row-0-1"] != "" || got["run-phases"] != "" {
			t.Errorf("while 10-a runs: %v", got)
		}
		g.upTo <- 9 // 20-b has ended
		time.Sleep(time.Second)
		got = targets(w.take())
		for _, id := range []string{"row-0-0", "row-0-1"} {
			if !strings.Contains(got[id], "succeeded") {
				t.Errorf("%s is %q", id, got[id])
			}
		}
		if _, again := got["run-more"]; again || got["phase-0-head"] != "" {
			t.Errorf("sent without news: %v", got)
		}
		g.upTo <- 12 // q was entered
		time.Sleep(time.Second)
		got = targets(w.take())
		if !strings.Contains(got["run-phases"], `id="phase-1"`) || !strings.Contains(got["run-phases"], "beforeend") || !strings.Contains(got["phase-0-head"], "succeeded") || got["row-0-0"] != "" {
			t.Errorf("as q is entered: %v", got)
		}
		g.upTo <- len(run.events)
		close(g.upTo)
		time.Sleep(time.Second)
		text := w.take()
		got = targets(text)
		if !strings.Contains(got["run-head"], "failed") || !strings.Contains(got["run-story"], "FAILED") || !strings.Contains(got["run-story"], "no such file &lt;b&gt;") ||
			!strings.Contains(got["row-1-0"], "exit status 4") || !strings.Contains(got["run-more"], "exit status") || !strings.HasSuffix(text, "event: over\ndata:\n\n") {
			t.Errorf("at the end: %s", text)
		}
		<-end
	})
}

// TestRunIsLiveAgain: who comes back is sent what it missed.
func TestRunIsLiveAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := liveRun()
		g := going{run.record(), make(chan int, 1)}
		g.upTo <- 9
		ctx, cancel := context.WithCancel(t.Context())
		w, end := g.stream(ctx, t, "/runs/01LIVE/live?after=2", "S8")
		time.Sleep(1500 * time.Millisecond)
		got := targets(w.take())
		if got["row-0-0"] != "" || !strings.Contains(got["row-0-1"], "succeeded") {
			t.Errorf("who has seen event 8 is sent %v", got)
		}
		cancel()
		<-end
	})
}

// TestHookIsLive: each line is sent once, however the events are cut, and what has no
// line end yet is replaced.
func TestHookIsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := liveRun()
		g := going{run.record(), make(chan int, 1)}
		g.upTo <- 4
		w, end := g.stream(t.Context(), t, "/runs/01LIVE/phases/p/hooks/10-a/live?after=3", "")
		time.Sleep(1500 * time.Millisecond) // between two looks, from here on
		got := targets(w.take())
		if n := strings.Count(got["log-lines"], `id="L`); n != 1 || !strings.Contains(got["log-lines"], "first") || !strings.Contains(got["log-pending"], "sec") {
			t.Errorf("first: %v", got)
		}
		g.upTo <- 6
		time.Sleep(time.Second)
		got = targets(w.take())
		for _, want := range []string{`id="L2"`, `id="L3"`, `id="L4"`, "second", "oops"} {
			if !strings.Contains(got["log-lines"], want) {
				t.Errorf("then: no %s in %v", want, got)
			}
		}
		if !strings.Contains(got["log-pending"], "half a li") || strings.Contains(got["log-lines"], "first") {
			t.Errorf("then: %v", got)
		}
		g.upTo <- 8
		time.Sleep(2 * time.Second)
		text := w.take()
		got = targets(text)
		if !strings.Contains(got["log-lines"], "half a li") || !strings.Contains(got["hook-head"], "succeeded") || !strings.HasSuffix(text, "event: over\ndata:\n\n") || got["hook-more"] == "" {
			t.Errorf("at the end: %s", text)
		}
		<-end
	})
}

// TestLoudHookIsLive: of very many lines the last ones are sent, and of output that
// is not on record yet the lines that are known.
func TestLoudHookIsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := tell("01LOUD", phased.RunStarted{Lifecycle: "x"})
		run.phase("p", "", "10-a")
		run.start("p", "10-a")
		for i := range 3000 {
			run.output("p", "10-a", "out", fmt.Sprintf("n%d\n", i))
		}
		run.say(phased.HookProgress{Phase: "p", Hook: "10-a", Out: 120 << 20, Last: []phased.OutputLine{{Stream: "err", Text: "still \x1b[31mat it"}}})
		g := going{run.record(), make(chan int, 1)}
		g.upTo <- len(run.events)
		ctx, cancel := context.WithCancel(t.Context())
		w, end := g.stream(ctx, t, "/runs/01LOUD/phases/p/hooks/10-a/live?after=3", "")
		time.Sleep(1500 * time.Millisecond)
		got := targets(w.take())
		if n := strings.Count(got["log-lines"], `id="L`); n != freshLines || !strings.Contains(got["log-lines"], "2500 lines are left out here") || !strings.Contains(got["log-lines"], `id="L3000"`) {
			t.Errorf("%d lines were sent", n)
		}
		if p := got["log-pending"]; !strings.Contains(p, "120 MiB written so far") || !strings.Contains(p, "still ") || !strings.Contains(p, `class="f-r"`) {
			t.Errorf("of what is not on record: %q", p)
		}
		if total := got["log-total"]; !strings.Contains(total, ">"+strconv.Itoa(3000)+"<") {
			t.Errorf("in all: %q", total)
		}
		cancel()
		<-end
	})
}

// TestHookIsLiveAgain: who comes back is sent the lines that it missed, and no other.
func TestHookIsLiveAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := liveRun()
		g := going{run.record(), make(chan int, 1)}
		g.upTo <- 6
		ctx, cancel := context.WithCancel(t.Context())
		w, end := g.stream(ctx, t, "/runs/01LIVE/phases/p/hooks/10-a/live?after=3", "S4")
		time.Sleep(1500 * time.Millisecond)
		got := targets(w.take())["log-lines"]
		if strings.Contains(got, `id="L1"`) || !strings.Contains(got, `id="L2"`) || !strings.Contains(got, "second") {
			t.Errorf("who has seen event 4 is sent %q", got)
		}
		cancel()
		<-end
	})
}
