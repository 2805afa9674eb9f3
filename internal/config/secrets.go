package config

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"phased/internal/redact"
)

// secrets reads what is secret: a mapping, or a list, which is one of names.
func (d *decoder) secrets(s *Secrets, n *yaml.Node, at string) {
	if r := d.resolve(n); r != nil && r.Kind == yaml.MappingNode {
		d.fields(n, at, "secrets: {names: ['*_PIN']}", d.secretFields(s))
		return
	}
	put(&s.Names)(d.secretNames(n, at, "secrets: ['*_PIN']"))
}

func (d *decoder) secretFields(s *Secrets) []field {
	return []field{
		{"names", func(n *yaml.Node, at string) { put(&s.Names)(d.secretNames(n, at, "names: ['*_PIN']")) }},
		{"files", func(n *yaml.Node, at string) { put(&s.Files)(d.secretFiles(n, at)) }},
		{"patterns", func(n *yaml.Node, at string) { put(&s.Patterns)(d.secretPatterns(n, at)) }},
	}
}

// listOf reads a list, which may be empty.
func (d *decoder) listOf(n *yaml.Node, at, example string, read func(n *yaml.Node, at string) (string, bool)) ([]string, bool) {
	all, before := []string{}, len(d.errs)
	if n = d.resolve(n); n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return all, true
	}
	d.list(n, at, example, func(n *yaml.Node, at string) {
		v, ok := read(n, at)
		if ok && slices.Contains(all, v) {
			d.errorf(n, "%s: %s is named twice", at, v)
		}
		all = append(all, v)
	})
	return all, len(d.errs) == before
}

// secretNames reads patterns of names, as *PASSWORD*.
func (d *decoder) secretNames(n *yaml.Node, at, example string) ([]string, bool) {
	return d.listOf(n, at, example, func(n *yaml.Node, at string) (string, bool) {
		v, n, ok := d.text(n, at, "a pattern of names", example)
		if !ok {
			return "", false
		}
		if strings.Trim(v, "*?") == "" {
			d.errorf(n, "%s: %s fits every name, or none; expected a pattern such as `%s`", at, describe(n), example)
			return "", false
		}
		for i := range len(v) {
			c := v[i]
			if c != '_' && c != '*' && c != '?' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
				d.errorf(n, "%s: expected letters, digits, _, * and ?, not %s", at, describe(n))
				return "", false
			}
		}
		return v, true
	})
}

// secretFiles reads paths of files whose content is secret.
func (d *decoder) secretFiles(n *yaml.Node, at string) ([]string, bool) {
	const example = "files: [/etc/app/key]"
	return d.listOf(n, at, example, func(n *yaml.Node, at string) (string, bool) { return d.absolute(n, at, example) })
}

// secretPatterns reads expressions of texts that are secret.
func (d *decoder) secretPatterns(n *yaml.Node, at string) ([]string, bool) {
	const example = "patterns: ['AKIA[0-9A-Z]{16}']"
	return d.listOf(n, at, example, func(n *yaml.Node, at string) (string, bool) {
		v, n, ok := d.text(n, at, "an RE2 expression", example)
		if !ok {
			return "", false
		}
		if _, err := redact.ParsePattern(v); err != nil {
			d.errorf(n, "%s: expected an RE2 expression such as `%s`: %v", at, example, err)
			return "", false
		}
		return v, true
	})
}
