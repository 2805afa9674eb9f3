package journal

import (
	"context"
	"errors"
	"iter"
	"time"

	"phased/internal/phased"
)

var errTodo = errors.New("not built yet")

// Options says how a state directory is opened.
type Options struct {
	// ReadOnly opens for reading: nothing is created, and a directory that does
	// not exist reads as empty.
	ReadOnly bool
	// Create makes the state directory where it does not exist.
	Create bool
	// Durability is "run", "phase" (also where empty) or "hook": when the
	// record is synced to the disk.
	Durability string
}

// Store is one state directory. It may be used by several goroutines.
type Store struct {
	dir  string
	opts Options
}

var _ phased.Source = (*Store)(nil)

// Open opens the state directory.
func Open(dir string, o Options) (*Store, error) { return &Store{dir, o}, nil }

// Dir returns the state directory.
func (s *Store) Dir() string { return s.dir }

// DefaultDir returns where the state lies where nobody says otherwise:
// $PHASED_STATE_DIR, /var/lib/phased for root, else $XDG_STATE_HOME/phased or
// $HOME/.local/state/phased; "" where none of these is set.
func DefaultDir(euid int, getenv func(string) string) string { return "" }

// Writer appends to one run file and holds its lock.
type Writer struct{}

// Begin creates the file of a new run, locked, and its marker.
func (s *Store) Begin(id string) (*Writer, error) { return nil, errTodo }

// Path returns the run file's path.
func (w *Writer) Path() string { return "" }

// Append records the events, in order; it returns when they are in the file.
// Its first error sticks. It is an engine.Record.
func (w *Writer) Append(events ...phased.Event) error { return errTodo }

// Close waits for what is being synced and unlocks the run file.
func (w *Writer) Close() error { return errTodo }

// Follow yields the events after seq as they are recorded, woken by Append at
// most every 50 ms, and ends after the final event or Close.
func (w *Writer) Follow(ctx context.Context, after uint64) iter.Seq2[phased.Event, error] { return nil }

// Runs implements phased.Source.
func (s *Store) Runs(ctx context.Context) ([]phased.Summary, error) { return nil, errTodo }

// Run implements phased.Source.
func (s *Store) Run(ctx context.Context, id string) (phased.Run, error) {
	return phased.Run{}, errTodo
}

// Follow implements phased.Source.
func (s *Store) Follow(ctx context.Context, id string, after uint64) iter.Seq2[phased.Event, error] {
	return nil
}

// Events yields what is on record of the run now, and does not wait for more.
func (s *Store) Events(ctx context.Context, id string) iter.Seq2[phased.Event, error] { return nil }

// Output yields the captured output of one hook, as recorded now. An empty
// phase or hook stands for all.
func (s *Store) Output(ctx context.Context, id, phase string, hook phased.Text) iter.Seq2[phased.HookOutput, error] {
	return nil
}

// Resolve returns the full id of "last", -1 (the same), -2, ..., a unique
// prefix or a full id.
func (s *Store) Resolve(ctx context.Context, ref string) (string, error) { return "", errTodo }

// Lock is the run lock of a base directory.
type Lock struct{}

// Busy tells who holds a run lock.
type Busy struct {
	Base  string
	Pid   int
	Run   string // "" where it is not known yet
	Since time.Time
}

func (b *Busy) Error() string { return "busy" }

// LockBase takes the run lock of a base directory. wait: 0 does not wait, less
// than 0 waits until the context ends. The error is a *Busy where another holds
// it.
func (s *Store) LockBase(ctx context.Context, base string, wait time.Duration) (*Lock, error) {
	return nil, errTodo
}

// SetRun says which run the lock is held for.
func (l *Lock) SetRun(id string) error { return errTodo }

// Unlock gives the lock back.
func (l *Lock) Unlock() error { return errTodo }

// CloseDead closes the runs whose phased died, and returns them: those, and
// those closed before that still have orphans. by is the run or command that
// does so. The runs are right also where there is an error, which then tells of
// files that could not be closed: it is worth a warning, no reason not to run.
func (s *Store) CloseDead(by string) ([]phased.Run, error) { return nil, errTodo }

// Live returns the runs of the base that go on now, personalities' included;
// base "" stands for all.
func (s *Store) Live(base string) ([]phased.Summary, error) { return nil, errTodo }

// Orphan is a process that a dead run left running in the middle of a hook.
type Orphan struct {
	Pid     int           `json:"pid"`
	Start   uint64        `json:"start"` // clock ticks since boot
	Command string        `json:"command"`
	Run     string        `json:"run"`
	Base    phased.Text   `json:"base"`
	Phase   string        `json:"phase"`
	Hook    phased.Text   `json:"hook"`
	Age     time.Duration `json:"age_ns"`
}

// Orphans returns the processes that still run of hooks that were unfinished
// when their run died.
func (s *Store) Orphans(runs []phased.Run) []Orphan { return nil }

// Limits says how much is kept; 0 is no limit.
type Limits struct {
	Runs int
	Age  time.Duration
	Size int64 // bytes
}

// Pruned is a run that was, or would be, removed.
type Pruned struct {
	ID     string        `json:"id"`
	Status phased.Status `json:"status"`
	Size   int64         `json:"size"`
	Reason string        `json:"reason"`
}

// Prune removes runs beyond the limits.
func (s *Store) Prune(ctx context.Context, l Limits, dryRun bool) ([]Pruned, error) {
	return nil, errTodo
}

// FailureFiles is where a failure's story lies.
type FailureFiles struct {
	Dir  string // failures/<run id>
	JSON string // failure.json
	Log  string // hook.log; "" where the output was not captured
}

// WriteFailure writes failure.json and hook.log for the hooks of the failure
// phase.
func (s *Store) WriteFailure(id string, f phased.Failure) (FailureFiles, error) {
	return FailureFiles{}, errTodo
}
