package proc

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
)

// Stat is what /proc/PID/stat tells of a process.
type Stat struct {
	Pid, Parent, Group, Session int
	State                       byte // 'R', 'S', 'T', 'Z', ...
	Threads                     int
	Start                       uint64 // clock ticks since boot
	Command                     string // the kernel's name of it: of a program, at most 15 bytes
}

// Ended reports whether the process no longer runs: it is a zombie that waits
// for its parent. One whose first thread alone has ended still runs.
func (s Stat) Ended() bool {
	return s.State == 'X' || s.State == 'Z' && s.Threads <= 1
}

// The fields of /proc/PID/stat after the command, as proc(5) numbers them, less 3.
const (
	fieldState = iota
	fieldParent
	fieldGroup
	fieldSession
	fieldThreads = 17
	fieldStart   = 19
)

// parse reads one line of /proc/PID/stat. The command stands in parentheses and
// may hold anything, blanks and parentheses included.
func parse(p []byte) (Stat, error) {
	open, end := bytes.IndexByte(p, '('), bytes.LastIndexByte(p, ')')
	if open < 1 || end < open {
		return Stat{}, fmt.Errorf("cannot read process stat %q: no command in parentheses", p)
	}
	s := Stat{Command: string(p[open+1 : end])}
	var err error
	if s.Pid, err = number(bytes.TrimSpace(p[:open])); err != nil {
		return Stat{}, err
	}
	rest := p[end+1:]
	for i := range fieldStart + 1 {
		var f []byte
		rest = bytes.TrimLeft(rest, " \n")
		f, rest = cut(rest)
		if len(f) == 0 {
			return Stat{}, fmt.Errorf("cannot read process stat %q: %d fields after the command, expected at least %d", p, i, fieldStart+1)
		}
		switch i {
		case fieldState:
			s.State = f[0]
		case fieldParent:
			s.Parent, err = number(f)
		case fieldGroup:
			s.Group, err = number(f)
		case fieldSession:
			s.Session, err = number(f)
		case fieldThreads:
			s.Threads, err = number(f)
		case fieldStart:
			s.Start, err = strconv.ParseUint(string(f), 10, 64)
		}
		if err != nil {
			return Stat{}, fmt.Errorf("cannot read process stat: %w", err)
		}
	}
	return s, nil
}

func cut(p []byte) (field, rest []byte) {
	if i := bytes.IndexAny(p, " \n"); i >= 0 {
		return p[:i], p[i:]
	}
	return p, nil
}

func number(p []byte) (int, error) {
	n, err := strconv.Atoi(string(p))
	if err != nil {
		return 0, fmt.Errorf("cannot read process stat: %w", err)
	}
	return n, nil
}

// Descendants returns the children of the roots, their children and so on,
// each once, parents before their children, without the roots. A process whose
// parent has ended is no descendant any more: it was handed on.
func Descendants(all []Stat, roots ...int) []Stat {
	children := make(map[int][]int, len(all))
	for i, s := range all {
		children[s.Parent] = append(children[s.Parent], i)
	}
	seen := make(map[int]bool, len(roots))
	for _, pid := range roots {
		seen[pid] = true
	}
	var found []Stat
	queue := slices.Clone(roots)
	for len(queue) > 0 {
		next := children[queue[0]]
		queue = queue[1:]
		for _, i := range next {
			if s := all[i]; !seen[s.Pid] {
				seen[s.Pid] = true
				found = append(found, s)
				queue = append(queue, s.Pid)
			}
		}
	}
	return found
}

// Parse reads what stands in /proc/PID/stat.
func Parse(p []byte) (Stat, error) { return parse(p) }
