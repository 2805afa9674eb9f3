package tui

import (
	"os"
	"strings"
	"testing"
)

func TestWidth(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "abc": 3, "\x1b[1;31mabc\x1b[0m": 3, "漢字": 4, "e\u0301": 1, "👩‍👩‍👧‍👦": 2, "a\x1bb": 2,
	} {
		if got := width(text); got != want {
			t.Errorf("width(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		line string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "ab…"},
		{"abcd", 1, "…"},
		{"abcd", 0, ""},
		{"漢字漢", 4, "漢…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"\x1b[31mabcd\x1b[0m", 3, "\x1b[31mab…\x1b[0m"},
		{"\x1b[31mab\x1b[0m", 3, "\x1b[31mab\x1b[0m"},
	} {
		if got := cut(c.line, c.n, "…"); got != c.want {
			t.Errorf("cut(%q, %d) = %q, want %q", c.line, c.n, got, c.want)
		}
	}
}

func TestFrom(t *testing.T) {
	for _, c := range []struct {
		line string
		n    int
		want string
	}{
		{"abc", 0, "abc"}, {"abc", 2, "c"}, {"abc", 9, ""}, {"\x1b[31mabc\x1b[0m", 2, "\x1b[31mc\x1b[0m"}, {"漢字", 1, "字"},
	} {
		if got := from(c.line, c.n); got != c.want {
			t.Errorf("from(%q, %d) = %q, want %q", c.line, c.n, got, c.want)
		}
	}
}

// TestFewer shows colours of 24 bits and of 256 on terminals that have fewer.
func TestFewer(t *testing.T) {
	for _, c := range []struct {
		line    string
		colours int
		want    string
	}{
		{"\x1b[38;2;255;0;0mred", 1 << 24, "\x1b[38;2;255;0;0mred"},
		{"\x1b[38;2;255;0;0mred", 256, "\x1b[38;5;196mred"},
		{"\x1b[38;2;200;0;0mred", 16, "\x1b[31mred"},
		{"\x1b[1;48;2;0;0;180mblue\x1b[0m", 16, "\x1b[1;44mblue\x1b[0m"},
		{"\x1b[38;5;2mgreen", 16, "\x1b[32mgreen"},
		{"\x1b[38;5;9mbright", 16, "\x1b[91mbright"},
		{"\x1b[38;5;9mbright", 256, "\x1b[38;5;9mbright"},
		{"\x1b[38:2:0:180:0mgreen", 16, "\x1b[32mgreen"},
		{"\x1b[38;2mcut", 16, "\x1b[38;2mcut"},
		{"\x1b[31;1mplain\x1b[0m", 16, "\x1b[31;1mplain\x1b[0m"},
	} {
		if got := fewer(c.line, c.colours); got != c.want {
			t.Errorf("fewer(%q, %d) = %q, want %q", c.line, c.colours, got, c.want)
		}
	}
}

func TestTabs(t *testing.T) {
	if got, want := tabs("a\tbc\t\td"), "a       bc              d"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestParseKey(t *testing.T) {
	for _, c := range []struct {
		in, key string
		n       int
	}{
		{"a", "a", 1},
		{"qx", "q", 1},
		{" ", "space", 1},
		{"\r", "enter", 1},
		{"\n", "enter", 1},
		{"\t", "tab", 1},
		{"\x7f", "backspace", 1},
		{"\x01", "ctrl-a", 1},
		{"é", "é", 2},
		{"\xc3", "", 0},
		{"\xff", "", 1},
		{"\x1b", "", 0},
		{"\x1b[", "", 0},
		{"\x1b\x1b", "esc", 1},
		{"\x1bx", "", 2},
		{"\x1b[A", "up", 3},
		{"\x1bOB", "down", 3},
		{"\x1b[C", "right", 3},
		{"\x1b[D", "left", 3},
		{"\x1b[H", "home", 3},
		{"\x1b[4~", "end", 4},
		{"\x1b[5~", "pgup", 4},
		{"\x1b[6;2~", "pgdown", 6},
		{"\x1b[1;5A", "up", 6},
		{"\x1b[200~", "", 6},
		{"\x1b[?2026;2$y", "", 11},
		{"\x1b[" + strings.Repeat("1;", 40) + "A", "", 33},
	} {
		if key, n := parseKey([]byte(c.in)); key != c.key || n != c.n {
			t.Errorf("parseKey(%q) = %q, %d; want %q, %d", c.in, key, n, c.key, c.n)
		}
	}
}

// FuzzParseKey wants every input to come to an end.
func FuzzParseKey(f *testing.F) {
	f.Add([]byte("\x1b[A\x1b[5~q\x1b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for len(in) > 0 {
			_, n := parseKey(in)
			if n < 0 || n > len(in) {
				t.Fatalf("%d of %d bytes", n, len(in))
			}
			if n == 0 {
				if len(in) > 40 {
					t.Fatalf("nothing is known after %d bytes", len(in))
				}
				return
			}
			in = in[n:]
		}
	})
}

// TestPageHasEveryKey compares the table of docs/terminal.md with the help.
func TestPageHasEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../docs/terminal.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for line := range strings.SplitSeq(string(text), "\n") {
		if cells := strings.Split(line, " | "); len(cells) == 3 && strings.Contains(line, "`") {
			rows = append(rows, line)
		}
	}
	var want []string
	for _, k := range Help() {
		want = append(want, "| "+k.Where+" | `"+k.Keys+"` | "+k.What+" |")
	}
	if strings.Join(rows, "\n") != strings.Join(want, "\n") {
		t.Errorf("the table of docs/terminal.md is\n%s\n, want\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

// TestHelpIsTrue: no key that the help names is without effect where it stands.
func TestHelpIsTrue(t *testing.T) {
	known := map[string]bool{"ctrl-C": true, "ctrl-Z": true} // the kernel's
	for _, name := range []string{"esc", "tab", "up", "down", "left", "right", "pgup", "pgdown", "home", "end", "enter", "space"} {
		known[name] = true
	}
	for _, k := range Help() {
		for key := range strings.SplitSeq(k.Keys, ", ") {
			if len(key) > 1 && !known[key] {
				t.Errorf("%s: no key comes as %q", k.Where, key)
			}
			if known[key] && strings.HasPrefix(key, "ctrl") {
				continue
			}
			if !works(t, k.Where, key) {
				t.Errorf("%s: %s changes nothing", k.Where, key)
			}
		}
	}
}

// works reports whether a key changes what is shown, in a run with much to look at.
func works(t *testing.T, where, key string) bool {
	f := newFilm(t, 60, 8, options())
	f.add(0, started(12)).phase("configure", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
	for _, n := range []string{"01", "02", "03", "04", "05", "06", "07", "08"} {
		f.hook("configure", n, 1)
	}
	bad := ends("configure", "09", 1, 3)
	f.add(0, start("configure", "09"), bad, start("configure", "10"), start("configure", "11"))
	switch where {
	case "everywhere":
		f.add(0, says("configure", "10", "out", "of 10\n"), says("configure", "11", "out", "of 11\n")).resize(60, 14)
		if key == "q" || key == "esc" {
			f.keys("p")
		}
	case "list":
		f.keys("p", "up", "up", "up")
	case "log":
		f.keys("l")
		long := strings.Repeat("a long line ", 10)
		for range 30 {
			f.m.LogEvents("configure", "10", f.events(says("configure", "10", "out", long+"\n")), false)
		}
		f.shot("")
		f.keys("up", "pgup").shot("")
		switch key {
		case "left", "h":
			f.keys("right")
		case "n", "N":
			f.keys("/", "l", "o", "n", "g", "enter")
		case "end", "G":
			f.keys("home")
		}
	}
	before, _ := f.m.Frame()
	was := strings.Join(before, "\n")
	f.keys(key)
	after, _ := f.m.Frame()
	return strings.Join(after, "\n") != was
}
