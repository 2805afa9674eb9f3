package journal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"phased/internal/faultdisk"
	"phased/internal/phased"
)

// fault is one way in which operations fail.
type fault struct {
	err  error
	part int  // bytes of a write that get through
	once bool // the next operation succeeds again
}

// allFaults are the faults that a test tries: some, in a soak all.
func allFaults() map[string]fault {
	all := map[string]fault{}
	for i, err := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
		for j, part := range []int{0, 100, 1 << 20} {
			for k, once := range []bool{true, false} {
				if (i+j+k)%2 == 0 || os.Getenv("PHASED_SOAK") != "" {
					all[fmt.Sprintf("%v after %d bytes, once %v", err, part, once)] = fault{err, part, once}
				}
			}
		}
	}
	return all
}

func (w fault) strike(f *faultdisk.Disk, at int) {
	first := len(f.Done()) + at
	last := 1 << 30
	if w.once {
		last = first
	}
	f.Fail(first, last, w.err, w.part)
}

// everyFault lets do meet each fault in each of its operations.
func everyFault(t *testing.T, do func(t *testing.T, w fault, at int) (struck bool)) {
	t.Helper()
	for name, w := range allFaults() {
		t.Run(name, func(t *testing.T) {
			at := 1
			for do(t, w, at) {
				at++
			}
			if at < 3 {
				t.Error("nothing ever fails")
			}
		})
	}
}

// TestErrorsAnywhere lets each operation of a run fail in each way. The run is
// told, once for all; the file is readable at once, with all that was
// acknowledged; the next writer closes it; and when the power goes as well,
// what was promised before is there.
func TestErrorsAnywhere(t *testing.T) {
	r, _ := random(t, 1)
	dir := inMemory(t)
	everyFault(t, func(t *testing.T, w fault, at int) (struck bool) {
		onDisk(t, dir, "hook", func(root string, f *faultdisk.Disk, s *Store) {
			before := len(f.Done())
			w.strike(f, at)
			d := play(s, testID(1), "hook")
			if len(f.Done()) < before+at {
				return
			}
			struck = true
			if !errors.Is(d.err, w.err) || !strings.Contains(d.err.Error(), " run "+testID(1)+": ") {
				t.Fatalf("operation %d fails, and the run is told %v", at, d.err)
			}
			f.Mend()
			d.readable(t, s, d.acked)
			if content, err := os.ReadFile(s.RunFile(d.id)); err == nil && w.once && len(content) > 0 && content[len(content)-1] != '\n' {
				t.Fatalf("operation %d: a torn line was left: %q", at, content)
			}
			inTurn(r, 1, func(saved, zeros faultdisk.Pick) {
				afterwards(t, root, f, saved, zeros, func(s *Store, _ *faultdisk.Disk) { d.closes(t, s, d.safe) })
			})
			d.closes(t, s, d.acked)
		})
		return struck
	})
}

// died makes a run that died in its last hook, and a whole one before it.
func died(t testing.TB, s *Store) *drive {
	t.Helper()
	keep(t, s, goodRun(testID(0), "/x"))
	d := &drive{id: testID(1)}
	w := begin(t, s, d.id)
	for _, batch := range batches(d.id)[:9] {
		must(w.Append(batch...))
		d.acked += len(batch)
		d.events = append(d.events, batch...)
		d.sent = append(d.sent, bytes.SplitAfter(encode(t, batch), []byte("\n"))[:len(batch)]...)
	}
	must(w.Close())
	return d
}

// closedOnce wants the run to be closed, with one final event.
func (d *drive) closedOnce(t testing.TB, s *Store) {
	t.Helper()
	if _, err := s.CloseDead("next"); err != nil {
		t.Fatal(err)
	}
	run, err := s.Run(t.Context(), d.id)
	if err != nil || run.Status != phased.StatusInterrupted || run.ClosedBy != "next" || run.Seq != uint64(d.acked)+1 {
		t.Fatalf("%s by %q at %d of %d, %v", run.Status, run.ClosedBy, run.Seq, d.acked, err)
	}
	content, _ := os.ReadFile(s.RunFile(d.id))
	if n := bytes.Count(content, []byte(`"kind":"run.interrupted"`)); n != 1 {
		t.Fatalf("closed %d times", n)
	}
	if left, _ := s.list(openDir); len(left) > 0 {
		t.Fatalf("markers are left: %q", left)
	}
}

// TestClosingFails lets each operation of closing a dead run fail, and cuts the
// power in each: nothing of the run is lost, and the next one closes it.
func TestClosingFails(t *testing.T) {
	r, n := random(t, 4)
	dir := inMemory(t)
	everyFault(t, func(t *testing.T, w fault, at int) (struck bool) {
		onDisk(t, dir, "hook", func(_ string, f *faultdisk.Disk, s *Store) {
			d := died(t, s)
			was, _ := os.ReadFile(s.RunFile(d.id))
			before := len(f.Done())
			w.strike(f, at)
			_, err := s.CloseDead("next")
			if len(f.Done()) < before+at {
				return
			}
			struck = true
			if !errors.Is(err, w.err) {
				t.Fatalf("operation %d fails, and the closer is told %v", at, err)
			}
			f.Mend()
			is, _ := os.ReadFile(s.RunFile(d.id))
			if tail, kept := bytes.CutPrefix(is, was); !kept || w.once && len(tail) > 0 && tail[len(tail)-1] != '\n' {
				t.Fatalf("operation %d leaves %q behind what was there", at, tail)
			}
			if run, err := s.Run(t.Context(), d.id); err != nil || run.Seq < uint64(d.acked) {
				t.Fatalf("operation %d: %d of %d events are left, %v", at, run.Seq, d.acked, err)
			}
			d.closedOnce(t, s)
		})
		return struck
	})
	for at := 1; ; at++ {
		off := false
		onDisk(t, dir, "hook", func(root string, f *faultdisk.Disk, s *Store) {
			d := died(t, s)
			f.Fail(len(f.Done())+at, 1<<30, faultdisk.ErrPower, 0)
			_, _ = s.CloseDead("next") // what it says nobody hears
			off = f.Off()
			inTurn(r, n, func(saved, zeros faultdisk.Pick) {
				afterwards(t, root, f, saved, zeros, func(s *Store, _ *faultdisk.Disk) { d.closedOnce(t, s) })
			})
		})
		if !off {
			break
		}
	}
}

// TestPruneFails lets each operation of prune fail, and cuts the power in each:
// a run is there as a whole or not at all, those that are to stay are there, and
// the next prune does the rest.
func TestPruneFails(t *testing.T) {
	r, n := random(t, 4)
	dir := inMemory(t)
	const all, stay = 6, 2
	check := func(t testing.TB, s *Store) {
		t.Helper()
		if _, err := s.CloseDead("next"); err != nil {
			t.Fatal(err)
		}
		for i := range all {
			run, err := s.Run(t.Context(), testID(i))
			switch {
			case errors.Is(err, phased.ErrNoRun) && i < all-stay:
			case err != nil || run.Status != phased.StatusSucceeded || run.Seq != 8:
				t.Fatalf("run %d: %s with %d events, %v", i, run.Status, run.Seq, err)
			}
		}
		keep(t, s, goodRun(testID(all), "/x")) // so that there is something to prune
		if _, err := s.Prune(t.Context(), Limits{Runs: stay}, false); err != nil {
			t.Fatal(err)
		}
		if runs, err := s.Runs(t.Context()); err != nil || len(runs) != stay {
			t.Fatalf("%d runs are left, %v", len(runs), err)
		}
		if left, _ := s.list(failuresDir); len(left) > stay {
			t.Fatalf("failure files of %q are left", left)
		}
	}
	prune := func(s *Store, f *faultdisk.Disk, strike func()) (done int, err error) {
		for i := range all {
			keep(t, s, goodRun(testID(i), "/x"))
			_, err := s.WriteFailure(testID(i), phased.Failure{Phase: "configure", Hook: "10-a"})
			must(err)
		}
		done = len(f.Done())
		strike()
		_, err = s.Prune(t.Context(), Limits{Runs: stay}, false)
		return len(f.Done()) - done, err
	}
	everyFault(t, func(t *testing.T, w fault, at int) (struck bool) {
		onDisk(t, dir, "run", func(_ string, f *faultdisk.Disk, s *Store) {
			done, err := prune(s, f, func() { w.strike(f, at) })
			if struck = done >= at; struck && !errors.Is(err, w.err) {
				t.Fatalf("operation %d fails, and prune says %v", at, err)
			}
			f.Mend()
			check(t, s)
		})
		return struck
	})
	for at, off := 1, true; off; at++ {
		onDisk(t, dir, "run", func(root string, f *faultdisk.Disk, s *Store) {
			_, _ = prune(s, f, func() { f.Fail(len(f.Done())+at, 1<<30, faultdisk.ErrPower, 0) })
			off = f.Off()
			inTurn(r, n, func(saved, zeros faultdisk.Pick) {
				afterwards(t, root, f, saved, zeros, func(s *Store, _ *faultdisk.Disk) { check(t, s) })
			})
		})
	}
}
