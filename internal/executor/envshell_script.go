package executor

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"phased/internal/phased"
)

// What bash is told calls builtins as 'builtin' NAME, in quotes, so that neither
// a function nor an alias of an environment file stands in their way, and uses
// no variable but one that is local while files are sourced. Reserved words
// stand in the function only, which was read before any of them.

// quote makes one word of a shell out of any string without NUL.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// paths are where bash finds its pipes, and what marks the ends of lists, which
// may hold anything.
type paths struct{ answers, goAhead, token string }

// say is the command by which bash says a line.
func (p paths) say(format, arg string) string {
	return "'builtin' printf '" + format + `\n' ` + arg + " >|" + p.answers + "\n"
}

// list is the commands that say all that a command prints.
func (p paths) list(command string) string {
	return p.say("list %s", p.token) + command + " >|" + p.answers + "\n" + p.say("%s", p.token)
}

// wait is the command that waits for a line.
func (p paths) wait() string { return "'builtin' read -r __phased <" + p.goAhead + "\n" }

// sourcingScript sources the files in one function, so that local and return
// work in them.
func (p paths) sourcingScript(name string, files []string) string {
	var b strings.Builder
	b.WriteString("BASH_ARGV0=" + quote(name) + "\n")
	b.WriteString("__phased_real() { 'builtin' return 7; }\n")
	b.WriteString("__phased() {\n" + realBuiltin + "'builtin' local __phased\n")
	for i, f := range files {
		b.WriteString(p.say("source %d", strconv.Itoa(i)) + p.wait())
		writeSource(&b, f)
	}
	b.WriteString(p.list("'builtin' local -p") + p.wait())
	b.WriteString(`'builtin' eval "$__phased"` + "\n")
	b.WriteString(p.say("ready %s", `"$-"`))
	b.WriteString("'builtin' set +e\n}\n")
	b.WriteString("'builtin' export -nf __phased_real __phased\n")
	b.WriteString("'builtin' set -euo pipefail\n__phased\n")
	return b.String() + unread
}

// unread stands behind everything that bash is told. It is read when bash has
// done with what stands before it, or when it passes over it: see deafError.
const unread = "\n"

// realBuiltin removes a function named builtin, which would stand in the way of
// everything else: the way there is that POSIX mode finds unset before functions.
const realBuiltin = `if { __phased_real; [[ $? != 7 ]]; } 2>|/dev/null
then POSIXLY_CORRECT=y; unset -f builtin; unset POSIXLY_CORRECT
fi
`

// writeSource sources one file, with the trace that dib-run-parts shows.
func writeSource(b *strings.Builder, file string) {
	options := ""
	if strings.HasPrefix(file, "-") {
		options = "-- "
	}
	fmt.Fprintf(b, `if 'builtin' declare -F source >|/dev/null
then 'builtin' set -o xtrace; 'builtin' source %[1]s
else 'builtin' set -o xtrace; source %[1]s
fi
set +o xtrace
%[2]s{ 'builtin' set +vx; } 2>|/dev/null
`, options+quote(file), realBuiltin)
}

// hookScript runs one hook, with its output redirected, and says its status.
func (p paths) hookScript(h phased.Hook, redirect string) string {
	var b strings.Builder
	for _, e := range h.Env {
		name, value, _ := strings.Cut(string(e), "=")
		b.WriteString(name + "=" + quote(value) + " ")
	}
	b.WriteString(quote(string(h.Path)))
	for _, a := range h.Args {
		b.WriteString(" " + quote(string(a)))
	}
	return b.String() + redirect + ";" + p.say("ended %d", `"$?"`) + unread
}

// exitScript ends bash. The EXIT trap runs under errexit where the environment
// files left it on.
func exitScript(status int, flags string) string {
	s := ""
	if strings.Contains(flags, "e") {
		s = "'builtin' set -e;"
	}
	return s + "'builtin' exit " + strconv.Itoa(status) + "\n" + unread
}

// exportedNames returns the scalars among declarations, as bash prints them,
// that are exported.
func exportedNames(declarations []string) []string {
	declaration := regexp.MustCompile(`^declare -([A-Za-z]*) ([A-Za-z_][A-Za-z0-9_]*)=`)
	var names []string
	for _, l := range declarations {
		m := declaration.FindStringSubmatch(l)
		if m != nil && strings.Contains(m[1], "x") && !strings.ContainsAny(m[1], "aAn") && m[2] != "__phased" {
			names = append(names, m[2])
		}
	}
	return names
}

// askHidden returns the commands that list which variables are exported
// outside of the function that has the local ones: a function may unset the
// variables of the one that calls it.
func (p paths) askHidden(locals []string) string {
	show := "(__phased_real() { 'builtin' unset -v " + strings.Join(locals, " ") + " || 'builtin' true; 'builtin' export -p; }; __phased_real) 2>|/dev/null"
	return oneLine(p.list(show) + p.wait() + `'builtin' eval "$__phased"`)
}

// oneLine makes one line of commands that stand one a line.
func oneLine(s string) string { return strings.ReplaceAll(s, "\n", ";") }

// promote returns the commands that make exported local variables global:
// declare -x in an environment file declares a variable of the function that
// sources it. A local that hides a variable that is exported outside is
// exported by itself: it is left alone, unless a file does say declare -x of it.
func promote(locals, hidden, files []string) string {
	declared := declaredExported(files)
	var b strings.Builder
	for _, n := range locals {
		if !slices.Contains(hidden, n) || slices.Contains(declared, n) {
			fmt.Fprintf(&b, `'builtin' declare -gx %[1]s="$%[1]s";`, n)
		}
	}
	return b.String()
}

// declaredExported returns the names that the files declare with -x, as far as
// their text shows.
func declaredExported(files []string) []string {
	statement := regexp.MustCompile(`\b(?:declare|typeset)((?:\s+-[A-Za-z]+)+)((?:[ \t]+[A-Za-z_][A-Za-z0-9_]*(?:=(?:"[^"]*"|'[^']*'|[^\s;]*)*)?)+)`)
	name := regexp.MustCompile(`(?:^|\s)([A-Za-z_][A-Za-z0-9_]*)`)
	var names []string
	for _, f := range files {
		text, err := readRegular(f)
		if err != nil {
			continue
		}
		for _, m := range statement.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(m[1], "x") {
				continue
			}
			for _, n := range name.FindAllStringSubmatch(m[2], -1) {
				names = append(names, n[1])
			}
		}
	}
	return names
}

func cutWord(line string) (word, rest string) {
	word, rest, _ = strings.Cut(line, " ")
	return word, rest
}

// index reads the number of one of n things.
func index(s string, n int) (int, bool) {
	i, err := strconv.Atoi(s)
	return i, err == nil && i >= 0 && i < n
}
