package report

import (
	"fmt"
	"time"

	"phased/internal/phased"
)

// attemptText is what is told of a hook that was tried again, or that ended well
// with something to say: "attempt 2 of 3, after 10 s"; "nothing to do". It is
// mostly "".
func attemptText(r phased.Run, h phased.HookRun) string {
	text := ""
	if h.Exit != nil {
		text = okText(*h.Exit, h.Nothing)
	}
	if h.Attempt < 2 && !h.Again {
		return text
	}
	attempt := "attempt " + attemptOf(r, h.HookStarted)
	if text != "" {
		return attempt + ": " + text
	}
	return attempt
}

// okText is what there is to say of a hook that ended well.
func okText(e phased.Exit, nothing bool) string {
	switch {
	case nothing:
		return "nothing to do"
	case e.OK() && e.Message != "":
		return Safe(oneLine(e.Message), false)
	}
	return ""
}

// attemptOf tells which attempt of a hook it is, of how many, and how long after
// the one before: "2 of 3, after 10 s"; not of one that a stop ended in that pause.
func attemptOf(r phased.Run, h phased.HookStarted) string {
	number := max(h.Attempt, 1)
	text := fmt.Sprint(number)
	for _, ph := range r.Phases {
		if ph.Phase != h.Phase {
			continue
		}
		for _, e := range ph.Entries {
			if e.Name == h.Hook && e.Verdict == phased.VerdictRun {
				text = fmt.Sprintf("%d of %d", number, max(number, e.Retries+1))
			}
		}
		for _, before := range ph.Hooks {
			if before.Hook == h.Hook && before.Again && max(before.Attempt, 1) == number-1 && before.Pause > 0 && h.Pid > 0 {
				text += ", after " + pauseText(before.Pause)
			}
		}
	}
	return text
}

// pauseText tells a pause to people, for whom a jitter of milliseconds is nothing.
func pauseText(d time.Duration) string {
	if d >= time.Second {
		return About(d.Round(time.Second))
	}
	return Took(d)
}
