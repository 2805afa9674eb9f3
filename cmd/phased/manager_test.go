package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// serviceManager listens at a socket as systemd does, and keeps what it is told.
type serviceManager struct {
	t    *testing.T
	fd   int
	mu   sync.Mutex
	told []string // assignments, in order
	gone sync.WaitGroup
}

// listenAs begins to listen at an address; deaf: it never reads.
func listenAs(t *testing.T, name string, deaf bool) *serviceManager {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		t.Fatal(err)
	}
	m := &serviceManager{t: t, fd: fd}
	if !deaf {
		m.gone.Go(m.listen)
	}
	t.Cleanup(func() {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR)
		m.gone.Wait()
		_ = unix.Close(fd)
	})
	return m
}

func (m *serviceManager) listen() {
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(m.fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n == 0 || err != nil {
			return
		}
		m.mu.Lock()
		m.told = append(m.told, strings.Split(strings.TrimSuffix(string(buf[:n]), "\n"), "\n")...)
		m.mu.Unlock()
	}
}

func (m *serviceManager) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.told...)
}

// await waits until it was told that.
func (m *serviceManager) await(want string) {
	m.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if slices.Contains(m.all(), want) {
			return
		}
	}
	m.t.Fatalf("it is not told %q after %v; it is told\n%s", want, patience, strings.Join(m.all(), "\n"))
}

// unit is a directory with hooks, and phased to run on it as a unit of a manager.
type unit struct {
	t   *testing.T
	dir string
}

func newUnit(t *testing.T, hooks map[string]string) unit {
	t.Helper()
	u := unit{t, t.TempDir()}
	for name, text := range hooks {
		path := filepath.Join(u.dir, "base", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/bash\ncd "+u.dir+"\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

// start starts phased.
func (u unit) start(env []string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	u.t.Helper()
	self, err := os.Executable()
	if err != nil {
		u.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "exe" // see TestMain
	cmd.Dir = u.dir
	out := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(append(os.Environ(), "PHASED_STATE_DIR="+filepath.Join(u.dir, "state"), "GORACE="+noSleep), env...)
	if err := cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd, out
}

func (u unit) write(name, text string) {
	u.t.Helper()
	if err := os.WriteFile(filepath.Join(u.dir, name), []byte(text), 0o644); err != nil {
		u.t.Fatal(err)
	}
}

const waits = "until [[ -e go ]]; do sleep 0.01; done\n"

// TestManagerIsTold: what systemd is told of a run, and what its hooks know of it.
func TestManagerIsTold(t *testing.T) {
	for kind, abstract := range map[string]bool{"path": false, "abstract": true} {
		t.Run(kind, func(t *testing.T) {
			u := newUnit(t, map[string]string{
				"configure.d/10-first":  "env >env\nls -l /proc/$$/fd >fds\n" + waits,
				"configure.d/20-second": "until [[ -e go2 ]]; do sleep 0.01; done\n",
			})
			name := filepath.Join(u.dir, "notify")
			if abstract {
				name = "@" + name
			}
			m := listenAs(t, name, false)
			cmd, out := u.start([]string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=200000"}, "run", "--base", "base")
			m.await("STATUS=configure/10-first (1 of 2)")
			m.await("WATCHDOG=1")
			u.write("go", "")
			m.await("STATUS=configure/20-second (2 of 2)")
			u.write("go2", "")
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			m.await("STATUS=succeeded: 2 hooks ran")
			told := m.all()
			if told[0] != "READY=1" || told[len(told)-2] != "STOPPING=1" {
				t.Errorf("it is told %q: want READY=1 first, STOPPING=1 and a status last", told)
			}
			env, err := os.ReadFile(filepath.Join(u.dir, "env"))
			if err != nil || strings.Contains(string(env), "NOTIFY_SOCKET") || strings.Contains(string(env), "WATCHDOG") {
				t.Errorf("hooks have the manager's variables: %v\n%s", err, env)
			}
			fds, err := os.ReadFile(filepath.Join(u.dir, "fds"))
			if err != nil || strings.Count(string(fds), "socket:") != 0 {
				t.Errorf("hooks have a socket: %v\n%s", err, fds)
			}
		})
	}
}

// TestManagerGivesTime: a run that is told to stop asks for the time that
// its hook and the failure phase may take.
func TestManagerGivesTime(t *testing.T) {
	u := newUnit(t, map[string]string{"configure.d/10-long": waits, "error.d/10-tell": ""})
	m := listenAs(t, "@"+u.dir, false)
	cmd, _ := u.start([]string{"NOTIFY_SOCKET=@" + u.dir}, "run", "--base", "base", "--grace", "7s", "--failure-timeout", "3m")
	m.await("STATUS=configure/10-long (1 of 1)")
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.await("EXTEND_TIMEOUT_USEC=217000000") // 7 s, 3 min and 30 s
	if code := exitCode(cmd.Wait()); code != 143 {
		t.Errorf("it ends with %d", code)
	}
	m.await("STOPPING=1")
	m.await("STATUS=stopped: configure/10-long: told to stop by SIGTERM; 1 hook ran, 1 failed")
}

// TestManagerThatIsDeafOrGone holds nothing up.
func TestManagerThatIsDeafOrGone(t *testing.T) {
	hooks := map[string]string{}
	for i := range 30 {
		hooks["configure.d/"+string(rune('a'+i/10))+string(rune('0'+i%10))] = "sleep 0.02\n"
	}
	tests := map[string]func(name string) string{
		"deaf": func(name string) string { listenAs(t, name, true); return name },
		"gone": func(name string) string { return name },
		"none": func(string) string { return "no address" },
	}
	for kind, address := range tests {
		t.Run(kind, func(t *testing.T) {
			u := newUnit(t, hooks)
			cmd, out := u.start([]string{"NOTIFY_SOCKET=" + address("@"+u.dir), "WATCHDOG_USEC=2000"}, "run", "--base", "base")
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			warned := strings.Contains(out.String(), `warning: cannot tell the service manager: NOTIFY_SOCKET="no address" is no address`)
			if warned != (kind == "none") {
				t.Errorf("a warning: %v\n%s", warned, out)
			}
		})
	}
}

// TestManagerOfAWatch: it hears of the watch alone, and yet what the run does.
func TestManagerOfAWatch(t *testing.T) {
	u := newUnit(t, map[string]string{"configure.d/10-first": "env >env\nls -l /proc/$$/fd >fds\n" + waits, "configure.d/20-fails": "exit 1"})
	m := listenAs(t, "@"+u.dir, false)
	file := filepath.Join(u.dir, "app.conf")
	cmd, out := u.start([]string{"NOTIFY_SOCKET=@" + u.dir, "WATCHDOG_USEC=200000"}, "watch", "--base", "base", "--path", file, "--settle", "50ms", "--grace", "1s")
	m.await("STATUS=watching " + file)
	m.await("WATCHDOG=1")
	u.write("app.conf", "1")
	m.await("STATUS=refresh: configure/10-first (1 of 2)")
	u.write("go", "")
	m.await("STATUS=watching " + file + "; last run: hook failed (exit status 1)")
	for _, name := range []string{"go", "env", "fds"} {
		if err := os.Remove(filepath.Join(u.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	u.write("app.conf", "2")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(u.dir, "fds")); err == nil {
			break
		}
	}
	if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m.await("EXTEND_TIMEOUT_USEC=331000000")
	told := m.all()
	want := []string{"READY=1", "STATUS=watching " + file}
	if diff := cmp.Diff(want, told[:2]); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	if n := strings.Count(strings.Join(told, "\n"), "READY=1"); n != 1 || told[len(told)-1] != "STOPPING=1" {
		t.Errorf("it is told\n%s", strings.Join(told, "\n"))
	}
	fds, err := os.ReadFile(filepath.Join(u.dir, "fds"))
	if err != nil || strings.Count(string(fds), "pipe:") > 2 { // stdout and stderr
		t.Errorf("hooks have the pipe to the watch: %v\n%s", err, fds)
	}
}
