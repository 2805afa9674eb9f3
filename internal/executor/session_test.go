package executor

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/proc"
)

func TestSession(t *testing.T) {
	for _, mode := range []string{phased.ContainOff, phased.ContainCgroup} {
		for _, scope := range []phased.Scope{phased.ScopeTop, phased.ScopeFunction} {
			t.Run(mode+"/"+string(scope), func(t *testing.T) {
				testExecutor(t, kind{sourced: true, scope: scope}, func(tb testing.TB, o Options) seam {
					tb.Helper()
					return &Session{
						List: o.listSourced(), Limit: o.Limit, Stdin: o.Stdin, Group: true, Marker: marker, DrainCommand: drainSelf(),
						Contain: contained(tb, mode),
					}
				})
			})
		}
	}
}

// TestSessionCells proves that the shell goes from cgroup to cgroup, that what a
// hook leaves behind stays with it, is named, and lives on when the session ends
// in order, and that nothing of the session survives a time limit.
func TestSessionCells(t *testing.T) {
	for _, ending := range []string{"end", "time-out"} {
		t.Run(ending, func(t *testing.T) { testSessionCells(t, ending) })
	}
}

func testSessionCells(t *testing.T, ending string) {
	dir, r := t.TempDir(), &recorder{}
	c := contained(t, phased.ContainCgroup)
	cell := c.dir
	t.Cleanup(func() { killSurvivors(t, dir); removeDead(filepath.Dir(cell)) })
	stay, err := filepath.Abs(escapesDir + "/stay")
	if err != nil {
		t.Fatal(err)
	}
	escape := "(env -i setsid " + stay + " " + dir + " >/dev/null 2>&1 </dev/null &); until [[ $(pgrep -fc ^escape:" + dir + ") == "
	hooks := map[string]string{
		"10-first":  escape + "1 ]]; do sleep 0.01; done",
		"20-second": "cat /proc/self/cgroup >" + dir + "/cgroup",
		"30-third":  escape + "2 ]]; do sleep 0.01; done; : >" + dir + "/ready; [[ " + ending + " == end ]] || sleep 600",
	}
	s := &Session{Group: true, Marker: marker, Contain: c, Config: &phased.Session{}}
	p := phased.PlannedPhase{Phase: phased.Phase{Name: "p", Executor: phased.ExecutorSession, Scope: phased.ScopeTop}}
	setup := native(r)
	setup.Grace = short
	for name, body := range hooks {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p.Files = append(p.Files, phased.Text(filepath.Join(dir, name)))
	}
	slices.Sort(p.Files)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	if _, err := s.Enter(ctx, p, setup); err != nil {
		t.Fatal(err)
	}
	if ending != "end" {
		go func() {
			await(t, "the third hook", func() bool { return exists(dir + "/ready") })
			cancel(timeout)
		}()
	}
	var left []int
	for _, f := range p.Files {
		res, err := s.Exec(ctx, hookOf(string(f)))
		if err != nil || res.OK() != (ending == "end" || !strings.HasSuffix(string(f), "third")) {
			t.Fatalf("%s: %+v, %v", f, res, err)
		}
		for _, l := range res.LeftBehind {
			left = append(left, l.Pid)
		}
	}
	if want := "/" + phased.CellName(2, "20-second"); !strings.HasSuffix(content(dir+"/cgroup"), want) {
		t.Errorf("the second hook was in %q, expected %s", content(dir+"/cgroup"), want)
	}
	if err := s.Close(ctx); (err == nil) != (ending == "end") {
		t.Error(err)
	}
	live := survivors(t, dir)
	if ending != "end" {
		if len(live) > 0 || len(left) != 1 {
			t.Errorf("%v live, and %v were named before the time limit", live, left)
		}
		return
	}
	slices.Sort(left)
	kept, err := proc.CgroupPids(cell + "/" + phased.KeptCell)
	slices.Sort(kept)
	if len(live) != 2 || !slices.Equal(live, left) || err != nil {
		t.Errorf("%v live, %v are named, %v", live, left, err)
	}
	if diff := cmp.Diff(live, kept); diff != "" {
		t.Errorf("-alive +kept:\n%s", diff)
	}
}
