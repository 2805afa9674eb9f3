package executor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/proc"
)

const (
	drainFirst = 3              // number of the first descriptor that a drain process reads
	drainStage = "PHASED_DRAIN" // set in the environment of its second stage
	drainStart = 10 * time.Second
)

// startDrain starts a drain process for the descriptors and returns when it has
// them.
func startDrain(command []string, fds []int) error {
	null, err := openNull()
	if err != nil {
		return err
	}
	defer unix.Close(null)
	pidfd := -1
	attr := &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{},
		Files: []uintptr{uintptr(null), uintptr(null), uintptr(null)},
		Sys:   &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd},
	}
	for _, fd := range fds {
		attr.Files = append(attr.Files, uintptr(fd))
	}
	argv := append(append([]string{}, command...), strconv.Itoa(len(fds)))
	pid, err := syscall.ForkExec(argv[0], argv, attr)
	if err != nil {
		return fmt.Errorf("cannot start %s, which would read on what processes write that hooks left behind: %w", argv[0], err)
	}
	if pidfd >= 0 {
		defer unix.Close(pidfd)
		deadline := time.Now().Add(drainStart)
		end := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		for end[0].Revents == 0 && time.Now().Before(deadline) && poll(end, deadline) == nil {
		}
		if end[0].Revents == 0 {
			_ = unix.Kill(pid, unix.SIGKILL) // not waited for yet: the number is its own
		}
	}
	ws, _, err := reap(pid)
	if err != nil || !ws.Exited() || ws.ExitStatus() != 0 {
		return fmt.Errorf("%s, which would read on what processes write that hooks left behind, has failed: %v", argv[0], exitOf(ws).Message)
	}
	return nil
}

// DrainMain is the main of a drain process: it reads and throws away what comes
// from descriptors 3 and up, as many as it is told, until the last is at its
// end. It returns the exit status. To be nobody's child it first starts itself
// again, by the arguments that it was started with, and returns.
func DrainMain(fds int) int {
	if os.Getenv(drainStage) == "" {
		return detach(fds)
	}
	set := make([]unix.PollFd, fds)
	for i := range set {
		set[i] = unix.PollFd{Fd: int32(drainFirst + i), Events: unix.POLLIN}
	}
	buf := make([]byte, readSize)
	for open := fds; open > 0; {
		if poll(set, time.Time{}) != nil {
			return 1
		}
		for i := range set {
			if set[i].Fd < 0 || set[i].Revents == 0 {
				continue
			}
			if n, err := read(int(set[i].Fd), buf); n == 0 && !errors.Is(err, unix.EAGAIN) {
				unix.Close(int(set[i].Fd))
				set[i].Fd = -1
				open--
			}
		}
	}
	return 0
}

func detach(fds int) int {
	attr := &syscall.ProcAttr{Env: []string{drainStage + "=1"}}
	for fd := range drainFirst + fds {
		attr.Files = append(attr.Files, uintptr(fd))
	}
	// Not by its path: the file there may be another by now.
	if _, err := syscall.ForkExec("/proc/self/exe", os.Args, attr); err != nil {
		return 1
	}
	return 0
}

// isDrain reports whether the process is a drain process: of this very program,
// and in its second stage.
func isDrain(pid int) bool {
	if has, _ := proc.HasEnv(pid, drainStage+"=1"); !has {
		return false
	}
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		return false
	}
	its, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	return err == nil && os.SameFile(own, its)
}
