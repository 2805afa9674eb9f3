package plan

import "phased/internal/phased"

// Severity says what a finding means for the exit status.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // the hook cannot work, or root runs what others can change
	SeverityWarning Severity = "warning" // probably not what was meant
	SeverityInfo    Severity = "info"    // worth knowing
)

// Finding is one thing that Check found.
type Finding struct {
	Code     string      `json:"code"`
	Severity Severity    `json:"severity"`
	Phase    string      `json:"phase,omitempty"`
	File     phased.Text `json:"file"`
	Line     int         `json:"line,omitempty"` // from 1; absent: the whole file
	Message  string      `json:"message"`
	Cure     string      `json:"cure"`
}

// CheckOptions change what Check does.
type CheckOptions struct {
	Strict bool // warnings become errors
}

// Check lints every entry of the plan: errors in file order, not by severity.
func Check(p phased.Plan, o CheckOptions) []Finding { return nil }
