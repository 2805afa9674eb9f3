package executor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/proc"
)

// TestKillInCgroup proves that a cgroup kills by itself what its kernel does not
// kill at one stroke: a fork storm where it is an older one, and a process whose
// first thread has ended.
func TestKillInCgroup(t *testing.T) {
	for way, slow := range map[string]bool{"19-fork-storm": true, "12-thread": false} {
		t.Run(way, func(t *testing.T) { killInCgroup(t, way, slow) })
	}
}

func killInCgroup(t *testing.T, way string, slow bool) {
	c, dir := contained(t, phased.ContainCgroup), t.TempDir()
	t.Cleanup(func() { killSurvivors(t, dir) })
	g, err := c.newCell(phased.Hook{Name: "storm"})
	if err != nil {
		t.Fatal(err)
	}
	g.slow = slow
	script, err := filepath.Abs(filepath.Join(escapesDir, way))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/bash", script, dir, "time-out")
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: g.fd}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the hook to be ready", func() bool { return exists(dir + "/ready") })
	n := g.kill(time.Now().Add(patience))
	_ = cmd.Wait() // killed
	if live := survivors(t, dir); n == 0 || len(live) > 0 || !g.close(false) {
		t.Errorf("%d killed, %v live", n, live)
	}
}

// TestDelegated goes through where phased may make its cgroups on a host that
// systemd runs.
func TestDelegated(t *testing.T) {
	c := contained(t, phased.ContainCgroup)
	for _, d := range []string{"/a.service", "/a.service/sub", "/a.service/sub/deeper", "/b.service", "/user@7.service", "/user@7.service/app.scope"} {
		if err := os.Mkdir(c.dir+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{"/a.service", "/user@7.service"} {
		if err := unix.Setxattr(c.dir+d, "user.delegate", []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"/a.service":                "/a.service",
		"/a.service/sub":            "/a.service", // DelegateSubgroup=
		"/a.service/sub/deeper":     "/a.service/sub/deeper",
		"/b.service":                "",
		"/user@7.service/app.scope": "",
		"/user@7.service":           "/user@7.service",
	} {
		got, err := delegated(proc.Cgroup{Mount: c.dir, Path: path})
		if want != "" {
			want = c.dir + want
		}
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v; expected %q", path, got, err, want)
		}
	}
}

// TestNoCgroup proves that without one the next mode is taken, with the reason,
// unless a cgroup was asked for.
func TestNoCgroup(t *testing.T) {
	none := t.TempDir()
	c, err := Contain(ContainOptions{Run: "x", Below: none, Reaper: []string{"/bin/false"}})
	if err != nil || c.Fact().Mode != phased.ContainReaper || c.Fact().Why == "" {
		t.Errorf("%+v, %v", c.Fact(), err)
	}
	if c, err := Contain(ContainOptions{Mode: phased.ContainCgroup, Run: "x", Below: none}); err == nil {
		t.Errorf("%+v", c.Fact())
	}
	if c, err := Contain(ContainOptions{Run: "x", Below: none, Shared: true}); err != nil || c.Fact().Mode != phased.ContainOff {
		t.Errorf("%+v, %v", c.Fact(), err)
	}
}

// TestReaperKilled proves that a hook which kills its reaper is ended, and that
// this is told as phased's own failure.
func TestReaperKilled(t *testing.T) {
	r, dir := &recorder{}, t.TempDir()
	p := &Process{Group: true, Marker: marker, Contain: contained(t, phased.ContainReaper)}
	enter(t, p, native(r))
	h := hookOf(program(t, "hook", "#!/bin/sh\nkill -9 $PPID; echo $$ >"+dir+"/pid\n"))
	if res, err := p.Exec(context.Background(), h); err == nil {
		t.Errorf("%+v", res)
	}
	if z := zombies(t); len(z) > 0 {
		t.Errorf("zombies: %+v", z)
	}
}

// TestUsageOfOrphans proves that the time of processes which nobody waited for
// counts in a cgroup.
func TestUsageOfOrphans(t *testing.T) {
	r := &recorder{}
	p := &Process{Group: true, Contain: contained(t, phased.ContainCgroup)}
	res := r.exec(t, p, native(r), `(sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; : >'"$0"'.done' >/dev/null 2>&1 &); until [ -e "$0.done" ]; do sleep 0.01; done`)
	if res.Usage == nil || res.Usage.User < 50*time.Millisecond {
		t.Errorf("%+v", res.Usage)
	}
}
