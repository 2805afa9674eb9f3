package journal

import "phased/internal/phased"

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
	seen  int    // bytes of output of the running hook, as lines of the file
	held  record // the last piece of output that was not yielded
	line  []byte // its line
}

func (t *progress) fail(err error) { t.yield(phased.Event{}, err) }

func (t *progress) take(r *reader, rec record) (bool, error) {
	if rec.kind == phased.KindHookOutput {
		if t.seen += len(rec.line); t.seen > t.limit {
			return t.hold(rec), nil
		}
	} else if more, err := t.release(r); !more || err != nil {
		return false, err
	}
	if rec.kind == phased.KindHookStarted {
		t.seen = 0
	}
	e, err := r.decode(rec)
	if err != nil {
		return false, err
	}
	return t.yield(e, nil), nil
}

// hold keeps the piece and yields the one that was kept before without its text.
func (t *progress) hold(rec record) bool {
	was := t.held
	t.line = append(t.line[:0], rec.line...)
	t.held = rec
	t.held.line = t.line
	if was.line == nil {
		return true
	}
	return t.yield(phased.Event{Run: was.run, Seq: was.seq, Mono: was.mono, Data: phased.HookOutput{}}, nil)
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
