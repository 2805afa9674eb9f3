package executor

import (
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// Describe says what the files are, as descriptors 1 and 2 of a hook that
// inherits them: of a regular file, also its path and where the next byte goes.
func Describe(stdout, stderr *os.File) []phased.Descriptor {
	return []phased.Descriptor{describe(1, int(stdout.Fd())), describe(2, int(stderr.Fd()))}
}

func describe(as, fd int) phased.Descriptor {
	d := phased.Descriptor{FD: as, Type: "other"}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return d
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		d.Type, d.Offset = "file", position(fd)
	case unix.S_IFIFO:
		d.Type = "pipe"
		return d
	case unix.S_IFCHR:
		if st.Rdev == unix.Mkdev(1, 3) {
			d.Type = "null"
		} else if isTerminal(fd) {
			d.Type = "terminal"
		}
	default:
		return d
	}
	if path, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil {
		d.Path = phased.Text(path)
	}
	return d
}

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// regular returns the descriptors, of those that a hook inherits as 1 and 2,
// that are regular files, with where the next byte goes.
func regular(fds [2]int) []phased.Descriptor {
	var found []phased.Descriptor
	for i, fd := range fds {
		if isRegular(fd) {
			found = append(found, describe(1+i, fd))
		}
	}
	return found
}

// again returns what regular has found, with where the next byte goes now. What
// a descriptor stands for stays as it is; only the file's name may change.
func again(found []phased.Descriptor, fds [2]int) []phased.Descriptor {
	if len(found) == 0 {
		return nil
	}
	now := slices.Clone(found)
	for i := range now {
		now[i].Offset = position(fds[now[i].FD-1])
	}
	return now
}

// position returns where the next byte written to the file goes.
func position(fd int) int64 {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err == nil && flags&unix.O_APPEND == 0 {
		if at, err := unix.Seek(fd, 0, unix.SEEK_CUR); err == nil {
			return at
		}
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Size
}

func isRegular(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}
