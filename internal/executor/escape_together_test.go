package executor

import (
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// troop is how many hooks escape at once.
const troop = 4

// escaping is one escape among others.
type escaping struct {
	attempt
	dir string
	*running
}

// escapeTogether starts hooks that escape, each by another way, and returns when
// all of them have. They are ended with the test, and what they have left.
func escapeTogether(t *testing.T, p *Process, all []attempt) []*escaping {
	t.Helper()
	var list []*escaping
	for _, a := range all {
		dir := t.TempDir()
		t.Cleanup(func() { killSurvivors(t, dir) })
		list = append(list, &escaping{a, dir, start(t, p, a.asHook(t, dir))})
	}
	for _, e := range list {
		await(t, e.name+" to be ready", func() bool { return exists(e.dir+"/ready") || !e.runs() })
	}
	return list
}

// TestEscapesTogether proves that of four hooks that escape at once, each in
// another way, three can be ended and nobody of them survives, while the fourth is
// not touched, nor who has escaped from it: it goes on until the others have gone,
// and ends well. Every way has each part.
func TestEscapesTogether(t *testing.T) {
	names := escapes(t)
	for _, mode := range []string{phased.ContainCgroup, phased.ContainReaper} {
		for _, ending := range []string{"time-out", "abort", "end"} {
			t.Run(mode+"/"+ending, func(t *testing.T) {
				p := &Process{Group: true, Marker: marker, Contain: contained(t, mode)}
				for first := range names {
					if ending != "end" && first%(troop-1) != 0 {
						continue // each way is ended once, and once for each policy
					}
					var all []attempt
					for i := range troop {
						leak := []phased.LeakPolicy{"", phased.LeakKill, phased.LeakFail, ""}[i]
						all = append(all, attempt{mode, names[(first+i)%len(names)], ending, leak})
					}
					t.Run(all[0].name, func(t *testing.T) { spareTheLast(t, p, all) })
				}
			})
		}
	}
}

// spareTheLast ends all hooks but the last one, which ends by itself behind them.
func spareTheLast(t *testing.T, p *Process, all []attempt) {
	sink := &crowd{}
	s := native(sink)
	s.Grace = short
	enter(t, p, s)
	ending := all[0].ending
	for i := range all {
		if ending == "end" || i == len(all)-1 {
			all[i].ending = "wait"
		}
	}
	list := escapeTogether(t, p, all)
	ended, spared := list[:len(list)-1], list[len(list)-1]
	beside := survivors(t, spared.dir)
	for _, e := range ended {
		switch ending {
		case "end":
			touch(t, e.dir+"/go")
		case "time-out":
			e.cancel(timeout)
		case "abort":
			e.cancel(&phased.StopRequest{Signal: syscall.SIGTERM})
		}
	}
	for _, e := range ended {
		if res := e.ended(t); ending == "end" {
			e.left(t, res, e.dir)
		} else {
			e.nobody(t, res, e.dir)
		}
	}
	if diff := cmp.Diff(beside, survivors(t, spared.dir)); diff != "" || !spared.runs() {
		t.Errorf("%s runs: %v; who has escaped from it (-before +after the end of its siblings):\n%s", spared.name, spared.runs(), diff)
	}
	touch(t, spared.dir+"/go")
	spared.left(t, spared.ended(t), spared.dir)
	if told := sink.of(spared.hook.Name).signals; len(told) > 0 {
		t.Errorf("%s was told %v", spared.name, told)
	}
	sink.check(t)
}

// TestKillTogether proves that a second signal kills all of the hooks that run,
// and all who have escaped from them, long before their grace is over.
func TestKillTogether(t *testing.T) {
	names := escapes(t)
	for _, mode := range []string{phased.ContainCgroup, phased.ContainReaper} {
		t.Run(mode, func(t *testing.T) {
			p := &Process{Group: true, Marker: marker, Contain: contained(t, mode)}
			for first := 0; first < len(names); first += troop {
				t.Run(names[first], func(t *testing.T) {
					var all []attempt
					for i := range troop {
						all = append(all, attempt{mode, names[(first+i)%len(names)], "abort", phased.LeakKeep})
					}
					killAll(t, p, all)
				})
			}
		})
	}
}

func killAll(t *testing.T, p *Process, all []attempt) {
	sink, kill := &crowd{}, make(chan struct{})
	s := native(sink)
	s.Grace, s.Kill = 2*patience, kill
	enter(t, p, s)
	list := escapeTogether(t, p, all)
	for _, e := range list {
		e.cancel(&phased.StopRequest{Signal: syscall.SIGTERM})
	}
	for _, e := range list {
		told := sink.of(e.hook.Name)
		await(t, e.name+" to be told to end", func() bool { return !e.runs() || strings.Contains(told.String(), "[SIG") })
	}
	close(kill)
	for _, e := range list {
		await(t, "the end of "+e.name, func() bool { return !e.runs() })
		e.nobody(t, e.ended(t), e.dir)
	}
	sink.check(t)
}
