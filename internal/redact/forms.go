package redact

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// longest is up to which length a value is also looked for in forms that make
// much more of it than it is, in bytes.
const longest = 256

// Forms lists how a value may be written, each once: as it is; as shells quote
// it; in base64, also as a part of a longer text, and in lines; in hex; with the
// escapes of a URL; with those of JSON.
func Forms(value string) []string {
	all := quotedForms(value)
	all = append(all, base64Forms(value)...)
	lower := hex.EncodeToString([]byte(value))
	all = append(all, lower, strings.ToUpper(lower))
	if len(value) <= longest {
		every := func(byte) bool { return true }
		all = append(all, percent(value, every, lowerDigits), percent(value, every, upperDigits))
	}
	return distinct(all)
}

// quotedForms are the forms that keep the letters and digits of a value.
func quotedForms(value string) []string {
	if !slices.ContainsFunc([]byte(value), func(c byte) bool { return !letterOrDigit(c) && c != '-' && c != '_' && c != '.' }) {
		return []string{value} // nothing that anybody would escape
	}
	all := append([]string{value}, shellForms(value)...)
	all = append(all, urlForms(value)...)
	return distinct(append(all, jsonForms(value)...))
}

func distinct(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// shellForms are those of bash's xtrace, declare -p and printf %q, of dash and of
// Python's shlex, without the quotes around the whole.
func shellForms(value string) []string {
	all := []string{ansiQuoted(value, true), ansiQuoted(value, false)}
	if strings.Contains(value, "'") {
		all = append(all, strings.ReplaceAll(value, "'", `'\''`), strings.ReplaceAll(value, "'", `'"'"'`))
	}
	for _, special := range []string{"\"\\$`", " \t'\"\\|&;()<>!{}*[]?^$`", " \t'\"\\|&;()<>!{}*[]?^$`,"} {
		all = append(all, backslashed(value, special))
	}
	return all
}

func backslashed(value, special string) string {
	if !strings.ContainsAny(value, special) {
		return value
	}
	var b strings.Builder
	for i := range len(value) {
		if strings.IndexByte(special, value[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	return b.String()
}

// ansiQuoted is what bash writes between $' and '. Without a locale, bytes beyond
// ASCII are octal.
func ansiQuoted(value string, locale bool) string {
	const letters = "\x1bE\aa\bb\tt\nn\vv\ff\rr\\\\''"
	var b strings.Builder
	for i, r := range value {
		c := value[i]
		if c >= utf8.RuneSelf {
			_, n := utf8.DecodeRuneInString(value[i:])
			if locale && (n > 1 && unicode.IsPrint(r)) {
				b.WriteString(value[i : i+n])
				continue
			}
			for k := range n {
				fmt.Fprintf(&b, `\%03o`, value[i+k])
			}
			continue
		}
		at := strings.IndexByte(letters, c)
		switch {
		case at >= 0 && (at%2 == 0 || c == '\'' || c == '\\'):
			b.WriteByte('\\')
			b.WriteByte(letters[at+1-at%2])
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// urlForms are those of the common encoders, which differ in what they leave as
// it is.
func urlForms(value string) []string {
	var all []string
	for _, kept := range []string{
		"-_.~",                 // RFC 3986, curl, JavaScript's others, Go's QueryEscape
		"-_.~/",                // Python's quote
		"-_.~!*'()",            // encodeURIComponent
		"-_.",                  // PHP's urlencode
		"-_.*",                 // forms of HTML
		"-_.~$&+:=@",           // Go's PathEscape
		"-_.~!$&'()*+",         // a path's, with what RFC 3986 allows there
		"-_.~!*'();/?:@&=+$,#", // encodeURI
	} {
		encode := func(c byte) bool { return !letterOrDigit(c) && strings.IndexByte(kept, c) < 0 }
		for _, digits := range []string{upperDigits, lowerDigits} {
			p := percent(value, encode, digits)
			all = append(all, p)
			if strings.Contains(value, " ") {
				all = append(all, strings.ReplaceAll(p, "%20", "+"))
			}
		}
	}
	return all
}

func letterOrDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

const (
	lowerDigits = "0123456789abcdef"
	upperDigits = "0123456789ABCDEF"
)

func percent(value string, encode func(byte) bool, digits string) string {
	b := make([]byte, 0, 3*len(value))
	for i := range len(value) {
		if c := value[i]; encode(c) {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// jsonForms are those of the common encoders: some escape what HTML minds, some
// what is beyond ASCII, some the slash.
func jsonForms(value string) []string {
	var all []string
	for _, special := range []string{"", "<>&", "/"} {
		for _, ascii := range []bool{false, true} {
			for _, format := range []string{`\u%04x`, `\u%04X`} {
				all = append(all, jsonEscaped(value, special, ascii, format))
			}
		}
	}
	return all
}

func jsonEscaped(value, special string, ascii bool, format string) string {
	var b strings.Builder
	for i, r := range value {
		c := value[i]
		switch {
		case c == '"' || c == '\\' || c == '/' && special == "/":
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' && strings.IndexByte("\b\f\n\r\t", c) >= 0:
			b.WriteByte('\\')
			b.WriteByte("btn_fr"[c-'\b'])
		case c < ' ' || c < utf8.RuneSelf && strings.IndexByte(special, c) >= 0:
			fmt.Fprintf(&b, format, c)
		case c < utf8.RuneSelf || !ascii:
			_, n := utf8.DecodeRuneInString(value[i:])
			b.WriteString(value[i : i+n])
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, format+format, high, low)
		default:
			fmt.Fprintf(&b, format, r)
		}
	}
	return b.String()
}

// base64Forms are what stands of a value in every base64 text that holds it. A
// byte is no whole number of characters there: which characters are the value's
// depends on whether it begins at the first, the second or the third byte of a
// group. A character that it shares with what is before or behind it is not part
// of the form, but where nothing, or a line's end, is behind it.
func base64Forms(value string) []string {
	var all []string
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for shift, begin := range [3]int{0, 2, 3} {
			text := strings.Repeat("\x00", shift) + value
			whole := e.EncodeToString([]byte(text))
			all = append(all, whole[begin:len(text)*8/6], whole[begin:], e.EncodeToString([]byte(text + "\n"))[begin:])
		}
		for _, text := range []string{value, value + "\n"} {
			whole := e.EncodeToString([]byte(text))
			for _, width := range []int{64, 76} { // the lines of openssl and PEM, and of base64 and MIME
				for rest := whole; len(whole) > width && rest != ""; rest = rest[min(width, len(rest)):] {
					all = append(all, rest[:min(width, len(rest))])
				}
			}
		}
	}
	return all
}
