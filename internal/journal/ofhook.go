package journal

import (
	"context"
	"iter"
	"os"

	"phased/internal/phased"
)

// OfHook yields what is on record now of one hook: every event that names it, in
// order, its output among them. Output of other hooks is not decoded, so that
// little is done for a hook of a run that wrote much.
func (s *Store) OfHook(ctx context.Context, id, phase string, hook phased.Text) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		f, err := s.openRun(id, os.O_RDONLY)
		if err != nil {
			yield(phased.Event{}, err)
			return
		}
		defer f.Close()
		pass(ctx, newReader(f, f.Name(), id), &ofHook{phase: phase, hook: hook, mine: map[string]bool{}, yield: yield})
	}
}

// ofHook yields the events of one hook.
type ofHook struct {
	phase string
	hook  phased.Text
	// mine says of the beginning of the data of output whether it is the hook's.
	mine  map[string]bool
	yield func(phased.Event, error) bool
}

func (t *ofHook) fail(err error) { t.yield(phased.Event{}, err) }

func (t *ofHook) take(r *reader, rec record) (bool, error) {
	output := rec.kind == phased.KindHookOutput
	var key []byte
	if output && rec.full == nil {
		key = hookOf(rec.line)
		if mine, known := t.mine[string(key)]; known && !mine {
			return true, nil
		}
	}
	e, err := r.decode(rec)
	if err != nil {
		return false, err
	}
	phase, hook := phased.HookOf(e.Data)
	mine := phase == t.phase && hook == t.hook && hook != ""
	if len(key) > 0 {
		t.mine[string(key)] = mine
	}
	if !mine {
		return true, nil
	}
	return t.yield(e, nil), nil
}
