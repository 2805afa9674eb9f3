package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

func ran(hook phased.Text, run string) phased.Ran {
	return phased.Ran{
		Base: "/b", Lifecycle: "own", Phase: "one", Hook: hook, Run: run, Time: time.Unix(1e9, 5).UTC(), BootID: "boot",
		Digest: "d", Inputs: []phased.Input{{Path: "/\xff", Digest: "x"}},
	}
}

// What is remembered comes back, by hook, and can be forgotten.
func TestRemember(t *testing.T) {
	s := New(t.TempDir())
	if _, found, err := s.Ran(Hook{"/b", "own", "one", "a"}); found || err != nil {
		t.Fatalf("found %v, %v before anything was remembered", found, err)
	}
	for _, r := range []phased.Ran{ran("b", "1"), ran("a", "1"), ran("a", "2"), ran("../../x\n", "3")} {
		if err := s.Remember(r); err != nil {
			t.Fatal(err)
		}
	}
	got, found, err := s.Ran(Hook{"/b", "own", "one", "a"})
	if d := cmp.Diff(ran("a", "2"), got); d != "" || !found || err != nil {
		t.Errorf("found %v, %v (-want +got):\n%s", found, err, d)
	}
	for _, h := range []Hook{{"/b", "own", "one", "c"}, {"/b", "own", "two", "a"}, {"/b", "other", "one", "a"}, {"/c", "own", "one", "a"}, {"/b", "owno", "ne", "a"}} {
		if _, found, err := s.Ran(h); found || err != nil {
			t.Errorf("%+v: found %v, %v", h, found, err)
		}
	}
	all, err := s.Remembered()
	if d := cmp.Diff([]phased.Ran{ran("../../x\n", "3"), ran("a", "2"), ran("b", "1")}, all); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if err := s.Forget(Hook{"/b", "own", "one", "a"}); err != nil {
		t.Error(err)
	}
	if _, found, _ := s.Ran(Hook{"/b", "own", "one", "a"}); found {
		t.Error("still there")
	}
	entries, err := os.ReadDir(filepath.Join(s.private, frequencies))
	if err != nil || len(entries) != 2 {
		t.Errorf("%d files, %v; want two and nothing half written", len(entries), err)
	}
}

// What others could have put there is not believed.
func TestUntrusted(t *testing.T) {
	h := Hook{"/b", "own", "one", "a"}
	for name, spoil := range map[string]func(file string) error{
		"a link":              func(f string) error { return os.Symlink("/etc/passwd", f) },
		"a FIFO's place":      func(f string) error { return os.Mkdir(f, 0o700) },
		"writable by others":  func(f string) error { return chmod(os.WriteFile(f, []byte("{}"), 0o600), f, 0o622) },
		"half a file":         func(f string) error { return os.WriteFile(f, []byte(`{"base":`), 0o600) },
		"about another hook":  func(f string) error { return os.WriteFile(f, []byte(`{"hook":"b"}`), 0o600) },
		"in a writable place": func(f string) error { return chmod(os.WriteFile(f, []byte("{}"), 0o600), filepath.Dir(f), 0o777) },
		"in a place for writing": func(f string) error {
			return chmod(os.WriteFile(f, []byte("{}"), 0o600), filepath.Dir(filepath.Dir(f)), 0o770)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(t.TempDir())
			if err := s.Remember(ran("a", "1")); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(s.private, frequencies, h.file()+suffix)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if err := spoil(file); err != nil {
				t.Fatal(err)
			}
			if r, found, err := s.Ran(h); err == nil || found {
				t.Errorf("believed %+v, %v", r, found)
			}
		})
	}
}

func chmod(err error, path string, mode os.FileMode) error {
	if err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// Requests for a reboot add up, the newer of a hook counts, and a run's id leads
// nowhere else.
func TestRebootRequests(t *testing.T) {
	s := New(t.TempDir())
	a := phased.RebootRequest{Phase: "one", Hook: "a", When: phased.RebootAfterPhase}
	b := phased.RebootRequest{Phase: "one", Hook: "b", When: phased.RebootNow, Same: true}
	again := a
	again.When = phased.RebootAfterRun
	for _, r := range []phased.RebootRequest{a, b, again} {
		if err := s.RequestReboot("RUN1", r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.RebootRequests("RUN1")
	if d := cmp.Diff([]phased.RebootRequest{b, again}, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if got, err := s.RebootRequests("RUN2"); got != nil || err != nil {
		t.Errorf("another run has %v, %v", got, err)
	}
	for _, id := range []string{"", "../x", "a/b", ".", strings.Repeat("x", 65)} {
		if err := s.RequestReboot(id, a); err == nil {
			t.Errorf("%q was taken for a run", id)
		}
	}
	old := time.Now().Add(-60 * 24 * time.Hour)
	if err := s.RequestReboot("OLD", a); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(s.private, reboots, "OLD"+suffix), old, old); err != nil {
		t.Fatal(err)
	}
	if err := s.ForgetReboot("RUN1"); err != nil {
		t.Fatal(err)
	}
	names, err := s.names(reboots)
	if len(names) != 0 || err != nil {
		t.Errorf("%v, %v are left", names, err)
	}
}
