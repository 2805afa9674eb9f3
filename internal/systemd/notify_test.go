package systemd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// manager listens as a service manager does.
func manager(t *testing.T, name string) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 20}); err != nil {
		t.Fatal(err)
	}
	return fd
}

func receive(t *testing.T, fd int) string {
	t.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err != nil {
		t.Fatalf("nothing comes: %v", err)
	}
	return string(buf[:n])
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func open(t *testing.T, pairs ...string) *Socket {
	t.Helper()
	s, err := Open(env(pairs...), 42)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSend(t *testing.T) {
	for kind, name := range map[string]string{"path": filepath.Join(t.TempDir(), "notify"), "abstract": "@phased-test-" + filepath.Base(t.TempDir()) + t.Name()} {
		t.Run(kind, func(t *testing.T) {
			fd := manager(t, name)
			s := open(t, "NOTIFY_SOCKET", name)
			if !s.Send("READY=1", Status("a\nb\x00c \xff"), Extend(1500*time.Millisecond)) {
				t.Error("the manager is said to have no room")
			}
			if diff := cmp.Diff("READY=1\nSTATUS=a b c ?\nEXTEND_TIMEOUT_USEC=1500000\n", receive(t, fd)); diff != "" {
				t.Error(diff)
			}
			s.Send(Status(strings.Repeat("é", 1000)))
			if got := receive(t, fd); len(got) > 420 || !strings.HasSuffix(got, "é...\n") {
				t.Errorf("a long status comes as %d bytes", len(got))
			}
		})
	}
}

// TestNeverWaits: a manager that reads nothing, or is gone, holds nobody up.
func TestNeverWaits(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	fd := manager(t, name)
	s := open(t, "NOTIFY_SOCKET", name)
	full := false
	for i := 0; i < 100000 && !full; i++ {
		full = !s.Send("WATCHDOG=1")
	}
	if !full {
		t.Fatal("there is always room")
	}
	receive(t, fd)
	if !s.Send("WATCHDOG=1") {
		t.Error("there is room again, and it does not see it")
	}
	_ = os.Remove(name)
	if !s.Send("WATCHDOG=1") {
		t.Error("a manager that is gone is to be told again")
	}
}

func TestNobodyAsks(t *testing.T) {
	s := open(t, "WATCHDOG_USEC", "1000000")
	if s != nil || s.Beat() != 0 || !s.Send("READY=1") {
		t.Errorf("without NOTIFY_SOCKET: %+v", s)
	}
}

func TestAddresses(t *testing.T) {
	for _, name := range []string{"relative", "@", "/", "vsock:2:1"} {
		if s, err := Open(env("NOTIFY_SOCKET", name), 1); err == nil {
			t.Errorf("%q is taken for an address", name)
			_ = s.Close()
		}
	}
}

func TestWatchdog(t *testing.T) {
	tests := []struct {
		usec, pid string
		want      time.Duration
	}{
		{"", "", 0},
		{"3000000", "", 1500 * time.Millisecond},
		{"3000000", "42", 1500 * time.Millisecond},
		{"3000000", "43", 0},
		{"-1", "", 0},
		{"x", "", 0},
		{"99999999999999999999", "", 0},
		{"9223372036854775807", "", 0},
	}
	for _, tt := range tests {
		s := open(t, "NOTIFY_SOCKET", "@nobody", "WATCHDOG_USEC", tt.usec, "WATCHDOG_PID", tt.pid)
		if got := s.Beat(); got != tt.want {
			t.Errorf("WATCHDOG_USEC=%q WATCHDOG_PID=%q: %v, want %v", tt.usec, tt.pid, got, tt.want)
		}
	}
}

func TestPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	fd, err := unix.Dup(int(w.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	s := Pipe(fd)
	if s == nil {
		t.Fatal("a pipe is refused")
	}
	s.Send("READY=1", Status("one"))
	s.Send("WATCHDOG=1")
	s.Send(Status("two"))
	for s.Send(Status(strings.Repeat("x", 300))) { // until it is full
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 9)
	if n, err := r.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "one\ntwo\nx") {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	if err := unix.Fstat(fd, &unix.Stat_t{}); !errors.Is(err, unix.EBADF) {
		t.Errorf("it is still open: %v", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, fd := range []int{-1, 0, 1, int(null.Fd()), 99999} {
		if Pipe(fd) != nil {
			t.Errorf("descriptor %d is taken for the pipe", fd)
		}
	}
}
