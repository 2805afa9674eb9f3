package report

import (
	"io"
	"strconv"

	"phased/internal/phased"
)

// Resumption is what a run that resumes another does about every hook.
type Resumption struct {
	Run     string
	Status  phased.Status
	Hooks   []ResumedHook // of executed phases, in run order
	Gone    []string      // hooks that are done, and that there are no more
	Sourced []string      // where the sourced phases go on, a line each
}

// ResumedHook is what is done about one hook, and why.
type ResumedHook struct {
	Phase string
	Hook  phased.Text
	Run   bool
	Why   string
}

// Resume prints one line a hook: run or skip, the hook, and the reason.
func Resume(w io.Writer, s Style, r Resumption) error {
	p := newPrinter(w, s)
	wide, runs := 0, 0
	for _, h := range r.Hooks {
		wide = max(wide, columns(Hook(h.Phase, h.Hook)))
		if h.Run {
			runs++
		}
	}
	wide = min(wide, max(20, p.width()/2-6))
	p.line(p.paint(bold, "run "+p.id(r.Run)) + " (" + string(r.Status) + ") is gone on with: " + strconv.Itoa(runs) + " of " + count(len(r.Hooks), "hook") + " to run")
	for _, h := range r.Hooks {
		what, colour := "skip", dim
		if h.Run {
			what, colour = "run ", bold
		}
		p.line("  " + p.paint(colour, what) + "  " + pad(Hook(h.Phase, h.Hook), wide) + "  " + p.paint(dim, Safe(h.Why, false)))
	}
	for _, name := range r.Gone {
		p.line("  " + p.paint(dim, "gone") + "  " + pad(Safe(name, false), wide) + "  " + p.paint(dim, "is done, and is not there any more"))
	}
	for _, line := range r.Sourced {
		p.line("  " + Safe(line, false))
	}
	return p.flush()
}
