package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"phased/internal/phased"
)

// Safe returns a piece of a line as it may be shown on a terminal: control
// characters, bytes that are not UTF-8 and marks that change the direction of
// text are written out (^[, ^G, \x9b, \u202e), tabs stay. SGR colours pass
// where colour is set, closed at the end, and are dropped where it is not.
func Safe(text string, colour bool) string {
	if !unsafe(text) {
		return text
	}
	var b strings.Builder
	open := false
	for i := 0; i < len(text); {
		if n := sgrEnd(text[i:]); n > 0 {
			if colour {
				b.WriteString(text[i : i+n])
				open = true
			}
			i += n
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		writeSafe(&b, text[i:i+size], r)
		i += size
	}
	if open {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

func unsafe(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < 0x20 && c != '\t' || c >= 0x7f {
			return true
		}
	}
	return false
}

// redirects tells the characters by which text is shown in another order than
// it has, or not at all: format characters, but for the two that join letters
// and the soft hyphen, and the separators of lines and paragraphs.
func redirects(r rune) bool {
	switch r {
	case 0x200c, 0x200d, 0xad:
		return false
	case 0x2028, 0x2029:
		return true
	}
	return r >= 0x600 && unicode.Is(unicode.Cf, r)
}

// tame reports whether a text is ASCII that moves nothing; colours and other
// scripts are for tamed to judge.
func tame(text []byte) bool {
	for _, c := range text {
		if c < 0x20 && c != '\n' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// tamed writes out what does more to a terminal than colour it, as Safe does,
// and keeps line ends.
func tamed(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		n := sgrEnd(text[i:])
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case n > 0:
			size = n
			b.WriteString(text[i : i+n])
		case r == '\n':
			b.WriteByte('\n')
		default:
			writeSafe(&b, text[i:i+size], r)
		}
		i += size
	}
	return b.String()
}

// writeSafe writes one character, or out what it would do.
func writeSafe(b *strings.Builder, text string, r rune) {
	switch {
	case r == utf8.RuneError && len(text) == 1:
		fmt.Fprintf(b, `\x%02x`, text[0])
	case r == '\t':
		b.WriteByte('\t')
	case r < 0x20 || r == 0x7f:
		b.WriteByte('^')
		b.WriteByte(byte(r) ^ 0x40)
	case r < 0xa0 && r >= 0x80:
		fmt.Fprintf(b, `\x%02x`, r)
	case redirects(r) && r > 0xffff:
		fmt.Fprintf(b, `\U%08x`, r)
	case redirects(r):
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		b.WriteString(text)
	}
}

// sgrEnd returns the length of the SGR sequence (ESC [ digits and ; m) that the
// text begins with, or 0.
func sgrEnd(text string) int {
	if len(text) < 3 || text[0] != 0x1b || text[1] != '[' {
		return 0
	}
	for i := 2; i < len(text) && i < 32; i++ {
		switch c := text[i]; {
		case c == 'm':
			return i + 1
		case c >= '0' && c <= '9', c == ';', c == ':':
		default:
			return 0
		}
	}
	return 0
}

// Name returns a file name or path as one word that can be read and told from
// every other: as it is where nothing in it can mislead, else in the quotes and
// escapes of Go ("my hook", "a\nb", "\xff").
func Name(t phased.Text) string {
	if t == "" {
		return `""`
	}
	for i := 0; i < len(t); {
		r, size := utf8.DecodeRuneInString(string(t[i:]))
		if r == utf8.RuneError && size == 1 || r == '"' || r == '\\' || r == ' ' || !unicode.IsPrint(r) || redirects(r) {
			return strconv.Quote(string(t))
		}
		i += size
	}
	return string(t)
}

// Hook returns how a hook is called in a text: PHASE/HOOK, or the phase alone
// where there is no hook.
func Hook(phase string, name phased.Text) string {
	if name == "" {
		return phase
	}
	return phase + "/" + Name(name)
}

// ShellWord returns the text as one word of a bash command line, in ASCII.
func ShellWord(text string) string {
	return quote(text, func(r rune) bool { return r < 0x7f })
}

// word returns the text as one word of bash as it may be shown: printable
// characters of every language stay.
func word(text string) string {
	return quote(text, func(r rune) bool { return unicode.IsPrint(r) && !redirects(r) })
}

// quote returns the text as one word of bash: as it is, in single quotes, or,
// where it has a character that is not shown, in $'...'.
func quote(text string, shown func(rune) bool) string {
	plain, printable := text != "", true
	for i := 0; i < len(text) && printable; {
		r, size := utf8.DecodeRuneInString(text[i:])
		plain = plain && plainRune(r)
		printable = r >= 0x20 && (r != utf8.RuneError || size > 1) && shown(r)
		i += size
	}
	switch {
	case plain && printable:
		return text
	case printable:
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteByte(text[i])
		case r >= 0x20 && (r != utf8.RuneError || size > 1) && shown(r):
			b.WriteString(text[i : i+size])
		default:
			for _, c := range []byte(text[i : i+size]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		}
		i += size
	}
	b.WriteByte('\'')
	return b.String()
}

// plainRune tells the characters that mean nothing to a shell anywhere in a
// word.
func plainRune(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	case r >= 0x7f:
		return false
	}
	return strings.IndexByte("_-./=:,@%+", byte(r)) >= 0
}
