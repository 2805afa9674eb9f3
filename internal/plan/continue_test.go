package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"phased/internal/phased"
)

// chainWorld is a host on which a lifecycle is run, changed and resumed: what the
// property test believes, kept apart from what Continue reads.
type chainWorld struct {
	phases []string
	hooks  map[string][]string // of each phase, in order
	digest map[string]string   // of PHASE/HOOK, now
	input  map[string]string   // of its one input file; "": it has none
	// What is true of each hook: that it has ended well, and as what.
	done map[string][2]string
	runs []phased.Run
}

func (w *chainWorld) plan() phased.Plan {
	p := phased.Plan{Lifecycle: "own", Base: "/b"}
	for _, name := range w.phases {
		pp := phased.PlannedPhase{Phase: phased.Phase{Name: name, Executor: phased.ExecutorProcess}, Entries: []phased.Entry{}}
		for _, h := range w.hooks[name] {
			pp.Entries = append(pp.Entries, w.entry(name, h))
		}
		p.Phases = append(p.Phases, pp)
	}
	return p
}

func (w *chainWorld) entry(phase, hook string) phased.Entry {
	key := phase + "/" + hook
	e := phased.Entry{Name: phased.Text(hook), Path: phased.Text("/b/" + key), Verdict: phased.VerdictRun, Digest: w.digest[key]}
	if in := w.input[key]; in != "" {
		e.Inputs, e.InputFiles = []phased.Text{"in"}, []phased.Input{{Path: "/in/" + phased.Text(key), Digest: in}}
	}
	return e
}

// run executes the plan up to some moment, passing over what skip says, and
// returns the keys of what it ran. It folds its events, as the engine does.
func (w *chainWorld) run(t *rapid.T, p phased.Plan, skip Skip) []string {
	var r phased.Run
	id := fmt.Sprintf("RUN%02d", len(w.runs))
	emit := func(d phased.Payload) { r.Apply(phased.Event{Run: id, Seq: r.Seq + 1, Data: d}) }
	start := phased.RunStarted{Lifecycle: "own", Base: "/b", Output: "captured"}
	if n := len(w.runs); n > 0 {
		start.Resumes = w.runs[n-1].ID
	}
	emit(start)
	var ran []string
	over := false
	for _, ph := range p.Phases {
		emit(phased.PhaseStarted{Phase: ph.Name, Entries: ph.Entries})
		for _, e := range ph.Hooks() {
			key := ph.Name + "/" + string(e.Name)
			if reason, message, err := skip(ph.Name, e); reason != "" {
				if err != nil {
					t.Fatal(err)
				}
				emit(phased.HookSkipped{Phase: ph.Name, Hook: e.Name, Path: e.Path, Reason: reason, Message: message})
				continue
			}
			if over = rapid.IntRange(0, 9).Draw(t, "dies before") == 0; over {
				break
			}
			ran = append(ran, key)
			delete(w.done, key) // begun anew
			emit(phased.HookStarted{Phase: ph.Name, Hook: e.Name, Path: e.Path, Inputs: e.InputFiles})
			how := rapid.SampledFrom([]string{"ok", "ok", "ok", "ok", "fails", "dies"}).Draw(t, "how")
			if over = how != "ok"; how == "dies" {
				break
			}
			exit := phased.Exit{Cause: phased.CauseOK}
			if how == "ok" {
				w.done[key] = [2]string{w.digest[key], w.input[key]}
			} else {
				exit = phased.Exit{Cause: phased.CauseExit, Status: 3}
			}
			emit(phased.HookFinished{Phase: ph.Name, Hook: e.Name, Exit: exit})
			if over {
				break
			}
		}
		if over {
			break
		}
	}
	switch {
	case !over:
		// It fails after all, so that there is something to resume.
		emit(phased.RunFinished{Status: phased.StatusFailed, ExitCode: 1})
	case rapid.Bool().Draw(t, "closed"):
		emit(phased.RunInterrupted{})
	default:
		r = r.AsInterrupted()
	}
	w.runs = append(w.runs, r)
	return ran
}

// change does something to the hooks between two runs.
func (w *chainWorld) change(t *rapid.T) {
	phase := rapid.SampledFrom(w.phases).Draw(t, "phase")
	if len(w.hooks[phase]) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.hooks[phase])-1).Draw(t, "hook")
	key := phase + "/" + w.hooks[phase][i]
	fresh := rapid.SampledFrom([]string{"d1", "d2", "d3"}).Draw(t, "content")
	switch rapid.SampledFrom([]string{"content", "input", "remove", "add"}).Draw(t, "change") {
	case "content":
		w.digest[key] = fresh
	case "input":
		if w.input[key] != "" {
			w.input[key] = fresh
		}
	case "remove":
		w.hooks[phase] = slices.Delete(slices.Clone(w.hooks[phase]), i, i+1)
	case "add":
		name := fmt.Sprintf("h%d", rapid.IntRange(0, 9).Draw(t, "name"))
		if !slices.Contains(w.hooks[phase], name) {
			w.hooks[phase] = slices.Insert(slices.Clone(w.hooks[phase]), i, name)
			w.digest[phase+"/"+name] = fresh
			w.input[phase+"/"+name] = ""
		}
	}
}

func drawWorld(t *rapid.T) *chainWorld {
	w := &chainWorld{phases: []string{"a", "b", "c"}, hooks: map[string][]string{}, digest: map[string]string{}, input: map[string]string{}, done: map[string][2]string{}}
	for _, ph := range w.phases {
		for i := range rapid.IntRange(0, 4).Draw(t, "hooks") {
			name := fmt.Sprintf("h%d", i)
			w.hooks[ph] = append(w.hooks[ph], name)
			w.digest[ph+"/"+name] = "d0"
			if rapid.Bool().Draw(t, "has input") {
				w.input[ph+"/"+name] = "d0"
			}
		}
	}
	return w
}

// Over random plans, failures, deaths, changes and chains of resumes: every hook
// that is done and unchanged is passed over, none that has changed is, none that is
// undone is; each runs in the plan's order; and each decision has its reason.
func TestContinueProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.run(t, w.plan(), func(string, phased.Entry) (string, string, error) { return "", "", nil })
		for range rapid.IntRange(1, 4).Draw(t, "resumes") {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				w.change(t)
			}
			p := w.plan()
			c, err := Continue(p, w.runs, ContinueOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for _, ph := range p.Phases {
				for _, e := range ph.Hooks() {
					key := ph.Name + "/" + string(e.Name)
					was, done := w.done[key]
					if !done || was != [2]string{w.digest[key], w.input[key]} {
						want = append(want, key)
					}
				}
			}
			for _, d := range c.Hooks {
				if d.Why == "" {
					t.Fatalf("%s/%s: no reason", d.Phase, d.Hook)
				}
				if d.Run {
					got = append(got, d.Phase+"/"+string(d.Hook))
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("hooks that run (-want +got):\n%s", d)
			}
			// The run does what was said, as far as it gets.
			ran := w.run(t, p, c.Skip)
			if !slices.Equal(ran, got[:min(len(ran), len(got))]) {
				t.Fatalf("ran %v of %v", ran, got)
			}
		}
	})
}

// The reasons, one by one, and what a hook is judged by when its turn comes.
func TestContinueReasons(t *testing.T) {
	exit := func(c phased.Cause, status, sig int) *phased.Exit {
		return &phased.Exit{Cause: c, Status: status, Signal: sig}
	}
	entry := func(name phased.Text, digest string) phased.Entry {
		return phased.Entry{Name: name, Verdict: phased.VerdictRun, Digest: digest}
	}
	hook := func(name phased.Text, s phased.Status, x *phased.Exit) phased.HookRun {
		return phased.HookRun{HookStarted: phased.HookStarted{Phase: "a", Hook: name}, Status: s, Exit: x}
	}
	run := func(end phased.Status, w *phased.RunWaiting, entries []phased.Entry, hooks ...phased.HookRun) phased.Run {
		return phased.Run{
			ID: "R", Status: end, Waiting: w, Start: phased.RunStarted{Lifecycle: "own", Base: "/b"},
			Phases: []phased.PhaseRun{{PhaseStarted: phased.PhaseStarted{Phase: "a", Entries: entries}, Hooks: hooks}},
		}
	}
	one := []phased.Entry{entry("x", "1")}
	asks := func(when phased.RebootWhen, same bool) *phased.RunWaiting {
		return &phased.RunWaiting{Requests: []phased.RebootRequest{{Phase: "a", Hook: "x", When: when, Same: same}}}
	}
	ok, died, stopped := hook("x", phased.StatusSucceeded, exit(phased.CauseOK, 0, 0)), hook("x", phased.StatusInterrupted, nil), hook("x", phased.StatusStopped, exit(phased.CauseStopped, 143, 15))
	for _, c := range []struct {
		name string
		run  phased.Run
		now  phased.Entry
		want string
	}{
		{"done", run(phased.StatusFailed, nil, one, ok), one[0], "skip done in run R"},
		{"changed", run(phased.StatusFailed, nil, one, ok), entry("x", "2"), "run changed since (1 then, 2 now)"},
		{"arguments", run(phased.StatusFailed, nil, one, ok), phased.Entry{Name: "x", Verdict: phased.VerdictRun, Digest: "1", Args: []phased.Text{"y"}}, `run its arguments changed: "" then, "y" now`},
		{"unreadable", run(phased.StatusFailed, nil, []phased.Entry{entry("x", "")}, ok), entry("x", ""), "run its content cannot be compared"},
		{"failed", run(phased.StatusFailed, nil, one, hook("x", phased.StatusFailed, exit(phased.CauseExit, 3, 0))), one[0], "run failed with exit status 3"},
		{"timed out", run(phased.StatusTimedOut, nil, one, hook("x", phased.StatusTimedOut, exit(phased.CauseTimeout, 124, 0))), one[0], "run timed out"},
		{"stopped", run(phased.StatusStopped, nil, one, stopped), one[0], "run was stopped"},
		{"killed", run(phased.StatusFailed, nil, one, hook("x", phased.StatusFailed, exit(phased.CauseSignal, 137, 9))), one[0], "run was killed by SIGKILL"},
		{"died", run(phased.StatusInterrupted, nil, one, died), one[0], "run was running when the run ended"},
		{"new", run(phased.StatusFailed, nil, nil), one[0], "run new"},
		{"not reached", run(phased.StatusFailed, nil, one), one[0], "run not run yet"},
		{"was no hook then", run(phased.StatusFailed, nil, []phased.Entry{{Name: "x", Verdict: phased.VerdictNotExecutable}}), one[0], "run new"},
		{"by its frequency", run(phased.StatusFailed, nil, one, phased.HookRun{HookStarted: phased.HookStarted{Phase: "a", Hook: "x"}, Status: phased.StatusSkipped, Skip: phased.SkippedOnce}), one[0], "run not run yet"},
		{"reboot, next", run(phased.StatusWaiting, asks(phased.RebootAfterPhase, false), one, ok), one[0], "skip done in run R"},
		{"reboot, same", run(phased.StatusWaiting, asks(phased.RebootAfterPhase, true), one, ok), one[0], "run asked to run again after the reboot"},
		{"died by its reboot, next", run(phased.StatusWaiting, asks(phased.RebootNow, false), one, died), one[0], "skip done in run R"},
		{"died by its reboot, same", run(phased.StatusWaiting, asks(phased.RebootNow, true), one, died), one[0], "run asked to run again after the reboot"},
		{"stopped by its reboot", run(phased.StatusWaiting, asks(phased.RebootNow, false), one, stopped), one[0], "skip done in run R"},
		{"died before its reboot was due", run(phased.StatusWaiting, asks(phased.RebootAfterPhase, false), one, died), one[0], "run was running when the run ended"},
		{"died by its reboot, changed", run(phased.StatusWaiting, asks(phased.RebootNow, false), one, died), entry("x", "2"), "run changed since (1 then, 2 now)"},
	} {
		p := phased.Plan{Lifecycle: "own", Base: "/b", Phases: []phased.PlannedPhase{{
			Phase: phased.Phase{Name: "a", Executor: phased.ExecutorProcess}, Entries: []phased.Entry{c.now},
		}}}
		got, err := Continue(p, []phased.Run{c.run}, ContinueOptions{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		what := map[bool]string{true: "run ", false: "skip "}[got.Hooks[0].Run] + got.Hooks[0].Why
		if what != c.want {
			t.Errorf("%s: %q, want %q", c.name, what, c.want)
		}
		if reason, why, _ := got.Skip("a", c.now); (reason == "") != strings.HasPrefix(c.want, "run") || why != got.Hooks[0].Why {
			t.Errorf("%s: the engine hears %q, %q", c.name, reason, why)
		}
	}
	// By its turn it has changed.
	p := phased.Plan{Lifecycle: "own", Base: "/b", Phases: []phased.PlannedPhase{{Phase: phased.Phase{Name: "a", Executor: phased.ExecutorProcess}, Entries: one}}}
	c, err := Continue(p, []phased.Run{run(phased.StatusFailed, nil, one, ok)}, ContinueOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if reason, why, _ := c.Skip("a", entry("x", "2")); reason != "" || !strings.HasPrefix(why, "changed since") {
		t.Errorf("changed by its turn: %q, %q", reason, why)
	}
}
