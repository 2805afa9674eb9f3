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

// The conditions under which a hook runs.
const (
	// WhenNotified is that a hook has said so, by `phased notify NAME`: notified:NAME.
	WhenNotified = "notified"
	// WhenChanged is the same, changed:NAME, or that files are not as they were when
	// the hook last ended well: changed:/PATH.
	WhenChanged = "changed"
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

// HookOptions are what the header of a hook and the settings say of it. The zero
// value of each stands for what the phase says, or for nothing special.
type HookOptions struct {
	Timeout   Duration   `json:"timeout,omitempty" doc:"time limit of this hook; none: it has none"`
	Frequency Frequency  `json:"frequency,omitempty" doc:"once, once-per-boot or once-per-content; absent: it runs in every run"`
	Leak      LeakPolicy `json:"leak,omitempty" doc:"what becomes of processes that it leaves behind: kill or fail; absent: keep"`
	Inputs    []Text     `json:"inputs,omitempty" doc:"patterns of the files that it depends on"`
	Retries   int        `json:"retries,omitempty" doc:"how often it is tried again after a failure"`
	Backoff   Duration   `json:"backoff,omitempty" doc:"pause before the first further attempt; it doubles from one to the next"`
	Locks     []string   `json:"locks,omitempty" doc:"locks that it holds while it runs"`
	When      []string   `json:"when,omitempty" doc:"conditions, as notified:NAME, of which one must hold for it to run"`
	AllowExit []int      `json:"allow_exit,omitempty" doc:"exit statuses, beside 0, that are no failure"`
	SkipExit  []int      `json:"skip_exit,omitempty" doc:"exit statuses by which it says that there was nothing to do"`
	Secrets   []Text     `json:"secrets,omitempty" doc:"files whose content is kept out of all that is recorded and shown"`
}

// HookRule gives the hooks whose names a pattern fits options that stand before
// those of their headers.
type HookRule struct {
	Pattern string `json:"pattern"` // as of path.Match
	HookOptions
	// From holds the options that the rule gives, by the name that the settings have
	// for them, and where each came from: FILE:LINE.
	From map[string]string `json:"from,omitempty"`
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
