package cli

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/tui"
)

// view shows the progress of a run.
type view interface {
	Event(phased.Event)
	Tick(time.Time)
	Flush() error
}

// newView returns the view for those who want no live terminal.
func (j *job) newView() view {
	if j.o.json {
		return report.NewEvents(writer(j.w.Stdout))
	}
	p := report.NewPlain(writer(j.w.Stdout), writer(j.w.Stderr), j.w.style(true, j.again))
	p.Left = j.usual.left(j.plan)
	return p
}

// live returns what shows the run on a terminal; nil: plain lines do.
func (j *job) live() *tui.Screen {
	if j.o.json || j.o.plain || !j.w.lively(j.settings) {
		return nil
	}
	keys := j.w.Stdin
	if j.plan.Surroundings.Stdin == "inherit" || !isTerminal(keys) || j.w.getenv(watchGroup) != "" {
		keys = nil // they are for the hooks, or the watch, or there are none
	}
	s := j.w.newScreen(keys, j.again)
	left := j.usual.left(j.plan)
	s.Left = func(r phased.Run, now time.Time) (phased.TimeLeft, bool) {
		if now.Sub(r.Began) > 2*time.Second { // a person looks at it
			j.usual.wanted()
		}
		return left(r, now)
	}
	s.Usual, s.Source = j.usual.now, j.store
	return s
}

// shownOutput is how much of a hook's output is shown as it comes, in bytes of
// the record. All that is kept of it is there afterwards, in phased logs.
const shownOutput = 512 << 10

// screen shows what the run file holds, as it grows. It never slows the run:
// the run writes to the file, and the screen reads from there.
type screen struct {
	j        *job
	writer   *journal.Writer
	recorded atomic.Uint64 // seq of the last event in the file
	shown    atomic.Uint64 // seq of the last event that was shown
	cancel   context.CancelFunc
	gone     sync.WaitGroup
	mu       sync.Mutex
	stderr   view          // shows what could not be recorded
	live     *tui.Screen   // nil: there are only lines
	terminal *tui.Terminal // that it draws on
	over     chan struct{} // closed when nothing is shown any more
}

func newScreen(j *job, writer *journal.Writer) *screen {
	s := &screen{j: j, writer: writer, live: j.live(), over: make(chan struct{})}
	if s.live != nil {
		s.terminal = s.live.Terminal
		if isTerminal(j.w.Stderr) {
			j.w.screen = s.live
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	events := make(chan phased.Event, 64)
	s.gone.Go(func() { s.follow(ctx, events) })
	s.gone.Go(func() {
		defer close(s.over)
		if s.live != nil {
			s.showLive(events)
			return
		}
		s.show(events)
	})
	return s
}

// follow reads the run file.
func (s *screen) follow(ctx context.Context, events chan<- phased.Event) {
	defer close(events)
	recorded := s.writer.Progress(ctx, shownOutput)
	if s.j.o.json {
		recorded = s.writer.Follow(ctx, 0)
	}
	for e, err := range recorded {
		if err != nil {
			if ctx.Err() == nil {
				s.j.w.talk("cannot show the progress: %v", err)
			}
			return
		}
		events <- e
	}
}

// showLive shows on the terminal what follow has read. Where that cannot be
// written to, the rest is not shown, and the run goes on.
func (s *screen) showLive(events <-chan phased.Event) {
	s.live.Shown = s.shown.Store
	s.live.Broken = func(err error) {
		// The screen itself says this: it would wait for itself.
		fmt.Fprintf(s.j.w.Stderr, "phased: cannot show the progress: %v; the run goes on\n", err)
	}
	s.live.Run(context.Background(), events, nil)
}

// show prints what follow has read. Where printing fails, the rest is not
// printed, and the run goes on.
func (s *screen) show(events <-chan phased.Event) {
	v := s.j.newView()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var broken error
	flush := func() {
		if broken == nil {
			if broken = v.Flush(); broken != nil {
				s.j.w.talk("cannot show the progress: %v; the run goes on", broken)
			}
		}
	}
	for {
		select {
		case e, ok := <-events:
			if !ok {
				flush()
				return
			}
			if broken == nil {
				v.Event(e)
			}
			if len(events) == 0 {
				flush()
			}
			s.shown.Store(e.Seq)
		case now := <-tick.C:
			if broken == nil {
				v.Tick(now)
				flush()
			}
		}
	}
}

// record puts events on record.
func (s *screen) record(events ...phased.Event) error {
	if err := s.writer.Append(events...); err != nil {
		return err
	}
	s.recorded.Store(events[len(events)-1].Seq)
	return nil
}

// unrecorded prints events that could not be recorded on stderr, after what was
// recorded has been shown.
func (s *screen) unrecorded(e phased.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stderr == nil {
		s.catchUp()
		s.j.w.talk("this run can no longer be recorded; what follows stands only here")
		p := report.NewPlain(s.j.w.Stderr, s.j.w.Stderr, report.Style{Flags: s.j.again})
		p.GoesOn(s.before(e.Seq))
		s.stderr = p
	}
	s.stderr.Event(e)
	// There is nowhere left to tell of a stderr that is broken as well.
	_ = s.stderr.Flush()
}

// before returns the run as it was before an event. The event itself may be in the
// file, where all that failed was to sync it.
func (s *screen) before(seq uint64) (r phased.Run) {
	for e, err := range s.j.store.Events(context.Background(), s.j.id) {
		if err != nil || e.Seq >= seq {
			break
		}
		r.Apply(e)
	}
	return r
}

// catchUp waits, not for long, until everything recorded has been shown, and
// then ends the showing.
func (s *screen) catchUp() {
	for deadline := time.Now().Add(2 * time.Second); s.shown.Load() < s.recorded.Load() && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	s.cancel()
	select {
	case <-s.over:
	case <-time.After(2 * time.Second): // a terminal that takes nothing
	}
}

// close waits until everything was shown.
func (s *screen) close() {
	s.gone.Wait()
	s.cancel()
}
