package config

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// What is looked at is bounded: values, with aliases followed, and mistakes.
const (
	maxNodes  = 200_000
	maxErrors = 500
)

// decoder reads yaml nodes into values and collects every mistake.
type decoder struct {
	file  string
	errs  Errors
	lines map[string]int
	keys  map[string]*yaml.Node // where each known key stands
	nodes int
}

// field is one key of a mapping: how its value is read. at is the whole key.
type field struct {
	key  string
	read func(n *yaml.Node, at string)
}

func (d *decoder) errorAt(line, column int, format string, args ...any) {
	if len(d.errs) == maxErrors {
		format, args = "more than %d mistakes; the rest is not told", []any{maxErrors}
	}
	if len(d.errs) > maxErrors {
		return
	}
	d.errs = append(d.errs, &Error{File: d.file, Line: max(line, 1), Column: max(column, 1), Message: fmt.Sprintf(format, args...)})
}

func (d *decoder) errorf(n *yaml.Node, format string, args ...any) {
	d.errorAt(n.Line, n.Column, format, args...)
}

// resolve follows an alias; nil, once told, where the file is too large.
func (d *decoder) resolve(n *yaml.Node) *yaml.Node {
	d.nodes++
	if d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.errorf(n, "more than %d values, with aliases followed; this is no settings file", maxNodes)
		}
		return nil
	}
	if len(d.errs) > maxErrors {
		return nil
	}
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// pairs calls f for each key of a mapping and tells keys that are no plain text
// or given twice. A mapping without a value is empty.
func (d *decoder) pairs(n *yaml.Node, at, example string, f func(key *yaml.Node, value *yaml.Node)) {
	if n = d.resolve(n); n == nil || isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		where := at
		if where == "" {
			where = "the file"
		}
		d.errorf(n, "%s: expected a mapping such as `%s`, not %s", where, example, describe(n))
		return
	}
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := d.resolve(n.Content[i])
		if key == nil {
			return
		}
		if key.ShortTag() == "!!merge" {
			d.errorf(key, "merge keys (<<) are not known here; write the keys out")
			continue
		}
		if key.Kind != yaml.ScalarNode || isNull(key) {
			d.errorf(key, "expected a key such as `%s`, not %s", example, describe(key))
			continue
		}
		if first, twice := seen[key.Value]; twice {
			d.errorf(key, "%s is given twice; the first is in line %d", join(at, key.Value), first)
			continue
		}
		seen[key.Value] = key.Line
		f(key, n.Content[i+1])
	}
}

// fields reads a mapping whose keys are known.
func (d *decoder) fields(n *yaml.Node, at, example string, known []field) {
	d.pairs(n, at, example, func(key, value *yaml.Node) {
		for _, f := range known {
			if f.key == key.Value {
				whole := join(at, key.Value)
				d.lines[whole] = value.Line
				d.keys[whole] = key
				f.read(value, whole)
				return
			}
		}
		names := make([]string, len(known))
		for i, f := range known {
			names[i] = f.key
		}
		hint := didYouMean(key.Value, names)
		if hint == "" {
			hint = "; known are " + strings.Join(names, ", ")
		}
		d.errorf(key, "unknown key %q%s", join(at, key.Value), hint)
	})
}

// list calls f for each value of a list.
func (d *decoder) list(n *yaml.Node, at, example string, f func(n *yaml.Node, at string)) {
	if n = d.resolve(n); n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.errorf(n, "%s: expected a list such as `%s`, not %s", at, example, describe(n))
		return
	}
	if len(n.Content) == 0 {
		d.errorf(n, "%s: the list is empty; expected one such as `%s`", at, example)
	}
	for i, c := range n.Content {
		f(c, at+"."+strconv.Itoa(i))
	}
}

// scalar returns the text of a value as it is written. what and example say
// what was expected.
func (d *decoder) scalar(n *yaml.Node, at, what, example string) (string, *yaml.Node, bool) {
	if n = d.resolve(n); n == nil {
		return "", nil, false
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.errorf(n, "%s: expected %s such as `%s`, not %s", at, what, example, describe(n))
		return "", n, false
	}
	if strings.ContainsRune(n.Value, 0) {
		d.errorf(n, "%s: holds a NUL character", at)
		return "", n, false
	}
	return n.Value, n, true
}

// text returns a value that must be text: quoted, or nothing else in YAML.
func (d *decoder) text(n *yaml.Node, at, what, example string) (string, *yaml.Node, bool) {
	v, n, ok := d.scalar(n, at, what, example)
	if ok && n.ShortTag() != "!!str" {
		d.errorf(n, "%s: expected %s such as `%s`, not %s", at, what, example, describe(n))
		return "", n, false
	}
	return v, n, ok
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// describe says what a value is, for "expected ..., not THIS".
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
	default:
		return "this"
	}
	v := n.Value
	if r := []rune(v); len(r) > 40 {
		v = string(r[:40]) + "..."
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!str":
		return fmt.Sprintf("the text %q", v)
	case "!!int", "!!float":
		return "the number " + v
	case "!!bool":
		return v
	case "!!timestamp":
		return "the date " + v
	}
	return fmt.Sprintf("%q of the type %s", v, n.ShortTag())
}
