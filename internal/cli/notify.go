package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"phased/internal/config"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/state"
)

// tellFlags say for which lifecycle something is notified or remembered that no
// hook says.
type tellFlags struct {
	places
	lifecycle, base string
}

func (o *tellFlags) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.lifecycle, "lifecycle", "", "outside of a hook: the lifecycle `NAME`")
	f.StringVar(&o.base, "base", "", "outside of a hook: its one hook tree, `DIR`, as that of phased run")
	o.places.addFlags(f)
}

// teller is who notifies: a hook of a run, or somebody who types.
type teller struct {
	store state.Store
	at    state.Hook // by hand: without phase and name
	run   string     // by hand: ""
	notes string     // PHASED_NOTIFY
	plan  phased.Plan
}

func (t teller) byHand() bool { return t.run == "" }

// teller finds out who notifies. What the environment says is believed: whoever can
// write what it names is the user of the run.
func (o *tellFlags) teller(ctx context.Context, w *World, verb string) (teller, error) {
	if o.lifecycle != "" || o.base != "" {
		return o.hand(ctx, w)
	}
	t := teller{run: w.getenv("PHASED_RUN_ID"), notes: w.getenv("PHASED_NOTIFY")}
	t.at = state.Hook{
		Base: phased.Text(w.getenv("PHASED_BASE")), Lifecycle: w.getenv("PHASED_LIFECYCLE"),
		Phase: w.getenv("PHASED_PHASE"), Name: phased.Text(w.getenv("PHASED_HOOK")),
	}
	dir := w.getenv("PHASED_STATE_DIR")
	if t.run == "" || dir == "" || t.notes == "" || t.at.Base == "" || t.at.Lifecycle == "" || t.at.Phase == "" || t.at.Name == "" {
		return t, invalid("%s: this is no hook of phased run or phased resume (PHASED_RUN_ID, _STATE_DIR, _BASE, _LIFECYCLE, _PHASE, _HOOK and _NOTIFY are not all set); outside of one, name the lifecycle with --lifecycle", verb)
	}
	if !journal.IsID(t.run) || !filepath.IsAbs(dir) {
		return t, invalid("%s: PHASED_RUN_ID or PHASED_STATE_DIR is not what phased has set", verb)
	}
	t.store = state.New(dir)
	return t, nil
}

// plan makes the plan of the lifecycle that is named.
func (o *tellFlags) plan(ctx context.Context, w *World) (*config.Settings, phased.Plan, error) {
	s, err := o.places.settings(w)
	if err != nil {
		return nil, phased.Plan{}, err
	}
	flags := planFlags{base: o.base, faulty: true}
	p, err := flags.planBy(ctx, w, s, nil, o.lifecycle)
	return s, p, err
}

// hand is somebody who types: the lifecycle is as phased run would have it.
func (o *tellFlags) hand(ctx context.Context, w *World) (teller, error) {
	s, p, err := o.plan(ctx, w)
	if err != nil {
		return teller{}, err
	}
	dir, err := o.places.dir(w, s)
	if err != nil {
		return teller{}, err
	}
	if _, err := os.Stat(dir); err != nil {
		return teller{}, broken("cannot open the state directory: %v", err)
	}
	return teller{store: state.New(dir), at: state.Hook{Base: p.Base, Lifecycle: p.Lifecycle}, plan: p}, nil
}

// notify puts notifications down, and lets the runner know.
func (t teller) notify(w *World, names []string) error {
	for _, name := range names {
		n := phased.Notification{Base: t.at.Base, Lifecycle: t.at.Lifecycle, Name: name, Phase: t.at.Phase, Hook: t.at.Name, Run: t.run, Time: time.Now().UTC()}
		if err := t.store.Notify(n); err != nil {
			return broken("%s cannot be notified: %v", name, err)
		}
		if t.byHand() {
			if text := unheard(t.plan, name); text != "" {
				w.talk("warning: %s was notified, and %s", name, text)
			}
		}
	}
	if t.byHand() {
		return nil
	}
	if err := t.store.TellNotified(t.notes, names); err != nil {
		w.talk("warning: this is pending, and will not be on record as said by this hook: %v", err)
	}
	return nil
}

func newNotify(w *World) *cobra.Command {
	var o tellFlags
	cmd := &cobra.Command{
		Use:   "notify NAME...",
		Short: "say, inside of a hook, that something has changed",
		Long: `Says that something has changed: every hook of the lifecycle that waits for NAME
(# phased: when=notified:NAME) runs when its turn comes, once. What was said is on
the disk when this command ends, and pending until each of these hooks has ended well
since: a failure, a crash and a reboot change nothing about that, and neither does it
matter whether the hook that said it fails afterwards.

A line with NAME in the file $PHASED_NOTIFY does the same when the hook has ended.`,
		Example: `phased notify nginx
phased notify nginx php-fpm
phased notify --lifecycle refresh nginx`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return invalid("notify: expected the name of a notification; usage: phased notify NAME...")
			}
			return checkNames("notify", args)
		},
		ValidArgsFunction: completeNames(w, &o),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := o.teller(cmd.Context(), w, "notify")
			if err != nil {
				return err
			}
			return t.notify(w, args)
		},
	}
	cmd.Flags().SortFlags = false
	o.addFlags(cmd.Flags())
	return cmd
}

func checkNames(verb string, names []string) error {
	for _, n := range names {
		if fault := state.NameFault(n); fault != "" {
			return invalid("%s: %s, not %q", verb, fault, n)
		}
	}
	return nil
}

// completeNames completes what hooks of the lifecycle wait for.
func completeNames(w *World, o *tellFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		ctx := cmd.Context()
		if ctx == nil {
			ctx = context.Background()
		}
		_, p, err := o.plan(ctx, w)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, n := range plan.Awaited(p.AllPhases()) {
			if strings.HasPrefix(n, typed) {
				names = append(names, n)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
