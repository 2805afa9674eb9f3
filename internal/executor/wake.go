package executor

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wake is a descriptor by which one goroutine ends the poll of another. A
// signal that nobody awaits stays until the next poll, which has to look again
// at what it waits for anyway.
type wake struct {
	mu sync.Mutex // a late signal must not write to a descriptor that was closed and given out again
	fd int
}

func newWake() (*wake, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot make an event descriptor: %w", err)
	}
	return &wake{fd: fd}, nil
}

func (w *wake) signal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd >= 0 {
		_, _ = unix.Write(w.fd, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // a full counter wakes as well
	}
}

// clear takes the signals that have come so far.
func (w *wake) clear() {
	var buf [8]byte
	_, _ = unix.Read(w.fd, buf[:]) // nothing there: nothing to clear
}

func (w *wake) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fd >= 0 {
		unix.Close(w.fd)
		w.fd = -1
	}
}

// poll waits for one of the descriptors until the deadline; the zero time
// stands for none. Negative descriptors are passed over. It returns without one
// at the deadline and at an interrupted call: callers look again.
func poll(fds []unix.PollFd, deadline time.Time) error {
	timeout := -1
	if !deadline.IsZero() {
		left := time.Until(deadline)
		timeout = int(min(max(0, left+time.Millisecond-1), time.Hour) / time.Millisecond)
	}
	_, err := unix.Poll(fds, timeout)
	if errors.Is(err, unix.EINTR) {
		for i := range fds {
			fds[i].Revents = 0
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot poll: %w", err)
	}
	return nil
}

// read reads what is there. It returns 0 and no error at the end of the file,
// and unix.EAGAIN where there is nothing yet.
func read(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}
