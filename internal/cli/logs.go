package cli

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/usage"
)

// logsOptions are the flags of `phased logs`.
type logsOptions struct {
	places
	ref    string
	file   string // of a run that is not of the record; "": none
	hook   string // HOOK or PHASE/HOOK; "" all
	follow bool
	raw    bool
	stream string
	json   bool
}

func newLogs(w *World) *cobra.Command {
	o := logsOptions{ref: "last"}
	cmd := &cobra.Command{
		Use:   "logs [RUN] [HOOK]",
		Short: "print the output of hooks",
		Long: `Prints the recorded output of all hooks of a run, or of one: HOOK is a hook's name
or PHASE/NAME. On a terminal, control characters are written out; --raw prints
the bytes as the hooks wrote them.

` + runUsage,
		Example: `phased logs
phased logs last 20-render
phased logs -2 configure/20-render --stream err
phased logs -f
phased logs --file run.html 20-render`,
		Args:              atMost(2),
		ValidArgsFunction: completeRuns(w, &o.places, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.ref = usage.RunArgument(args[0])
			}
			if len(args) > 1 {
				o.hook = usage.RunArgument(args[1])
			}
			return runLogs(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVarP(&o.follow, "follow", "f", false, "go on while the run does")
	f.BoolVar(&o.raw, "raw", false, "print the bytes and nothing else")
	f.StringVar(&o.stream, "stream", "", "only `STREAM`: out or err")
	f.BoolVar(&o.json, "json", false, "print the events of the output as JSON lines")
	f.StringVar(&o.file, "file", "", "of the run in `FILE`: a page that phased capsule made, or a copied run file")
	o.places.addFlags(f)
	return cmd
}

// runLogs is `phased logs`.
func runLogs(ctx context.Context, w *World, o *logsOptions) error {
	if o.stream != "" && o.stream != "out" && o.stream != "err" {
		return invalid("logs: --stream %q: expected out or err", o.stream)
	}
	if o.file != "" {
		return logsOfFile(ctx, w, o)
	}
	store, err := o.places.record(w)
	if err != nil {
		return err
	}
	r, _, err := findRun(ctx, store, o.ref)
	if err != nil {
		return err
	}
	phase, hook, err := o.chosen(r)
	if err != nil {
		return err
	}
	if r.Start.Output == "inherited" {
		w.talk("the output of run %s was inherited by its hooks and not recorded; %s tells where it went", r.ID,
			report.Style{Flags: o.places.again()}.Command("show", r.ID))
		return nil
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	events := store.Events(ctx, r.ID)
	if o.follow {
		events = store.Follow(ctx, r.ID, 0)
	}
	if err := o.print(w, r, events, phase, hook); err != nil && ctx.Err() == nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok && e.Op == "write" {
			return err
		}
		return broken("cannot read the record of run %s: %v", r.ID, err)
	}
	return nil
}

// logsOfFile is `phased logs --file`. The one run need not be named.
func logsOfFile(ctx context.Context, w *World, o *logsOptions) error {
	if o.follow {
		return invalid("logs: -f does not go with --file: nothing is added to a copy")
	}
	run, done, err := openCopy(o.file)
	if err != nil {
		return err
	}
	defer done()
	switch named := namesCopy(o.ref, run.ID()); {
	case !named && o.hook == "":
		o.hook = o.ref
	case !named:
		return invalid("logs: %s holds run %s, and no other", o.file, run.ID())
	}
	r, damage := findCopy(ctx, w, o.file, run)
	phase, hook, err := o.chosen(r)
	if err != nil {
		return err
	}
	if r.Start.Output == "inherited" {
		w.talk("the output of run %s was inherited by its hooks and not recorded", r.ID)
		return damage
	}
	if err := o.print(w, r, run.Events(ctx), phase, hook); err != nil {
		if _, damaged := errors.AsType[*journal.CorruptError](err); !damaged {
			return broken("cannot read %s: %v", o.file, err)
		}
	}
	return damage
}

// chosen returns the phase and the hook that HOOK stands for.
func (o *logsOptions) chosen(r phased.Run) (phase string, hook phased.Text, err error) {
	if o.hook == "" {
		return "", "", nil
	}
	phase, name, found := strings.Cut(o.hook, "/")
	if !found {
		phase, name = "", o.hook
	}
	for _, p := range r.Phases {
		for _, h := range p.Hooks {
			if string(h.Hook) == name && (phase == "" || p.Phase == phase) {
				return phase, h.Hook, nil
			}
		}
	}
	if o.follow && !r.Status.Final() {
		return phase, phased.Text(name), nil
	}
	names := hookNames(r)
	like := names
	if phase == "" {
		like = nil
		for _, n := range names {
			_, bare, _ := strings.Cut(n, "/")
			like = append(like, bare)
		}
	}
	return "", "", invalid("logs: no hook %s ran in run %s%s (%s)", report.Name(phased.Text(o.hook)), r.ID, nearest(o.hook, like), ranText(names))
}

// ranText lists the hooks of a run, the first of them.
func ranText(names []string) string {
	if len(names) == 0 {
		return "it ran none"
	}
	const most = 10
	more := ""
	if len(names) > most {
		names, more = names[:most], ", ..."
	}
	return "it ran " + strings.Join(names, ", ") + more
}

// hookNames returns the hooks that a run has started, as PHASE/NAME.
func hookNames(r phased.Run) []string {
	var names []string
	for _, p := range r.Phases {
		for _, h := range p.Hooks {
			names = append(names, p.Phase+"/"+string(h.Hook))
		}
	}
	return slices.Compact(names)
}

// print prints the chosen hooks' output.
func (o *logsOptions) print(w *World, r phased.Run, events iter.Seq2[phased.Event, error], phase string, hook phased.Text) error {
	logs := report.NewLogs(w.Stdout, w.Stderr, w.style(false, o.places.again()))
	logs.Headings, logs.Raw, logs.Stream, logs.Over = hook == "" && !o.raw, o.raw, o.stream, r.Status.Final()
	lines := report.NewEvents(w.Stdout)
	mine := func(p string, h phased.Text) bool { return (phase == "" || p == phase) && (hook == "" || h == hook) }
	for e, err := range events {
		if err != nil {
			return err
		}
		switch d := e.Data.(type) {
		case phased.HookOutput:
			if !mine(d.Phase, d.Hook) || o.stream != "" && o.stream != d.Stream {
				continue
			}
			if o.json {
				lines.Event(e)
			} else {
				logs.Output(d)
			}
		case phased.HookCut:
			if mine(d.Phase, d.Hook) && o.json {
				lines.Event(e)
			} else if mine(d.Phase, d.Hook) {
				logs.Cut(d)
			}
		case phased.HookProgress:
			if mine(d.Phase, d.Hook) && !o.json {
				logs.Progress(d, o.follow)
			}
		case phased.HookFinished:
			logs.HookEnd(d.Phase, d.Hook)
		}
		if o.follow {
			if err := flush(logs, lines); err != nil {
				return err
			}
		}
	}
	if err := logs.End(); err != nil {
		return err
	}
	return lines.Flush()
}

func flush(logs *report.Logs, lines *report.Events) error {
	if err := logs.Flush(); err != nil {
		return err
	}
	return lines.Flush()
}

var _ phased.Source = (*journal.Store)(nil)
