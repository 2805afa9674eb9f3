package records

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func texts(fields [][]byte) []string {
	var all []string
	for _, f := range fields {
		all = append(all, string(f))
	}
	return all
}

func TestNextReadsWhatBashWrites(t *testing.T) {
	out, err := exec.Command("bash", "-c", `printf '%s\0' 3 before '' $'a\nb\xff'; printf '%s\0' 1 leave; printf '%s\0' 2 x`).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got [][]string
	rest := out
	for {
		var fields [][]byte
		if fields, rest, err = Next(rest); err != nil {
			break
		}
		got = append(got, texts(fields))
	}
	if !errors.Is(err, ErrShort) || string(rest) != "2\x00x\x00" {
		t.Errorf("the torn record: %v, rest %q", err, rest)
	}
	if d := cmp.Diff([][]string{{"before", "", "a\nb\xff"}, {"leave"}}, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestNextTellsShortFromBad(t *testing.T) {
	for text, want := range map[string]error{
		"": ErrShort, "1": ErrShort, "12": ErrShort, "131072": ErrShort, "1\x00": ErrShort, "1\x00ab": ErrShort, "2\x00a\x00": ErrShort,
		"x": ErrBad, "\x00": ErrBad, "0\x00": ErrBad, "01\x00a\x00": ErrBad, "-1\x00": ErrBad, "131073\x00": ErrBad, "1234567": ErrBad, " 1\x00a\x00": ErrBad,
		"1\x00" + strings.Repeat("a", MaxBytes):          ErrBad,
		"1\x00" + strings.Repeat("a", MaxBytes) + "\x00": ErrBad,
		"1\x00" + strings.Repeat("a", MaxBytes-3):        ErrShort,
	} {
		fields, rest, err := Next([]byte(text))
		if !errors.Is(err, want) || fields != nil || string(rest) != text {
			t.Errorf("%.20q: %v, %v, %d bytes left of %d; want %v", text, err, fields, len(rest), len(text), want)
		}
	}
}

// FuzzNext: whatever stands there, it never panics, takes something off or says
// why not, and what it reads is what Append writes.
func FuzzNext(f *testing.F) {
	f.Add(Append(Append(nil, "before", "/a b"), ""))
	f.Add([]byte("2\x00a"))
	f.Add([]byte("99999\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			fields, rest, err := Next(b)
			if err != nil {
				if !errors.Is(err, ErrShort) && !errors.Is(err, ErrBad) {
					t.Fatal(err)
				}
				return
			}
			if again := append(Append(nil, texts(fields)...), rest...); !bytes.Equal(again, b) {
				t.Fatalf("%q reads as %q and rest %q", b, texts(fields), rest)
			}
			b = rest
		}
	})
}
