package report

import (
	"io"
	"slices"
	"time"

	"phased/internal/phased"
)

// Live shows the progress of a run to a person at a terminal, hook by hook,
// with the output as it comes.
//
// Event and Tick never wait for anything but the writers; Flush makes what they
// printed visible.
type Live struct {
	Style
	// Signs makes life signs a line that is drawn again and again; it needs
	// out and err to be one terminal that knows how to erase a line.
	Signs bool
	// NoResume says that nothing is kept for `phased resume`.
	NoResume bool
	// Left tells how long the run will go on; nil, or false: nobody knows.
	Left func(r phased.Run, now time.Time) (phased.TimeLeft, bool)

	out, err *printer
	run      phased.Run
	hooks    map[string]*hookView
	current  []*hookView                 // the hooks that run, in the order in which they were started
	block    *hookView                   // whose output stands last on the screen, under its name
	failed   map[string]*hookView        // hooks that have failed
	shown    int                         // times that something was shown of a hook: see hookView.shown
	half     string                      // stream of the line that is open at its right end, "" none
	drawn    string                      // the life sign that stands on the last line, "" none
	packed   bool                        // the phase above has nothing to run
	signed   time.Time                   // of the last life sign in plain form
	skips    skips                       // not shown yet
	ran      phased.Text                 // the hook that has finished last
	told     map[phased.HookWarning]bool // warnings about phases
	passed   map[string]bool             // what of a phase is skipped, where it was told
	ended    bool                        // a hook has ended the session
	locked   map[string]time.Time        // since when hooks that have not started are known to wait for a lock
}

// hookView is what is kept of a hook while it runs.
type hookView struct {
	key    string
	hook   phased.Text
	began  time.Time
	last   time.Time // of its last output
	late   bool
	headed bool // its name was printed above its output
	elided bool // it wrote more than was shown
	// written is how much that is, where it is more than goes on record as it comes.
	written string
	shown   int // what Live.shown was when it had ended
	parts   [2]lines
	tail    Tail
}

// tailLines is how many lines of a failed hook's output are shown again at the
// end of a run.
const tailLines = 12

// NewLive returns a Live that prints to out, and warnings and life signs to err.
func NewLive(out, err io.Writer, s Style) *Live {
	return &Live{Style: s, out: newPrinter(out, s), err: newPrinter(err, s), hooks: map[string]*hookView{}, failed: map[string]*hookView{}, told: map[phased.HookWarning]bool{}, passed: map[string]bool{}, locked: map[string]time.Time{}}
}

// Event shows an event. Those that the run does not take (a repeated one) show
// nothing.
func (l *Live) Event(e phased.Event) {
	before := l.run.Status
	if !l.run.Apply(e) && before != "" {
		return
	}
	switch e.Data.(type) {
	case phased.PhaseSkipped, phased.HookSkipped, phased.SpaceChanged, phased.HookSummary, phased.Unknown:
	default:
		l.showSkips()
	}
	switch d := e.Data.(type) {
	case phased.RunStarted:
		l.runStarted(d)
	case phased.PhaseStarted:
		l.phaseStarted(d)
	case phased.HookStarted:
		l.hookStarted(d, e.Time)
	case phased.HookOutput:
		if elided(d) {
			l.elide(e, d)
			return
		}
		l.output(d, e.Time)
	case phased.HookProgress:
		l.progress(e, d)
	case phased.HookCut:
		l.note(d.Phase, d.Hook, dim, Size(d.Dropped)+" left out of the record (it keeps "+Size(d.Limit)+" of a hook)")
	case phased.HookSignalled:
		l.note(d.Phase, d.Hook, yellow, "sent "+d.Signal+" to "+count(d.Count, "process")+": "+d.Reason)
	case phased.HookSlow:
		l.note(d.Phase, d.Hook, yellow, slowText(d, true))
	case phased.HookFinished:
		l.hookFinished(d)
	case phased.PhaseFinished:
		l.phaseFinished(d)
	case phased.RunStopping:
		l.stopping(d)
	case phased.RunWarning:
		l.talk(yellow, "warning: "+Safe(d.Message, false))
	case phased.RunFinished:
		l.runFinished(d)
	case phased.RunWaiting:
		l.runWaiting(d)
	case phased.RunInterrupted:
		l.line("")
		l.line(l.paint(yellow, "interrupted") + ": its phased died; closed by " + d.ClosedBy)
	case phased.HookWarning:
		if d.Code == phased.WarnLock && l.locked[Hook(d.Phase, d.Hook)].IsZero() {
			l.locked[Hook(d.Phase, d.Hook)] = e.Time
		}
		l.session(d)
	default:
		l.session(d)
	}
}

// line prints a line of the report, after what stood open before it.
func (l *Live) line(text string) {
	l.clear()
	l.out.line(text)
}

// talk prints a line for the operator alone.
func (l *Live) talk(colour, text string) {
	l.clear()
	l.out.flush()
	l.err.line(l.paint(colour, text))
	l.err.flush()
}

// clear ends an open line and takes the life sign away.
func (l *Live) clear() {
	if l.half != "" {
		l.half = ""
		l.out.printf("\n")
	}
	if l.drawn != "" {
		l.drawn = ""
		l.err.erase()
		l.err.flush()
	}
}

func (l *Live) runStarted(d phased.RunStarted) {
	title := l.paint(bold, runTitle(d.Lifecycle, d.Base))
	switch {
	case d.Resumes != "":
		title += l.paint(dim, ", resumes run "+l.id(d.Resumes))
	case d.Parent != "":
		title += l.paint(dim, ", inside run "+l.id(d.Parent))
	}
	l.line(l.right(title, l.paint(dim, "run "+l.id(l.run.ID))))
}

func (l *Live) phaseStarted(d phased.PhaseStarted) {
	l.block = nil
	hooks := phased.PlannedPhase{Entries: d.Entries}.Hooks()
	packed := len(hooks) == 0 && len(d.Differences) == 0
	if !packed || !l.packed {
		l.line("")
	}
	l.packed = packed
	title := l.phaseTitle(d.Phase, d.Failure, d.When)
	switch {
	case d.Missing:
		title += l.paint(dim, "  no directory")
	case len(hooks) == 0:
		title += l.paint(dim, "  nothing to run")
	}
	if text := skippedText(d.Entries, 3); text != "" && (l.run.Session == nil || !l.passed[text]) {
		l.passed[text] = true // of a session every point looks at the same directory
		title += l.paint(dim, "  "+text)
	}
	l.line(title)
	for i, diff := range d.Differences {
		if i == 5 {
			l.line(l.paint(yellow, "  "+count(len(d.Differences)-i, "more difference")))
			break
		}
		l.line(l.paint(yellow, "  "+differenceText(diff)))
	}
}

func (l *Live) hookStarted(d phased.HookStarted, at time.Time) {
	v := &hookView{
		key: Hook(d.Phase, d.Hook), hook: d.Hook, began: at, last: at,
		tail: Tail{Max: tailLines},
	}
	l.current = append(l.current, v)
	l.hooks[v.key] = v
	delete(l.failed, v.key)
	delete(l.locked, v.key)
	l.signed = at
	l.shown++
}

// only returns the hook that runs, where that is one alone.
func (l *Live) only() *hookView {
	if len(l.current) == 1 {
		return l.current[0]
	}
	return nil
}

func (l *Live) view(phase string, hook phased.Text) *hookView {
	key := Hook(phase, hook)
	v := l.hooks[key]
	if v == nil {
		v = &hookView{key: key, hook: hook, late: true}
		l.hooks[key] = v
	}
	return v
}

// head prints whose output follows, where that is not clear from what stands
// above.
func (l *Live) head(v *hookView) {
	if l.block == v && v.headed {
		return
	}
	v.headed, l.block = true, v
	text := "  " + l.statusMark(phased.StatusRunning) + " " + Name(v.hook)
	if v.late {
		text += l.paint(dim, "  from a process that it left behind")
	}
	l.line(text)
}

func (l *Live) output(d phased.HookOutput, at time.Time) {
	v := l.view(d.Phase, d.Hook)
	v.last = at
	v.tail.Add(d)
	part := &v.parts[streamIndex(d.Stream)]
	if l.half == d.Stream && l.block == v {
		l.goOn(part, d)
		return
	}
	part.add(string(d.Text), func(line string) { l.rows(v, d.Stream, line) })
}

// goOn continues the line that Tick has left open.
func (l *Live) goOn(part *lines, d phased.HookOutput) {
	first := true
	part.add(string(d.Text), func(line string) {
		if !first {
			l.rows(l.block, d.Stream, line)
			return
		}
		first = false
		for i, row := range rows(line) {
			if i > 0 {
				l.rows(l.block, d.Stream, row)
				continue
			}
			l.out.printf("%s\n", l.Style.output(row))
			l.half = ""
		}
	})
}

// rows shows a line of output: below the name of its hook, or behind it while
// several hooks run.
func (l *Live) rows(v *hookView, stream, line string) {
	if !v.late {
		l.shown++
	}
	if len(l.current) > 1 && !v.late {
		l.block = nil
		for _, row := range rows(line) {
			l.line("  " + l.paint(dim, Name(v.hook)) + " " + l.gutter(stream) + l.Style.output(row))
		}
		return
	}
	l.head(v)
	for _, row := range rows(line) {
		l.line("    " + l.gutter(stream) + l.Style.output(row))
	}
}

func (l *Live) note(phase string, hook phased.Text, colour, text string) {
	v := l.view(phase, hook)
	if len(l.current) > 1 && !v.late {
		l.block = nil
		l.line("  " + l.paint(dim, Name(v.hook)) + "  " + l.paint(colour, text))
		return
	}
	l.head(v)
	l.line("    " + l.paint(colour, text))
}

func (l *Live) hookFinished(d phased.HookFinished) {
	v := l.view(d.Phase, d.Hook)
	for i, stream := range []string{"out", "err"} {
		if l.half == stream && l.block == v {
			l.out.printf("%s\n", l.Style.output(v.parts[i].held))
			v.parts[i].held, l.half = "", ""
		}
		v.parts[i].end(func(line string) { l.rows(v, stream, line) })
	}
	left := "  " + l.statusMark(phased.StatusOf(d.Exit.Cause)) + " " + Name(d.Hook)
	switch {
	case d.Ignored:
		left = l.ignored(d.Hook, d.Exit)
	case !d.Exit.OK():
		left += "  " + l.paint(statusColour(phased.StatusOf(d.Exit.Cause)), ExitText(d.Exit))
	}
	if h := l.run.Hook(d.Phase, d.Hook); h != nil {
		if text := attemptText(l.run, *h); text != "" {
			if d.Again {
				text += againText(d.Pause)
			}
			left += l.paint(dim, "  "+text)
		}
	}
	l.shown++
	l.line(l.right(left, l.paint(dim, Took(d.Took))))
	l.sourced(d)
	if text := leftText(d.LeftBehind, d.LeftMore, d.Leak, 3); text != "" {
		l.line("    " + l.paint(dim, text))
	}
	if d.Left {
		l.line("    " + l.paint(dim, "left a process behind that still holds its output"))
	}
	l.current = slices.DeleteFunc(l.current, func(one *hookView) bool { return one == v })
	if !d.Exit.OK() && !d.Ignored {
		v.tail.End()
		v.shown = l.shown
		l.failed[v.key] = v
	}
	v.late, v.headed = true, false
	l.block, l.ran = nil, d.Hook
	if !d.Left {
		delete(l.hooks, v.key)
	}
}

func (l *Live) phaseFinished(d phased.PhaseFinished) {
	for _, p := range l.run.Phases {
		if p.Phase != d.Phase {
			continue
		}
		if left := notRun(p); len(left) > 0 {
			l.line(l.paint(dim, "    not run: "+list(left, 6)))
		}
	}
}

func (l *Live) stopping(d phased.RunStopping) {
	if l.Signs { // take the ^C away that the terminal shows
		l.clear()
		l.err.erase()
	}
	if d.Kill {
		l.talk(alarm, "told to stop again: killing what still runs")
		return
	}
	what := "no further hook starts"
	switch {
	case OutlivesStop(l.run):
		l.talk(yellow, d.Signal+": "+outlives+". A second signal kills.")
		return
	case len(l.current) > 0:
		what = "ending " + viewNames(l.current, 3, func(v *hookView) string { return v.key })
	}
	if l.run.Session == nil {
		what += "; the failure phase follows"
	}
	l.talk(yellow, d.Signal+": "+what+". A second signal kills.")
}

// Flush writes out what was printed and returns the first error of the writers.
func (l *Live) Flush() error {
	if err := l.out.flush(); err != nil {
		return err
	}
	return l.err.flush()
}
