package plan

import "phased/internal/phased"

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
	Detail  string         `json:"detail,omitempty"` // where it was not found: why the directory has none
}

// Explain tells all about the entries of that name: NAME, PHASE/NAME or the
// path of an entry. Its error names the directories and the nearest known name
// where there is none.
func Explain(p phased.Plan, name string) ([]Explanation, error) { return nil, nil }
