package executor

import (
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"phased/internal/phased"
	"phased/internal/proc"
)

func modes() []string {
	return []string{phased.ContainOff, phased.ContainCgroup, phased.ContainReaper}
}

var containments atomic.Int64

// contained makes a containment of that mode. There must be one: these tests
// need a cgroup that they may write to, as root has, and take no notice of what
// systemd has left to them.
func contained(tb testing.TB, mode string) *Containment {
	tb.Helper()
	own, err := proc.OwnCgroup()
	if err != nil {
		tb.Fatal(err)
	}
	c, err := Contain(ContainOptions{Mode: mode, Below: own.Dir(), Run: marker[len("PHASED_RUN_ID="):] + "-" + strconv.FormatInt(containments.Add(1), 10), Reaper: reaperSelf(tb)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// reaperSelf is this test binary as a reaper. One with a race detector sleeps for a
// second before it ends, unless it is told not to.
func reaperSelf(tb testing.TB) []string {
	tb.Helper()
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		tb.Fatal(err)
	}
	return []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", self, "__reap"}
}

// TestDrainIsNoLeak proves that who reads on for an ended run is not put down, and
// that nobody passes for him by his environment alone.
func TestDrainIsNoLeak(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := startDrain(drainSelf(), []int{int(r.Fd())}); err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := exec.Command("/bin/sleep", "600")
	cmd.Env = []string{drainStage + "=1"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	drains := func() (all []proc.Stat) {
		found, err := proc.All()
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(found, func(s proc.Stat) bool { return !isDrain(s.Pid) })
	}
	await(t, "the drain process", func() bool { return len(drains()) > 0 })
	sleeper, err := proc.Read(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	list, more := ledger(append(drains(), sleeper))
	if len(list) != 1 || more != 0 || list[0].Pid != sleeper.Pid {
		t.Errorf("%+v and %d more, expected %d alone", list, more, sleeper.Pid)
	}
}
