// Package space owns what the variable space of a bash is: the text by which a
// shell writes it down, how that is read, what two of them differ in, and the
// text that builds one in a new shell. It is pure: it opens no file, starts no
// shell and knows neither runs nor secrets, but for those that a Redactor names.
// docs/space.md says what is in a space and what is not.
package space

import "phased/internal/phased"

// Space is the variable space of a bash at one moment. What phased put there
// itself, all of it named __phased, is not in it.
type Space struct {
	Phase string      // phase that the snapshot was taken in
	Hook  phased.Text // hook after which it was taken; "": before the first one
	Bash  string      // version of the bash that wrote it

	// Frame says that it was taken inside the function of a phase: Locals are
	// that function's variables, and what they hide is not in Variables.
	Frame     bool
	Variables map[string]Variable
	Locals    map[string]Variable
	Functions map[string]Function
	Options   map[string]bool   // of set -o
	Shopts    map[string]bool   // of shopt
	Aliases   map[string]string // name to value
	// Traps are commands by signal (SIGHUP) or EXIT, ERR, DEBUG, RETURN. Where
	// TrapsKnown is false, the last three are not known. In a frame these three
	// are the frame's own, see Inherit.
	Traps      map[string]string
	TrapsKnown bool
	Umask      string
	Dir        string   // working directory, as cd and pwd have it
	DirStack   []string // of pushd, without the working directory
	// Positional are the parameters of the top level, where HasPositional.
	Positional    []string
	HasPositional bool
	// Outer are traps that wait outside of the frame, see Inherit.
	Outer map[string]string

	seconds   string // value of SECONDS
	functions string // the section as it was read, to compare all at once
}

// Variable is one variable as declare -p prints it.
type Variable struct {
	Attributes string // letters of declare: rx; "": none
	Set        bool   // it has a value
	Raw        string // the value as it is quoted
}

// Function is one function as declare -f prints it.
type Function struct {
	Attributes string // letters of declare without f: x exported, r readonly, t traced
	Text       string // from its name to the last line, without the newline
}

// Redactor tells which names are secret, and removes what it knows to be
// secret from a text. Where it has a method Learn(name, value string) too, that
// is told the values of secret variables before any text is cleaned.
type Redactor interface {
	Secret(name string) bool
	Clean(text string) string
}

type learner interface{ Learn(name, value string) }

// Inherit completes a snapshot of a phase's frame with what can only be seen
// outside of it, from the snapshot taken before the phase was entered: variables
// that locals hide, the traps that bash puts aside when it enters a function, the
// positional parameters. Of other snapshots it changes nothing.
func (s *Space) Inherit(before *Space) {
	if !s.Frame || before == nil || before == s {
		return
	}
	for name := range s.Locals {
		if v, ok := before.Variables[name]; ok {
			s.Variables[name] = v
		}
	}
	s.Positional, s.HasPositional = before.Positional, before.HasPositional
	s.Outer = map[string]string{}
	for _, n := range framed() {
		outer := before.Traps
		if before.Frame {
			outer = before.Outer
		}
		if traced := tracing(n); s.Options[traced] && before.Options[traced] {
			outer = s.Traps // bash put none aside
		}
		if t, ok := outer[n]; ok {
			s.Outer[n] = t
		}
	}
}

// tracing returns the option under which functions see the trap of their caller.
func tracing(trap string) string {
	if trap == "ERR" {
		return "errtrace"
	}
	return "functrace"
}

// framed are the traps that bash puts aside when it enters a function.
func framed() []string { return []string{"RETURN", "ERR", "DEBUG"} }
