package carry

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"phased/internal/phased"
)

// Handed is what one hook hands on.
type Handed struct {
	Phase string        `json:"phase"`
	Hook  phased.Text   `json:"hook"`
	Set   []phased.Text `json:"set,omitempty"`  // NAME=value, each name once
	Path  []phased.Text `json:"path,omitempty"` // directories, as they were written
}

// Empty reports whether that is nothing.
func (h Handed) Empty() bool { return len(h.Set) == 0 && len(h.Path) == 0 }

// handed is what a hook hands on by what was read of its files.
func handed(phase string, hook phased.Text, all []Assignment, dirs []string) Handed {
	h := Handed{Phase: phase, Hook: hook}
	last := make(map[string]int, len(all))
	for i, a := range all {
		last[a.Name] = i
	}
	for i, a := range all {
		if last[a.Name] == i {
			h.Set = append(h.Set, phased.Text(a.text()))
		}
	}
	for _, d := range dirs {
		h.Path = append(h.Path, phased.Text(d))
	}
	return h
}

// Values are what hooks carry at one moment of a run. The zero value is nothing.
type Values struct {
	set  map[string]string
	path []string // put before PATH, the first of them first
}

// pathName is the variable that $PHASED_PATH changes.
const pathName = "PATH"

// add makes what a hook hands on count.
func (v *Values) add(h Handed) {
	for _, a := range h.Set {
		name, value, _ := strings.Cut(string(a), "=")
		if v.set == nil {
			v.set = map[string]string{}
		}
		v.set[name] = value
	}
	if len(h.Path) == 0 {
		return
	}
	var path []string
	known := map[string]bool{}
	take := func(d string) {
		if !known[d] {
			known[d] = true
			path = append(path, d)
		}
	}
	for _, d := range slices.Backward(h.Path) {
		take(string(d))
	}
	for _, d := range v.path {
		take(d)
	}
	v.path = path
}

// clone returns a copy that add does not change.
func (v *Values) clone() Values { return Values{maps.Clone(v.set), slices.Clone(v.path)} }

// lookup returns the value that a hook finds in its environment, given those that
// it has where nothing is carried.
func (v *Values) lookup(name string, base []phased.Text) (string, bool) {
	value, found := v.set[name]
	if !found {
		value, found = baseValue(name, base)
	}
	if name != pathName || len(v.path) == 0 {
		return value, found
	}
	dirs, ours := slices.Clone(v.path), make(map[string]bool, len(v.path))
	for _, d := range v.path {
		ours[d] = true
	}
	if value != "" {
		for d := range strings.SplitSeq(value, ":") {
			if !ours[d] {
				dirs = append(dirs, d)
			}
		}
	}
	return strings.Join(dirs, ":"), true
}

func baseValue(name string, base []phased.Text) (string, bool) {
	for _, e := range slices.Backward(base) {
		if rest, ok := strings.CutPrefix(string(e), name); ok && strings.HasPrefix(rest, "=") {
			return rest[1:], true
		}
	}
	return "", false
}

// names returns the variables that are carried, sorted.
func (v *Values) names() []string {
	names := slices.Collect(maps.Keys(v.set))
	if _, set := v.set[pathName]; len(v.path) > 0 && !set {
		names = append(names, pathName)
	}
	slices.Sort(names)
	return names
}

// Env returns what is carried as entries of an environment, by name; base is the
// environment that they are added to.
func (v *Values) Env(base []phased.Text) []phased.Text {
	if len(v.set) == 0 && len(v.path) == 0 {
		return nil
	}
	var env []phased.Text
	for _, name := range v.names() {
		value, _ := v.lookup(name, base)
		env = append(env, phased.Text(name+"="+value))
	}
	return env
}

// size is what the kernel counts for the entries: with the NUL behind each and
// the pointer to it.
func size(env []phased.Text) int {
	n := 0
	for _, e := range env {
		n += entrySize(len(e))
	}
	return n
}

func entrySize(length int) int { return length + 1 + 8 }

// Redactor takes secrets out of what is told.
type Redactor interface {
	Secret(name string) bool
	Clean(text string) string
}

// shownValue is the number of bytes from which on a value is cut where it is told.
const shownValue = 64 << 10

// Changes tells what of an environment became another one: of the names that
// either has. Secrets are not in it.
func Changes(was, is []phased.Text, r Redactor) []phased.Change {
	before, after := mapOf(was), mapOf(is)
	var changes []phased.Change
	for name, value := range after {
		old, had := before[name]
		switch {
		case !had:
			changes = append(changes, change(name, phased.WhatSet, nil, told(name, value, r)))
		case old != value:
			changes = append(changes, change(name, phased.WhatChanged, told(name, old, r), told(name, value, r)))
		}
	}
	for name, old := range before {
		if _, has := after[name]; !has {
			changes = append(changes, change(name, phased.WhatRemoved, told(name, old, r), nil))
		}
	}
	slices.SortFunc(changes, func(a, b phased.Change) int { return cmp.Compare(a.Name, b.Name) })
	return changes
}

func mapOf(env []phased.Text) map[string]string {
	m := make(map[string]string, len(env))
	for _, e := range env {
		name, value, _ := strings.Cut(string(e), "=")
		m[name] = value
	}
	return m
}

func change(name, what string, was, is *phased.Value) phased.Change {
	return phased.Change{Kind: phased.ChangeEnvironment, Name: phased.Text(name), What: what, Was: was, Is: is}
}

// told is a value as it may be told.
func told(name, value string, r Redactor) *phased.Value {
	if r.Secret(name) {
		return &phased.Value{Secret: true}
	}
	text := r.Clean(value)
	if len(text) <= shownValue {
		return &phased.Value{Text: phased.Text(text)}
	}
	return &phased.Value{Text: phased.Text(text[:shownValue]), Size: len(text)}
}
