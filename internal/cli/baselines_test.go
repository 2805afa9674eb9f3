package cli

import (
	"context"
	"os"
	"testing"
	"time"

	"phased/internal/journal"
	"phased/internal/phased"
)

// slowRecord makes a record of runs of /base, in each of which 10-a took a minute
// and 20-b two, and one of another base and of another lifecycle, in which 10-a
// took an hour.
func slowRecord(t *testing.T, runs int) *journal.Store {
	t.Helper()
	store, err := journal.Open(t.TempDir(), journal.Options{Create: true, Durability: "none"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range runs {
		writeRun(t, store, i, "refresh", "/base", time.Minute)
	}
	writeRun(t, store, runs, "refresh", "/other", time.Hour)
	writeRun(t, store, runs+1, "other", "/base", time.Hour)
	return store
}

func writeRun(t *testing.T, store *journal.Store, n int, lifecycle string, base phased.Text, took time.Duration) {
	t.Helper()
	began := time.Date(2026, 3, 1, 0, n, 0, 0, time.UTC)
	id := journal.NewID(began)
	w, err := store.Begin(id)
	if err != nil {
		t.Fatal(err)
	}
	finished := func(hook phased.Text, took time.Duration) phased.Payload {
		return phased.HookFinished{Phase: "configure", Hook: hook, Exit: phased.Exit{Cause: phased.CauseOK}, Took: took}
	}
	for i, d := range []phased.Payload{
		phased.RunStarted{Lifecycle: lifecycle, Base: base, Phases: []string{"configure"}, Hooks: 2},
		phased.PhaseStarted{Phase: "configure", Entries: hooksOf("10-a", "20-b")},
		phased.HookStarted{Phase: "configure", Hook: "10-a"},
		finished("10-a", took),
		phased.HookStarted{Phase: "configure", Hook: "20-b"},
		finished("20-b", 2*took),
		phased.PhaseFinished{Phase: "configure", Status: phased.StatusSucceeded},
		phased.RunFinished{Status: phased.StatusSucceeded, Ran: 2},
	} {
		if err := w.Append(phased.Event{Run: id, Seq: uint64(i + 1), Time: began, Data: d}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func hooksOf(names ...phased.Text) (all []phased.Entry) {
	for _, n := range names {
		all = append(all, phased.Entry{Name: n, Verdict: phased.VerdictRun})
	}
	return all
}

// usualJob is a run of refresh of /base that is about to begin.
func usualJob(store *journal.Store) *job {
	return &job{store: store, id: journal.NewID(time.Now()), plan: phased.Plan{
		Lifecycle: "refresh", Base: "/base",
		Phases: []phased.PlannedPhase{{Phase: phased.Phase{Name: "configure"}, Entries: hooksOf("10-a", "20-b", "30-new")}},
	}}
}

func nothingSkipped(string, phased.Entry) (reason, message string, err error) { return "", "", nil }

// TestBaselinesAreReadOnceTheyAreWanted: by the first question, and not before;
// then the time left is known as well.
func TestBaselinesAreReadOnceTheyAreWanted(t *testing.T) {
	j := usualJob(slowRecord(t, 7))
	b := j.newBaselines(t.Context(), nothingSkipped)
	defer b.close()
	left, now := b.left(j.plan), time.Now()
	if got, ok := left(phased.Run{}, now); ok {
		t.Errorf("known before anybody has asked: %+v", got)
	}
	got, ok := b.usual(t.Context(), "configure", "10-a")
	if want := (phased.Usual{P50: time.Minute, P95: time.Minute, Runs: 7}); !ok || got != want {
		t.Errorf("got %+v, %v, want %+v", got, ok, want)
	}
	if got, ok := b.usual(t.Context(), "configure", "30-new"); ok {
		t.Errorf("of a new hook %+v is known", got)
	}
	if got, ok := left(phased.Run{}, now); !ok || got != (phased.TimeLeft{Time: 3 * time.Minute, AtLeast: true}) {
		t.Errorf("left: %+v, %v", got, ok)
	}
}

// TestTimeLeftWithoutWhatIsPassedOver leaves hooks and phases out that a resumed
// run, or their frequency, passes over.
func TestTimeLeftWithoutWhatIsPassedOver(t *testing.T) {
	for skipped, want := range map[phased.Text]time.Duration{"20-b": time.Minute, "": 0} {
		j := usualJob(slowRecord(t, 1))
		b := j.newBaselines(t.Context(), func(_ string, e phased.Entry) (string, string, error) {
			if e.Name == skipped {
				return phased.SkippedDone, "", nil
			}
			return "", "", nil
		})
		b.usual(t.Context(), "configure", "10-a")
		if got, _ := b.left(j.plan)(phased.Run{}, time.Now()); got.Time != want {
			t.Errorf("without %q: %+v", skipped, got)
		}
		b.close()
	}
}

// TestBaselinesEndWithTheRun: whoever asks then is told nothing, and nobody waits.
func TestBaselinesEndWithTheRun(t *testing.T) {
	j := usualJob(slowRecord(t, 7))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	stopped := j.newBaselines(ctx, nothingSkipped)
	if got, ok := stopped.usual(t.Context(), "configure", "10-a"); !ok {
		t.Errorf("a run that was told to stop runs its failure phase still: %+v", got)
	}
	stopped.close()
	b := j.newBaselines(t.Context(), nothingSkipped)
	b.close()
	if got, ok := b.usual(t.Context(), "configure", "10-a"); ok {
		t.Errorf("after the end: %+v", got)
	}
	if got, ok := b.left(j.plan)(phased.Run{}, time.Now()); ok {
		t.Errorf("after the end: %+v", got)
	}
}

// TestRecordIsReadUpToItsLimits reads the newest runs only.
func TestRecordIsReadUpToItsLimits(t *testing.T) {
	store := slowRecord(t, 9)
	all, err := store.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	three := int64(1) // more than the newest three files hold
	for _, r := range all[:3] {
		info, err := os.Stat(store.RunFile(r.ID))
		if err != nil {
			t.Fatal(err)
		}
		three += info.Size()
	}
	for _, tt := range []struct {
		runs  int
		bytes int64
		want  int
	}{{100, 0, 11}, {4, 0, 4}, {100, 1, 0}, {100, 1 << 20, 11}, {100, three, 3}, {2, three, 2}} {
		r, damaged, err := readRecord(t.Context(), store, all, tt.runs, tt.bytes)
		if err != nil || damaged != nil {
			t.Fatal(err, damaged)
		}
		if got := r.Stats().Runs; got != tt.want {
			t.Errorf("%+v: %d runs", tt, got)
		}
	}
}
