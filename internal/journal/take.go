package journal

import (
	"bytes"
	"time"

	"phased/internal/phased"
)

// taker is what records are handed to, one after the other.
type taker interface {
	// take reports whether it wants more. What is in the record is valid during
	// the call only.
	take(r *reader, rec record) (more bool, err error)
	// fail is told of the error that ends the reading.
	fail(err error)
}

// whole yields every event after a seq.
type whole struct {
	after uint64
	yield func(phased.Event, error) bool
}

func (t whole) fail(err error) { t.yield(phased.Event{}, err) }

func (t whole) take(r *reader, rec record) (bool, error) {
	if rec.seq <= t.after {
		return true, nil
	}
	e, err := r.decode(rec)
	if err != nil {
		return false, err
	}
	return t.yield(e, nil), nil
}

// outputs yields the output of one hook, or of all.
type outputs struct {
	phase string
	hook  phased.Text
	yield func(phased.HookOutput, error) bool
}

func (t outputs) fail(err error) { t.yield(phased.HookOutput{}, err) }

func (t outputs) take(r *reader, rec record) (bool, error) {
	if rec.kind != phased.KindHookOutput {
		return true, nil
	}
	e, err := r.decode(rec)
	if err != nil {
		return false, err
	}
	o, ok := e.Data.(phased.HookOutput)
	if !ok || t.phase != "" && o.Phase != t.phase || t.hook != "" && o.Hook != t.hook {
		return true, nil
	}
	return t.yield(o, nil), nil
}

// progress yields what a screen shows: decoding all output of a hook that
// writes much would take more time than the hook does.
type progress struct {
	limit int
	yield func(phased.Event, error) bool
	seen  map[string]*shown // by the beginning of their data, which names the hook
	held  record            // the last piece of output that was not yielded
	of    *shown            // whose it is
	line  []byte            // its line
	began time.Time         // of the run, by the last event that was decoded
}

// shown is how much of a hook's output was seen.
type shown struct {
	phase string
	hook  phased.Text
	bytes int // as lines of the file, of the attempt that runs
}

func (t *progress) fail(err error) { t.yield(phased.Event{}, err) }

func (t *progress) take(r *reader, rec record) (bool, error) {
	var of *shown
	if rec.kind == phased.KindHookOutput {
		if of = t.seen[string(hookOf(rec.line))]; of != nil {
			if of.bytes += len(rec.line); of.bytes > t.limit {
				return t.hold(rec, of), nil
			}
		}
		if !t.drop() { // what is held is of another hook, which goes on
			return false, nil
		}
	} else if more, err := t.before(r, rec.kind); !more || err != nil {
		return false, err
	}
	e, err := r.decode(rec)
	if err != nil {
		return false, err
	}
	t.began = e.Time.Add(-e.Mono)
	switch d := e.Data.(type) {
	case phased.HookStarted:
		t.forget(d.Phase, d.Hook)
	case phased.HookFinished:
		t.forget(d.Phase, d.Hook)
	case phased.HookOutput:
		if of == nil {
			if t.seen == nil {
				t.seen = map[string]*shown{}
			}
			t.seen[string(hookOf(rec.line))] = &shown{d.Phase, d.Hook, len(rec.line)}
		}
	}
	return t.yield(e, nil), nil
}

// before yields the piece that is kept before an event: with its text, unless the
// event has a text of its own that is newer.
func (t *progress) before(r *reader, kind phased.Kind) (bool, error) {
	if kind == phased.KindHookProgress {
		return t.drop(), nil
	}
	return t.release(r)
}

// forget begins to count anew for a hook.
func (t *progress) forget(phase string, hook phased.Text) {
	for key, one := range t.seen {
		if one.phase == phase && one.hook == hook {
			delete(t.seen, key)
		}
	}
}

// hookOf returns the part of a line with output that names its hook.
func hookOf(line []byte) []byte {
	_, data, _ := bytes.Cut(line, []byte(`,"data":{`))
	of, _, _ := bytes.Cut(data, []byte(`,"stream":`))
	return of
}

// hold keeps the piece and yields the one that was kept before without its text.
func (t *progress) hold(rec record, of *shown) bool {
	more := t.drop()
	t.line = append(t.line[:0], rec.line...)
	t.held, t.of = rec, of
	t.held.line = t.line
	return more
}

// drop yields the piece that is kept without its text.
func (t *progress) drop() bool {
	was := t.held
	if t.held = (record{}); was.line == nil {
		return true
	}
	return t.yield(phased.Event{Run: was.run, Seq: was.seq, Time: t.began.Add(was.mono), Mono: was.mono, Data: phased.HookOutput{Phase: t.of.phase, Hook: t.of.hook}}, nil)
}

// release yields the piece that is kept.
func (t *progress) release(r *reader) (bool, error) {
	if t.held.line == nil {
		return true, nil
	}
	e, err := r.decode(t.held)
	t.held = record{}
	if err != nil {
		return false, err
	}
	return t.yield(e, nil), nil
}
