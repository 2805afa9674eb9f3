package report

import (
	"fmt"
	"io"

	"phased/internal/phased"
)

// EndTail is how many lines of a failed hook's output Ending has room for.
const EndTail = 12

// Ending prints how a run has ended: of one that went well a line; else what
// failed, its file, how, the end of its output (st.Tail), and what to type next.
// It is the last that a person at a terminal sees of a run.
func Ending(w io.Writer, s Style, st Story) error {
	p := newPrinter(w, s)
	r := st.Run
	switch {
	case r.Waiting != nil:
		p.waiting(*r.Waiting)
		p.howFar(r)
		p.next([][2]string{
			{p.Command("resume", "--after-reboot"), "go on, once the host was rebooted"},
			{p.Command("show", p.id(r.ID)), "what happened"},
		})
	case r.Status == phased.StatusInterrupted:
		p.headline(st)
		p.next(p.endNext(st))
	case r.Failure == nil:
		p.succeeded(r)
	default:
		p.failed(st, brief())
		if len(st.Tail.Lines) > 0 {
			p.line("")
			p.tail(st.Tail)
		}
		p.line("")
		p.howFar(r)
		p.next(p.endNext(st))
	}
	return p.flush()
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
	p.line(p.right(what, p.paint(dim, p.Command("show", p.id(r.ID)))))
}

// howFar tells how far a run came, and what phased exits with.
func (p *printer) howFar(r phased.Run) {
	ran, failed := r.Counts()
	p.line("  after " + Took(r.Took) + ": " + tally(ran, failed, r.Start.Hooks) + fmt.Sprintf("; phased exits %d", r.ExitCode))
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
