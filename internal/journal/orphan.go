package journal

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/proc"
)

// Orphan is a process that a dead run left running in the middle of a hook.
type Orphan struct {
	Pid     int           `json:"pid"`
	Start   uint64        `json:"start"` // clock ticks since boot: whoever signals it compares it first
	Command string        `json:"command"`
	Run     string        `json:"run"`
	Base    phased.Text   `json:"base"`
	Phase   string        `json:"phase"`
	Hook    phased.Text   `json:"hook"`
	Age     time.Duration `json:"age_ns"` // since it was started
}

// Orphans returns the processes that still run of the hooks that were
// unfinished when their run died, by start. It only reads. These are
//
//   - the hook itself, by pid and start time,
//   - members of its process group, where it had one of its own,
//   - processes whose environment names the run and the hook, also a hook that
//     was started and never recorded,
//   - who is in the run's cgroup, but for what was kept there,
//   - and the descendants of all these.
//
// What a finished hook left behind, a service for example, is none. Nor is this
// process. Runs of another boot have no orphans.
func (s *Store) Orphans(runs []phased.Run) []Orphan {
	if len(runs) == 0 {
		return nil
	}
	boot := proc.BootID()
	runs = slices.DeleteFunc(slices.Clone(runs), func(r phased.Run) bool { return r.Start.BootID != boot })
	if len(runs) == 0 {
		return nil
	}
	all, err := proc.All()
	if err != nil {
		return nil
	}
	all = slices.DeleteFunc(all, func(p proc.Stat) bool { return p.Ended() || p.Pid == os.Getpid() })
	var found []Orphan
	seen := map[int]bool{}
	for i := range runs {
		for _, o := range orphansOf(&runs[i], all) {
			if !seen[o.Pid] {
				seen[o.Pid] = true
				found = append(found, o)
			}
		}
	}
	slices.SortFunc(found, func(a, b Orphan) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Pid, b.Pid))
	})
	return found
}

func orphansOf(run *phased.Run, all []proc.Stat) []Orphan {
	hooks := hooksOf(run)
	cells := cellsOf(run)
	var found []Orphan
	for _, p := range all {
		hook := cells[p.Pid]
		if hook == nil && p.Start >= run.Start.PidStart { // not older than the run
			hook = hooks.find(p)
		}
		if hook == nil {
			continue
		}
		for _, q := range append([]proc.Stat{p}, proc.Descendants(all, p.Pid)...) {
			found = append(found, Orphan{
				Pid: q.Pid, Start: q.Start, Command: proc.CommandLine(q.Pid), Run: run.ID, Base: run.Start.Base,
				Phase: hook.phase, Hook: hook.name, Age: proc.Age(q.Start, proc.Now()),
			})
		}
	}
	return found
}

// cellsOf returns who is in the cgroups of the run's hooks, with the hook.
func cellsOf(run *phased.Run) map[int]*hookKey {
	c := run.Start.Containment
	if c == nil || c.Mode != phased.ContainCgroup || c.Path == "" || run.Start.Personality != "" || filepath.Base(string(c.Path)) != phased.RunCell(run.ID) {
		return nil
	}
	dir := string(c.Path)
	names, err := proc.CgroupsBelow(dir)
	if err != nil {
		return nil
	}
	in := map[int]*hookKey{}
	for _, name := range names {
		if name == phased.KeptCell {
			continue
		}
		pids, err := proc.CgroupPids(dir + "/" + name)
		if err != nil {
			continue
		}
		for _, pid := range pids {
			in[pid] = cellHook(run, name)
		}
	}
	return in
}

// cellHook returns the hook of the cgroup of that name: the last that the name
// fits, or, where it was not recorded any more, what the name tells.
func cellHook(run *phased.Run, cell string) *hookKey {
	number, name, _ := strings.Cut(cell, "-")
	n, _ := strconv.Atoi(number)
	key := &hookKey{name: phased.Text(name)}
	for _, p := range run.Phases {
		key.phase = p.Phase
		for _, h := range p.Hooks {
			if phased.CellName(n, h.Hook) == cell {
				return &hookKey{h.Phase, h.Hook}
			}
		}
	}
	return key
}

// hookKey names a hook of a run.
type hookKey struct {
	phase string
	name  phased.Text
}

// hooksSeen is what a run's record says about its hooks.
type hooksSeen struct {
	run        string
	grouped    bool // each hook had a process group of its own
	unfinished []phased.HookRun
	finished   map[hookKey]bool
	reused     map[int]bool // pids of unfinished hooks that others have now
}

func hooksOf(run *phased.Run) *hooksSeen {
	h := &hooksSeen{run: run.ID, grouped: run.Start.Personality == "", finished: map[hookKey]bool{}, reused: map[int]bool{}}
	for _, p := range run.Phases {
		for _, k := range p.Hooks {
			if k.Exit != nil {
				h.finished[hookKey{k.Phase, k.Hook}] = true
				continue
			}
			if k.Pid <= 0 {
				continue // 0 is the group of the kernel's threads
			}
			h.unfinished = append(h.unfinished, k)
			if st, err := proc.Read(k.Pid); err == nil && st.Start != k.PidStart {
				h.reused[k.Pid] = true
			}
		}
	}
	return h
}

// find returns the hook that a process is part of, by what can be seen at the
// process itself; nil where it is of none that was unfinished.
func (h *hooksSeen) find(p proc.Stat) *hookKey {
	id, key := environment(p.Pid)
	for _, k := range h.unfinished {
		itself := p.Pid == k.Pid && p.Start == k.PidStart
		// A group outlives its leader, and its id is not given away while it
		// lasts; one that names another run has only come to have the same id.
		member := h.grouped && p.Group == k.Pid && !h.reused[k.Pid] && (id == "" || id == h.run)
		if itself || member {
			return &hookKey{k.Phase, k.Hook}
		}
	}
	if id == h.run && key.name != "" && !h.finished[key] {
		return &key
	}
	return nil
}

// environment returns the run and the hook that a process's environment names.
func environment(pid int) (run string, key hookKey) {
	for _, v := range proc.Environ(pid) {
		name, value, _ := strings.Cut(v, "=")
		switch name {
		case "PHASED_RUN_ID":
			run = value
		case "PHASED_PHASE":
			key.phase = value
		case "PHASED_HOOK":
			key.name = phased.Text(value)
		}
	}
	return run, key
}
