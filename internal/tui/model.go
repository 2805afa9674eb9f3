package tui

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// Options say how a Model shows a run. Style's width counts for nothing: Resize
// says it.
type Options struct {
	report.Style
	// Colours is how many the terminal has: 16, 256 or 1<<24.
	Colours int
	// Keys says that keys are read.
	Keys bool
	// Attached says that the run is somebody else's: q leaves it alone.
	Attached bool
	// Browse says that the run has ended already, and is looked through.
	Browse bool
	// Left tells how long the run will go on; nil, or false: nobody knows.
	Left func(r phased.Run, now time.Time) (phased.TimeLeft, bool)
	// Usual tells what a hook takes as a rule; nil, or false: nobody knows.
	Usual func(phase string, hook phased.Text) (phased.Usual, bool)
}

// Model is what a person sees of a run: a fold of its events, of the time, of the
// size of the terminal and of keys. It does no I/O.
//
// Whatever got into a text, no line does more to a terminal than colour it.
//
// What is told for good comes out of Lines, a line each; what changes is Frame.
type Model struct {
	o    Options
	w, h int
	now  time.Time

	run     phased.Run
	phases  []*phaseView
	hooks   map[string]*hookView // that run, and those that have failed
	locked  map[string]time.Time
	told    map[phased.HookWarning]bool
	passed  map[string]bool // what of a phase is skipped, where it was told
	skipped skips
	lines   []string
	banner  string // what a stop does
	left    string
	waits   []string
	asked   time.Time // when left and waits were
	focus   string    // the hook whose last lines are shown; "": the oldest

	view    view
	list    listView
	log     *logView
	flash   string // an answer to a key
	until   time.Time
	helped  view // where the help was asked for
	helpTop int
	tall    int  // lines of the frame, while a phase runs
	ended   bool // the last event has come
	quit    bool
}

// view is what is shown.
type view int

const (
	inline view = iota // below what was told, on the terminal as it is
	listing
	logging
	helping
)

// phaseView is what is kept of a phase.
type phaseView struct {
	index   int // in the run
	name    string
	failure bool
	when    phased.PhaseWhen
	began   time.Time
	total   int // hooks to run
	done    int
	failed  int
	passed  int // skipped when their turn came
	ignored int
	current []*hookView
	recent  []doneHook // the last that have ended
	notes   []note
	more    int // notes that are not kept
	places  map[phased.Text]int
	skips   []skips
	folded  bool
}

// note is a note of a phase.
type note struct {
	report.Note
	again bool // of an attempt that another one follows
}

// doneHook is a hook that has ended.
type doneHook struct {
	name   phased.Text
	status phased.Status
	text   string
	took   time.Duration
}

// hookView is what is kept of a hook while it runs, and after a failure.
type hookView struct {
	key    string
	phase  string
	hook   phased.Text
	began  time.Time
	last   time.Time // of its last output
	seq    uint64    // of the event by which it started
	tail   report.Tail
	elided bool // it writes more than is shown
	slow   bool
	ahead  *ahead
}

// skips are phases, or hooks of one, that are not run for one reason.
type skips struct {
	names  []phased.Text
	reason string
}

const (
	notesKept = 40 // of a phase
	recents   = 3
)

// NewModel returns the Model of a run of which nothing is known yet.
func NewModel(o Options) *Model {
	return &Model{o: o, w: 80, h: 24, hooks: map[string]*hookView{}, locked: map[string]time.Time{}, told: map[phased.HookWarning]bool{}, passed: map[string]bool{}}
}

// Resize says how large the terminal is.
func (m *Model) Resize(w, h int) {
	m.w, m.h, m.tall = max(1, w), max(1, h), 0
	m.o.Width = m.w
}

// Tick says how late it is; call it about once a second.
func (m *Model) Tick(now time.Time) { m.now = now }

// Run returns the run so far.
func (m *Model) Run() phased.Run { return m.run }

// Ended reports whether the last event of the run has come.
func (m *Model) Ended() bool { return m.ended }

// Quit reports whether somebody wants to leave.
func (m *Model) Quit() bool { return m.quit }

// Lines returns what was told since the last call.
func (m *Model) Lines() []string {
	lines := m.lines
	m.lines = nil
	return lines
}

// Say tells lines for good: something that is in no event.
func (m *Model) Say(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		m.tell(report.Safe(line, false))
	}
}

func (m *Model) tell(line string) {
	m.lines = append(m.lines, strings.TrimRight(harmless(line, m.o.Colour), " "))
}

// Event takes an event. One that the run does not take changes nothing.
func (m *Model) Event(e phased.Event) {
	before := m.run.Status
	if !m.run.Apply(e) && before != "" {
		return
	}
	if m.now.IsZero() || e.Time.After(m.now) {
		m.now = e.Time
	}
	notes := report.Notes(m.style(), m.run, e)
	switch e.Data.(type) {
	case phased.PhaseSkipped, phased.HookOutput, phased.HookProgress, phased.SpaceChanged, phased.HookSummary, phased.Unknown:
	default:
		m.showSkips()
	}
	switch d := e.Data.(type) {
	case phased.RunStarted:
		m.runStarted(d)
	case phased.PhaseStarted:
		m.phaseStarted(d, e.Time)
	case phased.PhaseSkipped:
		m.skipped.add(phased.Text(d.Phase), d.Message, m.showSkips)
	case phased.HookSkipped:
		m.hookSkipped(d)
	case phased.HookStarted:
		m.hookStarted(d, e)
	case phased.HookOutput:
		m.output(d, e.Time)
	case phased.HookProgress:
		m.progressed(d, e.Time)
	case phased.HookSlow:
		if v := m.hooks[report.Hook(d.Phase, d.Hook)]; v != nil {
			v.slow = true
		}
	case phased.HookWarning:
		notes = m.warning(d, e.Time, notes)
	case phased.HookFinished:
		m.hookFinished(d)
	case phased.RunStopping:
		m.banner = report.Stopping(m.run, d, m.running())
		notes = append(notes, report.Note{Level: report.Warn, Text: m.banner})
	}
	m.note(e, notes)
	switch d := e.Data.(type) {
	case phased.PhaseFinished:
		m.fold(m.phase(d.Phase))
	case phased.RunFinished, phased.RunWaiting, phased.RunInterrupted:
		m.end()
	}
}

// End tells that no event comes any more; r is the run as its source has it: one
// whose phased died is interrupted.
func (m *Model) End(r phased.Run) {
	if !m.ended && r.Status.Final() {
		m.run = r
		m.end()
	}
}

func (m *Model) style() report.Style {
	s := m.o.Style
	s.Terminal, s.Width, s.Now = true, m.w, m.now
	return s
}

func (m *Model) phase(name string) *phaseView {
	for _, p := range slices.Backward(m.phases) {
		if p.name == name {
			return p
		}
	}
	return nil
}

// here returns the phase that runs, or nil.
func (m *Model) here() *phaseView {
	if n := len(m.phases); n > 0 && !m.phases[n-1].folded {
		return m.phases[n-1]
	}
	return nil
}

func (m *Model) running() (names []string) {
	if p := m.here(); p != nil {
		for _, v := range p.current {
			names = append(names, v.key)
		}
	}
	return names
}

func (m *Model) runStarted(d phased.RunStarted) {
	title := m.paint(bold, report.RunTitle(d.Lifecycle, d.Base))
	switch {
	case d.Resumes != "":
		title += m.paint(dim, ", resumes run "+m.o.id(d.Resumes))
	case d.Parent != "":
		title += m.paint(dim, ", inside run "+m.o.id(d.Parent))
	}
	m.tell(m.spread(title, m.paint(dim, "run "+m.o.id(m.run.ID)), m.w))
}

func (o Options) id(id string) string {
	s := o.Style
	s.Terminal = true
	return s.ID(id)
}

func (m *Model) phaseStarted(d phased.PhaseStarted, at time.Time) {
	p := &phaseView{index: len(m.run.Phases) - 1, name: d.Phase, failure: d.Failure, when: d.When, began: at, places: make(map[phased.Text]int, len(d.Entries))}
	for i, e := range d.Entries {
		p.places[e.Name] = i
		if e.Verdict == phased.VerdictRun {
			p.total++
		}
	}
	m.phases = append(m.phases, p)
	m.tall, m.focus, m.asked = 0, "", time.Time{}
}

func (m *Model) hookSkipped(d phased.HookSkipped) {
	p := m.phase(d.Phase)
	if p == nil {
		return
	}
	p.passed++
	if n := len(p.skips); n > 0 && p.skips[n-1].reason == d.Message {
		p.skips[n-1].names = append(p.skips[n-1].names, d.Hook)
		return
	}
	p.skips = append(p.skips, skips{[]phased.Text{d.Hook}, d.Message})
}

func (m *Model) hookStarted(d phased.HookStarted, e phased.Event) {
	v := &hookView{key: report.Hook(d.Phase, d.Hook), phase: d.Phase, hook: d.Hook, began: e.Time, last: e.Time, seq: e.Seq, tail: report.Tail{Max: report.EndTail}}
	m.hooks[v.key] = v
	delete(m.locked, v.key)
	if p := m.phase(d.Phase); p != nil {
		p.current = append(p.current, v)
	}
}

// output takes a piece of output; one without text stands for output that is not
// shown.
func (m *Model) output(d phased.HookOutput, at time.Time) {
	v := m.hooks[report.Hook(d.Phase, d.Hook)]
	if v == nil || d.Late {
		return
	}
	v.last = at
	if d.Text == "" {
		v.elided, v.tail.Elided = true, true
		return
	}
	v.tail.Add(d)
	v.ahead = nil
}

// ahead is what is known of output that is not on record yet.
type ahead struct {
	text string // how much was written
	last []report.TailLine
}

// progressed takes what a hook has written that goes on record later.
func (m *Model) progressed(d phased.HookProgress, at time.Time) {
	v := m.hooks[report.Hook(d.Phase, d.Hook)]
	if v == nil {
		return
	}
	known := &ahead{text: report.Written(d)}
	for _, l := range d.Last {
		known.last = append(known.last, report.TailLine{Stream: l.Stream, Text: string(l.Text)})
	}
	v.last, v.ahead = at, known
}

// lastLines returns the last lines of a hook that are known, safe to be shown.
func (v *hookView) lastLines(n int, colour bool) []report.TailLine {
	if v.ahead == nil {
		return v.tail.Now(n, colour)
	}
	all := append([]report.TailLine(nil), v.ahead.last[len(v.ahead.last)-min(n, len(v.ahead.last)):]...)
	for i := range all {
		all[i].Text = report.Safe(strings.ReplaceAll(all[i].Text, "\r", " "), colour)
	}
	return all
}

func (m *Model) warning(d phased.HookWarning, at time.Time, notes []report.Note) []report.Note {
	key := report.Hook(d.Phase, d.Hook)
	if d.Code == phased.WarnLock && m.locked[key].IsZero() {
		m.locked[key] = at
	}
	if m.run.Hook(d.Phase, d.Hook) == nil {
		d.Phase = ""
		if m.told[d] {
			return nil
		}
		m.told[d] = true
	}
	return notes
}

func (m *Model) hookFinished(d phased.HookFinished) {
	p, key := m.phase(d.Phase), report.Hook(d.Phase, d.Hook)
	v := m.hooks[key]
	status := phased.StatusOf(d.Exit.Cause)
	if p != nil {
		p.current = slices.DeleteFunc(p.current, func(one *hookView) bool { return one.key == key })
		done := doneHook{name: d.Hook, status: status, took: d.Took}
		if !d.Exit.OK() {
			done.text = report.ExitText(d.Exit)
		}
		if !d.Again {
			if p.recent = append(p.recent, done); len(p.recent) > recents {
				p.recent = p.recent[1:]
			}
			p.done++
		}
		if d.Exit.OK() { // the attempts before it are no news any more
			p.notes = slices.DeleteFunc(p.notes, func(n note) bool { return n.again && n.Hook == d.Hook })
		}
		if !d.Exit.OK() && !d.Again {
			if p.failed++; d.Ignored {
				p.ignored++
			}
		}
	}
	if v != nil {
		v.tail.End()
	}
	if d.Exit.OK() || d.Ignored {
		delete(m.hooks, key)
	}
}

// note keeps what an event tells with its phase, or, where it is of none, tells it
// at once.
func (m *Model) note(e phased.Event, notes []report.Note) {
	p := m.here()
	if _, ofRun := e.Data.(phased.RunWarning); ofRun || p == nil {
		for _, n := range notes {
			m.tellNote(n, "  ")
		}
		return
	}
	finished, _ := e.Data.(phased.HookFinished)
	again := finished.Again
	for _, n := range notes {
		if len(p.notes) == notesKept {
			p.more++
			continue
		}
		p.notes = append(p.notes, note{n, again})
	}
}

func (k *skips) add(name phased.Text, reason string, show func()) {
	if len(k.names) > 0 && k.reason != reason {
		show()
	}
	k.reason, k.names = reason, append(k.names, name)
}

// showSkips tells the phases that were skipped one after the other.
func (m *Model) showSkips() {
	if k := m.skipped; len(k.names) > 0 {
		m.skipped = skips{}
		m.tell(m.paint(dim, m.mark("· ", "- ")+report.Names(k.names, 8)+"  skipped: "+report.Reason(k.reason)))
	}
}

// end tells how the run has ended, and what to type next.
func (m *Model) end() {
	if p := m.here(); p != nil {
		m.fold(p)
	}
	m.ended, m.banner, m.view, m.log = true, "", inline, nil
	if m.o.Browse {
		m.view = listing
	}
	st := report.Story{Run: m.run}
	if phase, hook, ok := report.Subject(m.run); ok {
		if v := m.hooks[report.Hook(phase, hook)]; v != nil {
			st.Tail = v.tail
		}
	}
	var b bytes.Buffer
	// A buffer takes everything.
	_ = report.Ending(&b, m.style(), st)
	m.tell("")
	for line := range strings.Lines(b.String()) {
		m.tell(fewer(strings.TrimSuffix(line, "\n"), m.o.Colours))
	}
}
