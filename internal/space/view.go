package space

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"phased/internal/phased"
)

// View is a variable space as the events of a run tell it: `phased env`.
type View struct {
	entries map[key]Entry
}

type key struct {
	kind  phased.ChangeKind
	name  phased.Text
	local bool
}

// Entry is one thing that is in the space.
type Entry struct {
	Kind  phased.ChangeKind
	Name  phased.Text
	Local bool // a local variable of the phase
	Value *phased.Value
	Phase string      // where it got its value; "": at the start of the session
	Hook  phased.Text // hook that gave it; "": none
}

// Fold makes the view that stands after the changes.
func Fold(changes iter.Seq[phased.SpaceChanged]) *View {
	v := &View{entries: map[key]Entry{}}
	for s := range changes {
		for _, c := range s.Changes {
			k := key{c.Kind, c.Name, c.Local}
			if c.What == phased.WhatRemoved {
				delete(v.entries, k)
				continue
			}
			v.entries[k] = Entry{Kind: c.Kind, Name: c.Name, Local: c.Local, Value: c.Is, Phase: s.Phase, Hook: s.Hook}
		}
	}
	return v
}

// Entries returns all of it, by kind and name.
func (v *View) Entries() []Entry {
	return slices.SortedFunc(maps.Values(v.entries), func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), btoi(a.Local)-btoi(b.Local))
	})
}

// Step is one change of one thing.
type Step struct {
	Seq    uint64
	Time   time.Time
	Phase  string      // "": the start of the session
	Hook   phased.Text // "": no hook, but the phase's beginning or end
	Change phased.Change
}

// Blame returns what happened to the things of that name, of every kind, in
// the order of the events. The directory and the umask, which have no name, go
// by directory and umask.
func Blame(events iter.Seq2[phased.Event, error], name string) ([]Step, error) {
	var steps []Step
	for e, err := range events {
		if err != nil {
			return steps, err
		}
		s, ok := e.Data.(phased.SpaceChanged)
		if !ok {
			continue
		}
		for _, c := range s.Changes {
			if string(c.Name) == name || c.Name == "" && string(c.Kind) == name {
				steps = append(steps, Step{Seq: e.Seq, Time: e.Time, Phase: s.Phase, Hook: s.Hook, Change: c})
			}
		}
	}
	return steps, nil
}
