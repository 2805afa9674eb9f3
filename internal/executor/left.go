package executor

import (
	"errors"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/redact"
)

// lateLimit is how many bytes are kept of what the processes that a hook left
// behind write after its end.
const lateLimit = 1 << 20

// leftovers reads on what hooks have left open, so that no process that they
// left behind is blocked by a full pipe, or killed by a closed one. One
// goroutine does it, as long as there is something to read. Hooks that run at once
// may add to it at once; close comes behind all of them.
type leftovers struct {
	mu      sync.Mutex
	wake    *wake
	fresh   []*leftover // not yet seen by the goroutine
	running bool
	closing bool
	quit    chan struct{} // closed with closing; nil: nobody has anything left
	done    sync.WaitGroup
	open    []*leftover // the goroutine's, and Close's after it
}

// leftover is the output of one hook that is still held.
type leftover struct {
	sink    phased.Sink
	hook    phased.Hook
	fds     [2]int
	tees    [2]*tee
	batch   batch
	clean   *cleaner // goes on with what the hook itself has written
	redact  *redact.Set
	gap     edges // where what is not kept begins
	kept    int64
	dropped int64
}

// add takes over the open descriptors of the capture.
func (l *leftovers) add(h phased.Hook, sink phased.Sink, c *capture) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wake == nil {
		w, err := newWake()
		if err != nil {
			c.close()
			return err
		}
		l.wake, l.quit = w, make(chan struct{})
	}
	o := &leftover{sink: sink, hook: h, fds: c.fds, tees: [2]*tee{c.tees[0].another(), c.tees[1].another()}}
	o.batch.emit = func(parts []phased.Part) { sink.Output(h, parts, true) }
	if o.clean, c.clean = c.clean, nil; o.clean != nil {
		o.redact, o.gap.reach = c.redact, c.redact.Reach()
		o.clean.emit, o.batch.emit = o.batch.emit, o.clean.output
	}
	c.fds = [2]int{-1, -1}
	l.fresh = append(l.fresh, o)
	if !l.running {
		l.running = true
		l.done.Go(l.run)
	}
	l.wake.signal()
	return nil
}

// take lets the goroutine have what is new. It reports false where the
// goroutine is to end.
func (l *leftovers) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, l.fresh...)
	l.fresh = nil
	l.running = len(l.open) > 0 && !l.closing
	return l.running
}

func (l *leftovers) run() {
	for l.take() {
		fds := []unix.PollFd{{Fd: int32(l.wake.fd), Events: unix.POLLIN}}
		var deadline time.Time
		for _, o := range l.open {
			for _, fd := range o.fds {
				fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			}
			deadline = earlier(deadline, o.batch.due())
		}
		if poll(fds, deadline) != nil {
			time.Sleep(batchDelay) // out of memory: it may pass
			continue
		}
		if fds[0].Revents != 0 {
			l.wake.clear()
		}
		now := time.Now()
		var open []*leftover
		for i, o := range l.open {
			for s := range o.fds {
				if fds[1+2*i+s].Revents != 0 {
					o.read(s, now, l)
				}
			}
			if due := o.batch.due(); !due.IsZero() && !now.Before(due) {
				o.batch.flush(false, now)
			}
			if o.held() {
				open = append(open, o)
			} else {
				o.finish()
			}
		}
		l.open = open
	}
}

func (o *leftover) held() bool { return o.fds[0] >= 0 || o.fds[1] >= 0 }

// read reads once what there is of the stream, and reports whether there was
// something.
func (o *leftover) read(s int, now time.Time, l *leftovers) bool {
	if o.fds[s] < 0 {
		return false
	}
	p := o.batch.room()
	n, err := read(o.fds[s], p)
	if n == 0 {
		if !errors.Is(err, unix.EAGAIN) {
			unix.Close(o.fds[s])
			o.fds[s] = -1
		}
		return false
	}
	if until := (interrupt{done: l.quit}); o.tees[s].begin(until) {
		o.tees[s].write(p[:n], l.wake, until)
		o.tees[s].end()
	}
	keep := int(min(int64(n), lateLimit-o.kept))
	o.kept += int64(keep)
	o.dropped += int64(n - keep)
	if first := &o.gap.first[s]; len(*first) < o.gap.reach {
		*first = append(*first, p[keep:min(n, keep+o.gap.reach-len(*first))]...)
	}
	o.batch.took(s, keep, now)
	return true
}

// finish sends out what is left, and tells what was not kept.
func (o *leftover) finish() {
	o.batch.flush(true, time.Now())
	o.clean.cut(o.gap)
	if o.dropped > 0 {
		o.sink.Cut(o.hook, o.dropped, lateLimit)
	}
	tellNotices(o.redact, o.sink)
}

// close ends the goroutine, takes what can be read now, and hands what is still
// held to a process that outlives this one.
func (l *leftovers) close(command []string) error {
	l.mu.Lock()
	l.closing = true
	if l.wake != nil {
		close(l.quit)
		l.wake.signal()
	}
	l.mu.Unlock()
	l.done.Wait()
	open := append(l.open, l.fresh...) // nobody else's any more
	l.open, l.fresh = nil, nil
	var fds []int
	for _, o := range open {
		for s := range o.fds {
			for begin := o.kept + o.dropped; o.kept+o.dropped-begin <= pipeSize && o.read(s, time.Now(), l); {
			}
			if o.fds[s] >= 0 {
				fds = append(fds, o.fds[s])
			}
		}
		o.finish()
	}
	var err error
	if len(fds) > 0 && len(command) > 0 {
		err = startDrain(command, fds)
	}
	closeAll(fds)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closing = false
	if l.wake != nil {
		l.wake.close()
		l.wake, l.quit = nil, nil
	}
	return err
}
