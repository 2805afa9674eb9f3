package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"phased/internal/trust"
)

// regular opens a file of the state directory, and refuses without waiting for
// it what is no regular file, and what is a link.
func regular(path string, flags int, mode fs.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flags|syscall.O_NOFOLLOW|syscall.O_NONBLOCK|syscall.O_NOCTTY, mode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotRegular
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot open %s: %w", path, err), f.Close())
	}
	return f, nil
}

var errNotRegular = errors.New("not a regular file")

// planted reports whether an error of regular means that something else has the
// name of a file of phased's.
func planted(err error) bool {
	return errors.Is(err, errNotRegular) || errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENXIO)
}

// groupOf returns the group phased; false where there is none.
func groupOf() (int, bool, error) {
	g, err := user.LookupGroup("phased")
	if err != nil {
		return 0, false, nil //nolint:nilerr // there need not be one
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return 0, false, fmt.Errorf("group phased has the id %q", g.Gid)
	}
	return gid, true, nil
}

// shared are the directories that the group phased may read.
func (s *Store) shared() []string {
	return []string{s.dir, s.path(runsDir), s.path(openDir), s.path(locksDir)}
}

// share gives the directories that are still root's group's to the group phased,
// where there is one: it may have come after them. What an administrator has
// given to another group stays.
func (s *Store) share() error {
	if os.Geteuid() != 0 {
		return nil
	}
	var mine []string
	for _, d := range s.shared() {
		info, err := os.Lstat(d)
		if err != nil {
			return plain(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Gid == 0 && info.IsDir() {
			mine = append(mine, d)
		}
	}
	if len(mine) == 0 {
		return nil
	}
	gid, there, err := groupOf()
	if err != nil || !there {
		return err
	}
	for _, d := range mine {
		if err := os.Lchown(d, 0, gid); err != nil {
			return err
		}
	}
	return nil
}

// trusted refuses a state directory that somebody else could have written: he
// could plant what root then writes to, change what is on record, and lock root
// out. For root that goes for the way to it as well; other users have what they
// have in directories whose modes are their business.
func (s *Store) trusted() error {
	if s.anyOwner {
		return nil
	}
	c := trust.NewChecker(os.Geteuid())
	defer c.Close()
	for _, d := range []string{s.dir, s.path(runsDir), s.path(openDir), s.path(failuresDir), s.path(locksDir)} {
		p, err := c.Directory(d)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return plain(err)
		case p != nil && (os.Geteuid() == 0 || p.At == d):
			return p
		}
	}
	return nil
}
