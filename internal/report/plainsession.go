package report

import "phased/internal/phased"

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
