package config

import (
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"phased/internal/phased"
)

func executors() []string { return []string{phased.ExecutorProcess, phased.ExecutorSession} }

func first2(v string, _ *yaml.Node, ok bool) (string, bool) { return v, ok }

// shellOptions are those of `set -o` that a session may start with. The others
// make no sense in a script (history, vi), or keep it from running (noexec).
func shellOptions() []string {
	return []string{
		"allexport", "braceexpand", "errexit", "errtrace", "functrace", "hashall", "keyword", "noclobber", "noglob",
		"nounset", "physical", "pipefail", "privileged", "verbose", "xtrace",
	}
}

// options reads names of options of the shell. An empty list is none at all.
func (d *decoder) options(n *yaml.Node, at string) ([]string, bool) {
	const example = "options: [errexit, pipefail]"
	options := []string{}
	before := len(d.errs)
	if n = d.resolve(n); n != nil && n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return options, true
	}
	d.list(n, at, example, func(n *yaml.Node, at string) {
		v, n, ok := d.text(n, at, "an option of the shell", example)
		switch {
		case !ok:
		case !slices.Contains(shellOptions(), v):
			hint := didYouMean(v, shellOptions())
			if hint == "" {
				hint = "; known are " + strings.Join(shellOptions(), ", ")
			}
			if v == "posix" {
				hint = "; write `shell: posix`"
			}
			d.errorf(n, "%s: %q is no option that a session can start with%s", at, v, hint)
		case slices.Contains(options, v):
			d.errorf(n, "%s: %s is named twice", at, v)
		default:
			options = append(options, v)
		}
	})
	return options, len(d.errs) == before
}

// args reads the arguments of sourced hooks: the mode, and the sub-phase.
func (d *decoder) args(n *yaml.Node, at string) ([]string, bool) {
	const example = "args: [stack, install]"
	var args []string
	before := len(d.errs)
	d.list(n, at, example, func(n *yaml.Node, at string) {
		v, n, ok := d.scalar(n, at, "an argument", example)
		if ok && v == "" {
			d.errorf(n, "%s: the argument is empty; leave it out", at)
		}
		args = append(args, v)
	})
	if len(d.errs) == before && len(args) > 2 {
		d.errorf(n, "%s: %d arguments; expected at most two, the mode and the sub-phase, such as `%s`", at, len(args), example)
	}
	return args, len(d.errs) == before
}

// files reads the base steps of a phase.
func (d *decoder) files(n *yaml.Node, at string) ([]string, bool) {
	const example = "files: [lib/functions.sh]"
	var files []string
	seen := map[string]bool{}
	before := len(d.errs)
	d.list(n, at, example, func(n *yaml.Node, at string) {
		v, ok := d.topFile(n, at, example)
		if ok && seen[v] {
			d.errorf(n, "%s: %s is named twice", at, v)
		}
		seen[v] = true
		files = append(files, v)
	})
	return files, len(d.errs) == before
}

// topFile reads the path of a file below the top directory, or an absolute one.
func (d *decoder) topFile(n *yaml.Node, at, example string) (string, bool) {
	v, n, ok := d.text(n, at, "a file", example)
	if !ok {
		return "", false
	}
	file := filepath.Clean(v)
	if v == "" || file == "." || file == ".." || strings.HasPrefix(file, "../") || strings.HasSuffix(v, "/") {
		d.errorf(n, "%s: expected a file below the top directory such as `%s`, or an absolute one, not %s", at, example, describe(n))
		return "", false
	}
	return file, true
}

// glob reads a pattern of names, which becomes a word of the session's script:
// nothing in it may mean anything else there.
func (d *decoder) glob(n *yaml.Node, at string) (string, bool) {
	const example = "glob: '*.sh'"
	v, n, ok := d.text(n, at, "a pattern of names", example)
	if !ok {
		return "", false
	}
	good := v != ""
	for i := range len(v) {
		c := v[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		good = good && (letter || strings.IndexByte("._-*?[]!^", c) >= 0)
	}
	if !good {
		d.errorf(n, "%s: expected a pattern of letters, digits, . _ - * ? [ ] ! ^ such as `%s`, not %s", at, example, describe(n))
	}
	return v, good
}
