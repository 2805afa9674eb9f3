package executor

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"phased/internal/phased"
	"phased/internal/proc"
)

// sharedCgroup makes the one cgroup of all hooks of a run. It goes with the test.
func sharedCgroup(t *testing.T) *Containment {
	t.Helper()
	own, err := proc.OwnCgroup()
	if err != nil {
		t.Fatal(err)
	}
	c, err := Contain(ContainOptions{Run: "shared-" + strings.TrimPrefix(marker, "PHASED_RUN_ID="), Shared: true, Below: own.Dir()})
	if err != nil || c.Fact().Mode != phased.ContainCgroup {
		t.Fatal(c.Fact(), err)
	}
	below, cgroup := own.Dir(), c.dir
	t.Cleanup(func() {
		c.Close()
		await(t, "the cgroup to go", func() bool { removeDead(below); return !exists(cgroup) })
	})
	return c
}

// TestSharedCgroup proves that a personality with a time limit kills what
// descends from the hook though that forks without end, lets live what has left
// it, as the original does, and leaves nothing frozen.
func TestSharedCgroup(t *testing.T) {
	c := sharedCgroup(t)
	cgroup := c.dir
	r, p, dir := &recorder{}, &Process{Contain: c}, t.TempDir()
	t.Cleanup(func() { killSurvivors(t, dir) })
	personality(t, r, p)
	stay, err := filepath.Abs(escapesDir + "/stay")
	if err != nil {
		t.Fatal(err)
	}
	// Each of a chain of shells starts the next and waits for it, and a twig beside.
	body := `grow() { : >>"$DIR/grown"; [ $1 = 0 ] && return; (exec -a "escape:$DIR" sleep 300) & grow $(($1 - 1)) & wait; }
(setsid ` + stay + ` "$DIR" >/dev/null 2>&1 </dev/null &)
until [ -e $DIR/up ]; do sleep 0.01; done
grep ^0:: /proc/self/cgroup >$DIR/cgroup
: >$DIR/ready
grow 300
`
	h := hookOf(program(t, "hook", "#!/bin/bash\n"+body))
	h.Env = []phased.Text{phased.Text("DIR=" + dir)}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	r.onStart = func(phased.Process) {
		go func() {
			await(t, "the hook to grow", func() bool { return exists(dir + "/grown") })
			cancel(timeout)
		}()
	}
	if res, err := p.Exec(ctx, h); err != nil || res.Cause != phased.CauseTimeout {
		t.Fatal(res, err)
	}
	if want := filepath.Base(cgroup) + "/hooks"; !strings.HasSuffix(content(dir+"/cgroup"), want) {
		t.Errorf("it was in %q, expected %s", content(dir+"/cgroup"), want)
	}
	live := survivors(t, dir)
	if len(live) != 1 {
		t.Fatalf("%v live, expected the one that has left", live)
	}
	if s := content(cgroup + "/hooks/cgroup.freeze"); s != "0" {
		t.Errorf("frozen: %q", s)
	}
	r.check(t)
}
