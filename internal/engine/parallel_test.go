package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"phased/internal/phased"
)

// work is what a hook of a test does: it sleeps, and then ends with the status.
type work struct {
	sleep  time.Duration
	status int
}

// busy is an executor whose hooks work, several at once, and which looks at who
// runs beside whom.
type busy struct {
	works map[string]work
	sink  phased.Sink

	mu      sync.Mutex
	running map[string]phased.Hook
	most    int
	wrong   []string
	began   []string
}

func (b *busy) Enter(_ context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	b.sink = s.Sink
	return p, nil
}
func (b *busy) Leave(context.Context) error { return nil }
func (b *busy) Close(context.Context) error { return nil }

func (b *busy) begin(h phased.Hook) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running == nil {
		b.running = map[string]phased.Hook{}
	}
	number := func(name phased.Text) string { n, _, _ := strings.Cut(string(name), "-"); return n }
	for _, other := range b.running {
		if number(other.Name) != number(h.Name) || other.Phase != h.Phase {
			b.wrong = append(b.wrong, fmt.Sprintf("%s beside %s, of another number", h.Name, other.Name))
		}
		for _, l := range h.Locks {
			if slices.Contains(other.Locks, l) {
				b.wrong = append(b.wrong, fmt.Sprintf("%s beside %s, which has lock %s", h.Name, other.Name, l))
			}
		}
	}
	b.running[string(h.Name)] = h
	b.most = max(b.most, len(b.running))
	b.began = append(b.began, string(h.Name))
}

func (b *busy) end(h phased.Hook) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.running, string(h.Name))
}

func (b *busy) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	b.begin(h)
	defer b.end(h)
	b.sink.Started(h, phased.Process{Pid: 1})
	w := b.works[string(h.Name)]
	select {
	case <-time.After(w.sleep):
	case <-ctx.Done():
		return phased.Result{Exit: phased.ExitByCause(context.Cause(ctx))}, nil
	}
	if w.status != 0 {
		return phased.Result{Exit: phased.Exit{Cause: phased.CauseExit, Status: w.status}}, nil
	}
	return phased.Result{Exit: phased.Exit{Cause: phased.CauseOK}}, nil
}

// parallelPlan is planOf for phases whose hooks run together, with the numbers of
// their names.
func parallelPlan(jobs int, lines ...string) phased.Plan {
	p := planOf(lines...)
	p.Jobs = jobs
	for i := range p.Phases {
		p.Phases[i].Parallel = phased.ParallelSameNumber
		for j := range p.Phases[i].Entries {
			e := &p.Phases[i].Entries[j]
			e.Number, _, _ = strings.Cut(string(e.Name), "-")
		}
	}
	return p
}

func runBusy(ctx context.Context, t interface{ Error(...any) }, p phased.Plan, b *busy, o Options) (phased.Run, []phased.Event) {
	rec := &recorder{}
	o.Executor, o.ID, o.Record = b, "01TEST", rec.record
	run, err := Run(ctx, p, o)
	if err != nil {
		t.Error(err)
	}
	if len(b.running) > 0 {
		t.Error("hooks run when the run has ended: ", b.running)
	}
	return run, rec.events
}

// settled is a run without what time has made of it.
func settled(r phased.Run) phased.Run {
	r.Seq, r.Began, r.Ended, r.Took = 0, time.Time{}, time.Time{}, 0
	for i := range r.Phases {
		p := &r.Phases[i]
		p.Began, p.Took = time.Time{}, 0
		for j := range p.Hooks {
			p.Hooks[j].Began, p.Hooks[j].Took = time.Time{}, 0
		}
	}
	return r
}

// TestHooksOfANumberRunTogether runs random hooks with numbers, locks, sleeps and
// failures with one to eight jobs: no two holders of a lock and no two numbers
// overlap, no more run than there are jobs, and the run that is left is that of
// one job.
func TestHooksOfANumberRunTogether(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := busy{works: map[string]work{}}
		p := phased.Plan{Lifecycle: "test"}
		for i := range rapid.IntRange(1, 3).Draw(rt, "phases") {
			ph := phased.PlannedPhase{Phase: phased.Phase{
				Name: fmt.Sprint("p", i), Parallel: phased.ParallelSameNumber,
				OnFailure: rapid.SampledFrom([]phased.OnFailure{phased.Stop, phased.FinishPhase, phased.Continue}).Draw(rt, "policy"),
			}}
			number := 0
			for j := range rapid.IntRange(0, 12).Draw(rt, "hooks") {
				number += rapid.SampledFrom([]int{0, 0, 0, 1}).Draw(rt, "step")
				e := phased.Entry{Name: phased.Text(fmt.Sprintf("%02d-%d.%02d", number, i, j)), Number: fmt.Sprintf("%02d", number), Verdict: phased.VerdictRun}
				e.Locks = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 2, rapid.ID[string]).Draw(rt, "locks")
				e.Retries = rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(rt, "retries")
				e.Backoff = phased.Duration(time.Duration(rapid.IntRange(0, 3).Draw(rt, "backoff")) * time.Second)
				e.AllowExit, e.SkipExit = []int{3}, []int{4}
				b.works[string(e.Name)] = work{
					time.Duration(rapid.IntRange(0, 9).Draw(rt, "sleep")) * time.Second,
					rapid.SampledFrom([]int{0, 0, 0, 0, 1, 2, 3, 4}).Draw(rt, "status"),
				}
				ph.Entries = append(ph.Entries, e)
			}
			p.Phases = append(p.Phases, ph)
		}
		jobs := rapid.IntRange(2, 8).Draw(rt, "jobs")
		var serial, together phased.Run
		synctest.Test(t, func(*testing.T) {
			one := busy{works: b.works}
			p.Jobs = 1
			serial, _ = runBusy(context.Background(), rt, p, &one, Options{Jitter: func() float64 { return 0.5 }})
			if one.most > 1 || len(one.wrong) > 0 {
				rt.Errorf("with one job %d ran at once: %q", one.most, one.wrong)
			}
		})
		synctest.Test(t, func(*testing.T) {
			p.Jobs = jobs
			together, _ = runBusy(context.Background(), rt, p, &b, Options{Jitter: func() float64 { return 0.5 }})
		})
		if len(b.wrong) > 0 || b.most > jobs {
			rt.Fatalf("%d at once with %d jobs; %s", b.most, jobs, strings.Join(b.wrong, "; "))
		}
		if d := cmp.Diff(settled(serial), settled(together)); d != "" {
			rt.Fatalf("with %d jobs the run is another: %s", jobs, d)
		}
	})
}

// TestSleepersOfOneNumber wants twenty hooks of one number that sleep to take as
// long as the longest, and the jobs to be used where there are fewer.
func TestSleepersOfOneNumber(t *testing.T) {
	for _, c := range []struct {
		jobs int
		want time.Duration
	}{{20, time.Minute}, {64, time.Minute}, {10, 2 * time.Minute}, {1, 20 * time.Minute}, {0, 20 * time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			b := &busy{works: map[string]work{}}
			var names []string
			for i := range 20 {
				names = append(names, fmt.Sprintf("10-%02d", i))
				b.works[names[i]] = work{sleep: time.Minute}
			}
			run, _ := runBusy(t.Context(), t, parallelPlan(c.jobs, "a: "+strings.Join(names, " ")), b, Options{})
			if run.Took != c.want || run.ExitCode != 0 {
				t.Errorf("with %d jobs: took %v and ended with %d; want %v and 0", c.jobs, run.Took, run.ExitCode, c.want)
			}
		})
	}
}

// TestALockKeepsNoJob lets a hook wait for a lock: those behind it overtake it,
// but for those that want a lock of its own.
func TestALockKeepsNoJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := parallelPlan(2, "a: 1-a 1-b 1-c 1-d 1-e")
		e := p.Phases[0].Entries
		e[0].Locks, e[1].Locks, e[3].Locks = []string{"x"}, []string{"x", "y"}, []string{"y"}
		b := &busy{works: map[string]work{"1-a": {sleep: 10 * time.Second}, "1-b": {sleep: time.Second}, "1-c": {sleep: time.Second}, "1-d": {sleep: time.Second}, "1-e": {sleep: time.Second}}}
		run, _ := runBusy(t.Context(), t, p, b, Options{})
		began := map[phased.Text]time.Duration{}
		for _, h := range run.Phases[0].Hooks {
			began[h.Hook] = h.Began.Sub(run.Began)
		}
		want := map[phased.Text]time.Duration{"1-a": 0, "1-b": 10 * time.Second, "1-c": 0, "1-d": 11 * time.Second, "1-e": time.Second}
		if d := cmp.Diff(want, began); d != "" || len(b.wrong) > 0 {
			t.Errorf("%s %q", d, b.wrong)
		}
	})
}

// TestSiblings looks at what becomes of the hooks beside one that fails, of the
// run's failure, and of what comes behind.
func TestSiblings(t *testing.T) {
	second := time.Second
	works := map[string]work{"1-a": {8 * second, 0}, "1-b": {2 * second, 5}, "1-c": {second, 4}, "1-d": {second, 0}, "2-e": {}}
	for _, c := range []struct {
		name     string
		jobs     int
		siblings phased.Siblings
		policy   phased.OnFailure
		fails    string // the run's failure
		ends     string // of the hooks, in run order
		took     time.Duration
		failed   int
	}{
		{"finish", 4, "", phased.Stop, "1-b", "ok exit exit ok", 8 * second, 2},
		{"finish, one job", 1, "", phased.Stop, "1-b", "ok exit exit ok", 12 * second, 2},
		{"finish, and go on", 4, "", phased.Continue, "1-b", "ok exit exit ok ok", 8 * second, 2},
		{"stop", 4, phased.SiblingsStop, phased.Stop, "1-c", "stopped stopped exit ok", second, 3},
		{"stop, two jobs", 2, phased.SiblingsStop, phased.Stop, "1-b", "stopped exit sibling sibling", 2 * second, 2},
		{"stop, one job", 1, phased.SiblingsStop, phased.FinishPhase, "1-b", "ok exit sibling sibling ok", 10 * second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := parallelPlan(c.jobs, "a: 1-a 1-b 1-c 1-d 2-e")
				p.Phases[0].Siblings, p.Phases[0].OnFailure = c.siblings, c.policy
				w := works
				if c.name == "stop" { // 1-d ends in the same moment as 1-c fails
					w = map[string]work{"1-a": works["1-a"], "1-b": works["1-b"], "1-c": works["1-c"]}
				}
				run, _ := runBusy(t.Context(), t, p, &busy{works: w}, Options{})
				var ends []string
				failed := 0
				for _, h := range run.Phases[0].Hooks {
					if h.Exit == nil {
						ends = append(ends, h.Skip)
						continue
					}
					ends = append(ends, string(h.Exit.Cause))
					if !h.Exit.OK() {
						failed++
					}
					if h.Exit.Cause == phased.CauseStopped && !strings.Contains(h.Exit.Message, "a/"+c.fails+", which has the same number, failed") {
						t.Errorf("%s was stopped: %s", h.Hook, h.Exit.Message)
					}
				}
				if got := strings.Join(ends, " "); got != c.ends || run.Failure == nil || string(run.Failure.Hook) != c.fails || run.ExitCode != 1 || run.Took != c.took || failed != c.failed {
					t.Errorf("ended %q after %v with %d, %+v, %d failed", got, run.Took, run.ExitCode, run.Failure, failed)
				}
			})
		})
	}
}

// TestTheFirstInOrderIsTheFailure wants the exit status and the run not to depend
// on which of several hooks fails first.
func TestTheFirstInOrderIsTheFailure(t *testing.T) {
	refused := func(context.Context, phased.Hook) (phased.Result, error) {
		return phased.Result{Exit: phased.Exit{Cause: phased.CauseTrust, Status: 77}}, nil
	}
	for i := range 6 {
		synctest.Test(t, func(t *testing.T) {
			b := &busy{works: map[string]work{"1-a": {time.Hour, 0}, "1-b": {time.Duration(i) * time.Second, 1}, "1-c": {time.Duration(5-i) * time.Second, 2}}}
			p := parallelPlan(3, "a: 1-a 1-b 1-c", "b: 2")
			p.Phases[0].Entries[0].Timeout = phased.Duration(time.Minute)
			run, _ := runBusy(t.Context(), t, p, b, Options{})
			if run.Failure == nil || run.Failure.Hook != "1-a" || run.ExitCode != 124 || run.Status != phased.StatusTimedOut {
				t.Errorf("failure %+v, exit %d", run.Failure, run.ExitCode)
			}
		})
	}
	f := &fake{}
	f.hooks = map[string]func(context.Context, phased.Hook) (phased.Result, error){"1-a": f.exits(1), "1-b": refused}
	p := parallelPlan(1, "a: 1-a 1-b 1-c", "b: 2")
	p.Phases[0].OnFailure = phased.Continue
	run, _, _ := start(t, t.Context(), p, f, Options{})
	if got := strings.Join(f.calls, " "); run.Failure == nil || run.Failure.Hook != "1-b" || run.ExitCode != 77 || got != "a/1-a a/1-b" {
		t.Errorf("failure %+v, exit %d, ran %q", run.Failure, run.ExitCode, got)
	}
	if h := run.Hook("a", "1-c"); h == nil || h.Skip != phased.SkippedSibling {
		t.Errorf("beside one that was refused: %+v", h)
	}
}

// TestStopEndsAllThatRun stops a run with hooks that run, wait for a job and pause.
func TestStopEndsAllThatRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		time.AfterFunc(time.Minute, func() { cancel(&phased.StopRequest{Signal: syscall.SIGTERM}) })
		p := parallelPlan(2, "a: 1-a 1-b 1-c 1-d", "!error: e")
		p.Phases[0].Entries[1].Retries, p.Phases[0].Entries[1].Backoff = 3, phased.Duration(time.Hour)
		b := &busy{works: map[string]work{"1-a": {time.Hour, 0}, "1-b": {0, 7}, "1-c": {time.Hour, 0}}}
		run, _ := runBusy(ctx, t, p, b, Options{})
		slices.Sort(b.began)
		if got := strings.Join(b.began, " "); got != "1-a 1-b 1-c e" || run.Took != time.Minute || run.ExitCode != 143 {
			t.Errorf("ran %q, took %v, exit %d", got, run.Took, run.ExitCode)
		}
		var ends []string
		for _, h := range run.Phases[0].Hooks {
			ends = append(ends, fmt.Sprintf("%s:%d:%s:%v", h.Hook, h.Attempt, h.Exit.Cause, h.Again))
		}
		want := []string{"1-a:0:stopped:false", "1-b:0:exit:true", "1-b:2:stopped:false", "1-c:0:stopped:false"}
		if d := cmp.Diff(want, ends); d != "" {
			t.Error(d)
		}
		if ran, failed := run.Counts(); ran != 3 || failed != 3 || run.Failure.Hook != "1-a" {
			t.Errorf("%d ran, %d failed; failure %+v", ran, failed, run.Failure)
		}
	})
}

// TestRebootBesideOthers lets hooks of a number ask for a reboot at once: the
// others end first. One that the host takes down with it has not failed the run.
func TestRebootBesideOthers(t *testing.T) {
	req := phased.RebootRequest{Phase: "a", Hook: "1-a", When: phased.RebootNow}
	o := func() Options {
		return Options{RebootLimit: 3, Requested: func() ([]phased.RebootRequest, error) { return []phased.RebootRequest{req}, nil }}
	}
	synctest.Test(t, func(t *testing.T) {
		b := &busy{works: map[string]work{"1-b": {time.Minute, 0}}}
		run, _ := runBusy(t.Context(), t, parallelPlan(2, "a: 1-a 1-b 1-c 2-d"), b, o())
		if run.Waiting == nil || run.Waiting.Next != "a/2-d" || run.Took != time.Minute || len(b.began) != 3 {
			t.Errorf("%s after %v, waits with %+v, ran %q", run.Status, run.Took, run.Waiting, b.began)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		time.AfterFunc(time.Second, func() { cancel(&phased.StopRequest{Signal: syscall.SIGTERM}) })
		b := &busy{works: map[string]work{"1-a": {time.Minute, 0}, "1-b": {time.Minute, 0}}}
		run, _ := runBusy(ctx, t, parallelPlan(2, "a: 1-a 1-b 1-c 2-d"), b, o())
		if run.Waiting == nil || run.Waiting.Next != "a/1-b" || run.Failure != nil || run.ExitCode != 76 {
			t.Errorf("%s, waits with %+v, failure %+v", run.Status, run.Waiting, run.Failure)
		}
	})
}

// TestRecordFailsBesideOthers wants nothing to begin once the run cannot be
// recorded, and what runs to end.
func TestRecordFailsBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{failFrom: 5} // the end of the first hook
		b := &busy{works: map[string]work{"1-a": {time.Second, 0}, "1-b": {time.Minute, 0}}}
		run, err := Run(t.Context(), parallelPlan(2, "a: 1-a 1-b 1-c 1-d"), Options{Executor: b, ID: "01X", Record: rec.record})
		if !errors.Is(err, errDisk) || run.ExitCode != 74 || len(b.began) != 2 || len(b.running) != 0 {
			t.Errorf("ran %q and ended with %d, %v", b.began, run.ExitCode, err)
		}
	})
}

// TestRecordFailsBeforeTheEnd wants phases that run whatever happened to do so
// where the run cannot be recorded, as the failure phase does.
func TestRecordFailsBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := &recorder{failFrom: 4} // the end of the first hook
		b := &busy{works: map[string]work{"1-a": {time.Second, 0}}}
		p := parallelPlan(2, "a: 1-a 2-never", "z: 1-x 1-y 2-z")
		p.Phases[1].When, p.Phases[1].OnFailure = phased.WhenAlways, phased.Continue
		run, err := Run(t.Context(), p, Options{Executor: b, ID: "01X", Record: rec.record})
		slices.Sort(b.began)
		if d := cmp.Diff([]string{"1-a", "1-x", "1-y", "2-z"}, b.began); d != "" || !errors.Is(err, errDisk) || run.ExitCode != 74 {
			t.Errorf("ended with %d, %v; began (-want +got):\n%s", run.ExitCode, err, d)
		}
	})
}

// The fold of a run has hooks in run order, whoever started first.
func TestFoldIsInRunOrder(t *testing.T) {
	p := parallelPlan(4, "a: 1-a 1-b 1-c").Phases[0]
	events := []phased.Payload{
		phased.RunStarted{},
		phased.PhaseStarted{Phase: "a", Parallel: p.Parallel, Entries: p.Entries},
		phased.HookStarted{Phase: "a", Hook: "1-c"},
		phased.HookStarted{Phase: "a", Hook: "1-a"},
		phased.HookFinished{Phase: "a", Hook: "1-a", Again: true},
		phased.HookStarted{Phase: "a", Hook: "1-b"},
		phased.HookStarted{Phase: "a", Hook: "1-a", Attempt: 2},
	}
	var r phased.Run
	for i, d := range events {
		r.Apply(phased.Event{Run: "01X", Seq: uint64(i + 1), Data: d})
	}
	var got []string
	for _, h := range r.Phases[0].Hooks {
		got = append(got, fmt.Sprint(h.Hook, h.Attempt))
	}
	if d := cmp.Diff([]string{"1-a0", "1-a2", "1-b0", "1-c0"}, got); d != "" {
		t.Error(d)
	}
}
