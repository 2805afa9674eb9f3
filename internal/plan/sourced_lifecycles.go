package plan

import "phased/internal/phased"

// sourcedLifecycle is a built-in lifecycle whose hooks are sourced, with what its
// shell starts with.
type sourcedLifecycle struct {
	name    string
	points  []point
	options []string // of set -o
	nounset bool     // also nounset, where NOUNSET of the environment is not empty
	umask   int      // -1: the caller's
	env     regime
}

// regime is what a lifecycle makes of the caller's environment.
type regime struct {
	set    []string // NAME=value
	unset  []string
	append string // directories that PATH ends with
}

// point is one phase of a built-in lifecycle, as the tables have it.
type point struct {
	name    string
	kind    pointKind
	args    []phased.Text
	scope   phased.Scope
	plugins string // file of each plugin that takes part
	calls   string // lifecycle
}

type pointKind string

const (
	steps   pointKind = "steps"   // base steps, TOP_DIR/steps/LIFECYCLE/POINT.d/*.sh
	hooks   pointKind = "hooks"   // TOP_DIR/extras.d/*.sh, then plugins
	plugins pointKind = "plugins" // plugins alone; there without any it is left out
	localrc pointKind = "localrc" // the text of the local.conf; left out where there is none
	calls   pointKind = "calls"   // another lifecycle
)

const (
	extrasDir  = "extras.d"
	stepsDir   = "steps"
	sourceGlob = "*.sh"
)

// sourcedLifecycles are stack.sh, unstack.sh and clean.sh of DevStack.
func sourcedLifecycles() []sourcedLifecycle {
	return []sourcedLifecycle{
		{
			name: "stack", options: []string{"errexit", "xtrace"}, nounset: true, umask: 0o022,
			env: regime{set: []string{"LC_ALL=C"}, unset: []string{"LANG", "LANGUAGE"}, append: "/usr/local/sbin:/usr/sbin:/sbin"},
			points: []point{
				{name: "functions", kind: steps},
				{name: "localrc", kind: localrc},
				{name: "override-defaults", kind: plugins, args: []phased.Text{"override_defaults"}, scope: phased.ScopeFunction, plugins: "override-defaults"},
				{name: "libraries", kind: steps},
				{name: "source", kind: hooks, args: []phased.Text{"source"}, scope: phased.ScopeFunction, plugins: "settings"},
				{name: "prerequisites", kind: steps},
				{name: "pre-install", kind: hooks, args: []phased.Text{"stack", "pre-install"}, scope: phased.ScopeFunction, plugins: "plugin.sh"},
				{name: "services", kind: steps},
				{name: "install", kind: hooks, args: []phased.Text{"stack", "install"}, scope: phased.ScopeFunction, plugins: "plugin.sh"},
				{name: "initialize", kind: steps},
				{name: "post-config", kind: hooks, args: []phased.Text{"stack", "post-config"}, scope: phased.ScopeFunction, plugins: "plugin.sh"},
				{name: "start", kind: steps},
				{name: "extra", kind: hooks, args: []phased.Text{"stack", "extra"}, scope: phased.ScopeFunction, plugins: "plugin.sh"},
				{name: "test-config", kind: plugins, args: []phased.Text{"stack", "test-config"}, scope: phased.ScopeFunction, plugins: "plugin.sh"},
				{name: "finish", kind: steps},
			},
		},
		{
			name: "unstack", umask: -1,
			points: []point{
				{name: "functions", kind: steps},
				{name: "localrc", kind: localrc},
				{name: "override-defaults", kind: plugins, args: []phased.Text{"override_defaults"}, scope: phased.ScopeFunction, plugins: "override-defaults"},
				{name: "libraries", kind: steps},
				{name: "source", kind: hooks, args: []phased.Text{"source"}, scope: phased.ScopeTop, plugins: "settings"},
				{name: "stop", kind: steps},
				{name: "unstack", kind: hooks, args: []phased.Text{"unstack"}, scope: phased.ScopeFunction, plugins: "plugin.sh"},
				{name: "finish", kind: steps},
			},
		},
		{
			name: "clean", umask: -1,
			points: []point{
				{name: "functions", kind: steps},
				{name: "localrc", kind: localrc},
				{name: "libraries", kind: steps},
				{name: "source", kind: hooks, args: []phased.Text{"source"}, scope: phased.ScopeTop, plugins: "settings"},
				{name: "unstack", kind: calls, calls: "unstack"},
				{name: "clean", kind: hooks, args: []phased.Text{"clean"}, scope: phased.ScopeTop, plugins: "plugin.sh"},
				{name: "finish", kind: steps},
			},
		},
	}
}

// sourcedLifecycleOf returns the built-in lifecycle of that name; nil where there
// is none.
func sourcedLifecycleOf(name string) *sourcedLifecycle {
	for _, l := range sourcedLifecycles() {
		if l.name == name {
			return &l
		}
	}
	return nil
}

// phase is the point as a phase of its lifecycle.
func (pt point) phase(lifecycle string) phased.Phase {
	p := phased.Phase{
		Name: pt.name, OnFailure: phased.Shell, Order: phased.Glob, Executor: phased.ExecutorSession, Optional: true,
		Args: pt.args, Scope: pt.scope, Plugins: pt.plugins, Calls: pt.calls,
	}
	switch pt.kind {
	case steps:
		p.Dir, p.Glob, p.Scope = stepsDir+"/"+lifecycle+"/"+pt.name+".d", sourceGlob, phased.ScopeTop
	case hooks:
		p.Dir, p.Glob = extrasDir, sourceGlob
	case localrc:
		p.Localrc, p.Scope = true, phased.ScopeTop
	case plugins, calls:
	}
	return p
}
