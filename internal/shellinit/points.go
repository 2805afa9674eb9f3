package shellinit

import (
	"errors"
	"fmt"
	"path"
	"syscall"

	"phased/internal/phased"
)

// enter folds the beginning of a hook point: DIRECTORY FOUND MODE SUB-PHASE
// PATH...
func (f *Fold) enter(r []string) {
	if n := len(f.open); n > 0 && f.open[n-1].hook == nil {
		f.leave(phased.StatusFailed) // bash gave the function up
	}
	p := &point{name: pointName(r[2], r[3]), args: []phased.Text{phased.Text(r[2])}, began: f.now}
	if r[3] != "" {
		p.args = append(p.args, phased.Text(r[3]))
	}
	f.open = append(f.open, p)
	dir, missing := phased.Text(r[0]), r[1] == ""
	listed := phased.PlannedPhase{
		Phase: phased.Phase{
			Name: p.name, Dir: r[0], Glob: "*.sh", Args: p.args, Scope: phased.ScopeFunction,
			OnFailure: phased.Shell, Order: phased.Glob, Executor: phased.ExecutorSession,
		},
		Missing: missing, Dirs: []phased.Text{dir},
	}
	var paths []phased.Text
	for _, path := range r[4:] {
		paths = append(paths, phased.Text(path))
	}
	if missing {
		listed.Dirs = nil
	} else if found, err := f.entries(listed, paths); err == nil {
		listed = found
	} else {
		listed.Entries = asFound(p, paths)
	}
	if listed.Entries == nil {
		listed.Entries = []phased.Entry{}
	}
	f.emit(phased.PhaseStarted{Phase: p.name, Dirs: listed.Dirs, Missing: listed.Missing, Entries: listed.Entries})
}

func (f *Fold) entries(p phased.PlannedPhase, paths []phased.Text) (phased.PlannedPhase, error) {
	if f.list == nil {
		return p, errNoList
	}
	return f.list(p, paths)
}

var errNoList = errors.New("nobody lists directories")

// asFound is what the shell goes through, of which nothing else is known. The
// pattern itself stands for no match.
func asFound(p *point, paths []phased.Text) []phased.Entry {
	var all []phased.Entry
	for _, file := range paths {
		if name := path.Base(string(file)); name != "*.sh" {
			all = append(all, phased.Entry{Name: phased.Text(name), Path: file, Verdict: phased.VerdictRun, Args: p.args})
		}
	}
	return all
}

// pointName names a hook point as the lifecycles do: install, unstack, source.
func pointName(mode, sub string) string {
	name := mode
	switch {
	case mode == "override_defaults" && sub == "":
		name = "override-defaults"
	case mode == "stack" && sub != "":
		name = sub
	case sub != "":
		name = mode + " " + sub
	case mode == "":
		name = "?"
	}
	return clean(name, 200)
}

// before folds the beginning of a hook; a name without a slash is a function of
// the shell's.
func (f *Fold) before(file phased.Text, was *state) {
	p := f.open[len(f.open)-1]
	if p.hook != nil {
		f.finish(phased.Exit{Cause: phased.CauseExit, Status: 1, Message: "bash gave it up"}, was, false)
	}
	p.hook = &hook{name: phased.Text(path.Base(string(file))), began: f.now, was: was}
	f.emit(phased.HookStarted{
		Phase: p.name, Hook: p.hook.name, Path: file, Args: p.args, Pid: f.shell.Pid, PidStart: f.shell.Start,
	})
}

// after folds the end of a hook that has left the shell alive.
func (f *Fold) after(status int, is *state) {
	for len(f.open) > 1 && f.open[len(f.open)-1].hook == nil {
		f.leave(phased.StatusFailed) // a point inside of the hook that bash gave up
	}
	if f.open[len(f.open)-1].hook == nil {
		return
	}
	x := phased.Exit{Cause: phased.CauseOK}
	if status != 0 {
		x = exitOf(status, 0)
	}
	f.finish(x, is, false)
}

// finish ends the hook of the innermost point.
func (f *Fold) finish(x phased.Exit, is *state, ended bool) {
	p := f.open[len(f.open)-1]
	h := p.hook
	p.hook = nil
	f.emit(phased.HookFinished{
		Phase: p.name, Hook: h.name, Exit: x, Took: max(0, f.now.Sub(h.began)), Ended: ended, Ignored: !ended && !x.OK(),
	})
	for _, w := range warnings(h.was, is) {
		w.Phase, w.Hook = p.name, h.name
		f.emit(w)
	}
	if ended && x.OK() {
		f.emit(phased.HookWarning{
			Phase: p.name, Hook: h.name, Code: phased.WarnExitEarly,
			Message: "ended the shell with status 0: what comes after it did not run",
		})
	}
}

// skip folds a path that could not be read when its turn came. What is not there
// at all is mostly the pattern itself, which found nothing.
func (f *Fold) skip(file phased.Text, there bool) {
	p, name := f.open[len(f.open)-1], path.Base(string(file))
	if !there && name == "*.sh" {
		return
	}
	message := "it cannot be read"
	if !there {
		message = "it is not there any more"
	}
	f.emit(phased.HookSkipped{
		Phase: p.name, Hook: phased.Text(name), Path: file, Reason: phased.SkippedNotReadable, Message: message,
	})
	if there {
		f.emit(phased.HookWarning{
			Phase: p.name, Hook: phased.Text(name), Code: phased.WarnUnreadable, Message: "cannot be read, and was passed over", File: file,
		})
	}
}

// leave ends the innermost point.
func (f *Fold) leave(s phased.Status) {
	p := f.open[len(f.open)-1]
	if p.hook != nil { // a record is missing
		f.finish(phased.Exit{Cause: phased.CauseOK}, nil, false)
	}
	f.open = f.open[:len(f.open)-1]
	f.emit(phased.PhaseFinished{Phase: p.name, Status: s, Took: max(0, f.now.Sub(p.began))})
}

// End returns the events that close the run: the shell has ended. Where its exit
// status is not known, the run has failed if the shell ended at a hook point,
// else succeeded.
func (f *Fold) End() []phased.Event {
	f.events = nil
	if !f.began() || f.run.Status.Final() {
		return nil
	}
	x := f.verdict()
	var failure *phased.Failure
	if !x.OK() {
		failure = &phased.Failure{Exit: x}
	}
	status := phased.StatusOf(x.Cause)
	for len(f.open) > 0 {
		p := f.open[len(f.open)-1]
		if failure != nil && failure.Phase == "" {
			failure.Phase = p.name
			if h := p.hook; h != nil {
				failure.Hook = h.name
				if r := f.run.Hook(p.name, h.name); r != nil {
					failure.Path = r.Path
				}
			}
		}
		if p.hook != nil {
			f.finish(x, nil, true)
		}
		f.leave(status)
	}
	if f.exit != nil {
		f.emit(phased.SessionEnded{Exit: *f.exit})
	}
	if failure != nil {
		f.emit(phased.RunFailed{Failure: *failure})
	}
	ran, failed := f.run.Counts()
	f.emit(phased.RunFinished{
		Status: status, ExitCode: x.Status, Failure: failure, Took: max(f.mono, f.now.Sub(f.run.Began)), Ran: ran, Failed: failed,
	})
	return f.take()
}

// verdict is how the shell ended.
func (f *Fold) verdict() phased.Exit {
	x := phased.Exit{Cause: phased.CauseOK}
	where := ""
	if n := len(f.open); n > 0 {
		if where = "phase " + f.open[n-1].name; f.open[n-1].hook != nil {
			where = clean(string(f.open[n-1].hook.name), 255)
		}
	}
	switch {
	case f.exit == nil && where == "":
		return x
	case f.exit == nil:
		x = phased.Exit{Cause: phased.CauseExit, Status: 1, Message: "the shell ended in " + where + "; its exit status is not known"}
	default:
		x = *f.exit
		how := x.Message
		if where == "" {
			where = "no hook"
		}
		if !x.OK() {
			x.Message = how + ": the shell ended in " + where
		}
	}
	return x
}

// exitOf is an exit status, or the number of a signal, as an Exit.
func exitOf(status, signal int) phased.Exit {
	switch {
	case signal > 0:
		name := phased.SignalName(syscall.Signal(signal))
		return phased.Exit{Cause: phased.CauseSignal, Status: 128 + signal, Signal: signal, Message: "ended by " + name}
	case status == 0:
		return phased.Exit{Cause: phased.CauseOK}
	}
	return phased.Exit{Cause: phased.CauseExit, Status: status, Message: fmt.Sprintf("exit status %d", status)}
}
