package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// mostLinks is how many links a path may lead through, as in the kernel.
const mostLinks = 40

// scan is one look at all paths. Of everything that it looks at, the kernel is
// asked to tell before: what changes behind its back wakes the next one.
type scan struct {
	w     *Watcher
	ended func() error // why to look no further; nil: go on
	err   error        // why it looks no further
	found Snapshot
	files map[string]cached
}

// over reports whether there is no point in looking further.
func (s *scan) over() bool {
	if s.err == nil {
		s.err = s.ended()
	}
	return s.err != nil
}

// asked keeps the first failure to ask the kernel.
func (s *scan) asked(err error) {
	if s.err == nil {
		s.err = err
	}
}

func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// walk goes on in the directory cur, which is shown as shown, to what is left of
// a path that was given: through links, and wherever a pattern matches.
func (s *scan) walk(cur, shown string, rest []string) {
	switch {
	case s.over():
	case len(rest) == 0:
		s.tree(cur, shown)
	case isPattern(rest[0]):
		s.expand(cur, shown, rest[0], rest[1:])
	default:
		s.step(cur, shown, unescape(rest[0]), rest[1:])
	}
}

// step goes to one name in a directory.
func (s *scan) step(cur, shown, name string, rest []string) {
	shown = filepath.Join(shown, name)
	next, info, err := s.target(cur, []string{name})
	switch {
	case missing(err) || s.over():
	case err != nil:
		s.found[filepath.Join(append([]string{shown}, rest...)...)] = State{Failed: reason(err)}
	case info.IsDir():
		s.walk(next, shown, rest)
	case len(rest) > 0: // a file where a directory is to be: what is below it is not there
	default:
		s.asked(s.w.kernel.own(next))
		s.file(next, shown, "")
	}
}

// expand goes on at every name that matches.
func (s *scan) expand(cur, shown, pattern string, rest []string) {
	s.asked(s.w.kernel.pattern(cur, pattern))
	entries, err := os.ReadDir(cur)
	if err != nil && !missing(err) {
		s.found[filepath.Join(shown, pattern)] = State{Failed: reason(err)}
	}
	for _, e := range entries {
		if matches(pattern, e.Name()) && !s.w.excluded(e.Name()) {
			s.step(cur, shown, e.Name(), rest)
		}
	}
}

// target follows names to something that is no link, asking about every name on
// the way before it is looked up.
func (s *scan) target(cur string, rest []string) (string, fs.FileInfo, error) {
	links := 0
	for len(rest) > 0 && !s.over() {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case ".":
			continue
		case "..":
			cur = filepath.Dir(cur)
			continue
		}
		s.asked(s.w.kernel.name(cur, name))
		next := filepath.Join(cur, name)
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			return next, nil, err
		case info.Mode()&fs.ModeSymlink == 0 && len(rest) == 0:
			return next, info, nil
		case info.Mode()&fs.ModeSymlink == 0:
			cur = next
			continue
		}
		if links++; links > mostLinks {
			return next, nil, syscall.ELOOP
		}
		to, err := os.Readlink(next)
		if err != nil {
			return next, nil, err
		}
		if filepath.IsAbs(to) {
			cur = "/"
		}
		rest = append(components(to), rest...)
	}
	info, err := os.Lstat(cur) // a link to / or to .. has led here
	return cur, info, err
}

// tree looks at a directory and everything below it. Links to directories are
// not gone into: they count by what they hold.
func (s *scan) tree(dir, shown string) {
	if s.over() {
		return
	}
	s.asked(s.w.kernel.whole(dir))
	info, err := os.Lstat(dir)
	if missing(err) {
		return
	}
	state := State{}
	var entries []fs.DirEntry
	if err == nil {
		state.Mode = info.Mode()
		entries, err = os.ReadDir(dir)
	}
	if missing(err) {
		return
	}
	if err != nil {
		state.Failed = reason(err)
	}
	s.found[shown] = state
	for _, e := range entries {
		if s.w.excluded(e.Name()) {
			continue
		}
		path, name := filepath.Join(dir, e.Name()), filepath.Join(shown, e.Name())
		switch {
		case e.IsDir():
			s.tree(path, name)
		case e.Type()&fs.ModeSymlink != 0:
			s.inner(dir, e.Name(), name)
		default:
			s.file(path, name, "")
		}
	}
}

// inner looks at a link within a directory: what it holds, and what is there.
func (s *scan) inner(dir, name, shown string) {
	to, err := os.Readlink(filepath.Join(dir, name))
	if err != nil {
		return // it is another by now, of which there will be a hint
	}
	s.found[shown] = State{Mode: fs.ModeSymlink, Link: to}
	real, info, err := s.target(dir, []string{name})
	switch {
	case err != nil && !missing(err):
		s.found[shown] = State{Mode: fs.ModeSymlink, Link: to, Failed: reason(err)}
	case err == nil && info.Mode().IsRegular() && !s.over():
		s.asked(s.w.kernel.own(real))
		s.file(real, shown, to)
	}
}

func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// reason is an error without the path, which stands beside it.
func reason(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

// isPattern reports whether a name of a path stands for others.
func isPattern(name string) bool {
	for i := 0; i < len(name); i++ {
		switch name[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

// unescape removes the backslashes of a name that is no pattern.
func unescape(name string) string {
	if !strings.Contains(name, `\`) {
		return name
	}
	var b []byte
	for i := 0; i < len(name); i++ {
		if name[i] == '\\' && i+1 < len(name) {
			i++
		}
		b = append(b, name[i])
	}
	return string(b)
}

// ignored are the names that editors and package managers give to what is not
// yet, or no more, a file of its directory.
func ignored() []string {
	return []string{"*~", "#*#", ".#*", ".*.sw?", ".*.sw?x", "4913", ".goutputstream-*", "*.dpkg-new", "*.dpkg-tmp"}
}

// excludes makes the judge of names that do not count in directories and
// patterns.
func excludes(more []string) func(string) bool {
	all := slices.Concat(ignored(), more)
	return func(name string) bool {
		return slices.ContainsFunc(all, func(p string) bool {
			ok, err := filepath.Match(p, name)
			return err == nil && ok
		})
	}
}
