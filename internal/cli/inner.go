package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"phased/internal/config"
	"phased/internal/journal"
	"phased/internal/phased"
)

// innerFlags are those by which a session starts a run inside of its own.
type innerFlags struct {
	parent string // the run that it is inside of
	id     string // the id that the parent gave it
}

// addFlags adds the flags, which are for phased itself.
func (o *innerFlags) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.parent, "parent", "", "`RUN` that this one is run inside of, and whose lock it shares")
	f.StringVar(&o.id, "id", "", "`ID` that the parent gave this run")
	for _, name := range []string{"parent", "id"} {
		_ = f.MarkHidden(name) // it exists
	}
}

// check refuses one flag without the other, and ids that are none.
func (o *innerFlags) check() error {
	if (o.parent == "") != (o.id == "") {
		return invalid("--parent and --id are for a run that is started inside of another, and go together")
	}
	if o.id != "" && !journal.IsID(o.id) {
		return invalid("--id %q: expected a run id", o.id)
	}
	return nil
}

// share takes part in the lock that the parent holds of the base. It reports
// whether it does: an inner run of another base takes a lock of its own.
func (o *innerFlags) share(ctx context.Context, store *journal.Store, base, parentBase string) (bool, error) {
	if o.parent == "" || !sameDir(base, parentBase) {
		return false, nil
	}
	if err := store.ShareLock(ctx, base, o.parent); err != nil {
		return false, &failure{exitBusy, err}
	}
	return true, nil
}

// parentBase returns the base of the parent's run.
func (o *innerFlags) parentBase(ctx context.Context, store *journal.Store) (string, error) {
	if o.parent == "" {
		return "", nil
	}
	r, err := store.Run(ctx, o.parent)
	if errors.Is(err, phased.ErrNoRun) {
		return "", &failure{exitBusy, fmt.Errorf("run %s, which this one is said to be inside of, does not exist", o.parent)}
	}
	if err != nil {
		return "", broken("cannot read the record of run %s: %v", o.parent, err)
	}
	return string(r.Start.Base), nil
}

// caller makes the command line of a lifecycle that a session calls.
type caller struct {
	places places
	plan   phased.Plan
	store  *journal.Store // nil: there is no record
	id     string
}

// command returns the command line. The program is named by the kernel's link to
// it: the file may be another by now.
func (c caller) command(h phased.Hook) []string {
	argv := []string{fmt.Sprintf("/proc/%d/exe", os.Getpid())}
	if name := string(h.Name); config.SourcedBuiltin(name) {
		argv = append(argv, name, "--top-dir", string(c.plan.Session.TopDir))
		if c.plan.Session.Conf != "" {
			argv = append(argv, "--local-conf", string(c.plan.Session.Conf))
		}
	} else {
		argv = append(argv, "run", name, "--plain")
	}
	if c.places.config != "" {
		argv = append(argv, "--config", absolute(c.places.config))
	}
	if c.places.trust != "" {
		argv = append(argv, "--trust", c.places.trust)
	}
	if c.store != nil {
		argv = append(argv, "--state-dir", c.store.Dir(), "--parent", c.id, "--id", h.Run)
	}
	return argv
}
