package report

import (
	"bytes"
	"testing"
	"time"

	"phased/internal/phased"
)

// TestLifeSignsOfWaits wants a life sign to tell what hooks wait for that do not
// run: a lock, another attempt, a job; also while no hook runs at all.
func TestLifeSignsOfWaits(t *testing.T) {
	entries := runs("10-a", "10-b", "10-c", "10-d", "20-e")
	for i := range entries {
		entries[i].Number = string(entries[i].Name[:2])
	}
	entries[0].Locks, entries[1].Locks, entries[2].Retries = []string{"apt", "x"}, []string{"apt"}, 2
	start := func(name phased.Text, attempt int) phased.Payload {
		return phased.HookStarted{Phase: "configure", Hook: name, Path: "/x", Attempt: attempt}
	}
	fails := phased.HookFinished{Phase: "configure", Hook: "10-c", Exit: phased.Exit{Cause: phased.CauseExit, Status: 1}, Took: time.Second, Again: true, Pause: 10 * time.Second}
	tp := (&tape{}).add(0, started(5)).add(0, phased.PhaseStarted{Phase: "configure", Parallel: phased.ParallelSameNumber, Entries: entries})
	tp.add(0, start("10-a", 0), start("10-c", 0)).add(time.Second, fails)
	begin := tp.events[2].Time
	golden(t, "waits", func(b *bytes.Buffer, s Style) {
		v := progress(b, s)
		tick := func(seconds int) { v.Tick(begin.Add(time.Duration(seconds) * time.Second)) }
		for _, e := range tp.events {
			v.Event(e)
		}
		tick(3)
		tick(12)
		v.Flush()
	})
	golden(t, "waits-show-together", func(b *bytes.Buffer, s Style) {
		s.Now = begin.Add(3 * time.Second)
		if err := Show(b, s, Story{Run: tp.fold()}); err != nil {
			t.Fatal(err)
		}
	})
	alone := (&tape{}).add(0, started(5)).add(0, phased.PhaseStarted{Phase: "configure", Entries: entries})
	alone.add(0, start("10-c", 0)).add(time.Second, fails)
	begin = alone.events[2].Time
	golden(t, "waits-alone", func(b *bytes.Buffer, s Style) {
		v := progress(b, s)
		for _, e := range alone.events {
			v.Event(e)
		}
		v.Tick(begin.Add(3 * time.Second))
		v.Flush()
	})
	golden(t, "waits-show", func(b *bytes.Buffer, s Style) {
		s.Now = begin.Add(3 * time.Second)
		if err := Show(b, s, Story{Run: alone.fold()}); err != nil {
			t.Fatal(err)
		}
	})
	locked := (&tape{}).add(0, started(5)).add(0, phased.PhaseStarted{Phase: "configure", Entries: entries})
	locked.add(time.Second, phased.HookWarning{Phase: "configure", Hook: "10-a", Code: phased.WarnLock, Message: "waits for lock apt: apt-get (pid 812) holds /x"})
	begin = locked.events[2].Time
	waiting := locked.fold()
	locked.add(8*time.Second, start("10-a", 0))
	golden(t, "waits-locked", func(b *bytes.Buffer, s Style) {
		v := progress(b, s)
		for i, e := range locked.events {
			if i == 3 {
				v.Tick(begin.Add(3 * time.Second))
			}
			v.Event(e)
		}
		v.Tick(begin.Add(10 * time.Second))
		v.Flush()
		s.Now = begin.Add(3 * time.Second)
		if err := Show(b, s, Story{Run: waiting}); err != nil {
			t.Fatal(err)
		}
	})
}
