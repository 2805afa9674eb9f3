package config

import (
	"slices"
	"strconv"
	"strings"

	"phased/internal/phased"
)

// refuse tells what is wrong with a key where the file has it.
func (d *decoder) refuse(at, format string, args ...any) {
	if n := d.keys[at]; n != nil {
		d.errorf(n, "%s: "+format, append([]any{at}, args...)...)
	}
}

// sourced tells which keys of a lifecycle do not go together: what is for
// sourced phases in one that has none, and the other way round.
func (d *decoder) sourced(s *Settings, l Lifecycle, at string) {
	for i, p := range l.Phases {
		d.sourcedPhase(s, l, p, at+".phases."+strconv.Itoa(i))
	}
	if !l.HasSourced() {
		for _, k := range []string{"shell", "options", "provenance", "local-conf", "plugin-dir", "plugin-order"} {
			d.refuse(at+"."+k, "nothing of this lifecycle is sourced; say `executor: session`, or leave it out")
		}
		if l.OnFailure == phased.Shell {
			d.refuse(at+".on-failure", "nothing of this lifecycle is sourced, so that no shell can decide; expected stop, finish-phase or continue")
		}
	}
	if SourcedBuiltin(l.Name) && l.Executor == phased.ExecutorProcess {
		d.refuse(at+".executor", "the hooks of %s are sourced; give a lifecycle of processes another name", l.Name)
	}
	if l.Executor == phased.ExecutorSession || SourcedBuiltin(l.Name) {
		d.refuse(at+".order", "sourced hooks run in the order of the shell's glob; write it in the phases that run processes")
		d.refuse(at+".names", "names of sourced hooks are those that the glob fits; write it in the phases that run processes")
		for _, k := range []string{"parallel", "siblings"} {
			d.refuse(at+"."+k, "sourced hooks run one at a time; write it in the phases that run processes")
		}
		for _, k := range []string{"leak", "hooks", "reboot-exit"} {
			d.refuse(at+"."+k, "it is for hooks that are executed: a session keeps what its hooks start; give the lifecycle to processes, with `executor: session` in its sourced phases")
		}
	}
	if l.HasSourced() && !slices.ContainsFunc(l.Phases, func(p Phase) bool { return !l.Sourced(p) }) {
		d.refuse(at+".environment-dir", "it is for the environment of hooks that are executed, and all of this lifecycle are sourced; source it in a phase with `files`")
	}
	if len(l.Roots) > 1 && l.HasSourced() {
		d.refuse(at+".roots", "sourced hooks lie in one hook tree, the top directory; write `base: %s`", l.Roots[len(l.Roots)-1])
	}
	if l.HasSourced() && l.PluginOrder != "" && l.LocalConf == "" && !SourcedBuiltin(l.Name) {
		d.refuse(at+".plugin-order", "plugins come from a local.conf; name it with local-conf")
	}
	d.callsRound(s, l, at)
}

func (d *decoder) sourcedPhase(s *Settings, l Lifecycle, p Phase, at string) {
	if !l.Sourced(p) {
		for _, k := range []string{"files", "args", "scope", "glob", "calls", "plugins"} {
			d.refuse(at+"."+k, "the hooks of this phase are processes; say `executor: session`, or leave it out")
		}
		if p.OnFailure == phased.Shell {
			d.refuse(at+".on-failure", "the hooks of this phase are processes; expected stop, finish-phase or continue")
		}
		return
	}
	d.refuse(at+".order", "sourced hooks run in the order of the shell's glob")
	d.refuse(at+".leak", "it is for hooks that are executed: a session keeps what its hooks start")
	d.refuse(at+".names", "names of sourced hooks are those that the glob fits; write `glob: '*.sh'`")
	for _, k := range []string{"parallel", "siblings"} {
		d.refuse(at+"."+k, "sourced hooks run one at a time, in the one shell that they share")
	}
	switch {
	case d.keys[at+".calls"] != nil:
		d.notWith(at, "calls", "it runs another lifecycle and sources nothing", "dir", "files", "glob", "args", "scope", "plugins", "optional")
		d.calls(s, l, p, at)
	case d.keys[at+".files"] != nil:
		d.notWith(at, "files", "they are base steps, sourced without arguments", "dir", "glob", "args", "plugins")
	case d.keys[at+".plugins"] != nil && d.keys[at+".dir"] == nil:
		d.refuse(at+".glob", "this phase has plugins and no dir; name one")
	}
}

// notWith refuses keys beside another.
func (d *decoder) notWith(at, key, why string, others ...string) {
	for _, o := range others {
		d.refuse(at+"."+o, "not together with %s: %s", key, why)
	}
}

// calls tells a called lifecycle that is none.
func (d *decoder) calls(s *Settings, l Lifecycle, p Phase, at string) {
	known := builtins()
	for n := range s.Lifecycles {
		known = append(known, n)
	}
	slices.Sort(known)
	known = slices.Compact(known)
	switch {
	case p.Calls == "": // told already
	case p.Calls == l.Name:
		d.refuse(at+".calls", "the lifecycle %s calls itself", l.Name)
	case !slices.Contains(known, p.Calls):
		hint := didYouMean(p.Calls, known)
		if hint == "" {
			hint = "; known are " + strings.Join(known, ", ")
		}
		d.refuse(at+".calls", "there is no lifecycle %q%s", p.Calls, hint)
	}
}

// callsRound tells a lifecycle that comes back to itself by those that it calls.
func (d *decoder) callsRound(s *Settings, l Lifecycle, at string) {
	for i, p := range l.Phases {
		if p.Calls == "" || p.Calls == l.Name {
			continue
		}
		if way := wayBack(s, p.Calls, l.Name, nil); way != nil {
			d.refuse(at+".phases."+strconv.Itoa(i)+".calls", "the lifecycle %s comes back to itself: %s", l.Name, strings.Join(append([]string{l.Name}, way...), ", "))
		}
	}
}

// wayBack returns the lifecycles from one to another by what they call; nil
// where there is no way.
func wayBack(s *Settings, from, to string, seen []string) []string {
	if from == to {
		return append(seen, to)
	}
	if slices.Contains(seen, from) {
		return nil
	}
	seen = append(slices.Clip(seen), from)
	for _, c := range callsOf(s, from) {
		if way := wayBack(s, c, to, seen); way != nil {
			return way
		}
	}
	return nil
}

// callsOf returns what a lifecycle calls: the built-in clean calls unstack.
func callsOf(s *Settings, name string) []string {
	l, given := s.Lifecycles[name]
	if name == "clean" && (!given || len(l.Phases) == 0) {
		return []string{"unstack"}
	}
	var calls []string
	for _, p := range l.Phases {
		if p.Calls != "" {
			calls = append(calls, p.Calls)
		}
	}
	return calls
}
