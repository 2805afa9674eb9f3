package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// Load makes the plan. Its error is an Errors with all reasons at once.
func Load(o Options) (phased.Plan, error) {
	if o.Settings == nil {
		o.Settings = config.Default()
	}
	c, err := newSetting(o)
	if err != nil {
		return phased.Plan{}, err
	}
	var errs Errors
	roots, rootErr := c.roots()
	errs = errs.with(rootErr)
	p := phased.Plan{
		Lifecycle: c.life.Name, Settings: phased.Text(c.s.File), Pinned: c.life.Pinned, Roots: texts(roots),
		Timeout: c.limit("", "timeout", source{o.Timeout, "--timeout", ""},
			source{c.own.Timeout, "", c.key("timeout")}, source{&c.s.Timeout, "", "timeout"}),
		Grace: c.limit("", "grace", source{o.Grace, "--grace", ""}, source{&c.s.Grace, "", "grace"}),
		FailureLimit: c.limit("", "failure-timeout",
			source{o.FailureTimeout, "--failure-timeout", ""}, source{&c.s.FailureTimeout, "", "failure-timeout"}),
	}
	c.jobs(&p)
	if p.RebootExits = c.own.RebootExits; p.RebootExits != nil {
		c.origin("", "reboot-exit", rebootExitsText(p.RebootExits), c.key("reboot-exit"), "")
	}
	p.Surroundings, err = c.surroundings()
	errs = errs.with(err)
	p.Base = phased.Text(c.life.Phases[0].Dir)
	if len(roots) > 0 {
		p.Base = phased.Text(roots[len(roots)-1])
	}
	if c.sourced() {
		p.Session = c.session(&p)
	}
	errs = errs.with(c.list(&p, rootErr != nil))
	errs = errs.with(c.environmentFiles(&p))
	if !o.Faulty {
		for _, ph := range p.AllPhases() {
			errs = append(errs, headerErrors(ph.Entries)...)
		}
	}
	if o.Inputs && len(errs) == 0 {
		errs = errs.with(digestInputs(&p))
	}
	if len(errs) > 0 {
		return phased.Plan{}, errs
	}
	p.Origins = c.origins
	p.Digest = digest(p)
	return p, nil
}

// jobs tells how many hooks may run at once, where a phase lets any.
func (c *setting) jobs(p *phased.Plan) {
	parallel := func(ph phased.Phase) bool { return ph.Parallel != "" }
	if !slices.ContainsFunc(c.life.Phases, parallel) && (c.life.Failure == nil || !parallel(*c.life.Failure)) {
		return
	}
	p.Jobs = runtime.NumCPU()
	flag := ""
	switch {
	case c.o.Jobs > 0:
		p.Jobs, flag = c.o.Jobs, "--jobs"
	case c.s.Jobs > 0:
		p.Jobs = c.s.Jobs
	}
	p.Jobs = min(p.Jobs, config.MaxJobs)
	c.origin("", "jobs", strconv.Itoa(p.Jobs), "jobs", flag)
}

// list lists the phases. Without good hook trees, those that lie in them are
// left out: all that they could say was said.
func (c *setting) list(p *phased.Plan, rootless bool) error {
	var errs Errors
	listed := func(ph phased.Phase) (pp phased.PlannedPhase, keep bool) {
		var err error
		switch keep = true; {
		case rootless && (ph.Executor == phased.ExecutorSession || !filepath.IsAbs(ph.Dir)):
			return pp, keep
		case ph.Executor == phased.ExecutorSession:
			pp, keep, err = c.listSourced(ph, p)
		default:
			pp, err = list(ph, p.Roots, nil)
		}
		errs = errs.with(err)
		return pp, keep
	}
	for _, ph := range c.life.Phases {
		if pp, keep := listed(ph); keep {
			p.Phases = append(p.Phases, pp)
		}
	}
	if c.life.Failure != nil {
		pp, _ := listed(*c.life.Failure)
		p.Failure = &pp
	}
	return errs.orNil()
}

// roots finds the hook trees, lowest first: --base, or the lifecycle's base or
// roots, or those of the settings. There are none where every phase has an
// absolute directory.
func (c *setting) roots() ([]string, error) {
	given, flag, key, option := c.s.Roots, "", "roots", "roots"
	switch {
	case c.sourced():
		return c.topDir()
	case c.o.Base != "":
		abs, err := filepath.Abs(c.o.Base)
		if err != nil {
			return nil, &Error{File: c.o.Base, Message: fmt.Sprintf("cannot make the base directory absolute: %v", err)}
		}
		given, flag, option = []string{abs}, "--base", "base"
	case c.own.Base != "":
		given, key, option = []string{c.own.Base}, c.key("base"), "base"
	case c.own.Roots != nil:
		given, key = c.own.Roots, c.key("roots")
	case !c.usesRoots():
		return nil, nil
	}
	c.origin("", option, strings.Join(given, ", "), key, flag)
	return given, checkRoots(given)
}

func (c *setting) usesRoots() bool {
	used := c.life.Failure != nil && !filepath.IsAbs(c.life.Failure.Dir)
	for _, p := range c.life.Phases {
		used = used || !filepath.IsAbs(p.Dir)
	}
	return used
}

// checkRoots demands that one hook tree is there, and that all that are there
// are directories.
func checkRoots(roots []string) error {
	var errs Errors
	found := false
	for _, r := range roots {
		fi, err := os.Stat(r)
		switch {
		case err == nil && fi.IsDir():
			found = true
		case err == nil:
			errs = append(errs, &Error{File: r, Message: "is not a directory; a base directory holds a directory for each phase, such as configure.d"})
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, &Error{File: r, Message: fmt.Sprintf("base directory cannot be looked at: %v", reason(err))})
		}
	}
	if found || len(errs) > 0 {
		return errs.orNil()
	}
	if len(roots) == 1 {
		return &Error{File: roots[0], Message: "base directory does not exist; make it, or name another with --base"}
	}
	return &Error{Message: fmt.Sprintf("no base directory: none of %s exists; make one, or name another with --base", strings.Join(roots, ", "))}
}

func texts(s []string) []phased.Text {
	t := make([]phased.Text, len(s))
	for i := range s {
		t[i] = phased.Text(s[i])
	}
	return t
}

// reason returns an error without the operation and the path in front of it.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

func rebootExitsText(all []phased.RebootExit) string {
	words := make([]string, len(all))
	for i, r := range all {
		words[i] = fmt.Sprintf("%d: %s", r.Status, r.When)
		if r.Same {
			words[i] += ", the same hook again"
		}
	}
	return strings.Join(words, "; ")
}
