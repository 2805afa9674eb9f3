package phased

// Severity says what a finding means for the exit status.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // the hook cannot work, or others can change what runs
	SeverityWarning Severity = "warning" // probably not what was meant
	SeverityInfo    Severity = "info"    // worth knowing
)

// FindingCode names what a check found. Codes are frozen: scripts read them.
// Where an entry is skipped, the code is its verdict.
type FindingCode string

// Finding is one thing that `phased check` found.
type Finding struct {
	Code     FindingCode `json:"code"`
	Severity Severity    `json:"severity"`
	Phase    string      `json:"phase,omitempty"`
	File     Text        `json:"file"`
	Line     int         `json:"line,omitempty"` // from 1; absent: the whole file
	Message  string      `json:"message"`
	Cure     string      `json:"cure"`
}
