package cli

import (
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"time"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/stats"
)

// What is read of the record to know what is usual: so many runs, and while a run
// goes on no more than so many bytes.
const (
	baselineRuns  = 100
	baselineBytes = 64 << 20
)

// baselines are what the hooks of a run take as a rule. They are read from the
// record itself, in the background, and not before a hook has been running for a
// second: a run of short hooks reads nothing, and nothing that is kept besides
// the record can be out of date.
type baselines struct {
	wanted func()
	loaded chan struct{} // closed when there is no more to come
	cancel context.CancelFunc
	gone   sync.WaitGroup
	// what follows is set before loaded is closed
	known  stats.Baselines
	passed map[hookKey]bool // what the run will pass over
}

type hookKey struct {
	phase string
	hook  phased.Text
}

// newBaselines returns what is usual of the hooks of the job, once it is wanted.
// A stop ends the hook that asks, not the reading: close does.
func (j *job) newBaselines(ctx context.Context, skip plan.Skip) *baselines {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	wanted := make(chan struct{})
	b := &baselines{wanted: sync.OnceFunc(func() { close(wanted) }), loaded: make(chan struct{}), cancel: cancel}
	b.gone.Go(func() {
		defer close(b.loaded)
		select {
		case <-wanted:
			b.load(ctx, j, skip)
		case <-ctx.Done():
		}
	})
	return b
}

// load reads the record. What is wrong with that is no affair of the run: phased
// stats tells it.
func (b *baselines) load(ctx context.Context, j *job, skip plan.Skip) {
	known, _, err := usualOf(ctx, j.store, j.id, j.plan.Lifecycle, j.plan.Base)
	if err != nil {
		return
	}
	b.passed = passedOver(j.plan, skip)
	b.known = known
}

// usualOf reads what is usual in a lifecycle on a base, by the runs on record but
// for one; these come back as well, newest first.
func usualOf(ctx context.Context, store *journal.Store, but, lifecycle string, base phased.Text) (stats.Baselines, []phased.Summary, error) {
	all, err := store.Runs(ctx)
	if err != nil {
		return stats.Baselines{}, nil, err
	}
	fits := slices.DeleteFunc(all, func(r phased.Summary) bool {
		return r.ID == but || r.Base != base || r.Lifecycle != lifecycle
	})
	record, _, err := readRecord(ctx, store, fits, baselineRuns, baselineBytes)
	if err != nil {
		return stats.Baselines{}, nil, err
	}
	return record.Baselines(), fits, nil
}

// passedOver returns what a run of the plan would pass over now.
func passedOver(p phased.Plan, skip plan.Skip) map[hookKey]bool {
	passed := map[hookKey]bool{}
	for _, ph := range p.Phases {
		whole, _, _ := skip(ph.Name, phased.Entry{})
		for _, e := range ph.Hooks() {
			reason, _, _ := skip(ph.Name, e)
			passed[hookKey{ph.Name, e.Name}] = whole != "" || reason != ""
		}
	}
	return passed
}

// usual is the form of engine.Options.Usual.
func (b *baselines) usual(ctx context.Context, phase string, hook phased.Text) (phased.Usual, bool) {
	b.wanted()
	select {
	case <-b.loaded:
		return b.known.Usual(phase, hook)
	case <-ctx.Done():
		return phased.Usual{}, false
	}
}

// now is usual for those who do not wait.
func (b *baselines) now(phase string, hook phased.Text) (phased.Usual, bool) {
	select {
	case <-b.loaded:
		return b.known.Usual(phase, hook)
	default:
		return phased.Usual{}, false
	}
}

// left tells how long the run of the job will go on.
func (b *baselines) left(p phased.Plan) func(phased.Run, time.Time) (phased.TimeLeft, bool) {
	passed := func(phase string, hook phased.Text) bool { return b.passed[hookKey{phase, hook}] }
	return func(r phased.Run, now time.Time) (phased.TimeLeft, bool) {
		select {
		case <-b.loaded:
			return b.known.Left(p, r, passed, now)
		default:
			return phased.TimeLeft{}, false
		}
	}
}

// close ends the reading and waits for its end.
func (b *baselines) close() {
	b.cancel()
	b.gone.Wait()
}

// readRecord reads runs, newest first, until there are so many or so many bytes
// were read (0: whatever there are). Damaged is about the newest one that could be
// read in part only; what stands before the damage counts.
func readRecord(ctx context.Context, store *journal.Store, all []phased.Summary, runs int, bytes int64) (record *stats.Record, damaged, err error) {
	record = &stats.Record{}
	for _, sum := range all {
		if runs == 0 {
			break
		}
		if bytes > 0 {
			info, err := os.Stat(store.RunFile(sum.ID))
			if err != nil {
				continue // pruned meanwhile
			}
			if bytes -= info.Size(); bytes <= 0 {
				break
			}
		}
		run, err := store.Run(ctx, sum.ID)
		corrupt, isCorrupt := errors.AsType[*journal.CorruptError](err)
		switch {
		case errors.Is(err, phased.ErrNoRun):
			continue
		case isCorrupt:
			if damaged == nil {
				damaged = corrupt
			}
		case err != nil:
			return nil, nil, err
		}
		if run.Seq > 0 {
			record.Add(run)
			runs--
		}
	}
	return record, damaged, nil
}
