package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// maxLook bounds how many files one argument of `phased changed` may stand for.
const maxLook = 10_000

// LookAt returns a file, all files below a directory, or all that a pattern fits, as
// they are now, by path: type, mode, owner and content. at is absolute. Links are
// followed, but for links to directories below a directory. What is not there is
// not among them; what cannot be read is an error.
func LookAt(at string) ([]phased.FileState, error) {
	roots := []string{at}
	if _, err := os.Lstat(at); err != nil && strings.ContainsAny(at, `*?[\`) {
		found, err := filepath.Glob(at)
		if err != nil {
			return nil, fmt.Errorf("%s is no pattern of file names", at)
		}
		roots = found
	}
	var all []phased.FileState
	for _, root := range roots {
		if err := lookBelow(root, &all); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b phased.FileState) int { return strings.Compare(string(a.Path), string(b.Path)) })
	return all, nil
}

func lookBelow(root string, all *[]phased.FileState) error {
	info, err := os.Stat(root)
	if absent(err) {
		return nil
	}
	if err != nil {
		return unlooked(err)
	}
	add := func(path string) error {
		is, err := fileState(path)
		switch {
		case absent(err):
			return nil
		case err != nil:
			return unlooked(err)
		case len(*all) == maxLook:
			return fmt.Errorf("%s holds more than %d files; name fewer, or one that changes with them", root, maxLook)
		}
		*all = append(*all, phased.FileState{Path: phased.Text(path), Is: is})
		return nil
	}
	if !info.IsDir() {
		return add(root)
	}
	// The slash leads through a link that is the root itself.
	return filepath.WalkDir(root+"/", func(path string, d fs.DirEntry, err error) error {
		switch {
		case absent(err):
			return nil
		case err != nil:
			return unlooked(err)
		}
		path = filepath.Clean(path)
		if d.Type()&fs.ModeSymlink != 0 {
			if target, err := os.Stat(path); err == nil && target.IsDir() {
				to, err := os.Readlink(path)
				if err != nil {
					return unlooked(err)
				}
				*all = append(*all, phased.FileState{Path: phased.Text(path), Is: "link " + to})
				return nil
			}
		}
		return add(path)
	})
}

// absent reports whether there is no such file: a name that leads nowhere is none.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP)
}

func unlooked(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("cannot look at %s: %w", p.Path, p.Err)
	}
	return fmt.Errorf("cannot look at the files: %w", err)
}

// fileState says in one word what a file is. A FIFO or a device is not waited for.
func fileState(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("%v", info.Mode())
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		text += fmt.Sprintf(" %d:%d", st.Uid, st.Gid)
	}
	if !info.Mode().IsRegular() {
		return text, nil
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", &os.PathError{Op: "read", Path: path, Err: err}
	}
	return text + " " + hex.EncodeToString(h.Sum(nil)), nil
}

// LookChanged returns the files that are not as they were, in words; where nothing
// was seen before, all of them.
func LookChanged(was, is []phased.FileState) []string {
	then := make(map[phased.Text]string, len(was))
	for _, f := range was {
		then[f.Path] = f.Is
	}
	var changed []string
	for _, f := range is {
		before, known := then[f.Path]
		delete(then, f.Path)
		switch {
		case !known:
			changed = append(changed, string(f.Path)+" (new)")
		case before != f.Is:
			changed = append(changed, string(f.Path))
		}
	}
	for _, f := range was {
		if _, left := then[f.Path]; left {
			changed = append(changed, string(f.Path)+" (gone)")
		}
	}
	return changed
}
