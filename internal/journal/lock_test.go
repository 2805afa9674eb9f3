package journal

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"phased/internal/proc"
)

func TestLockBase(t *testing.T) {
	s := openStore(t, Options{})
	base := filepath.Join(t.TempDir(), "base")
	if err := os.Mkdir(base, 0o755); err != nil {
		t.Fatal(err)
	}
	link := base + "-link"
	if err := os.Symlink(base, link); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Add(-time.Second)
	l, err := s.LockBase(t.Context(), link, 0)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(s.path(locksDir, "*"))
	if len(files) != 1 || len(filepath.Base(files[0])) != len("0123456789abcdef.lock") {
		t.Fatalf("lock files %v", files)
	}
	for _, b := range []string{base, link, base + "/", base + "/../base"} {
		_, err := s.LockBase(t.Context(), b, 0)
		busy, ok := errors.AsType[*Busy](err)
		if !ok || busy.Pid != os.Getpid() || busy.Run != "" || busy.Base != base || busy.Since.Before(before) {
			t.Fatalf("%s: %v", b, err)
		}
		if !strings.Contains(err.Error(), "another run of "+base+" is going on: run that is just beginning, pid ") {
			t.Errorf("error %q", err)
		}
	}
	if err := l.SetRun("01ABC"); err != nil {
		t.Fatal(err)
	}
	_, err = s.LockBase(t.Context(), base, 0)
	if busy, ok := errors.AsType[*Busy](err); !ok || busy.Run != "01ABC" || !strings.Contains(err.Error(), "run 01ABC, pid ") || !strings.Contains(err.Error(), ", since 2") {
		t.Errorf("error %v", err)
	}
	var content map[string]any
	p, _ := os.ReadFile(files[0])
	if err := json.Unmarshal(p, &content); err != nil || len(content) != 5 || content["run"] != "01ABC" || content["base"] != base || content["start"] == 0.0 {
		t.Errorf("content %s, %v", p, err)
	}
	other, err := s.LockBase(t.Context(), base+"-other", 0)
	if err != nil {
		t.Fatalf("another base: %v", err)
	}
	defer other.Unlock()
	if err := l.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := l.Unlock(); err != nil {
		t.Errorf("given back twice: %v", err)
	}
	if err := l.SetRun("x"); err == nil {
		t.Error("SetRun after it was given back")
	}
	l, err = s.LockBase(t.Context(), base, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.Unlock()
}

func TestLockWaits(t *testing.T) {
	s := openStore(t, Options{})
	l, err := s.LockBase(t.Context(), "/x", 0)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err = s.LockBase(t.Context(), "/x", 80*time.Millisecond)
	if _, ok := errors.AsType[*Busy](err); !ok || time.Since(begun) < 80*time.Millisecond {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
	why := errors.New("told to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
	if _, err = s.LockBase(ctx, "/x", -1); !errors.Is(err, why) {
		t.Errorf("cancelled: %v", err)
	}
	for _, wait := range []time.Duration{-1, time.Minute} {
		got := make(chan *Lock)
		go func() {
			next, err := s.LockBase(t.Context(), "/x", wait)
			if err != nil {
				t.Error(err)
			}
			got <- next
		}()
		select {
		case <-got:
			t.Fatal("does not wait")
		case <-time.After(50 * time.Millisecond):
		}
		l.Unlock()
		if l = <-got; l == nil {
			t.FailNow()
		}
	}
	l.Unlock()
}

// TestLockOfTheDead takes the lock of a killed process over, and does not tell
// its content for that of the next holder.
func TestLockOfTheDead(t *testing.T) {
	s := openStore(t, Options{})
	cmd, out := child(t, "lock", "JOURNAL_TEST_DIR="+s.dir, "JOURNAL_TEST_BASE=/x")
	out.Scan()
	_, err := s.LockBase(t.Context(), "/x", 0)
	if busy, ok := errors.AsType[*Busy](err); !ok || busy.Pid != cmd.Process.Pid || busy.Run != "01RUN" {
		t.Fatalf("held by a child: %v", err)
	}
	kill(cmd)
	files, _ := filepath.Glob(s.path(locksDir, "*.lock"))
	f, err := os.OpenFile(files[0], os.O_RDWR, 0) // somebody has locked it and not yet said who
	if err != nil {
		t.Fatal(err)
	}
	if err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatalf("the lock outlives its holder: %v", err)
	}
	_, err = s.LockBase(t.Context(), "/x", 0)
	if busy, ok := errors.AsType[*Busy](err); !ok || busy.Pid != 0 || err.Error() != "another run of /x is going on" {
		t.Errorf("%v", err)
	}
	f.Close()
	l, err := s.LockBase(t.Context(), "/x", 0)
	if err != nil {
		t.Fatal(err)
	}
	l.Unlock()
}

// TestHooksInheritNothing starts a process while locks and run files are held:
// it has none of them open, and keeps none of them locked.
func TestHooksInheritNothing(t *testing.T) {
	s := openStore(t, Options{})
	l, err := s.LockBase(t.Context(), "/x", 0)
	if err != nil {
		t.Fatal(err)
	}
	w := begin(t, s, testID(1))
	if err := w.Append(goodRun(testID(1), "/x")...); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "4000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// As a child has them that was forked, and has not yet called exec.
	forked := exec.Command("sleep", "4000")
	forked.ExtraFiles = []*os.File{w.file, l.file}
	if err := forked.Start(); err != nil {
		t.Fatal(err)
	}
	defer kill(cmd)
	defer kill(forked)
	eventually(t, "it runs", func() bool { return strings.HasPrefix(proc.CommandLine(cmd.Process.Pid), "sleep") })
	fds, err := os.ReadDir("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/fd/" + fd.Name()); strings.HasPrefix(to, s.dir) {
			t.Errorf("inherited %s", to)
		}
	}
	l.Unlock()
	w.Close()
	again, err := s.LockBase(t.Context(), "/x", 0)
	if err != nil {
		t.Fatal(err)
	}
	again.Unlock()
	if live, err := s.live(testID(1)); live || err != nil {
		t.Errorf("the run file is still locked: %v", err)
	}
}

func TestReadOnlyLocksNothing(t *testing.T) {
	s, err := Open(openStore(t, Options{}).dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.LockBase(t.Context(), "/x", 0); err == nil || !strings.Contains(err.Error(), "reading only") {
		t.Errorf("%v", err)
	}
	if files, _ := filepath.Glob(s.path(locksDir, "*")); len(files) > 0 {
		t.Errorf("made %v", files)
	}
}
