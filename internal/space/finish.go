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
	r.linked("POSIXLY_CORRECT")
	r.shopts()
	r.linked("BASH_COMPAT", "IGNOREEOF", "FUNCNEST", "IFS")
	traps, last := r.traps()
	r.line("%s", traps)
	last += r.shadow()
	r.options()
	r.line("%s} 2>|/dev/null", last)
}

// linked declares variables that an option sets, or that change options.
func (r *restorer) linked(names ...string) {
	for _, name := range names {
		if v, ok := r.s.Variables[name]; ok {
			r.variable(name, v, "g")
		}
	}
}

// shadow defines a function called builtin, which stands in the way of all
// commands of the text.
func (r *restorer) shadow() string {
	f, ok := r.s.Functions["builtin"]
	if !ok {
		return ""
	}
	text := keyword + f.Text + "\n"
	_, shadowed := r.s.Functions["command"]
	switch {
	case shadowed && (f.Attributes != "" || r.s.Options["allexport"]):
		r.lose("the attributes of function builtin: there is a function called command too")
	case f.Attributes != "":
		text += "'command' declare -f" + f.Attributes + " builtin\n"
	case r.s.Options["allexport"]:
		text += "'command' declare -f +x builtin\n"
	}
	return text
}

func (r *restorer) shopts() {
	var on, off []string
	for _, name := range slices.Sorted(maps.Keys(r.s.Shopts)) {
		switch {
		case name == "login_shell" || name == "restricted_shell":
			if r.s.Shopts["restricted_shell"] && name == "restricted_shell" {
				r.lose("the restricted shell: what it forbids was not forbidden here")
			}
		case strings.HasPrefix(name, "compat"):
			if _, set := r.s.Variables["BASH_COMPAT"]; r.s.Shopts[name] && !set {
				on = append(on, name)
			}
		case r.s.Shopts[name]:
			on = append(on, name)
		default:
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
		case "posix", "noexec", "onecmd", "ignoreeof":
		case "vi", "emacs", "privileged":
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

// frame writes the text for the function of the phase.
func (r *restorer) frame() {
	s := r.s
	if !s.Frame {
		return
	}
	r.variables(s.Locals, "")
	for _, name := range framed() {
		if t, ok := s.Traps[name]; ok && !same(s.Outer, s.Traps, name) {
			r.b = append(r.b, trapCommand(name, t)...)
		}
	}
	if s.Outer != nil {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.Locals)) {
		if name != "mode" && name != "phase" {
			r.lose("the global variable that the local one %s may hide", name)
		}
	}
}

// same reports whether both have the trap, and it is the same.
func same(a, b map[string]string, name string) bool {
	was, had := a[name]
	is, has := b[name]
	return had && has && was == is
}
