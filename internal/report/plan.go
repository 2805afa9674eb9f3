package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"phased/internal/phased"
)

// Plan prints what a run of the plan will do: every phase with every entry of
// its directories, in run order, with where each comes from and why others are
// not run.
func Plan(w io.Writer, s Style, pl phased.Plan) error {
	p := newPrinter(w, s)
	hooks, steps := PlanCounts(pl)
	what := count(hooks, "hook")
	if steps > 0 {
		what += " and " + count(steps, "base step")
	}
	title := p.paint(bold, runTitle(pl.Lifecycle, pl.Base))
	p.line(title + ": " + what + " in " + count(len(pl.Phases), "phase"))
	if len(pl.Roots) > 1 {
		p.line(p.paint(dim, "hook trees, a later one wins: ") + list(pl.Roots, 9))
	}
	if pl.Environment != nil {
		p.planPhase(pl, *pl.Environment, 0)
		p.line("  " + p.paint(dim, "sourced before each phase, for the environment of its hooks"))
	}
	n := 0
	for _, ph := range pl.Phases {
		n = p.planPhase(pl, ph, n)
	}
	if pl.Failure != nil {
		p.planPhase(pl, *pl.Failure, 0)
	}
	p.surroundings(pl)
	p.untrusted(pl.Untrusted)
	return p.flush()
}

// untrusted tells what of the plan somebody else could have written.
func (p *printer) untrusted(all []phased.Untrusted) {
	if len(all) == 0 {
		return
	}
	p.line("")
	p.line(p.paint(alarm, "not trusted") + p.paint(dim, "  somebody else than root and this user could have written it"))
	for _, u := range all {
		text := Name(u.Path) + " "
		if u.At != u.Path {
			text = Name(u.Path) + ": " + Name(u.At) + ", on the way to it, "
		}
		p.line("  " + p.mark("✗", "x") + "  " + text + u.What)
		if u.Cure != "" {
			p.line("     " + p.paint(dim, u.Cure))
		}
	}
}

func (p *printer) planPhase(pl phased.Plan, ph phased.PlannedPhase, n int) int {
	p.line("")
	title := p.phaseTitle(ph.Name, ph.Failure, ph.When)
	if ph.Missing {
		p.line(title + p.paint(dim, "  no directory "+Name(phased.Text(ph.Dir))))
		return n
	}
	p.line(title + p.paint(dim, phaseSource(ph)))
	if text := phaseRules(ph); text != "" {
		p.line("  " + p.paint(dim, text))
	}
	if len(ph.Entries) == 0 {
		p.line("  " + p.paint(dim, "nothing to run"))
	}
	wide := 0
	for _, e := range ph.Entries {
		wide = max(wide, columns(Name(e.Name)))
	}
	wide = min(wide, max(20, p.width()/2-6))
	over := overridden(ph)
	told, same := sameSkipped(pl, ph)
	for _, e := range ph.Entries {
		if told != "" && e.Verdict != phased.VerdictRun && e.Plugin == "" {
			continue
		}
		if e.Verdict == phased.VerdictRun {
			n++
			p.line(fmt.Sprintf("%5d  %s", n, pad(Name(e.Name), wide)) + p.paint(dim, "  "+entryNotes(pl, ph, e, over[e.Name])))
			continue
		}
		text := pad(Name(e.Name), wide) + "  " + string(e.Verdict)
		if e.Detail != "" {
			text += ": " + Safe(e.Detail, false)
		}
		p.line("    " + p.mark("–", "-") + "  " + p.paint(dim, text))
	}
	if told != "" {
		p.line("    " + p.mark("–", "-") + "  " + p.paint(dim, fmt.Sprintf("the same %d as at %s", same, told)))
	}
	return n
}

// phaseSource tells where the hooks of a phase come from.
func phaseSource(ph phased.PlannedPhase) string {
	text := list(ph.Dirs, 4)
	if ph.Executor == phased.ExecutorSession {
		text = sourcedTitle(ph)
	}
	if text == "" {
		return ""
	}
	return "  " + text
}

// phaseRules tells the rules of a phase that are not the default.
func phaseRules(ph phased.PlannedPhase) string {
	var words []string
	switch ph.OnFailure {
	case phased.FinishPhase:
		words = append(words, "a failure ends the run after this phase")
	case phased.Continue:
		words = append(words, "goes on after a failure")
	}
	switch ph.When {
	case phased.WhenSuccess:
		words = append(words, "runs when all has ended well")
	case phased.WhenAlways:
		words = append(words, "runs whatever has happened")
	}
	if ph.Parallel != "" {
		words = append(words, "hooks with the same number run together")
	}
	if ph.Order == phased.Glob && ph.Executor != phased.ExecutorSession {
		words = append(words, "in the order of a shell's glob")
	}
	if ph.Names != "" {
		words = append(words, "names "+ph.Names)
	}
	if ph.Timeout > 0 {
		words = append(words, "at most "+ph.Timeout.String())
	}
	if ph.HookTimeout > 0 {
		words = append(words, "each hook at most "+ph.HookTimeout.String())
	}
	return strings.Join(words, "; ")
}

// entryNotes tells where a hook comes from, where there is a choice, and its
// own limit.
func entryNotes(pl phased.Plan, ph phased.PlannedPhase, e phased.Entry, over []phased.Text) string {
	var words []string
	if e.Root != "" && len(pl.Roots) > 1 {
		words = append(words, Name(e.Root))
	}
	if len(over) > 0 {
		words = append(words, "overrides "+list(over, 3))
	}
	if ph.Executor == phased.ExecutorSession {
		words = append(words, sourcedNotes(ph, e)...)
	}
	switch {
	case e.Timeout > 0 && e.Timeout != ph.HookTimeout:
		words = append(words, "at most "+e.Timeout.String())
	case e.Timeout == phased.NoLimit && ph.HookTimeout > 0:
		words = append(words, "no time limit")
	}
	if e.Limited() || len(e.When) > 0 {
		text := string(e.Frequency)
		if e.Detail != "" { // which tells whether it would be skipped
			text = Safe(e.Detail, false)
		}
		if text != "" {
			words = append(words, text)
		}
	}
	if e.Leak != "" {
		words = append(words, "leak: "+string(e.Leak))
	}
	words = append(words, optionNotes(e.HookOptions)...)
	return strings.Join(words, ", ")
}

// optionNotes tells what else a hook's header or the settings say of it.
func optionNotes(o phased.HookOptions) []string {
	var words []string
	if o.Retries > 0 {
		again := "tried up to " + count(o.Retries+1, "time")
		if o.Backoff > 0 {
			again += " (pause " + o.Backoff.String()
			if o.Retries > 1 {
				again += ", then doubled"
			}
			again += ")"
		}
		words = append(words, again)
	}
	if len(o.Locks) > 0 {
		words = append(words, "lock "+strings.Join(o.Locks, ", "))
	}
	if len(o.When) > 0 {
		words = append(words, "when "+strings.Join(o.When, " or "))
	}
	return words
}

// overridden returns the roots whose entry of a name is shadowed, by name.
func overridden(ph phased.PlannedPhase) map[phased.Text][]phased.Text {
	over := map[phased.Text][]phased.Text{}
	for _, e := range ph.Entries {
		if e.Verdict == phased.VerdictShadowed && e.Root != "" {
			over[e.Name] = append(over[e.Name], e.Root)
		}
	}
	return over
}

func (p *printer) surroundings(pl phased.Plan) {
	s := pl.Surroundings
	if pl.Session != nil {
		p.session(pl)
		p.rest(pl)
		return
	}
	p.line("")
	dir, umask, stdin := surroundingsText(s)
	p.line(p.paint(dim, "hooks start with  ") + fmt.Sprintf("directory %s, umask %s, stdin %s", dir, umask, stdin))
	for _, v := range s.Env {
		p.line("  " + Name(v))
	}
	p.rest(pl)
}

// rest prints what is left to tell of a plan.
func (p *printer) rest(pl phased.Plan) {
	if limits := limitsText(pl); limits != "" {
		p.line(p.paint(dim, "limits  ") + limits)
	}
	if pl.Pinned {
		p.line("The list is pinned: a phase that is found to differ from this plan fails.")
	}
	if pl.Settings != "" {
		p.line(p.paint(dim, "settings  ") + Name(pl.Settings))
	}
	p.line(p.paint(dim, "digest  ") + pl.Digest)
}

func limitsText(pl phased.Plan) string {
	var words []string
	if pl.Timeout > 0 {
		words = append(words, "run "+pl.Timeout.String())
	}
	if pl.Jobs > 0 {
		words = append(words, count(pl.Jobs, "hook")+" at once")
	}
	if pl.Failure != nil && pl.FailureLimit > 0 {
		words = append(words, "failure phase "+pl.FailureLimit.String())
	}
	if pl.Grace > 0 {
		words = append(words, "grace "+pl.Grace.String())
	}
	return strings.Join(words, ", ")
}

// Explanation is what Explain tells of one name in one phase.
type Explanation struct {
	Phase         string
	Failure       bool
	Name          phased.Text
	Verdict       phased.Verdict
	Path          phased.Text
	Why           string
	Position, Of  int
	Number        string
	After, Before phased.Text
	Places        []Place
	Options       []phased.Origin
	// Sourced says that the entry is sourced, with Args, in the order of a
	// shell's glob; Plugin is the plugin that it belongs to.
	Sourced bool
	Args    []phased.Text
	Plugin  string
}

// Place is one directory in which a name was looked for.
type Place struct {
	Dir     phased.Text
	Found   bool
	Wins    bool
	Verdict phased.Verdict
	Detail  string
}

// Explain prints all about a name.
func Explain(w io.Writer, s Style, all []Explanation) error {
	p := newPrinter(w, s)
	for i, e := range all {
		if i > 0 {
			p.line("")
		}
		p.explanation(e)
	}
	return p.flush()
}

func (p *printer) explanation(e Explanation) {
	what := p.paint(yellow, "skipped: "+string(e.Verdict))
	if e.Verdict == phased.VerdictRun {
		what = p.paint(green, "runs")
	}
	phase := e.Phase
	if e.Failure {
		phase += " (failure phase)"
	}
	p.line(p.paint(bold, Name(e.Name)) + " in " + phase + ": " + what)
	p.fact("why", Safe(e.Why, false))
	p.fact("path", Name(e.Path))
	if e.Verdict == phased.VerdictRun {
		number := "none, counts as 0"
		if e.Number != "" {
			number = e.Number
		}
		if !e.Sourced {
			p.fact("number", number)
		} else if len(e.Args) > 0 {
			p.fact("sourced with", commandLine(e.Args))
		} else {
			p.fact("sourced", "without arguments")
		}
		if e.Plugin != "" {
			p.fact("plugin", Name(phased.Text(e.Plugin)))
		}
		if e.After != "" {
			p.fact("after", Name(e.After))
		}
		if e.Before != "" {
			p.fact("before", Name(e.Before))
		}
	}
	for i, pl := range e.Places {
		name := ""
		if i == 0 {
			name = "looked in"
		}
		p.fact(name, Name(pl.Dir)+": "+placeText(pl))
	}
	of := func(o phased.Origin) bool { return o.Phase != "" }
	p.options("options", slices.DeleteFunc(slices.Clone(e.Options), func(o phased.Origin) bool { return !of(o) }))
	p.options("of the run", slices.DeleteFunc(slices.Clone(e.Options), of))
}

func (p *printer) options(title string, all []phased.Origin) {
	for i, o := range all {
		if i > 0 {
			title = ""
		}
		p.fact(title, fmt.Sprintf("%s: %s  (%s)", o.Option, Safe(o.Value, false), Safe(o.From, false)))
	}
}

func placeText(pl Place) string {
	text := "not there"
	if pl.Found {
		text = string(pl.Verdict)
	}
	if pl.Wins {
		text += ", this one counts"
	}
	if pl.Detail != "" {
		text += " (" + Safe(pl.Detail, false) + ")"
	}
	return text
}
