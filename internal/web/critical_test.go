package web

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"phased/internal/phased"
)

// longestOf tries every chain.
func longestOf(all []stretch, last int, used []bool) time.Duration {
	var best time.Duration
	for i := range all {
		if !used[i] && (last < 0 || follows(all[last], all[i])) {
			used[i] = true
			best = max(best, all[i].took()+longestOf(all, i, used))
			used[i] = false
		}
	}
	return best
}

func TestCriticalPathIsTheLongestChain(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 400 {
		var all []stretch
		at := time.Duration(0)
		for group := range 1 + r.IntN(3) {
			end := at
			for range 1 + r.IntN(3) {
				began := at + time.Duration(r.IntN(40))*time.Millisecond
				s := stretch{group: group, began: began, end: began + time.Duration(r.IntN(50))*time.Millisecond}
				end = max(end, s.end)
				all = append(all, s)
			}
			at = end
		}
		path := criticalPath(all)
		var sum time.Duration
		for n, i := range path {
			sum += all[i].took()
			if n > 0 && !follows(all[path[n-1]], all[i]) {
				t.Fatalf("%v: %d does not follow %d", all, i, path[n-1])
			}
		}
		if want := longestOf(all, -1, make([]bool, len(all))); sum != want {
			t.Fatalf("%v: the path %v takes %v, the longest chain %v", all, path, sum, want)
		}
	}
}

// TestSerialHooksAreAllCritical: also where their times seem to overlap a little.
func TestSerialHooksAreAllCritical(t *testing.T) {
	run := tell("01A", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", "", "10-a", "20-b", "30-c")
	for _, h := range []phased.Text{"10-a", "20-b", "30-c"} {
		run.start("p", h)
		run.wait(10 * time.Millisecond)
		run.end("p", h, 0, 11*time.Millisecond)
	}
	r, _ := run.record().Run(t.Context(), "01A")
	v := newView(&r, tellTime.Add(time.Minute))
	if len(v.Critical) != 3 {
		t.Errorf("critical are %v of %v", v.Critical, v.All)
	}
}

// TestWhoMadeItLong: of hooks that ran together the chain counts that took longest,
// also where two of them waited for each other's lock.
func TestWhoMadeItLong(t *testing.T) {
	run := tell("01A", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", phased.ParallelSameNumber, "10-a", "10-b", "10-long", "20-z")
	run.start("p", "10-a")
	run.start("p", "10-long")
	run.wait(60 * time.Millisecond)
	run.end("p", "10-a", 0, 60*time.Millisecond)
	run.start("p", "10-b") // it waited for the lock of 10-a
	run.wait(20 * time.Millisecond)
	run.end("p", "10-long", 0, 80*time.Millisecond)
	run.wait(40 * time.Millisecond)
	run.end("p", "10-b", 0, 60*time.Millisecond)
	run.start("p", "20-z")
	run.wait(10 * time.Millisecond)
	run.end("p", "20-z", 0, 10*time.Millisecond)
	r, _ := run.record().Run(t.Context(), "01A")
	v := newView(&r, tellTime.Add(time.Minute))
	var names []string
	for _, i := range v.Critical {
		names = append(names, string(v.Rows[v.All[i].phase][v.All[i].hook].Name))
	}
	if want := []string{"10-a", "10-b", "20-z"}; !slices.Equal(names, want) {
		t.Errorf("critical are %v, not %v", names, want)
	}
	for _, b := range v.lay() {
		for _, one := range b.bars {
			if one.kind == barWait && (one.from != 0 || one.to != 60*time.Millisecond || v.Rows[0][one.hook].Name != "10-b") {
				t.Errorf("it waits from %v to %v: %s", one.from, one.to, v.Rows[0][one.hook].Name)
			}
		}
	}
}

// TestBarsEndWithTheirPhase: what a hook took counts from before its process was
// there, and the bar does not stand over the end of the phase for that.
func TestBarsEndWithTheirPhase(t *testing.T) {
	run := tell("01A", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", "", "10-a")
	run.wait(2 * time.Millisecond)
	run.start("p", "10-a")
	run.wait(time.Millisecond)
	run.end("p", "10-a", 0, 3*time.Millisecond)
	run.say(phased.PhaseFinished{Phase: "p", Status: phased.StatusSucceeded, Took: 3 * time.Millisecond})
	r, _ := run.record().Run(t.Context(), "01A")
	one := newView(&r, tellTime.Add(time.Minute)).lay()[0].bars[0]
	if one.from != 2*time.Millisecond || one.to != 3*time.Millisecond {
		t.Errorf("the bar goes from %v to %v", one.from, one.to)
	}
}

// randomRun tells a run of hooks that run together, fail, are tried again and go on.
func randomRun(r *rand.Rand, hooks int) *teller {
	run := tell("01A", phased.RunStarted{Lifecycle: "x"})
	for p := range 1 + r.IntN(3) {
		phase := fmt.Sprintf("p%d", p)
		var names []phased.Text
		for i := range hooks {
			names = append(names, phased.Text(fmt.Sprintf("%02d-h%d", i/8*10, i)))
		}
		run.phase(phase, phased.ParallelSameNumber, names...)
		for i := 0; i < hooks; i += 8 {
			group := names[i:min(i+8, hooks)]
			attempts, began := map[phased.Text]int{}, map[phased.Text]time.Duration{}
			var going []phased.Text
			left := slices.Clone(group)
			for len(left)+len(going) > 0 {
				if len(left) > 0 && (len(going) == 0 || r.IntN(2) == 0) {
					h := left[0]
					left = left[1:]
					attempts[h]++
					run.say(phased.HookStarted{Phase: phase, Hook: h, Pid: 1, Attempt: attempts[h]})
					began[h] = run.at
					going = append(going, h)
					continue
				}
				run.wait(time.Duration(r.IntN(3000)) * time.Microsecond)
				n := r.IntN(len(going))
				h := going[n]
				going = slices.Delete(going, n, n+1)
				d := phased.HookFinished{Phase: phase, Hook: h, Exit: phased.Exit{Cause: phased.CauseOK}, Took: run.at - began[h] + time.Duration(r.IntN(300))*time.Microsecond}
				if r.IntN(4) == 0 {
					d.Exit = phased.Exit{Cause: phased.CauseExit, Status: 1}
					if d.Again = attempts[h] < 3; d.Again {
						left = append(left, h)
					}
				}
				run.say(d)
			}
		}
		run.say(phased.PhaseFinished{Phase: phase, Status: phased.StatusSucceeded})
	}
	return run
}

// TestLanesNeverOverlap: wherever bars are drawn, none covers another of its lane,
// and where bars are folded none of their hooks is lost.
func TestLanesNeverOverlap(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, hooks := range []int{1, 5, 12, 31, 60, 200} {
		told := randomRun(r, hooks)
		run, _ := told.record().Run(t.Context(), "01A")
		v := newView(&run, tellTime.Add(told.at))
		for _, b := range v.lay() {
			lanes := map[int][]bar{}
			for _, one := range b.bars {
				lanes[one.lane] = append(lanes[one.lane], one)
				if one.lane < 0 || one.lane >= b.lanes {
					t.Fatalf("%d hooks: lane %d of %d", hooks, one.lane, b.lanes)
				}
			}
			for n, bars := range lanes {
				slices.SortFunc(bars, func(x, y bar) int { return int(x.from - y.from) })
				for i := 1; i < len(bars); i++ {
					if bars[i-1].to > bars[i].from {
						t.Errorf("%d hooks, phase %d, lane %d (own %v): %+v covers %+v", hooks, b.phase, n, b.own, bars[i-1], bars[i])
					}
				}
			}
		}
	}
}

// TestTimelineStaysSmall: however many hooks a run has.
func TestTimelineStaysSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	told := randomRun(r, 5000/3)
	run, _ := told.record().Run(t.Context(), "01A")
	v := newView(&run, tellTime.Add(told.at))
	text := string(v.timeline(func(string, phased.Text) string { return "/x" }))
	if len(text) > 3<<20/2 {
		t.Errorf("the timeline has %d bytes", len(text))
	}
	parsePage(t, text)
}

// TestTicks: few, and in order.
func TestTicks(t *testing.T) {
	for _, length := range []time.Duration{time.Millisecond, 7 * time.Millisecond, 999 * time.Millisecond, 9 * time.Second, 61 * time.Second, 47 * time.Minute, 5 * time.Hour, 90 * time.Hour, 400 * time.Hour, 9000 * time.Hour} {
		all := ticks(length)
		if len(all) < 2 || len(all) > 7 || all[0] != 0 || all[len(all)-1] > length || !slices.IsSorted(all) {
			t.Errorf("%v: %v", length, all)
		}
	}
}

// TestHooksTogetherAreInLanesApart: where lanes are shared, two hooks that ran at the
// same time are in different ones, and as many lanes are there as ran at once.
func TestHooksTogetherAreInLanesApart(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	told := randomRun(rand.New(rand.NewPCG(seed, 0)), 80)
	run, _ := told.record().Run(t.Context(), "01A")
	v := newView(&run, tellTime.Add(told.at))
	for i := range run.Phases {
		b := band{phase: i}
		v.bars(&b)
		v.pack(&b)
		lanes := map[int]int{}
		for _, one := range b.bars {
			lanes[one.hook] = one.lane
		}
		var own []stretch
		for _, s := range v.All {
			if s.phase == i {
				own = append(own, s)
			}
		}
		most := 0
		for _, x := range own {
			at := 0
			for _, y := range own {
				if x.hook != y.hook && x.began < y.end && y.began < x.end && lanes[x.hook] == lanes[y.hook] {
					t.Errorf("phase %d: %d and %d ran together and are in lane %d", i, x.hook, y.hook, lanes[x.hook])
				}
				if y.began <= x.began && y.end > x.began {
					at++
				}
			}
			most = max(most, at)
		}
		if b.lanes != most {
			t.Errorf("phase %d: %d lanes for %d hooks at once", i, b.lanes, most)
		}
	}
}
