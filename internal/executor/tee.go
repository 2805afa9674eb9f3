package executor

import (
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
)

// tee copies output to a descriptor of phased's own. That it cannot be written
// to hurts nobody: it is then left alone.
type tee struct {
	fd      int
	own     bool // it was opened for this
	plain   bool // a write does not wait for a reader
	dead    bool // a write has failed
	stalled bool // its reader has stopped reading, and the hook has to be ended: what does not go at once is dropped
}

func newTee(fd int) *tee {
	t := &tee{fd: fd}
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

func (t *tee) close() {
	if t.own {
		unix.Close(t.fd)
	}
}

// write writes all of p. As long as nothing interrupts, it waits for a slow
// reader, as the hook itself would.
func (t *tee) write(p []byte, w *wake, interrupted func() bool) {
	for len(p) > 0 && !t.dead && (t.plain || t.ready(w, interrupted)) {
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
			t.stalled = interrupted()
		default:
			t.dead = true
		}
	}
}

// ready waits until something can be written, and reports false where that was
// interrupted.
func (t *tee) ready(w *wake, interrupted func() bool) bool {
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
			if interrupted() {
				t.stalled = true
				continue
			}
			w.clear()
		}
	}
}
