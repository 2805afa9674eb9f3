package devstack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"phased/internal/phased"
)

// Fetch makes a plugin ready to be sourced. One that is not there yet is cloned
// into a directory beside its own, which takes its name when everything is
// there: nobody finds half a clone. One that is there is left as it is; with a
// ref, it must be at that ref. The plugin that it returns has Fetch off and
// Requires filled in. environ is the environment for git, which asks for no
// passwords.
func Fetch(ctx context.Context, p phased.Plugin, environ []string) (phased.Plugin, []Warning, error) {
	g := newGit(environ)
	if err := fetch(ctx, g, p); err != nil {
		return p, nil, fmt.Errorf("cannot fetch plugin %s: %w", p.Name, err)
	}
	p.Fetch = false
	return p, Read(&p), nil
}

func fetch(ctx context.Context, g git, p phased.Plugin) error {
	dir := string(p.Dir)
	if err := checkPlugin(p); err != nil {
		return err
	}
	if !p.Fetch {
		return g.verify(ctx, p)
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return fmt.Errorf("cannot make the directory for plugins: %v", err)
	}
	temporary := filepath.Join(filepath.Dir(dir), "."+p.Name+".phased")
	lock, err := lockDir(ctx, temporary, dir)
	if err != nil {
		return err
	}
	if lock == nil { // somebody else has cloned it
		return g.verify(ctx, p)
	}
	defer lock.Close()
	err = clone(ctx, g, p, temporary, lock)
	if err != nil {
		if gone := os.RemoveAll(temporary); gone != nil {
			err = fmt.Errorf("%w; and %s cannot be removed: %v", err, temporary, gone)
		}
	}
	return err
}

func clone(ctx context.Context, g git, p phased.Plugin, temporary string, lock *os.File) error {
	if err := empty(temporary); err != nil {
		return err
	}
	// git and its helpers hold the lock as well: should phased be killed, the
	// next one waits until they have ended too.
	g.hold = lock
	if _, err := g.run(ctx, filepath.Dir(temporary), "clone", "--quiet", "--", string(p.Source), temporary); err != nil {
		return err
	}
	if p.Ref != "" {
		if err := g.checkout(ctx, temporary, p); err != nil {
			return err
		}
	}
	if !isDir(filepath.Join(temporary, "devstack")) {
		at := "its default branch"
		if p.Ref != "" {
			at = p.Ref
		}
		return fmt.Errorf("%s holds no devstack/ at %s: expected a plugin", p.Source, at)
	}
	if err := os.Rename(temporary, string(p.Dir)); err != nil {
		return fmt.Errorf("cannot give the clone its name: %v", err)
	}
	return nil
}

// lockDir makes the directory and takes a lock on it, which its holder's death
// gives back. It returns nil when done appears.
func lockDir(ctx context.Context, dir, done string) (*os.File, error) {
	for {
		if _, err := os.Stat(done); err == nil {
			return nil, nil
		}
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("cannot make a directory to clone into: %v", err)
		}
		f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_DIRECTORY, 0)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it has just got its name
		case err != nil:
			return nil, fmt.Errorf("cannot open the directory to clone into: %v", err)
		case syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil && isStill(f, dir):
			return f, nil
		default:
			f.Close()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another phased that clones it: %w", context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// isStill says that dir is what f has opened.
func isStill(f *os.File, dir string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(dir)
	return err == nil && os.SameFile(opened, now)
}

// empty removes what a clone that was killed has left.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot list the directory to clone into: %v", err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("cannot remove what an earlier clone has left: %v", err)
		}
	}
	return nil
}
