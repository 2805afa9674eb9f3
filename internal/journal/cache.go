package journal

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	"phased/internal/phased"
)

const (
	// cacheFresh is how long a list is handed out again without a look at the
	// files: many readers cost as much as one.
	cacheFresh = 300 * time.Millisecond
	// mostSummaries is how many ended runs a Cache knows; of more, the oldest are
	// read each time.
	mostSummaries = 20000
	// mostFolds and mostFoldBytes bound the ended runs that a Cache keeps whole, in
	// number and in the bytes of their files.
	mostFolds     = 16
	mostFoldBytes = 64 << 20
)

// Cache is a Store for many readers: it remembers runs that have ended, whose
// files do not change any more, as long as their files are the same. It may be
// used by several goroutines. What it hands out must not be changed.
type Cache struct {
	store *Store
	now   func() time.Time

	mu        sync.Mutex
	summaries map[string]cached[phased.Summary]
	list      []phased.Summary
	looked    time.Time // when the list was read; zero: it was not

	folds sync.Mutex // of what follows
	runs  []keptRun  // used last comes last
}

var _ phased.Source = (*Cache)(nil)

// stamp tells one state of a file from others.
type stamp struct {
	dev, inode, size uint64
	mtime, ctime     syscall.Timespec
}

type cached[T any] struct {
	stamp stamp
	value T
}

// keptRun is one run that is kept whole.
type keptRun struct {
	id string
	cached[phased.Run]
}

// NewCache returns a Cache of the store.
func NewCache(s *Store) *Cache {
	return &Cache{store: s, now: time.Now, summaries: map[string]cached[phased.Summary]{}}
}

// stampAt tells which state a run's file is in.
func (s *Store) stampAt(id string) (stamp, error) {
	var st syscall.Stat_t
	if err := syscall.Lstat(s.RunFile(id), &st); err != nil {
		return stamp{}, err
	}
	return stamp{uint64(st.Dev), st.Ino, uint64(st.Size), st.Mtim, st.Ctim}, nil //nolint:unconvert // Dev is narrower elsewhere
}

// Runs implements phased.Source, as Store.Runs does. The list is at most 0.3 s
// old; who comes while it is read waits for it.
func (c *Cache) Runs(ctx context.Context) ([]phased.Summary, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !c.looked.IsZero() && c.now().Sub(c.looked) < cacheFresh {
		return slices.Clip(c.list), nil
	}
	ids, err := c.store.ids()
	if err != nil {
		return nil, err
	}
	list := make([]phased.Summary, 0, len(ids))
	keep := make(map[string]cached[phased.Summary], len(ids))
	var l look
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			maps.Copy(c.summaries, keep) // who comes next goes on from there
			return nil, err
		}
		known, ended, err := c.summary(id, &l)
		if errors.Is(err, phased.ErrNoRun) {
			continue // pruned meanwhile
		}
		if err != nil && !listed(err) {
			return nil, err
		}
		list = append(list, known.value)
		if ended && len(keep) < mostSummaries {
			keep[id] = known
		}
	}
	c.summaries, c.list, c.looked = keep, list, c.now()
	return slices.Clip(list), nil
}

// summary returns what is known of a run, or looks; ended says that it will stay
// so while its file does. Its caller holds the mutex.
func (c *Cache) summary(id string, l *look) (_ cached[phased.Summary], ended bool, err error) {
	if known, ok := c.summaries[id]; ok {
		if now, err := c.store.stampAt(id); err == nil && now == known.stamp {
			return known, true, nil
		}
	}
	before, unknown := c.store.stampAt(id)
	sum, err := c.store.summary(id, l)
	// An end of which the record says when is its last event. A file that was
	// written meanwhile shows by its stamp next time.
	return cached[phased.Summary]{before, sum}, unknown == nil && err == nil && !sum.Ended.IsZero(), err
}

// Run implements phased.Source. Of runs that have ended, some are kept.
func (c *Cache) Run(ctx context.Context, id string) (phased.Run, error) {
	before, unknown := c.store.stampAt(id)
	if unknown == nil {
		if run, ok := c.kept(id, before); ok {
			return run, nil
		}
	}
	run, err := c.store.Run(ctx, id)
	if err == nil && unknown == nil && run.Status.Final() && !run.Ended.IsZero() && before.size <= mostFoldBytes {
		c.keep(id, before, run)
	}
	return run, err
}

func (c *Cache) kept(id string, now stamp) (phased.Run, bool) {
	c.folds.Lock()
	defer c.folds.Unlock()
	i := slices.IndexFunc(c.runs, func(f keptRun) bool { return f.id == id })
	if i < 0 {
		return phased.Run{}, false
	}
	f := c.runs[i]
	c.runs = slices.Delete(c.runs, i, i+1)
	if f.stamp != now {
		return phased.Run{}, false
	}
	c.runs = append(c.runs, f)
	return f.value, true
}

func (c *Cache) keep(id string, at stamp, run phased.Run) {
	c.folds.Lock()
	defer c.folds.Unlock()
	c.runs = slices.DeleteFunc(c.runs, func(f keptRun) bool { return f.id == id })
	c.runs = append(c.runs, keptRun{id, cached[phased.Run]{at, run}})
	bytes := uint64(0)
	for i, r := range slices.Backward(c.runs) {
		if bytes += r.stamp.size; bytes > mostFoldBytes || len(c.runs)-i > mostFolds {
			c.runs = slices.Delete(c.runs, 0, i+1)
			return
		}
	}
}

// Follow implements phased.Source.
func (c *Cache) Follow(ctx context.Context, id string, after uint64) iter.Seq2[phased.Event, error] {
	return c.store.Follow(ctx, id, after)
}
