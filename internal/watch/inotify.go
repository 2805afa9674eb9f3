package watch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// structure is what tells that another file bears a name.
	structure = unix.IN_CREATE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ATTRIB
	// content is what tells that a file holds something else. IN_MODIFY as well:
	// a log is never closed.
	content = unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB
)

// interest is which names within one watched directory matter; of a file that is
// watched itself, everything does.
type interest struct {
	all      bool // but for names that nobody means
	names    map[string]bool
	patterns []string
}

func (i *interest) wants(name string, excluded func(string) bool) bool {
	switch {
	case name == "" || i.names[name]:
		return true
	case i.all:
		return !excluded(name)
	}
	for _, p := range i.patterns {
		if matches(p, name) {
			return !excluded(name)
		}
	}
	return false
}

// kernel is one inotify instance: what the kernel is asked to tell, and the
// hint that it has told something that matters.
type kernel struct {
	fd       int // of file, whose Fd would make it block
	file     *os.File
	wake     chan struct{}
	excluded func(name string) bool
	gone     sync.WaitGroup
	mu       sync.Mutex
	asked    map[int]*interest // by watch descriptor
	next     map[int]*interest // of the scan that goes on; nil: none does
}

// newKernel starts to listen.
func newKernel(excluded func(string) bool) (*kernel, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if errors.Is(err, unix.EMFILE) {
		return nil, fmt.Errorf("cannot watch files: this user has as many inotify instances as it may (fs.inotify.max_user_instances = %s), or this process as many open files: end other watchers, or raise it with sysctl", limit("max_user_instances"))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot watch files: inotify: %w", err)
	}
	k := &kernel{fd: fd, file: os.NewFile(uintptr(fd), "inotify"), wake: make(chan struct{}, 1), excluded: excluded, asked: map[int]*interest{}}
	k.gone.Go(k.listen)
	return k, nil
}

// limit returns one of the kernel's limits, as it is set.
func limit(name string) string {
	text, err := os.ReadFile("/proc/sys/fs/inotify/" + name)
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

// close ends the listening.
func (k *kernel) close() error {
	err := k.file.Close()
	k.gone.Wait()
	return err
}

// listen turns what the kernel tells into hints. It costs nothing while the
// kernel tells nothing.
func (k *kernel) listen() {
	buf := make([]byte, 64<<10)
	for {
		n, err := k.file.Read(buf)
		if err != nil {
			return // closed: inotify itself has no error to read
		}
		if k.matters(buf[:n]) {
			k.hint()
		}
	}
}

// hint says that it is time to look; that it was said already is enough.
func (k *kernel) hint() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// matters reports whether one of the events may mean a change of what is watched.
func (k *kernel) matters(p []byte) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(p) >= unix.SizeofInotifyEvent {
		wd := int(int32(binary.NativeEndian.Uint32(p)))
		mask := binary.NativeEndian.Uint32(p[4:])
		size := int(binary.NativeEndian.Uint32(p[12:]))
		if len(p) < unix.SizeofInotifyEvent+size {
			return true // which never is
		}
		name := strings.TrimRight(string(p[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+size]), "\x00")
		p = p[unix.SizeofInotifyEvent+size:]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0: // what was lost may have been anything
			return true
		case mask&unix.IN_IGNORED != 0: // a watch has ended: of that it was told otherwise
		case k.wanted(wd, name):
			return true
		}
	}
	return false
}

// wanted reports whether a name within what is watched matters. Where nothing is
// known of the watch, it was asked for a moment ago.
func (k *kernel) wanted(wd int, name string) bool {
	now, next := k.asked[wd], k.next[wd]
	if now == nil && next == nil {
		return true
	}
	return now != nil && now.wants(name, k.excluded) || next != nil && next.wants(name, k.excluded)
}

// begin begins to ask anew: what is not asked for again until end is dropped.
func (k *kernel) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.next = map[int]*interest{}
}

// end drops what was not asked for again. After a failure nothing is dropped.
func (k *kernel) end(failed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for wd, i := range k.asked {
		switch {
		case k.next[wd] != nil:
		case failed:
			k.next[wd] = i
		default:
			// It may have ended by itself: the file is gone.
			_, _ = unix.InotifyRmWatch(k.fd, uint32(wd))
		}
	}
	k.asked, k.next = k.next, nil
}

// ask asks to be told of a directory or file, and of which names in it by add.
// What is not there, or not to be seen, is no error: the directory above it is
// asked for as well, and tells when it is.
func (k *kernel) ask(path string, mask uint32, add func(*interest)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	wd, err := unix.InotifyAddWatch(k.fd, path, mask|unix.IN_MASK_ADD|unix.IN_DONT_FOLLOW)
	switch {
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("cannot watch %s: this user has as many inotify watches as it may (fs.inotify.max_user_watches = %s): watch less, or raise it with sysctl", path, limit("max_user_watches"))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ELOOP):
		return nil
	case err != nil:
		return fmt.Errorf("cannot watch %s: %w", path, err)
	}
	i := k.next[wd]
	if i == nil {
		i = &interest{names: map[string]bool{}}
		k.next[wd] = i
	}
	add(i)
	return nil
}

// name asks about one name in a directory.
func (k *kernel) name(dir, name string) error {
	return k.ask(dir, structure|unix.IN_ONLYDIR, func(i *interest) { i.names[name] = true })
}

// pattern asks about the names in a directory that match.
func (k *kernel) pattern(dir, pattern string) error {
	return k.ask(dir, structure|unix.IN_ONLYDIR, func(i *interest) { i.patterns = append(i.patterns, pattern) })
}

// whole asks about everything in a directory.
func (k *kernel) whole(dir string) error {
	return k.ask(dir, structure|content|unix.IN_ONLYDIR, func(i *interest) { i.all = true })
}

// own asks about a file itself, by whatever name it is written.
func (k *kernel) own(path string) error {
	return k.ask(path, content, func(i *interest) { i.all = true })
}

// matches is filepath.Match as a shell does it: a dot at the beginning is matched
// by a dot only.
func matches(pattern, name string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") && !strings.HasPrefix(pattern, `\.`) {
		return false
	}
	ok, err := filepath.Match(pattern, name)
	return err == nil && ok
}
