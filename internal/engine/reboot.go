package engine

import (
	"fmt"
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

// asks finds out whether the hook that has just ended asked for a reboot. It
// reports whether that reboot is what ended it, so that it has not failed.
func (r *run) asks(p phased.PlannedPhase, e phased.Entry, res *phased.Result) (ended bool) {
	if p.Failure || p.Executor == phased.ExecutorSession {
		return false
	}
	req, found := r.exitAsks(p.Name, e.Name, res)
	if !found && r.o.Requested != nil {
		all, err := r.o.Requested()
		if err != nil {
			r.emit(phased.RunWarning{Message: err.Error()})
		}
		for _, one := range all {
			if one.Phase == p.Name && one.Hook == e.Name {
				req, found = one, true
			}
		}
	}
	if !found {
		return false
	}
	ended = req.EndsHook(p.Name, e.Name) && goingDown(res.Exit)
	if !res.OK() && !ended {
		r.emit(phased.RunWarning{Message: fmt.Sprintf("%s/%s asked for a reboot and failed: the reboot is not waited for", p.Name, e.Name)})
		return false
	}
	r.reboot.asked = append(r.reboot.asked, req)
	if req.When == phased.RebootNow {
		r.reboot.due = true
	}
	return ended
}

// exitAsks reads the exit status of a hook: one by which the lifecycle lets hooks
// ask is a success.
func (r *run) exitAsks(phase string, hook phased.Text, res *phased.Result) (phased.RebootRequest, bool) {
	if res.Cause != phased.CauseExit {
		return phased.RebootRequest{}, false
	}
	for _, x := range r.plan.RebootExits {
		if x.Status == res.Status {
			res.Exit = phased.Exit{Cause: phased.CauseOK, Status: x.Status, Message: "asks for a reboot by its exit status"}
			return phased.RebootRequest{Phase: phase, Hook: hook, When: x.When, Same: x.Same}, true
		}
	}
	return phased.RebootRequest{}, false
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
	for _, h := range ran {
		if h.Hook == hook {
			return false
		}
	}
	return true
}
