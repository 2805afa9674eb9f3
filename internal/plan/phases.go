package plan

import (
	"strconv"
	"time"

	"phased/internal/config"
	"phased/internal/phased"
)

// defaultNames is the name filter where the settings have none.
const defaultNames = "^[0-9A-Za-z_-]+$"

// written is a phase before its options are put together: as the settings have
// it, or as it is built in.
type written struct {
	config.Phase
	at      string // its key in the settings; "" where it is built in
	failure bool
	when    phased.PhaseWhen
	other   string // where values came from that nobody gave
}

// phases fills in the phases: those of the settings, or else the built-in ones
// with the options that the settings give the whole lifecycle.
func (c *setting) phases(life phased.Lifecycle) {
	for i, own := range c.own.Phases {
		w := written{Phase: own, at: c.key("phases." + strconv.Itoa(i)), other: fromDefault}
		c.life.Phases = append(c.life.Phases, c.phase(w))
	}
	if len(c.own.Phases) == 0 {
		for _, p := range life.Phases {
			if p.Executor == phased.ExecutorSession {
				c.life.Phases = append(c.life.Phases, c.builtinSourced(p))
				continue
			}
			c.life.Phases = append(c.life.Phases, c.phase(builtinPhase(p)))
		}
	}
	c.placeLocalrc()
	c.beside()
	var failure phased.Phase
	switch {
	case c.own.Failure != nil:
		own := *c.own.Failure
		own.Name = orText(own.Name, "error")
		if own.Optional == nil {
			yes := true
			own.Optional = &yes
		}
		failure = c.phase(written{Phase: own, at: c.key("failure"), failure: true, other: fromDefault})
	case life.Failure != nil:
		failure = c.phase(builtinPhase(*life.Failure))
	default:
		return
	}
	c.life.Failure = &failure
}

// beside adds the phases that run at the end: for a success, and always.
func (c *setting) beside() {
	add := func(own config.Phase, key string, when phased.PhaseWhen) {
		if own.Optional == nil {
			yes := true
			own.Optional = &yes
		}
		p := c.phase(written{Phase: own, at: c.key(key), when: when, other: fromDefault})
		c.life.Phases = append(c.life.Phases, p)
	}
	if c.own.Success != nil {
		own := *c.own.Success
		own.Name = orText(own.Name, "success")
		add(own, "success", phased.WhenSuccess)
	}
	for i, own := range c.own.Always {
		add(own, "always."+strconv.Itoa(i), phased.WhenAlways)
	}
}

func builtinPhase(p phased.Phase) written {
	return written{
		Phase:   config.Phase{Name: p.Name, Dir: p.Dir, Optional: &p.Optional},
		failure: p.Failure, other: fromBuiltin,
	}
}

// phase puts the options of one phase together: its own, the lifecycle's, the
// default; a flag before all of them.
func (c *setting) phase(w written) phased.Phase {
	if !w.failure && w.when == "" && c.own.Sourced(w.Phase) {
		return c.sourcedPhase(w)
	}
	pick := func(option, own, life, fallback string) string { return c.pick(w, option, own, life, fallback) }
	p := phased.Phase{
		Name: w.Name, Executor: phased.ExecutorProcess, Failure: w.failure, When: w.when,
		Optional: w.Optional != nil && *w.Optional,
	}
	p.Dir = pick("dir", w.Dir, "", w.Name+".d")
	pick("optional", strconv.FormatBool(p.Optional), "", "")
	if w.failure || w.when != "" {
		p.OnFailure = phased.Continue
		c.note(w.Name, "on-failure", string(p.OnFailure), fromBuiltin)
	} else {
		life := c.own.OnFailure
		if life == phased.Shell { // there is none here to decide
			life = ""
		}
		p.OnFailure = phased.OnFailure(pick("on-failure", string(w.OnFailure), string(life), string(phased.Stop)))
	}
	p.Order = phased.Order(pick("order", string(w.Order), string(c.own.Order), string(phased.Numeric)))
	if p.Names = pick("names", w.Names, c.own.Names, defaultNames); p.Names == defaultNames {
		p.Names = "" // the same, and faster
	}
	p.Leak = phased.LeakPolicy(pick("leak", string(w.Leak), string(c.own.Leak), string(phased.LeakKeep)))
	if p.Leak == phased.LeakKeep {
		p.Leak = ""
	}
	if pick("parallel", w.Parallel, c.own.Parallel, "off") == string(phased.ParallelSameNumber) {
		p.Parallel = phased.ParallelSameNumber
		p.Siblings = phased.Siblings(pick("siblings", string(w.Siblings), string(c.own.Siblings), string(phased.SiblingsFinish)))
		if p.Siblings == phased.SiblingsFinish {
			p.Siblings = ""
		}
	}
	p.Rules = c.rules()
	c.limits(&p, w)
	return p
}

// rules returns the options of single hooks that the settings give.
func (c *setting) rules() []phased.HookRule {
	var rules []phased.HookRule
	for _, h := range c.own.Hooks {
		r := phased.HookRule{Pattern: h.Pattern, HookOptions: h.HookOptions, From: map[string]string{}}
		for _, key := range h.Given {
			r.From[key] = c.from("", c.key("hooks."+h.Pattern)+"."+key, "")
		}
		rules = append(rules, r)
	}
	return rules
}

// pick returns the phase's own value of an option, the lifecycle's or the default,
// and notes where it came from.
func (c *setting) pick(w written, option, own, life, fallback string) string {
	value, key := own, w.at+"."+option
	if value == "" {
		value, key = life, c.key(option)
	}
	value = orText(value, fallback)
	c.note(w.Name, option, value, c.from("", key, w.other))
	return value
}

// limits gives a phase its time limits. Those of the run, its phases and their
// hooks do not hold for the failure phase and for what runs always: these have
// their own.
func (c *setting) limits(p *phased.Phase, w written) {
	own := source{w.Timeout, "", w.at + ".timeout"}
	hook := source{w.HookTimeout, "", w.at + ".hook-timeout"}
	if w.failure || w.when == phased.WhenAlways {
		p.Timeout = c.limit(w.Name, "timeout",
			source{c.o.FailureTimeout, "--failure-timeout", ""}, own, source{&c.s.FailureTimeout, "", "failure-timeout"})
		p.HookTimeout = c.limit(w.Name, "hook-timeout", hook)
		return
	}
	p.Timeout = c.limit(w.Name, "timeout",
		source{c.o.PhaseTimeout, "--phase-timeout", ""}, own,
		source{c.own.PhaseTimeout, "", c.key("phase-timeout")}, source{&c.s.PhaseTimeout, "", "phase-timeout"})
	p.HookTimeout = c.limit(w.Name, "hook-timeout",
		source{c.o.HookTimeout, "--hook-timeout", ""}, hook,
		source{c.own.HookTimeout, "", c.key("hook-timeout")}, source{&c.s.HookTimeout, "", "hook-timeout"})
}

// source is one place that may give a time limit.
type source struct {
	value *time.Duration
	flag  string
	key   string
}

// limit returns the first limit that is given, and notes where it came from.
func (c *setting) limit(phase, option string, sources ...source) phased.Duration {
	for _, s := range sources {
		if s.value != nil {
			c.origin(phase, option, limitText(*s.value), s.key, s.flag)
			return phased.Duration(*s.value)
		}
	}
	c.note(phase, option, limitText(0), fromDefault)
	return 0
}

func limitText(d time.Duration) string {
	if d == 0 {
		return "none"
	}
	return d.String()
}
