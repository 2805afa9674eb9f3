package engine

import (
	"syscall"

	"phased/internal/phased"
)

// Started implements phased.Sink.
func (r *run) Started(h phased.Hook, p phased.Process) {
	r.started = true
	r.emit(phased.HookStarted{
		Phase: h.Phase, Hook: h.Name, Path: h.Path, Args: h.Args,
		Pid: p.Pid, PidStart: p.Start, Timeout: h.Timeout, Locks: h.Locks, Why: h.Why, Inputs: h.Inputs, Files: p.Files, Run: h.Run,
	})
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
