package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
	"phased/internal/proc"
)

// noPid is a process id that no process can have.
const noPid = 1 << 30

// Ids as ulids sort: the later, the greater.
func testID(n int) string { return fmt.Sprintf("01JZ%022d", n) }

func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	o.Create = true
	s, err := Open(filepath.Join(t.TempDir(), "state"), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// script makes events of a run out of their payloads.
type script struct {
	id    string
	seq   uint64
	start time.Time
}

func newScript(id string) *script {
	return &script{id: id, start: time.Date(2026, 3, 4, 5, 6, 7, 890, time.UTC)}
}

func (s *script) next(data phased.Payload) phased.Event {
	s.seq++
	mono := time.Duration(s.seq) * time.Millisecond
	return phased.Event{Run: s.id, Seq: s.seq, Time: s.start.Add(mono), Mono: mono, Data: data}
}

func (s *script) all(data ...phased.Payload) []phased.Event {
	var events []phased.Event
	for _, d := range data {
		events = append(events, s.next(d))
	}
	return events
}

func started(base string) phased.RunStarted {
	self, _ := proc.Read(os.Getpid())
	return phased.RunStarted{
		Lifecycle: "refresh", Base: phased.Text(base), Host: "host", BootID: proc.BootID(), Version: "1", Argv: []phased.Text{"phased", "run"},
		Pid: os.Getpid(), PidStart: self.Start, Output: "captured",
		Surroundings: phased.Surroundings{Env: []phased.Text{"PATH=/usr/bin:/bin", "HOME=/root"}, Dir: "/", Umask: 18, Stdin: "null"},
		Phases:       []string{"configure"}, Hooks: 1,
	}
}

// goodRun is a whole run with output that is no UTF-8 in it.
func goodRun(id, base string) []phased.Event {
	return newScript(id).all(
		started(base),
		phased.PhaseStarted{Phase: "configure", Dirs: []phased.Text{"/x/configure.d"}, Entries: []phased.Entry{
			{Name: "10-a", Path: "/x/configure.d/10-a", Verdict: phased.VerdictRun}, {Name: "b\xff\n", Path: "/x/b\xff\n", Verdict: phased.VerdictNameChars},
		}},
		phased.HookStarted{Phase: "configure", Hook: "10-a", Path: "/x/configure.d/10-a", Pid: noPid, PidStart: 99},
		phased.HookOutput{Phase: "configure", Hook: "10-a", Stream: "out", Text: "h\u00e9llo\n"},
		phased.HookOutput{Phase: "configure", Hook: "10-a", Stream: "err", Text: "\x00\xff\xfe\n"},
		phased.HookFinished{Phase: "configure", Hook: "10-a", Exit: phased.Exit{Cause: phased.CauseOK}, Took: 7, Out: 7, Err: 4},
		phased.PhaseFinished{Phase: "configure", Status: phased.StatusSucceeded, Took: 8},
		phased.RunFinished{Status: phased.StatusSucceeded, Took: 9, Ran: 1},
	)
}

func begin(t testing.TB, s *Store, id string) *Writer {
	t.Helper()
	w, err := s.Begin(id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// keep writes a run; the writer is closed as it would be, and left as it
// would be by a kill where the run has no final event.
func keep(t testing.TB, s *Store, events []phased.Event) {
	t.Helper()
	w := begin(t, s, events[0].Run)
	if err := w.Append(events...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func foldOf(events []phased.Event) phased.Run {
	var r phased.Run
	for _, e := range events {
		r.Apply(e)
	}
	return r
}

func sameRun(t testing.TB, want, got phased.Run) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("run (-want +got):\n%s", d)
	}
}

// eventually waits for a condition, and fails after a generous time.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
