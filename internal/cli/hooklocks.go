package cli

import (
	"context"
	"os"
	"slices"

	"phased/internal/locks"
	"phased/internal/phased"
)

// hookLocks takes the locks of the hooks of one run.
type hookLocks struct {
	locks *locks.Locks
	run   string
	env   []phased.Text // that every hook has
}

func newHookLocks(w *World, stateDir, run string, env []phased.Text) hookLocks {
	return hookLocks{
		locks.Open(locks.Options{
			Dir: locks.DefaultDir(os.Geteuid(), w.getenv, stateDir),
			Inside: locks.Owner{
				Run: w.getenv("PHASED_RUN_ID"), Phase: w.getenv("PHASED_PHASE"), Hook: phased.Text(w.getenv("PHASED_HOOK")),
			},
		}), run, env,
	}
}

// take is the form of engine.Options.Lock.
func (l hookLocks) take(ctx context.Context, h phased.Hook, told func(string)) (func(), error) {
	return l.locks.Take(ctx, locks.Owner{Run: l.run, Phase: h.Phase, Hook: h.Name}, h.Locks, told)
}

// environ adds to the environment of a hook what makes package managers wait: the
// form of engine.Options.Before.
func (l hookLocks) environ(h *phased.Hook) error {
	if len(h.Locks) == 0 {
		return nil
	}
	more, err := l.locks.Environ(h.Locks, slices.Concat(l.env, h.Env))
	h.Env = append(slices.Clip(h.Env), more...)
	return err
}
