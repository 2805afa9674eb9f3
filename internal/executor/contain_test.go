package executor

import (
	"strconv"
	"sync/atomic"
	"testing"

	"phased/internal/phased"
)

func modes() []string {
	return []string{phased.ContainOff, phased.ContainCgroup, phased.ContainReaper}
}

var containments atomic.Int64

// contained makes a containment of that mode. There must be one: these tests
// need a cgroup that they may write to.
func contained(tb testing.TB, mode string) *Containment {
	tb.Helper()
	c, err := Contain(ContainOptions{Mode: mode, Run: marker[len("PHASED_RUN_ID="):] + "-" + strconv.FormatInt(containments.Add(1), 10), Reaper: []string{"/proc/self/exe", "__reap"}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}
