package executor

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

// Containment holds together what the hooks of one run start. Hooks may run at
// once: each has a cell of its own, which one goroutine uses. Only what is named
// below is theirs in common, and locked. nil stands for none: trees are then found
// as tree does.
type Containment struct {
	fact phased.Containment
	// Of mode cgroup:
	dir    string       // the run's cgroup
	below  string       // what it lies in
	lock   int          // it, open and locked while the run lives
	n      atomic.Int64 // cells made so far
	counts bool         // it has a controller that tells more than the processor time
	// Of mode reaper:
	reaper []string
	mu     sync.Mutex
	idle   []reaper // that wait for their next hook
	// shared is the one cgroup of all hooks; nil: each has its own. Who starts a
	// process in it holds still for reading, and who keeps it frozen for writing:
	// nothing else of phased would go on, until it is thawed, while a process is
	// started that is frozen.
	shared *cgroup
	still  sync.RWMutex
}

// ContainOptions say how a run is contained.
type ContainOptions struct {
	// Mode is auto ("" as well), phased.ContainCgroup, phased.ContainReaper or
	// phased.ContainOff. Auto takes a cgroup, and otherwise the next.
	Mode string
	Run  string // id of the run
	// Reaper is phased's own executable with an argument on which its main calls
	// ReaperMain. None: there is no mode reaper.
	Reaper []string
	// Shared has all hooks in one cgroup, which only keeps them still while the
	// descendants of one are killed. There is no mode reaper then.
	Shared bool
	// Below is a cgroup to make the run's below of; "": one is found.
	Below string
}

// ContainAuto takes the best way that there is.
const ContainAuto = "auto"

// Contain makes the containment of a run, which Close gives back. It is an error
// where the mode that is asked for is not to be had.
func Contain(o ContainOptions) (*Containment, error) {
	switch o.Mode {
	case "", ContainAuto, phased.ContainCgroup:
	case phased.ContainReaper:
		if len(o.Reaper) > 0 {
			return &Containment{fact: phased.Containment{Mode: phased.ContainReaper}, reaper: o.Reaper, lock: -1}, nil
		}
		return nil, errors.New("cannot contain hooks by a reaper: there is none")
	case phased.ContainOff:
		return &Containment{fact: phased.Containment{Mode: phased.ContainOff}, lock: -1}, nil
	default:
		return nil, fmt.Errorf("cannot contain hooks by %q: expected auto, cgroup, reaper or off", o.Mode)
	}
	c, err := containByCgroup(o)
	if err == nil {
		c.reaper = o.Reaper
		return c, nil
	}
	if o.Mode == phased.ContainCgroup {
		return nil, fmt.Errorf("cannot contain hooks in cgroups: %w; let the setting containment be auto, or see docs/containment.md", err)
	}
	c = &Containment{fact: phased.Containment{Mode: phased.ContainReaper, Why: "no cgroup: " + err.Error()}, reaper: o.Reaper, lock: -1}
	if len(o.Reaper) == 0 || o.Shared {
		c.fact.Mode = phased.ContainOff
	}
	return c, nil
}

// Fact is what is recorded of it; nil where there is nothing to record.
func (c *Containment) Fact() *phased.Containment {
	if c == nil {
		return nil
	}
	f := c.fact
	return &f
}

// mode is how hooks are contained.
func (c *Containment) mode() string {
	if c == nil {
		return phased.ContainOff
	}
	return c.fact.Mode
}

// cell holds the processes of one hook.
type cell interface {
	// look returns the processes that are in it and run, and whether there are
	// certainly none.
	look() (in []proc.Stat, empty bool, err error)
	// kill kills all that is in it at one stroke, where it can, and returns how many
	// that were. It waits until they are gone, until the deadline.
	kill(deadline time.Time) int
	// exact says that there is nobody of the hook outside of it.
	exact() bool
	// keep lets what is in it live on, elsewhere.
	keep() error
	// usage adds what it knows of what was used.
	usage(u *phased.Usage)
	// close gives it back. It reports whether it was empty; where it was not, and
	// unless force is set, it stays.
	close(force bool) (empty bool)
}

// begin makes the cell of a hook; nil: it has none. In mode reaper the reaper is
// started by start.
func (c *Containment) begin(h phased.Hook, sink phased.Sink, umask int) (cell, error) {
	mode := c.mode()
	switch {
	case mode == phased.ContainOff || c.shared != nil:
		return nil, nil
	case mode == phased.ContainCgroup:
		g, err := c.newCell(h)
		if err == nil {
			return g, nil
		}
		if len(c.reaper) == 0 {
			return nil, err
		}
		sink.Warning(fmt.Sprintf("hook %s is under a reaper: %v", h.Name, err))
	}
	return &reaped{reaper: reaper{fd: -1}, c: c, umask: umask}, nil
}

// leaks looks who is left of a hook that has ended, does with them what its
// policy says, and puts it down in the result. It gives the cell back.
func leaks(c cell, h phased.Hook, t *tree, deadline time.Time, r *phased.Result) error {
	if c == nil && (h.Leak == "" || h.Leak == phased.LeakKeep) {
		return nil // nobody is looked for
	}
	if c != nil {
		if c.usage(r.Usage); c.close(false) {
			return nil
		}
	}
	left := settle(t, deadline)
	if list, more := ledger(left); len(list) > 0 {
		r.Leak, r.LeftBehind, r.LeftMore = phased.LeakKeep, list, more
	}
	var err error
	switch {
	case len(left) == 0:
	case h.Leak == phased.LeakKill || h.Leak == phased.LeakFail:
		if r.Leak != "" {
			r.Leak = h.Leak
		}
		_, alive := t.kill()
		if len(alive) > 0 {
			err = fmt.Errorf("processes that hook %s has left behind could not be killed: %s", h.Name, names(alive))
		}
		if h.Leak == phased.LeakFail && r.OK() && len(r.LeftBehind) > 0 {
			r.Exit = phased.Exit{Cause: phased.CauseLeak, Status: 1, Message: leakMessage(r)}
		}
	case c != nil:
		err = c.keep()
	}
	if c != nil {
		c.usage(r.Usage)
		c.close(true)
	}
	return err
}

// settle waits, until the deadline, for what ends just behind the hook, and
// returns what is left.
func settle(t *tree, deadline time.Time) []proc.Stat {
	const pause = time.Millisecond
	for {
		clear(t.old)
		left, sure, err := t.scan()
		if err != nil || sure && len(left) == 0 || !time.Now().Before(deadline) {
			return left
		}
		time.Sleep(pause)
	}
}

const (
	ledgerMost    = 100 // processes that are listed
	ledgerCommand = 512 // bytes of a command line
)

// ledger puts down who is left, the oldest first, but for drain processes of a
// phased that the hook has run.
func ledger(left []proc.Stat) (list []phased.LeftBehind, more int) {
	now := proc.Now()
	left = slices.DeleteFunc(slices.Clone(left), func(s proc.Stat) bool { return isDrain(s.Pid) })
	slices.SortFunc(left, func(a, b proc.Stat) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Pid, b.Pid)) })
	for _, s := range left {
		if len(list) == ledgerMost {
			return list, len(left) - ledgerMost
		}
		command := proc.CommandLine(s.Pid)
		if command == "" {
			command = "[" + s.Command + "]"
		}
		list = append(list, phased.LeftBehind{
			Pid: s.Pid, PidStart: s.Start, Age: proc.Age(s.Start, now), Command: phased.Text(command[:min(len(command), ledgerCommand)]),
		})
	}
	return list, 0
}

// leakMessage says what a hook must not have left behind.
func leakMessage(r *phased.Result) string {
	n := len(r.LeftBehind) + r.LeftMore
	first := r.LeftBehind[0]
	what := fmt.Sprintf("left %d (%s) behind, which leak: fail forbids; it was killed", first.Pid, first.Command)
	if n > 1 {
		what = fmt.Sprintf("left %d processes behind, %d (%s) first, which leak: fail forbids; they were killed", n, first.Pid, first.Command)
	}
	return what
}

func names(all []proc.Stat) string {
	var list []string
	for _, s := range all {
		list = append(list, fmt.Sprintf("%d (%s)", s.Pid, s.Command))
	}
	return strings.Join(list, ", ")
}

// delegated returns the cgroup below which phased may make its own on a host that
// systemd runs: the one that systemd has left to us, or our own below it.
func delegated(own proc.Cgroup) (string, error) {
	for at := own.Path; ; at = parent(at) {
		dir := own.Mount + at
		if marked(dir, "user.delegate") || marked(dir, "trusted.delegate") {
			name := at[strings.LastIndexByte(at, '/')+1:]
			if strings.HasPrefix(name, "user@") && strings.HasSuffix(name, ".service") && at != own.Path {
				return "", fmt.Errorf("%s is left to the systemd of a user, and %s is not left to phased", dir, own.Dir())
			}
			if parent(own.Path) == at {
				return dir, nil // DelegateSubgroup=
			}
			return own.Dir(), nil
		}
		if at == "/" {
			return "", fmt.Errorf("systemd runs this host, and neither %s nor one above it is delegated (Delegate=yes)", own.Dir())
		}
	}
}

func parent(path string) string {
	return "/" + strings.TrimPrefix(path[:max(0, strings.LastIndexByte(path, '/'))], "/")
}

func marked(dir, attr string) bool {
	var buf [8]byte
	n, err := unix.Getxattr(dir, attr, buf[:])
	return err == nil && string(buf[:n]) == "1"
}

// place finds where the cgroup of a run may be made, and whether phased itself
// is elsewhere.
func place() (dir string, beside bool, err error) {
	own, err := proc.OwnCgroup()
	if err != nil {
		return "", false, err
	}
	if st, err := os.Stat("/run/systemd/system"); err == nil && st.IsDir() {
		dir, err = delegated(own)
		return dir, dir != own.Dir(), err
	}
	return own.Dir(), false, nil
}

// Close removes what is empty. What hooks have left behind stays, in the cgroup
// of that name.
func (c *Containment) Close() {
	if c == nil {
		return
	}
	c.endIdle()
	if c.dir == "" {
		return
	}
	if c.shared != nil {
		unix.Close(c.shared.fd)
		c.shared = nil
	}
	removeCells(c.dir)
	unix.Close(c.lock)
	removeDead(c.below) // now: at the start the first hook would wait for it
	c.dir, c.lock = "", -1
}

// try finds out whether a process can be started in the cgroup, by one that has
// nothing to do.
func try(fd int) error {
	pid, err := syscall.ForkExec("/proc/self/fd/none", []string{"none"}, &syscall.ProcAttr{
		Sys: &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: fd},
	})
	if err == nil { // impossible
		_, _, err = reap(pid)
		return err
	}
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("cannot start a process in it: %w (needs Linux 5.7 or newer)", err)
}
