package report

import (
	"bytes"
	"testing"
	"time"

	"phased/internal/phased"
)

// together is a run in which hooks run beside each other, one is tried again, and
// phases stand at the end; until says how far it has come: 0 for the end.
func together(until time.Duration) *tape {
	tp := (&tape{}).add(0, started(7))
	entries := runs("10-apt", "10-mirror", "10-users", "20-motd", "20-skip")
	for i := range entries {
		entries[i].Number = string(entries[i].Name[:2])
	}
	entries[1].Retries, entries[1].Backoff = 2, phased.Duration(10*time.Second)
	start := func(name phased.Text, attempt int) phased.Payload {
		return phased.HookStarted{Phase: "configure", Hook: name, Path: "/etc/phased/configure.d/" + name, Pid: 4711, Attempt: attempt}
	}
	says := func(name, stream, text string) phased.Payload {
		return phased.HookOutput{Phase: "configure", Hook: phased.Text(name), Stream: stream, Text: phased.Text(text)}
	}
	ends := func(name phased.Text, took time.Duration, exit phased.Exit) phased.HookFinished {
		return phased.HookFinished{Phase: "configure", Hook: name, Exit: exit, Took: took}
	}
	bad := phased.Exit{Cause: phased.CauseExit, Status: 7}
	tp.add(0, phased.PhaseStarted{Phase: "configure", Parallel: phased.ParallelSameNumber, Entries: entries})
	tp.add(0, start("10-mirror", 0), start("10-apt", 0), start("10-users", 0))
	tp.add(time.Second, says("10-apt", "out", "reading lists\n"), says("10-mirror", "err", "mirror is away\n"), says("10-apt", "out", "unpacking\nsetting"))
	again := ends("10-mirror", time.Second, bad)
	again.Again, again.Pause = true, 9800*time.Millisecond
	tp.add(0, again)
	tp.add(100*time.Millisecond, phased.HookWarning{Phase: "configure", Hook: "10-users", Code: phased.WarnLock, Message: "waits for the lock passwd"})
	if until > 0 {
		return tp
	}
	tp.add(time.Second, says("10-apt", "out", " up\n"), ends("10-users", 2100*time.Millisecond, okExit))
	tp.add(time.Second, says("10-apt", "out", "alone now\n"))
	tp.add(7*time.Second, start("10-mirror", 2))
	tp.add(time.Second, ends("10-mirror", time.Second, okExit))
	tp.add(0, ends("10-apt", 12*time.Second, bad))
	tp.add(0, start("20-skip", 0), start("20-motd", 0))
	skip := ends("20-skip", time.Millisecond, phased.Exit{Cause: phased.CauseOK, Status: 4, Message: "exit status 4: there was nothing to do"})
	skip.Nothing = true
	tp.add(0, skip)
	tp.add(time.Millisecond, says("20-motd", "out", "bye\n"), ends("20-motd", 2*time.Millisecond, phased.Exit{Cause: phased.CauseOK, Status: 3, Message: "exit status 3, which allow-exit lets pass"}))
	f := phased.Failure{Phase: "configure", Hook: "10-apt", Path: "/etc/phased/configure.d/10-apt", Exit: bad}
	tp.add(0, phased.RunFailed{Failure: f}, phased.PhaseFinished{Phase: "configure", Status: phased.StatusFailed, Took: 13 * time.Second})
	tp.add(0, phased.PhaseSkipped{Phase: "good", Reason: phased.SkippedFailed, Message: "the run has failed"})
	tp.add(0, phased.PhaseStarted{Phase: "error", Failure: true, Entries: runs("10-notify")})
	tp.hook("error", "10-notify", 12*time.Millisecond, okExit)
	tp.add(0, phased.PhaseFinished{Phase: "error", Status: phased.StatusSucceeded, Took: 14 * time.Millisecond})
	tp.add(0, phased.PhaseStarted{Phase: "tidy", When: phased.WhenAlways, Entries: runs("90-tidy")})
	tp.hook("tidy", "90-tidy", 12*time.Millisecond, okExit)
	tp.add(0, phased.PhaseFinished{Phase: "tidy", Status: phased.StatusSucceeded, Took: 14 * time.Millisecond})
	return tp.add(0, phased.RunFinished{Status: phased.StatusFailed, ExitCode: 1, Failure: &f, Took: tp.at, Ran: 6, Failed: 1})
}

func TestProgressOfHooksTogether(t *testing.T) {
	golden(t, "together-progress", func(b *bytes.Buffer, s Style) { play(b, s, together(0).events) })
}

func TestShowHooksTogether(t *testing.T) {
	golden(t, "together-show", func(b *bytes.Buffer, s Style) {
		tp := together(0)
		if err := Show(b, s, Story{Run: tp.fold(), Tail: tp.tail("configure", "10-apt")}); err != nil {
			t.Fatal(err)
		}
	})
	golden(t, "together-running", func(b *bytes.Buffer, s Style) {
		tp := together(time.Second)
		if err := Show(b, s, Story{Run: tp.fold(), Tail: tp.tail("configure", "10-users")}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestLifeSignsOfHooksTogether wants one line, however many hooks run, and none
// while one of them talks.
func TestLifeSignsOfHooksTogether(t *testing.T) {
	var names []string
	for _, c := range "abcdefg" {
		names = append(names, "10-"+string(c))
	}
	tp := (&tape{}).add(0, started(7)).add(0, phased.PhaseStarted{Phase: "configure", Parallel: phased.ParallelSameNumber, Entries: runs(names...)})
	for _, n := range names {
		tp.add(time.Second, phased.HookStarted{Phase: "configure", Hook: phased.Text(n), Path: "/x"})
	}
	t0 := tp.events[2].Time
	tp.add(30*time.Second, phased.HookOutput{Phase: "configure", Hook: "10-b", Stream: "out", Text: "half a line"})
	n := len(tp.events)
	tp.add(0, phased.RunStopping{Signal: "SIGTERM"})
	golden(t, "together-life-signs", func(b *bytes.Buffer, s Style) {
		v := progress(b, s)
		for _, e := range tp.events[:n] {
			v.Event(e)
		}
		for _, at := range []int{40, 95, 96, 160} {
			v.Tick(t0.Add(time.Duration(at) * time.Second))
		}
		v.Event(tp.events[n])
		v.Flush()
	})
}
