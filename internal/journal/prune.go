package journal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// Limits says how much is kept; 0 is no limit.
type Limits struct {
	Runs int           // run files
	Age  time.Duration // since the last event of a run
	Size int64         // bytes of all run files and failure files
}

// Pruned is a run that was removed, or would be.
type Pruned struct {
	ID        string        `json:"id"`
	Lifecycle string        `json:"lifecycle"`
	Status    phased.Status `json:"status"`
	Began     time.Time     `json:"began"`
	Size      int64         `json:"size"` // bytes that come free
	Reason    string        `json:"reason"`
}

// stored is one run as it lies on the disk.
type stored struct {
	phased.Summary
	size  int64
	ended time.Time // last write
	keep  bool      // live, or not closed yet
}

// Prune removes runs beyond the limits, with their failure files, and returns
// them in the order of removal; dryRun only returns them. Runs older than the
// age limit go, however they ended. Where there are still too many, or they are
// too big, those that succeeded go first, oldest first, then the others, oldest
// first: these are the ones that somebody may want to look at or resume. A run
// that is live, that no CloseDead has closed, or that has orphans is kept, but
// counts.
func (s *Store) Prune(ctx context.Context, l Limits, dryRun bool) ([]Pruned, error) {
	if !dryRun {
		if err := s.writable(); err != nil {
			return nil, err
		}
	}
	runs, err := s.weigh()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	if !exceeded(runs, l, now) {
		return nil, nil // the usual case: no file was opened
	}
	if err := s.describe(ctx, runs); err != nil {
		return nil, err
	}
	chosen := choose(runs, l, now)
	if dryRun {
		return chosen, nil
	}
	for i, p := range chosen {
		if err := ctx.Err(); err != nil {
			return chosen[:i], context.Cause(ctx)
		}
		if err := s.remove(p.ID); err != nil {
			return chosen[:i], fmt.Errorf("cannot remove run %s: %w", p.ID, err)
		}
	}
	return chosen, s.removeStrays()
}

// removeStrays removes failure files whose run is gone: a power cut can undo one
// removal and not the other.
func (s *Store) removeStrays() error {
	failures, err := s.list(failuresDir)
	if err != nil {
		return err
	}
	for _, id := range failures {
		if _, err := os.Lstat(s.RunFile(id)); !validID(id) || !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := s.disk.RemoveAll(s.path(failuresDir, id)); err != nil {
			return fmt.Errorf("cannot remove the failure files of run %s, which is gone: %w", id, err)
		}
	}
	return nil
}

// remove removes a run; one that is gone already is no error.
func (s *Store) remove(id string) error {
	if err := errors.Join(s.disk.RemoveAll(s.path(failuresDir, id)), s.RemoveSidecar(id)); err != nil {
		return err
	}
	if err := s.disk.Remove(s.RunFile(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// weigh returns all runs with their sizes, newest first, and opens none.
func (s *Store) weigh() ([]stored, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	failures, err := s.list(failuresDir)
	if err != nil && !s.readOnly {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, nil
	}
	dir, err := os.OpenFile(s.path(runsDir), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	runs := make([]stored, 0, len(ids))
	for _, id := range ids {
		var st unix.Stat_t
		err := unix.Fstatat(int(dir.Fd()), id+suffix, &st, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cannot look at run file %s: %w", s.RunFile(id), err)
		}
		r := stored{Summary: phased.Summary{ID: id}, size: st.Size, ended: time.Unix(st.Mtim.Unix())}
		if slices.Contains(failures, id) {
			r.size += treeSize(s.path(failuresDir, id))
		}
		runs = append(runs, r)
	}
	return runs, nil
}

// treeSize adds up what can be seen of a directory.
func treeSize(dir string) int64 {
	var sum int64
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				sum += info.Size()
			}
		}
		return nil
	})
	return sum
}

func exceeded(runs []stored, l Limits, now time.Time) bool {
	var size int64
	for _, r := range runs {
		size += r.size
		if l.Age > 0 && now.Sub(r.ended) > l.Age {
			return true
		}
	}
	return (l.Runs > 0 && len(runs) > l.Runs) || (l.Size > 0 && size > l.Size)
}

// describe adds how each run ended.
func (s *Store) describe(ctx context.Context, runs []stored) error {
	markers, err := s.list(openDir)
	if err != nil {
		return err
	}
	var l look
	for i := range runs {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r := &runs[i]
		sum, err := s.summary(r.ID, &l)
		if err != nil && !readable(err) && !errors.Is(err, phased.ErrNoRun) {
			return err
		}
		r.Summary = sum
		r.keep = !sum.Status.Final() || slices.Contains(markers, r.ID) || slices.Contains(markers, r.ID+mark)
	}
	return nil
}

// choose picks what goes, in order.
func choose(runs []stored, l Limits, now time.Time) []Pruned {
	var chosen []Pruned
	count, size := len(runs), int64(0)
	for _, r := range runs {
		size += r.size
	}
	gone := func(r stored, reason string) {
		count--
		size -= r.size
		chosen = append(chosen, Pruned{r.ID, r.Lifecycle, r.Status, r.Began, r.size, reason})
	}
	runs = slices.DeleteFunc(slices.Clone(runs), func(r stored) bool { return r.keep })
	slices.Reverse(runs)
	runs = slices.DeleteFunc(runs, func(r stored) bool {
		old := l.Age > 0 && now.Sub(r.ended) > l.Age
		if old {
			gone(r, fmt.Sprintf("older than %v", l.Age))
		}
		return old
	})
	slices.SortStableFunc(runs, func(a, b stored) int { return cmp.Compare(dear(a), dear(b)) })
	for _, r := range runs {
		switch {
		case l.Runs > 0 && count > l.Runs:
			gone(r, fmt.Sprintf("more than %d runs", l.Runs))
		case l.Size > 0 && size > l.Size:
			gone(r, fmt.Sprintf("more than %d bytes", l.Size))
		default:
			return chosen
		}
	}
	return chosen
}

// dear says which runs go last.
func dear(r stored) int {
	if r.Status == phased.StatusSucceeded {
		return 0
	}
	return 1
}
