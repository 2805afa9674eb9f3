package phased

import "time"

// Notification is that something has changed, as a hook has said it: hooks that
// wait for its name (`when=notified:NAME`) run until each of them has ended well
// since.
//
//	phased notify ► pending ► every hook that waits for it has ended well ► gone
//	                   ▲  └─► nobody waits for it, the run has ended well ► gone
//	                   └── a run that fails, a crash, a power cut
type Notification struct {
	Base      Text      `json:"base"`
	Lifecycle string    `json:"lifecycle"`
	Name      string    `json:"name"`
	Phase     string    `json:"phase,omitempty"` // of the hook; absent: somebody typed it
	Hook      Text      `json:"hook,omitempty"`
	Run       string    `json:"run,omitempty"`
	Time      time.Time `json:"t"`
	// ID is new each time, also where a hook says the same again.
	ID string `json:"id"`
}

// Served is what is remembered of a hook that waits for notifications, or for
// files to change, since it last ended well.
type Served struct {
	Base      Text      `json:"base"`
	Lifecycle string    `json:"lifecycle"`
	Phase     string    `json:"phase"`
	Hook      Text      `json:"hook"`
	Run       string    `json:"run"`
	Time      time.Time `json:"t"`
	IDs       []string  `json:"ids,omitempty"`   // of the notifications that were pending when it started
	Files     []Input   `json:"files,omitempty"` // that it waits for, as they were when it started
}

// FileState is a file as it was at some moment, in one word: its type, mode,
// owner and content. What is not there has none.
type FileState struct {
	Path Text   `json:"path"`
	Is   string `json:"is"`
}

// Look is what `phased changed` has seen of one of its arguments.
type Look struct {
	At    Text        `json:"at"` // a path or a pattern, absolute
	Time  time.Time   `json:"t"`
	Files []FileState `json:"files,omitempty"`
}

// HookNotified tells that a hook has notified others, also where it failed.
type HookNotified struct {
	Phase string   `json:"phase" doc:"phase"`
	Hook  Text     `json:"hook" doc:"hook"`
	Names []string `json:"names" doc:"names of the notifications, each once"`
}

// Kind implements Payload.
func (HookNotified) Kind() Kind { return KindHookNotified }
