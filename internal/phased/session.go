package phased

// SessionStarted tells that the one bash of the run was started.
type SessionStarted struct {
	Pid      int      `json:"pid" doc:"process id of the shell"`
	PidStart uint64   `json:"pid_start,omitempty" doc:"its start time, in clock ticks since boot"`
	Bash     string   `json:"bash" doc:"version of bash"`
	Options  []string `json:"options,omitempty" doc:"options switched on at its start"`
	Restored string   `json:"restored,omitempty" doc:"run whose variable space was restored"`
	Lost     []string `json:"lost,omitempty" doc:"what of that space could not be restored"`
}

// SessionEnded tells that the shell has ended, after its EXIT trap.
type SessionEnded struct {
	Exit Exit `json:"exit" doc:"how it ended"`
}

// PhaseSkipped tells that a phase was not entered.
type PhaseSkipped struct {
	Phase   string `json:"phase" doc:"phase"`
	Reason  string `json:"reason" doc:"done (in the run that is resumed), not-asked (--only), failed (a success phase of a run that has failed), waiting (a phase at the end of a run that waits for a reboot) or killed (a phase that runs always, after the second signal)"`
	Message string `json:"message,omitempty" doc:"the reason in words"`
}

// HookSkipped tells that a hook of a phase was not run.
type HookSkipped struct {
	Phase   string `json:"phase" doc:"phase"`
	Hook    Text   `json:"hook" doc:"hook"`
	Path    Text   `json:"path,omitempty" doc:"its path"`
	Reason  string `json:"reason" doc:"done (in the run that is resumed), not-asked (--hook), not-readable (when its turn came), sibling (one with the same number had failed), once, once-per-boot, once-per-content (how often it runs), or not-notified, not-changed (what it waits for)"`
	Message string `json:"message,omitempty" doc:"the reason in words"`
}

// The reasons of PhaseSkipped and HookSkipped.
const (
	SkippedDone        = "done"
	SkippedNotAsked    = "not-asked"
	SkippedNotReadable = "not-readable"
	SkippedSibling     = "sibling" // a hook with the same number failed before it began
	SkippedFailed      = "failed"  // of a success phase: the run has failed
	SkippedWaiting     = "waiting" // of a phase at the end: the run waits for a reboot
	SkippedKilled      = "killed"  // of a phase that runs always: phased was told to stop for the second time
	// By the frequency of the hook.
	SkippedOnce           = "once"
	SkippedOncePerBoot    = "once-per-boot"
	SkippedOncePerContent = "once-per-content"
	// By what the hook waits for.
	SkippedNotNotified = "not-notified"
	SkippedNotChanged  = "not-changed"
)

// HookWarning tells of something about a hook that surprises, and that changes
// nothing by itself.
type HookWarning struct {
	Phase   string      `json:"phase" doc:"phase"`
	Hook    Text        `json:"hook,omitempty" doc:"hook, or entry that is none; absent: the phase"`
	Code    WarningCode `json:"code" doc:"code of the warning: see docs/devstack.md"`
	Message string      `json:"message" doc:"the warning in words"`
	File    Text        `json:"file,omitempty" doc:"file that it is about"`
	Line    int         `json:"line,omitempty" doc:"line in it"`
}

// WarningCode says in one word what surprises about a hook. Codes are frozen.
type WarningCode string

// The codes of HookWarning.
const (
	WarnErrexitOff WarningCode = "errexit-off" // left set +e
	WarnErrexitOn  WarningCode = "errexit-on"  // left set -e
	WarnXtrace     WarningCode = "xtrace"      // left set -x or set +x
	WarnNoglob     WarningCode = "noglob"      // left noglob: later phases find no hooks
	WarnOption     WarningCode = "option"      // left another option of set or shopt
	WarnIFS        WarningCode = "ifs"         // left IFS changed
	WarnDirectory  WarningCode = "directory"   // left another working directory
	WarnUmask      WarningCode = "umask"       // left another umask
	WarnTrap       WarningCode = "trap"        // left a trap
	WarnExitEarly  WarningCode = "exit-early"  // ended the run half-way with status 0
	WarnUnreadable WarningCode = "unreadable"  // is not readable, and was passed over
	WarnLookAlike  WarningCode = "look-alike"  // looks like a hook and is none: .sh~, .SH
	WarnLocal      WarningCode = "local"       // declared a variable that is local to the point
	WarnIgnored    WarningCode = "ignored"     // commands failed, and nobody minded
	WarnLock       WarningCode = "lock"        // waits for a lock that somebody holds
)

// HookSummary is what a hook says of itself to people, in Markdown.
type HookSummary struct {
	Phase string `json:"phase" doc:"phase"`
	Hook  Text   `json:"hook" doc:"hook"`
	Text  Text   `json:"text" doc:"what it has written to $PHASED_SUMMARY: Markdown that nobody has checked"`
	Size  int64  `json:"size,omitempty" doc:"bytes of the whole where it was cut"`
}

// SpaceChanged tells what changed in the variable space, or in the environment of
// executed hooks. Without a hook, it is the space that the session started with,
// what left with the frame of the phase, or what the environment files of the
// phase have exported. Values of secrets are not in it.
type SpaceChanged struct {
	Phase   string   `json:"phase,omitempty" doc:"phase; absent: the start of the session"`
	Hook    Text     `json:"hook,omitempty" doc:"hook that did it; absent: the phase's beginning or end"`
	Changes []Change `json:"changes" doc:"what changed, by kind and name"`
}

// Change is one change of the variable space.
type Change struct {
	Kind  ChangeKind `json:"kind" doc:"variable, function, option, shopt, alias, trap, directory, umask; of executed hooks: environment"`
	Name  Text       `json:"name" doc:"name; of a directory or umask: empty"`
	What  string     `json:"what" doc:"set (it was not there), changed or removed"`
	Was   *Value     `json:"was,omitempty" doc:"what it was"`
	Is    *Value     `json:"is,omitempty" doc:"what it is"`
	Local bool       `json:"local,omitempty" doc:"a local variable of the phase"`
}

// ChangeKind is what kind of thing of a variable space changed.
type ChangeKind string

// The kinds.
const (
	ChangeVariable  ChangeKind = "variable"  // with its attributes
	ChangeFunction  ChangeKind = "function"  // its body by digest
	ChangeOption    ChangeKind = "option"    // of set -o: on or off
	ChangeShopt     ChangeKind = "shopt"     // on or off
	ChangeAlias     ChangeKind = "alias"     // a name of the shell's alias table
	ChangeTrap      ChangeKind = "trap"      // by signal, or EXIT, ERR, DEBUG, RETURN
	ChangeDirectory ChangeKind = "directory" // working directory
	ChangeUmask     ChangeKind = "umask"     // in octal
	// ChangeEnvironment is a variable in the environment of executed hooks, which a
	// hook hands on or an environment file exports.
	ChangeEnvironment ChangeKind = "environment"
)

// What a Change says.
const (
	WhatSet     = "set"
	WhatChanged = "changed"
	WhatRemoved = "removed"
)

// Value is one value of a variable space, safe to be shown.
type Value struct {
	// Text is a scalar's value, an array as bash writes it: ([0]="a" [1]="b"), a
	// trap's command, on or off. Of a function, nothing: see Digest.
	Text       Text   `json:"text,omitempty" doc:"the value; arrays as declare -p writes them"`
	Attributes string `json:"attributes,omitempty" doc:"attributes of a variable or function, as declare -p has them: rx"`
	Unset      bool   `json:"unset,omitempty" doc:"declared, without a value"`
	Secret     bool   `json:"secret,omitempty" doc:"the value is a secret and is not here"`
	Size       int    `json:"size,omitempty" doc:"bytes of the whole value where it was cut, of a function's body"`
	Digest     string `json:"digest,omitempty" doc:"start of the sha256 of a function's body, in hex"`
}

// Trace is where a sourced hook failed.
type Trace struct {
	// How it failed: command (a command failed under errexit, or was the last
	// one), return, exit, unset (nounset or ${x:?}), syntax, signal, exec.
	How       string     `json:"how" doc:"command, return, exit, unset, syntax, signal or exec"`
	File      Text       `json:"file,omitempty" doc:"file of the failing command"`
	Line      int        `json:"line,omitempty" doc:"its line"`
	Command   Text       `json:"command,omitempty" doc:"the command, as bash has it"`
	Stack     []Frame    `json:"stack,omitempty" doc:"calls, innermost first"`
	Source    []Text     `json:"source,omitempty" doc:"the line of the file, as it was then, and the lines after it that belong to the command"`
	Variables []Variable `json:"variables,omitempty" doc:"variables that the line uses, as they were then"`
	Ignored   int        `json:"ignored,omitempty" doc:"further failures in this hook that nobody minded"`
}

// How a sourced hook failed.
const (
	HowCommand = "command" // a command failed under errexit, or was the last one
	HowReturn  = "return"
	HowExit    = "exit"
	HowUnset   = "unset" // nounset, or ${x:?}
	HowSyntax  = "syntax"
	HowSignal  = "signal"
	HowExec    = "exec"
)

// Frame is one call.
type Frame struct {
	Function Text `json:"function" doc:"function; source for a sourced file, main for the session"`
	File     Text `json:"file" doc:"file of the call"`
	Line     int  `json:"line" doc:"line of the call"`
}

// Variable is a variable and its value at some moment.
type Variable struct {
	Name  Text   `json:"name" doc:"name"`
	Value *Value `json:"value,omitempty" doc:"value; absent: it is not set"`
}

// Kind implements Payload.
func (SessionStarted) Kind() Kind { return KindSessionStarted }

// Kind implements Payload.
func (SessionEnded) Kind() Kind { return KindSessionEnded }

// Kind implements Payload.
func (PhaseSkipped) Kind() Kind { return KindPhaseSkipped }

// Kind implements Payload.
func (HookSkipped) Kind() Kind { return KindHookSkipped }

// Kind implements Payload.
func (HookWarning) Kind() Kind { return KindHookWarning }

// Kind implements Payload.
func (HookSummary) Kind() Kind { return KindHookSummary }

// Kind implements Payload.
func (SpaceChanged) Kind() Kind { return KindSpaceChanged }
