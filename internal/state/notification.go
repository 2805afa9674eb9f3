package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"phased/internal/phased"
	"phased/internal/trust"
)

// Scope is whose notifications belong together: those of a base's lifecycle.
type Scope struct {
	Base      phased.Text
	Lifecycle string
}

// key begins the names of the scope's files.
func (s Scope) key() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%d:%s", len(s.Base), s.Base, len(s.Lifecycle), s.Lifecycle))
	return hex.EncodeToString(sum[:8])
}

// Hook returns a hook of the scope.
func (s Scope) Hook(phase string, name phased.Text) Hook {
	return Hook{s.Base, s.Lifecycle, phase, name}
}

func scopeOf(n phased.Notification) Scope { return Scope{n.Base, n.Lifecycle} }

// notificationFile names the file of what one hook says of one name. That it says
// so again takes the place of what it said before, so that there are never more
// files than hooks have names to say.
func notificationFile(n phased.Notification) string {
	return scopeOf(n).key() + "." + n.Name + "." + scopeOf(n).Hook(n.Phase, n.Hook).file()
}

// nameIn returns the name that a file of the scope is about.
func (s Scope) nameIn(file string) (name string, ok bool) {
	rest, ok := strings.CutPrefix(file, s.key()+".")
	if !ok || len(rest) < 2+2*hookKeySize {
		return "", false
	}
	return rest[:len(rest)-1-2*hookKeySize], true
}

// NameFault says what is wrong with the name of a notification; "" nothing.
func NameFault(name string) string {
	const most, known = 64, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if name == "" || len(name) > most || name[0] == '.' || strings.Trim(name, known) != "" {
		return "expected a name such as nginx (letters, digits, . _ -; at most " + strconv.Itoa(most) + "; no dot at its beginning)"
	}
	return ""
}

// NewID returns an id that no notification has.
func NewID() string { return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()) }

// Notify puts down a notification, which gets an id. When it returns, that is on
// the disk, and pending for every hook that waits for its name, also for those
// that have served an earlier one.
func (s Store) Notify(n phased.Notification) error {
	if fault := NameFault(n.Name); fault != "" {
		return fmt.Errorf("%s, not %q", fault, n.Name)
	}
	if err := s.ready(notifications); err != nil {
		return err
	}
	unlock, err := s.flock(notifications, syscall.LOCK_SH)
	if err != nil {
		return err
	}
	n.ID = NewID()
	return errors.Join(s.write(notifications, notificationFile(n), n), unlock())
}

// Notifications returns the notifications of a scope, the oldest first: those of
// the names, or all where none is given. What others could have written is
// refused.
func (s Store) Notifications(scope Scope, names ...string) ([]phased.Notification, error) {
	files, err := s.names(notifications)
	if err != nil {
		return nil, fmt.Errorf("cannot find out what hooks have notified: %w", err)
	}
	var all []phased.Notification
	for _, f := range files {
		name, ours := scope.nameIn(f)
		if !ours || len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		var n phased.Notification
		found, err := s.read(notifications, f, &n)
		if err == nil && found && (notificationFile(n) != f || n.ID == "" || scopeOf(n) != scope) {
			err = fmt.Errorf("%s is about something else (%s)", f, n.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("cannot find out what hooks have notified: %w", err)
		}
		if found { // it may have been dropped meanwhile
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b phased.Notification) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Phase, b.Phase), cmp.Compare(a.Hook, b.Hook))
	})
	return all, nil
}

// AllNotifications returns the notifications of all scopes. It is right also where
// there is an error, which tells of files that cannot be read.
func (s Store) AllNotifications() ([]phased.Notification, error) {
	files, err := s.names(notifications)
	errs := []error{err}
	var all []phased.Notification
	for _, f := range files {
		var n phased.Notification
		found, err := s.read(notifications, f, &n)
		errs = append(errs, err)
		if found && err == nil && notificationFile(n) == f {
			all = append(all, n)
		}
	}
	slices.SortFunc(all, func(a, b phased.Notification) int {
		return cmp.Or(cmp.Compare(a.Base, b.Base), cmp.Compare(a.Lifecycle, b.Lifecycle), cmp.Compare(a.Name, b.Name), a.Time.Compare(b.Time))
	})
	return all, errors.Join(errs...)
}

// Drop removes notifications that are as they were read: one that was said again
// since stays. It reports false where somebody is just saying something, and
// nothing was done.
func (s Store) Drop(all []phased.Notification) (done bool, err error) {
	if len(all) == 0 {
		return true, nil
	}
	unlock, err := s.flock(notifications, syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, nil
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	}
	errs := s.sweep(notifications)
	for _, n := range all {
		var now phased.Notification
		found, err := s.read(notifications, notificationFile(n), &now)
		if err == nil && found && now.ID == n.ID {
			err = s.remove(notifications, notificationFile(n))
		}
		errs = errors.Join(errs, err)
	}
	return true, errors.Join(errs, unlock())
}

// sweep removes what writers have left that were killed. The caller knows that
// nobody writes.
func (s Store) sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(s.private, dir, madePrefix+"*"))
	for _, f := range left {
		err = errors.Join(err, s.disk.Remove(f))
	}
	return err
}

// Served returns what is remembered of a hook that waits for something; the zero
// value where it has not ended well yet.
func (s Store) Served(h Hook) (phased.Served, error) {
	var v phased.Served
	found, err := s.read(serveds, h.file(), &v)
	if is := (Hook{v.Base, v.Lifecycle, v.Phase, v.Hook}); err == nil && found && is != h {
		err = fmt.Errorf("what is remembered of %s/%s is about %s/%s", h.Phase, h.Name, v.Phase, v.Hook)
	}
	if err != nil {
		return phased.Served{}, fmt.Errorf("cannot find out what %s/%s has served: %w", h.Phase, h.Name, err)
	}
	return v, nil
}

// Serve puts down that a hook has ended well which was started for what is in v.
// When it returns, that is on the disk. What the hook had served before it counts
// on as long as somebody could take it for pending.
func (s Store) Serve(v phased.Served) error {
	h := Hook{v.Base, v.Lifecycle, v.Phase, v.Hook}
	old, err := s.Served(h)
	if err != nil {
		return err
	}
	if len(old.IDs) > 0 {
		there, err := s.Notifications(Scope{v.Base, v.Lifecycle})
		if err != nil {
			return err
		}
		for _, n := range there {
			if slices.Contains(old.IDs, n.ID) && !slices.Contains(v.IDs, n.ID) {
				v.IDs = append(v.IDs, n.ID)
			}
		}
	}
	return s.write(serveds, h.file(), v)
}

// ready makes a directory where it is not there.
func (s Store) ready(dir string) error {
	full := filepath.Join(s.private, dir)
	for _, d := range []string{s.private, full} {
		err := s.disk.Mkdir(d, 0o700)
		if err == nil {
			if err = s.disk.SyncDir(filepath.Dir(d)); err != nil {
				err = errors.Join(err, s.disk.Remove(d)) // whoever finds it takes it for safe
			}
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := trust.OwnDir(d); err != nil {
			return err
		}
	}
	return nil
}

// flock locks a directory against others that do so.
func (s Store) flock(dir string, how int) (unlock func() error, err error) {
	d, err := os.Open(filepath.Join(s.private, dir))
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(d.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d.Close, nil
}

// Waiting returns the hooks of which it is remembered what they have served. It is
// right also where there is an error, which tells of files that cannot be read.
func (s Store) Waiting() ([]Hook, error) { return s.hooksOf(serveds) }

// ForgetServed removes what is remembered of what a hook has served: what is
// pending for others is so for it again.
func (s Store) ForgetServed(h Hook) error { return s.remove(serveds, h.file()) }

// hooksOf returns the hooks that the files of a directory are about, each once.
func (s Store) hooksOf(dir string) ([]Hook, error) {
	files, err := s.names(dir)
	errs := []error{err}
	var all []Hook
	for _, f := range files {
		var v struct {
			Base      phased.Text `json:"base"`
			Lifecycle string      `json:"lifecycle"`
			Phase     string      `json:"phase"`
			Hook      phased.Text `json:"hook"`
		}
		found, err := s.read(dir, f, &v)
		errs = append(errs, err)
		h := Hook{v.Base, v.Lifecycle, v.Phase, v.Hook}
		if found && err == nil && strings.HasPrefix(f, h.file()) && !slices.Contains(all, h) {
			all = append(all, h)
		}
	}
	return all, errors.Join(errs...)
}
