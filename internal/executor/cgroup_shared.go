package executor

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// share makes the one cgroup of a run that is a personality's: what is killed in
// it is what descends from the hook, as with the originals, and nothing moves
// meanwhile.
func (c *Containment) share() error {
	g := &cgroup{c: c, dir: c.dir + "/hooks"}
	if err := unix.Mkdir(g.dir, 0o755); err != nil {
		return fmt.Errorf("cannot make cgroup %s: %w", g.dir, err)
	}
	var err error
	if g.fd, err = unix.Open(g.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("cannot open cgroup %s: %w", g.dir, err)
	}
	c.shared = g
	return nil
}

// inShared lets a process be started in the shared cgroup, where there is one.
func (c *Containment) inShared(attr *syscall.SysProcAttr) {
	if c != nil && c.shared != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, c.shared.fd
	}
}

// stilled makes nothing move in the shared cgroup while the tree is killed.
func (c *Containment) stilled(t *tree) *tree {
	if c != nil && c.shared != nil {
		t.still = c.keepStill
	}
	return t
}

// keepStill stops all that is in the shared cgroup, if it can until the deadline,
// and returns what lets it go on. One tree is killed at a time.
func (c *Containment) keepStill(deadline time.Time) func() {
	c.still.Lock()
	thaw := c.shared.freeze(deadline)
	return func() {
		thaw()
		c.still.Unlock()
	}
}

// unfrozen waits until a process that is started in the shared cgroup will run,
// and returns what lets it be frozen again.
func (c *Containment) unfrozen() func() {
	if c == nil || c.shared == nil {
		return func() {}
	}
	c.still.RLock()
	return c.still.RUnlock
}
