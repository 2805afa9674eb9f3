package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"phased/internal/phased"
)

// Plain writes the progress of a run as lines that can be searched: the first
// word says what a line is about (run, phase, hook, out, err, next), the second
// of what. The format is described in docs/cli.md and stable.
type Plain struct {
	Style
	// NoResume says that nothing is kept for `phased resume`.
	NoResume bool
	// Left tells how long the run will go on; nil, or false: nobody knows.
	Left func(r phased.Run, now time.Time) (phased.TimeLeft, bool)

	out, err *printer
	run      phased.Run
	open     map[string]*[2]lines
	running  []*hookView
	signed   time.Time
}

// NewPlain returns a Plain that prints to out, and warnings and life signs to
// err.
func NewPlain(out, err io.Writer, s Style) *Plain {
	s.Terminal, s.Colour = false, false
	return &Plain{Style: s, out: newPrinter(out, s), err: newPrinter(err, s), open: map[string]*[2]lines{}}
}

// GoesOn makes the next events go on with a run that stands so far elsewhere.
func (p *Plain) GoesOn(r phased.Run) { p.run = r }

// Event writes the lines of an event.
func (p *Plain) Event(e phased.Event) {
	before := p.run.Status
	if !p.run.Apply(e) && before != "" {
		return
	}
	switch d := e.Data.(type) {
	case phased.RunStarted:
		p.runStarted(e.Run, d)
	case phased.PhaseStarted:
		p.phaseStarted(d)
	case phased.HookStarted:
		p.hook(d.Phase, d.Hook, p.startedText(d))
		if d.Run != "" {
			p.hook(d.Phase, d.Hook, "is run "+d.Run)
		}
		p.running = append(p.running, &hookView{key: Hook(d.Phase, d.Hook), began: e.Time, last: e.Time})
		p.signed = e.Time
	case phased.HookOutput:
		if elided(d) {
			p.elide(e, d)
			return
		}
		p.output(d, e.Time)
	case phased.HookProgress:
		p.progress(e, d)
	case phased.HookCut:
		p.hook(d.Phase, d.Hook, fmt.Sprintf("cut: %d bytes left out of the record (limit %d)", d.Dropped, d.Limit))
	case phased.HookSignalled:
		p.hook(d.Phase, d.Hook, fmt.Sprintf("sent %s to %s: %s", d.Signal, count(d.Count, "process"), d.Reason))
	case phased.HookSlow:
		p.hook(d.Phase, d.Hook, "is "+slowText(d, false))
	case phased.HookFinished:
		p.hookFinished(d)
	case phased.PhaseFinished:
		p.phaseFinished(d)
	case phased.RunStopping:
		p.talk(stoppingText(d, p.run, len(p.running)))
	case phased.RunWarning:
		p.talk("warning: " + Safe(d.Message, false))
	case phased.RunFinished:
		p.runFinished(d)
	case phased.RunWaiting:
		p.runWaiting(d)
	case phased.RunInterrupted:
		p.out.printf("run %s interrupted: closed by %s\n", p.run.ID, d.ClosedBy)
	default:
		p.session(d)
	}
}

func (p *Plain) runStarted(id string, d phased.RunStarted) {
	p.out.printf("run %s started: %s, %s in %s\n", id, runTitle(d.Lifecycle, d.Base), count(d.Hooks, "hook"), count(len(d.Phases), "phase"))
	if d.Resumes != "" {
		p.out.printf("run %s resumes run %s\n", id, d.Resumes)
	}
	if d.Parent != "" {
		p.out.printf("run %s is inside run %s\n", id, d.Parent)
	}
}

// talk prints a line for the operator, after the lines before it.
func (p *Plain) talk(text string) {
	p.out.flush()
	p.err.line(text)
	p.err.flush()
}

func stoppingText(d phased.RunStopping, r phased.Run, running int) string {
	if d.Kill {
		return "told to stop again: killing what still runs"
	}
	if OutlivesStop(r) {
		return "told to stop by " + d.Signal + ": " + outlives
	}
	text := "told to stop by " + d.Signal + ": ending the hook that runs"
	if running > 1 {
		text = fmt.Sprintf("told to stop by %s: ending the %d hooks that run", d.Signal, running)
	}
	if r.Session == nil {
		text += "; the failure phase follows"
	}
	return text
}

// outlives is what a stop does to a phase that outlives it.
const outlives = "the phases at the end of the run go on"

// OutlivesStop reports whether the phase that runs is one at the end of the run,
// which only a second signal ends.
func OutlivesStop(r phased.Run) bool {
	return r.Start.Personality == "" && slices.ContainsFunc(r.Phases, func(p phased.PhaseRun) bool {
		return p.Status == phased.StatusRunning && (p.Failure || p.When == phased.WhenAlways)
	})
}

func (p *Plain) hook(phase string, hook phased.Text, what string) {
	p.out.printf("hook %s %s\n", Hook(phase, hook), what)
}

func (p *Plain) phaseStarted(d phased.PhaseStarted) {
	hooks := phased.PlannedPhase{Entries: d.Entries}.Hooks()
	what := count(len(hooks), "hook")
	if d.Missing {
		what = "no directory"
	}
	if n := len(d.Entries) - len(hooks); n > 0 {
		what += fmt.Sprintf(", %d skipped", n)
	}
	kind := "started"
	switch {
	case d.Failure:
		kind = "started as failure phase"
	case d.When == phased.WhenSuccess:
		kind = "started as success phase"
	case d.When == phased.WhenAlways:
		kind = "started as phase that always runs"
	}
	p.out.printf("phase %s %s: %s\n", d.Phase, kind, what)
	for _, diff := range d.Differences {
		p.out.printf("phase %s differs: %s\n", d.Phase, differenceText(diff))
	}
}

func (p *Plain) startedText(d phased.HookStarted) string {
	if d.Attempt > 1 {
		return "started: attempt " + attemptOf(p.run, d)
	}
	return "started"
}

func (p *Plain) view(key string) *hookView {
	for _, v := range p.running {
		if v.key == key {
			return v
		}
	}
	return nil
}

func (p *Plain) output(d phased.HookOutput, at time.Time) {
	key := Hook(d.Phase, d.Hook)
	parts := p.open[key]
	if parts == nil {
		parts = new([2]lines)
		p.open[key] = parts
	}
	if v := p.view(key); v != nil {
		v.last = at
	}
	parts[streamIndex(d.Stream)].add(string(d.Text), func(line string) { p.outputLine(d.Stream, key, line) })
}

// elide tells once a hook that it writes more than is shown.
func (p *Plain) elide(e phased.Event, d phased.HookOutput) {
	v := p.view(Hook(d.Phase, d.Hook))
	if v == nil {
		return
	}
	v.last = e.Time
	if v.elided {
		return
	}
	v.elided = true
	p.endOutput(v.key)
	p.out.printf("hook %s writes more than is shown: %s\n", v.key, p.Style.Command("logs", e.Run, v.key))
}

func (p *Plain) outputLine(stream, key, line string) {
	for _, row := range rows(line) {
		p.out.line(stream + " " + key + " | " + p.Style.output(row))
	}
}

func (p *Plain) endOutput(key string) {
	if parts := p.open[key]; parts != nil {
		for i, stream := range []string{"out", "err"} {
			parts[i].end(func(line string) { p.outputLine(stream, key, line) })
		}
		delete(p.open, key)
	}
}

func (p *Plain) hookFinished(d phased.HookFinished) {
	p.endOutput(Hook(d.Phase, d.Hook))
	p.running = slices.DeleteFunc(p.running, func(v *hookView) bool { return v.key == Hook(d.Phase, d.Hook) })
	switch text := okText(d.Exit, d.Nothing); {
	case d.Again:
		p.hook(d.Phase, d.Hook, string(phased.StatusOf(d.Exit.Cause))+" in "+Seconds(d.Took)+": "+ExitText(d.Exit)+"; tried again after "+Seconds(d.Pause))
	case !d.Exit.OK():
		p.hook(d.Phase, d.Hook, string(phased.StatusOf(d.Exit.Cause))+" in "+Seconds(d.Took)+": "+ExitText(d.Exit))
	case text != "":
		p.hook(d.Phase, d.Hook, "succeeded in "+Seconds(d.Took)+": "+text)
	default:
		p.hook(d.Phase, d.Hook, "succeeded in "+Seconds(d.Took))
	}
	p.sourced(d)
	if text := leftText(d.LeftBehind, d.LeftMore, d.Leak, 3); text != "" {
		p.hook(d.Phase, d.Hook, text)
	}
	if d.Left {
		p.hook(d.Phase, d.Hook, "left a process behind that still holds its output")
	}
}

func (p *Plain) phaseFinished(d phased.PhaseFinished) {
	for _, ph := range p.run.Phases {
		if ph.Phase != d.Phase {
			continue
		}
		for _, name := range notRun(ph) {
			p.hook(d.Phase, name, "not run")
		}
	}
	p.out.printf("phase %s %s in %s\n", d.Phase, d.Status, Seconds(d.Took))
}

func (p *Plain) runFinished(d phased.RunFinished) {
	for _, key := range slices.Sorted(maps.Keys(p.open)) {
		p.endOutput(key)
	}
	what := tally(d.Ran, d.Failed, p.run.Start.Hooks)
	if d.Failure != nil {
		what = FailureText(*d.Failure) + "; " + what
	}
	p.out.printf("run %s %s in %s: %s; phased exits %d\n", p.run.ID, d.Status, Seconds(d.Took), what, d.ExitCode)
	for _, c := range p.out.resumeNext(Story{Run: p.run, NoResume: p.NoResume}) {
		p.out.printf("next: %s\n", c[0])
	}
	p.out.printf("next: %s\n", p.Command("show", p.run.ID))
	if d.Failure != nil && d.Failure.Hook != "" && p.run.Start.Output != "inherited" {
		p.out.printf("next: %s\n", p.Command("logs", p.run.ID, d.Failure.Phase+"/"+string(d.Failure.Hook)))
	}
}

// runWaiting ends a run that waits for a reboot.
func (p *Plain) runWaiting(d phased.RunWaiting) {
	for _, key := range slices.Sorted(maps.Keys(p.open)) {
		p.endOutput(key)
	}
	where := ""
	if d.Next != "" {
		where = ", and goes on at " + Safe(d.Next, false)
	}
	p.out.printf("run %s waits for a reboot after %s: %s%s; %s; phased exits %d\n", p.run.ID, Seconds(d.Took), Safe(d.Why, false), where,
		tally(d.Ran, d.Failed, p.run.Start.Hooks), d.ExitCode)
	p.out.printf("next: %s\n", p.Command("resume", "--after-reboot"))
	p.out.printf("next: %s\n", p.Command("show", p.run.ID))
}

// Tick tells of hooks that have all been quiet for a minute; call it about once a
// second.
func (p *Plain) Tick(now time.Time) {
	if len(p.running) == 0 || now.Sub(p.signed) < signEvery {
		return
	}
	age, quiet := ages(p.running, now)
	if quiet < signEvery {
		return
	}
	p.signed = now
	names := viewNames(p.running, 3, func(v *hookView) string { return v.key })
	p.talk("... " + lifeSign(names, len(p.running), age, quiet) + leftInRun(p.Left, p.run, now))
}

// Flush writes out what was printed and returns the first error of the writers.
func (p *Plain) Flush() error {
	if err := p.out.flush(); err != nil {
		return err
	}
	return p.err.flush()
}

// Events writes events as JSON lines, as they stand in a run file but for the
// checksum.
type Events struct {
	out  *printer
	line []byte
}

// NewEvents returns an Events that prints to out.
func NewEvents(out io.Writer) *Events { return &Events{out: newPrinter(out, Style{})} }

// Event writes one line.
func (j *Events) Event(e phased.Event) {
	line, err := e.AppendJSON(j.line[:0])
	if err != nil {
		if j.out.err == nil {
			j.out.err = err
		}
		return
	}
	j.line = append(line, '\n')
	j.out.raw(j.line)
}

// Tick does nothing: there is no event to tell of.
func (j *Events) Tick(time.Time) {}

// Flush writes out what was printed and returns the first error of the writer.
func (j *Events) Flush() error { return j.out.flush() }

// JSON writes a value as indented JSON, without escapes for HTML.
func JSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("cannot write JSON: %w", err)
	}
	return nil
}
