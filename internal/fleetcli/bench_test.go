package fleetcli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"phased/internal/journal"
	"phased/internal/web"
)

// benchRecord returns a directory with the record, and the id of its big run.
// $PHASED_BENCH_RECORD names one that is kept.
func benchRecord(b *testing.B) (dir, big string) {
	b.Helper()
	dir = os.Getenv("PHASED_BENCH_RECORD")
	if dir == "" {
		dir = filepath.Join(b.TempDir(), "state")
	}
	s, err := journal.Open(dir, journal.Options{ReadOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	if id, err := s.Resolve(b.Context(), "last"); err == nil {
		return dir, id
	}
	return dir, writeRecord(b, dir, manyRuns, runHooks, bigHooks)
}

// pagesOf are the pages as `phased serve` wires them, with nothing read yet.
func pagesOf(b *testing.B, dir string) (http.Handler, *journal.Cache) {
	b.Helper()
	s, err := journal.Open(dir, journal.Options{ReadOnly: true})
	if err != nil {
		b.Fatal(err)
	}
	cache := journal.NewCache(s)
	past := newHistories(b.Context(), s.Run)
	b.Cleanup(past.close)
	w, err := web.New(web.Options{Source: cache, Resolve: s.Resolve, Hook: s.OfHook, History: past.of, Host: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	return w.Handler(), cache
}

func get(b *testing.B, h http.Handler, address string) {
	b.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+address, http.NoBody))
	if w.Code != http.StatusOK {
		b.Fatalf("%s: %d: %s", address, w.Code, w.Body)
	}
	io.Copy(io.Discard, w.Body)
}

// each measures an act in the time of the processor as well: a loaded host makes
// the other one long. before is not measured.
func each(b *testing.B, before, act func()) {
	b.Helper()
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		before()
		b.StartTimer()
		start := cpu(b)
		act()
		used += cpu(b) - start
	}
	b.ReportMetric(float64(used.Milliseconds())/float64(b.N), "cpu-ms/op")
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkServe measures what a reader waits for with 2,000 runs and 200,000
// events of hooks on disk, and one run of 1,000 hooks. Store is the list without a
// memory of ended runs, to compare with.
func BenchmarkServe(b *testing.B) {
	dir, big := benchRecord(b)
	b.Run("Store", func(b *testing.B) {
		s, err := journal.Open(dir, journal.Options{ReadOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		each(b, func() {}, func() {
			if _, err := s.Runs(b.Context()); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("ListCold", func(b *testing.B) { // the first page that a server answers
		each(b, func() {}, func() {
			h, _ := pagesOf(b, dir)
			get(b, h, "/")
		})
	})
	h, _ := pagesOf(b, dir)
	get(b, h, "/")
	aged := func(address string) func(*testing.B) { // with a look at all files
		return func(b *testing.B) {
			// A list is handed out again for 0.3 s.
			each(b, func() { time.Sleep(310 * time.Millisecond) }, func() { get(b, h, address) })
		}
	}
	b.Run("List", aged("/"))
	b.Run("ListFiltered", aged("/?status=failed&text=hook-00&since=60d"))
	b.Run("RunCold", func(b *testing.B) {
		var h http.Handler
		each(b, func() {
			var cache *journal.Cache
			h, cache = pagesOf(b, dir)
			if _, err := cache.Runs(b.Context()); err != nil {
				b.Fatal(err)
			}
		}, func() { get(b, h, "/runs/"+big) })
	})
	b.Run("Run", aged("/runs/"+big))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("memory after all: %d MiB in use, %d MiB taken from the system", m.HeapInuse>>20, m.Sys>>20)
}

// TestRecord holds the generator to what the journal reads of it.
func TestRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	big := writeRecord(t, dir, 30, 8, 40)
	s, err := journal.Open(dir, journal.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Runs(t.Context())
	if err != nil || len(all) != 31 || all[0].ID != big {
		t.Fatalf("%d runs, %v", len(all), err)
	}
	for _, sum := range all {
		r, err := s.Run(t.Context(), sum.ID)
		if err != nil || !r.Status.Final() || r.Status != sum.Status || sum.Ran == 0 {
			t.Errorf("%s: %s and %s, %v", sum.ID, r.Status, sum.Status, err)
		}
	}
}
