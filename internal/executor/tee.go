package executor

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// tee copies output to a descriptor of phased's own. That it cannot be written
// to hurts nobody: it is then left alone.
type tee struct {
	fd      int
	chunk   int  // bytes that can be written without blocking once a poll says so; 0: any
	dead    bool // a write has failed
	stalled bool // its reader has stopped reading, and the hook has to be ended: what does not go at once is dropped
}

func newTee(fd int) *tee {
	t := &tee{fd: fd, chunk: 4096} // PIPE_BUF
	switch d := describe(0, fd); d.Type {
	case "file", "null":
		t.chunk = 0
	case "terminal":
		t.chunk = 256
	}
	return t
}

// write writes all of p. As long as nothing interrupts, it waits for a slow
// reader, as the hook itself would.
func (t *tee) write(p []byte, w *wake, interrupted func() bool) {
	for len(p) > 0 && !t.dead {
		n := len(p)
		if t.chunk > 0 {
			if !t.ready(w, interrupted) {
				return
			}
			n = min(n, t.chunk)
		}
		// Not os.File.Write: for descriptors 1 and 2 it ends the process with
		// SIGPIPE where the reader has gone.
		n, err := unix.Write(t.fd, p[:n])
		switch {
		case err == nil:
			p = p[n:]
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
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
