// Package engine runs one plan: order, failure policy, time limits, stopping.
//
// It declares what it needs of the outside as seams (Executor, Record, Gate)
// and emits events; it has no logger, no files and no terminal, and knows no
// other room than the language.
package engine

import (
	"context"

	"phased/internal/phased"
)

// Executor is how hooks are run. One value serves one run. Exec of a process
// executor may be called by several goroutines at once; a session's by one at a
// time. Enter, Leave and Close are called while no Exec runs.
//
// A context that ends while Exec runs ends the hook: with its cause a
// *phased.Timeout or *phased.StopRequest, which the Exit then tells. Exec
// returns only when the hook's own process is gone; an error of Exec means that
// phased itself could not go on.
type Executor interface {
	// Enter makes the phase ready and lists it as it is now: those that run
	// first, in run order. A *phased.ExitError tells that the phase has failed.
	Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error)
	// Exec lets exactly one hook of the phase run and waits for it.
	Exec(ctx context.Context, h phased.Hook) (phased.Result, error)
	// Leave ends the phase. A *phased.ExitError makes a phase fail that had not
	// failed until then.
	Leave(ctx context.Context) error
	// Close ends what the executor holds: of a session the shell, whose EXIT trap
	// runs then. A *phased.ExitError makes a run fail that had not failed until
	// then. Left-over writers of captured output live on, unblocked.
	Close(ctx context.Context) error
}

// Record puts events on record, in order, and returns when they are in the file.
type Record func(...phased.Event) error
