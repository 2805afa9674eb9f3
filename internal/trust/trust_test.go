package trust

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// nobody is a user who is neither root nor who runs this test.
const nobody = 65534

// tree makes a hook directory as it should be, and returns where it lies.
func tree(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("files of other users are made by root alone")
	}
	base := filepath.Join(t.TempDir(), "base")
	for _, d := range []string{"hooks.d", "else"} {
		must(t, os.MkdirAll(filepath.Join(base, d), 0o755))
	}
	for _, f := range []string{"hooks.d/10-x", "else/x", "else/y"} {
		must(t, os.WriteFile(filepath.Join(base, f), []byte("#!/bin/true\n"), 0o755))
		must(t, os.Chmod(filepath.Join(base, f), 0o755))
	}
	return base
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Every way in which somebody else could have written what a path leads to.
func TestFiles(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(t *testing.T, base string) // what was done to the tree
		path string                          // below base; "": hooks.d/10-x
		at   string                          // below base; "": trusted
		what string
	}{
		{name: "good", do: func(*testing.T, string) {}},
		{name: "everybody", do: mode("hooks.d/10-x", 0o757), at: "hooks.d/10-x", what: "can be written by everybody (mode 0757)"},
		{name: "group", do: mode("hooks.d/10-x", 0o775), at: "hooks.d/10-x", what: "can be written by its group 0 (mode 0775)"},
		{name: "owner", do: owner("hooks.d/10-x"), at: "hooks.d/10-x", what: "belongs to user 65534"},
		{name: "owner and mode", do: all(mode("hooks.d/10-x", 0o777), owner("hooks.d/10-x")), at: "hooks.d/10-x", what: "belongs to user 65534 and can be written by everybody (mode 0777)"},
		{name: "directory", do: mode("hooks.d", 0o777), at: "hooks.d", what: "can be written by everybody (mode 0777)"},
		{name: "directory of another", do: owner("hooks.d"), at: "hooks.d", what: "belongs to user 65534"},
		{name: "parent", do: mode(".", 0o775), at: ".", what: "can be written by its group 0 (mode 0775)"},
		{name: "sticky parent", do: mode(".", 0o1777)},
		{name: "sticky parent of another", do: all(mode(".", 0o1777), owner(".")), at: ".", what: "belongs to user 65534 and can be written by everybody (mode 01777)"},
		{name: "sticky directory and a good file", do: mode("hooks.d", 0o1777)},
		{name: "sticky directory and a hard link", do: all(mode("hooks.d", 0o1777), hard("else/x", "hooks.d/20-x")), path: "hooks.d/20-x", at: "hooks.d", what: "can be written by everybody (mode 01777)"},
		{name: "sticky directory and a file of another", do: all(mode("hooks.d", 0o1777), owner("hooks.d/10-x")), at: "hooks.d", what: "can be written by everybody (mode 01777)"},
		{name: "good link", do: link("../else/x", "hooks.d/30-x"), path: "hooks.d/30-x"},
		{name: "link of another", do: all(link("../else/x", "hooks.d/30-x"), owner("hooks.d/30-x")), path: "hooks.d/30-x", at: "hooks.d/30-x", what: "is a link that belongs to user 65534"},
		{name: "link to what another wrote", do: all(link("../else/x", "hooks.d/30-x"), owner("else/x")), path: "hooks.d/30-x", at: "else/x", what: "belongs to user 65534"},
		{name: "link into what others write", do: all(link("../else/x", "hooks.d/30-x"), mode("else", 0o777)), path: "hooks.d/30-x", at: "else", what: "can be written by everybody (mode 0777)"},
		{name: "link in what others write", do: all(mode("else", 0o777), link("y", "else/z"), link("../else/z", "hooks.d/30-x")), path: "hooks.d/30-x", at: "else", what: "can be written by everybody (mode 0777)"},
		{name: "link through what others write and back", do: all(mode("else", 0o777), link("../hooks.d/10-x", "else/z"), link("../else/z", "hooks.d/30-x")), path: "hooks.d/30-x", at: "else", what: "can be written by everybody (mode 0777)"},
		{name: "directory that is a link", do: all(link("else", "link.d"), owner("link.d")), path: "link.d/x", at: "link.d", what: "is a link that belongs to user 65534"},
		{name: "dots", do: mode("else", 0o777), path: "else/../hooks.d/./10-x"},
		{name: "mask", do: link("/dev/null", "hooks.d/30-x"), path: "hooks.d/30-x"},
		{name: "acl", do: acl("hooks.d/10-x"), at: "hooks.d/10-x", what: "can be written by its group 0 (mode 0775)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := tree(t)
			tt.do(t, base)
			if tt.path == "" {
				tt.path = "hooks.d/10-x"
			}
			c := NewChecker(0)
			defer c.Close()
			_, p, err := c.File(base + "/" + tt.path)
			switch {
			case err != nil:
				t.Fatal(err)
			case tt.at == "" && p != nil:
				t.Errorf("not trusted: %v", p)
			case tt.at != "" && p == nil:
				t.Errorf("trusted, want: %s %s", tt.at, tt.what)
			case p != nil && (p.At != filepath.Join(base, tt.at) || p.What != tt.what || p.Cure == ""):
				t.Errorf("got %q %q (%q), want %q %q", p.At, p.What, p.Cure, filepath.Join(base, tt.at), tt.what)
			}
		})
	}
}

type doing = func(t *testing.T, base string)

func all(do ...doing) doing {
	return func(t *testing.T, base string) {
		for _, d := range do {
			d(t, base)
		}
	}
}

func mode(name string, m uint32) doing {
	return func(t *testing.T, base string) { must(t, unix.Chmod(filepath.Join(base, name), m)) }
}

func owner(name string) doing {
	return func(t *testing.T, base string) { must(t, os.Lchown(filepath.Join(base, name), nobody, -1)) }
}

func link(target, name string) doing {
	return func(t *testing.T, base string) { must(t, os.Symlink(target, filepath.Join(base, name))) }
}

func hard(from, to string) doing {
	return func(t *testing.T, base string) {
		must(t, os.Link(filepath.Join(base, from), filepath.Join(base, to)))
	}
}

// acl lets nobody write by a POSIX ACL: user::rwx, user:65534:rwx, group::r-x,
// mask::rwx, other::r-x.
func acl(name string) doing {
	return func(t *testing.T, base string) {
		const none = 0xffffffff
		b := []byte{2, 0, 0, 0}
		for _, e := range [][3]uint32{{1, 7, none}, {2, 7, nobody}, {4, 5, none}, {16, 7, none}, {32, 5, none}} {
			b = append(b, byte(e[0]), 0, byte(e[1]), 0, byte(e[2]), byte(e[2]>>8), byte(e[2]>>16), byte(e[2]>>24))
		}
		must(t, unix.Setxattr(filepath.Join(base, name), "system.posix_acl_access", b, 0))
	}
}

// A directory to which others can add is not trusted, also where they can take
// nothing away.
func TestDirectories(t *testing.T) {
	base := tree(t)
	c := NewChecker(0)
	defer c.Close()
	if p, err := c.Directory(base + "/hooks.d"); p != nil || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	must(t, unix.Chmod(base+"/else", 0o1777))
	if p, err := c.Directory(base + "/else"); err != nil || p == nil || !strings.Contains(p.What, "everybody") {
		t.Errorf("a sticky directory: %v, %v", p, err)
	}
}

// The user's own files are his; those of others, but root's, are not.
func TestOwnFiles(t *testing.T) {
	base := tree(t)
	for _, f := range []string{"", "/hooks.d", "/hooks.d/10-x"} {
		must(t, os.Chown(base+f, 1234, 1234))
	}
	for uid, want := range map[int]bool{1234: true, 0: false, 1235: false} {
		c := NewChecker(uid)
		_, p, err := c.File(base + "/hooks.d/10-x")
		c.Close()
		if err != nil || (p == nil) != want {
			t.Errorf("user %d: %v, %v", uid, p, err)
		}
	}
}

func TestOpen(t *testing.T) {
	base := tree(t)
	c := NewChecker(0)
	defer c.Close()
	f, p, err := c.Open(base + "/else/x")
	if err != nil || p != nil {
		t.Fatalf("%v, %v", p, err)
	}
	b := make([]byte, 2)
	if _, err := f.Read(b); err != nil || string(b) != "#!" {
		t.Errorf("read %q, %v", b, err)
	}
	f.Close()
	must(t, unix.Mkfifo(base+"/fifo", 0o600))
	must(t, os.Symlink(fmt.Sprintf("/proc/%d/fd/0", os.Getpid()), base+"/magic"))
	must(t, os.Symlink("round", base+"/round"))
	for path, want := range map[string]error{
		"/fifo": ErrNotRegular, "/hooks.d": ErrNotRegular, "/none": unix.ENOENT, "/else/x/y": unix.ENOTDIR, "/else/x/": unix.ENOTDIR,
		"/magic": errMagic, "/round": unix.ELOOP,
	} {
		if f, _, err := c.Open(base + path); !errors.Is(err, want) {
			t.Errorf("Open(%s): %v, %v, want %v", path, f, err, want)
		}
	}
}

// A name can neither steer a terminal nor be run where the cure is copied.
func TestNames(t *testing.T) {
	for path, want := range map[string]string{
		"/a/b-1.x":    "/a/b-1.x",
		"/a/$(id)":    "'/a/$(id)'",
		"/a/it's":     `'/a/it'\''s'`,
		"/a/\x1b[2J":  `$'/a/\033[2J'`,
		"/a/\n\u202e": `$'/a/\012\342\200\256'`,
		"":            "''",
	} {
		if got := shown(path); got != want {
			t.Errorf("shown(%q) = %s, want %s", path, got, want)
		}
	}
	p := Problem{File: "/a/-rf", At: "/a", What: "w", Cure: "c"}
	if got := p.Error(); got != "/a/-rf is not trusted: /a, on the way to it, w; c" {
		t.Error(got)
	}
}

// What was good is looked at again, and found out, however it was changed since.
func TestGuardCatchesChanges(t *testing.T) {
	swapFile := func(t *testing.T, base string) {
		must(t, os.WriteFile(base+"/new", []byte("#!/bin/false\n"), 0o755))
		must(t, os.Chown(base+"/new", nobody, -1))
		must(t, os.Rename(base+"/new", base+"/hooks.d/10-x"))
	}
	swapDir := func(t *testing.T, base string) {
		must(t, os.Rename(base+"/hooks.d", base+"/old.d"))
		must(t, os.Mkdir(base+"/hooks.d", 0o755))
		must(t, os.WriteFile(base+"/hooks.d/10-x", []byte("#!/bin/false\n"), 0o755))
		must(t, os.Chown(base+"/hooks.d", nobody, -1))
	}
	for _, tt := range []struct {
		name string
		do   doing
		bad  bool
	}{
		{"nothing", func(*testing.T, string) {}, false},
		{"file", swapFile, true},
		{"directory", swapDir, true},
		{"owner", owner("hooks.d/10-x"), true},
		{"mode", mode("hooks.d/10-x", 0o777), true},
		{"link", func(t *testing.T, base string) {
			owner("else/x")(t, base)
			must(t, os.Remove(base+"/hooks.d/10-x"))
			link("../else/x", "hooks.d/10-x")(t, base)
		}, true},
		{"by root", func(t *testing.T, base string) {
			must(t, os.WriteFile(base+"/hooks.d/10-x", []byte("#!/bin/sh\n"), 0o755))
		}, false},
		{"gone", func(t *testing.T, base string) { must(t, os.Remove(base+"/hooks.d/10-x")) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base := tree(t)
			path := phased.Text(base + "/hooks.d/10-x")
			ph := phased.PlannedPhase{
				Phase: phased.Phase{Name: "hooks"}, Dirs: []phased.Text{phased.Text(base + "/hooks.d")},
				Entries: []phased.Entry{{Name: "10-x", Path: path, Verdict: phased.VerdictRun}},
			}
			g := &Guard{}
			if found := g.Plan(phased.Plan{Phases: []phased.PlannedPhase{ph}}); len(found) > 0 {
				t.Fatalf("before: %v", found)
			}
			tt.do(t, base)
			p := g.Hook(path)
			if (p != nil) != tt.bad {
				t.Errorf("right before it is run: %v", p)
			}
			if found := g.Phase(ph); (len(found) > 0) != tt.bad {
				t.Errorf("when the phase is listed: %v", found)
			}
		})
	}
}

// One fault of a directory is told once, not for each of its hooks.
func TestGuardTellsFaultsOnce(t *testing.T) {
	base := tree(t)
	must(t, unix.Chmod(base+"/else", 0o777))
	ph := phased.PlannedPhase{
		Phase: phased.Phase{Name: "p"}, Dirs: []phased.Text{phased.Text(base + "/else")},
		Entries: []phased.Entry{
			{Name: "x", Path: phased.Text(base + "/else/x"), Verdict: phased.VerdictRun},
			{Name: "y", Path: phased.Text(base + "/else/y"), Verdict: phased.VerdictRun},
		},
	}
	g := &Guard{}
	found := g.Phase(ph)
	if len(found) != 1 || string(found[0].At) != base+"/else" || found[0].Phase != "p" {
		t.Errorf("%+v", found)
	}
}

// The guard's look at a hook right before it is run, and at a phase of 100.
func BenchmarkGuard(b *testing.B) {
	dir := b.TempDir()
	ph := phased.PlannedPhase{Dirs: []phased.Text{phased.Text(dir)}}
	for i := range 100 {
		path := fmt.Sprintf("%s/%02d-hook", dir, i)
		if err := os.WriteFile(path, []byte("#!/bin/true\n"), 0o755); err != nil {
			b.Fatal(err)
		}
		ph.Entries = append(ph.Entries, phased.Entry{Path: phased.Text(path), Verdict: phased.VerdictRun})
	}
	g := &Guard{EUID: os.Geteuid()}
	b.Run("phase-of-100", func(b *testing.B) {
		for b.Loop() {
			g.Phase(ph)
		}
	})
	b.Run("hook", func(b *testing.B) {
		for b.Loop() {
			if p := g.Hook(ph.Entries[7].Path); p != nil {
				b.Fatal(p)
			}
		}
	})
}
