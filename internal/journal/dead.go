package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"phased/internal/phased"
)

// mark is the ending of a marker whose run is closed and has left processes
// running in the middle of a hook.
const mark = ".orphans"

// CloseDead ends the runs whose phased died: it cuts a torn last line off,
// records run.interrupted and syncs. It returns them, and those closed before
// that still have orphans. by is the run or command that does so. A run of a
// shell whose recorder died is left alone while the shell lives; then its
// sidecar is folded, and the run has ended as the shell did.
//
// Dead runs are found by their markers in open/. A power cut may have taken these
// away: the newest run files are looked at also without one, back to the first
// that has ended. A file without any whole line is removed: no hook
// was started. The runs are right also where there is an error, which then
// tells of files that could not be closed: it is worth a warning, and no reason
// not to run.
func (s *Store) CloseDead(by string) ([]phased.Run, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	dead, haunted, err := s.suspects()
	if len(dead)+len(haunted) == 0 {
		return nil, err
	}
	// One closer at a time. The file can be opened by its owner only, so that
	// nobody else can hold it.
	lock, lockErr := regular(s.path(locksDir, "close.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if lockErr == nil {
		defer lock.Close()
		lockErr = flock(lock, syscall.LOCK_EX)
	}
	if lockErr != nil {
		return nil, errors.Join(err, fmt.Errorf("cannot lock out other closers of dead runs: %w", lockErr))
	}
	errs := []error{err}
	var runs []phased.Run
	for _, id := range dead {
		run, closed, err := s.closeRun(id, by)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot close dead run %s: %w", id, err))
		}
		if closed {
			runs = append(runs, run)
		}
	}
	for _, id := range haunted {
		run, err := s.Run(context.Background(), id)
		if err == nil || readable(err) {
			if len(s.Orphans([]phased.Run{run})) > 0 {
				runs = append(runs, run)
				continue
			}
		} else if !errors.Is(err, phased.ErrNoRun) {
			errs = append(errs, err)
			continue
		}
		if err := s.disk.Remove(s.path(openDir, id+mark)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return runs, errors.Join(errs...)
}

// suspects returns the ids of runs that are not live and may need closing, and
// of those that are closed and had orphans.
func (s *Store) suspects() (dead, haunted []string, err error) {
	markers, err := s.list(openDir)
	if err != nil {
		return nil, nil, err
	}
	for _, m := range markers {
		if id, ok := strings.CutSuffix(m, mark); ok && validID(id) {
			haunted = append(haunted, id)
		} else if validID(m) {
			if live, err := s.live(m); err != nil || !live {
				dead = append(dead, m)
			}
		}
	}
	ids, err := s.idsUnsorted()
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(dead)
	slices.Sort(haunted)
	if len(ids) == 0 || len(haunted) == 0 && s.seenToEnd(slices.Max(ids)) { // older ones that died have been closed, or have their markers
		return dead, haunted, nil
	}
	var l look
	for _, id := range slices.Backward(slices.Sorted(slices.Values(ids))) {
		if slices.Contains(dead, id) || slices.Contains(haunted, id) {
			continue
		}
		if s.seenToEnd(id) {
			break
		}
		sum, err := s.summary(id, &l)
		_, damaged := errors.AsType[*CorruptError](err)
		if open := sum.Status == phased.StatusInterrupted || sum.Status == phased.StatusWaiting; open && sum.Ended.IsZero() && (err == nil || damaged) {
			dead = append(dead, id)
		} else if sum.Status != phased.StatusRunning {
			break
		}
	}
	slices.Sort(dead)
	return dead, haunted, nil
}

// seenToEnd reports whether the end of the run's file shows the final event. It
// is a quick look, on the way to the first hook of every run: false is no proof
// that there is none.
func (s *Store) seenToEnd(id string) bool {
	f, err := s.openRun(id, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false
	}
	var tail [1024]byte // a final event has some 300 bytes, more with a long message
	n, err := f.ReadAt(tail[:min(size, int64(len(tail)))], max(0, size-int64(len(tail))))
	if n == 0 || err != nil && !errors.Is(err, io.EOF) || tail[n-1] != '\n' {
		return false
	}
	line := tail[:n-1]
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	if !sound(line) {
		return false
	}
	_, kind, _ := bytes.Cut(line, []byte(`,"kind":"`)) // nothing before it can hold that
	for _, k := range []phased.Kind{phased.KindRunFinished, phased.KindRunInterrupted, phased.KindRunWaiting} {
		if bytes.HasPrefix(kind, []byte(k+`"`)) {
			return true
		}
	}
	return false
}

// live reports whether somebody writes the run of a marker.
func (s *Store) live(id string) (bool, error) {
	f, err := s.openRun(id, os.O_RDONLY)
	if errors.Is(err, phased.ErrNoRun) {
		// Its file does not exist yet, or no more.
		f, err = regular(s.path(openDir, id), os.O_RDONLY, 0)
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	return s.locked(f)
}

// closeRun closes one run, unless it turns out to be live or to have ended. It
// is called by one process at a time; what it finds unlocked never gets a
// writer again.
func (s *Store) closeRun(id, by string) (phased.Run, bool, error) {
	run := phased.Run{ID: id, Status: phased.StatusRunning}
	f, err := s.openRun(id, os.O_RDWR|os.O_APPEND)
	if errors.Is(err, phased.ErrNoRun) {
		return run, false, s.dropMarker(id)
	}
	if err != nil {
		return run, false, err
	}
	defer f.Close()
	if live, err := s.locked(f); live || err != nil {
		return run, false, err
	}
	r := newReader(f, f.Name(), id)
	over, damage, err := exhaust(r, &run)
	if err != nil {
		return run, false, err
	}
	if !over {
		if done, err := s.closeShell(f, r, &run, by); done {
			return run, run.Status == phased.StatusInterrupted, errors.Join(damage, err)
		}
	}
	switch {
	case over:
		// It died between its last event and the removal of the marker.
		return run, false, errors.Join(s.RemoveSidecar(id), s.unmark(id))
	case r.line == 0:
		if err := errors.Join(s.RemoveSidecar(id), s.disk.Remove(f.Name())); err != nil {
			return run, false, err
		}
		return run, false, s.unmark(id)
	}
	if err := s.interrupt(f, r, &run, by); err != nil {
		return run, false, err
	}
	if !run.Status.Final() { // the fold ends before the damage
		run = run.AsInterrupted()
	}
	if len(s.Orphans([]phased.Run{run})) > 0 {
		err = s.haunt(id)
	} else {
		err = s.unmark(id)
	}
	return run, true, errors.Join(damage, err, s.RemoveSidecar(id))
}

// exhaust folds all that can be read, over damage, and reports whether the
// final event is there. r stands at the end of the last whole line.
func exhaust(r *reader, run *phased.Run) (over bool, damage, err error) {
	for {
		rec, err := r.next()
		switch {
		case errors.Is(err, io.EOF) || errors.Is(err, errTorn):
			return over, damage, nil
		case err != nil:
			if _, ok := errors.AsType[*CorruptError](err); !ok {
				return over, damage, err
			}
			if damage == nil {
				damage = err
			}
		}
		if rec.closing() {
			over = true
		}
		if rec.line == nil || damage != nil {
			continue
		}
		e, err := rec.brief()
		if err != nil {
			damage = r.corrupt(err.Error())
			continue
		}
		run.Apply(e)
	}
}

// waits tells of a dead run whether the reboot that its hook asked for ended it.
func (s *Store) waits(run phased.Run) *phased.RunWaiting {
	if s.rebooted == nil {
		return nil
	}
	return s.rebooted(run.ID, func() phased.Run { return run })
}

// interrupt cuts a torn line off and records run.interrupted, or run.waiting.
func (s *Store) interrupt(f *os.File, r *reader, run *phased.Run, by string) error {
	ran, failed := run.Counts()
	e := phased.Event{Run: run.ID, Seq: r.seq + 1, Time: time.Now().UTC(), Mono: run.Took, Data: phased.RunInterrupted{
		ClosedBy: by, Failure: run.Failure, Ran: ran, Failed: failed,
	}}
	if w := s.waits(*run); w != nil {
		w.ClosedBy, w.Ran, w.Failed = by, ran, failed
		e.Data = *w
	}
	line, err := appendLine(nil, e)
	if err != nil {
		return err
	}
	if err := s.disk.Truncate(f, r.off); err != nil {
		return err
	}
	if _, err := s.disk.Write(f, line); err != nil {
		// The next one tries again, from the same end.
		return errors.Join(err, s.disk.Truncate(f, r.off))
	}
	run.Apply(e)
	return s.disk.Sync(f)
}

// dropMarker removes a marker that has no run file. A writer that is about to
// make that file holds the marker locked, or finds it gone when it has the lock
// and makes it anew.
func (s *Store) dropMarker(id string) error {
	f, err := regular(s.path(openDir, id), os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if planted(err) {
		return s.unmark(id)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	err = flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return err
	}
	if info, err := os.Lstat(s.RunFile(id)); err == nil && info.Mode().IsRegular() || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // it came meanwhile: its marker is looked at next time
	}
	return s.unmark(id)
}

// unmark removes the marker of a run.
func (s *Store) unmark(id string) error {
	if err := s.disk.Remove(s.path(openDir, id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// haunt keeps a marker of a closed run, for as long as its orphans live.
func (s *Store) haunt(id string) error {
	err := s.disk.Rename(s.path(openDir, id), s.path(openDir, id+mark))
	if errors.Is(err, fs.ErrNotExist) {
		err = s.disk.Link(s.RunFile(id), s.path(openDir, id+mark))
	}
	return err
}

// Live returns the runs of the base that go on now, whoever's they are, oldest
// first; base "" stands for all. Those that this process writes are among them.
// The error tells of live runs whose base cannot be read.
func (s *Store) Live(base string) ([]phased.Summary, error) {
	markers, err := s.list(openDir)
	if err != nil {
		return nil, err
	}
	if len(markers) == 0 {
		return nil, nil
	}
	slices.Sort(markers)
	if base != "" {
		base = realPath(base)
	}
	var all []phased.Summary
	var errs []error
	var l look
	for _, id := range markers {
		if !validID(id) {
			continue
		}
		sum, err := s.liveSummary(id, &l)
		switch {
		case errors.Is(err, phased.ErrNoRun):
			continue
		case err != nil && (!readable(err) || sum.Status == phased.StatusRunning):
			errs = append(errs, err)
			continue
		case sum.Status != phased.StatusRunning:
			continue
		}
		if base == "" || realPath(string(sum.Base)) == base {
			all = append(all, sum)
		}
	}
	return all, errors.Join(errs...)
}

// liveSummary looks at a run, and again where it has only just begun: of which
// base it is stands in its first event.
func (s *Store) liveSummary(id string, l *look) (phased.Summary, error) {
	for range 20 {
		sum, err := s.summary(id, l)
		if err != nil || sum.Status != phased.StatusRunning || !sum.Began.IsZero() {
			return sum, err
		}
		time.Sleep(5 * time.Millisecond)
	}
	return s.summary(id, l)
}
