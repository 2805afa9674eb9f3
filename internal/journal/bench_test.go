package journal

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"phased/internal/phased"
)

// BenchmarkHook records the start and the end of a hook, as a run does: two
// appends, each acknowledged.
func BenchmarkHook(b *testing.B) {
	for _, follow := range []bool{false, true} {
		b.Run(fmt.Sprintf("followed=%v", follow), func(b *testing.B) {
			s := openStore(b, Options{})
			id := testID(1)
			w := begin(b, s, id)
			sc := newScript(id)
			if err := w.Append(sc.all(started("/x"), phased.PhaseStarted{Phase: "configure"})...); err != nil {
				b.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if follow {
					for range w.Follow(b.Context(), 0) {
					}
				}
			}()
			b.ReportAllocs()
			for b.Loop() {
				start := sc.next(phased.HookStarted{Phase: "configure", Hook: "50-something", Path: "/etc/phased/configure.d/50-something", Pid: 4711, PidStart: 123456})
				if err := w.Append(start); err != nil {
					b.Fatal(err)
				}
				end := sc.next(phased.HookFinished{
					Phase: "configure", Hook: "50-something", Exit: phased.Exit{Cause: phased.CauseOK}, Took: 1234567, Usage: &phased.Usage{User: 1, System: 2, MaxRSS: 3},
				})
				if err := w.Append(end); err != nil {
					b.Fatal(err)
				}
			}
			w.Close()
			<-done
		})
	}
}

// BenchmarkOutput records captured output in pieces of 64 KiB.
func BenchmarkOutput(b *testing.B) {
	for name, text := range map[string]string{"utf8": strings.Repeat("some line of output\n", 3277)[:65536], "bytes": strings.Repeat("\xffome line of output\n", 3277)[:65536]} {
		b.Run(name, func(b *testing.B) {
			s := openStore(b, Options{})
			id := testID(1)
			w := begin(b, s, id)
			sc := newScript(id)
			b.SetBytes(65536)
			for b.Loop() {
				if err := w.Append(sc.next(phased.HookOutput{Phase: "configure", Hook: "50-something", Stream: "out", Text: phased.Text(text)})); err != nil {
					b.Fatal(err)
				}
				if sc.seq%1000 == 0 { // keep the disk out of it
					b.StopTimer()
					if err := w.file.Truncate(0); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
			}
		})
	}
}

// BenchmarkBegin is what a run pays before its first hook, with 200 runs on
// record: open, close the dead, see who lives, lock, begin, record the start.
func BenchmarkBegin(b *testing.B) {
	s := manyRuns(b, 200)
	n := 1000
	for b.Loop() {
		n++
		s, err := Open(s.dir, Options{Create: true})
		if err != nil {
			b.Fatal(err)
		}
		l, err := s.LockBase(b.Context(), "/x", 0)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.CloseDead("x"); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Live("/x"); err != nil {
			b.Fatal(err)
		}
		w, err := s.Begin(testID(n))
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Append(goodRun(testID(n), "/x")[:2]...); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		w.Close()
		l.Unlock()
		os.Remove(w.path)
		os.Remove(w.marker)
		b.StartTimer()
	}
}

func manyRuns(b *testing.B, n int) *Store {
	s := openStore(b, Options{Durability: "run"})
	start := started("/x")
	for i := range 20 {
		start.Surroundings.Env = append(start.Surroundings.Env, phased.Text(fmt.Sprintf("VARIABLE_%d=/usr/local/some/value", i)))
	}
	text := phased.Text(strings.Repeat("some line of output\n", 500))
	for i := range n {
		id := testID(i)
		events := newScript(id).all(start, phased.PhaseStarted{Phase: "configure"})
		for range 20 {
			events = append(events, phased.Event{Run: id, Seq: uint64(len(events) + 1), Data: phased.HookOutput{Phase: "configure", Hook: "a", Stream: "out", Text: text}})
		}
		events = append(events, phased.Event{Run: id, Seq: uint64(len(events) + 1), Data: phased.RunFinished{Status: phased.StatusSucceeded}})
		put(b, s, id, encode(b, events))
	}
	return s
}

func BenchmarkRuns200(b *testing.B) {
	s := manyRuns(b, 200)
	for b.Loop() {
		if runs, err := s.Runs(b.Context()); err != nil || len(runs) != 200 {
			b.Fatal(len(runs), err)
		}
	}
}

// BenchmarkPruneWithin is what the end of a run pays where nothing is to go.
func BenchmarkPruneWithin(b *testing.B) {
	s := manyRuns(b, 200)
	for b.Loop() {
		if got, err := s.Prune(b.Context(), Limits{Runs: 200, Size: 1 << 30}, false); err != nil || len(got) > 0 {
			b.Fatal(got, err)
		}
	}
}

// BenchmarkRun folds a run with 1,000 hooks and 64 MiB of output.
func BenchmarkRun(b *testing.B) {
	s := openStore(b, Options{Durability: "run"})
	id := testID(1)
	sc := newScript(id)
	events := sc.all(started("/x"), phased.PhaseStarted{Phase: "configure"})
	text := phased.Text(strings.Repeat("some line of output\n", 3277))
	for i := range 1000 {
		hook := phased.Text(fmt.Sprintf("%04d-hook", i))
		events = append(events, sc.all(
			phased.HookStarted{Phase: "configure", Hook: hook}, phased.HookOutput{Phase: "configure", Hook: hook, Stream: "out", Text: text},
			phased.HookFinished{Phase: "configure", Hook: hook, Exit: phased.Exit{Cause: phased.CauseOK}},
		)...)
	}
	events = append(events, sc.next(phased.RunFinished{Status: phased.StatusSucceeded}))
	content := encode(b, events)
	put(b, s, id, content)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if run, err := s.Run(b.Context(), id); err != nil || run.Seq != uint64(len(events)) {
			b.Fatal(run.Seq, err)
		}
	}
}

// BenchmarkPhaseStarted records a phase with 10,000 entries.
func BenchmarkPhaseStarted(b *testing.B) {
	p := phased.PhaseStarted{Phase: "configure"}
	for i := range 10_000 {
		name := phased.Text(fmt.Sprintf("%05d-hook", i))
		p.Entries = append(p.Entries, phased.Entry{Name: name, Path: "/etc/phased/configure.d/" + name, Root: "/etc/phased", Verdict: phased.VerdictRun, Mode: "0755", Size: 5, Digest: strings.Repeat("0", 64)})
	}
	s := openStore(b, Options{Durability: "run"})
	n := 0
	for b.Loop() {
		n++
		w := begin(b, s, testID(n))
		if err := w.Append(newScript(testID(n)).all(p)...); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		w.Close()
		os.Remove(w.path)
		b.StartTimer()
	}
}
