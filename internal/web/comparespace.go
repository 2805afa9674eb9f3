package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"phased/internal/phased"
	"phased/internal/report"
)

// spaceRow is one thing of the variable space, or of the environment of executed
// hooks, that two runs have otherwise.
type spaceRow struct {
	Name string
	Kind string
	Was  string
	Is   string
	ByA  string // what set it last
	ByB  string
}

// spaceOf is what the events of a run tell of its variable space.
type spaceOf struct {
	end     map[spaceKey]spaceValue
	byHook  map[hookKey][]phased.Change
	partial bool // there were more changes than are looked at
}

type spaceKey struct {
	kind  phased.ChangeKind
	name  phased.Text
	local bool
}

type spaceValue struct {
	value *phased.Value
	by    string
}

// Bounds of what is looked at, and of what is shown.
const (
	maxChanges  = 200_000
	maxSpace    = 200
	roomOfValue = 120
)

// space reads what a run recorded of its variable space, as far as the run was.
func (s *Server) space(ctx context.Context, r phased.Run) (spaceOf, error) {
	sp := spaceOf{end: map[spaceKey]spaceValue{}, byHook: map[hookKey][]phased.Change{}}
	if r.Seq == 0 {
		return sp, nil
	}
	n := 0
	for e, err := range s.Source.Follow(ctx, r.ID, 0) {
		if err != nil && ctx.Err() == nil {
			sp.partial = true // Run has told why
			break
		}
		if err != nil {
			return sp, fmt.Errorf("cannot read the record of run %s: %w", r.ID, err)
		}
		if d, ok := e.Data.(phased.SpaceChanged); ok {
			if n += len(d.Changes); n > maxChanges {
				sp.partial = true
				break
			}
			sp.add(d)
		}
		if e.Seq >= r.Seq { // a run that goes on would be waited for
			break
		}
	}
	return sp, nil
}

func (sp *spaceOf) add(d phased.SpaceChanged) {
	by := "since the start"
	if d.Phase != "" {
		by = "by " + report.Safe(report.Hook(d.Phase, d.Hook), false)
	}
	if d.Hook != "" {
		k := hookKey{d.Phase, d.Hook}
		sp.byHook[k] = append(sp.byHook[k], d.Changes...)
	}
	for _, c := range d.Changes {
		k := spaceKey{c.Kind, c.Name, c.Local}
		if c.What == phased.WhatRemoved {
			delete(sp.end, k)
			continue
		}
		sp.end[k] = spaceValue{c.Is, by}
	}
}

// compareSpaces tells how the variable spaces differ at the end of two runs: the
// first of what differs, and how much more does.
func compareSpaces(a, b spaceOf) (rows []spaceRow, more int) {
	keys := map[spaceKey]bool{}
	for k := range a.end {
		keys[k] = true
	}
	for k := range b.end {
		keys[k] = true
	}
	for _, k := range sortedKeys(keys) {
		switch x, y := a.end[k], b.end[k]; {
		case sameValue(x.value, y.value):
		case len(rows) == maxSpace:
			more++
		default:
			rows = append(rows, spaceRowOf(k, x.value, y.value, x.by, y.by))
		}
	}
	return rows, more
}

// compareChanges tells how the changes that a hook made differ: the first of them,
// and how many more there are.
func compareChanges(a, b []phased.Change) (rows []spaceRow, more int) {
	x, y, keys := map[spaceKey]phased.Change{}, map[spaceKey]phased.Change{}, map[spaceKey]bool{}
	for _, c := range a {
		k := spaceKey{c.Kind, c.Name, c.Local}
		x[k], keys[k] = c, true
	}
	for _, c := range b {
		k := spaceKey{c.Kind, c.Name, c.Local}
		y[k], keys[k] = c, true
	}
	for _, k := range sortedKeys(keys) {
		switch c, d := x[k], y[k]; {
		case c.What == d.What && sameValue(c.Is, d.Is):
		case len(rows) == maxSpace:
			more++
		default:
			rows = append(rows, spaceRowOf(k, c.Is, d.Is, changeWord(c), changeWord(d)))
		}
	}
	return rows, more
}

func changeWord(c phased.Change) string {
	if c.What == "" {
		return "untouched"
	}
	return report.Safe(c.What, false)
}

func spaceRowOf(k spaceKey, a, b *phased.Value, byA, byB string) spaceRow {
	r := spaceRow{Name: report.SpaceName(k.kind, k.name), Kind: report.Safe(string(k.kind), false), ByA: byA, ByB: byB}
	r.Was, r.Is = report.SpaceValues(k.kind, a, b, roomOfValue)
	return r
}

func sortedKeys(keys map[spaceKey]bool) []spaceKey {
	all := make([]spaceKey, 0, len(keys))
	for k := range keys {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b spaceKey) int {
		return cmp.Or(cmp.Compare(kindRank(a.kind), kindRank(b.kind)), cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name), localRank(a)-localRank(b))
	})
	return all
}

// kindRank puts variables first: they are what people look for.
func kindRank(k phased.ChangeKind) int {
	if k == phased.ChangeVariable || k == phased.ChangeEnvironment {
		return 0
	}
	return 1
}

func localRank(k spaceKey) int {
	if k.local {
		return 1
	}
	return 0
}

// sameValue reports whether the record tells no difference: of two secrets it
// tells none.
func sameValue(a, b *phased.Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
