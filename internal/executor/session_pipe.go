package executor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/records"
)

// channel is a pipe of which the shell opens one end by its path, for one
// command at a time. Both ends stay open here, so that the path stays good, and
// go with phased.
type channel struct {
	r, w int // -1: closed
	path string
}

// open makes the pipe; the shell will open the read end where reads is set.
func (c *channel) open(reads bool) error {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("cannot make a pipe: %w", err)
	}
	c.r, c.w = p[0], p[1]
	its := c.w
	if reads {
		its = c.r
	}
	c.path = procFD(os.Getpid(), its)
	return nil
}

func (c *channel) close() {
	c.closeRead()
	c.closeWrite()
}

func (c *channel) closeRead() {
	if c.path != "" && c.r >= 0 {
		unix.Close(c.r)
		c.r = -1
	}
}

func (c *channel) closeWrite() {
	if c.path != "" && c.w >= 0 {
		unix.Close(c.w)
		c.w = -1
	}
}

// maxText is what can be said to a shell that does not read at the moment.
const maxText = 60 << 10

var errLong = errors.New("too long for the session's pipe")

// write never waits: what it takes fits the pipe, which is empty as often as the
// shell has said that it waits.
func (c *channel) write(text string) error {
	if len(text) > maxText {
		return fmt.Errorf("cannot tell the session: %d bytes: %w", len(text), errLong)
	}
	for text != "" {
		n, err := unix.Write(c.w, []byte(text))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("cannot tell the session: %w", err)
		}
		text = text[n:]
	}
	return nil
}

// empty reports whether everything that was written has been read.
func (c *channel) empty() bool {
	n, err := unix.IoctlGetInt(c.r, unix.TIOCINQ)
	return err == nil && n == 0
}

// hearing gathers what comes from the shell into records.
type hearing struct {
	buf   []byte
	begin int
	space [16 << 10]byte
}

// read takes what there is, and reports whether there may be more at once.
func (h *hearing) read(fd int) bool {
	n, _ := read(fd, h.space[:]) // nothing there: nothing to hear
	if n <= 0 {
		return false
	}
	if h.begin == len(h.buf) {
		h.buf, h.begin = h.buf[:0], 0
	}
	h.buf = append(h.buf, h.space[:n]...)
	return n == len(h.space)
}

// next returns the next whole record; nil where there is none yet. What does not
// begin with a number is the end of a hook, its traps first.
func (h *hearing) next() ([]string, error) {
	b := h.buf[h.begin:]
	if len(b) > 0 && (b[0] < '0' || b[0] > '9') {
		parts := bytes.SplitN(b, []byte{0}, 4)
		if len(parts) < 4 && len(b) <= records.MaxBytes {
			return nil, nil
		}
		if len(parts) == 4 && (len(parts[0]) == 0 || bytes.HasPrefix(parts[0], []byte("trap "))) {
			h.begin = len(h.buf) - len(parts[3])
			return []string{saidEnd, string(parts[1]), string(parts[2]), string(parts[0])}, nil
		}
	}
	fields, rest, err := records.Next(b)
	if errors.Is(err, records.ErrShort) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("what the session says cannot be read: %w: %.100q", err, b)
	}
	h.begin = len(h.buf) - len(rest)
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = string(f)
	}
	return out, nil
}

// slow is how long a session may say nothing before it is asked whether it still
// reads.
const slow = time.Second
