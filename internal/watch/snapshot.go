package watch

import (
	"crypto/sha256"
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Snapshot is what the watched files were at one moment, by path. What does not
// exist is not in it.
type Snapshot map[string]State

// State is what one file was.
type State struct {
	Mode   fs.FileMode       // type and permissions
	Sum    [sha256.Size]byte // of the content; of a link within a directory, of its target's
	Link   string            // of a link within a directory: what it holds
	Failed string            // why its content could not be read
	Touch  int64             // where a touch counts: its time, in nanoseconds
	Inode  uint64            // where a touch counts
}

// Change is one difference between two snapshots.
type Change struct {
	Path string
	What string // added, removed, changed, mode or touched
}

// Equal reports whether nothing differs.
func (s Snapshot) Equal(old Snapshot) bool { return maps.Equal(s, old) }

// Since returns what differs from an older snapshot, by path.
func (s Snapshot) Since(old Snapshot) []Change {
	var list []Change
	for path, is := range s {
		was, there := old[path]
		switch {
		case !there:
			list = append(list, Change{path, "added"})
		case is != was:
			list = append(list, Change{path, what(was, is)})
		}
	}
	for path := range old {
		if _, there := s[path]; !there {
			list = append(list, Change{path, "removed"})
		}
	}
	slices.SortFunc(list, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return list
}

func what(was, is State) string {
	switch {
	case was.Sum != is.Sum || was.Link != is.Link || was.Failed != is.Failed || was.Mode.Type() != is.Mode.Type():
		return "changed"
	case was.Mode != is.Mode:
		return "mode"
	}
	return "touched"
}

// Failed returns the paths whose content could not be read, with the reason.
func (s Snapshot) Failed() []Change {
	var list []Change
	for path, is := range s {
		if is.Failed != "" {
			list = append(list, Change{path, is.Failed})
		}
	}
	slices.SortFunc(list, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return list
}
