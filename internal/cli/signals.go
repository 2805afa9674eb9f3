package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

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
}

// listen begins to listen to SIGINT, SIGTERM and SIGHUP. A SIGHUP that was
// ignored when phased was started (nohup) stays so. A reader of the output that
// goes away does not end a run: SIGPIPE is caught, not ignored, so that hooks
// start with the default.
//
// It returns at once, and the signals are caught a little later: setting that up
// takes a quarter of a millisecond, in which the plan can be made. Nothing is to
// be started before ready is closed.
func listen(ctx context.Context) (context.Context, *stopper) {
	s := &stopper{
		kill: make(chan struct{}), ready: make(chan struct{}), signals: make(chan os.Signal, 8), pipe: make(chan os.Signal, 1), quit: make(chan struct{}),
	}
	ctx, s.cancel = context.WithCancelCause(ctx)
	s.gone.Go(func() {
		signal.Notify(s.signals, syscall.SIGINT, syscall.SIGTERM)
		if !signal.Ignored(syscall.SIGHUP) {
			signal.Notify(s.signals, syscall.SIGHUP)
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
				s.cancel(&phased.StopRequest{Signal: sig.(syscall.Signal)})
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
