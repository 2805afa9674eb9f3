package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

const openDirectory = unix.O_DIRECTORY | unix.O_CLOEXEC | unix.O_NONBLOCK

func isNotDir(err error) bool { return errors.Is(err, unix.ENOTDIR) }

// lister collects the entries of one phase, highest root first.
type lister struct {
	phase   phased.Phase
	filter  *regexp.Regexp
	known   map[phased.Text]phased.Entry
	entries []phased.Entry
	winners map[string]winner
	hash    hash.Hash
	buffer  []byte
	header  Header // of the file that was read last
	faults  []phased.HeaderFault
	// environment: these are files that are sourced for their environment.
	environment bool
}

// winner is the entry of the highest root that has the name.
type winner struct {
	path phased.Text
	mask bool
}

// maskedBy starts the detail of an entry that a higher root masks.
const maskedBy = "masked by "

// read adds the entries of one directory.
func (l *lister) read(t tree) error {
	files, err := t.d.ReadDir(-1)
	if err != nil {
		return &Error{File: t.dir, Message: fmt.Sprintf("cannot be read: %v", reason(err))}
	}
	if l.winners == nil {
		l.winners = make(map[string]winner, len(files))
	}
	l.entries = slices.Grow(l.entries, len(files))
	prefix := joinPath(t.dir, "")
	fd := int(t.d.Fd())
	for _, f := range files {
		name := f.Name()
		e := phased.Entry{Name: phased.Text(name), Path: phased.Text(prefix + name), Root: phased.Text(t.root)}
		if l.phase.Order == phased.Numeric {
			e.Number = number(name)
		}
		found, gone := inspect(fd, name, f.Type())
		if gone {
			continue // removed since the directory was read
		}
		found.describe(&e)
		if w, lower := l.winners[name]; lower {
			e.Verdict, e.Detail = phased.VerdictShadowed, "shadowed by "+string(w.path)
			if w.mask {
				e.Verdict, e.Detail = phased.VerdictMasked, maskedBy+string(w.path)+", a link to /dev/null"
			}
		} else {
			l.winners[name] = winner{e.Path, found.verdict == phased.VerdictMasked}
			l.decide(&e, found, fd, name)
		}
		l.entries = append(l.entries, e)
	}
	return nil
}

// found is what an entry is, before its name and mode are judged.
type found struct {
	verdict phased.Verdict // VerdictRun: a regular file
	detail  string
	stat    unix.Stat_t // of the target; zero where there is none
}

func (f found) describe(e *phased.Entry) {
	if f.stat.Mode == 0 {
		return
	}
	e.Mode = "0" + strconv.FormatUint(uint64(f.stat.Mode&0o7777), 8)
	e.Size = f.stat.Size
	e.ModTime = time.Unix(f.stat.Mtim.Unix()).UTC()
}

// inspect finds out what an entry is: gone means that it is not there any more.
func inspect(dir int, name string, typ fs.FileMode) (f found, gone bool) {
	link := ""
	if typ&fs.ModeSymlink != 0 {
		target, err := readLink(dir, name)
		if errors.Is(err, unix.ENOENT) {
			return f, true
		}
		link = "link to " + target
		if target == "/dev/null" {
			return found{verdict: phased.VerdictMasked, detail: link}, false
		}
	}
	err := ignoringEINTR(func() error { return unix.Fstatat(dir, name, &f.stat, 0) })
	if err != nil {
		f.stat = unix.Stat_t{}
		return noTarget(link, err)
	}
	var what string
	switch f.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		f.verdict, f.detail = phased.VerdictRun, link
		return f, false
	case unix.S_IFDIR:
		f.verdict, what = phased.VerdictDirectory, "a directory"
	case unix.S_IFIFO:
		f.verdict, what = phased.VerdictSpecialFile, "a FIFO"
	case unix.S_IFSOCK:
		f.verdict, what = phased.VerdictSpecialFile, "a socket"
	default:
		f.verdict, what = phased.VerdictSpecialFile, "a device"
		if link != "" && f.stat.Mode&unix.S_IFMT == unix.S_IFCHR && f.stat.Rdev == unix.Mkdev(1, 3) {
			return found{verdict: phased.VerdictMasked, detail: link + ", which is /dev/null"}, false
		}
	}
	f.detail = what
	if link != "" {
		f.detail = link + ", " + what
	}
	return f, false
}

// noTarget judges an entry of which stat said no.
func noTarget(link string, err error) (found, bool) {
	if link == "" {
		if errors.Is(err, unix.ENOENT) {
			return found{}, true
		}
		return found{verdict: phased.VerdictUnreadable, detail: err.Error()}, false
	}
	switch {
	case errors.Is(err, unix.ENOENT):
		return found{verdict: phased.VerdictDanglingLink, detail: link + ", which does not exist"}, false
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return found{verdict: phased.VerdictDanglingLink, detail: link + ": " + err.Error()}, false
	}
	return found{verdict: phased.VerdictUnreadable, detail: link + ": " + err.Error()}, false
}

// decide gives the entry that wins its name its verdict: what it is, then how
// it is called, then whether it may be executed.
func (l *lister) decide(e *phased.Entry, f found, dir int, name string) {
	e.Verdict, e.Detail = f.verdict, f.detail
	if f.verdict != phased.VerdictRun {
		return
	}
	if l.environment {
		l.decideEnvironment(e, f, dir, name)
		return
	}
	if v, why := nameVerdict(name, l.filter); v != phased.VerdictRun {
		e.Verdict, e.Detail = v, why
		return
	}
	switch err := ignoringEINTR(func() error { return unix.Faccessat(dir, name, unix.X_OK, unix.AT_EACCESS) }); {
	case err == nil:
		l.digest(e, f, dir, name)
	case errors.Is(err, unix.EACCES):
		e.Verdict, e.Detail = phased.VerdictNotExecutable, "mode "+e.Mode
		if f.stat.Mode&0o111 != 0 {
			e.Detail = fmt.Sprintf("mode %s does not let user %d execute it, or its file system is mounted noexec", e.Mode, os.Geteuid())
		}
	default:
		e.Verdict, e.Detail = phased.VerdictUnreadable, err.Error()
	}
}

// settled is how long a file must have been left alone before its times can
// tell the next change: more than the kernel's coarsest tick.
const settled = 50 * time.Millisecond

// digest adds the sha256 of the content. A file that may be executed but not
// read has none, and runs.
func (l *lister) digest(e *phased.Entry, f found, dir int, name string) {
	id := phased.FileID{Dev: f.stat.Dev, Ino: f.stat.Ino, Mtime: f.stat.Mtim.Nano(), Ctime: f.stat.Ctim.Nano()}
	if k, ok := l.known[e.Path]; ok && k.File == id && k.Size == e.Size {
		e.Digest, e.File = k.Digest, id
		e.HookOptions, e.Options, e.Faults = k.HookOptions, k.Options, k.Faults
		return
	}
	now := time.Now()
	sum, n, err := l.sum(dir, name)
	l.options(e, l.header, l.faults)
	if err != nil {
		e.Detail = strings.TrimPrefix(e.Detail+"; its content cannot be read: "+err.Error(), "; ")
		return
	}
	e.Digest = sum
	if n == e.Size && now.Sub(time.Unix(0, id.Ctime)) > settled {
		e.File = id
	}
}

// sum reads a file: its sha256 and its size, and its header on the way.
func (l *lister) sum(dir int, name string) (string, int64, error) {
	l.header, l.faults = Header{}, nil
	var fd int
	err := ignoringEINTR(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
		return err
	})
	if err != nil {
		return "", 0, err
	}
	defer unix.Close(fd)
	if l.hash == nil {
		l.hash, l.buffer = sha256.New(), make([]byte, 64<<10)
	}
	l.hash.Reset()
	var total int64
	for {
		var n int
		err := ignoringEINTR(func() (err error) { n, err = unix.Read(fd, l.buffer); return err })
		if err != nil {
			return "", 0, err
		}
		if n <= 0 {
			break
		}
		if total == 0 && !l.phase.NoHeaders && !l.environment {
			l.header, l.faults = ParseHeader(l.buffer[:n])
		}
		l.hash.Write(l.buffer[:n])
		total += int64(n)
	}
	return hex.EncodeToString(l.hash.Sum(nil)), total, nil
}

// sorted returns the entries: those that run first, in run order, then the
// others by name, the highest root first.
func (l *lister) sorted() []phased.Entry {
	type run struct {
		key
		entry int
	}
	var runs []run
	rest := []phased.Entry{}
	for i, e := range l.entries {
		if e.Verdict == phased.VerdictRun {
			runs = append(runs, run{l.key(string(e.Name)), i})
			continue
		}
		rest = append(rest, e)
	}
	slices.SortFunc(runs, func(a, b run) int { return compareKeys(a.key, b.key) })
	slices.SortStableFunc(rest, func(a, b phased.Entry) int { return strings.Compare(string(a.Name), string(b.Name)) })
	all := make([]phased.Entry, 0, len(l.entries))
	for _, r := range runs {
		all = append(all, l.entries[r.entry])
	}
	return append(all, rest...)
}

// key is parseKey for the numeric order; without a number, names order bytewise.
func (l *lister) key(name string) key {
	if l.phase.Order == phased.Glob {
		return key{name: name}
	}
	return parseKey(name)
}

func readLink(dir int, name string) (string, error) {
	for size := 256; ; size *= 2 {
		buf := make([]byte, size)
		n, err := unix.Readlinkat(dir, name, buf)
		if err != nil || n < size {
			return string(buf[:max(n, 0)]), err
		}
	}
}

func ignoringEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
