package cli

import (
	"context"
	"time"

	"github.com/spf13/pflag"

	"phased/internal/config"
	"phased/internal/phased"
	"phased/internal/plan"
)

// planFlags are the flags that a plan depends on, beside the limits.
type planFlags struct {
	base      string
	topDir    string
	localConf string
	env       []string
	stdin     string
	fetch     bool // clone the plugins that are not there yet
	faulty    bool // make a plan also where headers of hooks have mistakes
	jobs      int
	inputs    bool // digest the files that hooks say they depend on
}

func (o *planFlags) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.base, "base", "", "the one hook tree: `DIR` (default: the lifecycle's, or the roots of the settings)")
	o.addSourcedFlags(f)
	f.IntVar(&o.jobs, "jobs", 0, "how many hooks may run at once, `N`, in phases that let them (default: the settings', one a processor)")
	f.StringArrayVar(&o.env, "env", nil, "`NAME=VALUE` added to the environment of every hook; may be repeated")
	f.StringVar(&o.stdin, "stdin", "", "stdin of the hooks, `WHAT`: null or inherit (default: the settings', null)")
}

// addSourcedFlags adds the flags of lifecycles whose hooks are sourced.
func (o *planFlags) addSourcedFlags(f *pflag.FlagSet) {
	f.StringVar(&o.topDir, "top-dir", "", "of sourced hooks: `DIR` that holds extras.d (default: the lifecycle's, or the working directory)")
	f.StringVar(&o.localConf, "local-conf", "", "of sourced hooks: `FILE` with the localrc section and its plugins (default: the lifecycle's, or local.conf of the top directory)")
}

// limitFlags are the time limits of the command line.
type limitFlags struct {
	timeout, phaseTimeout, hookTimeout, failureTimeout, grace duration
}

func (o *limitFlags) addFlags(f *pflag.FlagSet) {
	f.Var(&o.timeout, "timeout", "time limit of the run")
	f.Var(&o.phaseTimeout, "phase-timeout", "time limit of each phase")
	f.Var(&o.hookTimeout, "hook-timeout", "time limit of each hook")
	f.Var(&o.failureTimeout, "failure-timeout", "time limit of the failure phase (default: the settings', 5m)")
	f.Var(&o.grace, "grace", "time between SIGTERM and SIGKILL (default: the settings', 10s)")
}

// makePlan reads the settings and makes the plan; limits may be nil.
func (o *planFlags) makePlan(ctx context.Context, w *World, pl *places, limits *limitFlags, lifecycle string) (*config.Settings, phased.Plan, error) {
	s, err := pl.settings(w)
	if err != nil {
		return nil, phased.Plan{}, err
	}
	p, err := o.planBy(ctx, w, s, limits, lifecycle)
	return s, p, err
}

// planBy makes the plan by settings that were read.
func (o *planFlags) planBy(ctx context.Context, w *World, s *config.Settings, limits *limitFlags, lifecycle string) (phased.Plan, error) {
	if o.jobs < 0 || o.jobs > config.MaxJobs {
		return phased.Plan{}, invalid("--jobs %d: expected a number from 1 to %d, or 0 for one a processor", o.jobs, config.MaxJobs)
	}
	opts := plan.Options{Settings: s, Jobs: o.jobs, Lifecycle: lifecycle, Base: o.base, Env: o.env, Environ: w.Environ, Stdin: o.stdin, Faulty: o.faulty, Inputs: o.inputs}
	if limits != nil {
		opts.Timeout, opts.PhaseTimeout, opts.HookTimeout = limits.timeout.value, limits.phaseTimeout.value, limits.hookTimeout.value
		opts.FailureTimeout, opts.Grace = limits.failureTimeout.value, limits.grace.value
	}
	if config.SourcedBuiltin(lifecycle) || s.Lifecycles[lifecycle].HasSourced() {
		if opts.TopDir = o.topDir; o.topDir != "" || o.base == "" && config.SourcedBuiltin(lifecycle) {
			opts.TopDir = orWorkingDir(o.topDir)
		}
		return loadSourced(ctx, w, opts, o.localConf, o.fetch)
	}
	if o.topDir != "" || o.localConf != "" {
		return phased.Plan{}, invalid("--top-dir and --local-conf are for sourced hooks, and the lifecycle %s has none; --base names its hook tree", orText(lifecycle, "refresh"))
	}
	p, err := plan.Load(opts)
	if err != nil {
		return phased.Plan{}, &failure{exitInvalid, err}
	}
	return p, nil
}

// ago returns how long ago a moment was, in words.
func ago(t time.Time) string { return aboutAgo(time.Since(t)) }

// holdFlags say what to do where a run cannot begin at once.
type holdFlags struct {
	wait    duration
	orphans string
}

func (o *holdFlags) addFlags(f *pflag.FlagSet) {
	f.Var(&o.wait, "wait", "wait for a run of the same base to end, at most `DURATION` where it is given")
	f.Lookup("wait").NoOptDefVal = "100000d" // 273 years
	f.StringVar(&o.orphans, "orphans", "", "`WHAT` to do about processes of a dead run: refuse, wait or kill (default: the settings', refuse)")
}

// check fills in what the settings say.
func (o *holdFlags) check(s *config.Settings) error {
	switch o.orphans {
	case "":
		o.orphans = s.Orphans
	case "refuse", "wait", "kill":
	default:
		return invalid("--orphans %q: expected refuse, wait or kill", o.orphans)
	}
	return nil
}
