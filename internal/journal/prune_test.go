package journal

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// history makes runs that ended with these statuses, a day apart,
// the last one now; "" is a run that was never closed.
func history(t *testing.T, s *Store, statuses ...phased.Status) {
	t.Helper()
	for i, status := range statuses {
		id := testID(i)
		events := newScript(id).all(started("/x"), phased.RunWarning{})
		switch status {
		case "":
			if err := os.WriteFile(s.path(openDir, id), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		case phased.StatusInterrupted:
			events = append(events, phased.Event{Run: id, Seq: 3, Data: phased.RunInterrupted{}})
		default:
			events = append(events, phased.Event{Run: id, Seq: 3, Data: phased.RunFinished{Status: status}})
		}
		content := encode(t, events)
		put(t, s, id, content)
		at := time.Now().Add(-time.Duration(len(statuses)-1-i) * 24 * time.Hour)
		if err := os.Chtimes(s.RunFile(id), at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func sizeOf(t *testing.T, s *Store, n int) int64 {
	t.Helper()
	info, err := os.Stat(s.RunFile(testID(n)))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

const (
	good = phased.StatusSucceeded
	bad  = phased.StatusFailed
	dead = phased.StatusInterrupted
)

func TestPrune(t *testing.T) {
	day := 24 * time.Hour
	cases := []struct {
		name     string
		statuses []phased.Status
		limits   Limits
		want     []int
		reason   string
	}{
		{"within all limits", []phased.Status{good, bad, good}, Limits{Runs: 3, Age: 3 * day, Size: 1 << 20}, nil, ""},
		{"no limits", []phased.Status{good, bad, good}, Limits{}, nil, ""},
		{"oldest first", []phased.Status{good, good, good, good}, Limits{Runs: 2}, []int{0, 1}, "more than 2 runs"},
		{"the failed go last", []phased.Status{bad, good, dead, good, good}, Limits{Runs: 3}, []int{1, 3}, "more than 3 runs"},
		{"and go when nothing else is left", []phased.Status{bad, good, dead, phased.StatusTimedOut, phased.StatusStopped}, Limits{Runs: 2}, []int{1, 0, 2}, "more than 2 runs"},
		{"age takes all", []phased.Status{bad, good, dead, good, good}, Limits{Age: 36 * time.Hour}, []int{0, 1, 2}, "older than 36h0m0s"},
		{"unclosed runs are kept and count", []phased.Status{"", good, "", good, good}, Limits{Runs: 3}, []int{1, 3}, "more than 3 runs"},
		{"even when they are old", []phased.Status{"", ""}, Limits{Age: time.Hour, Runs: 1}, nil, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := openStore(t, Options{})
			history(t, s, c.statuses...)
			before, _ := s.ids()
			dry, err := s.Prune(t.Context(), c.limits, true)
			if err != nil {
				t.Fatal(err)
			}
			if after, _ := s.ids(); !slices.Equal(before, after) {
				t.Error("a dry run removes runs")
			}
			got, err := s.Prune(t.Context(), c.limits, false)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(dry, got); d != "" {
				t.Errorf("the dry run tells something else:\n%s", d)
			}
			var want []string
			for i, n := range c.want {
				want = append(want, testID(n))
				if i < len(got) && (got[i].ID != testID(n) || got[i].Reason != c.reason || got[i].Status != c.statuses[n] || got[i].Size == 0 || got[i].Lifecycle != "refresh") {
					t.Errorf("%+v, want run %d: %s", got[i], n, c.reason)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%d removed, want %d: %+v", len(got), len(want), got)
			}
			after, _ := s.ids()
			left := slices.DeleteFunc(before, func(id string) bool { return slices.Contains(want, id) })
			if !slices.Equal(after, left) {
				t.Errorf("left are %v, want %v", after, left)
			}
			if again, err := s.Prune(t.Context(), c.limits, false); err != nil || len(again) > 0 {
				t.Errorf("again: %v, %v", again, err)
			}
		})
	}
}

func TestPruneBySize(t *testing.T) {
	s := openStore(t, Options{})
	history(t, s, bad, good, good, good)
	f, err := s.WriteFailure(testID(0), phased.Failure{Phase: "configure", Hook: "10-a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Log, make([]byte, 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	// The failure's files count with their run, and go with it.
	limit := 100_000 + sizeOf(t, s, 0) + sizeOf(t, s, 3) + 600
	got, err := s.Prune(t.Context(), Limits{Size: limit}, false)
	if err != nil || len(got) != 2 || got[0].ID != testID(1) || got[1].ID != testID(2) {
		t.Fatalf("%+v, %v", got, err)
	}
	if !exists(f.Log) {
		t.Error("the files of a kept failure are gone")
	}
	got, err = s.Prune(t.Context(), Limits{Size: 100_000}, false)
	if err != nil || len(got) != 2 || got[0].ID != testID(3) || got[1].ID != testID(0) || got[1].Size < 100_000 {
		t.Fatalf("%+v, %v", got, err)
	}
	if exists(f.Dir) {
		t.Error("the files of a removed failure stay")
	}
}

func TestPruneLeavesLiveRuns(t *testing.T) {
	s := openStore(t, Options{})
	history(t, s, good)
	w := begin(t, s, testID(1))
	if err := w.Append(goodRun(testID(1), "/x")[0]); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-1000 * time.Hour)
	if err := os.Chtimes(w.path, old, old); err != nil {
		t.Fatal(err)
	}
	got, err := s.Prune(t.Context(), Limits{Age: time.Hour, Runs: 1, Size: 1}, false)
	if err != nil || len(got) != 1 || got[0].ID != testID(0) || !exists(w.path) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := os.Remove(w.marker); err != nil { // by a hand that should not have
		t.Fatal(err)
	}
	if got, err := s.Prune(t.Context(), Limits{Age: time.Hour}, false); err != nil || len(got) != 0 || !exists(w.path) {
		t.Errorf("without its marker: %+v, %v", got, err)
	}
}

func TestPruneReadOnly(t *testing.T) {
	s := openStore(t, Options{})
	history(t, s, good, good)
	r, err := Open(s.dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Prune(t.Context(), Limits{Runs: 1}, true); err != nil || len(got) != 1 {
		t.Errorf("dry: %v, %v", got, err)
	}
	if got, err := r.Prune(t.Context(), Limits{Runs: 1}, false); err == nil || len(got) > 0 {
		t.Errorf("for good: %v, %v", got, err)
	}
}

// TestPruneRemovesStrayFailures: after a power cut a run can be gone and its
// failure files back.
func TestPruneRemovesStrayFailures(t *testing.T) {
	s := openStore(t, Options{})
	history(t, s, phased.StatusFailed, phased.StatusSucceeded, phased.StatusFailed)
	for _, id := range []string{testID(2), testID(7), testID(8), "not.an.id"} {
		if err := os.MkdirAll(s.path(failuresDir, id), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Prune(t.Context(), Limits{Runs: 2}, false); err != nil {
		t.Fatal(err)
	}
	left, err := s.list(failuresDir)
	slices.Sort(left)
	if want := []string{testID(2), "not.an.id"}; err != nil || !slices.Equal(left, want) {
		t.Errorf("failures has %q, %v; want %q", left, err, want)
	}
}
