package executor

import (
	"os"
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
		d.Type, d.Offset = "file", offset(fd, st.Size)
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

// offset returns where the next byte written to the file goes.
func offset(fd int, size int64) int64 {
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil && flags&unix.O_APPEND != 0 {
		return size
	}
	at, err := unix.Seek(fd, 0, unix.SEEK_CUR)
	if err != nil {
		return size
	}
	return at
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

func isRegular(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
}
