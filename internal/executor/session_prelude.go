package executor

import (
	"strconv"
	"strings"

	"phased/internal/space"
)

// What a session is told calls builtins as 'builtin' NAME, and names everything
// of its own __phased: hooks may define functions, aliases and variables of any
// other name. It says what it has to say by one redirection to a path each:
// it holds no descriptor that a hook could close, use or hand on.

// hidden is behind commands that leave no trace under set -x.
const hidden = " 2>/dev/null"

// errTrap and exitTrap are what phased puts into the traps while it wants to
// know where a hook fails; the text of a hook's own EXIT trap follows the latter,
// with $? as it was.
const (
	errTrap  = `{ __phased_err "$?" "$-" "$BASH_COMMAND" "$_"; } 2>/dev/null`
	exitTrap = `{ __phased_exit "$?" "$-" "$BASH_COMMAND" "$_" && [[ 1 ]]; } 2>/dev/null; `
)

// The records that a session says, by their first field.
const (
	saidReady = "ready" // version, flags, limit
	saidList  = "list"  // TOP_DIR, 1 where the directory is one, paths
	saidSync  = "sync"  // everything before was done, or passed over
	saidEnd   = "end"   // status, flags, traps: a hook has ended, or a frame is ready
	saidLeft  = "left"  // status, flags, traps: a frame was left
	saidStray = "stray" // what was meant for a frame was read outside of one
	saidErr   = "err"   // status, flags, command, n, functions, files, lines: a command failed
	saidExit  = "exit"  // the same: the shell ends
	saidCall  = "call"  // the same: exit was called
)

// prelude is what a session is told first. failed is the file that takes the
// variables when something fails; "": nobody wants to know where.
func (s *Session) prelude(failed string) string {
	const text = `{ __phased_flags=$-; 'builtin' set +evxuE; } 2>/dev/null
__phased_say() { 'builtin' printf '%s\0' "$#" "$@" >|ANSWERS; }
__phased_real() { 'builtin' return 7; }
__phased_mend() {
if __phased_real; [[ $? != 7 ]]
then POSIXLY_CORRECT=y; unset -f builtin; unset POSIXLY_CORRECT
fi
}
__phased_tell() {
__phased_mend
'builtin' set +E
{ 'builtin' printf '%s\0' 4 "$1" "$__phased_s" "$__phased_flags"; 'builtin' trap -p EXIT ERR; 'builtin' printf '\0'; } >|ANSWERS
}
__phased_go() { __phased_say stray; }
__phased_fail() {
if [[ ${BASH_SUBSHELL-0} == 0 ]]
then
if [[ $1 != err || $3 == *e* || ! ${__phased_failures-} ]]
then [[ $1 == exit && ${__phased_failures-} == fatal ]] || 'builtin' declare -p >|FAILED
fi
if [[ $3 == *e* && $1 == err || $1 == call ]]; then __phased_failures=fatal; else __phased_failures=some; fi
'builtin' printf '%s\0' "$(( 5 + ${#FUNCNAME[@]} + ${#BASH_SOURCE[@]} + ${#BASH_LINENO[@]} ))" "$1" "$2" "$3" "$4" "${#FUNCNAME[@]}" "${FUNCNAME[@]}" "${BASH_SOURCE[@]}" "${BASH_LINENO[@]}" >|ANSWERS
fi
}
__phased_err() { __phased_fail err "$1" "$2" "$3"; }
__phased_exit() { __phased_fail exit "$1" "$2" "$3"; 'builtin' return "$1"; }
__phased_call() { __phased_fail call "$1" "$2" "exit${3:+ $3}"; 'builtin' return "$1"; }
`
	t := text
	if failed == "" {
		failed = "/dev/null"
	}
	t += s.exitFunction() + "\n"
	if s.dumps() {
		t += space.DumpFunction
	}
	if s.Config.Name != "" {
		t += "BASH_ARGV0=" + quote(string(s.Config.Name)) + "\n"
	}
	t += s.regime()
	t += `__phased_say ready "$BASH_VERSION" "$__phased_flags"` + "\n"
	return strings.NewReplacer("ANSWERS", s.answers.path, "SCRIPT", s.script.path, "FAILED", quoteWord(failed)).Replace(t)
}

// exitFunction tells where exit is called. In POSIX mode no function can have
// that name.
func (s *Session) exitFunction() string {
	if s.Blind || s.Config.Posix {
		return ""
	}
	return `'builtin' declare -F exit >|/dev/null || exit() { { __phased_call "$?" "$-" "$*" && [[ 1 ]]; } 2>/dev/null; 'builtin' exit "$@"; }; `
}

// regime is the state that the lifecycle asks for, but for the options.
func (s *Session) regime() string {
	var lines []string
	if u := s.setup.Surroundings.Umask; u >= 0 {
		lines = append(lines, "'builtin' umask "+strconv.FormatInt(int64(u), 8)+"\n")
	}
	if s.Config.TopDir != "" {
		lines = append(lines, "TOP_DIR="+quote(string(s.Config.TopDir))+"\n")
	}
	for _, o := range s.Config.Options {
		switch o {
		case "errexit", "nounset", "xtrace", "verbose": // when the first hook is sourced
		default:
			lines = append(lines, "'builtin' set -o "+quote(o)+"\n")
		}
	}
	return strings.Join(lines, "")
}

// tell says that something has ended: its status, the options, and the traps,
// of which errtrace shows a function all. The options are off from then on.
func (s *Session) tell(what string, frame bool) string {
	return s.tellAs(what, "$?", "$-", s.snapshotText(frame))
}

func (s *Session) tellAs(what, status, flags, between string) string {
	return "__phased_s=" + status + " __phased_flags=" + flags + "; 'builtin' set +evxuT -E; " + between + "__phased_tell " + what
}

// tellTop is tell as a line of the top level.
func (s *Session) tellTopEnd() string { return "{ " + s.tell(saidEnd, false) + "; }" + hidden }

// quoteWord makes one word of a shell out of any string without NUL, in
// characters that are one byte each in every locale.
func quoteWord(s string) string { return space.Quote(s) }

// quietly does something without a trace under set -x.
func quietly(text string) string {
	if text == "" {
		return ""
	}
	return "{ " + text + "}" + hidden + "; "
}
