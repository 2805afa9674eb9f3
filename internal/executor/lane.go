package executor

import (
	"math"
	"runtime"
	"sync"
	"time"

	"phased/internal/proc"
)

// lane is what one running hook needs for itself: how its wait is ended, where its
// output is read, when it was started. Exec has one for its time, alone.
type lane struct {
	wake    *wake
	cap     capture
	clock   proc.Clock
	yielded time.Time
}

// lanes are those of one Process: as many as hooks have run at once. The one that
// was given back last, whose memory is warm, is taken first: of hooks that run one
// after the other all have the same one.
type lanes struct {
	mu   sync.Mutex
	all  []*lane
	free []*lane
}

// takeLane returns a lane that nobody has.
func (p *Process) takeLane() (*lane, error) {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	if last := len(p.lanes.free) - 1; last >= 0 {
		l := p.lanes.free[last]
		p.lanes.free = p.lanes.free[:last]
		return l, nil
	}
	w, err := newWake()
	if err != nil {
		return nil, err
	}
	l := &lane{wake: w}
	l.cap.limit = p.Limit
	if p.Limit < 1 || p.Limit > math.MaxInt {
		l.cap.limit = DefaultLimit
	}
	l.cap.wake, l.cap.redact = w, p.Redact
	l.cap.fds = [2]int{-1, -1} // 0 would be stdin
	l.cap.tees = [2]*tee{p.tees[0].another(), p.tees[1].another()}
	p.lanes.all = append(p.lanes.all, l)
	return l, nil
}

// giveLane lets another hook have the lane.
func (p *Process) giveLane(l *lane) {
	p.lanes.mu.Lock()
	defer p.lanes.mu.Unlock()
	p.lanes.free = append(p.lanes.free, l)
}

// signal ends the waits of all hooks that run: each looks again why it waits. One
// that takes its lane later looks before it starts anything.
func (l *lanes) signal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.all {
		one.wake.signal()
	}
}

// close gives back what the lanes hold. Nobody has one any more.
func (l *lanes) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.all {
		one.cap.aside.close()
		one.wake.close()
	}
	l.all, l.free = nil, nil
}

// yield lets other goroutines go first, now and then. The runtime takes a
// goroutine that was not scheduled anew for 10 ms for a busy one, also while it
// waits in poll, and looks at it every 20 us from then on: on another processor,
// but that takes from the hook what the hook could have.
func (l *lane) yield() {
	if now := time.Now(); now.Sub(l.yielded) > slice {
		l.yielded = now
		runtime.Gosched()
	}
}
