package locks

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// debian is a root directory of its own for apt-get and dpkg, and a program that
// stands in for what they start, and stops there.
type debian struct {
	t       *testing.T
	root    string
	stop    string // the program
	at, end *os.File
}

func newDebian(t *testing.T) *debian {
	t.Helper()
	d := &debian{t: t, root: t.TempDir()}
	for _, dir := range []string{
		"var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial",
		"var/log/apt", "etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d", "etc/apt/trusted.gpg.d", "methods",
	} {
		d.check(os.MkdirAll(filepath.Join(d.root, dir), 0o755))
	}
	d.write("var/lib/dpkg/status", "", 0o644)
	d.write("etc/apt/sources.list", "deb [trusted=yes] stop:/x ./\n", 0o644)
	tools := t.TempDir()
	d.at, d.end = d.fifo(tools+"/at"), d.fifo(tools+"/end")
	d.stop = tools + "/stop"
	// It stops once only: apt-get asks dpkg several times.
	d.check(os.WriteFile(d.stop, fmt.Appendf(nil, "#!/bin/sh\nmkdir %[1]s/once 2>/dev/null || exit 0\necho at >%[1]s/at\nread x <%[1]s/end\n", tools), 0o755))
	d.check(os.Symlink(d.stop, d.root+"/methods/stop"))
	return d
}

func (d *debian) check(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *debian) write(path, text string, mode os.FileMode) {
	d.t.Helper()
	d.check(os.WriteFile(filepath.Join(d.root, path), []byte(text), mode))
}

func (d *debian) fifo(path string) *os.File {
	d.t.Helper()
	d.check(syscall.Mkfifo(path, 0o600))
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	d.check(err)
	d.t.Cleanup(func() { f.Close() })
	return f
}

// stopped waits until the program that stands in was reached.
func (d *debian) stopped() {
	d.t.Helper()
	d.check(d.at.SetReadDeadline(time.Now().Add(time.Minute)))
	_, err := d.at.Read(make([]byte, 3))
	d.check(err)
}

// goOn lets the program that stands in end.
func (d *debian) goOn() {
	d.t.Helper()
	_, err := d.end.WriteString("go\n")
	d.check(err)
}

// apt returns apt-get in the root.
func (d *debian) apt(args ...string) *exec.Cmd {
	return exec.Command("apt-get", append([]string{
		"-o", "Dir=" + d.root, "-o", "Dir::State::status=" + d.root + "/var/lib/dpkg/status", "-o", "APT::Sandbox::User=", "-o", "Dir::Bin::Methods=" + d.root + "/methods",
	}, args...)...)
}

// stopping is apt that stops where it asks dpkg.
func (d *debian) stopping(args ...string) *exec.Cmd {
	return d.apt(append([]string{"-o", "Dir::Bin::dpkg=" + d.stop}, args...)...)
}

// dpkg is dpkg that has its locks until its input ends.
func (d *debian) dpkg() *exec.Cmd {
	return exec.Command("dpkg", "--admindir="+d.root+"/var/lib/dpkg", "--set-selections")
}

// awaitHeld waits until somebody has fcntl's lock of the file.
func awaitHeld(t *testing.T, path string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if _, held, err := (foreign{path: path, ask: recordLock}).look(); err != nil {
			t.Fatal(err)
		} else if held {
			return
		}
	}
	t.Fatalf("nobody takes %s", path)
}

// taken is what a Take in another goroutine came to.
type taken struct {
	told    chan string
	release chan func()
	cancel  context.CancelFunc
}

func takeBeside(t *testing.T, l *Locks, names ...string) taken {
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the test's limit"))
	k := taken{make(chan string, 1000), make(chan func(), 1), cancel}
	t.Cleanup(cancel)
	go func() {
		release, err := l.Take(ctx, Owner{Run: "01A", Hook: "10-a"}, names, func(m string) { k.told <- m })
		if err != nil {
			t.Errorf("Take: %v", err)
			release = func() {}
		}
		k.release <- release
	}()
	return k
}

// waits demands that Take says what it waits for, and has not returned.
func (k taken) waits(t *testing.T, want string) {
	t.Helper()
	select {
	case m := <-k.told:
		if m != want {
			t.Errorf("told\n%q, expected\n%q", m, want)
		}
	case <-k.release:
		t.Fatal("does not wait")
	}
}

// TestWaitsForApt: each lock of apt and dpkg, held by the real ones, is waited
// for; the hook's own apt-get can have them then.
func TestWaitsForApt(t *testing.T) {
	for _, c := range []struct {
		file, name string
		cmd        func(*debian) *exec.Cmd
	}{
		{"var/lib/dpkg/lock-frontend", "apt-get", func(d *debian) *exec.Cmd { return d.stopping("check") }},
		{"var/lib/dpkg/lock", "dpkg", func(d *debian) *exec.Cmd {
			cmd := d.dpkg()
			cmd.Env = append(os.Environ(), "DPKG_FRONTEND_LOCKED=1")
			return cmd
		}},
		{"var/lib/apt/lists/lock", "apt-get", func(d *debian) *exec.Cmd { return d.apt("update") }},
		{"var/cache/apt/archives/lock", "apt-get", func(d *debian) *exec.Cmd { return d.stopping("autoclean") }},
	} {
		t.Run(filepath.Base(c.file)+" of "+c.name, func(t *testing.T) {
			t.Parallel()
			d := newDebian(t)
			cmd := c.cmd(d)
			cmd.Stderr = &bytes.Buffer{} // update fails in the end: its method ends
			p := start(t, cmd)
			if c.name == "dpkg" {
				awaitHeld(t, filepath.Join(d.root, c.file))
			} else {
				d.stopped()
			}
			o := options(t)
			o.Root = d.root
			k := takeBeside(t, Open(o), "apt", "zz")
			command := strings.Join(cmd.Args, " ")
			if len(command) > 120 {
				command = command[:120] + "..."
			}
			k.waits(t, fmt.Sprintf("waits for lock apt: %s (pid %d: %s) holds %s/%s", c.name, p.Process.Pid, command, d.root, c.file))
			if !held(t, o, "apt") || !held(t, o, "zz") {
				t.Error("another hook of phased may come first")
			}
			if c.name == "dpkg" {
				p.stdin.Close()
			} else {
				d.goOn()
			}
			release := <-k.release
			for p.out.Scan() {
			}
			p.Wait()
			if out, err := d.apt("-o", "Dir::Etc::sourcelist=/dev/null", "check").CombinedOutput(); err != nil {
				t.Errorf("the hook's apt-get: %v\n%s", err, out)
			}
			release()
		})
	}
}

// TestWaitsForTheHost asks about the host's own dpkg: a real apt-get holds its
// lock, and changes nothing.
func TestWaitsForTheHost(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to lock the host's dpkg")
	}
	d := newDebian(t)
	p := start(t, exec.Command("apt-get", "-o", "Dir::Bin::dpkg="+d.stop, "-o", "Dir::Cache="+d.root+"/var/cache/apt", "-o", "DPkg::Lock::Timeout=100", "check"))
	d.stopped()
	o := options(t)
	o.Root = ""
	k := takeBeside(t, Open(o), "apt")
	k.waits(t, fmt.Sprintf("waits for lock apt: apt-get (pid %d: %s) holds /var/lib/dpkg/lock-frontend", p.Process.Pid, strings.Join(p.Args, " ")[:120]+"..."))
	d.goOn()
	(<-k.release)()
	for p.out.Scan() {
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// TestGivesUpOnApt: the end of the wait says who holds what.
func TestGivesUpOnApt(t *testing.T) {
	d := newDebian(t)
	p := start(t, d.dpkg())
	awaitHeld(t, d.root+"/var/lib/dpkg/lock")
	o := options(t)
	o.Root = d.root
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("timeout of 20ms"))
	defer cancel()
	_, err := Open(o).Take(ctx, Owner{}, []string{"apt"}, nil)
	want := fmt.Sprintf("gave up waiting for lock apt: dpkg (pid %d: %s) holds %s/var/lib/dpkg/lock-frontend, after ", p.Process.Pid, strings.Join(p.Args, " "), d.root)
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), ": timeout of 20ms") {
		t.Errorf("%v, expected\n%s", err, want)
	}
	if held(t, o, "apt") {
		t.Error("the named lock was not given back")
	}
	take(t, Open(o), Owner{}, "aptitude", "dnf")() // names of their own
}

// TestInsideOfApt: a run that apt-get itself has started cannot wait for it.
func TestInsideOfApt(t *testing.T) {
	d := newDebian(t)
	o := options(t)
	out := d.root + "/out"
	d.check(os.WriteFile(d.stop, fmt.Appendf(nil, "#!/bin/sh\n[ -e %[1]s ] || LOCKS_TEST_CHILD=take LOCKS_TEST_ARG=apt LOCKS_TEST_DIR=%[2]s LOCKS_TEST_ROOT=%[3]s %[4]s >%[1]s\n", out, o.Dir, d.root, os.Args[0]), 0o755))
	cmd := d.stopping("-o", "Dir::Etc::sourcelist=/dev/null", "check")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	said, err := os.ReadFile(out)
	d.check(err)
	if want := fmt.Sprintf("%s/var/lib/dpkg/lock-frontend is held by apt-get (pid %d), inside of which this run goes on: it would wait for ever, and no other package manager can work in it\n", d.root, cmd.Process.Pid); string(said) != want {
		t.Errorf("said\n%s, expected\n%s", said, want)
	}
}

// TestEnviron: apt-get waits for dpkg's locks with it, and fails without.
func TestEnviron(t *testing.T) {
	d := newDebian(t)
	o := options(t)
	defer syscall.Umask(syscall.Umask(0o077))
	l := Open(o)
	for _, c := range []struct{ names, env []string }{{}, {names: []string{"dnf"}}, {names: []string{"apt"}, env: []string{"A=b", "APT_CONFIG=/x"}}} {
		var env []phased.Text
		for _, e := range c.env {
			env = append(env, phased.Text(e))
		}
		if got, err := l.Environ(c.names, env); err != nil || len(got) > 0 {
			t.Errorf("%v: %q, %v", c, got, err)
		}
	}
	if _, err := os.Stat(o.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was made for nothing: %v", err)
	}
	got, err := l.Environ([]string{"apt", "x"}, []phased.Text{"APT_CONFIGURED=1"})
	path := o.Dir + "/apt.conf"
	if diff := cmp.Diff([]phased.Text{phased.Text("APT_CONFIG=" + path)}, got); diff != "" || err != nil {
		t.Fatalf("%v\n%s", err, diff)
	}
	for p, mode := range map[string]os.FileMode{o.Dir: 0o755, path: 0o644} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: mode %v, %v", p, info.Mode(), err)
		}
	}
	d.check(os.WriteFile(path, []byte("what an older phased wrote\n"), 0o600))
	if _, err := Open(o).Environ([]string{"apt"}, nil); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(o.Dir + "/*"); len(left) != 1 {
		t.Errorf("left %q", left)
	}

	holder := start(t, d.dpkg())
	awaitHeld(t, d.root+"/var/lib/dpkg/lock")
	args := []string{"-o", "Dir::Etc::sourcelist=/dev/null", "check"}
	if out, err := d.apt(args...).CombinedOutput(); err == nil || !strings.Contains(string(out), "Could not get lock") {
		t.Errorf("without it: %v\n%s", err, out)
	}
	cmd := d.apt(args...)
	cmd.Env = append(os.Environ(), string(got[0]))
	hook := start(t, cmd)
	hook.out.Split(bufio.ScanWords) // it says so without an end of line
	for word := ""; word != "lock:"; word = hook.line(t) {
	}
	holder.stdin.Close()
	for hook.out.Scan() {
	}
	if err := hook.Wait(); err != nil {
		t.Errorf("with it: %v", err)
	}
}

// TestWaitsForDnf: record locks and files with a process id.
func TestWaitsForDnf(t *testing.T) {
	for path, part := range map[string]string{
		"var/lib/rpm/.rpm.lock": "record", "usr/lib/sysimage/rpm/.rpm.lock": "record", "run/dnf/rpmtransaction.lock": "record",
		"var/lib/dnf/rpmdb_lock.pid": "pid", "var/cache/dnf/metadata_lock.pid": "pid", "var/cache/dnf/download_lock.pid": "pid", "run/yum.pid": "pid",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			o := withFile(t, path, "")
			file := filepath.Join(o.Root, path)
			p := child(t, part, file, o)
			p.line(t)
			if part == "pid" {
				if err := os.WriteFile(file, []byte(strconv.Itoa(p.Process.Pid)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			k := takeBeside(t, Open(o), "dnf")
			k.waits(t, fmt.Sprintf("waits for lock dnf: %.15s (pid %d: %s) holds %s", filepath.Base(os.Args[0]), p.Process.Pid, os.Args[0], file))
			p.stdin.Close()
			p.Wait()
			(<-k.release)()
		})
	}
}

// TestUnseenHolder: a lock of an open file description has no process.
func TestUnseenHolder(t *testing.T) {
	o := withFile(t, "var/lib/dpkg/lock", "")
	path := o.Root + "/var/lib/dpkg/lock"
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := Open(o).Take(ctx, Owner{}, []string{"apt"}, nil); err == nil || !strings.HasPrefix(err.Error(), "gave up waiting for lock apt: a process that cannot be seen holds "+path+", after ") {
		t.Errorf("error %v", err)
	}
}

func withFile(t *testing.T, path, text string) Options {
	t.Helper()
	o := options(t)
	path = filepath.Join(o.Root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestFreeManagers: what is not there, or is left of a process that has ended, is
// free, and what cannot be understood is told. Nothing is made of it.
func TestFreeManagers(t *testing.T) {
	gone := child(t, "pid", "", Options{})
	gone.kill()
	living := strconv.Itoa(os.Getpid())
	const rpmdb = "var/lib/dnf/rpmdb_lock.pid"
	for name, c := range map[string]struct {
		path, text string
		old        time.Duration
		told       string
	}{
		"nothing is there":          {path: "x"},
		"the directory is a file":   {path: "var/lib/dpkg"},
		"nobody locks it":           {path: "var/lib/dpkg/lock"},
		"an empty pid file":         {path: rpmdb},
		"of a process that ended":   {path: rpmdb, text: strconv.Itoa(gone.Process.Pid)},
		"of a process before it":    {path: rpmdb, text: living, old: 100 * 24 * time.Hour},
		"no process id":             {path: rpmdb, text: "many\n", told: "cannot see whether ROOT/" + rpmdb + ` is held: it holds "many", expected a process id; does not wait for it`},
		"no process has that id":    {path: rpmdb, text: "-1", told: "cannot see whether ROOT/" + rpmdb + ` is held: it holds "-1", expected a process id; does not wait for it`},
		"a link":                    {path: "var/lib/dpkg/lock", text: "link", told: "cannot see whether ROOT/var/lib/dpkg/lock is held: too many levels of symbolic links; does not wait for it"},
		"a FIFO":                    {path: "var/lib/dpkg/lock", text: "fifo", told: "cannot see whether ROOT/var/lib/dpkg/lock is held: no regular file; does not wait for it"},
		"a lock that is of no name": {path: "var/lib/dpkg/lock.old"},
	} {
		o := withFile(t, c.path, c.text)
		path := filepath.Join(o.Root, c.path)
		var err error
		switch c.text {
		case "link":
			err = errors.Join(os.Rename(path, path+"-"), os.Symlink(path+"-", path))
		case "fifo":
			err = errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))
		}
		if c.old > 0 {
			err = os.Chtimes(path, time.Time{}, time.Now().Add(-c.old))
		}
		if err != nil {
			t.Fatal(err)
		}
		before := tree(t, o.Root)
		var told []string
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		release, err := Open(o).Take(ctx, Owner{}, []string{"apt", "dnf"}, func(m string) { told = append(told, strings.ReplaceAll(m, o.Root, "ROOT")) })
		cancel()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		release()
		if got := strings.Join(told, "\n"); got != c.told {
			t.Errorf("%s: told\n%s, expected\n%s", name, got, c.told)
		}
		if diff := cmp.Diff(before, tree(t, o.Root)); diff != "" {
			t.Errorf("%s: the package manager's files were changed:\n%s", name, diff)
		}
	}
}

// tree lists files with what ls -l tells of them.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			all = append(all, fmt.Sprint(path, info.Mode(), info.Size(), info.ModTime()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
