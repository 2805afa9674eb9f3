package report

import (
	"fmt"

	"phased/internal/phased"
)

// UnitStatus tells in one line what a run is doing, or how it has ended: what
// systemctl status shows of its unit.
func UnitStatus(r phased.Run) string {
	ran, failed := r.Counts()
	switch {
	case r.Waiting != nil:
		return "waits for a reboot: " + Safe(oneLine(r.Waiting.Why), false)
	case r.Status.Final():
		text := string(r.Status) + ": "
		if r.Failure != nil {
			text += FailureText(*r.Failure) + "; "
		}
		return text + tally(ran, failed, r.Start.Hooks)
	}
	text := r.Start.Lifecycle + " begins"
	if n := len(r.Phases); n > 0 {
		text = r.Phases[n-1].Phase
	}
	var first phased.HookRun
	var more int
	for _, p := range r.Phases {
		for _, h := range p.Hooks {
			switch {
			case h.Status != phased.StatusRunning:
			case first.Hook == "":
				first = h
			default:
				more++
			}
		}
	}
	switch {
	case more > 0:
		text = fmt.Sprintf("%s: %s, %s first", first.Phase, count(more+1, "hook"), Name(first.Hook))
	case first.Hook != "":
		text = Hook(first.Phase, first.Hook)
	}
	if all := max(r.Start.Hooks, ran); ran > 0 && r.Failure == nil {
		text += fmt.Sprintf(" (%d of %d)", ran, all)
	}
	if r.Failure != nil {
		text += ", after " + FailureText(*r.Failure)
	}
	return text
}
