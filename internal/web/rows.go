package web

import (
	"time"

	"phased/internal/phased"
)

// hookRow is a hook of a phase as pages show it: all its attempts, or that it has
// not run.
type hookRow struct {
	Name     phased.Text
	Attempts []*phased.HookRun // the first one first; none: it was not started
	Skipped  *phased.HookRun   // it was passed over
	Due      bool              // it is to run, and has not begun
}

// Last is the attempt that counts; nil: there is none.
func (r hookRow) Last() *phased.HookRun {
	if n := len(r.Attempts); n > 0 {
		return r.Attempts[n-1]
	}
	return r.Skipped
}

// Status is how the row stands.
func (r hookRow) Status() phased.Status {
	if last := r.Last(); last != nil {
		return last.Status
	}
	return ""
}

// began returns when the hook began, since the start of the run.
func (r hookRow) began(run *phased.Run) time.Duration {
	return max(0, r.Attempts[0].Began.Sub(run.Began))
}

// end returns when it ended, or until when it is known to go on.
func (r hookRow) end(run *phased.Run, now time.Duration) time.Duration {
	return max(r.began(run), attemptEnd(run, r.Last(), now))
}

func attemptEnd(run *phased.Run, h *phased.HookRun, now time.Duration) time.Duration {
	if h.Exit != nil {
		return max(0, h.Began.Sub(run.Began)) + max(0, h.Took)
	}
	return max(now, 0)
}

// rowsOf returns the hooks of a phase, in run order.
func rowsOf(p *phased.PhaseRun) []hookRow {
	rows := make([]hookRow, 0, len(p.Hooks))
	at := make(map[phased.Text]int, len(p.Hooks))
	for i := range p.Entries {
		if e := &p.Entries[i]; e.Verdict == phased.VerdictRun {
			if _, twice := at[e.Name]; !twice {
				at[e.Name] = len(rows)
				rows = append(rows, hookRow{Name: e.Name, Due: true})
			}
		}
	}
	for i := range p.Hooks {
		h := &p.Hooks[i]
		n, known := at[h.Hook]
		if !known {
			n = len(rows)
			at[h.Hook] = n
			rows = append(rows, hookRow{Name: h.Hook})
		}
		row := &rows[n]
		row.Due = false
		if h.Status == phased.StatusSkipped {
			row.Skipped = h
			continue
		}
		row.Attempts = append(row.Attempts, h)
	}
	return rows
}

// now returns how far a run is: its length, or what has passed of it.
func runNow(r *phased.Run, at time.Time) time.Duration {
	if r.Status.Final() {
		return max(r.Took, 0)
	}
	return max(r.Took, at.Sub(r.Began))
}

// view is a run with what is worked out from it once for all that a page shows.
type view struct {
	Run      *phased.Run
	Now      time.Duration // since the run began
	Rows     [][]hookRow   // by phase
	All      []stretch     // every hook that was started, in run order
	Critical []int         // indexes into All
	on       map[[2]int]bool
}

// newView works a run out as it stands at a moment.
func newView(r *phased.Run, at time.Time) *view {
	v := &view{Run: r, Now: runNow(r, at), on: map[[2]int]bool{}}
	group := 0
	for i := range r.Phases {
		p := &r.Phases[i]
		rows := rowsOf(p)
		v.Rows = append(v.Rows, rows)
		groups, next := groupsOf(p, rows, group)
		group = next
		for j, row := range rows {
			if len(row.Attempts) > 0 {
				v.All = append(v.All, stretch{i, j, groups[j], row.began(r), row.end(r, v.Now)})
			}
		}
	}
	v.Critical = criticalPath(v.All)
	for _, i := range v.Critical {
		v.on[[2]int{v.All[i].phase, v.All[i].hook}] = true
	}
	return v
}
