package watch

import (
	"testing"
	"time"
)

// at makes a moment so many seconds after a fixed one.
func at(seconds float64) time.Time {
	return time.Unix(1_700_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

func TestSettler(t *testing.T) {
	type step struct {
		do   func(s *Settler)
		want Action
		at   time.Time
	}
	event := func(sec float64) func(*Settler) { return func(s *Settler) { s.Event(at(sec)) } }
	scanned := func(changed bool) func(*Settler) { return func(s *Settler) { s.Scanned(changed) } }
	started := func(overlapped bool) func(*Settler) {
		return func(s *Settler) {
			if got := s.Started(); got != overlapped {
				t.Errorf("Started() = %v, want %v", got, overlapped)
			}
		}
	}
	ended := func(s *Settler) { s.Ended() }
	nothing := func(*Settler) {}
	tests := map[string][]step{
		"nothing happens":          {{nothing, Nothing, time.Time{}}},
		"an event settles":         {{event(0), Look, at(2)}, {scanned(true), Start, time.Time{}}, {started(false), Nothing, time.Time{}}, {ended, Nothing, time.Time{}}},
		"each event puts it off":   {{event(0), Look, at(2)}, {event(1), Look, at(3)}, {event(2.5), Look, at(4.5)}},
		"but not for ever":         {{event(0), Look, at(2)}, {event(9), Look, at(10)}, {event(9.9), Look, at(10)}},
		"a touch starts nothing":   {{event(0), Look, at(2)}, {scanned(false), Nothing, time.Time{}}},
		"wanted without an event":  {{func(s *Settler) { s.Want() }, Start, time.Time{}}},
		"unsettled again: not yet": {{event(0), Look, at(2)}, {scanned(true), Start, time.Time{}}, {event(2), Look, at(4)}, {scanned(false), Start, time.Time{}}},
		"a change in a run starts the next behind it": {
			{event(0), Look, at(2)},
			{scanned(true), Start, time.Time{}},
			{started(false), Nothing, time.Time{}},
			{event(5), Look, at(7)},
			{scanned(true), Nothing, time.Time{}},
			{ended, Start, time.Time{}},
			{started(true), Nothing, time.Time{}},
			{ended, Nothing, time.Time{}},
		},
		"a change at the end of a run": {
			{func(s *Settler) { s.Want() }, Start, time.Time{}},
			{started(false), Nothing, time.Time{}},
			{event(5), Look, at(7)},
			{ended, Look, at(7)},
			{scanned(true), Start, time.Time{}},
			{started(true), Nothing, time.Time{}},
		},
		"busy: again later, with what changes until then": {
			{func(s *Settler) { s.Want() }, Start, time.Time{}},
			{started(false), Nothing, time.Time{}},
			{ended, Nothing, time.Time{}},
			{func(s *Settler) { s.Again(at(30)) }, Start, at(30)},
			{event(5), Look, at(7)},
			{scanned(true), Start, at(30)},
			{started(false), Nothing, time.Time{}},
			{ended, Nothing, time.Time{}},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			s := &Settler{Settle: 2 * time.Second, Max: 10 * time.Second}
			for i, st := range steps {
				st.do(s)
				if action, due := s.Next(); action != st.want || !due.Equal(st.at) {
					t.Fatalf("step %d: Next() = %v at %v, want %v at %v", i, action, due, st.want, st.at)
				}
			}
		})
	}
}
