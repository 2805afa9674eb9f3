package executor

import (
	"encoding/binary"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ReaperMain is the main of the reaper of one hook. Its arguments are "group" or
// "-", the path of the hook and its argv; its environment, directory, umask,
// limits and descriptors 0, 1 and 2 are the hook's. It starts the hook, tells how
// that went and how the hook ended, waits for all that is handed on to it, and
// ends when phased lets go of the socket, or has ended. Who is left then is
// handed on to whom it would have been without it. It returns the exit status.
func ReaperMain(args []string) int {
	if len(args) < 3 {
		return 2
	}
	unix.CloseOnExec(reaperFD)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return sayErrno(err)
	}
	ignoreSignals()
	pidfd := -1
	pid, err := syscall.ForkExec(args[1], args[2:], &syscall.ProcAttr{
		Env: syscall.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{PidFD: &pidfd, Setpgid: args[0] == "group"},
	})
	if err != nil {
		return sayErrno(err)
	}
	letGo()
	m := binary.NativeEndian.AppendUint32([]byte{saysStarted}, uint32(pid))
	if pidfd >= 0 {
		err = unix.Sendmsg(reaperFD, m, unix.UnixRights(pidfd), nil, unix.MSG_NOSIGNAL)
		unix.Close(pidfd)
	} else {
		err = unix.Sendmsg(reaperFD, m, nil, nil, unix.MSG_NOSIGNAL)
	}
	if err != nil {
		return 1
	}
	var left atomic.Bool
	left.Store(true)
	go reapAll(pid, &left) // ends with the process
	return answer(&left)
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

// letGo lets go of the hook's descriptors and directory: who waits for the end of
// its output must not wait for this process.
func letGo() {
	if null, err := openNull(); err == nil {
		for fd := range 3 {
			_ = unix.Dup3(null, fd, 0)
		}
		unix.Close(null)
	} else {
		for fd := range 3 {
			unix.Close(fd)
		}
	}
	_ = unix.Chdir("/")
}

func sayErrno(err error) int {
	errno := unix.EIO
	errors.As(err, &errno)
	_ = unix.Sendmsg(reaperFD, binary.NativeEndian.AppendUint32([]byte{saysFailed}, uint32(errno)), nil, nil, unix.MSG_NOSIGNAL)
	return 1
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

// answer answers until phased lets go.
func answer(left *atomic.Bool) int {
	var buf [8]byte
	for {
		n, _, err := unix.Recvfrom(reaperFD, buf[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n < 1 {
			return 0
		}
		m := []byte{saysLeft, 0}
		if left.Load() {
			m[1] = 1
		}
		if unix.Sendmsg(reaperFD, m, nil, nil, unix.MSG_NOSIGNAL) != nil {
			return 0
		}
	}
}
