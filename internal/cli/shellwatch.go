package cli

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/shellinit"
)

// shellWatch watches a shell that is not our child.
type shellWatch struct {
	shell shellinit.Shell
	pidfd int // -1: there is none, and /proc is looked at
}

// firstCaller is the first descriptor that stands for a caller.
const firstCaller = 5

// watchShell watches the shell by the descriptor that stands for it among the
// callers, or by one of its own where the shell is none of them: then it may
// have ended already, and the start time tells whether the pid is still its own.
func watchShell(s shellinit.Shell, callers []shellinit.Shell) *shellWatch {
	w := &shellWatch{s, -1}
	for i, c := range callers {
		if fd := firstCaller + i; w.pidfd < 0 && c.Pid == s.Pid && (s.Start == 0 || s.Start == c.Start) {
			w.pidfd = fd
		} else {
			unix.Close(fd)
		}
	}
	if w.pidfd >= 0 {
		return w
	}
	fd, err := unix.PidfdOpen(s.Pid, 0)
	if err != nil {
		return w
	}
	if st, err := proc.Read(s.Pid); err != nil || s.Start != 0 && st.Start != s.Start {
		unix.Close(fd)
		return w
	}
	w.pidfd = fd
	return w
}

func (s *shellWatch) close() {
	if s.pidfd >= 0 {
		unix.Close(s.pidfd)
	}
}

func (s *shellWatch) descriptor() int {
	if s == nil {
		return -1
	}
	return s.pidfd
}

// ended reports whether the shell has ended; of no shell, it has not.
func (s *shellWatch) ended() bool {
	switch {
	case s == nil:
		return false
	case s.pidfd < 0:
		return !proc.Alive(s.shell.Pid, s.shell.Start)
	}
	fds := []unix.PollFd{{Fd: int32(s.pidfd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// exit returns how the shell ended; false where the kernel does not tell who is
// not its parent (before Linux 6.15).
func (s *shellWatch) exit() (phased.Exit, bool) {
	if s.pidfd < 0 {
		return phased.Exit{}, false
	}
	// Its parent mostly takes it at once. One that never does leaves a zombie,
	// of which /proc tells.
	for end := time.Now().Add(2 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		status, known, err := pidfdExit(s.pidfd)
		if known {
			return exitOfShell(status), true
		}
		if status, ok := zombieExit(s.shell); ok {
			return exitOfShell(status), true
		}
		if err != nil || time.Now().After(end) {
			return phased.Exit{}, false
		}
	}
}

// exitOfShell reads a wait status.
func exitOfShell(status syscall.WaitStatus) phased.Exit {
	switch {
	case status.Signaled():
		return phased.Exit{Cause: phased.CauseSignal, Status: 128 + int(status.Signal()), Signal: int(status.Signal())}
	case status.ExitStatus() == 0:
		return phased.Exit{Cause: phased.CauseOK}
	}
	return phased.Exit{Cause: phased.CauseExit, Status: status.ExitStatus()}
}

// pidfdInfo is struct pidfd_info of linux/pidfd.h, in its first size.
type pidfdInfo struct {
	mask     uint64
	cgroup   uint64
	ids      [11]uint32
	exitCode int32
}

const (
	pidfdGetInfo  = 0xc040ff0b // _IOWR(0xff, 11, struct pidfd_info)
	pidfdInfoExit = 1 << 3
)

// pidfdExit asks for the wait status of a process that somebody has waited for.
func pidfdExit(fd int) (status syscall.WaitStatus, known bool, err error) {
	info := pidfdInfo{mask: pidfdInfoExit}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), pidfdGetInfo, uintptr(unsafe.Pointer(&info)))
	if errno != 0 {
		return 0, false, errno
	}
	return syscall.WaitStatus(info.exitCode), info.mask&pidfdInfoExit != 0, nil
}

// zombieExit reads the wait status of a zombie, the last field of its stat. 0
// may mean that we are not to know.
func zombieExit(s shellinit.Shell) (syscall.WaitStatus, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.Pid))
	if err != nil {
		return 0, false
	}
	st, err := proc.Parse(b)
	if err != nil || !st.Ended() || st.Start != s.Start {
		return 0, false
	}
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	status, err := strconv.Atoi(string(fields[len(fields)-1]))
	return syscall.WaitStatus(status), err == nil && status != 0
}
