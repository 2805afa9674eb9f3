package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

// figures are those of a host's nightly refresh.
func figures() phased.Stats {
	min := func(m, s int) time.Duration { return time.Duration(m)*time.Minute + time.Duration(s)*time.Second }
	st := phased.Stats{
		Lifecycle: "refresh", Base: "/etc/phased", Runs: 27,
		First: time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC), Last: time.Date(2026, 2, 28, 23, 30, 0, 0, time.UTC),
		Hooks: []phased.HookStats{
			{Phase: "configure", Hook: "30-packages", Runs: 27, Timed: 27, P50: min(1, 12), P95: min(2, 3), Longest: min(3, 1), Suggested: phased.Duration(7 * time.Minute)},
			{Phase: "configure", Hook: "40-mirror", Runs: 27, Failed: 5, Flaky: 4, Timed: 22, P50: min(0, 9), P95: min(0, 20), Longest: min(0, 40), Timeout: phased.Duration(time.Minute), Suggested: phased.Duration(90 * time.Second), Changed: 1},
			{Phase: "configure", Hook: "50-fits", Runs: 27, Timed: 27, P50: min(0, 8), P95: min(0, 9), Longest: min(0, 10), Timeout: phased.Duration(time.Minute), Suggested: phased.Duration(30 * time.Second), Changed: 3},
			{Phase: "configure", Hook: "60 odd\x1b[2J name", Runs: 4, Failed: 2, Flaky: 2, Timed: 2, P50: time.Millisecond, P95: 2 * time.Millisecond, Longest: 2 * time.Millisecond},
			{Phase: "configure", Hook: "70-never-well", Runs: 3, Failed: 3},
			{Phase: "configure", Hook: "80-gone", Runs: 9, Timed: 9, P50: time.Hour, P95: time.Hour, Longest: time.Hour, Suggested: phased.Duration(3 * time.Hour), Gone: true},
		},
	}
	for i := range 9 {
		st.Hooks = append(st.Hooks, phased.HookStats{
			Phase: "post-configure", Hook: phased.Text(fmt.Sprintf("%d0-one-of-many-with-a-name-that-is-far-too-long-for-its-place", i+1)),
			Runs: 27, Timed: 27, P50: 5 * time.Millisecond, P95: 6 * time.Millisecond, Longest: 7 * time.Millisecond, Suggested: phased.Duration(10 * time.Second),
		})
	}
	return st
}

func TestStats(t *testing.T) {
	goldenIn(t, "stats", []string{"plain", "term60", "nocol80", "nocol120", "ascii60"}, func(b *bytes.Buffer, s Style) {
		others := []phased.Summary{{Lifecycle: "nightly", Base: "/srv/hooks of mine"}}
		if err := Stats(b, s, figures(), others); err != nil {
			t.Fatal(err)
		}
		if !s.Terminal {
			return
		}
		for line := range strings.SplitSeq(b.String(), "\n") {
			if n := columns(line); n > s.Width && !strings.Contains(line, "--base") && !strings.Contains(line, "or in the settings") {
				t.Errorf("%d columns in %d: %q", n, s.Width, line)
			}
		}
	})
}

func TestStatsOfLittle(t *testing.T) {
	goldenIn(t, "stats-little", []string{"plain", "nocol80"}, func(b *bytes.Buffer, s Style) {
		day := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
		st := phased.Stats{Lifecycle: "refresh", Base: "/etc/phased", Runs: 1, First: day, Last: day, Hooks: []phased.HookStats{
			{Phase: "configure", Hook: "10-a", Runs: 1, Timed: 1, P50: time.Second, P95: time.Second, Longest: time.Second},
		}}
		if err := Stats(b, s, st, nil); err != nil {
			t.Fatal(err)
		}
	})
}

func TestLimitText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "-", 10 * time.Second: "10s", 90 * time.Second: "1m30s", 2 * time.Minute: "2m", 10 * time.Minute: "10m",
		time.Hour: "1h", 90 * time.Minute: "1h30m", 48 * time.Hour: "48h", time.Hour + time.Second: "1h0m1s", 20 * time.Hour: "20h",
	} {
		if got := limitText(phased.Duration(d)); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
		if back, err := time.ParseDuration(want); want != "-" && (err != nil || back != d) {
			t.Errorf("%s is read as %v, %v", want, back, err)
		}
	}
}

// slowRun is a run in which a hook takes longer than usual.
func slowRun() *tape {
	tp := (&tape{}).add(0, started(2)).add(0, phased.PhaseStarted{Phase: "configure", Entries: runs("40-sync", "50-next")})
	tp.add(0, phased.HookStarted{Phase: "configure", Hook: "40-sync", Path: "/x"})
	tp.add(36*time.Second, phased.HookSlow{Phase: "configure", Hook: "40-sync", Elapsed: 36 * time.Second, P50: 12 * time.Second, P95: 14500 * time.Millisecond, Runs: 27})
	tp.add(30*time.Second, phased.HookFinished{Phase: "configure", Hook: "40-sync", Exit: okExit, Took: 66 * time.Second})
	tp.hook("configure", "50-next", time.Second, okExit)
	tp.add(0, phased.PhaseFinished{Phase: "configure", Status: phased.StatusSucceeded, Took: 67 * time.Second})
	return tp.add(0, phased.RunFinished{Status: phased.StatusSucceeded, Took: 67 * time.Second, Ran: 2})
}

func TestSlowerThanUsual(t *testing.T) {
	golden(t, "slow-progress", func(b *bytes.Buffer, s Style) { play(b, s, slowRun().events) })
	golden(t, "slow-show", func(b *bytes.Buffer, s Style) {
		if err := Show(b, s, Story{Run: slowRun().fold(), Tail: Tail{Max: ShowTail}}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTimeLeftInLifeSigns follows a hook by the clock of the ticks, while the time
// that the run has left goes down, is a lower limit, and is not known.
func TestTimeLeftInLifeSigns(t *testing.T) {
	tp := slowRun()
	t0 := tp.events[2].Time
	left := func(r phased.Run, now time.Time) (phased.TimeLeft, bool) {
		if len(r.Phases) == 0 || len(r.Phases[0].Hooks) == 0 || r.Phases[0].Hooks[0].Hook != "40-sync" {
			t.Errorf("asked with the run %+v", r)
		}
		age := now.Sub(t0)
		return phased.TimeLeft{Time: 200*time.Second - age, AtLeast: age > 60*time.Second}, age < 300*time.Second
	}
	golden(t, "time-left", func(b *bytes.Buffer, s Style) {
		v := progress(b, s)
		if v, ok := v.(*Plain); ok {
			v.Left = left
		}
		for _, e := range tp.events[:3] {
			v.Event(e)
		}
		for _, age := range []int{1, 2, 21, 61, 90, 130, 199, 200, 260, 350} {
			now := t0.Add(time.Duration(age) * time.Second)
			v.Tick(now)
			if left, ok := left(tp.until(3), now); ok && s.Terminal {
				fmt.Fprintln(b, Left(left))
			}
		}
		v.Flush()
	})
}
