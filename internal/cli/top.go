package cli

import (
	"context"
	"errors"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/stats"
	"phased/internal/usage"
)

// topOptions are the flags of `phased top`.
type topOptions struct {
	places
	ref   string
	plain bool
	json  bool
}

func newTop(w *World) *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use:   "top [RUN]",
		Short: "watch a run that goes on, from another terminal",
		Long: `Shows a run that goes on as phased run does, from another terminal, until it ends.
Without RUN that is the newest one that goes on; where none does, it waits for
the next to start. A RUN that has ended can be looked through: its phases, hooks
and logs. The run does not notice: q or ctrl-C leaves, and the run goes on. The
exit code tells of top itself, not of the run. Where stdout is no terminal, plain
lines come as the run goes on.

RUN is last, -1 (the same), -2 and so on, a run id or the beginning of one.`,
		Example: `phased top
phased top last
phased top --json | jq -r .kind`,
		Args:              atMost(1),
		ValidArgsFunction: completeRuns(w, &o.places, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.ref = usage.RunArgument(args[0])
			}
			return runTop(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.plain, "plain", false, "print plain lines also on a terminal")
	f.BoolVar(&o.json, "json", false, "print the events as JSON lines")
	o.places.addFlags(f)
	return cmd
}

// top is one watching of a run.
type top struct {
	w     *World
	o     *topOptions
	store *journal.Store
	again string

	mu     sync.Mutex
	id     string // of the run; "": it is waited for
	known  stats.Baselines
	plan   phased.Plan // what the run will do, as far as earlier ones tell
	usable bool        // known and plan are
	err    error       // the first
	wrote  error       // what is told could not be written
}

// runTop is `phased top`.
func runTop(ctx context.Context, w *World, o *topOptions) error {
	s, err := o.places.settings(w)
	if err != nil {
		return err
	}
	store, err := o.places.record(w)
	if err != nil {
		return err
	}
	t := &top{w: w, o: o, store: store, again: o.places.again()}
	ended := false
	if o.ref != "" {
		r, damage, err := findRun(ctx, store, o.ref)
		if err = errors.Join(err, damage); err != nil {
			return err
		}
		t.id, ended = r.ID, r.Status.Final()
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if o.json || o.plain || !w.lively(s) {
		t.lines(ctx)
	} else {
		t.live(ctx, ended)
	}
	if t.err != nil && ctx.Err() == nil {
		return broken("cannot read the record: %v", t.err)
	}
	return t.wrote
}

// find returns the run to show: where none was named, the newest that goes on, once
// there is one. False: nobody waits any more.
func (t *top) find(ctx context.Context, waiting func()) (string, bool) {
	for t.id == "" {
		live, err := t.store.Live("")
		if err != nil {
			t.fail(err)
			return "", false
		}
		newest := ""
		for _, r := range live { // in the order in which they began
			if r.Parent == "" || newest == "" {
				newest = r.ID
			}
		}
		if newest != "" {
			t.mu.Lock()
			t.id = newest
			t.mu.Unlock()
			break
		}
		waiting()
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return "", false
		}
	}
	return t.id, true
}

func (t *top) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.err = err
	}
}

// follow hands on the events of the run as they are recorded. All is for those who
// want them whole.
func (t *top) follow(ctx context.Context, all bool, waiting func(), events chan<- phased.Event) {
	defer close(events)
	id, ok := t.find(ctx, waiting)
	if !ok {
		return
	}
	recorded := t.store.Progress(ctx, id, shownOutput)
	if all {
		recorded = t.store.Follow(ctx, id, 0)
	}
	for e, err := range recorded {
		if err != nil {
			if ctx.Err() == nil {
				t.fail(err)
			}
			return
		}
		if e.Time.IsZero() { // output that is not shown
			e.Time = time.Now()
		}
		select {
		case events <- e:
		case <-ctx.Done():
			return
		}
	}
}

// lines prints lines.
func (t *top) lines(ctx context.Context) {
	var v view = report.NewPlain(t.w.Stdout, t.w.Stderr, t.w.style(true, t.again))
	if t.o.json {
		v = report.NewEvents(t.w.Stdout)
	}
	ctx, cancel := context.WithCancel(ctx)
	events := make(chan phased.Event, 64)
	tell := sync.OnceFunc(func() { t.w.talk("no run goes on; waiting for the next one") })
	var gone sync.WaitGroup
	gone.Go(func() { t.follow(ctx, t.o.json, tell, events) })
	defer gone.Wait()
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	ended := false
	for {
		select {
		case e, ok := <-events:
			if !ok {
				if t.id != "" && !ended && ctx.Err() == nil && t.err == nil {
					t.w.talk("run %s has ended without telling so: its phased died; %s", t.id, report.Style{Flags: t.again}.Command("show", t.id))
				}
				return
			}
			ended = ended || e.Closing()
			v.Event(e)
			if len(events) > 0 {
				continue
			}
		case now := <-tick.C:
			v.Tick(now)
		}
		if t.wrote = v.Flush(); t.wrote != nil {
			return
		}
	}
}

// live shows the run on the terminal.
func (t *top) live(ctx context.Context, ended bool) {
	ctx, cancel := context.WithCancel(ctx)
	keys := t.w.Stdin
	if !isTerminal(keys) {
		keys, ended = nil, false // nobody can look through it
	}
	s := t.w.newScreen(keys, t.again)
	s.Attached, s.Browse, s.Stay, s.Source = true, ended, ended, t.store
	s.Left, s.Usual = t.left, t.usual
	s.Broken = func(error) { cancel() }
	events := make(chan phased.Event, 64)
	var gone sync.WaitGroup
	gone.Go(func() { t.follow(ctx, false, func() {}, events) })
	gone.Go(func() { t.read(ctx) })
	r := s.Run(ctx, events, func() (phased.Run, bool) {
		if t.id == "" || t.err != nil {
			return phased.Run{}, false
		}
		r, err := t.store.Run(ctx, t.id)
		return r, err == nil
	})
	cancel()
	gone.Wait()
	if r.ID != "" && !r.Status.Final() && t.err == nil {
		style := report.Style{Terminal: true, Flags: t.again}
		t.w.talk("run %s goes on: %s", style.ID(r.ID), style.Command("top", style.ID(r.ID)))
	}
}

// read finds out what is usual for the run, once it is known which one it is.
func (t *top) read(ctx context.Context) {
	id := ""
	for id == "" {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return
		}
		t.mu.Lock()
		id = t.id
		t.mu.Unlock()
	}
	run, err := t.store.Run(ctx, id)
	if err != nil || run.Status.Final() {
		return
	}
	known, earlier, err := usualOf(ctx, t.store, id, run.Start.Lifecycle, run.Start.Base)
	if err != nil {
		return // phased stats tells it
	}
	plan := phased.Plan{Lifecycle: run.Start.Lifecycle, Base: run.Start.Base, Jobs: runtime.NumCPU()}
	plan.Phases = likelyPhases(ctx, t.store, run, earlier)
	t.mu.Lock()
	t.known, t.plan, t.usable = known, plan, true
	t.mu.Unlock()
}

// likelyPhases are the phases of a run, with the hooks that the last one before it
// found in them.
func likelyPhases(ctx context.Context, store *journal.Store, run phased.Run, earlier []phased.Summary) []phased.PlannedPhase {
	found := map[string]phased.PhaseRun{}
	const look = 3
	for _, sum := range earlier[:min(look, len(earlier))] {
		r, err := store.Run(ctx, sum.ID)
		if err != nil {
			continue
		}
		for _, ph := range r.Phases {
			if _, known := found[ph.Phase]; !known && len(ph.Entries) > 0 {
				found[ph.Phase] = ph
			}
		}
	}
	var phases []phased.PlannedPhase
	for _, name := range run.Start.Phases {
		ph := found[name]
		phases = append(phases, phased.PlannedPhase{Phase: phased.Phase{Name: name, When: ph.When, Parallel: ph.Parallel}, Entries: ph.Entries})
	}
	return phases
}

func (t *top) left(r phased.Run, now time.Time) (phased.TimeLeft, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.usable {
		return phased.TimeLeft{}, false
	}
	return t.known.Left(t.plan, r, nil, now)
}

func (t *top) usual(phase string, hook phased.Text) (phased.Usual, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.usable {
		return phased.Usual{}, false
	}
	return t.known.Usual(phase, hook)
}
