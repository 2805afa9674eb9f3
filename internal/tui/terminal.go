package tui

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is the terminal that a run is shown on, and its keys.
//
// Only echo and the waiting for whole lines are switched off in it. ctrl-C, ctrl-\
// and ctrl-Z stay the kernel's: what they do does not depend on whether anybody
// reads keys here.
type Terminal struct {
	// For is a process group that it may also be drawn on for, while that is in its
	// foreground; 0: none.
	For int

	in  *os.File // nil: keys are not read
	out *os.File

	mu    sync.Mutex
	saved *unix.Termios // as it was; nil: it is so
	leave func() string // what takes away what was drawn
}

// NewTerminal returns a terminal; in is where its keys come from, nil where they
// are not ours.
func NewTerminal(in, out *os.File) *Terminal { return &Terminal{in: in, out: out} }

// Size returns the columns and rows: 80 by 24 where they are not known.
func (t *Terminal) Size() (w, h int) {
	size, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || size.Col == 0 || size.Row == 0 {
		return 80, 24
	}
	return int(size.Col), int(size.Row)
}

// Foreground reports whether the terminal is ours to draw on: this process is in
// its foreground, or it is not the terminal of any job control of ours.
func (t *Terminal) Foreground() bool {
	group, err := unix.IoctlGetInt(int(t.out.Fd()), unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp() || t.For > 0 && group == t.For
}

// aside calls do so that the terminal stops nobody for it: who touches it from the
// background is sent SIGTTOU or SIGTTIN as a rule, and stops.
func aside(do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var set, was unix.Sigset_t
	for _, sig := range []syscall.Signal{syscall.SIGTTOU, syscall.SIGTTIN} {
		set.Val[0] |= 1 << (uint(sig) - 1)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &was); err != nil {
		return fmt.Errorf("cannot block signals: %v", err)
	}
	err := do()
	return errors.Join(err, unix.PthreadSigmask(unix.SIG_SETMASK, &was, nil))
}

// Write implements io.Writer. It stops nobody, also where the terminal stops who
// writes from its background (stty tostop).
func (t *Terminal) Write(p []byte) (n int, err error) {
	err = aside(func() (err error) { n, err = t.out.Write(p); return err })
	return n, err
}

func (t *Terminal) write(text string) error {
	if text == "" {
		return nil
	}
	_, err := t.Write([]byte(text))
	return err
}

// enter makes keys come one by one, unseen.
func (t *Terminal) enter() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.in == nil || t.saved != nil {
		return
	}
	fd := int(t.in.Fd())
	was, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return
	}
	raw := *was
	raw.Lflag &^= unix.ICANON | unix.ECHO
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if aside(func() error { return unix.IoctlSetTermios(fd, unix.TCSETSW, &raw) }) == nil {
		t.saved = was
	}
}

// restore makes the terminal what it was, and takes away what was drawn. It may be
// called at any time, and again.
func (t *Terminal) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.leave != nil {
		text := t.leave()
		t.leave = nil
		_ = t.write(text) // a terminal that is gone needs nothing any more
	}
	if t.saved != nil {
		saved := t.saved
		t.saved = nil
		_ = aside(func() error { return unix.IoctlSetTermios(int(t.in.Fd()), unix.TCSETSW, saved) })
	}
}

// Guard restores the terminal where the goroutine that has deferred it panics.
func (t *Terminal) Guard() {
	if t == nil {
		return
	}
	if r := recover(); r != nil {
		t.restore()
		panic(r)
	}
}

// escapeWait is how long the rest of a key may take that begins with ESC.
const escapeWait = 50 * time.Millisecond

// keyReader hands on keys until it is closed.
type keyReader struct {
	t    *Terminal
	wake [2]int // a pipe: its end ends the reading
	keys chan string
	gone sync.WaitGroup
}

// readKeys begins to read keys; nil where there are none to be read.
func (t *Terminal) readKeys() *keyReader {
	if t.in == nil {
		return nil
	}
	r := &keyReader{t: t, keys: make(chan string, 64)}
	if err := unix.Pipe2(r.wake[:], unix.O_CLOEXEC); err != nil {
		return nil
	}
	r.gone.Go(func() {
		defer t.Guard()
		r.read()
	})
	return r
}

func (r *keyReader) close() {
	unix.Close(r.wake[1])
	r.gone.Wait()
	unix.Close(r.wake[0])
}

// read reads until the pipe or the terminal is closed. In the background nothing
// is read: those keys are somebody else's.
func (r *keyReader) read() {
	fd := int(r.t.in.Fd())
	var held []byte
	buf := make([]byte, 256)
	for {
		all := []unix.PollFd{{Fd: int32(r.wake[0]), Events: unix.POLLIN}, {Fd: int32(fd), Events: unix.POLLIN}}
		wait := -1
		if len(held) > 0 {
			wait = int(escapeWait / time.Millisecond)
		}
		if !r.ours(fd) {
			all, wait = all[:1], 300
		}
		n, err := unix.Poll(all, wait)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || all[0].Revents != 0:
			return
		case n == 0 || len(all) < 2:
			if len(held) > 0 && len(all) == 2 {
				r.send("esc")
				held = nil
			}
			continue
		}
		got := 0
		err = aside(func() (err error) { got, err = unix.Read(fd, buf); return err })
		if err != nil && (errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) || !r.ours(fd)) {
			continue
		}
		if err != nil || got == 0 {
			return
		}
		held = r.take(append(held, buf[:got]...))
	}
}

// ours reports whether keys of the terminal are for this process.
func (r *keyReader) ours(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// take sends the keys that are whole and returns the rest.
func (r *keyReader) take(in []byte) []byte {
	for len(in) > 0 {
		key, n := parseKey(in)
		if n == 0 {
			return in
		}
		in = in[n:]
		if key != "" {
			r.send(key)
		}
	}
	return nil
}

// send hands a key on; where nobody takes it, somebody leans on the keyboard.
func (r *keyReader) send(key string) {
	select {
	case r.keys <- key:
	default:
	}
}
