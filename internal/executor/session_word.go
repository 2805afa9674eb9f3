package executor

import (
	"slices"
	"strconv"
	"strings"

	"phased/internal/phased"
)

// What a frame's loop reads and does is a word of fixed width, which is a comment
// of a command where it is read outside of a frame, and says so:
//
//	__phased_go #+NNNNNN   a text of NNNNNN bytes follows: evaluate it
//	__phased_go #=NNNNNN   source the hook NNNNNN of the list
//	__phased_go #-NNNNNN   the same; its name need not be exported
//
// Numbers are given with wordBase added, so that they have six digits.
const (
	goBegin  = "__phased_go #"
	goWidth  = len(goBegin+"+NNNNNN") + 1
	wordBase = 100000
)

// scriptFD is where bash keeps the script that it reads, if it can.
const scriptFD = "255"

func word(kind string, n int) string {
	return goBegin + kind + strconv.Itoa(wordBase+n) + "\n"
}

// goAhead makes of a text what a frame's loop reads and evaluates.
func (s *Session) goAhead(text string) string {
	text = "#" + text + "\n"
	return word("+", len(text)) + text
}

// readOf is how a frame reads so many bytes. The script stands at bash's own
// descriptor, where a hook has not taken that for itself or closed it: then it
// is opened by its path.
func (s *Session) readOf(width string) string {
	read := "'builtin' read -r -N " + width
	return "if [[ /dev/fd/" + scriptFD + " -ef " + s.script.path + " ]]; then " + read + " -u " + scriptFD + " __phased_text; else " + read + " __phased_text <" + s.script.path + "; fi"
}

// readWord is how a frame reads its next word, and doWord how it does that.
func (s *Session) readWord() string { return s.readOf(strconv.Itoa(goWidth)) }

func (s *Session) doWord() string {
	number := "${__phased_text:" + strconv.Itoa(len(goBegin)+1) + ":6}"
	base := strconv.Itoa(wordBase)
	return "case $__phased_text in ('" + goBegin + "+'*) __phased_n=$(( " + number + " - " + base + " )); " +
		s.readOf(`"$__phased_n"`) + ` && 'builtin' eval "${__phased_text:1}";; ` +
		"('" + goBegin + "='*) if [[ ${PHASED_HOOK@a} == x ]]; then PHASED_HOOK=${__phased_hooks[" + number + " * 2 + 1 - " + base + "]}; " +
		"else 'builtin' export PHASED_HOOK=\"${__phased_hooks[" + number + " * 2 + 1 - " + base + "]}\"; fi;& " +
		`(*) 'builtin' set -- "${__phased_hooks[` + number + " * 2 - " + base + `]}";; esac`
}

// readOn is how a frame reads its next word and does it.
func (s *Session) readOn() string { return s.readWord() + " && " + s.doWord() }

// loop is the loop of a frame: it says how the last hook ended, waits for the
// word, gives the options back, and sources. Under set -n every condition holds:
// it is an until, lest it never ends.
func (s *Session) loop(before, source string) string {
	return "until { " + s.tellLoop() + "; ! { " + s.readWord() + "; } || { " + s.doWord() + `; [[ ${__phased_leave-} ]]; }; }` + hidden + "; do { " + before + `'builtin' set "-$__phased_on"; }; ` + source + "; done; "
}

// tellLoop is tell where a loop of a frame stands: no function is called, and
// what shows the traps shows them all. It says them first (see hearing.next): one
// command less.
func (s *Session) tellLoop() string {
	return "__phased_s=$? __phased_flags=$-; " + s.optionsOff() +
		`{ 'builtin' trap -p EXIT ERR; 'builtin' printf '\0%s\0%s\0' "$__phased_s" "$__phased_flags"; } >|` + s.answers.path
}

// optionsOff switches the options off in a loop, makes the snapshot, and finds
// out whether a function called builtin stands before the builtin: hashall, which
// is of no use to builtins, is then still on.
func (s *Session) optionsOff() string {
	text := s.snapshotText(true)
	if text == "" {
		return "'builtin' set +evxuTEh; [[ $- != *h* && $__phased_flags == *h* ]] || { __phased_mend; 'builtin' set +evxuTEh; }; "
	}
	return "'builtin' set +evxuT -E; " + text + "'builtin' set +E; __phased_mend; " // what makes one is a function
}

// hashall is the letter of the option that optionsOff switches off beside those
// of ofHooks, where the shell has it.
func (s *Session) hashall() string {
	if strings.Contains(s.flags, "h") {
		return "h"
	}
	return ""
}

// listed is the list of the phase's hooks that the frame has, by the number of
// their entry. A space that is written down has none: it would be written each
// time.
type listed struct {
	entries []phased.Entry // nil: there is no list
	place   int            // of the hook that runs, or ran last
}

// listHooks gives the frame the list of the hooks that it is to source.
func (s *Session) listHooks() (string, error) {
	s.listed.entries = nil
	if s.dumps() || len(s.phase.Entries) >= wordBase*9 {
		return "", nil
	}
	var b strings.Builder
	for _, e := range s.phase.Entries {
		if e.Verdict != phased.VerdictRun || strings.ContainsRune(string(e.Path+e.Name), 0) {
			e.Path, e.Name = "", "" // is not asked for
		}
		b.WriteString(string(e.Path) + "\x00" + string(e.Name) + "\x00")
	}
	path, err := s.privateFile("hooks", []byte(b.String()))
	if err != nil {
		return "", err
	}
	s.listed.entries = s.phase.Entries
	return "'builtin' local __phased_hooks; 'builtin' mapfile -d '' -t -O " + strconv.Itoa(wordBase) + " __phased_hooks <" + quoteWord(path) + "; ", nil
}

// find sets the place of a hook in the phase, and reports whether it is there.
func (s *Session) find(h phased.Hook) bool {
	entries := s.phase.Entries
	is := func(e phased.Entry) bool {
		return e.Path == h.Path && e.Name == h.Name && e.Verdict == phased.VerdictRun
	}
	if next := s.listed.place + 1; next < len(entries) && is(entries[next]) { // mostly
		s.listed.place = next
		return true
	}
	at := slices.IndexFunc(entries, is)
	s.listed.place = max(at, 0)
	return at >= 0
}
