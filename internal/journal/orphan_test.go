package journal

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"phased/internal/phased"
	"phased/internal/proc"
)

// killAll ends the processes, each checked first.
func killAll(t *testing.T, pids []int) {
	for _, pid := range pids {
		if strings.Contains(proc.CommandLine(pid), "sleep 4000") || strings.HasPrefix(proc.CommandLine(pid), "bash -c") {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	eventually(t, "all are gone", func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool { return proc.Alive(pid, 0) })
	})
}

func pidsOf(orphans []Orphan) []int {
	var pids []int
	for _, o := range orphans {
		pids = append(pids, o.Pid)
	}
	slices.Sort(pids)
	return pids
}

// TestOrphansOfAKilledRun kills a phased with kill -9 in the middle of a hook.
func TestOrphansOfAKilledRun(t *testing.T) {
	s := openStore(t, Options{})
	id, base := testID(1), t.TempDir()
	cmd, out := child(t, "orphans", "JOURNAL_TEST_DIR="+s.dir, "JOURNAL_TEST_RUN="+id, "JOURNAL_TEST_BASE="+base)
	out.Scan()
	var texts [2][]string
	if err := json.Unmarshal(out.Bytes(), &texts); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	var want, not []int
	for i, list := range []*[]int{&want, &not} {
		for _, p := range texts[i] {
			n, err := strconv.Atoi(p)
			if err != nil {
				t.Fatal(err)
			}
			*list = append(*list, n)
		}
	}
	t.Cleanup(func() { killAll(t, append(want, not...)) })
	slices.Sort(want)
	if live, err := s.Live(base); err != nil || len(live) != 1 {
		t.Fatalf("live: %v, %v", live, err)
	}
	kill(cmd)

	runs, err := s.CloseDead("x")
	if err != nil || len(runs) != 1 {
		t.Fatalf("closed %d, %v", len(runs), err)
	}
	orphans := s.Orphans(runs)
	if got := pidsOf(orphans); !slices.Equal(got, want) {
		t.Errorf("orphans %v, want %v, and not the services %v", got, want, not)
	}
	for _, o := range orphans {
		hook := phased.Text("20-b\xff")
		if strconv.Itoa(o.Pid) == texts[0][len(texts[0])-1] {
			hook = "30-c\xff"
		}
		st, err := proc.Read(o.Pid)
		if err != nil || st.Start != o.Start || o.Run != id || string(o.Base) != base || o.Phase != "configure" || o.Hook != hook {
			t.Errorf("%+v, %v", o, err)
		}
		if o.Age < 0 || o.Age > time.Hour {
			t.Errorf("age %v", o.Age)
		}
		if strconv.Itoa(o.Pid) != texts[0][0] && !strings.Contains(o.Command, "sleep 4000") { // that of its shell, before its exec
			t.Errorf("command %q", o.Command)
		}
	}

	// They are found again by whoever comes next, for as long as they live.
	again, err := s.CloseDead("y")
	if err != nil || len(again) != 1 || again[0].ClosedBy != "x" || len(s.Orphans(again)) != len(want) {
		t.Fatalf("again: %d runs, %v", len(again), err)
	}
	if live, err := s.Live(base); err != nil || len(live) != 0 {
		t.Errorf("live: %v, %v", live, err)
	}
	if pruned, err := s.Prune(t.Context(), Limits{Age: time.Nanosecond}, false); err != nil || len(pruned) != 0 {
		t.Errorf("a run with orphans was pruned: %v, %v", pruned, err)
	}
	killAll(t, want)
	if again, err = s.CloseDead("z"); err != nil || len(again) != 0 {
		t.Errorf("after their end: %d runs, %v", len(again), err)
	}
	if left, _ := s.list(openDir); len(left) > 0 {
		t.Errorf("markers left: %v", left)
	}
	for _, pid := range not {
		if !proc.Alive(pid, 0) {
			t.Errorf("the service %d is gone", pid)
		}
	}
}

// hookProcess starts a real process as a hook and returns its pid, that of a
// child that it has, and that of a process that it left behind.
func hookProcess(t *testing.T, env []string, attr *syscall.SysProcAttr) (pid, kid, left int) {
	t.Helper()
	cmd := hookCommand("", "", "", `sleep 4000 & echo $!; (sleep 4000 >/dev/null & echo $!); wait`, attr)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin"}, env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	var pids [2]int
	for i := range pids {
		in.Scan()
		if pids[i], err = strconv.Atoi(in.Text()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		killAll(t, pids[:])
	})
	return cmd.Process.Pid, pids[0], pids[1]
}

// deadRun is a run of this boot whose one hook has that pid.
func deadRun(t *testing.T, pid int, finished bool) phased.Run {
	t.Helper()
	st, err := proc.Read(pid)
	if err != nil {
		t.Fatal(err)
	}
	sc := newScript(testID(1))
	events := sc.all(started("/x"), phased.PhaseStarted{Phase: "configure"}, phased.HookStarted{Phase: "configure", Hook: "10-a", Pid: pid, PidStart: st.Start})
	if finished {
		events = append(events, sc.next(phased.HookFinished{Phase: "configure", Hook: "10-a"}))
	}
	run := foldOf(events).AsInterrupted()
	run.Start.PidStart = 1 // this test binary may be younger than a tick
	return run
}

func TestOrphansAreTheHooksOwn(t *testing.T) {
	s := openStore(t, Options{})
	group := &syscall.SysProcAttr{Setpgid: true}
	named := []string{"PHASED_RUN_ID=" + testID(1), "PHASED_PHASE=configure", "PHASED_HOOK=10-a"}
	pid, kid, left := hookProcess(t, nil, group)
	npid, nkid, nleft := hookProcess(t, named, group)
	lpid, lkid, lleft := hookProcess(t, []string{"PHASED_RUN_ID=" + testID(2), "PHASED_PHASE=configure", "PHASED_HOOK=10-a"}, group)
	with := func(r phased.Run, change func(*phased.Run)) []phased.Run {
		change(&r)
		return []phased.Run{r}
	}
	same := func(*phased.Run) {}
	cases := []struct {
		name string
		runs []phased.Run
		want []int
	}{
		{"by pid, group and name", with(deadRun(t, pid, false), same), []int{pid, kid, left, npid, nkid, nleft}},
		{"a finished hook's", with(deadRun(t, pid, true), same), nil},
		{"of another boot", with(deadRun(t, pid, false), func(r *phased.Run) { r.Start.BootID = "other" }), nil},
		{"of an unknown boot", with(deadRun(t, pid, false), func(r *phased.Run) { r.Start.BootID = "" }), nil},
		{"a personality's have no group", with(deadRun(t, pid, false), func(r *phased.Run) { r.ID, r.Start.Personality = testID(3), "dib-run-parts" }), []int{pid, kid}},
		{"another process has the pid now", with(deadRun(t, pid, false), func(r *phased.Run) { r.ID = testID(3); r.Phases[0].Hooks[0].PidStart++ }), nil},
		{"older than the run", with(deadRun(t, pid, false), func(r *phased.Run) { r.Start.PidStart = 1 << 60 }), nil},
		{"another run's group", with(deadRun(t, lpid, false), func(r *phased.Run) { r.Phases[0].Hooks[0].Hook = "x"; r.ID = testID(3) }), []int{lpid, lkid}},
		{"an unrecorded hook's", with(deadRun(t, pid, false), func(r *phased.Run) { r.Phases[0].Hooks = nil }), []int{npid, nkid, nleft}},
		{
			"two runs", append(with(deadRun(t, pid, false), same), with(deadRun(t, lpid, false), func(r *phased.Run) { r.ID = testID(2) })...),
			[]int{pid, kid, left, npid, nkid, nleft, lpid, lkid, lleft},
		},
		{"none", nil, nil},
	}
	for _, c := range cases {
		got := pidsOf(s.Orphans(c.runs))
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestOrphansLeavesThisProcessOut(t *testing.T) {
	s := openStore(t, Options{})
	if got := s.Orphans([]phased.Run{deadRun(t, os.Getpid(), false)}); len(got) > 0 {
		t.Errorf("found itself: %+v", got)
	}
}

func TestOrphansLeavesZombiesOut(t *testing.T) {
	s := openStore(t, Options{})
	cmd := hookCommand("x", "configure", "10-a", "read x", nil)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	runs := []phased.Run{deadRun(t, cmd.Process.Pid, false)}
	if len(s.Orphans(runs)) != 1 {
		t.Error("not found while it lives")
	}
	in.Close()
	eventually(t, "it is a zombie", func() bool {
		st, err := proc.Read(cmd.Process.Pid)
		return err == nil && st.State == 'Z'
	})
	if got := s.Orphans(runs); len(got) > 0 {
		t.Errorf("a zombie is an orphan: %+v", got)
	}
	cmd.Wait()
}

// TestOrphansInACgroup proves that what is in the cgroup of a dead run's hook is
// its orphan though it has left everything else, and that what was kept is none.
func TestOrphansInACgroup(t *testing.T) {
	own, err := proc.OwnCgroup()
	if err != nil {
		t.Fatal(err)
	}
	id := "cells-" + strconv.Itoa(os.Getpid())
	dir := filepath.Join(own.Dir(), phased.RunCell(id))
	var pids []int
	for _, cell := range []string{"", "/2-20-b_", "/" + phased.KeptCell} {
		if err := os.Mkdir(dir+cell, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { eventually(t, "the cgroup is gone", func() bool { return os.Remove(dir+cell) == nil }) })
		if cell == "" {
			continue
		}
		cgroup, err := os.Open(dir + cell)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sleep", "4000")
		cmd.Env, cmd.SysProcAttr = []string{"A=1"}, &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(cgroup.Fd())}
		err = cmd.Start()
		cgroup.Close()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		pids = append(pids, cmd.Process.Pid)
	}
	run := phased.Run{ID: id, Start: phased.RunStarted{BootID: proc.BootID(), Containment: &phased.Containment{Mode: phased.ContainCgroup, Path: phased.Text(dir)}}}
	done := &phased.Exit{Cause: phased.CauseOK}
	run.Phases = []phased.PhaseRun{{PhaseStarted: phased.PhaseStarted{Phase: "configure"}, Hooks: []phased.HookRun{
		{HookStarted: phased.HookStarted{Phase: "configure", Hook: "10-a"}, Exit: done}, {HookStarted: phased.HookStarted{Phase: "configure", Hook: "20-b\xff"}},
	}}}
	s := openStore(t, Options{})
	got := s.Orphans([]phased.Run{run})
	if len(got) != 1 || got[0].Pid != pids[0] || got[0].Hook != "20-b\xff" || got[0].Phase != "configure" {
		t.Errorf("%+v, expected process %d of configure/20-b\\xff", got, pids[0])
	}
	run.ID = "another"
	if got := s.Orphans([]phased.Run{run}); len(got) != 0 {
		t.Errorf("of a run whose cgroup that cannot be: %+v", got)
	}
}
