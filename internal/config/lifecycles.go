package config

import (
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"phased/internal/phased"
)

func (d *decoder) lifecycles(s *Settings, n *yaml.Node, at string) {
	d.pairs(n, at, "lifecycles: {deploy: {phases: [prepare, apply]}}", func(key, value *yaml.Node) {
		if why := badName(key.Value); why != "" {
			d.errorf(key, "%s: %s", at, why)
		}
		if s.Lifecycles == nil {
			s.Lifecycles = map[string]Lifecycle{}
		}
		whole := join(at, key.Value)
		d.lines[whole] = key.Line
		l := Lifecycle{Name: key.Value}
		d.fields(value, whole, "deploy: {phases: [prepare, apply]}", d.lifecycleFields(&l))
		d.lifecycle(&l, key, whole)
		s.Lifecycles[key.Value] = l
	})
	for _, l := range s.Lifecycles {
		d.sourced(s, l, join(at, l.Name))
	}
}

// lifecycle tells what is wrong with a lifecycle as a whole.
func (d *decoder) lifecycle(l *Lifecycle, key *yaml.Node, at string) {
	_, given := d.lines[at+".phases"]
	if !given && !Builtin(l.Name) {
		d.errorf(key, "%s: has no phases; expected such as `phases: [prepare, apply]`", at)
	}
	if l.Base != "" && l.Roots != nil {
		d.errorf(key, "%s: has both base and roots; base is for one hook tree, roots for several", at)
	}
}

// lifecycleFields is the table of the keys of a lifecycle.
func (d *decoder) lifecycleFields(l *Lifecycle) []field {
	duration := func(k, example string, dst **time.Duration) field {
		return field{k, func(n *yaml.Node, at string) { putNew(dst)(d.duration(n, at, example)) }}
	}
	seen := map[string]bool{}
	// Names of phases are what events, gates and variables call them by.
	phase := func(n *yaml.Node, at string, kind phaseKind) Phase {
		p := d.phase(n, at, kind)
		if p.Name != "" && seen[p.Name] {
			d.errorf(n, "%s: the lifecycle has another phase called %s", at, p.Name)
		}
		seen[p.Name] = true
		return p
	}
	return []field{
		{"base", func(n *yaml.Node, at string) { put(&l.Base)(d.absolute(n, at, "base: /srv/hooks")) }},
		{"roots", func(n *yaml.Node, at string) { put(&l.Roots)(d.roots(n, at)) }},
		{"on-failure", func(n *yaml.Node, at string) { d.onFailure(&l.OnFailure, n, at) }},
		{"order", func(n *yaml.Node, at string) { d.order(&l.Order, n, at) }},
		{"names", func(n *yaml.Node, at string) { put(&l.Names)(d.expression(n, at)) }},
		duration("timeout", "1h", &l.Timeout),
		duration("phase-timeout", "20m", &l.PhaseTimeout),
		duration("hook-timeout", "5m", &l.HookTimeout),
		{"list", func(n *yaml.Node, at string) { put(&l.List)(d.choice(n, at, "listed", "pinned")) }},
		{"phases", func(n *yaml.Node, at string) {
			d.list(n, at, "phases: [prepare, apply]", func(n *yaml.Node, at string) {
				l.Phases = append(l.Phases, phase(n, at, inPlace))
			})
		}},
		{"failure", func(n *yaml.Node, at string) {
			p := phase(n, at, beside)
			l.Failure = &p
		}},
		{"success", func(n *yaml.Node, at string) {
			p := phase(n, at, beside)
			l.Success = &p
		}},
		{"always", func(n *yaml.Node, at string) {
			d.list(n, at, "always: [cleanup]", func(n *yaml.Node, at string) {
				l.Always = append(l.Always, phase(n, at, besideNamed))
			})
		}},
		{"parallel", func(n *yaml.Node, at string) { put(&l.Parallel)(d.choice(n, at, "same-number", "off")) }},
		{"siblings", func(n *yaml.Node, at string) { d.siblings(&l.Siblings, n, at) }},
		{"leak", func(n *yaml.Node, at string) { d.leak(&l.Leak, n, at) }},
		{"reboot-exit", func(n *yaml.Node, at string) { d.rebootExits(l, n, at) }},
		{"hooks", func(n *yaml.Node, at string) { d.hookRules(l, n, at) }},
		{"environment-dir", func(n *yaml.Node, at string) {
			put(&l.EnvironmentDir)(d.treeDir(n, at, "environment-dir: environment.d"))
		}},
		{"executor", func(n *yaml.Node, at string) { put(&l.Executor)(d.choice(n, at, executors()...)) }},
		{"shell", func(n *yaml.Node, at string) { put(&l.Shell)(d.choice(n, at, "bash", "posix")) }},
		{"options", func(n *yaml.Node, at string) { put(&l.Options)(d.options(n, at)) }},
		{"provenance", func(n *yaml.Node, at string) { putNew(&l.Provenance)(d.boolean(n, at)) }},
		{"resume", func(n *yaml.Node, at string) { put(&l.Resume)(d.choice(n, at, "on", "off", "keep")) }},
		{"local-conf", func(n *yaml.Node, at string) { put(&l.LocalConf)(d.topFile(n, at, "local-conf: local.conf")) }},
		{"plugin-dir", func(n *yaml.Node, at string) {
			put(&l.PluginDir)(d.absolute(n, at, "plugin-dir: /opt/stack"))
		}},
		{"plugin-order", func(n *yaml.Node, at string) { put(&l.PluginOrder)(d.choice(n, at, "listed", "required")) }},
	}
}

// phaseKind says which keys a phase has.
type phaseKind int

const (
	inPlace     phaseKind = iota // all of them
	beside                       // the failure or the success phase: it is executed, goes on after failures, and has a name of its own
	besideNamed                  // the same, but there may be several
)

// phase reads a phase: a mapping, or its name alone.
func (d *decoder) phase(n *yaml.Node, at string, kind phaseKind) Phase {
	var p Phase
	n = d.resolve(n)
	if n == nil {
		return p
	}
	d.lines[at] = n.Line
	const example = "{name: apply, dir: apply.d}"
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		v, n, ok := d.text(n, at, "a phase", example)
		if why := badName(v); ok && why != "" {
			d.errorf(n, "%s: %s", at, why)
		}
		return Phase{Name: v}
	}
	if n.Kind != yaml.MappingNode {
		d.errorf(n, "%s: expected a phase such as `%s` or its name, not %s", at, example, describe(n))
		return p
	}
	known := d.phaseFields(&p)
	if kind != inPlace {
		known = d.failureFields(&p)
	}
	d.fields(n, at, example, known)
	if _, given := d.lines[at+".name"]; !given && kind != beside {
		d.errorf(n, "%s: has no name; expected such as `name: apply`", at)
	}
	return p
}

// phaseFields is the table of the keys of a phase.
func (d *decoder) phaseFields(p *Phase) []field {
	return append(d.failureFields(p),
		field{"on-failure", func(n *yaml.Node, at string) { d.onFailure(&p.OnFailure, n, at) }},
		field{"executor", func(n *yaml.Node, at string) { put(&p.Executor)(d.choice(n, at, executors()...)) }},
		field{"files", func(n *yaml.Node, at string) { put(&p.Files)(d.files(n, at)) }},
		field{"args", func(n *yaml.Node, at string) { put(&p.Args)(d.args(n, at)) }},
		field{"scope", func(n *yaml.Node, at string) {
			if v, ok := d.choice(n, at, string(phased.ScopeFunction), string(phased.ScopeTop)); ok {
				p.Scope = phased.Scope(v)
			}
		}},
		field{"glob", func(n *yaml.Node, at string) { put(&p.Glob)(d.glob(n, at)) }},
		field{"calls", func(n *yaml.Node, at string) {
			put(&p.Calls)(first2(d.text(n, at, "the name of a lifecycle", "calls: unstack")))
		}},
		field{"plugins", func(n *yaml.Node, at string) {
			put(&p.Plugins)(d.choice(n, at, "settings", "override-defaults", "plugin.sh"))
		}})
}

// failureFields is the table of the keys of a phase that runs beside the others:
// for a failure, a success, or always. It goes on after a failure of its own.
func (d *decoder) failureFields(p *Phase) []field {
	return []field{
		{"name", func(n *yaml.Node, at string) {
			v, n, ok := d.text(n, at, "a name", "name: apply")
			if why := badName(v); ok && why != "" {
				d.errorf(n, "%s: %s", at, why)
			}
			p.Name = v
		}},
		{"dir", func(n *yaml.Node, at string) { put(&p.Dir)(d.phaseDir(n, at)) }},
		{"order", func(n *yaml.Node, at string) { d.order(&p.Order, n, at) }},
		{"names", func(n *yaml.Node, at string) { put(&p.Names)(d.expression(n, at)) }},
		{"timeout", func(n *yaml.Node, at string) { putNew(&p.Timeout)(d.duration(n, at, "20m")) }},
		{"hook-timeout", func(n *yaml.Node, at string) { putNew(&p.HookTimeout)(d.duration(n, at, "5m")) }},
		{"optional", func(n *yaml.Node, at string) { putNew(&p.Optional)(d.boolean(n, at)) }},
		{"leak", func(n *yaml.Node, at string) { d.leak(&p.Leak, n, at) }},
		{"parallel", func(n *yaml.Node, at string) { put(&p.Parallel)(d.choice(n, at, "same-number", "off")) }},
		{"siblings", func(n *yaml.Node, at string) { d.siblings(&p.Siblings, n, at) }},
	}
}

func (d *decoder) onFailure(dst *phased.OnFailure, n *yaml.Node, at string) {
	if v, ok := d.choice(n, at, policies()...); ok {
		*dst = phased.OnFailure(v)
	}
}

// siblings reads what hooks do that run beside one that fails.
func (d *decoder) siblings(dst *phased.Siblings, n *yaml.Node, at string) {
	if v, ok := d.choice(n, at, string(phased.SiblingsFinish), string(phased.SiblingsStop)); ok {
		*dst = phased.Siblings(v)
	}
}

// jobs reads how many hooks may run at once.
func (d *decoder) jobs(n *yaml.Node, at string) (int, bool) {
	v, ok := d.count(n, at, "4")
	if ok && v > MaxJobs {
		d.errorf(n, "%s: expected a number from 0 (one for each processor) to %d, not %d", at, MaxJobs, v)
		return 0, false
	}
	return v, ok
}

// MaxJobs is how many hooks may run at once, at most.
const MaxJobs = 64

func (d *decoder) order(dst *phased.Order, n *yaml.Node, at string) {
	if v, ok := d.choice(n, at, orders()...); ok {
		*dst = phased.Order(v)
	}
}

// phaseDir reads a directory below the hook trees, or an absolute one.
func (d *decoder) phaseDir(n *yaml.Node, at string) (string, bool) {
	return d.treeDir(n, at, "dir: apply.d")
}

// treeDir reads a directory below the hook trees, or an absolute one.
func (d *decoder) treeDir(n *yaml.Node, at, example string) (string, bool) {
	v, n, ok := d.text(n, at, "a directory", example)
	if !ok {
		return "", false
	}
	dir := filepath.Clean(v)
	if v == "" || dir == "." || dir == ".." || strings.HasPrefix(dir, "../") {
		d.errorf(n, "%s: expected a directory below the hook trees such as `%s`, or an absolute one, not %s", at, example, describe(n))
		return "", false
	}
	return dir, true
}
