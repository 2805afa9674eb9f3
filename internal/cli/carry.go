package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"

	"phased/internal/carry"
	"phased/internal/engine"
	"phased/internal/executor"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/report"
	"phased/internal/trust"
)

// carrying is what hands values from hook to hook in a run.
type carrying struct {
	*carry.Run
	files *journal.Drops
}

// carries makes what hands values from hook to hook in the run.
func (j *job) carries() (carrying, error) {
	files, err := j.store.Drops(j.id)
	if err != nil {
		return carrying{}, cannotRecord(err)
	}
	phases := phasesByName(j.plan)
	run := carry.NewRun(carry.Options{
		Files: files, Allow: j.settings.CarryAllow, Total: mostCarried(), Redact: j.secrets, Learn: j.secrets.Learn,
		Keep: j.resumable() != "off", Log: j.carried,
		Takes: func(phase string) (takes, kept bool) {
			p := phases[phase]
			return p.Executor != phased.ExecutorSession, !p.Failure && p.When != phased.WhenAlways
		},
		Less: func(phase string, a, b phased.Text) bool { return plan.Less(phases[phase].Order, string(a), string(b)) },
		Together: func(phase string, a, b phased.Text) bool {
			return phases[phase].Parallel != "" && plan.SameNumber(string(a), string(b))
		},
	})
	if err := run.Begin(); err != nil {
		return carrying{}, errors.Join(cannotRecord(err), files.Close())
	}
	return carrying{run, files}, nil
}

func phasesByName(p phased.Plan) map[string]phased.Phase {
	phases := map[string]phased.Phase{}
	for _, ph := range p.AllPhases() {
		phases[ph.Name] = ph.Phase
	}
	return phases
}

// mostCarried returns how many bytes hooks may carry: half of what the kernel
// gives arguments and environment of a program together, which is a quarter of
// the limit of its stack.
func mostCarried() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_STACK, &l); err != nil || l.Cur/8 > carry.MaxTotal {
		return carry.MaxTotal
	}
	return int(l.Cur / 8)
}

// resumable is what the settings say of keeping what a resume needs.
func (j *job) resumable() string {
	return orText(j.settings.Lifecycles[j.plan.Lifecycle].Resume, "on")
}

// passing tells what is carried of hooks that are passed over, for whatever reason:
// what they handed on in a run that this one goes on with counts on. It is the form
// of engine.Options.Skip.
func (c carrying) passing(skip plan.Skip) plan.Skip {
	return func(phase string, e phased.Entry) (string, string, error) {
		reason, message, err := skip(phase, e)
		if reason != "" && err == nil {
			c.Passed(phase, e.Name)
		}
		return reason, message, err
	}
}

// executor tells the carrying which environment a phase begins with, and makes
// that where the lifecycle has files for it.
func (c carrying) executor(j *job, inner engine.Executor) engine.Executor {
	inner = entering{inner, c.Run}
	files := j.plan.Environment
	if files == nil {
		return inner
	}
	return &executor.Environment{
		Inner: inner,
		List:  func() (phased.PlannedPhase, error) { return plan.ListEnvironment(*files) },
		Refuse: func(listed phased.PlannedPhase) *phased.Exit {
			if j.guard == nil || j.guard.Warn {
				return nil // what is warned of was told of the plan
			}
			if found := j.guard.Guard.Phase(listed); len(found) > 0 {
				return &phased.Exit{Cause: phased.CauseTrust, Status: exitTrust, Message: (&trust.Error{Found: found}).Error()}
			}
			return nil
		},
		Changed: func(phase string, was, is []phased.Text, sink phased.Sink) {
			for _, v := range is {
				name, value, _ := strings.Cut(string(v), "=")
				j.secrets.Learn(name, value)
			}
			sink.Tell(phased.SpaceChanged{Phase: phase, Changes: carry.Changes(was, is, j.secrets)})
		},
	}
}

type entering struct {
	engine.Executor
	run *carry.Run
}

// Enter implements engine.Executor.
func (e entering) Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	e.run.Enter(s.Surroundings.Env, s.Sink.Tell)
	return e.Executor.Enter(ctx, p, s)
}

// both makes one of two functions that make a hook ready: the form of
// engine.Options.Before.
func both(first, then func(*phased.Hook) error) func(*phased.Hook) error {
	return func(h *phased.Hook) error {
		if err := first(h); err != nil {
			return err
		}
		return then(h)
	}
}

// after looks at what a hook has left: the form of engine.Options.After.
type after = func(phased.Hook, *phased.Result) ([]phased.Payload, error)

// forget removes what was kept for a resume where nobody will resume, and that of
// old runs.
func (j *job) forget(run phased.Run) error {
	return errors.Join(forgetSpace(j.store, j.settings, j.resumable(), run), j.store.DropPrivate(j.id))
}

// carriedBy returns what the hooks of a chain of runs have handed on. passed are
// the hooks that will not run: without what one of these has handed on, it is an
// error.
func carriedBy(store *journal.Store, ttl time.Duration, runs []phased.Run, passed func(phase string, hook phased.Text) bool) (*carry.Log, error) {
	log := &carry.Log{}
	for _, r := range slices.Backward(runs) {
		content, err := store.Kept(r.ID, carry.LogFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, &failure{exitTrust, err}
		}
		if log, err = carry.DecodeLog(content); err != nil {
			return nil, broken("run %s: %v", r.ID, err)
		}
		break
	}
	seen := map[string]bool{}
	for _, r := range slices.Backward(runs) {
		for _, p := range r.Phases {
			for _, h := range p.Hooks {
				name := report.Hook(p.Phase, h.Hook)
				if h.Status != phased.StatusSucceeded || h.Again || seen[name] {
					continue
				}
				seen[name] = true
				if h.Changes > 0 && passed(p.Phase, h.Hook) && !log.Has(p.Phase, h.Hook) {
					return nil, &failure{exitInvalid, fmt.Errorf(
						"run %s cannot be resumed: what %s has handed to later hooks is not there (it is kept for %s after a run that failed, unless the settings say `resume: off`); start it anew, or go on with --from %s",
						r.ID, name, report.About(ttl), name)}
				}
			}
		}
	}
	return log, nil
}
