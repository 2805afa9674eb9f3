package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/report"
	"phased/internal/state"
	"phased/internal/usage"
)

// forgetOptions are the flags of `phased forget`.
type forgetOptions struct {
	places
	ref     string
	secrets bool
	notes   bool

	lifecycle, base string
}

func newForget(w *World) *cobra.Command {
	var o forgetOptions
	cmd := &cobra.Command{
		Use:   "forget HOOK | forget --notification NAME | forget --secrets RUN",
		Short: "forget that a hook has run, what was notified, or the saved variable space of a run",
		Long: `Forgets that a hook has run which does not run in every run (frequency once,
once-per-boot or once-per-content): the next run runs it. Forgets, too, what it has
seen of files (phased changed, when=changed:/FILE) and what it has served. HOOK is its
name, or PHASE/NAME.

With --notification, takes back that NAME was notified: what waits for it does not run
for that.

With --secrets, removes what is kept of a run so that it can be resumed: its
variable space, and what its hooks have handed to later ones, with every password
in it. The record of the run stays; phased resume refuses it then.

` + runUsage,
		Example: `phased forget 20-database
phased forget configure/20-database --lifecycle refresh
phased forget --notification nginx
phased forget --secrets last`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return invalid("forget: expected one HOOK, --notification and one NAME, or --secrets and one RUN; usage: phased forget HOOK | phased forget --notification NAME | phased forget --secrets RUN")
			}
			return nil
		},
		ValidArgsFunction: completeRuns(w, &o.places, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.ref = args[0]; o.notes {
				return runForgetNotification(w, &o)
			}
			if o.secrets {
				o.ref = usage.RunArgument(args[0])
				return runForget(cmd.Context(), w, &o)
			}
			return runForgetHook(w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.notes, "notification", false, "take back what was notified by that name")
	f.BoolVar(&o.secrets, "secrets", false, "remove the saved variable space, which holds secrets")
	f.StringVar(&o.lifecycle, "lifecycle", "", "only what is of the lifecycle `NAME`")
	f.StringVar(&o.base, "base", "", "only what is of the base `DIR`")
	o.places.addFlags(f)
	return cmd
}

// state opens what is remembered beside the record.
func (o *forgetOptions) state(w *World) (state.Store, error) {
	s, err := o.places.settings(w)
	if err != nil {
		return state.Store{}, err
	}
	dir, err := o.places.dir(w, s)
	if err != nil {
		return state.Store{}, err
	}
	return state.New(dir), nil
}

// runForgetHook is `phased forget HOOK`.
func runForgetHook(w *World, o *forgetOptions) error {
	store, err := o.state(w)
	if err != nil {
		return err
	}
	all, damage := store.Remembered()
	forgot, known := 0, []string{}
	for _, r := range all {
		known = append(known, string(r.Hook))
		if !o.names(state.HookOf(r)) {
			continue
		}
		if err := store.Forget(state.HookOf(r)); err != nil {
			return &failure{exitInternal, err}
		}
		forgot++
		w.talk("forgot %s of %s in %s: it %s", report.Hook(r.Phase, r.Hook), r.Lifecycle, report.Name(r.Base), plan.RanText(r))
	}
	more, hooks, err := o.forgetSeen(w, store)
	if damage = errors.Join(damage, err); damage != nil {
		return &failure{exitInternal, damage}
	}
	known = append(known, hooks...)
	if forgot+more == 0 {
		if slices.Contains(known, o.ref) {
			known = nil // it is remembered elsewhere
		}
		return invalid("nothing is remembered of a hook %q%s%s; --secrets is for runs", o.ref, o.where(), nearest(o.ref, known))
	}
	return nil
}

// names reports whether a hook is meant.
func (o *forgetOptions) names(h state.Hook) bool {
	return (o.ref == string(h.Name) || o.ref == h.Phase+"/"+string(h.Name)) && o.within(h.Base, h.Lifecycle)
}

// within reports whether what is of a base and a lifecycle is meant.
func (o *forgetOptions) within(base phased.Text, lifecycle string) bool {
	return (o.lifecycle == "" || o.lifecycle == lifecycle) && (o.base == "" || sameDir(absolute(o.base), string(base)))
}

// where says what the flags leave of what is remembered.
func (o *forgetOptions) where() string {
	where := ""
	if o.lifecycle != "" {
		where = " of " + report.Safe(o.lifecycle, false)
	}
	if o.base != "" {
		where += " in " + report.Name(phased.Text(absolute(o.base)))
	}
	return where
}

// forgetSeen forgets what hooks have seen of files and what they have served.
func (o *forgetOptions) forgetSeen(w *World, store state.Store) (forgot int, known []string, err error) {
	for _, kind := range []struct {
		all    func() ([]state.Hook, error)
		forget func(state.Hook) error
		what   string
	}{
		{store.LookedAt, store.ForgetLooks, "has seen of files"},
		{store.Waiting, store.ForgetServed, "has served"},
	} {
		hooks, damage := kind.all()
		err = errors.Join(err, damage)
		for _, h := range hooks {
			known = append(known, string(h.Name))
			if !o.names(h) {
				continue
			}
			err = errors.Join(err, kind.forget(h))
			forgot++
			w.talk("forgot what %s of %s in %s %s", report.Hook(h.Phase, h.Name), h.Lifecycle, report.Name(h.Base), kind.what)
		}
	}
	return forgot, known, err
}

// runForgetNotification is `phased forget --notification NAME`.
func runForgetNotification(w *World, o *forgetOptions) error {
	store, err := o.state(w)
	if err != nil {
		return err
	}
	all, damage := store.AllNotifications()
	var gone []phased.Notification
	var known []string
	for _, n := range all {
		known = append(known, n.Name)
		if n.Name == o.ref && o.within(n.Base, n.Lifecycle) {
			gone = append(gone, n)
		}
	}
	if damage != nil {
		return &failure{exitInternal, damage}
	}
	if len(gone) == 0 {
		if slices.Contains(known, o.ref) {
			known = nil // it is pending elsewhere
		}
		return invalid("nothing is pending by the name %s%s%s", report.Safe(o.ref, false), o.where(), nearest(o.ref, known))
	}
	switch done, err := store.Drop(gone); {
	case err != nil:
		return &failure{exitInternal, err}
	case !done:
		return &failure{exitBusy, errors.New("busy: a hook is just notifying something; try again")}
	}
	for _, n := range gone {
		by, _ := strings.CutPrefix(plan.NotifiedText([]phased.Notification{n}), "notified "+n.Name+": ")
		w.talk("forgot that %s was notified in %s of %s: %s", n.Name, n.Lifecycle, report.Name(n.Base), report.Safe(by, false))
	}
	return nil
}

// runForget is `phased forget --secrets`.
func runForget(ctx context.Context, w *World, o *forgetOptions) error {
	read, err := o.places.record(w)
	if err != nil {
		return err
	}
	r, damage, err := findRun(ctx, read, o.ref)
	if err = errors.Join(err, damage); err != nil {
		return err
	}
	if !r.Status.Final() {
		return &failure{exitBusy, fmt.Errorf("run %s goes on: what it keeps is removed when it ends well", r.ID)}
	}
	store, err := journal.Open(read.Dir(), journal.Options{AnyOwner: o.places.anyOwner(nil)})
	if err != nil {
		return notOpened(err)
	}
	if err := store.ForgetPrivate(r.ID); err != nil {
		return &failure{exitInternal, err}
	}
	w.talk("nothing is kept of the variable space of run %s, nor of what its hooks carried", r.ID)
	return nil
}
