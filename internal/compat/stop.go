package compat

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"phased/internal/executor"
	"phased/internal/phased"
)

// stopper ends a run by signals: the first one is passed on to what runs, the
// second kills it. A signal that was ignored from the start stays so, as far as
// Go can tell.
type stopper struct {
	kill   chan struct{}
	come   chan os.Signal
	done   sync.WaitGroup
	mu     sync.Mutex
	first  syscall.Signal
	before func(syscall.Signal)
}

// listen makes the context that the first signal ends. before is called with
// it.
func listen(before func(syscall.Signal)) (context.Context, *stopper) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &stopper{kill: make(chan struct{}), come: make(chan os.Signal, 4), before: before}
	for _, sig := range stopSignals() {
		if !signal.Ignored(sig) {
			signal.Notify(s.come, sig)
		}
	}
	s.done.Go(func() {
		for sig := range s.come {
			s.take(sig.(syscall.Signal), cancel)
		}
	})
	return ctx, s
}

func (s *stopper) take(sig syscall.Signal, cancel context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == 0 {
		s.first = sig
		s.before(sig)
		cancel(&phased.StopRequest{Signal: sig, Group: executor.TerminalGroup(sig)})
		return
	}
	select {
	case <-s.kill:
	default:
		close(s.kill)
	}
}

// groupSignal is how long a hook that a signal has ended makes phased wait for
// the same signal: whoever stops a service or a terminal's job sends it to all
// processes, in any order.
const groupSignal = 50 * time.Millisecond

// stoppedToo returns how a hook has ended: by a stop, where the signal that
// ended it comes to phased as well.
func stoppedToo(ctx context.Context, x phased.Exit) phased.Exit {
	sig := syscall.Signal(x.Status - 128)
	if x.Cause != phased.CauseSignal && x.Cause != phased.CauseExit || !slices.Contains(stopSignals(), sig) {
		return x
	}
	select {
	case <-ctx.Done():
	case <-time.After(groupSignal):
		return x
	}
	var stop *phased.StopRequest
	if errors.As(context.Cause(ctx), &stop) && stop.Signal == sig {
		return phased.ExitByCause(stop)
	}
	return x
}

// stopSignals are the signals that end a run.
func stopSignals() []syscall.Signal {
	return []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM}
}

// signal returns the first signal; 0: none has come.
func (s *stopper) signal() syscall.Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first
}

// close stops listening. Signals have their usual effect then.
func (s *stopper) close() {
	signal.Stop(s.come)
	close(s.come)
	s.done.Wait()
}
