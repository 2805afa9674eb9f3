// Package locks owns the named locks of this host, and the waiting for the locks
// of package managers.
//
// A named lock is flock(2) on a file: whatever takes it, a hook of this run or of
// another one, excludes all others, and the kernel gives it back when phased
// ends, however that happens. Hooks do not inherit it. Of a package manager's
// locks none is ever taken: the hook's own apt-get could not have it then. They
// are asked about until all are free at once.
//
// It must not start anything, decide which hooks run together, nor make or write
// a file of a package manager.
package locks

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"phased/internal/phased"
	"phased/internal/proc"
)

// Options say where locks lie.
type Options struct {
	// Dir holds a file for each named lock. It is made where it is not there, and
	// must belong to this user, and be writable by nobody else: see DefaultDir.
	Dir string
	// Root stands before the paths of the package managers' files, for tests; "":
	// they are the host's.
	Root string
	// Inside is the hook that started this process, as PHASED_RUN_ID, PHASED_PHASE
	// and PHASED_HOOK tell; its zero value: none. To wait for a lock that it holds
	// would never end.
	Inside Owner
}

// Owner is whom a lock is held for.
type Owner struct {
	Run, Phase string
	Hook       phased.Text
	Pid        int // the process that holds it; 0: this one
}

// hook reports whether both are the same hook of the same run.
func (o Owner) hook(p Owner) bool {
	return o.Run == p.Run && o.Phase == p.Phase && o.Hook == p.Hook
}

// Locks are the named locks of this host. They may be used from any goroutine.
type Locks struct {
	o     Options
	start func() uint64 // start time of this process, read once
	conf  func() error  // writes apt's configuration, once
}

// Open returns the locks. It touches no file: a run without locks pays nothing.
func Open(o Options) *Locks {
	l := &Locks{o: o, start: sync.OnceValue(func() uint64 { return startOf(os.Getpid()) })}
	l.conf = sync.OnceValue(l.writeConf)
	return l
}

// startOf returns when a process was started; 0 where that is not known.
func startOf(pid int) uint64 {
	st, err := proc.Read(pid)
	if err != nil {
		return 0
	}
	return st.Start
}

// DefaultDir returns where the named locks of a user lie: /run/phased/locks for
// root, and else below XDG_RUNTIME_DIR, or /run/user/UID, or, where there is
// neither, the state directory.
func DefaultDir(euid int, getenv func(string) string, stateDir string) string {
	if euid == 0 {
		return "/run/phased/locks"
	}
	dir := getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		dir = "/run/user/" + strconv.Itoa(euid)
	}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return filepath.Join(dir, "phased", "locks")
	}
	return filepath.Join(stateDir, "named-locks")
}

// maxName is how long the name of a lock may be, in bytes.
const maxName = 64

// CheckName returns why something is no name of a lock; nil where it is one.
func CheckName(name string) error {
	if name == "" {
		return fmt.Errorf("a lock needs a name")
	}
	if len(name) > maxName {
		return fmt.Errorf("%.20q... is no name of a lock: it has %d bytes, expected at most %d", name, len(name), maxName)
	}
	for _, c := range []byte(name) {
		letter := c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && c != '.' && c != '_' && c != '-' {
			return fmt.Errorf("%q is no name of a lock: expected letters of ASCII, digits, '.', '_' and '-'", name)
		}
	}
	return nil
}

// Take takes all of the locks, and returns what gives them back, which may be
// called more than once. They are taken in the order of their names, so that no
// two can wait for each other. With apt or dnf among them it then waits until
// nobody holds any of the package manager's own locks.
//
// told hears what is waited for once that has taken a second, and when it changes;
// it may be nil. The error is the context's cause, with who held what was waited
// for, or says what is wrong with a name or a file; then nothing is held.
func (l *Locks) Take(ctx context.Context, owner Owner, names []string, told func(message string)) (release func(), err error) {
	for _, n := range names {
		if err := CheckName(n); err != nil {
			return nil, err
		}
	}
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	if told == nil {
		told = func(string) {}
	}
	if len(names) == 0 {
		return func() {}, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t := &taking{l: l, told: told, held: make([]file, 0, len(names)), by: l.line(owner)}
	if err := t.all(ctx, names); err != nil {
		t.release()
		return nil, err
	}
	return sync.OnceFunc(t.release), nil
}

// taking is one call of Take.
type taking struct {
	l    *Locks
	told func(string)
	held []file
	by   []byte // what the files say of the holder
}

// all takes the locks one after the other, and waits for package managers once
// nothing else is waited for.
func (t *taking) all(ctx context.Context, names []string) error {
	d, err := t.l.openDir()
	if err != nil {
		return err
	}
	defer d.close()
	for _, n := range names {
		f, err := t.one(ctx, d, n)
		if err != nil {
			return err
		}
		t.held = append(t.held, f)
	}
	return t.managers(ctx, names)
}

// one takes the named lock.
func (t *taking) one(ctx context.Context, d directory, name string) (file, error) {
	f, err := d.open(name)
	if err != nil {
		return file{}, err
	}
	w := waiting{what: "lock " + name, told: t.told}
	for {
		ok, err := f.lock()
		switch {
		case err != nil:
		case !ok:
			err = w.pause(ctx, func() (string, error) { return t.holder(name, f) })
		case f.removed(): // whoever comes next makes a new one
			f.close()
			if f, err = d.open(name); err != nil {
				return file{}, err
			}
		default:
			if err = f.write(t.by); err == nil {
				return f, nil
			}
			f.release()
			return file{}, err
		}
		if err != nil {
			f.close()
			return file{}, err
		}
	}
}

// holder tells who holds a named lock. An error means that it will not be given
// back while this process waits.
func (t *taking) holder(name string, f file) (string, error) {
	h, ok := f.holder()
	if !ok {
		return ", held by a process that cannot be seen", nil
	}
	in := t.l.o.Inside
	if in.Run != "" && in.hook(h) {
		return "", fmt.Errorf("lock %s is held by %s of run %s, inside of which this run goes on: it would wait for ever; take %s from the locks of one of the two hooks",
			name, h.Hook, h.Run, name)
	}
	return fmt.Sprintf(", held by %s of run %s (pid %d)", h.Hook, h.Run, h.Pid), nil
}

// release gives everything back, the last first.
func (t *taking) release() {
	for _, f := range slices.Backward(t.held) {
		f.release()
	}
	t.held = nil
}
