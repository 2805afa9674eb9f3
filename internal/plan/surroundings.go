package plan

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// defaultPath is the PATH of every native hook, wherever the run was started.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// surroundings returns the process state that every hook starts with: the same
// from a terminal, from cron and at boot.
func (c *setting) surroundings() (phased.Surroundings, error) {
	if c.regime != nil {
		return c.callers()
	}
	var errs Errors
	s := phased.Surroundings{Dir: phased.Text(c.s.Dir), Umask: c.s.Umask, Stdin: c.s.Stdin}
	flag := ""
	if c.o.Stdin != "" {
		s.Stdin, flag = c.o.Stdin, "--stdin"
	}
	c.origin("", "stdin", s.Stdin, "stdin", flag)
	c.origin("", "directory", c.s.Dir, "directory", "")
	c.origin("", "umask", fmt.Sprintf("%03o", c.s.Umask), "umask", "")
	if s.Stdin != "null" && s.Stdin != "inherit" {
		errs = append(errs, &Error{Message: fmt.Sprintf("--stdin: expected null or inherit, not %q", s.Stdin)})
	}
	if fi, err := os.Stat(c.s.Dir); err != nil || !fi.IsDir() {
		why := "is not a directory"
		if err != nil {
			why = reason(err).Error()
		}
		errs = append(errs, &Error{
			File: c.s.File, Line: c.s.Line("directory"),
			Message: fmt.Sprintf("hooks cannot start in the directory %s: %s", c.s.Dir, why),
		})
	}
	env, err := c.environment()
	s.Env = env
	return s, errs.with(err).orNil()
}

// environment returns the whole environment of the hooks, sorted by name.
func (c *setting) environment() ([]phased.Text, error) {
	home, name := identity(c.o.Environ)
	env := map[string]string{
		"PATH": defaultPath, "HOME": home, "USER": name, "LOGNAME": name, "SHELL": "/bin/sh", "LANG": "C.UTF-8",
	}
	from := make(map[string]string, len(env))
	for n, v := range c.s.Env {
		env[n], from[n] = v, c.from("", "environment."+n, fromDefault)
	}
	var errs Errors
	for _, assignment := range c.o.Env {
		if err := config.CheckVariable(assignment); err != nil {
			errs = append(errs, &Error{Message: "--env: " + err.Error()})
			continue
		}
		n, v, _ := strings.Cut(assignment, "=")
		env[n], from[n] = v, "--env"
	}
	names := make([]string, 0, len(env))
	for n := range env {
		names = append(names, n)
	}
	sort.Strings(names)
	list := make([]phased.Text, len(names))
	for i, n := range names {
		list[i] = phased.Text(n + "=" + env[n])
		c.note("", "environment."+n, env[n], orText(from[n], fromDefault))
	}
	return list, errs.orNil()
}

// identity returns home and name of the user that hooks run as: of the user
// database, or else of the caller's environment.
func identity(environ []string) (home, name string) {
	uid := os.Geteuid()
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.HomeDir, u.Username
	}
	home, name = "/", strconv.Itoa(uid)
	for _, v := range environ {
		if n, v, _ := strings.Cut(v, "="); v != "" {
			switch n {
			case "HOME":
				if filepath.IsAbs(v) {
					home = v
				}
			case "USER":
				name = v
			}
		}
	}
	return home, name
}
