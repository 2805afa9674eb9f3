package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"phased/internal/engine"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
)

// world is the state directory in which lifelines are played, one after the
// other, and what they have met.
type world struct {
	t     *testing.T
	store *journal.Store
	seq   int
	met   map[string]int
}

func newWorld(t *testing.T) *world {
	// Nothing is synced: the files need no disk.
	dir, err := os.MkdirTemp("/dev/shm", "phased-test-") //nolint:usetesting // in memory
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s, err := journal.Open(filepath.Join(dir, "state"), journal.Options{Create: true, Durability: "none"})
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, store: s, met: map[string]int{}}
}

// played is one run of a lifeline, as it went.
type played struct {
	id     string
	number int
	what   modelRun
	plan   phased.Plan
	skip   plan.Skip
	l      *lifeline
	writer *journal.Writer

	sink   phased.Sink
	mu     sync.Mutex // a stop is recorded beside what goes on
	dead   bool       // phased was killed, or the power went
	lost   bool       // the disk is full
	seen   int        // events that the engine has emitted
	acked  []phased.Event
	safe   int      // how many of these the durability promises
	ends   []int64  // size of the file after each of them, for power cuts
	ran    []string // "phase/hook cause" of the hooks that were let run to their end
	wrong  error    // what the executor has seen
	begun  bool     // a hook was started since the last phase ended
	run    phased.Run
	err    error
	kept   int // how many of the acknowledged events are on record
	status phased.Status
}

var errDead = errors.New("nobody is there any more")

// record takes the events of the engine to the journal, until the run dies or
// the disk is full.
func (p *played) record(events ...phased.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return errDead
	}
	var keep []phased.Event
	for _, e := range events {
		p.seen++
		switch {
		case p.what.Ends == "" || p.seen < p.what.At:
			keep = append(keep, e)
		case p.what.Ends == "full":
			p.lost = true
		default:
			p.dead = true
		}
	}
	for _, e := range keep {
		if err := p.writer.Append(e); err != nil {
			return err
		}
		p.acked = append(p.acked, e)
		if p.what.Ends == "power" {
			info, err := os.Stat(p.writer.Path())
			if err != nil {
				return err
			}
			p.ends = append(p.ends, info.Size())
		}
		if p.synced(e) {
			p.safe = len(p.acked)
		}
	}
	switch {
	case p.dead:
		return errDead
	case p.lost:
		return syscall.ENOSPC
	}
	return nil
}

// synced is the table of docs/journal.md.
func (p *played) synced(e phased.Event) bool {
	switch e.Data.(type) {
	case phased.HookStarted:
		p.begun = true
	case phased.HookFinished:
		return p.l.Sync == "hook"
	case phased.PhaseFinished:
		ran := p.begun
		p.begun = false
		return ran && p.l.Sync != "run"
	case phased.RunFinished:
		return true
	}
	return false
}

func (p *played) Enter(_ context.Context, ph phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	p.sink = s.Sink
	return ph, nil
}

func (p *played) Leave(context.Context) error { return nil }
func (p *played) Close(context.Context) error { return nil }

// gone reports whether phased has died.
func (p *played) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// full reports whether the disk is full.
func (p *played) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Exec is a hook. One that is asked for after phased died is not there.
func (p *played) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	gone := phased.Result{Exit: phased.Exit{Cause: phased.CauseExit, Status: 1}}
	name := h.Phase + "/" + string(h.Name)
	if p.gone() {
		return gone, nil
	}
	if p.full() && h.Phase != "failure" {
		p.wrong = fmt.Errorf("%s was started although the run could not be recorded any more", name)
	}
	m := p.l.hook(h.Phase, h.Name)
	exit := m.end(p.number)
	if exit.Cause != phased.CauseCannotRun {
		p.sink.Started(h, phased.Process{Pid: 1})
		if m.Prints && !p.gone() {
			p.sink.Output(h, []phased.Part{{Stream: "out", Bytes: []byte("some output\n")}, {Stream: "err", Bytes: []byte{0xff}}}, false)
		}
		if p.gone() {
			return gone, nil
		}
		timer := time.NewTimer(time.Duration(m.Takes) * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			exit = phased.ExitByCause(context.Cause(ctx))
		}
	}
	if p.gone() { // meanwhile: it was told to stop, and died of that
		return gone, nil
	}
	p.ran = append(p.ran, name+" "+string(exit.Cause))
	if exit.Cause == phased.CauseInternal {
		return phased.Result{}, errors.New("cannot wait for the hook")
	}
	return phased.Result{Exit: exit}, nil
}

// play plays a lifeline to its end and says what is wrong.
func (w *world) play(l *lifeline) error {
	var last *phased.Run // as it is on record
	var all []*played
	first := w.seq
	defer func() { // also what a wrong program has left
		for n := first + 1; n <= w.seq; n++ {
			os.Remove(w.store.RunFile(modelID(n)))
			os.Remove(filepath.Join(w.store.Dir(), "open", modelID(n)))
		}
	}()
	for i, what := range l.Runs {
		w.seq++
		p := &played{id: modelID(w.seq), number: i, what: what, plan: l.plan(), l: l}
		resumes := ""
		if last != nil {
			done, err := recorded(all)
			if err != nil {
				return fmt.Errorf("before run %d: %w", i, err)
			}
			goOn, err := w.resume(p, *last, done)
			if err != nil {
				return fmt.Errorf("run %d cannot be resumed: %w", i-1, err)
			}
			if !goOn {
				break
			}
			resumes = last.ID
			w.met["resumed"]++
		}
		if err := w.run(p, resumes); err != nil {
			return fmt.Errorf("run %d: %w", i, err)
		}
		run, err := w.check(p)
		if err != nil {
			return fmt.Errorf("run %d: %w", i, err)
		}
		if run == nil { // the power cut has taken all of it
			continue
		}
		all = append(all, p)
		last = run
		if run.Status == phased.StatusSucceeded {
			break
		}
	}
	_, err := recorded(all)
	return errors.Join(err, w.final(all))
}

func modelID(n int) string { return fmt.Sprintf("01JZ%022d", n) }

// run runs the plan once, by a clock that takes no time.
func (w *world) run(p *played, resumes string) error {
	var err error
	if p.writer, err = w.store.Begin(p.id); err != nil {
		return err
	}
	synctest.Test(w.t, func(*testing.T) {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		if d := limitOf(p.what.Stop, stopFraction); d > 0 {
			timer := time.AfterFunc(time.Duration(d), func() { cancel(&phased.StopRequest{Signal: syscall.SIGTERM}) })
			defer timer.Stop()
		}
		p.run, p.err = engine.Run(ctx, p.plan, engine.Options{
			Executor: p, Record: p.record, ID: p.id, Skip: p.skip, Compare: plan.Compare,
			Start: phased.RunStarted{BootID: "another", Output: "captured", Resumes: resumes},
		})
	})
	if err := p.writer.Close(); err != nil {
		return err
	}
	if !p.dead || p.what.Ends != "power" || len(p.ends) == 0 {
		return p.wrong
	}
	// Of what was not synced, a beginning is there.
	var from int64
	if p.safe > 0 {
		from = p.ends[p.safe-1]
	}
	to := p.ends[len(p.ends)-1]
	return errors.Join(p.wrong, os.Truncate(p.writer.Path(), from+(to-from)*int64(p.what.Saved)/1000))
}

// resume is where the model meets `phased resume`: it decides what the run p
// passes over, as the command does, and reports whether there is anything to go
// on with. done are the hooks that have succeeded on record.
func (w *world) resume(p *played, last phased.Run, done map[string]bool) (bool, error) {
	runs, err := chain(context.Background(), w.store, last)
	if err != nil {
		return false, err
	}
	if plan.Finished(last) {
		return false, nil
	}
	c, err := plan.Continue(p.plan, runs, plan.ContinueOptions{})
	if err != nil {
		return false, err
	}
	for _, d := range c.Hooks {
		name := d.Phase + "/" + string(d.Hook)
		if d.Run == done[name] || d.Why == "" {
			return false, fmt.Errorf("%s: done on record %v, run again %v, because %q", name, done[name], d.Run, d.Why)
		}
	}
	p.skip = c.Skip
	return true, nil
}
