package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// Options says how a state directory is opened.
type Options struct {
	// ReadOnly opens for reading: nothing is created, and a directory that does
	// not exist reads as empty.
	ReadOnly bool
	// Create makes the state directory where it does not exist.
	Create bool
	// Durability is "run", "phase" (also where empty) or "hook": when the
	// record is synced to the disk; or "none", for runs that must not wait for
	// a disk.
	Durability string
	// AnyOwner takes the state directory whoever could have written it.
	AnyOwner bool
	// Rebooted tells of a run whose phased died whether a reboot that its hook had
	// asked for is what ended it: such a run waits, and was not interrupted. It may
	// fold the run. nil: none does.
	Rebooted func(id string, fold func() phased.Run) *phased.RunWaiting

	disk disk // nil: the file system
}

// Store is one state directory. It may be used by several goroutines, and its
// directory by several processes.
type Store struct {
	dir      string
	readOnly bool
	level    durability
	anyOwner bool
	rebooted func(id string, fold func() phased.Run) *phased.RunWaiting
	group    int // of new run files; -1: as it comes
	// locked tells whether a writer holds a run file. It is a field so that a
	// test can let a run end just before.
	locked func(*os.File) (bool, error)
	disk   disk
}

var _ phased.Source = (*Store)(nil)

// The directories of a state directory.
const (
	runsDir     = "runs"
	openDir     = "open"
	failuresDir = "failures"
	locksDir    = "locks"
)

const suffix = ".jsonl"

// DefaultDir returns where the state lies where nobody says otherwise:
// $PHASED_STATE_DIR, /var/lib/phased for root, else $XDG_STATE_HOME/phased or
// $HOME/.local/state/phased; "" where none of these is set.
func DefaultDir(euid int, getenv func(string) string) string {
	if d := getenv("PHASED_STATE_DIR"); d != "" {
		return d
	}
	if euid == 0 {
		return "/var/lib/phased"
	}
	// The XDG specification has relative paths ignored.
	if d := getenv("XDG_STATE_HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, "phased")
	}
	if d := getenv("HOME"); filepath.IsAbs(d) {
		return filepath.Join(d, ".local", "state", "phased")
	}
	return ""
}

// Open opens the state directory and, unless for reading only, makes the
// directories in it and checks that runs can be written.
func Open(dir string, o Options) (*Store, error) {
	s, err := open(dir, o)
	if err != nil {
		return nil, fmt.Errorf("cannot use state directory %s: %w", dir, err)
	}
	return s, nil
}

func open(dir string, o Options) (*Store, error) {
	if dir == "" {
		return nil, errors.New("its name is empty: set --state-dir, PHASED_STATE_DIR or HOME")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, readOnly: o.ReadOnly, anyOwner: o.AnyOwner, rebooted: o.Rebooted, group: -1, locked: locked, disk: o.disk}
	if s.disk == nil {
		s.disk = osDisk{}
	}
	if s.level, err = parseDurability(o.Durability); err != nil {
		return nil, err
	}
	info, err := os.Stat(dir)
	made := false
	switch {
	case err == nil && !info.IsDir():
		return nil, errors.New("it is not a directory")
	case errors.Is(err, fs.ErrNotExist) && o.ReadOnly:
		return s, nil
	case errors.Is(err, fs.ErrNotExist) && o.Create:
		if err := s.makeParents(filepath.Dir(dir)); err != nil {
			return nil, err
		}
		if made, err = s.makeDir(dir, 0o750); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, plain(err)
	}
	if o.ReadOnly {
		return s, s.checkDir(runsDir)
	}
	return s, s.layOut(made)
}

// layOut makes the directories in the state directory, and makes sure that they
// are for who they should be for.
func (s *Store) layOut(made bool) error {
	if err := s.trusted(); err != nil {
		return err
	}
	var fresh []string
	if made {
		fresh = append(fresh, s.dir)
	}
	for _, d := range []struct {
		name string
		mode fs.FileMode
	}{{runsDir, 0o750}, {openDir, 0o750}, {failuresDir, 0o700}, {locksDir, 0o750}} {
		made, err := s.makeDir(s.path(d.name), d.mode)
		if err != nil {
			return err
		}
		if made {
			fresh = append(fresh, s.path(d.name))
		}
		if err := s.checkDir(d.name); err != nil {
			return err
		}
		if err := unix.Faccessat(unix.AT_FDCWD, s.path(d.name), unix.W_OK|unix.X_OK, unix.AT_EACCESS); err != nil {
			return fmt.Errorf("%s cannot be written: %w", d.name, err)
		}
	}
	if err := s.share(); err != nil {
		return err
	}
	if err := s.saveDirs(fresh, made); err != nil {
		return err
	}
	// Run files are for the group that may read the directory they lie in.
	info, err := os.Lstat(s.path(runsDir))
	if err != nil {
		return plain(err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Gid) != os.Getegid() {
		s.group = int(st.Gid)
	}
	return nil
}

// saveDirs brings the names of directories that were made to the disk: what is
// synced in a directory that a power cut takes away is lost with it.
func (s *Store) saveDirs(fresh []string, made bool) error {
	if len(fresh) == 0 || s.level == syncNone {
		return nil
	}
	if err := s.disk.SyncDir(s.dir); err != nil || !made {
		return err
	}
	return s.disk.SyncDir(filepath.Dir(s.dir))
}

// makeParents makes what does not exist of the way to the state directory.
func (s *Store) makeParents(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return plain(err)
	}
	if err := s.makeParents(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := s.disk.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if s.level == syncNone {
		return nil
	}
	return s.disk.SyncDir(filepath.Dir(dir))
}

// makeDir makes a directory with exactly that mode, whatever the umask is, and
// reports whether it did not exist.
func (s *Store) makeDir(path string, mode fs.FileMode) (bool, error) {
	err := s.disk.Mkdir(path, mode)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, plain(err)
	}
	return true, os.Chmod(path, mode)
}

// checkDir refuses what is there and is not a directory itself: a link could
// lead the records, or root's writing, elsewhere.
func (s *Store) checkDir(name string) error {
	info, err := os.Lstat(s.path(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return plain(err)
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s in it is a symbolic link: make it a directory, or a mount point", name)
	case !info.IsDir():
		return fmt.Errorf("%s in it is not a directory", name)
	}
	return nil
}

// plain takes the path out of an error whose message names it already.
func plain(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s %s: %w", p.Op, filepath.Base(p.Path), p.Err)
	}
	return err
}

// Dir returns the state directory, as an absolute path.
func (s *Store) Dir() string { return s.dir }

func (s *Store) path(elem ...string) string {
	return filepath.Join(append([]string{s.dir}, elem...)...)
}

// RunFile returns the path of a run's file.
func (s *Store) RunFile(id string) string { return s.path(runsDir, id+suffix) }

func (s *Store) writable() error {
	if s.readOnly {
		return fmt.Errorf("state directory %s is open for reading only", s.dir)
	}
	return nil
}

// IsID reports whether a text can be the id of a run.
func IsID(id string) bool { return validID(id) }

// validID keeps ids to what is safe in a file name.
func validID(id string) bool {
	if id == "" || len(id) > 64 || id[0] == '-' {
		return false
	}
	return strings.Trim(id, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-") == ""
}

// openRun opens a run file. What is not a regular file is refused without
// waiting for it.
func (s *Store) openRun(id string, flags int) (*os.File, error) {
	if !validID(id) {
		return nil, fmt.Errorf("%w: %q is not a run id", phased.ErrNoRun, id)
	}
	f, err := regular(s.RunFile(id), flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", phased.ErrNoRun, id)
	}
	if planted(err) { // by a hook, or by whoever could: it is nobody's run, and must not stop the next one
		return nil, fmt.Errorf("%w: %s: %s is not a regular file", phased.ErrNoRun, id, s.RunFile(id))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open run file: %w", err)
	}
	return f, nil
}

// list returns the names in one of the directories; none where it is missing.
func (s *Store) list(dir string) ([]string, error) {
	d, err := os.OpenFile(s.path(dir), os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read state directory %s: %w", s.dir, plain(err))
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("cannot read state directory %s: %w", s.dir, plain(err))
	}
	return names, nil
}

// locked reports whether a writer holds the run file: it is then live. The
// probe is a shared lock on a descriptor of our own, given back at once: no
// other probe fails for it, and no writer ever waits for one.
func locked(f *os.File) (bool, error) {
	err := flock(f, syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("cannot probe the lock of %s: %w", f.Name(), err)
	}
	return false, flock(f, syscall.LOCK_UN)
}

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
