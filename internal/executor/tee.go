package executor

import (
	"context"
	"errors"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// teeChunk can be written to a pipe without blocking once a poll says that
	// something can: PIPE_BUF.
	teeChunk = 4096
	teePause = 5 * time.Millisecond // before another try, where a poll is wrong about it
	// teeTurn is how long a hook that has to be ended waits for another one's
	// write to end.
	teeTurn = 100 * time.Millisecond
)

// tee copies output of one hook to a descriptor of phased's own. That it cannot be
// written to hurts nobody: it is then left alone. A tee serves one goroutine; those
// of several hooks have the file in common, and write to it in turn.
type tee struct {
	*teeFile
	dead    bool // a write has failed
	stalled bool // its reader has stopped reading, and the hook has to be ended: what does not go at once is dropped
}

// teeFile is where output is copied to.
type teeFile struct {
	fd    int
	own   bool // it was opened for this
	plain bool // a write does not wait for a reader
	// turn is held by who writes: what is read of a hook at one stroke goes out
	// without a word of another in between. Two files that are the same one have it
	// in common.
	turn chan struct{}
}

// interrupt says by its channels that nobody waits any more for a slow reader.
// A nil channel never does.
type interrupt struct{ done, kill <-chan struct{} }

// interruptedBy returns what a context says, and the channel that is closed at the
// second signal.
func interruptedBy(ctx context.Context, kill <-chan struct{}) interrupt {
	return interrupt{ctx.Done(), kill}
}

func (i interrupt) now() bool {
	select {
	case <-i.done:
	case <-i.kill:
	default:
		return false
	}
	return true
}

// newTees returns tees for phased's own 1 and 2.
func newTees(fds [2]int) [2]*tee {
	out, err := newTeeFile(fds[0]), newTeeFile(fds[1])
	if sameFile(fds[0], fds[1]) {
		err.turn = out.turn
	}
	return [2]*tee{{teeFile: out}, {teeFile: err}}
}

func newTeeFile(fd int) *teeFile {
	t := &teeFile{fd: fd, turn: make(chan struct{}, 1)}
	switch describe(0, fd).Type {
	case "file", "null":
		t.plain = true
		return t
	}
	// Another open file of the same pipe or terminal, which does not block.
	// The one at hand must stay as it is: it is shared with other programs.
	n, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err == nil {
		t.fd, t.own = n, true
	}
	return t
}

func sameFile(a, b int) bool {
	var s, t unix.Stat_t
	return unix.Fstat(a, &s) == nil && unix.Fstat(b, &t) == nil && s.Dev == t.Dev && s.Ino == t.Ino
}

// another returns a tee of the same file for somebody else.
func (t *tee) another() *tee {
	if t == nil {
		return nil
	}
	return &tee{teeFile: t.teeFile, dead: t.dead}
}

func (t *teeFile) close() {
	if t.own {
		unix.Close(t.fd)
	}
}

// begin takes the turn to write, unless that is interrupted: what is written
// without it is dropped. It reports whether end is to be called.
func (t *tee) begin(i interrupt) bool {
	if t == nil || t.dead {
		return false
	}
	select {
	case t.turn <- struct{}{}:
		return true
	default:
	}
	if !t.stalled {
		select {
		case t.turn <- struct{}{}:
			return true
		case <-i.done:
		case <-i.kill:
		}
		select {
		case t.turn <- struct{}{}:
			return true
		case <-time.After(teeTurn):
		}
		t.stalled = true
	}
	return false
}

// end gives the turn to the next.
func (t *tee) end() { <-t.turn }

// write writes all of p, in its turn. As long as nothing interrupts, it waits for
// a slow reader, as the hook itself would.
func (t *tee) write(p []byte, w *wake, i interrupt) {
	for len(p) > 0 && !t.dead && (t.plain || t.ready(w, i)) {
		n := len(p)
		if !t.plain && !t.own {
			n = min(n, teeChunk)
		}
		// Not os.File.Write: for descriptors 1 and 2 it ends the process with
		// SIGPIPE where the reader has gone.
		n, err := unix.Write(t.fd, p[:n])
		switch {
		case err == nil:
			p = p[n:]
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			if t.stalled {
				return
			}
			time.Sleep(teePause)
			t.stalled = i.now()
		default:
			t.dead = true
		}
	}
}

// ready waits until something can be written, and reports false where that was
// interrupted.
func (t *tee) ready(w *wake, i interrupt) bool {
	for {
		fds := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLOUT}, {Fd: int32(w.fd), Events: unix.POLLIN}}
		var deadline time.Time
		if t.stalled {
			deadline = time.Now()
		}
		if err := poll(fds, deadline); err != nil {
			t.dead = true
			return false
		}
		if fds[0].Revents != 0 {
			return true
		}
		if t.stalled {
			return false
		}
		if fds[1].Revents != 0 {
			if i.now() {
				t.stalled = true
				continue
			}
			w.clear()
		}
	}
}
