package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The evil that a hook can put into a name: markup, escapes of a terminal, marks
// of direction, bytes that are no text. A name has no slash and no NUL.
func evilNames() []string {
	return []string{
		"10-<script>alert(1)<\u2215script>",
		"20-<img src=x onerror=alert(2)>",
		"30-\x1b[31mred\x1b[0m\x1b]0;title\x07",
		"40-\x1b]8;;http:\u2215\u2215evil.example\x1b\\link\x1b]8;;\x1b\\\x1b]52;c;ZXZpbA==\x07",
		"50-\u202egnp.exe\u2066\u200f",
		"60-\xff\xfe\x9b31m",
		"70-\"' onmouseover='alert(3)' a=\"",
		"80-\nnewline\r\ttab",
		"85-{{.}}%s%20?a=b&c=d#L1;..",
		"90-" + strings.Repeat("long", 50),
		"95-javascript:alert(4)",
	}
}

// evilText is what a hook can write: the same, and ends of whatever could be around
// it.
const evilText = "plain\n" +
	"<script>alert(5)</script><img src=x onerror=alert(6)><a href=\"javascript:alert(7)\">x</a></pre></template></style></textarea><!-- -->]]>\n" +
	"\n<template id=\"phased-record\" data-format=\"1\">\nAAAA\n=record 5 sha256:00\n</template>\n" +
	"\x1b[31mred\x1b[0m \x1b[2J\x1b[H\x1b[?1049h\x1b]0;title\x07\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\\x1b]52;c;ZXZpbA==\x07\x1bPq#0\x1b\\\x1b_x\x1b\\\x1b^y\x1b\\\n" +
	"\x00\x01\b\v\f\x7f\xc2\x9b31m\x9b31m\xff\xfe \xed\xa0\x80\n" +
	"\u202eevil\u2066\u2067\u200f\u061c\ufeff\u2028\u2029\U000e0041\n" +
	"10 %\r20 %\r\x1b[K30 %\nspin |\b/\b-\n" +
	"\x1b[38;5;196mindexed\x1b[48;2;1;2;3mtrue\x1b[1;2;3;4;5;7;8;9mall\n"

// secrets are those of the redaction tests, and what they look like in the forms
// that redaction knows.
func secrets() map[string]string {
	return map[string]string{"A_PASSWORD": "hunter22-and-more", "ODD_SECRET": "it's odd\t!", "MY_TOKEN": "top-of-the-heap"}
}

// traces are pieces of secrets which stand nowhere.
func traces() [][]byte {
	var all [][]byte
	for _, s := range secrets() {
		for at := range 3 {
			coded := base64.StdEncoding.EncodeToString([]byte("xyz"[:at] + s))
			all = append(all, []byte(coded[(at*8+5)/6:len(s)*8/6-2]))
		}
		all = append(all, []byte(s), []byte(hex.EncodeToString([]byte(s))), []byte(strings.ToUpper(hex.EncodeToString([]byte(s)))), []byte(url.QueryEscape(s)))
	}
	return append(all, []byte("AKIA0123456789ABCDEF"))
}

// noSecret wants no trace of a secret in a text.
func noSecret(t testing.TB, where string, text []byte) {
	t.Helper()
	for _, s := range traces() {
		if at := bytes.Index(text, s); at >= 0 {
			t.Errorf("%s: %q is there: %q", where, s, text[max(0, at-60):min(len(text), at+60)])
		}
	}
}

// TestTracesAreFound: a secret is found in whatever form it stands somewhere.
func TestTracesAreFound(t *testing.T) {
	for name, s := range secrets() {
		for form, text := range map[string]string{
			"plain": "is " + s + ".", "base64": base64.StdEncoding.EncodeToString([]byte(s + "\n")), "base64 behind one": base64.StdEncoding.EncodeToString([]byte("x" + s + "\n")),
			"base64 behind two": base64.StdEncoding.EncodeToString([]byte("xy" + s + "\n")), "hex": hex.EncodeToString([]byte(s)), "url": "?q=" + url.QueryEscape(s),
		} {
			r := &recorder{TB: t}
			noSecret(r, "here", []byte(text))
			if len(r.told) == 0 {
				t.Errorf("%s as %s is not found in %q", name, form, text)
			}
		}
	}
	r := &recorder{TB: t}
	noSecret(r, "here", []byte("[secret] is all that is said, and aHVudGVy is another word"))
	if len(r.told) > 0 {
		t.Error(r.told)
	}
}

// evilSite is a site whose runs are hostile.
type evilSite struct {
	*site
	base string
}

// newEvilSite makes hooks with evil names that write evil texts, in a directory of an evil
// name, and lets them run for evil reasons.
func newEvilSite(t testing.TB) *evilSite {
	t.Helper()
	s := &evilSite{site: newSite(t)}
	s.base = filepath.Join(s.dir, "hooks <b>\x1b[31m\u202e\xff\"'&amp;")
	configure := filepath.Join(s.base, "configure.d")
	for _, dir := range []string{"configure.d", "error.d", "sourced.d"} {
		s.must(os.MkdirAll(filepath.Join(s.base, dir), 0o755))
	}
	s.must(os.WriteFile(filepath.Join(s.dir, "evil.txt"), []byte(evilText), 0o644))
	s.must(os.WriteFile(filepath.Join(s.dir, "evil.yaml"), fmt.Appendf(nil, `secrets: {patterns: ['AKIA[0-9A-Z]{16}']}
lifecycles:
  evil:
    names: "."
    phases: [configure]
    failure: error
    hooks: {'10-*': {retries: 1}}
  sourced:
    executor: session
    phases: [sourced]
`), 0o644))
	for i, name := range evilNames() {
		script := "#!/bin/bash\ncat \"$SITE_TEXT\" >&" + fmt.Sprint(1+i%2) + "\n"
		switch i {
		case 0:
			script += "[[ -e $SITE_DIR/once ]] || { : >\"$SITE_DIR/once\"; exit 9; }\n"
		case 1: // secrets, in every form
			script += "echo \"$A_PASSWORD $ODD_SECRET $MY_TOKEN AKIA0123456789ABCDEF\"\n" +
				"for s in \"$A_PASSWORD\" \"x$A_PASSWORD\" \"xy$A_PASSWORD\" \"$ODD_SECRET\" \"$MY_TOKEN\"; do base64 -w0 <<<\"$s\"; echo; od -An -tx1 <<<\"$s\" | tr -d ' \\n'; echo; done\n" +
				"printf '%s' \"${A_PASSWORD:0:9}\"; sleep 0.3; printf '%s\\n' \"${A_PASSWORD:9}\"\n" +
				"echo \"SECRETISH=$A_PASSWORD\" >>\"$PHASED_ENV\"; echo \"mine is **$A_PASSWORD**\" >>\"$PHASED_SUMMARY\"\n"
		case 2:
			script += "cat \"$SITE_TEXT\" >>\"$PHASED_SUMMARY\"\nprintf '[x](javascript:alert(8)) ![y](http://evil.example/y.png) <b>z</b>\\n# `a`\\n- **b**\\n' >>\"$PHASED_SUMMARY\"\n"
		case 3:
			script += "{ echo 'EVIL<<END'; tr -d '\\000' <\"$SITE_TEXT\"; echo END; } >>\"$PHASED_ENV\"\n"
		case 4:
			script += "head -c 3000000 /dev/zero | tr '\\0' x; echo\n" // one line
		case 5:
			script += "head -c 200000 /dev/urandom\n"
		}
		if len(name) > 100 {
			script += "sleep 0.7\n" // so that it is named among those that took longest
		}
		if i == len(evilNames())-1 {
			script += "exit 5\n"
		}
		s.must(os.WriteFile(filepath.Join(configure, name), []byte(script), 0o755))
	}
	s.must(os.WriteFile(filepath.Join(s.base, "error.d", "50-story"), []byte("#!/bin/bash\ncat \"$PHASED_FAILED_LOG\"\n"), 0o755))
	s.must(os.WriteFile(filepath.Join(s.base, "sourced.d", "10-<b>\x1b[31m.sh"), []byte("EVIL=$(tr -d '\\000' <\"$SITE_TEXT\")\nexport EXPORTED=$EVIL\nMINE=$A_PASSWORD\nf+b() { echo \"<i>\"; }\nalias x='<u>'\nset +e; echo \"$A_PASSWORD\"\n"), 0o644))
	for _, name := range []string{"README <b>", "a\x1b[2J.bak"} {
		s.must(os.WriteFile(filepath.Join(configure, name), nil, 0o644))
	}
	return s
}

// evil runs a lifecycle of the site.
func (s *evilSite) evil(want int, lifecycle string) {
	s.t.Helper()
	args := []string{"run", lifecycle, "--config", "evil.yaml", "--base", s.base, "--plain", "--env", "SITE_TEXT=" + filepath.Join(s.dir, "evil.txt"), "--env", "ODD=<b>\x1b[31m\u202e"}
	for name, value := range secrets() {
		args = append(args, "--env", name+"="+value)
	}
	cmd := s.command(s.t.Context(), "phased", args...)
	cmd.Env = append(cmd.Env, "PHASED_TRIGGER=<b>because</b>\x1b[2J\u202e\xff")
	text, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		s.t.Fatalf("%s ended with %d, not %d: %v\n%q", lifecycle, got, want, err, tail(text))
	}
	noSecret(s.t, "the progress of "+lifecycle, text)
}

// TestHostile: a run that wants to do harm does none in any page, in a capsule and on a
// terminal, and no secret gets there.
func TestHostile(t *testing.T) {
	s := newEvilSite(t)
	s.evil(1, "evil")
	s.evil(0, "sourced")
	s.evil(1, "evil")
	s.phased(0, "plan", "evil", "--config", "evil.yaml", "--base", s.base, "--publish")

	for _, args := range [][]string{
		{"runs"},
		{"show"},
		{"show", "-2"},
		{"show", "--all"},
		{"logs"},
		{"logs", "-2"},
		{"env", "-2"},
		{"env"},
		{"blame", "EVIL"},
		{"stats", "evil", "--base", s.base},
		{"plan", "evil", "--config", "evil.yaml", "--base", s.base},
		{"check", "evil", "--config", "evil.yaml", "--base", s.base},
	} {
		text := s.terminal(args...)
		tame(t, fmt.Sprintf("phased %q", args), text)
		noSecret(t, fmt.Sprintf("phased %q", args), text)
	}

	for name, run := range map[string]string{"evil": "last", "sourced": "-2"} {
		file := filepath.Join(s.dir, name+".html")
		s.program("phased-fleet", 0, "capsule", run, "-o", file)
		page, err := os.ReadFile(file)
		s.must(err)
		noSecret(t, file, page)
		for _, args := range [][]string{{"show", "--json"}, {"logs", "--json"}} {
			want, got := s.phased(0, append(args, run)...), s.phased(0, append(args, "--file", file)...)
			noSecret(t, "the record in "+file, got)
			if !bytes.Equal(want, got) {
				t.Errorf("%s: phased %v tells another run", name, args)
			}
		}
		tame(t, "show --file", s.terminal("show", "--file", file))
		w := &walk{tab: newTab(t, "file://")}
		w.as(look{width: 1280})
		w.goTo((&url.URL{Scheme: "file", Path: file}).String())
		eval[int](w.tab, w.aside(), `document.querySelectorAll("details").forEach(d => d.open = true), 1`)
		w.harmless(file)
		w.shape(file)
		w.fits(file)
		w.accessible(file)
		w.confidential(file)
		w.quiet(file)
	}

	s.serve()
	w := walkWith(t, s.site, walk{also: func(w *walk, where string) { w.confidential(where) }})
	for pattern, want := range map[string]int{"GET /runs/{run}": 3, "GET /runs/{run}/phases/{phase}/hooks/{hook}": len(evilNames()) * 2} {
		if got := w.visited[pattern]; got < want {
			t.Errorf("%d of %d pages of %s were reached", got, want, pattern)
		}
	}
}

// confidential wants no secret in what the page holds, and in what it says to
// who hears it.
func (w *tab) confidential(where string) {
	w.t.Helper()
	noSecret(w.t, where, []byte(eval[string](w, w.aside(), `document.documentElement.outerHTML + document.documentElement.innerText + document.title`)))
	noSecret(w.t, where+" as it is heard", []byte(inJSON(call(w, fullTree(), noParams()))))
}

// terminal runs phased on a terminal and returns what that gets.
func (s *site) terminal(args ...string) []byte {
	s.t.Helper()
	words := make([]string, 0, len(args)+1)
	for _, a := range append([]string{filepath.Join(s.bin, "phased")}, args...) {
		words = append(words, "'"+strings.ReplaceAll(a, "'", `'\''`)+"'")
	}
	cmd := s.command(s.t.Context(), "phased")
	cmd.Path, cmd.Args = "/usr/bin/script", []string{"script", "-qec", strings.Join(words, " "), "/dev/null"}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color", "LANG=C.UTF-8", "LC_ALL=C.UTF-8")
	text, err := cmd.Output()
	if _, ended := err.(*exec.ExitError); err != nil && !ended { //nolint:errorlint // it is not wrapped
		s.t.Fatal(err)
	}
	if len(text) == 0 {
		s.t.Errorf("phased %q says nothing", args)
	}
	return text
}

// tame wants a text to do no more to a terminal than colour it.
func tame(t testing.TB, where string, text []byte) {
	t.Helper()
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = regexp.MustCompile(`\x1b\[[0-9;:]*m`).ReplaceAll(text, nil)
	if !utf8.Valid(text) {
		t.Errorf("%s: not UTF-8", where)
	}
	for at, r := range string(text) {
		if r == '\n' || r == '\t' {
			continue
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != 0xad && r != 0x200c && r != 0x200d || r == 0x2028 || r == 0x2029 {
			t.Errorf("%s: %q at %d: %q", where, r, at, text[max(0, at-40):min(len(text), at+40)])
			return
		}
	}
}
