package phased

import (
	"strconv"
	"time"
)

// LeakPolicy says what becomes of the processes that a hook has left behind
// when it has ended by itself. At a time limit or a stop none of them survives,
// whatever the policy is.
type LeakPolicy string

// The leak policies.
const (
	LeakKeep LeakPolicy = "keep" // they live on, and are named in the record (the default)
	LeakKill LeakPolicy = "kill" // they are killed, and named in the record
	LeakFail LeakPolicy = "fail" // they are killed, and the hook has failed
)

// The ways to contain the processes of hooks.
const (
	ContainCgroup = "cgroup" // each hook in a cgroup of its own
	ContainReaper = "reaper" // each hook under a process to which its orphans are handed on
	ContainOff    = "off"    // by descent, process group, session and environment
)

// Containment is how a run holds the processes of its hooks together.
type Containment struct {
	Mode string `json:"mode" doc:"cgroup, reaper or off"`
	Why  string `json:"why,omitempty" doc:"why in no better way"`
	Path Text   `json:"path,omitempty" doc:"the run's cgroup"`
}

// LeftBehind is a process that a hook has left behind.
type LeftBehind struct {
	Pid      int           `json:"pid" doc:"process id"`
	PidStart uint64        `json:"pid_start" doc:"its start time, in clock ticks since boot"`
	Command  Text          `json:"command" doc:"its command line, the beginning of it"`
	Age      time.Duration `json:"age_ns" doc:"since it was started, in nanoseconds"`
}

// KeptCell names the cgroup of a run into which what hooks leave behind is
// moved.
const KeptCell = "kept"

// CellPrefix begins the names of the cgroups of runs.
const CellPrefix = "phased-"

// RunCell names the cgroup of a run.
func RunCell(run string) string { return CellPrefix + cellSafe(Text(run)) }

// CellName names the cgroup of the n-th hook of a run. Whatever the hook's name
// is, it is the name of one directory.
func CellName(n int, hook Text) string { return strconv.Itoa(n) + "-" + cellSafe(hook) }

// cellSafe returns a name without anything that means something in a path, of a
// length that leaves room before it.
func cellSafe(name Text) string {
	const most = 64
	name = name[:min(len(name), most)]
	b := []byte(name)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			b[i] = '_'
		}
	}
	return string(b)
}
