package report

import (
	"strings"

	"phased/internal/phased"
)

// skips are phases, or hooks of a phase, that are not run one after the other
// for one reason: they are shown as one line.
type skips struct {
	phases bool
	names  []phased.Text
	reason string
}

// skip keeps something that is not run until it is clear what follows.
func (l *Live) skip(phases bool, name phased.Text, reason string) {
	if len(l.skips.names) > 0 && (l.skips.phases != phases || l.skips.reason != reason) {
		l.showSkips()
	}
	l.skips.phases, l.skips.reason = phases, reason
	l.skips.names = append(l.skips.names, name)
}

// showSkips shows what skip has kept.
func (l *Live) showSkips() {
	if len(l.skips.names) == 0 {
		return
	}
	k := l.skips
	l.skips = skips{}
	text := list(k.names, 8) + "  skipped: " + Safe(oneLine(k.reason), false)
	if !k.phases {
		l.line("    " + l.paint(dim, text))
		return
	}
	if !l.packed {
		l.line("")
	}
	l.packed = true
	l.line(l.paint(dim, text))
}

// session shows the events that only runs with sourced hooks, or resumed ones,
// have.
func (l *Live) session(data phased.Payload) {
	switch d := data.(type) {
	case phased.SessionStarted:
		l.restored(d)
	case phased.SessionEnded:
		if !d.Exit.OK() && !l.ended {
			l.line(l.paint(yellow, "the session ended: "+ExitText(d.Exit)))
		}
	case phased.PhaseSkipped:
		l.skip(true, phased.Text(d.Phase), d.Message)
	case phased.HookSkipped:
		l.skip(false, d.Hook, d.Message)
	case phased.HookNotified:
		l.line("      " + l.paint(dim, notifiedText(d.Names)))
	case phased.HookWarning:
		l.warning(d)
	}
}

// restored tells what a session starts with that is not new, and what of it is
// lost.
func (l *Live) restored(d phased.SessionStarted) {
	if d.Restored == "" {
		return
	}
	l.line("variable space of run " + l.id(d.Restored) + " restored" + l.paint(dim, " in bash "+Safe(d.Bash, false)))
	for _, lost := range d.Lost {
		l.line("  " + l.paint(yellow, "lost: "+Safe(oneLine(lost), false)))
	}
}

// warning shows a warning below its hook.
func (l *Live) warning(w phased.HookWarning) {
	if l.run.Hook(w.Phase, w.Hook) == nil && len(once([]phased.HookWarning{w}, l.told)) == 0 {
		return
	}
	text := l.mark("⚠ ", "! ")
	indent := "      "
	switch {
	case l.only() != nil && l.only().key == Hook(w.Phase, w.Hook):
		l.head(l.only())
	case w.Hook == "":
		indent = "  "
	case w.Hook != l.ran:
		indent = "    "
		if !strings.Contains(w.Message, string(w.Hook)) {
			text += Name(w.Hook) + ": "
		}
	}
	if h := l.run.Hook(w.Phase, w.Hook); h != nil && h.Path == w.File && w.Line == 0 {
		w.File = ""
	}
	l.line(indent + l.paint(yellow, text+warningText(w)))
}

// sourced tells more of how a sourced hook ended.
func (l *Live) sourced(d phased.HookFinished) {
	h := l.run.Hook(d.Phase, d.Hook)
	if h == nil {
		return
	}
	if h.Run != "" {
		l.line("      " + l.paint(dim, "is run "+l.id(h.Run)+"   "+l.Style.Command("show", l.id(h.Run))))
	}
	if text := ignoredText(*h); text != "" {
		l.line("      " + l.paint(yellow, text))
	}
	if h.Ended {
		l.ended = true
		l.line("      " + l.paint(yellow, "the session ended in it"))
	}
}

// sessionFailed ends a run that has failed and has a session.
func (l *Live) sessionFailed(f phased.Failure) {
	l.out.failed(Story{Run: l.run}, brief())
	if v := l.above(f); v != nil {
		l.out.line("")
		l.out.tail(v.tail)
	}
}

// session writes the lines of events that only runs with sourced hooks, or
// resumed ones, have.
func (p *Plain) session(data phased.Payload) {
	switch d := data.(type) {
	case phased.SessionStarted:
		p.out.printf("session started: bash %s, process %d\n", Safe(d.Bash, false), d.Pid)
		if d.Restored != "" {
			p.out.printf("session restored: the variable space of run %s\n", d.Restored)
		}
		for _, lost := range d.Lost {
			p.out.printf("session lost: %s\n", Safe(oneLine(lost), false))
		}
	case phased.SessionEnded:
		p.out.printf("session ended: %s\n", ExitText(d.Exit))
	case phased.PhaseSkipped:
		p.out.printf("phase %s skipped: %s\n", d.Phase, Safe(oneLine(d.Message), false))
	case phased.HookSkipped:
		p.hook(d.Phase, d.Hook, "skipped: "+Safe(oneLine(d.Message), false))
	case phased.HookNotified:
		p.hook(d.Phase, d.Hook, notifiedText(d.Names))
	case phased.HookWarning:
		if d.Hook == "" {
			p.out.printf("phase %s warning: %s\n", d.Phase, warningText(d))
			return
		}
		p.hook(d.Phase, d.Hook, "warning: "+warningText(d))
	}
}

// sourced writes more of how a sourced hook ended.
func (p *Plain) sourced(d phased.HookFinished) {
	if t := d.Trace; t != nil && t.File != "" && !d.Exit.OK() {
		what := howText(t.How)
		if t.Command != "" {
			what += ": " + Safe(oneLine(string(t.Command)), false)
		}
		p.hook(d.Phase, d.Hook, "failed at "+position(t.File, t.Line)+": "+what)
	}
	switch h := p.run.Hook(d.Phase, d.Hook); {
	case h == nil:
	case d.Ignored:
		p.hook(d.Phase, d.Hook, "ignored: its failure ended nothing")
	case ignoredText(*h) != "":
		p.hook(d.Phase, d.Hook, ignoredText(*h))
	}
	if d.Ended {
		p.hook(d.Phase, d.Hook, "ended the session")
	}
}
