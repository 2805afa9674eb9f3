package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/records"
	"phased/internal/shellinit"
)

// shellRecords are what a shell writes: it has begun, and is in a hook.
func shellRecords(t *testing.T, pid int, start uint64) []byte {
	t.Helper()
	state := []string{"errexit", "", "=", "/srv", "0022\n", ""}
	b := records.Append(nil, append([]string{
		"shell", "1700000000.000001", fmt.Sprint(pid),
		fmt.Sprintf("%d (bash) S 1 2 3 %s1 0 %d 0", pid, strings.Repeat("0 ", 13), start), "5.2", "/srv/stack.sh", "/srv",
	}, state...)...)
	b = records.Append(b, "enter", "1700000000.000002", "/srv/extras.d", "found", "stack", "extra", "/srv/extras.d/a.sh", "/srv/extras.d/b.sh")
	b = records.Append(b, append([]string{"before", "1700000000.000003", "/srv/extras.d/a.sh"}, state...)...)
	b = records.Append(b, append([]string{"after", "1700000000.000004", "0"}, state...)...)
	return records.Append(b, append([]string{"before", "1700000000.000005", "/srv/extras.d/b.sh"}, state...)...)
}

// deadRecorder leaves what a killed recorder leaves: a run file with the first
// events, and a sidecar with more.
func deadRecorder(t *testing.T, s *Store, boot string, b []byte, folded int) string {
	t.Helper()
	id := testID(1)
	w := begin(t, s, id)
	first, err := shellinit.Head(phased.RunStarted{BootID: boot, Personality: shellinit.Personality})
	if err != nil {
		t.Fatal(err)
	}
	path, err := s.CreateSidecar(id, first)
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.OpenSidecar(id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 || info.Size() != int64(len(first)+len(b)) {
		t.Fatalf("sidecar %v, %v", info, err)
	}
	events := shellinit.New(id, nil).Add(append(first, b...))
	if err := w.Append(events[:min(folded, len(events))]...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return id
}

func closeDead(t *testing.T, s *Store) []phased.Run {
	t.Helper()
	runs, err := s.CloseDead("the test")
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

func readRun(t *testing.T, s *Store, id string) phased.Run {
	t.Helper()
	r, err := s.Run(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// gone wants nothing left of an open run.
func gone(t *testing.T, s *Store, id string) {
	t.Helper()
	for _, path := range []string{s.path(shellsDir, id), s.path(openDir, id), s.path(openDir, id+mark)} {
		if exists(path) {
			t.Errorf("%s is left", path)
		}
	}
}

func TestCloseDeadFoldsTheRestOfAShell(t *testing.T) {
	for folded := range 9 {
		s := openStore(t, Options{})
		id := deadRecorder(t, s, proc.BootID(), append(shellRecords(t, noPid, 99), "9\x00torn"...), folded)
		if folded == 3 {
			f, err := s.openRun(id, os.O_WRONLY|os.O_APPEND)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteString(`{"v":1,"run":"torn`); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if runs := closeDead(t, s); len(runs) != 0 {
			t.Errorf("%d folded: %d runs count as dead: a shell that ended is none", folded, len(runs))
		}
		r := readRun(t, s, id)
		if r.Status != phased.StatusFailed || r.Failure == nil || r.Failure.Hook != "b.sh" || r.ExitCode != 1 || len(r.Phases) != 1 {
			t.Fatalf("%d folded: %+v", folded, r)
		}
		var hooks []string
		for _, h := range r.Phases[0].Hooks {
			hooks = append(hooks, fmt.Sprintf("%s %s %v", h.Hook, h.Status, h.Ended))
		}
		if d := cmp.Diff([]string{"a.sh succeeded false", "b.sh failed true"}, hooks); d != "" {
			t.Errorf("%d folded (-want +got):\n%s", folded, d)
		}
		gone(t, s, id)
		closeDead(t, s)
		sameRun(t, r, readRun(t, s, id))
	}
}

// TestCloseDeadKnowsHowAShellEnded: the recorder had written that down, and was
// killed before, or while, it folded it.
func TestCloseDeadKnowsHowAShellEnded(t *testing.T) {
	for _, folded := range []int{0, 5, 7, 8, 9, 10, 11, 12} {
		s := openStore(t, Options{})
		b := append(shellRecords(t, noPid, 99), shellinit.Ended(time.Unix(1700000002, 0), phased.Exit{Status: 6})...)
		id := deadRecorder(t, s, proc.BootID(), b, folded)
		closeDead(t, s)
		r := readRun(t, s, id)
		if r.Status != phased.StatusFailed || r.ExitCode != 6 || r.SessionEnded == nil || r.SessionEnded.Status != 6 {
			t.Errorf("%d folded: %+v", folded, r)
		}
		gone(t, s, id)
	}
}

func TestCloseDeadLeavesALivingShellAlone(t *testing.T) {
	s := openStore(t, Options{})
	self, err := proc.Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	id := deadRecorder(t, s, proc.BootID(), shellRecords(t, self.Pid, self.Start), 4)
	before, err := os.ReadFile(s.RunFile(id))
	if err != nil {
		t.Fatal(err)
	}
	if runs := closeDead(t, s); len(runs) != 0 {
		t.Errorf("closed: %+v", runs)
	}
	after, err := os.ReadFile(s.RunFile(id))
	if err != nil || string(after) != string(before) || !exists(s.path(shellsDir, id, sidecarName)) || !exists(s.path(openDir, id)) {
		t.Errorf("the run of a shell that lives was touched: %v", err)
	}
	if pruned, err := s.Prune(context.Background(), Limits{Runs: 1, Age: 1}, false); err != nil || len(pruned) != 0 {
		t.Errorf("pruned %+v, %v", pruned, err)
	}
	// Another process has its pid now: the start time tells.
	s = openStore(t, Options{})
	id = deadRecorder(t, s, proc.BootID(), shellRecords(t, self.Pid, self.Start+1), 4)
	closeDead(t, s)
	if r := readRun(t, s, id); r.Status != phased.StatusFailed {
		t.Errorf("the run is %s", r.Status)
	}
}

func TestCloseDeadInterruptsAShellOfAnotherBoot(t *testing.T) {
	s := openStore(t, Options{})
	self, err := proc.Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	id := deadRecorder(t, s, "another boot", shellRecords(t, self.Pid, self.Start), 2)
	if runs := closeDead(t, s); len(runs) != 1 || runs[0].ID != id {
		t.Errorf("closed: %+v", runs)
	}
	r := readRun(t, s, id)
	if r.Status != phased.StatusInterrupted || r.ClosedBy != "the test" || len(r.Phases) != 1 || len(r.Phases[0].Hooks) != 2 {
		t.Errorf("%+v", r)
	}
	gone(t, s, id)
}

func TestCloseDeadOfAShellThatNeverBegan(t *testing.T) {
	s := openStore(t, Options{})
	id := deadRecorder(t, s, proc.BootID(), nil, 0)
	closeDead(t, s)
	if !exists(s.path(shellsDir, id)) || !exists(s.RunFile(id)) {
		t.Error("a shell that may yet begin was given no time")
	}
	old := time.Now().Add(-2 * shellPatience)
	if err := os.Chtimes(s.path(shellsDir, id, sidecarName), old, old); err != nil {
		t.Fatal(err)
	}
	closeDead(t, s)
	gone(t, s, id)
	if exists(s.RunFile(id)) {
		t.Error("the run file is left")
	}
}

// TestCloseDeadFollowsNoLink: a sidecar that is none does not keep the run open,
// and what it leads to is left alone.
func TestCloseDeadFollowsNoLink(t *testing.T) {
	for name, put := range map[string]func(path, other string) error{
		"link": func(path, other string) error { return os.Symlink(other, path) },
		"dir":  func(path, _ string) error { return os.Mkdir(path, 0o700) },
	} {
		s := openStore(t, Options{})
		id := deadRecorder(t, s, proc.BootID(), shellRecords(t, noPid, 9), 3)
		path, other := s.path(shellsDir, id, sidecarName), filepath.Join(t.TempDir(), "other")
		if err := errors.Join(os.Rename(path, other), put(path, other)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.OpenSidecar(id); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if runs := closeDead(t, s); len(runs) != 1 || runs[0].Status != phased.StatusInterrupted {
			t.Errorf("%s: %+v", name, runs)
		}
		gone(t, s, id)
		if !exists(other) {
			t.Errorf("%s: what it led to is gone", name)
		}
	}
}

func TestDiscardLeavesNothing(t *testing.T) {
	s := openStore(t, Options{})
	w := begin(t, s, testID(1))
	if err := w.Discard(); err != nil {
		t.Fatal(err)
	}
	gone(t, s, testID(1))
	if exists(s.RunFile(testID(1))) {
		t.Error("the run file is left")
	}
	w = begin(t, s, testID(2))
	if err := w.Append(goodRun(testID(2), "/x")...); err != nil {
		t.Fatal(err)
	}
	if err := w.Discard(); err != nil || !exists(s.RunFile(testID(2))) {
		t.Errorf("a run with events was discarded: %v", err)
	}
}

func TestSidecarRefusesBadPlaces(t *testing.T) {
	s := openStore(t, Options{})
	for _, id := range []string{"", "..", "a/b", "-x"} {
		if _, err := s.CreateSidecar(id, nil); err == nil {
			t.Errorf("a sidecar of run %q", id)
		}
		if _, err := s.OpenSidecar(id); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open of %q: %v", id, err)
		}
		if err := s.RemoveSidecar(id); err != nil {
			t.Error(err)
		}
	}
	if err := os.Symlink(t.TempDir(), s.path(shellsDir)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateSidecar(testID(1), nil); err == nil {
		t.Error("a sidecar behind a link")
	}
}
