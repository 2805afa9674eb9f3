package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"phased/internal/config"
	"phased/internal/engine"
	"phased/internal/executor"
	"phased/internal/phased"
	"phased/internal/trust"
)

// trustMode is what becomes of what is not trusted: the flag, the settings', the
// default of the user. s is nil where the settings are what is asked about: they
// cannot vouch for themselves.
func (p *places) trustMode(s *config.Settings) (trust.Mode, error) {
	switch {
	case p.trust != "":
		if !slices.Contains(trust.Modes(), p.trust) {
			return "", invalid("--trust %q: expected %s", p.trust, strings.Join(trust.Modes(), ", "))
		}
		return trust.Mode(p.trust), nil
	case s != nil && s.Trust != "auto":
		return trust.Mode(s.Trust), nil
	}
	return trust.Default(os.Geteuid()), nil
}

// load reads a settings file that nobody else could have written.
func (p *places) load(w *World, file string, required bool) (*config.Settings, error) {
	mode, err := p.trustMode(nil)
	if err != nil {
		return nil, err
	}
	if mode == trust.Off {
		return settingsOr(config.Load(file, required))
	}
	if _, err := os.Lstat(file); !required && errors.Is(err, fs.ErrNotExist) {
		return config.Default(), nil // as on most hosts: there is no way to be gone
	}
	c := trust.NewChecker(os.Geteuid())
	defer c.Close()
	f, problem, err := c.Open(file)
	if err != nil {
		s, bad := settingsOr(config.Load(file, required))
		if bad == nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, &failure{exitTrust, fmt.Errorf("settings are not trusted: %w", err)}
		}
		return s, bad
	}
	defer f.Close()
	if problem != nil && mode == trust.Refuse {
		return nil, &failure{exitTrust, fmt.Errorf("settings: %w\nNothing was done. --trust=warn reads them all the same", problem)}
	}
	if problem != nil && w != nil {
		w.talk("warning: settings: %v", problem)
	}
	return settingsOr(config.Read(file, f))
}

func settingsOr(s *config.Settings, err error) (*config.Settings, error) {
	if err != nil {
		return nil, &failure{exitInvalid, err}
	}
	return s, nil
}

// guard looks at the plan of a native run, and returns what watches over its
// hooks; nil where nobody does. A plan that is not trusted is an error: nothing
// of it is run.
func (p *places) guard(s *config.Settings, pl phased.Plan) (*executor.Guarded, error) {
	mode, err := p.trustMode(s)
	if err != nil || mode == trust.Off {
		return nil, err
	}
	g := &executor.Guarded{Guard: &trust.Guard{EUID: os.Geteuid()}, Warn: mode == trust.Warn}
	if found := g.Guard.Plan(pl); len(found) > 0 && mode == trust.Refuse {
		return nil, &failure{exitTrust, fmt.Errorf("%w\nNo hook was run: whoever can write these decides what user %d runs", &trust.Error{Found: found}, os.Geteuid())}
	}
	return g, nil
}

// judged returns the plan with what of it is not trusted, for plan and check;
// refused says that it would not be run for that.
func (p *places) judged(s *config.Settings, pl phased.Plan) (_ phased.Plan, refused bool, err error) {
	mode, err := p.trustMode(s)
	if err != nil || mode == trust.Off {
		return pl, false, err
	}
	pl.Untrusted = (&trust.Guard{EUID: os.Geteuid()}).Plan(pl)
	return pl, mode == trust.Refuse, nil
}

// anyOwner reports whether a state directory may be anybody's.
func (p *places) anyOwner(s *config.Settings) bool {
	mode, err := p.trustMode(s)
	return err == nil && mode != trust.Refuse && os.Geteuid() == 0
}

// notOpened is the failure of a state directory that cannot be used.
func notOpened(err error) error {
	if _, untrusted := errors.AsType[*trust.Problem](err); untrusted {
		return &failure{exitTrust, err}
	}
	return &failure{exitInternal, err}
}

// guarded puts a guard before an executor; a nil guard is none.
func guarded(g *executor.Guarded, inner engine.Executor) engine.Executor {
	if g == nil {
		return inner
	}
	g.Inner = inner
	return g
}

// warned puts a guard that only tells the record before the executor of stack,
// unstack and clean, where the settings ask for it: they are drop-ins.
func warned(s *config.Settings, inner engine.Executor) engine.Executor {
	if s.Personalities.Trust != string(trust.Warn) {
		return inner
	}
	return guarded(&executor.Guarded{Guard: &trust.Guard{EUID: os.Geteuid()}, Warn: true}, inner)
}
