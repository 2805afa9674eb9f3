// Package proc tells which process is which: identity (pid, start time, boot
// id), ancestry and environment, by reading /proc.
//
// It is a leaf: it imports nothing of phased, sends no signal and starts
// nothing. What a pid means may change at any moment; every caller that acts on
// one checks the start time first.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Stat is what /proc/PID/stat tells of a process.
type Stat struct {
	Pid, Parent, Group, Session int
	State                       byte   // 'R', 'S', 'T', 'Z', ...
	Start                       uint64 // clock ticks since boot
	Command                     string // the kernel's name of it, at most 15 bytes
}

// Read returns the stat of a process; an error that is fs.ErrNotExist where
// there is none.
func Read(pid int) (Stat, error) {
	p, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		if gone(err) {
			return Stat{}, fs.ErrNotExist
		}
		return Stat{}, err
	}
	return parse(p)
}

// parse reads one line of /proc/PID/stat. The command stands in parentheses and
// may hold anything, blanks and parentheses included.
func parse(p []byte) (Stat, error) {
	open, end := bytes.IndexByte(p, '('), bytes.LastIndexByte(p, ')')
	if open < 1 || end < open {
		return Stat{}, fmt.Errorf("cannot read process stat %q", p)
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(p[:open])))
	if err != nil {
		return Stat{}, fmt.Errorf("cannot read process stat: %w", err)
	}
	f := strings.Fields(string(p[end+1:]))
	if len(f) < 20 {
		return Stat{}, fmt.Errorf("cannot read process stat %q", p)
	}
	s := Stat{Pid: pid, Command: string(p[open+1 : end]), State: f[0][0]}
	for i, dst := range []*int{&s.Parent, &s.Group, &s.Session} {
		if *dst, err = strconv.Atoi(f[1+i]); err != nil {
			return Stat{}, fmt.Errorf("cannot read process stat: %w", err)
		}
	}
	s.Start, err = strconv.ParseUint(f[19], 10, 64)
	if err != nil {
		return Stat{}, fmt.Errorf("cannot read process stat: %w", err)
	}
	return s, nil
}

func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "no such process")
}

// Alive reports whether the process with that pid and start time still runs; a
// zombie does not. A start of 0 stands for any.
func Alive(pid int, start uint64) bool {
	s, err := Read(pid)
	return err == nil && s.State != 'Z' && s.State != 'X' && (start == 0 || s.Start == start)
}

// BootID returns the kernel's boot id, or "" where it cannot be read.
func BootID() string {
	p, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(p))
}

// All returns the stat of every process that can be seen. Processes that end
// meanwhile are left out.
func All() ([]Stat, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var all []Stat
	for _, n := range names {
		pid, err := strconv.Atoi(n)
		if err != nil {
			continue
		}
		if s, err := Read(pid); err == nil {
			all = append(all, s)
		}
	}
	return all, nil
}

// Environ returns the environment that the process was started with, as
// NAME=value; nil where it cannot be read.
func Environ(pid int) []string {
	p, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil || len(p) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(p), "\x00"), "\x00")
}

// CommandLine returns the process's arguments separated by blanks, or its
// command name in brackets where it has none.
func CommandLine(pid int) string {
	p, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err == nil && len(p) > 0 {
		return strings.TrimSpace(strings.ReplaceAll(string(p), "\x00", " "))
	}
	if s, err := Read(pid); err == nil {
		return "[" + s.Command + "]"
	}
	return ""
}
