package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/plan"
	"phased/internal/report"
	"phased/internal/state"
)

// forgetOptions are the flags of `phased forget`.
type forgetOptions struct {
	places
	ref     string
	secrets bool

	lifecycle, base string
}

func newForget(w *World) *cobra.Command {
	var o forgetOptions
	cmd := &cobra.Command{
		Use:   "forget HOOK | forget --secrets RUN",
		Short: "forget that a hook has run, or the saved variable space of a run",
		Long: `Forgets that a hook has run which does not run in every run (frequency once,
once-per-boot or once-per-content): the next run runs it. HOOK is its name, or
PHASE/NAME.

With --secrets, removes what is kept of a run so that it can be resumed: its
variable space, and what its hooks have handed to later ones, with every password
in it. The record of the run stays; phased resume refuses it then.

` + runUsage,
		Example: `phased forget 20-database
phased forget configure/20-database --lifecycle refresh
phased forget --secrets last`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return invalid("forget: expected one HOOK, or --secrets and one RUN; usage: phased forget HOOK | phased forget --secrets RUN")
			}
			return nil
		},
		ValidArgsFunction: completeRuns(w, &o.places, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.ref = args[0]; o.secrets {
				o.ref = runArgument(args[0])
				return runForget(cmd.Context(), w, &o)
			}
			return runForgetHook(w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.secrets, "secrets", false, "remove the saved variable space, which holds secrets")
	f.StringVar(&o.lifecycle, "lifecycle", "", "only the hook of the lifecycle `NAME`")
	f.StringVar(&o.base, "base", "", "only the hook of the base `DIR`")
	o.places.addFlags(f)
	return cmd
}

// runForgetHook is `phased forget HOOK`.
func runForgetHook(w *World, o *forgetOptions) error {
	s, err := o.places.settings(w)
	if err != nil {
		return err
	}
	dir, err := o.places.dir(w, s)
	if err != nil {
		return err
	}
	store := state.New(dir)
	all, damage := store.Remembered()
	forgot, known := 0, []string{}
	for _, r := range all {
		known = append(known, string(r.Hook))
		fits := o.ref == string(r.Hook) || o.ref == r.Phase+"/"+string(r.Hook)
		if !fits || o.lifecycle != "" && o.lifecycle != r.Lifecycle || o.base != "" && !sameDir(o.base, string(r.Base)) {
			continue
		}
		if err := store.Forget(state.HookOf(r)); err != nil {
			return &failure{exitInternal, err}
		}
		forgot++
		w.talk("forgot %s of %s in %s: it %s", report.Hook(r.Phase, r.Hook), r.Lifecycle, report.Name(r.Base), plan.RanText(r))
	}
	if damage != nil {
		return &failure{exitInternal, damage}
	}
	if forgot == 0 {
		return invalid("nothing is remembered of a hook %q%s; --secrets is for runs", o.ref, nearest(o.ref, known, ""))
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
