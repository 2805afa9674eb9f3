package plan

import (
	"slices"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// builtinSourced gives a built-in phase its time limits and its policy.
func (c *setting) builtinSourced(p phased.Phase) phased.Phase {
	w := written{Phase: config.Phase{Name: p.Name, Executor: p.Executor}, other: fromBuiltin}
	p.OnFailure = phased.OnFailure(c.pick(w, "on-failure", "", string(c.own.OnFailure), string(p.OnFailure)))
	c.sourcedOrigins(p, w)
	c.limits(&p, w)
	p.Rules, p.NoHeaders = c.rules(), c.regime != nil
	return p
}

// sourcedPhase puts the options of a phase of the settings together whose hooks
// are sourced.
func (c *setting) sourcedPhase(w written) phased.Phase {
	p := phased.Phase{
		Name: w.Name, Executor: phased.ExecutorSession, Order: phased.Glob, Optional: w.Optional != nil && *w.Optional,
		Args: texts(w.Args), Files: texts(w.Files), Calls: w.Calls, Plugins: w.Plugins, Scope: w.Scope, Dir: w.Dir,
	}
	if len(p.Args) == 0 {
		p.Args = nil
	}
	if len(p.Files) == 0 {
		p.Files = nil
	}
	switch {
	case w.Name == config.LocalrcPhase && w.Bare():
		p.Localrc, p.Scope, p.Optional = true, phased.ScopeTop, true
	case p.Calls != "":
	case p.Files != nil:
		p.Scope = phased.Scope(orText(string(p.Scope), string(phased.ScopeTop)))
	default:
		if p.Dir == "" && p.Plugins == "" {
			p.Dir = w.Name + ".d"
		}
		if p.Dir != "" {
			p.Glob = orText(w.Glob, sourceGlob)
		}
		p.Scope = phased.Scope(orText(string(p.Scope), string(phased.ScopeFunction)))
	}
	p.OnFailure = phased.OnFailure(c.pick(w, "on-failure", string(w.OnFailure), string(c.own.OnFailure), string(phased.Stop)))
	c.sourcedOrigins(p, w)
	c.limits(&p, w)
	p.Rules, p.NoHeaders = c.rules(), c.regime != nil
	return p
}

// sourcedOrigins notes where what is special about a sourced phase came from.
func (c *setting) sourcedOrigins(p phased.Phase, w written) {
	note := func(option, value string) {
		if value != "" {
			c.note(p.Name, option, value, c.from("", w.at+"."+option, w.other))
		}
	}
	note("dir", p.Dir)
	note("glob", p.Glob)
	note("files", joined(p.Files, ", "))
	note("args", joined(p.Args, " "))
	note("scope", string(p.Scope))
	note("calls", p.Calls)
	note("plugins", p.Plugins)
}

func joined(t []phased.Text, by string) string {
	plain := make([]string, len(t))
	for i := range t {
		plain[i] = string(t[i])
	}
	return strings.Join(plain, by)
}

// placeLocalrc puts the phase of the local.conf's text in front where there is
// such a text and no phase for it, and leaves it out where there is none.
func (c *setting) placeLocalrc() {
	if !c.sourced() {
		return
	}
	isLocalrc := func(p phased.Phase) bool { return p.Localrc }
	if c.o.Localrc == "" {
		c.life.Phases = slices.DeleteFunc(c.life.Phases, isLocalrc)
		return
	}
	if slices.ContainsFunc(c.life.Phases, isLocalrc) {
		return
	}
	first := slices.IndexFunc(c.life.Phases, func(p phased.Phase) bool { return p.Executor == phased.ExecutorSession })
	w := written{Phase: config.Phase{Name: config.LocalrcPhase}, other: fromDefault}
	c.life.Phases = slices.Insert(c.life.Phases, first, c.sourcedPhase(w))
}
