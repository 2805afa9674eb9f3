package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"phased/internal/config"
	"phased/internal/executor"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/usage"
)

// stackOptions are the flags of stack, unstack and clean.
type stackOptions struct {
	places
	limitFlags
	lifecycle string
	topDir    string
	localConf string
	holdFlags
	capture string
	only    string
	hook    string
	from    string
	innerFlags
}

func (o *stackOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.topDir, "top-dir", "", "`DIR` that holds extras.d, and is the hooks' TOP_DIR (default: the working directory)")
	f.StringVar(&o.localConf, "local-conf", "", "`FILE` with the localrc section and its plugins (default DIR/local.conf, where it exists)")
	f.StringVar(&o.only, "only", "", "run one `POINT` alone, such as post-config")
	f.StringVar(&o.hook, "hook", "", "with --only: run one `HOOK` of it alone")
	f.StringVar(&o.from, "from", "", "with --only: start in the variable space that `RUN` had there")
	f.StringVar(&o.capture, "capture", "", "what becomes of the hooks' output, `HOW`: inherit or tee (default: the settings', inherit)")
	o.holdFlags.addFlags(f)
	o.limitFlags.addFlags(f)
	o.places.addFlags(f)
	o.innerFlags.addFlags(f)
}

const stackLong = `Sources the scripts of DIR/extras.d that end with .sh into one bash, at the hook
points of DevStack's %[1]s.sh: %[2]s.
Variables, functions, options, traps and the working directory persist from one
hook to the next. Plugins that DIR/local.conf enables take part at the same points,
and base steps lie in DIR/steps/%[1]s.

It ends with the exit status that %[1]s.sh would. phased show tells the story
afterwards, phased env and phased blame the variable space.`

func newStack(w *World) *cobra.Command {
	return newPoints(w, "stack", "bring a stack up by the hooks of extras.d",
		"source; stack pre-install, install, post-config,\nextra")
}

func newUnstack(w *World) *cobra.Command {
	return newPoints(w, "unstack", "take a stack down by the hooks of extras.d", "source; unstack")
}

func newClean(w *World) *cobra.Command {
	return newPoints(w, "clean", "take a stack down and remove what it left, by the hooks of extras.d",
		"source; a whole\nunstack, as a process of its own; clean")
}

func newPoints(w *World, name, short, points string) *cobra.Command {
	o := stackOptions{lifecycle: name}
	cmd := &cobra.Command{
		Use:   name,
		Short: short,
		Long:  fmt.Sprintf(stackLong, name, points),
		Example: fmt.Sprintf(`phased %[1]s --top-dir /opt/devstack
phased plan %[1]s --top-dir /opt/devstack`, name),
		Args:              atMost(0),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runStack(cmd.Context(), w, &o)
		},
	}
	o.addFlags(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

// runStack is `phased stack`, unstack and clean.
func runStack(ctx context.Context, w *World, o *stackOptions) error {
	if o.only == "" && (o.hook != "" || o.from != "") {
		return invalid("%s: --hook and --from need --only POINT", o.lifecycle)
	}
	if err := errors.Join(o.innerFlags.check(), o.checkCapture()); err != nil {
		return err
	}
	s, err := o.places.settings(w)
	if err != nil {
		return err
	}
	p, err := o.plan(ctx, w, s)
	if err != nil {
		return err
	}
	j := &session{w: w, o: o, settings: s, plan: p, id: orText(o.id, journal.NewID(time.Now()))}
	if o.only != "" {
		if j.skip, err = plan.Only(p, o.only, phased.Text(o.hook)); err != nil {
			return &failure{exitInvalid, err}
		}
	}
	if err := j.record(); err != nil {
		return err
	}
	if o.from != "" {
		if err := j.startFrom(ctx); err != nil {
			return err
		}
	}
	return j.run(ctx)
}

// plan makes the plan of the lifecycle, and fetches the plugins that it needs.
func (o *stackOptions) plan(ctx context.Context, w *World, s *config.Settings) (phased.Plan, error) {
	opts := plan.Options{
		Settings: s, Lifecycle: o.lifecycle, TopDir: orWorkingDir(o.topDir), Environ: w.Environ,
		Timeout: o.timeout.value, PhaseTimeout: o.phaseTimeout.value, HookTimeout: o.hookTimeout.value,
		FailureTimeout: o.failureTimeout.value, Grace: o.grace.value,
	}
	return loadSourced(ctx, w, opts, o.localConf, true)
}

// checkCapture refuses what --capture does not know.
func (o *stackOptions) checkCapture() error {
	switch o.capture {
	case "", captureInherit, string(executor.Tee):
		return nil
	}
	return invalid("--capture %q: expected inherit or tee", o.capture)
}

// captureInherit is what the settings and --capture call executor.Inherited.
const captureInherit = "inherit"

func orWorkingDir(dir string) string {
	if dir == "" {
		dir = "."
	}
	return absolute(dir)
}

// record opens the record. These commands are drop-ins: where there can be no
// record they run without one, and say so once.
func (j *session) record() error {
	dir, err := j.o.places.dir(j.w, j.settings)
	if err == nil {
		durability := "none"
		if j.settings.Line("durability") != 0 {
			durability = j.settings.Durability
		}
		j.store, err = journal.Open(dir, journal.Options{Create: true, Durability: durability, AnyOwner: j.o.places.anyOwner(j.settings), Rebooted: j.w.rebooted(dir)})
	}
	if err == nil {
		return nil
	}
	if j.o.from != "" || j.restore != "" {
		return cannotRecord(err)
	}
	j.w.talk("this run is not recorded, and takes no lock: %v", err)
	j.store = nil
	return nil
}

// startFrom finds the variable space that --from names: that before the point,
// or else the last one that was saved.
func (j *session) startFrom(ctx context.Context) error {
	r, damage, err := findRun(ctx, j.store, usage.RunArgument(j.o.from))
	if err = errors.Join(err, damage); err != nil {
		return err
	}
	for _, name := range []string{executor.SavedBefore(j.o.only), executor.SavedLast} {
		path, err := j.store.Saved(r.ID, name)
		switch {
		case err == nil:
			j.restore, j.restoredRun = path, r.ID
			return nil
		case !errors.Is(err, fs.ErrNotExist):
			return &failure{exitTrust, err}
		}
	}
	return invalid("run %s has no saved variable space: one is kept while a run can be resumed, or with `resume: keep` in the settings", r.ID)
}
