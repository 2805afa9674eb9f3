package web

import (
	"fmt"
	"slices"
	"strings"

	"phased/internal/phased"
	"phased/internal/report"
)

// planDifference is one thing in which two plans differ.
type planDifference struct {
	Phase string
	Name  phased.Text // "": the phase
	What  string      // added, removed, verdict, content, order, options, arguments, mode, path
	Was   string
	Is    string
}

// comparePlans tells how b differs from a, phase by phase in the order of b;
// last, which phases only one of two runs has entered.
func comparePlans(a, b planned) []planDifference {
	var all, entered []planDifference
	add := func(phase string, name phased.Text, what, was, is string) {
		all = append(all, planDifference{phase, name, what, report.Safe(was, false), report.Safe(is, false)})
	}
	enter := func(ph phased.PlannedPhase, was, is string) {
		entered = append(entered, planDifference{ph.Name, "", "entered", was, is})
	}
	before := map[string]phased.PlannedPhase{}
	for _, ph := range a.all() {
		before[ph.Name] = ph
	}
	after := map[string]bool{}
	for _, ph := range b.all() {
		after[ph.Name] = true
		old, found := before[ph.Name]
		switch {
		case !found && ph.Failure && a.phases != nil:
			enter(ph, notEntered, phaseWords(ph))
		case !found:
			add(ph.Name, "", "added", "", phaseWords(ph))
		case a.listed(ph.Name) != b.listed(ph.Name):
			enter(ph, a.noteOf(old), b.noteOf(ph))
		case a.listed(ph.Name): // else it is not on record what lies in it
			compareEntries(old, ph, add)
		}
	}
	for _, ph := range a.all() {
		switch {
		case after[ph.Name]:
		case ph.Failure && b.phases != nil:
			enter(ph, phaseWords(ph), notEntered)
		default:
			add(ph.Name, "", "removed", phaseWords(ph), "")
		}
	}
	return append(all, entered...)
}

const notEntered = "not entered"

// listed reports whether what lies in a phase is known.
func (p planned) listed(phase string) bool {
	run, entered := p.phases[phase]
	return p.phases == nil || entered && run.Status != phased.StatusSkipped
}

// noteOf tells why what lies in a phase is not known, or how much there is.
func (p planned) noteOf(ph phased.PlannedPhase) string {
	if p.listed(ph.Name) {
		return phaseWords(ph)
	}
	if _, entered := p.phases[ph.Name]; !entered {
		return notEntered
	}
	return p.note(ph)
}

func phaseWords(ph phased.PlannedPhase) string { return report.Count(len(ph.Hooks()), "hook") }

// compareEntries tells how the entries of a phase differ.
func compareEntries(old, now phased.PlannedPhase, add func(phase string, name phased.Text, what, was, is string)) {
	type id struct {
		name phased.Text
		root phased.Text
	}
	before, after := map[id]phased.Entry{}, map[id]bool{}
	for _, e := range old.Entries {
		before[id{e.Name, e.Root}] = e
	}
	for _, e := range now.Entries {
		after[id{e.Name, e.Root}] = true
	}
	for _, e := range old.Entries {
		if !after[id{e.Name, e.Root}] {
			add(now.Name, e.Name, "removed", entryWords(e), "")
		}
	}
	for _, e := range now.Entries {
		was, found := before[id{e.Name, e.Root}]
		if !found {
			add(now.Name, e.Name, "added", "", entryWords(e))
			continue
		}
		for _, f := range [][3]string{
			{"verdict", string(was.Verdict), string(e.Verdict)},
			{"path", report.Name(was.Path), report.Name(e.Path)},
			{"content", contentWords(was), contentWords(e)},
			{"mode", was.Mode, e.Mode},
			{"arguments", report.CommandWords(was.Args), report.CommandWords(e.Args)},
			{"options", optionWords(was), optionWords(e)},
		} {
			if both := was.Digest != "" && e.Digest != ""; f[1] != f[2] && (f[0] != "content" || both) {
				add(now.Name, e.Name, f[0], f[1], f[2])
			}
		}
	}
	for _, m := range moved(old.Hooks(), now.Hooks()) {
		add(now.Name, m.name, "order", fmt.Sprintf("%d. of those that both run", m.was), fmt.Sprintf("%d.", m.is))
	}
}

func entryWords(e phased.Entry) string {
	if e.Verdict == phased.VerdictRun {
		return "runs"
	}
	return report.Safe(string(e.Verdict), false)
}

// contentWords tells one content from another: by size and the start of its digest.
func contentWords(e phased.Entry) string {
	if e.Digest == "" {
		return ""
	}
	const enough = 12
	return report.Safe(report.Size(e.Size)+", sha256 "+e.Digest[:min(len(e.Digest), enough)], false)
}

func optionWords(e phased.Entry) string {
	facts := optionFacts(e.HookOptions)
	words := make([]string, len(facts))
	for i, f := range facts {
		words[i] = f[0] + " " + f[1]
	}
	return strings.Join(words, "; ")
}

// move is a hook that stands at another place.
type move struct {
	name    phased.Text
	was, is int // among the hooks that both lists have, from 1
}

// moved returns the fewest hooks that must have moved for one order to become the
// other: those outside of the longest row that both have.
func moved(old, now []phased.Entry) []move {
	place := map[phased.Text]int{}
	in := map[phased.Text]bool{}
	for _, e := range now {
		in[e.Name] = true
	}
	n := 0
	for _, e := range old {
		if _, again := place[e.Name]; in[e.Name] && !again {
			n++
			place[e.Name] = n
		}
	}
	var names []phased.Text
	var row []int
	for _, e := range now {
		if p := place[e.Name]; p > 0 {
			names, row = append(names, e.Name), append(row, p)
			delete(place, e.Name)
		}
	}
	stays := rising(row)
	var all []move
	for i, name := range names {
		if !stays[i] {
			all = append(all, move{name, row[i], i + 1})
		}
	}
	return all
}

// rising marks the numbers of a longest rising row among those of a list.
func rising(list []int) []bool {
	var ends []int // at n: where the row of n+1 numbers ends that ends lowest
	before := make([]int, len(list))
	for i, v := range list {
		n, _ := slices.BinarySearchFunc(ends, v, func(j, v int) int { return list[j] - v })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	in := make([]bool, len(list))
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			in[i] = true
		}
	}
	return in
}

// cut returns the first of a list, and how many are left out.
func cut[T any](all []T, most int) ([]T, int) {
	n := min(len(all), most)
	return all[:n], len(all) - n
}

// limit is a duration of an option as the settings have it; "": there is none.
func limit(d phased.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func countWord(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func numbers(all []int) string {
	words := make([]string, len(all))
	for i, n := range all {
		words[i] = fmt.Sprint(n)
	}
	return strings.Join(words, ", ")
}
