package report

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"phased/internal/phased"
)

func show(t *testing.T, tp *tape) func(*bytes.Buffer, Style) {
	return func(b *bytes.Buffer, s Style) {
		r := tp.fold()
		st := Story{Run: r}
		if phase, hook, ok := Subject(r); ok {
			st.Tail = tp.tail(phase, string(hook))
		}
		if err := Show(b, s, st); err != nil {
			t.Error(err)
		}
	}
}

func TestShowSuccess(t *testing.T) { golden(t, "show-success", show(t, success())) }

func TestShowFailure(t *testing.T) { golden(t, "show-failure", show(t, failure())) }

func TestShowRunning(t *testing.T) {
	tp := failure()
	tp.events = tp.events[:11] // in the middle of 30-database
	golden(t, "show-running", show(t, tp))
}

func TestShowInterrupted(t *testing.T) {
	tp := failure()
	tp.events = tp.events[:11]
	tp.add(time.Hour, phased.RunWarning{Message: "disk is\nslow"}, phased.RunInterrupted{ClosedBy: "run 01JNY0000000000000000000AA"})
	golden(t, "show-interrupted", show(t, tp))
}

func TestShowInheritedFile(t *testing.T) {
	st := started(2)
	st.Output, st.Personality = "inherited", "os-refresh-config"
	st.Inherited = []phased.Descriptor{{FD: 1, Type: "file", Path: "/var/log/or c.log", Offset: 100}, {FD: 2, Type: "file", Path: "/var/log/or c.log", Offset: 100}}
	tp := (&tape{}).add(0, st).add(0, phased.PhaseStarted{Phase: "configure", Entries: runs("10-a")})
	files := func(at int64) []phased.Descriptor {
		return []phased.Descriptor{{FD: 1, Type: "file", Path: "/var/log/or c.log", Offset: at}, {FD: 2, Type: "file", Path: "/var/log/or c.log", Offset: at}}
	}
	tp.add(0, phased.HookStarted{Phase: "configure", Hook: "10-a", Path: "/b/configure.d/10-a", Files: files(120)})
	exit := phased.Exit{Cause: phased.CauseSignal, Status: 139, Signal: 11}
	tp.add(0, phased.HookFinished{Phase: "configure", Hook: "10-a", Exit: exit, Took: time.Second, Files: files(4711)})
	f := phased.Failure{Phase: "configure", Hook: "10-a", Path: "/b/configure.d/10-a", Exit: exit}
	tp.add(0, phased.RunFailed{Failure: f}, phased.PhaseFinished{Phase: "configure", Status: phased.StatusFailed, Took: time.Second},
		phased.RunFinished{Status: phased.StatusFailed, ExitCode: 139, Failure: &f, Took: time.Second, Ran: 1, Failed: 1})
	golden(t, "show-inherited-file", show(t, tp))
}

func TestShowInheritedTerminal(t *testing.T) {
	st := started(1)
	st.Output, st.Personality = "inherited", "dib-run-parts"
	st.Inherited = []phased.Descriptor{{FD: 1, Type: "terminal", Path: "/dev/pts/3"}, {FD: 2, Type: "pipe", Path: "pipe:[1234]"}}
	tp := (&tape{}).add(0, st).add(0, phased.PhaseStarted{Phase: "configure", Entries: runs("10-a")})
	exit := phased.Exit{Cause: phased.CauseTimeout, Status: 124, Message: "time limit of the hook (2s) reached"}
	tp.hook("configure", "10-a", 2*time.Second, exit)
	f := phased.Failure{Phase: "configure", Hook: "10-a", Path: "/b/configure.d/10-a", Exit: exit}
	tp.add(0, phased.RunFinished{Status: phased.StatusTimedOut, ExitCode: 124, Failure: &f, Took: 2 * time.Second, Ran: 1, Failed: 1})
	golden(t, "show-inherited-terminal", show(t, tp))
}

// TestShowLongPhase wants failures among many hooks to be found without
// scrolling, and everything with All.
func TestShowLongPhase(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("%02d-hook", i))
	}
	tp := (&tape{}).add(0, started(40)).add(0, phased.PhaseStarted{Phase: "configure", Entries: runs(append(names, "90-last", "91-last")...)})
	for i, n := range names {
		exit := okExit
		if i == 17 {
			exit = phased.Exit{Cause: phased.CauseExit, Status: 9}
		}
		tp.hook("configure", n, time.Duration(i)*time.Millisecond, exit)
	}
	draw := show(t, tp)
	var b bytes.Buffer
	draw(&b, styles()["nocolour"])
	for _, want := range []string{"  ✗ 17-hook  exit status 9", "39 hooks succeeded  (--all lists them)", "91-last  not run"} {
		if !bytes.Contains(b.Bytes(), []byte(want)) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if bytes.Contains(b.Bytes(), []byte("✓ 05-hook")) {
		t.Errorf("a hook that succeeded is listed:\n%s", b.String())
	}
	for _, all := range []bool{true, false} {
		b.Reset()
		s := styles()["plain"]
		if all {
			s = styles()["nocolour"]
		}
		if err := Show(&b, s, Story{Run: tp.fold(), All: all}); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(b.Bytes(), []byte(" 05-hook ")) {
			t.Errorf("all=%v: 05-hook is not in\n%s", all, b.String())
		}
	}
}

func TestRuns(t *testing.T) {
	base := time.Date(2026, 3, 1, 2, 12, 9, 0, time.UTC)
	f := &phased.Failure{Phase: "configure", Hook: "30 database", Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}}
	list := []phased.Summary{
		{ID: "01JNXZ5M8GT3Q2V9K7B1C4D6E8", Lifecycle: "refresh", Base: "/etc/phased", Status: phased.StatusRunning, Began: base, Ran: 2},
		{ID: "01JNXZ5M8FT3Q2V9K7B1C4D6E8", Lifecycle: "refresh", Base: "/etc/phased", Status: phased.StatusFailed, Began: base.Add(-time.Hour), Took: 3731 * time.Millisecond, Ran: 3, Failed: 1, Failure: f, ExitCode: 1},
		{ID: "01JNXZ5M8ET3Q2V9K7B1C4D6E8", Lifecycle: "refresh", Personality: "os-refresh-config", Base: "/usr/libexec/os-refresh-config", Status: phased.StatusSucceeded, Began: base.Add(-48 * time.Hour), Took: 90 * time.Second, Ran: 12},
	}
	kin := []phased.Summary{
		{ID: "01JNXZ5M8GT3Q2V9K7B1C4D6E8", Lifecycle: "stack", Base: "/opt/devstack", Status: phased.StatusFailed, Began: base, Resumes: otherID, From: otherID, Failure: f},
		{ID: "01JNXZ5M8ET3Q2V9K7B1C4D6E8", Lifecycle: "unstack", Base: "/opt/devstack", Status: phased.StatusSucceeded, Began: base, Parent: otherID},
		{ID: "01JNXZ5M8DT3Q2V9K7B1C4D6E8", Lifecycle: "stack", Base: "/opt/devstack", Status: phased.StatusSucceeded, Began: base, From: otherID},
	}
	golden(t, "runs", func(b *bytes.Buffer, s Style) {
		if err := Runs(b, s, list); err != nil {
			t.Error(err)
		}
		b.WriteString("\n")
		if err := Runs(b, s, list[:2]); err != nil {
			t.Error(err)
		}
		b.WriteString("\n")
		if err := Runs(b, s, kin); err != nil {
			t.Error(err)
		}
		b.WriteString("\n")
		if err := Runs(b, s, nil); err != nil {
			t.Error(err)
		}
	})
}

func TestLogs(t *testing.T) {
	golden(t, "logs", func(b *bytes.Buffer, s Style) {
		for _, l := range []struct {
			headings bool
			stream   string
		}{{headings: true}, {}, {stream: "err"}} {
			fmt.Fprintf(b, "[headings %v, stream %q]\n", l.headings, l.stream)
			logs := NewLogs(b, b, s)
			logs.Headings, logs.Stream = l.headings, l.stream
			for _, e := range success().events {
				switch d := e.Data.(type) {
				case phased.HookOutput:
					logs.Output(d)
				case phased.HookFinished:
					if d.Hook == "20-render" {
						logs.Cut(phased.HookCut{Phase: d.Phase, Hook: d.Hook, Dropped: 5000, Limit: 8 << 20})
					}
					logs.HookEnd(d.Phase, d.Hook)
				}
			}
			if err := logs.End(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestRawLogsAreTheBytes wants raw output to be what the hooks wrote, one
// stream of it where that is asked for, with talk elsewhere.
func TestRawLogsAreTheBytes(t *testing.T) {
	for stream, want := range map[string]string{"": "a\x1b[2J\rb\xff\n\x00c", "out": "a\x1b[2J\rc", "err": "b\xff\n\x00"} {
		var out, talk bytes.Buffer
		logs := NewLogs(&out, &talk, styles()["term60"])
		logs.Raw, logs.Stream, logs.Headings = true, stream, true
		for _, o := range []string{"out:a\x1b[2J\r", "err:b\xff\n\x00", "out:c"} {
			logs.Output(phased.HookOutput{Phase: "p", Hook: "h", Stream: o[:3], Text: phased.Text(o[4:])})
		}
		logs.Cut(phased.HookCut{Phase: "p", Hook: "h", Dropped: 1, Limit: 2})
		if err := logs.End(); err != nil || out.String() != want || talk.Len() == 0 {
			t.Errorf("stream %q: %q, want %q; talk %q, error %v", stream, out.String(), want, talk.String(), err)
		}
	}
}
