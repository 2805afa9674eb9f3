package executor

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// capturing reads the output of one hook of an EnvShell while it runs.
type capturing struct {
	s    *EnvShell
	ends [2]int        // that the hook writes to, opened by bash by their paths
	told chan struct{} // closed once the sink knows of the hook: it may be told of output from then on
	quit chan struct{}
	done chan struct{}
	stop func() bool
}

// openCapture makes what is made once a phase.
func (s *EnvShell) openCapture() error {
	if s.Output == Inherited {
		return nil
	}
	var err error
	if s.wake, err = newWake(); err != nil {
		return err
	}
	s.cap.limit, s.cap.wake, s.cap.redact = s.Limit, s.wake, s.Redact
	if s.Limit < 1 {
		s.cap.limit = DefaultLimit
	}
	if s.Output == Tee {
		s.cap.tees = newTees(s.outputs())
	}
	return nil
}

// capture begins to read the output of a hook. nil: it is inherited.
func (s *EnvShell) capture(ctx context.Context, h phased.Hook) (*capturing, error) {
	if s.Output == Inherited {
		return nil, nil
	}
	c := &capturing{s: s, told: make(chan struct{}), quit: make(chan struct{}), done: make(chan struct{})}
	var err error
	if c.ends, err = s.cap.open(s.setup.Sink, h); err != nil {
		return nil, err
	}
	s.cap.interrupt = interruptedBy(ctx, nil)
	c.stop = context.AfterFunc(ctx, s.wake.signal)
	go c.pump()
	return c, nil
}

// redirect is what bash is told of it.
func (c *capturing) redirect() string {
	if c == nil {
		return ""
	}
	path := func(fd int) string { return procFD(os.Getpid(), fd) }
	return " >|" + path(c.ends[0]) + " 2>|" + path(c.ends[1])
}

// pump reads until it is told to end.
func (c *capturing) pump() {
	defer close(c.done)
	select {
	case <-c.told:
	case <-c.quit:
	}
	p := &c.s.cap
	for {
		select {
		case <-c.quit:
			return
		default:
		}
		fds := []unix.PollFd{{Fd: int32(p.fds[0]), Events: unix.POLLIN}, {Fd: int32(p.fds[1]), Events: unix.POLLIN}, {Fd: int32(c.s.wake.fd), Events: unix.POLLIN}}
		if poll(fds, p.due()) != nil {
			time.Sleep(batchDelay) // out of memory: it may pass
			continue
		}
		if fds[2].Revents != 0 {
			c.s.wake.clear()
		}
		now := time.Now()
		for i := range p.fds {
			if fds[i].Revents != 0 {
				p.read(i, now)
			}
		}
		p.tick(now)
	}
}

// finish takes what is left once the hook has ended.
func (c *capturing) finish(h phased.Hook, r *phased.Result) error {
	if c == nil {
		return nil
	}
	c.stop()
	close(c.quit)
	c.s.wake.signal()
	<-c.done
	closeAll(c.ends[:])
	var err error
	p := &c.s.cap
	r.Left, err = p.finish()
	r.Out, r.Err = p.count[0], p.count[1]
	if err == nil && r.Left {
		err = c.s.left.add(h, c.s.setup.Sink, p)
	}
	return err
}

func (s *EnvShell) closeCapture() error {
	err := s.left.close(s.DrainCommand)
	if s.wake != nil {
		s.wake.close()
		s.wake = nil
	}
	return err
}
