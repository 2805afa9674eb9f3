package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/shellinit"
)

// lock takes the run lock of the base; nil where it takes part in that of the run
// that it is inside of.
func (j *job) lock(ctx context.Context) (*journal.Lock, error) {
	outer, err := j.o.parentBase(ctx, j.store)
	if err != nil {
		return nil, err
	}
	if shared, err := j.o.share(ctx, j.store, j.base, outer); shared || err != nil {
		return nil, err
	}
	wait := time.Duration(0)
	if j.o.wait.value != nil {
		wait = *j.o.wait.value
		j.tellWaiting(ctx)
	}
	lock, err := j.store.LockBase(ctx, j.base, wait)
	if err == nil {
		return lock, nil
	}
	if stop := stopOf(ctx); stop != nil {
		return nil, stopped(stop)
	}
	if busy, ok := errors.AsType[*journal.Busy](err); ok {
		return nil, j.busy(*busy)
	}
	return nil, cannotRecord(err)
}

func stopOf(ctx context.Context) *phased.StopRequest {
	var s *phased.StopRequest
	if ctx.Err() != nil && errors.As(context.Cause(ctx), &s) {
		return s
	}
	return nil
}

// tellWaiting says what is being waited for, where there is anything.
func (j *job) tellWaiting(ctx context.Context) {
	lock, err := j.store.LockBase(ctx, j.base, 0)
	if err == nil {
		err = lock.Unlock()
	}
	if busy, ok := errors.AsType[*journal.Busy](err); ok {
		j.talk("waiting: %s", j.holder(*busy))
	}
}

// holder tells who holds the lock of the base.
func (j *job) holder(b journal.Busy) string {
	who := "a run that is just beginning"
	if b.Run != "" {
		who = "run " + b.Run
	}
	if b.Pid != 0 {
		who += fmt.Sprintf(" (process %d)", b.Pid)
	}
	who += " holds " + report.Name(phased.Text(j.base))
	if !b.Since.IsZero() {
		who += " since " + since(b.Since)
	}
	return who
}

// busy tells who holds the lock and what to type.
func (j *job) busy(b journal.Busy) error {
	text := "busy: " + j.holder(b)
	if b.Run != "" && b.Run == j.w.getenv("PHASED_RUN_ID") {
		return &failure{exitBusy, fmt.Errorf("%s: that is the run that this hook belongs to", text)}
	}
	return &failure{exitBusy, errors.New(text + j.instead(b.Run, true))}
}

// instead lists what can be typed while a run goes on. Of a run whose output is
// inherited there is nothing to watch.
func (j *job) instead(id string, captured bool) string {
	st := report.Style{Flags: j.again}
	var next [][2]string
	if id != "" && captured {
		next = append(next, [2]string{st.Command("logs", id, "-f"), "watch it"})
	}
	if id != "" {
		next = append(next, [2]string{st.Command("stop", id), "end it"})
	}
	next = append(next, [2]string{j.rerun("--wait"), "run when it has ended"})
	return "\n" + st.Next(next)
}

// rerun returns this command line with a further flag.
func (j *job) rerun(flag string) string {
	name, _, _ := strings.Cut(flag, "=")
	var words, rest []string
	for i, a := range j.w.Argv {
		if a == "--" { // flags stand before it
			for _, a := range j.w.Argv[i:] {
				rest = append(rest, report.ShellWord(a))
			}
			break
		}
		same := a == name || strings.HasPrefix(a, name+"=")
		value := i > 0 && name == "--orphans" && j.w.Argv[i-1] == name
		if !same && !value {
			words = append(words, report.ShellWord(a))
		}
	}
	return strings.Join(slices.Concat(words, []string{flag}, rest), " ")
}

// alone makes sure that no hook of the base runs: no run of a personality goes
// on, and no dead run has left any process.
func (j *job) alone(ctx context.Context) error {
	dead, err := j.store.CloseDead("run " + j.id)
	if err != nil {
		j.talk("warning: %v", err)
	}
	for _, r := range dead {
		if r.ClosedBy == "run "+j.id {
			j.tellDead(r)
		}
	}
	if err := j.others(ctx); err != nil {
		return err
	}
	return j.orphans(ctx, dead)
}

func (j *job) tellDead(r phased.Run) {
	where := ""
	r.Failure = nil // which may be of a hook long before
	if phase, hook, ok := report.Subject(r); ok {
		where = " in " + report.Hook(phase, hook)
	}
	j.talk("run %s was interrupted%s: its phased died; it is closed now (%s)", r.ID, where, report.Style{Flags: j.again}.Command("show", r.ID))
}

// others refuses, or waits, while another run of the base goes on that takes no
// lock: one of os-refresh-config or dib-run-parts.
func (j *job) others(ctx context.Context) error {
	began, told := time.Now(), false
	for {
		live, err := j.store.Live(j.base)
		if err != nil {
			return broken("cannot find out what runs: %v", err)
		}
		if len(live) == 0 {
			return nil
		}
		r := live[0]
		what := r.Personality
		if what == "" {
			what = "phased"
		}
		text := fmt.Sprintf("%s, run %s (process %d), works on %s since %s", what, r.ID, r.Pid, report.Name(phased.Text(j.base)), since(r.Began))
		if j.o.wait.value == nil || time.Since(began) > *j.o.wait.value {
			id := r.ID
			if r.Personality == shellinit.Personality {
				id = "" // a script's own shell: phased has no part in how it ends
			}
			return &failure{exitBusy, errors.New("busy: " + text + j.instead(id, r.Personality == ""))}
		}
		if !told {
			told = true
			j.talk("waiting: %s", text)
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

// sleep waits, or ends with what stopped the process.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		if s := stopOf(ctx); s != nil {
			return stopped(s)
		}
		return ctx.Err()
	}
}
