package fleetcli

import (
	"context"
	"slices"
	"sync"
	"time"

	"phased/internal/phased"
	"phased/internal/stats"
	"phased/internal/web"
)

// What is read of the record to know what is usual, as `phased run` does it; how long
// a page waits for that; how many times are kept in memory.
const (
	historyRuns = 100
	historyWait = 150 * time.Millisecond
	historyMost = 400_000
)

// histories are what runs on record tell of their hooks. A run that has ended is read
// once; only what its hooks took is kept of it.
type histories struct {
	read func(context.Context, string) (phased.Run, error)
	// start begins what goes on when a page does not wait any more, until the server
	// ends.
	start func(func(context.Context))
	ended func() bool

	mu      sync.Mutex
	gone    sync.WaitGroup
	runs    map[string][]stats.Time
	kept    int
	made    map[place]*history
	loading map[place]chan struct{} // closed when it is made
}

// place is of what hooks are compared.
type place struct {
	lifecycle string
	base      phased.Text
}

func newHistories(ctx context.Context, read func(context.Context, string) (phased.Run, error)) *histories {
	h := &histories{read: read, runs: map[string][]stats.Time{}, made: map[place]*history{}, loading: map[place]chan struct{}{}}
	h.start = func(work func(context.Context)) { h.gone.Go(func() { work(ctx) }) }
	h.ended = func() bool { return ctx.Err() != nil }
	return h
}

// close waits until nothing is read any more. The context has ended.
func (h *histories) close() { h.gone.Wait() }

// of is web.Options.History: what the runs tell of the hooks of one.
func (h *histories) of(ctx context.Context, run *phased.Run, all []phased.Summary) web.History {
	at := place{run.Start.Lifecycle, run.Start.Base}
	var fits []phased.Summary
	for i := range all {
		if s := &all[i]; s.Lifecycle == at.lifecycle && s.Base == at.base && s.Status.Final() && len(fits) < historyRuns {
			fits = append(fits, *s)
		}
	}
	h.mu.Lock()
	if m := h.made[at]; m.of(fits) {
		h.mu.Unlock()
		return m
	}
	done := h.loading[at]
	if done == nil && !h.ended() {
		done = make(chan struct{})
		h.loading[at] = done
		h.start(func(ctx context.Context) { h.load(ctx, at, fits, done) })
	}
	h.mu.Unlock()
	if done == nil {
		return nil
	}
	patience := time.NewTimer(historyWait)
	defer patience.Stop()
	select {
	case <-done:
	case <-patience.C:
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.made[at]; m != nil { // of some runs ago is better than nothing
		return m
	}
	return nil
}

// load reads the runs that were not read yet, and makes a history of all.
func (h *histories) load(ctx context.Context, at place, fits []phased.Summary, done chan struct{}) {
	m := &history{hooks: map[hookName]*past{}}
	for i := range fits {
		if ctx.Err() != nil {
			break
		}
		m.ids = append(m.ids, fits[i].ID)
		m.add(&fits[i], h.times(ctx, fits[i].ID))
	}
	for _, p := range m.hooks {
		slices.Reverse(p.last)
		p.usual, p.known = stats.UsualOf(p.well)
		p.well = nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made[at] = m
	delete(h.loading, at)
	close(done)
}

// times returns what the hooks of a run took. Of a damaged record it is what stands
// before the damage.
func (h *histories) times(ctx context.Context, id string) []stats.Time {
	h.mu.Lock()
	times, known := h.runs[id]
	h.mu.Unlock()
	if known {
		return times
	}
	run, err := h.read(ctx, id)
	if err != nil && run.Seq == 0 {
		return nil // pruned, or not to be read now
	}
	times = stats.Times(&run)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kept+len(times) > historyMost {
		h.runs, h.kept = map[string][]stats.Time{}, 0
	}
	h.runs[id] = times
	h.kept += len(times)
	return times
}

// hookName names a hook of a lifecycle.
type hookName struct {
	phase string
	hook  phased.Text
}

// past is what is known of one hook.
type past struct {
	last  []web.Past // the oldest first
	well  []time.Duration
	usual phased.Usual
	known bool
}

// history is web.History of the runs of one place.
type history struct {
	ids   []string
	hooks map[hookName]*past
}

// of reports whether the history is made of these runs.
func (m *history) of(runs []phased.Summary) bool {
	if m == nil || len(m.ids) != len(runs) {
		return false
	}
	for i := range runs {
		if runs[i].ID != m.ids[i] {
			return false
		}
	}
	return true
}

// add takes the next older run.
func (m *history) add(s *phased.Summary, times []stats.Time) {
	for _, t := range times {
		name := hookName{t.Phase, t.Hook}
		p := m.hooks[name]
		if p == nil {
			p = &past{}
			m.hooks[name] = p
		}
		if len(p.last) < stats.Kept {
			p.last = append(p.last, web.Past{Run: s.ID, Began: s.Began, Took: t.Took, Failed: t.Failed})
		}
		if !t.Failed && len(p.well) < stats.Kept {
			p.well = append(p.well, t.Took)
		}
	}
}

// Usual implements web.History.
func (m *history) Usual(phase string, hook phased.Text) (phased.Usual, bool) {
	p := m.hooks[hookName{phase, hook}]
	if p == nil {
		return phased.Usual{}, false
	}
	return p.usual, p.known
}

// Past implements web.History.
func (m *history) Past(phase string, hook phased.Text) []web.Past {
	if p := m.hooks[hookName{phase, hook}]; p != nil {
		return p.last
	}
	return nil
}
