package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"phased/internal/executor"
	"phased/internal/phased"
)

// stopper turns signals into the end of a run: the first cancels the context
// with a *phased.StopRequest as its cause, the second closes kill.
type stopper struct {
	kill    chan struct{}
	ready   chan struct{} // closed when signals are caught
	signals chan os.Signal
	pipe    chan os.Signal
	quit    chan struct{}
	gone    sync.WaitGroup
	cancel  context.CancelCauseFunc
	// group tells which process group got a signal as a whole; nil: none.
	group func(syscall.Signal) int
}

// listen begins to listen to SIGINT, SIGTERM and SIGHUP. A SIGHUP that was
// ignored when phased was started (nohup) stays so. A reader of the output that
// goes away does not end a run: SIGPIPE is caught, not ignored, so that hooks
// start with the default.
//
// It returns at once, and the signals are caught a little later: setting that up
// takes a quarter of a millisecond and more, in which the plan can be made and dead
// runs looked for: until then a signal ends phased as it ends any program. Nothing is to
// be started before ready is closed.
func listen(ctx context.Context) (context.Context, *stopper) {
	return newStopper(ctx, func(_ syscall.Signal) int { return 0 }, func(sig syscall.Signal) bool { return sig == syscall.SIGHUP && signal.Ignored(sig) })
}

// listenLikeHooks is listen for commands whose hooks are in phased's own process
// group, and get what the terminal sends as well. Every signal that was ignored
// when phased was started stays so.
func listenLikeHooks(ctx context.Context) (context.Context, *stopper) {
	return newStopper(ctx, executor.TerminalGroup, func(sig syscall.Signal) bool { return signal.Ignored(sig) })
}

func newStopper(ctx context.Context, group func(syscall.Signal) int, leave func(syscall.Signal) bool) (context.Context, *stopper) {
	s := &stopper{
		group: group, kill: make(chan struct{}), ready: make(chan struct{}), signals: make(chan os.Signal, 8), pipe: make(chan os.Signal, 1), quit: make(chan struct{}),
	}
	ctx, s.cancel = context.WithCancelCause(ctx)
	s.gone.Go(func() {
		for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			if !leave(sig) {
				signal.Notify(s.signals, sig)
			}
		}
		signal.Notify(s.pipe, syscall.SIGPIPE)
		close(s.ready)
		s.watch()
	})
	return ctx, s
}

func (s *stopper) watch() {
	count := 0
	for {
		select {
		case sig := <-s.signals:
			switch count++; count {
			case 1:
				sig := sig.(syscall.Signal)
				s.cancel(&phased.StopRequest{Signal: sig, Group: s.group(sig)})
			case 2:
				close(s.kill)
			}
		case <-s.quit:
			return
		}
	}
}

// restore gives signals their usual effect back, but for SIGPIPE.
func (s *stopper) restore() { signal.Stop(s.signals) }

// close stops listening.
func (s *stopper) close() {
	<-s.ready
	signal.Stop(s.signals)
	signal.Stop(s.pipe)
	close(s.quit)
	s.gone.Wait()
	s.cancel(nil)
}
