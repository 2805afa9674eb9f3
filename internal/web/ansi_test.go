package web

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"phased/internal/report"
)

// penClasses are all classes that output can get.
func penClasses() map[string]bool {
	all := map[string]bool{}
	for _, c := range hues + "kdw" {
		all["f-"+string(c)], all["b-"+string(c)] = true, true
	}
	for _, c := range []string{"a-bold", "a-dim", "a-italic", "a-under", "a-strike", "a-swap"} {
		all[c] = true
	}
	return all
}

// onlyText fails where HTML of output is anything but text in known elements.
func onlyText(t *testing.T, html string, elements map[string]bool) string {
	t.Helper()
	root := parsePage(t, html)
	classes := penClasses()
	for _, n := range root.all(func(*node) bool { return true }) {
		if !elements[n.name] {
			t.Errorf("there is <%s> in %q", n.name, html)
		}
		for name, value := range n.attr {
			for c := range strings.FieldsSeq(value) {
				if name != "class" || !classes[c] && c != "heading" {
					t.Errorf("there is %s=%q in %q", name, value, html)
				}
			}
		}
	}
	return root.text
}

// xmlSafe is a text as the parser of the tests hands it on: it takes line ends and
// characters that XML lacks for others.
func xmlSafe(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r == 0xfffe || r == 0xffff {
			return 0xfffd
		}
		return r
	}, text)
}

func FuzzOutputIsText(f *testing.F) {
	for _, s := range []string{
		"plain", "\x1b[31mred\x1b[0m <b>", "\x1b[38;5;208mx\x1b[48;2;1;2;3my", "\x1b[38:2::9:9:9mz", "\x1b]0;title\a", "\xff\xfe", "\x1b[7;4:3;53mq", "a\x1b[;;;mb",
		"\x1b[38;5m\x1b[48;2;1mx", "\u202eevil", "</span><script>", "\x1b[99999999999999999999m!",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.NewReplacer("\n", "", "\ufffe", "", "\uffff", "").Replace(text)
		var p pen
		w := logWriter{find: "x"}
		w.spans(p.spans(text))
		got := onlyText(t, string(w.html()), map[string]bool{"span": true, "mark": true})
		if want := report.Safe(text, false); got != xmlSafe(want) {
			t.Errorf("%q shows %q, not %q", text, got, want)
		}
	})
}

func TestPens(t *testing.T) {
	for code, want := range map[string]string{
		"31": "f-r", "1;91": "f-r a-bold", "30": "f-k", "97": "f-w", "90": "f-d", "41": "b-r", "31;42": "b-g", "7": "a-swap", "31;7": "b-r", "31;42;7": "b-r",
		"38;5;208": "f-o", "38;5;244": "f-d", "38;2;0;0;255": "f-b", "38;2;0;0;255;1": "f-b a-bold", "38:2::255:0:255": "f-m", "38:5:46": "f-g", "48;5;21;31": "b-b",
		"4": "a-under", "4:0": "", "4:3": "a-under", "31;0": "", "31;39": "", "": "", "38;5": "f-k", "38": "", "3;9": "a-italic a-strike", "2": "a-dim", "5": "", "8": "",
	} {
		var p pen
		p.apply(code)
		if got := p.class(); got != want {
			t.Errorf("%q: %q, not %q", code, got, want)
		}
	}
}

// TestColoursCanBeRead: every colour of output on the grounds that it stands on, and
// the page's own text on every ground, in light and in dark, with the contrast that
// WCAG asks for.
func TestColoursCanBeRead(t *testing.T) {
	text, err := os.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	css := string(text)
	pair := func(pattern string) [2]string {
		m := regexp.MustCompile(pattern + `\s*light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindStringSubmatch(css)
		if m == nil {
			t.Fatalf("no colour for %s", pattern)
		}
		return [2]string{m[1], m[2]}
	}
	own, quiet, ground, raised := pair("--text:"), pair("--quiet:"), pair("--ground:"), pair("--raised:")
	busy := pair("--tint-busy:")
	check := func(what string, fg, bg [2]string) {
		for i, mode := range []string{"light", "dark"} {
			if c := contrast(fg[i], bg[i]); c < 4.5 {
				t.Errorf("%s in %s: %s on %s has a contrast of %.2f", what, mode, fg[i], bg[i], c)
			}
		}
	}
	for _, bg := range [][2]string{ground, raised, busy, pair("--tint-bad:"), pair("--tint-warn:"), pair("--mark:")} {
		check("text", own, bg)
	}
	for _, bg := range [][2]string{ground, raised, busy, pair("--tint-bad:"), pair("--tint-warn:"), pair("--band:")} {
		check("quiet", quiet, bg)
	}
	for _, name := range []string{"--good:", "--bad:", "--warn:", "--busy:", "--link:"} {
		for _, bg := range [][2]string{ground, raised, pair("--tint-bad:"), pair("--tint-warn:"), busy} {
			check(name, pair(name), bg)
		}
	}
	check("text on a bar", own, pair("--ok-bar:"))
	check("text on a bar of a failure", ground, pair("--bad:"))
	for _, c := range hues + "kw" {
		fg := pair(`\.f-` + string(c) + ` \{ color:`)
		for _, bg := range [][2]string{ground, raised, busy} {
			check("f-"+string(c), fg, bg)
		}
		check("text on b-"+string(c), own, pair(`\.b-`+string(c)+` \{ background:`))
	}
	check("text on b-d", own, pair(`\.b-d \{ background:`))
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(colour string) float64 {
	sum := 0.0
	for i, share := range []float64{.2126, .7152, .0722} {
		n, _ := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		v := float64(n) / 255
		if v <= .04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+.055)/1.055, 2.4)
		}
		sum += share * v
	}
	return sum
}

// TestEveryClassHasAColour: what a pen can say, the styles know.
func TestEveryClassHasAColour(t *testing.T) {
	css, err := os.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	for c := range penClasses() {
		if !strings.Contains(string(css), "."+c+" {") {
			t.Errorf("no style for %s", c)
		}
	}
}
