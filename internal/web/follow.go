package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"phased/internal/phased"
)

// follower is a run that goes on, as far as its events are known. One goroutine
// takes them as they are recorded; who makes a page of them takes a copy.
type follower struct {
	mu     sync.Mutex
	run    phased.Run
	took   func(phased.Event) // called with the lock held, behind Apply
	over   bool               // there will be no more events
	failed error              // why not, where that is no end of the run
}

// follow begins to take the events of a run. stop ends that, and waits for it.
func (s *Server) follow(ctx context.Context, id string, took func(phased.Event)) (f *follower, stop func()) {
	f = &follower{took: took}
	ctx, cancel := context.WithCancel(ctx)
	var gone sync.WaitGroup
	gone.Go(func() { f.take(ctx, s.Source, id) })
	return f, func() { cancel(); gone.Wait() }
}

func (f *follower) take(ctx context.Context, src phased.Source, id string) {
	for e, err := range src.Follow(ctx, id, 0) {
		f.mu.Lock()
		if err != nil {
			f.failed, f.over = err, true
			f.mu.Unlock()
			return
		}
		if f.run.Apply(e) {
			f.took(e)
		}
		f.mu.Unlock()
	}
	f.mu.Lock()
	final := f.run.Status.Final()
	f.mu.Unlock()
	var run phased.Run
	var err error
	if !final { // phased died
		run, err = src.Run(ctx, id)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !final && run.Seq > 0 {
		f.run = run
	}
	f.over, f.failed = true, err
}

// snapshot copies the run, so that what is taken later changes nothing of it. The
// lock is held.
func (f *follower) snapshot() *phased.Run {
	run := f.run
	run.Phases = slices.Clone(run.Phases)
	for i := range run.Phases {
		run.Phases[i].Hooks = slices.Clone(run.Phases[i].Hooks)
	}
	return &run
}

// seenUpTo returns the last event that the reader of a stream has seen the effect
// of: by the page that it has, or by what was sent to it before.
func seenUpTo(r *http.Request) uint64 {
	after, _ := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	if text, ok := strings.CutPrefix(r.Header.Get("Last-Event-ID"), "S"); ok {
		if seq, err := strconv.ParseUint(text, 10, 64); err == nil {
			after = max(after, seq)
		}
	}
	return after
}

// seenID is what seenUpTo reads.
func seenID(seq uint64) string { return "S" + strconv.FormatUint(seq, 10) }
