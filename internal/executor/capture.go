package executor

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/redact"
)

const (
	pipeSize = 1 << 20 // what a pipe is enlarged to once a hook fills it
	// linger is how long the end of the output is awaited after the hook's own
	// process has ended: `exec > >(tee log)` ends just behind it.
	linger = 20 * time.Millisecond
)

// capture reads the output of one hook after the other, for one goroutine: hooks
// that run at once have one each. The first half of the limit goes out as it comes;
// of the rest, the last half is kept until the end.
type capture struct {
	limit int64
	fds   [2]int // read ends; -1: none, or at its end
	full  [2]bool
	count [2]int64 // bytes read
	live  int64    // bytes that may still go out as they come
	batch batch
	tail  ring
	aside aside
	tees  [2]*tee
	// progress tells how far the hook is beyond what goes out as it comes.
	progress progress

	redact *redact.Set // nil: there are no secrets
	clean  *cleaner
	sink   phased.Sink
	hook   phased.Hook
	// wake and interrupt end the wait for a slow reader of a tee.
	wake      *wake
	interrupt interrupt
	turn      bool // to write to the tee of the stream that is read
}

// open makes the pipes for a hook and returns the ends that it writes to.
func (c *capture) open(sink phased.Sink, h phased.Hook) ([2]int, error) {
	var ends [2]int
	c.fds = [2]int{-1, -1}
	for i := range ends {
		var p [2]int
		if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
			if i > 0 {
				unix.Close(ends[0])
			}
			c.close()
			return ends, fmt.Errorf("cannot make a pipe: %w", err)
		}
		c.fds[i], ends[i] = p[0], p[1]
		// Only the read end: the hook must see an ordinary, blocking pipe.
		if err := unix.SetNonblock(p[0], true); err != nil {
			unix.Close(ends[0])
			if i > 0 {
				unix.Close(ends[1])
			}
			c.close()
			return ends, fmt.Errorf("cannot set up a pipe: %w", err)
		}
	}
	c.full = [2]bool{}
	c.begin(sink, h)
	return ends, nil
}

// begin makes what comes from now on the output of the hook.
func (c *capture) begin(sink phased.Sink, h phased.Hook) {
	c.sink, c.hook = sink, h
	c.count = [2]int64{}
	c.live = c.limit / 2
	c.tail.reset(int(c.limit-c.live), ringSlack)
	c.progress = progress{}
	c.tell(false)
	for _, t := range c.tees {
		if t != nil {
			t.stalled = false
		}
	}
}

// after makes what comes from now on late output of the hook.
func (c *capture) after(sink phased.Sink, h phased.Hook) {
	c.begin(sink, h)
	c.live = lateLimit
	c.tail.reset(0, ringSlack)
	c.progress = progress{off: true}
	c.tell(true)
}

// tell has the hook's output told to its sink, without secrets.
func (c *capture) tell(late bool) {
	sink, h := c.sink, c.hook
	c.batch.emit = func(parts []phased.Part) { sink.Output(h, parts, late) }
	c.tail.gap.reach = c.redact.Reach()
	if c.clean = newCleaner(c.redact); c.clean != nil {
		c.clean.emit, c.batch.emit = c.batch.emit, c.clean.output
	}
}

// end tells what was held back as the possible beginning of a secret: the text of
// the hook ends here.
func (c *capture) end() {
	if c.clean != nil {
		c.clean.end()
		tellNotices(c.redact, c.sink)
	}
}

// held reports whether somebody may still write.
func (c *capture) held() bool { return c.fds[0] >= 0 || c.fds[1] >= 0 }

func (c *capture) close() {
	for i, fd := range c.fds {
		if fd >= 0 {
			unix.Close(fd)
			c.fds[i] = -1
		}
	}
}

// read reads once what there is of the stream. It reports whether there may be
// more at once.
func (c *capture) read(i int, now time.Time) bool {
	fd := c.fds[i]
	if fd < 0 {
		return false
	}
	defer c.endTurn(i)
	if c.full[i] {
		if moved := c.aside.move(fd); moved > 0 {
			for n := 1; moved > 0 && n > 0; moved -= n {
				n, _, _ = c.take(i, c.aside.r, now) // it is there: no error
			}
			return true
		}
	}
	n, filled, err := c.take(i, fd, now)
	if filled && n < readSize && c.turn { // what the hook wrote at one stroke goes out at one
		more, _, _ := c.take(i, fd, now) // an end is found again
		n += more
	}
	if n == 0 {
		if !errors.Is(err, unix.EAGAIN) { // the end; an error of a pipe is none that would pass
			unix.Close(fd)
			c.fds[i] = -1
		}
		return false
	}
	if n >= readSize && !c.full[i] {
		c.full[i] = true
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize) // a user may be over his quota: it works small as well
	}
	return true
}

// endTurn lets others write to the tee of the stream.
func (c *capture) endTurn(i int) {
	if c.turn {
		c.turn = false
		c.tees[i].end()
	}
}

// take reads once from a pipe with output of the stream, and reports whether there
// was memory for no more.
func (c *capture) take(i, fd int, now time.Time) (n int, filled bool, err error) {
	buf := c.tail.room
	if c.live > 0 {
		buf = c.batch.room
	}
	p := buf()
	if c.live > 0 {
		p = p[:min(int64(len(p)), c.live)]
	}
	n, err = read(fd, p)
	if n == 0 {
		return 0, false, err
	}
	c.count[i] += int64(n)
	if c.turn = c.turn || c.tees[i].begin(c.interrupt); c.turn {
		c.tees[i].write(p[:n], c.wake, c.interrupt)
	}
	if c.live > 0 {
		c.live -= int64(n)
		c.batch.took(i, n, now)
		if c.live == 0 {
			c.tail.add(c.batch.border())
		}
	} else {
		c.tail.took(i, n)
		c.progress.take(c, now)
	}
	return n, n == len(p), nil
}

// drain reads what is there without waiting. A pipe's worth a stream is the
// bound: a process that was left behind may write for ever.
func (c *capture) drain() {
	begin := c.count
	for more := true; more; {
		more = false
		for i := range c.fds {
			if c.count[i]-begin[i] <= pipeSize && c.read(i, time.Now()) {
				more = true
			}
		}
	}
}

// finish takes what is left once the hook's own process has ended, and sends
// out all that was kept. It reports whether somebody still holds the output.
func (c *capture) finish() (left bool, err error) {
	c.drain()
	for deadline := time.Now().Add(linger); c.held() && time.Now().Before(deadline); {
		fds := []unix.PollFd{{Fd: int32(c.fds[0]), Events: unix.POLLIN}, {Fd: int32(c.fds[1]), Events: unix.POLLIN}}
		if err = poll(fds, deadline); err != nil {
			break
		}
		for i := range c.fds {
			if fds[i].Revents != 0 {
				c.read(i, time.Now())
			}
		}
	}
	c.flush()
	if !c.held() {
		c.end()
	}
	return c.held(), err
}

// flush sends out all that was kept, but for the possible beginning of a secret.
func (c *capture) flush() {
	now := time.Now()
	c.tail.trim()
	if dropped := c.tail.total - int64(c.tail.kept); dropped > 0 {
		c.batch.flush(true, now)
		c.clean.cut(c.tail.gap)
		c.sink.Cut(c.hook, dropped, c.limit)
	}
	c.tail.each(func(stream int, p []byte) { c.batch.add(stream, p, now) })
	c.batch.flush(true, now)
}
