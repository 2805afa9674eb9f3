package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// line builds a line of /proc/PID/stat as the kernel does.
func line(s Stat) string {
	return fmt.Sprintf("%d (%s) %c %d %d %d 34816 0 4194304 112 0 0 0 1 2 0 0 20 0 %d 0 %d 2662400 214 18446744073709551615\n",
		s.Pid, s.Command, s.State, s.Parent, s.Group, s.Session, s.Threads, s.Start)
}

func TestParse(t *testing.T) {
	for _, command := range []string{"sh", "", "a b", "(", ")", "a) S 1 2 3 (b", "\n", " ) R 9 ", "\xff\x00", "(sd-pam)"} {
		want := Stat{Pid: 4711, Parent: 12, Group: 13, Session: 14, State: 'S', Threads: 3, Start: 18446744073709551615, Command: command}
		got, err := parse([]byte(line(want)))
		if err != nil {
			t.Errorf("command %q: %v", command, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("command %q (-want +got):\n%s", command, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := line(Stat{Pid: 1, Parent: 2, Group: 3, Session: 4, State: 'R', Threads: 1, Start: 77, Command: "x"})
	for name, p := range map[string]string{
		"nothing":        "",
		"no parentheses": "1 x R 2 3 4",
		"pid missing":    "(x) R 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21",
		"pid no number":  "z (x) R 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21",
		"too short":      good[:strings.Index(good, " 77")],
		"start negative": strings.Replace(good, " 77 ", " -77 ", 1),
		"parent a word":  strings.Replace(good, "R 2 ", "R two ", 1),
		"swapped":        "1 )x( R 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21",
	} {
		if s, err := parse([]byte(p)); err == nil {
			t.Errorf("%s: parsed as %+v, expected an error", name, s)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sh", byte('S'), 1, 2, 3, 4, 1, uint64(99), []byte("1 (x) R 1"))
	f.Add("a) R 1 (b c\n", byte('Z'), 1, -1, 0, 4, 1, uint64(0), []byte(") ("))
	f.Add("(((", byte('T'), 1, 0, 0, 0, 9, uint64(1<<63), []byte("7 () "))
	f.Fuzz(func(t *testing.T, command string, state byte, pid, parent, group, session, threads int, start uint64, raw []byte) {
		_, _ = parse(raw)                          // must not panic
		if state < 'A' || state > 'z' || pid < 0 { // a state is a letter
			return
		}
		want := Stat{Pid: pid, Parent: parent, Group: group, Session: session, State: state, Threads: threads, Start: start, Command: command}
		got, err := parse([]byte(line(want)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestReadSelf(t *testing.T) {
	s, err := Read(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if s.Pid != os.Getpid() || s.Parent != os.Getppid() || s.Start == 0 || s.Threads < 1 || s.Ended() {
		t.Errorf("read of this process: %+v", s)
	}
	if !Alive(s.Pid, s.Start) || !Alive(s.Pid, 0) || Alive(s.Pid, s.Start+1) {
		t.Error("Alive does not go by pid and start time")
	}
	if got := BootID(); len(got) != 36 {
		t.Errorf("boot id %q", got)
	}
	if got := CommandLine(s.Pid); !strings.Contains(got, os.Args[0]) {
		t.Errorf("command line %q lacks %q", got, os.Args[0])
	}
}

// child starts a shell that runs the script and says a line when it is ready.
func child(t *testing.T, env []string, script string) *exec.Cmd {
	t.Helper()
	c := exec.Command("/bin/sh", "-c", script)
	c.Env = env
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = c.Wait() // how it ends does not matter
	})
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestZombieHasEnded(t *testing.T) {
	c := exec.Command("/bin/true")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	pid := c.Process.Pid
	for s, err := Read(pid); err != nil || !s.Ended(); s, err = Read(pid) {
		if err != nil {
			t.Fatalf("zombie cannot be read: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
	if Alive(pid, 0) {
		t.Error("a zombie is taken for alive")
	}
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(pid); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read of a reaped process: %v, expected fs.ErrNotExist", err)
	}
	if (Stat{State: 'Z', Threads: 2}).Ended() {
		t.Error("a process of which only the first thread has ended is taken for ended")
	}
}

func TestAllAndDescendants(t *testing.T) {
	c := child(t, nil, "(echo; read x) <&0 & read y")
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, s := range all {
		if seen[s.Pid] {
			t.Errorf("process %d twice", s.Pid)
		}
		seen[s.Pid] = true
	}
	for _, pid := range []int{1, os.Getpid(), c.Process.Pid} {
		if !seen[pid] {
			t.Errorf("process %d is missing", pid)
		}
	}
	want := c.Process.Pid
	if some, err := Some(func(pid int) bool { return pid == want }); err != nil || len(some) != 1 || some[0].Pid != want {
		t.Errorf("Some: %+v, %v, expected the one process %d", some, err, want)
	}
	below := pids(Descendants(all, c.Process.Pid))
	if len(below) != 1 {
		t.Errorf("descendants of the shell: %v, expected its one subshell", below)
	}
	mine := pids(Descendants(all, os.Getpid()))
	if i := slices.Index(mine, c.Process.Pid); i < 0 || i > slices.Index(mine, below[0]) {
		t.Errorf("descendants of this process: %v, expected %d before %v", mine, c.Process.Pid, below)
	}
}

func pids(all []Stat) []int {
	var p []int
	for _, s := range all {
		p = append(p, s.Pid)
	}
	return p
}

func TestDescendants(t *testing.T) {
	all := []Stat{{Pid: 9, Parent: 5}, {Pid: 1}, {Pid: 5, Parent: 2}, {Pid: 2, Parent: 1}, {Pid: 3, Parent: 1}, {Pid: 6, Parent: 5}, {Pid: 7, Parent: 7}}
	for _, c := range []struct {
		roots, want []int
	}{
		{[]int{2}, []int{5, 9, 6}},
		{[]int{1}, []int{2, 3, 5, 9, 6}},
		{[]int{5, 2}, []int{9, 6}},
		{[]int{3}, nil},
		{[]int{7}, nil}, // its own parent: no endless loop
		{[]int{99}, nil},
		{nil, nil},
	} {
		if diff := cmp.Diff(c.want, pids(Descendants(all, c.roots...))); diff != "" {
			t.Errorf("roots %v (-want +got):\n%s", c.roots, diff)
		}
	}
}

func TestEnviron(t *testing.T) {
	env := []string{"A=1", "B=x y\nz", "EMPTY=", "BB=2"}
	c := child(t, env, "echo; read x")
	got := Environ(c.Process.Pid)
	if diff := cmp.Diff(env, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, tc := range []struct {
		entries []string
		want    bool
	}{
		{[]string{"A=1"}, true},
		{[]string{"BB=2", "A=1"}, true},
		{[]string{"B=x y\nz"}, true},
		{[]string{"EMPTY="}, true},
		{[]string{"B=2"}, false},        // the end of another entry
		{[]string{"A="}, false},         // the beginning of one
		{[]string{"A=1", "C=3"}, false}, // only one of two
		{[]string{"B=x y", "z"}, false}, // pieces
		{nil, false},
	} {
		if got, known := HasEnv(c.Process.Pid, tc.entries...); got != tc.want || !known {
			t.Errorf("HasEnv(%q) = %v, expected %v", tc.entries, got, tc.want)
		}
	}
	big := []string{"A=1", "BIG=" + strings.Repeat("x", 100000), "Z=26"}
	if diff := cmp.Diff(big, Environ(child(t, big, "echo; read x").Process.Pid)); diff != "" {
		t.Errorf("a large environment (-want +got):\n%s", diff)
	}
	for _, pid := range []int{0, child(t, []string{}, "echo; read x").Process.Pid} {
		if has, known := HasEnv(pid, "A=1"); has || known || Environ(pid) != nil {
			t.Errorf("process %d has an environment", pid)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	pid := os.Getpid()
	for b.Loop() {
		if _, err := Read(pid); err != nil {
			b.Fatal(err)
		}
	}
}
