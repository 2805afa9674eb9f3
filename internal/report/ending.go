package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"phased/internal/phased"
)

// EndTail is how many lines of a failed hook's output Ending has room for.
const EndTail = 12

// Ending prints how a run has ended: of one that went well a line; else what
// failed, its file, how, the end of its output (st.Tail), and what to type next.
// It is the last that a person at a terminal sees of a run.
func Ending(w io.Writer, s Style, st Story) error {
	st.Tail = st.Tail.shortened()
	p := newPrinter(w, s)
	r := st.Run
	switch {
	case r.Waiting != nil:
		p.waiting(*r.Waiting)
		p.howFar(r)
		p.apart([][2]string{
			{p.Command("resume", "--after-reboot"), "go on, once the host was rebooted"},
			{p.Command("show", p.id(r.ID)), "what happened"},
		})
	case r.Status == phased.StatusInterrupted:
		p.headline(st)
		p.apart(p.endNext(st))
	case r.Failure == nil:
		p.succeeded(r)
	default:
		p.failed(st, brief())
		p.lastWords(st)
		p.line("")
		p.howFar(r)
		p.apart(p.endNext(st))
	}
	return p.flush()
}

// endLine is how much of a line is in the ending, in bytes: what a hook writes without
// line ends would push the rest off the screen.
const endLine = 1000

// shortened returns a tail without the ends of lines that are very long.
func (t Tail) shortened() Tail {
	t.Lines = slices.Clone(t.Lines)
	for i := range t.Lines {
		if text := t.Lines[i].Text; len(text) > endLine {
			n := endLine
			for n > endLine-utf8.UTFMax && !utf8.RuneStart(text[n]) {
				n--
			}
			t.Lines[i].Text = text[:n] + " ... " + Size(int64(len(text)-n)) + " more of this line"
		}
	}
	return t
}

// lastWords prints the end of the output of the hook that failed.
func (p *printer) lastWords(st Story) {
	f := st.Run.Failure
	h := st.Run.Hook(f.Phase, f.Hook)
	switch {
	case len(st.Tail.Lines) > 0:
		p.line("")
		p.tail(st.Tail)
	case h == nil || f.Hook == "":
	case st.Run.Start.Output == "inherited":
		p.fact("output", p.outputPlace(st.Run, *h))
	default:
		p.line(p.paint(dim, "  no output"))
	}
}

// succeeded ends a run that went well, or half-way.
func (p *printer) succeeded(r phased.Run) {
	if h := endedHalfWay(r); h != nil {
		p.halfWay(*h)
		p.line("")
	}
	ran, failed := r.Counts()
	what := p.paint(green, "succeeded") + " in " + Took(r.Took) + ": " + count(ran, "hook") + " ran"
	if failed > 0 {
		what += p.paint(yellow, fmt.Sprintf(", %d failed and ended nothing", failed))
	}
	show := p.paint(dim, p.Command("show", p.id(r.ID)))
	if columns(what)+columns(show)+2 > p.width() {
		p.line(what)
		p.line("  " + show)
		return
	}
	p.line(p.right(what, show))
}

// howFar tells how far a run came, and what phased exits with.
func (p *printer) howFar(r phased.Run) {
	ran, failed := r.Counts()
	p.line("  after " + Took(r.Took) + ": " + tally(ran, failed, r.Start.Hooks) + fmt.Sprintf("; phased exits %d", r.ExitCode))
}

// apart is next; where a command and what it does have no room beside each other, what
// they do stands above all of them, so that each can be copied.
func (p *printer) apart(commands [][2]string) {
	if !slices.ContainsFunc(commands, func(c [2]string) bool { return columns(c[0])+columns(c[1])+5 > p.width() }) {
		p.next(commands)
		return
	}
	for _, c := range commands {
		p.line("  " + p.paint(dim, c[1]+":"))
		p.line("    " + c[0])
	}
}

// endNext returns what an operator may want to type at the end of a run that
// did not go well.
func (p *printer) endNext(st Story) [][2]string {
	r, id := st.Run, p.id(st.Run.ID)
	next := append(p.resumeNext(st), [2]string{p.Command("show", id), "what happened"})
	if phase, hook, ok := Subject(r); ok && r.Start.Output != "inherited" && r.Hook(phase, hook) != nil {
		next = append(next, [2]string{p.Command("logs", id, phase+"/"+string(hook)), "all of its output"})
	}
	return append(next, p.afterNext(r)...)
}

// waiting prints what a run waits for, and where it goes on.
func (p *printer) waiting(d phased.RunWaiting) {
	p.line(p.paint(yellow, headline(phased.StatusWaiting)) + "  " + Safe(d.Why, false))
	if d.Next != "" {
		p.line("  goes on at " + p.paint(bold, Safe(d.Next, false)))
	}
}

// failure prints the headline of a failure.
func (p *printer) failure(f phased.Failure, s phased.Status) {
	what := ""
	if f.Phase != "" {
		what = "  " + p.paint(bold, Hook(f.Phase, f.Hook))
	}
	p.line(p.paint(alarm, headline(s)) + what + "  " + ExitText(f.Exit))
}

func headline(s phased.Status) string {
	switch s {
	case phased.StatusTimedOut:
		return "TIMED OUT"
	case phased.StatusStopped:
		return "STOPPED"
	case phased.StatusInterrupted:
		return "INTERRUPTED"
	case phased.StatusWaiting:
		return "WAITING FOR A REBOOT"
	}
	return "FAILED"
}

// next prints what an operator may want to type now.
func (p *printer) next(commands [][2]string) { p.printf("%s\n", p.Next(commands)) }

// Next returns commands that an operator may want to type now, a line each with
// what it does. Where there is room, these stand below each other.
func (s Style) Next(commands [][2]string) string {
	wide, words := 0, 0
	for _, c := range commands {
		wide, words = max(wide, columns(c[0])), max(words, columns(c[1]))
	}
	if s.Terminal { // what is longer than the rest pushes nothing over the edge
		wide = min(wide, max(0, s.width()-words-5))
	}
	lines := make([]string, len(commands))
	for i, c := range commands {
		lines[i] = "  " + pad(c[0], wide) + s.paint(dim, "   "+c[1])
	}
	return strings.Join(lines, "\n")
}
