package executor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

// A reaper is a process between phased and one hook, to which the orphans of the
// hook are handed on: whoever descends from the hook descends from the reaper as
// long as it lives. The two talk by a socket, whose messages begin with one of
// these.
const (
	saysStarted = 's' // and the pid; the message carries a pidfd
	saysFailed  = 'f' // and the errno by which the hook could not be started
	saysEnded   = 'e' // and whether anybody is left, the wait status and the rusage
	saysLeft    = 'l' // and whether anybody is left: the answer to asksLeft
	asksLeft    = '?'
)

const (
	reaperFD  = 3 // number of the socket in the reaper
	rusageLen = int(unsafe.Sizeof(unix.Rusage{}))
	endedLen  = 2 + 4 + rusageLen
)

// reaped is the cell of one hook: a reaper.
type reaped struct {
	command []string
	pid     int // of the reaper; 0: not started
	fd      int // to talk to it; -1: not open
	ended   []byte
}

// errReaper tells that the reaper could not be started, in contrast to the hook.
var errReaper = errors.New("cannot start the reaper of the hook")

// start starts a reaper, and by it the program, as syscall.ForkExec does: the
// error is that of the program. It takes as group whether that leads a process
// group. Descriptors above 2 that phased was given reach nobody.
func (c *reaped) start(path string, argv []string, attr *syscall.ProcAttr) (int, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errReaper, err)
	}
	group := "-"
	if attr.Sys.Setpgid {
		group = "group"
	}
	args := append(append(append([]string{}, c.command...), group, path), argv...)
	own := *attr
	own.Files = append(append([]uintptr{}, attr.Files...), uintptr(pair[1]))
	own.Sys = &syscall.SysProcAttr{Setpgid: attr.Sys.Setpgid}
	pid, err := syscall.ForkExec(args[0], args, &own)
	unix.Close(pair[1])
	if err != nil {
		unix.Close(pair[0])
		if errors.Is(err, unix.ENOENT) && (attr.Dir == "" || unix.Access(attr.Dir, unix.X_OK) == nil) {
			err = fmt.Errorf("%w: %s: %w", errReaper, args[0], err)
		}
		return 0, err
	}
	c.pid, c.fd = pid, pair[0]
	hook, pidfd, err := c.started()
	if err != nil {
		c.close(true)
		return 0, err
	}
	*attr.Sys.PidFD = pidfd
	return hook, nil
}

// started hears how the start of the hook went.
func (c *reaped) started() (pid, pidfd int, err error) {
	var buf [endedLen]byte
	var control [64]byte
	var n, m int
	for {
		n, m, _, _, err = unix.Recvmsg(c.fd, buf[:], control[:], unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil || n < 5 {
		return 0, -1, fmt.Errorf("%w: it has ended", errReaper)
	}
	number := int(binary.NativeEndian.Uint32(buf[1:]))
	if buf[0] == saysFailed {
		return 0, -1, syscall.Errno(number)
	}
	messages, err := unix.ParseSocketControlMessage(control[:m])
	if err == nil && len(messages) == 1 {
		if fds, err := unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 {
			return number, fds[0], nil
		}
	}
	return 0, -1, fmt.Errorf("%w: no pidfd came from it (needs Linux 5.4 or newer)", errReaper)
}

// hear takes the next message of that kind.
func (c *reaped) hear(kind byte) ([]byte, error) {
	for {
		buf := make([]byte, endedLen)
		n, _, err := unix.Recvfrom(c.fd, buf, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n < 2:
			return nil, errors.New("the reaper of the hook has been killed")
		}
		if buf[0] == saysEnded {
			c.ended = buf[:n]
		}
		if buf[0] == kind {
			return buf[:n], nil
		}
	}
}

// wait returns how the hook has ended.
func (c *reaped) wait() (ws unix.WaitStatus, ru unix.Rusage, err error) {
	m := c.ended
	if m == nil {
		if m, err = c.hear(saysEnded); err != nil {
			return ws, ru, err
		}
	}
	if len(m) < endedLen {
		return ws, ru, errors.New("the reaper of the hook has said something that nobody understands")
	}
	ws = unix.WaitStatus(binary.NativeEndian.Uint32(m[2:]))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&ru)), rusageLen), m[6:])
	return ws, ru, nil
}

// empty asks whether anybody is left.
func (c *reaped) empty() bool {
	if c.fd < 0 {
		return true
	}
	if _, err := unix.SendmsgN(c.fd, []byte{asksLeft}, nil, nil, unix.MSG_NOSIGNAL); err != nil {
		return false
	}
	m, err := c.hear(saysLeft)
	return err == nil && m[1] == 0
}

func (c *reaped) exact() bool { return true }

// look asks first: of what is found after that nobody can be missing for long.
func (c *reaped) look() ([]proc.Stat, bool, error) {
	if c.empty() {
		return nil, true, nil
	}
	all, err := proc.All()
	if err != nil {
		return nil, false, err
	}
	var in []proc.Stat
	for _, s := range proc.Descendants(all, c.pid) {
		if !s.Ended() {
			in = append(in, s)
		}
	}
	return in, false, nil
}

// kill leaves it to the tree: there is no way to kill all at one stroke.
func (c *reaped) kill(time.Time) int { return 0 }

// keep has nothing to do: what is left lives on when the reaper ends.
func (c *reaped) keep() error { return nil }

func (c *reaped) usage(*phased.Usage) {}

// close lets the reaper end.
func (c *reaped) close(force bool) bool {
	empty := len(c.ended) > 1 && c.ended[1] == 0
	if c.fd >= 0 && (empty || force) {
		unix.Close(c.fd)
		c.fd = -1
		_, _, _ = reap(c.pid) // it ends at once
	}
	return empty
}
