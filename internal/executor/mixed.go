package executor

import (
	"context"
	"errors"
	"fmt"

	"phased/internal/phased"
)

// Mixed runs each phase by the executor that the phase names: Process, or
// Session. Exec may be called by several goroutines at once in the phases of
// Process. It implements the engine's Executor.
type Mixed struct {
	Process *Process
	Session *Session

	session bool // the phase entered is the session's
	entered bool
}

// Enter makes the phase ready at the executor that it names.
func (m *Mixed) Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	m.session = p.Executor == phased.ExecutorSession
	if m.session && m.Session == nil || !m.session && m.Process == nil {
		return p, fmt.Errorf("phase %s wants the executor %q, which this run does not have", p.Name, p.Executor)
	}
	m.entered = true
	if m.session {
		return m.Session.Enter(ctx, p, s)
	}
	return m.Process.Enter(ctx, p, s)
}

// Exec lets exactly one hook of the phase run.
func (m *Mixed) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	if !m.entered {
		return phased.Result{}, errNotEntered
	}
	if m.session {
		return m.Session.Exec(ctx, h)
	}
	return m.Process.Exec(ctx, h)
}

// Leave ends the phase.
func (m *Mixed) Leave(ctx context.Context) error {
	if !m.entered {
		return nil
	}
	m.entered = false
	if m.session {
		return m.Session.Leave(ctx)
	}
	return m.Process.Leave(ctx)
}

// Close ends the session, and what the processes have left.
func (m *Mixed) Close(ctx context.Context) error {
	var err error
	if m.Session != nil {
		err = m.Session.Close(ctx)
	}
	if m.Process != nil {
		err = errors.Join(err, m.Process.Close(ctx))
	}
	return err
}
