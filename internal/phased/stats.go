package phased

import "time"

// Stats is what the runs of a lifecycle on record tell of its hooks: what
// `phased stats` shows.
type Stats struct {
	Lifecycle string      `json:"lifecycle"`
	Base      Text        `json:"base"`
	Runs      int         `json:"runs"`           // that were looked at
	First     time.Time   `json:"first,omitzero"` // when the oldest of them began
	Last      time.Time   `json:"last,omitzero"`  // when the newest of them began
	Hooks     []HookStats `json:"hooks"`          // by phase in the order of the newest run, then by name
}

// HookStats is what the runs on record tell of one hook. Runs in which it was
// skipped, interrupted or stopped do not count.
type HookStats struct {
	Phase  string `json:"phase"`
	Hook   Text   `json:"hook"`
	Runs   int    `json:"runs"`   // in which it ended by itself or at a time limit
	Failed int    `json:"failed"` // of these, in which its last attempt failed
	// Flaky is in how many of Runs an attempt failed although the hook also ended
	// well while nothing of its phase was changed.
	Flaky int `json:"flaky"`
	// Changed is how often its content was another than in the run before.
	Changed int `json:"changed"`
	// Timed is how many times the next three are made of: the last ones in which it
	// ended well.
	Timed   int           `json:"timed"`
	P50     time.Duration `json:"p50_ns"`
	P95     time.Duration `json:"p95_ns"`
	Longest time.Duration `json:"longest_ns"`
	// Timeout is the time limit that it had when it was started last.
	Timeout Duration `json:"timeout,omitempty"`
	// Suggested is a time limit that would fit; 0: too little is known, or none can
	// be given by a header (sourced hooks).
	Suggested Duration `json:"suggested_timeout,omitempty"`
	// Gone says that the newest run that entered the phase did not find it.
	Gone bool `json:"gone,omitempty"`
}
