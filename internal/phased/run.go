package phased

import (
	"slices"
	"time"
)

// Status is where a run, a phase or a hook stands.
//
//	running ──► failing ──► failed | timed-out | stopped
//	   └──────────────────► succeeded
//	running ──────────────► waiting-reboot   (a hook asked for it)
//	running, failing ─────► interrupted      (phased died; closed by the next writer)
//	running ──────────────► waiting-reboot   (phased died by the reboot that the
//	                                         running hook asked for; closed likewise)
//
// The statuses right of the last arrow are final: nothing leaves them. What goes
// on after the boot is a run of its own, which resumes the one that waits.
type Status string

// The statuses.
const (
	StatusRunning     Status = "running" // no failure is known
	StatusFailing     Status = "failing" // a failure is known; the failure phase, or the rest, still runs
	StatusSucceeded   Status = "succeeded"
	StatusFailed      Status = "failed"
	StatusTimedOut    Status = "timed-out"   // a time limit ended it
	StatusStopped     Status = "stopped"     // somebody told phased to stop
	StatusInterrupted Status = "interrupted" // phased died
	StatusWaiting     Status = "waiting-reboot"
	StatusSkipped     Status = "skipped" // of a phase or hook: it was not run
)

// Final reports whether nothing can follow the status.
func (s Status) Final() bool {
	switch s {
	case StatusSucceeded, StatusFailed, StatusTimedOut, StatusStopped, StatusInterrupted, StatusWaiting, StatusSkipped:
		return true
	}
	return false
}

// StatusOf returns the status of a phase or run that ended by the cause.
func StatusOf(c Cause) Status {
	switch c {
	case CauseOK:
		return StatusSucceeded
	case CauseTimeout:
		return StatusTimedOut
	case CauseStopped:
		return StatusStopped
	}
	return StatusFailed
}

// Run is one execution of a plan: the fold of its events, and of nothing else.
// The zero value is a run of which nothing is known yet.
type Run struct {
	ID       string        `json:"id"`
	Status   Status        `json:"status"`
	Seq      uint64        `json:"seq"` // of the last event applied
	Start    RunStarted    `json:"start"`
	Began    time.Time     `json:"began"`
	Ended    time.Time     `json:"ended,omitzero"`
	Took     time.Duration `json:"took_ns,omitempty"` // while it runs: up to the last event
	Phases   []PhaseRun    `json:"phases"`
	Failure  *Failure      `json:"failure,omitempty"`
	ExitCode int           `json:"exit_code"`
	Warnings []string      `json:"warnings,omitempty"`
	ClosedBy string        `json:"closed_by,omitempty"` // who closed it as interrupted
	// Waiting is set where it waits for a reboot.
	Waiting *RunWaiting `json:"waiting,omitempty"`
	// Session is the bash that hooks are sourced into; nil: there is none.
	Session      *SessionStarted `json:"session,omitempty"`
	SessionEnded *Exit           `json:"session_ended,omitempty"`
	// Space is how many things are on record of the variable space that the
	// session started with; 0: it is not recorded.
	Space int `json:"space,omitempty"`
}

// PhaseRun is one phase of a run.
type PhaseRun struct {
	PhaseStarted
	Status Status        `json:"status"`
	Began  time.Time     `json:"began"`
	Took   time.Duration `json:"took_ns,omitempty"`
	Hooks  []HookRun     `json:"hooks"`
	Skip   string        `json:"skip,omitempty"`   // why it was skipped: done or not-asked
	Reason string        `json:"reason,omitempty"` // the same in words
	// Warnings are those of no hook.
	Warnings []HookWarning `json:"warnings,omitempty"`
}

// HookRun is one hook of a run. Its output is not kept: read the events.
type HookRun struct {
	HookStarted
	Status     Status        `json:"status"`
	Began      time.Time     `json:"began"`
	Took       time.Duration `json:"took_ns,omitempty"`
	Exit       *Exit         `json:"exit,omitempty"`
	Usage      *Usage        `json:"usage,omitempty"`
	Out        int64         `json:"out,omitempty"`         // bytes captured from stdout
	Err        int64         `json:"err,omitempty"`         // bytes captured from stderr
	Dropped    int64         `json:"dropped,omitempty"`     // bytes left out of the record
	Progress   *HookProgress `json:"progress,omitempty"`    // how far its output is; nil: it is all on record, or it has ended
	Slow       *HookSlow     `json:"slow,omitempty"`        // it took much longer than usual
	Left       bool          `json:"left,omitempty"`        // left a process behind that holds its output
	LeftBehind []LeftBehind  `json:"left_behind,omitempty"` // processes that it has left behind
	LeftMore   int           `json:"left_more,omitempty"`   // how many more there were
	Leak       LeakPolicy    `json:"leak,omitempty"`        // what became of them
	Ends       []Descriptor  `json:"ends,omitempty"`        // where its inherited output ended
	Skip       string        `json:"skip,omitempty"`        // why it was skipped: done, not-asked or not-readable
	Reason     string        `json:"reason,omitempty"`      // the same in words
	Nothing    bool          `json:"nothing,omitempty"`     // it said that there was nothing to do
	Again      bool          `json:"again,omitempty"`       // this attempt failed, and another one follows
	Pause      time.Duration `json:"pause_ns,omitempty"`    // after this time
	Ended      bool          `json:"ended,omitempty"`       // the session ended in it
	Ignored    bool          `json:"ignored,omitempty"`     // it failed, and the shell went on
	Trace      *Trace        `json:"trace,omitempty"`       // where it failed
	// Changes is how many things it changed in the variable space; the events
	// have them.
	Changes  int           `json:"changes,omitempty"`
	Warnings []HookWarning `json:"warnings,omitempty"`
	// Summary is what it says of itself to people, in Markdown.
	Summary     Text  `json:"summary,omitempty"`
	SummarySize int64 `json:"summary_size,omitempty"` // bytes of the whole where it was cut
	// Notified are the names that it has notified.
	Notified []string `json:"notified,omitempty"`
}

// Apply adds an event to the run. It is pure, idempotent by seq (an event that
// was applied, or that would leave a gap behind it, changes nothing) and never
// leaves a final status. It reports whether the event was applied.
func (r *Run) Apply(e Event) bool {
	if e.Seq != r.Seq+1 || r.Status.Final() || (r.Seq > 0 && e.Run != r.ID) {
		return false
	}
	if r.Seq == 0 {
		r.ID, r.Began, r.Status = e.Run, e.Time, StatusRunning
	}
	r.Seq = e.Seq
	r.Took = e.Mono
	switch d := e.Data.(type) {
	case RunStarted:
		if e.Seq == 1 {
			r.Start = d
		}
	case RunFailed:
		f := d.Failure
		r.Failure, r.Status = &f, StatusFailing
	case RunStopping:
	case RunWarning:
		r.Warnings = append(r.Warnings, d.Message)
	case RunFinished:
		r.Ended, r.Took, r.Status, r.ExitCode = e.Time, d.Took, d.Status, d.ExitCode
		if !r.Status.Final() { // a status of a newer phased
			r.Status = StatusFailed
		}
		if d.Failure != nil {
			r.Failure = d.Failure
		}
	case RunInterrupted:
		r.Ended, r.Status, r.ClosedBy = e.Time, StatusInterrupted, d.ClosedBy
		if d.Failure != nil {
			r.Failure = d.Failure
		}
		r.interrupt()
	case RunWaiting:
		r.wait(d, e.Time)
	case PhaseStarted:
		r.Phases = append(r.Phases, PhaseRun{PhaseStarted: d, Status: StatusRunning, Began: e.Time})
	case PhaseFinished:
		if p := r.phase(d.Phase); p != nil {
			p.Status, p.Took = d.Status, d.Took
		}
	case HookStarted:
		if p := r.phase(d.Phase); p != nil {
			p.add(HookRun{HookStarted: d, Status: StatusRunning, Began: e.Time})
		}
	case HookCut:
		if h := r.Hook(d.Phase, d.Hook); h != nil {
			h.Dropped += d.Dropped
		}
	case HookProgress:
		if h := r.Hook(d.Phase, d.Hook); h != nil && !h.Status.Final() {
			h.Progress, h.Out, h.Err = &d, d.Out, d.Err
		}
	case HookSlow:
		if h := r.Hook(d.Phase, d.Hook); h != nil && !h.Status.Final() {
			h.Slow = &d
		}
	case HookFinished:
		if h := r.Hook(d.Phase, d.Hook); h != nil {
			exit := d.Exit
			h.Exit, h.Status, h.Took, h.Usage, h.Progress = &exit, StatusOf(exit.Cause), d.Took, d.Usage, nil
			h.Out, h.Err, h.Left, h.Ends = d.Out, d.Err, d.Left, d.Files
			h.LeftBehind, h.LeftMore, h.Leak = d.LeftBehind, d.LeftMore, d.Leak
			h.Ended, h.Ignored, h.Trace = d.Ended, d.Ignored, d.Trace
			h.Nothing, h.Again, h.Pause = d.Nothing, d.Again, d.Pause
		}
	default:
		r.applySession(e)
	}
	return true
}

// applySession adds an event that only runs with sourced hooks, or resumed ones,
// have.
func (r *Run) applySession(e Event) {
	switch d := e.Data.(type) {
	case SessionStarted:
		r.Session = &d
	case SessionEnded:
		r.SessionEnded = &d.Exit
	case PhaseSkipped:
		r.Phases = append(r.Phases, PhaseRun{PhaseStarted: PhaseStarted{Phase: d.Phase}, Status: StatusSkipped, Began: e.Time, Skip: d.Reason, Reason: d.Message})
	case HookSkipped:
		if p := r.phase(d.Phase); p != nil {
			p.add(HookRun{
				HookStarted: HookStarted{Phase: d.Phase, Hook: d.Hook, Path: d.Path}, Status: StatusSkipped, Began: e.Time, Skip: d.Reason, Reason: d.Message,
			})
		}
	case HookWarning:
		p := r.phase(d.Phase)
		if h := r.Hook(d.Phase, d.Hook); h != nil && d.Hook != "" {
			h.Warnings = append(h.Warnings, d)
		} else if p != nil {
			p.Warnings = append(p.Warnings, d)
		}
	case HookSummary:
		if h := r.Hook(d.Phase, d.Hook); h != nil {
			h.Summary, h.SummarySize = d.Text, d.Size
		}
	case HookNotified:
		if h := r.Hook(d.Phase, d.Hook); h != nil {
			for _, name := range d.Names {
				if !slices.Contains(h.Notified, name) {
					h.Notified = append(h.Notified, name)
				}
			}
		}
	case SpaceChanged:
		if d.Phase == "" {
			r.Space += len(d.Changes)
		} else if h := r.Hook(d.Phase, d.Hook); h != nil {
			h.Changes += len(d.Changes)
		}
	}
}

// wait ends the run: it waits for a reboot.
func (r *Run) wait(d RunWaiting, at time.Time) {
	r.Ended, r.Status, r.Waiting, r.ClosedBy, r.ExitCode = at, StatusWaiting, &d, d.ClosedBy, d.ExitCode
	if d.Took > 0 {
		r.Took = d.Took
	}
	r.interrupt()
}

// AsWaiting returns the run as readers show it when its phased died by the reboot
// that its hook had asked for, and nobody has closed it yet.
func (r Run) AsWaiting(d RunWaiting) Run {
	r = r.AsInterrupted()
	r.Status, r.Waiting = StatusWaiting, &d
	return r
}

// interrupt marks what was still going on as interrupted.
func (r *Run) interrupt() {
	for i := range r.Phases {
		p := &r.Phases[i]
		if !p.Status.Final() {
			p.Status = StatusInterrupted
		}
		for j := range p.Hooks {
			if !p.Hooks[j].Status.Final() {
				p.Hooks[j].Status = StatusInterrupted
			}
		}
	}
}

// AsInterrupted returns the run as readers show it when its phased is found
// dead and nobody has closed it yet.
func (r Run) AsInterrupted() Run {
	if r.Status.Final() {
		return r
	}
	phases := make([]PhaseRun, len(r.Phases))
	for i, p := range r.Phases {
		p.Hooks = append([]HookRun(nil), p.Hooks...)
		phases[i] = p
	}
	r.Phases = phases
	r.Status = StatusInterrupted
	r.interrupt()
	return r
}

func (r *Run) phase(name string) *PhaseRun {
	for i := len(r.Phases) - 1; i >= 0; i-- {
		if r.Phases[i].Phase == name {
			return &r.Phases[i]
		}
	}
	return nil
}

// add puts a hook behind those before it: in run order, also where hooks run
// together, so that nobody can see from the run who of them was first.
func (p *PhaseRun) add(h HookRun) {
	at := len(p.Hooks)
	if p.Parallel != "" {
		place := p.place(h.Hook)
		for at > 0 && p.place(p.Hooks[at-1].Hook) > place {
			at--
		}
	}
	p.Hooks = slices.Insert(p.Hooks, at, h)
}

// place returns the place of a hook in run order; one that is not listed comes
// last.
func (p *PhaseRun) place(hook Text) int {
	for i := range p.Entries {
		if p.Entries[i].Name == hook {
			return i
		}
	}
	return len(p.Entries)
}

// Hook returns the last hook of that name that the phase started, or nil.
func (r *Run) Hook(phase string, name Text) *HookRun {
	p := r.phase(phase)
	if p == nil {
		return nil
	}
	for i := len(p.Hooks) - 1; i >= 0; i-- {
		if p.Hooks[i].Hook == name {
			return &p.Hooks[i]
		}
	}
	return nil
}

// Counts returns how many hooks were started, without the failure phase, and
// how many of these failed.
func (r *Run) Counts() (ran, failed int) {
	for i := range r.Phases {
		if r.Phases[i].Failure {
			continue
		}
		for j := range r.Phases[i].Hooks {
			if r.Phases[i].Hooks[j].Status == StatusSkipped || r.Phases[i].Hooks[j].Again {
				continue
			}
			ran++
			if x := r.Phases[i].Hooks[j].Exit; x != nil && !x.OK() {
				failed++
			}
		}
	}
	return ran, failed
}

// Closing reports whether an event is the last one of its run.
func (e Event) Closing() bool {
	switch e.Data.(type) {
	case RunFinished, RunInterrupted, RunWaiting:
		return true
	}
	return false
}
