package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/systemd"
	"phased/internal/watch"
)

// vigil is one `phased watch` on its way: what it starts, and what it tells.
type vigil struct {
	w       *World
	o       *watchOptions
	plan    phased.Plan
	stop    *stopper
	paths   []string
	settle  time.Duration
	manager *systemd.Socket

	ready  bool              // it has looked once
	unread map[string]string // what it has told that it cannot read
	last   string            // how the last run has ended
	ran    bool              // a run was started
}

const (
	// mostChanges is how many changes are told by name.
	mostChanges = 5
	// rowWarned is how many runs in a row the runs before have started, when it
	// is told that hooks may be changing what is watched.
	rowWarned = 3
)

// seen is told of every look.
func (v *vigil) seen(s watch.Snapshot) {
	unread := map[string]string{}
	for _, f := range s.Failed() {
		if unread[f.Path] = f.What; v.unread[f.Path] != f.What {
			v.w.talk("watch: warning: cannot read %s: %s", report.Name(phased.Text(f.Path)), f.What)
		}
	}
	v.unread = unread
	if v.ready {
		return
	}
	v.ready = true
	v.w.talk("watch: %s of %s when %s changed and %v have passed without a change", v.plan.Lifecycle, report.Name(v.plan.Base), v.subject(), v.settle)
	for _, path := range v.paths {
		if _, there := s[path]; !there && !strings.ContainsAny(path, `*?[\`) {
			v.w.talk("watch: %s is not there yet", report.Name(phased.Text(path)))
		}
	}
	v.manager.Send("READY=1", systemd.Status(v.idle()))
}

// subject names what is watched.
func (v *vigil) subject() string {
	names := make([]string, len(v.paths))
	for i, p := range v.paths {
		names[i] = report.Name(phased.Text(p))
	}
	if len(names) == 1 {
		return names[0] + " has"
	}
	return strings.Join(names, ", ") + " have"
}

// idle is the status while nothing runs.
func (v *vigil) idle() string {
	text := "watching " + strings.TrimSuffix(strings.TrimSuffix(v.subject(), " has"), " have")
	if v.last != "" {
		text += "; last run: " + v.last
	}
	return text
}

// run starts a run and waits for it. A signal to the watch goes on to the run.
func (v *vigil) run(ctx context.Context, why watch.Why) watch.Outcome {
	reason := reasonOf(why)
	v.ran = true
	v.w.talk("watch: %s: %s", reason, v.plan.Lifecycle)
	if why.Row > 0 && why.Row%rowWarned == 0 {
		v.w.talk("watch: warning: %d runs in a row were started by what changed during the run before: do the hooks change what is watched?", why.Row)
	}
	cmd := v.command(reason)
	begin, end, err := v.relay(cmd)
	if err == nil {
		err = cmd.Start()
	}
	begin()
	if err != nil {
		end()
		v.w.talk("watch: cannot start the run: %v", err)
		return v.ended(watch.Outcome{Code: exitInternal}, why)
	}
	v.manager.Send(systemd.Status(v.plan.Lifecycle + ": " + reason))
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	err = v.await(ctx, cmd.Process, done)
	end()
	code := exitOK
	if err != nil {
		code = exitInternal
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if code = exit.ExitCode(); code < 0 {
			code = exitSignal + int(exit.Sys().(syscall.WaitStatus).Signal())
		}
	}
	if ctx.Err() != nil {
		return watch.Outcome{Code: code}
	}
	return v.ended(watch.Outcome{Code: code, Busy: code == exitBusy}, why)
}

// await waits for the run, and tells it to stop when the watch is told to.
func (v *vigil) await(ctx context.Context, run *os.Process, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	sig := syscall.SIGTERM
	if s := stopOf(ctx); s != nil {
		sig = s.Signal
	}
	if !isTerminal(v.w.Stdout) { // where the run says so itself
		v.w.talk("watch: told to stop by %s: ending the run that goes on", phased.SignalName(sig))
	}
	send := []string{"STOPPING=1", systemd.Status("told to stop: ending the run that goes on")}
	if most := endings(v.plan); most > 0 {
		send = append(send, systemd.Extend(most))
	}
	v.manager.Send(send...)
	_ = run.Signal(sig) // it may have ended by now
	select {
	case err := <-done:
		return err
	case <-v.stop.kill:
		_ = run.Signal(sig)
	}
	return <-done
}

// ended tells how a run has ended, and what comes next.
func (v *vigil) ended(o watch.Outcome, why watch.Why) watch.Outcome {
	name := fmt.Sprintf("exit status %d", o.Code)
	if o.Code == exitOK {
		name = "succeeded"
	}
	for _, c := range exitCodes() {
		if o.Code != exitOK && (c.code == o.Code || c.code == exitSignal && o.Code > exitSignal) {
			name = fmt.Sprintf("%s (%s)", strings.ReplaceAll(c.name, "signal n", "a signal"), name)
			break
		}
	}
	v.last = name
	switch {
	case o.Busy:
		v.w.talk("watch: busy: the run is tried again in %v", watch.Delay(why.Again))
	case o.Code != exitOK && !v.o.once:
		v.w.talk("watch: the run has ended with %s; the next change starts another", name)
	}
	v.manager.Send(systemd.Status(v.idle()))
	return o
}

// reasonOf tells why a run starts.
func reasonOf(why watch.Why) string {
	if len(why.Changes) == 0 {
		return "at the start"
	}
	words := make([]string, 0, mostChanges+1)
	for i, c := range why.Changes {
		if i == mostChanges {
			words = append(words, fmt.Sprintf("and %d more", len(why.Changes)-i))
			break
		}
		words = append(words, report.Name(phased.Text(c.Path))+" "+changeText(c.What))
	}
	text := strings.Join(words, ", ")
	if why.Reverted {
		text += " during the run before, and back again"
	}
	return text
}

func changeText(what string) string {
	if what == "mode" {
		return "has another mode"
	}
	return what
}

// command is the command line of the run: this very program, with the flags that
// are for it. It is a process of its own, so that `phased stop` ends the run and
// not the watch, and in a group of its own: what a terminal sends comes from the
// watch, once.
func (v *vigil) command(reason string) *exec.Cmd {
	args := []string{v.w.Argv[0], "run"}
	v.o.run.VisitAll(func(f *pflag.Flag) {
		if !f.Changed {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if f.NoOptDefVal != "" && f.Value.String() == longest(f.NoOptDefVal) {
			args = append(args, "--"+f.Name)
			return
		}
		for _, value := range values {
			args = append(args, "--"+f.Name+"="+value)
		}
	})
	if v.o.lifecycle != "" {
		args = append(args, "--", v.o.lifecycle)
	}
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: args, Stdin: v.w.Stdin, Stdout: v.w.Stdout, Stderr: v.w.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
	}
	for _, e := range v.w.Environ {
		switch name, _, _ := strings.Cut(e, "="); name {
		case "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "TRIGGER_UNIT", "TRIGGER_PATH", "PHASED_TRIGGER", statusFD, watchGroup:
		default:
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "PHASED_TRIGGER=watch: "+reason)
	if isTerminal(v.w.Stdout) {
		cmd.Env = append(cmd.Env, watchGroup+"="+strconv.Itoa(unix.Getpgrp()))
	}
	return cmd
}

// longest returns what a duration is that was given without a value.
func longest(text string) string {
	var d duration
	if d.Set(text) != nil {
		return text // of another type
	}
	return d.String()
}

// relay gives the run a pipe by which it tells what it is doing, where a manager
// listens to the watch: the manager hears of no other process. The first of what
// it returns is called when the run has started, or has not; the second when it
// has ended.
func (v *vigil) relay(cmd *exec.Cmd) (begin, end func(), err error) {
	if v.manager == nil {
		return func() {}, func() {}, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return func() {}, func() {}, err
	}
	cmd.ExtraFiles = []*os.File{w}
	cmd.Env = append(cmd.Env, statusFD+"=3")
	var gone sync.WaitGroup
	begin = func() {
		_ = w.Close()
		gone.Go(func() { v.pass(r) })
	}
	end = func() {
		_ = r.Close() // whoever else has got hold of it
		gone.Wait()
	}
	return begin, end, nil
}

// pass passes on what the run says.
func (v *vigil) pass(r io.Reader) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		v.manager.Send(systemd.Status(v.plan.Lifecycle + ": " + lines.Text()))
	}
}
