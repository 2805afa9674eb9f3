package plan

import (
	"fmt"
	"slices"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// ResumeOptions change what Resume decides.
type ResumeOptions struct {
	Force bool // go on also where what is done has changed since
}

// Skip tells of a phase (an entry without a name) and of a hook whether it is
// not run: the form of engine.Options.Skip.
type Skip = func(phase string, e phased.Entry) (reason, message string, err error)

// Decision is where a run goes on, and what it passes over until then.
type Decision struct {
	Phase string      // where it goes on
	Hook  phased.Text // "": behind its last hook, or it has none
	// What is passed over, since it is done: phases as a whole, and hooks of Phase.
	Phases []string
	Hooks  []phased.Text
	// Mended says that the file of Hook is another than at the earlier points at
	// which it is done: it was mended, which is what resuming is for.
	Mended bool
	// Forced are the reasons against it that Force let pass, one a line.
	Forced []string
	run    string
	how    phased.Status
}

// Where says where the run goes on: "PHASE/HOOK", or "PHASE".
func (d Decision) Where() string {
	if d.Hook == "" {
		return d.Phase
	}
	return d.Phase + "/" + string(d.Hook)
}

// Skip tells of a phase (hook "") and of a hook whether it is passed over: the
// form of engine.Options.Skip.
func (d Decision) Skip(phase string, e phased.Entry) (reason, message string, err error) {
	hook := e.Name
	message = "done in run " + d.run
	switch {
	case hook == "" && slices.Contains(d.Phases, phase):
		return phased.SkippedDone, message, nil
	case hook != "" && phase == d.Phase && slices.Contains(d.Hooks, hook):
		return phased.SkippedDone, message, nil
	}
	return "", "", nil
}

// Lines tells people what the decision is.
func (d Decision) Lines() []string {
	lines := []string{fmt.Sprintf("run %s (%s) goes on at %s", d.run, d.how, d.Where())}
	if len(d.Phases) > 0 {
		lines = append(lines, "done: "+strings.Join(d.Phases, ", "))
	}
	if len(d.Hooks) > 0 {
		lines = append(lines, "done in "+d.Phase+": "+joined(d.Hooks, ", "))
	}
	if d.Mended {
		lines = append(lines, fmt.Sprintf("%s has changed since; where it is done (at other points) it is not run again", d.Hook))
	}
	for _, f := range d.Forced {
		lines = append(lines, "although "+f)
	}
	return lines
}

// Resume decides where the run r, Joined with those that it resumed, goes on by
// the plan p, made now: at the hook that failed, or that was running when it
// ended. Its error is an Errors with
// every reason against it: that there is nothing to go on with, that it is
// another lifecycle or directory, or that what is done is not what the plan has.
// Force lets the last of these pass.
func Resume(p phased.Plan, r phased.Run, o ResumeOptions) (Decision, error) {
	d := Decision{run: r.ID, how: r.Status}
	if errs := cannotResume(p, r); errs != nil {
		return d, errs
	}
	byName := map[string]phased.PhaseRun{}
	for _, ph := range r.Phases {
		if !ph.Failure {
			byName[ph.Phase] = ph
		}
	}
	d.place(p, byName)
	if d.Phase == "" {
		return d, Errors{{Message: fmt.Sprintf("run %s cannot be resumed: all of its phases are done; start it anew", r.ID)}}
	}
	return d.checked(p, r, byName, o)
}

// checked refuses a decision where what is done is not what the plan has, unless
// that is forced.
func (d Decision) checked(p phased.Plan, r phased.Run, byName map[string]phased.PhaseRun, o ResumeOptions) (Decision, error) {
	var changed Errors
	changed = append(changed, goneFrom(p, r, d)...)
	for _, pp := range p.Phases {
		done := slices.Contains(d.Phases, pp.Name)
		switch ran, known := byName[pp.Name]; {
		case known && done && ran.Status == phased.StatusSkipped:
			changed = append(changed, &Error{Message: fmt.Sprintf("phase %s was done in another run, of which nothing is known here", pp.Name)})
		case known && (done || pp.Name == d.Phase):
			changed = append(changed, d.changes(pp, ran, done)...)
		case done:
			changed = append(changed, &Error{Message: fmt.Sprintf("phase %s was not there in the run, and would have come before %s", pp.Name, d.Where())})
		}
	}
	if len(changed) == 0 {
		return d, nil
	}
	if !o.Force {
		changed = append(changed, &Error{Message: fmt.Sprintf("run %s cannot be resumed as it is; put back what has changed, start it anew, or say --force", r.ID)})
		return d, changed
	}
	for _, e := range changed {
		d.Forced = append(d.Forced, e.Error())
	}
	return d, nil
}

// cannotResume returns why a run cannot be resumed whatever Force says.
func cannotResume(p phased.Plan, r phased.Run) Errors {
	no := func(format string, args ...any) Errors {
		return Errors{{Message: fmt.Sprintf("run %s cannot be resumed: ", r.ID) + fmt.Sprintf(format, args...)}}
	}
	switch {
	case !r.Status.Final():
		return no("it is still running; stop it first, or wait for it")
	case r.Status == phased.StatusSucceeded:
		return no("it ended well; start it anew")
	case r.Start.Lifecycle != p.Lifecycle:
		return no("its lifecycle is %s, not %s", r.Start.Lifecycle, p.Lifecycle)
	case r.Start.Base != p.Base:
		return no("it belongs to %s, not to %s", r.Start.Base, p.Base)
	case slices.ContainsFunc(r.Phases, func(ph phased.PhaseRun) bool { return ph.Skip == phased.SkippedNotAsked }):
		return no("only a part of its lifecycle was asked for; ask for that again")
	case len(r.Phases) == 0:
		return no("it ended before its first phase; start it anew")
	}
	return nil
}

// place finds where the run goes on: the first hook that is not done of the
// first phase that is not.
func (d *Decision) place(p phased.Plan, byName map[string]phased.PhaseRun) {
	for _, pp := range p.Phases {
		if pp.When == phased.WhenAlways {
			continue // it runs at the end of this run as well
		}
		ran, known := byName[pp.Name]
		if known && phaseDone(ran) || !known && laterRan(p, byName, pp.Name) {
			d.Phases = append(d.Phases, pp.Name)
			continue
		}
		d.Phase = pp.Name
		for _, e := range pp.Hooks() {
			switch {
			case hookDone(ran, e.Name):
				d.Hooks = append(d.Hooks, e.Name)
			case d.Hook == "":
				d.Hook = e.Name
			}
		}
		return
	}
}

// laterRan reports whether a phase behind that one was entered.
func laterRan(p phased.Plan, byName map[string]phased.PhaseRun, name string) bool {
	at := slices.IndexFunc(p.Phases, func(pp phased.PlannedPhase) bool { return pp.Name == name })
	return slices.ContainsFunc(p.Phases[at+1:], func(pp phased.PlannedPhase) bool {
		_, known := byName[pp.Name]
		return known && pp.When == ""
	})
}

// phaseDone reports whether nothing of a phase is left to do.
func phaseDone(ran phased.PhaseRun) bool {
	switch ran.Skip {
	case phased.SkippedFailed, phased.SkippedWaiting, phased.SkippedKilled:
		return false // a phase at the end, which was not due
	}
	if ran.Status != phased.StatusSucceeded && ran.Status != phased.StatusSkipped {
		return false
	}
	return !slices.ContainsFunc(ran.Hooks, func(h phased.HookRun) bool { return h.Ended })
}

// hookDone reports whether a hook has done its work: it ended while the session
// lived on. One whose failure the shell ignored has.
func hookDone(ran phased.PhaseRun, name phased.Text) bool {
	for _, h := range slices.Backward(ran.Hooks) {
		if h.Hook != name {
			continue
		}
		switch {
		case h.Ended:
			return false
		case h.Status == phased.StatusSucceeded, h.Status == phased.StatusSkipped:
			return true
		}
		return h.Ignored
	}
	return false
}

// goneFrom tells phases that are done and that the plan does not have.
func goneFrom(p phased.Plan, r phased.Run, d Decision) Errors {
	var errs Errors
	for _, ph := range r.Phases {
		known := slices.ContainsFunc(p.Phases, func(pp phased.PlannedPhase) bool { return pp.Name == ph.Phase })
		if !known && !ph.Failure && len(ph.Hooks) > 0 {
			errs = append(errs, &Error{Message: fmt.Sprintf("phase %s was in the run and is not there any more, before %s", ph.Phase, d.Where())})
		}
	}
	return errs
}

// changes tells what of a phase is not as the run had it: of one that is done
// everything, of the one where it goes on what stands before that place.
func (d *Decision) changes(pp phased.PlannedPhase, ran phased.PhaseRun, done bool) Errors {
	var errs Errors
	say := func(path phased.Text, format string, args ...any) {
		errs = append(errs, &Error{File: string(path), Message: fmt.Sprintf(format, args...)})
	}
	var was []phased.Entry // those that are done, in their order
	for _, e := range ran.Entries {
		if e.Verdict == phased.VerdictRun && hookDone(ran, e.Name) {
			was = append(was, e)
		}
	}
	now := pp.Hooks()
	if !done && d.Hook != "" {
		now = now[:slices.IndexFunc(now, func(e phased.Entry) bool { return e.Name == d.Hook })]
	}
	place := 0
	mended := d.path(pp)
	for _, e := range was {
		at := slices.IndexFunc(now, func(n phased.Entry) bool { return n.Name == e.Name })
		skipped := skippedThen(ran, e.Name)
		switch {
		case at < 0 && skipped:
		case at < 0 && slices.ContainsFunc(pp.Hooks(), func(n phased.Entry) bool { return n.Name == e.Name }):
			say(e.Path, "is done in %s, and would now come after %s", pp.Name, d.Hook)
		case at < 0:
			say(e.Path, "is done in %s, and is not there any more", pp.Name)
		case at < place:
			say(e.Path, "is done in %s, and would now come at another place", pp.Name)
		case now[at].Digest != e.Digest && e.Path == mended:
			d.Mended = true
		case now[at].Digest != e.Digest:
			say(e.Path, "is done in %s, and has changed since (%s then, %s now)", pp.Name, contentWord(e.Digest), contentWord(now[at].Digest))
		case !slices.Equal(now[at].Args, e.Args):
			say(e.Path, "was sourced in %s with %q, and would now be with %q", pp.Name, joined(e.Args, " "), joined(now[at].Args, " "))
		case len(e.Inputs) > 0 && InputsChanged(inputsThen(ran, e.Name), now[at].InputFiles) != "":
			say(e.Path, "is done in %s, and its inputs have changed since: %s", pp.Name, InputsChanged(inputsThen(ran, e.Name), now[at].InputFiles))
		}
		place = max(place, at)
	}
	for _, n := range now {
		if !slices.ContainsFunc(was, func(e phased.Entry) bool { return e.Name == n.Name }) {
			say(n.Path, "was not there in the run, and would have come in %s before %s", pp.Name, d.Where())
		}
	}
	return errs
}

// path returns the path of the hook at which the run goes on, as the phase has
// it.
func (d *Decision) path(pp phased.PlannedPhase) phased.Text {
	for _, e := range pp.Hooks() {
		if e.Name == d.Hook {
			return e.Path
		}
	}
	return ""
}

// inputsThen returns the files that a hook depended on when it was last started.
func inputsThen(ran phased.PhaseRun, name phased.Text) []phased.Input {
	for _, h := range slices.Backward(ran.Hooks) {
		if h.Hook == name {
			return h.Inputs
		}
	}
	return nil
}

// skippedThen reports whether the run passed over a hook because it could not be
// read.
func skippedThen(ran phased.PhaseRun, name phased.Text) bool {
	for _, h := range ran.Hooks {
		if h.Hook == name && h.Status == phased.StatusSkipped {
			return true
		}
	}
	return false
}

func contentWord(digest string) string { return orText(short(digest), "unreadable") }

// Joined returns the phases of a run that was resumed with those of the run that
// resumed it: what the later one passed over as done is as the earlier one had
// it.
func Joined(earlier, later []phased.PhaseRun) []phased.PhaseRun {
	all := slices.Clone(earlier)
	for _, l := range later {
		at := slices.IndexFunc(all, func(e phased.PhaseRun) bool { return e.Phase == l.Phase })
		switch {
		case at < 0:
			all = append(all, l)
		case l.Status == phased.StatusSkipped:
		default:
			all[at] = joinedPhase(all[at], l)
		}
	}
	return all
}

// joinedPhase is a phase that the later run entered: hooks that it passed over
// as done, or died before it came to, keep what the earlier run knew of them,
// content included.
func joinedPhase(earlier, later phased.PhaseRun) phased.PhaseRun {
	hooks, entries := slices.Clone(later.Hooks), slices.Clone(later.Entries)
	for _, e := range earlier.Hooks {
		at := slices.IndexFunc(hooks, func(h phased.HookRun) bool { return h.Hook == e.Hook })
		switch {
		case e.Again: // its last attempt counts
			continue
		case at < 0 && hookDone(earlier, e.Hook):
			hooks = append(hooks, e)
		case at >= 0 && hooks[at].Status == phased.StatusSkipped:
			hooks[at] = e
		default:
			continue
		}
		was := slices.IndexFunc(earlier.Entries, func(n phased.Entry) bool { return n.Name == e.Hook })
		now := slices.IndexFunc(entries, func(n phased.Entry) bool { return n.Name == e.Hook })
		if was >= 0 && now >= 0 {
			entries[now] = earlier.Entries[was]
		}
	}
	later.Hooks, later.Entries = hooks, entries
	return later
}

// Only returns what tells the engine to run one phase alone, or one hook of it:
// the form of engine.Options.Skip. Its error, an Errors, names those that there
// are.
func Only(p phased.Plan, phase string, hook phased.Text) (skip Skip, err error) {
	var names []string
	var found *phased.PlannedPhase
	for i := range p.Phases {
		names = append(names, p.Phases[i].Name)
		if p.Phases[i].Name == phase {
			found = &p.Phases[i]
		}
	}
	if found == nil {
		return nil, unknownName("point", phase, "the lifecycle "+p.Lifecycle, names)
	}
	if hook != "" {
		var hooks []string
		for _, e := range found.Hooks() {
			hooks = append(hooks, string(e.Name))
		}
		if !slices.Contains(hooks, string(hook)) {
			return nil, unknownName("hook", string(hook), "the point "+phase, hooks)
		}
	}
	message := "only " + Decision{Phase: phase, Hook: hook}.Where() + " was asked for"
	return func(ph string, e phased.Entry) (string, string, error) {
		if ph != phase || e.Name != "" && hook != "" && e.Name != hook {
			return phased.SkippedNotAsked, message, nil
		}
		return "", "", nil
	}, nil
}

func unknownName(what, name, of string, known []string) error {
	hint := ""
	if n := config.Nearest(name, known); n != "" {
		hint = fmt.Sprintf(" (did you mean %s?)", n)
	}
	list := orText(strings.Join(known, ", "), "none")
	return Errors{{Message: fmt.Sprintf("%s has no %s %q%s; it has %s", of, what, name, hint, list)}}
}
