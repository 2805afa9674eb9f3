package executor

import (
	"context"
	"sync"
	"syscall"
	"testing"

	"phased/internal/phased"
)

// crowd is a Sink that keeps what it is told apart by hook. Of what is told of no
// hook it keeps the warnings.
type crowd struct {
	mu       sync.Mutex
	by       map[phased.Text]*recorder
	warnings recorder
	onStart  func(phased.Hook, phased.Process)
}

// of returns what was told of a hook.
func (c *crowd) of(name phased.Text) *recorder {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[phased.Text]*recorder{}
	}
	if c.by[name] == nil {
		c.by[name] = &recorder{}
	}
	return c.by[name]
}

func (c *crowd) Started(h phased.Hook, p phased.Process) {
	c.of(h.Name).Started(h, p)
	if c.onStart != nil {
		c.onStart(h, p)
	}
}

func (c *crowd) Output(h phased.Hook, parts []phased.Part, late bool) {
	c.of(h.Name).Output(h, parts, late)
}

func (c *crowd) Cut(h phased.Hook, dropped, limit int64) { c.of(h.Name).Cut(h, dropped, limit) }

func (c *crowd) Signalled(h phased.Hook, sig syscall.Signal, reason string, count int) {
	c.of(h.Name).Signalled(h, sig, reason, count)
}

func (c *crowd) Tell(p phased.Payload) { c.warnings.Tell(p) }

func (c *crowd) Warning(m string) { c.warnings.Warning(m) }

func (c *crowd) check(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.by {
		r.check(t)
	}
	c.warnings.check(t)
}

// running is a hook that runs beside others.
type running struct {
	hook   phased.Hook
	cancel context.CancelCauseFunc
	done   chan struct{} // closed when it has ended
	result phased.Result
	err    error
}

// start runs a hook beside others. It is ended, and waited for, with the test.
func start(t *testing.T, x seam, h phased.Hook) *running {
	ctx, cancel := context.WithCancelCause(context.Background())
	r := &running{hook: h, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.result, r.err = x.Exec(ctx, h)
	}()
	t.Cleanup(func() {
		cancel(context.Canceled)
		<-r.done
	})
	return r
}

// ended waits for the end of the hook.
func (r *running) ended(t *testing.T) phased.Result {
	t.Helper()
	<-r.done
	if r.err != nil {
		t.Fatalf("%s: %v", r.hook.Name, r.err)
	}
	return r.result
}

// runs reports whether the hook has not ended.
func (r *running) runs() bool {
	select {
	case <-r.done:
		return false
	default:
		return true
	}
}
