package locks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/proc"
)

// foreign is a lock of a package manager.
type foreign struct {
	lock string // the named lock that waits for it, too
	path string
	// ask returns whether somebody holds it, and who; pid 0: who cannot be seen.
	ask func(fd int) (pid int, held bool, err error)
}

// foreigners returns the locks of package managers that each named lock waits
// for, in the order in which the package manager takes them.
//
// apt and dpkg: lock-frontend is held over a whole transaction, lock by whoever
// changes dpkg's database (apt gives it to the dpkg that it runs), the others
// while lists and archives are fetched. dnf 5 and rpm lock files; dnf 4 and yum
// write their process id into one.
func foreigners(names []string) []foreign {
	var all []foreign
	for _, n := range names {
		switch n {
		case "apt":
			all = append(all,
				foreign{n, "/var/lib/dpkg/lock-frontend", recordLock},
				foreign{n, "/var/lib/dpkg/lock", recordLock},
				foreign{n, "/var/lib/apt/lists/lock", recordLock},
				foreign{n, "/var/cache/apt/archives/lock", recordLock},
			)
		case "dnf":
			all = append(all,
				foreign{n, "/var/cache/dnf/metadata_lock.pid", pidFile},
				foreign{n, "/var/cache/dnf/download_lock.pid", pidFile},
				foreign{n, "/var/lib/dnf/rpmdb_lock.pid", pidFile},
				foreign{n, "/run/yum.pid", pidFile},
				foreign{n, "/run/dnf/rpmtransaction.lock", recordLock},
				foreign{n, "/var/lib/rpm/.rpm.lock", recordLock},
				foreign{n, "/usr/lib/sysimage/rpm/.rpm.lock", recordLock},
			)
		}
	}
	return all
}

// busy is a lock that somebody holds.
type busy struct {
	foreign
	pid int
}

// managers waits until none of the package managers' locks is held. What cannot
// be looked at is told, and counts as free: the package manager itself will say
// what is the matter with it.
func (t *taking) managers(ctx context.Context, names []string) error {
	all := foreigners(names)
	if len(all) == 0 {
		return nil
	}
	w := waiting{told: t.told}
	unseen := map[string]bool{}
	for {
		b, held := t.firstHeld(all, unseen)
		if !held {
			return nil
		}
		w.what = "lock " + b.lock
		if err := w.pause(ctx, b.holder); err != nil {
			return err
		}
	}
}

// firstHeld asks about one lock after the other.
func (t *taking) firstHeld(all []foreign, unseen map[string]bool) (busy, bool) {
	for _, f := range all {
		f.path = t.l.o.Root + f.path
		pid, held, err := f.look()
		if err != nil && !unseen[f.path] {
			unseen[f.path] = true
			t.told(fmt.Sprintf("cannot see whether %s is held: %v; does not wait for it", f.path, err))
		}
		if held {
			return busy{f, pid}, true
		}
	}
	return busy{}, false
}

// look opens the file and asks. What is not there is free. To close it would give
// back record locks that this process has on it, and it never has any.
func (f foreign) look() (pid int, held bool, err error) {
	var fd int
	err = again(func() (err error) {
		fd, err = unix.Open(f.path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, false, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return 0, false, errors.New("no regular file")
	}
	return f.ask(fd)
}

// recordLock asks about fcntl's locks, those of open file descriptions included.
func recordLock(fd int) (pid int, held bool, err error) {
	lk := unix.Flock_t{Type: unix.F_WRLCK}
	if err := again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &lk) }); err != nil {
		return 0, false, err
	}
	return max(0, int(lk.Pid)), lk.Type != unix.F_UNLCK, nil
}

// slack is how much later than its pid file a process may seem to be started.
const slack = 2 * time.Second

// pidFile asks about a file that holds a process id, as dnf 4 does: it is held
// while there is such a process. One that was started after the file was written
// is another that got the same id.
func pidFile(fd int) (pid int, held bool, err error) {
	var buf [32]byte
	n, err := unix.Pread(fd, buf[:], 0)
	if err != nil {
		return 0, false, err
	}
	text := strings.TrimSpace(string(buf[:n]))
	if text == "" {
		return 0, false, nil
	}
	if pid, err = strconv.Atoi(text); err != nil || pid <= 0 {
		return 0, false, fmt.Errorf("it holds %q, expected a process id", text)
	}
	p, err := proc.Read(pid)
	if err != nil || p.Ended() {
		return 0, false, nil //nolint:nilerr // there is no such process any more
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, false, err
	}
	written := time.Since(time.Unix(st.Mtim.Unix()))
	return pid, proc.Age(p.Start, proc.Now())+slack >= written, nil
}

// longest is how much of a command line is told, in bytes.
const longest = 120

// holder tells who holds the lock. An error means that it will not be given back
// while this process waits.
func (b busy) holder() (string, error) {
	p, err := proc.Read(b.pid)
	switch {
	case b.pid == 0:
		return fmt.Sprintf(": a process that cannot be seen holds %s", b.path), nil
	case err != nil:
		return fmt.Sprintf(": process %d holds %s", b.pid, b.path), nil //nolint:nilerr // it has ended meanwhile
	case ancestor(b.pid):
		return "", fmt.Errorf("%s is held by %s (pid %d), inside of which this run goes on: it would wait for ever, and no other package manager can work in it", b.path, p.Command, b.pid)
	}
	line := proc.CommandLine(b.pid)
	if len(line) > longest {
		line = line[:longest] + "..."
	}
	return fmt.Sprintf(": %s (pid %d: %s) holds %s", p.Command, b.pid, line, b.path), nil
}

// ancestor reports whether this process descends from that one.
func ancestor(pid int) bool {
	for p := os.Getpid(); p > 1; {
		st, err := proc.Read(p)
		if err != nil {
			return false
		}
		if p = st.Parent; p == pid {
			return true
		}
	}
	return false
}
