package engine

import (
	"context"
	"time"

	"phased/internal/phased"
)

// A hook is slow when it has been running for slowTimes its 50th percentile, by
// slowRuns runs at least, and for slowFloor: who takes 30 ms instead of 10 is
// nobody's concern.
const (
	slowTimes = 3
	slowRuns  = 5
	slowFloor = time.Second
)

// watchSlow tells of the hook, once, when it is slow. What it returns ends the
// watch, and must be called before the end of the hook is told. A hook that ends
// within a second costs a timer and no more: what is usual is asked for
// afterwards.
func (r *run) watchSlow(ctx context.Context, h phased.Hook) (unwatch func()) {
	if r.o.Usual == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	gone, began := make(chan struct{}), time.Now()
	timer := time.AfterFunc(slowFloor, func() {
		defer close(gone)
		r.slow(ctx, h, began)
	})
	return func() {
		cancel()
		if !timer.Stop() {
			<-gone
		}
	}
}

// slow waits until the hook is slow, and tells it.
func (r *run) slow(ctx context.Context, h phased.Hook, began time.Time) {
	u, ok := r.o.Usual(ctx, h.Phase, h.Name)
	limit := slowTimes * u.P50 // slowFloor has passed
	if !ok || u.Runs < slowRuns || limit/slowTimes != u.P50 {
		return
	}
	wait := time.NewTimer(limit - time.Since(began))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return
	}
	d := phased.HookSlow{Phase: h.Phase, Hook: h.Name, Elapsed: time.Since(began), P50: u.P50, P95: u.P95, Runs: u.Runs}
	if ctx.Err() == nil && r.stillRuns(d) {
		r.emit(d)
	}
}

// stillRuns reports whether the hook of the event is on record as running: it may
// have been given to the executor and not have been started.
func (r *run) stillRuns(d phased.HookSlow) bool {
	if r.o.Clean != nil { // the record has its name without secrets
		if told, ok := r.o.Clean(d).(phased.HookSlow); ok {
			d = told
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.fold.Hook(d.Phase, d.Hook)
	return h != nil && h.Status == phased.StatusRunning && h.Slow == nil
}
