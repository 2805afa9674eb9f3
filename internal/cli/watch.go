package cli

import (
	"context"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"phased/internal/watch"
)

// watchOptions are the flags of `phased watch`.
type watchOptions struct {
	runOptions
	paths, exclude          []string
	settle, settleMax, poll duration
	touch, once, initial    bool
	run                     *pflag.FlagSet // those that are handed on
}

const (
	settleDefault = 2 * time.Second
	// settleTimes is how often the settling may begin again before a run starts
	// all the same, where --settle-max says nothing else.
	settleTimes = 15
)

func (o *watchOptions) addFlags(f *pflag.FlagSet) {
	f.StringArrayVar(&o.paths, "path", nil, "`FILE`, directory or pattern to watch; may be repeated, and need not exist yet")
	f.Var(&o.settle, "settle", "run when nothing has changed for so long (default: 2s)")
	f.Var(&o.settleMax, "settle-max", "run at the latest so long after a change, also while others follow (default: 15 times --settle)")
	f.StringArrayVar(&o.exclude, "exclude", nil, "`PATTERN` of names that do not count in directories and patterns; may be repeated")
	f.BoolVar(&o.touch, "touch", false, "run also where a file was written, and holds what it held")
	f.BoolVar(&o.initial, "initial", false, "run at the start, too")
	f.BoolVar(&o.once, "once", false, "end after the first run, with its exit code")
	f.Var(&o.poll, "poll", "look also every `DURATION`, for file systems that tell nothing of changes (NFS)")
	o.run = pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.run.SortFlags = false
	o.runOptions.addFlags(o.run)
	f.AddFlagSet(o.run)
}

func newWatch(w *World) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch [LIFECYCLE] --path FILE...",
		Short: "run a lifecycle when files change",
		Long: `Watches files, and runs the hooks of a lifecycle (refresh where none is named) when
they have changed and settled. What counts is their content and mode: a touch
starts nothing. A directory stands for all below it. A FILE may be a pattern (*, ?
and [...], in quotes), and need not exist yet.

One run at a time: what changes meanwhile starts another one after it. A run that
fails ends nothing; one that finds the base busy is tried again. SIGTERM ends the
run that goes on, then the watch, with 0.

The flags of phased run are handed on to it.`,
		Example: `phased watch --path /etc/app.conf
phased watch nightly --path /etc/app --path '/srv/*/app.yaml' --settle 5s
phased watch --path /etc/app --initial --wait=10m --hook-timeout 5m`,
		Args:              atMost(1),
		ValidArgsFunction: completeLifecycles(&o.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.lifecycle = args[0]
			}
			return runWatch(cmd.Context(), w, &o)
		},
	}
	o.addFlags(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

// watched returns what to watch, and refuses what cannot be meant.
func (o *watchOptions) watched() (watch.Paths, error) {
	p := watch.Paths{Exclude: o.exclude, Touch: o.touch}
	if len(o.paths) == 0 {
		return p, invalid("watch: which files? name them with --path FILE, which may be repeated")
	}
	for _, path := range o.paths {
		if path == "" {
			return p, invalid("watch: --path needs the name of a file")
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return p, broken("cannot find %s: %v", path, err)
		}
		p.Paths = append(p.Paths, abs)
	}
	if err := p.Check(); err != nil {
		return p, invalid("watch: %v", err)
	}
	return p, nil
}

// times returns the settling times and that of the poll.
func (o *watchOptions) times() (settle, most, poll time.Duration, err error) {
	settle = settleDefault
	if o.settle.value != nil {
		settle = *o.settle.value
	}
	most = settleTimes * settle
	if o.settleMax.value != nil {
		most = *o.settleMax.value
	}
	if most < settle {
		return 0, 0, 0, invalid("watch: --settle-max %v is shorter than --settle %v", most, settle)
	}
	if o.poll.value != nil {
		if poll = *o.poll.value; poll <= 0 {
			return 0, 0, 0, invalid("watch: --poll %v: expected a duration such as 1m", poll)
		}
	}
	return settle, most, poll, nil
}

// runWatch is `phased watch`.
func runWatch(ctx context.Context, w *World, o *watchOptions) error {
	paths, err := o.watched()
	if err != nil {
		return err
	}
	settle, most, poll, err := o.times()
	if err != nil {
		return err
	}
	// What cannot be run now is told now, not when a file changes.
	_, p, err := o.makePlan(ctx, w, &o.places, &o.limitFlags, o.lifecycle)
	if err != nil {
		return err
	}
	ctx, stop := listen(ctx)
	defer stop.close()
	<-stop.ready
	watcher, err := watch.Open(paths)
	if err != nil {
		return broken("%v", err)
	}
	defer watcher.Close()
	v := &vigil{w: w, o: o, plan: p, stop: stop, paths: paths.Paths, settle: settle, manager: w.manager()}
	defer v.manager.Close()
	last, err := watch.Loop(ctx, watch.Options{
		Source: watcher, Settle: settle, Max: most, Poll: poll, Initial: o.initial, Once: o.once,
		Run: v.run, Seen: v.seen, Beat: v.manager.Beat(), Alive: func() { v.manager.Send("WATCHDOG=1") },
	})
	v.manager.Send("STOPPING=1")
	if err != nil {
		return broken("%v", err)
	}
	if s := stopOf(ctx); s != nil {
		w.talk("watch: %v", s)
		if o.once && !v.ran {
			return status(exitSignal + int(s.Signal))
		}
	}
	if o.once {
		return status(last.Code)
	}
	return nil
}
