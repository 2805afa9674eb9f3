package web

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"phased/internal/phased"
)

// timeRow is one hook, or one phase, in two runs.
type timeRow struct {
	Phase  string
	Hook   phased.Text
	A, B   *hookTime
	Ratio  string // "": as long, or not to be compared
	WideA  int    // of the bar, of barWide
	WideB  int
	change time.Duration
}

// hookTime is what a hook took in a run, with all its attempts.
type hookTime struct {
	Took     time.Duration
	Status   phased.Status
	Attempts int
	Exit     *phased.Exit
	Out      int64
}

// barWide is the width of the longest bar.
const barWide = 160

// hookTimes returns what the hooks of a run took, in run order.
func hookTimes(r phased.Run) (map[hookKey]*hookTime, []hookKey) {
	times, order := map[hookKey]*hookTime{}, []hookKey{}
	for _, ph := range r.Phases {
		for _, h := range ph.Hooks {
			k := hookKey{ph.Phase, h.Hook}
			t := times[k]
			if t == nil {
				t = &hookTime{}
				times[k] = t
				order = append(order, k)
			}
			t.Attempts++
			t.Took += h.Took
			t.Status, t.Exit, t.Out = h.Status, h.Exit, h.Out+h.Err
		}
	}
	return times, order
}

// compareTimes tells what hooks took in two runs: the biggest change first, then
// those that only one of them ran.
func compareTimes(a, b phased.Run) []timeRow {
	inA, orderA := hookTimes(a)
	inB, orderB := hookTimes(b)
	var rows []timeRow
	for _, k := range orderB {
		rows = append(rows, timeRow{Phase: k.phase, Hook: k.hook, A: inA[k], B: inB[k]})
	}
	for _, k := range orderA {
		if inB[k] == nil {
			rows = append(rows, timeRow{Phase: k.phase, Hook: k.hook, A: inA[k]})
		}
	}
	var longest time.Duration
	for i := range rows {
		r := &rows[i]
		if r.A.counts() && r.B.counts() {
			r.change = (r.B.Took - r.A.Took).Abs()
			if r.A.Status == r.B.Status { // one that fails is not faster for that
				r.Ratio = ratio(r.A.Took, r.B.Took)
			}
		}
		for _, t := range []*hookTime{r.A, r.B} {
			if t != nil {
				longest = max(longest, t.Took)
			}
		}
	}
	for i := range rows {
		rows[i].WideA, rows[i].WideB = wide(rows[i].A, longest), wide(rows[i].B, longest)
	}
	both := func(r timeRow) int {
		if r.A.counts() && r.B.counts() {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(rows, func(x, y timeRow) int {
		return cmp.Or(both(x)-both(y), -cmp.Compare(x.change, y.change))
	})
	return rows
}

// counts reports whether the hook was run.
func (t *hookTime) counts() bool { return t != nil && t.Status != phased.StatusSkipped }

func wide(t *hookTime, longest time.Duration) int {
	if !t.counts() || longest <= 0 {
		return 0
	}
	return max(1, int(int64(t.Took)*barWide/int64(longest)))
}

// ratio tells how many times longer or shorter something took. Below a hundredth of
// a second, and within a tenth, it is as long as it was.
func ratio(a, b time.Duration) string {
	const tiny = 10 * time.Millisecond
	if (a-b).Abs() < tiny || a <= 0 || b <= 0 {
		return ""
	}
	switch q := float64(b) / float64(a); {
	case q >= 1.1:
		return times(q) + " as long"
	case q <= 1/1.1:
		return times(1/q) + " faster"
	}
	return ""
}

func times(q float64) string {
	if q >= 10 {
		return fmt.Sprintf("%.0f ×", q)
	}
	return fmt.Sprintf("%.1f ×", q)
}
