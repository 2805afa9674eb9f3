package executor

import (
	"bufio"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipe is a pipe whose ends bash opens by path. Both ends stay open here, so
// that the paths stay good.
type pipe struct{ r, w *os.File }

func (p *pipe) open() error {
	var err error
	if p.r, p.w, err = os.Pipe(); err != nil {
		return fmt.Errorf("cannot make a pipe: %w", err)
	}
	return nil
}

func (p *pipe) close() {
	for _, f := range []**os.File{&p.r, &p.w} {
		if *f != nil {
			(*f).Close()
			*f = nil
		}
	}
}

// path is where another process of the same user finds one of the ends.
func (*pipe) path(end *os.File) string {
	return procFD(os.Getpid(), descriptor(end))
}

func procFD(pid, fd int) string { return "/proc/" + strconv.Itoa(pid) + "/fd/" + strconv.Itoa(fd) }

// descriptor returns the file's number without making it blocking, as Fd does.
func descriptor(f *os.File) int {
	n := -1
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { n = int(fd) }) // a closed file: -1
	}
	return n
}

// write is not to be called with more than fits the pipe after bash may have
// ended: nobody would ever read it.
func (p *pipe) write(s string) error {
	if _, err := p.w.WriteString(s); err != nil {
		return fmt.Errorf("cannot write to bash: %w", err)
	}
	return nil
}

// empty reports whether everything that was written has been read.
func (p *pipe) empty() bool {
	n, err := unix.IoctlGetInt(descriptor(p.r), unix.TIOCINQ)
	return err == nil && n == 0
}

// lines yields what comes, line by line, until the pipe is closed.
func (p *pipe) lines() iter.Seq[string] {
	r := bufio.NewReader(p.r)
	return func(yield func(string) bool) {
		for {
			line, err := r.ReadString('\n')
			if err != nil || !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}

var errShellGone = errors.New("bash has ended")

// deafError tells that bash has read all that it was told and done nothing of it.
type deafError struct{}

func (*deafError) Error() string { return "bash has read what it was told, and did not do it" }

// childSet returns the children that a process has now; nil where the kernel
// does not tell.
func childSet(pid int) map[int]bool {
	id := strconv.Itoa(pid)
	p, err := readAll("/proc/" + id + "/task/" + id + "/children")
	if err != nil {
		return nil
	}
	set := map[int]bool{}
	for f := range strings.FieldsSeq(p) {
		if n, err := strconv.Atoi(f); err == nil {
			set[n] = true
		}
	}
	return set
}

// readAll reads a small file of /proc with three system calls.
func readAll(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	var buf [4096]byte
	n, err := syscall.Read(fd, buf[:])
	return string(buf[:max(n, 0)]), err
}
