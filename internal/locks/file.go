package locks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

// directory is the open directory of the named locks: a swap of what its path
// leads to does not matter while it is open.
type directory struct {
	path string
	fd   int
}

// openDir opens the directory, and makes it where it is not there.
func (l *Locks) openDir() (directory, error) {
	d := directory{path: l.o.Dir}
	open := func() (err error) {
		d.fd, err = unix.Open(d.path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	}
	err := again(open)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.make(); err == nil {
			err = again(open)
		}
	}
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return directory{}, fmt.Errorf("cannot open the directory of locks %s: it is a link, or no directory", d.path)
	}
	if err != nil {
		return directory{}, fmt.Errorf("cannot open the directory of locks %s: %w", d.path, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		d.close()
		return directory{}, fmt.Errorf("cannot look at the directory of locks %s: %w", d.path, err)
	}
	if int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 {
		d.close()
		return directory{}, fmt.Errorf("the directory of locks %s is not trusted: it belongs to user %d and has mode 0%o, expected user %d, and nobody else who can write it",
			d.path, st.Uid, st.Mode&0o7777, os.Geteuid())
	}
	return d, nil
}

// make makes the directory. Everybody may read what lies in it beside locks: see
// Environ.
func (d directory) make() error {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(d.path, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = os.Chmod(d.path, 0o755) // whatever the umask is
	}
	return err
}

func (d directory) close() { unix.Close(d.fd) }

// file is an open lock file. It is nobody else's to open: flock needs no right
// to write.
type file struct {
	path string
	fd   int
}

// open opens the file of a lock, and makes it where it is not there. Children do
// not inherit it.
func (d directory) open(name string) (file, error) {
	f := file{path: filepath.Join(d.path, name+".lock")}
	err := again(func() (err error) {
		f.fd, err = unix.Openat(d.fd, name+".lock", unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0o600)
		return err
	})
	if errors.Is(err, unix.ELOOP) {
		return file{}, fmt.Errorf("cannot open lock %s: it is a link", f.path)
	}
	if err != nil {
		return file{}, fmt.Errorf("cannot open lock %s: %w", f.path, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(f.fd, &st); err != nil {
		err = fmt.Errorf("cannot look at lock %s: %w", f.path, err)
	} else if st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = fmt.Errorf("cannot open lock %s: it is no regular file", f.path)
	} else if int(st.Uid) != os.Geteuid() || st.Mode&0o077 != 0 {
		err = fmt.Errorf("lock %s is not trusted: it belongs to user %d and has mode 0%o, expected user %d and mode 0600; remove it while no run goes on",
			f.path, st.Uid, st.Mode&0o7777, os.Geteuid())
	}
	if err != nil {
		f.close()
		return file{}, err
	}
	return f, nil
}

func (f file) close() { unix.Close(f.fd) }

// lock locks the file; false: somebody else has.
func (f file) lock() (bool, error) {
	err := again(func() error { return unix.Flock(f.fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot lock %s: %w", f.path, err)
	}
	return true, nil
}

// removed reports whether the file has no name any more.
func (f file) removed() bool {
	var st unix.Stat_t
	return unix.Fstat(f.fd, &st) == nil && st.Nlink == 0
}

// write says who holds the lock, in a line of its own: what a holder that was
// killed has left may stand behind it.
func (f file) write(line []byte) error {
	_, err := unix.Pwrite(f.fd, line, 0)
	if err != nil {
		return fmt.Errorf("cannot write lock %s: %w", f.path, err)
	}
	return nil
}

// release gives the lock back. The file stays: to remove it would let two holders
// in. A child that was forked and has not yet called exec would keep the lock, so
// that to close it is not enough.
func (f file) release() {
	_ = again(func() error { return unix.Ftruncate(f.fd, 0) })
	_ = again(func() error { return unix.Flock(f.fd, unix.LOCK_UN) })
	f.close()
}

// line is what a lock file says of its holder:
//
//	pid start "run" "phase" "hook"
func (l *Locks) line(o Owner) []byte {
	if o.Pid == 0 {
		o.Pid = os.Getpid()
	}
	var start uint64
	if o.Pid == os.Getpid() {
		start = l.start()
	} else {
		start = startOf(o.Pid)
	}
	b := strconv.AppendInt(nil, int64(o.Pid), 10)
	b = strconv.AppendUint(append(b, ' '), start, 10)
	for _, s := range []string{o.Run, o.Phase, string(o.Hook)} {
		b = strconv.AppendQuote(append(b, ' '), s)
	}
	return append(b, '\n')
}

// holder reads who holds the lock. False: nobody that lives says so, be it that
// the lock was taken a moment ago, or that its holder cannot be seen from here.
func (f file) holder() (Owner, bool) {
	var buf [4096]byte
	n, err := unix.Pread(f.fd, buf[:], 0)
	if err != nil {
		return Owner{}, false
	}
	line, _, whole := strings.Cut(string(buf[:n]), "\n")
	o, start, ok := parse(line)
	return o, whole && ok && proc.Alive(o.Pid, start)
}

// parse reads a line.
func parse(line string) (o Owner, start uint64, ok bool) {
	pid, line, _ := strings.Cut(line, " ")
	ticks, line, _ := strings.Cut(line, " ")
	var err error
	if o.Pid, err = strconv.Atoi(pid); err != nil || o.Pid <= 0 {
		return o, 0, false
	}
	if start, err = strconv.ParseUint(ticks, 10, 64); err != nil {
		return o, 0, false
	}
	var words [3]string
	for i := range words {
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return o, 0, false
		}
		line = strings.TrimPrefix(line[len(quoted):], " ")
		if words[i], err = strconv.Unquote(quoted); err != nil {
			return o, 0, false
		}
	}
	o.Run, o.Phase, o.Hook = words[0], words[1], phased.Text(words[2])
	return o, start, line == ""
}

// again calls f until no signal interrupts it.
func again(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
