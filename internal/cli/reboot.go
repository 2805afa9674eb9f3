package cli

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/report"
	"phased/internal/state"
)

// rebootOptions are the flags of `phased reboot-needed`.
type rebootOptions struct {
	now, afterPhase, afterRun bool
	same, next                bool
}

func newRebootNeeded(w *World) *cobra.Command {
	var o rebootOptions
	cmd := &cobra.Command{
		Use:   "reboot-needed",
		Short: "ask, inside of a hook, for a reboot of the host",
		Long: `Asks for a reboot of the host: typed in a hook that phased run executes. When the
phase has ended (or at once, or when the run has), the run is put down as waiting
for a reboot, and phased ends with status 76. phased resume goes on after the boot,
behind this hook, or with it.

A hook that fails has asked for nothing.`,
		Example: `phased reboot-needed
phased reboot-needed --now --same`,
		Args: atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runRebootNeeded(cmd.Context(), w, &o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.now, "now", false, "when this hook has ended")
	f.BoolVar(&o.afterPhase, "after-phase", false, "when its phase has ended (the default)")
	f.BoolVar(&o.afterRun, "after-run", false, "when all phases have ended")
	f.BoolVar(&o.same, "same", false, "run this hook again after the boot")
	f.BoolVar(&o.next, "next", false, "go on behind this hook (the default)")
	return cmd
}

// request is what the flags ask for.
func (o *rebootOptions) request() (r phased.RebootRequest, err error) {
	r.When = phased.RebootAfterPhase
	n := 0
	for _, f := range []struct {
		given bool
		when  phased.RebootWhen
	}{{o.now, phased.RebootNow}, {o.afterPhase, phased.RebootAfterPhase}, {o.afterRun, phased.RebootAfterRun}} {
		if f.given {
			n++
			r.When = f.when
		}
	}
	if n > 1 || o.same && o.next {
		return r, invalid("reboot-needed: give one of --now, --after-phase and --after-run, and one of --same and --next")
	}
	r.Same = o.same
	return r, nil
}

// runRebootNeeded is `phased reboot-needed`.
func runRebootNeeded(ctx context.Context, w *World, o *rebootOptions) error {
	req, err := o.request()
	if err != nil {
		return err
	}
	id, dir := w.getenv("PHASED_RUN_ID"), w.getenv("PHASED_STATE_DIR")
	req.Phase, req.Hook = w.getenv("PHASED_PHASE"), phased.Text(w.getenv("PHASED_HOOK"))
	if id == "" || dir == "" || req.Phase == "" || req.Hook == "" {
		return invalid("reboot-needed: this is no hook that phased run executes (PHASED_RUN_ID, PHASED_STATE_DIR, PHASED_PHASE and PHASED_HOOK are not all set); hooks of stack, unstack, clean and the personalities cannot ask for a reboot")
	}
	store, err := journal.Open(dir, journal.Options{ReadOnly: true})
	if err != nil {
		return &failure{exitInternal, err}
	}
	if err := mayAsk(ctx, store, id, req); err != nil {
		return err
	}
	if err := state.New(store.Dir()).RequestReboot(id, req); err != nil {
		return broken("the reboot cannot be asked for: %v", err)
	}
	when := map[phased.RebootWhen]string{
		phased.RebootNow: "this hook", phased.RebootAfterPhase: "the phase " + req.Phase, phased.RebootAfterRun: "the run",
	}[req.When]
	w.talk("asked for a reboot when %s has ended", when)
	return nil
}

// mayAsk refuses all but a hook of the run that is running. What it asks for lies
// where only the user gets in whom the run has; the runner believes it for the
// hook that has just ended, and for no other.
func mayAsk(ctx context.Context, store *journal.Store, id string, req phased.RebootRequest) error {
	const patience = 5 * time.Second // its start may not be in the record yet
	for began := time.Now(); ; {
		r, err := store.Run(ctx, id)
		if err != nil {
			return invalid("reboot-needed: the run %s cannot be read: %v", id, err)
		}
		h := r.Hook(req.Phase, req.Hook)
		running := h != nil && h.Status == phased.StatusRunning
		switch {
		case r.Status.Final():
			return invalid("reboot-needed: the run %s has ended", id)
		case r.Start.Parent != "":
			return invalid("reboot-needed: the run %s was started inside of run %s; let a hook of that ask", id, r.Start.Parent)
		case running && r.Session != nil && h.Pid == r.Session.Pid:
			return invalid("reboot-needed: the hook %s is sourced; only hooks that are executed can ask for a reboot", req.Hook)
		case running && atEnd(r, req.Phase) != "":
			return invalid("reboot-needed: %s cannot ask for a reboot, which nobody would wait for", atEnd(r, req.Phase))
		case running:
			return nil
		case h != nil || time.Since(began) > patience:
			return invalid("reboot-needed: the hook %s/%s is not running", req.Phase, req.Hook)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// atEnd says which phase it is that runs after all others; "": it is none.
func atEnd(r phased.Run, phase string) string {
	for _, ph := range r.Phases {
		switch {
		case ph.Phase != phase:
		case ph.Failure:
			return "the failure phase"
		case ph.When == phased.WhenAlways:
			return "a phase that always runs"
		}
	}
	return ""
}

// rebooted tells the journal which dead runs wait for the reboot that has been.
func (w *World) rebooted(dir string) func(string, func() phased.Run) *phased.RunWaiting {
	return state.New(dir).Rebooted(w.bootID, plan.WaitsForReboot)
}

// waiting tells what comes next, or reboots the host where the settings say how.
func (j *job) waiting(run phased.Run) {
	command := j.settings.RebootCommand
	if len(command) == 0 {
		j.w.talk("run %s waits for a reboot of this host: reboot it, and then type %s (phased-resume.service does so)", run.ID,
			report.Style{Flags: j.again}.Command("resume", "--after-reboot"))
		return
	}
	j.w.talk("run %s waits for a reboot of this host: %s", run.ID, strings.Join(command, " "))
	c := exec.Command(command[0], command[1:]...)
	c.Stdout, c.Stderr = j.w.Stderr, j.w.Stderr
	if err := c.Run(); err != nil {
		j.w.talk("the host cannot be rebooted by reboot-command (%s): %v; reboot it otherwise", strings.Join(command, " "), err)
	}
}

// afterReboot goes on with every run that waits for a reboot that has been: the
// newest of each base and lifecycle.
func (o *resumeOptions) afterReboot(ctx context.Context, w *World) error {
	store, err := o.places.record(w)
	if err != nil {
		return err
	}
	all, err := store.Runs(ctx)
	if err != nil {
		return broken("cannot read the record: %v", err)
	}
	type key struct{ base, lifecycle string }
	newest := map[key]string{}
	var waiting []phased.Summary // the oldest first
	for _, s := range all {
		k := key{string(s.Base), s.Lifecycle}
		if s.Parent != "" || s.Personality != "" {
			continue
		}
		if newest[k] == "" {
			newest[k] = s.ID
		}
		if s.Status == phased.StatusWaiting && newest[k] == s.ID {
			waiting = append([]phased.Summary{s}, waiting...)
		}
	}
	var first error
	for _, s := range waiting {
		one := *o
		if err := one.afterBoot(ctx, w, store, s); err != nil {
			if code, silent := codeOf(err); !silent {
				w.complain(err)
				err = status(code)
			}
			if first == nil {
				first = err
			}
		}
	}
	return first
}

// afterBoot goes on with one run.
func (o *resumeOptions) afterBoot(ctx context.Context, w *World, store *journal.Store, s phased.Summary) error {
	r, err := store.Run(ctx, s.ID)
	if err != nil {
		return broken("the record of run %s cannot be read: %v", s.ID, err)
	}
	if r.Waiting != nil && r.Waiting.BootID == w.bootID() {
		return &failure{exitReboot, fmt.Errorf("run %s waits for a reboot of this host, which has not been yet (%s)", r.ID, r.Waiting.Why)}
	}
	w.talk("the host was rebooted: going on with run %s, which waited for that (%s)", r.ID, r.Waiting.Why)
	return o.goOn(ctx, w, store, r)
}

// forgetReboots removes what hooks of the run have asked for, and of the one that
// it goes on with: it is in the record, or void.
func (m memory) forgetReboots(run phased.Run) error {
	for _, id := range []string{run.ID, run.Start.Resumes} {
		if err := m.store.ForgetReboot(id); err != nil {
			return broken("what hooks asked for cannot be removed: %v", err)
		}
	}
	return nil
}
