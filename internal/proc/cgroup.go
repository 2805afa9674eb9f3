package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Cgroup is the place of this process among the control groups of version 2.
type Cgroup struct {
	Mount string // directory where they are mounted
	Path  string // below it, beginning with a slash
}

// Dir is the directory of the place.
func (c Cgroup) Dir() string { return filepath.Join(c.Mount, c.Path) }

// OwnCgroup returns where this process is, as /proc tells: in a unified
// hierarchy, or in a hybrid one, where version 2 is mounted somewhere beside
// version 1.
func OwnCgroup() (Cgroup, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Cgroup{}, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Cgroup{}, err
	}
	return cgroupOf(mounts, own)
}

var (
	errNoCgroup2 = errors.New("no cgroup2 file system is mounted")
	errNoPlace   = errors.New("/proc/self/cgroup names no place in the cgroups of version 2")
)

// cgroupOf finds the place in what stands in mountinfo and in /proc/self/cgroup.
// Of several mounts it is the last that shows the place: a later one may lie on
// top of an earlier.
func cgroupOf(mounts, own []byte) (Cgroup, error) {
	place := ""
	for line := range bytes.Lines(own) {
		if p, ok := strings.CutPrefix(strings.TrimSuffix(string(line), "\n"), "0::"); ok {
			place = strings.TrimSuffix(p, " (deleted)")
		}
	}
	if !strings.HasPrefix(place, "/") {
		return Cgroup{}, errNoPlace
	}
	if outside(place) {
		return Cgroup{}, fmt.Errorf("this process is outside of its cgroup namespace (%s)", place)
	}
	found, err := Cgroup{}, errNoCgroup2
	for line := range bytes.Lines(mounts) {
		root, dir, ok := cgroupMount(string(line))
		if !ok {
			continue
		}
		below, inside := under(root, place)
		if outside(root) || !inside {
			if err != nil {
				err = fmt.Errorf("the cgroup2 file system at %s shows %s, and not %s, where this process is", dir, root, place)
			}
			continue
		}
		found, err = Cgroup{Mount: dir, Path: below}, nil
	}
	return found, err
}

// Umask returns the umask of this process; 022 where /proc does not tell (before
// Linux 4.7). To ask the kernel would change it for a moment.
func Umask() int {
	const usual = 0o22
	p, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return usual
	}
	_, after, ok := bytes.Cut(p, []byte("\nUmask:"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 8, 32)
	if !ok || err != nil {
		return usual
	}
	return int(n)
}

// outside reports whether a path leads out of the cgroup namespace.
func outside(p string) bool { return p == "/.." || strings.HasPrefix(p, "/../") }

// under returns the place as it is seen where root is mounted.
func under(root, place string) (string, bool) {
	if root == "/" {
		return path.Clean(place), true
	}
	rest, ok := strings.CutPrefix(place, root)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return path.Clean("/" + rest), true
}

// cgroupMount takes a line of mountinfo apart: the root of the mount and its
// directory, where it is of type cgroup2.
func cgroupMount(line string) (root, dir string, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	kind, _, _ := strings.Cut(after, " ")
	if !ok || kind != "cgroup2" {
		return "", "", false
	}
	f := strings.Fields(before)
	if len(f) < 5 {
		return "", "", false
	}
	return unescape(f[3]), unescape(f[4]), true
}

// unescape gives back the bytes that the kernel writes as octal in mountinfo.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// CgroupPids returns the processes of the cgroup of that directory and of those
// below it, also where that vanishes meanwhile. A directory whose name is one of
// except is left out, at the top.
func CgroupPids(dir string, except ...string) ([]int, error) {
	p, err := os.ReadFile(dir + "/cgroup.procs")
	if err != nil {
		if gone(err) || errors.Is(err, syscall.ENODEV) {
			return nil, nil
		}
		return nil, err
	}
	var pids []int
	for f := range bytes.FieldsSeq(p) {
		if pid, err := strconv.Atoi(string(f)); err == nil && pid > 0 { // 0: of another pid namespace
			pids = append(pids, pid)
		}
	}
	below, err := CgroupsBelow(dir)
	for _, name := range below {
		if slices.Contains(except, name) {
			continue
		}
		more, e := CgroupPids(dir + "/" + name)
		pids = append(pids, more...)
		err = errors.Join(err, e)
	}
	return pids, err
}

// CgroupsBelow returns the names of the cgroups right below one; none where that
// has vanished.
func CgroupsBelow(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return nil, nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}
