package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"phased/internal/journal"
)

// forgetOptions are the flags of `phased forget`.
type forgetOptions struct {
	places
	ref     string
	secrets bool
}

func newForget(w *World) *cobra.Command {
	var o forgetOptions
	cmd := &cobra.Command{
		Use:   "forget --secrets RUN",
		Short: "remove the saved variable space of a run",
		Long: `Removes what is kept of a run so that it can be resumed: its variable space, with
every password in it. The record of the run stays; phased resume refuses it then.

` + runUsage,
		Example: `phased forget --secrets last`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return invalid("forget: expected one RUN; usage: phased forget --secrets RUN")
			}
			return nil
		},
		ValidArgsFunction: completeRuns(w, &o.places, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.ref = runArgument(args[0])
			return runForget(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.secrets, "secrets", false, "remove the saved variable space, which holds secrets")
	o.places.addFlags(f)
	return cmd
}

// runForget is `phased forget`.
func runForget(ctx context.Context, w *World, o *forgetOptions) error {
	if !o.secrets {
		return invalid("forget: say what: --secrets removes the saved variable space of the run")
	}
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
	w.talk("nothing is kept of the variable space of run %s", r.ID)
	return nil
}
