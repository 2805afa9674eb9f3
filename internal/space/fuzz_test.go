package space_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"phased/internal/space"
)

// small is a snapshot with a little of everything.
const small = "phased space 1\x005.2\x00p\x00h\x00eh\x000\x000\x00variables\ndeclare -- a=\"x\\\"y\nz\"\ndeclare -ix n=\"3\"\ndeclare -A m=([\"a b\"]=\"1\" [c]=$'\\n\\001' )\ndeclare -n r=\"a\"\ndeclare -r u\n\x00" +
	"functions\nf () \n{ \n    cat <<X\n}\ng () \n{ \nX\n\n}\ndeclare -fx f\nfunction g () \n{ \n    coproc COPROC cat \"$(echo '}')\" $((1 << 2)) ${#a}\n} > x\n\x00names\ndeclare -fx f\ndeclare -f g\n\x00" +
	"options\nset -o errexit\nset +o posix\n\x00shopts\nshopt -s extglob\nshopt -u nullglob\n\x00aliases\nalias -- -x='a '\\''b'\n\x00umask\numask 0022\n\x00directory\n/x\n\x00directory\n/y\n\x00directory\n\x00" +
	"traps-within\ntrap -- 'a\nb' EXIT\ntrap -- '' SIGINT\ntrap -- - ERR\n\x00end\x00"

// FuzzParse: whatever the bytes, Parse returns a space, which can be restored
// and compared, or an *Error that names a line.
func FuzzParse(f *testing.F) {
	// Small ones: the fuzzer spends a minute on each find of some kilobytes.
	f.Add([]byte(small))
	f.Add([]byte(strings.Replace(small, "0\x000\x00", "0\x003\x00top\x00a\x00b c\x00", 1) + "traps\ntrap -- 'a b' ERR\n\x00end\x00"))
	f.Add([]byte(strings.Replace(small, "0\x000\x00", "0\x001\x00frame\x00", 1) + "traps\ntrap -- 'x' RETURN\n\x00locals\ndeclare -- a=\"x\"\nold='a'\\''b'\n\x00end\x00"))
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

func TestParseReadsAll(t *testing.T) {
	s, err := space.Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if s.Variables["a"].Text() != "x\"y\nz" || s.Variables["n"].Attributes != "ix" || s.Variables["u"].Set || s.Functions["f"].Attributes != "x" ||
		!strings.HasSuffix(s.Functions["g"].Text, "} > x") || s.Aliases["-x"] != "a 'b" || s.Umask != "0022" || s.Dir != "/x" ||
		len(s.DirStack) != 1 || s.DirStack[0] != "/y" || s.Traps["EXIT"] != "a\nb" || len(s.Traps) != 2 || !s.Options["errexit"] || !s.Shopts["extglob"] {
		t.Errorf("%+v", s)
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
