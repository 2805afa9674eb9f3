package phased

import "time"

// SpaceView is the variable space of a run at one moment, as its events tell
// it: what `phased env` shows.
type SpaceView struct {
	Run string `json:"run"`
	// Phase and Hook are those after which the space was so; both are empty at
	// the run's end, Hook alone at the end of a phase.
	Phase   string       `json:"phase,omitempty"`
	Hook    Text         `json:"hook,omitempty"`
	Entries []SpaceEntry `json:"entries"` // by kind, then by name
}

// SpaceEntry is one thing in a variable space.
type SpaceEntry struct {
	Kind  ChangeKind `json:"kind"`
	Name  Text       `json:"name"` // of a directory or umask: empty
	Value Value      `json:"value"`
	Local bool       `json:"local,omitempty"` // a local variable of the phase
	// ByPhase and ByHook say what set or changed it last; both are empty where it
	// is so since the start of the session.
	ByPhase string `json:"by_phase,omitempty"`
	ByHook  Text   `json:"by_hook,omitempty"`
}

// BlameStep is one change of a name: what `phased blame` shows.
type BlameStep struct {
	// Run is the run in which it was: that which was asked for, or one that this
	// one goes on with.
	Run    string    `json:"run"`
	Seq    uint64    `json:"seq"` // of the event that tells it
	Time   time.Time `json:"t"`
	Phase  string    `json:"phase,omitempty"` // absent: the start of the session
	Hook   Text      `json:"hook,omitempty"`  // absent: the phase's beginning or end
	File   Text      `json:"file,omitempty"`  // where it was done, as far as that is known
	Line   int       `json:"line,omitempty"`
	Change Change    `json:"change"`
}
