package plan

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// EnvironmentPhase is the name by which the list of environment files goes.
const EnvironmentPhase = "environment"

// environmentFiles lists the files that are sourced for the environment of executed
// hooks; nil where the lifecycle names no directory of them.
func (c *setting) environmentFiles(p *phased.Plan) error {
	if c.own.EnvironmentDir == "" {
		return nil
	}
	c.origin("", "environment-dir", c.own.EnvironmentDir, c.key("environment-dir"), "")
	listed, err := ListEnvironment(phased.PlannedPhase{
		Phase: phased.Phase{Name: EnvironmentPhase, Dir: c.own.EnvironmentDir, Order: phased.Numeric, Optional: true}, Roots: p.Roots,
	})
	p.Environment = &listed
	return err
}

// ListEnvironment lists environment files again, as they are now, in the order in
// which they are sourced: that of hooks. They need no x bit, and their names may
// have dots, as os-refresh-config has it.
func ListEnvironment(p phased.PlannedPhase) (phased.PlannedPhase, error) {
	return listBy(lister{phase: p.Phase, environment: true}, p.Roots)
}

// environmentName decides whether an environment file may be called so.
func environmentName(name string) (phased.Verdict, string) {
	switch what := leftover(name); {
	case what != "":
		return phased.VerdictNameBackup, what
	case name[0] == '.':
		return phased.VerdictNameHasDot, "a dot in front of the name"
	case plainName(strings.ReplaceAll(name, ".", "_")):
		return phased.VerdictRun, ""
	}
	return phased.VerdictNameChars, oddCharacter(strings.ReplaceAll(name, ".", "_")) + " in the name"
}

// decideEnvironment is decide for an environment file: whether it can be read is
// what counts.
func (l *lister) decideEnvironment(e *phased.Entry, f found, dir int, name string) {
	if v, why := environmentName(name); v != phased.VerdictRun {
		e.Verdict, e.Detail = v, why
		return
	}
	switch err := ignoringEINTR(func() error { return unix.Faccessat(dir, name, unix.R_OK, unix.AT_EACCESS) }); {
	case err == nil:
		l.digest(e, f, dir, name)
	case errors.Is(err, unix.EACCES):
		e.Verdict, e.Detail = phased.VerdictUnreadable, "mode "+e.Mode
	default:
		e.Verdict, e.Detail = phased.VerdictUnreadable, err.Error()
	}
}
