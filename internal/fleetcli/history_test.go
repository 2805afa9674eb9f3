package fleetcli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"phased/internal/phased"
)

// pastRuns are runs of one hook that took 1 s, 2 s, ... and failed in every fifth;
// newest first, as a Source has them.
func pastRuns(n int) (all []phased.Summary, read func(context.Context, string) (phased.Run, error), reads *atomic.Int32) {
	reads = new(atomic.Int32)
	for i := n; i > 0; i-- {
		all = append(all, phased.Summary{ID: fmt.Sprintf("%03d", i), Lifecycle: "x", Base: "/b", Status: phased.StatusSucceeded, Began: time.Unix(int64(i), 0)})
	}
	read = func(_ context.Context, id string) (phased.Run, error) {
		reads.Add(1)
		var i int
		if _, err := fmt.Sscanf(id, "%d", &i); err != nil {
			return phased.Run{}, err
		}
		x := phased.Exit{Cause: phased.CauseOK}
		if i%5 == 0 {
			x = phased.Exit{Cause: phased.CauseExit, Status: 1}
		}
		h := phased.HookRun{HookStarted: phased.HookStarted{Phase: "p", Hook: "h"}, Status: phased.StatusOf(x.Cause), Exit: &x, Took: time.Duration(i) * time.Second}
		return phased.Run{ID: id, Seq: 1, Phases: []phased.PhaseRun{{PhaseStarted: phased.PhaseStarted{Phase: "p"}, Hooks: []phased.HookRun{h}}}}, nil
	}
	return all, read, reads
}

func TestHistory(t *testing.T) {
	all, read, reads := pastRuns(120)
	all = append(all, phased.Summary{ID: "200", Lifecycle: "x", Base: "/other", Status: phased.StatusSucceeded}, phased.Summary{ID: "201", Lifecycle: "x", Base: "/b", Status: phased.StatusRunning})
	h := newHistories(t.Context(), read)
	run := &phased.Run{Start: phased.RunStarted{Lifecycle: "x", Base: "/b"}}
	got := h.of(t.Context(), run, all)
	if n := reads.Load(); n != historyRuns {
		t.Errorf("%d runs were read", n)
	}
	past := got.Past("p", "h")
	if len(past) != 50 || past[49].Run != "120" || past[0].Run != "071" || !past[49].Failed || past[48].Failed || past[48].Took != 119*time.Second {
		t.Errorf("%d times, from %+v to %+v", len(past), past[0], past[len(past)-1])
	}
	// The last 50 that ended well are 119, 118, 117, 116, 114, ... 58.
	if u, ok := got.Usual("p", "h"); !ok || u.Runs != 50 || u.P50 != 88*time.Second || u.P95 != 117*time.Second {
		t.Errorf("usual is %+v", u)
	}
	if _, ok := got.Usual("p", "none"); ok || got.Past("p", "none") != nil {
		t.Error("there is something of a hook that never ran")
	}
	h.of(t.Context(), run, all)
	all = slices.Insert(all, 0, phased.Summary{ID: "121", Lifecycle: "x", Base: "/b", Status: phased.StatusFailed})
	if again := h.of(t.Context(), run, all); again.Past("p", "h")[49].Run != "121" || reads.Load() != historyRuns+1 {
		t.Errorf("after one more run %d were read", reads.Load())
	}
}

// TestHistoryKeepsNobodyWaiting: a page is made without it where reading takes long,
// and has it later; a server that ends waits for the reading, which ends then.
func TestHistoryKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		all, read, _ := pastRuns(3)
		slow := func(ctx context.Context, id string) (phased.Run, error) {
			select {
			case <-time.After(time.Minute):
				return read(ctx, id)
			case <-ctx.Done():
				return phased.Run{}, ctx.Err()
			}
		}
		h := newHistories(ctx, slow)
		run := &phased.Run{Start: phased.RunStarted{Lifecycle: "x", Base: "/b"}}
		began := time.Now()
		if got := h.of(t.Context(), run, all); got != nil || time.Since(began) != historyWait {
			t.Errorf("%v after %v", got, time.Since(began))
		}
		time.Sleep(3 * time.Minute)
		if got := h.of(t.Context(), run, all); got == nil || len(got.Past("p", "h")) != 3 {
			t.Errorf("later: %v", got)
		}
		all, _, _ = pastRuns(4)
		if got := h.of(t.Context(), run, all); got == nil || len(got.Past("p", "h")) != 3 {
			t.Errorf("while one more is read: %v", got)
		}
		cancel(errors.New("it ends"))
		h.close()
	})
}
