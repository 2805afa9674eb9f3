package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// patience is how long a hint is waited for that must come.
const patience = 20 * time.Second

type tree struct {
	t   *testing.T
	dir string
}

func newTree(t *testing.T) tree {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return tree{t, dir}
}

func (tr tree) path(name string) string { return filepath.Join(tr.dir, name) }

func (tr tree) ok(err error) {
	tr.t.Helper()
	if err != nil {
		tr.t.Fatal(err)
	}
}

func (tr tree) write(name, text string) {
	tr.t.Helper()
	tr.ok(os.MkdirAll(filepath.Dir(tr.path(name)), 0o755))
	tr.ok(os.WriteFile(tr.path(name), []byte(text), 0o644))
}

func (tr tree) link(to, name string) {
	tr.t.Helper()
	tr.ok(os.MkdirAll(filepath.Dir(tr.path(name)), 0o755))
	tr.ok(os.Symlink(to, tr.path(name)))
}

func (tr tree) rename(from, to string) {
	tr.t.Helper()
	tr.ok(os.Rename(tr.path(from), tr.path(to)))
}

func (tr tree) remove(name string) {
	tr.t.Helper()
	tr.ok(os.RemoveAll(tr.path(name)))
}

// open watches paths of the tree.
func (tr tree) open(p Paths) *Watcher {
	tr.t.Helper()
	for i, path := range p.Paths {
		p.Paths[i] = filepath.Join(tr.dir, path)
	}
	w, err := Open(p)
	tr.ok(err)
	tr.t.Cleanup(func() {
		if err := w.Close(); err != nil {
			tr.t.Error(err)
		}
	})
	return w
}

func (tr tree) scan(w *Watcher) Snapshot {
	tr.t.Helper()
	s, err := w.Scan(tr.t.Context())
	tr.ok(err)
	return s
}

// told returns the changes as lines, with paths within the tree.
func (tr tree) told(changes []Change) []string {
	lines := []string{}
	for _, c := range changes {
		lines = append(lines, strings.TrimPrefix(c.Path, tr.dir+"/")+" "+c.What)
	}
	return lines
}

// changes waits for hints until what has changed since is what is wanted.
func (tr tree) changes(w *Watcher, since Snapshot, want ...string) Snapshot {
	tr.t.Helper()
	timeout := time.After(patience)
	var got []string
	for {
		select {
		case <-w.Wake():
			now := tr.scan(w)
			if got = tr.told(now.Since(since)); slices.Equal(got, want) {
				tr.rest(w)
				return now
			}
		case <-timeout:
			tr.t.Fatalf("no further hint after %v; changes (-want +got):\n%s", patience, cmp.Diff(want, got))
		}
	}
}

// rest takes the hints that are still to come of what was done.
func (tr tree) rest(w *Watcher) {
	for {
		select {
		case <-w.Wake():
			tr.scan(w)
		case <-time.After(20 * time.Millisecond):
			return
		}
	}
}

// quiet wants no hint of what was done before: one that comes of what is done
// now comes after it.
func (tr tree) quiet(w *Watcher) {
	tr.t.Helper()
	select {
	case <-w.Wake():
		tr.t.Error("a hint comes of what does not matter")
	case <-time.After(100 * time.Millisecond):
	}
}

// TestSavePatterns: however a file is saved, it is seen, and seen again the next
// time.
func TestSavePatterns(t *testing.T) {
	tests := map[string]struct {
		paths []string
		make  func(tr tree)
		steps []func(tr tree)
		want  [][]string // after each step, since the one before
	}{
		"written in place": {
			paths: []string{"app.conf"},
			make:  func(tr tree) { tr.write("app.conf", "1") },
			steps: []func(tree){func(tr tree) { tr.write("app.conf", "2") }, func(tr tree) { tr.write("app.conf", "33") }},
			want:  [][]string{{"app.conf changed"}, {"app.conf changed"}},
		},
		"written beside and renamed": {
			paths: []string{"app.conf"},
			make:  func(tr tree) { tr.write("app.conf", "1") },
			steps: []func(tree){
				func(tr tree) { tr.write(".tmp", "2"); tr.rename(".tmp", "app.conf") },
				func(tr tree) { tr.write(".tmp", "3"); tr.rename(".tmp", "app.conf") },
			},
			want: [][]string{{"app.conf changed"}, {"app.conf changed"}},
		},
		"moved away and written anew": {
			paths: []string{"app.conf"},
			make:  func(tr tree) { tr.write("app.conf", "1") },
			steps: []func(tree){
				func(tr tree) { tr.rename("app.conf", "app.conf~"); tr.write("app.conf", "2") },
				func(tr tree) { tr.write("app.conf", "3") },
			},
			want: [][]string{{"app.conf changed"}, {"app.conf changed"}},
		},
		"removed, and made again": {
			paths: []string{"app.conf"},
			make:  func(tr tree) { tr.write("app.conf", "1") },
			steps: []func(tree){func(tr tree) { tr.remove("app.conf") }, func(tr tree) { tr.write("app.conf", "1") }, func(tr tree) { tr.write("app.conf", "2") }},
			want:  [][]string{{"app.conf removed"}, {"app.conf added"}, {"app.conf changed"}},
		},
		"mode": {
			paths: []string{"app.conf"},
			make:  func(tr tree) { tr.write("app.conf", "1") },
			steps: []func(tree){func(tr tree) { tr.ok(os.Chmod(tr.path("app.conf"), 0o600)) }},
			want:  [][]string{{"app.conf mode"}},
		},
		"written by another of its names": {
			paths: []string{"a/app.conf"},
			make: func(tr tree) {
				tr.write("a/app.conf", "1")
				tr.write("b/x", "")
				tr.ok(os.Link(tr.path("a/app.conf"), tr.path("b/other")))
			},
			steps: []func(tree){func(tr tree) { tr.write("b/other", "2") }},
			want:  [][]string{{"a/app.conf changed"}},
		},
		"a link to it is swapped": {
			paths: []string{"app.conf"},
			make:  func(tr tree) { tr.write("v1", "1"); tr.write("v2", "2"); tr.link("v1", "app.conf") },
			steps: []func(tree){
				func(tr tree) { tr.link("v2", "new"); tr.rename("new", "app.conf") },
				func(tr tree) { tr.write("v2", "two") },
			},
			want: [][]string{{"app.conf changed"}, {"app.conf changed"}},
		},
		"a link on the way is swapped, as in Kubernetes": {
			paths: []string{"etc/app.conf"},
			make: func(tr tree) {
				tr.write("etc/..1/app.conf", "1")
				tr.link("..1", "etc/..data")
				tr.link("..data/app.conf", "etc/app.conf")
			},
			steps: []func(tree){
				func(tr tree) {
					tr.write("etc/..2/app.conf", "2")
					tr.link("..2", "etc/..tmp")
					tr.rename("etc/..tmp", "etc/..data")
					tr.remove("etc/..1")
				},
				func(tr tree) { tr.write("etc/..2/app.conf", "3") },
			},
			want: [][]string{{"etc/app.conf changed"}, {"etc/app.conf changed"}},
		},
		"the target of a link elsewhere": {
			paths: []string{"app.conf"},
			make: func(tr tree) {
				tr.write("far/away/app.conf", "1")
				tr.link(tr.path("far/away/app.conf"), "one")
				tr.link("./one", "app.conf")
			},
			steps: []func(tree){
				func(tr tree) { tr.write("far/away/tmp", "2"); tr.rename("far/away/tmp", "far/away/app.conf") },
				func(tr tree) { tr.rename("far", "gone") },
			},
			want: [][]string{{"app.conf changed"}, {"app.conf removed"}},
		},
		"its directories come, go and come again": {
			paths: []string{"a/b/app.conf"},
			make:  func(tree) {},
			steps: []func(tree){
				func(tr tree) { tr.write("a/b/app.conf", "1") },
				func(tr tree) { tr.remove("a") },
				func(tr tree) { tr.write("new/b/app.conf", "2"); tr.rename("new", "a") },
				func(tr tree) { tr.write("a/b/app.conf", "3") },
			},
			want: [][]string{{"a/b/app.conf added"}, {"a/b/app.conf removed"}, {"a/b/app.conf added"}, {"a/b/app.conf changed"}},
		},
		"a pattern": {
			paths: []string{"*/conf.d/*.conf"},
			make:  func(tr tree) { tr.write("a/conf.d/x.conf", "1"); tr.write("a/conf.d/x.txt", "1") },
			steps: []func(tree){
				func(tr tree) { tr.write("a/conf.d/y.conf", "1") },
				func(tr tree) { tr.write("b/conf.d/z.conf", "1") },
				func(tr tree) { tr.write("b/conf.d/z.conf", "2"); tr.remove("a/conf.d/x.conf") },
			},
			want: [][]string{{"a/conf.d/y.conf added"}, {"b/conf.d/z.conf added"}, {"a/conf.d/x.conf removed", "b/conf.d/z.conf changed"}},
		},
		"a directory with all below it": {
			paths: []string{"app"},
			make: func(tr tree) {
				tr.write("app/x", "1")
				tr.write("app/sub/y", "1")
				tr.write("far", "1")
				tr.link("../far", "app/link")
			},
			steps: []func(tree){
				func(tr tree) { tr.write("app/sub/y", "2") },
				func(tr tree) { tr.write("app/new/deep/z", "1") },
				func(tr tree) { tr.write("app/new/deep/z", "2") },
				func(tr tree) { tr.write("far", "2") },
				func(tr tree) { tr.write("other", "1"); tr.rename("other", "far") },
			},
			want: [][]string{{"app/sub/y changed"}, {"app/new added", "app/new/deep added", "app/new/deep/z added"}, {"app/new/deep/z changed"}, {"app/link changed"}, {"app/link changed"}},
		},
		"a name that is no pattern": {
			paths: []string{`a\*b`},
			make:  func(tree) {},
			steps: []func(tree){func(tr tree) { tr.write("axb", "1"); tr.write("a*b", "1") }},
			want:  [][]string{{"a*b added"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			tt.make(tr)
			w := tr.open(Paths{Paths: tt.paths})
			now := tr.scan(w)
			for i, step := range tt.steps {
				step(tr)
				now = tr.changes(w, now, tt.want[i]...)
			}
		})
	}
}

// TestNoise: what editors leave for a moment, and neighbours, wake nobody.
func TestNoise(t *testing.T) {
	tr := newTree(t)
	tr.write("app/x.conf", "1")
	tr.write("one/app.conf", "1")
	w := tr.open(Paths{Paths: []string{"app", "one/app.conf", "p/*.conf"}, Exclude: []string{"*.log"}})
	tr.write("p/x.conf", "1")
	now := tr.scan(w)
	tr.rest(w)
	for _, name := range []string{"app/.x.conf.swp", "app/4913", "app/x.conf~", "app/run.log", "one/neighbour", "p/x.txt", "p/.#x.conf", "p/.hidden.conf", "elsewhere"} {
		tr.write(name, "1")
		tr.write(name, "2")
	}
	tr.quiet(w)
	if got := tr.told(tr.scan(w).Since(now)); len(got) > 0 {
		t.Errorf("changes %q", got)
	}
}

func TestTouch(t *testing.T) {
	for _, touch := range []bool{false, true} {
		tr := newTree(t)
		tr.write("app.conf", "1")
		w := tr.open(Paths{Paths: []string{"app.conf"}, Touch: touch})
		now := tr.scan(w)
		tr.ok(os.Chtimes(tr.path("app.conf"), time.Unix(5, 0), time.Unix(5, 0)))
		if touch {
			tr.changes(w, now, "app.conf touched")
		} else {
			tr.changes(w, now)
		}
	}
}

// TestWhatIsNoFile: pipes, sockets and devices are never opened, loops end.
func TestWhatIsNoFile(t *testing.T) {
	tr := newTree(t)
	tr.ok(syscall.Mkfifo(tr.path("pipe"), 0o644))
	tr.link("loop2", "loop1")
	tr.link("loop1", "loop2")
	tr.write("file", "1")
	tr.write("dir/x", "1")
	tr.link("..", "dir/up")
	tr.link("/", "root")
	w := tr.open(Paths{Paths: []string{"pipe", "loop1", "file/below", "dir", "dir/up/file"}})
	now := tr.scan(w)
	var failed []string
	for _, c := range now.Failed() {
		failed = append(failed, strings.TrimPrefix(c.Path, tr.dir+"/")+": "+c.What)
	}
	if diff := cmp.Diff([]string{"loop1: too many levels of symbolic links"}, failed); diff != "" {
		t.Errorf("not read (-want +got):\n%s", diff)
	}
	got := tr.told(now.Since(Snapshot{}))
	want := []string{"dir added", "dir/up added", "dir/up/file added", "dir/x added", "loop1 added", "pipe added"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func TestNotReadable(t *testing.T) {
	if os.Geteuid() == 0 {
		defer asNobody(t)() // nothing is shut to root
	}
	tr := newTree(t)
	tr.write("app.conf", "1")
	tr.write("dir/x", "1")
	tr.ok(os.Chmod(tr.path("app.conf"), 0))
	tr.ok(os.Chmod(tr.path("dir"), 0))
	w := tr.open(Paths{Paths: []string{"app.conf", "dir", "dir/x"}})
	now := tr.scan(w)
	got := now.Failed()
	if len(got) != 3 || got[0].What != "permission denied" || got[1].What != "permission denied" || got[2].What != "permission denied" {
		t.Errorf("not read: %q, want all three: permission denied", got)
	}
	tr.ok(os.Chmod(tr.path("app.conf"), 0o644))
	tr.changes(w, now, "app.conf changed")
	tr.ok(os.Chmod(tr.path("dir"), 0o755))
}

// TestSameTimes: content that has changed is read again though size and times
// tell the same, as far as the clock of the file system lets them differ.
func TestSameTimes(t *testing.T) {
	tr := newTree(t)
	tr.write("app.conf", "0")
	w := tr.open(Paths{Paths: []string{"app.conf"}})
	now := tr.scan(w)
	for i := range 500 {
		tr.write("app.conf", string(rune(97+i%26)))
		next := tr.scan(w)
		if len(next.Since(now)) != 1 {
			t.Fatalf("write %d is not seen", i)
		}
		now = next
	}
}

// TestNotReadAgain: what has not changed for long is not read again.
func TestNotReadAgain(t *testing.T) {
	tr := newTree(t)
	tr.write("app.conf", "1")
	w := tr.open(Paths{Paths: []string{"app.conf"}})
	first := tr.scan(w)
	c := w.files[tr.path("app.conf")]
	if c.firm {
		t.Error("a file that was written a moment ago is taken for firm")
	}
	c.firm, c.sum[0] = true, c.sum[0]+1 // a mark, to see where the digest comes from
	w.files[tr.path("app.conf")] = c
	if tr.scan(w).Equal(first) {
		t.Error("a file that is the same is read again")
	}
}

// TestOverflow: events that the kernel drops for want of room are a hint as well.
func TestOverflow(t *testing.T) {
	k := &kernel{asked: map[int]*interest{1: {names: map[string]bool{"x": true}}}, excluded: excludes(nil)}
	tests := map[string]struct {
		events []byte
		want   bool
	}{
		"overflow":           {rawEvent(-1, syscall.IN_Q_OVERFLOW, ""), true},
		"the name":           {rawEvent(1, syscall.IN_CREATE, "x"), true},
		"another":            {rawEvent(1, syscall.IN_CREATE, "y"), false},
		"itself":             {rawEvent(1, syscall.IN_DELETE_SELF, ""), true},
		"asked a moment ago": {rawEvent(7, syscall.IN_CREATE, "y"), true},
		"a watch that ended": {rawEvent(7, syscall.IN_IGNORED, ""), false},
		"unmounted":          {rawEvent(1, syscall.IN_UNMOUNT, ""), true},
		"the last of many":   {slices.Concat(rawEvent(1, syscall.IN_CREATE, "y"), rawEvent(1, syscall.IN_CREATE, "z"), rawEvent(1, syscall.IN_CREATE, "x")), true},
		"cut off":            {rawEvent(1, syscall.IN_CREATE, "y")[:18], true},
	}
	for name, tt := range tests {
		if got := k.matters(tt.events); got != tt.want {
			t.Errorf("%s: matters %v, want %v", name, got, tt.want)
		}
	}
}

// TestRealOverflow fills the kernel's queue while nobody reads: what happened
// meanwhile is found.
func TestRealOverflow(t *testing.T) {
	tr := newTree(t)
	tr.write("dir/x", "1")
	w := tr.open(Paths{Paths: []string{"dir"}})
	now := tr.scan(w)
	w.kernel.mu.Lock() // the reader waits
	for i := range 40000 {
		tr.ok(os.Chmod(tr.path("dir/x"), os.FileMode(0o600+i%2*0o44))) // two alike in a row would be one
		tr.ok(os.Chmod(tr.path("dir"), os.FileMode(0o700+i%2*0o55)))
	}
	tr.write("dir/y", "lost")
	w.kernel.mu.Unlock()
	tr.ok(os.Chmod(tr.path("dir"), 0o755))
	tr.changes(w, now, "dir/y added")
}

func TestOpenRefuses(t *testing.T) {
	for _, p := range []Paths{{}, {Paths: []string{"relative"}}, {Paths: []string{"/a/[b"}}, {Paths: []string{"/a"}, Exclude: []string{"[b"}}} {
		if w, err := Open(p); err == nil {
			t.Errorf("%+v is watched", p)
			_ = w.Close()
		}
	}
}

func TestScanEnds(t *testing.T) {
	tr := newTree(t)
	tr.write("app.conf", "1")
	w := tr.open(Paths{Paths: []string{"app.conf"}})
	now := tr.scan(w)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Scan(ctx); err == nil {
		t.Error("it looks though it is to end")
	}
	tr.write("app.conf", "2") // what was asked for before still is
	tr.changes(w, now, "app.conf changed")
}

// TestWatchesAreGivenBack: the kernel is asked about nothing that is gone.
func TestWatchesAreGivenBack(t *testing.T) {
	tr := newTree(t)
	tr.write("dir/x", "1")
	w := tr.open(Paths{Paths: []string{"dir"}})
	tr.scan(w)
	before := len(w.kernel.asked)
	for i := range 5 {
		tr.write(fmt.Sprintf("dir/%d/deep/x", i), "1")
		tr.rename("dir", fmt.Sprintf("was%d", i))
		tr.write("dir/x", "1")
		tr.scan(w)
	}
	if got := len(w.kernel.asked); got != before {
		t.Errorf("%d watches, were %d", got, before)
	}
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", w.kernel.fd))
	tr.ok(err)
	if got := strings.Count(string(info), "inotify wd:"); got != before {
		t.Errorf("the kernel has %d watches, want %d\n%s", got, before, info)
	}
}
