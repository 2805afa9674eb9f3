package executor

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

func testList(t *testing.T, build func(testing.TB, Options) seam) {
	listed := phased.PlannedPhase{Phase: phased.Phase{Name: "configure"}, Entries: []phased.Entry{{Name: "new", Verdict: phased.VerdictRun}}}
	var got []phased.PlannedPhase
	fail := false
	x := build(t, Options{List: func(p phased.PlannedPhase) (phased.PlannedPhase, error) {
		got = append(got, p)
		if fail {
			return p, os.ErrPermission
		}
		return listed, nil
	}})
	planned := phased.PlannedPhase{Phase: phased.Phase{Name: "configure"}, Missing: true}
	now, err := x.Enter(context.Background(), planned, native(&recorder{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(listed, now); diff != "" {
		t.Errorf("entered (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]phased.PlannedPhase{planned}, got); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	fail = true
	if _, err := x.Enter(context.Background(), planned, native(&recorder{})); err == nil || !strings.Contains(err.Error(), "permission") {
		t.Errorf("a phase that cannot be listed: %v", err)
	}
	if err := x.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// testSequence runs hooks in two phases, one after the other.
func testSequence(t *testing.T, x seam) {
	before := syscall.Umask(0o22)
	syscall.Umask(before)
	ctx := context.Background()
	path := program(t, "hook", "#!/bin/sh\necho $1; umask; exit $1\n")
	for phase, mask := range []int{0o77, 0o2} {
		r := &recorder{}
		setup := native(r)
		setup.Surroundings.Umask = mask
		if _, err := x.Enter(ctx, phased.PlannedPhase{}, setup); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			got, err := x.Exec(ctx, hookOf(path, string(rune('0'+i))))
			if err != nil || got.Status != i || got.Out != 7 {
				t.Errorf("phase %d, hook %d: %+v, %v", phase, i, got, err)
			}
		}
		want := strings.ReplaceAll("0\nM\n1\nM\n2\nM\n", "M", map[int]string{0o77: "0077", 0o2: "0002"}[mask])
		if got := r.stdout(); got != want {
			t.Errorf("phase %d: %q, expected %q", phase, got, want)
		}
		if len(r.started) != 3 {
			t.Errorf("phase %d: %d started", phase, len(r.started))
		}
		if err := x.Leave(ctx); err != nil {
			t.Error(err)
		}
		r.check(t)
	}
	if _, err := x.Exec(ctx, hookOf(path)); err == nil {
		t.Error("a hook was run outside of a phase")
	}
	if err := x.Close(context.Background()); err != nil {
		t.Error(err)
	}
	after := syscall.Umask(before)
	if syscall.Umask(before); after != before {
		t.Errorf("umask %04o after the phases, expected %04o as before", after, before)
	}
}
