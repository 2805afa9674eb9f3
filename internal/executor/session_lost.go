package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"phased/internal/proc"
)

// What a snapshot cannot hold is kept beside it, in words, so that who goes on
// with it is told: descriptors that are open, and processes in the background.

// savedLost is the file beside a snapshot that says what is not in it, a line
// each.
func savedLost(snapshot string) string { return snapshot + ".lost" }

// unsaved returns what of the session no snapshot holds. The shell may still be
// speaking, with 1 and 2 redirected: they are left out.
func (s *Session) unsaved() []string {
	var all []string
	dir := "/proc/" + strconv.Itoa(s.pid) + "/"
	for _, fd := range openDescriptors(dir + "fd") {
		target, err := os.Readlink(dir + "fd/" + strconv.Itoa(fd))
		switch {
		case err != nil:
		case fd == 1 || fd == 2 || fd == 0 && target == s.stdin:
		case fd > 2 && closesOnExec(dir+"fdinfo/"+strconv.Itoa(fd)): // bash's own
		default:
			all = append(all, fmt.Sprintf("descriptor %d was open on %s", fd, target))
		}
	}
	for pid := range childSet(s.pid) {
		if !proc.Alive(pid, 0) {
			continue
		}
		command, _ := readAll("/proc/" + strconv.Itoa(pid) + "/cmdline") // empty while it calls exec
		command = strings.TrimSpace(strings.ReplaceAll(command, "\x00", " "))
		all = append(all, strings.TrimSuffix(fmt.Sprintf("process %d ran in the background: %s", pid, command), ": "))
	}
	slices.Sort(all)
	return all
}

// openDescriptors returns the numbers in a directory of /proc.
func openDescriptors(dir string) []int {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1) // those that it has read
	fds := make([]int, 0, len(names))
	for _, n := range names {
		if fd, err := strconv.Atoi(n); err == nil {
			fds = append(fds, fd)
		}
	}
	slices.Sort(fds)
	return fds
}

// closesOnExec reports whether a descriptor is not handed on to programs, by its
// entry in fdinfo.
func closesOnExec(info string) bool {
	p, _ := readAll(info) // closed meanwhile: no flags
	_, flags, _ := strings.Cut(p, "flags:\t")
	flags, _, _ = strings.Cut(flags, "\n")
	n, err := strconv.ParseUint(flags, 8, 64)
	const closeOnExec = 0o2000000
	return err == nil && n&closeOnExec != 0
}

// keepLost puts what the last snapshot does not hold beside it.
func (n *snapshots) keepLost(s *Session) error {
	lost := s.unsaved()
	if slices.Equal(lost, n.lost) {
		return nil
	}
	n.lost = lost
	path := savedLost(filepath.Join(s.dir, SavedLast))
	if len(lost) == 0 {
		return os.Remove(path)
	}
	if err := os.WriteFile(path+".next", []byte(strings.Join(oneLineEach(lost), "\n")+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".next", path)
}

// oneLineEach makes sure that no text has lines of its own.
func oneLineEach(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = strings.ReplaceAll(t, "\n", " ")
	}
	return out
}

// readLost returns what a snapshot does not hold.
func readLost(snapshot string) []string {
	p, err := os.ReadFile(savedLost(snapshot))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(p), "\n"), "\n")
}
