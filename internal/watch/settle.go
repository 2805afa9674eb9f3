package watch

import "time"

// Settler decides when to look at the files, and when to start. It is pure: the
// time is an argument, and what it wants done is told by Next.
//
//	quiet ──Event──► unsettled ──(Settle without an event, or Max)──► look
//	look ──Scanned(false)──► quiet
//	look ──Scanned(true)───► wanted ──(nothing runs, nothing unsettled)──► start
//	start ──Started──► running ──Ended──► wanted or quiet
//
// Unsettled and wanted are remembered while something runs: what changes then is
// looked at then, and starts the next one after it.
type Settler struct {
	Settle time.Duration // so long must be without an event
	Max    time.Duration // so long a stream of events can put off a look

	unsettled   bool
	first, last time.Time // events since the last look
	within      bool      // one of them came while something ran
	wanted      bool
	overlapped  bool // what is wanted came of such an event
	running     bool
	notBefore   time.Time
}

// Action is what is to be done next.
type Action int

// The actions.
const (
	Nothing Action = iota // until the next event
	Look                  // at the files, and tell by Scanned
	Start                 // and tell by Started and Ended
)

// Next returns what is to be done, and from when on.
func (s *Settler) Next() (Action, time.Time) {
	switch {
	case s.unsettled:
		due := s.last.Add(s.Settle)
		if most := s.first.Add(s.Max); most.Before(due) {
			due = most
		}
		return Look, due
	case s.wanted && !s.running:
		return Start, s.notBefore
	}
	return Nothing, time.Time{}
}

// Event tells that something may have changed.
func (s *Settler) Event(now time.Time) {
	if !s.unsettled {
		s.unsettled, s.first = true, now
	}
	s.last = now
	s.within = s.within || s.running
}

// Scanned tells what a look has found: whether the files are other than those
// that the last start knew.
func (s *Settler) Scanned(changed bool) {
	if changed {
		s.wanted = true
		s.overlapped = s.overlapped || s.within
	}
	s.unsettled, s.within = false, false
}

// Want asks for a start without a change.
func (s *Settler) Want() { s.wanted = true }

// Started tells that something runs. It reports whether what made it start
// happened while the one before was running.
func (s *Settler) Started() (overlapped bool) {
	overlapped = s.overlapped
	s.running, s.wanted, s.overlapped, s.notBefore = true, false, false, time.Time{}
	return overlapped
}

// Ended tells that it runs no more.
func (s *Settler) Ended() { s.running = false }

// Again wants what has ended once more, but not before that moment.
func (s *Settler) Again(notBefore time.Time) { s.wanted, s.notBefore = true, notBefore }
