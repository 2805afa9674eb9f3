package compat

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// pyRepr is Python's repr of a string that came from the system: quotes, and
// escapes for what is not printable. A byte that is not UTF-8 shows as the
// surrogate that Python reads it as.
func pyRepr(s string) string {
	quote := "'"
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = `"`
	}
	var b strings.Builder
	b.WriteString(quote)
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\udc%02x`, s[0])
		case string(r) == quote || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == ' ' || unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		s = s[n:]
	}
	b.WriteString(quote)
	return b.String()
}

// pyText is how a string that came from the system shows on Python's stderr:
// as it is, but bytes that are not UTF-8 escaped.
func pyText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\udc%02x`, s[0])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// pyInt is an integer as int() of Python reads it, as far as anybody needs it:
// what does not fit 32 bits is too big, whatever it is.
type pyInt struct {
	value  int
	tooBig bool
}

// parsePyInt reads an integer as int() of Python does: blanks around it, a
// sign, decimal digits of any script, single underscores between them.
func parsePyInt(s string) (pyInt, bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f })
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	var n pyInt
	var v int64
	digit := false // the character before was one
	count := 0
	for _, r := range s {
		if r == '_' && digit {
			digit = false
			continue
		}
		d, ok := digitValue(r)
		if !ok {
			return pyInt{}, false
		}
		digit = true
		count++
		if v = v*10 + int64(d); v > 1<<32 {
			n.tooBig = true
			v = 1 << 32
		}
	}
	const mostDigits = 4300 // int() refuses more
	if !digit || count > mostDigits {
		return pyInt{}, false
	}
	if negative {
		v = -v
	}
	n.tooBig = v > 1<<31-1 || v < -1<<31
	n.value = int(v)
	return n, true
}

// digitValue returns the value of a decimal digit of any script. Unicode lists
// them in runs of ten that start at zero.
func digitValue(r rune) (int, bool) {
	if r >= '0' && r <= '9' {
		return int(r - '0'), true
	}
	for _, x := range unicode.Nd.R16 {
		if r >= rune(x.Lo) && r <= rune(x.Hi) {
			return int(r-rune(x.Lo)) % 10, true
		}
	}
	for _, x := range unicode.Nd.R32 {
		if r >= rune(x.Lo) && r <= rune(x.Hi) {
			return int(r-rune(x.Lo)) % 10, true
		}
	}
	return 0, false
}
