package plan

import "phased/internal/phased"

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
// run of it, by their rules. An unknown tool is an error that names the known.
func CompareTools(p phased.Plan, tools []string) ([]ToolDifference, error) { return nil, nil }
