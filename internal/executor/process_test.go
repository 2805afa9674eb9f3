package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

func TestProcess(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			testExecutor(t, kind{}, func(tb testing.TB, o Options) seam {
				tb.Helper()
				return &Process{List: o.List, Limit: o.Limit, Stdin: o.Stdin, Group: true, Marker: marker, Contain: contained(tb, mode)}
			})
		})
	}
}

// exec runs one hook that has to end by itself.
func (r *recorder) exec(t *testing.T, p *Process, s phased.Setup, body string) phased.Result {
	t.Helper()
	enter(t, p, s)
	res, err := p.Exec(t.Context(), hookOf(program(t, "hook", "#!/bin/sh\n"+body)))
	if err != nil {
		t.Fatal(err)
	}
	r.check(t)
	return res
}

// file makes a file that is open for reading and writing, and closed at the end.
func file(t *testing.T, flag int, content string) *os.File {
	t.Helper()
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestGroup(t *testing.T) {
	for _, group := range []bool{true, false} {
		r := &recorder{}
		r.exec(t, &Process{Group: group}, native(r), "cut -d' ' -f5 /proc/$$/stat")
		want := syscall.Getpgrp()
		if group {
			want = r.pid()
		}
		if got := strings.TrimSpace(r.stdout()); got != strconv.Itoa(want) {
			t.Errorf("group %v: process group %s, expected %d", group, got, want)
		}
	}
}

// TestInherited proves that hooks get the very same files, and that it is told
// where in them their output stands.
func TestInherited(t *testing.T) {
	for _, c := range []struct {
		flag       int
		begin, end int64
	}{{os.O_APPEND, 6, 11}, {0, 0, 5}} {
		f := file(t, c.flag, "before")
		null, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		r := &recorder{}
		res := r.exec(t, &Process{Output: Inherited, Stdout: f, Stderr: null}, native(r), "printf hello")
		want := []phased.Descriptor{{FD: 1, Type: "file", Path: phased.Text(f.Name()), Offset: c.begin}}
		if diff := cmp.Diff(want, r.started[0].Files); diff != "" {
			t.Errorf("before (-want +got):\n%s", diff)
		}
		want[0].Offset = c.end
		if diff := cmp.Diff(want, res.Files); diff != "" {
			t.Errorf("after (-want +got):\n%s", diff)
		}
		if res.Out != 0 || len(r.pieces) > 0 || res.Left {
			t.Errorf("captured %+v, %v", res, r)
		}
		if got := content(f.Name()); got[c.begin:c.end] != "hello" {
			t.Errorf("file %q", got)
		}
	}
}

func TestDescribe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	want := []phased.Descriptor{{FD: 1, Type: "pipe"}, {FD: 2, Type: "null", Path: "/dev/null"}}
	if diff := cmp.Diff(want, Describe(w, null)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	tty := terminal(t)
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	want = []phased.Descriptor{{FD: 1, Type: "terminal", Path: phased.Text(tty.Name())}, {FD: 2, Type: "other"}}
	if diff := cmp.Diff(want, Describe(tty, dir)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// terminal returns the far end of a new terminal that nobody reads.
func terminal(t *testing.T) *os.File {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close() })
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return far
}

// TestStdin proves that hooks share one inherited stdin: each takes up where the
// last one stopped.
func TestStdin(t *testing.T) {
	f, r := file(t, 0, "one\ntwo\nthree\n"), &recorder{}
	p, s := &Process{Stdin: f, Group: true}, native(r)
	s.Surroundings.Stdin = "inherit"
	enter(t, p, s)
	h := hookOf(program(t, "hook", "#!/bin/sh\nread x; echo got $x\n"))
	for range 2 {
		if res, err := p.Exec(t.Context(), h); err != nil || !res.OK() {
			t.Fatal(res, err)
		}
	}
	if got := r.stdout(); got != "got one\ngot two\n" {
		t.Errorf("%q", got)
	}
}

// TestTerminalStdin proves that a hook which inherits a terminal may read from
// it: in a group of its own it would be stopped for that.
func TestTerminalStdin(t *testing.T) {
	r := &recorder{}
	p, s := &Process{Stdin: terminal(t), Group: true}, native(r)
	s.Surroundings.Stdin = "inherit"
	r.exec(t, p, s, "cut -d' ' -f5 /proc/$$/stat; [ -t 0 ] && echo terminal")
	if want := fmt.Sprintf("%d\nterminal\n", syscall.Getpgrp()); r.stdout() != want {
		t.Errorf("%q, expected %q", r.stdout(), want)
	}
}

func TestTee(t *testing.T) {
	stdout, stderr, r := file(t, 0, ""), file(t, 0, ""), &recorder{}
	res := r.exec(t, &Process{Output: Tee, Stdout: stdout, Stderr: stderr, Limit: 100}, native(r), "seq 1 20000; echo error >&2")
	if got := content(stdout.Name()) + "\n"; got != numbers(20000) {
		t.Errorf("%d bytes on stdout, expected %d: the limit is for the record", len(got), len(numbers(20000)))
	}
	if got := content(stderr.Name()); got != "error" {
		t.Errorf("stderr %q", got)
	}
	if len(r.cuts) != 1 || res.Out != int64(len(numbers(20000))) || res.Err != 6 || res.Files != nil {
		t.Errorf("%+v, cuts %v", res, r.cuts)
	}
}

// TestTeeBroken proves that a stdout whose reader has gone hurts neither phased
// nor the hook.
func TestTeeBroken(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	rec, stderr := &recorder{}, file(t, 0, "")
	res := rec.exec(t, &Process{Output: Tee, Stdout: w, Stderr: stderr}, native(rec), "seq 1 20000; echo error >&2")
	if !res.OK() || rec.stdout() != numbers(20000) || content(stderr.Name()) != "error" {
		t.Errorf("%+v, %d bytes captured, stderr %q", res, len(rec.stdout()), content(stderr.Name()))
	}
}

// TestTeeSlow proves that a reader who stops reading holds up the hook, as it
// would without phased, but not its end at a time limit.
func TestTeeSlow(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for name, stdout := range map[string]*os.File{"pipe": w, "terminal": terminal(t)} {
		rec := &recorder{}
		p := &Process{Output: Tee, Stdout: stdout, Group: true, Marker: marker}
		enter(t, p, native(rec))
		dir := t.TempDir()
		h := hookOf(program(t, "hook", "#!/bin/sh\nyes; : >"+dir+"/never\n"))
		ctx, cancel := context.WithCancelCause(t.Context())
		rec.onStart = func(phased.Process) {
			go func() {
				// The reader's pipe and the hook's are full when the hook gets no further.
				await(t, "the hook to be held up", func() bool {
					a, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", rec.pid()))
					time.Sleep(50 * time.Millisecond)
					b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", rec.pid()))
					return len(a) > 0 && bytes.Equal(a, b)
				})
				cancel(timeout)
			}()
		}
		res, err := p.Exec(ctx, h)
		if err != nil || res.Cause != phased.CauseTimeout || exists(dir+"/never") {
			t.Errorf("%s: %+v, %v", name, res, err)
		}
	}
}

// TestDescriptors proves that hooks get no descriptor of phased, and of those
// that phased was given only where this is wanted.
func TestDescriptors(t *testing.T) {
	f := file(t, 0, "")
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD, 100) // without CLOEXEC, as an inherited one
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for _, closed := range []bool{false, true} {
		r := &recorder{}
		r.exec(t, &Process{CloseOthers: closed}, native(r), "for f in /proc/$$/fd/*; do case $(readlink $f) in "+f.Name()+") echo ${f##*/};; pipe:*|/dev/null) ;; *hook) ;; *) echo other $f;; esac; done")
		want := strconv.Itoa(fd) + "\n"
		if closed {
			want = ""
		}
		if got := r.stdout(); got != want {
			t.Errorf("closed %v: descriptors %q, expected %q", closed, got, want)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

// zombies returns the ended children of this process that nobody waited for.
func zombies(t *testing.T) []proc.Stat {
	t.Helper()
	all, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	var z []proc.Stat
	for _, s := range all {
		if s.Parent == os.Getpid() && s.Ended() {
			z = append(z, s)
		}
	}
	return z
}

// TestLeaks proves that hooks leave no open files, zombies or umask behind,
// however they end.
func TestLeaks(t *testing.T) {
	r := &recorder{}
	p := &Process{Group: true, Marker: marker}
	s := native(r)
	s.Grace = short
	good := hookOf(program(t, "good", "#!/bin/sh\necho x\n"))
	slow := hookOf(program(t, "slow", "#!/bin/sh\n"+forever+" & "+forever+"\n"))
	left := hookOf(program(t, "left", "#!/bin/sh\nsleep 0.1 &\n"))
	run := func(n int) {
		if _, err := p.Enter(t.Context(), phased.PlannedPhase{}, s); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, timeout)
			var err error
			switch i % 10 {
			case 0:
				_, err = p.Exec(ctx, slow)
			case 1:
				_, err = p.Exec(t.Context(), left)
			case 2:
				_, err = p.Exec(t.Context(), hookOf("/no/such"))
			default:
				_, err = p.Exec(t.Context(), good)
			}
			cancel()
			if err != nil {
				t.Fatal(err)
			}
		}
		await(t, "what was left behind to end", func() bool { p.left.mu.Lock(); defer p.left.mu.Unlock(); return !p.left.running })
		if err := p.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	run(10) // what the runtime opens once
	before := openFiles(t)
	run(100)
	if after := openFiles(t); after > before {
		t.Errorf("%d open files before 100 hooks, %d after them", before, after)
	}
	if z := zombies(t); len(z) > 0 {
		t.Errorf("zombies: %+v", z)
	}
	r.check(t)
}

// TestMemory proves that a peak is told where it is the hook's own, and not
// where it cannot be told from phased's.
func TestMemory(t *testing.T) {
	r := &recorder{}
	res := r.exec(t, &Process{}, native(r), "exec dd if=/dev/zero of=/dev/null bs=512M count=1 2>/dev/null")
	if res.Usage.MaxRSS < 512<<20 || res.Usage.MaxRSS > 1<<30 {
		t.Errorf("%d bytes at most, expected a little over 512 MiB", res.Usage.MaxRSS)
	}
	r = &recorder{}
	if res := r.exec(t, &Process{}, native(r), "exit 0"); res.Usage.MaxRSS != 0 {
		t.Errorf("%d bytes at most of a hook that is smaller than this test", res.Usage.MaxRSS)
	}
}

func TestNotEntered(t *testing.T) {
	p := &Process{}
	if _, err := p.Exec(t.Context(), hookOf("/bin/true")); !errors.Is(err, errNotEntered) {
		t.Errorf("%v", err)
	}
	if err := p.Close(context.Background()); err != nil {
		t.Errorf("close of one that was never used: %v", err)
	}
}
