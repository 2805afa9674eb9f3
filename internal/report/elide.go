package report

import "phased/internal/phased"

// elided reports whether the event stands for output that is not shown: it has
// no text.
func elided(d phased.HookOutput) bool { return d.Text == "" }

// elide tells once a hook that it writes more than is shown.
func (l *Live) elide(e phased.Event, d phased.HookOutput) {
	v := l.hooks[Hook(d.Phase, d.Hook)]
	if v == nil {
		return
	}
	v.last = e.Time
	if v.elided {
		return
	}
	v.elided, v.tail.Elided = true, true
	l.note(d.Phase, d.Hook, dim, "writes more than is shown here: "+l.Style.Command("logs", l.id(l.run.ID), v.key))
}
