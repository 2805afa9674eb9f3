package plan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

func waiting(when ...string) phased.Entry {
	return phased.Entry{Name: "10-nginx", Path: "/x/10-nginx", Verdict: phased.VerdictRun, HookOptions: phased.HookOptions{When: when}}
}

func TestCondition(t *testing.T) {
	said := func(name, phase, hook, id string) phased.Notification {
		return phased.Notification{Name: name, Phase: phase, Hook: phased.Text(hook), ID: id, Run: "01R"}
	}
	file := []phased.Input{{Path: "/etc/a", Digest: "1"}}
	for name, c := range map[string]struct {
		e               phased.Entry
		all             []phased.Notification
		was             phased.Served
		files           []phased.Input
		reason, message string
	}{
		"nothing": {
			e: waiting("notified:nginx", "changed:php"), reason: "not-notified", message: "nothing has notified nginx or php",
		},
		"other name": {
			e: waiting("notified:nginx"), all: []phased.Notification{said("php", "configure", "a", "1")}, reason: "not-notified", message: "nothing has notified nginx",
		},
		"several": {
			e: waiting("notified:nginx", "notified:php"),
			all: []phased.Notification{
				said("nginx", "configure", "20-render", "1"), said("nginx", "configure", "30-certs", "2"), said("php", "", "", "3"), said("nginx", "pre", "x", "4"),
			},
			message: "notified nginx: configure/20-render, 30-certs, pre/x; notified php: a hook of run 01R",
		},
		"served": {
			e: waiting("notified:nginx"), all: []phased.Notification{said("nginx", "configure", "a", "1"), said("nginx", "configure", "b", "2")},
			was: phased.Served{IDs: []string{"1"}}, message: "notified nginx: configure/b",
		},
		"file is new": {e: waiting("changed:/etc/a"), files: file, message: "changed: /etc/a (new)"},
		"file is as it was": {
			e: waiting("changed:/etc/a"), files: file, was: phased.Served{Files: file}, reason: "not-changed", message: "/etc/a is as it was",
		},
		"file is gone": {e: waiting("changed:/etc/a"), was: phased.Served{Files: file}, message: "changed: /etc/a (gone)"},
		"both kinds": {
			e: waiting("notified:nginx", "changed:/etc/a"), files: file, was: phased.Served{Files: file},
			reason: "not-notified", message: "nothing has notified nginx, and /etc/a is as it was",
		},
		"by hand": {e: waiting("notified:nginx"), all: []phased.Notification{{Name: "nginx", ID: "1"}}, message: "notified nginx: by hand"},
	} {
		reason, message := Condition(c.e, Pending(c.e, c.all, c.was), c.was.Files, c.files)
		if reason != c.reason || message != c.message {
			t.Errorf("%s: %q %q, want %q %q", name, reason, message, c.reason, c.message)
		}
	}
}

func TestWaitersAndAwaited(t *testing.T) {
	off := waiting("notified:off")
	off.Verdict = phased.VerdictMasked
	phases := []phased.PlannedPhase{
		{Phase: phased.Phase{Name: "a"}, Entries: []phased.Entry{waiting("notified:x", "notified:y"), off}},
		{Phase: phased.Phase{Name: "b"}, Entries: []phased.Entry{waiting("changed:x", "changed:/etc/x")}},
	}
	if diff := cmp.Diff([]HookAt{{"a", "10-nginx"}, {"b", "10-nginx"}}, Waiters(phases, "x")); diff != "" {
		t.Error(diff)
	}
	if len(Waiters(phases, "off")) != 0 || len(Waiters(phases, "/etc/x")) != 0 {
		t.Error("a hook waits that does not")
	}
	if diff := cmp.Diff([]string{"x", "y"}, Awaited(phases)); diff != "" {
		t.Error(diff)
	}
}

// Whatever of a file counts shows, and nothing else does.
func TestLookSeesChanges(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	write("a.conf", "1")
	write("sub/b.conf", "1")
	do(os.Symlink("sub", filepath.Join(dir, "link")))
	do(os.Symlink("..", filepath.Join(dir, "sub", "up")))
	do(os.Symlink("nowhere", filepath.Join(dir, "sub", "dangling")))
	do(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644))
	steps := []struct {
		name, at string
		do       func()
		want     string
	}{
		{"nothing", "", func() {}, ""},
		{"times only", "", func() { write("a.conf", "1") }, ""},
		{"content", "", func() { write("a.conf", "2") }, "a.conf"},
		{"content of the same size", "*.conf", func() { write("a.conf", "3") }, "a.conf"},
		{"mode", "a.conf", func() { do(os.Chmod(filepath.Join(dir, "a.conf"), 0o600)) }, "a.conf"},
		{"comes", "*.conf", func() { write("c.conf", "") }, "c.conf (new)"},
		{"comes beside", "a.conf", func() { write("d.conf", "") }, ""},
		{"goes", "*.conf", func() { do(os.Remove(filepath.Join(dir, "c.conf"))) }, "c.conf (gone)"},
		{"below", "", func() { write("sub/b.conf", "2") }, "sub/b.conf"},
		{"through a link", "link", func() { write("sub/b.conf", "3") }, "link/b.conf"},
		{"type", "sub", func() { do(os.Remove(dir + "/sub/up")); do(os.Mkdir(dir+"/sub/up", 0o755)) }, "sub/up"},
		{"link leads elsewhere", "", func() { do(os.Remove(dir + "/link")); do(os.Symlink("sub/up", dir+"/link")) }, "link"},
		{"missing", "none", func() {}, ""},
		{"missing comes", "none", func() { write("none", "") }, "none (new)"},
		{"odd name", "[x", func() { write("[x", "2") }, "[x"},
	}
	write("[x", "1")
	for _, s := range steps {
		at := filepath.Join(dir, s.at)
		was, err := LookAt(at)
		do(err)
		s.do()
		is, err := LookAt(at)
		do(err)
		if got := strings.ReplaceAll(strings.Join(LookChanged(was, is), ","), dir+"/", ""); got != s.want {
			t.Errorf("%s: %q, want %q", s.name, got, s.want)
		}
	}
}

func TestLookIsBounded(t *testing.T) {
	dir := t.TempDir()
	if _, err := LookAt(filepath.Join(dir, "[x")); err == nil || !strings.Contains(err.Error(), "is no pattern of file names") {
		t.Errorf("%v", err)
	}
	for i := range maxLook {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LookAt(dir); err == nil || !strings.Contains(err.Error(), "more than 10000 files") {
		t.Errorf("%v", err)
	}
}

// What is written out is found, and nothing else.
func TestNotified(t *testing.T) {
	for script, want := range map[string]string{
		"phased notify nginx\n":                                         "nginx:1",
		"if x; then\n\t/usr/bin/phased notify 'a' \"b\" c; fi\n":        "a:2 b:2 c:2",
		"phased changed --notify nginx --notify=php /etc/x || exit\n":   "nginx:1 php:1",
		"# phased notify nginx\necho phased notify nginx\n":             "",
		"cat <<E\nphased notify nginx\nE\n":                             "",
		"phased notify \"$x\" \"a$x\" $(y) z\n":                         "z:1",
		"phased notify --lifecycle other nginx\n":                       "",
		"phased changed --base /x --notify nginx /etc/x\n":              "",
		"phased changed --notify\n":                                     "",
		"for s in a b; do phased notify $s; done; notify x; phased x\n": "",
		"phased notify nginx; if\n":                                     "",
	} {
		var got []string
		for _, s := range notified([]byte(script), "bash") {
			got = append(got, fmt.Sprintf("%s:%d", s.name, s.line))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", script, got, want)
		}
	}
}
