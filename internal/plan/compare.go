package plan

import (
	"fmt"
	"slices"
	"strings"

	"phased/internal/phased"
)

// The tools that CompareTools knows.
const (
	ToolDibRunParts = "dib-run-parts"
	ToolRunParts    = "run-parts"
)

// ToolDifference tells what one other tool would run of one hook directory. One
// is made for every tool and directory, also where there is no difference.
type ToolDifference struct {
	Tool      string        `json:"tool"`
	Phase     string        `json:"phase"`
	Dir       phased.Text   `json:"dir"`
	Same      bool          `json:"same"`                 // same hooks in the same order
	Here      []phased.Text `json:"here"`                 // what phased runs of this directory, in order
	There     []phased.Text `json:"there"`                // what the tool would, in order
	OnlyHere  []ToolEntry   `json:"only_here,omitempty"`  // in run order
	OnlyThere []ToolEntry   `json:"only_there,omitempty"` // in the tool's order
	Moved     []Moved       `json:"moved,omitempty"`      // in both, at another place among those in both
	Notes     []string      `json:"notes,omitempty"`      // what else the tool does otherwise
}

// ToolEntry is a hook that one side runs and the other does not.
type ToolEntry struct {
	Name phased.Text `json:"name"`
	Why  string      `json:"why"`
}

// Moved is a hook that both run, but at another place. Places count from 1
// among the hooks that both run.
type Moved struct {
	Name  phased.Text `json:"name"`
	Here  int         `json:"here"`
	There int         `json:"there"`
}

// CompareTools tells for every directory of the plan what the other tools would
// run of it, by their rules; all known tools where none is named. Tools know
// one directory at a time: they see neither masks nor overrides. Its error, an
// unknown tool or a directory that cannot be listed, is an Errors.
func CompareTools(p phased.Plan, tools []string) ([]ToolDifference, error) {
	if p.Session != nil && !slices.ContainsFunc(p.Phases, func(ph phased.PlannedPhase) bool { return ph.Executor != phased.ExecutorSession }) {
		return nil, Errors{{Message: fmt.Sprintf("the hooks of the lifecycle %s are sourced: no other tool does that", p.Lifecycle)}}
	}
	if len(tools) == 0 {
		tools = []string{ToolDibRunParts, ToolRunParts}
	}
	all := []ToolDifference{}
	var errs Errors
	for _, tool := range tools {
		predict, known := map[string]func(string) (prediction, error){
			ToolDibRunParts: dibRunParts, ToolRunParts: runParts,
		}[tool]
		if !known {
			errs = append(errs, &Error{Message: fmt.Sprintf("unknown tool %q; known are %s and %s", tool, ToolDibRunParts, ToolRunParts)})
			continue
		}
		for _, ph := range p.AllPhases() {
			if ph.Executor == phased.ExecutorSession {
				continue
			}
			for _, dir := range ph.Dirs {
				would, err := predict(string(dir))
				if err != nil {
					errs = errs.with(err)
					continue
				}
				all = append(all, difference(tool, ph, dir, would))
			}
		}
	}
	return all, errs.orNil()
}

// prediction is what a tool would run of a directory, in order.
type prediction struct {
	hooks []string
	why   map[string]string // a hook that it runs for a reason of its own, or leaves out
	rest  string            // why it leaves out what it leaves out
	notes []string
}

// difference compares what phased runs of one directory with the prediction.
func difference(tool string, ph phased.PlannedPhase, dir phased.Text, would prediction) ToolDifference {
	d := ToolDifference{Tool: tool, Phase: ph.Name, Dir: dir, Here: []phased.Text{}, There: []phased.Text{}, Notes: would.notes}
	entries := map[string]phased.Entry{}
	here := map[string]int{}
	for _, e := range ph.Entries {
		if joinPath(string(dir), string(e.Name)) != string(e.Path) {
			continue
		}
		entries[string(e.Name)] = e
		if e.Verdict == phased.VerdictRun {
			d.Here = append(d.Here, e.Name)
			here[string(e.Name)] = 0
		}
	}
	there, places := map[string]int{}, 0 // among those that both run
	for _, h := range would.hooks {
		d.There = append(d.There, phased.Text(h))
		if n, ours := here[h]; ours && n == 0 {
			places++
			here[h], there[h] = 1, places
			continue
		}
		why := would.why[h]
		if e, known := entries[h]; why == "" && known {
			why = fmt.Sprintf("%s here: %s", e.Verdict, orText(e.Detail, "it runs once"))
		}
		d.OnlyThere = append(d.OnlyThere, ToolEntry{phased.Text(h), orText(why, "it was not there when the plan was made")})
	}
	place := 0
	for _, h := range d.Here {
		if here[string(h)] == 0 {
			d.OnlyHere = append(d.OnlyHere, ToolEntry{h, orText(would.why[string(h)], orText(would.rest, "it has changed since the plan was made"))})
			continue
		}
		place++
		if at := there[string(h)]; at != place {
			d.Moved = append(d.Moved, Moved{h, place, at})
		}
	}
	d.Same = slices.Equal(d.Here, d.There)
	return d
}

// unlike says why a name that phased runs is none for a tool.
func unlike(tool, name string) string {
	return fmt.Sprintf("%s takes only names of letters, digits, - and _; %s", tool, strings.TrimSuffix(oddOrDot(name), ","))
}

func oddOrDot(name string) string {
	if strings.ContainsRune(name, '.') {
		return "this one has a dot"
	}
	return "this one has " + oddCharacter(name)
}
