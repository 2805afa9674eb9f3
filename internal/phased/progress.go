package phased

// HookProgress tells how far a hook is that has written more than goes on record
// as it comes: what is beyond the first half of what is kept of a hook goes there
// at its end. It comes once a second at first and more and more seldom, and not
// while nothing is written. Where phased dies it is all that is known of that output.
type HookProgress struct {
	Phase string       `json:"phase" doc:"phase"`
	Hook  Text         `json:"hook" doc:"hook"`
	Out   int64        `json:"out,omitempty" doc:"bytes captured from stdout so far, those that will be left out included"`
	Err   int64        `json:"err,omitempty" doc:"the same of stderr"`
	Last  []OutputLine `json:"last,omitempty" doc:"the last lines that it wrote, the oldest first: at most 8, of 800 bytes in all"`
}

// OutputLine is a line of captured output.
type OutputLine struct {
	Stream string `json:"stream" doc:"out or err"`
	Text   Text   `json:"text" doc:"the line without its end; of a long one the last bytes; the last one of a stream may still go on"`
}

// The bounds of HookProgress.Last: with them, and with how seldom it comes, the
// progress of a whole day is about 1 MiB of the record.
const (
	ProgressLines = 8
	ProgressBytes = 800 // of their text, as it is written
)

// Kind implements Payload.
func (HookProgress) Kind() Kind { return KindHookProgress }
