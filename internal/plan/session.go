package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// fromCaller is where values came from that a drop-in takes from its caller.
const fromCaller = "the caller"

// topDir finds the one hook tree of a lifecycle whose hooks are sourced.
func (c *setting) topDir() ([]string, error) {
	dir, flag, key := c.o.TopDir, "--top-dir", ""
	switch {
	case dir != "":
	case c.o.Base != "":
		dir, flag = c.o.Base, "--base"
	case c.own.Base != "":
		dir, flag, key = c.own.Base, "", c.key("base")
	case len(c.own.Roots) == 1:
		dir, flag, key = c.own.Roots[0], "", c.key("roots")
	default:
		return nil, &Error{File: c.s.File, Line: c.s.Line("lifecycles." + c.life.Name), Message: fmt.Sprintf(
			"the hooks of the lifecycle %s are sourced, from one top directory: name it with --top-dir, or with `base` in the settings", c.life.Name)}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, &Error{File: dir, Message: fmt.Sprintf("cannot make the top directory absolute: %v", err)}
	}
	c.origin("", "top-dir", abs, key, flag)
	return []string{abs}, checkTop(abs)
}

func checkTop(dir string) error {
	fi, err := os.Stat(dir)
	switch {
	case err == nil && fi.IsDir():
		return nil
	case err == nil:
		return &Error{File: dir, Message: "is not a directory; the top directory holds extras.d"}
	case errors.Is(err, fs.ErrNotExist):
		return &Error{File: dir, Message: "the top directory does not exist; name another with --top-dir"}
	}
	return &Error{File: dir, Message: fmt.Sprintf("the top directory cannot be looked at: %v", reason(err))}
}

// session returns how the shell of a run is started.
func (c *setting) session(p *phased.Plan) *phased.Session {
	top := p.Base
	s := &phased.Session{
		Name: phased.Text(joinPath(string(top), c.life.Name+".sh")), TopDir: top, Localrc: c.o.Localrc, Conf: phased.Text(c.o.Conf),
		Plugins: c.o.Plugins, Provenance: c.own.Provenance == nil || *c.own.Provenance, Resume: orText(c.own.Resume, "on"),
		Posix: c.own.Shell == "posix",
	}
	s.Options = []string{"errexit"}
	other := fromDefault
	if c.regime != nil {
		s.Options, other = slices.Clone(c.regime.options), fromBuiltin
		if c.regime.nounset && valueOf(p.Surroundings.Env, "NOUNSET") != "" {
			s.Options = append(s.Options, "nounset")
		}
	}
	if c.own.Options != nil {
		s.Options = c.own.Options
	}
	c.note("", "options", orText(strings.Join(s.Options, ", "), "none"), c.from("", c.key("options"), other))
	c.origin("", "shell", orText(c.own.Shell, "bash"), c.key("shell"), "")
	c.origin("", "provenance", strconv.FormatBool(s.Provenance), c.key("provenance"), "")
	c.origin("", "resume", s.Resume, c.key("resume"), "")
	if s.Conf != "" {
		c.note("", "local-conf", string(s.Conf), c.from("", c.key("local-conf"), fromDefault))
	}
	return s
}

// callers returns the process state that stack.sh, unstack.sh and clean.sh hand
// on: the caller's, with what they make of it themselves. What the settings and
// --env add comes last.
func (c *setting) callers() (phased.Surroundings, error) {
	s := phased.Surroundings{Umask: c.regime.umask, Stdin: orText(c.o.Stdin, "inherit")}
	c.note("", "stdin", s.Stdin, orText(map[bool]string{true: "--stdin"}[c.o.Stdin != ""], fromCaller))
	c.note("", "directory", "the caller's", fromCaller)
	umask, from := "the caller's", fromCaller
	if s.Umask >= 0 {
		umask, from = fmt.Sprintf("%03o", s.Umask), fromBuiltin
	}
	c.note("", "umask", umask, from)
	env, err := c.callersEnv()
	var errs Errors
	if s.Stdin != "null" && s.Stdin != "inherit" {
		errs = append(errs, &Error{Message: fmt.Sprintf("--stdin: expected null or inherit, not %q", s.Stdin)})
	}
	s.Env = env
	return s, errs.with(err).orNil()
}

// callersEnv keeps the caller's environment in its order, odd entries included.
func (c *setting) callersEnv() ([]phased.Text, error) {
	var env environ
	for _, v := range c.o.Environ {
		env = append(env, phased.Text(v))
	}
	r := c.regime.env
	for _, n := range r.unset {
		env = env.without(n)
	}
	for _, v := range r.set {
		env = env.with(v)
		n, v, _ := strings.Cut(v, "=")
		c.note("", "environment."+n, v, fromBuiltin)
	}
	if path := valueOf(env, "PATH"); path != "" && r.append != "" {
		env = env.with("PATH=" + withDirs(path, r.append))
	}
	names := make([]string, 0, len(c.s.Env))
	for n := range c.s.Env {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		env = env.with(n + "=" + c.s.Env[n])
		c.note("", "environment."+n, c.s.Env[n], c.from("", "environment."+n, fromDefault))
	}
	var errs Errors
	for _, assignment := range c.o.Env {
		if err := config.CheckVariable(assignment); err != nil {
			errs = append(errs, &Error{Message: "--env: " + err.Error()})
			continue
		}
		env = env.with(assignment)
		n, v, _ := strings.Cut(assignment, "=")
		c.note("", "environment."+n, v, "--env")
	}
	return env, errs.orNil()
}

type environ []phased.Text

// without returns the environment without a variable.
func (e environ) without(name string) environ {
	return slices.DeleteFunc(slices.Clone(e), func(v phased.Text) bool { return strings.HasPrefix(string(v), name+"=") })
}

// with returns the environment with NAME=value, in the place of the variable
// where it has one.
func (e environ) with(assignment string) environ {
	name, _, _ := strings.Cut(assignment, "=")
	for i, v := range e {
		if strings.HasPrefix(string(v), name+"=") {
			kept := e[:i+1].clone()
			kept[i] = phased.Text(assignment)
			return append(kept, e[i+1:].without(name)...)
		}
	}
	return append(slices.Clip(e), phased.Text(assignment))
}

func (e environ) clone() environ { return slices.Clone(e) }

// valueOf returns the value of a variable as the C library finds it; "" where it
// is not there.
func valueOf(env []phased.Text, name string) string {
	for _, v := range env {
		if value, found := strings.CutPrefix(string(v), name+"="); found {
			return value
		}
	}
	return ""
}

// withDirs appends the directories that a PATH does not have.
func withDirs(path, dirs string) string {
	has := strings.Split(path, ":")
	for d := range strings.SplitSeq(dirs, ":") {
		if !slices.Contains(has, d) {
			path += ":" + d
		}
	}
	return path
}

// LocalConf says which local.conf a lifecycle reads, and what becomes of the
// plugins that it enables.
type LocalConf struct {
	File      string // "": none
	PluginDir string // where plugins are cloned; "": no setting says
	Order     string // of the plugins: listed, or required, as their plugin_requires asks for
}

// LocalConfOf returns the local.conf of a lifecycle: the one that is named (by
// --local-conf), or the settings', or, for stack, unstack and clean, the one in
// the top directory where there is one.
func LocalConfOf(o Options, named string) LocalConf {
	name := orText(o.Lifecycle, "refresh")
	var own config.Lifecycle
	if o.Settings != nil {
		own = o.Settings.Lifecycles[name]
	}
	l := LocalConf{PluginDir: own.PluginDir, Order: orText(own.PluginOrder, "listed")}
	top := orText(orText(o.TopDir, o.Base), own.Base)
	if top == "" && len(own.Roots) == 1 {
		top = own.Roots[0]
	}
	switch {
	case named != "":
		l.File = named
		if abs, err := filepath.Abs(named); err == nil {
			l.File = abs
		}
		return l
	case own.LocalConf != "":
		l.File = own.LocalConf
		if !filepath.IsAbs(l.File) {
			l.File = filepath.Join(top, l.File)
		}
	case config.SourcedBuiltin(name) && top != "":
		l.File = filepath.Join(top, "local.conf")
		if _, err := os.Lstat(l.File); err != nil {
			l.File = ""
		}
	}
	if abs, err := filepath.Abs(l.File); err == nil && l.File != "" {
		l.File = abs
	}
	return l
}
