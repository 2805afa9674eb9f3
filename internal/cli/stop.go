package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/shellinit"
	"phased/internal/usage"
)

// stopOptions are the flags of `phased stop`.
type stopOptions struct {
	places
	ref  string
	now  bool
	json bool
}

func newStop(w *World) *cobra.Command {
	var o stopOptions
	cmd := &cobra.Command{
		Use:   "stop [RUN]",
		Short: "end a run that goes on",
		Long: `Ends a run that goes on, as SIGTERM would: the hook that runs is ended, the failure
phase follows. With --now, as two SIGTERMs would: what runs is killed at once,
and no failure phase follows. Without RUN it ends the one run that goes on.

` + runUsage,
		Example: `phased stop
phased stop --now 01JNXZ5M8G`,
		Args:              atMost(1),
		ValidArgsFunction: completeRuns(w, &o.places, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.ref = usage.RunArgument(args[0])
			}
			return runStop(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.now, "now", false, "kill what runs, and leave the failure phase out")
	f.BoolVar(&o.json, "json", false, "print JSON")
	o.places.addFlags(f)
	return cmd
}

// stoppedRun is what `phased stop --json` prints.
type stoppedRun struct {
	Run string `json:"run"`
	Pid int    `json:"pid"`
	Now bool   `json:"now"`
}

// runStop is `phased stop`.
func runStop(ctx context.Context, w *World, o *stopOptions) error {
	store, err := o.places.record(w)
	if err != nil {
		return err
	}
	r, err := o.choose(ctx, store)
	if err != nil {
		return err
	}
	if r.Start.Personality == shellinit.Personality {
		return stopShell(r)
	}
	if boot := w.bootID(); r.Start.BootID != boot {
		return invalid("stop: run %s belongs to another boot of this host", r.ID)
	}
	if err := o.send(ctx, store, r); err != nil {
		if errors.Is(err, errGone) {
			return invalid("stop: run %s has just ended", r.ID)
		}
		return broken("cannot stop run %s: %v", r.ID, err)
	}
	if o.json {
		return report.JSON(w.Stdout, stoppedRun{r.ID, r.Start.Pid, o.now})
	}
	w.talk("told run %s (process %d) to stop: %s", r.ID, r.Start.Pid, o.consequence(r))
	w.talk("%s tells how it ended", report.Style{Flags: o.places.again()}.Command("show", r.ID))
	return nil
}

// consequence tells what happens now.
func (o *stopOptions) consequence(r phased.Run) string {
	what := "no further hook starts"
	if phase, hook, ok := report.Subject(r); ok && r.Failure == nil {
		what = report.Hook(phase, hook) + " is ended"
	}
	if o.now {
		return "what runs is killed; no failure phase follows"
	}
	if report.OutlivesStop(r) {
		return "the phases at the end of the run go on; with --now they are killed"
	}
	if r.Start.Personality != "" {
		return what
	}
	return what + ", then the failure phase follows"
}

// choose returns the run to stop.
func (o *stopOptions) choose(ctx context.Context, store *journal.Store) (phased.Run, error) {
	if o.ref != "" {
		r, _, err := findRun(ctx, store, o.ref)
		if err == nil && r.Status.Final() {
			return r, invalid("stop: run %s has ended already: %s", r.ID, r.Status)
		}
		return r, err
	}
	live, err := store.Live("")
	if err != nil {
		return phased.Run{}, broken("cannot find out what runs: %v", err)
	}
	switch len(live) {
	case 0:
		return phased.Run{}, invalid("stop: no run goes on")
	case 1:
		r, _, err := findRun(ctx, store, live[0].ID)
		return r, err
	}
	lines := make([]string, len(live))
	for i, r := range live {
		lines[i] = fmt.Sprintf("  %s   %s of %s, since %s", report.Style{Flags: o.places.again()}.Command("stop", r.ID), r.Lifecycle, report.Name(r.Base), ago(r.Began))
	}
	return phased.Run{}, invalid("stop: %d runs go on; name one:\n%s", len(live), strings.Join(lines, "\n"))
}

// send sends SIGTERM to the run's phased: once, or, with --now, once more after
// the first was taken. Two at the same moment would be one.
func (o *stopOptions) send(ctx context.Context, store *journal.Store, r phased.Run) error {
	if err := signalProcess(r.Start.Pid, r.Start.PidStart, unix.SIGTERM); err != nil || !o.now {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for e, err := range store.Follow(ctx, r.ID, r.Seq) {
		if _, taken := e.Data.(phased.RunStopping); taken || err != nil {
			break
		}
	}
	err := signalProcess(r.Start.Pid, r.Start.PidStart, unix.SIGTERM)
	if errors.Is(err, errGone) {
		return nil // the first was enough
	}
	return err
}
