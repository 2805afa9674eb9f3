package report

import (
	"fmt"
	"time"

	"phased/internal/phased"
)

// slowText tells that a hook takes longer than usual, for people or for scripts.
func slowText(d phased.HookSlow, people bool) string {
	if people {
		return "slower than usual: " + About(d.Elapsed) + " so far, " + usualText(d)
	}
	return fmt.Sprintf("slower than usual: %s so far, p50 %s, p95 %s, %s", Seconds(d.Elapsed), Seconds(d.P50), Seconds(d.P95), count(d.Runs, "run"))
}

// wasSlow tells in the story of a run that a hook took longer than usual.
func (s Style) wasSlow(d phased.HookSlow) string {
	if s.Terminal {
		return "slower than usual: " + usualText(d)
	}
	return fmt.Sprintf("slower than usual: p50 %s, p95 %s, %s", Seconds(d.P50), Seconds(d.P95), count(d.Runs, "run"))
}

func usualText(d phased.HookSlow) string {
	return fmt.Sprintf("usually %s, rarely over %s (%s)", Took(d.P50), Took(d.P95), count(d.Runs, "run"))
}

// leftInRun is what a life sign adds of the time that the run has left: nothing
// where that is not known, or less than a second.
func leftInRun(ask func(phased.Run, time.Time) (phased.TimeLeft, bool), r phased.Run, now time.Time) string {
	if ask == nil {
		return ""
	}
	left, ok := ask(r, now)
	if !ok || left.Time < time.Second {
		return ""
	}
	if left.AtLeast {
		return "; at least " + About(left.Time) + " left in the run"
	}
	return "; about " + roughly(left.Time) + " left in the run"
}

// roughly is About, to the nearest whole unit.
func roughly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return About(d.Round(time.Second))
	case d < 2*time.Hour:
		return About(d.Round(time.Minute))
	}
	return About(d.Round(time.Hour))
}
