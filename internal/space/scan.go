package space

import "strings"

// identifier returns the length of the name that s begins with.
func identifier(s string) int {
	for i := range len(s) {
		c := s[i]
		if c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9' {
			continue
		}
		return i
	}
	return len(s)
}

// word returns where the word ends that s begins with: at the first unquoted
// stop or newline, or with the text. A word that begins with ( is an array, and ends behind
// its ). Where a quotation or an array has no end, it returns -1.
func word(s string, stop byte) int {
	if s != "" && s[0] == '(' {
		return array(s)
	}
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == stop || c == '\n':
			return i
		case c == '\\' || c == '"' || c == '\'' || c == '$' && i+1 < len(s) && s[i+1] == '\'':
			n := quoted(s[i:])
			if n < 0 {
				return -1
			}
			i += n
		default:
			i++
		}
	}
	return len(s)
}

// quoted returns the length of the quotation that s begins with.
func quoted(s string) int {
	switch s[0] {
	case '\\':
		if len(s) < 2 {
			return -1
		}
		return 2
	case '\'':
		n := strings.IndexByte(s[1:], '\'')
		if n < 0 {
			return -1
		}
		return n + 2
	case '$':
		return escaped(s, 2, '\'')
	}
	return escaped(s, 1, '"')
}

// escaped returns the length of a quotation that knows the backslash.
func escaped(s string, from int, end byte) int {
	for i := from; i < len(s); i++ {
		switch s[i] {
		case end:
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// array returns the length of the array that s begins with.
func array(s string) int {
	for i := 1; i < len(s); {
		switch c := s[i]; {
		case c == ')':
			return i + 1
		case c == '\\' || c == '"' || c == '\'' || c == '$' && i+1 < len(s) && s[i+1] == '\'':
			n := quoted(s[i:])
			if n < 0 {
				return -1
			}
			i += n
		default:
			i++
		}
	}
	return -1
}

// element is one of an array, as it is quoted.
type element struct{ key, value string }

// elements splits an array as bash prints it.
func elements(raw string) ([]element, error) {
	if len(raw) < 2 || raw[0] != '(' || raw[len(raw)-1] != ')' {
		return nil, errQuote
	}
	var all []element
	rest := strings.TrimLeft(raw[1:len(raw)-1], " ")
	for rest != "" {
		if rest[0] != '[' {
			return nil, errQuote
		}
		k := word(rest[1:], ']')
		if k < 0 || k+2 >= len(rest) || rest[k+2] != '=' {
			return nil, errQuote
		}
		v := word(rest[k+3:], ' ')
		if v < 0 {
			return nil, errQuote
		}
		all = append(all, element{rest[1 : 1+k], rest[k+3 : k+3+v]})
		rest = strings.TrimLeft(rest[k+3+v:], " ")
	}
	return all, nil
}

// Decode returns the text that a word of bash stands for, where it holds
// quotations but no expansions: what declare -p, trap -p and alias -p print.
func Decode(raw string) (string, error) {
	if !strings.ContainsAny(raw, `\"'$`) {
		return raw, nil
	}
	var b strings.Builder
	for raw != "" {
		c := raw[0]
		if c != '\\' && c != '"' && c != '\'' && (c != '$' || len(raw) < 2 || raw[1] != '\'') {
			b.WriteByte(c)
			raw = raw[1:]
			continue
		}
		n := quoted(raw)
		if n < 0 {
			return "", errQuote
		}
		switch c {
		case '\\':
			b.WriteByte(raw[1])
		case '\'':
			b.WriteString(raw[1 : n-1])
		case '"':
			double(&b, raw[1:n-1])
		default:
			ansi(&b, raw[2:n-1])
		}
		raw = raw[n:]
	}
	return b.String(), nil
}

// double decodes what stands between double quotes. Bash before 5.2 prints the
// bytes 1 and 127 with its own escape, a byte 1, in front.
func double(b *strings.Builder, s string) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if i+1 < len(s) {
			d := s[i+1]
			if c == '\\' && (d == '$' || d == '`' || d == '"' || d == '\\') || c == 1 && (d == 1 || d == 127) {
				i++
				c = d
			}
		}
		b.WriteByte(c)
	}
}

// ansi decodes what stands between $' and '.
func ansi(b *strings.Builder, s string) {
	const plain, meant = `abeEfnrtv\'"?`, "\a\b\x1b\x1b\f\n\r\t\v\\'\"?"
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		c := s[i]
		if n := strings.IndexByte(plain, c); n >= 0 {
			b.WriteByte(meant[n])
			continue
		}
		switch {
		case c >= '0' && c <= '7':
			v, n := number(s[i:], 3, 8)
			b.WriteByte(byte(v))
			i += n - 1
		case c == 'x' || c == 'u' || c == 'U':
			v, n := number(s[i+1:], map[byte]int{'x': 2, 'u': 4, 'U': 8}[c], 16)
			switch {
			case n == 0:
				b.WriteString(s[i-1 : i+1])
			case c == 'x':
				b.WriteByte(byte(v))
			default:
				b.WriteRune(rune(v))
			}
			i += n
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
}

// number reads up to most digits.
func number(s string, most int, base uint32) (value uint32, digits int) {
	for digits < len(s) && digits < most {
		var d uint32
		switch c := s[digits]; {
		case c >= '0' && c <= '9':
			d = uint32(c - '0')
		case c >= 'a' && c <= 'f':
			d = uint32(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = uint32(c-'A') + 10
		default:
			d = base
		}
		if d >= base {
			break
		}
		value = value*base + d
		digits++
	}
	return value, digits
}

// Quote makes one word of bash of any text without NUL, on one line, that
// means the same in every locale.
func Quote(s string) string {
	plain := s != ""
	control := false
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c >= 127 {
			control = true
			break
		}
		if c != '_' && c != '/' && c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			plain = false
		}
	}
	switch {
	case control:
		return ansiQuote(s)
	case plain:
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func ansiQuote(s string) string {
	b := []byte("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ' || c >= 127:
			b = append(b, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '\''))
}
