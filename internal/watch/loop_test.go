package watch

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a Source whose one file has a version in place of content.
type fake struct {
	mu      sync.Mutex
	version int
	scans   int
	wake    chan struct{}
	broken  error
	slow    time.Duration
}

func newFake() *fake { return &fake{wake: make(chan struct{}, 1)} }

func (f *fake) Wake() <-chan struct{} { return f.wake }

func (f *fake) Scan(ctx context.Context) (Snapshot, error) {
	f.mu.Lock()
	version, broken := f.version, f.broken
	f.scans++
	f.mu.Unlock()
	time.Sleep(f.slow)
	return Snapshot{"file": {Mode: fs.FileMode(version)}}, errors.Join(broken, ctx.Err())
}

// write changes the file to a version, and tells.
func (f *fake) write(version int) {
	f.mu.Lock()
	f.version = version
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// breaks makes every further look fail.
func (f *fake) breaks(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

func (f *fake) is() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.version
}

// TestLoopLosesNothing writes at random moments while runs of random lengths go
// on, some of which find others busy. No two run at once, each starts in time,
// and the last one has seen the last version.
func TestLoopLosesNothing(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("PHASED_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("PHASED_SEED=%d", seed)
	for round := range 300 {
		synctest.Test(t, func(t *testing.T) { loseNothing(t, rand.New(rand.NewPCG(seed, uint64(round)))) })
	}
}

func loseNothing(t *testing.T, r *rand.Rand) {
	source := newFake()
	source.slow = time.Duration(r.IntN(200)) * time.Millisecond
	const settle, most = 2 * time.Second, 10 * time.Second
	var running, ran int
	var waits bool    // others were busy
	var last int      // version that the last run has started with
	var due time.Time // when the next run must have started
	lengths := rand.New(rand.NewPCG(r.Uint64(), 1))
	var mu sync.Mutex
	run := func(_ context.Context, why Why) Outcome {
		mu.Lock()
		if running++; running > 1 {
			t.Error("two run at once")
		}
		if !due.IsZero() && time.Now().After(due) {
			t.Errorf("a run starts %v too late", time.Since(due))
		}
		if len(why.Changes) == 0 {
			t.Error("a run starts for no reason")
		}
		before := last
		last, due = source.is(), time.Time{}
		busy := lengths.IntN(5) == 0
		length := time.Duration(lengths.IntN(8000)) * time.Millisecond
		mu.Unlock()
		time.Sleep(length)
		mu.Lock()
		defer mu.Unlock()
		running--
		if waits = busy; busy {
			last = before
			return Outcome{Code: 75, Busy: true}
		}
		ran++
		if source.is() != last {
			due = time.Now().Add(most + time.Second)
		}
		return Outcome{Code: lengths.IntN(2)}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := Loop(ctx, Options{Source: source, Settle: settle, Max: most, Run: run})
		done <- err
	}()
	time.Sleep(time.Second) // the first look is what everything is compared with
	for version := range 1 + r.IntN(40) {
		mu.Lock()
		if running == 0 && !waits && due.IsZero() {
			due = time.Now().Add(most + time.Second)
		}
		mu.Unlock()
		source.write(version + 1)
		pause := []int{100, 1500, 2500, 20000}[r.IntN(4)]
		time.Sleep(time.Duration(r.IntN(pause)) * time.Millisecond)
	}
	time.Sleep(30 * time.Minute) // whatever was busy is so no more
	mu.Lock()
	if last != source.is() || running > 0 || ran == 0 {
		t.Errorf("the last of %d runs has seen version %d; the file is at %d", ran, last, source.is())
	}
	mu.Unlock()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// looped runs a Loop in a bubble and ends it after the play.
func looped(t *testing.T, source *fake, o Options, play func()) (Outcome, error) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type result struct {
		o   Outcome
		err error
	}
	done := make(chan result, 1)
	o.Source = source
	if o.Settle == 0 {
		o.Settle, o.Max = 2*time.Second, 10*time.Second
	}
	go func() {
		out, err := Loop(ctx, o)
		done <- result{out, err}
	}()
	play()
	cancel()
	r := <-done
	return r.o, r.err
}

// TestSteadyStream: a stream of writes is not waited for to end.
func TestSteadyStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, began, starts := newFake(), time.Now(), []time.Duration{}
		_, _ = looped(t, source, Options{Run: func(context.Context, Why) Outcome {
			starts = append(starts, time.Since(began).Round(time.Second))
			return Outcome{}
		}}, func() {
			for version := range 250 {
				source.write(version + 1)
				time.Sleep(100 * time.Millisecond)
			}
			time.Sleep(10 * time.Second)
		})
		// The third comes of the last write, which settles at 27 s.
		if len(starts) != 3 || starts[0] != 10*time.Second || starts[1] != 20*time.Second || starts[2] != 27*time.Second {
			t.Errorf("runs started after %v, want 10 s, 20 s and 27 s", starts)
		}
	})
}

// TestChangeAndBack: what changes in a run and back again has been seen by it.
func TestChangeAndBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, whys := newFake(), []Why{}
		_, _ = looped(t, source, Options{Run: func(_ context.Context, why Why) Outcome {
			whys = append(whys, why)
			time.Sleep(20 * time.Second)
			return Outcome{}
		}}, func() {
			time.Sleep(time.Second)
			source.write(1)
			time.Sleep(5 * time.Second) // it runs
			source.write(2)
			time.Sleep(5 * time.Second)
			source.write(1)
			time.Sleep(time.Hour)
		})
		if len(whys) != 2 || whys[0].Reverted || !whys[1].Reverted || len(whys[1].Changes) != 1 || whys[1].Row != 1 {
			t.Errorf("runs %+v, want a second one, for what was changed and changed back", whys)
		}
	})
}

// TestRow counts the runs that the ones before have started.
func TestRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, rows := newFake(), []int{}
		_, _ = looped(t, source, Options{Run: func(_ context.Context, why Why) Outcome {
			if rows = append(rows, why.Row); len(rows) < 4 {
				source.write(100 + len(rows)) // the hook that changes what is watched
			}
			return Outcome{}
		}}, func() {
			time.Sleep(time.Second)
			source.write(1)
			time.Sleep(time.Minute)
			source.write(2)
			time.Sleep(time.Minute)
		})
		want := []int{0, 1, 2, 3, 0}
		for i := range want {
			if len(rows) != len(want) || rows[i] != want[i] {
				t.Fatalf("in a row: %v, want %v", rows, want)
			}
		}
	})
}

func TestBusyIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, began, starts := newFake(), time.Now(), []time.Duration{}
		out, err := looped(t, source, Options{Initial: true, Once: true, Run: func(_ context.Context, why Why) Outcome {
			if !why.Initial || why.Again != len(starts) {
				t.Errorf("run %d: %+v", len(starts), why)
			}
			starts = append(starts, time.Since(began))
			return Outcome{Code: 75, Busy: len(starts) < 9}
		}}, func() { time.Sleep(time.Hour) })
		want := []float64{0, 2, 6, 14, 30, 62, 122, 182, 242}
		for i := range want {
			if len(starts) != len(want) || starts[i].Seconds() != want[i] {
				t.Fatalf("tried after %v, want %v (s)", starts, want)
			}
		}
		if err != nil || out.Code != 75 {
			t.Errorf("ended with %+v, %v: a 75 that is not busy counts", out, err)
		}
	})
}

func TestLoopEnds(t *testing.T) {
	tests := map[string]struct {
		once    bool
		broken  bool
		wantErr bool
		runs    int
	}{
		"told to, it waits for the run": {runs: 1},
		"after one run":                 {once: true, runs: 1},
		"where it cannot watch":         {broken: true, wantErr: true, runs: 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source, runs, over := newFake(), 0, false
				_, err := looped(t, source, Options{Once: tt.once, Run: func(ctx context.Context, _ Why) Outcome {
					runs++
					if !tt.once {
						<-ctx.Done()
						time.Sleep(time.Minute) // the failure phase
					}
					over = true
					return Outcome{}
				}}, func() {
					time.Sleep(time.Second)
					if tt.broken {
						source.breaks(errors.New("no more watches"))
					}
					source.write(1)
					time.Sleep(time.Minute)
				})
				if runs != tt.runs || over != (runs > 0) || (err != nil) != tt.wantErr {
					t.Errorf("%d runs, over %v, error %v", runs, over, err)
				}
			})
		})
	}
}

// TestIdle: where nothing happens nothing is done but the beats.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, beats, seen := newFake(), 0, 0
		_, _ = looped(t, source, Options{
			Beat: time.Minute, Alive: func() { beats++ }, Seen: func(Snapshot) { seen++ },
			Run: func(context.Context, Why) Outcome { t.Error("it runs"); return Outcome{} },
		}, func() { time.Sleep(24*time.Hour + time.Second) })
		if source.scans != 1 || seen != 1 || beats != 24*60 {
			t.Errorf("%d looks, %d seen, %d beats in a day, want 1, 1 and 1440", source.scans, seen, beats)
		}
		_, _ = looped(t, source, Options{Poll: time.Minute, Run: func(context.Context, Why) Outcome { t.Error("it runs"); return Outcome{} }},
			func() { time.Sleep(time.Hour) })
		if source.scans < 59 {
			t.Errorf("%d looks in an hour of polls", source.scans)
		}
	})
}

// TestBusyKeepsTheReason: what has changed is told again, with what has changed
// until then.
func TestBusyKeepsTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source, whys := newFake(), []Why{}
		_, _ = looped(t, source, Options{Run: func(_ context.Context, why Why) Outcome {
			whys = append(whys, why)
			return Outcome{Busy: len(whys) < 3}
		}}, func() {
			time.Sleep(time.Second)
			source.write(1)
			time.Sleep(time.Hour)
		})
		if len(whys) != 3 {
			t.Fatalf("%d tries, want 3", len(whys))
		}
		for i, why := range whys {
			if len(why.Changes) != 1 || why.Reverted || why.Again != i || why.Row != 0 {
				t.Errorf("try %d: %+v", i, why)
			}
		}
	})
}
