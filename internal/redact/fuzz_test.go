package redact_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"phased/internal/redact"
)

// pieces cuts a text as the bytes of cuts say, and cleans it so.
func pieces(set *redact.Set, text, cuts []byte) string {
	s := redact.Stream{Set: set}
	var out []byte
	for i := 0; len(text) > 0; i++ {
		n := len(text)
		if i < len(cuts) {
			n = min(int(cuts[i]), n)
		}
		piece := append([]byte(nil), text[:n]...)
		out = append(out, s.Next(piece)...)
		clear(piece)
		text = text[n:]
	}
	return string(append(out, s.End()...))
}

// written are ways in which programs write a value, made by code that is not
// redact's own.
func written(value string, shift int) map[string]string {
	w := map[string]string{"as it is": value}
	pad := strings.Repeat("u", shift%3)
	for name, e := range map[string]*base64.Encoding{
		"base64": base64.StdEncoding, "raw base64": base64.RawStdEncoding, "URL base64": base64.URLEncoding, "raw URL base64": base64.RawURLEncoding,
	} {
		// Only the characters that hold nothing but bits of the value.
		text := e.EncodeToString([]byte(pad + value + "~~~"))
		w[name] = text[(len(pad)*8+5)/6 : (len(pad)+len(value))*8/6]
	}
	w["query"], w["path"] = url.QueryEscape(value), url.PathEscape(value)
	w["lower query"] = lowerEscapes(w["query"])
	j, _ := json.Marshal(value)
	if strings.ToValidUTF8(value, "") == value {
		w["JSON"] = strings.Trim(string(j), `"`)
		if strings.HasSuffix(value, `"`) || strings.HasPrefix(value, `"`) {
			w["JSON"] = string(j[1 : len(j)-1])
		}
	}
	w["hex"] = fmt.Sprintf("%x", value)
	w["shell"] = strings.ReplaceAll(value, "'", `'\''`)
	return w
}

// lowerEscapes writes the escapes of a URL with small letters.
func lowerEscapes(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] == '%' && i+2 < len(b) {
			copy(b[i:i+3], strings.ToLower(string(b[i:i+3])))
		}
	}
	return string(b)
}

// hides reports whether a value is one that is hidden as a whole, and each of
// whose parts is.
func hides(value string) bool {
	s := redact.NewSet(nil)
	s.Add(value)
	return !s.Empty() && strings.TrimRight(value, "\r\n") == value
}

// A secret in any of the forms never comes out whole, however it is cut.
func FuzzSecretNeverComesOut(f *testing.F) {
	f.Add("hunter22", "a line ", " and more\n", []byte{3, 1, 4, 1, 5}, 0)
	f.Add("hunter22", "a line ", " and more\n", []byte{3, 1, 4, 1, 5}, 1)
	f.Add("hunter22", "a line ", " and more\n", []byte{3, 1, 4, 1, 5}, 2)
	f.Add("it's \"a\" se/cret+\n\xff", "x=", "", []byte{9}, 1)
	f.Add(strings.Repeat("a long secret of many bytes ", 9), "\x00", "'", []byte{64, 64}, 2)
	f.Fuzz(func(t *testing.T, value, before, after string, cuts []byte, shift int) {
		if len(value) > 2000 || shift < 0 || !hides(value) {
			return
		}
		set := redact.NewSet(nil)
		set.Add(value)
		for name, form := range written(value, shift) {
			got := pieces(set, []byte(before+form+after), cuts)
			if strings.Contains(strings.ReplaceAll(got, redact.Mark, "\x00\x01\x02"), form) && !strings.Contains(before+after, form) {
				t.Fatalf("%q as %s, %q, is in %q", value, name, form, got)
			}
			if !strings.Contains(got, redact.Mark) {
				t.Fatalf("%q as %s, %q: nothing is hidden in %q", value, name, form, got)
			}
		}
	})
}

// Text without a secret comes out byte for byte: what is in none of the forms
// that redact itself looks for.
func FuzzOtherTextIsUnchanged(f *testing.F) {
	f.Add("hunter22", []byte("a line and the hunter with hunter2 hunter2\n"), []byte{3, 1, 4, 1, 5})
	f.Add("KEY-0123456789-KEY-0123456789-KEY-0123456789-KEY-0123456789-KEY-0123456789", []byte("KEY-0123456789-KEY-0123456789-KEY"), []byte{1, 1})
	f.Fuzz(func(t *testing.T, value string, text, cuts []byte) {
		if len(value) > 2000 {
			return
		}
		set := redact.NewSet(nil)
		set.Add(value)
		set.AddPattern(pattern(t, `AKIA[0-9A-Z]{4,16}`))
		// Without 4 bytes that follow each other in a form there is no piece of it.
		grams := map[string]bool{"AKIA": true}
		for _, form := range redact.Forms(value) {
			for i := 0; i+4 <= len(form); i++ {
				grams[form[i:i+4]] = true
			}
		}
		for i := 0; i+4 <= len(text); i++ {
			if grams[string(text[i:i+4])] {
				text[i+3] ^= 0x55
				if grams[string(text[i:i+4])] {
					return
				}
			}
		}
		if got := pieces(set, text, cuts); got != string(text) {
			t.Fatalf("without %q, %q becomes %q", value, text, got)
		}
		if got := set.Clean(string(text)); got != string(text) {
			t.Fatalf("without %q, %q is cleaned to %q", value, text, got)
		}
	})
}

// What comes out does not depend on how the text is cut, with values and with
// patterns.
func FuzzCutsDoNotMatter(f *testing.F) {
	f.Add("hunter22", []byte("hunter22 AKIA0123 xhunter2hunter22\xc3\xa4key-abcdefghi"), []byte{3, 1, 4, 1, 5}, []byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1})
	f.Add("ababab", []byte("ababababab key-\xe2\x82\xac\xff\xfeabcdef"), []byte{1}, []byte{})
	f.Fuzz(func(t *testing.T, value string, text, cuts, others []byte) {
		if len(value) > 2000 {
			return
		}
		set := redact.NewSet(nil)
		set.Add(value)
		for _, p := range []string{`AKIA[0-9A-Z]{4,16}`, `key-.{3,9}`, `(?i:token|t)[=: ]{1,3}\w{5,20}`, `[^a-z]{6,12}|abab(c|cd|cde){2,4}`} {
			set.AddPattern(pattern(t, p))
		}
		whole := pieces(set, text, nil)
		for _, c := range [][]byte{cuts, others} {
			if got := pieces(set, text, c); got != whole {
				t.Fatalf("%q in pieces of %v becomes %q, and whole %q", text, c, got, whole)
			}
		}
		if got := set.Clean(string(text)); got != whole {
			t.Fatalf("%q becomes %q in a stream, and %q at once", text, whole, got)
		}
	})
}

func pattern(t testing.TB, expression string) *redact.Pattern {
	p, err := redact.ParsePattern(expression)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What is cut out of the middle leaves no half of a secret, and everything else
// is as it would be without the cut.
func FuzzGapLeavesNoHalf(f *testing.F) {
	f.Add("hunter22", []byte("one hunter22 two hunter22 three AKIA01234 four"), uint16(9), uint16(21), []byte{2, 3})
	f.Add("hunter22", []byte("hunter22"), uint16(4), uint16(4), []byte{})
	f.Fuzz(func(t *testing.T, value string, text []byte, from, to uint16, cuts []byte) {
		if len(value) > 200 || int(from) > len(text) || to < from || int(to) > len(text) {
			return
		}
		set := redact.NewSet(nil)
		set.Add(value)
		set.AddPattern(pattern(t, `AKIA[0-9A-Z]{4,16}`))
		reach := set.Reach()
		s := redact.Stream{Set: set}
		var head, tail []byte
		feed := func(out *[]byte, p []byte) {
			for i := 0; len(p) > 0; i++ {
				n := len(p)
				if i < len(cuts) {
					n = min(int(cuts[i]), n)
				}
				*out = append(*out, s.Next(append([]byte(nil), p[:n]...))...)
				p = p[n:]
			}
		}
		feed(&head, text[:from])
		head = append(head, s.Break(text[from:min(int(from)+reach, len(text))])...)
		s.Skip(text[max(0, int(to)-reach):to])
		feed(&tail, text[to:])
		tail = append(tail, s.End()...)
		whole := set.Clean(string(text))
		if !strings.HasPrefix(whole, strings.TrimSuffix(string(head), redact.Mark)) {
			t.Fatalf("the head of %q is %q, and whole it is %q", text, head, whole)
		}
		if !strings.HasSuffix(whole, strings.TrimPrefix(string(tail), redact.Mark)) {
			t.Fatalf("the tail of %q is %q, and whole it is %q", text, tail, whole)
		}
	})
}

// Where the beginning of a value is held back that begins within a character, a
// pattern sees the character, and no byte of it that would be none.
func TestPatternSeesCharactersWhole(t *testing.T) {
	set := redact.NewSet(nil)
	set.Add("\xa4zzzzzz")
	set.AddPattern(pattern(t, `[\x{fff0}-\x{ffff}]{6,9}x`))
	text := []byte("\xc3\xa4\xff\xff\xff\xff\xffx")
	for n := range text {
		if got := pieces(set, text, []byte{byte(n)}); got != string(text) {
			t.Errorf("cut at %d it becomes %q", n, got)
		}
	}
}

// What bash writes of a value with set -x, printf %q and declare -p is hidden.
func TestFormsOfBash(t *testing.T) {
	for _, value := range []string{"it's me", "a\tb\\c'd\ne", "two  words", "$HOME`x`\"q\"", "umlaut-ä-€\x01", "{a,b};<c>!*?[x]~#^", "\xff\xfe-bytes-\x7f", "~home#1", "a=b c|d&e"} {
		for _, locale := range []string{"C", "C.UTF-8"} {
			cmd := exec.Command("/bin/bash", "-c", `X=$1; declare -p X; printf '%q\n' "$X"; printf '%s\n' "${X@Q}"; set -x; : "$X" "--password=$X"; Y=$X; export Z="$X"`, "bash", value)
			cmd.Env = []string{"LC_ALL=" + locale}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatal(err)
			}
			set := redact.NewSet(nil)
			set.Add(value)
			for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\n"), "\n") {
				if strings.Contains(line, "X=") && strings.HasPrefix(line, "declare") && strings.Contains(value, "\n") {
					continue // it has two lines there
				}
				if got := set.Clean(line); !strings.Contains(got, redact.Mark) && !strings.Contains(value, "\n") {
					t.Errorf("%s: of %q bash writes %s, and that is left alone", locale, value, line)
				}
			}
		}
	}
}
