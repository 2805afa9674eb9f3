package executor

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

// containByCgroup makes the cgroup of a run.
//
//	BELOW/phased-RUN/          made at the start of the run, locked by flock while it lives
//	    0-try/                 empty: what was tried before the first hook
//	    1-FIRST-HOOK/          each while its hook runs
//	    kept/                  what hooks have left behind, where that is to live
//
// The directory goes when the run ends, unless somebody is in kept. What dead
// runs have left of such directories, empty, the next run removes at its end.
func containByCgroup(o ContainOptions) (*Containment, error) {
	below, beside := o.Below, false
	if below == "" {
		var err error
		if below, beside, err = place(); err != nil {
			return nil, err
		}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(below, &fs); err != nil {
		return nil, fmt.Errorf("cannot look at %s: %w", below, err)
	}
	if fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return nil, fmt.Errorf("%s is no cgroup of version 2", below)
	}
	dir := below + "/" + phased.RunCell(o.Run)
	lock, err := lockedCell(dir)
	if err != nil {
		return nil, err
	}
	c := &Containment{fact: phased.Containment{Mode: phased.ContainCgroup, Path: phased.Text(dir)}, dir: dir, below: below, lock: lock}
	if beside { // a cgroup with processes and controllers of its own takes no others in
		c.enable(below)
	}
	c.counts = c.enable(dir)
	// Tried in a cell, since what has controllers may have no process of its own.
	// It goes with the run's, at the end: the first hook would wait for it.
	c.n.Store(-1)
	first, err := c.newCell(phased.Hook{Name: "try"})
	if err == nil {
		err = try(first.fd)
		unix.Close(first.fd)
	}
	if err == nil && o.Shared {
		err = c.share()
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return c, nil
}

// lockedCell makes a directory and locks it. Another run may take it for a dead
// one's, and remove it, before that.
func lockedCell(dir string) (int, error) {
	for {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return -1, fmt.Errorf("cannot make a cgroup: %w", err)
		}
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return -1, fmt.Errorf("cannot open cgroup %s: %w", dir, err)
		}
		if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("cannot lock cgroup %s: %w", dir, err)
		}
		var held, now unix.Stat_t
		if unix.Fstat(fd, &held) == nil && unix.Stat(dir, &now) == nil && held.Ino == now.Ino {
			return fd, nil
		}
		unix.Close(fd)
	}
}

// removeDead removes what dead runs have left of their cgroups, as far as nobody
// is in them.
func removeDead(below string) {
	names, err := proc.CgroupsBelow(below)
	if err != nil {
		return
	}
	for _, name := range names {
		if !strings.HasPrefix(name, phased.CellPrefix) {
			continue
		}
		dir := below + "/" + name
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil { // nobody's any more
			removeCells(dir)
		}
		unix.Close(fd)
	}
}

// removeCells removes a cgroup and those below it as far as they are empty, and
// reports whether nothing is left.
func removeCells(dir string) bool {
	err := unix.Rmdir(dir)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return true
	}
	below, err := proc.CgroupsBelow(dir)
	if err != nil || len(below) == 0 {
		return false
	}
	for _, name := range below {
		removeCells(dir + "/" + name)
	}
	return unix.Rmdir(dir) == nil
}

// enable passes on the controllers that tell what hooks use, as far as there are
// any, and reports so. A cgroup with processes of its own refuses.
func (c *Containment) enable(dir string) bool {
	p, err := os.ReadFile(dir + "/cgroup.controllers")
	if err != nil {
		return false
	}
	some := false
	for f := range bytes.FieldsSeq(p) {
		switch string(f) {
		case "memory", "pids", "io":
			if writeTo(dir+"/cgroup.subtree_control", "+"+string(f)) == nil {
				some = true
			}
		}
	}
	return some
}

func writeTo(path, text string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		_, err = unix.Write(fd, []byte(text))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// cgroup is the cell of one hook: a cgroup.
type cgroup struct {
	c   *Containment
	dir string
	fd  int
	// slow keeps it from using cgroup.kill, as on Linux before 5.14.
	slow bool
}

// newCell makes the cgroup of the next hook.
func (c *Containment) newCell(h phased.Hook) (*cgroup, error) {
	g := &cgroup{c: c, dir: c.dir + "/" + phased.CellName(int(c.n.Add(1)), h.Name)}
	if err := unix.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot make cgroup %s: %w", g.dir, err)
	}
	var err error
	if g.fd, err = unix.Open(g.dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
		_ = unix.Rmdir(g.dir)
		return nil, fmt.Errorf("cannot open cgroup %s: %w", g.dir, err)
	}
	return g, nil
}

func (g *cgroup) exact() bool { return false }

// read reads a small file of the cgroup; nil where it cannot.
func (g *cgroup) read(name string) []byte {
	fd, err := unix.Openat(g.fd, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	n, _ := read(fd, buf)
	return buf[:n]
}

// value returns the number behind the key in a file of keys and numbers.
func value(p []byte, key string) int64 {
	for line := range bytes.Lines(p) {
		if v, ok := bytes.CutPrefix(line, []byte(key+" ")); ok {
			n, _ := strconv.ParseInt(string(bytes.TrimSpace(v)), 10, 64)
			return n
		}
	}
	return 0
}

func (g *cgroup) look() ([]proc.Stat, bool, error) {
	events := g.read("cgroup.events")
	if len(events) > 0 && value(events, "populated") == 0 {
		return nil, true, nil
	}
	pids, err := proc.CgroupPids(g.dir)
	var in []proc.Stat
	for _, pid := range pids {
		if s, err := proc.Read(pid); err == nil && !s.Ended() {
			in = append(in, s)
		}
	}
	return in, false, err
}

func (g *cgroup) kill(deadline time.Time) int {
	in, empty, _ := g.look()
	if empty {
		return 0
	}
	n := len(in)
	if g.slow || writeTo(g.dir+"/cgroup.kill", "1") != nil {
		n = g.killFrozen(deadline)
	} else if soon := time.Now().Add(killWait); soon.Before(deadline) && !g.await("populated", 0, soon) {
		// It passes over a process whose first thread has ended.
		if in, _, err := g.look(); err == nil {
			for _, s := range in {
				_ = send(s, unix.SIGKILL) // gone is no error
			}
		}
	}
	g.await("populated", 0, deadline)
	return n
}

// killFrozen kills what is in it one by one. Nothing can fork meanwhile.
func (g *cgroup) killFrozen(deadline time.Time) int {
	defer g.freeze(deadline)()
	in, _, _ := g.look()
	n := 0
	for _, s := range in {
		if send(s, unix.SIGKILL) == nil {
			n++
		}
	}
	return n
}

// freeze stops all that is in it, if it can until the deadline, and returns what
// lets it go on.
func (g *cgroup) freeze(deadline time.Time) func() {
	if writeTo(g.dir+"/cgroup.freeze", "1") != nil {
		return func() {}
	}
	g.await("frozen", 1, deadline)
	return func() { _ = writeTo(g.dir+"/cgroup.freeze", "0") }
}

// await waits until cgroup.events tells the value, or the deadline, and reports
// whether it has told: callers look again.
func (g *cgroup) await(key string, want int64, deadline time.Time) bool {
	fd, err := unix.Openat(g.fd, "cgroup.events", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var buf [256]byte
	for {
		n, err := unix.Pread(fd, buf[:], 0)
		if err == nil && value(buf[:n], key) == want {
			return true
		}
		if err != nil && !errors.Is(err, unix.EINTR) || !time.Now().Before(deadline) {
			return false
		}
		if poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}, deadline) != nil {
			return false
		}
	}
}

// keepRounds is how often what keeps forking while it is moved is moved again.
const keepRounds = 50

// keep moves what is in it to the cgroup of the run for what lives on.
func (g *cgroup) keep() error {
	kept := g.c.dir + "/" + phased.KeptCell
	if err := unix.Mkdir(kept, 0o755); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("cannot make cgroup %s: %w", kept, err)
	}
	var failed error
	for range keepRounds {
		pids, err := proc.CgroupPids(g.dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		failed = nil
		for _, pid := range pids {
			err := writeTo(kept+"/cgroup.procs", strconv.Itoa(pid))
			if err != nil && !errors.Is(err, unix.ESRCH) {
				failed = fmt.Errorf("cannot move process %d to cgroup %s: %w", pid, kept, err)
			}
		}
	}
	return failed
}

func (g *cgroup) usage(u *phased.Usage) {
	if u == nil {
		return
	}
	stat := g.read("cpu.stat")
	// Whoever reports less has counted less: the time of orphans, or, before the
	// next tick, of the last moment.
	u.User = max(u.User, time.Duration(value(stat, "user_usec"))*time.Microsecond)
	u.System = max(u.System, time.Duration(value(stat, "system_usec"))*time.Microsecond)
	if !g.c.counts {
		return
	}
	u.Memory = number(g.read("memory.peak"))
	u.Tasks = number(g.read("pids.peak"))
	var in, out int64
	for line := range bytes.Lines(g.read("io.stat")) {
		for f := range bytes.FieldsSeq(line) {
			if n, ok := bytes.CutPrefix(f, []byte("rbytes=")); ok {
				in += number(n)
			} else if n, ok := bytes.CutPrefix(f, []byte("wbytes=")); ok {
				out += number(n)
			}
		}
	}
	u.Read, u.Written = max(u.Read, in), max(u.Written, out)
}

func number(p []byte) int64 {
	n, _ := strconv.ParseInt(string(bytes.TrimSpace(p)), 10, 64)
	return n
}

func (g *cgroup) close(force bool) bool {
	if g.fd < 0 {
		return true
	}
	err := unix.Rmdir(g.dir)
	empty := err == nil || errors.Is(err, unix.ENOENT)
	if !empty && force {
		empty = removeCells(g.dir)
	}
	if empty || force {
		unix.Close(g.fd)
		g.fd = -1
	}
	return empty
}
