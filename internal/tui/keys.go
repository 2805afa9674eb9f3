package tui

import (
	"strings"
	"unicode/utf8"
)

// Keys are read without a library: what a terminal sends for a dozen of them has
// been the same for decades, and whatever else comes is passed over.

// parseKey takes the first key from what was read: its name ("a", "up", "esc"),
// "" where it is none that has a name; and how many bytes it is. 0 says that more
// must be read to know.
func parseKey(in []byte) (key string, n int) {
	switch c := in[0]; {
	case c == 0x1b:
		return parseEscape(in)
	case c == '\r' || c == '\n':
		return "enter", 1
	case c == '\t':
		return "tab", 1
	case c == 0x7f || c == 8:
		return "backspace", 1
	case c < 0x20:
		return "ctrl-" + string(rune('a'+c-1)), 1
	case c == ' ':
		return "space", 1
	}
	if !utf8.FullRune(in) {
		return "", 0
	}
	r, size := utf8.DecodeRune(in)
	if r == utf8.RuneError {
		return "", size
	}
	return string(r), size
}

func parseEscape(in []byte) (string, int) {
	if len(in) == 1 {
		return "", 0
	}
	if in[1] != '[' && in[1] != 'O' {
		if in[1] == 0x1b {
			return "esc", 1
		}
		return "", 2 // a key with Alt
	}
	for i := 2; i < len(in); i++ {
		if c := in[i]; c >= 0x40 && c <= 0x7e {
			return escapeKey(string(in[2:i]), c), i + 1
		}
		if i > 32 {
			return "", i
		}
	}
	return "", 0
}

func escapeKey(params string, final byte) string {
	switch final {
	case 'A':
		return "up"
	case 'B':
		return "down"
	case 'C':
		return "right"
	case 'D':
		return "left"
	case 'H':
		return "home"
	case 'F':
		return "end"
	case '~':
		code, _, _ := strings.Cut(params, ";")
		switch code {
		case "1", "7":
			return "home"
		case "4", "8":
			return "end"
		case "5":
			return "pgup"
		case "6":
			return "pgdown"
		}
	}
	return ""
}

// KeyHelp is what a key does: a line of the help, and of docs/terminal.md.
type KeyHelp struct {
	Where string // "everywhere", "list", "log"
	Keys  string // as they are written: "up, k"
	What  string
}

// Help returns what the keys do.
func Help() []KeyHelp {
	return []KeyHelp{
		{"everywhere", "?", "show the keys"},
		{"everywhere", "p", "phases and hooks, to go through"},
		{"everywhere", "l", "the log of the hook that runs, or that was chosen"},
		{"everywhere", "tab", "choose the next one of the hooks that run"},
		{"everywhere", "q, esc", "back to where you were; in phased top: leave, which changes nothing about the run"},
		{"everywhere", "ctrl-C", "in phased run: end the hook that runs, then the failure phase follows; a second time: kill. In phased top: leave"},
		{"everywhere", "ctrl-Z", "suspend phased, as ever: what runs goes on, no further hook starts until fg or bg"},
		{"list", "up, k, down, j", "choose a hook"},
		{"list", "pgup, pgdown, home, end", "a page, or to an end"},
		{"list", "x", "the next hook that has failed"},
		{"list", "enter", "its log"},
		{"log", "up, k, down, j", "a line"},
		{"log", "pgup, b, pgdown, space", "a page"},
		{"log", "home, g, end, G", "to an end; at the end, what is written next is followed"},
		{"log", "f", "follow, or stay"},
		{"log", "left, h, right", "sideways, for long lines"},
		{"log", "/", "search; enter begins, esc gives up"},
		{"log", "n, N", "the next match, the one before"},
	}
}
