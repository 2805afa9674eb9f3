package executor

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// TerminalGroup returns the process group of this process where the terminal is
// likely to have sent it the signal as a whole; 0 otherwise.
func TerminalGroup(sig syscall.Signal) int {
	if sig != syscall.SIGINT && sig != syscall.SIGQUIT {
		return 0
	}
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil || group != unix.Getpgrp() {
		return 0
	}
	return group
}
