package phased

import "time"

// Frequency says how often a hook runs.
type Frequency string

// The frequencies.
const (
	Always         Frequency = "always" // in every run (the default)
	Once           Frequency = "once"   // until it has succeeded
	OncePerBoot    Frequency = "once-per-boot"
	OncePerContent Frequency = "once-per-content" // until it has succeeded as it is: its content, arguments and inputs
)

// Input is a file that a hook says it depends on, as it was at some moment.
type Input struct {
	Path   Text   `json:"path" doc:"path"`
	Digest string `json:"digest,omitempty" doc:"sha256 of the content, in hex; absent: it is no regular file, or cannot be read"`
}

// HeaderFault is one mistake in the header of a hook.
type HeaderFault struct {
	Line    int // from 1
	Message string
}

// HookRule gives the hooks whose names a pattern fits options that stand before
// those of their headers.
type HookRule struct {
	Pattern   string     `json:"pattern"` // as of path.Match
	Leak      LeakPolicy `json:"leak,omitempty"`
	Frequency Frequency  `json:"frequency,omitempty"`
	LeakFrom  string     `json:"leak_from,omitempty"` // where each came from: FILE:LINE
	FreqFrom  string     `json:"frequency_from,omitempty"`
}

// Ran is that a hook which does not run in every run has ended well.
type Ran struct {
	Base      Text      `json:"base"`
	Lifecycle string    `json:"lifecycle"`
	Phase     string    `json:"phase"`
	Hook      Text      `json:"hook"`
	Run       string    `json:"run"`
	Time      time.Time `json:"t"`
	BootID    string    `json:"boot_id"`
	Digest    string    `json:"digest,omitempty"` // of its content
	Inputs    []Input   `json:"inputs,omitempty"`
}

// LeakPolicy returns the policy for an entry: its own, or the default.
func (e Entry) LeakPolicy() LeakPolicy {
	if e.Leak == "" {
		return LeakKeep
	}
	return e.Leak
}

// Limited reports whether the entry does not run in every run.
func (e Entry) Limited() bool { return e.Frequency != "" && e.Frequency != Always }
