package executor

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/proc"
)

// atOnce is how many hooks the table runs at once.
const atOnce = 8

// testTogether is what an executor must do whose hooks may run at once.
func testTogether(t *testing.T, build func(testing.TB, Options) seam) {
	for name, test := range map[string]func(*testing.T, seam){
		"each has its own": testOwn, "each ends alone": testAlone, "all end by Kill": testKill, "each leaves its own": testLeftTogether,
	} {
		t.Run(name, func(t *testing.T) {
			x := build(t, Options{})
			test(t, x)
			if err := x.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
}

// numbered makes hooks of one program that differ by $I and by their names.
func numbered(t *testing.T, body string, names ...string) (hooks []phased.Hook, dir string) {
	t.Helper()
	dir = t.TempDir()
	path := program(t, "hook", "#!/bin/sh\n"+body)
	for i := range atOnce {
		h := hookOf(path, strconv.Itoa(i))
		if h.Name = phased.Text(fmt.Sprintf("%d0-hook", i)); i < len(names) {
			h.Name = phased.Text(names[i])
		}
		h.Env = []phased.Text{phased.Text("DIR=" + dir), phased.Text(fmt.Sprintf("I=%d", i)), phased.Text(marker), "PHASED_PHASE=configure", "PHASED_HOOK=" + h.Name}
		hooks = append(hooks, h)
	}
	return hooks, dir
}

// enterCrowd enters a phase, and leaves it with the test.
func enterCrowd(t *testing.T, x seam, sink *crowd, grace time.Duration, kill <-chan struct{}) {
	t.Helper()
	s := native(sink)
	s.Grace, s.Kill = grace, kill
	if _, err := x.Enter(context.Background(), phased.PlannedPhase{}, s); err != nil {
		t.Fatal(err)
	}
}

// others is shell: it waits until all of the hooks run.
var others = ": >$DIR/up$I; for i in 0 1 2 3 4 5 6 7; do until [ -e $DIR/up$i ]; do [ -d $DIR ] || exit; sleep 0.01; done; done; "

// testOwn proves that hooks run at once, and that output, environment, exit, pid
// and use of each are its own. Who is told of one start waits for all others: what
// is told comes from several goroutines. A second phase uses again what the first
// has used.
func testOwn(t *testing.T, x seam) {
	const lines = 3000
	for range 2 {
		var all sync.WaitGroup
		all.Add(atOnce)
		sink := &crowd{onStart: func(phased.Hook, phased.Process) {
			all.Done()
			met := make(chan struct{})
			go func() { all.Wait(); close(met) }()
			select {
			case <-met:
			case <-time.After(patience):
				t.Error("waited in vain for the other hooks to be told of")
			}
		}}
		enterCrowd(t, x, sink, long, nil)
		hooks, _ := numbered(t, others+"echo $$ $1; [ $I = 5 ] && dd if=/dev/zero of=/dev/null bs=512M count=1 2>/dev/null; "+
			fmt.Sprintf("i=0; while [ $i -lt %d ]; do echo $I $PHASED_HOOK $i; echo $I err $i >&2; i=$((i+1)); done; exit $I", lines))
		var list []*running
		for _, h := range hooks {
			list = append(list, start(t, x, h))
		}
		for i, r := range list {
			res, told := r.ended(t), sink.of(r.hook.Name)
			out, errs := fmt.Sprintf("%d %d\n", told.pid(), i), ""
			for n := range lines {
				out += fmt.Sprintln(i, r.hook.Name, n)
				errs += fmt.Sprintln(i, "err", n)
			}
			if told.stdout() != out || told.stderr() != errs || res.Out != int64(len(out)) || res.Err != int64(len(errs)) || res.Left {
				t.Errorf("%s: %d and %d bytes (counted %d and %d), expected %d and %d of its own, in order; %.80q %.80q",
					r.hook.Name, len(told.stdout()), len(told.stderr()), res.Out, res.Err, len(out), len(errs), told.stdout(), told.stderr())
			}
			if res.Status != i || len(told.started) != 1 || told.started[0].Start == 0 {
				t.Errorf("%s: %+v, started %+v", r.hook.Name, res.Exit, told.started)
			}
			if u := res.Usage; u == nil || (u.MaxRSS >= 512<<20) != (i == 5) {
				t.Errorf("%s: usage %+v; 512 MiB were hook 5's", r.hook.Name, u)
			}
		}
		if err := x.Leave(context.Background()); err != nil {
			t.Error(err)
		}
		sink.check(t)
	}
}

// testAlone proves that a time limit or a stop ends its hook with what belongs to
// that, and nothing of the others, though the name of one begins with that of
// another.
func testAlone(t *testing.T, x seam) {
	sink := &crowd{}
	enterCrowd(t, x, sink, long, nil)
	hooks, dir := numbered(t, "(setsid sh -c 'echo $$ >$DIR/daemon$I; exec "+forever+"' >/dev/null 2>&1 </dev/null &); "+
		"until [ -s $DIR/daemon$I ]; do sleep 0.01; done; "+forever+" & echo $! >$DIR/child$I; "+others+"echo up; "+wait("go")+"kill $(cat $DIR/child$I); echo well",
		"10-a", "10-ab", "10-a-b", "10-a b", "10", "10-a\n", "1", "10-ab c")
	ends := map[int]error{0: timeout, 2: stopInt, 3: timeout, 4: context.Canceled}
	want := map[error]phased.Exit{timeout: exitBy(phased.CauseTimeout, 124, 15), stopInt: exitBy(phased.CauseStopped, 130, 15), context.Canceled: exitBy(phased.CauseStopped, 143, 15)}
	var list []*running
	for _, h := range hooks {
		list = append(list, start(t, x, h))
	}
	alive := func(what string, i int) bool { return proc.Alive(pidIn(t, fmt.Sprintf("%s/%s%d", dir, what, i)), 0) }
	t.Cleanup(func() {
		for i := range list {
			_ = syscall.Kill(pidIn(t, fmt.Sprintf("%s/daemon%d", dir, i)), syscall.SIGKILL)
		}
	})
	for _, r := range list {
		await(t, string(r.hook.Name)+" to be up", func() bool { return sink.of(r.hook.Name).stdout() != "" })
	}
	for i, cause := range ends {
		list[i].cancel(cause)
	}
	for i, cause := range ends {
		got := list[i].ended(t).Exit
		got.Message = ""
		if diff := cmp.Diff(want[cause], got); diff != "" || alive("daemon", i) || alive("child", i) {
			t.Errorf("%q: its daemon lives: %v; its child: %v; exit (-want +got):\n%s", list[i].hook.Name, alive("daemon", i), alive("child", i), diff)
		}
	}
	for i, r := range list {
		if _, ended := ends[i]; !ended && (!r.runs() || !alive("daemon", i) || !alive("child", i)) {
			t.Errorf("%q runs: %v; its daemon lives: %v; its child: %v", r.hook.Name, r.runs(), alive("daemon", i), alive("child", i))
		}
	}
	touch(t, dir+"/go")
	for i, r := range list {
		if _, ended := ends[i]; ended {
			continue
		}
		told := sink.of(r.hook.Name)
		if res := r.ended(t); !res.OK() || told.stdout() != "up\nwell\n" || len(told.signals) > 0 || !alive("daemon", i) {
			t.Errorf("%q: %+v, %v; its daemon lives: %v", r.hook.Name, res.Exit, told, alive("daemon", i))
		}
	}
	sink.check(t)
}

// testKill proves that Kill ends all hooks at once, long before their grace is over.
func testKill(t *testing.T, x seam) {
	sink, kill := &crowd{}, make(chan struct{})
	enterCrowd(t, x, sink, long, kill)
	hooks, _ := numbered(t, "trap '' TERM; "+others+"echo up; i=0; while [ $i -lt 6000 ]; do sleep 0.01; i=$((i+1)); done")
	var list []*running
	for _, h := range hooks {
		list = append(list, start(t, x, h))
	}
	for _, r := range list {
		await(t, string(r.hook.Name)+" to be up", func() bool { return sink.of(r.hook.Name).stdout() != "" })
	}
	close(kill)
	for _, r := range list {
		res := r.ended(t)
		if got := strings.Join(sink.of(r.hook.Name).signals, " "); res.Cause != phased.CauseStopped || res.Signal != 9 || got != "SIGKILL" {
			t.Errorf("%s: %+v, told %s", r.hook.Name, res.Exit, got)
		}
	}
	if res, err := x.Exec(context.Background(), hooks[0]); err != nil || res.Cause != phased.CauseStopped || len(sink.of(hooks[0].Name).started) != 1 {
		t.Errorf("after that: %+v, %v", res, err)
	}
	sink.check(t)
}

// testLeftTogether proves that what is written behind the end of each of several
// hooks is told as its own.
func testLeftTogether(t *testing.T, x seam) {
	sink := &crowd{}
	enterCrowd(t, x, sink, long, nil)
	hooks, dir := numbered(t, others+"("+wait("go")+"echo late $I; "+wait("end")+") & echo early $I")
	var list []*running
	for _, h := range hooks {
		list = append(list, start(t, x, h))
	}
	for i, r := range list {
		if res, out := r.ended(t), sink.of(r.hook.Name).stdout(); !res.OK() || !res.Left || out != fmt.Sprintf("early %d\n", i) {
			t.Errorf("%s: %+v, %q", r.hook.Name, res, out)
		}
	}
	touch(t, dir+"/go")
	for i, r := range list {
		told, want := sink.of(r.hook.Name), fmt.Sprintf("late %d\n", i)
		await(t, "late output of "+string(r.hook.Name), func() bool { return told.after() != "" })
		if got := told.after(); got != want {
			t.Errorf("%s: late output %q, expected %q", r.hook.Name, got, want)
		}
	}
	touch(t, dir+"/end")
	sink.check(t)
}
