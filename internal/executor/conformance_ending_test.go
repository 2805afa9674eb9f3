package executor

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/proc"
)

// forever outlasts every test.
const forever = "sleep 3600"

// graceOf sets the time between TERM and KILL.
func graceOf(d time.Duration) func(*phased.Setup) {
	return func(s *phased.Setup) { s.Grace = d }
}

const (
	short = 100 * time.Millisecond // for a hook that is to be killed
	long  = time.Hour              // for one that must not be
)

// ends ends the hook, once there are the files with the pids.
func ends(err error, pids ...string) func(*scene) {
	return func(s *scene) {
		for _, name := range pids {
			pidIn(s.t, s.path(name))
		}
		s.cancel(err)
	}
}

// signals checks what was sent.
func signals(want ...string) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		t.Helper()
		if diff := cmp.Diff(want, s.signals); diff != "" {
			t.Errorf("signals (-want +got):\n%s", diff)
		}
		for i, r := range s.reasons {
			if r == "" || s.counts[i] < 1 {
				t.Errorf("signal %s to %d processes because of %q", s.signals[i], s.counts[i], r)
			}
		}
	}
}

// gone checks that the processes whose pids are in the files have ended, and
// that nothing was sent but the signals.
func gone(names ...string) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		t.Helper()
		for _, name := range names {
			pid := pidIn(t, s.path(name))
			if proc.Alive(pid, 0) {
				t.Errorf("process %d (%s) of the hook lives on: %s", pid, name, proc.CommandLine(pid))
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

func both(checks ...func(*testing.T, *scene)) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		t.Helper()
		for _, c := range checks {
			c(t, s)
		}
	}
}

// output checks stdout.
func output(want string) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		t.Helper()
		if got := s.stdout(); got != want {
			t.Errorf("stdout %q, expected %q", got, want)
		}
	}
}

// ready is shell: it lets the test go on.
const ready = ": >$DIR/ready; "

func endings() []behaviour {
	return append([]behaviour{
		notStarted("time limit before the start", timeout, exitBy(phased.CauseTimeout, 124, 0)),
		notStarted("stop before the start", stopInt, exitBy(phased.CauseStopped, 130, 2)),
		notStarted("cancelled before the start", context.Canceled, exitBy(phased.CauseStopped, 143, 15)),
		{
			name: "killed before the start", body: "echo ran", want: exitBy(phased.CauseStopped, 143, 15),
			hook: func(_ *testing.T, s *scene) { close(s.kill) },
		},
		{
			name: "time limit", body: "echo begun; " + ready + forever, want: exitBy(phased.CauseTimeout, 124, 15), setup: graceOf(long),
			during: ends(timeout), message: "time limit of the hook (3s) reached", check: both(signals("SIGTERM"), output("begun\n")),
		},
		{
			name: "stop", body: ready + forever, want: exitBy(phased.CauseStopped, 130, 15), setup: graceOf(long),
			during: ends(stopInt), message: "told to stop by SIGINT", check: signals("SIGTERM"),
		},
		{
			name: "exit 0 at TERM is no success", want: exitBy(phased.CauseTimeout, 124, 0), setup: graceOf(long),
			body:   "trap 'sleep 0.2; echo cleaned; exit 0' TERM; " + ready + "while :; do sleep 0.01; done",
			during: ends(timeout), check: both(signals("SIGTERM"), output("cleaned\n")),
		},
		{
			name: "TERM ignored", want: exitBy(phased.CauseTimeout, 124, 9), setup: graceOf(short),
			body:   "trap '' TERM; echo $$ >$DIR/self; " + ready + forever,
			during: ends(timeout, "self"), check: both(signals("SIGTERM", "SIGKILL"), gone("self")),
		},
		{
			name: "kill at once", want: exitBy(phased.CauseStopped, 143, 9), setup: graceOf(long),
			body: "trap 'echo told' TERM; echo $$ >$DIR/self; " + ready + "while :; do sleep 0.01; done",
			during: func(s *scene) {
				s.cancel(&phased.StopRequest{Signal: syscall.SIGTERM})
				await(s.t, "the first signal", func() bool { return s.stdout() != "" })
				close(s.kill)
			},
			check: both(signals("SIGTERM", "SIGKILL"), gone("self")),
		},
		{
			name: "kill without a stop", want: exitBy(phased.CauseStopped, 143, 9), setup: graceOf(long),
			body: "trap '' TERM; " + ready + forever, during: func(s *scene) { close(s.kill) }, check: signals("SIGKILL"),
		},
		{
			name: "a stopped process is told as well", want: exitBy(phased.CauseTimeout, 124, 0), setup: graceOf(long),
			body: "trap 'echo told; exit 9' TERM; " + ready + "kill -STOP $$; while :; do sleep 0.01; done",
			during: func(s *scene) {
				await(s.t, "the start", func() bool { return s.pid() > 0 })
				pid := s.pid()
				await(s.t, "the stop", func() bool { st, err := proc.Read(pid); return err == nil && st.State == 'T' })
				s.cancel(timeout)
			},
			check: output("told\n"),
		},
	}, trees()...)
}

func notStarted(name string, cause error, want phased.Exit) behaviour {
	return behaviour{name: name, body: "echo ran", before: cause, want: want, check: func(t *testing.T, s *scene) {
		if len(s.started) > 0 || s.stdout() != "" || len(s.signals) > 0 {
			t.Errorf("it was started: %v", s)
		}
	}}
}

// trees are the ways in which a hook has more than one process when it is ended.
func trees() []behaviour {
	timedOut := func(signal int) phased.Exit { return exitBy(phased.CauseTimeout, 124, signal) }
	return []behaviour{
		{
			name: "tree: children", want: timedOut(15), setup: graceOf(long), during: ends(timeout, "a", "b"),
			body:  forever + " & echo $! >$DIR/a; (" + forever + "; :) & echo $! >$DIR/b; " + ready + "wait",
			check: both(signals("SIGTERM"), gone("a", "b")),
		},
		{
			name: "tree: a child that ignores TERM", want: timedOut(15), setup: graceOf(short), slow: true, during: ends(timeout, "a"),
			body:  "(trap '' TERM; echo x; " + ready + forever + ") & echo $! >$DIR/a; " + forever,
			check: both(signals("SIGTERM", "SIGKILL"), gone("a")),
		},
		{
			name: "tree: a child may clean up behind the hook", want: timedOut(15), setup: graceOf(long), during: ends(timeout, "a"),
			body:  "(trap 'sleep 0.3; echo cleaned; exit' TERM; " + ready + "while :; do sleep 0.01; done) & echo $! >$DIR/a; " + forever,
			check: both(signals("SIGTERM"), gone("a"), output("cleaned\n")),
		},
		{
			name: "tree: a session of its own", want: timedOut(15), setup: graceOf(short), slow: true, during: ends(timeout, "a", "b"),
			body:  "setsid sh -c 'trap \"\" TERM; echo $$ >$DIR/a; " + forever + " & echo $! >$DIR/b; " + ready + "wait' & wait",
			check: gone("a", "b"),
		},
		{
			name: "tree: a daemon", want: timedOut(15), setup: graceOf(short), slow: true, during: ends(timeout, "a"),
			body:  "(setsid sh -c 'trap \"\" TERM; echo $$ >$DIR/a; " + ready + "exec " + forever + "' >/dev/null 2>&1 </dev/null &) ; " + forever,
			check: gone("a"),
		},
		{
			name: "tree: one that forks without end", want: timedOut(15), setup: graceOf(short), slow: true, during: ends(timeout),
			hook: func(t *testing.T, s *scene) {
				hop := program(t, "hop", "#!/bin/sh\ntrap '' TERM\n[ -e $DIR/end ] && exit\necho x >>$DIR/hops\n\"$0\" &\n")
				s.hook.Env = append(s.hook.Env, phased.Text("HOP="+hop))
			},
			body:  "$HOP & until [ -e $DIR/hops ]; do sleep 0.01; done; " + ready + forever,
			check: noMoreHops,
		},
		{
			name: "tree: one that forks sessions without end", want: timedOut(15), setup: graceOf(short), slow: true, during: ends(timeout),
			hook: func(t *testing.T, s *scene) {
				hop := program(t, "hop", "#!/bin/sh\ntrap '' TERM\n[ -e $DIR/end ] && exit\necho x >>$DIR/hops\nsetsid \"$0\" &\n")
				s.hook.Env = append(s.hook.Env, phased.Text("HOP="+hop))
			},
			body:  "$HOP & until [ -e $DIR/hops ]; do sleep 0.01; done; " + ready + forever,
			check: noMoreHops,
		},
	}
}

// noMoreHops checks that the file that every hop writes to grows no more.
func noMoreHops(t *testing.T, s *scene) {
	defer s.touch("end")
	all, err := proc.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if has, _ := proc.HasEnv(p.Pid, "DIR="+s.dir); has && !p.Ended() {
			t.Errorf("process %d of the hook lives on", p.Pid)
		}
	}
	before := len(content(s.path("hops")))
	time.Sleep(300 * time.Millisecond) // a hop takes about 2 ms
	if now := len(content(s.path("hops"))); now != before {
		t.Errorf("%d hops after the end", now-before)
	}
}

// TestEarlierHook proves that what an earlier hook left behind outlives the end
// of a later one.
func TestEarlierHook(t *testing.T) {
	r := &recorder{}
	p := &Process{Group: true, Marker: marker}
	s := native(r)
	s.Grace = short
	enter(t, p, s)
	dir := t.TempDir()
	hook := func(name, body string) phased.Hook {
		h := hookOf(program(t, name, "#!/bin/sh\n"+body))
		h.Env = []phased.Text{phased.Text("DIR=" + dir), phased.Text(marker), "PHASED_PHASE=configure", "PHASED_HOOK=" + h.Name}
		return h
	}
	daemon := "setsid " + forever + " >/dev/null 2>&1 </dev/null & echo $! >$DIR/"
	if res, err := p.Exec(t.Context(), hook("first", daemon+"first; "+forever+" >/dev/null 2>&1 & echo $! >$DIR/child")); err != nil || !res.OK() || res.Left {
		t.Fatal(res, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	r.onStart = func(phased.Process) {
		go func() {
			pidIn(t, dir+"/second")
			cancel(timeout)
		}()
	}
	res, err := p.Exec(ctx, hook("second", daemon+"second; "+forever))
	if err != nil || res.Cause != phased.CauseTimeout {
		t.Fatal(res, err)
	}
	for name, want := range map[string]bool{"first": true, "child": true, "second": false} {
		pid := pidIn(t, dir+"/"+name)
		if proc.Alive(pid, 0) != want {
			t.Errorf("process %s lives: %v, expected %v", name, !want, want)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	r.check(t)
}

// personality is how the personalities run hooks.
func personality(t *testing.T, r *recorder, p *Process) {
	t.Helper()
	p.Output, p.ForwardSignal, p.KillAtOnce = Inherited, true, true
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { null.Close() })
	p.Stdout, p.Stderr = null, null
	s := native(r)
	s.Grace = long
	enter(t, p, s)
}

// TestKillAtOnce proves that a time limit of a personality kills every
// descendant without a grace, and no process that has left the tree.
func TestKillAtOnce(t *testing.T) {
	r, p, dir := &recorder{}, &Process{}, t.TempDir()
	personality(t, r, p)
	body := "trap 'echo told >$DIR/told' TERM; setsid " + forever + " & echo $! >$DIR/below; " +
		"(setsid sh -c 'echo $$ >$DIR/daemon; exec " + forever + "' &) ; until [ -e $DIR/daemon ]; do sleep 0.01; done; " + ready + "while :; do sleep 0.01; done"
	h := hookOf(program(t, "hook", "#!/bin/sh\n"+body))
	h.Env = []phased.Text{phased.Text("DIR=" + dir), "PHASED_PHASE=configure", "PHASED_HOOK=hook"}
	ctx, cancel := context.WithCancelCause(t.Context())
	r.onStart = func(phased.Process) {
		go func() {
			await(t, "the hook", func() bool { return content(dir+"/below") != "" && exists(dir+"/ready") })
			cancel(timeout)
		}()
	}
	res, err := p.Exec(ctx, h)
	if err != nil {
		t.Fatal(err)
	}
	if res.Cause != phased.CauseTimeout || res.Signal != 9 || strings.Join(r.signals, " ") != "SIGKILL" || exists(dir+"/told") {
		t.Errorf("%+v, %v", res, r)
	}
	for name, want := range map[string]bool{"below": false, "daemon": true} {
		pid := pidIn(t, dir+"/"+name)
		if proc.Alive(pid, 0) != want {
			t.Errorf("process %s lives: %v, expected %v", name, !want, want)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	r.check(t)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestForwardSignal proves that a stop of a personality reaches the hook as the
// signal that it came by.
func TestForwardSignal(t *testing.T) {
	r, p, dir := &recorder{}, &Process{}, t.TempDir()
	personality(t, r, p)
	h := hookOf(program(t, "hook", "#!/bin/sh\ntrap 'echo HUP >$DIR/told; exit 5' HUP; "+ready+"while :; do sleep 0.01; done"))
	h.Env = []phased.Text{phased.Text("DIR=" + dir)}
	ctx, cancel := context.WithCancelCause(t.Context())
	r.onStart = func(phased.Process) {
		go func() {
			await(t, "the hook", func() bool { return exists(dir + "/ready") })
			cancel(&phased.StopRequest{Signal: syscall.SIGHUP})
		}()
	}
	res, err := p.Exec(ctx, h)
	if err != nil || res.Cause != phased.CauseStopped || res.Status != 129 || content(dir+"/told") != "HUP" {
		t.Errorf("%+v, %v, %v", res, err, r)
	}
	if strings.Join(r.signals, " ") != "SIGHUP" {
		t.Errorf("signals %v", r.signals)
	}
}

// TestTerminalSignal proves that a hook which ^C has ended before phased is told
// of it counts as stopped, and one that nobody was told to stop does not.
func TestTerminalSignal(t *testing.T) {
	for _, told := range []bool{true, false} {
		r, p := &recorder{}, &Process{}
		personality(t, r, p)
		ctx, cancel := context.WithCancelCause(t.Context())
		came := make(chan os.Signal, 1)
		signal.Notify(came, syscall.SIGUSR1)
		go func() {
			<-came // the hook has sent it just before its end
			signal.Stop(came)
			if told {
				cancel(stopInt)
			}
		}()
		h := hookOf(program(t, "hook", "#!/bin/sh\nkill -USR1 $PPID; kill -INT $$\n"))
		res, err := p.Exec(ctx, h)
		want := phased.CauseSignal
		if told {
			want = phased.CauseStopped
		}
		if err != nil || res.Cause != want || res.Status != 130 || res.Signal != 2 {
			t.Errorf("told %v: %+v, %v", told, res, err)
		}
	}
}
