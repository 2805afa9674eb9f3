package config

import (
	"path"

	"go.yaml.in/yaml/v4"

	"phased/internal/phased"
)

// leak reads what becomes of processes that a hook leaves behind.
func (d *decoder) leak(dst *phased.LeakPolicy, n *yaml.Node, at string) {
	if v, ok := d.choice(n, at, string(phased.LeakKeep), string(phased.LeakKill), string(phased.LeakFail)); ok {
		*dst = phased.LeakPolicy(v)
	}
}

// hookRules reads the options of single hooks: a pattern of their names, then
// the options.
func (d *decoder) hookRules(l *Lifecycle, n *yaml.Node, at string) {
	const example = "hooks: {'20-*': {leak: kill}}"
	d.pairs(n, at, example, func(key, value *yaml.Node) {
		r := HookRule{Pattern: key.Value}
		if _, err := path.Match(r.Pattern, ""); err != nil || r.Pattern == "" {
			d.errorf(key, "%s: %q is no pattern of names of hooks; expected such as `%s`", at, key.Value, example)
		}
		d.fields(value, join(at, key.Value), "{leak: kill}", d.hookFields(&r))
		l.Hooks = append(l.Hooks, r)
	})
}

// hookFields is the table of the keys of a hook.
func (d *decoder) hookFields(r *HookRule) []field {
	return []field{
		{"frequency", func(n *yaml.Node, at string) {
			if v, ok := d.choice(n, at, string(phased.Always), string(phased.Once), string(phased.OncePerBoot), string(phased.OncePerContent)); ok {
				r.Frequency = phased.Frequency(v)
			}
		}},
		{"leak", func(n *yaml.Node, at string) { d.leak(&r.Leak, n, at) }},
	}
}

// rebootExits reads the exit statuses by which hooks ask for a reboot.
func (d *decoder) rebootExits(l *Lifecycle, n *yaml.Node, at string) {
	status := func(when phased.RebootWhen, same bool) func(*yaml.Node, string) {
		return func(n *yaml.Node, at string) {
			v, ok := d.count(n, at, "103")
			if !ok {
				return
			}
			if v < 1 || v > 125 {
				d.errorf(n, "%s: expected an exit status from 1 to 125, not %d", at, v)
				return
			}
			for _, other := range l.RebootExits {
				if other.Status == v {
					d.errorf(n, "%s: the exit status %d has a meaning already", at, v)
				}
			}
			l.RebootExits = append(l.RebootExits, phased.RebootExit{Status: v, When: when, Same: same})
		}
	}
	d.fields(n, at, "reboot-exit: {now: 103}", []field{
		{"now", status(phased.RebootNow, false)},
		{"now-same", status(phased.RebootNow, true)},
		{"after-phase", status(phased.RebootAfterPhase, false)},
		{"after-run", status(phased.RebootAfterRun, false)},
	})
}

// words reads a command line: a program by its absolute path or by its name, and
// its arguments. No shell reads it.
func (d *decoder) words(n *yaml.Node, at, example string) ([]string, bool) {
	words := []string{}
	before := len(d.errs)
	if n = d.resolve(n); n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return words, true
	}
	d.list(n, at, example, func(n *yaml.Node, at string) {
		v, n, ok := d.scalar(n, at, "a word", example)
		if ok && v == "" && len(words) == 0 {
			d.errorf(n, "%s: the name of the program is empty; expected such as `%s`", at, example)
		}
		words = append(words, v)
	})
	return words, len(d.errs) == before
}
