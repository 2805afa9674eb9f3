package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Drops is the place where the hooks of a run leave what they hand to later ones.
// Names are plain names of files. What hooks write lies in one directory of all
// runs, under names that begin with the run: most hooks hand on nothing, and to make
// a directory takes longer than to open the record. What is to be kept lies in the
// private directory of the run.
type Drops struct {
	s    *Store
	id   string
	dir  *os.File
	path string
	kept string // the private directory of the run; "": it is not made yet
	// synced says that the way to it would survive a power cut.
	synced bool
	list   [4 << 10]byte
}

// dropsDir is that directory, below the private one.
const dropsDir = "drops.d"

// Drops opens the place of a run.
func (s *Store) Drops(id string) (*Drops, error) {
	path, err := s.privately(id, dropsDir)
	if err != nil {
		return nil, err
	}
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	return &Drops{s: s, id: id, dir: dir, path: path}, nil
}

// Close gives back what is held; the files stay.
func (d *Drops) Close() error { return d.dir.Close() }

// Path is the path of a file, which need not exist.
func (d *Drops) Path(name string) string { return d.path + "/" + d.file(name) }

// file is the name of a file in the directory.
func (d *Drops) file(name string) string { return d.id + "." + name }

// Left reports whether there is a file whose name begins so. It is for one
// goroutine at a time.
func (d *Drops) Left(prefix string) (bool, error) {
	fd := int(d.dir.Fd())
	prefix = d.file(prefix)
	if _, err := unix.Seek(fd, 0, io.SeekStart); err != nil {
		return false, fmt.Errorf("cannot read %s: %w", d.path, err)
	}
	for {
		n, err := unix.Getdents(fd, d.list[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, fmt.Errorf("cannot read %s: %w", d.path, err)
		case n <= 0:
			return false, nil
		}
		for entries := d.list[:n]; len(entries) > direntName; {
			length := int(binary.NativeEndian.Uint16(entries[direntLength:]))
			if length <= direntName || length > len(entries) {
				return false, fmt.Errorf("cannot read %s: the kernel lists nonsense", d.path)
			}
			if bytes.HasPrefix(entries[direntName:length], []byte(prefix)) {
				return true, nil
			}
			entries = entries[length:]
		}
	}
}

// Where the length and the name stand in a linux_dirent64.
const (
	direntLength = 16
	direntName   = 19
)

// Read returns the beginning of a file, up to limit bytes, and the size of the
// whole: an error that is fs.ErrNotExist where there is none. What is no regular
// file of this user is refused, without waiting for it.
func (d *Drops) Read(name string, limit int64) ([]byte, int64, error) {
	var fd int
	var err error
	for {
		fd, err = unix.Openat(int(d.dir.Fd()), d.file(name), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil, 0, fs.ErrNotExist
	case planted(err):
		return nil, 0, errNotRegular
	case err != nil:
		return nil, 0, fmt.Errorf("cannot be read: %w", err)
	}
	f := os.NewFile(uintptr(fd), d.Path(name))
	defer f.Close()
	var st unix.Stat_t
	switch err := unix.Fstat(fd, &st); {
	case err != nil:
		return nil, 0, fmt.Errorf("cannot be read: %w", err)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, 0, errNotRegular
	case int(st.Uid) != os.Geteuid():
		return nil, 0, fmt.Errorf("belongs to user %d, not to user %d, who runs the hooks", st.Uid, os.Geteuid())
	}
	content, err := io.ReadAll(io.LimitReader(f, limit))
	if err != nil {
		return nil, 0, fmt.Errorf("cannot be read: %w", plain(err))
	}
	return content, max(st.Size, int64(len(content))), nil
}

// Remove removes what a hook has put under a name: a file, or what else it is.
func (d *Drops) Remove(name string) error {
	err := unix.Unlinkat(int(d.dir.Fd()), d.file(name), 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return fs.ErrNotExist
	case errors.Is(err, unix.EISDIR):
		return os.RemoveAll(d.Path(name))
	case err != nil:
		return fmt.Errorf("cannot remove %s: %w", d.Path(name), err)
	}
	return nil
}

// Keep writes a file whole, for its owner only, and returns when it would survive
// a power cut.
func (d *Drops) Keep(name string, content []byte) error {
	if d.kept == "" {
		var err error
		if d.kept, err = d.s.Private(d.id); err != nil {
			return err
		}
	}
	path := d.kept + "/" + name
	draft := path + ".new"
	if err := d.s.disk.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return plain(err)
	}
	f, err := d.s.disk.Create(draft)
	if err != nil {
		return plain(err)
	}
	_, err = d.s.disk.Write(f, content)
	if err == nil {
		err = d.s.disk.Sync(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = d.s.disk.Rename(draft, path)
	}
	if err != nil {
		_ = d.s.disk.Remove(draft) // the error before it says more
		return plain(err)
	}
	if !d.synced {
		for _, dir := range []string{filepath.Dir(filepath.Dir(d.kept)), filepath.Dir(d.kept)} {
			if err := d.s.disk.SyncDir(dir); err != nil {
				return err
			}
		}
		d.synced = true
	}
	return d.s.disk.SyncDir(d.kept)
}

// MaxKept is the size of the largest file of a private directory that is read
// whole, in bytes.
const MaxKept = 64 << 20

// Kept returns what a file in the private directory of a run holds: an error that
// is fs.ErrNotExist where there is none (any more). What another user can write is
// refused.
func (s *Store) Kept(id, name string) ([]byte, error) {
	path, err := s.Saved(id, name)
	if err != nil {
		return nil, err
	}
	f, err := regular(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, MaxKept+1))
	if err == nil && len(content) > MaxKept {
		err = fmt.Errorf("%s has more than %d bytes", path, MaxKept)
	}
	return content, err
}

// forgetDrops removes what the hooks of a run have left that nobody has taken.
func (s *Store) forgetDrops(id string) error {
	names, err := s.list(privateDir + "/" + dropsDir)
	for _, name := range names {
		if strings.HasPrefix(name, id+".") {
			err = errors.Join(err, os.RemoveAll(s.path(privateDir, dropsDir, name)))
		}
	}
	return err
}

// DropPrivate removes the private directory of a run if nothing is in it.
func (s *Store) DropPrivate(id string) error {
	if !validID(id) {
		return fmt.Errorf("%q is not a run id", id)
	}
	err := unix.Rmdir(s.path(privateDir, id))
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
		return nil
	}
	return fmt.Errorf("cannot remove %s: %w", s.path(privateDir, id), err)
}
