package plan

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// Explanation tells all about one name in one phase.
type Explanation struct {
	Phase    string          `json:"phase"`
	Failure  bool            `json:"failure,omitempty"` // the phase is the failure phase
	Name     phased.Text     `json:"name"`
	Verdict  phased.Verdict  `json:"verdict"`            // of the entry that counts
	Path     phased.Text     `json:"path"`               // of the entry that counts
	Why      string          `json:"why"`                // the verdict in a sentence
	Position int             `json:"position,omitempty"` // in the run order of the phase, from 1; 0: it does not run
	Of       int             `json:"of"`                 // hooks of the phase
	Number   string          `json:"number,omitempty"`   // leading number
	After    phased.Text     `json:"after,omitempty"`    // the hook that runs before it
	Before   phased.Text     `json:"before,omitempty"`   // the hook that runs after it
	Places   []Place         `json:"places"`             // everywhere it was looked for, lowest root first
	Options  []phased.Origin `json:"options"`            // in force for it, and where each came from
}

// Place is one directory in which a name was looked for.
type Place struct {
	Dir     phased.Text    `json:"dir"`
	Root    phased.Text    `json:"root,omitempty"`
	Found   bool           `json:"found"`
	Wins    bool           `json:"wins,omitempty"` // this is the entry that counts
	Verdict phased.Verdict `json:"verdict,omitempty"`
	Detail  string         `json:"detail,omitempty"` // the verdict in words, or why the directory has no such entry
}

// Explain tells all about the entries of that name: NAME, PHASE/NAME or the
// path of an entry. Its error is an Errors that names the directories and the
// nearest known name where there is none.
func Explain(p phased.Plan, name string) ([]Explanation, error) {
	var all []Explanation
	for _, ph := range p.AllPhases() {
		want, fits := nameIn(ph, name)
		if !fits {
			continue
		}
		if x, found := explain(ph, want); found {
			x.Options = optionsFor(p, ph, want)
			all = append(all, x)
		}
	}
	if len(all) == 0 {
		return nil, notFound(p, name)
	}
	return all, nil
}

// optionsFor returns the options in force for an entry: those of the run and of
// its phase, but where its header or a rule gives its own.
func optionsFor(p phased.Plan, ph phased.PlannedPhase, name string) []phased.Origin {
	own := []phased.Origin{}
	if i := slices.IndexFunc(ph.Entries, func(e phased.Entry) bool { return string(e.Name) == name }); i >= 0 {
		own = append(own, ph.Entries[i].Options...)
	}
	all := []phased.Origin{}
	for _, o := range p.Origins {
		is := func(e phased.Origin) bool { return e.Option == o.Option }
		if (o.Phase == "" || o.Phase == ph.Name) && (o.Phase == "" || !slices.ContainsFunc(own, is)) {
			all = append(all, o)
		}
	}
	return append(all, own...)
}

// sourcedPlaces returns where an entry of a sourced phase lies: there is one
// place for it.
func sourcedPlaces(ph phased.PlannedPhase, name string) []Place {
	var all []Place
	for _, e := range ph.Entries {
		if string(e.Name) == name && e.Path != "" {
			all = append(all, Place{
				Dir: phased.Text(filepath.Dir(string(e.Path))), Root: e.Root, Found: true, Wins: true, Verdict: e.Verdict, Detail: e.Detail,
			})
		}
	}
	return all
}

// whySourced says the verdict of an entry of a sourced phase in a sentence.
func whySourced(ph phased.PlannedPhase, e phased.Entry, x Explanation) string {
	detail := ""
	if e.Detail != "" {
		detail = " (" + e.Detail + ")"
	}
	if e.Verdict != phased.VerdictRun {
		return e.Reason(true)
	}
	where := "at the top level of the shell"
	if ph.Scope == phased.ScopeFunction || e.Plugin != "" {
		where = "in a function"
	}
	with := "without arguments"
	if len(e.Args) > 0 {
		with = "with the arguments " + joined(e.Args, " ")
	}
	order := "the order is that of the shell's pattern " + ph.Glob
	switch {
	case ph.Calls != "":
		return "is run by the shell as a process of its own" + detail
	case ph.Localrc:
		return "is sourced at the top level of the shell" + detail
	case e.Plugin != "":
		order = "plugins come behind the hooks, in their order"
	case ph.Files != nil:
		order = "base steps, in the order of their list"
	}
	return fmt.Sprintf("is sourced as %d of %d%s, %s and %s; %s", x.Position, x.Of, detail, where, with, order)
}

// nameIn returns the name of an entry that is meant in a phase.
func nameIn(ph phased.PlannedPhase, name string) (string, bool) {
	if filepath.IsAbs(name) {
		clean := filepath.Clean(name)
		for _, e := range ph.Entries {
			if string(e.Path) == clean {
				return string(e.Name), true
			}
		}
		return "", false
	}
	if slices.ContainsFunc(ph.Entries, func(e phased.Entry) bool { return string(e.Name) == name }) {
		return name, true // those of plugins and base steps have a slash
	}
	if phase, rest, found := strings.Cut(name, "/"); found {
		return rest, phase == ph.Name || phase == ph.Dir
	}
	return name, true
}

func explain(ph phased.PlannedPhase, name string) (Explanation, bool) {
	x := Explanation{Phase: ph.Name, Failure: ph.Failure, Name: phased.Text(name), Places: places(ph, name), Options: []phased.Origin{}}
	hooks := ph.Hooks()
	x.Of = len(hooks)
	var counts *phased.Entry
	for i, e := range ph.Entries {
		if string(e.Name) == name {
			counts = &ph.Entries[i] // those that lose their name to it stand behind it
			break
		}
	}
	if counts == nil {
		return x, false
	}
	x.Verdict, x.Path, x.Number = counts.Verdict, counts.Path, counts.Number
	for i, h := range hooks {
		if string(h.Name) != name {
			continue
		}
		x.Position = i + 1
		if i > 0 {
			x.After = hooks[i-1].Name
		}
		if i+1 < len(hooks) {
			x.Before = hooks[i+1].Name
		}
	}
	x.Why = why(ph, *counts, x)
	for i := range x.Places {
		x.Places[i].Wins = x.Places[i].Wins || x.Places[i].Found && joinPath(string(x.Places[i].Dir), name) == string(counts.Path)
	}
	return x, true
}

// loses reports whether an entry has its verdict from one of a higher root.
func loses(e phased.Entry) bool {
	return e.Verdict == phased.VerdictShadowed ||
		e.Verdict == phased.VerdictMasked && strings.HasPrefix(e.Detail, maskedBy)
}

// places returns every directory that the name was looked for in.
func places(ph phased.PlannedPhase, name string) []Place {
	if ph.Executor == phased.ExecutorSession {
		return sourcedPlaces(ph, name)
	}
	found := map[string]phased.Entry{}
	for _, e := range ph.Entries {
		if string(e.Name) == name {
			found[string(e.Path)] = e
		}
	}
	var all []Place
	for _, t := range treesOf(ph.Phase, ph.Roots) {
		pl := Place{Dir: phased.Text(t.dir), Root: phased.Text(t.root), Detail: "no such entry"}
		if !slices.Contains(ph.Dirs, pl.Dir) {
			pl.Detail = "no such directory"
		}
		if e, ok := found[joinPath(t.dir, name)]; ok {
			pl.Found, pl.Verdict, pl.Detail = true, e.Verdict, e.Detail
		}
		all = append(all, pl)
	}
	return all
}

func joinPath(dir, name string) string {
	if dir == "/" {
		return "/" + name
	}
	return dir + "/" + name
}

// why says the verdict of the entry that counts in a sentence.
func why(ph phased.PlannedPhase, e phased.Entry, x Explanation) string {
	if ph.Executor == phased.ExecutorSession {
		return whySourced(ph, e, x)
	}
	if e.Verdict != phased.VerdictRun {
		return e.Reason(false)
	}
	text := fmt.Sprintf("runs as %d of %d: a regular file that may be executed", x.Position, x.Of)
	if e.Detail != "" {
		text += " (" + e.Detail + ")"
	}
	switch {
	case ph.Order == phased.Glob:
		return text + "; ordered by its whole name, bytewise"
	case e.Number == "":
		return text + "; its name starts with no number, which counts as 0"
	}
	return text + "; ordered by its number " + e.Number + ", by value"
}

// notFound says where a name was looked for, and what is like it.
func notFound(p phased.Plan, name string) error {
	var dirs, known []string
	base := filepath.Base(name)
	for _, ph := range p.AllPhases() {
		for _, d := range ph.Dirs {
			dirs = append(dirs, string(d))
		}
		for _, e := range ph.Entries {
			known = append(known, string(e.Name))
		}
	}
	if len(dirs) == 0 {
		return Errors{{Message: fmt.Sprintf("no entry %q: the lifecycle %s has no directory", name, p.Lifecycle)}}
	}
	hint := ""
	if n := config.Nearest(base, known); n != "" {
		hint = fmt.Sprintf(" (did you mean %s?)", n)
	}
	return Errors{{Message: fmt.Sprintf("no entry %q%s in %s", name, hint, strings.Join(dirs, ", "))}}
}
