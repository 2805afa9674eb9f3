// Package plan owns the forecast: hook trees and settings in, a phased.Plan
// with one verdict for every directory entry out; the built-in lifecycles, the
// order of hooks, the comparison with other tools and the lint.
//
// It must not run a hook, write anything or print; the only programs that it
// starts are the shells' own syntax checks (bash -n, sh -n) in Check, and a bash
// that expands a pattern where a locale decides the order.
package plan

import (
	"time"

	"phased/internal/config"
	"phased/internal/phased"
)

// Options are what a plan is made of.
type Options struct {
	Settings  *config.Settings // nil: the defaults
	Lifecycle string           // "" stands for refresh
	Base      string           // --base: the one hook tree; "" stands for the settings' roots
	Env       []string         // --env NAME=value, added last
	Environ   []string         // the caller's environment: HOME and USER where the user database has none
	Stdin     string           // --stdin: null or inherit; "" stands for the settings'
	// TopDir is the top directory of a lifecycle whose hooks are sourced, its one
	// hook tree; "" stands for Base, or the settings'. Conf is the local.conf that
	// Localrc, its text, and Plugins come from: see LocalConfOf.
	TopDir  string
	Conf    string
	Localrc phased.Text
	Plugins []phased.Plugin
	// Jobs is --jobs: how many hooks may run at once; 0 stands for the settings'.
	Jobs int
	// Faulty makes a plan also where headers of hooks have mistakes, for Check;
	// otherwise they are errors.
	Faulty bool
	// Inputs digests the files that hooks say they depend on, for Resume.
	Inputs bool
	// Bash is the shell that is asked for the order of names where a locale
	// decides it; "" stands for that of /bin or /usr/bin.
	Bash string
	// Time limits from the command line; nil stands for the settings'.
	Timeout, PhaseTimeout, HookTimeout, FailureTimeout, Grace *time.Duration
}
