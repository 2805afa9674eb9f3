package cli

import (
	"context"
	"os"
	"strconv"
	"sync"
	"time"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/systemd"
)

// statusFD names the descriptor by which a watch is told what its run is doing.
const statusFD = "PHASED_STATUS_FD"

// statusEvery is how often a manager is told of what goes on: hooks may be
// shorter than anybody can read.
const statusEvery = 200 * time.Millisecond

// manager returns the socket of who wants to be told, or nil.
func (w *World) manager() *systemd.Socket {
	if n, err := strconv.Atoi(w.getenv(statusFD)); err == nil {
		return systemd.Pipe(n)
	}
	socket, err := systemd.Open(w.getenv, os.Getpid())
	if err != nil {
		w.talk("warning: %v", err)
	}
	return socket
}

// managerLink tells the service manager what the run file holds, as it grows. It
// never slows the run, and is nil where nobody wants to be told.
type managerLink struct {
	socket  *systemd.Socket
	endings time.Duration // how long the run may take to end once it is told to
	cancel  context.CancelFunc
	gone    sync.WaitGroup

	run   phased.Run
	told  string    // the status that was sent last
	queue []string  // what must be sent beside a status
	sent  time.Time // when
}

// newManagerLink begins to tell, where somebody listens.
func newManagerLink(j *job, writer *journal.Writer) *managerLink {
	if j.manager == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := &managerLink{socket: j.manager, endings: endings(j.plan), cancel: cancel}
	events := make(chan phased.Event, 64)
	n.gone.Go(func() {
		defer close(events)
		for e, err := range writer.Progress(ctx, 0) {
			if err != nil {
				return // the screen tells of it
			}
			events <- e
		}
	})
	n.gone.Go(func() { n.tell(events) })
	return n
}

// endings is how long a run of the plan may take to end: its hooks, the failure
// phase, those that run always, and a little for phased itself. 0: there is no
// limit.
func endings(p phased.Plan) time.Duration {
	all := time.Duration(p.Grace) + time.Duration(p.FailureLimit) + 30*time.Second
	if p.FailureLimit == 0 {
		return 0
	}
	for _, ph := range p.Phases {
		if ph.When == phased.WhenAlways {
			all += time.Duration(max(ph.Timeout, 0))
			if ph.Timeout == 0 { // it has that of the failure phase
				all += time.Duration(p.FailureLimit)
			}
		}
	}
	return all
}

// tell sends what the events come to.
func (n *managerLink) tell(events <-chan phased.Event) {
	var beat <-chan time.Time
	if every := n.socket.Beat(); every > 0 {
		t := time.NewTicker(every)
		defer t.Stop()
		beat = t.C
	}
	var later <-chan time.Time
	for {
		select {
		case e, more := <-events:
			if !more {
				n.last()
				return
			}
			n.event(e)
			if later == nil {
				later = n.send(time.Now())
			}
		case now := <-later:
			later = n.send(now)
		case <-beat:
			n.socket.Send("WATCHDOG=1")
		}
	}
}

// event takes an event in.
func (n *managerLink) event(e phased.Event) {
	n.run.Apply(e)
	switch d := e.Data.(type) {
	case phased.RunStarted:
		n.queue = append(n.queue, "READY=1")
	case phased.RunStopping:
		n.stopping()
		if n.endings > 0 && !d.Kill {
			n.queue = append(n.queue, systemd.Extend(n.endings))
		}
	default:
		if e.Closing() {
			n.stopping()
		}
	}
}

func (n *managerLink) stopping() { n.queue = append(n.queue, "STOPPING=1") }

// send sends what there is to tell, and returns when to come again, where that
// was too soon, or there was no room.
func (n *managerLink) send(now time.Time) <-chan time.Time {
	text := report.UnitStatus(n.run)
	if text == n.told && len(n.queue) == 0 {
		return nil
	}
	if wait := statusEvery - now.Sub(n.sent); wait > 0 && len(n.queue) == 0 {
		return time.After(wait)
	}
	if !n.socket.Send(append(n.queue, systemd.Status(text))...) {
		return time.After(statusEvery)
	}
	n.told, n.queue, n.sent = text, nil, now
	return nil
}

// last tells how the run has ended, and tries again for a moment where there is
// no room.
func (n *managerLink) last() {
	for range 5 {
		n.sent = time.Time{}
		again := n.send(time.Now())
		if again == nil {
			return
		}
		<-again
	}
}

// close waits until everything was told.
func (n *managerLink) close() {
	if n == nil {
		return
	}
	n.gone.Wait()
	n.cancel()
	_ = n.socket.Close() // nothing was kept back in it
}
