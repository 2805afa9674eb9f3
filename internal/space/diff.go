package space

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"phased/internal/phased"
)

// Diff tells what changed from one space to another, by kind and name. Values
// of secrets, and of what r cleans away, are not in it; values are cut at 64 KiB.
// Variables that bash sets itself are left out, and what a frame hides is taken
// to be unchanged.
func Diff(was, is *Space, r Redactor) []phased.Change {
	d := differ{was: was, is: is, r: r}
	d.learn()
	d.variables(was.Variables, is.Variables, false)
	d.variables(was.Locals, is.Locals, true)
	d.functions()
	d.words(phased.ChangeAlias, was.Aliases, is.Aliases)
	d.traps()
	d.switches(phased.ChangeOption, was.Options, is.Options)
	d.switches(phased.ChangeShopt, was.Shopts, is.Shopts)
	d.one(phased.ChangeDirectory, was.Dir, is.Dir)
	d.one(phased.ChangeUmask, was.Umask, is.Umask)
	slices.SortFunc(d.changes, func(a, b phased.Change) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), btoi(a.Local)-btoi(b.Local))
	})
	return d.changes
}

// Initial tells everything that is in a space as set.
func Initial(is *Space, r Redactor) []phased.Change {
	return Diff(&Space{Frame: is.Frame, TrapsKnown: is.TrapsKnown}, is, r)
}

type differ struct {
	was, is *Space
	r       Redactor
	changes []phased.Change
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// change appends one; a nil value is one that is not there.
func (d *differ) change(kind phased.ChangeKind, name string, was, is *phased.Value, local bool) {
	what := phased.WhatChanged
	switch {
	case was == nil:
		what = phased.WhatSet
	case is == nil:
		what = phased.WhatRemoved
	}
	d.changes = append(d.changes, phased.Change{Kind: kind, Name: phased.Text(name), What: what, Was: was, Is: is, Local: local})
}

func (d *differ) variables(was, is map[string]Variable, local bool) {
	for name, v := range is {
		old, had := was[name]
		if had && old == v || d.untold(name, local) || !had && !local && d.hidden(d.was, name) {
			continue
		}
		var before *phased.Value
		if had {
			before = d.variable(name, old)
		}
		d.change(phased.ChangeVariable, name, before, d.variable(name, v), local)
	}
	for name, v := range was {
		if _, has := is[name]; !has && !d.untold(name, local) && (local || !d.hidden(d.is, name)) {
			d.change(phased.ChangeVariable, name, d.variable(name, v), nil, local)
		}
	}
}

// hidden reports whether a local variable may hide the global one.
func (*differ) hidden(s *Space, name string) bool {
	_, ok := s.Locals[name]
	return ok
}

// untold reports whether a change of the variable says nothing about a hook:
// bash owns it, it follows from the directory, or it is one of those that the
// session's own frame and loop have.
func (d *differ) untold(name string, local bool) bool {
	switch {
	case local:
		return (name == "mode" || name == "phase") && d.was.Frame != d.is.Frame
	case name == "i":
		return d.loop()
	}
	return owned(name) || derived(name)
}

// loop reports whether i is what the loop over the hooks has set it to.
func (d *differ) loop() bool {
	v, ok := d.is.Variables["i"]
	text, err := Decode(v.Raw)
	hook := string(d.is.Hook)
	return ok && err == nil && hook != "" && v.Attributes == "" && (text == hook || strings.HasSuffix(text, "/"+hook))
}

func (d *differ) functions() {
	if d.was.functions == d.is.functions && d.was.functions != "" {
		return
	}
	for name, f := range d.is.Functions {
		old, had := d.was.Functions[name]
		switch {
		case !had:
			d.change(phased.ChangeFunction, name, nil, functionValue(f), false)
		case old != f:
			d.change(phased.ChangeFunction, name, functionValue(old), functionValue(f), false)
		}
	}
	for name, f := range d.was.Functions {
		if _, has := d.is.Functions[name]; !has {
			d.change(phased.ChangeFunction, name, functionValue(f), nil, false)
		}
	}
}

func (d *differ) words(kind phased.ChangeKind, was, is map[string]string) {
	for _, name := range union(was, is) {
		old, had := was[name]
		text, has := is[name]
		if had == has && old == text {
			continue
		}
		var before, after *phased.Value
		if had {
			before = d.text(name, old)
		}
		if has {
			after = d.text(name, text)
		}
		d.change(kind, name, before, after, false)
	}
}

// traps leaves those out that one of the two cannot see.
func (d *differ) traps() {
	was, is := d.was.Traps, d.is.Traps
	if d.was.Frame != d.is.Frame || !d.was.TrapsKnown || !d.is.TrapsKnown {
		was, is = maps.Clone(was), maps.Clone(is)
		for _, n := range framed() {
			if _, set := is[n]; !set || !d.is.TrapsKnown || same(was, is, n) || same(d.is.Outer, is, n) {
				delete(was, n)
				delete(is, n)
			}
		}
	}
	d.words(phased.ChangeTrap, was, is)
}

func (d *differ) switches(kind phased.ChangeKind, was, is map[string]bool) {
	for _, name := range union(was, is) {
		old, had := was[name]
		on, has := is[name]
		if had == has && old == on {
			continue
		}
		var before, after *phased.Value
		if had {
			before = onOff(old)
		}
		if has {
			after = onOff(on)
		}
		d.change(kind, name, before, after, false)
	}
}

// one compares a thing of which there is one only.
func (d *differ) one(kind phased.ChangeKind, was, is string) {
	if was == is {
		return
	}
	var before, after *phased.Value
	if was != "" {
		before = d.text("", was)
	}
	if is != "" {
		after = d.text("", is)
	}
	d.change(kind, "", before, after, false)
}

func union[V any](a, b map[string]V) []string {
	names := make([]string, 0, len(a)+len(b))
	names = slices.AppendSeq(names, maps.Keys(a))
	names = slices.AppendSeq(names, maps.Keys(b))
	slices.Sort(names)
	return slices.Compact(names)
}
