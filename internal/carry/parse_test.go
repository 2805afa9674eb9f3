package carry

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files")

func TestParse(t *testing.T) {
	for text, want := range map[string][]Assignment{
		"":                              nil,
		"\n\n\n":                        nil,
		"A=1\n":                         {{"A", "1", 1}},
		"A=1":                           {{"A", "1", 1}},
		"A=\n\n_b2=x=y\n":               {{"A", "", 1}, {"_b2", "x=y", 3}},
		"A= 'x' \"y\" $z `w` \\n #\t\n": {{"A", " 'x' \"y\" $z `w` \\n #\t", 1}},
		"A=1\r\n":                       {{"A", "1\r", 1}},
		"A=\xff\xfe\x80\n":              {{"A", "\xff\xfe\x80", 1}},
		"A=<<EOF\n":                     {{"A", "<<EOF", 1}},
		"A<<=\n=\n":                     nil, // a wrong word
		"A<<EOF\nEOF\n":                 {{"A", "", 1}},
		"A<<EOF\n\nEOF":                 {{"A", "", 1}},
		"A<<EOF\n\n\nEOF\n":             {{"A", "\n", 1}},
		"A<<EOF\n x\nB=2\n EOF\nEOF \nEOF\nB=3\n":  {{"A", " x\nB=2\n EOF\nEOF ", 1}, {"B", "3", 7}},
		"A<<e-1.f_\nA<<X\ne-1.f_\n":                {{"A", "A<<X", 1}},
		"A=1\nA=2\n":                               {{"A", "1", 1}, {"A", "2", 2}},
		"HOME=/x\nTMPDIR=/y\nPYTHONUNBUFFERED=1\n": {{"HOME", "/x", 1}, {"TMPDIR", "/y", 2}, {"PYTHONUNBUFFERED", "1", 3}},
	} {
		got, err := Parse([]byte(text), nil)
		if want == nil && strings.Contains(text, "<<") {
			if err == nil {
				t.Errorf("%q: %v, expected an error", text, got)
			}
			continue
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", text, err, diff)
		}
	}
}

// Every way to be refused, with its words.
func TestRefused(t *testing.T) {
	var out strings.Builder
	say := func(file, text string, err error) {
		shown := fmt.Sprintf("%q", text)
		if len(shown) > 60 {
			shown = shown[:40] + "..." + shown[len(shown)-10:]
		}
		if err == nil {
			t.Errorf("%s was taken", shown)
			return
		}
		e := err.(*Error) //nolint:errorlint // the very one
		e.File = file
		fmt.Fprintf(&out, "%s\n    %v\n", shown, e)
		if strings.Contains(e.Error(), "hunter2") {
			t.Errorf("%s: the message holds what a line had", shown)
		}
	}
	for _, text := range []string{
		"A=1\nhunter2\n", "A=1\n\n=hunter2\n", "A B=hunter2", "1A=hunter2", "A-B=hunter2", "Ä=hunter2", "A =hunter2", " A=1", "A<EOF", "A<", "# hunter2",
		"export A=hunter2", "declare -x A=1", "\r\n", "A=1\r\n\r\n", "\xef\xbb\xbfA=1", "\x00", "A=hun\x00ter2", "A\x00=1",
		"A<<\nEOF\n", "A<<'EOF'\nx\nEOF\n", "A<< EOF\nEOF\n", "A<<EOF \nEOF \n", "A<<EOF\r\nx\r\nEOF\r\n", "B=1\nA<<EOF\nhunter2\n", "A<<EOF", "A<<EOF\nx\nhun\x00ter2\nEOF\n",
		"PHASED_RUN_ID=hunter2", "PHASED_=1", "LD_PRELOAD=hunter2", "LD_<<EOF\nx\nEOF\n", "IFS=:", "BASH_ENV=x", "BASH_FUNC_ls=x", "ENV=x", "PS4=x", "PATH=/hunter2", "PYTHONPATH=x", "GLIBC_TUNABLES=x",
		"A=" + strings.Repeat("x", MaxValue-1), "X=1\nA<<EOF\n" + strings.Repeat("x\n", 512<<10) + "EOF\n",
	} {
		_, err := Parse([]byte(text), nil)
		say("1.env", text, err)
	}
	for _, text := range []string{"bin", "./bin", "/a\nhunter2", "/a:/b", "/a\x00", "/a\r\n", " /a", "#/a", strings.Repeat("/long\n", 30_000)} {
		_, err := ParsePath([]byte(text))
		say("1.path", text, err)
	}
	golden(t, "testdata/refused.txt", out.String())
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestLongestValue(t *testing.T) {
	text := "A=" + strings.Repeat("x", MaxValue-2)
	if _, err := Parse([]byte(text), nil); err != nil {
		t.Error(err)
	}
}

func TestAllowed(t *testing.T) {
	names := Names{"LD_*", "IFS", "PATH", "PYTHON?ATH", "P*"}
	for _, name := range []string{"LD_PRELOAD", "IFS", "PATH", "PYTHONPATH", "A"} {
		if _, err := Parse([]byte(name+"=1\n"), names); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"PHASED_RUN_ID", "PHASED_X", "BASH_ENV"} {
		if _, err := Parse([]byte(name+"=1\n"), names); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestParsePath(t *testing.T) {
	got, err := ParsePath([]byte("/opt/a/bin\n\n/opt/my app/bin\n/\xff\n/"))
	if diff := cmp.Diff([]string{"/opt/a/bin", "/opt/my app/bin", "/\xff", "/"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// Write is how a careful writer writes a value: as the page says.
func written1(name, value string) string {
	if !strings.Contains(value, "\n") {
		return name + "=" + value + "\n"
	}
	word := "EOF"
	for strings.Contains("\n"+value+"\n", "\n"+word+"\n") {
		word += "_"
	}
	return name + "<<" + word + "\n" + value + "\n" + word + "\n"
}

// Whatever is written as the page says comes out as it went in, whatever stands
// before and behind it.
func TestRoundTrip(t *testing.T) {
	value := rapid.Custom(func(t *rapid.T) string {
		b := rapid.SliceOfN(rapid.OneOf(rapid.ByteRange(1, 255), rapid.SampledFrom([]byte("\n\n=<EOF_\r' \"\\$`#"))), 0, 60).Draw(t, "bytes")
		return string(b)
	})
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		var want []Assignment
		line := 1
		for range rapid.IntRange(0, 5).Draw(t, "n") {
			name := rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_]{0,8}`).Filter(func(s string) bool { return Names{}.refuse(s) == "" }).Draw(t, "name")
			v := value.Draw(t, "value")
			want = append(want, Assignment{name, v, line})
			w := written1(name, v)
			text.WriteString(w)
			line += strings.Count(w, "\n")
		}
		got, err := Parse([]byte(text.String()), nil)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("%q: %v (-want +got):\n%s", text.String(), err, diff)
		}
	})
}

// Whatever a file holds, it is taken or refused at one of its lines, and what is
// taken is fit for an environment.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "A=1\n", "A<<EOF\nx\nEOF\n", "A<<", "\x00", "PATH=1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		all, err := Parse(content, nil)
		if err != nil {
			e := err.(*Error) //nolint:errorlint // the very one
			if e.Line < 1 || e.Line > strings.Count(string(content), "\n")+1 || e.Message == "" {
				t.Errorf("%q: %+v", content, e)
			}
			return
		}
		for _, a := range all {
			if a.Name == "" || strings.Contains(a.text(), "\x00") || len(a.text()) > MaxValue || Guarded(a.Name) || Own(a.Name) {
				t.Errorf("%q: %+v", content, a)
			}
		}
		if dirs, err := ParsePath(content); err == nil {
			for _, d := range dirs {
				if d[0] != '/' || strings.ContainsAny(d, "\x00:\n") {
					t.Errorf("%q: %q", content, d)
				}
			}
		}
	})
}
