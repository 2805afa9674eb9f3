package phased

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// asJSON is what encoding/json makes of the string.
func asJSON(t interface{ Fatal(...any) }, s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func checkString(t interface {
	Fatal(...any)
	Fatalf(string, ...any)
}, s string,
) {
	want := `before"` + asJSON(t, s)
	if got := string(appendString([]byte(`before"`), s)); got != want {
		t.Fatalf("%q is written as\n%s, by encoding/json as\n%s", s, got, want)
	}
}

// TestStringMatchesJSON puts every byte, and what is read as a word with its
// neighbours, at every place of a word.
func TestStringMatchesJSON(t *testing.T) {
	for _, fill := range []string{"a", "\x7f", " ", "!", "ä", "\n", "\xe2\x80\xa7", "\u2028"} {
		for at := range 17 {
			for c := range 256 {
				checkString(t, strings.Repeat(fill, at)+string([]byte{byte(c)})+strings.Repeat(fill, 17-at))
			}
			for _, s := range []string{"\u2027", "\u2028", "\u2029", "\u202a", "\u2068", "\ue228", "€", "\xe2\x80", "\xe2", "\u2028\u2028", "\"\\", "\x01\x00"} {
				checkString(t, strings.Repeat(fill, at)+s+strings.Repeat(fill, 17-at))
				checkString(t, strings.Repeat(fill, at)+s)
			}
		}
	}
}

func TestAnyStringMatchesJSON(t *testing.T) {
	piece := rapid.OneOf(anyText(), rapid.StringMatching(`[ -~]{0,20}`), rapid.StringMatching(`[!"#\[\\\]]{0,9}`))
	rapid.Check(t, func(t *rapid.T) {
		checkString(t, strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "pieces"), ""))
	})
}

func FuzzString(f *testing.F) {
	f.Add("a line\n\tof \"text\"\\\x00\x1f\x7f")
	f.Add("Schl\u00fcssel \u2027\u2028\u2029 \xe2\x80 \xff \U0001F4A9")
	f.Fuzz(func(t *testing.T, s string) { checkString(t, s) })
}
