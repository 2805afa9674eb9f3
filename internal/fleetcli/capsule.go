package fleetcli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/capsule"
	"phased/internal/config"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/usage"
	"phased/internal/web"
)

// capsuleOptions are the flags of `phased capsule`.
type capsuleOptions struct {
	serveOptions
	ref    string
	output string
	force  bool
	limit  string
}

func newCapsule(w *World) *cobra.Command {
	o := capsuleOptions{ref: "last"}
	cmd := &cobra.Command{
		Use:   "capsule [RUN] -o FILE",
		Short: usage.Short("capsule"),
		Long: `Writes everything that is on record of a run into one HTML file, for a ticket or a
mail: what failed, the timeline, every hook with its output, the plan. It needs no
server and loads nothing; phased show --file reads the run back from it.

RUN is last (where none is named), -1 (the same), -2 and so on, a run id or the
beginning of one.`,
		Example: `phased capsule -o run.html
phased capsule -2 -o - --output-limit 1MiB`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return invalid("%w", usage.Extra(cmd, args[1]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.ref = usage.RunArgument(args[0])
			}
			return runCapsule(cmd.Context(), w, &o)
		},
	}
	cmd.ValidArgsFunction = o.completeRuns(w)
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVarP(&o.output, "output", "o", "", "`FILE` to write; - is stdout")
	f.BoolVar(&o.force, "force", false, "replace FILE where it exists")
	f.StringVar(&o.limit, "output-limit", "4MiB", "how much of the hooks' output goes in, `SIZE`, in all (default 4MiB)")
	f.StringVar(&o.stateDir, "state-dir", "", "`DIR` of the record (default $PHASED_STATE_DIR, then the settings', then /var/lib/phased)")
	return cmd
}

// completeRuns completes RUN.
func (o *capsuleOptions) completeRuns(w *World) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		_, cache, err := o.record(cmd.Context(), w)
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, err := cache.Runs(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		words := []string{"last"}
		for _, r := range all {
			words = append(words, r.ID)
		}
		return slices.DeleteFunc(words, func(s string) bool { return !strings.HasPrefix(s, typed) }), cobra.ShellCompDirectiveNoFileComp
	}
}

// runCapsule is `phased capsule`.
func runCapsule(ctx context.Context, w *World, o *capsuleOptions) error {
	if o.output == "" {
		return invalid("capsule: say where it goes: -o FILE, or -o - for stdout")
	}
	limit, err := config.ParseSize(o.limit)
	if err != nil {
		return invalid("capsule: --output-limit: %v", err)
	}
	store, _, err := o.record(ctx, w)
	if err != nil {
		return err
	}
	id, err := store.Resolve(ctx, o.ref)
	switch {
	case errors.Is(err, phased.ErrNoRun), errors.Is(err, journal.ErrAmbiguous):
		return invalid("%v", err)
	case err != nil:
		return broken("cannot read the record: %v", err)
	}
	t := &taken{store: store, id: id}
	if err := t.measure(ctx, limit); err != nil {
		return err
	}
	page := web.Capsule{
		Run: t.run, Damage: t.damage, LeftOut: t.left, Limit: limit, Version: w.Version, Made: time.Now(),
		Events: func() iter.Seq2[phased.Event, error] { return t.events(ctx) },
		Record: func(to io.Writer) error {
			return capsule.Write(to, func(to io.Writer) error { return t.write(ctx, to) })
		},
	}
	if o.output == "-" {
		return page.Write(w.Stdout)
	}
	if err := capsule.WriteFile(o.output, o.force, page.Write); errors.Is(err, capsule.ErrPlace) {
		return invalid("%v", err)
	} else if err != nil {
		return broken("%v", err)
	}
	w.talk("run %s is in %s", report.ShortID(id), o.output)
	return nil
}

// taken is what of a run goes into a capsule: what was on record at one moment.
type taken struct {
	store  *journal.Store
	id     string
	run    phased.Run
	damage string // why the record could not be read to its end; "": it could
	trim   capsule.Trim
	left   int64 // bytes of output that are left out
}

// measure reads the run once.
func (t *taken) measure(ctx context.Context, limit int64) error {
	run, err := t.store.Run(ctx, t.id)
	if _, damaged := errors.AsType[*journal.CorruptError](err); damaged && run.Seq > 0 {
		t.damage = err.Error()
	} else if err != nil {
		return broken("cannot read run %s: %v", t.id, err)
	}
	t.run = run
	for e, err := range t.store.Events(ctx, t.id) {
		if err != nil {
			return t.reading(err)
		}
		if e.Seq > run.Seq {
			break
		}
		if d, ok := e.Data.(phased.HookOutput); ok {
			t.trim.Measure(d)
		}
	}
	t.left = t.trim.Limit(limit)
	return nil
}

// reading is an error of reading the record: none where that is the damage that is
// told of already.
func (t *taken) reading(err error) error {
	if _, damaged := errors.AsType[*journal.CorruptError](err); damaged && t.damage != "" {
		return nil
	}
	return broken("cannot read run %s: %v", t.id, err)
}

// line is what goes in: an event, and how that is on record; nil where it goes in as
// another one.
type line struct {
	event phased.Event
	raw   []byte
}

// lines yields what goes in.
func (t *taken) lines(ctx context.Context) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		trim := t.trim.Again()
		for l, err := range t.store.Lines(ctx, t.id) {
			var e phased.Event
			if err == nil {
				e, err = l.Event()
			}
			if err != nil {
				if err = t.reading(err); err != nil {
					yield(line{}, err)
				}
				return
			}
			if e.Seq > t.run.Seq {
				return // it came after the run was looked at
			}
			one := line{raw: l.Raw}
			if e, changed := trim.Event(e); changed {
				one = line{event: e}
			} else {
				one.event = e
			}
			if !yield(one, nil) {
				return
			}
		}
	}
}

// events yields the events that go in.
func (t *taken) events(ctx context.Context) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		for l, err := range t.lines(ctx) {
			if !yield(l.event, err) {
				return
			}
		}
	}
}

// write writes the events that go in as lines of a run file.
func (t *taken) write(ctx context.Context, to io.Writer) error {
	for l, err := range t.lines(ctx) {
		if err == nil && l.raw == nil {
			l.raw, err = journal.EncodeLine(l.event)
		}
		if err == nil {
			_, err = to.Write(l.raw)
		}
		if errors.Is(err, capsule.ErrTooLarge) {
			return fmt.Errorf("%w: a lower --output-limit makes it smaller", err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
