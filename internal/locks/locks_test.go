package locks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

func options(t testing.TB) Options {
	t.Helper()
	return Options{Dir: filepath.Join(t.TempDir(), "run", "locks"), Root: t.TempDir()}
}

func take(t testing.TB, l *Locks, o Owner, names ...string) func() {
	t.Helper()
	release, err := l.Take(t.Context(), o, names, func(m string) { t.Errorf("%s: told %q", o.Hook, m) })
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// held reports whether somebody holds the lock.
func held(t testing.TB, o Options, name string) bool {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(o.Dir, name+".lock"), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil
}

func TestCheckName(t *testing.T) {
	for _, good := range []string{"apt", "a", "A-z_0.9", ".", "..", "-", strings.Repeat("x", 64)} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", "a/b", "../x", "a b", "a\n", "a\x00", "é", "a,b", strings.Repeat("x", 65)} {
		if err := CheckName(bad); err == nil {
			t.Errorf("%q is a name", bad)
		}
		if _, err := Open(options(t)).Take(t.Context(), Owner{}, []string{"ok", bad}, nil); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	o := options(t)
	for _, odd := range []string{".", "..", "-"} {
		take(t, Open(o), Owner{}, odd)()
		if _, err := os.Stat(filepath.Join(o.Dir, odd+".lock")); err != nil {
			t.Error(err)
		}
	}
}

func TestTake(t *testing.T) {
	o := options(t)
	release := take(t, Open(o), Owner{Run: "01A", Phase: "configure", Hook: "10-a\xff\n"}, "b", "a", "b")
	files, _ := filepath.Glob(o.Dir + "/*")
	if diff := cmp.Diff([]string{o.Dir + "/a.lock", o.Dir + "/b.lock"}, files); diff != "" {
		t.Error(diff)
	}
	self, err := proc.Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	p, _ := os.ReadFile(files[0])
	if want := fmt.Sprintf("%d %d %q %q %q\n", self.Pid, self.Start, "01A", "configure", "10-a\xff\n"); string(p) != want {
		t.Errorf("the file says %q, expected %q", p, want)
	}
	for path, mode := range map[string]os.FileMode{o.Dir: 0o755, files[0]: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if !held(t, o, "a") || !held(t, o, "b") {
		t.Error("not held")
	}
	release()
	release()
	if held(t, o, "a") || held(t, o, "b") {
		t.Error("not given back")
	}
	if p, _ := os.ReadFile(files[0]); len(p) > 0 {
		t.Errorf("the file says %q of a lock that is free", p)
	}
	if release, err := Open(Options{Dir: "/dev/null/x"}).Take(t.Context(), Owner{}, nil, nil); err != nil {
		t.Errorf("no locks at all: %v", err)
	} else {
		release()
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("told to stop"))
	if _, err := Open(o).Take(ended, Owner{}, []string{"a"}, nil); err == nil || err.Error() != "told to stop" {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// TestWordsOfWaiting: nothing is said within a second, then once who holds it,
// then who holds it instead, and at the end of the wait who held it.
func TestWordsOfWaiting(t *testing.T) {
	o := options(t)
	synctest.Test(t, func(t *testing.T) {
		l := Open(o)
		first := take(t, l, Owner{Run: "01A", Phase: "p", Hook: "10-a"}, "x")
		why := errors.New("the time limit of 1h")
		ctx, cancel := context.WithCancelCause(t.Context())
		var mu sync.Mutex
		var told []string
		var err error
		done := make(chan bool)
		go func() {
			defer close(done)
			_, err = l.Take(ctx, Owner{Run: "01B", Phase: "p", Hook: "20-b"}, []string{"y", "x"}, func(m string) {
				mu.Lock()
				defer mu.Unlock()
				told = append(told, m)
			})
		}()
		at := func(d time.Duration, want ...string) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(want, told); diff != "" {
				t.Fatalf("-want +got:\n%s", diff)
			}
		}
		pid := os.Getpid()
		a := fmt.Sprintf("waits for lock x, held by 10-a of run 01A (pid %d)", pid)
		c := fmt.Sprintf("waits for lock x, held by 30-c\uFFFD of run 01C (pid %d)", pid)
		at(990 * time.Millisecond)
		at(260*time.Millisecond, a)
		at(time.Hour, a)
		if held(t, o, "y") {
			t.Error("y was taken before x")
		}
		first()
		second := take(t, l, Owner{Run: "01C", Phase: "p", Hook: "30-c\xff"}, "x")
		defer second()
		at(250*time.Millisecond, a, c)
		at(time.Hour, a, c)
		cancel(why)
		<-done
		if !errors.Is(err, why) || !strings.HasPrefix(err.Error(), fmt.Sprintf("gave up waiting for lock x, held by 30-c\uFFFD of run 01C (pid %d), after 2h0m", pid)) {
			t.Errorf("error %v", err)
		}
	})
	if held(t, o, "x") || held(t, o, "y") {
		t.Error("not given back")
	}
}

// TestNothingIsKept: who gives up waiting for the second lock does not keep the
// first.
func TestNothingIsKept(t *testing.T) {
	o := options(t)
	defer take(t, Open(o), Owner{}, "b")()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, errors.New("limit"))
	defer cancel()
	if _, err := Open(o).Take(ctx, Owner{}, []string{"b", "a"}, nil); err == nil || !strings.HasSuffix(err.Error(), ": limit") {
		t.Errorf("error %v", err)
	}
	if held(t, o, "a") || !held(t, o, "b") {
		t.Error("a is held, or b is not")
	}
}

// TestNeverTwoHolders: random sets of locks, taken by many at once through
// several Locks, are never held twice, and everybody comes to his turn: locks
// that are not taken in one order would wait for each other for ever.
func TestNeverTwoHolders(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("PHASED_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("PHASED_SEED=%d", seed)
	o := options(t)
	names := []string{"e", "a", "d", "b", "c"}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Minute, errors.New("it does not end"))
		defer cancel()
		var holders [5]atomic.Int32
		var turns atomic.Int32
		var wg sync.WaitGroup
		shared := Open(o)
		for g := range 24 {
			r := rand.New(rand.NewPCG(seed, uint64(g)))
			l := shared
			if g%3 == 0 {
				l = Open(o)
			}
			wg.Go(func() {
				for range 15 {
					set := r.Perm(len(names))[:1+r.IntN(4)]
					var want []string
					for _, i := range set {
						want = append(want, names[i])
					}
					release, err := l.Take(ctx, Owner{Run: "r", Hook: phased.Text(strconv.Itoa(g))}, want, nil)
					if err != nil {
						t.Errorf("%v: %v", want, err)
						return
					}
					for _, i := range set {
						if n := holders[i].Add(1); n != 1 {
							t.Errorf("%d hold %s", n, names[i])
						}
					}
					time.Sleep(time.Duration(r.IntN(5)) * time.Millisecond)
					for _, i := range set {
						holders[i].Add(-1)
					}
					turns.Add(1)
					release()
				}
			})
		}
		wg.Wait()
		if n := turns.Load(); n != 24*15 {
			t.Errorf("%d turns of %d", n, 24*15)
		}
	})
}

// TestProcessesExcludeEachOther lets two processes count in one file.
func TestProcessesExcludeEachOther(t *testing.T) {
	o := options(t)
	file := filepath.Join(t.TempDir(), "count")
	if err := os.WriteFile(file, []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	var children []*process
	for range 3 {
		children = append(children, child(t, "count", file, o))
	}
	for _, c := range children {
		for c.out.Scan() {
			t.Error(c.out.Text())
		}
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	if p, _ := os.ReadFile(file); string(p) != "150" {
		t.Errorf("counted %s, expected 150", p)
	}
}

// TestKilledHolder: the lock of a process that is killed is free, also while a
// child of it lives on, and its name is not told for that of the next holder.
func TestKilledHolder(t *testing.T) {
	o := options(t)
	holder := child(t, "hold", "x,y", o)
	grown, err := strconv.Atoi(holder.line(t))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(grown, syscall.SIGKILL)
	k := takeBeside(t, Open(o), "x")
	k.waits(t, fmt.Sprintf("waits for lock x, held by 30-foo of run 01CHILD (pid %d)", holder.Process.Pid))
	holder.kill()
	release := <-k.release
	if !proc.Alive(grown, 0) {
		t.Error("the holder's child has ended, too: this test proves nothing")
	}
	release()

	// y says still who held it, and now somebody has locked it without a word.
	f, err := os.OpenFile(filepath.Join(o.Dir, "y.lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatalf("the lock outlives its holder: %v", err)
	}
	self, err := proc.Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"", fmt.Sprintf("%d %d \"01\" \"p\" \"another process that had this id\"\n", self.Pid, self.Start+1)} {
		if _, err := f.WriteAt([]byte(line), 0); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if _, err := Open(o).Take(ctx, Owner{}, []string{"y"}, nil); err == nil || !strings.HasPrefix(err.Error(), "gave up waiting for lock y, held by a process that cannot be seen, after ") {
			t.Errorf("error %v", err)
		}
		cancel()
	}
	f.Close()
	long := Owner{Run: "01", Hook: "x"} // shorter than what stands in the file
	release = take(t, Open(o), long, "y")
	defer release()
	other, err := os.Open(filepath.Join(o.Dir, "y.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if h, ok := (file{fd: int(other.Fd())}).holder(); !ok || h != (Owner{Run: "01", Hook: "x", Pid: os.Getpid()}) {
		t.Errorf("held by %+v, %v", h, ok)
	}
}

// TestRemovedFile: who waits on a file that is removed meanwhile does not end
// with a lock that nobody else sees.
func TestRemovedFile(t *testing.T) {
	o := options(t)
	synctest.Test(t, func(t *testing.T) {
		first := take(t, Open(o), Owner{}, "x")
		var release func()
		var err error
		done := make(chan bool)
		go func() {
			defer close(done)
			release, err = Open(o).Take(t.Context(), Owner{}, []string{"x"}, nil)
		}()
		time.Sleep(time.Minute)
		if err := os.Remove(filepath.Join(o.Dir, "x.lock")); err != nil {
			t.Fatal(err)
		}
		first()
		<-done
		if err != nil {
			t.Fatal(err)
		}
		if !held(t, o, "x") {
			t.Error("the lock is held where nobody sees it")
		}
		release()
	})
}

// TestInside: a run that a hook has started cannot wait for that hook's locks.
func TestInside(t *testing.T) {
	o := options(t)
	outer := Owner{Run: "01A", Phase: "configure", Hook: "10-a"}
	defer take(t, Open(o), outer, "x")()
	o.Inside = outer
	limit, end := context.WithTimeout(t.Context(), 10*time.Second)
	defer end()
	_, err := Open(o).Take(limit, Owner{Run: "01B", Hook: "20-b"}, []string{"x"}, nil)
	if want := "lock x is held by 10-a of run 01A, inside of which this run goes on: it would wait for ever; take x from the locks of one of the two hooks"; err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
	o.Inside.Hook = "11-beside"
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := Open(o).Take(ctx, Owner{}, []string{"x"}, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside its holder: %v", err)
	}
}

func TestHostilePlaces(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other")
	check := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	check(os.Mkdir(other, 0o755))
	for name, c := range map[string]struct {
		make func(dir string) error
		want string
	}{
		"the directory is a link":           {func(d string) error { return os.Symlink(other, d) }, "it is a link, or no directory"},
		"the directory is a file":           {func(d string) error { return os.WriteFile(d, nil, 0o600) }, "it is a link, or no directory"},
		"everybody may write the directory": {func(d string) error { return errors.Join(os.Mkdir(d, 0o755), os.Chmod(d, 0o777)) }, "has mode 0777, expected"},
		"also with a sticky bit":            {func(d string) error { return errors.Join(os.Mkdir(d, 0o755), syscall.Chmod(d, 0o1777)) }, "has mode 01777, expected"},
		"a group may write the directory":   {func(d string) error { return errors.Join(os.Mkdir(d, 0o755), os.Chmod(d, 0o775)) }, "has mode 0775, expected"},
		"the lock is a link": {func(d string) error {
			return errors.Join(os.Mkdir(d, 0o755), os.Symlink(other+"/x", d+"/x.lock"))
		}, "x.lock: it is a link"},
		"the lock is a FIFO": {func(d string) error {
			return errors.Join(os.Mkdir(d, 0o755), syscall.Mkfifo(d+"/x.lock", 0o600))
		}, "x.lock: it is no regular file"},
		"the lock is a directory": {func(d string) error {
			return errors.Join(os.Mkdir(d, 0o755), os.Mkdir(d+"/x.lock", 0o700))
		}, "is a directory"},
		"others may lock it, too": {func(d string) error {
			return errors.Join(os.Mkdir(d, 0o755), os.WriteFile(d+"/x.lock", nil, 0o600), os.Chmod(d+"/x.lock", 0o644))
		}, "mode 0644, expected user"},
	} {
		dir := filepath.Join(t.TempDir(), "locks")
		check(c.make(dir))
		if _, err := Open(Options{Dir: dir}).Take(t.Context(), Owner{}, []string{"x"}, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, _ := os.ReadDir(other); len(left) > 0 {
		t.Errorf("something was made where a link leads: %v", left)
	}
	if os.Geteuid() == 0 {
		dir := filepath.Join(t.TempDir(), "locks")
		check(os.Mkdir(dir, 0o755))
		check(os.Chown(dir, 65534, 65534))
		if _, err := Open(Options{Dir: dir}).Take(t.Context(), Owner{}, []string{"x"}, nil); err == nil || !strings.Contains(err.Error(), "it belongs to user 65534") {
			t.Errorf("a directory of another user: %v", err)
		}
	}
}

func TestDefaultDir(t *testing.T) {
	run := t.TempDir()
	for _, c := range []struct {
		euid int
		xdg  string
		want string
	}{
		{0, run, "/run/phased/locks"},
		{1, run, run + "/phased/locks"},
		{12345678, "", "/state/named-locks"},
		{12345678, "relative", "/state/named-locks"},
		{12345678, run + "/gone", "/state/named-locks"},
	} {
		if got := DefaultDir(c.euid, func(string) string { return c.xdg }, "/state"); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestParseHolder(t *testing.T) {
	for _, bad := range []string{
		"", "1", "1 2", "1 2 a b c", `1 2 "a" "b"`, `1 2 "a" "b" "c" "d"`, `0 2 "a" "b" "c"`, `-1 2 "a" "b" "c"`, `x 2 "a" "b" "c"`, `1 -2 "a" "b" "c"`, `1 2 "a" "b" "c`, `1 2 "a"  "b" "c"`,
	} {
		if o, _, ok := parse(bad); ok {
			t.Errorf("%q is %+v", bad, o)
		}
	}
}

func BenchmarkTakeOne(b *testing.B) { benchmark(b, "x") }

// BenchmarkTakeApt asks about dpkg's locks as well.
func BenchmarkTakeApt(b *testing.B) { benchmark(b, "apt") }

func benchmark(b *testing.B, name string) {
	o := options(b)
	if name == "apt" {
		o.Root = ""
	}
	l := Open(o)
	owner := Owner{Run: "01JZ0000000000000000000000", Phase: "configure", Hook: "30-foo"}
	b.ReportAllocs()
	for b.Loop() {
		release, err := l.Take(b.Context(), owner, []string{name}, nil)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}
