package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/shellinit"
)

// A run of a shell that phased did not start has a sidecar: the file that the
// shell appends its records to, shells/<id>/records. It has a directory of its
// own, so that a shell which outlives it cannot make it anew. It lies there
// until all of it is folded into the run file; then the directory goes.
const (
	shellsDir   = "shells"
	sidecarName = "records"
)

// shellPatience is how long a sidecar is kept of a shell that has told nothing.
const shellPatience = 2 * time.Minute

// CreateSidecar makes the sidecar of a run that was begun, with its first
// record in it, and returns its path.
func (s *Store) CreateSidecar(id string, head []byte) (string, error) {
	path, err := s.createSidecar(id, head)
	if err != nil {
		return "", fmt.Errorf("cannot make the sidecar of run %s: %w", id, err)
	}
	return path, nil
}

func (s *Store) createSidecar(id string, head []byte) (string, error) {
	if err := s.writable(); err != nil {
		return "", err
	}
	if !validID(id) {
		return "", fmt.Errorf("%q is not a run id", id)
	}
	if _, err := s.makeDir(s.path(shellsDir), 0o700); err != nil {
		return "", err
	}
	if err := s.checkDir(shellsDir); err != nil {
		return "", err
	}
	dir := s.path(shellsDir, id)
	if made, err := s.makeDir(dir, 0o700); err != nil || !made {
		return "", errors.Join(err, fmt.Errorf("%s is there already", dir))
	}
	path := s.path(shellsDir, id, sidecarName)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if err == nil {
		_, err = f.Write(head)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return path, nil
}

// OpenSidecar opens the sidecar of a run for reading and appending; an error
// that is fs.ErrNotExist where there is none.
func (s *Store) OpenSidecar(id string) (*os.File, error) {
	if !validID(id) {
		return nil, fs.ErrNotExist
	}
	return regular(s.path(shellsDir, id, sidecarName), os.O_RDWR|os.O_APPEND, 0)
}

// RemoveSidecar removes the sidecar of a run; one that is gone already is no
// error.
func (s *Store) RemoveSidecar(id string) error {
	if !validID(id) {
		return nil
	}
	return s.disk.RemoveAll(s.path(shellsDir, id))
}

// Discard closes a run in which nothing was recorded and removes it. One in
// which something was is closed only.
func (w *Writer) Discard() error {
	w.mu.Lock()
	empty := w.size == 0 && !w.closed
	w.mu.Unlock()
	var errs []error
	if empty {
		errs = append(errs, w.disk.Remove(w.path), w.disk.Remove(w.marker))
	}
	return errors.Join(append(errs, w.Close())...)
}

// sidecar is what a dead run's shell has told.
type sidecar struct {
	fold   *shellinit.Fold
	events []phased.Event // all, from the first
	told   time.Time      // last write
}

// readSidecar folds the sidecar of a run; false where there is none, or what is
// there cannot be read: the run then ends without it.
func (s *Store) readSidecar(id string) (*sidecar, bool) {
	f, err := s.OpenSidecar(id)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false
	}
	b, err := io.ReadAll(io.LimitReader(f, shellinit.MaxBytes+1))
	if err != nil {
		return nil, false
	}
	side := &sidecar{fold: shellinit.New(id, nil), told: info.ModTime()}
	side.events = side.fold.Add(b)
	return side, true
}

// goesOn reports whether the shell still lives, or may yet begin: then its
// records are left for later. The records of another boot have no shell.
func (c *sidecar) goesOn() bool {
	shell, began := c.fold.Shell()
	switch {
	case c.fold.Ended() || c.fold.Declined() || c.fold.BootID() != proc.BootID():
		return false
	case !began:
		return time.Since(c.told) < shellPatience
	}
	return proc.Alive(shell.Pid, shell.Start)
}

// closeShell ends a run whose recorder died, and reports whether that is done
// with: false says that there is no such thing to close. It is done also where
// the shell goes on: then all is left as it is.
func (s *Store) closeShell(f *os.File, r *reader, run *phased.Run, by string) (bool, error) {
	c, ok := s.readSidecar(run.ID)
	if !ok {
		return false, nil
	}
	if c.goesOn() {
		return true, nil
	}
	if _, began := c.fold.Shell(); !began {
		return false, nil
	}
	if err := s.appendShell(f, r, run, c, by); err != nil {
		return true, err
	}
	return true, errors.Join(s.RemoveSidecar(run.ID), s.unmark(run.ID))
}

// appendShell appends what the run file lacks of the shell's records, and closes
// the run: as interrupted where the host went down, else by how the shell ended.
func (s *Store) appendShell(f *os.File, r *reader, run *phased.Run, c *sidecar, by string) error {
	events := c.events
	interrupted := !c.fold.Ended() && c.fold.BootID() != proc.BootID()
	if !interrupted {
		events = append(events, c.fold.End()...)
	}
	var lines []byte
	for _, e := range events {
		if e.Seq <= r.seq {
			continue
		}
		var err error
		if lines, err = appendLine(lines, e); err != nil {
			return err
		}
		run.Apply(e)
		r.seq = e.Seq
	}
	if err := s.disk.Truncate(f, r.off); err != nil {
		return err
	}
	if _, err := s.disk.Write(f, lines); err != nil {
		// The next one tries again, from the same end.
		return errors.Join(err, s.disk.Truncate(f, r.off))
	}
	r.off += int64(len(lines))
	if interrupted {
		return s.interrupt(f, r, run, by)
	}
	return s.disk.Sync(f)
}
