package executor

import (
	"time"

	"golang.org/x/sys/unix"
)

// idleAfter is how long nobody need read between two hooks.
const idleAfter = 20 * time.Millisecond

// idle reads on what background processes of the session write while no hook is
// sourced, so that none is blocked by a full pipe.
type idle struct {
	timer *time.Timer
	quit  chan struct{}
	done  chan struct{}
}

// beginIdle begins to read, some time from now.
func (s *Session) beginIdle() {
	if s.over || s.lane == nil || !s.lane.cap.held() || s.idle != nil {
		return
	}
	i := &idle{quit: make(chan struct{}), done: make(chan struct{})}
	i.timer = time.AfterFunc(idleAfter, func() { s.readIdle(i) })
	s.idle = i
}

// leaveIdle returns when nobody reads any more.
func (s *Session) leaveIdle() {
	i := s.idle
	if i == nil {
		return
	}
	s.idle = nil
	if i.timer.Stop() {
		return
	}
	close(i.quit)
	s.lane.wake.signal()
	<-i.done
}

func (s *Session) readIdle(i *idle) {
	defer close(i.done)
	c := &s.lane.cap
	for c.held() {
		fds := []unix.PollFd{{Fd: int32(s.lane.wake.fd), Events: unix.POLLIN}, {Fd: int32(c.fds[0]), Events: unix.POLLIN}, {Fd: int32(c.fds[1]), Events: unix.POLLIN}}
		err := poll(fds, c.due())
		select {
		case <-i.quit:
			return
		default:
		}
		if err != nil {
			time.Sleep(batchDelay) // out of memory: it may pass
			continue
		}
		if fds[0].Revents != 0 {
			s.lane.wake.clear()
		}
		now := time.Now()
		for n := range c.fds {
			if fds[1+n].Revents != 0 {
				c.read(n, now)
			}
		}
		c.tick(now)
	}
}
