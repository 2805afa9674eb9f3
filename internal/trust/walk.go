package trust

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// maxLinks is how many links are followed on one way, as in the kernel.
const maxLinks = 40

// Checker looks at files and remembers the directories on the way to them until
// it is closed: it is for one moment, such as the listing of a phase. Its zero
// value is not usable; see NewChecker.
type Checker struct {
	uid  uint32
	dirs map[string]*node // by physical path
	root *node
}

// node is a directory on the way, held by a descriptor: what is looked up in it
// is looked up in what was judged, whatever its name leads to by now.
type node struct {
	fd    int
	path  string // physical; "" for /
	st    unix.Stat_t
	fault *Problem // of the way to it, without itself
}

// place is where a way ends.
type place struct {
	dir   *node  // that it lies in
	name  string // in dir; "": it is dir itself
	st    unix.Stat_t
	fault *Problem // the first one on the way, without the end itself
}

func (p *place) path() string {
	if p.name == "" {
		return orRoot(p.dir.path)
	}
	return p.dir.path + "/" + p.name
}

func orRoot(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// NewChecker returns a Checker for what the user runs.
func NewChecker(euid int) *Checker {
	return &Checker{uid: uint32(euid), dirs: map[string]*node{}}
}

// Close lets go of the directories.
func (c *Checker) Close() {
	for _, n := range c.dirs {
		unix.Close(n.fd)
	}
	c.dirs = map[string]*node{}
	c.root = nil
}

// File judges a file and the way to it. The identity is that of the file which
// was judged. The error says that the file cannot be looked at.
func (c *Checker) File(path string) (phased.FileID, *Problem, error) {
	end, err := c.walk(path)
	if err != nil {
		return phased.FileID{}, nil, err
	}
	return identity(&end.st), c.ends(path, &end), nil
}

// Directory judges a directory whose entries count, and the way to it. What
// others can add entries to is not trusted, also where its sticky bit keeps them
// from the entries that are there.
func (c *Checker) Directory(path string) (*Problem, error) {
	end, err := c.walk(path)
	if err != nil {
		return nil, err
	}
	return c.ends(path, &end), nil
}

// Open opens a regular file for reading by the way that was judged; what has
// become another file since is an error. The caller decides what the problem
// means, and closes the file.
func (c *Checker) Open(path string) (*os.File, *Problem, error) {
	end, err := c.walk(path)
	if err != nil {
		return nil, nil, err
	}
	if end.name == "" || end.st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	fd, err := openat(end.dir.fd, end.name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Fstat(fd, &st) }); err != nil || st.Dev != end.st.Dev || st.Ino != end.st.Ino {
		unix.Close(fd)
		if err == nil {
			err = errSwapped
		}
		return nil, nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	end.st = st
	return os.NewFile(uintptr(fd), path), c.ends(path, &end), nil
}

// ErrNotRegular is the error of opening what is no regular file: a FIFO would
// let its reader wait, and a device do whatever it does.
var ErrNotRegular = errors.New("is no regular file")

var (
	errSwapped = errors.New("became another file while it was looked at")
	errMagic   = errors.New("leads through a link of /proc to what a process holds open")
)

// ends judges the end of a way, behind the way.
func (c *Checker) ends(path string, end *place) *Problem {
	if end.fault != nil {
		p := *end.fault
		p.File = path
		return &p
	}
	if c.good(&end.st) || isNull(&end.st) {
		return nil
	}
	if what, cure := c.judge(end.path(), &end.st); what != "" {
		return problem(path, end.path(), what, cure)
	}
	return nil
}

func problem(file, at, what, cure string) *Problem {
	return &Problem{File: file, At: at, What: what, Cure: cure}
}

// isNull tells /dev/null, which everybody may write and nobody can fill.
func isNull(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
}

// walk goes to a path name by name, as the kernel does, and judges every
// directory and link on the way. Nothing is looked up by more than one name, nor
// through a link that was not judged.
func (c *Checker) walk(path string) (place, error) {
	end, err := c.steps(path)
	if err != nil {
		return place{}, &fs.PathError{Op: "look at", Path: path, Err: err}
	}
	return end, nil
}

func (c *Checker) steps(path string) (place, error) {
	if path == "" {
		return place{}, unix.ENOENT
	}
	if err := c.start(); err != nil {
		return place{}, err
	}
	todo, stack, links := []string{path}, []*node{c.root}, 0
	if !strings.HasPrefix(path, "/") {
		wd, err := unix.Getwd()
		if err != nil {
			return place{}, err
		}
		todo = []string{path, wd}
	}
	var fault *Problem // of a link that was followed
	for {
		name, rest, more := next(todo)
		todo = rest
		dir := stack[len(stack)-1]
		switch {
		case !more:
			return place{dir: dir, st: dir.st, fault: first(fault, dir.fault)}, nil
		case name == ".":
			continue
		case name == "..":
			stack = stack[:max(len(stack)-1, 1)]
			continue
		}
		if n := c.dirs[dir.path+"/"+name]; n != nil {
			stack = append(stack, n)
			continue
		}
		end, err := c.look(dir, name)
		if err != nil {
			return place{}, err
		}
		switch end.st.Mode & unix.S_IFMT {
		case unix.S_IFDIR:
			n, err := c.enter(dir, name)
			if err != nil {
				return place{}, err
			}
			stack = append(stack, n)
		case unix.S_IFLNK:
			if links++; links > maxLinks {
				return place{}, unix.ELOOP
			}
			target, p, err := c.follow(dir, name)
			if err != nil {
				return place{}, err
			}
			fault = first(fault, p)
			if todo = append(todo, target); strings.HasPrefix(target, "/") {
				stack = stack[:1]
			}
		default:
			if _, _, more := next(todo); more || strings.HasSuffix(path, "/") {
				return place{}, unix.ENOTDIR
			}
			end.fault = first(fault, end.fault)
			return end, nil
		}
	}
}

// next takes the first name off what is still to be gone: a stack of paths, the
// next one last.
func next(todo []string) (name string, rest []string, more bool) {
	for len(todo) > 0 {
		last := len(todo) - 1
		path := strings.TrimLeft(todo[last], "/")
		if path == "" {
			todo = todo[:last]
			continue
		}
		name, path, _ = strings.Cut(path, "/")
		return name, append(todo[:last:last], path), true
	}
	return "", nil, false
}

func first(a, b *Problem) *Problem {
	if a != nil {
		return a
	}
	return b
}

// start opens /.
func (c *Checker) start() error {
	if c.root != nil {
		return nil
	}
	fd, err := openat(unix.AT_FDCWD, "/", unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	n := &node{fd: fd}
	if err := ignoringEINTR(func() error { return unix.Fstat(fd, &n.st) }); err != nil {
		unix.Close(fd)
		return err
	}
	c.root = n
	c.dirs[""] = n
	return nil
}

// look finds out what a name in a directory is, and judges the directory for it.
func (c *Checker) look(dir *node, name string) (place, error) {
	end := place{dir: dir, name: name}
	if err := ignoringEINTR(func() error { return unix.Fstatat(dir.fd, name, &end.st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return place{}, err
	}
	end.fault = c.within(dir, &end.st)
	return end, nil
}

// within returns why an entry of a directory is not trusted for the sake of the
// directory, or of the way to it.
func (c *Checker) within(dir *node, entry *unix.Stat_t) *Problem {
	if dir.fault != nil {
		return dir.fault
	}
	if c.good(&dir.st) || c.protects(&dir.st, entry) {
		return nil
	}
	what, cure := c.judge(orRoot(dir.path), &dir.st)
	return problem("", orRoot(dir.path), what, cure)
}

// enter opens a directory of a directory and remembers it.
func (c *Checker) enter(dir *node, name string) (*node, error) {
	fd, err := openat(dir.fd, name, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	n := &node{fd: fd, path: dir.path + "/" + name}
	if err := ignoringEINTR(func() error { return unix.Fstat(fd, &n.st) }); err != nil {
		unix.Close(fd)
		return nil, err
	}
	n.fault = c.within(dir, &n.st)
	c.dirs[n.path] = n
	return n, nil
}

// follow reads a link by a descriptor of it, and judges it.
func (c *Checker) follow(dir *node, name string) (target string, fault *Problem, err error) {
	fd, err := openat(dir.fd, name, unix.O_PATH)
	if err != nil {
		return "", nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return "", nil, err
	}
	if err := notMagic(dir.fd, name); err != nil {
		return "", nil, err
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", nil, err
	}
	if n == 0 || n == len(buf) {
		return "", nil, unix.ENAMETOOLONG
	}
	fault = c.within(dir, &st)
	path := dir.path + "/" + name
	if fault == nil && !c.own(st.Uid) {
		fault = problem("", path, fmt.Sprintf("is a link that belongs to user %d", st.Uid), fmt.Sprintf("chown -h %s %s", c.owner(), shown(path)))
	}
	return string(buf[:n]), fault, nil
}

// notMagic refuses a link of /proc that leads to what a process holds open: its
// text is no path.
func notMagic(dir int, name string) error {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS}
	var fd int
	err := ignoringEINTR(func() (err error) { fd, err = unix.Openat2(dir, name, &how); return err })
	if err == nil {
		return unix.Close(fd)
	}
	var st unix.Statfs_t
	if errors.Is(err, unix.ELOOP) && unix.Fstatfs(dir, &st) == nil && st.Type == unix.PROC_SUPER_MAGIC {
		return errMagic
	}
	return nil // whatever else it is, the walk finds it, also where the kernel has no openat2
}

// openat opens one name of a directory, and no link.
func openat(dir int, name string, flags int) (int, error) {
	var fd int
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Openat(dir, name, flags|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		return err
	})
	return fd, err
}

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func identity(st *unix.Stat_t) phased.FileID {
	return phased.FileID{Dev: st.Dev, Ino: st.Ino, Mtime: st.Mtim.Nano(), Ctime: st.Ctim.Nano()}
}
