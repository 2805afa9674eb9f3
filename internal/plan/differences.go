package plan

import (
	"fmt"
	"strconv"

	"phased/internal/phased"
)

// Compare returns what is not as planned in a phase that was listed again: in
// the order of the planned entries, then of the new ones. Entries are the same
// where their paths are.
func Compare(planned, now phased.PlannedPhase) []phased.Difference {
	var diffs []phased.Difference
	is := make(map[phased.Text]phased.Entry, len(now.Entries))
	for _, e := range now.Entries {
		is[e.Path] = e
	}
	places := movedHooks(planned, now)
	was := make(map[phased.Text]bool, len(planned.Entries))
	for _, p := range planned.Entries {
		was[p.Path] = true
		n, found := is[p.Path]
		d := phased.Difference{Name: p.Name}
		switch {
		case !found:
			d.What, d.Was = "removed", string(p.Verdict)
		case n.Verdict != p.Verdict && !passedOverStill(p, n, now):
			d.What, d.Was, d.Is = "verdict", string(p.Verdict), string(n.Verdict)
		case n.Digest != p.Digest:
			d.What, d.Was, d.Is = "content", short(p.Digest), short(n.Digest)
		case places[p.Path] != [2]int{}:
			at := places[p.Path]
			d.What, d.Was, d.Is = "order", strconv.Itoa(at[0]), strconv.Itoa(at[1])
		default:
			continue
		}
		diffs = append(diffs, d)
	}
	for _, n := range now.Entries {
		if !was[n.Path] {
			diffs = append(diffs, phased.Difference{Name: n.Name, What: "added", Is: fmt.Sprint(n.Verdict)})
		}
	}
	return diffs
}

// passedOverStill reports whether a sourced hook that could not be read when the
// plan was made still cannot: when the phase is entered, the shell has it on its
// list all the same.
func passedOverStill(p, n phased.Entry, now phased.PlannedPhase) bool {
	unreadable := p.Verdict == phased.VerdictUnreadable || p.Verdict == phased.VerdictDanglingLink
	return now.Executor == phased.ExecutorSession && unreadable && n.Verdict == phased.VerdictRun && n.Digest == "" && n.Mode == p.Mode
}

// movedHooks returns the hooks that run in both lists and stand at another
// place among these: planned and found, from 1.
func movedHooks(planned, now phased.PlannedPhase) map[phased.Text][2]int {
	runs := func(p phased.PlannedPhase) map[phased.Text]bool {
		m := make(map[phased.Text]bool, len(p.Entries))
		for _, e := range p.Entries {
			m[e.Path] = e.Verdict == phased.VerdictRun
		}
		return m
	}
	before, after := runs(planned), runs(now)
	was, n := map[phased.Text]int{}, 0
	for _, e := range planned.Entries {
		if e.Verdict == phased.VerdictRun && after[e.Path] {
			n++
			was[e.Path] = n
		}
	}
	moved := map[phased.Text][2]int{}
	n = 0
	for _, e := range now.Entries {
		if e.Verdict == phased.VerdictRun && before[e.Path] {
			n++
			if was[e.Path] != n {
				moved[e.Path] = [2]int{was[e.Path], n}
			}
		}
	}
	return moved
}

// short returns enough of a digest to tell two apart.
func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}
