package phased

import "time"

// Usual is what a hook takes as a rule, by the runs on record in which it ended
// well.
type Usual struct {
	P50  time.Duration // as long as this, or less, in half of them
	P95  time.Duration // in 95 of 100
	Runs int           // that were counted
}

// TimeLeft is about how long a run will go on, by what its hooks take as a rule.
type TimeLeft struct {
	Time    time.Duration
	AtLeast bool // of some of what is left nothing is known
}

// HookSlow tells, while a hook runs, that it takes much longer than usual: once a
// hook.
type HookSlow struct {
	Phase   string        `json:"phase" doc:"phase"`
	Hook    Text          `json:"hook" doc:"hook"`
	Elapsed time.Duration `json:"elapsed_ns" doc:"how long it has been running, in nanoseconds"`
	P50     time.Duration `json:"p50_ns" doc:"what it took, or less, in half of the runs that were counted, in nanoseconds"`
	P95     time.Duration `json:"p95_ns" doc:"the same in 95 of 100, in nanoseconds"`
	Runs    int           `json:"runs" doc:"runs that were counted: the last ones in which it ended well"`
}

// Kind implements Payload.
func (HookSlow) Kind() Kind { return KindHookSlow }
