package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/report"
)

// orphans deals with processes that dead runs of this base left in the middle
// of a hook, so that no two hooks of one base ever overlap.
func (j *job) orphans(ctx context.Context, dead []phased.Run) error {
	var ours []phased.Run
	for _, r := range dead {
		if sameDir(string(r.Start.Base), j.base) {
			ours = append(ours, r)
		}
	}
	left := j.store.Orphans(ours)
	if len(left) == 0 {
		return nil
	}
	switch j.o.orphans {
	case "wait":
		j.talk("waiting for processes of a run that died:\n%s", orphanList(left))
		return j.waitFor(ctx, ours, left)
	case "kill":
		j.talk("ending processes of a run that died:\n%s", orphanList(left))
		return j.killOrphans(ctx, ours, left)
	}
	next := report.Style{}.Next([][2]string{
		{j.rerun("--orphans=wait"), "wait until they have ended"},
		{j.rerun("--orphans=kill"), "end them: SIGTERM, then, after the grace, SIGKILL"},
	})
	return &failure{exitBusy, errors.New("busy: a run that died has left processes in the middle of a hook:\n" + orphanList(left) + "\n" + next)}
}

// sameDir reports whether two paths lead to one directory.
func sameDir(a, b string) bool {
	x, errX := filepath.EvalSymlinks(a)
	y, errY := filepath.EvalSymlinks(b)
	if errX != nil || errY != nil {
		return filepath.Clean(a) == filepath.Clean(b)
	}
	return x == y
}

// orphanList names the processes, a line each.
func orphanList(all []journal.Orphan) string {
	lines := make([]string, len(all))
	for i, o := range all {
		lines[i] = fmt.Sprintf("  process %d (%s) of %s, run %s, for %s", o.Pid, report.Safe(o.Command, false), report.Hook(o.Phase, o.Hook), o.Run, report.About(o.Age))
	}
	return strings.Join(lines, "\n")
}

// stillThere returns those that were found and still run, and whatever else can
// be found now: where the process of a hook has ended, what descends from it may
// not be known by it any more.
func (j *job) stillThere(runs []phased.Run, found []journal.Orphan) []journal.Orphan {
	now := j.store.Orphans(runs)
	for _, o := range found {
		again := func(n journal.Orphan) bool { return n.Pid == o.Pid && n.Start == o.Start }
		if proc.Alive(o.Pid, o.Start) && !slices.ContainsFunc(now, again) {
			now = append(now, o)
		}
	}
	return now
}

// waitFor waits until nothing is left of the runs.
func (j *job) waitFor(ctx context.Context, runs []phased.Run, left []journal.Orphan) error {
	for len(left) > 0 {
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return err
		}
		left = j.stillThere(runs, left)
	}
	return nil
}

// killOrphans ends the processes: TERM, then, after the grace, KILL, again and
// again while some are left.
func (j *job) killOrphans(ctx context.Context, runs []phased.Run, left []journal.Orphan) error {
	signalAll(left, unix.SIGTERM)
	deadline := time.Now().Add(time.Duration(j.plan.Grace))
	for time.Now().Before(deadline) {
		if left = j.stillThere(runs, left); len(left) == 0 {
			return nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	const patience = 10 * time.Second
	for deadline = time.Now().Add(patience); time.Now().Before(deadline); {
		if left = j.stillThere(runs, left); len(left) == 0 {
			return nil
		}
		signalAll(left, unix.SIGKILL)
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return &failure{exitBusy, errors.New("busy: processes of a run that died do not end by SIGKILL:\n" + orphanList(left))}
}

func signalAll(all []journal.Orphan, sig unix.Signal) {
	for _, o := range all {
		// One that has just ended needs no signal.
		_ = signalProcess(o.Pid, o.Start, sig)
	}
}

// errGone says that there is no such process any more.
var errGone = errors.New("the process has ended")

// signalProcess sends a signal to the process of that pid and start time, and
// to no other: the start time is read after the pidfd was opened, which then
// stands for that process only.
func signalProcess(pid int, start uint64, sig unix.Signal) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return errGone
	}
	defer unix.Close(fd)
	if !proc.Alive(pid, start) {
		return errGone
	}
	if err := unix.PidfdSendSignal(fd, sig, nil, 0); err != nil {
		if errors.Is(err, unix.ESRCH) {
			return errGone
		}
		return fmt.Errorf("cannot send %s to process %d: %w", unix.SignalName(sig), pid, err)
	}
	return nil
}
