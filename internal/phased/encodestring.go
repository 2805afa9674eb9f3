package phased

import (
	"math/bits"
	"slices"
	"unicode/utf8"
)

// appendString appends a JSON string as encoding/json writes it without
// escaping HTML.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for !utf8.ValidString(s) {
		n := 0
		for {
			r, size := utf8.DecodeRuneInString(s[n:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			n += size
		}
		b = append(appendEscaped(b, s[:n]), `\ufffd`...)
		s = s[n+1:]
	}
	return append(appendEscaped(b, s), '"')
}

// appendEscaped appends what stands between the quotes of a JSON string. s must
// be valid UTF-8.
func appendEscaped(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = slices.Grow(b, len(s)+len(s)/16+2) // a newline becomes two bytes
	for {
		n := plain(s)
		b = append(b, s[:n]...)
		if n == len(s) {
			return b
		}
		switch c := s[n]; c {
		case '\n':
			b = append(b, '\\', 'n')
		case '"', '\\':
			b = append(b, '\\', c)
		case '\t':
			b = append(b, '\\', 't')
		case '\r':
			b = append(b, '\\', 'r')
		case '\b':
			b = append(b, '\\', 'b')
		case '\f':
			b = append(b, '\\', 'f')
		case lineSeparator[0]:
			b = append(b, s[n:n+3]...)
			if end := s[n+2] & 0x0F; s[n:n+2] == lineSeparator[:2] && s[n+2]&^1 == lineSeparator[2] {
				b = append(b[:len(b)-3], '\\', 'u', '2', '0', '2', hex[end])
			}
			n += 2
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		s = s[n+1:]
	}
}

// Line ends to JavaScript: this one, and the next code point.
const lineSeparator = "\u2028"

// plain returns how many bytes there are before the first that may not go out
// as it is: a control character, a quote, a backslash, or what may begin a line
// separator. It looks at eight bytes at a time.
func plain(s string) int {
	const ones = 0x0101010101010101
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := load(s[i : i+8])
		quote, back, line := w^('"'*ones), w^('\\'*ones), w^(uint64(lineSeparator[0])*ones)
		// The top bit of each byte that is below what is subtracted. A borrow
		// sets more of them only above a byte that was found.
		found := (w-' '*ones)&^w | (quote-ones)&^quote | (back-ones)&^back | (line-ones)&^line
		if found &= 0x80 * ones; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c == lineSeparator[0] {
			break
		}
	}
	return i
}

// load returns the first eight bytes, the first one lowest.
func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
