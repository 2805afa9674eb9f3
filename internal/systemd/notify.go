// Package systemd tells a service manager how far this process is: what
// sd_notify(3) sends.
//
// Nothing of it may block or fail what it tells of. It knows neither hooks nor
// runs, prints nothing, and does nothing at all where no manager asks to be told.
package systemd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Socket is the service manager's, or the pipe of a phased that passes on what
// is said of the work. A nil Socket takes and sends nothing.
type Socket struct {
	fd   int
	to   string // address; "": the descriptor is a pipe
	beat time.Duration
}

// Open opens the socket that NOTIFY_SOCKET names: an absolute path, or @ and a
// name in the abstract space. It is nil where none is named. getenv tells the
// environment, pid is this process.
func Open(getenv func(string) string, pid int) (*Socket, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' || len(name) == 1 {
		return nil, fmt.Errorf("cannot tell the service manager: NOTIFY_SOCKET=%q is no address: expected an absolute path, or @ and a name", name)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot tell the service manager: %w", err)
	}
	return &Socket{fd: fd, to: name, beat: watchdog(getenv, pid)}, nil
}

// watchdog returns how often the manager wants a sign of life, halved; 0 where it
// does not want any of this process.
func watchdog(getenv func(string) string, pid int) time.Duration {
	if p := getenv("WATCHDOG_PID"); p != "" && p != strconv.Itoa(pid) {
		return 0
	}
	usec, err := strconv.ParseInt(getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 || usec > int64(1<<62)/1000 {
		return 0
	}
	return time.Duration(usec) * time.Microsecond / 2
}

// Pipe takes over a descriptor by which another phased is told the status: a
// pipe, that it has handed on. It is nil where the descriptor is none.
func Pipe(fd int) *Socket {
	var st unix.Stat_t
	if fd < 3 || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil
	}
	unix.CloseOnExec(fd)
	if unix.SetNonblock(fd, true) != nil {
		return nil
	}
	return &Socket{fd: fd}
}

// Beat returns how often Send("WATCHDOG=1") is wanted; 0: never.
func (s *Socket) Beat() time.Duration {
	if s == nil {
		return 0
	}
	return s.beat
}

// mostStatus is how many bytes of a status are sent.
const mostStatus = 400

// Status is the assignment that sets what the unit is said to be doing.
func Status(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > mostStatus {
		text = strings.ToValidUTF8(text[:mostStatus], "") + "..."
	}
	return "STATUS=" + text
}

// Extend is the assignment that asks for so much more time to begin or to end.
func Extend(d time.Duration) string {
	return "EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10)
}

// Send sends assignments, all or none of them, and never waits. It reports
// whether they need not be sent again: false means that the manager has no room
// now. Through a pipe goes the status alone.
func (s *Socket) Send(assignments ...string) bool {
	if s == nil {
		return true
	}
	text := strings.Join(assignments, "\n") + "\n"
	var err error
	if s.to != "" {
		// An address of its own for each: several may send at once.
		err = unix.Sendto(s.fd, []byte(text), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: s.to})
	} else {
		err = s.pass(assignments)
	}
	return !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENOBUFS)
}

// pass writes the status to the pipe. Its reader ignores SIGPIPE, as does
// everybody who has a Socket.
func (s *Socket) pass(assignments []string) error {
	for _, a := range assignments {
		if text, ok := strings.CutPrefix(a, "STATUS="); ok {
			_, err := unix.Write(s.fd, []byte(text+"\n"))
			return err
		}
	}
	return nil
}

// Close gives the descriptor back.
func (s *Socket) Close() error {
	if s == nil {
		return nil
	}
	return unix.Close(s.fd)
}
