package phased

import (
	"context"
	"errors"
	"iter"
	"time"
)

// ErrNoRun says that a source has no run of that id.
var ErrNoRun = errors.New("no such run")

// Summary is a run as a list shows it.
type Summary struct {
	ID          string        `json:"id"`
	Lifecycle   string        `json:"lifecycle"`
	Base        Text          `json:"base"`
	Personality string        `json:"personality,omitempty"`
	Status      Status        `json:"status"`
	Began       time.Time     `json:"began"`
	Ended       time.Time     `json:"ended,omitzero"`
	Took        time.Duration `json:"took_ns,omitempty"`
	ExitCode    int           `json:"exit_code"`
	Ran         int           `json:"ran"`
	Failed      int           `json:"failed"`
	Failure     *Failure      `json:"failure,omitempty"`
	Pid         int           `json:"pid,omitempty"`
	PidStart    uint64        `json:"pid_start,omitempty"`
	BootID      string        `json:"boot_id,omitempty"`
	Parent      string        `json:"parent,omitempty"`  // run inside of which it was started
	Resumes     string        `json:"resumes,omitempty"` // run that it continues
	From        string        `json:"from,omitempty"`    // run in whose saved variable space it started
}

// Source is where runs are read from: the journal of this host, or a hub.
type Source interface {
	// Runs returns the known runs, newest first.
	Runs(ctx context.Context) ([]Summary, error)
	// Run returns the fold of the run's events so far. A run whose phased died
	// comes as interrupted. ErrNoRun where there is none.
	Run(ctx context.Context, id string) (Run, error)
	// Follow yields the run's events after seq, waits for more while the run
	// goes on, and ends after its final event, or, where its phased died,
	// after its last. It ends with an error where the record cannot be read.
	Follow(ctx context.Context, id string, after uint64) iter.Seq2[Event, error]
}

// NewestOf returns the id of the newest run of those that go on with a run, or with
// one that does; its own where none does. The runs come newest first.
func NewestOf(runs []Summary, id string) string {
	by := map[string]string{}
	for i := range runs {
		if s := &runs[i]; s.Resumes != "" && by[s.Resumes] == "" && s.Resumes < s.ID {
			by[s.Resumes] = s.ID
		}
	}
	for by[id] != "" {
		id = by[id]
	}
	return id
}
