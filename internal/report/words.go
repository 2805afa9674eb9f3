package report

import (
	"fmt"
	"strings"
	"syscall"

	"phased/internal/phased"
)

// ExitText tells in words how a hook, a phase or a run ended.
func ExitText(e phased.Exit) string {
	switch e.Cause {
	case phased.CauseOK:
		return "ok"
	case phased.CauseExit:
		return fmt.Sprintf("exit status %d", e.Status)
	case phased.CauseSignal:
		return "killed by " + phased.SignalName(syscall.Signal(e.Signal))
	case phased.CauseCannotRun:
		return withMessage("cannot be run", e.Message)
	case phased.CauseCarry:
		return withMessage("what it hands to later hooks is refused", e.Message)
	case phased.CauseTimeout, phased.CauseStopped, phased.CauseList, phased.CauseLeak, phased.CauseNotify, phased.CauseTrust, phased.CauseInternal, phased.CauseReboot:
		if e.Message != "" {
			return Safe(strings.ReplaceAll(e.Message, "\n", "; "), false)
		}
	}
	return withMessage(string(e.Cause), e.Message)
}

func withMessage(what, message string) string {
	if message == "" {
		return what
	}
	return what + ": " + Safe(strings.ReplaceAll(message, "\n", "; "), false)
}

// FailureText tells what made a run fail: "configure/30-x: exit status 3".
func FailureText(f phased.Failure) string {
	if f.Phase == "" {
		return ExitText(f.Exit)
	}
	return Hook(f.Phase, f.Hook) + ": " + ExitText(f.Exit)
}

// statusColour returns the colour of a status.
func statusColour(s phased.Status) string {
	switch s {
	case phased.StatusSucceeded:
		return green
	case phased.StatusFailed, phased.StatusTimedOut:
		return alarm
	case phased.StatusFailing:
		return red
	case phased.StatusStopped, phased.StatusInterrupted, phased.StatusWaiting:
		return yellow
	}
	return bold
}

// statusMark returns the mark before a hook of that status, one or two columns
// wide.
func (s Style) statusMark(st phased.Status) string {
	switch st {
	case phased.StatusSucceeded:
		return s.paint(green, s.mark("✓", "+"))
	case phased.StatusRunning, phased.StatusFailing:
		return s.paint(bold, s.mark("▸", ">"))
	}
	return s.paint(statusColour(st), s.mark("✗", "x"))
}

// phaseTitle returns how a phase is headed.
func (s Style) phaseTitle(name string, failure bool, when phased.PhaseWhen) string {
	switch {
	case failure:
		return s.paint(bold, name) + s.paint(dim, " (failure phase)")
	case when == phased.WhenSuccess:
		return s.paint(bold, name) + s.paint(dim, " (success phase)")
	case when == phased.WhenAlways:
		return s.paint(bold, name) + s.paint(dim, " (always runs)")
	}
	return s.paint(bold, name)
}

// differenceText tells one difference between a plan and what was found.
func differenceText(d phased.Difference) string {
	text := Name(d.Name) + ": "
	switch d.What {
	case "added":
		text += "added since the plan"
	case "removed":
		text += "removed since the plan"
	case "content":
		text += "content changed since the plan"
	case "order":
		text += "order changed since the plan"
	default:
		text += d.What + " changed since the plan"
	}
	switch {
	case d.What == "content" || d.Was == "" && d.Is == "":
	case d.Was == "":
		text += " (" + d.Is + ")"
	case d.Is == "":
		text += " (was " + d.Was + ")"
	default:
		text += " (" + d.Was + ", now " + d.Is + ")"
	}
	return text
}

// notRun returns the hooks of a phase that were due and never started.
func notRun(p phased.PhaseRun) []phased.Text {
	started := make(map[phased.Text]bool, len(p.Hooks))
	for _, h := range p.Hooks {
		started[h.Hook] = true
	}
	var left []phased.Text
	for _, e := range p.Entries {
		if e.Verdict == phased.VerdictRun && !started[e.Name] {
			left = append(left, e.Name)
		}
	}
	return left
}

// list returns the names with commas, the first max of them.
func list(names []phased.Text, max int) string {
	var words []string
	for i, n := range names {
		if i == max {
			words = append(words, fmt.Sprintf("and %d more", len(names)-max))
			break
		}
		words = append(words, Name(n))
	}
	return strings.Join(words, ", ")
}

// skippedText tells what of a phase is not run and why: "2 skipped: a.sh
// (name-has-dot), b (not-executable)".
func skippedText(entries []phased.Entry, max int) string {
	var words []string
	n := 0
	for _, e := range entries {
		if e.Verdict == phased.VerdictRun {
			continue
		}
		if n++; n <= max {
			words = append(words, fmt.Sprintf("%s (%s)", Name(e.Name), e.Verdict))
		}
	}
	if n == 0 {
		return ""
	}
	if n > max {
		words = append(words, fmt.Sprintf("and %d more", n-max))
	}
	return fmt.Sprintf("%d skipped: %s", n, strings.Join(words, ", "))
}

// runTitle tells what a run is: "refresh of /etc/phased".
func runTitle(lifecycle string, base phased.Text) string {
	if base == "" {
		return lifecycle
	}
	return lifecycle + " of " + Name(base)
}

// tally tells how many hooks ran: "3 of 5 hooks ran, 1 failed".
func tally(ran, failed, planned int) string {
	text := count(ran, "hook") + " ran"
	if ran != planned {
		text = fmt.Sprintf("%d of %s ran", ran, count(planned, "hook"))
	}
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	return text
}
