package watch

import (
	"context"
	"errors"
	"time"
)

// Source is what is watched: a Watcher, or a fake of one in tests.
type Source interface {
	// Wake hands out a value when it is time to look.
	Wake() <-chan struct{}
	// Scan looks: everything that changes after it wakes again.
	Scan(ctx context.Context) (Snapshot, error)
}

// Options are what Loop goes by.
type Options struct {
	Source  Source
	Settle  time.Duration // so long must be quiet before a start
	Max     time.Duration // so long a stream of changes can put off a start
	Poll    time.Duration // look also so often without a hint; 0: never
	Initial bool          // the first start waits for no change
	Once    bool          // end after the first run
	Beat    time.Duration // how often Alive is called; 0: never

	// Run does what a change is for, and returns when that has ended. It ends
	// early where the context does. It is never called twice at once.
	Run func(ctx context.Context, why Why) Outcome
	// Seen is told of every look. It may be nil.
	Seen func(Snapshot)
	// Alive is called at every beat.
	Alive func()
}

// Why is what made a run start.
type Why struct {
	Initial  bool     // it is the first, which waits for no change
	Changes  []Change // since the run before started, or the watching
	Reverted bool     // what changed is by now what it was: the run before may have seen it otherwise
	Again    int      // how often it was put off because others were busy
	// Row is how many runs in a row, this one included, were started by what
	// changed while the one before was running.
	Row int
}

// Outcome is how a run has ended.
type Outcome struct {
	Code int
	Busy bool // it has not begun, because others were busy: to be tried again
}

const (
	busyFirst = 2 * time.Second
	busyMost  = time.Minute
)

// loop is a Loop on its way.
type loop struct {
	o       Options
	settler Settler
	now     Snapshot // of the last look
	seen    Snapshot // that the last run started with
	before  Snapshot // that the one before it started with
	changes []Change // of the last look that found any
	initial bool     // nothing was started yet, and something is to be without a change
	why     Why      // of the run that goes on
	row     int
	ran     chan Outcome // nil: nothing runs
}

// Loop watches until the context ends, or, with Once, a run has. It returns the
// outcome of the last run: where the context has ended, after waiting for the
// run that went on. An error tells that it cannot watch any more.
func Loop(ctx context.Context, o Options) (Outcome, error) {
	first, err := o.Source.Scan(ctx)
	if err != nil {
		return Outcome{}, unlessDone(ctx, err)
	}
	l := &loop{o: o, settler: Settler{Settle: o.Settle, Max: o.Max}, seen: first, before: first, initial: o.Initial}
	l.look(first)
	if o.Initial {
		l.settler.Want()
	}
	return l.run(ctx)
}

func (l *loop) run(ctx context.Context) (last Outcome, err error) {
	poll, endPoll := ticks(l.o.Poll)
	defer endPoll()
	beat, endBeat := ticks(l.o.Beat)
	defer endBeat()
	for {
		due, err := l.step(ctx)
		if err != nil {
			return l.leave(last), unlessDone(ctx, err)
		}
		select {
		case <-l.o.Source.Wake():
			l.settler.Event(time.Now())
		case <-poll:
			l.settler.Event(time.Now())
		case <-beat:
			l.o.Alive()
		case <-due:
		case last = <-l.ran:
			if l.ended(last); l.o.Once && !last.Busy {
				return last, nil
			}
		case <-ctx.Done():
			return l.leave(last), nil
		}
	}
}

// step does what is due, and returns a channel that tells when to come again.
func (l *loop) step(ctx context.Context) (<-chan time.Time, error) {
	for ctx.Err() == nil {
		action, at := l.settler.Next()
		wait := time.Until(at)
		switch {
		case action == Nothing:
			return nil, nil
		case wait > 0:
			return time.After(wait), nil
		case action == Start:
			l.start(ctx)
		default:
			now, err := l.o.Source.Scan(ctx)
			if err != nil {
				return nil, err
			}
			l.look(now)
			changes := now.Since(l.seen)
			if len(changes) > 0 {
				l.changes = changes
			}
			l.settler.Scanned(len(changes) > 0)
		}
	}
	return nil, nil
}

func (l *loop) look(now Snapshot) {
	if l.now = now; l.o.Seen != nil {
		l.o.Seen(now)
	}
}

// start starts a run by what the last look has found.
func (l *loop) start(ctx context.Context) {
	why := Why{Changes: l.now.Since(l.seen), Initial: l.initial, Again: l.why.Again}
	if len(why.Changes) == 0 && !why.Initial {
		why.Changes, why.Reverted = l.changes, true
	}
	if l.settler.Started() {
		l.row++
	} else if why.Again == 0 {
		l.row = 0
	}
	why.Row = l.row
	l.before, l.seen, l.initial, l.why = l.seen, l.now, false, why
	l.ran = make(chan Outcome, 1)
	go func(ran chan<- Outcome) { ran <- l.o.Run(ctx, why) }(l.ran)
}

// ended is told how the run has ended that went on. What could not begin because
// others were busy is tried again, by what has changed until then.
func (l *loop) ended(o Outcome) {
	l.ran = nil
	l.settler.Ended()
	if !o.Busy {
		l.why = Why{}
		return
	}
	l.seen, l.initial = l.before, l.why.Initial
	if l.why.Reverted {
		l.changes = l.why.Changes
	}
	l.settler.Again(time.Now().Add(Delay(l.why.Again)))
	l.why.Again++
}

// Delay is how long what found others busy is put off, after so many times
// before.
func Delay(again int) time.Duration { return min(busyFirst<<min(again, 10), busyMost) }

// leave waits for the run that goes on.
func (l *loop) leave(last Outcome) Outcome {
	if l.ran != nil {
		last = <-l.ran
		l.ran = nil
	}
	return last
}

// unlessDone drops an error that the end of the context has made.
func unlessDone(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// ticks returns a ticker's channel, nil where there is nothing to tick.
func ticks(every time.Duration) (<-chan time.Time, func()) {
	if every <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(every)
	return t.C, t.Stop
}
