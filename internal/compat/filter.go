package compat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

const regexVariable = "RUN_PARTS_REGEX"

// regex returns the expression that filters names; "" stands for the default.
func (e *Env) regex() string {
	if r := e.getenv(regexVariable); r != "^[0-9A-Za-z_-]+$" {
		return r
	}
	return ""
}

// filter returns the names that pass the name filter: the default one, or the
// expression that the environment has in its place.
func (e *Env) filter(ctx context.Context, all []candidate) (map[string]bool, error) {
	passed := make(map[string]bool, len(all))
	regex := e.regex()
	if regex == "" {
		for _, c := range all {
			if onlyHas(c.name, "_-") {
				passed[c.name] = true
			}
		}
		return passed, nil
	}
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.name
	}
	matched, err := e.grep(ctx, regex, names)
	for _, n := range matched {
		passed[n] = true
	}
	return passed, err
}

// grep returns the names that match the extended regular expression, as
// grep -E of the C locale does: by it, wherever there is one.
func (e *Env) grep(ctx context.Context, regex string, names []string) ([]string, error) {
	path, err := e.lookPath("grep")
	if err != nil {
		return match(regex, names)
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "-E", "-e", regex)
	cmd.Env = append(without(e.Environ, "LC_ALL"), "LC_ALL=C")
	cmd.Stdin = strings.NewReader(strings.Join(append(names, ""), "\n"))
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &exit) && exit.ExitCode() == 1 && stderr.Len() == 0:
	case errors.As(err, &exit):
		said, _, _ := strings.Cut(stderr.String(), "\n")
		return nil, fmt.Errorf("%s is no extended regular expression: %s: %s", regexVariable, regex, said)
	default:
		return match(regex, names)
	}
	return strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n"), nil
}

// match is grep where there is none. It knows neither back references nor \w.
func match(regex string, names []string) ([]string, error) {
	var matched []string
	for one := range strings.SplitSeq(regex, "\n") {
		re, err := regexp.CompilePOSIX(one)
		if err != nil {
			return nil, fmt.Errorf("%s is no extended regular expression: %w", regexVariable, err)
		}
		for _, n := range names {
			if re.MatchString(n) {
				matched = append(matched, n)
			}
		}
	}
	return matched, nil
}

// lookPath finds a program as execvp does: the first on PATH that can be
// executed.
func (e *Env) lookPath(name string) (string, error) {
	path, set := e.lookup("PATH")
	if !set {
		path = "/bin:/usr/bin"
	}
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		file := dir + "/" + name
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && executable(file) {
			return file, nil
		}
	}
	return "", fmt.Errorf("no %s on PATH", name)
}

// without returns the environment without a variable.
func without(environ []string, name string) []string {
	var out []string
	for _, v := range environ {
		if !strings.HasPrefix(v, name+"=") {
			out = append(out, v)
		}
	}
	return out
}
