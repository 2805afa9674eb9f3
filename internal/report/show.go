package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
)

// Story is a run as Show tells it.
type Story struct {
	Run  phased.Run
	Tail Tail // the end of the output of the hook that Subject names
	All  bool // every hook, also of long phases
	// NoResume says that nothing was kept for `phased resume`.
	NoResume bool
	// ResumedBy is the newest run that went on with this one: it is what can be gone
	// on with.
	ResumedBy string
	// File is the file that the run was read from, where that is none of the
	// record: nothing can be done about such a run here.
	File string
}

// ShowTail is how many lines of the subject's output Show has room for.
const ShowTail = 25

// longPhase is the number of hooks from which on a phase is shown to people by
// its failures only.
const longPhase = 30

// Subject returns the hook that a reader of the run asks for first: the one
// that failed, or that runs, or that ran when phased died.
func Subject(r phased.Run) (phase string, hook phased.Text, ok bool) {
	if f := r.Failure; f != nil && f.Hook != "" {
		return f.Phase, f.Hook, true
	}
	for _, p := range slices.Backward(r.Phases) {
		for _, h := range slices.Backward(p.Hooks) {
			if h.Status == phased.StatusRunning || h.Status == phased.StatusInterrupted {
				return h.Phase, h.Hook, true
			}
		}
	}
	return "", "", false
}

// runningHooks returns how many hooks of the run are running.
func runningHooks(r phased.Run) int {
	n := 0
	for _, p := range r.Phases {
		for _, h := range p.Hooks {
			if h.Status == phased.StatusRunning {
				n++
			}
		}
	}
	return n
}

// Show prints the record of one run: what failed first, with the end of its
// output, then the phases and hooks with their times, then what took longest.
func Show(w io.Writer, s Style, st Story) error {
	p := newPrinter(w, s)
	p.headline(st)
	p.facts(st.Run)
	p.phases(st)
	p.summaries(st.Run, st.All)
	p.costs(st.Run)
	p.showNext(st)
	return p.flush()
}

func (p *printer) headline(st Story) {
	if !p.headlineAlone(st) {
		return
	}
	phase, hook, found := Subject(st.Run)
	if h := st.Run.Hook(phase, hook); st.Run.Waiting == nil && found && h != nil {
		p.subject(st, *h)
	}
	p.line("")
}

// headlineAlone prints what there is to say first of a run, without any output. It
// reports whether there was something.
func (p *printer) headlineAlone(st Story) bool {
	r := st.Run
	phase, hook, found := Subject(r)
	switch {
	case r.Waiting != nil:
		p.waiting(*r.Waiting)
	case r.Failure != nil && r.Status != phased.StatusInterrupted:
		p.failed(st, everything())
	case r.Status == phased.StatusInterrupted:
		what := "between two hooks"
		if r.Seq == 0 {
			what = "before it began"
		}
		if r.Failure != nil {
			what = "after a failure: " + FailureText(*r.Failure)
		} else if found {
			what = "in " + p.paint(bold, Hook(phase, hook))
		}
		p.line(p.paint(alarm, headline(r.Status)) + "  " + what + ": phased itself died or the host went down")
		if h := r.Hook(phase, hook); h != nil && r.Failure != nil && r.Failure.Trace != nil {
			p.where(*h, *r.Failure, everything())
		} else if h != nil {
			p.line("  " + Name(h.Path) + p.after(*h))
		}
	case found:
		beside := ""
		if n := runningHooks(r); n > 1 {
			beside = p.paint(dim, fmt.Sprintf("  and %d more", n-1))
		}
		p.line(p.paint(bold, "RUNNING") + "  " + p.paint(bold, Hook(phase, hook)) + beside)
		if h := r.Hook(phase, hook); h != nil {
			p.line("  " + Name(h.Path) + p.after(*h))
		}
	case endedHalfWay(r) != nil:
		p.halfWay(*endedHalfWay(r))
	default:
		return false
	}
	return true
}

// subject prints the end of a hook's output.
func (p *printer) subject(st Story, h phased.HookRun) {
	p.line("")
	switch {
	case p.progress(h):
	case len(st.Tail.Lines) > 0:
		p.tail(st.Tail)
	case st.Run.Start.Output == "inherited":
		p.inherited(st.Run, h)
	default:
		p.line(p.paint(dim, "  no output"))
	}
}

// inherited tells where the output of a hook went that was not captured.
func (p *printer) inherited(r phased.Run, h phased.HookRun) {
	for _, from := range h.Files {
		for _, to := range h.Ends {
			if from.FD != to.FD || from.Path != to.Path || from.FD == 2 && sameFile(h.Files) {
				continue
			}
			if to.Offset <= from.Offset {
				p.line("  nothing was written to " + Name(from.Path))
				continue
			}
			p.line(fmt.Sprintf("  its output went to %s, bytes %d to %d:", Name(from.Path), from.Offset, to.Offset))
			p.line(fmt.Sprintf("    tail -c +%d %s | head -c %d", from.Offset+1, ShellWord(string(from.Path)), to.Offset-from.Offset))
		}
	}
	if len(h.Ends) == 0 {
		p.line("  its output was not recorded: " + descriptors(r.Start.Inherited))
	}
	if r.Start.Personality != "shell-init" { // whose output is the shell's own affair
		p.line(p.paint(dim, "  To record it as well: personalities.capture: tee in the settings."))
	}
}

// sameFile reports whether descriptors 1 and 2 are one file.
func sameFile(files []phased.Descriptor) bool {
	return len(files) == 2 && files[0].Path == files[1].Path
}

// descriptors tells what inherited descriptors were.
func descriptors(files []phased.Descriptor) string {
	var words []string
	if len(files) == 2 && files[0].Type == files[1].Type && files[0].Path == files[1].Path {
		files = []phased.Descriptor{{FD: -1, Type: files[0].Type, Path: files[0].Path}}
	}
	for _, d := range files {
		what := d.Type
		switch d.Type {
		case "null":
			what = "/dev/null"
		case "file", "terminal", "pipe":
			what = "a " + d.Type
		}
		if d.Path != "" && d.Type != "pipe" && d.Type != "null" {
			what += " (" + Name(d.Path) + ")"
		}
		name := fmt.Sprintf("descriptor %d was ", d.FD)
		if d.FD < 0 {
			name = "descriptors 1 and 2 were "
		}
		words = append(words, name+what)
	}
	if len(words) == 0 {
		return "it was inherited"
	}
	return strings.Join(words, ", ")
}

// facts prints what, when, where and by whom.
func (p *printer) facts(r phased.Run) {
	s := r.Start
	title := runTitle(s.Lifecycle, s.Base)
	if s.Personality != "" {
		title += " as " + s.Personality
	}
	p.line(p.right(p.paint(bold, title), p.paint(statusColour(r.Status), string(r.Status))))
	p.fact("run", r.ID)
	if r.Seq == 0 { // phased died before it could say anything
		p.fact("record", "it is empty")
		return
	}
	when := p.time(r.Began)
	if ago := p.ago(r.Began); ago != "" && p.Terminal {
		when += " (" + ago + ")"
	}
	if r.Status.Final() {
		when += ", took " + p.took(r.Took)
	}
	p.fact("began", when)
	if r.Status.Final() && r.Status != phased.StatusInterrupted {
		p.fact("exit status", strconv.Itoa(r.ExitCode))
	}
	who := s.User
	if who == "" {
		who = "uid " + strconv.Itoa(s.UID)
	}
	if s.SudoUser != "" {
		who += ", by sudo from " + Safe(s.SudoUser, false)
	}
	who = fmt.Sprintf("%s on %s, process %d", Safe(who, false), Safe(s.Host, false), s.Pid)
	if c := s.Caller; c != nil {
		who += fmt.Sprintf(", called by %s (process %d)", Name(c.Command), c.Pid)
	}
	p.fact("by", who)
	if s.Trigger != "" {
		p.fact("trigger", Safe(oneLine(string(s.Trigger)), false))
	}
	if len(s.Argv) > 0 {
		p.fact("command", commandLine(s.Argv))
	}
	if s.Settings != "" {
		p.fact("settings", Name(s.Settings))
	}
	p.sessionFacts(r)
	if s.Output == "inherited" {
		p.fact("output", "inherited, not recorded: "+descriptors(s.Inherited))
	}
	if text := containmentText(s.Containment); text != "" {
		p.fact("contained", text)
	}
	if r.ClosedBy != "" {
		p.fact("closed by", r.ClosedBy)
	}
	for _, warning := range r.Warnings {
		p.line("  " + p.paint(yellow, "warning: "+Safe(strings.ReplaceAll(warning, "\n", "; "), false)))
	}
}

func (p *printer) fact(name, text string) {
	if p.collect != nil {
		*p.collect = append(*p.collect, Fact{name, text})
	}
	p.line("  " + p.paint(dim, pad(name, 13)) + text)
}

func commandLine(argv []phased.Text) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = ShellWord(string(a))
	}
	return strings.Join(words, " ")
}

func (p *printer) showNext(st Story) {
	r := st.Run
	if st.File != "" {
		p.fileNext(st)
		return
	}
	id := p.id(r.ID)
	next := p.sessionNext(st)
	if r.Waiting != nil {
		next = [][2]string{{p.Command("resume", "--after-reboot"), "go on, once the host was rebooted"}}
	}
	if phase, hook, ok := Subject(r); ok && r.Start.Output != "inherited" {
		next = append(next, [2]string{p.Command("logs", id, phase+"/"+string(hook)), "all of its output"})
	}
	if !r.Status.Final() {
		if r.Start.Output != "inherited" {
			next = append(next, [2]string{p.Command("logs", id, "-f"), "watch it"})
		}
		next = append(next, [2]string{p.Command("stop", id), "end it"})
	} else if r.Start.Output != "inherited" {
		next = append(next, [2]string{p.Command("logs", id), "the output of all hooks"})
	}
	if len(next) > 0 {
		p.line("")
		p.next(next)
	}
}

// fileNext suggests what can be done with a run that was read from a file.
func (p *printer) fileNext(st Story) {
	if st.Run.Start.Output == "inherited" {
		return
	}
	var next [][2]string
	if phase, hook, ok := Subject(st.Run); ok {
		next = append(next, [2]string{p.Command("logs", "--file", st.File, phase+"/"+string(hook)), "all of its output"})
	}
	p.line("")
	p.next(append(next, [2]string{p.Command("logs", "--file", st.File), "the output of all hooks"}))
}

// running returns how long something has been going on.
func (s Style) running(began time.Time) string {
	if s.Now.IsZero() {
		return ""
	}
	return About(s.Now.Sub(began)) + " so far"
}
