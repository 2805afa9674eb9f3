package phased

import (
	"strings"
	"time"
)

// RebootWhen says when a reboot that a hook asks for is due.
type RebootWhen string

// The moments.
const (
	RebootNow        RebootWhen = "now"         // when the hook has ended
	RebootAfterPhase RebootWhen = "after-phase" // when its phase has (the default)
	RebootAfterRun   RebootWhen = "after-run"   // when the run has
)

// RebootExit is an exit status by which hooks of a lifecycle ask for a reboot.
type RebootExit struct {
	Status int        `json:"status"`
	When   RebootWhen `json:"when"`
	Same   bool       `json:"same,omitempty"` // the hook runs again after the boot
}

// RebootRequest is what a hook has asked for.
type RebootRequest struct {
	Phase string     `json:"phase" doc:"phase"`
	Hook  Text       `json:"hook" doc:"hook"`
	When  RebootWhen `json:"when" doc:"now, after-phase or after-run"`
	Same  bool       `json:"same,omitempty" doc:"it runs again after the boot"`
}

// RunWaiting is the last event of a run that waits for a reboot of its host. A
// run that resumes it goes on after the boot.
type RunWaiting struct {
	Why      string          `json:"why" doc:"why the host is to be rebooted, in words"`
	Requests []RebootRequest `json:"requests" doc:"the hooks that asked for it, in order"`
	BootID   string          `json:"boot_id" doc:"the kernel's boot id: another one means that the host was rebooted"`
	Next     string          `json:"next,omitempty" doc:"where the run goes on, as PHASE/HOOK or PHASE; absent: everything is done but the reboot"`
	ClosedBy string          `json:"closed_by,omitempty" doc:"run or command that found it, where phased did not live to write this"`
	ExitCode int             `json:"exit_code" doc:"exit status of phased"`
	Took     time.Duration   `json:"took_ns" doc:"wall-clock time, in nanoseconds"`
	Ran      int             `json:"ran" doc:"hooks started, without the failure phase"`
	Failed   int             `json:"failed" doc:"of these, hooks that failed"`
}

// Kind implements Payload.
func (RunWaiting) Kind() Kind { return KindRunWaiting }

// RebootText says who asked for a reboot, and when it is due.
func RebootText(all []RebootRequest) string {
	words := make([]string, len(all))
	for i, r := range all {
		again := ""
		if r.Same {
			again = ", and runs again then"
		}
		words[i] = r.Phase + "/" + string(r.Hook) + " (" + string(r.When) + again + ")"
	}
	return "asked for by " + strings.Join(words, ", ")
}

// EndsHook reports whether the reboot that the hook asked for is what ended it:
// it asked for one at once, and was killed while the host went down.
func (r RebootRequest) EndsHook(phase string, hook Text) bool {
	return r.When == RebootNow && r.Phase == phase && r.Hook == hook
}
