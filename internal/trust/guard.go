package trust

import (
	"errors"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// Guard watches over the hooks of one run: when the plan is made, when a phase
// is listed, and right before each hook. Its methods are for one goroutine.
//
// A hook is run by its path, so that $0 is what it is upstream. What keeps a
// swap between the last look and exec from being one is the look itself: nobody
// but root and this user can rename or write anything on the way.
type Guard struct {
	// EUID is the user that hooks run as.
	EUID int
	// Beside names the files that are obeyed beside the hooks of a phase; nil:
	// there are none.
	Beside func(phased.PlannedPhase) []string
	// known are the hooks that were found good, as they were then.
	known map[phased.Text]phased.FileID
}

// Plan returns what of a plan is not trusted: directories that are listed, hooks
// that run, the local.conf. Each fault is told once a phase.
func (g *Guard) Plan(p phased.Plan) []phased.Untrusted {
	c := NewChecker(g.EUID)
	defer c.Close()
	f := &finder{}
	if p.Session != nil && p.Session.Conf != "" {
		f.add("", c.fileProblem(string(p.Session.Conf)))
	}
	if p.Environment != nil {
		g.phase(c, f, *p.Environment)
	}
	for _, ph := range p.Phases {
		g.phase(c, f, ph)
	}
	if p.Failure != nil {
		g.phase(c, f, *p.Failure)
	}
	return f.found
}

// Phase returns what of a phase is not trusted as it is now.
func (g *Guard) Phase(p phased.PlannedPhase) []phased.Untrusted {
	c := NewChecker(g.EUID)
	defer c.Close()
	f := &finder{}
	g.phase(c, f, p)
	return f.found
}

// Hook returns why a hook that is about to be run is not trusted; nil where it
// is. While it is the very file, unchanged, that was judged before, one system
// call says so: whatever has changed shows in its identity or its times.
func (g *Guard) Hook(path phased.Text) *Problem {
	var st unix.Stat_t
	err := ignoringEINTR(func() error { return unix.Stat(string(path), &st) })
	if err != nil {
		return nil // there is nothing to run: whoever tries to says why
	}
	if known, ok := g.known[path]; ok && known == identity(&st) {
		return nil
	}
	c := NewChecker(g.EUID)
	defer c.Close()
	id, p, err := c.File(string(path))
	if err != nil {
		return unlooked(string(path), err)
	}
	if p == nil {
		g.learn(path, id)
	}
	return p
}

func (g *Guard) learn(path phased.Text, id phased.FileID) {
	if g.known == nil {
		g.known = make(map[phased.Text]phased.FileID, 64)
	}
	g.known[path] = id
}

// phase judges one phase.
func (g *Guard) phase(c *Checker, f *finder, p phased.PlannedPhase) {
	dirs := map[string]*node{}
	for _, d := range p.Dirs {
		end, err := c.walk(string(d))
		if err != nil {
			f.add(p.Name, gone(string(d), err))
			continue
		}
		f.add(p.Name, c.ends(string(d), &end))
		if end.name == "" {
			dirs[string(d)] = end.dir
		}
	}
	if g.Beside != nil {
		for _, path := range g.Beside(p) {
			f.add(p.Name, c.fileProblem(path))
		}
	}
	for _, e := range p.Entries {
		if e.Verdict == phased.VerdictRun && e.Path != "" && !p.Localrc {
			f.add(p.Name, g.entry(c, dirs, e.Path))
		}
	}
}

// entry judges a hook. Most are files of a directory that was judged: they take
// one system call.
func (g *Guard) entry(c *Checker, dirs map[string]*node, path phased.Text) *Problem {
	dir, name := filepath.Split(string(path))
	if n := dirs[strings.TrimSuffix(dir, "/")]; n != nil {
		end, err := c.look(n, name)
		if err == nil && end.st.Mode&unix.S_IFMT == unix.S_IFREG {
			p := c.ends(string(path), &end)
			if p == nil {
				g.learn(path, identity(&end.st))
			}
			return p
		}
	}
	id, p, err := c.File(string(path))
	if err != nil {
		return gone(string(path), err)
	}
	if p == nil {
		g.learn(path, id)
	}
	return p
}

// fileProblem is File without the identity.
func (c *Checker) fileProblem(path string) *Problem {
	_, p, err := c.File(path)
	if err != nil {
		return gone(path, err)
	}
	return p
}

// gone is no problem: what is not there is not run, and where it comes back it
// is looked at before it is.
func gone(path string, err error) *Problem {
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return unlooked(path, err)
}

func unlooked(path string, err error) *Problem {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return problem(path, path, "cannot be judged: "+err.Error(), "")
}

// finder collects problems, each fault of a phase once.
type finder struct {
	found []phased.Untrusted
	told  map[[3]string]bool
}

func (f *finder) add(phase string, p *Problem) {
	if p == nil {
		return
	}
	key := [3]string{phase, p.At, p.What}
	if f.told[key] {
		return
	}
	if f.told == nil {
		f.told = map[[3]string]bool{}
	}
	f.told[key] = true
	f.found = append(f.found, p.Untrusted(phase))
}
