package report

import (
	"fmt"
	"strings"
	"time"

	"phased/internal/phased"
)

// What a screen tells of a run is in these words, wherever it puts them.

// Level says how much a note matters.
type Level int

// The levels.
const (
	Quiet Level = iota // good to know
	Warn               // surprises, and ends nothing
	Bad                // a failure
)

// Note is one thing that a person should see of the progress of a run: a line
// without control characters.
type Note struct {
	Hook  phased.Text // whom it is about; "": the phase or the run
	Level Level
	Text  string
}

// Notes returns what an event tells beside where the run stands. The event was
// applied to the run.
func Notes(s Style, r phased.Run, e phased.Event) []Note {
	one := func(hook phased.Text, level Level, text string) []Note { return []Note{{hook, level, text}} }
	switch d := e.Data.(type) {
	case phased.PhaseStarted:
		return differenceNotes(d.Differences)
	case phased.HookStarted:
		if d.Run != "" {
			return one(d.Hook, Quiet, "is run "+s.id(d.Run)+"   "+s.Command("show", s.id(d.Run)))
		}
	case phased.HookCut:
		return one(d.Hook, Quiet, Size(d.Dropped)+" left out of the record (it keeps "+Size(d.Limit)+" of a hook)")
	case phased.HookSignalled:
		return one(d.Hook, Warn, "sent "+d.Signal+" to "+count(d.Count, "process")+": "+Safe(oneLine(d.Reason), false))
	case phased.HookSlow:
		return one(d.Hook, Warn, slowText(d, true))
	case phased.HookFinished:
		return finishedNotes(r, d)
	case phased.HookWarning:
		if h := r.Hook(d.Phase, d.Hook); h != nil && h.Path == d.File && d.Line == 0 {
			d.File = ""
		}
		return one(d.Hook, Warn, warningText(d))
	case phased.HookNotified:
		return one(d.Hook, Quiet, notifiedText(d.Names))
	case phased.RunWarning:
		return one("", Warn, "warning: "+Safe(oneLine(d.Message), false))
	case phased.RunFailed:
		if d.Hook == "" {
			return one("", Bad, ExitText(d.Exit))
		}
	case phased.SessionStarted:
		return restoredNotes(s, d)
	case phased.SessionEnded:
		if !d.Exit.OK() {
			return one("", Warn, "the session ended: "+ExitText(d.Exit))
		}
	}
	return nil
}

func differenceNotes(all []phased.Difference) (notes []Note) {
	const most = 5
	for i, d := range all {
		if i == most {
			return append(notes, Note{"", Warn, count(len(all)-i, "more difference")})
		}
		notes = append(notes, Note{"", Warn, differenceText(d)})
	}
	return notes
}

// finishedNotes tells of a hook what the mark of its end does not.
func finishedNotes(r phased.Run, d phased.HookFinished) (notes []Note) {
	h := r.Hook(d.Phase, d.Hook)
	if h == nil {
		return nil
	}
	attempt := attemptText(r, *h)
	if d.Again {
		attempt += againText(d.Pause)
	}
	level, text := Bad, ExitText(d.Exit)
	switch {
	case d.Exit.OK():
		level, text = Quiet, attempt
		if d.Nothing {
			text = "" // no news
		}
	case d.Ignored || d.Again:
		level = Warn
	}
	if !d.Exit.OK() && attempt != "" {
		text += "  " + attempt
	}
	if text != "" {
		notes = append(notes, Note{d.Hook, level, text})
	}
	if text := ignoredText(*h); text != "" {
		notes = append(notes, Note{d.Hook, Warn, text})
	}
	if d.Ended {
		notes = append(notes, Note{d.Hook, Warn, "the session ended in it"})
	}
	if text := leftText(d.LeftBehind, d.LeftMore, d.Leak, 3); text != "" {
		notes = append(notes, Note{d.Hook, Quiet, text})
	}
	if d.Left {
		notes = append(notes, Note{d.Hook, Quiet, "left a process behind that still holds its output"})
	}
	return notes
}

func restoredNotes(s Style, d phased.SessionStarted) (notes []Note) {
	if d.Restored == "" {
		return nil
	}
	notes = append(notes, Note{"", Quiet, "variable space of run " + s.id(d.Restored) + " restored in bash " + Safe(d.Bash, false)})
	for _, lost := range d.Lost {
		notes = append(notes, Note{"", Warn, "lost: " + Safe(oneLine(lost), false)})
	}
	return notes
}

// Stopping tells what a stop does to a run: running are the hooks that run, as
// PHASE/HOOK.
func Stopping(r phased.Run, d phased.RunStopping, running []string) string {
	if d.Kill {
		return "told to stop again: killing what still runs"
	}
	what := "no further hook starts"
	switch {
	case OutlivesStop(r):
		return d.Signal + ": " + outlives + ". A second signal kills."
	case len(running) > 0:
		what = "ending " + several(running, 3)
	}
	if r.Session == nil {
		what += "; the failure phase follows"
	}
	return d.Signal + ": " + what + ". A second signal kills."
}

// several returns words with commas, the first max of them.
func several(words []string, max int) string {
	if len(words) > max {
		words = append(words[:max:max], fmt.Sprintf("and %d more", len(words)-max))
	}
	return strings.Join(words, ", ")
}

// Waits tells which hooks of a phase that runs will run and do not yet, and what
// for: another attempt, a lock, a job. Locked says since when hooks, as
// PHASE/HOOK, are known to wait for a lock that somebody else holds.
func Waits(ph phased.PhaseRun, locked map[string]time.Time, now time.Time) []string {
	return phaseWaits(ph, locked, now)
}

// Left tells the time that a run has left; "" where it is less than a second.
func Left(left phased.TimeLeft) string {
	switch {
	case left.Time < time.Second:
		return ""
	case left.AtLeast:
		return "at least " + About(left.Time) + " left"
	}
	return "about " + roughly(left.Time) + " left"
}

// RunTitle tells what a run or a plan is: "refresh of /etc/phased".
func RunTitle(lifecycle string, base phased.Text) string {
	return Safe(runTitle(lifecycle, base), false)
}

// PhaseKind tells what is special about a phase: "failure phase", or "".
func PhaseKind(failure bool, when phased.PhaseWhen) string {
	switch {
	case failure:
		return "failure phase"
	case when == phased.WhenSuccess:
		return "success phase"
	case when == phased.WhenAlways:
		return "always runs"
	}
	return ""
}

// Skipped tells which entries of a phase are no hooks that run, and why; "" where
// there are none.
func Skipped(entries []phased.Entry) string { return skippedText(entries, 3) }

// NotRun returns the hooks of a phase that were due and never started.
func NotRun(p phased.PhaseRun) []phased.Text { return notRun(p) }

// Names returns names with commas, the first max of them.
func Names(names []phased.Text, max int) string { return list(names, max) }

// Reason is a reason in words as one line.
func Reason(text string) string { return Safe(oneLine(text), false) }

// Count returns "1 hook" or "3 hooks".
func Count(n int, what string) string { return count(n, what) }

// StatusMark is the mark of a status, one column wide.
func (s Style) StatusMark(st phased.Status) string { return s.statusMark(st) }

// ID is a run's id for the style's reader.
func (s Style) ID(id string) string { return s.id(id) }
