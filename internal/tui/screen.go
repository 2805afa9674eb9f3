package tui

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"phased/internal/phased"
)

// How often the terminal is drawn at most, and how often time passes on it.
const (
	drawEvery = 100 * time.Millisecond
	tickEvery = time.Second
)

// Screen shows a run on a terminal while its events come.
type Screen struct {
	Options
	Terminal *Terminal
	// Source is where logs are read from.
	Source phased.Source
	// Shown is told the seq of each event that was taken; nil: nobody asks.
	Shown func(seq uint64)
	// Broken is told, once, that the terminal cannot be written to any more; nil:
	// nobody asks. Events are taken on.
	Broken func(error)
	// Stay says that the end of the run is not the end of the showing.
	Stay bool
	// Fallow says that the terminal does not break lines anew when it gets narrower.
	Fallow bool
	// NoOther says that the terminal has no second screen.
	NoOther bool

	model  *Model
	canvas canvas
	broken bool
	away   bool // in the background: nothing is drawn
	last   time.Time
	said   chan string
	over   chan struct{}
	once   sync.Once
	log    logReader
}

// logReader reads the log that is open.
type logReader struct {
	phase  string
	hook   phased.Text
	cancel context.CancelFunc
	events chan logEvent
	gone   sync.WaitGroup
}

type logEvent struct {
	phase string
	hook  phased.Text
	event phased.Event
	over  bool
}

// Say shows lines of somebody else's while the run is shown, and reports
// whether it will be.
func (s *Screen) Say(text string) bool {
	s.ready()
	select {
	case <-s.over:
		return false
	default:
	}
	select {
	case s.said <- text:
		return true
	case <-s.over:
		return false
	}
}

func (s *Screen) ready() {
	s.once.Do(func() { s.said, s.over = make(chan string), make(chan struct{}) })
}

// Run shows events until there are no more, the context ends, or somebody
// leaves. End is the run as its source has it once there are no more; nil: as its
// events tell it. It returns the run.
func (s *Screen) Run(ctx context.Context, events <-chan phased.Event, end func() (phased.Run, bool)) phased.Run {
	s.ready()
	defer close(s.over)
	s.model = NewModel(s.Options)
	s.canvas.reflows, s.canvas.noOther = !s.Fallow, s.NoOther
	s.log.events = make(chan logEvent, 256)
	s.Terminal.leave = s.canvas.leave
	defer s.Terminal.restore()
	if s.away = !s.Terminal.Foreground(); !s.away {
		s.Terminal.enter()
	}
	keys := s.Terminal.readKeys()
	if keys != nil {
		defer keys.close()
	}
	defer s.closeLog()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGWINCH, syscall.SIGCONT)
	if !signal.Ignored(syscall.SIGTSTP) {
		signal.Notify(signals, syscall.SIGTSTP)
	}
	defer signal.Stop(signals)
	s.model.Resize(s.Terminal.Size())
	s.loop(ctx, events, end, keys, signals)
	return s.model.Run()
}

// loop is Run, once everything is set up.
func (s *Screen) loop(ctx context.Context, events <-chan phased.Event, end func() (phased.Run, bool), keys *keyReader, signals <-chan os.Signal) {
	var pressed <-chan string
	if keys != nil {
		pressed = keys.keys
	}
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	due := time.NewTimer(drawEvery)
	defer due.Stop()
	waiting := true // for due
	s.last = time.Now()
	for {
		at := drawEvery - time.Since(s.last)
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				s.ended(end)
				if !s.Stay || s.model.Quit() {
					s.finish()
					return
				}
				break
			}
			s.take(e)
			s.drain(events)
		case one := <-s.log.events:
			s.logEvent(one)
		case text := <-s.said:
			s.model.Say(text)
		case key := <-pressed:
			s.model.Tick(time.Now())
			s.model.Key(key)
			s.followLog(ctx)
			at = 0
		case now := <-tick.C:
			s.model.Tick(now)
			s.background()
		case sig := <-signals:
			s.signal(sig)
			at = 0
		case <-due.C:
			waiting = false
			s.draw()
			continue
		case <-ctx.Done():
			s.finish()
			return
		}
		if s.model.Quit() {
			s.finish()
			return
		}
		if at <= 0 {
			s.draw()
		} else if !waiting {
			due.Reset(at)
			waiting = true
		}
	}
}

func (s *Screen) take(e phased.Event) {
	s.model.Event(e)
	if s.Shown != nil {
		s.Shown(e.Seq)
	}
}

// drain takes the events that have come already.
func (s *Screen) drain(events <-chan phased.Event) {
	for range 256 {
		select {
		case e, ok := <-events:
			if !ok {
				return // it is told again
			}
			s.take(e)
		default:
			return
		}
	}
}

// ended takes the end of the events.
func (s *Screen) ended(end func() (phased.Run, bool)) {
	s.model.Tick(time.Now())
	if end == nil {
		return
	}
	if r, ok := end(); ok {
		s.model.End(r)
	}
}

// draw brings the terminal up to date.
func (s *Screen) draw() {
	s.last = time.Now()
	s.background()
	frame, whole := s.model.Frame()
	if s.away {
		frame, whole = nil, false
	}
	var above []string
	if !whole {
		above = s.model.Lines()
	}
	s.put(s.canvas.draw(above, frame, whole, s.model.w))
}

func (s *Screen) put(text string) {
	if s.broken {
		return
	}
	if err := s.Terminal.write(text); err != nil {
		s.broken = true
		if s.Broken != nil {
			s.Broken(err)
		}
	}
}

// finish takes the frame away, and tells what is still to be told.
func (s *Screen) finish() {
	s.put(s.canvas.leave())
	s.put(s.canvas.draw(s.model.Lines(), nil, false, s.model.w))
}

// signal takes a signal that is about the terminal.
func (s *Screen) signal(sig os.Signal) {
	switch sig {
	case syscall.SIGTSTP:
		s.put(s.canvas.leave())
		s.Terminal.restore()
		s.away = true
		// As the kernel would have done. What the terminal was is read again
		// afterwards: others may have changed it.
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	case syscall.SIGCONT:
		s.background()
	}
	s.model.Resize(s.Terminal.Size())
	s.model.Tick(time.Now())
}

// background looks whether the terminal is ours to draw on now.
func (s *Screen) background() {
	ours := s.Terminal.Foreground()
	switch {
	case ours && s.away:
		s.Terminal.leave = s.canvas.leave
		s.Terminal.enter()
		s.canvas.drawn = nil
	case !ours && !s.away:
		s.put(s.canvas.leave())
	}
	s.away = !ours
}

// logEvent takes what has come of a log.
func (s *Screen) logEvent(one logEvent) {
	for n := 0; ; n++ {
		if one.over {
			s.model.LogEvents(one.phase, one.hook, nil, true)
		} else {
			s.model.LogEvents(one.phase, one.hook, []phased.Event{one.event}, false)
		}
		if n == 1000 {
			return // keys are waiting
		}
		select {
		case one = <-s.log.events:
		default:
			return
		}
	}
}

// followLog begins to read the log that was opened.
func (s *Screen) followLog(ctx context.Context) {
	phase, hook, after, open := s.model.Log()
	l := &s.log
	if open && l.cancel != nil && l.phase == phase && l.hook == hook {
		return
	}
	s.closeLog()
	if !open || s.Source == nil {
		return
	}
	ctx, l.cancel = context.WithCancel(ctx)
	l.phase, l.hook = phase, hook
	id := s.model.Run().ID
	l.gone.Go(func() {
		defer s.Terminal.Guard()
		send := func(one logEvent) bool {
			one.phase, one.hook = phase, hook
			select {
			case l.events <- one:
				return true
			case <-ctx.Done():
				return false
			}
		}
		for e, err := range s.Source.Follow(ctx, id, after) {
			if err != nil || of(e, phase, hook) && !send(logEvent{event: e}) {
				break
			}
		}
		send(logEvent{over: true})
	})
}

// closeLog ends the reading of a log.
func (s *Screen) closeLog() {
	if s.log.cancel != nil {
		s.log.cancel()
		s.log.cancel = nil
		s.log.gone.Wait()
	}
}

// of reports whether an event is about a hook.
func of(e phased.Event, phase string, hook phased.Text) bool {
	p, h := phased.HookOf(e.Data)
	return p == phase && h == hook
}
