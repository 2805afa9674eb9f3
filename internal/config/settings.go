// Package config owns the settings file: it reads YAML into typed values with
// every default filled in, and tells every mistake at once, each with file,
// line and column.
//
// It is a leaf. It must not look for hooks, decide what runs or print; and it
// must cost nothing at start-up where there is no settings file.
package config

import (
	"slices"
	"sort"
	"time"

	"phased/internal/phased"
)

// Settings are the values of a settings file with every default filled in.
type Settings struct {
	File           string            // absolute path of the file; "" where there is none
	Roots          []string          // hook trees, lowest first
	StateDir       string            // "" stands for the default
	Durability     string            // run, phase or hook
	Env            map[string]string // added to the environment of every hook
	Stdin          string            // null or inherit
	Terminal       string            // auto or plain: how a run is shown on a terminal
	Dir            string            // working directory of every hook
	Umask          int               // umask of every hook
	Grace          time.Duration     // between TERM and KILL
	Timeout        time.Duration     // of a run; 0: none
	PhaseTimeout   time.Duration     // of each phase; 0: none
	HookTimeout    time.Duration     // of each hook; 0: none
	FailureTimeout time.Duration     // of the failure phase; 0: none
	Orphans        string            // refuse, wait or kill
	Containment    string            // auto, cgroup, reaper or off
	Trust          string            // auto, refuse, warn or off; auto: root refuses, others do not look
	OutputLimit    int64             // bytes kept of a hook's output, 1 or more
	Retention      Retention
	Personalities  Personalities
	RebootCommand  []string // what reboots the host; nil: phased does not
	Jobs           int      // hooks that may run at once where a phase lets them; 0: as many as there are processors
	RebootLimit    int      // of one run and those that go on with it
	Secrets        Secrets
	CarryAllow     []string             // patterns of guarded names that hooks may hand to later ones
	PrivateTTL     time.Duration        // how long saved variable spaces are kept
	Lifecycles     map[string]Lifecycle // as written; the built-in ones are package plan's

	lines map[string]int
}

// Secrets say what is kept out of all that is recorded and shown, beside what is
// built in.
type Secrets struct {
	Names    []string // patterns of names of variables
	Files    []string // absolute paths of files whose content is secret
	Patterns []string // RE2 expressions of texts that are, each fit for redact.ParsePattern
}

// Retention says how many finished runs are kept. Each limit counts by itself;
// 0 stands for no limit.
type Retention struct {
	Runs int
	Age  time.Duration
	Size int64 // bytes
}

// Personalities are the settings of os-refresh-config and dib-run-parts.
type Personalities struct {
	Capture string // inherit or tee
	Journal bool   // write the journal
	Trust   string // warn or off
}

// Lifecycle is a lifecycle as the settings file has it. A field that the file
// does not name is "" or nil.
type Lifecycle struct {
	Name         string
	Base         string   // the one hook tree
	Roots        []string // hook trees, lowest first
	OnFailure    phased.OnFailure
	Order        phased.Order
	Names        string
	Timeout      *time.Duration
	PhaseTimeout *time.Duration
	HookTimeout  *time.Duration
	List         string // listed or pinned
	Phases       []Phase
	Failure      *Phase
	Success      *Phase  // when all of Phases has ended well
	Always       []Phase // at the end, whatever happened
	Parallel     string  // same-number or off
	Siblings     phased.Siblings
	Leak         phased.LeakPolicy // of every hook that has none of its own
	RebootExits  []phased.RebootExit
	Hooks        []HookRule // options of single hooks, in the order of the file
	// EnvironmentDir holds files that are sourced for the environment of executed
	// hooks, below the hook trees or absolute; "": there are none.
	EnvironmentDir string
	Resume         string // on, off or keep

	// What follows is for lifecycles with sourced phases only.

	Executor    string   // process or session: of every phase that has none
	Shell       string   // bash or posix
	Options     []string // of set -o, at the start of the session; nil: the default
	Provenance  *bool    // record what hooks change in the variable space
	LocalConf   string   // file with the localrc section and the plugins; absolute, or relative to the top directory
	PluginDir   string   // where plugins are cloned
	PluginOrder string   // listed or required
}

// HookRule gives the hooks whose names fit a pattern options that stand before
// those of their headers.
type HookRule struct {
	Pattern string // as of path.Match
	phased.HookOptions
	Given []string // keys of the options that it gives
}

// Phase is a phase as the settings file has it. A field that the file does not
// name is "" or nil.
type Phase struct {
	Name        string
	Dir         string
	OnFailure   phased.OnFailure
	Order       phased.Order
	Names       string
	Timeout     *time.Duration
	HookTimeout *time.Duration
	Optional    *bool
	Leak        phased.LeakPolicy
	Parallel    string // same-number or off
	Siblings    phased.Siblings

	// What follows is for sourced phases only, but for Executor.

	Executor string // process or session
	Files    []string
	Args     []string
	Scope    phased.Scope
	Glob     string
	Calls    string // name of a lifecycle
	Plugins  string // settings, override-defaults or plugin.sh
}

// Sourced reports whether hooks of a phase of the lifecycle are sourced.
func (l Lifecycle) Sourced(p Phase) bool {
	switch {
	case p.Executor != "":
		return p.Executor == phased.ExecutorSession
	case l.Executor != "":
		return l.Executor == phased.ExecutorSession
	}
	return SourcedBuiltin(l.Name)
}

// HasSourced reports whether any phase of the lifecycle is sourced.
func (l Lifecycle) HasSourced() bool {
	if len(l.Phases) == 0 {
		return SourcedBuiltin(l.Name)
	}
	return slices.ContainsFunc(l.Phases, l.Sourced)
}

// LocalrcPhase is the name of the phase in which the localrc section of a
// local.conf is sourced.
const LocalrcPhase = "localrc"

// Bare reports whether a phase is only a name.
func (p Phase) Bare() bool {
	return p.Dir == "" && p.Files == nil && p.Args == nil && p.Scope == "" && p.Glob == "" && p.Calls == "" && p.Plugins == ""
}

// Default returns the settings that hold where there is no file.
func Default() *Settings {
	return &Settings{
		Roots:          []string{"/usr/lib/phased", "/run/phased", "/etc/phased"},
		Durability:     "phase",
		Stdin:          "null",
		Terminal:       "auto",
		Dir:            "/",
		Umask:          0o022,
		Grace:          10 * time.Second,
		FailureTimeout: 5 * time.Minute,
		Orphans:        "refuse",
		Containment:    "auto",
		Trust:          "auto",
		OutputLimit:    8 << 20,
		Retention:      Retention{Runs: 200, Age: 90 * 24 * time.Hour, Size: 1 << 30},
		Personalities:  Personalities{Capture: "inherit", Journal: true, Trust: "off"},
		PrivateTTL:     7 * day,
		RebootLimit:    3,
	}
}

// Builtin reports whether a lifecycle of that name exists without settings.
// Settings for it need not name its phases.
func Builtin(name string) bool { return slices.Contains(builtins(), name) }

// SourcedBuiltin reports whether that is a built-in lifecycle whose hooks are
// sourced.
func SourcedBuiltin(name string) bool { return name != "refresh" && Builtin(name) }

func builtins() []string { return []string{"refresh", "stack", "unstack", "clean"} }

// Line returns the line of the settings file that holds the value of a key,
// such as "grace" or "lifecycles.refresh.phases.0.timeout"; 0 where the file
// does not name it.
func (s *Settings) Line(key string) int { return s.lines[key] }

// LifecycleNames returns the names of the lifecycles that the file has, sorted.
func (s *Settings) LifecycleNames() []string {
	names := make([]string, 0, len(s.Lifecycles))
	for n := range s.Lifecycles {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}
