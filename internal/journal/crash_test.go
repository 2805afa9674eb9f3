package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"phased/internal/faultdisk"
	"phased/internal/phased"
)

// random returns the source of a test with random input and how often to repeat
// it: n times, or PHASED_SOAK times as often. PHASED_SEED sets the seed.
func random(t testing.TB, n int) (*rand.Rand, int) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("PHASED_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("PHASED_SEED=%s: expected a number", s)
		}
	}
	t.Logf("PHASED_SEED=%d", seed)
	if factor, err := strconv.Atoi(os.Getenv("PHASED_SOAK")); err == nil && factor > 0 {
		n *= factor
	}
	return rand.New(rand.NewPCG(seed, 0)), n
}

// drive is a run on its way through a journal.
type drive struct {
	id     string
	sent   [][]byte // the lines of all events that Append was called with
	events []phased.Event
	acked  int // how many of them Append has said are in the file
	safe   int // how many of these the durability promises to be on the disk
	err    error

	compared []int // lengths of which the fold was compared
}

// batches is a run of two phases as an engine records it.
func batches(id string) [][]phased.Event {
	sc := newScript(id)
	first := started("/x")
	first.BootID = "before the power went"
	all := [][]phased.Event{{sc.next(first)}}
	for _, phase := range []string{"configure", "migrate"} {
		all = append(all, sc.all(phased.PhaseStarted{Phase: phase, Entries: []phased.Entry{{Name: "10-a", Verdict: phased.VerdictRun}}}))
		for _, hook := range []phased.Text{"10-a", "20-b"} {
			all = append(all,
				sc.all(phased.HookStarted{Phase: phase, Hook: hook, Pid: noPid, PidStart: 9}),
				sc.all(
					phased.HookOutput{Phase: phase, Hook: hook, Stream: "out", Text: phased.Text(strings.Repeat("x", 300))},
					phased.HookOutput{Phase: phase, Hook: hook, Stream: "err", Text: "\xff\n"},
				),
				sc.all(phased.HookFinished{Phase: phase, Hook: hook, Exit: phased.Exit{Cause: phased.CauseOK}}),
			)
		}
		all = append(all, sc.all(phased.PhaseFinished{Phase: phase, Status: phased.StatusSucceeded}))
	}
	return append(all, sc.all(phased.RunFinished{Status: phased.StatusSucceeded, Ran: 4}))
}

// promised reports whether docs/journal.md promises that what comes up to this
// event is on the disk when Append returns.
func promised(durability string, e phased.Event) bool {
	switch e.Data.(type) {
	case phased.RunFinished:
		return true
	case phased.PhaseFinished:
		return durability != "run"
	case phased.HookFinished:
		return durability == "hook"
	}
	return false
}

// play drives a run into the journal, until the first error as an engine does,
// and returns what it was told.
func play(s *Store, id, durability string) *drive {
	d := &drive{id: id}
	w, err := s.Begin(id)
	if err != nil {
		d.err = err
		return d
	}
	for _, batch := range batches(id) {
		for _, e := range batch {
			line, err := appendLine(nil, e)
			must(err)
			d.sent, d.events = append(d.sent, line), append(d.events, e)
		}
		if d.err = w.Append(batch...); d.err != nil {
			before, _ := os.ReadFile(w.path)
			if again := w.Append(batch...); !errors.Is(again, d.err) {
				d.err = fmt.Errorf("a second Append says %w", again)
			}
			if after, _ := os.ReadFile(w.path); !bytes.Equal(before, after) {
				d.err = errors.New("something was written behind a hole")
			}
			break
		}
		d.acked = len(d.sent)
		if promised(durability, batch[len(batch)-1]) {
			d.safe = d.acked
		}
	}
	d.err = errors.Join(d.err, w.Close())
	return d
}

// good returns how many of the lines of the run stand at the beginning of what
// is in the file, and whether a line that is sound stands behind them.
func (d *drive) good(content []byte) (n int, damaged bool) {
	for n < len(d.sent) && bytes.HasPrefix(content, d.sent[n]) {
		content = content[len(d.sent[n]):]
		n++
	}
	for line := range bytes.Lines(content) {
		for _, other := range d.sent[n:] {
			damaged = damaged || bytes.Equal(line, other)
		}
	}
	return n, damaged
}

// readable holds what a reader makes of the run's file to what stands in it: all
// lines up to the first that is torn or was never written, and nothing else.
// least is how many must be there. It returns how many are.
func (d *drive) readable(t testing.TB, s *Store, least int) int {
	t.Helper()
	content, err := os.ReadFile(s.RunFile(d.id))
	if err != nil {
		if least > 0 || !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("run %s: %v; %d events are safe", d.id, err, least)
		}
		return 0
	}
	n, damaged := d.good(content)
	if n < least {
		t.Fatalf("run %s: %d events are left, %d are safe:\n%q", d.id, n, least, content)
	}
	run, err := s.Run(t.Context(), d.id)
	_, told := errors.AsType[*CorruptError](err)
	if err != nil && !told || told != damaged {
		t.Fatalf("run %s, %d lines are good, damaged %v: %v\n%q", d.id, n, damaged, err, content)
	}
	if run.Seq != uint64(n) || !run.Status.Final() {
		t.Fatalf("run %s, %d lines are good: %s with %d events", d.id, n, run.Status, run.Seq)
	}
	if !slices.Contains(d.compared, n) { // to compare takes time
		d.compared = append(d.compared, n)
		want := foldOf(d.events[:n])
		want.ID = d.id
		sameRun(t, want.AsInterrupted(), run)
	}
	if _, err := s.Runs(t.Context()); err != nil {
		t.Fatalf("the list of runs: %v", err)
	}
	return n
}

// closes wants the next writer to close the run as interrupted where its end is
// not on record, to keep every line of it, and to leave nothing to do.
func (d *drive) closes(t testing.TB, s *Store, least int) {
	t.Helper()
	n := d.readable(t, s, least)
	before, _ := os.ReadFile(s.RunFile(d.id))
	_, damaged := d.good(before)
	closed, err := s.CloseDead("next")
	if err != nil && !readable(err) {
		t.Fatalf("run %s: closing: %v", d.id, err)
	}
	run, err := s.Run(t.Context(), d.id)
	switch {
	case n == 0 && !damaged:
		if !errors.Is(err, phased.ErrNoRun) {
			t.Fatalf("run %s has nothing on record and is kept: %v", d.id, err)
		}
	case damaged: // the end stands behind the damage
		after, _ := os.ReadFile(s.RunFile(d.id))
		last := lastSound(before, true)
		kept := before[:bytes.LastIndex(before, last)+len(last)+1]
		if end := lastSound(after, true); !bytes.HasPrefix(after, kept) || !bytes.Contains(end, []byte(`"kind":"run.`)) {
			t.Fatalf("run %s: of %d good lines and damage, closing left\n%q\nof\n%q", d.id, n, after, before)
		}
	case n == len(d.sent) && d.events[n-1].Closing():
		if err != nil || run.Status != phased.StatusSucceeded || len(closed) > 0 {
			t.Fatalf("run %s had ended; it is %s, %v; closed %d", d.id, run.Status, err, len(closed))
		}
	default:
		if err != nil || run.Status != phased.StatusInterrupted || run.ClosedBy != "next" || run.Seq != uint64(n)+1 || len(closed) != 1 {
			t.Fatalf("run %s: %d events, then closed as %s by %q with %d, %v; closed %d\n%q", d.id, n, run.Status, run.ClosedBy, run.Seq, err, len(closed), before)
		}
	}
	if again, err := s.CloseDead("again"); len(again) > 0 || err != nil && !readable(err) {
		t.Fatalf("run %s is closed twice: %v", d.id, err)
	}
	if left, _ := s.list(openDir); len(left) > 0 {
		t.Fatalf("run %s: markers are left: %q", d.id, left)
	}
}

// faulty opens a state directory on a disk with faults, which are still to come.
func faulty(t testing.TB, root, durability string) (*faultdisk.Disk, *Store) {
	t.Helper()
	f := faultdisk.New(root)
	s, err := Open(filepath.Join(root, "var", "state"), Options{Create: true, Durability: durability, disk: f})
	if err != nil {
		t.Fatal(err)
	}
	return f, s
}

// afterwards lets use look at the state directory that a power cut leaves of f,
// on a disk without faults.
func afterwards(t testing.TB, root string, f *faultdisk.Disk, saved, zeros faultdisk.Pick, use func(*Store, *faultdisk.Disk)) {
	t.Helper()
	root += "-after"
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(root)
	must(f.PowerCut(root, saved, zeros))
	g, s := faulty(t, root, "run")
	use(s, g)
}

// inTurn calls use with the ways in which a power cut may leave a disk: with
// nothing that was not synced, with everything, and n times by chance.
func inTurn(r *rand.Rand, n int, use func(saved, zeros faultdisk.Pick)) {
	chance := func(n int) int { return r.IntN(n + 1) }
	use(faultdisk.Nothing, faultdisk.Nothing)
	use(faultdisk.Everything, faultdisk.Nothing)
	for i := range n {
		if i%2 == 0 {
			use(chance, faultdisk.Nothing)
		} else {
			use(chance, chance)
		}
	}
}

// inMemory returns a directory for many small files whose syncs are not real:
// they need no disk, and other tests need it.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "phased-test-") //nolint:usetesting // in memory
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// onDisk lets use have a new disk with faults, and a state directory on it.
func onDisk(t testing.TB, dir, durability string, use func(root string, f *faultdisk.Disk, s *Store)) {
	t.Helper()
	root, err := os.MkdirTemp(dir, "disk") //nolint:usetesting // gone before the test ends
	must(err)
	defer os.RemoveAll(root)
	f, s := faulty(t, root, durability)
	use(root, f, s)
}

// TestPowerCutAnywhere cuts the power in each operation of a run on the disk.
// What is found then is a readable run that begins as the real one, with all
// that was promised to be on the disk; the next writer closes it.
func TestPowerCutAnywhere(t *testing.T) {
	r, n := random(t, 4)
	dir := inMemory(t)
	for _, durability := range []string{"run", "phase", "hook"} {
		images, ops := 0, 1
		for at := 1; at <= ops; at++ {
			onDisk(t, dir, durability, func(root string, f *faultdisk.Disk, s *Store) {
				f.Fail(len(f.Done())+at, 1<<30, faultdisk.ErrPower, 0)
				d := play(s, testID(1), durability)
				if !f.Off() {
					return
				}
				ops = at + 1
				if d.err == nil {
					t.Fatalf("%s: the power went in operation %d, and nobody was told", durability, at)
				}
				inTurn(r, n, func(saved, zeros faultdisk.Pick) {
					images++
					afterwards(t, root, f, saved, zeros, func(s *Store, _ *faultdisk.Disk) { d.closes(t, s, d.safe) })
				})
			})
		}
		t.Logf("%s: %d operations, %d disks looked at", durability, ops-1, images)
		if ops < 10 {
			t.Fatal("the power is never cut")
		}
	}
}
