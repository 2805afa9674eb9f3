package space

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Restore returns bash text that builds the space in a new shell. global is to
// be sourced or eval'ed at the top level; locals, which may be empty, afterwards
// inside the function of the phase, by eval. lost tells in words what the texts
// cannot carry; what turns out to fail in the shell is appended there to the
// array __phased_lost, in words. Neither text prints anything.
func Restore(s *Space) (global, locals []byte, lost []string) {
	r := restorer{s: s}
	r.b = make([]byte, 0, len(s.functions)+len(s.functions)/8+1<<16)
	r.begin()
	r.functions()
	r.b = append(r.b, strays...)
	r.variables(s.Variables, "g")
	r.aliases()
	r.place()
	r.finish()
	global, r.b = r.b, nil
	r.frame()
	return global, r.b, r.lost
}

type restorer struct {
	s    *Space
	b    []byte
	lost []string
}

func (r *restorer) line(format string, args ...any) {
	r.b = fmt.Appendf(r.b, format+"\n", args...)
}

func (r *restorer) lose(format string, args ...any) {
	r.lost = append(r.lost, fmt.Sprintf(format, args...))
}

// begin makes the new shell read what follows as it is meant: no aliases, no
// posix mode, which refuses some names of functions, and extglob, whose patterns
// a function may hold.
func (r *restorer) begin() {
	r.b = append(r.b, `{ 'builtin' set +aefkuvxCET +o pipefail
if [[ -o posix ]]
then 'builtin' set +o posix
fi
'builtin' shopt -u expand_aliases
'builtin' shopt -s extglob
'builtin' set -f
IFS=$'\n'
for __phased_r in $('builtin' compgen -A function)
do if [[ $__phased_r != __phased* ]]
then 'builtin' unset -f -- "$__phased_r"
fi
done
IFS=$' \t\n'
'builtin' set +f
} 2>|/dev/null
`...)
}

// strays removes the variables of the new shell's environment.
const strays = `for __phased_r in "${!a@}" "${!b@}" "${!c@}" "${!d@}" "${!e@}" "${!f@}" "${!g@}" "${!h@}" "${!i@}" "${!j@}" "${!k@}" "${!l@}" "${!m@}" "${!n@}" "${!o@}" "${!p@}" "${!q@}" "${!r@}" "${!s@}" "${!t@}" "${!u@}" "${!v@}" "${!w@}" "${!x@}" "${!y@}" "${!z@}" "${!A@}" "${!B@}" "${!C@}" "${!D@}" "${!E@}" "${!F@}" "${!G@}" "${!H@}" "${!I@}" "${!J@}" "${!K@}" "${!L@}" "${!M@}" "${!N@}" "${!O@}" "${!P@}" "${!Q@}" "${!R@}" "${!S@}" "${!T@}" "${!U@}" "${!V@}" "${!W@}" "${!X@}" "${!Y@}" "${!Z@}" "${!_@}"
do case $__phased_r in
__phased* | BASH | BASH?(_)@(OPTS|PID|ALIASES|ARGC|ARGV|ARGV0|CMDS|COMMAND|LINENO|SOURCE|SUBSHELL|VERSINFO|VERSION|REMATCH|EXECUTION_STRING|MONOSECONDS|TRAPSIG|XTRACEFD) | UID | EUID | PPID | GROUPS | _ | RANDOM | SRANDOM | SECONDS | LINENO | HISTCMD | EPOCHSECONDS | EPOCHREALTIME | FUNCNAME | PIPESTATUS | DIRSTACK | SHELLOPTS | COMP_WORDBREAKS) ;;
*) 'builtin' unset -v "$__phased_r" ;;
esac
done 2>|/dev/null
`

// functions come before aliases, which would change them as they are read. One
// called builtin stands in the way of everything that follows: see finish.
func (r *restorer) functions() {
	for _, name := range slices.Sorted(maps.Keys(r.s.Functions)) {
		if name != "builtin" {
			r.function(name)
		}
	}
}

func (r *restorer) function(name string) {
	f := r.s.Functions[name]
	if !strings.HasPrefix(f.Text, keyword+name+opening) {
		r.b = append(r.b, keyword...)
	}
	r.body(f.Text)
	switch {
	case f.Attributes == "":
	case strings.Contains(name, "="):
		r.lose("the attributes (%s) of function %s: bash takes its name for an assignment", f.Attributes, name)
	default:
		r.line("'builtin' declare -f%s -- %s", f.Attributes, Quote(name))
	}
}

// body writes a function's text. Of a coprocess without a name bash prints one
// that it would take for the command.
func (r *restorer) body(text string) {
	const printed = "coproc COPROC "
	for from := 0; ; {
		at := strings.Index(text[from:], printed)
		if at < 0 {
			r.b = append(append(r.b, text...), '\n')
			return
		}
		from += at + len("coproc ")
		if closed(text[:from]) {
			r.b = append(r.b, text[:from]...)
			text, from = text[from+len(printed)-len("coproc "):], 0
		}
	}
}

func (r *restorer) variables(vars map[string]Variable, scope string) {
	for _, references := range []bool{false, true} {
		for _, name := range slices.Sorted(maps.Keys(vars)) {
			v := vars[name]
			if strings.Contains(v.Attributes, "n") == references && (scope == "" && !ours(name) || r.restorable(name)) {
				r.variable(name, v, scope)
			}
		}
	}
}

func (r *restorer) restorable(name string) bool {
	switch name {
	case "BASH_XTRACEFD":
		r.lose("BASH_XTRACEFD: the descriptor that xtrace was written to is not open")
		return false
	case "IFS", "POSIXLY_CORRECT", "BASH_COMPAT", "IGNOREEOF", "FUNCNEST":
		return false // see finish
	}
	return !owned(name) && !derived(name) && !ours(name)
}

// variable declares one. Attributes that change a value while it is assigned
// come behind it: the value is what they have made of it, or older than they.
// Bash takes the value of an array behind declare only where that is not quoted;
// and with some characters in IFS, which may be set where locals are restored, it
// takes bytes out of arguments, but not of assignments.
func (r *restorer) variable(name string, v Variable, scope string) {
	letters := scope + v.Attributes
	if !v.Set {
		r.declare(letters, name)
		return
	}
	if v.IsArray() || scope == "" && !strings.Contains(v.Attributes, "n") {
		r.declare(scope+strings.Map(keep("aA"), v.Attributes), name)
		r.assign(name, v)
		if later := strings.Map(keep("iluctrx"), v.Attributes); later != "" {
			r.declare(scope+later, name)
		}
		return
	}
	first := letters
	late := strings.ContainsAny(v.Attributes, "iluc") && !strings.Contains(v.Attributes, "n")
	if late {
		first = scope
	}
	if first == "" {
		first = "-"
	}
	r.b = append(r.b, "'builtin' declare -"...)
	r.b = append(r.b, first...)
	r.b = append(r.b, ' ')
	r.assign(name, v)
	if late {
		r.declare(letters, name)
	}
}

func (r *restorer) declare(letters, name string) {
	if letters == "" {
		letters = "-"
	}
	r.line("'builtin' declare -%s %s", letters, name)
}

func (r *restorer) assign(name string, v Variable) {
	raw := v.Raw
	if strings.Contains(v.Attributes, "A") {
		raw = reversed(raw)
	}
	r.b = append(r.b, name...)
	r.b = append(r.b, '=')
	r.b = append(r.b, raw...)
	r.b = append(r.b, '\n')
}

func keep(letters string) func(rune) rune {
	return func(c rune) rune {
		if strings.ContainsRune(letters, c) {
			return c
		}
		return -1
	}
}

// reversed turns the elements of an associative array around: bash puts a new
// one in front of its bucket, so that this way the order stays what it was.
func reversed(raw string) string {
	all, err := elements(raw)
	if err != nil {
		return raw
	}
	var b strings.Builder
	b.Grow(len(raw) + 2)
	b.WriteByte('(')
	for _, e := range slices.Backward(all) {
		b.WriteString("[" + e.key + "]=" + e.value + " ")
	}
	b.WriteByte(')')
	return b.String()
}

func (r *restorer) aliases() {
	for _, name := range slices.Sorted(maps.Keys(r.s.Aliases)) {
		r.line("'builtin' alias -- %s", Quote(name+"="+r.s.Aliases[name]))
	}
}

// place restores the umask and the directories, which may be gone.
func (r *restorer) place() {
	s := r.s
	if s.Umask != "" {
		r.line("'builtin' umask %s", Quote(s.Umask))
	}
	r.line("{ 'builtin' dirs -c")
	r.directory("cd -L", s.Dir, "the working directory")
	for _, d := range slices.Backward(s.DirStack) {
		r.directory("pushd -n", d, "the directory on the stack")
	}
	r.line("} >|/dev/null 2>&1")
	for _, name := range []string{"PWD", "OLDPWD"} {
		if v, ok := s.Variables[name]; ok {
			r.variable(name, v, "g")
		} else {
			r.line("'builtin' unset -v %s", name)
		}
	}
}

func (r *restorer) directory(command, dir, words string) {
	if dir != "" {
		r.line("'builtin' %s -- %s || __phased_lost+=(%s)", command, Quote(dir), Quote(words+" "+dir+": it cannot be entered"))
	}
}
