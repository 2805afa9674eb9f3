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
	w.text("phased plan 4", p.Lifecycle, string(p.Base))
	w.texts(p.Roots)
	w.number(int64(p.Timeout), int64(p.Grace), int64(p.FailureLimit), boolean(p.Pinned))
	w.texts(p.Surroundings.Env)
	w.text(string(p.Surroundings.Dir), p.Surroundings.Stdin)
	w.number(int64(p.Surroundings.Umask), int64(len(p.Phases)))
	w.number(int64(len(p.RebootExits)))
	for _, r := range p.RebootExits {
		w.number(int64(r.Status), boolean(r.Same))
		w.text(string(r.When))
	}
	for _, ph := range p.Phases {
		w.phase(ph)
	}
	if p.Failure != nil {
		w.phase(*p.Failure)
	}
	if p.Environment != nil {
		w.phase(*p.Environment)
	}
	if p.Session != nil {
		w.session(*p.Session)
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
	w.text(p.Glob, string(p.Scope), p.Calls, p.Plugins)
	w.texts(p.Files)
	w.texts(p.Args)
	w.text(string(p.Leak), string(p.When), string(p.Parallel), string(p.Siblings))
	w.number(boolean(p.Localrc), int64(len(p.Entries)))
	for _, e := range p.Entries {
		w.text(string(e.Name), string(e.Path), string(e.Root), string(e.Verdict), e.Mode, e.Digest, e.Plugin)
		w.options(e.HookOptions)
		w.texts(e.Args)
	}
}

func (w *writer) options(o phased.HookOptions) {
	w.number(int64(o.Timeout), int64(o.Retries), int64(o.Backoff), int64(len(o.Locks)), int64(len(o.When)))
	w.number(int64(len(o.AllowExit)), int64(len(o.SkipExit)))
	w.text(string(o.Frequency), string(o.Leak))
	w.text(o.Locks...)
	w.text(o.When...)
	for _, n := range o.AllowExit {
		w.number(int64(n))
	}
	for _, n := range o.SkipExit {
		w.number(int64(n))
	}
	w.texts(o.Secrets)
	w.texts(o.Inputs)
}

// session sums up how the shell starts. What is recorded and kept of it does not
// count: it changes nothing that hooks can see.
func (w *writer) session(s phased.Session) {
	w.text(string(s.Name), string(s.TopDir), textDigest(s.Localrc))
	w.number(boolean(s.Posix), int64(len(s.Options)))
	w.text(s.Options...)
	w.number(int64(len(s.Plugins)))
	for _, p := range s.Plugins {
		w.text(p.Name, string(p.Source), p.Ref, string(p.Dir))
		w.number(boolean(p.Fetch))
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
