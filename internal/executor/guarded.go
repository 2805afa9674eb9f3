package executor

import (
	"context"
	"errors"
	"sync"

	"phased/internal/phased"
	"phased/internal/trust"
)

// exitTrust is the exit status of the one table for what is refused.
const exitTrust = 77

// Guarded lets an executor run only what its guard trusts: it looks at a phase
// when that has been listed, and at each hook right before it is run. Exec may be
// called by several goroutines at once where that of the inner executor may. It
// implements the engine's Executor.
type Guarded struct {
	Inner interface {
		Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error)
		Exec(ctx context.Context, h phased.Hook) (phased.Result, error)
		Leave(ctx context.Context) error
		Close(ctx context.Context) error
	}
	Guard *trust.Guard
	// Warn tells of what is not trusted, once each, and runs it.
	Warn bool

	mu      sync.Mutex // of the guard, and of what was told
	sink    phased.Sink
	told    map[[2]string]bool
	nothing bool // the phase that was entered runs no files
}

// Enter lists the phase by the inner executor, and refuses it where anything of
// it is not trusted.
func (g *Guarded) Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	g.sink, g.nothing = s.Sink, p.Localrc || p.Calls != ""
	now, err := g.Inner.Enter(ctx, p, s)
	if err != nil {
		return now, err
	}
	found := g.Guard.Phase(now)
	if g.Warn {
		for _, u := range found {
			g.warn(u)
		}
		return now, nil
	}
	if len(found) == 0 {
		return now, nil
	}
	refused := &phased.ExitError{Exit: phased.Exit{Cause: phased.CauseTrust, Status: exitTrust, Message: (&trust.Error{Found: found}).Error()}}
	return now, errors.Join(refused, g.Inner.Leave(ctx))
}

// Exec runs the hook by the inner executor, or refuses it.
func (g *Guarded) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	if p := g.look(h); p != nil {
		return phased.Result{Exit: phased.Exit{Cause: phased.CauseTrust, Status: exitTrust, Message: p.Error()}}, nil
	}
	return g.Inner.Exec(ctx, h)
}

// look returns why the hook must not be run; nil where it may.
func (g *Guarded) look(h phased.Hook) *trust.Problem {
	if g.nothing {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.Guard.Hook(h.Path)
	if p != nil && g.Warn {
		g.warn(p.Untrusted(h.Phase))
		return nil
	}
	return p
}

// Leave ends the phase.
func (g *Guarded) Leave(ctx context.Context) error { return g.Inner.Leave(ctx) }

// Close ends what the inner executor holds.
func (g *Guarded) Close(ctx context.Context) error { return g.Inner.Close(ctx) }

// warn tells of a fault, once a run: many hooks have the directory in common.
func (g *Guarded) warn(u phased.Untrusted) {
	key := [2]string{string(u.At), u.What}
	if g.told[key] {
		return
	}
	if g.told == nil {
		g.told = map[[2]string]bool{}
	}
	g.told[key] = true
	g.sink.Warning(trust.Text(u))
}
