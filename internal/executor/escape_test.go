package executor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/proc"
)

const escapesDir = "../../testdata/escapes"

// escapes are the names of the hooks that leave something behind.
func escapes(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(escapesDir + "/[0-9]*")
	if err != nil || len(all) < 15 {
		t.Fatalf("%d ways to escape, %v; expected at least 15", len(all), err)
	}
	for i := range all {
		all[i] = filepath.Base(all[i])
	}
	return all
}

// survivors are the processes that an escape has left and that run, by pid.
func survivors(t *testing.T, dir string) []int {
	t.Helper()
	all, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	noted := strings.Fields(content(dir + "/pids"))
	var live []int
	for _, s := range all {
		named := strings.Contains(proc.CommandLine(s.Pid), "escape:"+dir)
		if !s.Ended() && (named || slices.Contains(noted, strconv.Itoa(s.Pid))) {
			live = append(live, s.Pid)
		}
	}
	slices.Sort(live)
	return live
}

// killSurvivors ends what a test has let live.
func killSurvivors(t *testing.T, dir string) {
	await(t, "the end of what was left behind", func() bool {
		live := survivors(t, dir)
		for _, pid := range live {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(live) == 0
	})
}

// attempt is one escape, from one ending.
type attempt struct {
	mode, name, ending string
	leak               phased.LeakPolicy
}

// run runs the hook to its end and returns what is known of it then.
func (a attempt) run(t *testing.T) (res phased.Result, r *recorder, dir string) {
	t.Helper()
	r, dir = &recorder{}, t.TempDir()
	t.Cleanup(func() { killSurvivors(t, dir) })
	p := &Process{Group: true, Marker: marker, Contain: contained(t, a.mode)}
	s := native(r)
	s.Grace = short
	kill := make(chan struct{})
	s.Kill = kill
	enter(t, p, s)
	h := a.asHook(t, dir)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	r.onStart = func(phased.Process) {
		if a.ending != "end" {
			go func() {
				await(t, a.name+" to be ready", func() bool { return exists(dir + "/ready") })
				if a.ending == "abort" {
					cancel(&phased.StopRequest{Signal: syscall.SIGTERM})
					close(kill)
				} else {
					cancel(timeout)
				}
			}()
		}
	}
	res, err := p.Exec(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	r.check(t)
	return res, r, dir
}

// asHook is the escape as a hook.
func (a attempt) asHook(t *testing.T, dir string) phased.Hook {
	t.Helper()
	script, err := filepath.Abs(filepath.Join(escapesDir, a.name))
	if err != nil {
		t.Fatal(err)
	}
	return phased.Hook{
		Phase: "configure", Name: phased.Text(a.name), Path: "/bin/bash", Args: []phased.Text{phased.Text(script), phased.Text(dir), phased.Text(a.ending)},
		Env: []phased.Text{phased.Text(marker), "PHASED_PHASE=configure", phased.Text("PHASED_HOOK=" + a.name)}, Leak: a.leak,
	}
}

// TestEscapes proves that nobody survives a time limit or an abort, whatever he
// did and whatever the policy is.
func TestEscapes(t *testing.T) {
	for _, mode := range []string{phased.ContainCgroup, phased.ContainReaper} {
		for _, name := range escapes(t) {
			for _, ending := range []string{"time-out", "abort"} {
				t.Run(mode+"/"+name+"/"+ending, func(t *testing.T) {
					a := attempt{mode, name, ending, phased.LeakKeep}
					res, _, dir := a.run(t)
					a.nobody(t, res, dir)
				})
			}
		}
	}
}

// nobody checks that all of the hook has ended, as it was to.
func (a attempt) nobody(t *testing.T, res phased.Result, dir string) {
	t.Helper()
	if live := survivors(t, dir); len(live) > 0 {
		t.Errorf("%s: %d live: %v", a.name, len(live), live)
	}
	want := phased.CauseStopped
	if a.ending == "time-out" {
		want = phased.CauseTimeout
	}
	if res.Cause != want || len(res.LeftBehind) > 0 {
		t.Errorf("%s: %+v", a.name, res)
	}
}

// TestLeakPolicies proves what becomes of what a hook has left behind that ends by
// itself: it is named, and lives or is killed as its policy says.
func TestLeakPolicies(t *testing.T) {
	for _, mode := range []string{phased.ContainCgroup, phased.ContainReaper} {
		for _, name := range escapes(t) {
			for _, leak := range []phased.LeakPolicy{"", phased.LeakKill, phased.LeakFail} {
				t.Run(mode+"/"+name+"/"+string(leak), func(t *testing.T) {
					a := attempt{mode, name, "end", leak}
					res, _, dir := a.run(t)
					a.left(t, res, dir)
				})
			}
		}
	}
}

// left checks that exactly those live who may, and that they are named.
func (a attempt) left(t *testing.T, res phased.Result, dir string) {
	t.Helper()
	live := survivors(t, dir)
	var named []int
	for _, p := range res.LeftBehind {
		named = append(named, p.Pid)
		if p.PidStart == 0 || p.Command == "" {
			t.Errorf("put down as %+v", p)
		}
	}
	slices.Sort(named)
	if len(named)+res.LeftMore == 0 {
		t.Errorf("%s: nobody is named: %+v", a.name, res)
	}
	want := phased.Exit{Cause: phased.CauseOK}
	switch a.leak {
	case "":
		if diff := cmp.Diff(named, live); diff != "" {
			t.Errorf("%s, -named +alive:\n%s", a.name, diff)
		}
		a.leak = phased.LeakKeep
	case phased.LeakFail:
		want = phased.Exit{Cause: phased.CauseLeak, Status: 1, Message: res.Message}
		fallthrough
	default:
		if len(live) > 0 {
			t.Errorf("%s: %d live: %v", a.name, len(live), live)
		}
	}
	if diff := cmp.Diff(want, res.Exit); diff != "" || res.Leak != a.leak {
		t.Errorf("%s: leak %s, exit (-want +got):\n%s", a.name, res.Leak, diff)
	}
	if a.leak == phased.LeakFail && !strings.Contains(res.Message, "leak: fail") {
		t.Errorf("message %q", res.Message)
	}
}

// TestKept proves that what lives on is in the run's cgroup for that, and that
// no other is left.
func TestKept(t *testing.T) {
	c := contained(t, phased.ContainCgroup)
	below := filepath.Dir(c.dir)
	dir := c.dir
	r, tmp := &recorder{}, t.TempDir()
	t.Cleanup(func() { killSurvivors(t, tmp); removeDead(below) })
	p := &Process{Group: true, Contain: c}
	stay, err := filepath.Abs(escapesDir + "/stay")
	if err != nil {
		t.Fatal(err)
	}
	res := r.exec(t, p, native(r), "setsid "+stay+" "+tmp+" >/dev/null 2>&1 & until [ -e "+tmp+"/up ]; do sleep 0.01; done")
	if len(res.LeftBehind) != 1 {
		t.Fatalf("%+v", res)
	}
	c.Close()
	names, err := proc.CgroupsBelow(dir)
	if diff := cmp.Diff([]string{phased.KeptCell}, names); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	pids, err := proc.CgroupPids(dir)
	if diff := cmp.Diff(survivors(t, tmp), pids); diff != "" || err != nil {
		t.Errorf("%v, -alive +in the cgroup:\n%s", err, diff)
	}
	removeDead(below)
	if !exists(dir) {
		t.Error("the cgroup of what lives has gone")
	}
	killSurvivors(t, tmp)
	await(t, "the cgroup to go", func() bool { removeDead(below); return !exists(dir) })
}

// TestEachHookHasACgroup proves that a hook is in its cgroup from its first
// moment, whatever it is called.
func TestEachHookHasACgroup(t *testing.T) {
	c := contained(t, phased.ContainCgroup)
	p, r := &Process{Group: true, Contain: c}, &recorder{}
	enter(t, p, native(r))
	for i, name := range []string{"10-x", "..", "../../a b/\n", strings.Repeat("x", 255)} {
		before := len(r.stdout())
		h := hookOf(program(t, "hook", "#!/bin/sh\ngrep ^0:: /proc/self/cgroup\n"))
		h.Name = phased.Text(name)
		if res, err := p.Exec(t.Context(), h); err != nil || !res.OK() {
			t.Fatal(res, err)
		}
		own, err := proc.OwnCgroup()
		if err != nil {
			t.Fatal(err)
		}
		want := "0::" + filepath.Join(own.Path, filepath.Base(c.dir)) + "/" + phased.CellName(i+1, h.Name) + "\n"
		if got := r.stdout()[before:]; got != want || strings.Count(want, "/") > 2+strings.Count(own.Path, "/") {
			t.Errorf("%q, expected %q", got, want)
		}
	}
	if names, err := proc.CgroupsBelow(c.dir); err != nil || !slices.Equal(names, []string{"0-try"}) {
		t.Errorf("left: %v, %v", names, err)
	}
	dir := c.dir
	if c.Close(); exists(dir) {
		t.Error("the run's is still there at its end")
	}
}

// TestDeadRunsCgroups proves that the next run removes at its end what a dead one
// has left, as far as it is empty, and nothing of a run that lives.
func TestDeadRunsCgroups(t *testing.T) {
	live := contained(t, phased.ContainCgroup)
	below := filepath.Dir(live.dir)
	dead := below + "/" + phased.RunCell("dead-"+strconv.Itoa(os.Getpid()))
	for _, d := range []string{dead, dead + "/1-x", dead + "/1-x/phased-inner", dead + "/kept"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { removeCells(dead) })
	contained(t, phased.ContainCgroup).Close()
	if exists(dead) || !exists(live.dir) {
		t.Errorf("dead %v, live %v", exists(dead), exists(live.dir))
	}
}
