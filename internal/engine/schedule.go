package engine

import (
	"slices"
	"sync"
)

// schedule says when the hooks of one number may begin: in run order, as many at
// once as there are jobs, and no two with a lock in common. One whose lock is held
// does not keep those behind it from a job, but from its locks: of those that wait
// for a lock, the first in run order gets it.
//
//	waiting ► (granted) running ► done
//	   └───── pause ◄──────┘
type schedule struct {
	mu     sync.Mutex
	free   int // jobs
	hooks  []scheduled
	held   map[string]bool
	closed chan struct{} // nothing begins any more
	shut   bool
}

type scheduled struct {
	locks   []string
	waiting bool
	granted bool
	begun   bool
	turn    chan struct{} // one is sent when it is granted
}

// newSchedule makes a schedule in which every hook waits.
func newSchedule(turns []turn, jobs int) *schedule {
	s := &schedule{free: jobs, hooks: make([]scheduled, len(turns)), held: map[string]bool{}, closed: make(chan struct{})}
	for i, t := range turns {
		s.hooks[i] = scheduled{locks: t.hook.Locks, waiting: true, turn: make(chan struct{}, 1)}
	}
	s.grant()
	return s
}

// wait puts the hook among those that wait, and returns what ends its waiting
// beside a grant.
func (s *schedule) wait(i int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.hooks[i]
	if h.begun {
		h.waiting = true
		s.grant()
		return nil
	}
	return s.closed
}

// begin makes the hook begin that was granted, unless it is too late for that.
func (s *schedule) begin(i int, late bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := &s.hooks[i]
	if h.granted && !late && (!s.shut || h.begun) {
		h.begun = true
		return true
	}
	s.release(i)
	return false
}

func (s *schedule) leave(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(i)
}

// close lets no hook begin that has not begun yet.
func (s *schedule) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.shut {
		s.shut = true
		close(s.closed)
	}
}

// release gives back what the hook has, and lets others have it. It is called with
// mu held, as grant is.
func (s *schedule) release(i int) {
	h := &s.hooks[i]
	h.waiting = false
	if !h.granted {
		return
	}
	h.granted = false
	select { // a grant that nobody took notice of
	case <-h.turn:
	default:
	}
	s.free++
	for _, l := range h.locks {
		delete(s.held, l)
	}
	s.grant()
}

// grant lets those begin for which there is a job, and no lock is missing.
func (s *schedule) grant() {
	wanted := map[string]bool{} // by hooks before
	for i := range s.hooks {
		h := &s.hooks[i]
		if s.free == 0 {
			return
		}
		if !h.waiting {
			continue
		}
		if slices.ContainsFunc(h.locks, func(l string) bool { return s.held[l] || wanted[l] }) {
			for _, l := range h.locks {
				wanted[l] = true
			}
			continue
		}
		h.waiting, h.granted = false, true
		s.free--
		for _, l := range h.locks {
			s.held[l] = true
		}
		h.turn <- struct{}{}
	}
}
