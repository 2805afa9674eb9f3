package report

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"phased/internal/phased"
)

func TestSafe(t *testing.T) {
	for _, c := range []struct{ in, colour, plain string }{
		{"plain täxt\tok", "plain täxt\tok", "plain täxt\tok"},
		{"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m", "red"},
		{"\x1b[38;2;1;2;3mx", "\x1b[38;2;1;2;3mx\x1b[0m", "x"},
		{"\x1b[2Jclear", "^[[2Jclear", "^[[2Jclear"},
		{"\x1b]0;title\a", "^[]0;title^G", "^[]0;title^G"},
		{"\x1b[31", "^[[31", "^[[31"},
		{"a\rb\nc\x00\x7f", "a^Mb^Jc^@^?", "a^Mb^Jc^@^?"},
		{"\xff\xc2\x9b31m", `\xff\x9b31m`, `\xff\x9b31m`},
		{"\u202eevil", `\u202eevil`, `\u202eevil`},
	} {
		if got := Safe(c.in, true); got != c.colour {
			t.Errorf("Safe(%q, true) = %q, want %q", c.in, got, c.colour)
		}
		if got := Safe(c.in, false); got != c.plain {
			t.Errorf("Safe(%q, false) = %q, want %q", c.in, got, c.plain)
		}
	}
}

// TestNothingUnsafePasses feeds any bytes and wants nothing to come out that
// moves the cursor or is no text.
func TestNothingUnsafePasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("\x1b[0;1m\r\n]\x9b")))).Draw(t, "in"))
		out := Safe(in, true)
		if !utf8.ValidString(out) {
			t.Fatalf("%q is not UTF-8", out)
		}
		for i := 0; i < len(out); i++ {
			if out[i] == 0x1b {
				n := sgrEnd(out[i:])
				if n == 0 {
					t.Fatalf("an escape that is no colour in %q", out)
				}
				i += n - 1
			} else if out[i] < 0x20 && out[i] != '\t' || out[i] == 0x7f {
				t.Fatalf("byte %#x in %q", out[i], out)
			}
		}
		if s := Safe(in, false); strings.Contains(s, "\x1b") {
			t.Fatalf("an escape without colours in %q", s)
		}
	})
}

// TestNameTellsAllApart wants two names never to look the same, and one name
// always to be one printable word.
func TestNameTellsAllApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOf(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("a \"\\\n\xff")))).Draw(t, "in"))
		out := Name(phased.Text(in))
		back := out
		if strings.HasPrefix(out, `"`) {
			var err error
			if back, err = strconv.Unquote(out); err != nil {
				t.Fatalf("%q: %v", out, err)
			}
		} else if strings.ContainsAny(out, " \n\t") {
			t.Fatalf("%q is not one word", out)
		}
		if back != in {
			t.Fatalf("%q shown as %s", in, out)
		}
	})
}

// TestShellWordIsReadByBash has bash read back what it is given to paste.
func TestShellWordIsReadByBash(t *testing.T) {
	for _, in := range []string{"a", "", "a b", "it's", "$(x)", "`x`", "a\nb", "\xff\x01", "-x", "~", "*", `\`, "ä", "\n'\\", "a=b"} {
		out, err := exec.Command("bash", "-c", "printf %s "+ShellWord(in)).Output()
		if err != nil || string(out) != in {
			t.Errorf("ShellWord(%q) = %s; bash reads %q (%v)", in, ShellWord(in), out, err)
		}
	}
}

func TestUnits(t *testing.T) {
	for in, want := range map[time.Duration]string{
		0: "0.0 ms", 3240 * time.Microsecond: "3.2 ms", 9960 * time.Microsecond: "10 ms", 412 * time.Millisecond: "412 ms", 999600 * time.Microsecond: "1.0 s",
		59960 * time.Millisecond: "1 min 00 s", 192 * time.Second: "3 min 12 s", 2*time.Hour + 5*time.Minute: "2 h 05 min", 50 * time.Hour: "2 days 2 h",
		time.Hour - time.Millisecond: "60 min 00 s",
	} {
		if got := Took(in); got != want {
			t.Errorf("Took(%v) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1 KiB", 8 << 20: "8 MiB", 1503238553: "1.4 GiB"} {
		if got := Size(in); got != want {
			t.Errorf("Size(%d) = %q, want %q", in, got, want)
		}
	}
	for n, want := range map[int]string{0: "0 processes", 1: "1 process", 2: "2 processes"} {
		if got := count(n, "process"); got != want {
			t.Errorf("count(%d) = %q, want %q", n, got, want)
		}
	}
	if got := count(2, "entry"); got != "2 entries" {
		t.Errorf("count(2, entry) = %q", got)
	}
}
