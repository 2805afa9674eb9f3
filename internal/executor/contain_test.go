package executor

import (
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
	c, err := Contain(ContainOptions{Mode: mode, Below: own.Dir(), Run: marker[len("PHASED_RUN_ID="):] + "-" + strconv.FormatInt(containments.Add(1), 10), Reaper: []string{"/proc/self/exe", "__reap"}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}
