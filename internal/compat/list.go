package compat

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/plan"
)

// candidate is an entry of a hook directory that may be a hook.
type candidate struct {
	entry phased.Entry
	name  string
	run   bool // the caller may execute it
	x     bool // it has an x bit at all
}

// list lists a hook directory as dib-run-parts does: regular files, or links to
// some, that the caller may execute and whose names pass the filter, by their
// leading numbers. The others follow with their reasons. dir is glued to the
// names as given.
func (e *Env) list(ctx context.Context, dir string) ([]phased.Entry, error) {
	names, err := readNames(dir)
	if err != nil {
		return nil, err
	}
	var maybe []candidate
	var rest []phased.Entry
	for _, n := range names {
		c, err := look(dir, n)
		switch {
		case err != nil:
			return nil, err
		case c.entry.Verdict == phased.VerdictRun && !strings.Contains(n, "\n"):
			maybe = append(maybe, c)
		case c.entry.Verdict == phased.VerdictRun:
			c.entry.Verdict, c.entry.Detail = phased.VerdictNameChars, "the name has a newline"
			fallthrough
		default:
			rest = append(rest, c.entry)
		}
	}
	passed, err := e.filter(ctx, maybe)
	if err != nil {
		return nil, err
	}
	return arrange(dir, maybe, passed, e.regex() == "", rest)
}

// arrange puts those that run in run order before those that do not.
func arrange(dir string, maybe []candidate, passed map[string]bool, byDefault bool, rest []phased.Entry) ([]phased.Entry, error) {
	hooks := map[string]phased.Entry{}
	var order []string
	refused := false
	for _, c := range maybe {
		switch {
		case !passed[c.name]:
			c.entry.Verdict = refusal(c.name, byDefault)
		case !c.run:
			refused = refused || c.x
			c.entry.Verdict = phased.VerdictNotExecutable
		default:
			hooks[c.name] = c.entry
			order = append(order, c.name)
			continue
		}
		rest = append(rest, c.entry)
	}
	if refused && noExec(dir) {
		return nil, fmt.Errorf("cannot run the hooks of %s: its file system is mounted noexec", dir)
	}
	plan.Sort(phased.Numeric, order)
	entries := make([]phased.Entry, 0, len(order)+len(rest))
	for _, n := range order {
		entries = append(entries, hooks[n])
	}
	slices.SortFunc(rest, func(a, b phased.Entry) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return append(entries, rest...), nil
}

func readNames(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, cannotRead(dir, err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, cannotRead(dir, err)
	}
	return names, nil
}

func cannotRead(dir string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("cannot read %s: %w", dir, err)
}

// look finds out what an entry is. The error says that the directory's entries
// cannot be looked at.
func look(dir, name string) (candidate, error) {
	path := dir + "/" + name
	c := candidate{name: name, entry: phased.Entry{Name: phased.Text(name), Path: phased.Text(path), Verdict: phased.VerdictRun}}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		if lerr := unix.Lstat(path, &st); lerr != nil && !errors.Is(lerr, unix.ENOENT) {
			return c, fmt.Errorf("cannot look at what is in %s: %w", dir, lerr)
		}
		c.entry.Verdict, c.entry.Detail = phased.VerdictDanglingLink, err.Error()
		if errors.Is(err, unix.EACCES) {
			c.entry.Verdict = phased.VerdictUnreadable
		}
		return c, nil
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		c.x = st.Mode&0o111 != 0
		c.run = c.x && unix.Access(path, unix.X_OK) == nil
		c.entry.Mode, c.entry.Size = fmt.Sprintf("%04o", st.Mode&0o7777), st.Size
	case unix.S_IFDIR:
		c.entry.Verdict = phased.VerdictDirectory
	default:
		c.entry.Verdict = phased.VerdictSpecialFile
	}
	return c, nil
}

func noExec(dir string) bool {
	var st unix.Statfs_t
	return unix.Statfs(dir, &st) == nil && st.Flags&unix.ST_NOEXEC != 0
}

// refusal says why the default filter refuses a name, or that another one does.
func refusal(name string, byDefault bool) phased.Verdict {
	switch {
	case !byDefault:
		return phased.VerdictNameFilter
	case strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#"):
		return phased.VerdictNameBackup
	case strings.Contains(name, "."):
		return phased.VerdictNameHasDot
	}
	return phased.VerdictNameChars
}

// environmentDir is where the environment files of a hook directory lie. The
// kernel resolves the two dots: beside what a link points to.
func environmentDir(dir string) string { return dir + "/../environment.d" }

// environmentFiles returns the files that are sourced before the hooks of the
// directory, in order.
func environmentFiles(dir string) ([]string, error) {
	dir = environmentDir(dir)
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil, nil
	case err != nil:
		return nil, cannotRead(dir, err)
	case !info.IsDir():
		return nil, nil
	}
	names, err := readNames(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, n := range names {
		if !onlyHas(n, `_.-\`) {
			continue
		}
		if info, err := os.Stat(dir + "/" + n); err == nil && info.Mode().IsRegular() {
			files = append(files, dir+"/"+n)
		}
	}
	slices.Sort(files)
	return files, nil
}

// onlyHas reports whether a name is made of ASCII letters, digits and the given
// characters.
func onlyHas(name, others string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return name != ""
}
