package journal

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"time"

	"phased/internal/phased"
)

const (
	// poll is how often a follower of another process's run looks for more.
	poll = 100 * time.Millisecond
	// gather is how long a follower of this process's run lets events gather.
	gather = 50 * time.Millisecond
)

// Follow yields the events after seq as they are recorded, and ends after the
// final event or Close. Events that come close together are read together, at
// most every 50 ms; the final one is not kept waiting.
func (w *Writer) Follow(ctx context.Context, after uint64) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		w.follow(ctx, whole{after, yield})
	}
}

// Progress is Follow for a screen. Of a hook that writes much it yields the
// first limit bytes of output and the last piece; in place of each piece between
// them comes an output event without text, whose time is near enough.
func (w *Writer) Progress(ctx context.Context, limit int) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		w.follow(ctx, &progress{limit: limit, yield: yield})
	}
}

func (w *Writer) follow(ctx context.Context, to taker) {
	f, err := regular(w.path, os.O_RDONLY, 0)
	if err != nil {
		to.fail(err)
		return
	}
	defer f.Close()
	r := newReader(f, w.path, w.id)
	for {
		w.mu.Lock()
		r.limit = w.size
		over := w.last || w.closed
		w.mu.Unlock()
		read := time.Now()
		if end := pass(ctx, r, to); end || over {
			return
		}
		if err := w.await(ctx, r.limit, read); err != nil {
			to.fail(err)
			return
		}
	}
}

// await returns when the file has grown beyond size and events have had time to
// gather since the last read, or when nothing comes any more.
func (w *Writer) await(ctx context.Context, size int64, read time.Time) error {
	w.mu.Lock()
	var wake chan struct{}
	if w.size == size && !w.last && !w.closed {
		if w.wake == nil {
			w.wake = make(chan struct{})
		}
		wake = w.wake
	}
	w.mu.Unlock()
	if wake != nil {
		select {
		case <-wake:
		case <-w.done:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	t := time.NewTimer(gather - time.Since(read))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-w.done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pass hands on what the file has now. It reports whether the following is over:
// the final event was there, the consumer wants no more, or there was an error.
func pass(ctx context.Context, r *reader, to taker) bool {
	for {
		rec, err := r.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errTorn) {
			return false
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		more := false
		if err == nil {
			more, err = to.take(r, rec)
		}
		if err != nil {
			to.fail(err)
			return true
		}
		if !more || rec.closing() {
			return true
		}
	}
}

// Follow implements phased.Source. It looks for more every 100 ms.
func (s *Store) Follow(ctx context.Context, id string, after uint64) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		s.follow(ctx, id, whole{after, yield})
	}
}

// Progress is Follow, from the beginning on, for a screen: see Writer.Progress. The
// text of output that it leaves out is not decoded, so that who comes late to a run
// with much output is soon where the run is.
func (s *Store) Progress(ctx context.Context, id string, limit int) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		s.follow(ctx, id, &progress{limit: limit, yield: yield})
	}
}

func (s *Store) follow(ctx context.Context, id string, to taker) {
	f, err := s.openRun(id, os.O_RDONLY)
	if err != nil {
		to.fail(err)
		return
	}
	defer f.Close()
	r := newReader(f, f.Name(), id)
	t := time.NewTicker(poll)
	defer t.Stop()
	for {
		if pass(ctx, r, to) {
			return
		}
		live, err := s.locked(f)
		if err != nil {
			to.fail(err)
			return
		}
		if !live {
			// It may have ended between the last read and the probe.
			pass(ctx, r, to)
			return
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			to.fail(context.Cause(ctx))
			return
		}
	}
}

// Events yields what is on record of the run now, and does not wait for more.
func (s *Store) Events(ctx context.Context, id string) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		f, err := s.openRun(id, os.O_RDONLY)
		if err != nil {
			yield(phased.Event{}, err)
			return
		}
		defer f.Close()
		pass(ctx, newReader(f, f.Name(), id), whole{0, yield})
	}
}

// Output yields the captured output of one hook that is on record now, in the
// order in which it was read. An empty phase or hook stands for all. Where
// output was left out of the record (hook.cut) is told by Events only.
func (s *Store) Output(ctx context.Context, id, phase string, hook phased.Text) iter.Seq2[phased.HookOutput, error] {
	return func(yield func(phased.HookOutput, error) bool) {
		f, err := s.openRun(id, os.O_RDONLY)
		if err != nil {
			yield(phased.HookOutput{}, err)
			return
		}
		defer f.Close()
		pass(ctx, newReader(f, f.Name(), id), outputs{phase, hook, yield})
	}
}
