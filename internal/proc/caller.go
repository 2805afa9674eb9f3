package proc

import (
	"bytes"
	"strconv"
)

// mostShells is how many shells in a row Caller looks behind.
const mostShells = 4

// Caller returns who started a child of the process parent: that process, or,
// where it is a shell that was given the one command (sh -c COMMAND, as system(3)
// and other programs start one), who started that.
func Caller(parent int) (Stat, error) {
	s, err := Read(parent)
	for range mostShells {
		if err != nil || !givenCommand(s) {
			break
		}
		above, err := Read(s.Parent)
		if err != nil {
			break
		}
		s = above
	}
	return s, err
}

// givenCommand reports whether a process is a shell that was started with -c.
func givenCommand(s Stat) bool {
	switch s.Command {
	case "sh", "dash", "bash":
	default:
		return false
	}
	var buf [64]byte
	n, err := readFile("/proc/"+strconv.Itoa(s.Pid)+"/cmdline", buf[:])
	if err != nil {
		return false
	}
	_, args, _ := bytes.Cut(buf[:n], []byte{0})
	return bytes.HasPrefix(args, []byte("-c\x00"))
}
