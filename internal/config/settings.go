// Package config owns the settings file: it reads YAML into typed values with
// every default filled in, and tells every mistake at once, each with file,
// line and column.
//
// It is a leaf. It must not look for hooks, decide what runs or print; and it
// must cost nothing at start-up where there is no settings file.
package config

import (
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
	Dir            string            // working directory of every hook
	Umask          int               // umask of every hook
	Grace          time.Duration     // between TERM and KILL
	Timeout        time.Duration     // of a run; 0: none
	PhaseTimeout   time.Duration     // of each phase; 0: none
	HookTimeout    time.Duration     // of each hook; 0: none
	FailureTimeout time.Duration     // of the failure phase; 0: none
	Orphans        string            // refuse, wait or kill
	OutputLimit    int64             // bytes kept of a hook's output, 1 or more
	Retention      Retention
	Personalities  Personalities
	Lifecycles     map[string]Lifecycle // as written; the built-in ones are package plan's

	lines map[string]int
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
}

// Default returns the settings that hold where there is no file.
func Default() *Settings {
	return &Settings{
		Roots:          []string{"/usr/lib/phased", "/run/phased", "/etc/phased"},
		Durability:     "phase",
		Stdin:          "null",
		Dir:            "/",
		Umask:          0o022,
		Grace:          10 * time.Second,
		FailureTimeout: 5 * time.Minute,
		Orphans:        "refuse",
		OutputLimit:    8 << 20,
		Retention:      Retention{Runs: 200, Age: 90 * 24 * time.Hour, Size: 1 << 30},
		Personalities:  Personalities{Capture: "inherit", Journal: true},
	}
}

// Builtin reports whether a lifecycle of that name exists without settings.
// Settings for it need not name its phases.
func Builtin(name string) bool { return name == "refresh" }

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
