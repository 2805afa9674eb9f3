package trust

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	othersWrite = 0o022
	sticky      = 0o1000
)

// judge returns what is wrong with a file or directory by its own owner and
// mode: "" where only root and this user can write it. A POSIX ACL needs no look
// of its own: where one lets anybody write, its mask lets it, and the mask is
// what the kernel shows as the mode's bits of the group.
func (c *Checker) judge(path string, st *unix.Stat_t) (what, cure string) {
	var whats, cures []string
	if !c.own(st.Uid) {
		whats = append(whats, fmt.Sprintf("belongs to user %d", st.Uid))
		cures = append(cures, fmt.Sprintf("chown %s %s", c.owner(), shown(path)))
	}
	if st.Mode&othersWrite != 0 && st.Mode&unix.S_IFMT != unix.S_IFLNK {
		who := fmt.Sprintf("its group %d", st.Gid)
		if st.Mode&0o002 != 0 {
			who = "everybody"
		}
		whats = append(whats, fmt.Sprintf("can be written by %s (mode 0%o)", who, st.Mode&0o7777))
		cures = append(cures, "chmod go-w "+shown(path))
	}
	return strings.Join(whats, " and "), strings.Join(cures, "; ")
}

// good reports whether judge finds nothing.
func (c *Checker) good(st *unix.Stat_t) bool {
	return c.own(st.Uid) && (st.Mode&othersWrite == 0 || st.Mode&unix.S_IFMT == unix.S_IFLNK)
}

// own reports whether that user may have written what is trusted.
func (c *Checker) own(uid uint32) bool { return uid == 0 || uid == c.uid }

// owner is whom the cure gives a file to.
func (c *Checker) owner() string {
	if c.uid == 0 {
		return "root:"
	}
	return fmt.Sprint(c.uid)
}

// protects reports whether a directory that others can write keeps them from
// this entry of it all the same: its sticky bit lets only the entry's owner, its
// own and root rename or remove what lies in it. A file or link with a second
// name may have been put there by whoever could make one.
func (c *Checker) protects(dir, entry *unix.Stat_t) bool {
	return dir.Mode&sticky != 0 && c.own(dir.Uid) && c.own(entry.Uid) &&
		(entry.Mode&unix.S_IFMT == unix.S_IFDIR || entry.Nlink == 1)
}
