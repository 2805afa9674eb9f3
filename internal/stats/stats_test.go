package stats_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"phased/internal/phased"
	"phased/internal/stats"
)

const s = time.Second

// oneRun makes a run of phase configure from words "hook:digest:took in
// seconds:how it ended": ok, 3 (an exit status), a cause, or running or skipped. A
// hook that stands there twice was tried twice.
func oneRun(words string) phased.Run {
	p := phased.PhaseRun{PhaseStarted: phased.PhaseStarted{Phase: "configure"}, Status: phased.StatusSucceeded}
	for w := range strings.FieldsSeq(words) {
		f := strings.Split(w, ":")
		name := phased.Text(f[0])
		if !slices.ContainsFunc(p.Entries, func(e phased.Entry) bool { return e.Name == name }) {
			p.Entries = append(p.Entries, phased.Entry{Name: name, Verdict: phased.VerdictRun, Digest: f[1]})
		}
		h := phased.HookRun{HookStarted: phased.HookStarted{Phase: "configure", Hook: name, Pid: 7}}
		h.Took, _ = time.ParseDuration(f[2] + "s")
		switch f[3] {
		case "running", "skipped":
			h.Status = phased.Status(f[3])
		case "ok":
			h.Exit = &phased.Exit{Cause: phased.CauseOK}
		case "3":
			h.Exit = &phased.Exit{Cause: phased.CauseExit, Status: 3}
		default:
			h.Exit = &phased.Exit{Cause: phased.Cause(f[3])}
		}
		if h.Exit != nil {
			h.Status = phased.StatusOf(h.Exit.Cause)
		}
		p.Hooks = append(p.Hooks, h)
	}
	return phased.Run{Status: phased.StatusSucceeded, Phases: []phased.PhaseRun{p}}
}

// record adds the runs, which stand oldest first.
func record(runs ...string) *stats.Record {
	r := &stats.Record{}
	for _, words := range slices.Backward(runs) {
		r.Add(oneRun(words))
	}
	return r
}

// one returns what is known of hook a.
func one(t *testing.T, r *stats.Record) phased.HookStats {
	t.Helper()
	for _, h := range r.Stats().Hooks {
		if h.Hook == "a" {
			return h
		}
	}
	t.Fatal("nothing is known of a")
	return phased.HookStats{}
}

// TestHandMadeRecord holds the figures to those that were worked out by hand.
func TestHandMadeRecord(t *testing.T) {
	tests := []struct {
		name string
		runs []string
		want phased.HookStats
	}{
		{
			"five runs, out of order", // sorted 1 2 3 4 10: p50 the 3rd, p95 the 5th; 3 x p95 = 30 s
			[]string{"a:x:4:ok", "a:x:1:ok", "a:x:10:ok", "a:x:2:ok", "a:x:3:ok"},
			phased.HookStats{Runs: 5, Timed: 5, P50: 3 * s, P95: 10 * s, Longest: 10 * s, Suggested: phased.Duration(30 * s)},
		},
		{
			"four runs are too few for a time limit", // sorted 1 2 3 4: p50 the 2nd, p95 the 4th
			[]string{"a:x:4:ok", "a:x:1:ok", "a:x:2:ok", "a:x:3:ok"},
			phased.HookStats{Runs: 4, Timed: 4, P50: 2 * s, P95: 4 * s, Longest: 4 * s},
		},
		{
			"what does not count",
			[]string{"a:x:1:ok", "a:x:99:stopped", "a:x:99:skipped", "a:x:99:running", "a:x:99:refused", "a:x:99:internal", "a:x:99:reboot"},
			phased.HookStats{Runs: 1, Timed: 1, P50: s, P95: s, Longest: s},
		},
		{
			"failures have no time", // and fail with this content in every run: not flaky
			[]string{"a:x:1:ok", "a:y:99:3", "a:y:99:timeout", "a:y:9:signal", "a:y:0:cannot-run", "a:y:3:leak"},
			phased.HookStats{Runs: 6, Failed: 5, Timed: 1, P50: s, P95: s, Longest: s, Changed: 1},
		},
		{
			"flaky", // ok, failed, ok, failed with one content; then another one that fails
			[]string{"a:x:1:ok", "a:x:9:3", "a:x:2:ok", "a:x:9:3", "a:y:9:3"},
			phased.HookStats{Runs: 5, Failed: 3, Flaky: 2, Timed: 2, P50: s, P95: 2 * s, Longest: 2 * s, Changed: 1},
		},
		{
			"cured by another hook of its phase",
			[]string{"a:x:9:3 b:x:1:ok", "a:x:9:3 b:x:1:ok", "a:x:1:ok b:y:1:ok"},
			phased.HookStats{Runs: 3, Failed: 2, Timed: 1, P50: s, P95: s, Longest: s},
		},
		{
			"the same content again, after another", // a stretch ends where something changes
			[]string{"a:x:9:3", "a:y:1:ok", "a:x:3:ok"},
			phased.HookStats{Runs: 3, Failed: 1, Timed: 2, P50: s, P95: 3 * s, Longest: 3 * s, Changed: 2},
		},
		{
			"attempts: the last one counts",
			[]string{"a:x:9:3 a:x:1:ok", "a:x:2:ok", "a:x:8:3 a:x:7:3"},
			phased.HookStats{Runs: 3, Failed: 1, Flaky: 2, Timed: 2, P50: s, P95: 2 * s, Longest: 2 * s},
		},
		{
			"gone",
			[]string{"a:x:1:ok b:x:1:ok", "b:x:1:ok"},
			phased.HookStats{Runs: 1, Timed: 1, P50: s, P95: s, Longest: s, Gone: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Phase, tt.want.Hook = "configure", "a"
			if d := cmp.Diff(tt.want, one(t, record(tt.runs...))); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestOnlyTheLastTimesCount makes a hook that was slow 60 runs ago and is quick
// since: the newest 50 times count, also where there are failures among them.
func TestOnlyTheLastTimesCount(t *testing.T) {
	runs := slices.Repeat([]string{"a:x:600:ok"}, 20)
	for range stats.Kept / 2 {
		runs = append(runs, "a:x:2:ok", "a:x:2:ok", "a:x:9:3")
	}
	h := one(t, record(runs...))
	if h.Timed != stats.Kept || h.Longest != 2*s || h.Runs != 95 || h.Failed != 25 {
		t.Errorf("%+v", h)
	}
	runs = runs[:len(runs)-1]
	runs = append(runs[:20:20], runs[22:]...) // two good ones less
	if h := one(t, record(runs...)); h.Longest != 600*s || h.Timed != stats.Kept {
		t.Errorf("with 48 quick runs: %+v", h)
	}
}

// TestNoLimitIsSuggestedForWhatReadsNone: sourced hooks, and hooks that are a run
// of their own, have no header with a time limit.
func TestNoLimitIsSuggestedForWhatReadsNone(t *testing.T) {
	for name, change := range map[string]func(*phased.Run){
		"sourced": func(r *phased.Run) { r.Session = &phased.SessionStarted{Pid: 7} },
		"a run":   func(r *phased.Run) { r.Phases[0].Hooks[0].Run = "01JZ0000000000000000000000" },
	} {
		r, limited := &stats.Record{}, &stats.Record{}
		for range 9 {
			run := oneRun("a:x:60:ok")
			run.Phases[0].Hooks[0].Timeout = phased.Duration(70 * s)
			limited.Add(run)
			change(&run)
			r.Add(run)
		}
		if h := one(t, r); h.Suggested != 0 || h.Timed != 9 {
			t.Errorf("%s: %+v", name, h)
		}
		if h := one(t, limited); h.Suggested != phased.Duration(3*time.Minute) || h.Timeout != phased.Duration(70*s) {
			t.Errorf("a process: %+v", h)
		}
	}
}

// TestHookThatARebootEnded: a hook that ends with the host tells nothing.
func TestHookThatARebootEnded(t *testing.T) {
	run := oneRun("a:x:60:signal")
	run.Status = phased.StatusWaiting
	r := &stats.Record{}
	r.Add(run)
	if h := one(t, r); h.Runs != 0 || h.Failed != 0 {
		t.Errorf("%+v", h)
	}
}

func TestRank(t *testing.T) {
	for _, tt := range []struct {
		times   []time.Duration
		percent int
		want    time.Duration
	}{
		{nil, 50, 0},
		{[]time.Duration{7}, 50, 7},
		{[]time.Duration{7}, 95, 7},
		{[]time.Duration{1, 2}, 50, 1},
		{[]time.Duration{1, 2}, 95, 2},
		{[]time.Duration{1, 2, 3}, 50, 2},
		{[]time.Duration{15, 20, 35, 40, 50}, 30, 20}, // the example of every text book
		{[]time.Duration{15, 20, 35, 40, 50}, 40, 20},
		{[]time.Duration{15, 20, 35, 40, 50}, 100, 50},
		{[]time.Duration{15, 20, 35, 40, 50}, 0, 15},
	} {
		if got := stats.Rank(tt.times, tt.percent); got != tt.want {
			t.Errorf("%d of 100 of %v: %d, want %d", tt.percent, tt.times, got, tt.want)
		}
	}
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for p := 1; p <= 100; p++ {
		if got := stats.Rank(hundred, p); got != time.Duration(p) {
			t.Errorf("%d of 100 of 1 to 100: %d", p, got)
		}
	}
}

// TestRankByItsMeaning holds it to what it says: the smallest of the times that
// enough of them do not exceed.
func TestRankByItsMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Map(rapid.Int64(), func(n int64) time.Duration { return time.Duration(n) }), 1, 120).Draw(t, "times")
		percent := rapid.IntRange(1, 100).Draw(t, "percent")
		slices.Sort(times)
		upTo := func(d time.Duration) (n int) {
			for _, x := range times {
				if x <= d {
					n++
				}
			}
			return n
		}
		got := stats.Rank(times, percent)
		if !slices.Contains(times, got) {
			t.Fatalf("%d was never measured", got)
		}
		if upTo(got)*100 < percent*len(times) {
			t.Fatalf("%d of %d do not exceed %d", upTo(got), len(times), got)
		}
		for _, x := range times {
			if x < got && upTo(x)*100 >= percent*len(times) {
				t.Fatalf("%d would do, and is less than %d", x, got)
			}
		}
	})
}

func TestTimeout(t *testing.T) {
	const m, h = time.Minute, time.Hour
	for _, tt := range []struct{ p95, longest, want time.Duration }{
		{0, 0, 10 * s},
		{3 * s, 4 * s, 10 * s},
		{4 * s, 4 * s, 15 * s},                  // 12 s
		{4 * s, 25 * s, m},                      // 50 s
		{10 * s, 10 * s, 30 * s},                // 30 s
		{10*s + 1, 10*s + 1, 45 * s},            // a little more
		{4 * m, 5 * m, 15 * m},                  // 12 min
		{4 * h, 4 * h, 12 * h},                  // 12 h
		{4*h + 1, 5 * h, 24 * h},                // a little more
		{9 * h, 9 * h, 48 * h},                  // 27 h
		{10 * 24 * h, 15 * 24 * h, 30 * 24 * h}, // 30 days
		{10*24*h + 1, 0, 0},
		{0, 15*24*h + 1, 0},
		{1<<63 - 1, 1<<63 - 1, 0},
	} {
		if got := stats.Timeout(tt.p95, tt.longest); got != tt.want {
			t.Errorf("p95 %v, longest %v: %v, want %v", tt.p95, tt.longest, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p95 := time.Duration(rapid.Int64Range(0, int64(8*24*h)).Draw(t, "p95"))
		longest := time.Duration(rapid.Int64Range(int64(p95), int64(12*24*h)).Draw(t, "longest"))
		got := stats.Timeout(p95, longest)
		least := max(10*s, 3*p95, 2*longest)
		if got < least || got > max(15*s, 2*least) {
			t.Fatalf("%v for at least %v", got, least)
		}
	})
}

// TestHooksComeInTheOrderOfTheNewestRun, phase by phase.
func TestHooksComeInTheOrderOfTheNewestRun(t *testing.T) {
	older, newer := oneRun("z:x:1:ok c:x:1:ok"), oneRun("b:x:1:ok a:x:1:ok")
	first := oneRun("m:x:1:ok")
	first.Phases[0].Phase = "quiesce"
	newer.Phases = append(first.Phases, newer.Phases...)
	newer.Began, older.Began = time.Unix(200, 0), time.Unix(100, 0)
	r := &stats.Record{}
	r.Add(newer)
	r.Add(older)
	got := r.Stats()
	var names []string
	for _, h := range got.Hooks {
		names = append(names, h.Phase+"/"+string(h.Hook))
	}
	if d := cmp.Diff([]string{"quiesce/m", "configure/a", "configure/b", "configure/c", "configure/z"}, names); d != "" {
		t.Error(d)
	}
	if got.Runs != 2 || !got.First.Equal(older.Began) || !got.Last.Equal(newer.Began) {
		t.Errorf("%d runs, from %v to %v", got.Runs, got.First, got.Last)
	}
}
