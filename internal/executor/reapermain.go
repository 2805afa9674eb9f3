package executor

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"phased/internal/proc"
)

// ReaperMain is the main of a reaper. By the socket that is its descriptor 3 it is
// told which hook to start. It tells how that went and how the hook ended, waits
// for all that is handed on to it, and ends when phased lets go of the socket, or
// has ended. Who is left then is handed on to whom it would have been without it.
// Limits, signals that are ignored, and descriptors above 3 that it was given are
// the hook's as well. It returns the exit status.
func ReaperMain() int {
	unix.CloseOnExec(reaperFD)
	if unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != nil {
		return 1
	}
	ignoreSignals()
	var left atomic.Bool // somebody may be
	var over chan struct{}
	var buf [8]byte
	control := make([]byte, unix.CmsgSpace(4*4))
	for {
		n, m, _, _, err := unix.Recvmsg(reaperFD, buf[:], control, unix.MSG_CMSG_CLOEXEC)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n < 1 {
			return 0
		}
		if buf[0] == asksLeft {
			if say([]byte{saysLeft, flag(left.Load())}, -1) != nil {
				return 0
			}
			continue
		}
		if over != nil {
			<-over // nobody is left: nothing waits for children any more
		}
		pid, pidfd, err := startOrder(control[:m])
		if err != nil {
			errno := unix.EIO
			errors.As(err, &errno)
			if say(binary.NativeEndian.AppendUint32([]byte{saysFailed}, uint32(errno)), -1) != nil {
				return 0
			}
			continue
		}
		// Here it is still there, also when it has ended: nobody has waited for it.
		stat, _ := proc.Read(pid) // 0: unknown
		started := binary.NativeEndian.AppendUint32([]byte{saysStarted}, uint32(pid))
		err = say(binary.NativeEndian.AppendUint64(started, stat.Start), pidfd)
		unix.Close(pidfd)
		if err != nil {
			return 0
		}
		left.Store(true)
		over = make(chan struct{})
		go func() { // ends with the last of the hook, or with the process
			defer close(over)
			reapAll(pid, &left)
		}()
	}
}

func flag(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// say sends a message, with a descriptor unless that is -1.
func say(m []byte, fd int) error {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	return unix.Sendmsg(reaperFD, m, rights, nil, unix.MSG_NOSIGNAL)
}

// startOrder starts the hook that the message orders.
func startOrder(control []byte) (pid, pidfd int, err error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 {
		return 0, -1, unix.EIO
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	defer closeAll(fds)
	if err != nil || len(fds) != 4 {
		return 0, -1, unix.EIO
	}
	text, err := io.ReadAll(io.NewSectionReader(memory(fds[3]), 0, math.MaxInt64))
	if err != nil {
		return 0, -1, err
	}
	o, err := decodeOrder(string(text))
	if err != nil {
		return 0, -1, err
	}
	unix.Umask(o.umask)
	pidfd = -1
	pid, err = syscall.ForkExec(o.path, o.argv, &syscall.ProcAttr{
		Dir: o.dir, Env: o.env, Files: []uintptr{uintptr(fds[0]), uintptr(fds[1]), uintptr(fds[2])},
		Sys: &syscall.SysProcAttr{PidFD: &pidfd, Setpgid: o.group},
	})
	return pid, pidfd, err
}

// memory is a file of memory, to be read at any place.
type memory int

func (fd memory) ReadAt(p []byte, off int64) (int, error) {
	n, err := unix.Pread(int(fd), p, off)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

// ignoreSignals lets no signal end this process that is meant for a whole group:
// it would orphan the hook. They are caught, not ignored, since a hook would
// inherit that; and those that were ignored before stay so.
func ignoreSignals() {
	for _, s := range []os.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM} {
		if !signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// reapAll waits for the hook and for all that is handed on, tells how the hook
// ended, and puts down when nobody is left.
func reapAll(hook int, left *atomic.Bool) {
	var ended []byte
	for {
		var ws unix.WaitStatus
		var ru unix.Rusage
		options := 0
		if ended != nil {
			options = unix.WNOHANG // until it has been told
		}
		pid, err := unix.Wait4(-1, &ws, options, &ru)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			left.Store(false)
		case pid == hook:
			ended = binary.NativeEndian.AppendUint32([]byte{saysEnded, 1}, uint32(ws))
			ended = append(ended, unsafe.Slice((*byte)(unsafe.Pointer(&ru)), rusageLen)...)
			continue
		case pid > 0:
			continue
		}
		if ended != nil {
			if err != nil {
				ended[1] = 0
			}
			if unix.Sendmsg(reaperFD, ended, nil, nil, unix.MSG_NOSIGNAL) != nil {
				return
			}
			ended = nil
		}
		if err != nil {
			return // nobody is left, and nobody can come
		}
	}
}
