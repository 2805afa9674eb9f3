package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// Watcher watches paths: it is the Source of a Loop.
type Watcher struct {
	paths    []string
	touch    bool
	excluded func(name string) bool
	kernel   *kernel
	files    map[string]cached // of the last scan, by path
}

// Paths are what to watch. A path names a file, which need not exist yet, or a
// directory, which stands for everything below it; each of its names may be a
// pattern of filepath.Match.
type Paths struct {
	Paths   []string // absolute
	Exclude []string // patterns of names that do not count in directories and patterns, beside those of editors
	Touch   bool     // a write counts as well where it changes nothing
}

// Check tells what cannot be meant.
func (p Paths) Check() error {
	if len(p.Paths) == 0 {
		return errors.New("there is nothing to watch")
	}
	for _, path := range p.Paths {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("%s is not an absolute path", path)
		}
	}
	for _, path := range slices.Concat(p.Paths, p.Exclude) {
		for _, c := range components(path) {
			if _, err := filepath.Match(c, ""); err != nil {
				return fmt.Errorf("%s is no pattern: a [ has no ], or a backslash nothing behind it", path)
			}
		}
	}
	return nil
}

// Open begins to watch; the first Scan says what.
func Open(p Paths) (*Watcher, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	w := &Watcher{paths: p.Paths, touch: p.Touch, excluded: excludes(p.Exclude)}
	var err error
	w.kernel, err = newKernel(w.excluded)
	return w, err
}

// Close ends the watching.
func (w *Watcher) Close() error { return w.kernel.close() }

// Wake implements Source.
func (w *Watcher) Wake() <-chan struct{} { return w.kernel.wake }

// Scan implements Source. Files whose times and size are what they were are not
// read again.
func (w *Watcher) Scan(ctx context.Context) (Snapshot, error) {
	s := &scan{w: w, ended: ctx.Err, found: Snapshot{}, files: map[string]cached{}}
	w.kernel.begin()
	for _, p := range w.paths {
		s.walk("/", "/", components(p))
	}
	w.kernel.end(s.err != nil)
	if s.err != nil {
		return nil, s.err
	}
	w.files = s.files
	return s.found, nil
}

// cached is the digest of a file, and what the file was when it was read.
type cached struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
	firm         bool // the file had not changed for so long that another change shows in ctime
	sum          [sha256.Size]byte
}

// firmAfter is how long a file must have been left alone before it is read, for
// its times to tell that it is the same: the kernel's clock for them ticks every
// few milliseconds.
const firmAfter = 2 * time.Second

func (c cached) same(d cached) bool {
	return c.dev == d.dev && c.ino == d.ino && c.size == d.size && c.mtime == d.mtime && c.ctime == d.ctime
}

// file looks at a file that is no directory and no link. What is not a regular
// file counts by its type alone, and is never opened.
func (s *scan) file(path, shown, link string) {
	state := State{Link: link}
	c, mode, err := s.digest(path)
	if s.over() || missing(err) {
		return
	}
	if err != nil {
		state.Failed = reason(err)
	}
	state.Mode, state.Sum = mode, c.sum
	if s.w.touch {
		state.Touch, state.Inode = c.mtime.Nano(), c.ino
	}
	s.found[shown] = state
}

func (s *scan) digest(path string) (cached, fs.FileMode, error) {
	began := time.Now()
	info, err := os.Lstat(path)
	if err != nil {
		return cached{}, 0, err
	}
	c := identity(info)
	if !info.Mode().IsRegular() {
		return c, info.Mode(), nil
	}
	if old, ok := s.w.files[path]; ok && old.firm && old.same(c) {
		s.files[path] = old
		return old, info.Mode(), nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return c, info.Mode(), err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil || !info.Mode().IsRegular() {
		return c, 0, err // it is another by now, of which there will be a hint
	}
	c = identity(info)
	h := sha256.New()
	if _, err := io.Copy(h, reading{s.ended, f}); err != nil {
		return c, info.Mode(), err
	}
	h.Sum(c.sum[:0])
	c.firm = began.Sub(time.Unix(c.ctime.Unix())) > firmAfter
	s.files[path] = c
	return c, info.Mode(), nil
}

func identity(info fs.FileInfo) cached {
	st := info.Sys().(*syscall.Stat_t)
	return cached{dev: st.Dev, ino: st.Ino, size: st.Size, mtime: st.Mtim, ctime: st.Ctim}
}

// reading reads until there is no point in it.
type reading struct {
	ended func() error
	r     io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ended(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
