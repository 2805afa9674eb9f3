// Package proc tells which process is which: identity (pid, start time, boot
// id), ancestry and environment, by reading /proc (and, of a child, the clock).
//
// It is a leaf: it imports nothing of phased, sends no signal and starts
// nothing. What a pid means may change at any moment; every caller that acts on
// one checks the start time first.
package proc

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Read returns the stat of a process; an error that is fs.ErrNotExist where
// there is none.
func Read(pid int) (Stat, error) {
	var buf [2048]byte
	n, err := readFile("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		if gone(err) {
			return Stat{}, fs.ErrNotExist
		}
		return Stat{}, err
	}
	return parse(buf[:n])
}

// readFile reads the beginning of a file of /proc without the cost of an
// os.File: it is called once for each hook that is started.
func readFile(path string, buf []byte) (int, error) {
	var fd, n int
	err := retry(func() (err error) {
		fd, err = syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return 0, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	err = retry(func() (err error) {
		n, err = syscall.Read(fd, buf)
		return err
	})
	if err != nil {
		return 0, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return n, nil
}

func retry(f func() error) error {
	for {
		if err := f(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

// Alive reports whether the process with that pid and start time still runs; a
// zombie does not. A start of 0 stands for any.
func Alive(pid int, start uint64) bool {
	s, err := Read(pid)
	return err == nil && !s.Ended() && (start == 0 || s.Start == start)
}

// BootID returns the kernel's boot id, or "" where it cannot be read.
func BootID() string {
	var buf [64]byte
	n, err := readFile("/proc/sys/kernel/random/boot_id", buf[:]) // os.ReadFile would wait for it by epoll
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(buf[:n]))
}

// All returns the stat of every process that can be seen, zombies included,
// those of high pids first. Processes that end meanwhile are left out. The list
// is no snapshot: a process that is forked while it is made may be missing.
func All() ([]Stat, error) {
	return Some(func(int) bool { return true })
}

// Some is All for those pids only that are wanted. Of a pid that was wanted and
// is not in the list, the process ended meanwhile.
func Some(want func(pid int) bool) ([]Stat, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	all := make([]Stat, 0, len(names))
	// The kernel lists by pid. High pids are mostly the youngest, and the
	// soonest gone.
	for _, n := range slices.Backward(names) {
		pid, err := strconv.Atoi(n)
		if err != nil || !want(pid) {
			continue
		}
		if s, err := Read(pid); err == nil {
			all = append(all, s)
		}
	}
	return all, nil
}

// Environ returns the environment that the process was started with, as
// NAME=value; nil where it cannot be read.
func Environ(pid int) []string {
	p := environ(pid)
	if len(p) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(p), "\x00"), "\x00")
}

// HasEnv reports whether the environment that the process was started with
// holds every one of the entries, each NAME=value. It is not known where the
// environment is empty or cannot be read: also while the process starts a
// program, for a moment.
func HasEnv(pid int, entries ...string) (has, known bool) {
	block := environ(pid)
	return len(entries) > 0 && holds(block, entries), len(block) > 0
}

// environ reads the environment by a single read, if it can: between two of
// them the process could start another program, and the second find nothing.
func environ(pid int) []byte {
	buf := make([]byte, 32<<10)
	for {
		n, err := readFile("/proc/"+strconv.Itoa(pid)+"/environ", buf)
		if err != nil {
			return nil
		}
		if n < len(buf) {
			return buf[:n]
		}
		buf = make([]byte, 4*len(buf))
	}
}

// holds reports whether the block of NUL-ended entries has all of them, each as
// a whole entry.
func holds(block []byte, entries []string) bool {
	if len(block) == 0 {
		return false
	}
	block = append([]byte{0}, block...)
	if block[len(block)-1] != 0 {
		block = append(block, 0)
	}
	for _, e := range entries {
		if !bytes.Contains(block, []byte("\x00"+e+"\x00")) {
			return false
		}
	}
	return true
}

// CommandLine returns the process's arguments separated by blanks, or its
// command name in brackets where it has none.
func CommandLine(pid int) string {
	p, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err == nil && len(p) > 0 {
		return strings.TrimSpace(strings.ReplaceAll(string(p), "\x00", " "))
	}
	if s, err := Read(pid); err == nil {
		return "[" + s.Command + "]"
	}
	return ""
}
