package state

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"phased/internal/faultdisk"
	"phased/internal/phased"
)

// faulty is a state directory on a disk with faults.
type faulty struct {
	disk  *faultdisk.Disk
	store Store
	root  string
}

func newFaulty(t *testing.T) faulty {
	t.Helper()
	root := t.TempDir()
	f := faulty{disk: faultdisk.New(root), root: root}
	f.store = New(root)
	f.store.disk = f.disk
	return f
}

// steps are what a run asks of this room: each is either done when it returns
// nil, or was refused.
func steps() []func(Store) error {
	ran := func(hook phased.Text, digest string) phased.Ran {
		return phased.Ran{Base: "/x", Lifecycle: "refresh", Phase: "configure", Hook: hook, Run: "01R", BootID: "b", Digest: digest}
	}
	request := func(when phased.RebootWhen) phased.RebootRequest {
		return phased.RebootRequest{Phase: "configure", Hook: "30-c", When: when}
	}
	return []func(Store) error{
		func(s Store) error { return s.Remember(ran("10-a", "one")) },
		func(s Store) error { return s.Remember(ran("20-b", "two")) },
		func(s Store) error { return s.Remember(ran("10-a", "three")) },
		func(s Store) error { return s.RequestReboot("01R", request(phased.RebootAfterPhase)) },
		func(s Store) error { return s.RequestReboot("01R", request(phased.RebootNow)) },
		func(s Store) error { return s.Forget(HookOf(ran("20-b", ""))) },
		func(s Store) error { return s.ForgetReboot("01R") },
	}
}

// facts is all that is remembered, as one text.
func facts(s Store) (string, error) {
	all, err := s.Remembered()
	if err != nil {
		return "", err
	}
	text := ""
	for _, r := range all {
		text += fmt.Sprintf("%s=%s ", r.Hook, r.Digest)
	}
	requests, err := s.RebootRequests("01R")
	for _, r := range requests {
		text += fmt.Sprintf("%s ", r.When)
	}
	return text, err
}

// expected returns the facts after each number of steps.
func expected(t *testing.T) (all []string, operations int) {
	t.Helper()
	f := newFaulty(t)
	for n := 0; ; n++ {
		text, err := facts(f.store)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
		if n == len(steps()) {
			return all, len(f.disk.Done())
		}
		if err := steps()[n](f.store); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryOperationFails fails each operation in turn: what was there before is
// there still, or what was asked for is, and the next try succeeds.
func TestEveryOperationFails(t *testing.T) {
	want, operations := expected(t)
	for at := 1; at <= operations; at++ {
		for _, fault := range []error{syscall.EIO, syscall.ENOSPC} {
			f := newFaulty(t)
			f.disk.Fail(at, at, fault, 7) // a write gets 7 bytes through
			for n, step := range steps() {
				err := step(f.store)
				text, ferr := facts(f.store)
				switch {
				case ferr != nil:
					t.Fatalf("operation %d, %v: after step %d nothing can be read: %v", at, fault, n, ferr)
				case err == nil && text != want[n+1]:
					t.Fatalf("operation %d, %v: step %d has succeeded, and left %q, want %q", at, fault, n, text, want[n+1])
				case err == nil:
					continue
				case !errors.Is(err, fault) || text != want[n] && text != want[n+1]:
					t.Fatalf("operation %d, %v: step %d says %v, and left %q", at, fault, n, err, text)
				}
				if files, err := filepath.Glob(filepath.Join(f.root, "private", "*", ".new-*")); len(files) > 0 || err != nil {
					t.Errorf("operation %d, %v: left %q, %v", at, fault, files, err)
				}
				if err := again(f.store, n); err != nil {
					t.Fatalf("operation %d, %v: step %d, tried again: %v", at, fault, n, err)
				}
			}
		}
	}
}

// again tries a step again. A request that got through before counts twice, which
// means the same; it is taken back first.
func again(s Store, n int) error {
	if n == 3 || n == 4 {
		if err := s.ForgetReboot("01R"); err != nil {
			return err
		}
		if n == 4 {
			if err := steps()[3](s); err != nil {
				return err
			}
		}
	}
	return steps()[n](s)
}

// TestPowerGoesAtEveryOperation cuts the power in each operation: what had
// returned is there, and of the step in which it went all or nothing.
func TestPowerGoesAtEveryOperation(t *testing.T) {
	want, operations := expected(t)
	half := func(n int) int { return n / 2 }
	for at := 1; at <= operations; at++ {
		f := newFaulty(t)
		f.disk.Fail(at, at, faultdisk.ErrPower, 0)
		done := 0
		for _, step := range steps() {
			if step(f.store) != nil {
				break
			}
			done++
		}
		if !f.disk.Off() {
			t.Fatalf("operation %d: the power did not go", at)
		}
		for name, pick := range map[string]faultdisk.Pick{"nothing": faultdisk.Nothing, "half": half, "everything": faultdisk.Everything} {
			for zeros, blank := range map[string]faultdisk.Pick{"written": faultdisk.Nothing, "zeros": func(int) int { return 1 }} {
				found := t.TempDir()
				if err := f.disk.PowerCut(found, pick, blank); err != nil {
					t.Fatal(err)
				}
				for _, d := range []string{"private", "private/" + frequencies, "private/" + reboots} {
					if err := os.Chmod(filepath.Join(found, d), 0o700); err != nil && !os.IsNotExist(err) {
						t.Fatal(err)
					}
				}
				text, err := facts(New(found))
				if err != nil || text != want[done] && (done == len(steps()) || text != want[done+1]) {
					t.Errorf("power gone in operation %d (%s), %s of what was not synced is there, %s: %q, %v; %d steps had returned: want %q", at, f.disk.Done()[at-1], name, zeros, text, err, done, want[done])
				}
			}
		}
	}
}
