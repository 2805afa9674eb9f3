package phased

import (
	"syscall"
	"time"
)

// Setup is what an executor is given when a phase is entered.
type Setup struct {
	Surroundings Surroundings
	Sink         Sink          // told what happens while a hook runs; never nil
	Grace        time.Duration // between TERM and KILL
	// Kill is closed when phased was told to stop for the second time: what
	// still runs is then killed without waiting for the grace.
	Kill <-chan struct{}
}

// Process is a started hook.
type Process struct {
	Pid   int
	Start uint64 // clock ticks since boot, field 22 of /proc/PID/stat; 0: unknown
	Files []Descriptor
}

// Result is what Exec learned of a hook beside its Exit.
type Result struct {
	Exit
	Usage    *Usage
	Out, Err int64        // bytes captured, before cutting
	Files    []Descriptor // inherited output that is a regular file: where it ends
	Left     bool         // a process that it left behind still holds its output
	// LeftBehind are the processes that it has left behind, as far as Contained
	// ones are known, the oldest first, and LeftMore how many there are beside
	// those that are listed.
	LeftBehind []LeftBehind
	LeftMore   int
	Leak       LeakPolicy // what became of them
	// Skipped says why a sourced hook was not run when its turn came: it is not
	// readable any more. "": it was run.
	Skipped string
	// Ended says that the session ended in this hook: by exit, exec, errexit or a
	// signal. No other hook can be sourced then.
	Ended bool
	// Trace is where a sourced hook failed, as far as is known.
	Trace *Trace
}

// Sink takes what an executor learns while a hook runs. Its methods may be
// called from any goroutine; each returns when the fact is recorded.
type Sink interface {
	// Started is called once a hook, after it was started and before anything
	// else is told of it.
	Started(Hook, Process)
	// Output is called with captured output, in batches: stream is "out" or
	// "err". The parts of one call stand in the order in which they were read.
	Output(h Hook, parts []Part, late bool)
	// Cut is called where output is left out, in its place among the output.
	Cut(h Hook, dropped, limit int64)
	// Signalled is called after a signal was sent to the hook's tree.
	Signalled(h Hook, sig syscall.Signal, reason string, count int)
	// Warning is called with what a person should know.
	Warning(message string)
	// Tell records what an executor alone can know: SessionStarted,
	// SessionEnded, SpaceChanged, HookWarning.
	Tell(Payload)
}

// Part is a piece of captured output.
type Part struct {
	Stream string // "out" or "err"
	Bytes  []byte // valid during the call only
}

// ExitError is an error of entering or leaving a phase that tells how the phase
// failed: a hook directory that cannot be listed, an environment file that
// failed.
type ExitError struct{ Exit Exit }

func (e *ExitError) Error() string { return e.Exit.Message }
