package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/config"
	"phased/internal/executor"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/redact"
	"phased/internal/report"
	"phased/internal/usage"
)

// resumeOptions are the flags of `phased resume`.
type resumeOptions struct {
	stackOptions
	ref    string
	force  bool
	from   string
	only   string
	dryRun bool
	boot   bool
	env    []string
	stdin  string
	plain  bool
}

func newResume(w *World) *cobra.Command {
	o := resumeOptions{ref: "last"}
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "go on with a run that did not end well",
		Long: `Goes on with a run that failed, was stopped or interrupted, or waits for a reboot.
It says for every hook whether it runs, and why: what is done is passed over where
its content, its arguments and the inputs that it declares are what they were then.
A run that was resumed already is gone on with where that left off.

Where hooks are sourced (stack, unstack, clean), it goes on at the hook that failed,
in the variable space that the run had before that hook. It says what could not be
restored, and refuses where a hook that is already done has changed since.

` + runUsage,
		Example: `phased resume
phased resume --dry-run
phased resume last --from configure/20-render
phased resume -2 --force`,
		Args:              atMost(1),
		ValidArgsFunction: completeRuns(w, &o.places, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.ref = usage.RunArgument(args[0])
			}
			if o.boot && (len(args) > 0 || o.from != "" || o.only != "") {
				return invalid("resume: --after-reboot goes on with every run that waits; it takes no RUN, --from or --only")
			}
			return runResume(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would run, and why, and stop")
	f.BoolVar(&o.boot, "after-reboot", false, "go on with every run that waits for a reboot that has been; without any, do nothing")
	f.StringVar(&o.from, "from", "", "run the hook `NAME` or PHASE/NAME and all behind it")
	f.StringVar(&o.only, "only", "", "run hooks of this `PHASE` only")
	f.BoolVar(&o.force, "force", false, "go on also where sourced hooks that are done have changed since")
	f.StringArrayVar(&o.env, "env", nil, "`NAME=VALUE` added to the environment of every executed hook; may be repeated")
	f.StringVar(&o.stdin, "stdin", "", "stdin of the executed hooks, `WHAT`: null or inherit (default: the settings', null)")
	f.StringVar(&o.localConf, "local-conf", "", "`FILE` with the localrc section and its plugins (default: that of the run)")
	f.StringVar(&o.capture, "capture", "", "what becomes of the hooks' output, `HOW`: inherit or tee (default: the settings', inherit)")
	f.BoolVar(&o.plain, "plain", false, "print plain lines also on a terminal")
	o.holdFlags.addFlags(f)
	o.limitFlags.addFlags(f)
	o.places.addFlags(f)
	return cmd
}

// runResume is `phased resume`.
func runResume(ctx context.Context, w *World, o *resumeOptions) error {
	if err := o.checkCapture(); err != nil {
		return err
	}
	if o.boot {
		return o.afterReboot(ctx, w)
	}
	store, err := o.places.record(w)
	if err != nil {
		return err
	}
	r, damage, err := findRun(ctx, store, o.ref)
	if err = errors.Join(err, damage); err != nil {
		return err
	}
	if r, err = o.begun(ctx, w, store, r); err != nil {
		return err
	}
	newest, err := newest(ctx, store, r)
	if err != nil {
		return err
	}
	if newest.ID != r.ID {
		w.talk("run %s was resumed by run %s: going on with that", r.ID, newest.ID)
		r = newest
	}
	if r.Start.Parent != "" {
		return invalid("run %s was started inside of run %s: resume that", r.ID, r.Start.Parent)
	}
	switch {
	case plan.Finished(r):
		return invalid("run %s ended well: there is nothing to go on with", r.ID)
	case !r.Status.Final():
		return &failure{exitBusy, fmt.Errorf("run %s goes on", r.ID)}
	}
	return o.goOn(ctx, w, store, r)
}

// begun returns the run, and in place of the last one that died before anything of
// it was on record the one before: it has done nothing.
func (o *resumeOptions) begun(ctx context.Context, w *World, store *journal.Store, r phased.Run) (phased.Run, error) {
	if r.Start.Lifecycle != "" || !r.Status.Final() {
		return r, nil
	}
	all, err := store.Runs(ctx)
	if err != nil {
		return r, broken("cannot read the record: %v", err)
	}
	at := slices.IndexFunc(all, func(s phased.Summary) bool { return s.Lifecycle != "" }) // the newest first
	if o.ref != "last" || at < 0 {
		return r, invalid("run %s died before it had begun: it has run nothing, and there is nothing to go on with", r.ID)
	}
	w.talk("run %s died before it had begun, and has run nothing: going on with the run before it", r.ID)
	if r, err = store.Run(ctx, all[at].ID); err != nil {
		return r, broken("the record of run %s cannot be read: %v", all[at].ID, err)
	}
	return r, nil
}

// goOn goes on with a run that is the newest of its chain, by the settings that it
// had where none are named.
func (o *resumeOptions) goOn(ctx context.Context, w *World, store *journal.Store, r phased.Run) error {
	typed := o.places.again()
	o.typed = &typed
	if o.config == "" {
		o.config = string(r.Start.Settings)
	}
	o.stateDir = store.Dir() // which other settings might name otherwise
	s, err := o.places.settings(w)
	if err != nil {
		return err
	}
	runs, err := chain(ctx, store, r)
	if err != nil {
		return err
	}
	o.lifecycle = r.Start.Lifecycle
	if config.SourcedBuiltin(o.lifecycle) {
		return o.points(ctx, w, s, store, runs)
	}
	return o.native(ctx, w, store, runs)
}

// newest returns the newest run of those that go on with a run, or with one that
// does.
func newest(ctx context.Context, store phased.Source, r phased.Run) (phased.Run, error) {
	all, err := store.Runs(ctx)
	if err != nil {
		return r, broken("cannot read the record: %v", err)
	}
	id := phased.NewestOf(all, r.ID)
	if id == r.ID {
		return r, nil
	}
	if r, err = store.Run(ctx, id); err != nil {
		return r, broken("the record of run %s cannot be read: %v", id, err)
	}
	return r, nil
}

// decide says where the run goes on.
func (o *resumeOptions) decide(w *World, p phased.Plan, r phased.Run) (plan.Decision, error) {
	d, err := plan.Resume(p, r, plan.ResumeOptions{Force: o.force})
	if err != nil {
		return d, &failure{exitInvalid, err}
	}
	if o.dryRun {
		_, err = fmt.Fprintln(w.Stdout, strings.Join(d.Lines(), "\n"))
		return d, err
	}
	for _, line := range d.Lines() {
		w.talk("%s", line)
	}
	return d, nil
}

// points goes on with a run of stack, unstack or clean.
func (o *resumeOptions) points(ctx context.Context, w *World, s *config.Settings, store *journal.Store, runs []phased.Run) error {
	r := joinedRuns(runs)
	switch {
	case r.Session == nil:
		return invalid("run %s cannot be resumed: it ended before its shell had started; start it anew", r.ID)
	case o.from != "" || o.only != "" || o.env != nil || o.stdin != "":
		return invalid("resume: --from, --only, --env and --stdin are for hooks that are executed, and those of %s are sourced", o.lifecycle)
	}
	saved, err := store.Saved(r.ID, executor.SavedLast)
	if err != nil {
		return unsaved(r, s, err)
	}
	o.topDir = string(r.Start.Base)
	p, err := o.stackOptions.plan(ctx, w, s)
	if err != nil {
		return err
	}
	d, err := o.decide(w, p, r)
	if err != nil {
		return err
	}
	j := &session{
		w: w, o: &o.stackOptions, settings: s, plan: p, id: journal.NewID(time.Now()),
		resumes: r.ID, restore: saved, restoredRun: r.ID, skip: d.Skip,
	}
	if o.dryRun {
		return nil
	}
	if err := j.record(); err != nil {
		return err
	}
	return j.run(ctx)
}

// native goes on with a run of a lifecycle of processes, or of the settings.
func (o *resumeOptions) native(ctx context.Context, w *World, store *journal.Store, runs []phased.Run) error {
	ctx, stop := listen(ctx)
	defer stop.close()
	r := runs[len(runs)-1]
	if r.Start.Personality != "" {
		return invalid("run %s cannot be resumed: it was run as %s, which runs everything every time; run that again", r.ID, r.Start.Personality)
	}
	run := &runOptions{places: o.places, limitFlags: o.limitFlags, lifecycle: o.lifecycle, holdFlags: o.holdFlags, plain: o.plain}
	run.localConf, run.env, run.stdin, run.inputs = o.localConf, o.env, o.stdin, true
	if len(r.Start.Roots) == 1 {
		run.base = string(r.Start.Base)
	}
	var err error
	if run.env, err = envOf(runs, o.env); err != nil && !o.dryRun {
		return err
	}
	j, err := prepare(ctx, w, run)
	if err != nil {
		return err
	}
	defer j.uncontain()
	if j.skip, j.restore, err = o.decideAll(w, j, store, runs); err != nil || o.dryRun {
		return err
	}
	j.recheck = func(ctx context.Context) error {
		switch now, err := newest(ctx, store, r); {
		case err != nil:
			return err
		case now.ID != r.ID:
			return &failure{exitBusy, fmt.Errorf("busy: run %s has meanwhile been resumed by run %s; nothing was run", r.ID, now.ID)}
		}
		return nil
	}
	j.stop, j.resumes, j.reboots = stop, r.ID, rebootsOf(runs)
	return j.execute(ctx)
}

// envOf returns the variables that the runs of a chain were given on their command
// lines by --env, with those given now: the later of one name counts. A secret is
// on no record: it has to be given again.
func envOf(runs []phased.Run, now []string) ([]string, error) {
	all := map[string]string{}
	for _, r := range runs {
		for i, a := range r.Start.Argv {
			given, ok := strings.CutPrefix(string(a), "--env=")
			if string(a) == "--env" && i+1 < len(r.Start.Argv) {
				given, ok = string(r.Start.Argv[i+1]), true
			}
			if name, value, assigned := strings.Cut(given, "="); ok && assigned {
				all[name] = value
			}
		}
	}
	for _, e := range now {
		name, _, _ := strings.Cut(e, "=")
		delete(all, name)
	}
	var env, missing []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if strings.Contains(all[name], redact.Mark) {
			missing = append(missing, name)
		}
		env = append(env, name+"="+all[name])
	}
	if len(missing) > 0 {
		return append(env, now...), invalid("run %s was given secrets by --env, which are on no record: give them again with --env %s=VALUE", runs[len(runs)-1].ID, strings.Join(missing, "=VALUE --env "))
	}
	return append(env, now...), nil
}

// decideAll says what is passed over, and which variable space is restored.
func (o *resumeOptions) decideAll(w *World, j *job, store *journal.Store, runs []phased.Run) (skip plan.Skip, saved string, err error) {
	sourced := slices.ContainsFunc(j.plan.Phases, func(p phased.PlannedPhase) bool { return p.Executor == phased.ExecutorSession })
	executed := slices.ContainsFunc(j.plan.Phases, func(p phased.PlannedPhase) bool { return p.Executor != phased.ExecutorSession })
	if sourced {
		if saved, err = savedSpace(store, j, runs); err != nil {
			return nil, "", err
		}
	}
	if !executed {
		d, err := o.decide(w, j.plan, joinedRuns(runs))
		return d.Skip, saved, err
	}
	c, err := plan.Continue(j.plan, runs, plan.ContinueOptions{From: o.from, Only: o.only, Force: o.force})
	if err != nil {
		return nil, "", &failure{exitInvalid, err}
	}
	if j.carried, err = carriedBy(store, j.settings.PrivateTTL, runs, notRunBy(c)); err != nil && !o.dryRun {
		return nil, "", err
	}
	return c.Skip, saved, o.tell(w, j, runs[len(runs)-1], c)
}

// notRunBy tells which hooks a resume does not run.
func notRunBy(c plan.Continuation) func(phase string, hook phased.Text) bool {
	over := map[string]bool{}
	for _, d := range c.Hooks {
		over[report.Hook(d.Phase, d.Hook)] = !d.Run
	}
	return func(phase string, hook phased.Text) bool { return over[report.Hook(phase, hook)] }
}

// tell prints what is done about each hook: before the run on stderr, for
// --dry-run on stdout.
func (o *resumeOptions) tell(w *World, j *job, r phased.Run, c plan.Continuation) error {
	text := report.Resumption{Run: r.ID, Status: r.Status, Gone: c.Gone}
	if c.Sourced != nil {
		text.Sourced = c.Sourced.Lines()
	}
	m := j.memory()
	for _, d := range c.Hooks {
		if e, found := entryOf(j.plan, d.Phase, d.Hook); found && (d.Run || len(e.When) > 0) {
			reason, message, err := m.skip(d.Phase, e)
			switch {
			case err != nil:
				return broken("%v", err)
			case reason != "" && d.Run:
				d.Run, d.Why = false, reason+": "+message
			case reason == "" && d.Run:
				d.Why = bothOf(message, d.Why)
			case reason == "":
				d.Run, d.Why = true, message
			}
		}
		text.Hooks = append(text.Hooks, report.ResumedHook(d))
	}
	if o.dryRun {
		return report.Resume(w.Stdout, w.style(false, o.places.again()), text)
	}
	return report.Resume(w.Stderr, w.styleOf(w.Stderr, o.places.again()), text)
}

func entryOf(p phased.Plan, phase string, hook phased.Text) (phased.Entry, bool) {
	for _, ph := range p.Phases {
		for _, e := range ph.Hooks() {
			if ph.Name == phase && e.Name == hook {
				return e, true
			}
		}
	}
	return phased.Entry{}, false
}

// savedSpace returns the variable space of the newest run of the chain that had a
// shell; "" where none had.
func savedSpace(store *journal.Store, j *job, runs []phased.Run) (string, error) {
	for _, r := range slices.Backward(runs) {
		if r.Session == nil {
			continue
		}
		saved, err := store.Saved(r.ID, executor.SavedLast)
		if err != nil {
			return "", unsaved(r, j.settings, err)
		}
		j.restoredRun = r.ID
		return saved, nil
	}
	return "", nil
}

// unsaved tells why a run cannot be resumed whose variable space is not there.
func unsaved(r phased.Run, s *config.Settings, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return &failure{exitTrust, err}
	}
	return invalid("run %s cannot be resumed: its variable space is not there (it is kept for %s after a run that failed, unless the settings say `resume: off`); start it anew",
		r.ID, report.About(s.PrivateTTL))
}

// chain returns the run and those before it that it resumed, the oldest first.
func chain(ctx context.Context, runs phased.Source, r phased.Run) ([]phased.Run, error) {
	all := []phased.Run{r}
	for r.Start.Resumes != "" {
		earlier, err := runs.Run(ctx, r.Start.Resumes)
		if err != nil {
			return nil, invalid("run %s resumed run %s, whose record cannot be read: %v", r.ID, r.Start.Resumes, err)
		}
		r = earlier
		all = append(all, r)
	}
	slices.Reverse(all)
	return all, nil
}

// joinedRuns returns the last run with the hooks on it that those before it have
// done.
func joinedRuns(runs []phased.Run) phased.Run {
	whole := runs[len(runs)-1]
	for _, r := range slices.Backward(runs[:len(runs)-1]) {
		whole.Phases = plan.Joined(r.Phases, whole.Phases)
	}
	return whole
}

// rebootsOf counts the reboots that the newest runs of a chain ended for, one
// after the other.
func rebootsOf(runs []phased.Run) int {
	n := 0
	for _, r := range slices.Backward(runs) {
		if r.Status != phased.StatusWaiting {
			break
		}
		n++
	}
	return n
}
