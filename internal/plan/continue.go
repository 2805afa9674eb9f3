package plan

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"phased/internal/phased"
)

// ContinueOptions change what Continue decides. They are for lifecycles of which
// nothing is sourced.
type ContinueOptions struct {
	From  string // NAME or PHASE/NAME: this hook and all behind it run
	Only  string // a phase: nothing else runs
	Force bool   // as ResumeOptions have it, for the sourced phases
}

// HookDecision is what a run that resumes another does about one hook, and why.
type HookDecision struct {
	Phase string
	Hook  phased.Text
	Run   bool
	Why   string
}

// Continuation is what a run that resumes others does about every hook.
type Continuation struct {
	Hooks []HookDecision // of executed phases, in the order of the plan
	// Gone are hooks that are done and that the plan does not have any more, as
	// PHASE/NAME.
	Gone []string
	// Sourced is where the sourced phases go on; nil: there are none.
	Sourced *Decision

	only    string
	decided map[hookKey]HookDecision
	past    map[hookKey]past
}

// WaitsForReboot tells of a run whose phased died, on a host that was rebooted
// since, whether the reboot that its hooks had asked for is what ended it: the
// hook that was running asked for one at once, or none was running. nil: it was
// interrupted.
func WaitsForReboot(r phased.Run, asked []phased.RebootRequest) *phased.RunWaiting {
	if r.Failure != nil {
		return nil
	}
	counts := func(req phased.RebootRequest) bool {
		h := r.Hook(req.Phase, req.Hook)
		return h != nil && (h.Status == phased.StatusSucceeded || h.Exit == nil && req.EndsHook(req.Phase, req.Hook))
	}
	asked = slices.DeleteFunc(slices.Clone(asked), func(req phased.RebootRequest) bool { return !counts(req) })
	// Of hooks that run together, one takes the others down with it.
	ends := func(ph phased.PhaseRun, h phased.HookRun) bool {
		return slices.ContainsFunc(asked, func(req phased.RebootRequest) bool {
			other := r.Hook(req.Phase, req.Hook)
			return req.EndsHook(h.Phase, h.Hook) || ph.Parallel != "" && req.EndsHook(h.Phase, req.Hook) && other.Exit == nil
		})
	}
	for _, ph := range r.Phases {
		for _, h := range ph.Hooks {
			if h.Exit == nil && h.Status != phased.StatusSkipped && !ends(ph, h) {
				return nil // something else took it away
			}
		}
	}
	if len(asked) == 0 {
		return nil
	}
	const exitReboot = 76
	return &phased.RunWaiting{Why: phased.RebootText(asked), Requests: asked, BootID: r.Start.BootID, ExitCode: exitReboot}
}

type hookKey struct {
	phase string
	hook  phased.Text
}

// past is the last that is known of a hook: what it was, and how it ended.
type past struct {
	run    string
	entry  phased.Entry
	hook   phased.HookRun
	again  bool // it asked to run again after the reboot
	byBoot bool // the reboot that it asked for ended it
}

// history is what a chain of runs has done, each of which resumes the one before.
type history struct {
	hooks   map[hookKey]past
	entered map[string][]phased.Entry // of each phase, as it was last entered
	order   []hookKey
}

// historyOf folds the runs, the oldest first. What a later run passed over, or
// did not come to, is as the earlier one left it; what it began anew is not.
func historyOf(runs []phased.Run) history {
	h := history{hooks: map[hookKey]past{}, entered: map[string][]phased.Entry{}}
	for _, r := range runs {
		for _, ph := range r.Phases {
			if ph.Failure || ph.Status == phased.StatusSkipped {
				continue
			}
			h.entered[ph.Phase] = ph.Entries
			for _, hr := range ph.Hooks {
				key := hookKey{ph.Phase, hr.Hook}
				if hr.Status == phased.StatusSkipped {
					continue
				}
				if _, known := h.hooks[key]; !known {
					h.order = append(h.order, key)
				}
				p := past{run: r.ID, hook: hr}
				for _, e := range ph.Entries {
					if e.Name == hr.Hook && e.Verdict == phased.VerdictRun {
						p.entry = e
					}
				}
				h.hooks[key] = p
			}
		}
		if r.Waiting != nil {
			h.waited(*r.Waiting)
		}
	}
	return h
}

// waited adds what a run that waits for a reboot says of the hooks that asked.
func (h history) waited(w phased.RunWaiting) {
	for _, req := range w.Requests {
		key := hookKey{req.Phase, req.Hook}
		p, known := h.hooks[key]
		if !known {
			continue
		}
		p.again = req.Same
		p.byBoot = req.EndsHook(req.Phase, req.Hook) && !req.Same
		h.hooks[key] = p
	}
}

// Continue decides for every executed hook of the plan p, made now with its
// inputs (Options.Inputs), whether it runs in a run that resumes the last of
// runs, a chain with the oldest first: only what is done, and has the content,
// the arguments and the inputs that it had then, is passed over. A hook that runs
// again makes no other one run again; what depends on it says so by its inputs.
// Phases whose hooks are sourced go on as Resume has it. Its error is an Errors.
func Continue(p phased.Plan, runs []phased.Run, o ContinueOptions) (Continuation, error) {
	last := runs[len(runs)-1]
	c := Continuation{only: o.Only, decided: map[hookKey]HookDecision{}}
	if errs := cannotContinue(p, last, o); errs != nil {
		return c, errs
	}
	if p.Session != nil {
		d, err := resumeSourced(p, runs, o.Force)
		if err != nil {
			return c, err
		}
		c.Sourced = &d
	}
	from, err := fromHook(p, o)
	if err != nil {
		return c, err
	}
	h := historyOf(runs)
	c.past = h.hooks
	reached := false
	for _, ph := range p.Phases {
		if ph.Executor == phased.ExecutorSession || o.Only != "" && ph.Name != o.Only {
			continue
		}
		for _, e := range ph.Hooks() {
			key := hookKey{ph.Name, e.Name}
			reached = reached || key == from
			d := h.decide(key, e)
			if ph.When == phased.WhenAlways {
				d.Run, d.Why = true, "runs at the end of every run"
			}
			if !d.Run && reached {
				d.Run, d.Why = true, "asked for by --from"
			}
			c.Hooks = append(c.Hooks, d)
			c.decided[key] = d
		}
	}
	c.gone(p, h)
	return c, nil
}

// gone notes hooks that are done and not in the plan.
func (c *Continuation) gone(p phased.Plan, h history) {
	for _, key := range h.order {
		ph := slices.IndexFunc(p.Phases, func(pp phased.PlannedPhase) bool { return pp.Name == key.phase })
		if c.only != "" && key.phase != c.only || ph >= 0 && p.Phases[ph].Executor == phased.ExecutorSession {
			continue
		}
		there := ph >= 0 && slices.ContainsFunc(p.Phases[ph].Hooks(), func(e phased.Entry) bool { return e.Name == key.hook })
		if !there && h.hooks[key].done() {
			c.Gone = append(c.Gone, Decision{Phase: key.phase, Hook: key.hook}.Where())
		}
	}
}

// cannotContinue returns why a run cannot be resumed at all.
func cannotContinue(p phased.Plan, r phased.Run, o ContinueOptions) Errors {
	no := func(format string, args ...any) Errors {
		return Errors{{Message: fmt.Sprintf("run %s cannot be resumed: ", r.ID) + fmt.Sprintf(format, args...)}}
	}
	switch {
	case !r.Status.Final():
		return no("it is still running; stop it first, or wait for it")
	case Finished(r):
		return no("it ended well; start it anew")
	case r.Start.Personality != "":
		return no("it was run as %s, which runs everything every time; run that again", r.Start.Personality)
	case r.Start.Lifecycle != p.Lifecycle:
		return no("its lifecycle is %s, not %s", r.Start.Lifecycle, p.Lifecycle)
	case r.Start.Base != p.Base:
		return no("it belongs to %s, not to %s", r.Start.Base, p.Base)
	case p.Session != nil && (o.From != "" || o.Only != ""):
		return no("--from and --only are for lifecycles of which nothing is sourced; hooks that are sourced go on where their variables were saved")
	}
	return nil
}

// Finished reports whether nothing of a run is left to go on with: it ended well,
// and no phase of it was left out by --only.
func Finished(r phased.Run) bool {
	return r.Status == phased.StatusSucceeded &&
		!slices.ContainsFunc(r.Phases, func(ph phased.PhaseRun) bool { return ph.Skip == phased.SkippedNotAsked })
}

// fromHook finds the hook of --from, and checks the phase of --only.
func fromHook(p phased.Plan, o ContinueOptions) (hookKey, error) {
	var phases, hooks []string
	var found []hookKey
	for _, ph := range p.Phases {
		phases = append(phases, ph.Name)
		for _, e := range ph.Hooks() {
			hooks = append(hooks, string(e.Name))
			if o.From == string(e.Name) || o.From == ph.Name+"/"+string(e.Name) {
				found = append(found, hookKey{ph.Name, e.Name})
			}
		}
	}
	of := "the lifecycle " + p.Lifecycle
	switch {
	case o.Only != "" && !slices.Contains(phases, o.Only):
		return hookKey{}, unknownName("phase", o.Only, of, phases)
	case o.From == "":
		return hookKey{}, nil
	case len(found) == 0:
		return hookKey{}, unknownName("hook", o.From, of, hooks)
	case len(found) > 1:
		var where []string
		for _, k := range found {
			where = append(where, Decision{Phase: k.phase, Hook: k.hook}.Where())
		}
		return hookKey{}, Errors{{Message: fmt.Sprintf("--from %s: there are several: %s; name one", o.From, strings.Join(where, ", "))}}
	case o.Only != "" && found[0].phase != o.Only:
		return hookKey{}, Errors{{Message: fmt.Sprintf("--from %s lies outside of --only %s", o.From, o.Only)}}
	}
	return found[0], nil
}

// done reports whether the hook has done its work.
func (p past) done() bool {
	return !p.again && (p.byBoot || p.hook.Status == phased.StatusSucceeded)
}

// decide says what is done about one hook.
func (h history) decide(key hookKey, e phased.Entry) HookDecision {
	d := HookDecision{Phase: key.phase, Hook: key.hook, Run: true}
	p, known := h.hooks[key]
	switch entries, entered := h.entered[key.phase]; {
	case known && p.done():
		if d.Why = p.changed(e); d.Why == "" {
			d.Run, d.Why = false, "done in run "+p.run
		}
	case known:
		d.Why = p.undone()
	case entered && !slices.ContainsFunc(entries, func(n phased.Entry) bool { return n.Name == key.hook && n.Verdict == phased.VerdictRun }):
		d.Why = "new"
	default:
		d.Why = "not run yet"
	}
	return d
}

// undone says how a hook ended that is not done.
func (p past) undone() string {
	switch {
	case p.again:
		return "asked to run again after the reboot"
	case p.hook.Exit == nil:
		return "was running when the run ended"
	}
	x := *p.hook.Exit
	switch x.Cause {
	case phased.CauseTimeout:
		return "timed out"
	case phased.CauseStopped:
		return "was stopped"
	case phased.CauseSignal:
		return "was killed by " + phased.SignalName(syscall.Signal(x.Signal))
	}
	return fmt.Sprintf("failed with exit status %d", x.Status)
}

// changed says what of a hook that is done is not as it was; "" nothing.
func (p past) changed(e phased.Entry) string {
	switch {
	case p.entry.Digest == "" || e.Digest == "":
		return "its content cannot be compared"
	case p.entry.Digest != e.Digest:
		return fmt.Sprintf("changed since (%s then, %s now)", short(p.entry.Digest), short(e.Digest))
	case !slices.Equal(p.entry.Args, e.Args):
		return fmt.Sprintf("its arguments changed: %q then, %q now", joined(p.entry.Args, " "), joined(e.Args, " "))
	}
	if file := InputsChanged(p.hook.Inputs, e.InputFiles); file != "" {
		return "inputs changed: " + file
	}
	return ""
}

// Skip tells the engine what is passed over and why the others run. A hook is
// judged again as it is when its turn comes: one that was to be passed over, and
// that the run itself has changed, or the inputs of which, runs.
func (c Continuation) Skip(phase string, e phased.Entry) (reason, message string, err error) {
	if c.Sourced != nil {
		if reason, message, err = c.Sourced.Skip(phase, e); reason != "" || err != nil {
			return reason, message, err
		}
	}
	if e.Name == "" {
		if c.only != "" && phase != c.only {
			return phased.SkippedNotAsked, "only " + c.only + " was asked for", nil
		}
		return "", "", nil
	}
	key := hookKey{phase, e.Name}
	switch d, known := c.decided[key]; {
	case !known:
		return "", "", nil // sourced, or of the failure phase, or new since the plan
	case d.Run:
		return "", d.Why, nil
	default:
		if why := c.past[key].changed(e); why != "" {
			return "", why, nil
		}
		return phased.SkippedDone, d.Why, nil
	}
}

// resumeSourced decides where the sourced phases of a lifecycle go on that has
// others, too.
func resumeSourced(p phased.Plan, runs []phased.Run, force bool) (Decision, error) {
	last := runs[len(runs)-1]
	d := Decision{run: last.ID, how: last.Status}
	executed := map[string]bool{}
	var sp phased.Plan
	for _, ph := range p.Phases {
		if executed[ph.Name] = ph.Executor != phased.ExecutorSession; !executed[ph.Name] {
			sp.Phases = append(sp.Phases, ph)
		}
	}
	var whole []phased.PhaseRun
	for _, r := range runs {
		whole = Joined(whole, r.Phases)
	}
	sr := last
	sr.Phases = slices.DeleteFunc(whole, func(ph phased.PhaseRun) bool {
		return executed[ph.Phase] || ph.Status == phased.StatusSkipped && ph.Skip != phased.SkippedDone
	})
	byName := map[string]phased.PhaseRun{}
	for _, ph := range sr.Phases {
		if !ph.Failure {
			byName[ph.Phase] = ph
		}
	}
	d.place(sp, byName)
	return d.checked(sp, sr, byName, ResumeOptions{Force: force})
}
