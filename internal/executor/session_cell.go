package executor

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

// sessionCells are the cgroups of a session: one a hook, to which the shell is
// moved before it sources that, and where what it starts in the background stays
// when it goes on. Where nobody but the shell is left of a hook, the next one has
// its cgroup: to move a shell takes the kernel longer than most hooks do.
// Together they are what belongs to the session.
type sessionCells struct {
	all   []*cgroup // the last is where the shell is; those before it are not empty
	procs int       // cgroup.procs of the last, open
	alone bool      // nobody but the shell is in the last
}

// add makes a cgroup the last one, where the shell is.
func (c *sessionCells) add(g *cgroup) error {
	fd, err := unix.Openat(g.fd, "cgroup.procs", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("cannot open cgroup %s: %w", g.dir, err)
	}
	if len(c.all) > 0 {
		unix.Close(c.procs)
	}
	c.all = append(slices.DeleteFunc(c.all, func(g *cgroup) bool { return g.close(false) }), g)
	c.procs, c.alone = fd, false
	return nil
}

// only reports whether that process is all that is in the last cgroup and below.
func (c *sessionCells) only(pid int) bool {
	var buf [32]byte
	n, err := unix.Pread(c.procs, buf[:], 0)
	if err != nil || string(buf[:n]) != strconv.Itoa(pid)+"\n" {
		return false
	}
	var st unix.Stat_t
	return unix.Fstat(c.all[len(c.all)-1].fd, &st) == nil && st.Nlink == 2
}

// enterCell lets the shell be started in a cgroup.
func (s *Session) enterCell(attr *syscall.SysProcAttr) error {
	switch {
	case s.Contain.mode() != phased.ContainCgroup:
		return nil
	case s.Contain.shared != nil:
		attr.UseCgroupFD, attr.CgroupFD = true, s.Contain.shared.fd
		return nil
	}
	g, err := s.Contain.newCell(phased.Hook{Name: "session"})
	if err != nil {
		return err
	}
	s.cells = &sessionCells{}
	if err := s.cells.add(g); err != nil {
		return err
	}
	s.cells.alone = true
	attr.UseCgroupFD, attr.CgroupFD = true, g.fd
	return nil
}

// nextCell moves the shell to the cgroup of the hook that it sources next. Where
// that fails, it stays where it is.
func (s *Session) nextCell(h phased.Hook) {
	if s.cells == nil || s.over || s.cells.alone {
		return
	}
	g, err := s.Contain.newCell(h)
	if err == nil {
		if err = writeTo(g.dir+"/cgroup.procs", strconv.Itoa(s.pid)); err == nil {
			err = s.cells.add(g)
		}
		if err != nil {
			g.close(true)
		}
	}
	if err != nil {
		s.setup.Sink.Warning(fmt.Sprintf("hook %s shares the cgroup of the one before: %v", h.Name, err))
	}
}

// leftBehind puts down what the hook that has ended has left running.
func (s *Session) leftBehind(r *phased.Result) {
	if s.cells == nil || s.over {
		return
	}
	if s.cells.alone = s.cells.only(s.pid); s.cells.alone {
		return
	}
	in, _, err := s.cells.all[len(s.cells.all)-1].look()
	if err != nil {
		return
	}
	in = slices.DeleteFunc(in, func(p proc.Stat) bool { return p.Pid == s.pid })
	if list, more := ledger(in); len(list) > 0 {
		r.Leak, r.LeftBehind, r.LeftMore = phased.LeakKeep, list, more
	}
}

// leaveCells lets what is left of the session live on.
func (s *Session) leaveCells() error {
	if s.cells == nil {
		return nil
	}
	var err error
	for _, g := range s.cells.all {
		if !g.close(false) {
			err = errors.Join(err, g.keep())
			g.close(true)
		}
	}
	unix.Close(s.cells.procs)
	s.cells = nil
	return err
}

func (c *sessionCells) exact() bool { return false }

func (c *sessionCells) look() (in []proc.Stat, empty bool, err error) {
	empty = true
	for _, g := range c.all {
		some, none, e := g.look()
		in, empty, err = append(in, some...), empty && none, errors.Join(err, e)
	}
	return in, empty, err
}

func (c *sessionCells) kill(deadline time.Time) int {
	n := 0
	for _, g := range c.all { // first all, then to wait: one may start what another waits for
		_ = writeTo(g.dir+"/cgroup.freeze", "1")
	}
	for _, g := range c.all {
		n += g.kill(deadline)
		_ = writeTo(g.dir+"/cgroup.freeze", "0")
	}
	return n
}

func (c *sessionCells) keep() error { return nil }

func (c *sessionCells) usage(*phased.Usage) {}

func (c *sessionCells) close(bool) bool { return false }
