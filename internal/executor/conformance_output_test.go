package executor

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"phased/internal/phased"
)

// numbers is what `seq 1 n` writes.
func numbers(n int) string {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintln(&b, i+1)
	}
	return b.String()
}

// wait is shell: it waits until the file is there, and ends with the test.
func wait(name string) string {
	return "until [ -e $DIR/" + name + " ]; do [ -d $DIR ] || exit; sleep 0.01; done; "
}

// outputs are the behaviours of captured output.
func outputs() []behaviour {
	return []behaviour{
		{name: "streams apart", body: "echo to out; echo to err >&2; echo out again", want: exitOK, out: "to out\nout again\n", err: "to err\n"},
		{name: "no final newline", body: "printf a; printf b >&2", want: exitOK, out: "a", err: "b"},
		{name: "no output", body: "exec >/dev/null", want: exitOK, check: func(t *testing.T, s *scene) {
			if len(s.pieces) > 0 || s.result.Out != 0 || s.result.Err != 0 {
				t.Errorf("output of a hook without any: %v", s)
			}
		}},
		{name: "bytes that are no text", body: `printf 'a\377\300\0\342\202'; printf '\200' >&2`, want: exitOK, out: "a\xff\xc0\x00\xe2\x82", err: "\x80"},
		{name: "bytes are counted", body: "printf 12345; printf 123 >&2", want: exitOK, check: func(t *testing.T, s *scene) {
			if s.result.Out != 5 || s.result.Err != 3 {
				t.Errorf("%d and %d bytes, expected 5 and 3", s.result.Out, s.result.Err)
			}
		}},
		{name: "closes its output and goes on", body: "echo x; exec >&- 2>&-; sleep 0.1; exit 4", want: exitBy(phased.CauseExit, 4, 0), out: "x\n"},
		liveOutput(), splitCharacter(),
		{name: "much output", body: "seq 1 300000", want: exitOK, out: numbers(300000)},
		{name: "exactly the limit", options: Options{Limit: 1000}, body: "head -c 1000 /dev/zero | tr '\\0' x", want: exitOK, out: strings.Repeat("x", 1000)},
		cutOutput("a byte over the limit", 1000, "x", 1001),
		cutOutput("ten times the limit", 1001, "0123456789", 10010),
		cutOutput("a limit of one byte", 1, "0123456789", 200000),
		cutOutput("long output", 300000, "0123456789\n", 3000000),
		cutOutput("default limit", 0, "0123456789abcde\n", 3*DefaultLimit),
		cutBoth(),
		leftBehind(), leftQuiet(), lateCut(), endOfPipe(),
	}
}

// liveOutput proves that output comes while the hook runs, in its order.
func liveOutput() behaviour {
	return behaviour{
		name: "live and in order", want: exitOK,
		body: "printf 1; : >$DIR/ready; " + wait("a") + "printf 2 >&2; " + wait("b") + "printf 3; " + wait("c"),
		during: func(s *scene) {
			for i, name := range []string{"a", "b", "c"} {
				await(s.t, "output while the hook runs", func() bool { return len(s.stdout()+s.stderr()) == i+1 })
				s.touch(name)
			}
		},
		check: func(t *testing.T, s *scene) {
			if got := strings.Join(s.calls, " ") + " " + strings.Join(s.pieces, ""); got != "out err out 123" {
				t.Errorf("order %q", got)
			}
		},
	}
}

// splitCharacter writes a character in two halves, further apart than a batch
// waits.
func splitCharacter() behaviour {
	return behaviour{
		name: "a character in two writes", want: exitOK,
		body: `printf 'x\303'; : >$DIR/ready; ` + wait("a") + `printf '\244y'`,
		during: func(s *scene) {
			await(s.t, "the first half", func() bool { return s.stdout() != "" })
			s.touch("a")
		},
		check: func(t *testing.T, s *scene) {
			if got := strings.Join(s.pieces, "|"); got != "x|äy" {
				t.Errorf("parts %q, expected the character whole", got)
			}
		},
	}
}

// cutOutput writes size bytes of a repeated pattern, more than the limit.
func cutOutput(name string, limit int64, pattern string, size int) behaviour {
	kept := int(limit)
	if limit == 0 {
		kept = DefaultLimit
	}
	filter := "cat"
	if !strings.HasSuffix(pattern, "\n") {
		filter = "tr -d '\\n'"
	}
	return behaviour{
		name: "cut: " + name, options: Options{Limit: limit}, want: exitOK,
		body: fmt.Sprintf("yes '%s' | %s | head -c %d", strings.TrimSuffix(pattern, "\n"), filter, size),
		check: func(t *testing.T, s *scene) {
			want := strings.Repeat(pattern, size/len(pattern)+1)[:size]
			head := kept / 2
			if want = want[:head] + want[size-(kept-head):]; s.stdout() != want {
				t.Errorf("kept %d bytes, %.40q...; expected %d, %.40q...", len(s.stdout()), s.stdout(), len(want), want)
			}
			if len(s.cuts) != 1 || s.cuts[0] != int64(size-kept) || s.cutAt[0] != head {
				t.Errorf("cuts %v at %v, expected %d bytes at %d", s.cuts, s.cutAt, size-kept, head)
			}
			if s.result.Out != int64(size) {
				t.Errorf("%d bytes counted, expected %d", s.result.Out, size)
			}
			for _, n := range s.sizes {
				if n > 2*batchSize {
					t.Errorf("a batch of %d bytes", n)
				}
			}
		},
	}
}

// cutBoth writes characters of several bytes to both streams. The limit holds
// for both together, and the cut leaves no half characters.
func cutBoth() behaviour {
	const limit, lines = 10001, 5000
	return behaviour{
		name: "cut: both streams", options: Options{Limit: limit}, want: exitOK,
		body: fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo öut; echo ërr >&2; i=$((i+1)); done", lines),
		check: func(t *testing.T, s *scene) {
			kept, total := len(s.stdout())+len(s.stderr()), 2*lines*len("öut\n")
			if len(s.cuts) != 1 || int(s.cuts[0])+kept != total || kept > limit || kept < limit-3 {
				t.Errorf("%d bytes kept and %v cut of %d, limit %d", kept, s.cuts, total, limit)
			}
			if s.result.Out+s.result.Err != int64(total) || s.result.Out != s.result.Err {
				t.Errorf("%d and %d bytes counted", s.result.Out, s.result.Err)
			}
			tail := 0 // bytes after the cut
			for _, p := range s.pieces {
				tail += len(p)
			}
			if tail -= s.cutAt[0]; s.cutAt[0] != limit/2 || tail < limit/2-2 {
				t.Errorf("%d bytes before the cut and %d after it", s.cutAt[0], tail)
			}
			if last := s.pieces[len(s.pieces)-1]; !utf8.ValidString(last) || !strings.HasSuffix(s.stdout(), "öut\n") || !strings.HasSuffix(s.stderr(), "ërr\n") {
				t.Errorf("the end is %.60q", last)
			}
		},
	}
}

// leftBehind is a hook that leaves a process which holds its output, and writes
// to it later.
func leftBehind() behaviour {
	return behaviour{
		name: "a background child that holds the output", want: exitOK,
		sourced: func(b *behaviour) { // the session holds its output itself
			check := b.check
			b.check = func(t *testing.T, s *scene) {
				if s.result.Left {
					t.Error("something is said to hold the output still")
				}
				s.result.Left = true
				check(t, s)
			}
		},
		body: "(echo $$ >/dev/null; " + wait("go") + "echo late; echo late err >&2; : >$DIR/done; " + wait("end") + ") & echo $! >$DIR/pid; echo early",
		check: func(t *testing.T, s *scene) {
			defer s.touch("end")
			if !s.result.Left || s.stdout() != "early\n" {
				t.Errorf("left %v, %v", s.result.Left, s)
			}
			pid := pidIn(t, s.path("pid"))
			if syscall.Kill(pid, 0) != nil || s.exists("done") {
				t.Error("the child was ended or waited for")
			}
			s.touch("go")
			await(t, "late output", func() bool { return len(s.after()) == len("late\nlate err\n") })
			if len(s.signals) > 0 {
				t.Errorf("signals %v", s.signals)
			}
		},
	}
}

func leftQuiet() behaviour {
	return behaviour{
		name: "a background child that holds nothing", want: exitOK,
		body: "(" + wait("end") + ": >$DIR/done) >/dev/null 2>&1 & echo x",
		check: func(t *testing.T, s *scene) {
			if s.result.Left || s.stdout() != "x\n" || s.exists("done") {
				t.Errorf("left %v, %v", s.result.Left, s)
			}
			s.touch("end")
			await(t, "the child's own end", func() bool { return s.exists("done") })
		},
	}
}

// lateCut is a child left behind that writes more than is kept of such.
func lateCut() behaviour {
	const size = lateLimit + 300001
	return behaviour{
		name: "a background child that writes much", want: exitOK,
		sourced: func(b *behaviour) { // a session's output has no end before its own
			b.check = func(t *testing.T, s *scene) {
				s.touch("go")
				await(t, "the child's own end", func() bool { return s.exists("done") })
			}
			b.closed = func(t *testing.T, s *scene) {
				if got := s.after(); got != strings.Repeat("z", lateLimit) {
					t.Errorf("%d bytes of late output", len(got))
				}
				if len(s.cuts) != 1 || s.cuts[0] != size-lateLimit {
					t.Errorf("cut %v, expected %d", s.cuts, size-lateLimit)
				}
			}
		},
		body: "(" + wait("go") + fmt.Sprintf("head -c %d /dev/zero | tr '\\0' z; : >$DIR/done) & echo x", size),
		check: func(t *testing.T, s *scene) {
			s.touch("go")
			await(t, "the child's own end", func() bool { return s.exists("done") })
			await(t, "the cut", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.cuts) > 0 })
			if got := s.after(); got != strings.Repeat("z", lateLimit) {
				t.Errorf("%d bytes of late output", len(got))
			}
			if s.cuts[0] != size-lateLimit {
				t.Errorf("cut %v, expected %d", s.cuts, size-lateLimit)
			}
		},
	}
}

// endOfPipe is the common `exec > >(tee log)`: what reads the hook's output ends
// just behind it.
func endOfPipe() behaviour {
	return behaviour{
		name: "output through a process of its own", want: exitOK,
		hook: with("#!/bin/bash\nexec > >(cat)\nexec 2>&1\necho through\n", 0o755),
		check: func(t *testing.T, s *scene) {
			await(t, "the output", func() bool { return s.stdout()+s.after() == "through\n" })
		},
	}
}
