package devstack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"phased/internal/phased"
)

// Files returns the files that a plugin may have below its directory: each is
// sourced where it is a regular file.
func Files() []string {
	return []string{"devstack/settings", "devstack/override-defaults", "devstack/plugin.sh"}
}

// Read fills in what the plugin's devstack/settings declare: which plugins it
// requires. It says what it passed over, and does nothing where the plugin is
// still to be cloned.
func Read(p *phased.Plugin) []Warning {
	if p.Fetch {
		return nil
	}
	p.Requires = nil
	if !slices.ContainsFunc(Files(), func(f string) bool { return isRegular(filepath.Join(string(p.Dir), f)) }) {
		return []Warning{{File: string(p.Dir), Message: fmt.Sprintf("plugin %s has none of %s: nothing of it will be sourced", p.Name, strings.Join(Files(), ", "))}}
	}
	name := filepath.Join(string(p.Dir), "devstack/settings")
	text, err := readSmall(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return []Warning{{File: name, Message: fmt.Sprintf("what it requires is not known: %v", err)}}
	}
	file, line, err := parse(string(text))
	if err != nil {
		return []Warning{{name, line, fmt.Sprintf("what it requires is not known, since it cannot be read as bash: %v", err)}}
	}
	d := declarations{file: name, plugin: p, names: []string{p.Name}}
	// A plugin may be enabled under another name than the one that it has for
	// itself; then its own lines use the latter.
	d.walk(file, "define_plugin", 1, d.define)
	d.walk(file, "plugin_requires", 2, d.requires)
	return d.warnings
}

func isRegular(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// declarations reads the lines of a settings file that DevStack's own functions
// make nothing of.
type declarations struct {
	file     string
	plugin   *phased.Plugin
	names    []string // of the plugin
	warnings []Warning
}

// walk calls do for each call of the function with so many plain words.
func (d *declarations) walk(file *syntax.File, function string, words int, do func(args []string, line int)) {
	syntax.Walk(file, func(n syntax.Node) bool {
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 || call.Args[0].Lit() != function {
			return true
		}
		line := int(call.Pos().Line())
		var args []string
		for _, w := range call.Args[1:] {
			// With no variable known, only what is written out is read.
			text, _, why := (&reader{}).word(w, argument)
			if why != "" {
				d.warn(line, fmt.Sprintf("%s is passed over: %s", function, why))
				return true
			}
			args = append(args, text)
		}
		if len(args) != words {
			d.warn(line, fmt.Sprintf("%s is passed over: it has %d arguments, expected %d", function, len(args), words))
			return true
		}
		do(args, line)
		return true
	})
}

func (d *declarations) warn(line int, message string) {
	d.warnings = append(d.warnings, Warning{d.file, line, message})
}

func (d *declarations) define(args []string, line int) {
	if slices.Contains(d.names, args[0]) {
		return
	}
	d.names = append(d.names, args[0])
	d.warn(line, fmt.Sprintf("the plugin calls itself %s and is enabled as %s: plugins that require %s do not find it", args[0], d.plugin.Name, args[0]))
}

func (d *declarations) requires(args []string, line int) {
	name, other := args[0], args[1]
	switch {
	case !slices.Contains(d.names, name):
		d.warn(line, fmt.Sprintf("plugin_requires %s %s is passed over: this plugin is %s", name, other, strings.Join(d.names, " or ")))
	case slices.Contains(d.names, other):
		d.warn(line, fmt.Sprintf("plugin_requires %s %s is passed over: a plugin cannot require itself", name, other))
	case !slices.Contains(d.plugin.Requires, other):
		d.plugin.Requires = append(d.plugin.Requires, other)
	}
}
