package report

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

const (
	extras  = "/opt/devstack/extras.d/"
	otherID = "01JNXZ5M8FT3Q2V9K7B1C4D6E8"
)

func stackStarted(lifecycle string, hooks int, phases ...string) phased.RunStarted {
	return phased.RunStarted{
		Lifecycle: lifecycle, Base: "/opt/devstack", Host: "ctl1", User: "stack", UID: 1000, Pid: 4700, Output: "captured",
		Argv: []phased.Text{"phased", phased.Text(lifecycle), "--top-dir", "/opt/devstack"}, Phases: phases, Hooks: hooks,
	}
}

func text(v string) *phased.Value { return &phased.Value{Text: phased.Text(v)} }

func changed(phase, hook string, names ...string) phased.SpaceChanged {
	c := phased.SpaceChanged{Phase: phase, Hook: phased.Text(hook)}
	for _, n := range names {
		c.Changes = append(c.Changes, phased.Change{Kind: phased.ChangeVariable, Name: phased.Text(n), What: phased.WhatSet, Is: text("1")})
	}
	return c
}

// point enters a phase of a session.
func (tp *tape) point(phase string, names ...string) *tape {
	var all []phased.Entry
	for _, n := range names {
		all = append(all, phased.Entry{Name: phased.Text(n), Path: phased.Text(extras + n), Verdict: phased.VerdictRun})
	}
	all = append(all, skipped("README", phased.VerdictNoMatch))
	return tp.add(time.Millisecond, phased.PhaseStarted{Phase: phase, Dirs: []phased.Text{"/opt/devstack/extras.d"}, Entries: all})
}

// source sources a hook; args are the point's.
func (tp *tape) source(phase, name, args string, f phased.HookFinished, output ...string) *tape {
	var words []phased.Text
	for w := range strings.FieldsSeq(args) {
		words = append(words, phased.Text(w))
	}
	tp.add(time.Millisecond, phased.HookStarted{Phase: phase, Hook: phased.Text(name), Path: phased.Text(extras + name), Args: words, Pid: 4711})
	for _, o := range output {
		stream, text, _ := strings.Cut(o, ":")
		tp.add(time.Millisecond, phased.HookOutput{Phase: phase, Hook: phased.Text(name), Stream: stream, Text: phased.Text(text)})
		f.Out += int64(len(text))
	}
	f.Phase, f.Hook = phase, phased.Text(name)
	if f.Exit.Cause == "" {
		f.Exit = okExit
	}
	return tp.add(f.Took, f)
}

func (tp *tape) leave(phase string, s phased.Status) *tape {
	return tp.add(time.Millisecond, phased.PhaseFinished{Phase: phase, Status: s, Took: 20 * time.Millisecond})
}

// failingTrace is a line of a library that a hook calls.
func failingTrace() *phased.Trace {
	return &phased.Trace{
		How: "command", File: "/opt/devstack/lib/databases/mysql", Line: 87,
		Command: `mysql -u "$DATABASE_USER" -p"$DATABASE_PASSWORD" -h "$MYSQL_HOST" -e "CREATE DATABASE $db CHARACTER SET utf8;"`,
		Source: []phased.Text{
			"\tmysql -u \"$DATABASE_USER\" -p\"$DATABASE_PASSWORD\" -h \"$MYSQL_HOST\" \\",
			"\t\t-e \"CREATE DATABASE $db CHARACTER SET utf8;\"",
		},
		Stack: []phased.Frame{
			{Function: "recreate_database_mysql", File: "/opt/devstack/lib/databases/mysql", Line: 87},
			{Function: "recreate_database", File: "/opt/devstack/lib/database", Line: 110},
			{Function: "init_heat", File: "/opt/devstack/lib/heat", Line: 215},
			{Function: "source", File: extras + "50-heat.sh", Line: 24},
			{Function: "run_phase", File: "/opt/devstack/stack.sh", Line: 1},
			{Function: "main", File: "/opt/devstack/stack.sh", Line: 1},
		},
		Variables: []phased.Variable{
			{Name: "DATABASE_USER", Value: text("root")},
			{Name: "DATABASE_PASSWORD", Value: &phased.Value{Secret: true}},
			{Name: "MYSQL_HOST"},
			{Name: "db", Value: text("heat")},
			{Name: "MYSQL_ARGS", Value: &phased.Value{Text: `([0]="--verbose" [1]="--silent")`, Attributes: "a"}},
			{Name: "NOTE", Value: text("two\nlines of a text that goes on and on until no screen of any operator at night is wide enough to show it all")},
		},
		Ignored: 2,
	}
}

// stackFailure is a stack that a hook's library function ends.
func stackFailure() *tape {
	tp := (&tape{}).add(0, stackStarted("stack", 4, "functions", "source", "install", "post-config", "extra"))
	tp.add(0, phased.SessionStarted{Pid: 4711, Bash: "5.2.15(1)-release", Options: []string{"errexit", "xtrace"}}, changed("", "", "A", "B"))
	tp.add(0, phased.PhaseStarted{Phase: "functions", Dirs: []phased.Text{"/opt/devstack/steps/stack/functions.d"}, Entries: runs("10-base.sh")})
	tp.source("functions", "10-base.sh", "", phased.HookFinished{Took: 80 * time.Millisecond}).add(0, changed("functions", "10-base.sh", "F"))
	tp.leave("functions", phased.StatusSucceeded)
	tp.point("source", "50-heat.sh", "60-mistral.sh")
	tp.add(0, phased.HookWarning{Phase: "source", Hook: "70-zaqar.SH", Code: phased.WarnLookAlike, Message: "70-zaqar.SH looks like a hook, but its name does not end in .sh", File: extras + "70-zaqar.SH"})
	tp.source("source", "50-heat.sh", "source", phased.HookFinished{Took: 120 * time.Millisecond}, "out:heat sourced\n").add(0, changed("source", "50-heat.sh", "HEAT_DIR", "HEAT_CONF", "HEAT_BIN"))
	tp.add(0, phased.HookWarning{Phase: "source", Hook: "50-heat.sh", Code: phased.WarnUmask, Message: "left umask 077, it was 022", File: extras + "50-heat.sh"})
	tp.add(time.Millisecond, phased.HookSkipped{Phase: "source", Hook: "60-mistral.sh", Path: extras + "60-mistral.sh", Reason: phased.SkippedNotReadable, Message: "not readable when its turn came"})
	tp.add(0, phased.HookWarning{Phase: "source", Hook: "60-mistral.sh", Code: phased.WarnUnreadable, Message: "is not readable, and was passed over", File: extras + "60-mistral.sh"})
	tp.leave("source", phased.StatusSucceeded)
	tp.point("install", "50-heat.sh", "80-tempest.sh")
	tp.add(0, phased.HookWarning{Phase: "install", Hook: "70-zaqar.SH", Code: phased.WarnLookAlike, Message: "70-zaqar.SH looks like a hook, but its name does not end in .sh", File: extras + "70-zaqar.SH"})
	tp.source("install", "50-heat.sh", "stack install", phased.HookFinished{
		Took: 95 * time.Second, Exit: phased.Exit{Cause: phased.CauseExit, Status: 1}, Ended: true, Trace: failingTrace(),
	}, "out:Reading package lists...\nBuilding dependency tree...\nmysql-client is already the newest version\nCreating database heat\nwith the character set utf8\n",
		"err:ERROR 2002 (HY000): Can't connect to local MySQL server through socket '/var/run/mysqld/mysqld.sock' (2 \"No such file or directory\")\n")
	tp.add(0, changed("install", "50-heat.sh", "x", "y"))
	f := phased.Failure{Phase: "install", Hook: "50-heat.sh", Path: extras + "50-heat.sh", Exit: phased.Exit{Cause: phased.CauseExit, Status: 1}, Trace: failingTrace()}
	tp.add(0, phased.RunFailed{Failure: f})
	tp.leave("install", phased.StatusFailed)
	tp.add(0, phased.SessionEnded{Exit: phased.Exit{Cause: phased.CauseExit, Status: 1}})
	return tp.add(0, phased.RunFinished{Status: phased.StatusFailed, ExitCode: 1, Failure: &f, Took: tp.at, Ran: 3, Failed: 1})
}

// stackResumed goes on from stackFailure, with all going well.
func stackResumed() *tape {
	st := stackStarted("stack", 4, "functions", "source", "install", "post-config", "extra")
	st.Resumes, st.From = otherID, otherID
	st.Argv = []phased.Text{"phased", "resume", "01JNXZ5M8F"}
	tp := (&tape{}).add(0, st, phased.SessionStarted{
		Pid: 4811, Bash: "5.2.15(1)-release", Options: []string{"errexit", "xtrace"}, Restored: otherID,
		Lost: []string{"2 background jobs, with what wait would tell of them", "descriptor 3 (pipe), which was open in the session"},
	})
	tp.add(0, phased.PhaseSkipped{Phase: "functions", Reason: phased.SkippedDone, Message: "done in run 01JNXZ5M8F"})
	tp.add(0, phased.PhaseSkipped{Phase: "source", Reason: phased.SkippedDone, Message: "done in run 01JNXZ5M8F"})
	tp.point("install", "10-a.sh", "20-b.sh", "50-heat.sh", "80-tempest.sh")
	for _, n := range []string{"10-a.sh", "20-b.sh"} {
		tp.add(0, phased.HookSkipped{Phase: "install", Hook: phased.Text(n), Path: phased.Text(extras + n), Reason: phased.SkippedDone, Message: "done in run 01JNXZ5M8F"})
	}
	tp.source("install", "50-heat.sh", "stack install", phased.HookFinished{Took: 12 * time.Second}, "out:created\n").add(0, changed("install", "50-heat.sh", "x"))
	tp.source("install", "80-tempest.sh", "stack install", phased.HookFinished{Took: time.Second})
	tp.leave("install", phased.StatusSucceeded)
	for _, ph := range []string{"post-config", "extra"} {
		tp.point(ph).leave(ph, phased.StatusSucceeded)
	}
	tp.add(0, phased.SessionEnded{Exit: okExit})
	return tp.add(0, phased.RunFinished{Status: phased.StatusSucceeded, Took: tp.at, Ran: 2})
}

// cleanIgnoring is a clean that calls unstack and whose hooks fail without an
// end to it.
func cleanIgnoring() *tape {
	tp := (&tape{}).add(0, stackStarted("clean", 5, "source", "unstack", "clean"))
	tp.add(0, phased.SessionStarted{Pid: 4711, Bash: "5.2.15(1)-release"})
	tp.point("source").leave("source", phased.StatusSucceeded)
	tp.point("unstack", "unstack")
	tp.add(0, phased.HookStarted{Phase: "unstack", Hook: "unstack", Path: "/usr/bin/phased", Args: []phased.Text{"unstack"}, Pid: 4900, Run: otherID},
		phased.HookFinished{Phase: "unstack", Hook: "unstack", Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}, Took: 3 * time.Second, Ignored: true})
	tp.leave("unstack", phased.StatusSucceeded)
	tp.point("clean", "50-heat.sh", "60-mistral.sh", "70-zaqar.sh", "80-tempest.sh")
	tp.source("clean", "50-heat.sh", "clean", phased.HookFinished{
		Took: time.Second, Exit: phased.Exit{Cause: phased.CauseExit, Status: 4}, Ignored: true,
		Trace: &phased.Trace{How: "command", File: extras + "50-heat.sh", Line: 31, Command: "rmdir /var/lib/heat", Ignored: 1},
	})
	tp.source("clean", "60-mistral.sh", "clean", phased.HookFinished{Took: time.Second})
	tp.add(0, phased.HookWarning{Phase: "clean", Hook: "60-mistral.sh", Code: phased.WarnIgnored, Message: "3 commands failed, and nobody minded; first rm -r /etc/mistral", File: extras + "60-mistral.sh", Line: 7})
	tp.source("clean", "70-zaqar.sh", "clean", phased.HookFinished{
		Took: time.Second, Trace: &phased.Trace{How: "command", File: extras + "70-zaqar.sh", Line: 12, Ignored: 1},
	})
	tp.source("clean", "80-tempest.sh", "clean", phased.HookFinished{Took: time.Second, Exit: phased.Exit{Cause: phased.CauseExit, Status: 1}, Ignored: true})
	tp.leave("clean", phased.StatusSucceeded)
	tp.add(0, phased.SessionEnded{Exit: okExit})
	return tp.add(0, phased.RunFinished{Status: phased.StatusSucceeded, Took: tp.at, Ran: 5, Failed: 3})
}

// stackHalfWay is a stack that a hook ends in order.
func stackHalfWay() *tape {
	tp := (&tape{}).add(0, stackStarted("stack", 3, "source", "install"))
	tp.add(0, phased.SessionStarted{Pid: 4711, Bash: "5.2.15(1)-release", Options: []string{"errexit"}})
	tp.point("source", "50-heat.sh", "60-mistral.sh")
	tp.source("source", "50-heat.sh", "source", phased.HookFinished{
		Took: time.Second, Ended: true, Trace: &phased.Trace{How: "exit", File: extras + "50-heat.sh", Line: 9, Command: "exit 0", Source: []phased.Text{"    is_service_enabled heat || exit 0"}},
	}, "out:heat is not enabled\n")
	tp.add(0, phased.HookWarning{Phase: "source", Hook: "50-heat.sh", Code: phased.WarnExitEarly, Message: "ended the run half-way with status 0", File: extras + "50-heat.sh", Line: 9})
	tp.leave("source", phased.StatusSucceeded)
	tp.add(0, phased.SessionEnded{Exit: okExit})
	return tp.add(0, phased.RunFinished{Status: phased.StatusSucceeded, Took: tp.at, Ran: 1})
}

// stackKilled is a stack whose shell is killed, with output that is not
// captured.
func stackKilled() *tape {
	st := stackStarted("stack", 1, "source")
	st.Output = "inherited"
	st.Inherited = []phased.Descriptor{{FD: 1, Type: "file", Path: "/opt/logs/stack.log", Offset: 100}, {FD: 2, Type: "file", Path: "/opt/logs/stack.log", Offset: 100}}
	tp := (&tape{}).add(0, st, phased.SessionStarted{Pid: 4711, Bash: "5.2.15(1)-release", Options: []string{"errexit"}})
	tp.point("source", "50-heat.sh")
	exit := phased.Exit{Cause: phased.CauseSignal, Status: 137, Signal: 9}
	files := func(at int64) []phased.Descriptor {
		return []phased.Descriptor{{FD: 1, Type: "file", Path: "/opt/logs/stack.out", Offset: at / 2}, {FD: 2, Type: "file", Path: "/opt/logs/stack.log", Offset: at}}
	}
	tp.add(0, phased.HookStarted{Phase: "source", Hook: "50-heat.sh", Path: extras + "50-heat.sh", Args: []phased.Text{"source"}, Pid: 4711, Files: files(120)},
		phased.HookFinished{Phase: "source", Hook: "50-heat.sh", Exit: exit, Took: time.Second, Ended: true, Files: files(4711), Trace: &phased.Trace{How: "signal"}})
	f := phased.Failure{Phase: "source", Hook: "50-heat.sh", Path: extras + "50-heat.sh", Exit: exit, Trace: &phased.Trace{How: "signal"}}
	tp.add(0, phased.RunFailed{Failure: f})
	tp.leave("source", phased.StatusFailed)
	tp.add(0, phased.SessionEnded{Exit: exit})
	return tp.add(0, phased.RunFinished{Status: phased.StatusFailed, ExitCode: 137, Failure: &f, Took: tp.at, Ran: 1, Failed: 1})
}

// stackTrapFails is a stack whose EXIT trap ends it with a failure.
func stackTrapFails() *tape {
	tp := (&tape{}).add(0, stackStarted("stack", 1, "source"), phased.SessionStarted{Pid: 4711, Bash: "5.2.15(1)-release"})
	tp.point("source", "50-heat.sh").source("source", "50-heat.sh", "source", phased.HookFinished{Took: time.Second}).leave("source", phased.StatusSucceeded)
	f := phased.Failure{Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}}
	tp.add(0, phased.SessionEnded{Exit: f.Exit}, phased.RunFailed{Failure: f})
	return tp.add(0, phased.RunFinished{Status: phased.StatusFailed, ExitCode: 3, Failure: &f, Took: tp.at, Ran: 1})
}

// stackInterrupted is a stack whose phased died.
func stackInterrupted() *tape {
	tp := stackFailure()
	for i, e := range tp.events {
		if f, ok := e.Data.(phased.HookFinished); ok && f.Ended {
			tp.events = tp.events[:i]
			break
		}
	}
	return tp.add(time.Hour, phased.RunInterrupted{ClosedBy: "run " + otherID})
}

// stackTimeout is a stack whose hook had no time left.
func stackTimeout() *tape {
	tp := (&tape{}).add(0, stackStarted("stack", 2, "source", "install"), phased.SessionStarted{Pid: 4711, Bash: "5.2.15(1)-release"}, changed("", "", "A"))
	tp.point("source", "50-heat.sh", "60-x.sh")
	exit := phased.Exit{Cause: phased.CauseTimeout, Status: 124, Message: "time limit of the hook (2s) reached"}
	tp.add(time.Millisecond, phased.HookStarted{Phase: "source", Hook: "50-heat.sh", Path: extras + "50-heat.sh", Args: []phased.Text{"source"}, Pid: 4711})
	tp.add(2*time.Second, phased.HookSignalled{Phase: "source", Hook: "50-heat.sh", Signal: "SIGTERM", Reason: exit.Message, Count: 3})
	tp.add(0, phased.HookFinished{Phase: "source", Hook: "50-heat.sh", Exit: exit, Took: 2 * time.Second, Ended: true})
	f := phased.Failure{Phase: "source", Hook: "50-heat.sh", Path: extras + "50-heat.sh", Exit: exit}
	tp.add(0, phased.RunFailed{Failure: f})
	tp.leave("source", phased.StatusTimedOut)
	tp.add(0, phased.SessionEnded{Exit: phased.Exit{Cause: phased.CauseSignal, Status: 143, Signal: 15}})
	return tp.add(0, phased.RunFinished{Status: phased.StatusTimedOut, ExitCode: 124, Failure: &f, Took: tp.at, Ran: 1, Failed: 1})
}

// stackSimple is a stack that a line of a hook itself ends.
func stackSimple() *tape {
	tp := (&tape{}).add(0, stackStarted("stack", 1, "install"), phased.SessionStarted{Pid: 4711, Bash: "5.2.15(1)-release", Options: []string{"errexit"}})
	tp.point("install", "50-heat.sh")
	trace := &phased.Trace{
		How: "command", File: extras + "50-heat.sh", Line: 12, Command: "systemctl start heat-api", Source: []phased.Text{"    systemctl   start heat-api"},
		Stack: []phased.Frame{{Function: "source", File: extras + "50-heat.sh", Line: 12}, {Function: "run_phase", File: "/opt/devstack/stack.sh", Line: 3}, {Function: "main", File: "/opt/devstack/stack.sh", Line: 9}},
	}
	exit := phased.Exit{Cause: phased.CauseExit, Status: 5, Message: "exit status 5"}
	tp.source("install", "50-heat.sh", "stack install", phased.HookFinished{Took: time.Second, Exit: exit, Ended: true, Trace: trace}, "err:Failed to start heat-api.service: Unit heat-api.service not found.\n")
	f := phased.Failure{Phase: "install", Hook: "50-heat.sh", Path: extras + "50-heat.sh", Exit: exit, Trace: trace}
	tp.add(0, phased.RunFailed{Failure: f}).leave("install", phased.StatusFailed)
	tp.add(0, phased.SessionEnded{Exit: exit})
	return tp.add(0, phased.RunFinished{Status: phased.StatusFailed, ExitCode: 5, Failure: &f, Took: tp.at, Ran: 1, Failed: 1})
}

// stackOnly is one hook of one point alone.
func stackOnly() *tape {
	st := stackStarted("stack", 1, "functions", "source", "install", "extra")
	st.From = otherID
	tp := (&tape{}).add(0, st, phased.SessionStarted{Pid: 4711, Bash: "5.2.15(1)-release", Restored: otherID})
	for _, ph := range []string{"functions", "source"} {
		tp.add(0, phased.PhaseSkipped{Phase: ph, Reason: phased.SkippedNotAsked, Message: "not asked for (--only install)"})
	}
	tp.point("install", "50-heat.sh", "60-x.sh")
	tp.source("install", "50-heat.sh", "stack install", phased.HookFinished{Took: time.Second})
	tp.add(0, phased.HookSkipped{Phase: "install", Hook: "60-x.sh", Reason: phased.SkippedNotAsked, Message: "not asked for (--hook 50-heat.sh)"})
	tp.leave("install", phased.StatusSucceeded)
	tp.add(0, phased.PhaseSkipped{Phase: "extra", Reason: phased.SkippedNotAsked, Message: "not asked for (--only install)"})
	tp.add(0, phased.SessionEnded{Exit: okExit})
	return tp.add(0, phased.RunFinished{Status: phased.StatusSucceeded, Took: tp.at, Ran: 1})
}

func stackTapes() map[string]*tape {
	return map[string]*tape{
		"failure": stackFailure(), "resumed": stackResumed(), "ignored": cleanIgnoring(),
		"half-way": stackHalfWay(), "killed": stackKilled(), "trap": stackTrapFails(),
		"interrupted": stackInterrupted(), "timeout": stackTimeout(), "only": stackOnly(), "simple": stackSimple(),
	}
}

func TestShowStack(t *testing.T) {
	for name, tp := range stackTapes() {
		t.Run(name, func(t *testing.T) { goldenSession(t, "stack-show-"+name, show(t, tp)) })
	}
}

// report draws FailureReport and wants it to be short.
func report(t *testing.T, tp *tape) func(*bytes.Buffer, Style) {
	return func(b *bytes.Buffer, s Style) {
		r := tp.fold()
		st := Story{Run: r}
		if phase, hook, ok := Subject(r); ok {
			st.Tail = tp.tail(phase, string(hook))
		}
		if err := FailureReport(b, s, st); err != nil {
			t.Error(err)
		}
		if n := bytes.Count(b.Bytes(), []byte("\n")); s.Terminal && n > 25 {
			t.Errorf("%d lines:\n%s", n, b.String())
		}
	}
}

func TestFailureReport(t *testing.T) {
	for name, tp := range stackTapes() {
		t.Run(name, func(t *testing.T) { goldenSession(t, "stack-report-"+name, report(t, tp)) })
	}
}

// TestFailureReportIsShort wants the report of a failure of which everything is
// long to fit on a screen, with what matters in it.
func TestFailureReportIsShort(t *testing.T) {
	tp := stackFailure()
	f := tp.events[len(tp.events)-1].Data.(phased.RunFinished).Failure
	f.Exit.Message = "db: unbound variable"
	tr := failingTrace()
	tr.Source = append(tr.Source, "a", "b", "c", "d")
	tr.Command = "something else"
	for range 20 {
		tr.Stack = append([]phased.Frame{{Function: "deep", File: "/x", Line: 3}}, tr.Stack...)
		tr.Variables = append(tr.Variables, phased.Variable{Name: "V", Value: text(strings.Repeat("long ", 500))})
	}
	f.Trace = tr
	for _, width := range []int{60, 80, 120} {
		var b bytes.Buffer
		report(t, tp)(&b, Style{Terminal: true, Width: width, Unicode: true})
		for _, want := range []string{"lib/databases/mysql:87", "unbound variable", "something else", "called from  deep", "22 more calls", "50-heat.sh:24", "more variables", "mysqld.sock", "phased resume", "4 more lines"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%q is not in\n%s", want, b.String())
			}
		}
	}
}

func TestProgressOfStack(t *testing.T) {
	for name, tp := range stackTapes() {
		t.Run(name, func(t *testing.T) {
			goldenSession(t, "stack-progress-"+name, func(b *bytes.Buffer, s Style) { play(b, s, tp.events) })
		})
	}
}

// TestNoResumeIsNotSuggested wants `phased resume` to be named only where it
// can work.
func TestNoResumeIsNotSuggested(t *testing.T) {
	child, shell := stackFailure(), stackFailure()
	st := child.events[0].Data.(phased.RunStarted)
	st.Parent = otherID
	child.events[0].Data = st
	st.Parent, st.Personality = "", "shell-init"
	shell.events[0].Data = st
	for name, c := range map[string]struct {
		tp   *tape
		no   bool
		want bool
	}{
		"failed": {stackFailure(), false, true}, "nothing kept": {stackFailure(), true, false}, "processes": {failure(), false, true},
		"succeeded": {stackResumed(), false, false}, "inside another": {child, false, false}, "in another shell": {shell, false, false},
	} {
		var b bytes.Buffer
		story := Story{Run: c.tp.fold(), NoResume: c.no}
		plain := NewPlain(&b, &b, Style{})
		plain.NoResume = c.no
		for i, draw := range []func() error{
			func() error { return Show(&b, Style{}, story) },
			func() error { return FailureReport(&b, Style{}, story) },
			func() error { return Ending(&b, Style{Terminal: true}, story) },
			func() error {
				for _, e := range c.tp.events {
					plain.Event(e)
				}
				return plain.Flush()
			},
		} {
			b.Reset()
			if err := draw(); err != nil {
				t.Error(err)
			}
			said := strings.Contains(b.String(), "phased resume 01JNXZ5M8G")
			if said != c.want {
				t.Errorf("%s, %d: phased resume is suggested: %v, want %v\n%s", name, i, said, c.want, b.String())
			}
		}
	}
}

// TestEndingTellsWhereOutputWent: as a fact with its name, as the failure report has
// it.
func TestEndingTellsWhereOutputWent(t *testing.T) {
	tp := stackFailure()
	st := tp.events[0].Data.(phased.RunStarted)
	st.Output, st.Inherited = "inherited", []phased.Descriptor{{FD: 1, Type: "terminal", Path: "/dev/pts/3"}}
	tp.events[0].Data = st
	story := Story{Run: tp.fold()}
	for name, draw := range map[string]func(io.Writer, Style, Story) error{"the ending": Ending, "the report": FailureReport} {
		var b bytes.Buffer
		if err := draw(&b, Style{Terminal: true}, story); err != nil {
			t.Error(err)
		}
		if want := "\n  output       not recorded: descriptor 1 was a terminal (/dev/pts/3)\n"; !strings.Contains(b.String(), want) {
			t.Errorf("%s does not say %q:\n%s", name, want, b.String())
		}
	}
}

// TestEndingStaysShort: a hook that writes without line ends does not push what is to be
// known off the screen.
func TestEndingStaysShort(t *testing.T) {
	tp := failure()
	story := Story{Run: tp.fold(), Tail: Tail{Lines: []TailLine{{Stream: "out", Text: "a" + strings.Repeat("é", 1<<20)}, {Stream: "err", Text: "short"}}, Total: 2}}
	var b bytes.Buffer
	if err := Ending(&b, Style{Terminal: true, Width: 80}, story); err != nil {
		t.Error(err)
	}
	text := b.String()
	if len(text) > 3000 || !strings.Contains(text, "é ... 2 MiB more of this line\n") || !strings.Contains(text, "short\n") {
		t.Errorf("%d bytes: %.2000s", len(text), text)
	}
	if len(story.Tail.Lines[0].Text) < 1<<20 {
		t.Error("the story was changed")
	}
}
