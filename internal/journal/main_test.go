package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"phased/internal/phased"
	"phased/internal/proc"
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	switch os.Getenv("JOURNAL_TEST_CHILD") {
	case "append":
		childAppend()
	case "orphans":
		childOrphans()
	case "lock":
		childLock()
	case "read":
		childRead()
	case "begin":
		if _, err := Open(os.Getenv("JOURNAL_TEST_DIR"), Options{}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	case "share":
		childShare()
	default:
		os.Exit(m.Run())
	}
}

// child starts this binary in one of its other parts. What it prints is read
// from the scanner. It is killed at the end of the test.
func child(t *testing.T, part string, env ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "JOURNAL_TEST_CHILD="+part)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	return cmd, bufio.NewScanner(out)
}

func kill(cmd *exec.Cmd) {
	if cmd.ProcessState == nil {
		cmd.Process.Kill()
		cmd.Wait()
	}
}

func childStore() *Store {
	s, err := Open(os.Getenv("JOURNAL_TEST_DIR"), Options{Durability: os.Getenv("JOURNAL_TEST_DURABILITY")})
	if err != nil {
		panic(err)
	}
	return s
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// childAppend records hooks without end, and prints each seq that was
// acknowledged.
func childAppend() {
	id := os.Getenv("JOURNAL_TEST_RUN")
	w, err := childStore().Begin(id)
	must(err)
	sc := newScript(id)
	ack := func(data ...phased.Payload) {
		must(w.Append(sc.all(data...)...))
		fmt.Println(sc.seq)
	}
	ack(started(os.Getenv("JOURNAL_TEST_BASE")), phased.PhaseStarted{Phase: "configure"})
	for i := 0; ; i++ {
		hook := phased.Text(fmt.Sprintf("%06d", i))
		ack(phased.HookStarted{Phase: "configure", Hook: hook})
		ack(phased.HookOutput{Phase: "configure", Hook: hook, Stream: "out", Text: phased.Text(strings.Repeat("o", 1<<(i%18)))})
		ack(phased.HookFinished{Phase: "configure", Hook: hook, Exit: phased.Exit{Cause: phased.CauseOK}}, phased.RunWarning{Message: "w"})
	}
}

// childRead lists the runs and folds the last.
func childRead() {
	s, err := Open(os.Getenv("JOURNAL_TEST_DIR"), Options{ReadOnly: true})
	var runs []phased.Summary
	if err == nil {
		runs, err = s.Runs(context.Background())
	}
	var run phased.Run
	if err == nil {
		run, err = s.Run(context.Background(), runs[0].ID)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(len(runs), run.Status)
}

// childLock holds a run lock until it is killed.
func childLock() {
	l, err := childStore().LockBase(context.Background(), os.Getenv("JOURNAL_TEST_BASE"), 0)
	must(err)
	must(l.SetRun("01RUN"))
	fmt.Println(os.Getpid())
	select {}
}

// hookCommand starts a hook as the engine would.
func hookCommand(id, phase, hook, script string, attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.Command("bash", "-c", script)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "PHASED_RUN_ID=" + id, "PHASED_PHASE=" + phase, "PHASED_HOOK=" + hook}
	cmd.SysProcAttr = attr
	return cmd
}

// childOrphans is a phased with one finished hook that left a service, one
// unfinished hook and one that it had no time to record. It prints the pids
// that are orphans when it is killed, and then those that are not.
func childOrphans() {
	id := os.Getenv("JOURNAL_TEST_RUN")
	w, err := childStore().Begin(id)
	must(err)
	sc := newScript(id)
	run := func(hook, script string, lines int) (phased.HookStarted, []string) {
		cmd := hookCommand(id, "configure", hook, script, &syscall.SysProcAttr{Setpgid: true})
		out, err := cmd.StdoutPipe()
		must(err)
		must(cmd.Start())
		in := bufio.NewScanner(out)
		pids := []string{fmt.Sprint(cmd.Process.Pid)}
		for range lines {
			in.Scan()
			pids = append(pids, in.Text())
		}
		st, err := proc.Read(cmd.Process.Pid)
		must(err)
		return phased.HookStarted{Phase: "configure", Hook: phased.Text(hook), Path: "/x", Pid: st.Pid, PidStart: st.Start}, pids
	}
	must(w.Append(sc.all(started(os.Getenv("JOURNAL_TEST_BASE")), phased.PhaseStarted{Phase: "configure"})...))
	a, service := run("10-a\xff", `setsid sleep 4000 >/dev/null & echo $!; sleep 4000 >/dev/null & echo $!`, 2)
	must(w.Append(sc.all(a, phased.HookFinished{Phase: "configure", Hook: a.Hook, Exit: phased.Exit{Cause: phased.CauseOK}})...))
	b, orphans := run("20-b\xff", `
		sleep 4000 & echo $!
		setsid sleep 4000 & echo $!
		(env -i /bin/bash -c '/bin/sleep 4000 & echo $!')
		env -i setsid /bin/sleep 4000 & echo $!
		wait`, 4)
	must(w.Append(sc.next(b)))
	_, more := run("30-c\xff", `setsid sleep 4000 >/dev/null & echo $!`, 1)
	must(json.NewEncoder(os.Stdout).Encode([][]string{append(orphans, more[1]), service[1:]}))
	select {}
}
