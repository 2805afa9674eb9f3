package report

import (
	"time"

	"phased/internal/phased"
)

// Written is how much a hook has written so far, where its output is beyond what
// goes on record as it comes: "1.2 GiB written so far".
func Written(d phased.HookProgress) string { return Size(d.Out+d.Err) + " written so far" }

// progress notes that a hook is alive, and tells of it once a minute.
func (p *Plain) progress(e phased.Event, d phased.HookProgress) {
	v := p.view(Hook(d.Phase, d.Hook))
	if v == nil {
		return
	}
	v.last = e.Time
	if e.Time.Sub(p.signed) < signEvery {
		return
	}
	p.signed = e.Time
	p.talk("... " + loudSign(v.key, e.Time.Sub(v.began), d) + leftInRun(p.Left, p.run, e.Time))
}

// loudSign tells that a hook is alive whose output is not shown.
func loudSign(name string, age time.Duration, d phased.HookProgress) string {
	return name + " has been running for " + About(age) + ", " + Written(d)
}

// WrittenInAll is the same where nothing more will go on record, as the last lines that
// are known follow: "1.2 GiB written; what is known of its end:".
func WrittenInAll(d phased.HookProgress) string {
	return Size(d.Out+d.Err) + " written; what is known of its end:"
}

// progress prints the last lines of a hook that are known, where those on record
// are old. It reports whether there are any.
func (p *printer) progress(h phased.HookRun) bool {
	d := h.Progress
	if d == nil || len(d.Last) == 0 {
		return false
	}
	text := Written(*d) + ", the end of it:"
	if h.Status != phased.StatusRunning {
		text = WrittenInAll(*d)
	}
	const indent = "  "
	p.line(indent + p.paint(dim, p.mark("⋮ ", ": ")+text))
	for _, l := range d.Last {
		for _, row := range rows(string(l.Text)) {
			p.line(indent + p.gutter(l.Stream) + p.output(row))
		}
	}
	return true
}

// Progress says that output of a hook goes on record at its end only: where that
// comes, once, if at is set; otherwise at the end of what is printed, unless the
// hook ends before.
func (l *Logs) Progress(d phased.HookProgress, at bool) {
	key := Hook(d.Phase, d.Hook)
	if l.waiting == nil {
		l.waiting = map[string]string{}
	}
	_, told := l.waiting[key]
	l.waiting[key] = ""
	text := "[" + Written(d) + "; the rest goes on record when the hook ends]"
	if l.Over {
		text = "[" + Size(d.Out+d.Err) + " written; phased died before the rest went on record]"
	}
	switch {
	case !at:
		l.waiting[key] = text
	case !told:
		l.note(key, text)
	}
}

// note prints a line about the output of a hook.
func (l *Logs) note(key, text string) {
	if l.Raw {
		l.out.flush()
		l.err.line("phased: " + text)
		l.err.flush()
		return
	}
	l.end(key)
	l.head(key)
	l.out.line(l.paint(dim, text))
}
