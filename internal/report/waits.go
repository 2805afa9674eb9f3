package report

import (
	"fmt"
	"slices"
	"time"

	"phased/internal/phased"
)

// phaseWaits tells which hooks of a phase will run and do not yet, and what for:
// another attempt, a lock, a job.
func phaseWaits(ph phased.PhaseRun, locked map[string]time.Time, now time.Time) []string {
	last := map[phased.Text]phased.HookRun{}
	for _, h := range ph.Hooks {
		last[h.Hook] = h
	}
	number, held := running(ph)
	var all []string
	jobless := 0
	for _, e := range ph.Entries {
		h, begun := last[e.Name]
		left := againIn(h, now)
		since := locked[Hook(ph.Phase, e.Name)]
		switch {
		case e.Verdict != phased.VerdictRun || begun && !h.Again:
		case !since.IsZero():
			all = append(all, Name(e.Name)+" waits for a lock, "+About(now.Sub(since)))
		case begun && left > 0:
			all = append(all, Name(e.Name)+" again in "+About(left))
		case !begun && (ph.Parallel == "" || number == "" || e.NumberValue() != number):
		case heldOf(e, held) != "":
			all = append(all, Name(e.Name)+" waits for lock "+heldOf(e, held))
		case begun:
			all = append(all, Name(e.Name)+" again, once there is a job")
		default:
			jobless++
		}
	}
	if jobless > 0 && number != "" {
		all = append(all, fmt.Sprintf("%d more to start", jobless))
	}
	return all
}

// running returns the number of the hooks of a phase that run, and their locks.
func running(ph phased.PhaseRun) (number string, held []string) {
	for _, h := range ph.Hooks {
		if h.Status != phased.StatusRunning {
			continue
		}
		for _, e := range ph.Entries {
			if e.Name == h.Hook && e.Verdict == phased.VerdictRun {
				number, held = e.NumberValue(), append(held, e.Locks...)
			}
		}
	}
	return number, held
}

// heldOf returns the first lock of a hook that others hold, or "".
func heldOf(e phased.Entry, held []string) string {
	for _, name := range e.Locks {
		if slices.Contains(held, name) {
			return name
		}
	}
	return ""
}

// lockWait tells of a hook that has not run which lock it waits for, where a hook
// of its number holds that.
func lockWait(ph phased.PhaseRun, name phased.Text) string {
	number, held := running(ph)
	for _, e := range ph.Entries {
		if e.Name == name && e.Verdict == phased.VerdictRun && ph.Parallel != "" && number == e.NumberValue() && heldOf(e, held) != "" {
			return ": waits for lock " + heldOf(e, held)
		}
	}
	return ""
}

// againIn is how long the pause before the next attempt still is, in whole seconds.
func againIn(h phased.HookRun, now time.Time) time.Duration {
	left := h.Began.Add(h.Took + h.Pause).Sub(now)
	return max(0, left+time.Second-1).Truncate(time.Second)
}

// againText tells behind a failed attempt when the next one comes.
func againText(pause time.Duration) string {
	if pause <= 0 {
		return ", again at once"
	}
	return ", again in " + pauseText(pause)
}
