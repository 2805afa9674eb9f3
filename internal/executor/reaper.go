package executor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

// A reaper is a process between phased and one hook, to which the orphans of the
// hook are handed on: whoever descends from the hook descends from the reaper as
// long as it lives. One of which nobody is left is given the next hook. The two
// talk by a socket, whose messages begin with one of these.
const (
	asksStart   = 'S' // carries descriptors: the hook's 0, 1 and 2, and an order
	asksLeft    = '?'
	saysStarted = 's' // and the pid, and its start time; carries a pidfd
	saysFailed  = 'f' // and the errno by which the hook could not be started
	saysEnded   = 'e' // and whether anybody is left, the wait status and the rusage
	saysLeft    = 'l' // and whether anybody is left: the answer to asksLeft
)

const (
	reaperFD  = 3 // number of the socket in the reaper
	rusageLen = int(unsafe.Sizeof(unix.Rusage{}))
	endedLen  = 2 + 4 + rusageLen
)

// order is what a reaper is to start. It is handed over in a file of memory,
// since an environment can be long.
type order struct {
	group     bool // the hook leads a process group
	umask     int
	dir, path string
	argv, env []string
}

func (o order) encode() (string, error) {
	group := "-"
	if o.group {
		group = "group"
	}
	fields := append([]string{group, strconv.Itoa(o.umask), o.dir, o.path, strconv.Itoa(len(o.argv))}, append(slices.Clone(o.argv), o.env...)...)
	for _, f := range fields {
		if strings.IndexByte(f, 0) >= 0 {
			return "", syscall.EINVAL // as the kernel, which ends a string there
		}
	}
	return strings.Join(fields, "\x00"), nil
}

func decodeOrder(text string) (o order, err error) {
	f := strings.Split(text, "\x00")
	if len(f) < 6 {
		return o, syscall.EINVAL
	}
	n, err := strconv.Atoi(f[4])
	if err != nil || n < 1 || n > len(f)-5 {
		return o, syscall.EINVAL
	}
	o = order{group: f[0] == "group", dir: f[2], path: f[3], argv: f[5 : 5+n], env: f[5+n:]}
	o.umask, err = strconv.Atoi(f[1])
	return o, err
}

// reaper is a reaper as phased sees it.
type reaper struct {
	pid int
	fd  int // to talk to it
}

// reaped is the cell of one hook: a reaper.
type reaped struct {
	reaper // fd -1: none
	c      *Containment
	umask  int
	ended  []byte
	began  uint64 // start time of the hook; 0: unknown
}

// errReaper tells that the reaper could not be started, in contrast to the hook.
var errReaper = errors.New("cannot start the reaper of the hook")

// newReaper starts a reaper, which waits for its first hook.
func newReaper(command []string) (reaper, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return reaper{}, fmt.Errorf("%w: %w", errReaper, err)
	}
	defer unix.Close(pair[1])
	null, err := openNull()
	if err == nil {
		defer unix.Close(null)
		var pid int
		pid, err = syscall.ForkExec(command[0], command, &syscall.ProcAttr{
			Dir: "/", Env: []string{}, Files: []uintptr{uintptr(null), uintptr(null), uintptr(null), uintptr(pair[1])},
		})
		if err == nil {
			return reaper{pid, pair[0]}, nil
		}
	}
	unix.Close(pair[0])
	return reaper{}, fmt.Errorf("%w: %s: %w", errReaper, command[0], err)
}

// end lets the reaper end.
func (r reaper) end() {
	unix.Close(r.fd)
	_, _, _ = reap(r.pid) // it ends at once
}

// start starts the program by a reaper as syscall.ForkExec does: the error is
// that of the program. Descriptors above 2 that phased was given reach nobody.
func (c *reaped) start(path string, argv []string, attr *syscall.ProcAttr) (int, error) {
	if c.umask < 0 {
		c.umask = proc.Umask()
	}
	dir := attr.Dir
	if dir == "" { // phased's own, also where it has no name any more
		dir = "/proc/" + strconv.Itoa(os.Getpid()) + "/cwd"
	}
	text, err := order{attr.Sys.Setpgid, c.umask, dir, path, argv, attr.Env}.encode()
	if err != nil {
		return 0, err
	}
	memory, err := unix.MemfdCreate("hook", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errReaper, err)
	}
	defer unix.Close(memory)
	for p := []byte(text); len(p) > 0; {
		n, err := unix.Write(memory, p)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return 0, fmt.Errorf("%w: %w", errReaper, err)
		}
		p = p[max(n, 0):]
	}
	if c.fd < 0 {
		if c.reaper, err = c.c.takeReaper(); err != nil {
			return 0, err
		}
	}
	rights := unix.UnixRights(int(attr.Files[0]), int(attr.Files[1]), int(attr.Files[2]), memory)
	if err := unix.Sendmsg(c.fd, []byte{asksStart}, rights, nil, unix.MSG_NOSIGNAL); err != nil {
		return 0, fmt.Errorf("%w: %w", errReaper, err)
	}
	hook, pidfd, err := c.started()
	if err != nil {
		return 0, err // the cell is closed, or used for another way to start it
	}
	*attr.Sys.PidFD = pidfd
	return hook, nil
}

// takeReaper returns one that has nothing to do.
func (c *Containment) takeReaper() (reaper, error) {
	c.mu.Lock()
	if last := len(c.idle) - 1; last >= 0 {
		defer c.mu.Unlock()
		r := c.idle[last]
		c.idle = c.idle[:last]
		return r, nil
	}
	c.mu.Unlock()
	return newReaper(c.reaper)
}

// giveReaper keeps one of whose hook nobody is left for another.
func (c *Containment) giveReaper(r reaper) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, r)
}

// endIdle lets those end that wait for a hook.
func (c *Containment) endIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.idle {
		unix.Close(r.fd)
	}
	for _, r := range c.idle { // they end at once, and together
		_, _, _ = reap(r.pid)
	}
	c.idle = nil
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
		if fds, err := unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 && n >= 13 {
			c.began = binary.NativeEndian.Uint64(buf[5:])
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

// close lets the reaper end, or keeps it for the next hook.
func (c *reaped) close(force bool) bool {
	empty := len(c.ended) > 1 && c.ended[1] == 0
	if c.fd < 0 || !empty && !force {
		return empty
	}
	if empty || c.empty() {
		c.c.giveReaper(c.reaper)
	} else {
		c.end()
	}
	c.fd = -1
	return empty
}
