// Package plan owns the forecast: hook trees and settings in, a phased.Plan
// with one verdict for every directory entry out; the built-in lifecycles, the
// order of hooks, the comparison with other tools and the lint.
//
// It must not run a hook, write anything or print; the only programs that it
// starts are the shells' own syntax checks (bash -n, sh -n) in Check.
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
	// Time limits from the command line; nil stands for the settings'.
	Timeout, PhaseTimeout, HookTimeout, FailureTimeout, Grace *time.Duration
}

// Load makes the plan. Its error is an Errors.
func Load(o Options) (phased.Plan, error) { return phased.Plan{}, nil }

// List lists the phase again, as it is now. Digests are taken over where
// device, inode, size and times of a file agree. Its error is an Errors.
func List(p phased.PlannedPhase) (phased.PlannedPhase, error) { return p, nil }

// Lifecycles returns the names of all known lifecycles, sorted.
func Lifecycles(s *config.Settings) []string { return nil }

// Compare returns what is not as planned in a phase that was listed again: in
// the order of the planned entries, then of the new ones.
func Compare(planned, now phased.PlannedPhase) []phased.Difference { return nil }
