package executor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/redact"
)

// Output says what becomes of the output of hooks.
type Output string

// The ways of output.
const (
	Captured  Output = "captured"  // read by phased, and told to the Sink
	Inherited Output = "inherited" // the very same descriptors that phased has
	Tee       Output = "tee"       // captured, and also written to phased's own descriptors at once
)

// DefaultLimit is how many bytes of a hook's output are kept where nothing else
// is said.
const DefaultLimit = 8 << 20

// Process runs each hook as a child process. One value serves one run. Exec may be
// called by several goroutines at once, for different hooks of the phase that was
// entered: each has a lane of its own, and all that is below Redact and not the
// lane's is locked or does not change meanwhile. Enter, Leave and Close are called
// while no Exec runs. It implements the engine's Executor.
//
// Hooks that run at once have their stdin, working directory and umask in common,
// and, where output is inherited, the files that it goes to and the places in them:
// Files then tell where a hook's output lies, among that of others.
type Process struct {
	// List lists a phase as it is now; nil: as it was planned.
	List   func(phased.PlannedPhase) (phased.PlannedPhase, error)
	Output Output // "" stands for Captured
	// Limit is how many bytes are kept of a hook's output, of both streams
	// together: the first half of them and the last half. Below 1: DefaultLimit.
	Limit int64
	// Group gives each hook a process group of its own, except where it
	// inherits a terminal as its stdin: a group in the background may not read
	// from that.
	Group bool
	// ForwardSignal ends hooks, where phased was told to stop, by the signal by
	// which it was told so, in place of SIGTERM.
	ForwardSignal bool
	// KillAtOnce ends hooks at a time limit by SIGKILL, without a grace.
	KillAtOnce bool
	// Marker is an entry NAME=value of every hook's environment by which
	// processes of this run are recognised, together with the entries
	// PHASED_PHASE and PHASED_HOOK. "": they are not.
	Marker string
	// CloseOthers keeps the descriptors above 2 that phased itself was given
	// away from hooks.
	CloseOthers bool
	// DrainCommand is phased's own executable with an argument on which its
	// main calls DrainMain with the number that follows. Close starts it where
	// somebody still holds captured output; without one such writers get SIGPIPE.
	DrainCommand []string
	// Contain holds together what hooks start; nil: nothing does.
	Contain *Containment
	// Stdin, Stdout and Stderr are what is inherited; nil: those of os.
	Stdin, Stdout, Stderr *os.File
	// Redact takes secrets out of captured output; nil: there are none.
	Redact *redact.Set

	phase *phase
	null  int // /dev/null; 0: not open
	lanes lanes
	tees  [2]*tee // those of the lanes are made from; nil: none
	left  leftovers
}

// phase is what Exec needs to know of the phase that was entered. Only regular
// changes.
type phase struct {
	setup phased.Setup
	env   []string
	stdin int
	group bool
	umask int // to put back; -1: none
	mu    sync.Mutex
	// regular is inherited output that is a regular file.
	regular []phased.Descriptor
	done    chan struct{}
	watch   sync.WaitGroup
}

// place returns where the next byte of inherited output goes.
func (n *phase) place(fds [2]int) []phased.Descriptor {
	n.mu.Lock()
	found := n.regular
	n.mu.Unlock()
	return again(found, fds)
}

// renamed looks again what the files of inherited output are called.
func (n *phase) renamed(fds [2]int) {
	found := regular(fds)
	n.mu.Lock()
	n.regular = found
	n.mu.Unlock()
}

// Enter makes the phase ready, sets the umask of this process until Leave, and
// lists the phase as it is now.
func (p *Process) Enter(_ context.Context, ph phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	p.leave()
	if p.List != nil {
		listed, err := p.List(ph)
		if err != nil {
			return listed, err
		}
		ph = listed
	}
	if err := p.open(); err != nil {
		return ph, err
	}
	n := &phase{setup: s, stdin: p.null, group: p.Group, umask: -1, done: make(chan struct{})}
	for _, e := range s.Surroundings.Env {
		n.env = append(n.env, string(e))
	}
	if s.Surroundings.Stdin == "inherit" {
		n.stdin = fileno(p.Stdin, os.Stdin)
		n.group = p.Group && !isTerminal(n.stdin)
	}
	if s.Surroundings.Umask >= 0 {
		n.umask = unix.Umask(s.Surroundings.Umask)
	}
	if p.Output == Inherited {
		n.regular = regular([2]int{fileno(p.Stdout, os.Stdout), fileno(p.Stderr, os.Stderr)})
	}
	if s.Kill != nil {
		n.watch.Go(func() {
			select {
			case <-s.Kill:
				p.lanes.signal()
			case <-n.done:
			}
		})
	}
	p.phase = n
	tellNotices(p.Redact, s.Sink)
	return ph, nil
}

// Leave ends the phase and puts the umask back.
func (p *Process) Leave(context.Context) error {
	p.leave()
	return nil
}

func (p *Process) leave() {
	n := p.phase
	if n == nil {
		return
	}
	p.phase = nil
	close(n.done)
	n.watch.Wait()
	if n.umask >= 0 {
		unix.Umask(n.umask)
	}
}

// Close ends what is held. Where somebody still holds captured output, it is
// read on by a process that outlives this one (see DrainCommand), so that
// nobody is blocked or killed by a full or closed pipe. What is written from
// then on is not kept.
func (p *Process) Close(context.Context) error {
	p.leave()
	err := p.left.close(p.DrainCommand)
	p.lanes.close()
	for i, t := range p.tees {
		if t != nil {
			t.close()
			p.tees[i] = nil
		}
	}
	if p.null > 0 {
		unix.Close(p.null)
		p.null = 0
	}
	return err
}

// open makes what is made once a run, and the first lane.
func (p *Process) open() error {
	if p.CloseOthers {
		closeOnExec()
	}
	if p.null == 0 {
		var err error
		if p.null, err = openNull(); err != nil {
			return err
		}
	}
	if p.Output == Tee && p.tees[0] == nil {
		p.tees = newTees([2]int{fileno(p.Stdout, os.Stdout), fileno(p.Stderr, os.Stderr)})
	}
	l, err := p.takeLane()
	if err == nil {
		p.giveLane(l)
	}
	return err
}

// openNull opens /dev/null as a descriptor above 2.
func openNull() (int, error) {
	fd, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("cannot open /dev/null: %w", err)
	}
	return fd, nil
}

func fileno(f, otherwise *os.File) int {
	if f == nil {
		f = otherwise
	}
	return int(f.Fd())
}

// closeOnExec keeps every descriptor above 2 from the programs that are started.
func closeOnExec() {
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err == nil {
		return
	}
	d, err := os.ReadDir("/proc/self/fd") // before Linux 5.11
	if err != nil {
		return
	}
	for _, e := range d {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// environment returns the environment of the phase with the entries added;
// they replace entries of the same names.
func environment(base []string, add []phased.Text) []string {
	env := make([]string, 0, len(base)+len(add))
next:
	for _, e := range base {
		name, _, _ := strings.Cut(e, "=")
		for _, a := range add {
			if n, _, _ := strings.Cut(string(a), "="); n == name {
				continue next
			}
		}
		env = append(env, e)
	}
	for _, a := range add {
		env = append(env, string(a))
	}
	return env
}

var errNotEntered = errors.New("no phase was entered")
