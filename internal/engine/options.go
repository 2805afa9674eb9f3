package engine

import (
	"context"

	"phased/internal/phased"
)

// Options are what a run needs beside its plan.
type Options struct {
	Executor Executor
	Record   Record
	// Unrecorded takes the events that Record refused; nil drops them.
	Unrecorded func(phased.Event)
	// RecordOptional lets the run go on, unrecorded, after Record has failed
	// (the personalities). Otherwise that stops it.
	RecordOptional bool
	// Compare tells what of a phase is not as planned; nil finds no difference.
	Compare func(planned, now phased.PlannedPhase) []phased.Difference
	// Kill is closed when phased is told to stop for the second time.
	Kill <-chan struct{}
	ID   string
	// Start holds the facts of run.started that the plan does not have, and its
	// Surroundings where they are not to be recorded as they are (secrets).
	Start phased.RunStarted
	// Clean takes what is secret out of what is told, beside output: see
	// phased.Cleaned. nil: there is nothing secret.
	Clean func(phased.Payload) phased.Payload
	// HookEnv is added to every hook's environment by name of phase and hook;
	// nil adds nothing.
	HookEnv func(phase string, hook phased.Text) []phased.Text
	// FailureEnv is added to the environment of the hooks of the failure phase, and
	// of phases that run always in a run that has failed, beside
	// PHASED_FAILED_PHASE, _HOOK, _CAUSE and _STATUS.
	FailureEnv func(phased.Failure) []phased.Text
	// NoFailurePhaseOnStop leaves the failure phase out when phased was told to
	// stop, and lets a stop end one that runs (os-refresh-config).
	NoFailurePhaseOnStop bool
	// TimeoutStrikesOnce lets the run's limit end a failure phase that began
	// before it, and leaves one that began after it without a limit
	// (os-refresh-config --timeout).
	TimeoutStrikesOnce bool
	// Skip tells of a phase (an entry without a name) and of a hook whether it is
	// not run, by the reason and in words; reason "" runs it, and the words say why.
	// It has the entry as it is now, with its input files. An error, of phased
	// itself, stops the run. nil runs everything.
	Skip func(phase string, e phased.Entry) (reason, message string, err error)
	// Inputs digests the files that a hook says it depends on, when its turn comes.
	Inputs func(phased.Entry) ([]phased.Input, error)
	// Remember puts down that a hook which does not run in every run, or not
	// without a reason, has ended well, before that is in the record: where phased dies between the two, it must
	// not run a second time. An error, of phased itself, stops the run.
	Remember func(phase string, e phased.Entry) error
	// Of hooks that run together, Before, After, Remember and Requested are called
	// one at a time.

	// Before is called before every attempt of a hook and may add to its Env. The
	// attempt of a hook for which it has an error cannot be run, and fails.
	Before func(h *phased.Hook) error
	// After is called when an attempt has ended that Before let pass, before its end
	// is on record, and may change its Exit: a hook that has left nonsense has
	// failed. What it returns is recorded right behind that end, together with it.
	// An error, of phased itself, stops the run.
	After func(h phased.Hook, res *phased.Result) ([]phased.Payload, error)
	// Between is called when all hooks of a number have ended (where hooks run one
	// at a time, each of them) and before the next begins: what they have left
	// counts from then on. What it returns is recorded. An error, of phased itself,
	// stops the run.
	Between func() ([]phased.Payload, error)
	// Lock takes the locks of a hook that has any, before every attempt of it and
	// outside of its time limit, and returns what gives them back, which is called
	// when the attempt has ended. Several hooks may take locks at once, if they have
	// none in common. It tells what it
	// waits for. An error by the end of ctx is how the hook ended; any other keeps
	// it from being run. nil: locks hold within the run only.
	Lock func(ctx context.Context, h phased.Hook, told func(message string)) (release func(), err error)
	// Jitter is a random number, from 0 to below 1, by which the pauses before
	// further attempts of a hook differ; nil: such a number.
	Jitter func() float64
	// Requested returns the reboots that hooks of the run have asked for so far,
	// outside of their exit status; nil: none can.
	Requested func() ([]phased.RebootRequest, error)
	// Reboots is how many reboots the runs have ended for that this one goes on
	// with, and RebootLimit how many there may be with those of this one.
	Reboots, RebootLimit int
	// Usual tells what a hook takes as a rule; false where too little is known. It
	// is asked when a hook has been running for a second, from a goroutine of that
	// hook, and may take its time until ctx ends. nil: nothing is known of any.
	Usual func(ctx context.Context, phase string, hook phased.Text) (phased.Usual, bool)
	// NewID makes the id of a run that is run as a hook of this one.
	NewID func() string
	// SessionExit makes the run exit as its session did, where neither a limit
	// nor a stop ended it (stack, unstack, clean).
	SessionExit bool
	// ExitCode is the exit status that a failure gives the run; nil stands for
	// the function of that name (the personalities have rules of their own).
	ExitCode func(phased.Exit) int
}
