package engine

import (
	"sync"
	"syscall"

	"phased/internal/phased"
)

// Started implements phased.Sink.
func (r *run) Started(h phased.Hook, p phased.Process) {
	r.begun.note(h)
	attempt := h.Attempt
	if attempt == 1 {
		attempt = 0
	}
	r.emit(phased.HookStarted{
		Attempt: attempt, Phase: h.Phase, Hook: h.Name, Path: h.Path, Args: h.Args,
		Pid: p.Pid, PidStart: p.Start, Timeout: h.Timeout, Locks: h.Locks, Why: h.Why, Inputs: h.Inputs, Files: p.Files, Run: h.Run,
	})
}

// told puts on record that a hook was started of which the executor has not told:
// it could not be.
func (r *run) told(h phased.Hook) {
	if !r.begun.take(h) {
		r.Started(h, phased.Process{})
		r.begun.take(h)
	}
}

// begun are the hooks that run of which it is on record that they were started.
type begun struct {
	mu    sync.Mutex
	hooks map[hookKey]bool
}

type hookKey struct {
	phase string
	hook  phased.Text
}

func (b *begun) note(h phased.Hook) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hooks == nil {
		b.hooks = map[hookKey]bool{}
	}
	b.hooks[hookKey{h.Phase, h.Name}] = true
}

// take reports whether the hook is among them, and takes it out.
func (b *begun) take(h phased.Hook) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := hookKey{h.Phase, h.Name}
	was := b.hooks[key]
	delete(b.hooks, key)
	return was
}

// Output implements phased.Sink.
func (r *run) Output(h phased.Hook, parts []phased.Part, late bool) {
	out := make([]phased.Payload, len(parts))
	for i, p := range parts {
		out[i] = phased.HookOutput{Phase: h.Phase, Hook: h.Name, Stream: p.Stream, Text: phased.Text(p.Bytes), Late: late}
	}
	r.emit(out...)
}

// Cut implements phased.Sink.
func (r *run) Cut(h phased.Hook, dropped, limit int64) {
	r.emit(phased.HookCut{Phase: h.Phase, Hook: h.Name, Dropped: dropped, Limit: limit})
}

// Signalled implements phased.Sink.
func (r *run) Signalled(h phased.Hook, sig syscall.Signal, reason string, count int) {
	r.emit(phased.HookSignalled{Phase: h.Phase, Hook: h.Name, Signal: phased.SignalName(sig), Reason: reason, Count: count})
}

// Warning implements phased.Sink.
func (r *run) Warning(message string) { r.emit(phased.RunWarning{Message: message}) }

// Tell implements phased.Sink.
func (r *run) Tell(p phased.Payload) { r.emit(p) }
