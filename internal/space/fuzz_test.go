package space_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"phased/internal/space"
)

// FuzzParse: whatever the bytes, Parse returns a space, which can be restored
// and compared, or an *Error that names a line.
func FuzzParse(f *testing.F) {
	dir := f.TempDir()
	for i := range 6 {
		s, problem := raw(f, dir, newGenerator(uint64(i)).program(dir+"/d"))
		if problem == "" {
			f.Add(s)
		}
	}
	f.Add([]byte{})
	f.Add([]byte("phased space 1\x005.2\x00p\x00h\x00eh\x000\x000\x00variables\ndeclare -- a=\"\x00end\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := space.Parse(b)
		if err != nil {
			var e *space.Error
			if !errors.As(err, &e) || e.Line < 1 || e.Line > bytes.Count(b, []byte("\n"))+1 || e.Message == "" {
				t.Fatalf("the error is %#v", err)
			}
			return
		}
		_, _, _ = space.Restore(s)
		if d := space.Diff(s, s, nothing{}); len(d) > 0 {
			t.Fatalf("it differs from itself: %+v", d)
		}
		_ = space.Initial(s, nothing{})
	})
}

func TestParseErrors(t *testing.T) {
	const head = "phased space 1\x005.2\x00p\x00h\x00eh\x000\x000\x00"
	for text, want := range map[string]string{
		"":                                       "line 1: it does not begin with",
		"phased space 2\x00":                     "line 1: it does not begin with",
		head:                                     "line 1: it has no end",
		head + "variables\ndeclare -- a=\"x\"\n": "line 1: the section has no end",
		head + "variables\ndeclare -- a=\"x\"\ndeclare -- b=\"y\n\x00end\x00":                                      "line 3 (variables): the value of b has no end",
		head + "variables\ndeclare -- a=\"x\" y\n\x00end\x00":                                                      "line 2 (variables): the declaration of a does not end",
		head + "variables\nnonsense here\n\x00end\x00":                                                             "line 2 (variables): the declaration of nonsense does not end",
		head + "variables\n\x00functions\nf () \n{ \n    :\n}\n\x00names\ndeclare -f f\ndeclare -f g\n\x00end\x00": "function g is expected behind f",
		head + "options\nset -o x\nwhat\n\x00end\x00":                                                              "line 3 (options): set -o or set +o is expected",
		head + "noise from a trap\n\x00end\x00":                                                                    "did a trap write into the snapshot?",
		head + "aliases\nalias x='\n\x00end\x00":                                                                   "line 2 (aliases): an alias has no end",
		head + "traps\ntrap -- 'x' \n":                                                                             "has no end",
	} {
		_, err := space.Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// A snapshot that was cut off anywhere is an error, never a smaller space.
func TestCutSnapshotsAreErrors(t *testing.T) {
	dir := t.TempDir()
	b, problem := raw(t, dir, "x=1; f() { :; }; alias a=b; trap x EXIT")
	if problem != "" {
		t.Fatal(problem)
	}
	for i := range b {
		if _, err := space.Parse(b[:i]); err == nil {
			t.Fatalf("cut off after %d of %d bytes it is a space", i, len(b))
		}
	}
}
