package stats

import (
	"slices"
	"time"

	"phased/internal/phased"
)

// Time is how long a hook took in a run in which its end counts: it ended by itself
// or at a time limit.
type Time struct {
	Phase  string
	Hook   phased.Text
	Took   time.Duration // of its last attempt
	Failed bool          // its last attempt did
}

// Times returns the hooks of a run whose ends count, in run order.
func Times(run *phased.Run) []Time {
	var all []Time
	for i := range run.Phases {
		p := &run.Phases[i]
		last := map[phased.Text]int{}
		for j := range p.Hooks {
			last[p.Hooks[j].Hook] = j
		}
		for j := range p.Hooks {
			h := &p.Hooks[j]
			if last[h.Hook] != j || h.Status == phased.StatusSkipped {
				continue
			}
			if counts, failed := outcome(run, h); counts {
				all = append(all, Time{p.Phase, h.Hook, max(0, h.Took), failed})
			}
		}
	}
	return all
}

// UsualOf returns what times, in which a hook ended well, tell of it: of the last
// ones that are kept; false where there are none. The newest time comes first.
func UsualOf(times []time.Duration) (phased.Usual, bool) {
	times = times[:min(len(times), Kept)]
	if len(times) == 0 {
		return phased.Usual{}, false
	}
	sorted := slices.Sorted(slices.Values(times))
	return phased.Usual{P50: Rank(sorted, 50), P95: Rank(sorted, 95), Runs: len(sorted)}, true
}
