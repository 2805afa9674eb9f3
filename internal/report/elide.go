package report

import "phased/internal/phased"

// elided reports whether the event stands for output that is not shown: it has
// no text, and no hook either.
func elided(d phased.HookOutput) bool { return d.Text == "" && d.Hook == "" }

// elide tells once a hook that it writes more than is shown.
func (l *Live) elide(e phased.Event) {
	v := l.cur
	if v == nil {
		return
	}
	v.last = e.Time
	if v.elided {
		return
	}
	v.elided, v.tail.Elided = true, true
	l.head(v)
	l.line("    " + l.paint(dim, "writes more than is shown here: "+l.Style.Command("logs", l.id(l.run.ID), v.key)))
}
