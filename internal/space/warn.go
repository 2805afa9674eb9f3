package space

import (
	"maps"
	"slices"
	"strings"

	"phased/internal/phased"
)

// Warnings tells what a hook, sourced between the two snapshots, left behind
// that later hooks may not expect. The caller fills in phase, hook and file.
func Warnings(was, is *Space, scope phased.Scope) []phased.HookWarning {
	w := warner{was: was, is: is}
	w.options()
	w.shopts()
	w.ifs()
	if was.Dir != is.Dir {
		w.warn(phased.WarnDirectory, "leaves the working directory changed, from "+Quote(was.Dir)+" to "+Quote(is.Dir))
	}
	if was.Umask != is.Umask {
		w.warn(phased.WarnUmask, "leaves the umask changed, from "+was.Umask+" to "+is.Umask)
	}
	w.traps()
	if scope == phased.ScopeFunction && was.Frame && is.Frame {
		w.locals()
	}
	return w.all
}

type warner struct {
	was, is *Space
	all     []phased.HookWarning
}

func (w *warner) warn(code phased.WarningCode, message string) {
	w.all = append(w.all, phased.HookWarning{Code: code, Message: message})
}

func (w *warner) options() {
	for _, name := range union(w.was.Options, w.is.Options) {
		on := w.is.Options[name]
		if w.was.Options[name] == on || w.implied(name) {
			continue
		}
		switch {
		case name == "errexit" && on:
			w.warn(phased.WarnErrexitOn, "leaves `set -e`: a command that fails in a later hook ends the run")
		case name == "errexit":
			w.warn(phased.WarnErrexitOff, "leaves `set +e`: failures of later hooks no longer stop the run")
		case name == "xtrace" && on:
			w.warn(phased.WarnXtrace, "leaves `set -x`: later hooks are traced")
		case name == "xtrace":
			w.warn(phased.WarnXtrace, "leaves `set +x`: later hooks are no longer traced")
		case name == "noglob" && on:
			w.warn(phased.WarnNoglob, "leaves `set -f`: patterns are no longer expanded, and later phases find no hooks")
		case on:
			w.warn(phased.WarnOption, "leaves `set -o "+name+"`")
		default:
			w.warn(phased.WarnOption, "leaves `set +o "+name+"`")
		}
	}
}

// implied reports whether the option follows from another one that is told.
func (w *warner) implied(name string) bool {
	switch name {
	case "functrace", "errtrace":
		return w.was.Shopts["extdebug"] != w.is.Shopts["extdebug"]
	}
	return false
}

func (w *warner) shopts() {
	posix := w.was.Options["posix"] != w.is.Options["posix"]
	for _, name := range union(w.was.Shopts, w.is.Shopts) {
		on := w.is.Shopts[name]
		if w.was.Shopts[name] == on {
			continue
		}
		switch name {
		case "expand_aliases", "inherit_errexit", "shift_verbose", "sourcepath":
			if posix {
				continue
			}
		case "interactive_comments":
			continue // set -o interactive-comments is the same
		}
		if on {
			w.warn(phased.WarnOption, "leaves `shopt -s "+name+"`"+effect(name))
		} else {
			w.warn(phased.WarnOption, "leaves `shopt -u "+name+"`")
		}
	}
}

// effect says what an option means for finding hooks.
func effect(name string) string {
	switch name {
	case "nullglob", "failglob", "dotglob", "nocaseglob":
		return ": it changes which hooks later phases find"
	}
	return ""
}

func (w *warner) ifs() {
	was, had := w.was.Variables["IFS"]
	is, has := w.is.Variables["IFS"]
	switch {
	case had == has && was == is:
	case !has || !is.Set:
		w.warn(phased.WarnIFS, "leaves IFS unset: words are split as by default")
	default:
		w.warn(phased.WarnIFS, "leaves IFS changed, to "+Quote(is.Text())+": words of later hooks are split by it")
	}
}

// traps names the traps that differ, with what they will do. EXIT runs once,
// at the end of the run, whoever set it.
func (w *warner) traps() {
	d := differ{was: w.was, is: w.is, r: nobody{}}
	d.traps()
	for _, c := range d.changes {
		name := string(c.Name)
		switch {
		case c.What == phased.WhatRemoved:
			w.warn(phased.WarnTrap, "removes the trap of "+name)
		case w.is.Traps[name] == "":
			w.warn(phased.WarnTrap, "leaves "+name+" ignored")
		case name == "EXIT":
			w.warn(phased.WarnTrap, "leaves a trap of EXIT: it runs at the end of the run")
		case name == "ERR" || name == "DEBUG" || name == "RETURN":
			w.warn(phased.WarnTrap, "leaves a trap of "+name+": it runs in later hooks too")
		default:
			w.warn(phased.WarnTrap, "leaves a trap of "+name)
		}
	}
}

// locals tells the variables that came into the frame of the phase.
func (w *warner) locals() {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(w.is.Locals)) {
		if _, had := w.was.Locals[name]; !had {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	shown := strings.Join(names[:min(len(names), 8)], ", ")
	if len(names) > 8 {
		shown += ", ..."
	}
	w.warn(phased.WarnLocal, "declares "+shown+" local to this phase: later phases do not see it (declare -g makes it global)")
}

// nobody has no secrets.
type nobody struct{}

func (nobody) Secret(string) bool       { return false }
func (nobody) Clean(text string) string { return text }
