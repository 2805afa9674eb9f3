package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"phased/internal/phased"
)

// digest sums up what a plan will do: nothing of it depends on when or by which
// words it was made. Values go with their lengths, so that none can pass for two.
func digest(p phased.Plan) string {
	w := &writer{h: sha256.New()}
	w.text("phased plan 1", p.Lifecycle, string(p.Base))
	w.texts(p.Roots)
	w.number(int64(p.Timeout), int64(p.Grace), int64(p.FailureLimit), boolean(p.Pinned))
	w.texts(p.Surroundings.Env)
	w.text(string(p.Surroundings.Dir), p.Surroundings.Stdin)
	w.number(int64(p.Surroundings.Umask), int64(len(p.Phases)))
	for _, ph := range p.Phases {
		w.phase(ph)
	}
	if p.Failure != nil {
		w.phase(*p.Failure)
	}
	return hex.EncodeToString(w.h.Sum(nil))
}

type writer struct {
	h   hash.Hash
	buf []byte
}

func (w *writer) phase(p phased.PlannedPhase) {
	w.text(p.Name, p.Dir, string(p.OnFailure), string(p.Order), p.Executor, p.Names)
	w.number(int64(p.Timeout), int64(p.HookTimeout), boolean(p.Optional), boolean(p.Failure), boolean(p.Missing))
	w.texts(p.Roots)
	w.texts(p.Dirs)
	w.number(int64(len(p.Entries)))
	for _, e := range p.Entries {
		w.text(string(e.Name), string(e.Path), string(e.Root), string(e.Verdict), e.Mode, e.Digest)
		w.number(int64(e.Timeout))
	}
}

func (w *writer) texts(t []phased.Text) {
	w.number(int64(len(t)))
	for _, s := range t {
		w.text(string(s))
	}
}

func (w *writer) text(s ...string) {
	for _, s := range s {
		w.buf = binary.BigEndian.AppendUint64(w.buf[:0], uint64(len(s)))
		w.buf = append(w.buf, s...)
		w.h.Write(w.buf)
	}
}

func (w *writer) number(n ...int64) {
	for _, n := range n {
		w.buf = binary.BigEndian.AppendUint64(w.buf[:0], uint64(n))
		w.h.Write(w.buf)
	}
}

func boolean(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
