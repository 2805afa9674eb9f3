package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/faultdisk"
	"phased/internal/phased"
	"phased/internal/trust"
)

func publishable(lifecycle string, base phased.Text, host string) phased.Published {
	return phased.Published{
		V: 1, Time: time.Unix(1e9, 0).UTC(), Host: host, Findings: []phased.Finding{},
		Plan: phased.Plan{Lifecycle: lifecycle, Base: base, Phases: []phased.PlannedPhase{}},
	}
}

func plansIn(t *testing.T) (Plans, string) {
	t.Helper()
	dir := t.TempDir()
	s := NewPlans(dir)
	s.AnyOwner = true // the way to a test's directory is anybody's
	return s, dir
}

// TestPublish: one a lifecycle and base, the newest; for the group, and nobody else.
func TestPublish(t *testing.T) {
	s, dir := plansIn(t)
	defer syscall.Umask(syscall.Umask(0))
	for _, p := range []phased.Published{
		publishable("refresh", "/etc/phased", "old"), publishable("refresh", "/etc/phased", "new"), publishable("refresh", "/etc-phased", "other"),
		publishable("deploy", "/x/\xff ..", "odd"),
	} {
		path, err := s.Publish(p)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != 0o640 || filepath.Dir(path) != filepath.Join(dir, "plans") {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if info, err := os.Lstat(s.Dir()); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	all, err := s.All()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range all {
		got = append(got, fmt.Sprint(p.Plan.Lifecycle, " ", p.Host, " ", p.Err, " ", p.Key == phased.PlanKey(p.Plan.Lifecycle, p.Plan.Base)))
	}
	want := []string{"deploy odd <nil> true", "refresh new <nil> true", "refresh other <nil> true"}
	if strings.Contains(got[1], "other") {
		want[1], want[2] = want[2], want[1]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	path, err := s.Unpublish("refresh", "/etc/phased")
	if err != nil || !strings.HasPrefix(filepath.Base(path), "refresh-of-etc-phased.") {
		t.Errorf("removed %s: %v", path, err)
	}
	if path, err = s.Unpublish("refresh", "/etc/phased"); err != nil || path != "" {
		t.Errorf("removed %s again: %v", path, err)
	}
	if all, err = s.All(); err != nil || len(all) != 2 {
		t.Errorf("%d plans are left: %v", len(all), err)
	}
}

// TestPublishFollowsTheGroup: whoever may read the state directory may read the
// plans.
func TestPublishFollowsTheGroup(t *testing.T) {
	s, dir := plansIn(t)
	group := os.Getegid()
	if os.Geteuid() == 0 { // who may give files to any group
		group = 4242
	}
	if err := os.Chown(dir, -1, group); err != nil {
		t.Fatal(err)
	}
	path, err := s.Publish(publishable("refresh", "/b", "h"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{s.Dir(), path} {
		info, err := os.Lstat(p)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); int(st.Gid) != group || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s: %d:%d %v", p, st.Uid, st.Gid, info.Mode())
		}
	}
}

// publishTwice publishes two plans of one name on a disk with faults, and returns
// which hosts' have been published without an error.
func publishTwice(s Plans) (done []string, err error) {
	for _, host := range []string{"old", "new"} {
		if _, err = s.Publish(publishable("refresh", "/b", host)); err != nil {
			break
		}
		done = append(done, host)
	}
	return done, err
}

func faultyPlans(t *testing.T) (Plans, *faultdisk.Disk) {
	t.Helper()
	s, dir := plansIn(t)
	d := faultdisk.New(dir)
	s.disk = d
	return s, d
}

// TestPublishFailsWhole: whichever operation fails, a reader finds the old plan or
// the new one, whole, and nothing is left behind.
func TestPublishFailsWhole(t *testing.T) {
	s, d := faultyPlans(t)
	if _, err := publishTwice(s); err != nil {
		t.Fatal(err)
	}
	operations := len(d.Done())
	for at := 1; at <= operations; at++ {
		s, d := faultyPlans(t)
		d.Fail(at, at, syscall.ENOSPC, 7)
		done, err := publishTwice(s)
		if err == nil && strings.HasPrefix(d.Done()[at-1], "remove") {
			continue // nothing was there to be removed
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("operation %d (%s): the failure is told as %v", at, d.Done()[at-1], err)
		}
		all, err := s.All()
		if err != nil || len(all) > 1 || len(all) < len(done) || len(all) == 1 && all[0].Err != nil {
			t.Errorf("operation %d: %v, %v, and %v was published", at, all, err, done)
		}
		if names, err := s.names(); err != nil || len(names) != len(all) {
			t.Errorf("operation %d: left behind %v, %v", at, names, err)
		}
		if _, err := publishTwice(s); err != nil {
			t.Errorf("operation %d: tried again: %v", at, err)
		}
	}
}

// TestPublishInAPowerCut: what has returned is there, and of the other all or
// nothing.
func TestPublishInAPowerCut(t *testing.T) {
	s, d := faultyPlans(t)
	if _, err := publishTwice(s); err != nil {
		t.Fatal(err)
	}
	operations := len(d.Done())
	for at := 1; at <= operations; at++ {
		s, d := faultyPlans(t)
		d.Fail(at, at, faultdisk.ErrPower, 0)
		done, _ := publishTwice(s)
		for name, pick := range map[string]faultdisk.Pick{"nothing": faultdisk.Nothing, "half": func(n int) int { return n / 2 }, "everything": faultdisk.Everything} {
			found := t.TempDir()
			if err := d.PowerCut(found, pick, faultdisk.Nothing); err != nil {
				t.Fatal(err)
			}
			all, err := NewPlans(found).All()
			if err != nil || len(all) > 1 || len(all) == 1 && all[0].Err != nil {
				t.Fatalf("power gone in operation %d, %s: %v, %v", at, name, all, err)
			}
			host := ""
			if len(all) == 1 {
				host = all[0].Host
			}
			if want := []string{"", "old", "new"}; host != want[len(done)] && (len(done) == 2 || host != want[len(done)+1]) {
				t.Errorf("power gone in operation %d (%s), %s of what was not synced is there: the plan of %q, and %v was published", at, d.Done()[at-1], name, host, done)
			}
		}
	}
}

// TestHalfWrittenPlansAreSwept: those of dead processes, once they are old.
func TestHalfWrittenPlansAreSwept(t *testing.T) {
	s, _ := plansIn(t)
	if _, err := s.Publish(publishable("refresh", "/b", "h")); err != nil {
		t.Fatal(err)
	}
	young, old := filepath.Join(s.Dir(), madePrefix+"1-x"), filepath.Join(s.Dir(), madePrefix+"2-x")
	for _, p := range []string{young, old} {
		if err := os.WriteFile(p, []byte(`{"v":1`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if all, err := s.All(); err != nil || len(all) != 1 {
		t.Errorf("%d plans, %v", len(all), err)
	}
	if _, err := s.Publish(publishable("refresh", "/b", "h")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(old); err == nil {
		t.Error("the old one is still there")
	}
	if _, err := os.Lstat(young); err != nil {
		t.Errorf("the young one: %v", err)
	}
}

// TestHostilePlans: what lies in the directory and is no plan is told, not
// followed and not waited for.
func TestHostilePlans(t *testing.T) {
	s, dir := plansIn(t)
	if _, err := s.Publish(publishable("refresh", "/good", "h")); err != nil {
		t.Fatal(err)
	}
	at := func(n int) string { return filepath.Join(s.Dir(), fmt.Sprintf("x.%016x.json", n)) }
	secret := filepath.Join(dir, "secret")
	other, err := json.Marshal(publishable("refresh", "/other", "h"))
	if err != nil {
		t.Fatal(err)
	}
	for i, plant := range []func(path string) error{
		func(p string) error { return os.WriteFile(p, []byte(`{"v":1,"t":`), 0o640) },
		func(p string) error { return os.WriteFile(p, []byte(`{"v":9}`), 0o640) },
		func(p string) error { return os.WriteFile(p, other, 0o640) },
		func(p string) error {
			return errors.Join(os.WriteFile(secret, []byte("root:secret"), 0o600), os.Symlink(secret, p))
		},
		func(p string) error { return syscall.Mkfifo(p, 0o640) },
		func(p string) error { return os.Mkdir(p, 0o750) },
		func(p string) error { return errors.Join(os.WriteFile(p, nil, 0o640), os.Truncate(p, maxPlan+10)) },
	} {
		if err := plant(at(i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"notes.txt", ".hidden.0000000000000001.json", "x.json", "x.000000000000000G.json"} {
		if err := os.WriteFile(filepath.Join(s.Dir(), name), nil, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.All()
	if err != nil || len(all) != 8 {
		t.Fatalf("%d plans, %v", len(all), err)
	}
	want := []string{"", "unexpected end", "newer phased", "another's", "too many levels", "not a regular file", "not a regular file", "larger than 16 MiB"}
	for i, p := range all {
		if i == 0 {
			if p.Err != nil || p.Plan.Base != "/good" {
				t.Errorf("the good one: %v, %v", p.Plan.Base, p.Err)
			}
			continue
		}
		if p.Err == nil || !strings.Contains(p.Err.Error(), want[i]) || strings.Contains(p.Err.Error(), "root:secret") || p.Plan.Lifecycle != "" {
			t.Errorf("%s: %v, want %q", p.File, p.Err, want[i])
		}
	}
}

// TestPlansDirectoryIsTrusted: nothing is written where somebody else could have
// planted it, or through a link.
func TestPlansDirectoryIsTrusted(t *testing.T) {
	s, dir := plansIn(t)
	target := t.TempDir()
	if err := os.Symlink(target, s.Dir()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Publish(publishable("refresh", "/b", "h")); err == nil || !strings.Contains(err.Error(), "not a directory itself") {
		t.Errorf("a link: %v", err)
	}
	if all, err := s.All(); err == nil || len(all) > 0 {
		t.Errorf("a link is read: %v, %v", all, err)
	}
	if err := errors.Join(os.Remove(s.Dir()), os.Mkdir(s.Dir(), 0o750), os.Chmod(s.Dir(), 0o777)); err != nil {
		t.Fatal(err)
	}
	s = NewPlans(dir)
	_, err := s.Publish(publishable("refresh", "/b", "h"))
	if _, untrusted := errors.AsType[*trust.Problem](err); !untrusted {
		t.Errorf("a directory that everybody can write: %v", err)
	}
	if _, err = s.Unpublish("refresh", "/b"); err == nil {
		t.Error("and something is removed in it")
	}
}

// TestPublishedTooLarge: what no reader would take is not written.
func TestPublishedTooLarge(t *testing.T) {
	s, _ := plansIn(t)
	p := publishable("refresh", "/b", strings.Repeat("x", maxPlan))
	if _, err := s.Publish(p); err == nil || !strings.Contains(err.Error(), "no more than 16") {
		t.Errorf("%v", err)
	}
	if names, _ := s.names(); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// FuzzPublished reads what anybody may have written.
func FuzzPublished(f *testing.F) {
	good, err := json.Marshal(publishable("refresh", "/b", "h"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(good))
	f.Add(`{"v":1,"t":"2026-01-01T00:00:00Z","plan":{"lifecycle":"x","base":{"b64":"/w=="},"phases":[{"name":"p","entries":[{"name":"a","verdict":"run","timeout":"none"}]}]},"findings":null}`)
	f.Add(`{"v":1e0}`)
	f.Add(`{"v":1,"plan":{"phases":[null,{}]}}`)
	path := filepath.Join(f.TempDir(), "x.json")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := readPlan(path, phased.PlanKey("refresh", "/b"))
		if err != nil {
			return
		}
		if p.Plan.Lifecycle != "refresh" || p.Plan.Base != "/b" || p.V > phased.PublishedVersion || p.Time.IsZero() {
			t.Errorf("%q is taken for %+v", text, p)
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("%q cannot be written again: %v", text, err)
		}
		if q, err := phased.ParsePublished(again); err != nil {
			t.Errorf("%s: %v", again, err)
		} else if diff := cmp.Diff(p.Plan.Digest, q.Plan.Digest); diff != "" {
			t.Error(diff)
		}
	})
}
