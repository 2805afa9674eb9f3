package plan

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// refresh is the built-in lifecycle: the phases of os-refresh-config.
func refresh() phased.Lifecycle {
	phase := func(name string) phased.Phase {
		return phased.Phase{
			Name: name, Dir: name + ".d", OnFailure: phased.Stop, Order: phased.Numeric, Executor: "process", Optional: true,
		}
	}
	failure := phase("error")
	failure.OnFailure, failure.Failure = phased.Continue, true
	return phased.Lifecycle{
		Name:    "refresh",
		Phases:  []phased.Phase{phase("pre-configure"), phase("configure"), phase("post-configure"), phase("migration")},
		Failure: &failure,
	}
}

// builtin returns the built-in lifecycle of that name.
func builtin(name string) (phased.Lifecycle, bool) {
	if name == "refresh" {
		return refresh(), true
	}
	l := sourcedLifecycleOf(name)
	if l == nil {
		return phased.Lifecycle{}, false
	}
	life := phased.Lifecycle{Name: name}
	for _, pt := range l.points {
		life.Phases = append(life.Phases, pt.phase(name))
	}
	return life, true
}

// Lifecycles returns the names of all known lifecycles, sorted.
func Lifecycles(s *config.Settings) []string {
	names := []string{"refresh"}
	for _, l := range sourcedLifecycles() {
		names = append(names, l.name)
	}
	if s != nil {
		names = append(names, s.LifecycleNames()...)
	}
	sort.Strings(names)
	return slices.Compact(names)
}

// From where a value came, where no line of the settings and no flag gave it.
const (
	fromDefault = "default"
	fromBuiltin = "built in"
)

// setting is a lifecycle put together from the built-in one, the settings and
// the flags, while it is being put together.
type setting struct {
	o       Options
	s       *config.Settings
	own     config.Lifecycle // as the settings have it; zero where they do not
	life    phased.Lifecycle
	regime  *sourcedLifecycle // of a built-in lifecycle whose hooks are sourced
	origins []phased.Origin
	globs   map[string][]string // what patterns were expanded to
	listed  []phased.Entry      // of sourced phases, so far
}

// sourced reports whether any hook of the lifecycle is sourced.
func (c *setting) sourced() bool {
	return slices.ContainsFunc(c.life.Phases, func(p phased.Phase) bool { return p.Executor == phased.ExecutorSession })
}

// newSetting puts the lifecycle together, its phases with all their options.
func newSetting(o Options) (*setting, error) {
	name := o.Lifecycle
	if name == "" {
		name = "refresh"
	}
	c := &setting{o: o, s: o.Settings, regime: sourcedLifecycleOf(name)}
	own, given := c.s.Lifecycles[name]
	life, known := builtin(name)
	if !given && !known {
		names := Lifecycles(c.s)
		hint := ""
		if n := config.Nearest(name, names); n != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", n)
		}
		return nil, Errors{{File: c.s.File, Message: fmt.Sprintf("unknown lifecycle %q%s; known are %s", name, hint, strings.Join(names, ", "))}}
	}
	c.own = own
	c.life = phased.Lifecycle{Name: name, Pinned: own.List == "pinned"}
	c.origin("", "list", orText(own.List, "listed"), c.key("list"), "")
	c.phases(life)
	return c, nil
}

// key returns the key of the settings for an option of this lifecycle.
func (c *setting) key(option string) string {
	return "lifecycles." + c.life.Name + "." + option
}

// from says where the value of a key came from: the flag, the settings' line,
// or else other.
func (c *setting) from(flag, key, other string) string {
	if flag != "" {
		return flag
	}
	if line := c.s.Line(key); line > 0 {
		return fmt.Sprintf("%s:%d", c.s.File, line)
	}
	return other
}

func (c *setting) origin(phase, option, value, key, flag string) {
	c.note(phase, option, value, c.from(flag, key, fromDefault))
}

func (c *setting) note(phase, option, value, from string) {
	c.origins = append(c.origins, phased.Origin{Phase: phase, Option: option, Value: value, From: from})
}

func orText(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
