package journal

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// cacheOf returns a Cache whose list is never fresh.
func cacheOf(t testing.TB, s *Store) *Cache {
	t.Helper()
	c := NewCache(s)
	at := time.Unix(0, 0)
	c.now = func() time.Time { at = at.Add(time.Hour); return at }
	return c
}

func sameList(t *testing.T, s *Store, c *Cache) []phased.Summary {
	t.Helper()
	want, err := s.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("list (-store +cache):\n%s", diff)
	}
	return got
}

// TestCacheIsTheStore: whatever becomes of the files, the list is the store's.
func TestCacheIsTheStore(t *testing.T) {
	s := openStore(t, Options{Create: true})
	c := cacheOf(t, s)
	sameList(t, s, c)
	for i := range 3 {
		keep(t, s, goodRun(testID(i), "/base"))
	}
	w := begin(t, s, testID(5))
	events := goodRun(testID(5), "/live")
	if err := w.Append(events[:2]...); err != nil {
		t.Fatal(err)
	}
	if got := sameList(t, s, c); got[0].Status != phased.StatusRunning {
		t.Errorf("the run that goes on is %s", got[0].Status)
	}
	if err := w.Append(events[2:]...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := sameList(t, s, c); got[0].Status != phased.StatusSucceeded {
		t.Errorf("the run that ended is %s", got[0].Status)
	}
	// Another file under the same name, a damaged one, and one that is gone.
	replace := func(id string, text []byte) {
		if err := os.WriteFile(s.RunFile(id)+".new", text, 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(s.RunFile(id)+".new", s.RunFile(id)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(s.RunFile(testID(0)))
	if err != nil {
		t.Fatal(err)
	}
	replace(testID(0), text[:len(text)/2])
	replace(testID(1), append([]byte("x"), text[1:]...))
	sameList(t, s, c)
	if err := os.Remove(s.RunFile(testID(2))); err != nil {
		t.Fatal(err)
	}
	sameList(t, s, c)
	if _, known := c.summaries[testID(2)]; known {
		t.Error("what is gone is still known")
	}
}

// TestCacheRemembers: a file that is as it was is not read again; a list that is
// fresh needs no look at all.
func TestCacheRemembers(t *testing.T) {
	s := openStore(t, Options{Create: true})
	keep(t, s, goodRun(testID(0), "/base"))
	c := cacheOf(t, s)
	sameList(t, s, c)
	known := c.summaries[testID(0)]
	known.value.Lifecycle = "remembered"
	c.summaries[testID(0)] = known
	lifecycle := func() string {
		got, err := c.Runs(t.Context())
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		return got[0].Lifecycle
	}
	if got := lifecycle(); got != "remembered" {
		t.Errorf("it was read again: %s", got)
	}
	if err := os.Chtimes(s.RunFile(testID(0)), time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if got := lifecycle(); got == "remembered" {
		t.Error("a file that has changed was not read again")
	}
	c.now = func() time.Time { return time.Unix(9e9, 0) }
	c.looked = c.now()
	keep(t, s, goodRun(testID(1), "/base"))
	if got := lifecycle(); got == "" {
		t.Error("a fresh list was read again")
	}
}

// TestCacheKeepsRuns: whole runs, while their files are the same, and not many.
func TestCacheKeepsRuns(t *testing.T) {
	s := openStore(t, Options{Create: true})
	c := cacheOf(t, s)
	for i := range mostFolds + 3 {
		keep(t, s, goodRun(testID(i), "/base"))
		want, err := s.Run(t.Context(), testID(i))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := c.Run(t.Context(), testID(i))
			if err != nil {
				t.Fatal(err)
			}
			sameRun(t, want, got)
		}
	}
	if len(c.runs) != mostFolds || c.runs[len(c.runs)-1].id != testID(mostFolds+2) {
		t.Errorf("%d runs are kept", len(c.runs))
	}
	last := testID(mostFolds + 2)
	if err := os.Remove(s.RunFile(last)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Run(t.Context(), last); !errors.Is(err, phased.ErrNoRun) {
		t.Errorf("a run that is gone: %v", err)
	}
	live := testID(900)
	w := begin(t, s, live)
	if err := w.Append(goodRun(live, "/live")[:2]...); err != nil {
		t.Fatal(err)
	}
	if r, err := c.Run(t.Context(), live); err != nil || r.Status != phased.StatusRunning || c.runs[len(c.runs)-1].id == live {
		t.Errorf("a run that goes on: %s, %v, kept: %v", r.Status, err, c.runs[len(c.runs)-1].id)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCacheForMany: readers at once, while runs come.
func TestCacheForMany(t *testing.T) {
	s := openStore(t, Options{Create: true})
	c := NewCache(s)
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for i := range 20 {
				if _, err := c.Runs(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := c.Run(t.Context(), testID(i)); err != nil && !errors.Is(err, phased.ErrNoRun) {
					t.Error(err)
				}
			}
		})
	}
	for i := range 20 {
		keep(t, s, goodRun(testID(i), fmt.Sprintf("/base%d", i)))
	}
	readers.Wait()
}
