package executor

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/trust"
)

// execAll runs hooks at once, to their own end.
func execAll(t *testing.T, x seam, hooks []phased.Hook) {
	t.Helper()
	var list []*running
	for _, h := range hooks {
		list = append(list, start(t, x, h))
	}
	for _, r := range list {
		if res := r.ended(t); !res.OK() {
			t.Errorf("%s: %+v", r.hook.Name, res.Exit)
		}
	}
}

// TestLanes proves that what a hook needs for itself is used again, by hooks that
// run one after the other the same, and given back.
func TestLanes(t *testing.T) {
	for _, mode := range modes() {
		before, sink := openFiles(t), &crowd{}
		c := contained(t, mode)
		p := &Process{Group: true, Marker: marker, Contain: c}
		enterCrowd(t, p, sink, long, nil)
		if n := len(p.lanes.all); n != 1 {
			t.Errorf("%s: %d lanes at the beginning, expected the first", mode, n)
		}
		for _, h := range numberedTrue(t, 3) {
			execAll(t, p, []phased.Hook{h})
		}
		if n := len(p.lanes.all); n != 1 {
			t.Errorf("%s: %d lanes of hooks that ran one after the other", mode, n)
		}
		for range 3 {
			hooks, _ := numbered(t, others)
			execAll(t, p, hooks)
			if all, free := len(p.lanes.all), len(p.lanes.free); all != atOnce || free != atOnce {
				t.Errorf("%s: %d lanes, %d of them free, of %d hooks", mode, all, free, atOnce)
			}
			if n := len(c.idle); mode == phased.ContainReaper && n != atOnce {
				t.Errorf("%d reapers wait, of %d hooks", n, atOnce)
			}
		}
		if err := p.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if c.Close(); openFiles(t) > before {
			t.Errorf("%s: %d open files before, %d after", mode, before, openFiles(t))
		}
		if z := zombies(t); len(z) > 0 {
			t.Errorf("%s: zombies: %+v", mode, z)
		}
		sink.check(t)
	}
}

func numberedTrue(t *testing.T, n int) []phased.Hook {
	hooks, _ := numbered(t, "exit 0")
	return hooks[:n]
}

// TestTeeTogether proves that a line which a hook writes at one stroke is not torn
// by those of others, also where both streams are one pipe that is often full, and
// that none is lost.
func TestTeeTogether(t *testing.T) {
	for _, limit := range []int64{0, 20000} { // what is read at one stroke lies in several pieces in phased
		testTeeTogether(t, limit)
	}
}

func testTeeTogether(t *testing.T, limit int64) {
	const lines = 400
	// The first fill the pages of a pipe, so that it is known for a full one; the
	// others do not, and end nowhere where a read does.
	long := [2]int{1023, 1000}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sink := &crowd{}
	p := &Process{Output: Tee, Stdout: w, Stderr: w, Limit: limit, Group: true}
	enterCrowd(t, p, sink, patience, nil)
	hooks, _ := numbered(t, others+fmt.Sprintf("for n in %d %d; do x=$(head -c $n /dev/zero | tr '\\0' $I); i=0; while [ $i -lt %d ]; do echo $x; echo $x >&2; i=$((i+1)); done; done", long[0], long[1], lines))
	done, got := make(chan struct{}), map[string]int{}
	go func() {
		defer close(done)
		for s := bufio.NewScanner(r); s.Scan(); {
			got[s.Text()]++
		}
	}()
	execAll(t, p, hooks)
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
	w.Close()
	<-done
	for i := range atOnce {
		for _, n := range long {
			if n := got[strings.Repeat(fmt.Sprint(i), n)]; n != 2*lines {
				t.Errorf("limit %d: %d whole lines of hook %d, expected %d", limit, n, i, 2*lines)
			}
		}
	}
	if len(got) != 2*atOnce {
		t.Errorf("limit %d: %d different lines, expected %d", limit, len(got), 2*atOnce)
	}
}

// waitsIn is the system call in which a process waits.
func waitsIn(pid int) []byte {
	p, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	return p
}

// TestTeeStuckTogether proves that a reader who stops reading holds up all hooks,
// and that each can be ended nevertheless while others wait on.
func TestTeeStuckTogether(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	sink := &crowd{}
	p := &Process{Output: Tee, Stdout: w, Stderr: w, Group: true, Marker: marker}
	enterCrowd(t, p, sink, patience, nil)
	hooks, _ := numbered(t, "exec yes $I")
	var list []*running
	for _, h := range hooks {
		list = append(list, start(t, p, h))
	}
	await(t, "all hooks to be held up", func() bool {
		var before, after [atOnce][]byte
		for i, r := range list {
			before[i] = waitsIn(sink.of(r.hook.Name).pid())
		}
		time.Sleep(50 * time.Millisecond)
		for i, r := range list {
			after[i] = waitsIn(sink.of(r.hook.Name).pid())
			if len(before[i]) == 0 || !bytes.Equal(before[i], after[i]) {
				return false
			}
		}
		return true
	})
	for i, r := range list {
		if !r.runs() {
			t.Errorf("hook %d has ended", i)
		}
		r.cancel(timeout)
		if res := r.ended(t); res.Cause != phased.CauseTimeout || proc.Alive(sink.of(r.hook.Name).pid(), 0) {
			t.Errorf("hook %d: %+v", i, res.Exit)
		}
	}
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestGuardedTogether proves that hooks are looked at one by one though they run
// at once.
func TestGuardedTogether(t *testing.T) {
	p, _, _ := guardedScene(t)
	sink := &crowd{}
	g := &Guarded{Inner: &Process{}, Guard: &trust.Guard{}}
	s := phased.Setup{Sink: sink, Surroundings: phased.Surroundings{Umask: -1}}
	if _, err := g.Enter(t.Context(), p, s); err != nil {
		t.Fatal(err)
	}
	var hooks []phased.Hook
	for i := range atOnce { // none of them in the list: each is judged
		h := hookOf(program(t, fmt.Sprintf("hook%d", i), "#!/bin/sh\n"))
		hooks = append(hooks, h)
	}
	execAll(t, g, hooks)
	if err := g.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if n := len(sink.by); n != atOnce {
		t.Errorf("%d hooks ran", n)
	}
	sink.check(t)
}

// TestSharedTogether proves that in the one cgroup of a run a hook is started, and
// goes on, while others are killed in it, which is frozen for that.
func TestSharedTogether(t *testing.T) {
	sink := &crowd{}
	c := sharedCgroup(t)
	p := &Process{Group: true, KillAtOnce: true, Contain: c}
	enterCrowd(t, p, sink, long, nil)
	hooks, dir := numbered(t, forever+" & echo up; "+wait("go")+"kill $!; echo well")
	var list []*running
	for _, h := range hooks {
		list = append(list, start(t, p, h))
	}
	for _, r := range list {
		await(t, string(r.hook.Name)+" to be up", func() bool { return sink.of(r.hook.Name).stdout() != "" })
	}
	var beside sync.WaitGroup
	over := make(chan struct{})
	beside.Go(func() {
		good := hookOf(program(t, "good", "#!/bin/sh\n"))
		for {
			if res, err := p.Exec(context.Background(), good); err != nil || !res.OK() {
				t.Errorf("a hook beside: %+v, %v", res.Exit, err)
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for _, r := range list[1:] {
		r.cancel(timeout)
	}
	for _, r := range list[1:] {
		if res := r.ended(t); res.Cause != phased.CauseTimeout || res.Signal != 9 {
			t.Errorf("%s: %+v", r.hook.Name, res.Exit)
		}
	}
	close(over)
	beside.Wait()
	touch(t, dir+"/go")
	if res, out := list[0].ended(t), sink.of(list[0].hook.Name).stdout(); !res.OK() || out != "up\nwell\n" {
		t.Errorf("%s: %+v, %q", list[0].hook.Name, res.Exit, out)
	}
	if s := content(c.dir + "/hooks/cgroup.freeze"); s != "0" {
		t.Errorf("frozen: %q", s)
	}
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestInheritedTogether proves that hooks which write to one file at once, and of
// which some fail, are told where that is.
func TestInheritedTogether(t *testing.T) {
	f, sink := file(t, os.O_APPEND, ""), &crowd{}
	p := &Process{Output: Inherited, Stdout: f, Stderr: f, Group: true}
	enterCrowd(t, p, sink, long, nil)
	hooks, _ := numbered(t, others+"echo $I; exit $((I % 2))")
	var list []*running
	for _, h := range hooks {
		list = append(list, start(t, p, h))
	}
	for i, r := range list {
		res := r.ended(t)
		if res.Status != i%2 || len(res.Files) != 2 || string(res.Files[0].Path) != f.Name() || res.Files[0].Offset < 2 {
			t.Errorf("%s: %+v", r.hook.Name, res)
		}
	}
	if got := content(f.Name()); len(got) != 2*atOnce-1 {
		t.Errorf("written: %q", got)
	}
	if err := p.Close(context.Background()); err != nil {
		t.Error(err)
	}
	sink.check(t)
}
