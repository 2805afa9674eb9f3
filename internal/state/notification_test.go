package state

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

func theScope() Scope { return Scope{"/x", "refresh"} }

func note1(name string, hook phased.Text) phased.Notification {
	return phased.Notification{Base: "/x", Lifecycle: "refresh", Name: name, Phase: "configure", Hook: hook, Run: "01R", Time: time.Unix(1, 0)}
}

// pending returns who is pending for a hook that waits for the names, as NAME:HOOK.
func pending(t *testing.T, s Store, h Hook, names ...string) (all []string, ids []string) {
	t.Helper()
	was, err := s.Served(h)
	if err != nil {
		t.Fatal(err)
	}
	there, err := s.Notifications(Scope{h.Base, h.Lifecycle}, names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range there {
		if !slices.Contains(was.IDs, n.ID) {
			all, ids = append(all, n.Name+":"+string(n.Hook)), append(ids, n.ID)
		}
	}
	return all, ids
}

func mustNotify(t *testing.T, s Store, name string, hook phased.Text) {
	t.Helper()
	if err := s.Notify(note1(name, hook)); err != nil {
		t.Fatal(err)
	}
}

func serve(h Hook, ids ...string) phased.Served {
	return phased.Served{Base: h.Base, Lifecycle: h.Lifecycle, Phase: h.Phase, Hook: h.Name, Run: "01R", IDs: ids}
}

// Each hook that waits serves for itself, and what is said again is pending again.
func TestPendingUntilEachHasServed(t *testing.T) {
	s := New(t.TempDir())
	nginx, other := theScope().Hook("post", "10-nginx"), theScope().Hook("post", "20-other")
	mustNotify(t, s, "nginx", "20-render")
	mustNotify(t, s, "nginx", "30-certs")
	mustNotify(t, s, "php", "30-certs")
	all, ids := pending(t, s, nginx, "nginx")
	if diff := cmp.Diff([]string{"nginx:20-render", "nginx:30-certs"}, all); diff != "" {
		t.Fatal(diff)
	}
	mustNotify(t, s, "nginx", "30-certs") // while it runs
	if err := s.Serve(serve(nginx, ids...)); err != nil {
		t.Fatal(err)
	}
	all, ids = pending(t, s, nginx, "nginx")
	if diff := cmp.Diff([]string{"nginx:30-certs"}, all); diff != "" {
		t.Fatal(diff)
	}
	if err := s.Serve(serve(nginx, ids...)); err != nil {
		t.Fatal(err)
	}
	if all, _ = pending(t, s, nginx, "nginx"); len(all) != 0 {
		t.Errorf("still pending: %q", all)
	}
	if all, _ = pending(t, s, other, "nginx"); len(all) != 2 {
		t.Errorf("for the other one %q is pending", all)
	}
	if all, _ = pending(t, s, Scope{"/x", "other"}.Hook("post", "10-nginx"), "nginx"); len(all) != 0 {
		t.Errorf("in another lifecycle %q is pending", all)
	}
	if all, _ = pending(t, s, Scope{"/y", "refresh"}.Hook("post", "10-nginx"), "nginx"); len(all) != 0 {
		t.Errorf("in another base %q is pending", all)
	}
}

// What is dropped was not said again since.
func TestDropSparesWhatIsNew(t *testing.T) {
	s := New(t.TempDir())
	mustNotify(t, s, "nginx", "20-render")
	mustNotify(t, s, "php", "20-render")
	old, err := s.Notifications(theScope())
	if err != nil || len(old) != 2 {
		t.Fatal(old, err)
	}
	mustNotify(t, s, "nginx", "20-render")
	// Somebody who is just saying something is not disturbed.
	unlock, err := s.flock(notifications, 1) // LOCK_SH
	if err != nil {
		t.Fatal(err)
	}
	if done, err := s.Drop(old); done || err != nil {
		t.Errorf("dropped beside a writer: %v, %v", done, err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(s.private, notifications, madePrefix+"1-left")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if done, err := s.Drop(old); !done || err != nil {
		t.Fatal(done, err)
	}
	now, err := s.Notifications(theScope())
	if err != nil || len(now) != 1 || now[0].Name != "nginx" {
		t.Errorf("left: %v, %v", now, err)
	}
	if _, err := os.Lstat(left); !os.IsNotExist(err) {
		t.Errorf("what a writer that died has left: %v", err)
	}
}

// What many say at once is all there.
func TestManyAtOnce(t *testing.T) {
	s := New(t.TempDir())
	path := s.NotesPath("01R", theScope().Hook("configure", "20-render"))
	if err := s.ReadyNotes(); err != nil {
		t.Fatal(err)
	}
	const many = 50
	errs := make([]error, 3*many)
	var wait sync.WaitGroup
	for i := range many {
		name, hook := fmt.Sprintf("n%02d", i), phased.Text(fmt.Sprintf("h%02d", i))
		wait.Go(func() { errs[3*i] = s.Notify(note1(name, "20-render")) })
		wait.Go(func() { errs[3*i+1] = s.TellNotified(path, []string{name}) })
		wait.Go(func() {
			errs[3*i+2] = s.Looked(theScope().Hook("configure", "20-render"), "", []phased.Look{{At: "/etc/" + hook}})
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := s.Notifications(theScope())
	if err != nil || len(all) != many {
		t.Errorf("%d notifications, %v", len(all), err)
	}
	n, _, err := s.ReadNotes(path)
	if err != nil || len(n.Told) != many || len(n.Bad) > 0 {
		t.Errorf("%d told, %q, %v", len(n.Told), n.Bad, err)
	}
	seen, err := s.Looks(theScope().Hook("configure", "20-render"), "")
	if err != nil || len(seen) != many {
		t.Errorf("%d looks, %v", len(seen), err)
	}
}

func TestNotes(t *testing.T) {
	got := parseNotes([]byte("nginx\n\nphp\nnginx\n" + `{"told":["apt"]}` + "\n" + `{"key":"k","look":{"at":"/etc/a","t":"2026-01-02T03:04:05Z","files":[{"path":"/etc/a","is":"x"}]}}` +
		"\n../x\n" + strings.Repeat("y", 200) + "\nlast"))
	want := Notes{
		Names: []string{"nginx", "php", "last"}, Told: []string{"apt"},
		Looks: map[string][]phased.Look{"k": {{At: "/etc/a", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Files: []phased.FileState{{Path: "/etc/a", Is: "x"}}}}},
	}
	bad := got.Bad
	got.Bad = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(bad) != 2 || !strings.Contains(bad[0], `line 4 of $PHASED_NOTIFY`) || !strings.Contains(bad[0], `"../x"`) || len(bad[1]) > 300 {
		t.Errorf("bad lines: %q", bad)
	}
}

func TestNameFault(t *testing.T) {
	for name, good := range map[string]bool{
		"nginx": true, "a.b_c-D9": true, strings.Repeat("x", 64): true,
		"": false, ".x": false, "..": false, "a/b": false, "a b": false, "ä": false, "a\x00": false, strings.Repeat("x", 65): false,
	} {
		if (NameFault(name) == "") != good {
			t.Errorf("%q: %s", name, NameFault(name))
		}
	}
	if err := New(t.TempDir()).Notify(note1("../../x", "h")); err == nil {
		t.Error("a path was taken for a name")
	}
}

// What another user could have written is not believed, and neither is what stands
// in another file's place.
func TestHostileFacts(t *testing.T) {
	h := theScope().Hook("post", "10-nginx")
	for name, harm := range map[string]func(t *testing.T, dir, file string){
		"mode": func(t *testing.T, _, file string) { must(t, os.Chmod(file, 0o666)) },
		"dir":  func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o777)) },
		"link": func(t *testing.T, dir, file string) {
			must(t, os.Rename(file, dir+"/x"))
			must(t, os.Symlink("x", file))
		},
		"fifo": func(t *testing.T, _, file string) {
			must(t, os.Remove(file))
			must(t, mkfifo(file))
		},
		"text": func(t *testing.T, _, file string) { must(t, os.WriteFile(file, []byte("{"), 0o600)) },
		"other": func(t *testing.T, _, file string) {
			must(t, os.WriteFile(file, []byte(`{"base":"/x","lifecycle":"refresh","phase":"post","hook":"other","name":"other","id":"1"}`), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := New(t.TempDir())
			mustNotify(t, s, "nginx", "20-render")
			must(t, s.Serve(serve(h, "1")))
			must(t, s.Looked(h, "", []phased.Look{{At: "/x"}}))
			for dir, look := range map[string]func() error{
				notifications: func() error { _, err := s.Notifications(theScope()); return err },
				serveds:       func() error { _, err := s.Served(h); return err },
				looks:         func() error { _, err := s.Looks(h, ""); return err },
			} {
				files, err := filepath.Glob(filepath.Join(s.private, dir, "*.json"))
				if err != nil || len(files) != 1 {
					t.Fatal(files, err)
				}
				harm(t, filepath.Join(s.private, dir), files[0])
				if err := look(); err == nil {
					t.Errorf("%s: it was believed", dir)
				}
			}
		})
	}
}

// The notes of a run that died are found by scope, and tell whose they are.
func TestUntaken(t *testing.T) {
	s := New(t.TempDir())
	must(t, s.ReadyNotes())
	mine, other := theScope().Hook("configure", "10-a"), Scope{"/y", "refresh"}.Hook("configure", "10-a")
	const run = "01KAXQ0C4V01KAXQ0C4V01KAXQ"
	for _, h := range []Hook{mine, other} {
		must(t, os.WriteFile(s.NotesPath(run, h), []byte("nginx\n"), 0o600))
	}
	left, err := s.Untaken(theScope())
	if err != nil || len(left) != 1 || left[0].Run != run || !left[0].Of(mine) || left[0].Of(theScope().Hook("configure", "10-b")) {
		t.Fatalf("%+v, %v", left, err)
	}
	must(t, s.DropNotes(left[0].Path))
	if left, err = s.Untaken(theScope()); err != nil || len(left) != 0 {
		t.Errorf("%+v, %v", left, err)
	}
	if err := s.TellNotified("/etc/passwd", []string{"x"}); err == nil {
		t.Error("a file elsewhere was written")
	}
	must(t, os.Symlink("/etc/hosts", s.NotesPath(run, mine)))
	if err := s.TellNotified(s.NotesPath(run, mine), []string{"x"}); err == nil {
		t.Error("a link was followed")
	}
	if _, _, err := s.ReadNotes(s.NotesPath(run, mine)); err == nil {
		t.Error("a link was followed")
	}
}

// What is remembered of arguments is bounded, and the newest stay.
func TestLooksAreBounded(t *testing.T) {
	s, h := New(t.TempDir()), theScope().Hook("configure", "10-a")
	var all []phased.Look
	for i := range maxLooks + 5 {
		all = append(all, phased.Look{At: phased.Text(fmt.Sprint("/", i)), Time: time.Unix(int64(i), 0).UTC()})
	}
	must(t, s.Looked(h, "k", all))
	got, err := s.Looks(h, "k")
	if err != nil || len(got) != maxLooks || got[0].At != "/5" {
		t.Fatalf("%d, %v", len(got), err)
	}
	hooks, err := s.LookedAt()
	if err != nil || !slices.Equal(hooks, []Hook{h}) {
		t.Errorf("%v, %v", hooks, err)
	}
	must(t, s.ForgetLooks(h))
	if got, err = s.Looks(h, "k"); err != nil || len(got) != 0 {
		t.Errorf("%d, %v", len(got), err)
	}
}

// What is remembered of many files is bounded as well: the oldest gives way to the
// newest, and what was just seen is never forgotten in silence.
func TestLooksOfManyFilesAreBounded(t *testing.T) {
	s, h := New(t.TempDir()), theScope().Hook("configure", "10-a")
	mib := make([]phased.FileState, 1000)
	for i := range mib {
		mib[i] = phased.FileState{Path: phased.Text(strings.Repeat("p", 1000)), Is: fmt.Sprint(i)}
	}
	for i := range 9 {
		must(t, s.Looked(h, "", []phased.Look{{At: phased.Text(fmt.Sprint("/", i)), Time: time.Unix(int64(i), 0).UTC(), Files: mib}}))
	}
	got, err := s.Looks(h, "")
	if err != nil || len(got) < 2 || len(got) > 4 || got[len(got)-1].At != "/8" {
		t.Fatalf("%d, %v", len(got), err)
	}
	var all []phased.Look
	for i := range 5 {
		all = append(all, phased.Look{At: phased.Text(fmt.Sprint("/", i)), Time: time.Unix(100, 0).UTC(), Files: mib})
	}
	if err := s.Looked(h, "", all); err == nil || !strings.Contains(err.Error(), "fewer at a time") {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o600) }
