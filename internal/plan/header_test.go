package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/config"
	"phased/internal/phased"
)

func TestParseHeader(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       Header
		faults     []phased.HeaderFault
	}{
		{"none", "#!/bin/sh\necho phased: yes\n", Header{}, nil},
		{
			"all keys", "#!/bin/sh\n# phased: frequency=once leak=kill inputs=/etc/a\n",
			Header{phased.HookOptions{Frequency: "once", Leak: "kill", Inputs: []phased.Text{"/etc/a"}}, map[string]int{"frequency": 2, "leak": 2, "inputs": 2}},
			nil,
		},
		{
			"several lines, leaders and quotes", "// phased: frequency=once-per-boot\r\n  -- phased: leak='fail'\n;; phased: inputs=\"/a b/*.x,c\" inputs=/d\n",
			Header{phased.HookOptions{Frequency: "once-per-boot", Leak: "fail", Inputs: []phased.Text{"/a b/*.x", "c", "/d"}}, map[string]int{"frequency": 1, "leak": 2, "inputs": 3}},
			nil,
		},
		{
			"every other key", "# phased: timeout=5m retries=2 backoff=10s lock=apt,db lock=db when=notified:nginx,changed:/etc/*.conf\n" +
				"# phased: allow-exit=12,3,10-11 skip-exit=4 secret=/etc//x.key\n",
			Header{phased.HookOptions{
				Timeout: phased.Duration(5 * time.Minute), Retries: 2, Backoff: phased.Duration(10 * time.Second), Locks: []string{"apt", "db"},
				When: []string{"notified:nginx", "changed:/etc/*.conf"}, AllowExit: []int{3, 10, 11, 12}, SkipExit: []int{4}, Secrets: []phased.Text{"/etc/x.key"},
			}, map[string]int{"timeout": 1, "retries": 1, "backoff": 1, "lock": 1, "when": 1, "allow-exit": 2, "skip-exit": 2, "secret": 2}},
			nil,
		},
		{
			"wrong values of the others", "# phased: timeout=5 retries=101 backoff=-1s lock=a/b when=notify:x when=notified: when=x\n# phased: allow-exit=0 skip-exit=5-3,256 secret=key",
			Header{HookOptions: phased.HookOptions{}, Lines: map[string]int{"timeout": 1, "retries": 1, "backoff": 1, "lock": 1, "when": 1, "allow-exit": 2, "skip-exit": 2, "secret": 2}},
			[]phased.HeaderFault{
				{Line: 1, Message: `timeout: expected a duration such as 5m: "5" has no unit; write 5s, 5m or 5h`},
				{Line: 1, Message: `retries: expected a whole number from 0 to 100, not "101"`},
				{Line: 1, Message: `backoff: expected a duration such as 10s: "-1s" is negative`},
				{Line: 1, Message: `lock: expected the name of a lock such as apt (letters, digits, . _ -; at most 64), not "a/b"`},
				{Line: 1, Message: `when: expected notified:NAME, changed:NAME or changed:/PATH, not "notify:x" (did you mean "notified"?)`},
				{Line: 1, Message: `when: expected the name of a notification such as notified:nginx (letters, digits, . _ -; at most 64), not "notified:"`},
				{Line: 1, Message: `when: expected notified:NAME, changed:NAME or changed:/PATH, not "x"`},
				{Line: 2, Message: `allow-exit: expected an exit status from 1 to 255 such as 3, or a range such as 10-12, not "0"`},
				{Line: 2, Message: `skip-exit: expected an exit status from 1 to 255 such as 4, or a range such as 10-12, not "5-3"`},
				{Line: 2, Message: `skip-exit: expected an exit status from 1 to 255 such as 4, or a range such as 10-12, not "256"`},
				{Line: 2, Message: `secret: expected the absolute path of a file such as /etc/app/key, not "key"`},
			},
		},
		{"escapes", `# phased: inputs="/a\"b\\c"`, Header{HookOptions: phased.HookOptions{Inputs: []phased.Text{`/a"b\c`}}, Lines: map[string]int{"inputs": 1}}, nil},
		{"a link is no header", "# see phased:// or\n# phased://x\n#phased:leak\n", Header{}, nil},
		{"no blank", "#!/bin/sh\n#phased:timeout=5m leak=kill\n", Header{}, []phased.HeaderFault{{Line: 2, Message: "a blank is missing behind phased: in the header; write `# phased: timeout=5m leak=kill`"}}},
		{"unknown key", "\n# phased: frequancy=once", Header{}, []phased.HeaderFault{{Line: 2, Message: `unknown key "frequancy" in the header (did you mean frequency?)`}}},
		{"unlike any", "# phased: x=1", Header{}, []phased.HeaderFault{{Line: 1, Message: `unknown key "x" in the header; known are timeout, retries, backoff, lock, when, frequency, allow-exit, skip-exit, secret, inputs, leak`}}},
		{
			"wrong value", "# phased: frequency=onse",
			Header{Lines: map[string]int{"frequency": 1}},
			[]phased.HeaderFault{{Line: 1, Message: `frequency: expected always, once, once-per-boot or once-per-content, not "onse" (did you mean "once"?)`}},
		},
		{
			"twice", "# phased: leak=keep\n# phased: leak=kill",
			Header{HookOptions: phased.HookOptions{Leak: "keep"}, Lines: map[string]int{"leak": 1}},
			[]phased.HeaderFault{{Line: 2, Message: "leak is set twice, first in line 1"}},
		},
		{"no closing quote", `# phased: inputs="a b`, Header{}, []phased.HeaderFault{{Line: 1, Message: "inputs: the closing quote is missing"}}},
		{"words", "# phased: leak", Header{}, []phased.HeaderFault{{Line: 1, Message: `expected key=value in the header, not "leak" (did you mean leak?); a comment that is none begins otherwise`}}},
		{"empty", "# phased:", Header{}, []phased.HeaderFault{{Line: 1, Message: "the header is empty; expected such as `# phased: frequency=once`"}}},
		{"empty pattern", "# phased: inputs=a,,b", Header{HookOptions: phased.HookOptions{Inputs: []phased.Text{"a", "b"}}, Lines: map[string]int{"inputs": 1}}, []phased.HeaderFault{{Line: 1, Message: "inputs: a value is empty; expected such as inputs=/etc/app/*.conf"}}},
		{"bad pattern", "# phased: inputs=[", Header{Lines: map[string]int{"inputs": 1}}, []phased.HeaderFault{{Line: 1, Message: `inputs: "[" is no pattern of file names`}}},
		{"binary", "# phased: leak=kill\n\x00", Header{}, nil},
		{"ELF", "\x7fELF\n# phased: nonsense\n", Header{}, nil},
		{"behind 4 KiB", strings.Repeat("#\n", 2048) + "# phased: leak=kill\n", Header{}, nil},
		{
			"cut at 4 KiB", strings.Repeat("#\n", 2040) + "# phased: leak=kill\n",
			Header{},
			[]phased.HeaderFault{{Line: 2041, Message: "the header goes beyond the first 4096 bytes of the hook; write it further up"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, faults := ParseHeader([]byte(c.text))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("header (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.faults, faults); d != "" {
				t.Errorf("faults (-want +got):\n%s", d)
			}
		})
	}
}

// FuzzHeader: any bytes are read without a crash; faults have lines that the text
// has; what is read can be written down again, quoted, and reads the same.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{
		"#!/bin/sh\n# phased: frequency=once leak=kill inputs=\"/etc/a b/*.conf\",c\n", "// phased: inputs='x y' inputs=\"a\\\"b\"",
		"-- phased: frequency=\n; phased:\n", "# phased: leak=kill leak=kill", "\x7fELF# phased: x", "# phased: inputs=[",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, first []byte) {
		h, faults := ParseHeader(first)
		lines := strings.Count(string(first), "\n") + 1
		for _, fault := range faults {
			if fault.Line < 1 || fault.Line > lines || fault.Message == "" {
				t.Fatalf("fault %+v of %d lines", fault, lines)
			}
		}
		var b strings.Builder
		if h.Frequency != "" {
			fmt.Fprintf(&b, "# phased: frequency=%s\n", h.Frequency)
		}
		if h.Leak != "" {
			fmt.Fprintf(&b, "# phased: leak=%s\n", h.Leak)
		}
		for _, in := range h.Inputs {
			fmt.Fprintf(&b, "# phased: inputs=\"%s\"\n", strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(in)))
		}
		if b.Len() >= headerSize {
			return
		}
		again, faults := ParseHeader([]byte(b.String()))
		again.Lines, h.Lines = nil, nil
		if d := cmp.Diff(h, again); d != "" || len(faults) > 0 {
			t.Fatalf("written down again (-was +is), faults %v:\n%s\n%s", faults, d, b.String())
		}
	})
}

// hookTree makes a hook tree with a phase directory one.d.
func hookTree(t *testing.T, hooks map[string]string) string {
	t.Helper()
	base := t.TempDir()
	if err := os.Mkdir(filepath.Join(base, "one.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range hooks {
		if err := os.WriteFile(filepath.Join(base, "one.d", name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return base
}

func parsed(t *testing.T, text string) *config.Settings {
	t.Helper()
	s, err := config.Parse("phased.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What counts for a hook: the settings' rule for it, its header, the phase's
// option, the lifecycle's, the default; and explain tells which it was.
func TestEffectiveOptions(t *testing.T) {
	base := hookTree(t, map[string]string{
		"10-plain": "#!/bin/sh\n", "20-header": "#!/bin/sh\n# phased: leak=kill frequency=once inputs=x\n",
		"30-rule": "#!/bin/sh\n# phased: leak=kill frequency=once\n", "40-keep": "#!/bin/sh\n# phased: leak=keep\n",
	})
	s := parsed(t, "lifecycles:\n  own:\n    base: "+base+"\n    leak: fail\n    hooks:\n      30-*: {leak: keep, frequency: always}\n    phases: [one]\n")
	load := func(s *config.Settings) phased.Plan {
		p, err := Load(Options{Settings: s, Lifecycle: "own"})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := load(s)
	type options struct {
		Leak      phased.LeakPolicy
		Frequency phased.Frequency
	}
	got := map[phased.Text]options{}
	for _, e := range p.Phases[0].Hooks() {
		got[e.Name] = options{e.LeakPolicy(), e.Frequency}
	}
	want := map[phased.Text]options{"10-plain": {"fail", ""}, "20-header": {"kill", "once"}, "30-rule": {"keep", ""}, "40-keep": {"keep", ""}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("options (-want +got):\n%s", d)
	}
	from := func(name, option string) string {
		all, err := Explain(p, name)
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, o := range all[0].Options {
			if o.Option == option {
				found = append(found, o.Value+" "+o.From)
			}
		}
		return strings.ReplaceAll(strings.Join(found, "; "), base, "BASE")
	}
	for _, c := range [][3]string{
		{"10-plain", "leak", "fail phased.yaml:4"},
		{"20-header", "leak", "kill BASE/one.d/20-header:2"},
		{"20-header", "frequency", "once BASE/one.d/20-header:2"},
		{"20-header", "inputs", "x BASE/one.d/20-header:2"},
		{"30-rule", "leak", "keep phased.yaml:6"},
	} {
		if got := from(c[0], c[1]); got != c[2] {
			t.Errorf("%s of %s: %q, want %q", c[1], c[0], got, c[2])
		}
	}
	other := load(parsed(t, "lifecycles:\n  own:\n    base: "+base+"\n    leak: keep\n    hooks:\n      30-*: {leak: keep, frequency: always}\n    phases: [one]\n"))
	if other.Digest == p.Digest {
		t.Error("another leak policy has the same plan digest")
	}
	// Listed again as the phase is entered, hooks keep their options: those whose
	// digests are taken over, and those that are read again.
	for _, known := range []phased.PlannedPhase{p.Phases[0], {Phase: p.Phases[0].Phase, Roots: p.Phases[0].Roots}} {
		again, err := List(known)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range again.Hooks() {
			if (options{e.LeakPolicy(), e.Frequency}) != want[e.Name] {
				t.Errorf("listed again, %s has %s and %s", e.Name, e.Leak, e.Frequency)
			}
		}
	}
}

// A mistake in a header is a reason not to run, a finding of Check, and it keeps a
// phase from being entered where it was made since the plan.
func TestHeaderMistakes(t *testing.T) {
	base := hookTree(t, map[string]string{"10-a": "#!/bin/sh\n", "20-b": "#!/bin/sh\n\n# phased: leek=kill\n"})
	s := parsed(t, "lifecycles: {own: {base: "+base+", phases: [one]}}\n")
	file := filepath.Join(base, "one.d", "20-b")
	_, err := Load(Options{Settings: s, Lifecycle: "own"})
	want := file + `:3: unknown key "leek" in the header (did you mean leak?)`
	if err == nil || err.Error() != want {
		t.Errorf("Load: %v, want %s", err, want)
	}
	p, err := Load(Options{Settings: s, Lifecycle: "own", Faulty: true})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range Check(p, CheckOptions{}) {
		found = found || f.Code == CodeHeader && f.Severity == phased.SeverityError && f.Line == 3 && string(f.File) == file
	}
	if !found {
		t.Error("Check has not found the mistake")
	}
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if p, err = Load(Options{Settings: s, Lifecycle: "own"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("#!/bin/sh\n# phased: leak=\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := List(p.Phases[0]); err == nil || !strings.Contains(err.Error(), "20-b:2: leak: expected keep") {
		t.Errorf("List: %v", err)
	}
}

// Sourced hooks of the settings' lifecycles may have inputs and nothing else;
// stack reads no headers.
func TestSourcedHeaders(t *testing.T) {
	base := hookTree(t, map[string]string{"10-a.sh": "# phased: inputs=x\n", "20-b.sh": "# phased: frequency=once leak=kill\n"})
	s := parsed(t, "lifecycles: {own: {base: "+base+", executor: session, phases: [one]}}\n")
	_, err := Load(Options{Settings: s, Lifecycle: "own"})
	for _, part := range []string{"20-b.sh:1: frequency is for hooks that are executed", "20-b.sh:1: leak is for hooks that are executed"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Load: %v, want %s", err, part)
		}
	}
	if err := os.Rename(filepath.Join(base, "one.d"), filepath.Join(base, "extras.d")); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(Options{Settings: config.Default(), Lifecycle: "stack", TopDir: base}); err != nil {
		t.Errorf("stack: %v", err)
	}
}

// The files that a hook depends on: patterns, relative ones, those that are
// missing or no files, and what is told of a change.
func TestInputs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.conf", "a")
	write("b.conf", "b")
	write("sub/c", "c")
	e := phased.Entry{Path: phased.Text(dir + "/one.d/10-x"), HookOptions: phased.HookOptions{Inputs: []phased.Text{"../*.conf", phased.Text(dir + "/sub"), "../none", "../a.conf"}}}
	inputs := func() []phased.Input {
		t.Helper()
		all, err := Inputs(e)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	was := inputs()
	var paths []string
	for _, in := range was {
		paths = append(paths, strings.TrimPrefix(string(in.Path), dir))
	}
	if d := cmp.Diff([]string{"/a.conf", "/b.conf", "/sub"}, paths); d != "" {
		t.Fatalf("inputs (-want +got):\n%s", d)
	}
	changed := func(want string) {
		t.Helper()
		if got := strings.TrimPrefix(InputsChanged(was, inputs()), dir); got != want {
			t.Errorf("changed: %q, want %q", got, want)
		}
		was = inputs()
	}
	changed("")
	write("b.conf", "B")
	changed("/b.conf")
	write("none", "")
	changed("/none (new)")
	if err := os.Remove(filepath.Join(dir, "a.conf")); err != nil {
		t.Fatal(err)
	}
	changed("/a.conf (gone)")
	changed("")
}

// A rule may take away what a header says.
func TestRuleTakesAway(t *testing.T) {
	base := hookTree(t, map[string]string{"10-x": "#!/bin/sh\n# phased: lock=apt when=notified:x timeout=5m retries=3 inputs=a\n"})
	s := parsed(t, "lifecycles:\n  own:\n    base: "+base+"\n    hooks:\n      10-*: {lock: [], when: [], timeout: none, retries: 0}\n    phases: [one]\n")
	p, err := Load(Options{Settings: s, Lifecycle: "own"})
	if err != nil {
		t.Fatal(err)
	}
	e := p.Phases[0].Entries[0]
	if d := cmp.Diff(phased.HookOptions{Timeout: phased.NoLimit, Inputs: []phased.Text{"a"}}, e.HookOptions); d != "" {
		t.Errorf("options (-want +got):\n%s", d)
	}
	for _, o := range e.Options {
		if o.Option == "lock" && (o.Value != "none" || !strings.HasSuffix(o.From, "phased.yaml:5")) {
			t.Errorf("lock is %q, from %s", o.Value, o.From)
		}
	}
}
