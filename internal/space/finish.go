package space

import (
	"maps"
	"slices"
	"strings"
)

// finish restores what changes how the commands of the text itself would be
// read or run, in one group whose trace nobody sees.
func (r *restorer) finish() {
	s := r.s
	if v, ok := s.Variables["SECONDS"]; ok && v.Set && s.seconds != "" {
		r.line("SECONDS=%s", Quote(s.seconds))
	}
	if s.HasPositional {
		words := []string{"'builtin' set --"}
		for _, p := range s.Positional {
			words = append(words, Quote(p))
		}
		r.line("%s", strings.Join(words, " "))
	}
	r.line("{")
	if s.Options["posix"] {
		r.line("'builtin' set -o posix")
	}
	for _, name := range []string{"POSIXLY_CORRECT", "BASH_COMPAT", "FUNCNEST"} {
		if v, ok := s.Variables[name]; ok {
			r.variable(name, v, "g")
		}
	}
	r.shopts()
	traps, last := r.traps()
	r.line("%s", traps)
	if v, ok := s.Variables["IGNOREEOF"]; ok {
		r.variable("IGNOREEOF", v, "g")
	}
	for _, name := range []string{"builtin", "command"} {
		if _, ok := s.Functions[name]; ok {
			last += r.shadow(name)
		}
	}
	r.options()
	r.line("%s} 2>|/dev/null", last)
}

// shadow defines a function that stands in the way of the text's own commands.
func (r *restorer) shadow(name string) string {
	all := r.b
	r.b = nil
	r.function(name)
	text := string(r.b)
	r.b = all
	// The attributes stand behind it, where builtin is the function.
	return strings.Replace(text, "'builtin' declare", "declare", 1)
}

func (r *restorer) shopts() {
	var on, off []string
	for _, name := range slices.Sorted(maps.Keys(r.s.Shopts)) {
		switch {
		case name == "login_shell" || name == "restricted_shell":
			if r.s.Shopts["restricted_shell"] && name == "restricted_shell" {
				r.lose("the restricted shell: what it forbids was not forbidden here")
			}
		case r.s.Shopts[name]:
			on = append(on, name)
		case !strings.HasPrefix(name, "compat"):
			off = append(off, name)
		}
	}
	if len(off) > 0 {
		r.line("'builtin' shopt -u %s", strings.Join(off, " "))
	}
	if len(on) > 0 {
		r.line("'builtin' shopt -s %s", strings.Join(on, " "))
	}
}

// options sets all at once, so that none of them changes how another is set.
func (r *restorer) options() {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.s.Options)) {
		on := r.s.Options[name]
		switch name {
		case "posix", "noexec", "onecmd":
		case "vi", "emacs", "privileged", "ignoreeof":
			if on {
				b.WriteString(" -o " + name)
			}
		default:
			if on {
				b.WriteString(" -o " + name)
			} else {
				b.WriteString(" +o " + name)
			}
		}
	}
	if b.Len() > 0 {
		r.line("'builtin' set%s", b.String())
	}
}

// traps returns the commands that set the traps: those of signals and of the
// end, and those that bash would run for the commands behind them.
func (r *restorer) traps() (signals, last string) {
	s := r.s
	own := s.Traps
	if s.Frame {
		own = s.Outer
		if own == nil && s.Options["functrace"] {
			own = s.Traps
		}
	}
	if !s.TrapsKnown {
		r.lose("traps of ERR, DEBUG and RETURN: the snapshot could not see them")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Traps)) {
		if !slices.Contains(framed(), name) {
			signals += trapCommand(name, s.Traps[name])
		}
	}
	for _, name := range framed() {
		if t, ok := own[name]; ok {
			last += trapCommand(name, t)
		}
	}
	return signals, last
}

func trapCommand(name, command string) string {
	return "'builtin' trap -- " + Quote(command) + " " + name + "\n"
}

// frame returns the text for the function of the phase.
func (r *restorer) frame() []byte {
	s := r.s
	if !s.Frame {
		return nil
	}
	r.b = nil
	r.variables(s.Locals, "")
	for _, name := range framed() {
		if t, ok := s.Traps[name]; ok && s.Outer[name] != t {
			r.b = append(r.b, trapCommand(name, t)...)
		}
	}
	if s.Outer == nil {
		for _, name := range slices.Sorted(maps.Keys(s.Locals)) {
			if name != "mode" && name != "phase" {
				r.lose("the global variable that the local one %s may hide", name)
			}
		}
	}
	return r.b
}
