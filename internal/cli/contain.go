package cli

import (
	"time"

	"phased/internal/executor"
	"phased/internal/phased"
)

// reaperArgument is the first argument of a process to which the orphans of one
// hook are handed on.
const reaperArgument = "reap-hook"

// reaperCommand starts such a process.
func reaperCommand() []string { return []string{"/proc/self/exe", reaperArgument} }

// reaps reports whether this is such a process.
func reaps(argv []string) bool { return len(argv) == 2 && argv[1] == reaperArgument }

// containHooks makes the containment of a run of native hooks.
func (j *job) containHooks() (*executor.Containment, error) {
	return executor.Contain(executor.ContainOptions{Mode: j.settings.Containment, Run: j.id, Reaper: reaperCommand()})
}

// containStack makes the containment of stack, unstack and clean: where nothing
// is limited in time there is none. Nor is one where it is not to be had.
func (j *session) containStack() *executor.Containment {
	if !limited(j.plan) || j.settings.Containment == phased.ContainOff {
		return nil
	}
	c, err := executor.Contain(executor.ContainOptions{Run: j.id, Shared: true})
	if err != nil {
		return nil
	}
	return c
}

// limited reports whether anything of the plan has a time limit.
func limited(p phased.Plan) bool {
	most := time.Duration(p.Timeout)
	for _, ph := range p.Phases {
		most = max(most, time.Duration(ph.Timeout), time.Duration(ph.HookTimeout))
		for _, e := range ph.Entries {
			most = max(most, time.Duration(e.Timeout))
		}
	}
	return most > 0
}
