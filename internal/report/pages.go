package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"phased/internal/phased"
)

// Page tells of a run what a page of a browser shows, in the words that a
// terminal has. What it returns may be shown as text anywhere: it has no control
// characters.
type Page struct{ Style }

// NewPage returns a Page for people; flags are those that every command which is
// suggested needs.
func NewPage(s Style) Page {
	s.Terminal, s.Width, s.Unicode, s.Colour = true, 120, true, false
	return Page{s}
}

// Fact is one thing to know of a run, by name.
type Fact struct{ Name, Text string }

// Heading is what there is to say first of a run that did not simply end well.
type Heading struct {
	Word  string // FAILED, RUNNING
	Phase string // of the hook that it is about; "": it is about none
	Hook  phased.Text
	// Before is what is said before the hook, where that is in the middle of a sentence
	// ("in"); a colon follows it then.
	Before string
	How    string // exit status 3
	Text   string // where, and what led there: lines
}

// Title tells what a run is: "refresh of /etc/phased as os-refresh-config".
func (g Page) Title(s phased.RunStarted) string {
	text := runTitle(s.Lifecycle, s.Base)
	if s.Personality != "" {
		text += " as " + Safe(s.Personality, false)
	}
	return Safe(text, false)
}

// Facts tells what, when, where and by whom.
func (g Page) Facts(r phased.Run) []Fact {
	var all []Fact
	p := newPrinter(io.Discard, g.Style)
	p.collect = &all
	p.facts(r)
	for i := range all {
		all[i].Text = Safe(all[i].Text, false)
	}
	return all
}

// Heading tells what failed, or runs, and where; nil: nothing but that the run
// ended well.
func (g Page) Heading(st Story) *Heading {
	r := st.Run
	var b bytes.Buffer
	p := newPrinter(&b, g.Style)
	p.headlineAlone(st)
	_ = p.flush() // a buffer takes everything
	first, rest, _ := strings.Cut(safeLines(b.String()), "\n")
	if first == "" {
		return nil
	}
	word, how, _ := strings.Cut(first, "  ")
	h := &Heading{Word: word, Text: strings.TrimRight(undent(rest), "\n ")}
	switch phase, hook, ok := Subject(r); {
	case endedHalfWay(r) != nil:
		half := endedHalfWay(r)
		h.Phase, h.Hook = half.Phase, half.Hook
	case ok:
		h.Phase, h.Hook = phase, hook
	case r.Failure != nil:
		h.Phase = r.Failure.Phase
	}
	// What is said behind the name of the hook.
	name := Safe(Hook(h.Phase, h.Hook), false)
	if at := strings.Index(how, name); h.Phase != "" && at >= 0 {
		h.Before, how = strings.TrimSpace(how[:at]), how[at+len(name):]
	}
	h.How = strings.TrimLeft(strings.TrimSpace(how), ": ")
	return h
}

// safeLines takes out of a text of several lines what a printer lets pass: colours.
func safeLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = Safe(l, false)
	}
	return strings.Join(lines, "\n")
}

// undent takes two blanks off the beginning of each line.
func undent(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}

// NextSteps returns commands that a reader of the run may want to type, each with
// what it does.
func (g Page) NextSteps(st Story) [][2]string {
	p := newPrinter(io.Discard, g.Style)
	r := st.Run
	id := p.id(r.ID)
	next := p.sessionNext(st)
	if r.Waiting != nil {
		next = [][2]string{{p.Command("resume", "--after-reboot"), "go on, once the host was rebooted"}}
	}
	if phase, hook, ok := Subject(r); ok && r.Start.Output != "inherited" {
		next = append(next, [2]string{p.Command("logs", id, phase+"/"+string(hook)), "all of its output"})
	}
	if !r.Status.Final() {
		next = append(next, [2]string{p.Command("stop", id), "end it"})
	}
	return append(next, [2]string{p.Command("show", id), "the whole story"})
}

// Tally tells how many hooks ran: "3 of 5 hooks ran, 1 failed".
func (g Page) Tally(r phased.Run) string {
	ran, failed := r.Counts()
	return tally(ran, failed, r.Start.Hooks)
}

// NotRecorded tells where the output of a hook went that was not captured.
func (g Page) NotRecorded(r phased.Run, h phased.HookRun) string {
	return Safe(newPrinter(io.Discard, g.Style).outputPlace(r, h), false)
}

// PhaseNotes tells what surprises about a phase, a line each.
func (g Page) PhaseNotes(ph phased.PhaseRun) []string {
	var all []string
	for _, d := range ph.Differences {
		all = append(all, Safe(differenceText(d), false))
	}
	for _, w := range ph.Warnings {
		text := warningText(w)
		if w.Hook != "" && !strings.Contains(text, Name(w.Hook)) {
			text = Name(w.Hook) + ": " + text
		}
		all = append(all, text)
	}
	return all
}

// Passed tells of a phase what in it is not run, and why; "": nothing.
func (g Page) Passed(ph phased.PhaseRun) string { return Safe(skippedText(ph.Entries, 8), false) }

// Due returns the hooks of a phase that are due and were not started.
func (g Page) Due(ph phased.PhaseRun) []phased.Text { return notRun(ph) }

// DueText tells of a hook that is due and was not started what it waits for.
func (g Page) DueText(ph phased.PhaseRun, name phased.Text) string {
	return Safe(notYet(ph)+lockWait(ph, name), false)
}

// HookNotes tells what there is to know of a hook beside its status and times, a
// line each, what surprises first.
func (g Page) HookNotes(r phased.Run, h phased.HookRun) (warn, quiet []string) {
	if h.Status == phased.StatusSkipped {
		quiet = append(quiet, "skipped: "+oneLine(h.Reason))
	}
	if text := attemptText(r, h); text != "" {
		quiet = append(quiet, text)
	}
	if h.Slow != nil {
		warn = append(warn, g.wasSlow(*h.Slow))
	}
	if text := ignoredText(h); text != "" {
		warn = append(warn, text)
	}
	if h.Ended {
		warn = append(warn, "the session ended in it")
	}
	for _, w := range h.Warnings {
		if w.Line == 0 && w.File == h.Path {
			w.File = ""
		}
		warn = append(warn, warningText(w))
	}
	if text := leftText(h.LeftBehind, h.LeftMore, h.Leak, 3); text != "" {
		warn = append(warn, text)
	}
	if h.Left {
		warn = append(warn, "left a process behind that held its output")
	}
	if text := whyText(h); text != "" {
		quiet = append(quiet, text)
	} else if h.Why != "" {
		quiet = append(quiet, "runs because: "+oneLine(h.Why))
	}
	if len(h.Notified) > 0 {
		quiet = append(quiet, notifiedText(h.Notified))
	}
	if h.Changes > 0 {
		quiet = append(quiet, "changed "+count(h.Changes, "name"))
	}
	if h.Dropped > 0 {
		quiet = append(quiet, Size(h.Dropped)+" of its output left out of the record")
	}
	return allSafe(warn), allSafe(quiet)
}

func allSafe(lines []string) []string {
	for i := range lines {
		lines[i] = Safe(lines[i], false)
	}
	return lines
}

// Usual tells what a hook takes as a rule: "usually 3.1 s, rarely over 4.0 s (12
// runs)".
func (g Page) Usual(u phased.Usual) string {
	return usualText(phased.HookSlow{P50: u.P50, P95: u.P95, Runs: u.Runs})
}

// Where tells where a hook failed, and what led there: lines; "" where the record
// has no more than its exit.
func (g Page) Where(h phased.HookRun) string {
	if h.Trace == nil {
		return ""
	}
	var b bytes.Buffer
	f := phased.Failure{Phase: h.Phase, Hook: h.Hook, Path: h.Path, Trace: h.Trace}
	if h.Exit != nil {
		f.Exit = *h.Exit
	}
	p := newPrinter(&b, g.Style)
	p.where(h, f, everything())
	_ = p.flush() // a buffer takes everything
	return strings.TrimRight(undent(safeLines(b.String())), "\n ")
}

// Change tells one change of the variable space: what is changed, in which way,
// and what it was and is.
func (g Page) Change(c phased.Change) (name, what, was, is string) {
	p := newPrinter(io.Discard, g.Style)
	name = Name(c.Name)
	if c.Name == "" {
		name = kindWord(c.Kind)
	}
	what = c.What
	if c.Kind != phased.ChangeVariable && c.Kind != phased.ChangeEnvironment && c.Name != "" {
		what += " the " + kindWord(c.Kind)
	}
	if c.Local {
		what += ", local to the point"
	}
	a, b := p.contrast(c.Kind, c.Was, c.Is, 400)
	if c.What != phased.WhatSet {
		was = a + p.noted(c.Was, c.Is)
	}
	if c.What != phased.WhatRemoved {
		is = b + p.noted(c.Is, c.Was)
	}
	return Safe(name, false), Safe(what, false), Safe(was, false), Safe(is, false)
}

// Signal tells that phased sent a signal.
func (g Page) Signal(d phased.HookSignalled) string {
	return Safe("sent "+d.Signal+" to "+count(d.Count, "process")+": "+oneLine(d.Reason), false)
}

// HookName is how a hook is called: PHASE/HOOK.
func (g Page) HookName(phase string, hook phased.Text) string { return Safe(Hook(phase, hook), false) }

// Limit is a time limit as it is written in settings.
func (g Page) Limit(d phased.Duration) string { return limitText(d) }

// Cut tells that output was left out of the record.
func (g Page) Cut(c phased.HookCut) string {
	return fmt.Sprintf("[%s left out of the record here; it keeps %s of a hook]", Size(c.Dropped), Size(c.Limit))
}

// Line is a text of a line or more as one line without control characters.
func (g Page) Line(text string) string { return Safe(oneLine(text), false) }

// Words is a command line as it may be pasted.
func (g Page) Words(argv []phased.Text) string { return commandLine(argv) }
