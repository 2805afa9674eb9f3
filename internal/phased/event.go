package phased

import (
	"encoding/json"
	"fmt"
	"time"
)

// EventVersion is the major version of the event format. Readers refuse a
// newer one; kinds and fields may be added without changing it.
const EventVersion = 1

// Kind names what an event tells.
type Kind string

// The kinds of events.
const (
	KindRunStarted     Kind = "run.started"
	KindRunFailed      Kind = "run.failed"
	KindRunStopping    Kind = "run.stopping"
	KindRunWarning     Kind = "run.warning"
	KindRunFinished    Kind = "run.finished"
	KindRunInterrupted Kind = "run.interrupted"
	KindRunWaiting     Kind = "run.waiting"
	KindPhaseStarted   Kind = "phase.started"
	KindPhaseFinished  Kind = "phase.finished"
	KindHookStarted    Kind = "hook.started"
	KindHookOutput     Kind = "hook.output"
	KindHookCut        Kind = "hook.cut"
	KindHookProgress   Kind = "hook.progress"
	KindHookSignalled  Kind = "hook.signalled"
	KindHookSlow       Kind = "hook.slow"
	KindHookFinished   Kind = "hook.finished"
	KindPhaseSkipped   Kind = "phase.skipped"
	KindHookSkipped    Kind = "hook.skipped"
	KindHookWarning    Kind = "hook.warning"
	KindHookSummary    Kind = "hook.summary"
	KindHookNotified   Kind = "hook.notified"
	KindSessionStarted Kind = "session.started"
	KindSessionEnded   Kind = "session.ended"
	KindSpaceChanged   Kind = "space.changed"
)

// Payload is what an event of one kind carries.
type Payload interface{ Kind() Kind }

// Event is one fact about a run, identified by (Run, Seq): the only thing that
// the engine emits.
type Event struct {
	Run  string        // run id, a ULID
	Seq  uint64        // 1, 2, 3, ... without gaps
	Time time.Time     // wall clock, UTC
	Mono time.Duration // since the start of the run, by the monotonic clock
	Data Payload
}

// Unknown is the payload of an event whose kind this version does not know. It
// is kept as it was read.
type Unknown struct {
	Name Kind
	Raw  json.RawMessage
}

// Kind returns the kind that was read.
func (u Unknown) Kind() Kind { return u.Name }

// Payloads returns one zero value of every kind, in the order of a run: the
// table from which the documentation is made.
func Payloads() []Payload {
	return []Payload{
		RunStarted{},
		SessionStarted{},
		PhaseSkipped{},
		PhaseStarted{},
		HookSkipped{},
		HookStarted{},
		HookOutput{},
		HookProgress{},
		HookCut{},
		HookSignalled{},
		HookSlow{},
		HookFinished{},
		HookSummary{},
		HookNotified{},
		SpaceChanged{},
		HookWarning{},
		PhaseFinished{},
		SessionEnded{},
		RunFailed{},
		RunStopping{},
		RunWarning{},
		RunFinished{},
		RunInterrupted{},
		RunWaiting{},
	}
}

// RunStarted is the first event of every run.
type RunStarted struct {
	Lifecycle    string       `json:"lifecycle" doc:"lifecycle"`
	Base         Text         `json:"base" doc:"base directory, absolute: what the run lock is about"`
	Roots        []Text       `json:"roots,omitempty" doc:"hook trees, lowest first"`
	Settings     Text         `json:"settings,omitempty" doc:"settings file in force"`
	PlanDigest   string       `json:"plan_digest,omitempty" doc:"sha256 of the plan, in hex"`
	Personality  string       `json:"personality,omitempty" doc:"os-refresh-config or dib-run-parts, where the run came in under that name; shell-init: a shell that phased did not start does it"`
	Host         string       `json:"host" doc:"host name"`
	BootID       string       `json:"boot_id" doc:"the kernel's boot id"`
	Version      string       `json:"version" doc:"phased's version"`
	Argv         []Text       `json:"argv" doc:"phased's own command line"`
	Pid          int          `json:"pid" doc:"phased's process id"`
	PidStart     uint64       `json:"pid_start" doc:"its start time, in clock ticks since boot (field 22 of /proc/PID/stat)"`
	UID          int          `json:"uid" doc:"user id that the run has"`
	User         string       `json:"user,omitempty" doc:"user name of uid"`
	SudoUser     string       `json:"sudo_user,omitempty" doc:"who called sudo"`
	Trigger      Text         `json:"trigger,omitempty" doc:"what made it start: a watch with what had changed, or the systemd unit that was due"`
	Caller       *Caller      `json:"caller,omitempty" doc:"process that started phased; where that is sh -c, the one that started it"`
	Parent       string       `json:"parent,omitempty" doc:"run inside of which this run was started"`
	Resumes      string       `json:"resumes,omitempty" doc:"run that this run continues"`
	From         string       `json:"from,omitempty" doc:"run in whose saved variable space this run starts"`
	Output       string       `json:"output" doc:"captured, inherited or tee"`
	Inherited    []Descriptor `json:"inherited,omitempty" doc:"what descriptors 1 and 2 were, where output is inherited"`
	Containment  *Containment `json:"containment,omitempty" doc:"how processes of hooks are held together"`
	Surroundings Surroundings `json:"surroundings" doc:"process state that every hook starts with"`
	Phases       []string     `json:"phases" doc:"names of the planned phases, in order"`
	Hooks        int          `json:"hooks" doc:"number of hooks that the plan runs, without the failure phase"`
}

// Caller is the process that started phased.
type Caller struct {
	Pid     int  `json:"pid" doc:"process id"`
	Command Text `json:"command" doc:"the kernel's name of it, at most 15 bytes"`
}

// Descriptor says what an inherited descriptor was.
type Descriptor struct {
	FD     int    `json:"fd" doc:"number"`
	Type   string `json:"type" doc:"file, terminal, pipe, null or other"`
	Path   Text   `json:"path,omitempty" doc:"path, where it has one"`
	Offset int64  `json:"offset,omitempty" doc:"size of the file at that moment, in bytes"`
}

// PhaseStarted tells that a phase was entered, and what was found in it then.
type PhaseStarted struct {
	Phase       string       `json:"phase" doc:"phase"`
	Dirs        []Text       `json:"dirs,omitempty" doc:"directories listed, lowest root first"`
	Failure     bool         `json:"failure,omitempty" doc:"this is the failure phase"`
	When        PhaseWhen    `json:"when,omitempty" doc:"success or always, of a phase at the end of the run"`
	Parallel    Parallel     `json:"parallel,omitempty" doc:"same-number: hooks with the same number run together"`
	Missing     bool         `json:"missing,omitempty" doc:"no root has the directory"`
	Entries     []Entry      `json:"entries" doc:"every entry with its verdict; those that run come first, in run order"`
	Differences []Difference `json:"differences,omitempty" doc:"what is not as planned"`
}

// Difference is one entry of a phase that is not as it was planned.
type Difference struct {
	Name Text   `json:"name" doc:"entry"`
	What string `json:"what" doc:"added, removed, verdict, order or content"`
	Was  string `json:"was,omitempty" doc:"planned"`
	Is   string `json:"is,omitempty" doc:"found"`
}

// HookStarted tells that a hook is running.
type HookStarted struct {
	Phase    string       `json:"phase" doc:"phase"`
	Hook     Text         `json:"hook" doc:"name of the hook"`
	Path     Text         `json:"path" doc:"path as executed"`
	Args     []Text       `json:"args,omitempty" doc:"arguments"`
	Pid      int          `json:"pid" doc:"process id"`
	PidStart uint64       `json:"pid_start,omitempty" doc:"its start time, in clock ticks since boot"`
	Timeout  Duration     `json:"timeout,omitempty" doc:"time limit in force"`
	Attempt  int          `json:"attempt,omitempty" doc:"number of the attempt, from 2; absent: the first"`
	Locks    []string     `json:"locks,omitempty" doc:"locks that it holds"`
	Why      string       `json:"why,omitempty" doc:"why it runs, where that is not matter of course: it resumes, it was notified, what it waits for changed"`
	Inputs   []Input      `json:"inputs,omitempty" doc:"files that it says it depends on, as they were before it started"`
	Files    []Descriptor `json:"files,omitempty" doc:"inherited output that is a regular file: where this hook's output starts"`
	Run      string       `json:"run,omitempty" doc:"id of the run that this hook is: a lifecycle that is called by another"`
}

// HookOutput is a piece of captured output.
type HookOutput struct {
	Phase  string `json:"phase" doc:"phase"`
	Hook   Text   `json:"hook" doc:"hook"`
	Stream string `json:"stream" doc:"out or err"`
	Text   Text   `json:"text" doc:"the bytes"`
	Late   bool   `json:"late,omitempty" doc:"written by a process that the hook left behind, after the hook had ended"`
}

// HookCut tells that output was left out of the record.
type HookCut struct {
	Phase   string `json:"phase" doc:"phase"`
	Hook    Text   `json:"hook" doc:"hook"`
	Dropped int64  `json:"dropped" doc:"bytes left out at this place, of both streams"`
	Limit   int64  `json:"limit" doc:"bytes that are kept of a hook: the first half and the last half of them"`
}

// HookSignalled tells that phased sent a signal to a hook's process tree.
type HookSignalled struct {
	Phase  string `json:"phase" doc:"phase"`
	Hook   Text   `json:"hook" doc:"hook"`
	Signal string `json:"signal" doc:"name of the signal"`
	Reason string `json:"reason" doc:"why it was sent"`
	Count  int    `json:"count" doc:"number of processes that it was sent to"`
}

// HookFinished tells how a hook ended.
type HookFinished struct {
	Phase string        `json:"phase" doc:"phase"`
	Hook  Text          `json:"hook" doc:"hook"`
	Exit  Exit          `json:"exit" doc:"how it ended"`
	Took  time.Duration `json:"took_ns" doc:"wall-clock time by the monotonic clock, in nanoseconds"`
	Usage *Usage        `json:"usage,omitempty" doc:"resources used"`
	Out   int64         `json:"out,omitempty" doc:"bytes captured from stdout, before cutting"`
	Err   int64         `json:"err,omitempty" doc:"bytes captured from stderr, before cutting"`
	Files []Descriptor  `json:"files,omitempty" doc:"inherited output that is a regular file: where this hook's output ends"`
	// LeftBehind is what the containment found.
	LeftBehind []LeftBehind `json:"left_behind,omitempty" doc:"processes that it has left behind, the oldest first"`
	LeftMore   int          `json:"left_more,omitempty" doc:"how many more there were"`
	Leak       LeakPolicy   `json:"leak,omitempty" doc:"what became of them: keep (they live on), kill, or fail (killed, and the hook has failed)"`
	Left       bool         `json:"left,omitempty" doc:"a process that it left behind still holds its output"`
	// Nothing is about skip-exit.
	Nothing bool          `json:"nothing,omitempty" doc:"it said by its exit status that there was nothing to do"`
	Again   bool          `json:"again,omitempty" doc:"it failed, and is tried again"`
	Pause   time.Duration `json:"pause_ns,omitempty" doc:"pause before the next attempt, in nanoseconds"`
	Ended   bool          `json:"ended,omitempty" doc:"the session ended in this hook"`
	// Ignored: the phase's policy is shell, and the session lived on.
	Ignored bool   `json:"ignored,omitempty" doc:"its failure changes nothing: the shell went on"`
	Trace   *Trace `json:"trace,omitempty" doc:"where it failed"`
}

// PhaseFinished tells how a phase ended.
type PhaseFinished struct {
	Phase  string        `json:"phase" doc:"phase"`
	Status Status        `json:"status" doc:"succeeded, failed, timed-out, stopped or waiting-reboot (it ended before its last hook)"`
	Took   time.Duration `json:"took_ns" doc:"wall-clock time, in nanoseconds"`
}

// Failure is the story of what made a run fail.
type Failure struct {
	Phase string `json:"phase,omitempty" doc:"phase that failed"`
	Hook  Text   `json:"hook,omitempty" doc:"hook that failed; absent where no hook did"`
	Path  Text   `json:"path,omitempty" doc:"its path"`
	Exit  Exit   `json:"exit" doc:"how it failed"`
	Trace *Trace `json:"trace,omitempty" doc:"where it failed"`
}

// RunFailed tells the failure that stopped the run, or, where the lifecycle
// goes on after failures, the first one. The failure phase comes after it.
type RunFailed struct {
	Failure
}

// RunStopping tells that phased was told to stop.
type RunStopping struct {
	Signal string `json:"signal" doc:"name of the signal"`
	Kill   bool   `json:"kill,omitempty" doc:"it was the second one: hooks are killed"`
}

// RunWarning tells of something that a person should know, and that changes
// nothing.
type RunWarning struct {
	Message string `json:"message" doc:"the warning"`
}

// RunFinished is the last event of a run that ended in order.
type RunFinished struct {
	Status   Status        `json:"status" doc:"succeeded, failed, timed-out or stopped"`
	ExitCode int           `json:"exit_code" doc:"exit status of phased"`
	Failure  *Failure      `json:"failure,omitempty" doc:"what made it fail"`
	Took     time.Duration `json:"took_ns" doc:"wall-clock time, in nanoseconds"`
	Ran      int           `json:"ran" doc:"hooks started, without the failure phase"`
	Failed   int           `json:"failed" doc:"of these, hooks that failed"`
}

// RunInterrupted is the last event of a run whose phased died: the next writer
// of this host closes it so. Its time is that of the closing, its mono that of
// the event before it.
type RunInterrupted struct {
	ClosedBy string   `json:"closed_by" doc:"run or command that found it"`
	Failure  *Failure `json:"failure,omitempty" doc:"what had made it fail before phased died"`
	Ran      int      `json:"ran" doc:"hooks started, without the failure phase"`
	Failed   int      `json:"failed" doc:"of these, hooks that had failed"`
}

// Kind implements Payload.
func (RunStarted) Kind() Kind { return KindRunStarted }

// Kind implements Payload.
func (RunFailed) Kind() Kind { return KindRunFailed }

// Kind implements Payload.
func (RunStopping) Kind() Kind { return KindRunStopping }

// Kind implements Payload.
func (RunWarning) Kind() Kind { return KindRunWarning }

// Kind implements Payload.
func (RunFinished) Kind() Kind { return KindRunFinished }

// Kind implements Payload.
func (RunInterrupted) Kind() Kind { return KindRunInterrupted }

// Kind implements Payload.
func (PhaseStarted) Kind() Kind { return KindPhaseStarted }

// Kind implements Payload.
func (PhaseFinished) Kind() Kind { return KindPhaseFinished }

// Kind implements Payload.
func (HookStarted) Kind() Kind { return KindHookStarted }

// Kind implements Payload.
func (HookOutput) Kind() Kind { return KindHookOutput }

// Kind implements Payload.
func (HookCut) Kind() Kind { return KindHookCut }

// Kind implements Payload.
func (HookSignalled) Kind() Kind { return KindHookSignalled }

// Kind implements Payload.
func (HookFinished) Kind() Kind { return KindHookFinished }

type eventHead struct {
	V    int             `json:"v"`
	Run  string          `json:"run"`
	Seq  uint64          `json:"seq"`
	Time time.Time       `json:"t"`
	Mono time.Duration   `json:"mono"`
	Kind Kind            `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// MarshalJSON implements json.Marshaler: one object with v, run, seq, t, mono,
// kind and data.
func (e Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil) }

// NewerVersionError tells that an event was written by a newer phased, in a
// format that this one cannot read.
type NewerVersionError struct{ Version int }

func (e *NewerVersionError) Error() string {
	return fmt.Sprintf("written in event format %d by a newer phased; this one reads up to %d", e.Version, EventVersion)
}

// UnmarshalJSON implements json.Unmarshaler. It keeps unknown kinds, skips
// unknown fields and refuses a newer major version with a *NewerVersionError.
func (e *Event) UnmarshalJSON(p []byte) error {
	var h eventHead
	if err := json.Unmarshal(p, &h); err != nil {
		// A newer format may have changed the type of any other field.
		var only struct {
			V int `json:"v"`
		}
		if json.Unmarshal(p, &only) == nil && only.V > EventVersion {
			return &NewerVersionError{only.V}
		}
		return err
	}
	if h.V > EventVersion {
		return &NewerVersionError{h.V}
	}
	if h.V < 1 || h.Run == "" || h.Seq == 0 || h.Kind == "" {
		return fmt.Errorf("not an event: v, run, seq and kind are needed")
	}
	*e = Event{Run: h.Run, Seq: h.Seq, Time: h.Time, Mono: h.Mono}
	var err error
	e.Data, err = decodePayload(h.Kind, h.Data)
	if err != nil {
		return fmt.Errorf("event %d (%s): %w", h.Seq, h.Kind, err)
	}
	return nil
}

func decodePayload(k Kind, raw json.RawMessage) (Payload, error) {
	switch k {
	case KindRunStarted:
		return decode[RunStarted](raw)
	case KindRunFailed:
		return decode[RunFailed](raw)
	case KindRunStopping:
		return decode[RunStopping](raw)
	case KindRunWarning:
		return decode[RunWarning](raw)
	case KindRunFinished:
		return decode[RunFinished](raw)
	case KindRunInterrupted:
		return decode[RunInterrupted](raw)
	case KindRunWaiting:
		return decode[RunWaiting](raw)
	case KindPhaseStarted:
		return decode[PhaseStarted](raw)
	case KindPhaseFinished:
		return decode[PhaseFinished](raw)
	case KindHookStarted:
		return decode[HookStarted](raw)
	case KindHookOutput:
		return decode[HookOutput](raw)
	case KindHookCut:
		return decode[HookCut](raw)
	case KindHookSignalled:
		return decode[HookSignalled](raw)
	case KindHookFinished:
		return decode[HookFinished](raw)
	}
	return decodeSession(k, raw)
}

func decodeSession(k Kind, raw json.RawMessage) (Payload, error) {
	switch k {
	case KindPhaseSkipped:
		return decode[PhaseSkipped](raw)
	case KindHookSkipped:
		return decode[HookSkipped](raw)
	case KindHookWarning:
		return decode[HookWarning](raw)
	case KindHookSummary:
		return decode[HookSummary](raw)
	case KindHookNotified:
		return decode[HookNotified](raw)
	case KindHookSlow:
		return decode[HookSlow](raw)
	case KindHookProgress:
		return decode[HookProgress](raw)
	case KindSessionStarted:
		return decode[SessionStarted](raw)
	case KindSessionEnded:
		return decode[SessionEnded](raw)
	case KindSpaceChanged:
		return decode[SpaceChanged](raw)
	}
	return Unknown{Name: k, Raw: append(json.RawMessage(nil), raw...)}, nil
}

func decode[T Payload](raw json.RawMessage) (Payload, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	return v, nil
}
