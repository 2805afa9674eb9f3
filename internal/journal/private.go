package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"phased/internal/trust"
)

// privateDir holds what nobody else may read, by run: the variable spaces that
// `phased resume` restores. They hold every password that a hook ever set.
const privateDir = "private"

// Private returns the private directory of a run, and makes it: only the user
// who runs phased gets in, also where he has opened the state directory to
// others.
func (s *Store) Private(id string) (string, error) { return s.privately(id, id) }

// privately makes a directory below the private one, for a run.
func (s *Store) privately(id, name string) (string, error) {
	if err := s.writable(); err != nil {
		return "", err
	}
	if !validID(id) {
		return "", fmt.Errorf("%q is not a run id", id)
	}
	for _, d := range []string{s.path(privateDir), s.path(privateDir, name)} {
		if _, err := s.makeDir(d, 0o700); err != nil {
			return "", fmt.Errorf("cannot make %s: %w", d, err)
		}
		if err := trust.OwnDir(d); err != nil {
			return "", err
		}
	}
	return s.path(privateDir, name), nil
}

// Saved returns the path of a file in the private directory of a run; an error
// that is fs.ErrNotExist where there is none (any more). A file, or a directory
// on the way, that another user can write is refused.
func (s *Store) Saved(id, name string) (string, error) {
	if !validID(id) || name != filepath.Base(name) {
		return "", fmt.Errorf("%q of %q: no such file of a run", name, id)
	}
	for _, d := range []string{s.path(privateDir), s.path(privateDir, id)} {
		if err := trust.OwnDir(d); err != nil {
			return "", err
		}
	}
	path := s.path(privateDir, id, name)
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || !trust.Own(info) {
		return "", fmt.Errorf("%s is not a file of this user that nobody else can write: it is not trusted", path)
	}
	return path, nil
}

// ForgetPrivate removes the private directory of a run, if it has one, and what its
// hooks have left.
func (s *Store) ForgetPrivate(id string) error {
	if !validID(id) {
		return fmt.Errorf("%q is not a run id", id)
	}
	if err := errors.Join(os.RemoveAll(s.path(privateDir, id)), s.forgetDrops(id)); err != nil {
		return fmt.Errorf("cannot remove what was kept for resuming run %s: %w", id, err)
	}
	return nil
}

// ExpirePrivate removes what was kept of runs for longer than that; also of runs
// whose record is gone. Runs that go on are left alone.
func (s *Store) ExpirePrivate(ttl time.Duration, now time.Time) error {
	names, err := s.list(privateDir)
	if err != nil {
		return err
	}
	drops, errs := s.list(privateDir + "/" + dropsDir)
	for i, name := range slices.Concat(names, drops) {
		path, id := s.path(privateDir, name), name
		if i >= len(names) {
			path = s.path(privateDir, dropsDir, name)
			id, _, _ = strings.Cut(name, ".")
		}
		if !validID(id) {
			continue
		}
		info, err := os.Lstat(path)
		if err != nil || s.goesOn(id) {
			continue
		}
		_, gone := os.Lstat(s.RunFile(id))
		if now.Sub(info.ModTime()) > ttl || errors.Is(gone, fs.ErrNotExist) && now.Sub(info.ModTime()) > time.Minute {
			errs = errors.Join(errs, s.ForgetPrivate(id))
		}
	}
	return errs
}

// goesOn reports whether a writer holds the run's file, also where that cannot be
// found out.
func (s *Store) goesOn(id string) bool {
	live, err := s.live(id)
	return live || err != nil && !errors.Is(err, fs.ErrNotExist)
}
