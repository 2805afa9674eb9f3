package config

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"phased/internal/phased"
)

// put reads a value by one of the decoder's methods and stores it where it was
// right.
func put[T any](dst *T) func(T, bool) {
	return func(v T, ok bool) {
		if ok {
			*dst = v
		}
	}
}

// putNew is put for a field that is nil where the file does not name it.
func putNew[T any](dst **T) func(T, bool) {
	return func(v T, ok bool) {
		if ok {
			*dst = &v
		}
	}
}

func (d *decoder) settings(s *Settings, n *yaml.Node) {
	d.fields(n, "", "grace: 10s", d.topFields(s))
}

// topFields is the table of the keys of the file.
func (d *decoder) topFields(s *Settings) []field {
	duration := func(k, example string, dst *time.Duration) field {
		return field{k, func(n *yaml.Node, at string) { put(dst)(d.duration(n, at, example)) }}
	}
	choice := func(k string, dst *string, known ...string) field {
		return field{k, func(n *yaml.Node, at string) { put(dst)(d.choice(n, at, known...)) }}
	}
	return []field{
		{"roots", func(n *yaml.Node, at string) { put(&s.Roots)(d.roots(n, at)) }},
		{"state-dir", func(n *yaml.Node, at string) {
			put(&s.StateDir)(d.absolute(n, at, "state-dir: /var/lib/phased"))
		}},
		choice("durability", &s.Durability, "run", "phase", "hook"),
		{"environment", func(n *yaml.Node, at string) { d.environment(s, n, at) }},
		choice("stdin", &s.Stdin, "null", "inherit"),
		choice("terminal", &s.Terminal, "auto", "plain"),
		{"directory", func(n *yaml.Node, at string) { put(&s.Dir)(d.absolute(n, at, "directory: /")) }},
		{"umask", func(n *yaml.Node, at string) { put(&s.Umask)(d.octal(n, at)) }},
		duration("grace", "10s", &s.Grace),
		duration("timeout", "1h", &s.Timeout),
		duration("phase-timeout", "20m", &s.PhaseTimeout),
		duration("hook-timeout", "5m", &s.HookTimeout),
		duration("failure-timeout", "5m", &s.FailureTimeout),
		choice("orphans", &s.Orphans, "refuse", "wait", "kill"),
		choice("containment", &s.Containment, "auto", phased.ContainCgroup, phased.ContainReaper, phased.ContainOff),
		choice("trust", &s.Trust, "auto", "refuse", "warn", "off"),
		{"output-limit", func(n *yaml.Node, at string) { put(&s.OutputLimit)(d.outputLimit(n, at)) }},
		{"retention", func(n *yaml.Node, at string) {
			d.fields(n, at, "retention: {runs: 200, age: 90d, size: 1GiB}", d.retentionFields(&s.Retention))
		}},
		{"personalities", func(n *yaml.Node, at string) {
			d.fields(n, at, "personalities: {capture: inherit}", d.personalityFields(&s.Personalities))
		}},
		{"secrets", func(n *yaml.Node, at string) { d.secrets(&s.Secrets, n, at) }},
		{"carry", func(n *yaml.Node, at string) {
			d.fields(n, at, "carry: {allow: [LD_LIBRARY_PATH]}", d.carryFields(s))
		}},
		duration("private-ttl", "7d", &s.PrivateTTL),
		{"reboot-command", func(n *yaml.Node, at string) {
			put(&s.RebootCommand)(d.words(n, at, "reboot-command: [systemctl, reboot]"))
		}},
		{"jobs", func(n *yaml.Node, at string) { put(&s.Jobs)(d.jobs(n, at)) }},
		{"reboot-limit", func(n *yaml.Node, at string) { put(&s.RebootLimit)(d.count(n, at, "3")) }},
		{"lifecycles", func(n *yaml.Node, at string) { d.lifecycles(s, n, at) }},
	}
}

func (d *decoder) retentionFields(r *Retention) []field {
	return []field{
		{"runs", func(n *yaml.Node, at string) { put(&r.Runs)(d.count(n, at, "200")) }},
		{"age", func(n *yaml.Node, at string) { put(&r.Age)(d.duration(n, at, "90d")) }},
		{"size", func(n *yaml.Node, at string) { put(&r.Size)(d.size(n, at, "1GiB")) }},
	}
}

func (d *decoder) personalityFields(p *Personalities) []field {
	return []field{
		{"capture", func(n *yaml.Node, at string) { put(&p.Capture)(d.choice(n, at, "inherit", "tee")) }},
		{"journal", func(n *yaml.Node, at string) { put(&p.Journal)(d.boolean(n, at)) }},
		{"trust", func(n *yaml.Node, at string) { put(&p.Trust)(d.choice(n, at, "off", "warn")) }},
	}
}

func (d *decoder) roots(n *yaml.Node, at string) ([]string, bool) {
	const example = "roots: [/usr/lib/phased, /etc/phased]"
	var roots []string
	seen := map[string]bool{}
	before := len(d.errs)
	d.list(n, at, example, func(n *yaml.Node, at string) {
		root, ok := d.absolute(n, at, example)
		if !ok {
			return
		}
		if seen[root] {
			d.errorf(n, "%s: %s is named twice", at, root)
		}
		seen[root] = true
		roots = append(roots, root)
	})
	return roots, len(d.errs) == before
}

func (d *decoder) environment(s *Settings, n *yaml.Node, at string) {
	d.pairs(n, at, "environment: {HTTP_PROXY: 'http://proxy:3128'}", func(key, value *yaml.Node) {
		name := key.Value
		if why := badVariable(name); why != "" {
			d.errorf(key, "%s: %s", at, why)
		}
		v, _, ok := d.scalar(value, join(at, name), "text", name+": 'text'")
		if !ok {
			return
		}
		if s.Env == nil {
			s.Env = map[string]string{}
		}
		s.Env[name] = v
		d.lines[join(at, name)] = value.Line
	})
}

// badVariable says why a name cannot be given to hooks as a variable, or "".
func badVariable(name string) string {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return fmt.Sprintf("%q is no name of a variable; expected letters, digits and _, such as HTTP_PROXY", name)
		}
	}
	if name == "" {
		return `"" is no name of a variable; expected letters, digits and _, such as HTTP_PROXY`
	}
	if strings.HasPrefix(name, "PHASED_") {
		return fmt.Sprintf("%s is set by phased itself; choose another name", name)
	}
	return ""
}

// CheckVariable returns an error where NAME=value cannot be given to hooks.
func CheckVariable(assignment string) error {
	name, value, found := strings.Cut(assignment, "=")
	if !found {
		return fmt.Errorf("%q: expected NAME=value", assignment)
	}
	if why := badVariable(name); why != "" {
		return fmt.Errorf("%s", why)
	}
	if strings.ContainsRune(value, 0) {
		return fmt.Errorf("%s: holds a NUL character", name)
	}
	return nil
}

// badName says why a lifecycle or a phase cannot be called so, or "". Phase
// names become names of files and variables' values.
func badName(name string) string {
	ok := name != "" && len(name) <= 64
	for i := 0; i < len(name) && ok; i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		ok = alnum || i > 0 && (c == '-' || c == '_')
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("%q is no name; expected up to 64 letters, digits, - and _, such as post-configure", name)
}

func policies() []string {
	return []string{string(phased.Stop), string(phased.FinishPhase), string(phased.Continue), string(phased.Shell)}
}

func orders() []string { return []string{string(phased.Numeric), string(phased.Glob)} }
