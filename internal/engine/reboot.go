package engine

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"phased/internal/phased"
)

// reboot is what a run knows of the reboots that its hooks have asked for.
//
//	a hook asks ► after it (now), its phase or the run: due ► run.waiting
//	              the run has failed, or the limit is reached ► run.failed
//
// A run that has failed goes no further where a reboot is due: what comes next
// counts on it.
type reboot struct {
	asked []phased.RebootRequest // by hooks that have ended well, or by the reboot itself
	due   bool
	cut   bool // hooks of the phase are left
}

// mayReboot reports whether hooks of the phase may ask for a reboot: of one that
// runs at the end of the run nobody would go on.
func mayReboot(p *phased.PlannedPhase) bool {
	return !atEndAnyway(p) && p.Executor != phased.ExecutorSession
}

// asks finds out whether the hook that has just ended asked for a reboot, and
// whether that reboot is what ended it, so that it has not failed.
func (r *run) asks(t turn, res *phased.Result, end *ending) {
	if !mayReboot(t.phase) && t.phase.When != phased.WhenAlways {
		return
	}
	if end.asked == nil {
		all, err := r.out.requested()
		if err != nil {
			r.emit(phased.RunWarning{Message: err.Error()})
		}
		for _, one := range all {
			if one.Phase == t.phase.Name && one.Hook == t.entry.Name {
				end.asked = &one
			}
		}
	}
	end.down = end.asked != nil && mayReboot(t.phase) && end.asked.EndsHook(t.phase.Name, t.entry.Name) && goingDown(res.Exit)
}

// askedFor takes over what a hook that has ended asked for.
func (r *run) askedFor(t turn, end ending) {
	if end.asked == nil {
		return
	}
	where := t.phase.Name + "/" + string(t.entry.Name)
	switch {
	case !mayReboot(t.phase):
		r.emit(phased.RunWarning{Message: where + " asked for a reboot, which hooks that run at the end of every run cannot: it is not waited for"})
	case end.failed:
		r.emit(phased.RunWarning{Message: where + " asked for a reboot and failed: the reboot is not waited for"})
	default:
		r.reboot.asked = append(r.reboot.asked, *end.asked)
		r.reboot.due = r.reboot.due || end.asked.When == phased.RebootNow
	}
}

// exitAsks reads the exit status of a hook: one by which the lifecycle lets hooks
// ask is a success.
func (r *run) exitAsks(t turn, res *phased.Result) *phased.RebootRequest {
	for _, x := range r.plan.RebootExits {
		if x.Status == res.Status {
			res.Exit = phased.Exit{Cause: phased.CauseOK, Status: x.Status, Message: "asks for a reboot by its exit status"}
			return &phased.RebootRequest{Phase: t.phase.Name, Hook: t.entry.Name, When: x.When, Same: x.Same}
		}
	}
	return nil
}

// goingDown reports whether an exit is how a hook ends when its host goes down.
func goingDown(e phased.Exit) bool {
	switch e.Cause {
	case phased.CauseStopped:
		return true
	case phased.CauseSignal:
		switch syscall.Signal(e.Signal) {
		case syscall.SIGTERM, syscall.SIGKILL, syscall.SIGHUP, syscall.SIGINT:
			return true
		}
	}
	return false
}

// rebootAfter makes a reboot due that was asked for at the end of a phase, or of
// the run.
func (r *run) rebootAfter(when phased.RebootWhen) {
	for _, req := range r.reboot.asked {
		r.reboot.due = r.reboot.due || req.When == when
	}
}

// settleReboot decides, after the last hook, whether the run can wait for the
// reboot that is due.
func (r *run) settleReboot() {
	if r.failure == nil {
		r.rebootAfter(phased.RebootAfterRun)
	}
	if !r.reboot.due {
		return
	}
	first := r.reboot.asked[0]
	switch n := r.o.Reboots + 1; {
	case r.failure != nil:
		r.emit(phased.RunWarning{Message: "the run has failed: the reboot that " + r.askedBy() + " asked for is not waited for"})
	case n > r.o.RebootLimit:
		r.fail(phased.Failure{Phase: first.Phase, Hook: first.Hook, Exit: tooMany(n, r.o.RebootLimit)})
	default:
		return
	}
	r.reboot.due = false
}

// tooMany is how a run ends that asks for more reboots than are allowed.
func tooMany(n, limit int) phased.Exit {
	return phased.Exit{Cause: phased.CauseReboot, Status: exitHook, Message: fmt.Sprintf(
		"this would be reboot %d of this run and those that it goes on with, and reboot-limit is %d: they might go round in a circle", n, limit)}
}

func (r *run) askedBy() string {
	words := make([]string, len(r.reboot.asked))
	for i, req := range r.reboot.asked {
		words[i] = req.Phase + "/" + string(req.Hook)
	}
	return strings.Join(words, ", ")
}

// waits is the last event of a run that waits for a reboot.
func (r *run) waits() phased.RunWaiting {
	return phased.RunWaiting{
		Why: phased.RebootText(r.reboot.asked), Requests: r.reboot.asked, BootID: r.o.Start.BootID, Next: r.goesOn(),
		ExitCode: exitReboot, Ran: r.ran, Failed: r.failed,
	}
}

// goesOn says where the run goes on: the first hook, in order, that asked to run
// again or that was not come to.
func (r *run) goesOn() string {
	for _, p := range r.plan.Phases {
		entries := p.Entries
		var ran []phased.HookRun
		for _, ph := range r.fold.Phases {
			if ph.Phase == p.Name && ph.Status != phased.StatusSkipped {
				entries, ran = ph.Entries, ph.Hooks
			}
		}
		for _, e := range entries {
			if e.Verdict == phased.VerdictRun && r.left(p.Name, e.Name, ran) {
				return p.Name + "/" + string(e.Name)
			}
		}
	}
	return ""
}

func (r *run) left(phase string, hook phased.Text, ran []phased.HookRun) bool {
	for _, req := range r.reboot.asked {
		if req.Phase == phase && req.Hook == hook {
			return req.Same
		}
	}
	for _, h := range slices.Backward(ran) {
		if h.Hook == hook { // one that the reboot of another has ended runs again
			return h.Exit != nil && !h.Exit.OK() && !h.Ignored
		}
	}
	return true
}
