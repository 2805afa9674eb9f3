package web

import (
	"slices"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// planWindow is how many entries of a plan one page shows.
const planWindow = 500

// What of a plan is shown.
const (
	showAll      = ""
	showRun      = "run"
	showSkipped  = "skipped"
	showFindings = "findings"
)

// planView is a plan as its page shows it.
type planView struct {
	Facts    [][2]string
	Env      []string
	Options  []phased.Origin // of the whole run
	Plugins  [][2]string
	General  []findingView // findings about no entry
	Phases   []planPhase
	Runs     int // entries that run, without the failure phase
	Skipped  int
	Problems int // entries with findings
	// From and To are the places of the first entry that is shown and of the last,
	// of Of that the filter lets through.
	From, To, Of int
}

// planPhase is one phase of it, with those of its entries that are shown.
type planPhase struct {
	Name        string
	Role        string
	Source      string
	Rules       string
	Note        string // why nothing is in it
	Options     []phased.Origin
	Findings    []findingView // about its directories
	Differences []string
	Entries     []planEntry
	Runs        int
	Skipped     int
	// Begun says that entries of it stand on an earlier page.
	Begun bool
}

// planEntry is one entry of a directory.
type planEntry struct {
	Anchor   string
	Position int // in run order; 0: it does not run
	Name     phased.Text
	Runs     bool
	Verdict  string // why it does not, in one word
	Words    string
	Number   string
	Options  []phased.Origin
	Facts    [][2]string
	Findings []findingView
	Status   phased.Status // what became of it in a recorded run; "": nothing
	Took     time.Duration
	Page     string // address of what became of it
}

// findingView is a finding as it is shown.
type findingView struct {
	phased.Finding
	Code     string
	Severity string
	Place    string // FILE:LINE
	Anchor   string // of its entry; "": it is about none
}

func newFindingView(f phased.Finding) findingView {
	return findingView{Finding: f, Code: report.Safe(string(f.Code), false), Severity: report.Safe(string(f.Severity), false), Place: report.FindingPlace(f)}
}

// planned is what a page is made of: a plan, and what is known beside it.
type planned struct {
	plan     phased.Plan
	options  map[phased.Text][]phased.Origin // of entries, by path
	findings []phased.Finding
	phases   map[string]phased.PhaseRun // of a recorded run
	run      string                     // its id
}

// ofPublished returns what a page shows of a published plan.
func ofPublished(pub phased.Published) planned {
	p := planned{plan: pub.Plan, findings: pub.Findings, options: map[phased.Text][]phased.Origin{}}
	for _, o := range pub.Options {
		p.options[o.Path] = o.Options
	}
	return p
}

// ofRun returns what a run recorded of its plan: the lists of the phases that it
// entered.
func ofRun(r phased.Run) planned {
	s := r.Start
	p := planned{run: r.ID, phases: map[string]phased.PhaseRun{}, plan: phased.Plan{
		Lifecycle: s.Lifecycle, Base: s.Base, Roots: s.Roots, Settings: s.Settings, Surroundings: s.Surroundings, Digest: s.PlanDigest,
	}}
	for _, ph := range r.Phases {
		p.phases[ph.Phase] = ph
	}
	// As planned; then those that only a failure brings up.
	for _, name := range s.Phases {
		ph, entered := p.phases[name]
		if !entered {
			ph.Phase = name
		}
		p.plan.Phases = append(p.plan.Phases, plannedPhase(ph))
	}
	for _, ph := range r.Phases {
		if !slices.Contains(s.Phases, ph.Phase) {
			p.plan.Phases = append(p.plan.Phases, plannedPhase(ph))
		}
	}
	return p
}

// plannedPhase returns a phase as a run found it.
func plannedPhase(ph phased.PhaseRun) phased.PlannedPhase {
	p := phased.PlannedPhase{Missing: ph.Missing, Dirs: ph.Dirs, Entries: ph.Entries, Phase: phased.Phase{
		Name: ph.Phase, Failure: ph.Failure, When: ph.When, Parallel: ph.Parallel,
	}}
	for _, e := range ph.Entries {
		if len(e.Args) > 0 || e.Plugin != "" || e.Verdict == phased.VerdictNoMatch {
			p.Executor = phased.ExecutorSession
		}
	}
	return p
}

// all returns every phase, the environment files first.
func (p planned) all() []phased.PlannedPhase {
	all := p.plan.AllPhases()
	if p.plan.Environment != nil {
		all = append([]phased.PlannedPhase{*p.plan.Environment}, all...)
	}
	return all
}

// anchorOf names an entry in addresses.
func anchorOf(phase string, path phased.Text) string { return "e-" + phased.PlanKey(phase, path) }

// view makes what a page shows, from the entry with the number from on.
func (p planned) view(show string, from int) planView {
	v := planView{Facts: report.PlanFacts(p.plan), From: from}
	for _, e := range p.plan.Surroundings.Env {
		v.Env = append(v.Env, report.Name(e))
	}
	if p.plan.Session != nil {
		for _, pl := range p.plan.Session.Plugins {
			v.Plugins = append(v.Plugins, [2]string{report.Name(phased.Text(pl.Name)), report.PlanPlugin(pl)})
		}
	}
	v.Options = originsOf(p.plan.Origins, "")
	at := p.findingsByPlace()
	for _, ph := range p.all() {
		one := p.phase(ph, at)
		if p.plan.Environment != nil && ph.Name == p.plan.Environment.Name && len(v.Phases) == 0 && v.Runs == 0 {
			one.Role = "environment files"
			one.Rules = "sourced before each phase, for the environment of its hooks"
		} else if !ph.Failure {
			v.Runs += one.Runs
		}
		v.Skipped += one.Skipped
		p.window(&v, one, show)
	}
	v.General = at[place{}]
	for i := range v.Phases {
		v.Phases[i].trim()
	}
	return v
}

// window adds of a phase what the filter and the page show.
func (p planned) window(v *planView, one planPhase, show string) {
	all := one.Entries
	one.Entries = nil
	began, fits := v.Of, 0
	for _, e := range all {
		if len(e.Findings) > 0 {
			v.Problems++
		}
		if show == showRun && !e.Runs || show == showSkipped && e.Runs || show == showFindings && len(e.Findings) == 0 {
			continue
		}
		fits++
		if v.Of++; v.Of > v.From && v.Of <= v.From+planWindow {
			one.Entries = append(one.Entries, e)
			v.To = v.Of
		}
	}
	one.Begun = len(one.Entries) > 0 && began < v.From
	empty := fits == 0 && (show == showAll || show == showFindings && len(one.Findings) > 0) && began >= v.From && began < v.From+planWindow
	if len(one.Entries) > 0 || empty {
		v.Phases = append(v.Phases, one)
	}
}

// trim takes away what a page need not say twice.
func (ph *planPhase) trim() {
	if ph.Begun {
		ph.Findings, ph.Differences, ph.Options = nil, nil, nil
	}
}

// place is what a finding is about: an entry of a phase by its path, a phase, or
// neither.
type place struct {
	phase string
	path  phased.Text
}

// findingsByPlace sorts the findings to where they are shown.
func (p planned) findingsByPlace() map[place][]findingView {
	entries, phases := map[place]bool{}, map[string]bool{}
	for _, ph := range p.all() {
		phases[ph.Name] = true
		for _, e := range ph.Entries {
			entries[place{ph.Name, e.Path}] = true
		}
	}
	at := map[place][]findingView{}
	for _, f := range p.findings {
		view := newFindingView(f)
		where := place{f.Phase, f.File}
		switch {
		case entries[where]:
			view.Anchor = anchorOf(f.Phase, f.File)
		case f.Phase != "" && phases[f.Phase]:
			where = place{phase: f.Phase}
		default:
			where = place{}
		}
		at[where] = append(at[where], view)
	}
	return at
}

func originsOf(all []phased.Origin, phase string) []phased.Origin {
	var of []phased.Origin
	for _, o := range all {
		if o.Phase == phase {
			of = append(of, o)
		}
	}
	return of
}

// phase makes the view of one phase.
func (p planned) phase(ph phased.PlannedPhase, at map[place][]findingView) planPhase {
	v := planPhase{
		Name: ph.Name, Role: report.PhaseKind(ph.Failure, ph.When), Note: p.note(ph),
		Options: originsOf(p.plan.Origins, ph.Name), Findings: at[place{phase: ph.Name}],
	}
	v.Source, v.Rules = report.PlanPhase(ph)
	for _, d := range p.phases[ph.Name].Differences {
		v.Differences = append(v.Differences, report.PlanDifference(d))
	}
	became := map[phased.Text]phased.HookRun{}
	for _, h := range p.phases[ph.Name].Hooks {
		became[h.Hook] = h
	}
	over := report.Overridden(ph)
	for _, e := range ph.Entries {
		one := planEntry{
			Anchor: anchorOf(ph.Name, e.Path), Name: e.Name, Runs: e.Verdict == phased.VerdictRun, Verdict: report.Safe(string(e.Verdict), false), Words: report.PlanEntry(p.plan, ph, e, over[e.Name]),
			Options: p.options[e.Path], Facts: entryFacts(e), Findings: at[place{ph.Name, e.Path}],
		}
		if one.Runs {
			v.Runs++
			one.Position = v.Runs
			if ph.Order != phased.Glob && ph.Executor != phased.ExecutorSession {
				one.Number = "no number, counts as 0"
				if e.Number != "" {
					one.Number = "number " + report.Safe(strings.TrimSpace(e.Number), false)
				}
			}
			if h, found := became[e.Name]; found {
				one.Status, one.Took = h.Status, h.Took
				one.Page = hookAddress(p.run, ph.Name, e.Name)
			}
		} else {
			v.Skipped++
			if slices.ContainsFunc(one.Findings, func(f findingView) bool { return f.Code == string(e.Verdict) }) {
				one.Words = "" // the finding says it
			}
		}
		v.Entries = append(v.Entries, one)
	}
	return v
}

// note tells why there is nothing in a phase.
func (p planned) note(ph phased.PlannedPhase) string {
	run, entered := p.phases[ph.Name]
	switch {
	case ph.Missing:
		return "no directory " + report.Name(phased.Text(ph.Dir))
	case p.phases != nil && !entered:
		return "not entered: what lies in it is not on record"
	case run.Status == phased.StatusSkipped:
		text := run.Reason
		if text == "" {
			text = run.Skip
		}
		return "skipped: " + report.Safe(strings.ReplaceAll(text, "\n", "; "), false)
	case len(ph.Entries) == 0:
		return "nothing to run"
	}
	return ""
}

// entryFacts tells of an entry what is seldom wanted.
func entryFacts(e phased.Entry) [][2]string {
	facts := [][2]string{{"path", report.Name(e.Path)}}
	add := func(name, text string) {
		if text != "" {
			facts = append(facts, [2]string{name, report.Safe(text, false)})
		}
	}
	if e.Root != "" {
		add("hook tree", report.Name(e.Root))
	}
	if e.Plugin != "" {
		add("plugin", report.Name(phased.Text(e.Plugin)))
	}
	if len(e.Args) > 0 {
		add("arguments", report.CommandWords(e.Args))
	}
	if e.Mode != "" {
		add("mode", e.Mode)
		add("size", report.Size(e.Size))
	}
	if !e.ModTime.IsZero() {
		add("changed", e.ModTime.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if e.Digest != "" {
		add("sha256", e.Digest)
	}
	if e.Verdict == phased.VerdictRun {
		add("detail", strings.ReplaceAll(e.Detail, "\n", "; "))
	}
	return append(facts, optionFacts(e.HookOptions)...)
}

// optionFacts tells the options of a hook, by the names that settings have for them.
func optionFacts(o phased.HookOptions) [][2]string {
	texts := func(all []phased.Text) string {
		words := make([]string, len(all))
		for i, t := range all {
			words[i] = report.Name(t)
		}
		return strings.Join(words, ", ")
	}
	var facts [][2]string
	for _, f := range [][2]string{
		{"timeout", limit(o.Timeout)},
		{"frequency", string(o.Frequency)},
		{"leak", string(o.Leak)},
		{"inputs", texts(o.Inputs)},
		{"retries", countWord(o.Retries)},
		{"backoff", limit(o.Backoff)},
		{"locks", strings.Join(o.Locks, ", ")},
		{"when", strings.Join(o.When, " or ")},
		{"allow-exit", numbers(o.AllowExit)},
		{"skip-exit", numbers(o.SkipExit)},
		{"secrets", texts(o.Secrets)},
	} {
		if f[1] != "" {
			facts = append(facts, [2]string{f[0], report.Safe(f[1], false)})
		}
	}
	return facts
}
