package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
)

// story makes the fold of a run of a plan from lines: "phase P", "ok H", "fail H",
// "end H" (the session ended in it), "ignored H", "unreadable H", "done H" and
// "timeout H", "again H" (an attempt that failed); "due P REASON" (a phase at the end
// that was not); "leave STATUS", "skip P", "left-out P", and how the run ended.
func story(t *testing.T, p phased.Plan, lines ...string) phased.Run {
	t.Helper()
	var r phased.Run
	seq := uint64(0)
	apply := func(d phased.Payload) {
		seq++
		if !r.Apply(phased.Event{Run: "R1", Seq: seq, Time: time.Unix(int64(seq), 0), Data: d}) {
			t.Fatalf("event %d was not applied: %+v", seq, d)
		}
	}
	apply(phased.RunStarted{Lifecycle: p.Lifecycle, Base: p.Base})
	phase := ""
	for _, l := range lines {
		what, name, _ := strings.Cut(l, " ")
		hook := phased.Text(name)
		ended := func(x phased.Exit, over, ignored bool) {
			apply(phased.HookStarted{Phase: phase, Hook: hook})
			apply(phased.HookFinished{Phase: phase, Hook: hook, Exit: x, Ended: over, Ignored: ignored})
		}
		bad := phased.Exit{Cause: phased.CauseExit, Status: 1}
		switch what {
		case "phase":
			phase = name
			for _, ph := range p.Phases {
				if ph.Name == name {
					apply(phased.PhaseStarted{Phase: name, Entries: ph.Entries})
				}
			}
		case "ok":
			ended(phased.Exit{Cause: phased.CauseOK}, false, false)
		case "fail":
			ended(bad, false, false)
		case "again":
			apply(phased.HookStarted{Phase: phase, Hook: hook})
			apply(phased.HookFinished{Phase: phase, Hook: hook, Exit: bad, Again: true})
		case "due":
			of, reason, _ := strings.Cut(name, " ")
			apply(phased.PhaseSkipped{Phase: of, Reason: reason})
		case "end":
			ended(bad, true, false)
		case "ignored":
			ended(bad, false, true)
		case "timeout":
			ended(phased.Exit{Cause: phased.CauseTimeout, Status: 124}, true, false)
		case "running":
			apply(phased.HookStarted{Phase: phase, Hook: hook})
		case "unreadable":
			apply(phased.HookSkipped{Phase: phase, Hook: hook, Reason: phased.SkippedNotReadable})
		case "done":
			apply(phased.HookSkipped{Phase: phase, Hook: hook, Reason: phased.SkippedDone})
		case "leave":
			apply(phased.PhaseFinished{Phase: phase, Status: phased.Status(name)})
		case "skip":
			apply(phased.PhaseSkipped{Phase: name, Reason: phased.SkippedDone})
		case "left-out":
			apply(phased.PhaseSkipped{Phase: name, Reason: phased.SkippedNotAsked})
		case "finished":
			apply(phased.RunFinished{Status: phased.Status(name)})
		case "died":
			apply(phased.RunInterrupted{})
		default:
			t.Fatalf("%q is no part of a story", l)
		}
	}
	return r
}

// decision is what the engine would do of a plan: what is skipped, and what runs.
func decision(p phased.Plan, skip Skip) string {
	var all []string
	for _, ph := range p.Phases {
		if reason, _, _ := skip(ph.Name, phased.Entry{}); reason != "" {
			all = append(all, ph.Name+" "+reason)
			continue
		}
		for _, h := range ph.Hooks() {
			reason, _, _ := skip(ph.Name, h)
			if reason == "" {
				reason = "RUN"
			}
			all = append(all, ph.Name+"/"+string(h.Name)+" "+reason)
		}
	}
	return strings.Join(all, ", ")
}

func stackPlan(t *testing.T, top string) phased.Plan {
	t.Helper()
	return mustLoad(t, Options{Lifecycle: "stack", TopDir: top})
}

// Where a run goes on.
func TestResume(t *testing.T) {
	p := stackPlan(t, stackTop(t, "extras.d/10-a.sh", "extras.d/20-b.sh", "extras.d/30-c.sh", "steps/stack/start.d/1.sh"))
	source := slices.Clip([]string{"phase source", "ok 10-a.sh", "ok 20-b.sh", "ok 30-c.sh", "leave succeeded"})
	rest := "install/10-a.sh RUN, install/20-b.sh RUN, install/30-c.sh RUN, post-config/10-a.sh RUN, post-config/20-b.sh RUN, " +
		"post-config/30-c.sh RUN, start/1.sh RUN, extra/10-a.sh RUN, extra/20-b.sh RUN, extra/30-c.sh RUN"
	for name, c := range map[string]struct {
		story []string
		where string
		want  string
	}{
		"errexit": {
			append(source, "phase pre-install", "ok 10-a.sh", "end 20-b.sh", "leave failed", "finished failed"), "pre-install/20-b.sh",
			"source done, pre-install/10-a.sh done, pre-install/20-b.sh RUN, pre-install/30-c.sh RUN, " + rest,
		},
		"the first hook": {
			[]string{"phase source", "end 10-a.sh", "leave failed", "finished failed"},
			"source/10-a.sh",
			"source/10-a.sh RUN, source/20-b.sh RUN, source/30-c.sh RUN, pre-install/10-a.sh RUN, pre-install/20-b.sh RUN, pre-install/30-c.sh RUN, " + rest,
		},
		"time limit": {
			append(source, "phase pre-install", "timeout 10-a.sh", "leave timed-out", "finished timed-out"), "pre-install/10-a.sh",
			"source done, pre-install/10-a.sh RUN, pre-install/20-b.sh RUN, pre-install/30-c.sh RUN, " + rest,
		},
		"died in a hook": {
			append(source, "phase pre-install", "ok 10-a.sh", "running 20-b.sh", "died"), "pre-install/20-b.sh",
			"source done, pre-install/10-a.sh done, pre-install/20-b.sh RUN, pre-install/30-c.sh RUN, " + rest,
		},
		"died between hooks": {
			append(source, "phase pre-install", "ok 10-a.sh", "died"), "pre-install/20-b.sh",
			"source done, pre-install/10-a.sh done, pre-install/20-b.sh RUN, pre-install/30-c.sh RUN, " + rest,
		},
		"died behind the last hook": {
			append(source, "phase pre-install", "ok 10-a.sh", "ok 20-b.sh", "ok 30-c.sh", "died"), "pre-install",
			"source done, pre-install/10-a.sh done, pre-install/20-b.sh done, pre-install/30-c.sh done, " + rest,
		},
		"died between points": {
			append(source, "died"), "pre-install/10-a.sh",
			"source done, pre-install/10-a.sh RUN, pre-install/20-b.sh RUN, pre-install/30-c.sh RUN, " + rest,
		},
		"ignored and unreadable ones are done": {
			append(source, "phase pre-install", "ignored 10-a.sh", "unreadable 20-b.sh", "end 30-c.sh", "leave failed", "finished failed"), "pre-install/30-c.sh",
			"source done, pre-install/10-a.sh done, pre-install/20-b.sh done, pre-install/30-c.sh RUN, " + rest,
		},
		"exit 0 half-way, and then a trap that fails": {
			append(source, "phase pre-install", "ok 10-a.sh", "end 20-b.sh", "leave succeeded", "finished failed"), "pre-install/20-b.sh",
			"source done, pre-install/10-a.sh done, pre-install/20-b.sh RUN, pre-install/30-c.sh RUN, " + rest,
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Resume(p, story(t, p, c.story...), ResumeOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if d.Where() != c.where {
				t.Errorf("goes on at %s, want %s", d.Where(), c.where)
			}
			if diff := cmp.Diff(strings.Split(c.want, ", "), strings.Split(decision(p, d.Skip), ", ")); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if lines := strings.Join(d.Lines(), "\n"); !strings.Contains(lines, "run R1 ("+string(story(t, p, c.story...).Status)+") goes on at "+c.where) {
				t.Errorf("lines %s", lines)
			}
		})
	}
}

// What keeps a run from being resumed, whatever --force says.
func TestCannotResume(t *testing.T) {
	top := stackTop(t, "extras.d/10-a.sh")
	p := stackPlan(t, top)
	failed := []string{"phase source", "end 10-a.sh", "leave failed", "finished failed"}
	all := []string{}
	for _, ph := range p.Phases {
		all = append(all, "phase "+ph.Name, "ok 10-a.sh", "leave succeeded")
	}
	other := mustLoad(t, Options{Lifecycle: "unstack", TopDir: top})
	for want, c := range map[string]struct {
		p     phased.Plan
		story []string
	}{
		"it is still running; stop it first, or wait for it":             {p, []string{"phase source", "running 10-a.sh"}},
		"it ended well; start it anew":                                   {p, slices.Concat(all, []string{"finished succeeded"})},
		"it ended before its first phase; start it anew":                 {p, []string{"died"}},
		"its lifecycle is stack, not unstack":                            {other, failed},
		"it belongs to " + top + ", not to " + top + "/extras.d":         {stackPlan(t, top+"/extras.d"), failed},
		"only a part of its lifecycle was asked for; ask for that again": {p, []string{"left-out source", "phase pre-install", "end 10-a.sh", "leave failed", "finished failed"}},
		"all of its phases are done; start it anew":                      {p, slices.Concat(all, []string{"finished failed"})},
	} {
		_, err := Resume(c.p, story(t, p, c.story...), ResumeOptions{Force: true})
		if err == nil || err.Error() != "run R1 cannot be resumed: "+want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// What is done and has changed is told, all of it, and lets --force pass.
func TestResumeChanged(t *testing.T) {
	files := []string{"extras.d/10-a.sh", "extras.d/20-b.sh", "extras.d/30-c.sh", "extras.d/40-d.sh"}
	run := []string{
		"phase functions", "ok 1.sh", "leave succeeded", "phase source", "ok 10-a.sh", "ok 20-b.sh", "ok 30-c.sh", "ok 40-d.sh", "leave succeeded",
		"phase pre-install", "ok 10-a.sh", "ok 20-b.sh", "end 30-c.sh", "leave failed", "finished failed",
	}
	for name, c := range map[string]struct {
		change func(top string)
		want   []string
	}{
		"nothing":                  {func(string) {}, nil},
		"the failed hook":          {func(top string) { write(t, top+"/extras.d/30-c.sh", "mended", 0o644) }, nil},
		"a hook that is to come":   {func(top string) { write(t, top+"/extras.d/90-e.sh", "new", 0o644) }, []string{"90-e.sh: was not there in the run, and would have come in source before pre-install/30-c.sh"}},
		"a done hook":              {func(top string) { write(t, top+"/extras.d/10-a.sh", "x", 0o644) }, []string{"10-a.sh: is done in source, and has changed since (@ then, @ now)", "10-a.sh: is done in pre-install, and has changed since (@ then, @ now)"}},
		"a done hook is gone":      {func(top string) { removeAll(t, top+"/extras.d/20-b.sh") }, []string{"20-b.sh: is done in source, and is not there any more", "20-b.sh: is done in pre-install, and is not there any more"}},
		"a new hook before":        {func(top string) { write(t, top+"/extras.d/15-n.sh", "x", 0o644) }, []string{"15-n.sh: was not there in the run, and would have come in source before pre-install/15-n.sh", "20-b.sh: is done in pre-install, and would now come after 15-n.sh"}},
		"a base step that is done": {func(top string) { write(t, top+"/steps/stack/functions.d/1.sh", "x", 0o644) }, []string{"1.sh: is done in functions, and has changed since (@ then, @ now)"}},
		"base steps are gone":      {func(top string) { removeAll(t, top+"/steps") }, []string{"phase functions was in the run and is not there any more, before pre-install/30-c.sh"}},
		"new base steps":           {func(top string) { write(t, top+"/steps/stack/libraries.d/1.sh", "x", 0o644) }, []string{"phase libraries was not there in the run, and would have come before pre-install/30-c.sh"}},
		"later base steps":         {func(top string) { write(t, top+"/steps/stack/start.d/1.sh", "x", 0o644) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			top := stackTop(t, append(files, "steps/stack/functions.d/1.sh")...)
			was := stackPlan(t, top)
			r := story(t, was, run...)
			c.change(top)
			now := stackPlan(t, top)
			_, err := Resume(now, r, ResumeOptions{})
			var got []string
			if err != nil {
				for l := range strings.Lines(err.Error()) {
					got = append(got, anyDigest(strings.TrimSpace(l[strings.LastIndexByte(l[:max(strings.Index(l, ": "), 0)], '/')+1:])))
				}
				last := got[len(got)-1]
				if !strings.Contains(last, "cannot be resumed as it is") || !strings.Contains(last, "--force") {
					t.Errorf("the last line is %s", last)
				}
				got = got[:len(got)-1]
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			d, err := Resume(now, r, ResumeOptions{Force: true})
			if err != nil || len(d.Forced) != len(c.want) || d.Phase != "pre-install" {
				t.Errorf("forced: %+v, %v", d, err)
			}
			if told := strings.Contains(strings.Join(d.Lines(), "\n"), "30-c.sh has changed since"); told != (name == "the failed hook") {
				t.Errorf("that the failed hook was mended is told: %v; %q", told, d.Lines())
			}
			for _, h := range []phased.Text{"10-a.sh", "20-b.sh"} {
				if reason, _, _ := d.Skip("pre-install", phased.Entry{Name: h}); reason != phased.SkippedDone && name != "a done hook is gone" {
					t.Errorf("%s is done, and would be sourced again", h)
				}
			}
		})
	}
}

// anyDigest puts @ in place of the digests of a message.
func anyDigest(s string) string {
	before, after, found := strings.Cut(s, "since (")
	if !found {
		return s
	}
	words := strings.Fields(after)
	if len(words) == 4 && len(words[0]) == 12 && len(words[2]) == 12 && words[0] != words[2] {
		return before + "since (@ then, @ now)"
	}
	return s
}

// A hook that could not be read then may be unreadable still, and none else.
func TestResumeUnreadable(t *testing.T) {
	top := stackTop(t, "extras.d/10-a.sh", "extras.d/30-c.sh")
	link(t, "nowhere", top+"/extras.d/20-b.sh")
	p := stackPlan(t, top)
	entered := p
	entered.Phases = append([]phased.PlannedPhase(nil), p.Phases...)
	now, err := ListSourced(p.Phases[0], []phased.Text{phased.Text(top + "/extras.d/10-a.sh"), phased.Text(top + "/extras.d/20-b.sh"), phased.Text(top + "/extras.d/30-c.sh")})
	if err != nil {
		t.Fatal(err)
	}
	entered.Phases[0] = now
	r := story(t, entered, "phase source", "ok 10-a.sh", "unreadable 20-b.sh", "end 30-c.sh", "leave failed", "finished failed")
	d, err := Resume(p, r, ResumeOptions{})
	if err != nil || d.Where() != "source/30-c.sh" {
		t.Errorf("got %+v, %v", d, err)
	}
	write(t, top+"/extras.d/nowhere", "back", 0o644)
	if _, err := Resume(stackPlan(t, top), r, ResumeOptions{}); err == nil || !strings.Contains(err.Error(), "has changed since (unreadable then,") {
		t.Errorf("a hook that was passed over and can be read now: %v", err)
	}
}

// A run that was resumed is resumed again as one with those before it.
func TestJoined(t *testing.T) {
	top := stackTop(t, "extras.d/10-a.sh", "extras.d/20-b.sh", "extras.d/30-c.sh")
	p := stackPlan(t, top)
	first := story(t, p, "phase source", "ok 10-a.sh", "ok 20-b.sh", "ok 30-c.sh", "leave succeeded", "phase pre-install", "ok 10-a.sh", "end 20-b.sh", "leave failed", "finished failed")
	write(t, top+"/extras.d/10-a.sh", "changed", 0o644)
	p2 := stackPlan(t, top)
	second := story(t, p2, "skip source", "phase pre-install", "done 10-a.sh", "ok 20-b.sh", "end 30-c.sh", "leave failed", "finished failed")
	whole := second
	whole.Phases = Joined(first.Phases, second.Phases)
	d, err := Resume(p, whole, ResumeOptions{})
	if err != nil || d.Where() != "pre-install/30-c.sh" {
		t.Errorf("by the content that was sourced: %+v, %v", d, err)
	}
	if _, err := Resume(p2, whole, ResumeOptions{}); err == nil || strings.Count(err.Error(), "10-a.sh: is done") != 2 {
		t.Errorf("by the content of the second run, which did not source it: %v", err)
	}
	if _, err := Resume(p, second, ResumeOptions{}); err == nil || !strings.Contains(err.Error(), "phase source was done in another run, of which nothing is known here") {
		t.Errorf("without the run before it: %v", err)
	}
	if len(first.Phases[1].Hooks) != 2 || second.Phases[1].Hooks[0].Status != phased.StatusSkipped {
		t.Error("joining changed what it was given")
	}
}

// A run that resumed another and died before it came to what was done, of which
// it has put down a part, lets none of it be run again.
func TestJoinedWithOneThatDied(t *testing.T) {
	p := stackPlan(t, stackTop(t, "extras.d/10-a.sh", "extras.d/20-b.sh", "extras.d/30-c.sh"))
	first := story(t, p, "phase source", "ok 10-a.sh", "ok 20-b.sh", "end 30-c.sh", "leave failed", "finished failed")
	for _, lines := range [][]string{{"phase source"}, {"phase source", "done 10-a.sh"}, {"phase source", "done 10-a.sh", "done 20-b.sh"}} {
		second := story(t, p, lines...).AsInterrupted()
		second.Phases = Joined(first.Phases, second.Phases)
		d, err := Resume(p, second, ResumeOptions{})
		if err != nil || d.Where() != "source/30-c.sh" {
			t.Errorf("after %q: goes on at %s, %v", lines, d.Where(), err)
		}
	}
}

// One point alone, or one hook of it.
func TestOnly(t *testing.T) {
	p := stackPlan(t, stackTop(t, "extras.d/10-a.sh", "extras.d/20-b.sh"))
	skip, err := Only(p, "install", "")
	if err != nil {
		t.Fatal(err)
	}
	want := "source not-asked, pre-install not-asked, install/10-a.sh RUN, install/20-b.sh RUN, post-config not-asked, extra not-asked"
	if got := decision(p, skip); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if skip, err = Only(p, "install", "20-b.sh"); err != nil {
		t.Fatal(err)
	}
	want = "source not-asked, pre-install not-asked, install/10-a.sh not-asked, install/20-b.sh RUN, post-config not-asked, extra not-asked"
	if got := decision(p, skip); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, message, _ := skip("extra", phased.Entry{}); message != "only install/20-b.sh was asked for" {
		t.Errorf("message %q", message)
	}
	for _, c := range [][3]string{
		{"post-confg", "", `the lifecycle stack has no point "post-confg" (did you mean post-config?); it has source, pre-install, install, post-config, extra`},
		{"install", "20-c.sh", `the point install has no hook "20-c.sh" (did you mean 20-b.sh?); it has 10-a.sh, 20-b.sh`},
	} {
		if _, err := Only(p, c[0], phased.Text(c[1])); err == nil || err.Error() != c[2] {
			t.Errorf("got  %v\nwant %s", err, c[2])
		}
	}
}
