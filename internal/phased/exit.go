package phased

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// Cause says in one word how a hook or a run ended. Codes are frozen.
type Cause string

// The causes.
const (
	CauseOK        Cause = "ok"
	CauseExit      Cause = "exit"       // a non-zero exit status
	CauseSignal    Cause = "signal"     // ended by a signal that phased did not send
	CauseTimeout   Cause = "timeout"    // ended by phased at a time limit
	CauseStopped   Cause = "stopped"    // ended by phased because it was told to stop
	CauseCannotRun Cause = "cannot-run" // could not be started: vanished, no x bit, bad interpreter
	CauseList      Cause = "list"       // the phase could not be listed, or is not what was planned
	CauseTrust     Cause = "refused"    // not run: somebody else could have written it
	CauseReboot    Cause = "reboot"     // a reboot that was asked for could not be waited for: one too many, or the run had failed
	CauseLeak      Cause = "leak"       // left processes behind, which its policy forbids
	CauseNotify    Cause = "notify"     // what it left in PHASED_NOTIFY cannot be understood
	CauseCarry     Cause = "carry"      // what it hands to later hooks was refused
	CauseInternal  Cause = "internal"   // phased itself could not go on (disk, executor)
)

// Exit is how one hook ended. A failed hook is a result, not a Go error.
type Exit struct {
	Cause   Cause  `json:"cause" doc:"ok, exit, signal, timeout, stopped, cannot-run, leak, notify, carry or refused"`
	Status  int    `json:"status" doc:"exit status as a shell sees it: 0 to 255, 128+n for signal n, 126 or 127 where it could not be run"`
	Signal  int    `json:"signal,omitempty" doc:"number of the signal that ended it"`
	Message string `json:"message,omitempty" doc:"the reason in words"`
}

// OK reports whether the hook succeeded.
func (e Exit) OK() bool { return e.Cause == CauseOK }

// Usage is what a hook used: its own process and those that it waited for, as
// the kernel tells at wait4; in a cgroup of its own, all its processes.
type Usage struct {
	User    time.Duration `json:"user_ns" doc:"CPU time in user mode, in nanoseconds"`
	System  time.Duration `json:"system_ns" doc:"CPU time in the kernel, in nanoseconds"`
	MaxRSS  int64         `json:"max_rss,omitempty" doc:"peak resident memory, in bytes, of the largest process"`
	Memory  int64         `json:"memory_peak,omitempty" doc:"peak memory of all its processes together, in bytes, where its cgroup has the memory controller"`
	Read    int64         `json:"read,omitempty" doc:"bytes read from storage"`
	Written int64         `json:"written,omitempty" doc:"bytes written to storage"`
	Tasks   int64         `json:"tasks_peak,omitempty" doc:"most processes and threads at a time, where its cgroup has the pids controller"`
}

// Timeout is the cause of a context that ended at a time limit. It knows whose
// limit it was.
type Timeout struct {
	Of    string // "hook", "phase" or "run"
	Name  string
	Limit time.Duration
}

func (t *Timeout) Error() string {
	return fmt.Sprintf("time limit of the %s (%v) reached", t.Of, t.Limit)
}

// StopRequest is the cause of a context that was cancelled because phased was
// told to stop by a signal.
type StopRequest struct {
	Signal syscall.Signal
	// Group is the process group that got the signal as a whole (^C of a
	// terminal): it is not passed on to members of that. 0: none.
	Group int
}

func (s *StopRequest) Error() string { return "told to stop by " + SignalName(s.Signal) }

// SiblingFailed is the cause of a context that was cancelled because a hook that
// ran beside its own has failed.
type SiblingFailed struct {
	Phase   string
	Hook    Text
	Refused bool // it was not run, for trust
}

func (s *SiblingFailed) Error() string {
	how := "failed"
	if s.Refused {
		how = "was refused"
	}
	return fmt.Sprintf("%s/%s, which has the same number, %s", s.Phase, s.Hook, how)
}

// SignalName returns the conventional name of a signal: "SIGTERM", or
// "signal 42" where it has none.
func SignalName(s syscall.Signal) string {
	names := [...]string{
		1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 5: "SIGTRAP", 6: "SIGABRT", 7: "SIGBUS",
		8: "SIGFPE", 9: "SIGKILL", 10: "SIGUSR1", 11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE",
		14: "SIGALRM", 15: "SIGTERM", 16: "SIGSTKFLT", 17: "SIGCHLD", 18: "SIGCONT", 19: "SIGSTOP",
		20: "SIGTSTP", 21: "SIGTTIN", 22: "SIGTTOU", 23: "SIGURG", 24: "SIGXCPU", 25: "SIGXFSZ",
		26: "SIGVTALRM", 27: "SIGPROF", 28: "SIGWINCH", 29: "SIGIO", 30: "SIGPWR", 31: "SIGSYS",
	}
	if s > 0 && int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("signal %d", int(s))
}

// ExitByCause returns the Exit of a hook that phased ended, or did not start,
// because its context ended by the cause: a *Timeout, a *StopRequest, a
// *SiblingFailed, or anything else, which counts as a stop by SIGTERM.
func ExitByCause(cause error) Exit {
	if t, ok := errors.AsType[*Timeout](cause); ok {
		return Exit{Cause: CauseTimeout, Status: 124, Message: t.Error()}
	}
	s := &StopRequest{Signal: syscall.SIGTERM}
	if f, ok := errors.AsType[*SiblingFailed](cause); ok {
		return Exit{Cause: CauseStopped, Status: 128 + int(s.Signal), Signal: int(s.Signal), Message: "told to stop because " + f.Error()}
	}
	errors.As(cause, &s)
	return Exit{Cause: CauseStopped, Status: 128 + int(s.Signal), Signal: int(s.Signal), Message: s.Error()}
}
