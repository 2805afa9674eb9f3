package executor

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"phased/internal/phased"
	"phased/internal/proc"
)

// drainSelf is this test binary as a drain process.
func drainSelf() []string { return []string{"/proc/self/exe", "__drain"} }

// runAlone is this test binary as a program that runs the one hook it is told,
// replaces its own executable meanwhile, and ends.
func runAlone(args []string) int {
	p := &Process{DrainCommand: drainSelf(), Group: true}
	if _, err := p.Enter(context.Background(), phased.PlannedPhase{}, native(&recorder{})); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	h := hookOf(args[0])
	h.Env = []phased.Text{phased.Text("DIR=" + args[1])}
	res, err := p.Exec(context.Background(), h)
	if err != nil || !res.OK() || !res.Left {
		fmt.Fprintln(os.Stderr, res, err)
		return 1
	}
	if err := os.Remove(os.Args[0]); err != nil { // an upgrade
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.WriteFile(os.Args[0], []byte("#!/bin/false\n"), 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := p.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// copySelf copies this test binary.
func copySelf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "phased")
	in, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// drains returns the drain processes that carry the mark in their arguments.
func drains(t *testing.T, of string) []int {
	t.Helper()
	all, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, s := range all {
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.Pid))
		if strings.HasPrefix(exe, of) && strings.Contains(proc.CommandLine(s.Pid), "__drain") && !s.Ended() {
			pids = append(pids, s.Pid)
		}
	}
	return pids
}

// TestDaemonOutlivesRun proves that a daemon which a hook has left behind writes
// 1 MiB after the run has ended, its phased is gone and its binary replaced, and
// that it lives. SIGPIPE would end it, and a full pipe would stop it.
func TestDaemonOutlivesRun(t *testing.T) {
	dir, self := t.TempDir(), copySelf(t)
	hook := program(t, "hook", "#!/bin/sh\nsetsid sh -c '"+wait("go")+
		"head -c 1048576 /dev/zero && head -c 1048576 /dev/zero >&2 && echo $? >$DIR/written; "+wait("end")+"echo alive >$DIR/alive' &\n")
	c := exec.Command(self, "__run", hook, dir)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	left := drains(t, self)
	if len(left) != 1 {
		t.Errorf("drain processes %v, expected one", left)
	}
	for _, pid := range left {
		s, err := proc.Read(pid)
		wd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		stdio, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/1", pid))
		if err != nil || s.Parent == os.Getpid() || s.Session == syscall.Getpgrp() || wd != "/" || stdio != "/dev/null" {
			t.Errorf("drain process %+v, %v, in %s, with stdout %s", s, err, wd, stdio)
		}
	}
	if content(dir+"/written") != "" {
		t.Fatal("the daemon did not wait")
	}
	touch(t, dir+"/go")
	await(t, "the daemon to have written", func() bool { return content(dir+"/written") == "0" })
	touch(t, dir+"/end")
	await(t, "the daemon's own end", func() bool { return content(dir+"/alive") == "alive" })
	await(t, "the end of the drain process", func() bool { return len(drains(t, self)) == 0 })
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCloseHandsOver proves that Close keeps what was written up to it, and hands
// over without leaving open files or zombies.
func TestCloseHandsOver(t *testing.T) {
	dir, r := t.TempDir(), &recorder{}
	before := openFiles(t)
	p := &Process{DrainCommand: drainSelf(), Group: true}
	enter(t, p, native(r))
	var hooks []phased.Hook
	for _, name := range []string{"a", "b"} {
		h := hookOf(program(t, name, "#!/bin/sh\n("+wait("go")+"echo before $0; : >$DIR/"+name+"; "+wait("end")+"echo after && echo lives >$DIR/lives-"+name+") &\n"))
		h.Env = []phased.Text{phased.Text("DIR=" + dir)}
		hooks = append(hooks, h)
		if res, err := p.Exec(t.Context(), h); err != nil || !res.Left {
			t.Fatal(res, err)
		}
	}
	touch(t, dir+"/go")
	await(t, "both to have written", func() bool { return exists(dir+"/a") && exists(dir+"/b") })
	if err := p.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, h := range hooks {
		if !strings.Contains(r.after(), "before "+string(h.Path)+"\n") {
			t.Errorf("late output %q lacks that of %s", r.after(), h.Path)
		}
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d open files before, %d after Close", before, after)
	}
	touch(t, dir+"/end")
	await(t, "both to live on", func() bool { return exists(dir+"/lives-a") && exists(dir+"/lives-b") })
	if z := zombies(t); len(z) > 0 {
		t.Errorf("zombies: %+v", z)
	}
	if strings.Contains(r.after(), "after") {
		t.Errorf("told after Close: %q", r.after())
	}
	r.check(t)
}

// TestCloseWithoutDrain proves that a drain process which does not start is told
// as an error, and holds nothing open.
func TestCloseWithoutDrain(t *testing.T) {
	for _, command := range []string{"/no/such/phased", "/bin/false"} {
		dir, r := t.TempDir(), &recorder{}
		p := &Process{DrainCommand: []string{command}, Group: true}
		if _, err := p.Enter(t.Context(), phased.PlannedPhase{}, native(r)); err != nil {
			t.Fatal(err)
		}
		h := hookOf(program(t, "hook", "#!/bin/sh\n("+wait("end")+") &\n"))
		h.Env = []phased.Text{phased.Text("DIR=" + dir)}
		if res, err := p.Exec(t.Context(), h); err != nil || !res.Left {
			t.Fatal(res, err)
		}
		if err := p.Close(context.Background()); err == nil || !strings.Contains(err.Error(), command) {
			t.Errorf("%s: %v", command, err)
		}
		touch(t, dir+"/end")
	}
}
