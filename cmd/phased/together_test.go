package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// togetherHook marks what it holds by directories, which exist once: its number
// and its locks. It writes down what must not be, and leaves a file of its own.
const togetherHook = `#!/bin/bash
# phased:%[1]s
me=$PHASED_HOOK number=${PHASED_HOOK%%%%-*} locks="%[2]s"
mkdir -p "$STATE/running" "$STATE/locks" "$STATE/done"
echo "$me" >"$STATE/running/$me"
for other in "$STATE"/running/*; do
  other=${other##*/}
  [ "$other" = '*' ] || [ "${other%%%%-*}" = "$number" ] || echo "$me ran beside $other" >>"$STATE/wrong"
done
for lock in $locks; do mkdir "$STATE/locks/$lock" || echo "$me had $lock beside another" >>"$STATE/wrong"; done
set -- "$STATE"/running/*
[ $# -le %[3]d ] || echo "$# hooks at once" >>"$STATE/wrong"
[ $# -lt 2 ] || echo "$#" >>"$STATE/together"
sleep %[4]s
for lock in $locks; do rmdir "$STATE/locks/$lock"; done
rm "$STATE/running/$me"
echo "$me" >"$STATE/done/$me"
exit %[5]d
`

// togetherCase is a set of hooks: by name, what goes into the text.
type togetherCase struct {
	locks, sleep, options map[string]string
	status                map[string]int
	policy                string
}

func randomHooks(rng *rand.Rand) togetherCase {
	c := togetherCase{map[string]string{}, map[string]string{}, map[string]string{}, map[string]int{}, []string{"stop", "finish-phase", "continue"}[rng.IntN(3)]}
	for i := range 3 + rng.IntN(10) {
		name := fmt.Sprintf("%d-%c", []int{5, 10, 20}[rng.IntN(3)], 'a'+i)
		var locks []string
		for _, l := range []string{"red", "green", "blue"} {
			if rng.IntN(4) == 0 {
				locks = append(locks, l)
			}
		}
		c.locks[name], c.sleep[name] = strings.Join(locks, " "), fmt.Sprintf("0.%03d", rng.IntN(40))
		if len(locks) > 0 {
			c.options[name] = " lock=" + strings.Join(locks, ",")
		}
		switch rng.IntN(8) {
		case 0:
			c.status[name] = 1 + rng.IntN(100)
		case 1:
			c.status[name] = 4
			c.options[name] += " allow-exit=4"
		}
		if c.options[name] == "" {
			c.options[name] = " timeout=1m"
		}
	}
	return c
}

// ends is what must be the same, however many hooks may run at once.
type togetherEnds struct {
	Exit    int
	Done    []string
	Hooks   []string // of the record, in its order, with how they ended
	Failed  string
	Ran     int
	Failure int
}

// run runs the hooks, and reports whether any two ran at once.
func (c togetherCase) run(t *testing.T, jobs int) (ends togetherEnds, beside bool) {
	t.Helper()
	h := newHost(t, 0)
	settings := fmt.Sprintf("lifecycles: {refresh: {parallel: same-number, on-failure: %s}}\n", c.policy)
	if err := os.WriteFile(h.settings(), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	for name := range c.sleep {
		text := fmt.Sprintf(togetherHook, c.options[name], c.locks[name], jobs, c.sleep[name], c.status[name])
		if err := os.WriteFile(filepath.Join(h.dir, "base", "configure.d", name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := h.phased("run", "--base", filepath.Join(h.dir, "base"), "--jobs", strconv.Itoa(jobs), "--env", "STATE="+h.dir)
	cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+h.dir)
	out, _ := cmd.CombinedOutput()
	if wrong, err := os.ReadFile(filepath.Join(h.dir, "wrong")); err == nil {
		t.Errorf("%d jobs: %s", jobs, wrong)
	}
	ends.Exit = cmd.ProcessState.ExitCode()
	ends.Done = dirNames(t, filepath.Join(h.dir, "done"))
	shown, err := h.phased("show", "--json").Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var run struct {
		Failure *struct {
			Hook string
			Exit struct{ Status int }
		}
		Phases []struct {
			Hooks []struct {
				Hook, Status string
				Exit         struct{ Status int }
			}
		}
	}
	if err := json.Unmarshal(shown, &run); err != nil {
		t.Fatalf("%v in %s", err, shown)
	}
	for _, p := range run.Phases {
		for _, x := range p.Hooks {
			ends.Hooks = append(ends.Hooks, fmt.Sprintf("%s %s %d", x.Hook, x.Status, x.Exit.Status))
		}
	}
	if run.Failure != nil {
		ends.Failed, ends.Failure = run.Failure.Hook, run.Failure.Exit.Status
	}
	_, err = os.Stat(filepath.Join(h.dir, "together"))
	return ends, err == nil
}

func dirNames(t *testing.T, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}

// Random sets of hooks with numbers, locks, sleeps and failures under --jobs 1 to
// 8: no two holders of a lock overlap, numbers never do, no more than jobs run at
// once, and it all ends as it does one after the other.
func TestTogether(t *testing.T) {
	sets := 4
	if soaking() {
		sets = 60
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	beside := 0
	for range sets {
		c := randomHooks(rng)
		serial, at := c.run(t, 1)
		if at {
			t.Fatal("with one job, two ran at once")
		}
		for _, jobs := range []int{2 + rng.IntN(3), 5 + rng.IntN(4)} {
			ends, at := c.run(t, jobs)
			if d := cmp.Diff(serial, ends); d != "" {
				t.Fatalf("%d jobs, hooks %v, on-failure %s (-one after the other +together):\n%s", jobs, c.options, c.policy, d)
			}
			if at {
				beside++
			}
		}
	}
	if beside == 0 {
		t.Error("no two hooks ever ran at once")
	}
}

// Twenty hooks of one number run together: each ends only when all have begun.
func TestTogetherTwenty(t *testing.T) {
	h := newHost(t, 0)
	if err := os.WriteFile(h.settings(), []byte("lifecycles: {refresh: {parallel: same-number, hook-timeout: 2m}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const hook = "#!/bin/bash\n: >\"$STATE/here-$PHASED_HOOK\"\nuntil set -- \"$STATE\"/here-*; [ $# -eq 20 ]; do sleep 0.01; done\n"
	for i := range 20 {
		if err := os.WriteFile(filepath.Join(h.dir, "base", "configure.d", fmt.Sprintf("50-%02d", i)), []byte(hook), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := h.phased("run", "--base", filepath.Join(h.dir, "base"), "--jobs", "20", "--env", "STATE="+h.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
