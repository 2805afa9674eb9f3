package engine

import "phased/internal/phased"

func internal(err error) phased.Exit {
	return phased.Exit{Cause: phased.CauseInternal, Status: exitInternal, Message: err.Error()}
}

// The exit codes that a run can end with, of the one table in docs/design.md,
// section 6.
const (
	exitHook     = 1
	exitInvalid  = 2
	exitInternal = 74
	exitReboot   = 76
	exitTrust    = 77
	exitTimeout  = 124
)

// ExitCode returns phased's exit status for the cause that stopped a run.
func ExitCode(e phased.Exit) int {
	switch e.Cause {
	case phased.CauseOK:
		return 0
	case phased.CauseList:
		return exitInvalid
	case phased.CauseInternal:
		return exitInternal
	case phased.CauseTrust:
		return exitTrust
	case phased.CauseTimeout:
		return exitTimeout
	case phased.CauseStopped:
		return e.Status
	}
	return exitHook
}
