package plan

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// real asks the real tool what it would run of a directory.
func realTool(t *testing.T, dir, tool string, args ...string) (hooks []string, code int, stderr string) {
	t.Helper()
	cmd := exec.Command(tool, append(args, dir)...)
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v (install debianutils and python3-dib-utils)", err)
	}
	for line := range strings.SplitSeq(out.String(), "\n") {
		if line == "" {
			continue
		}
		name, found := strings.CutPrefix(line, dir+"/")
		if !found {
			t.Fatalf("%s printed %q, want a path below %q", tool, line, dir)
		}
		hooks = append(hooks, name)
	}
	return hooks, cmd.ProcessState.ExitCode(), errs.String()
}

// What CompareTools says that other tools would run is what they say
// themselves, over many directories of all kinds of entries.
func TestToolsAgainstTheRealOnes(t *testing.T) {
	n, start := rounds(t, 1000), seed(t)
	dirs := make(chan uint64)
	var wait sync.WaitGroup
	base := t.TempDir()
	for range runtime.NumCPU() {
		wait.Go(func() {
			for s := range dirs {
				compareWithReal(t, filepath.Join(base, fmt.Sprint(s)), s)
			}
		})
	}
	for i := range n {
		dirs <- start<<32 + uint64(i)
	}
	close(dirs)
	wait.Wait()
}

func compareWithReal(t *testing.T, base string, s uint64) {
	r := rand.New(rand.NewPCG(s, 2))
	dir := filepath.Join(base, []string{"configure.d", "a b", "ta\tb", "x[y]", "configure.d", "configure.d"}[r.IntN(6)])
	names := randomDir(t, r, dir, 12)
	if r.IntN(8) == 0 {
		link(t, filepath.Base(dir), filepath.Join(base, "linked"))
		dir = filepath.Join(base, "linked")
	}
	defer os.RemoveAll(base)
	p, err := Load(Options{Base: base, Settings: oneDir(dir)})
	if err != nil {
		t.Errorf("seed %d: %v", s, err)
		return
	}
	diffs, err := CompareTools(p, nil)
	if err != nil || len(diffs) != 2 {
		t.Errorf("seed %d: %v, %v", s, diffs, err)
		return
	}
	for _, d := range diffs {
		args := []string{"--list"}
		if d.Tool == ToolRunParts {
			args = []string{"--test"}
		}
		real, code, stderr := realTool(t, dir, d.Tool, args...)
		var want []string
		for _, h := range d.There {
			want = append(want, string(h))
		}
		if diff := cmp.Diff(real, want); diff != "" {
			t.Errorf("seed %d: %s of %q (-real +predicted):\n%s\n%s", s, d.Tool, names, diff, stderr)
		}
		if fails := strings.Contains(strings.Join(d.Notes, "\n"), "exits 1"); d.Tool == ToolRunParts && fails != (code != 0) {
			t.Errorf("seed %d: run-parts of %q exits %d, notes are %q\n%s", s, names, code, d.Notes, stderr)
		}
		accounted(t, s, d)
	}
}

// accounted demands that the lists of differences lead from one side to the
// other: nothing is left out and nothing is told twice.
func accounted(t *testing.T, s uint64, d ToolDifference) {
	count := map[phased.Text]int{}
	for _, h := range d.Here {
		count[h]++
	}
	for _, e := range d.OnlyHere {
		count[e.Name]--
	}
	for _, e := range d.OnlyThere {
		count[e.Name]++
	}
	for _, h := range d.There {
		count[h]--
	}
	for h, n := range count {
		if n != 0 {
			t.Errorf("seed %d: %s: %q is not accounted for: %+v", s, d.Tool, h, d)
		}
	}
	for _, e := range append(d.OnlyHere, d.OnlyThere...) {
		if e.Why == "" || strings.Contains(e.Why, "when the plan was made") || strings.Contains(e.Why, "since the plan") {
			t.Errorf("seed %d: %s: %q differs for no reason: %q", s, d.Tool, e.Name, e.Why)
		}
	}
	if same := len(d.OnlyHere)+len(d.OnlyThere)+len(d.Moved) == 0; same != d.Same {
		t.Errorf("seed %d: same is %v: %+v", s, d.Same, d)
	}
}
