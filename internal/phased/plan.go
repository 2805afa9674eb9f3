package phased

import (
	"slices"
	"strings"
	"time"
)

// Verdict is what phased decided about an entry of a hook directory: VerdictRun,
// or the reason code for which the entry is skipped. Codes are frozen: scripts
// read them.
type Verdict string

// The verdicts.
const (
	VerdictRun           Verdict = "run"
	VerdictNotExecutable Verdict = "not-executable" // a regular file without an x bit for the caller
	VerdictDirectory     Verdict = "directory"      // a directory, or a link to one
	VerdictSpecialFile   Verdict = "special-file"   // FIFO, socket or device
	VerdictDanglingLink  Verdict = "dangling-link"  // a symbolic link whose target does not exist
	VerdictUnreadable    Verdict = "unreadable"     // its type cannot be found out; the detail has the error
	VerdictNameHasDot    Verdict = "name-has-dot"   // a dot in the name: foo.sh, .hidden
	VerdictNameBackup    Verdict = "name-backup"    // an editor's or package manager's leftover: foo~, #foo#, foo.dpkg-old
	VerdictNameChars     Verdict = "name-chars"     // another character outside of [0-9A-Za-z_-]
	VerdictNameFilter    Verdict = "name-filter"    // refused by the name filter of the settings
	VerdictMasked        Verdict = "masked"         // a link to /dev/null, in this root or in a higher one
	VerdictShadowed      Verdict = "shadowed"       // a higher root has an entry of the same name
	VerdictNoMatch       Verdict = "no-match"       // sourced phases: the name does not match the phase's glob
)

// Entry is anything found in a hook directory, with its one verdict.
type Entry struct {
	Name    Text      `json:"name" doc:"name in the directory"`
	Path    Text      `json:"path" doc:"path as it is run: directory, slash, name"`
	Root    Text      `json:"root,omitempty" doc:"hook tree that it was found in"`
	Verdict Verdict   `json:"verdict" doc:"run, or the reason code why it is skipped"`
	Detail  string    `json:"detail,omitempty" doc:"the verdict in words: the link's target, the root that shadows it"`
	Number  string    `json:"number,omitempty" doc:"leading number that orders it, as sort -n reads it; absent: none, counts as 0"`
	Mode    string    `json:"mode,omitempty" doc:"file mode of the target, in octal"`
	Size    int64     `json:"size,omitempty" doc:"bytes of the target"`
	ModTime time.Time `json:"mtime,omitzero" doc:"modification time of the target"`
	Digest  string    `json:"digest,omitempty" doc:"sha256 of the content, in hex, of entries that run"`
	Args    []Text    `json:"args,omitempty" doc:"arguments that it is sourced with"`
	Plugin  string    `json:"plugin,omitempty" doc:"plugin that it belongs to"`
	// HookOptions is what its header and the settings say of it.
	HookOptions
	// InputFiles are the files that Inputs name, as they are when the plan is
	// made; only where that was asked for.
	InputFiles []Input `json:"-"`
	// Options are those that the header or a rule of the settings gave. They do
	// not go into events.
	Options []Origin `json:"-"`
	// Faults are mistakes in the header. An entry of a plan that is run has none.
	Faults []HeaderFault `json:"-"`
	// File is what the digest was made of. It stays in the process.
	File FileID `json:"-"`
}

// NumberValue returns Number in the one form that numbers of the same value have:
// that of 010 and 10.0 is 10, and that of none is 0.
func (e Entry) NumberValue() string {
	n := strings.TrimLeft(e.Number, " \t\n")
	digits, negative := strings.CutPrefix(n, "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	whole, fraction = strings.TrimLeft(whole, "0"), strings.TrimRight(fraction, "0")
	if whole == "" && fraction == "" {
		return "0"
	}
	if whole == "" {
		whole = "0"
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if negative {
		whole = "-" + whole
	}
	return whole
}

// LooksLikeHook starts the detail of an entry whose name does not match and may
// have been meant to: 50-x.SH, 50-x.sh~.
const LooksLikeHook = "looks like a hook: "

// LooksLikeHook reports whether the entry is no hook and may have been meant for
// one.
func (e Entry) LooksLikeHook() bool {
	return e.Verdict == VerdictNoMatch && strings.HasPrefix(e.Detail, LooksLikeHook)
}

// FileID tells one content of one file from another, as far as the kernel's
// own figures can: while it stays the same, the content was not changed. The
// zero value is like no other.
type FileID struct {
	Dev, Ino     uint64
	Mtime, Ctime int64 // nanoseconds since the epoch
}

// OnFailure says what a phase does after a hook of it has failed.
type OnFailure string

// The failure policies.
const (
	Stop        OnFailure = "stop"         // end the phase and the lifecycle (the default)
	FinishPhase OnFailure = "finish-phase" // run the rest of the phase, then end the lifecycle
	Continue    OnFailure = "continue"     // run everything, fail at the end
	// Shell leaves it to the shell of a session: the lifecycle ends when that
	// ends, and a hook that fails while it lives is an ignored failure, on record
	// and no cause (what stack.sh, unstack.sh and clean.sh do).
	Shell OnFailure = "shell"
)

// Order says in which order the hooks of a phase run.
type Order string

// The orders.
const (
	Numeric Order = "numeric" // leading number by value, ties bytewise (dib-run-parts)
	Glob    Order = "glob"    // bytewise by whole name (a shell's glob in the C locale; run-parts)
)

// Executor names of phases.
const (
	ExecutorProcess = "process" // each hook is a child process
	ExecutorSession = "session" // hooks are sourced into the one bash of the run
)

// PhaseWhen says when a phase runs.
type PhaseWhen string

// The moments.
const (
	WhenSuccess PhaseWhen = "success" // when all phases before it have ended well
	WhenAlways  PhaseWhen = "always"  // at the end of the run, whatever happened
)

// Parallel says which hooks of a phase run together.
type Parallel string

// ParallelSameNumber runs the hooks together that have the same number.
const ParallelSameNumber Parallel = "same-number"

// Siblings says what becomes of the hooks that run beside one that fails.
type Siblings string

// The policies.
const (
	SiblingsFinish Siblings = "finish" // they end by themselves (the default)
	SiblingsStop   Siblings = "stop"   // they are told to stop
)

// Scope is where the hooks of a phase are sourced.
type Scope string

// The scopes.
const (
	// ScopeFunction sources inside a function called run_phase with the locals
	// mode and phase: a bare declare is local to the phase (stack.sh).
	ScopeFunction Scope = "function"
	// ScopeTop sources at the top level of the session (unstack.sh's and
	// clean.sh's own loops, and base steps).
	ScopeTop Scope = "top"
)

// Phase is a named step of a lifecycle: an ordered list of hooks.
type Phase struct {
	Name      string    `json:"name" doc:"name, unique in the lifecycle"`
	Dir       string    `json:"dir" doc:"directory: relative to each hook tree, or absolute; empty: it has none"`
	OnFailure OnFailure `json:"on_failure" doc:"stop, finish-phase, continue or shell"`
	Order     Order     `json:"order" doc:"numeric or glob"`
	Executor  string    `json:"executor" doc:"how hooks are run: process or session"`
	Timeout   Duration  `json:"timeout,omitempty" doc:"time limit of the phase"`
	// HookTimeout limits each hook of the phase that has no limit of its own.
	HookTimeout Duration `json:"hook_timeout,omitempty" doc:"time limit of each hook of the phase"`
	// Names replaces the default name filter: an RE2 expression, unanchored.
	Names string `json:"names,omitempty" doc:"name filter (RE2, not anchored) in place of ^[0-9A-Za-z_-]+$"`
	// Optional says that the phase is passed over where no root has the directory.
	Optional bool `json:"optional,omitempty" doc:"a missing directory is no error"`
	// Leak is the policy for hooks that have none of their own; "" stands for keep.
	Leak LeakPolicy `json:"leak,omitempty" doc:"what becomes of processes that hooks leave behind: keep, kill or fail"`
	// Rules give single hooks options; of several that fit, the last one counts.
	Rules []HookRule `json:"rules,omitempty" doc:"options of single hooks, by pattern of their names"`
	// NoHeaders is so where hooks are as their originals want them (stack, unstack,
	// clean): only Rules say anything of them.
	NoHeaders bool `json:"no_headers,omitempty" doc:"headers of its hooks are not read"`
	// Failure marks the phase that runs when another has failed.
	Failure bool `json:"failure,omitempty" doc:"this is the failure phase"`
	// When says when the phase runs; "": in its place, while nothing has failed.
	When PhaseWhen `json:"when,omitempty" doc:"success: when all before it went well; always: whatever happened; absent: in its place"`
	// Parallel runs hooks with the same number together; "" runs one at a time.
	Parallel Parallel `json:"parallel,omitempty" doc:"same-number: hooks with the same number run together"`
	// Siblings says what hooks that run beside one that fails do; "" stands for
	// finish.
	Siblings Siblings `json:"siblings,omitempty" doc:"what hooks do that run beside one that fails: finish or stop"`

	// What follows is for sourced phases only.

	// Glob is the pattern of the hooks' names, which the shell expands: *.sh.
	Glob string `json:"glob,omitempty" doc:"pattern that names of sourced hooks match"`
	// Files are base steps: files sourced in this order, in place of a
	// directory. They are relative to the top directory, or absolute.
	Files []Text `json:"files,omitempty" doc:"files that are sourced, in this order, in place of a directory"`
	// Args are the arguments that hooks of the directory are sourced with: the
	// mode, and the sub-phase where there is one.
	Args  []Text `json:"args,omitempty" doc:"arguments that hooks are sourced with"`
	Scope Scope  `json:"scope,omitempty" doc:"function or top"`
	// Localrc sources the text Session.Localrc in place of hooks, at the top
	// level and with enable_plugin defined.
	Localrc bool `json:"localrc,omitempty" doc:"the localrc section of the local.conf is sourced here"`
	// Calls is a lifecycle that is run in place of hooks, as a process of its
	// own that the session starts. What it does fails nothing here.
	Calls string `json:"calls,omitempty" doc:"lifecycle that the session runs here as a process of its own"`
	// Plugins says which file of each plugin takes part, behind the hooks of the
	// directory: settings, override-defaults or plugin.sh; "" none.
	Plugins string `json:"plugins,omitempty" doc:"file of each plugin that takes part"`
}

// Lifecycle is an ordered list of phases with a failure phase. It is data.
type Lifecycle struct {
	Name    string   `json:"name"`
	Phases  []Phase  `json:"phases"`
	Failure *Phase   `json:"failure,omitempty"`
	Timeout Duration `json:"timeout,omitempty"`
	// Pinned refuses every difference between the plan and the list of a
	// phase when it is entered (`list: pinned`).
	Pinned bool `json:"pinned,omitempty"`
}

// PlannedPhase is a phase with the entries that the plan found for it.
type PlannedPhase struct {
	Phase
	// Missing says that no root has the directory.
	Missing bool    `json:"missing,omitempty"`
	Roots   []Text  `json:"roots,omitempty"` // hook trees that are looked through, lowest first; none where the directory is absolute
	Dirs    []Text  `json:"dirs,omitempty"`  // the directories listed, lowest root first
	Entries []Entry `json:"entries"`         // those that run in run order first, then the others bytewise
}

// Hooks returns the entries that run, in run order.
func (p PlannedPhase) Hooks() []Entry {
	var run []Entry
	for _, e := range p.Entries {
		if e.Verdict == VerdictRun {
			run = append(run, e)
		}
	}
	return run
}

// Surroundings is the process state that every hook of a run starts with.
type Surroundings struct {
	Env   []Text `json:"env" doc:"whole environment, NAME=value, before PHASED_* are added"`
	Dir   Text   `json:"dir" doc:"working directory; empty: the caller's"`
	Umask int    `json:"umask" doc:"umask, as a decimal number; -1: the caller's"`
	Stdin string `json:"stdin" doc:"null (/dev/null) or inherit"`
}

// Session is how the one bash of a run is started into which hooks are sourced.
// Its environment, directory, umask and stdin are the run's Surroundings.
type Session struct {
	// Name is $0 of the session: TOP_DIR/stack.sh.
	Name Text `json:"name"`
	// TopDir is the value of the variable TOP_DIR, which is not exported.
	TopDir Text `json:"top_dir"`
	// Posix starts bash in POSIX mode.
	Posix bool `json:"posix,omitempty"`
	// Options are switched on by `set -o` before anything is sourced: errexit,
	// nounset, pipefail, xtrace.
	Options []string `json:"options,omitempty"`
	// Localrc is the text of the local.conf's localrc section, sourced with
	// enable_plugin defined; it is in no plan that is shown, since it holds
	// passwords.
	Localrc Text `json:"-"`
	// Conf is the file that Localrc and the plugins came from.
	Conf Text `json:"conf,omitempty"`
	// Plugins are those that Conf enables, in their order.
	Plugins []Plugin `json:"plugins,omitempty"`
	// Provenance records after each hook what it changed in the variable space.
	Provenance bool `json:"provenance"`
	// Resume keeps the variable space for `phased resume`: "on" until the run
	// ends well, "keep" also then, "off" never.
	Resume string `json:"resume"`
}

// Plugin is a directory of hooks that a local.conf enables.
type Plugin struct {
	Name     string   `json:"name"`
	Source   Text     `json:"source"`             // path or URL as it is written
	Ref      string   `json:"ref,omitempty"`      // branch, tag or commit
	Dir      Text     `json:"dir"`                // where its files lie
	Requires []string `json:"requires,omitempty"` // of plugin_requires
	Line     int      `json:"line"`               // of its enable_plugin in the file
	// Fetch says that Dir does not exist yet: it is cloned when the run starts.
	Fetch bool `json:"fetch,omitempty"`
}

// Plan is the full, explained forecast of what one run of a lifecycle will do.
// It is pure data; nothing in it depends on the time at which it was made.
type Plan struct {
	Lifecycle string         `json:"lifecycle"`
	Base      Text           `json:"base"`               // what the run lock and the record name: --base, or the highest root
	Roots     []Text         `json:"roots"`              // hook trees, lowest first
	Settings  Text           `json:"settings,omitempty"` // settings file in force
	Phases    []PlannedPhase `json:"phases"`
	Failure   *PlannedPhase  `json:"failure,omitempty"`
	// Environment are the files that are sourced for the environment of executed
	// hooks; nil: the lifecycle has none.
	Environment  *PlannedPhase `json:"environment,omitempty"`
	Timeout      Duration      `json:"timeout,omitempty"`       // of the run
	Grace        Duration      `json:"grace,omitempty"`         // between TERM and KILL
	FailureLimit Duration      `json:"failure_limit,omitempty"` // of the failure phase where it has none
	Pinned       bool          `json:"pinned,omitempty"`
	Jobs         int           `json:"jobs,omitempty"`         // how many hooks may run at once, where a phase lets them; 0: none does
	RebootExits  []RebootExit  `json:"reboot_exits,omitempty"` // statuses by which hooks ask for a reboot
	Surroundings Surroundings  `json:"surroundings"`
	Session      *Session      `json:"session,omitempty"` // nil: nothing is sourced
	// Digest is the sha256 of what the plan will do: everything above but where
	// it was written down (Settings), words (details) and times of files.
	Digest  string   `json:"digest"`
	Origins []Origin `json:"origins,omitempty"` // where each option in force came from
	// Untrusted is what of it somebody else could have written. It is no part of
	// the digest: a plan whose hooks are as they were is the same plan.
	Untrusted []Untrusted `json:"untrusted,omitempty"`
}

// AllPhases returns every phase, the failure phase last.
func (p Plan) AllPhases() []PlannedPhase {
	all := slices.Clone(p.Phases)
	if p.Failure != nil {
		all = append(all, *p.Failure)
	}
	return all
}

// Untrusted is a file of a plan that somebody else than root and the user who
// runs it could have written.
type Untrusted struct {
	Phase string `json:"phase,omitempty"` // absent: a file of the whole run
	Path  Text   `json:"path"`            // hook, directory or file
	At    Text   `json:"at"`              // what has the fault: the same, or what lies on the way to it
	What  string `json:"what"`            // what is wrong with that, in words
	Cure  string `json:"cure,omitempty"`  // commands that mend it
}

// Origin says where the value of an option came from.
type Origin struct {
	Phase  string `json:"phase,omitempty"` // absent: an option of the whole run
	Option string `json:"option"`          // as the settings call it: hook-timeout
	Value  string `json:"value"`
	From   string `json:"from"` // FILE:LINE of the settings, the flag, or "default"
}

// Hook is one script or program, as an executor is told to run it.
type Hook struct {
	Attempt int // the number of the attempt, from 1
	Phase   string
	Name    Text
	Path    Text
	Args    []Text // without argv[0]
	Env     []Text // added to the surroundings, NAME=value
	Timeout Duration
	Leak    LeakPolicy // what becomes of what it leaves behind; "" stands for keep
	Inputs  []Input    // files that it depends on, as they are before it starts
	Locks   []string   // locks that it holds while it runs
	Why     string     // why it runs, where that is not matter of course
	// Plugin is the plugin that a sourced hook belongs to; "": none.
	Plugin string
	// Run is the id that the run which this hook is gets: see Phase.Calls.
	Run string
}

// Duration is a time.Duration that reads and writes as text ("90s", "1h30m").
type Duration time.Duration

// NoLimit is a time limit that is said to be none, where "" would let another
// one hold.
const NoLimit Duration = -1

// String returns the duration in the form of time.Duration; NoLimit is "none".
func (d Duration) String() string {
	if d == NoLimit {
		return "none"
	}
	return time.Duration(d).String()
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(p []byte) error {
	if string(p) == "none" {
		*d = NoLimit
		return nil
	}
	v, err := time.ParseDuration(string(p))
	if err != nil {
		return err
	}
	*d = Duration(v)
	return nil
}
