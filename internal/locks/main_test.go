package locks

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain lets the test binary be another process with locks.
func TestMain(m *testing.M) {
	arg := os.Getenv("LOCKS_TEST_ARG")
	switch os.Getenv("LOCKS_TEST_CHILD") {
	case "hold":
		childHold(arg)
	case "count":
		childCount(arg)
	case "record":
		childRecord(arg)
	case "pid":
		fmt.Println("ready")
		io.Copy(io.Discard, os.Stdin)
	case "take":
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		_, err := childLocks().Take(ctx, childOwner(), []string{arg}, nil)
		cancel()
		fmt.Println(err)
	default:
		os.Exit(m.Run())
	}
}

func childLocks() *Locks {
	return Open(Options{Dir: os.Getenv("LOCKS_TEST_DIR"), Root: os.Getenv("LOCKS_TEST_ROOT")})
}

func childOwner() Owner { return Owner{Run: "01CHILD", Phase: "configure", Hook: "30-foo"} }

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// childHold holds the locks until its input ends. It has a child of its own,
// whose pid it tells.
func childHold(names string) {
	release, err := childLocks().Take(context.Background(), childOwner(), strings.Split(names, ","), nil)
	must(err)
	grown := exec.Command("sleep", "300")
	must(grown.Start())
	fmt.Println(grown.Process.Pid)
	io.Copy(io.Discard, os.Stdin)
	release()
	must(grown.Process.Kill())
}

// childCount counts in a file, as only one at a time can.
func childCount(file string) {
	for range 50 {
		release, err := childLocks().Take(context.Background(), childOwner(), []string{"count"}, nil)
		must(err)
		p, err := os.ReadFile(file)
		must(err)
		n, err := strconv.Atoi(string(p))
		must(err)
		must(os.WriteFile(file, []byte(strconv.Itoa(n+1)), 0o600))
		release()
	}
}

// childRecord holds fcntl's lock of a file until its input ends.
func childRecord(file string) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o640)
	must(err)
	must(unix.FcntlFlock(f.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}))
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}

// process is a process that a test has started.
type process struct {
	*exec.Cmd
	out   *bufio.Scanner
	stdin io.Closer
}

// child starts this binary in one of its other parts. It is killed at the end of
// the test.
func child(t *testing.T, part, arg string, o Options) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LOCKS_TEST_CHILD="+part, "LOCKS_TEST_ARG="+arg, "LOCKS_TEST_DIR="+o.Dir, "LOCKS_TEST_ROOT="+o.Root)
	return start(t, cmd)
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd, bufio.NewScanner(out), in}
	t.Cleanup(p.kill)
	return p
}

// line returns the next line of output.
func (p *process) line(t *testing.T) string {
	t.Helper()
	if !p.out.Scan() {
		t.Fatalf("%s said nothing more: %v", p.Path, p.out.Err())
	}
	return p.out.Text()
}

func (p *process) kill() {
	if p.ProcessState == nil {
		p.Process.Kill()
		p.Wait()
	}
}
