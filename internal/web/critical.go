package web

import (
	"slices"
	"time"

	"phased/internal/phased"
)

// stretch is one hook of a run in time: from its first attempt to the end of its
// last, with the pauses between them.
type stretch struct {
	phase, hook int // indexes into Run.Phases and rows of that phase
	group       int // hooks of one group may have run together; groups follow each other
	began, end  time.Duration
}

func (s stretch) took() time.Duration { return s.end - s.began }

// slack is how much two hooks may seem to overlap that ran one after the other: a
// hook's time is taken around the events that tell its start and its end.
const slack = 2 * time.Millisecond

// follows reports whether b can have waited for a.
func follows(a, b stretch) bool {
	if a.group != b.group {
		return a.group < b.group
	}
	return a.end <= b.began+slack && (a.began < b.began || a.began == b.began && a.end < b.end)
}

// criticalPath returns those of the stretches that made the run as long as it is:
// the chain of hooks, each of which began after the one before had ended, that took
// longest in all. Of hooks that run one after the other it is all of them. The
// result are indexes, in order of time.
func criticalPath(all []stretch) []int {
	groups := map[int][]int{}
	var order []int
	for i, s := range all {
		if groups[s.group] == nil {
			order = append(order, s.group)
		}
		groups[s.group] = append(groups[s.group], i)
	}
	slices.Sort(order)
	var path []int
	for _, g := range order { // all of a group are before all of the next
		path = append(path, longestChain(all, groups[g])...)
	}
	return path
}

// longestChain returns the chain of one group that took longest.
func longestChain(all []stretch, members []int) []int {
	if len(members) == 1 {
		return members
	}
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(a, b int) int {
		if all[a].began != all[b].began {
			return int(all[a].began - all[b].began)
		}
		return int(all[a].end - all[b].end)
	})
	best := make([]time.Duration, len(members)) // of the chains that end in each
	before := make([]int, len(members))
	last := 0
	for i := range members {
		before[i] = -1
		var most time.Duration
		for j := i - 1; j >= 0; j-- {
			if best[j] > most && follows(all[members[j]], all[members[i]]) {
				most, before[i] = best[j], j
			}
		}
		best[i] = most + all[members[i]].took()
		if best[i] > best[last] {
			last = i
		}
	}
	var chain []int
	for i := last; i >= 0; i = before[i] {
		chain = append(chain, members[i])
	}
	slices.Reverse(chain)
	return chain
}

// groupOf returns what keeps the hooks of a phase apart: a number for those that may
// run together, and one each for others.
func groupsOf(p *phased.PhaseRun, rows []hookRow, first int) (groups []int, next int) {
	groups = make([]int, len(rows))
	numbers := map[phased.Text]string{}
	if p.Parallel != "" {
		for i := range p.Entries {
			if e := &p.Entries[i]; e.Verdict == phased.VerdictRun {
				numbers[e.Name] = e.NumberValue()
			}
		}
	}
	at := first
	for i := range rows {
		if i > 0 && (p.Parallel == "" || numbers[rows[i].Name] != numbers[rows[i-1].Name]) {
			at++
		}
		groups[i] = at
	}
	return groups, at + 1
}
