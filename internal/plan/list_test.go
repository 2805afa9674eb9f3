package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"phased/internal/config"
	"phased/internal/phased"
)

// The one entry of a directory, of every kind, and its verdict.
func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		make   func(t *testing.T, path string)
		want   phased.Verdict
		detail string
	}{
		"script":              {"10-a", func(t *testing.T, p string) { write(t, p, "#!/bin/sh\n", 0o755) }, "run", ""},
		"empty":               {"10-a", func(t *testing.T, p string) { write(t, p, "", 0o755) }, "run", ""},
		"leading dash":        {"-a", func(t *testing.T, p string) { write(t, p, "", 0o755) }, "run", ""},
		"link to a program":   {"10-a", func(t *testing.T, p string) { link(t, "/bin/true", p) }, "run", "link to /bin/true"},
		"linked file":         {"10-a", func(t *testing.T, p string) { write(t, p+".x/f", "", 0o755); link(t, p+".x/f", p) }, "run", "link to *"},
		"no x":                {"README", func(t *testing.T, p string) { write(t, p, "", 0o644) }, "not-executable", "mode 0644"},
		"no x and a dot":      {"README.md", func(t *testing.T, p string) { write(t, p, "", 0o644) }, "name-has-dot", "a dot in the name"},
		"link to no x":        {"10-a", func(t *testing.T, p string) { link(t, "/etc/passwd", p) }, "not-executable", "mode 0644"},
		"dot":                 {"foo.sh", func(t *testing.T, p string) { write(t, p, "", 0o755) }, "name-has-dot", "a dot in the name"},
		"backup":              {"10-a~", func(t *testing.T, p string) { write(t, p, "", 0o755) }, "name-backup", "an editor's leftover"},
		"blank":               {"10 a", func(t *testing.T, p string) { write(t, p, "", 0o755) }, "name-chars", "a blank in the name"},
		"newline":             {"10-a\n", func(t *testing.T, p string) { write(t, p, "", 0o755) }, "name-chars", "a newline in the name"},
		"not UTF-8":           {"10-\xff", func(t *testing.T, p string) { write(t, p, "", 0o755) }, "name-chars", "the byte 0xff, not UTF-8, in the name"},
		"directory":           {"10-a", mkdirOf, "directory", "a directory"},
		"directory, dot":      {"10.d", mkdirOf, "directory", "a directory"},
		"link to a directory": {"10-a", func(t *testing.T, p string) { link(t, "/etc", p) }, "directory", "link to /etc, a directory"},
		"dangling":            {"10-a", func(t *testing.T, p string) { link(t, "gone", p) }, "dangling-link", "link to gone, which does not exist"},
		"dangling, dot":       {"10-a.sh", func(t *testing.T, p string) { link(t, "gone", p) }, "dangling-link", "link to gone, which does not exist"},
		"loop":                {"10-a", func(t *testing.T, p string) { link(t, "10-a", p) }, "dangling-link", "link to 10-a: too many levels of symbolic links"},
		"through a file":      {"10-a", func(t *testing.T, p string) { link(t, "/etc/hostname/x", p) }, "dangling-link", "link to /etc/hostname/x: not a directory"},
		"too long a name":     {"10-a", func(t *testing.T, p string) { link(t, "/"+strings.Repeat("x", 300), p) }, "unreadable", "link to *: file name too long"},
		"fifo":                {"10-a", func(t *testing.T, p string) { mknod(t, p, unix.S_IFIFO) }, "special-file", "a FIFO"},
		"socket":              {"10-a", func(t *testing.T, p string) { mknod(t, p, unix.S_IFSOCK) }, "special-file", "a socket"},
		"device":              {"10-a", func(t *testing.T, p string) { link(t, "/dev/zero", p) }, "special-file", "link to /dev/zero, a device"},
		"mask":                {"10-a", func(t *testing.T, p string) { link(t, "/dev/null", p) }, "masked", "link to /dev/null"},
		"mask, dot":           {"10.a", func(t *testing.T, p string) { link(t, "/dev/null", p) }, "masked", "link to /dev/null"},
		"mask by detour":      {"10-a", func(t *testing.T, p string) { link(t, "/dev/../dev/null", p) }, "masked", "link to /dev/../dev/null, which is /dev/null"},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			path := base + "/configure.d/" + c.file
			mkdir(t, base+"/configure.d")
			c.make(t, path)
			e := entryOf(t, mustLoad(t, Options{Base: base}), c.file)
			if e.Verdict != c.want || !matches(c.detail, e.Detail) {
				t.Errorf("%s (%s), want %s (%s)", e.Verdict, e.Detail, c.want, c.detail)
			}
			if string(e.Path) != path || string(e.Root) != base {
				t.Errorf("path %s of root %s", e.Path, e.Root)
			}
			if (e.Digest != "") != (e.Verdict == phased.VerdictRun) {
				t.Errorf("%s has the digest %q", e.Verdict, e.Digest)
			}
			fi, err := os.Stat(path)
			if err != nil || e.Verdict == phased.VerdictMasked {
				if e.Mode != "" || !e.ModTime.IsZero() {
					t.Errorf("mode %s, time %s of what is not there", e.Mode, e.ModTime)
				}
			} else if e.Mode != fmt.Sprintf("%#04o", fi.Mode().Perm()) || e.Size != fi.Size() || !e.ModTime.Equal(fi.ModTime()) {
				t.Errorf("mode %s, size %d, time %s; want %s, %d, %s", e.Mode, e.Size, e.ModTime, fi.Mode(), fi.Size(), fi.ModTime())
			}
		})
	}
}

func matches(pattern, s string) bool {
	head, tail, star := strings.Cut(pattern, "*")
	return s == pattern || star && strings.HasPrefix(s, head) && strings.HasSuffix(s, tail)
}

func mkdirOf(t *testing.T, path string) { mkdir(t, path) }

func mknod(t *testing.T, path string, mode uint32) {
	t.Helper()
	if err := unix.Mknod(path, mode|0o755, 0); err != nil {
		t.Fatal(err)
	}
}

// entryOf returns the only entry of that name.
func entryOf(t *testing.T, p phased.Plan, name string) phased.Entry {
	t.Helper()
	var found []phased.Entry
	for _, ph := range p.Phases {
		for _, e := range ph.Entries {
			if string(e.Name) == name {
				found = append(found, e)
			}
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d entries are called %q", len(found), name)
	}
	return found[0]
}

// asNobody does f with the effective user 65534 and the real user root.
func asNobody(t *testing.T, f func()) { t.Helper(); asUser(t, 65534, f) }

func asUser(t *testing.T, id uintptr, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // credentials are a thread's; it ends with the goroutine
		for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, ^uintptr(0), id, ^uintptr(0)}, {unix.SYS_SETRESUID, ^uintptr(0), id, ^uintptr(0)}} {
			if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				done <- errno
				return
			}
		}
		f()
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// What counts is what the effective user may execute, and not whether any x
// bit is set.
func TestExecutableForTheCaller(t *testing.T) {
	base := openTemp(t)
	d := base + "/configure.d/"
	want := map[string]phased.Verdict{}
	for name, c := range map[string]struct {
		mode         os.FileMode
		root, nobody phased.Verdict
	}{
		"a-755": {0o755, "run", "run"}, "b-750": {0o750, "run", "not-executable"}, "c-744": {0o744, "run", "not-executable"},
		"d-010": {0o010, "run", "not-executable"}, "e-001": {0o001, "run", "run"}, "f-644": {0o644, "not-executable", "not-executable"},
	} {
		write(t, d+name, "x", c.mode)
		want[name] = c.nobody
		if e := entryOf(t, mustLoad(t, Options{Base: base}), name); e.Verdict != c.root {
			t.Errorf("%s as root: %s, want %s", name, e.Verdict, c.root)
		}
	}
	var p phased.Plan
	var err error
	asNobody(t, func() { p, err = Load(Options{Base: base}) })
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range want {
		e := entryOf(t, p, name)
		if e.Verdict != v {
			t.Errorf("%s as nobody: %s, want %s", name, e.Verdict, v)
		}
		if name == "b-750" && !strings.Contains(e.Detail, "user 65534") {
			t.Errorf("%s: %q does not say for whom", name, e.Detail)
		}
		if name == "e-001" && (e.Digest != "" || !strings.Contains(e.Detail, "cannot be read")) {
			t.Errorf("%s can be executed but not read: %+v", name, e)
		}
	}
}

// openTemp returns a temporary directory that everybody may look into.
func openTemp(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != filepath.Clean(os.TempDir()); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Over random trees, every entry of every directory has exactly one verdict,
// and the right one; every name has one winner; lists are the same each time.
func TestEveryEntryHasOneVerdict(t *testing.T) {
	top := t.TempDir()
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		base := filepath.Join(top, fmt.Sprint(n))
		defer os.RemoveAll(base)
		s := config.Default()
		s.Roots = nil
		for i := range rapid.IntRange(1, 4).Draw(r, "roots") {
			root := filepath.Join(base, fmt.Sprint("root", i))
			s.Roots = append(s.Roots, root)
			mkdir(t, root)
			names := rapid.SliceOfNDistinct(rapid.SampledFrom(treeNames()), 0, 8, rapid.ID[string]).Draw(r, "names")
			for _, name := range names {
				makeKind(t, filepath.Join(root, "configure.d")+"/"+name, rapid.IntRange(0, 8).Draw(r, "kind"))
			}
		}
		p, err := Load(Options{Settings: s})
		if err != nil {
			r.Fatal(err)
		}
		again, err := Load(Options{Settings: s})
		if err != nil {
			r.Fatal(err)
		}
		ph := p.Phases[1]
		if diff := cmp.Diff(bare(p), bare(again)); diff != "" {
			r.Fatalf("two plans of the same trees differ:\n%s", diff)
		}
		listed, err := List(ph)
		if err != nil || len(Compare(ph, listed)) > 0 {
			r.Fatalf("listed again: %v, %v", Compare(ph, listed), err)
		}
		checkAgainstTrees(r, s.Roots, ph)
	})
}

// bare drops what depends on how long ago files were written.
func bare(p phased.Plan) phased.Plan {
	for i := range p.Phases {
		for j := range p.Phases[i].Entries {
			p.Phases[i].Entries[j].File = phased.FileID{}
		}
	}
	return p
}

func treeNames() []string {
	return []string{"10-a", "9-a", "10-B", "a", "b", "README", "x.sh", "a b", "c~", "a\nb", "\xff", "-1"}
}

func makeKind(t testing.TB, path string, kind int) {
	t.Helper()
	switch kind {
	case 0, 1, 2:
		write(t, path, "#!/bin/sh\n", 0o755)
	case 3:
		write(t, path, "text", 0o644)
	case 4:
		link(t, "/dev/null", path)
	case 5:
		link(t, "gone", path)
	case 6:
		mkdir(t, path)
	case 7:
		link(t, "/bin/true", path)
	case 8:
		mkdir(t, filepath.Dir(path))
		if err := unix.Mkfifo(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// checkAgainstTrees judges a listed phase by another way to look at the trees.
func checkAgainstTrees(r *rapid.T, roots []string, ph phased.PlannedPhase) {
	want := map[string]phased.Verdict{}
	won := map[string]string{} // name: path of the winner
	for _, root := range slices.Backward(roots) {
		files, err := os.ReadDir(root + "/configure.d")
		if err != nil && !os.IsNotExist(err) {
			r.Fatal(err)
		}
		for _, f := range files {
			path := root + "/configure.d/" + f.Name()
			if w, lower := won[f.Name()]; lower {
				want[path] = phased.VerdictShadowed
				if target, _ := os.Readlink(w); target == "/dev/null" {
					want[path] = phased.VerdictMasked
				}
				continue
			}
			won[f.Name()] = path
			want[path] = oracle(path, f.Name())
		}
	}
	got := map[string]phased.Verdict{}
	running := map[phased.Text]bool{}
	var hooks []string
	rest := false
	for _, e := range ph.Entries {
		if _, twice := got[string(e.Path)]; twice {
			r.Fatalf("%q has two verdicts", e.Path)
		}
		got[string(e.Path)] = e.Verdict
		if e.Verdict != phased.VerdictRun {
			rest = true
			if e.Detail == "" {
				r.Fatalf("%q is skipped in silence: %s", e.Path, e.Verdict)
			}
			continue
		}
		if rest || running[e.Name] {
			r.Fatalf("%q runs twice, or after those that do not run", e.Name)
		}
		running[e.Name] = true
		hooks = append(hooks, string(e.Name))
	}
	skipped := ph.Entries[len(hooks):]
	if !slices.IsSortedFunc(skipped, func(a, b phased.Entry) int {
		if a.Name == b.Name { // the highest root first
			return slices.Index(roots, string(b.Root)) - slices.Index(roots, string(a.Root))
		}
		return strings.Compare(string(a.Name), string(b.Name))
	}) {
		r.Fatalf("what does not run is not in order: %+v", skipped)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Fatalf("verdicts (-want +got):\n%s", diff)
	}
	if sorted := sortN(r, hooks, "-n"); !slices.Equal(hooks, sorted) {
		r.Fatalf("hooks run as %q, want %q", hooks, sorted)
	}
}

// oracle decides about one file of the kinds of makeKind.
func oracle(path, name string) phased.Verdict {
	if target, _ := os.Readlink(path); target == "/dev/null" {
		return phased.VerdictMasked
	}
	fi, err := os.Stat(path)
	switch {
	case err != nil:
		return phased.VerdictDanglingLink
	case fi.IsDir():
		return phased.VerdictDirectory
	case !fi.Mode().IsRegular():
		return phased.VerdictSpecialFile
	case name == "x.sh":
		return phased.VerdictNameHasDot
	case name == "c~":
		return phased.VerdictNameBackup
	case strings.Trim(name, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "":
		return phased.VerdictNameChars
	case fi.Mode().Perm()&0o111 == 0:
		return phased.VerdictNotExecutable
	}
	return phased.VerdictRun
}
