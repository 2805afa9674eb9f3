package report

import (
	"fmt"
	"strings"
	"time"

	"phased/internal/phased"
)

// What follows is for pages that show a plan, or two: the words of Plan and Show
// as text without control characters, for any place.

// PlanPhase tells where the hooks of a phase come from, and the rules of it that
// are not the default.
func PlanPhase(ph phased.PlannedPhase) (source, rules string) {
	return Safe(strings.TrimSpace(phaseSource(ph)), false), Safe(phaseRules(ph), false)
}

// Overridden returns the hook trees of a phase whose entry of a name does not
// count, by name.
func Overridden(ph phased.PlannedPhase) map[phased.Text][]phased.Text { return overridden(ph) }

// PlanEntry tells of an entry that runs what is not matter of course, and of
// another why it does not run. over are the trees that it overrides.
func PlanEntry(pl phased.Plan, ph phased.PlannedPhase, e phased.Entry, over []phased.Text) string {
	if e.Verdict != phased.VerdictRun {
		return Safe(oneLine(e.Reason(ph.Executor == phased.ExecutorSession)), false)
	}
	return Safe(entryNotes(pl, ph, e, over), false)
}

// PlanFacts tells with what the hooks of a plan start, by name.
func PlanFacts(pl phased.Plan) [][2]string {
	var all [][2]string
	add := func(name, text string) {
		if text != "" {
			all = append(all, [2]string{name, Safe(text, false)})
		}
	}
	dir, umask, stdin := surroundingsText(pl.Surroundings)
	if s := pl.Session; s != nil {
		shell := "bash"
		if s.Posix {
			shell = "bash in POSIX mode"
		}
		add("shell", shell+", $0 is "+Name(s.Name)+", TOP_DIR is "+Name(s.TopDir))
		options := "none"
		if len(s.Options) > 0 {
			options = strings.Join(s.Options, ", ")
		}
		add("options", options+failureRule(pl))
		add("locale", localeText(pl.Surroundings))
		add("record", recordRule(*s))
		if s.Conf != "" {
			add("local.conf", Name(s.Conf))
		}
	}
	add("hooks start with", "directory "+dir+", umask "+umask+", stdin "+stdin)
	add("limits", limitsText(pl))
	if pl.Pinned {
		add("list", "pinned: a phase that is found to differ from this plan fails")
	}
	if len(pl.Roots) > 1 {
		add("hook trees", "a later one wins: "+list(pl.Roots, 9))
	}
	if pl.Settings != "" {
		add("settings", Name(pl.Settings))
	}
	return all
}

// PlanPlugin tells where a plugin of a plan comes from.
func PlanPlugin(p phased.Plugin) string {
	words := []string{Name(p.Dir)}
	if p.Source != "" && p.Source != p.Dir {
		words = append(words, "from "+Name(p.Source))
	}
	if p.Ref != "" {
		words = append(words, "at "+Name(phased.Text(p.Ref)))
	}
	if len(p.Requires) > 0 {
		words = append(words, "requires "+strings.Join(p.Requires, ", "))
	}
	if p.Line > 0 {
		words = append(words, fmt.Sprintf("line %d", p.Line))
	}
	if p.Fetch {
		words = append(words, "cloned when the run starts")
	}
	return Safe(strings.Join(words, ", "), false)
}

// PlanUntrusted tells what of a plan somebody else could have written.
func PlanUntrusted(u phased.Untrusted) string {
	text := Name(u.Path) + " "
	if u.At != u.Path {
		text = Name(u.Path) + ": " + Name(u.At) + ", on the way to it, "
	}
	return Safe(text+oneLine(u.What), false)
}

// PlanDifference tells what of a phase is not as it was planned.
func PlanDifference(d phased.Difference) string { return Safe(differenceText(d), false) }

// FindingPlace tells where a finding is: FILE:LINE.
func FindingPlace(f phased.Finding) string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", Name(f.File), f.Line)
	}
	return Name(f.File)
}

// CommandWords is a command line as it may be pasted.
func CommandWords(argv []phased.Text) string { return Safe(commandLine(argv), false) }

// Ago tells how long before now a moment was: "3 h ago".
func Ago(now, t time.Time) string { return Style{Now: now}.ago(t) }

// SpaceName tells what of a variable space is meant: a name, or the directory.
func SpaceName(kind phased.ChangeKind, name phased.Text) string {
	if name == "" {
		return Safe(kindWord(kind), false)
	}
	return Name(name)
}

// SpaceValues tells two values of a variable space, at most room columns each: where
// both are long, the parts in which they differ.
func SpaceValues(kind phased.ChangeKind, a, b *phased.Value, room int) (was, is string) {
	s := Style{Terminal: true, Unicode: true}
	was, is = s.contrast(kind, a, b, room)
	if x, y := attributes(a), attributes(b); x != y && a != nil && b != nil {
		was, is = was+noteOf(x), is+noteOf(y)
	}
	return Safe(was, false), Safe(is, false)
}

func noteOf(attributes string) string {
	if attributes == "" {
		return ""
	}
	return " (" + attributes + ")"
}
