package report

import (
	"fmt"
	"strings"

	"phased/internal/phased"
)

// endedHalfWay returns the hook that ended the session of a run in order,
// before all that was due was run; else nil.
func endedHalfWay(r phased.Run) *phased.HookRun {
	if r.Status != phased.StatusSucceeded || r.Failure != nil {
		return nil
	}
	left := false
	entered := map[string]bool{}
	var by *phased.HookRun
	for i := range r.Phases {
		ph := &r.Phases[i]
		entered[ph.Phase] = true
		left = left || len(notRun(*ph)) > 0 && ph.Status != phased.StatusSkipped
		for j := range ph.Hooks {
			if ph.Hooks[j].Ended {
				by = &ph.Hooks[j]
			}
		}
	}
	for _, name := range r.Start.Phases {
		left = left || !entered[name]
	}
	if !left {
		return nil
	}
	return by
}

// halfWay prints which hook ended a session in order, and where.
func (p *printer) halfWay(h phased.HookRun) {
	p.line(p.paint(yellow, "ENDED HALF-WAY") + "  " + p.paint(bold, Hook(h.Phase, h.Hook)) + "  ended the session with status 0")
	place := Name(h.Path)
	if t := h.Trace; t != nil && t.File != "" {
		place = position(t.File, t.Line)
		if how := howText(t.How); how != "" {
			place += ": " + how
		}
	}
	p.line("  " + place + p.after(h))
	if h.Trace != nil {
		p.source(*h.Trace, brief())
	}
	p.line("  " + p.paint(yellow, "nothing after it was run"))
}

// sessionFacts prints the runs that a run belongs to, and its bash, with what
// became of it.
func (p *printer) sessionFacts(r phased.Run) {
	s := r.Start
	if s.Parent != "" {
		p.fact("inside", "run "+p.id(s.Parent)+": "+p.Command("show", p.id(s.Parent)))
	}
	if s.Resumes != "" {
		p.fact("resumes", "run "+p.id(s.Resumes)+": "+p.Command("show", p.id(s.Resumes)))
	}
	if r.Session == nil {
		return
	}
	text := "bash " + Safe(r.Session.Bash, false) + fmt.Sprintf(", process %d", r.Session.Pid)
	if len(r.Session.Options) > 0 {
		text += ", with " + Safe(strings.Join(r.Session.Options, ", "), false)
	}
	if e := r.SessionEnded; e != nil && !e.OK() {
		text += "; ended: " + ExitText(*e)
	}
	p.fact("session", text)
	from := r.Session.Restored
	if from == "" {
		from = s.From
	}
	if from != "" {
		p.fact("began with", "the variable space of run "+p.id(from))
	}
	for i, lost := range r.Session.Lost {
		name := ""
		if i == 0 {
			name = "lost of it"
		}
		p.fact(name, p.paint(yellow, Safe(oneLine(lost), false)))
	}
	if n, first := ignoredHooks(r); n > 0 {
		p.fact("ignored", fmt.Sprintf("%s, and the shell went on; first %s", count(n, "hook")+" failed", first))
	}
}

// ignoredHooks returns how many hooks failed and ended nothing, and where the
// first of them failed.
func ignoredHooks(r phased.Run) (n int, first string) {
	for _, ph := range r.Phases {
		for _, h := range ph.Hooks {
			if !h.Ignored {
				continue
			}
			if n++; n == 1 {
				first = Hook(h.Phase, h.Hook)
				if t := h.Trace; t != nil && t.File != "" {
					first += " at " + position(t.File, t.Line)
				}
			}
		}
	}
	return n, first
}

// hookNotes prints, below a hook, what surprises about it.
func (p *printer) hookNotes(h phased.HookRun) {
	const indent = "      "
	if h.Run != "" {
		p.line(indent + "is run " + p.id(h.Run) + p.paint(dim, "   "+p.Command("show", p.id(h.Run))))
	}
	if text := whyText(h); text != "" {
		p.line(indent + p.paint(dim, text))
	}
	if len(h.Notified) > 0 {
		p.line(indent + p.paint(dim, notifiedText(h.Notified)))
	}
	if text := ignoredText(h); text != "" {
		p.line(indent + p.paint(yellow, text))
	}
	if h.Ended {
		p.line(indent + p.paint(yellow, "the session ended in it"))
	}
	p.warnings(h.Warnings, h.Path, indent)
}

// whyText tells why a hook runs that waited for something; "" of others.
func whyText(h phased.HookRun) string {
	for _, begins := range []string{"notified ", "changed: "} {
		if strings.HasPrefix(h.Why, begins) {
			return "runs because " + Safe(oneLine(h.Why), false)
		}
	}
	return ""
}

// notifiedText tells what a hook has notified.
func notifiedText(names []string) string { return "notified " + Safe(strings.Join(names, ", "), false) }

// ignoredText tells of failures that ended nothing: "2 ignored failures, first
// at FILE:LINE".
func ignoredText(h phased.HookRun) string {
	t := h.Trace
	if t == nil {
		if h.Ignored {
			return "ignored: the shell went on"
		}
		return ""
	}
	for _, w := range h.Warnings {
		if w.Code == phased.WarnIgnored {
			return "" // it says the same
		}
	}
	good := h.Exit != nil && h.Exit.OK()
	if !h.Ignored && !good {
		return "" // the trace is of the failure that ended the run
	}
	n := t.Ignored
	if h.Ignored || !h.Ended {
		n++ // that of the trace
	}
	switch {
	case n == 0:
		return ""
	case t.File == "":
		return count(n, "ignored failure")
	case n == 1:
		return "1 ignored failure, at " + position(t.File, t.Line)
	}
	return count(n, "ignored failure") + ", first at " + position(t.File, t.Line)
}

// warnings prints warnings about a hook or a phase, with their codes. The path
// is known to the reader already.
func (p *printer) warnings(all []phased.HookWarning, path phased.Text, indent string) {
	for _, w := range all {
		if w.Line == 0 && w.File == path {
			w.File = ""
		}
		text := warningText(w)
		if w.Hook != "" && path == "" && !strings.Contains(warningText(w), Name(w.Hook)) {
			text = Name(w.Hook) + ": " + text
		}
		p.line(indent + p.paint(yellow, p.mark("⚠ ", "! ")+text))
	}
}

// once leaves out warnings about a phase that were told of an earlier one: the
// same directory is looked at again at every point.
func once(all []phased.HookWarning, told map[phased.HookWarning]bool) []phased.HookWarning {
	var left []phased.HookWarning
	for _, w := range all {
		w.Phase = ""
		if !told[w] {
			left = append(left, w)
		}
		told[w] = true
	}
	return left
}

// warningText tells a warning: "left umask 077 (FILE:LINE) [umask]".
func warningText(w phased.HookWarning) string {
	text := Safe(oneLine(w.Message), false)
	if w.File != "" {
		text += " (" + position(w.File, w.Line) + ")"
	}
	return text + " [" + string(w.Code) + "]"
}

// recorded reports whether it is on record what hooks changed in the variable
// space.
func recorded(r phased.Run) bool {
	if r.Space > 0 {
		return true
	}
	for _, ph := range r.Phases {
		for _, h := range ph.Hooks {
			if h.Changes > 0 {
				return true
			}
		}
	}
	return false
}

// spaceWord is how the variable space of a run is called.
func spaceWord(r phased.Run) string {
	if r.Session == nil {
		return "what its hooks carried"
	}
	return "the variable space"
}

// sessionNext returns the commands that a reader of a run with a session may
// want to type.
func (p *printer) sessionNext(st Story) [][2]string {
	r := st.Run
	next := append(p.resumeNext(st), p.afterNext(r)...)
	if recorded(r) {
		next = append(next, [2]string{p.Command("blame", "NAME", p.id(r.ID)), "who set or changed a variable"})
	}
	return next
}

// resumeNext returns the command that continues a run, where there is one, or that
// shows the run which has continued it.
func (p *printer) resumeNext(st Story) [][2]string {
	r := st.Run
	if st.ResumedBy != "" && st.ResumedBy != r.ID {
		return [][2]string{{p.Command("show", p.id(st.ResumedBy)), "the run that went on with this one"}}
	}
	if st.NoResume || !resumable(r) {
		return nil
	}
	what := "continue, once that is mended"
	switch _, _, ok := Subject(r); {
	case r.Failure == nil:
		what = "continue here"
	case ok:
		what = "continue here, once it is mended"
	}
	return [][2]string{{p.Command("resume", p.id(r.ID)), what}}
}

// afterNext returns the command that shows the variable space behind the hook
// that a reader asks for first, or at the end.
func (p *printer) afterNext(r phased.Run) [][2]string {
	if !recorded(r) {
		return nil
	}
	id := p.id(r.ID)
	phase, hook, ok := Subject(r)
	switch {
	case ok && r.Failure != nil:
		return [][2]string{{p.Command("env", id, "--after", string(hook), "--point", phase), spaceWord(r) + " then"}}
	case r.Status.Final():
		return [][2]string{{p.Command("env", id), spaceWord(r) + " at its end"}}
	}
	return nil
}

// resumable reports whether `phased resume` can be asked for the run.
func resumable(r phased.Run) bool {
	if !r.Status.Final() || r.Status == phased.StatusSucceeded || r.Start.Parent != "" {
		return false
	}
	if r.Session == nil { // hooks that are processes, recorded as native verbs do
		return r.Start.Personality == "" && r.Start.Output == "captured" && len(r.Phases) > 0
	}
	return r.Start.Personality == "" || r.Start.Personality == r.Start.Lifecycle
}
