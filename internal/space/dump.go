package space

import "strings"

// DumpFunction is bash text, for bash 5.0 or later, that defines
//
//	__phased_dump PATH PHASE HOOK [FLAGS]
//
// which writes the variable space to PATH, in the format that Parse reads.
// FLAGS are taken for the options in place of what $- has at the moment, for a
// caller that switched some off for itself. It forks nothing, has no variables
// but those named __phased, and does not mind functions named like builtins,
// aliases, IFS, noclobber, nounset, errexit, noglob, posix mode and readonly
// variables. A caller that wants no trace of it hides it as it hides its own.
//
// A function sees neither the local variables of the one that calls it nor, as
// a rule, the traps ERR, DEBUG and RETURN: see Snapshot.
const DumpFunction = `__phased_no() { (( 0 )); }
__phased_dump() {
__phased_f=${4:-$-}
if [[ $- == *T* ]]
then 'builtin' set +T; '__phased_write' "$@"; 'builtin' set -T
else '__phased_write' "$@"
fi
}
__phased_write() {
__phased_b=
'builtin' eval '__phased_b=${FUNCNAME[0]-}' >|/dev/null 2>&1
if [[ $__phased_b == __phased_write ]]
then __phased_b=builtin
else
__phased_b=__phased_no
'command' eval '__phased_b=command' >|/dev/null 2>&1
fi
__phased_n=${SECONDS-}
if {
"$__phased_b" printf '%s\0' 'phased space 1' "${BASH_VERSION-}" "$2" "$3" "$__phased_f" "$__phased_n" "$(( $# > 4 ? $# - 4 : 0 ))"
__phased_n=0
for __phased_p
do if (( ++__phased_n > 4 ))
then "$__phased_b" printf '%s\0' "$__phased_p"
fi
done
"$__phased_b" printf 'variables\n'
"$__phased_b" declare -p
"$__phased_b" printf '\0functions\n'
"$__phased_b" declare -f
"$__phased_b" printf '\0names\n'
"$__phased_b" declare -F
"$__phased_b" printf '\0options\n'
"$__phased_b" set +o
"$__phased_b" printf '\0shopts\n'
"$__phased_b" shopt -p
"$__phased_b" printf '\0aliases\n'
"$__phased_b" alias -p
"$__phased_b" printf '\0umask\n'
"$__phased_b" umask -p
"$__phased_b" printf '\0'
__phased_n=0
while (( __phased_n < 10000 )) && "$__phased_b" printf 'directory\n' && "$__phased_b" dirs -l "+$__phased_n"
do "$__phased_b" printf '\0'; (( ++__phased_n ))
done
"$__phased_b" printf '\0traps-within\n'
"$__phased_b" trap -p
"$__phased_b" printf '\0end\0'
} >|"$1" 2>|/dev/null
then (( 1 ))
fi
}
`

// Snapshot returns a command, on one line, that writes the space to a file
// from where it stands, with what only its caller can see: the traps, and with
// frame the local variables of the function that it stands in. Without frame,
// the positional parameters are written too. The arguments are words of bash:
// "$path", or a text in quotes; flags is "" for those in force.
func Snapshot(path, phase, hook, flags string, frame bool) string {
	if flags == "" {
		flags = `"$-"`
	}
	words := []string{"'__phased_dump'", path, phase, hook, flags}
	if frame {
		words = append(words, "frame")
	} else {
		words = append(words, "top", `"$@"`)
	}
	into := " >>" + path + " || (( 1 )); "
	s := strings.Join(words, " ") + `; "$__phased_b" printf 'traps\n'` + into + `"$__phased_b" trap -p` + into
	if frame {
		s += `"$__phased_b" printf '\0locals\n'` + into + `"$__phased_b" local -p` + into
	}
	return s + `"$__phased_b" printf '\0end\0'` + into
}
