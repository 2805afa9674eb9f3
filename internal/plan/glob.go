package plan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"

	"phased/internal/phased"
)

// globLimit ends a shell that does not end its expansion by itself.
const globLimit = 10 * time.Second

// expand returns the names of a directory that the shell's pattern fits, in the
// order of the shell. Where only bytes decide it is known; otherwise bash is
// asked, with what of the session's environment can matter.
func (c *setting) expand(dir, glob string, p *phased.Plan) ([]string, error) {
	key := dir + "/" + glob
	if names, known := c.globs[key]; known {
		return names, nil
	}
	env := globEnv(p.Surroundings.Env)
	bash := orText(c.o.Bash, findShells()["bash"])
	var names []string
	var err error
	if byBytes(env) && plainGlob(glob) || bash == "" {
		names, err = expandByBytes(dir, glob)
	} else {
		names, err = expandByBash(bash, dir, glob, env)
	}
	if err != nil {
		return nil, err
	}
	if c.globs == nil {
		c.globs = map[string][]string{}
	}
	c.globs[key] = names
	return names, nil
}

// globEnv returns the variables that change what a pattern fits, and in which
// order. Others could make a bash that starts run something.
func globEnv(env []phased.Text) []string {
	var out []string
	for _, name := range []string{"LC_ALL", "LC_COLLATE", "LC_CTYPE", "LANG", "LOCPATH", "GLOBSORT", "GLOBIGNORE", "SHELLOPTS", "BASHOPTS"} {
		if v := valueOf(env, name); v != "" {
			out = append(out, name+"="+v)
		}
	}
	return out
}

// byBytes reports whether an environment orders names by their bytes.
func byBytes(env []string) bool {
	locale := ""
	for _, v := range env {
		switch name, value, _ := strings.Cut(v, "="); name {
		case "GLOBSORT", "GLOBIGNORE", "SHELLOPTS", "BASHOPTS":
			return false
		case "LC_ALL":
			locale = value
		case "LC_COLLATE", "LANG":
			locale = orText(locale, value)
		}
	}
	switch locale {
	case "", "C", "POSIX", "C.UTF-8", "C.utf8":
		return true
	}
	return false
}

// plainGlob reports whether a pattern means the same here as in every shell and
// locale: of other characters than these, some are told by the locale.
func plainGlob(glob string) bool { return !strings.ContainsAny(glob, `?[]\(|)+@`) }

// fitsByBytes reports whether a pattern fits a name, as a shell without any
// option set has it: what is hidden is fitted by what begins with a dot only.
func fitsByBytes(name, glob string) bool {
	if strings.HasPrefix(name, ".") && !strings.HasPrefix(glob, ".") {
		return false
	}
	if rest, found := strings.CutPrefix(glob, "*"); found && !strings.ContainsAny(rest, `*?[\`) {
		return strings.HasSuffix(name, rest)
	}
	fits, err := path.Match(glob, name)
	return err == nil && fits
}

func expandByBytes(dir, glob string) ([]string, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil //nolint:nilerr // who lists the directory tells it
	}
	var names []string
	for _, f := range files {
		if fitsByBytes(f.Name(), glob) {
			names = append(names, f.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// expandByBash lets a real bash expand the pattern.
func expandByBash(bash, dir, glob string, env []string) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), globLimit, fmt.Errorf("it took longer than %v", globLimit))
	defer cancel()
	cmd := exec.CommandContext(ctx, bash, "--noprofile", "--norc", "-O", "nullglob", "-c",
		`IFS=; for p in "$1"/$2; do printf '%s\0' "$p"; done`, "bash", dir, glob)
	cmd.Env, cmd.Dir, cmd.WaitDelay = env, "/", time.Second
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if _, gone := errors.AsType[*fs.PathError](err); gone {
			return expandByBytes(dir, glob)
		}
		return nil, &Error{File: dir, Message: fmt.Sprintf("%s cannot expand %s there: %v", bash, glob, err)}
	}
	var names []string
	for field := range bytes.SplitSeq(out, []byte{0}) {
		if len(field) > 0 {
			names = append(names, path.Base(string(field)))
		}
	}
	return names, nil
}

// whyNoMatch says why a name is none of a hook, and whether it looks like one.
func whyNoMatch(name, glob string, now bool) string {
	if fitsByBytes(name, glob) {
		if now {
			return "the shell's pattern " + glob + " did not give it: an option or GLOBIGNORE is set, or it came later"
		}
		return "the environment keeps the shell's pattern " + glob + " from it (GLOBIGNORE, noglob)"
	}
	why := "the name does not match " + glob
	if like := lookAlike(name, glob); like != "" {
		return phased.LooksLikeHook + like + "; " + why
	}
	return why
}

// lookAlike says in what way a name that the pattern does not fit is like one
// that it does, or "".
func lookAlike(name, glob string) string {
	if what := leftover(name); what != "" {
		return what
	}
	if glob != sourceGlob {
		return ""
	}
	lower := strings.ToLower(name)
	switch {
	case strings.HasPrefix(name, ".") && strings.HasSuffix(lower, ".sh"):
		return "it is hidden"
	case strings.HasSuffix(lower, ".sh"):
		return "it ends with " + name[len(name)-3:]
	case strings.HasSuffix(lower, ".bash"):
		return "it ends with " + name[len(name)-5:]
	case strings.Contains(lower, ".sh."), strings.Contains(lower, ".sh-"), strings.Contains(lower, ".sh_"), strings.Contains(lower, ".sh "):
		return "something follows its .sh"
	case len(name) > 2 && isDigit(name[0]) && isDigit(name[1]) && !strings.Contains(name, "."):
		return "it has a number and no .sh"
	}
	return ""
}
