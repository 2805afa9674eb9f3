package config

import (
	"path"
	"strings"

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

// hookFields is the table of the keys of a hook: those of headers.
func (d *decoder) hookFields(r *HookRule) []field {
	all := HookOptions()
	fields := make([]field, len(all))
	for i, h := range all {
		fields[i] = field{h.Key, func(n *yaml.Node, at string) {
			if d.hookOption(h, &r.HookOptions, n, at) {
				r.Given = append(r.Given, h.Key)
			}
		}}
	}
	return fields
}

// hookOption reads the value of an option, or the list of its values.
func (d *decoder) hookOption(h HookOption, o *phased.HookOptions, n *yaml.Node, at string) bool {
	before := len(d.errs)
	one := func(n *yaml.Node, at string, split bool) {
		v, n, ok := d.scalar(n, at, "a value", h.Key+": "+h.Example)
		if !ok {
			return
		}
		values := []string{v}
		if split {
			values = strings.Split(v, ",")
		}
		for _, v := range values {
			if fault := h.Set(o, v); fault != "" {
				d.errorf(n, "%s: %s", at, fault)
			}
		}
	}
	r := d.resolve(n)
	switch {
	case r != nil && r.Kind == yaml.SequenceNode && h.List && len(r.Content) == 0:
		// None: what the header says does not count.
	case r != nil && r.Kind == yaml.SequenceNode && h.List:
		d.list(n, at, h.Key+": ["+h.Example+"]", func(n *yaml.Node, at string) { one(n, at, false) })
	default:
		one(n, at, h.List)
	}
	return len(d.errs) == before
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
