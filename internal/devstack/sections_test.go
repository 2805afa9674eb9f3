package devstack

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSections(t *testing.T) {
	for name, c := range map[string]struct {
		text, localrc string
		warnings      []string
		errs          []string
	}{
		"localrc": {text: "[[local|localrc]]\nA=1\n", localrc: "\nA=1\n"},
		"comments before": {
			text: "# mine\n\n  # too\n[[local|localrc]]\nA=1", localrc: "\n\n\n\nA=1\n",
		},
		"others left out": {
			text:    "[[local|localrc]]\nA=1\n[[post-config|$NOVA_CONF]]\n[DEFAULT]\nb = 2\n[[local|localrc]]\nC=3\n[[test-config|/a b]]\nx\n",
			localrc: "\nA=1\n\n\n\n\nC=3\n",
			warnings: []string{
				"f:3: section [[post-config|$NOVA_CONF]] is not read: phased writes no configuration files of services",
				"f:8: section [[test-config|/a b]] is not read: phased writes no configuration files of services",
			},
		},
		"blanks":          {text: "[[ local | localrc ]]  \nA=1\n", localrc: "\nA=1\n"},
		"byte order mark": {text: "\xef\xbb\xbf[[local|localrc]]\nA=1\n", localrc: "\nA=1\n"},
		"bash tests": {
			text:    "[[local|localrc]]\n[[ -n $A || -n $B ]]\n[[ $A =~ a|b ]] && C=1\n [[x|y]]\n[[\n",
			localrc: "\n[[ -n $A || -n $B ]]\n[[ $A =~ a|b ]] && C=1\n [[x|y]]\n[[\n",
		},
		"a class of characters": {text: "[[local|localrc]]\n[[:alpha:]]*) ;;\n", localrc: "\n[[:alpha:]]*) ;;\n"},
		"nothing":               {warnings: []string{"f: it has no section [[local|localrc]]: nothing of it is used"}},
		"only others": {
			text: "[[post-config|x]]\nA=1\n",
			warnings: []string{
				"f:1: section [[post-config|x]] is not read: phased writes no configuration files of services",
				"f: it has no section [[local|localrc]]: nothing of it is used",
			},
		},
		"old localrc": {
			text: "# x\nADMIN_PASSWORD=hunter2\nB=1\n",
			errs: []string{`f:2: "ADMIN_PASSWORD=..." comes before the first section: expected comments and empty lines only; a section starts with [[local|localrc]]`},
		},
		"bad headers": {
			text: "[[local]]\nA=1\n[[local|localrc]] x\n[[local|localrc]\n",
			errs: []string{
				`f:1: "[[local]]" is no section: expected [[GROUP|FILE]]; a section starts with [[local|localrc]]`,
				`f:3: "[[local|localrc]] x" is no section: expected [[GROUP|FILE]]; a section starts with [[local|localrc]]`,
				`f:4: "[[local|localrc]" is no section: expected [[GROUP|FILE]]; a section starts with [[local|localrc]]`,
			},
		},
		"bytes": {
			text: "[[local|localrc]]\nA=1\r\nB=2\r\nC=\x00\n", localrc: "\nA=1\r\nB=2\r\nC=\x00\n",
			errs: []string{
				`f:2: the line ends in CR LF, and bash would take the CR into values: end lines in LF alone (sed -i 's/\r$//' FILE)`,
				"f:4: a byte 0 in a line: bash would drop it; is this a text file?",
			},
		},
		"no UTF-8": {text: "[[local|localrc]]\nA=\xff\n", localrc: "\nA=\xff\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := split("f", []byte(c.text))
			var warnings, errs []string
			for _, w := range s.warnings {
				warnings = append(warnings, w.String())
			}
			for _, e := range s.errs {
				errs = append(errs, e.Error())
			}
			if diff := cmp.Diff(c.localrc, s.localrc); diff != "" {
				t.Errorf("localrc (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.warnings, warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.errs, errs); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzRead reads any bytes: it ends, keeps every line of the localrc at its
// place, invents none, and takes no plugin that git or the file system could
// mistake.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"[[local|localrc]]\nenable_plugin a /p v1\n", "[[local|localrc]]\nX=~/a:b\nenable_plugin \"a$X\" 'x'\"${X:-y}\" $X\n",
		"# c\n[[ local | localrc ]]\nA=1\n[[x|y]]\nB\n[[local|localrc]]\nexport C=$'a\\n'\n", "[[local|localrc]]\nif x; then enable_plugin a b; fi &\n",
		"[[local|localrc]]\nunset X; read Y; X+=1; X=(1 2); for X in $Y; do :; done\nenable_plugin $X $Y $((1)) `x`\n",
		"[[local|localrc]]\nenable_plugin a file:///x\nenable_plugin b https://u:p@h/x\nenable_plugin c ext::sh\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > maxConf {
			return
		}
		s := split("f", text)
		lines := strings.Split(string(text), "\n")
		for i, line := range strings.Split(s.localrc, "\n") {
			if line != "" && (i >= len(lines) || line != lines[i]) {
				t.Fatalf("line %d of the localrc is %q, which is not that of the file", i+1, line)
			}
		}
		r := newReader("f", Options{TopDir: "/top", Environ: []string{"HOME=/home"}})
		r.read(s.localrc)
		names := map[string]bool{}
		for _, p := range r.plugins {
			bad := p.Name == "" || strings.ContainsAny(p.Name, "/, \n\x00") || strings.ContainsAny(p.Name[:1], ".-+")
			if bad || strings.HasPrefix(string(p.Source), "-") || p.Source == "" || strings.HasPrefix(p.Ref, "-") || names[p.Name] {
				t.Errorf("took %+v", p)
			}
			if p.Line < 1 || p.Line > len(lines) {
				t.Errorf("%+v has a line that the file has not", p)
			}
			names[p.Name] = true
		}
		for _, e := range r.errs {
			if e.Message == "" || utf8.Valid(text) && !utf8.ValidString(e.Message) {
				t.Errorf("message %q", e.Message)
			}
		}
	})
}
