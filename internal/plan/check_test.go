package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
)

// brief is a finding without its words.
type brief struct {
	Code     Code
	Severity phased.Severity
	Line     int
}

func briefs(found []phased.Finding) []brief {
	var all []brief
	for _, f := range found {
		all = append(all, brief{f.Code, f.Severity, f.Line})
	}
	return all
}

func mustLoad(t testing.TB, o Options) phased.Plan {
	t.Helper()
	p, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What one hook consists of, and what is found.
func TestCheckContents(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		content string
		want    []brief
	}{
		"good":            {"#!/bin/sh\nexit 0\n", nil},
		"good-bash":       {"#! /bin/bash -e\na=(1 2)\n", nil},
		"good-env":        {"#!/usr/bin/env bash\n:\n", nil},
		"good-env-s":      {"#!/usr/bin/env -S bash -eu\n:\n", nil},
		"good-env-s-vars": {"#!/usr/bin/env -S A=1 B=2 bash\n:\n", nil},
		"elf":             {"\x7fELF\x02\x01\x01\x00rest", nil},
		"empty":           {"", []brief{{CodeNoShebang, phased.SeverityWarning, 0}}},
		"no-shebang":      {"echo hello\n", []brief{{CodeNoShebang, phased.SeverityWarning, 1}}},
		"late-shebang":    {"\n#!/bin/sh\n", []brief{{CodeNoShebang, phased.SeverityWarning, 1}}},
		"byte-order-mark": {"\xef\xbb\xbf#!/bin/sh\n", []brief{{CodeNoShebang, phased.SeverityWarning, 1}}},
		"binary":          {"MZ\x00\x01", []brief{{CodeNoShebang, phased.SeverityWarning, 0}}},
		"no-shebang-bad":  {"if\n", []brief{{CodeNoShebang, phased.SeverityWarning, 1}, {CodeShellSyntax, phased.SeverityError, 1}}},
		"crlf":            {"#!/bin/sh\r\nexit 0\n", []brief{{CodeShebangCRLF, phased.SeverityError, 1}}},
		"crlf-argument":   {"#!/bin/sh -e\r\nexit 0\n", []brief{{CodeShebangCRLF, phased.SeverityError, 1}}},
		"no-interpreter":  {"#!\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"blank-shebang":   {"#!  \t\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"gone":            {"#!/nowhere/python9\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"through-a-file":  {"#!/etc/hostname/sh\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"relative":        {"#!bin/no-such-shell\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"relative-good":   {"#!bin/sh\n:\n", nil}, // hooks start in /
		"directory":       {"#!/etc\n", []brief{{CodeInterpreterNotExecutable, phased.SeverityError, 1}}},
		"plain-file":      {"#!/etc/passwd\n", []brief{{CodeInterpreterNotExecutable, phased.SeverityError, 1}}},
		"env-gone":        {"#!/usr/bin/env python9\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"env-two-words":   {"#!/usr/bin/env bash -e\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"env-nothing":     {"#!/usr/bin/env\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"env-s-gone":      {"#!/usr/bin/env -S A=b python9 -u\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"env-path":        {"#!/usr/bin/env /nowhere/x\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}}},
		"env-unknowable":  {"#!/usr/bin/env -u HOME nothing\n", nil},
		"long":            {"#!/bin/sh " + long + "\n", []brief{{CodeShebangLong, phased.SeverityError, 1}}},
		"other-language":  {"#!/usr/bin/env -S sed -f\nif (((\n", nil},
		"sh-syntax":       {"#!/bin/sh\nif true; then\n  echo )\nfi\n", []brief{{CodeShellSyntax, phased.SeverityError, 3}}},
		"bash-syntax":     {"#!/bin/bash\necho $(\n", []brief{{CodeShellSyntax, phased.SeverityError, 2}}},
		"sh-array":        {"#!/bin/sh\n\na=(1 2)\n", []brief{{CodeShellSyntax, phased.SeverityError, 3}}},
		"sh-bashism":      {"#!/bin/sh\n:\necho ${a/b/c}\n", []brief{{CodeShellSyntax, phased.SeverityWarning, 3}}},
		"bash-here":       {"#!/bin/bash\ncat <<E\nx\n", []brief{{CodeShellSyntax, phased.SeverityWarning, 3}}},
		"ksh":             {"#!/bin/ksh\nif\n", []brief{{CodeInterpreterMissing, phased.SeverityError, 1}, {CodeShellSyntax, phased.SeverityWarning, 2}}},
		"dashes":          {"#!/bin/sh\n" + strings.Repeat("-(", 1<<18), []brief{{CodeShellSyntax, phased.SeverityError, 2}}},
		"too-large":       {"#!/bin/sh\nif\n" + strings.Repeat("#\n", 1<<19), []brief{{CodeShellSyntax, phased.SeverityInfo, 0}}},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			write(t, filepath.Join(base, "configure.d/10-hook"), c.content, 0o755)
			got := Check(mustLoad(t, Options{Base: base}), CheckOptions{})
			if diff := cmp.Diff(c.want, briefs(got), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("findings (-want +got):\n%s\n%+v", diff, got)
			}
			told(t, got)
			for _, f := range got {
				if string(f.File) != filepath.Join(base, "configure.d/10-hook") || f.Phase != "configure" {
					t.Errorf("about %s of %s", f.File, f.Phase)
				}
			}
		})
	}
}

// The second parser is kept from what would overflow its stack.
func TestParserBounds(t *testing.T) {
	for _, c := range []struct {
		content string
		parsed  bool
	}{
		{strings.Repeat("$(", maxNesting), true},
		{strings.Repeat("$(", maxNesting+1), false},
		{strings.Repeat(": [x] {y}\n", maxNesting) + "if", true},
		{strings.Repeat("#\n", maxParse/2-1) + "if", true},
		{strings.Repeat("#\n", maxParse/2) + "if", false},
	} {
		if got := parseShell([]byte(c.content), "bash"); (got != nil) != c.parsed {
			t.Errorf("%.20q..., %d bytes: %+v", c.content, len(c.content), got)
		}
	}
}

// told demands that each finding says something and has a cure.
func told(t *testing.T, found []phased.Finding) {
	t.Helper()
	for _, f := range found {
		if f.Code == "" || f.Message == "" || f.Cure == "" || f.File == "" || strings.Contains(f.Message+f.Cure, "%!") {
			t.Errorf("half a finding: %+v", f)
		}
	}
}

// A syntax check executes nothing: not the script, not what an environment
// variable names, not a shell that lies beside the hooks.
func TestCheckExecutesNothing(t *testing.T) {
	base := t.TempDir()
	mark := filepath.Join(base, "executed")
	write(t, filepath.Join(base, "rc"), "touch "+mark+"\n", 0o755)
	t.Setenv("BASH_ENV", filepath.Join(base, "rc"))
	t.Setenv("ENV", filepath.Join(base, "rc"))
	for name, shebang := range map[string]string{"10-sh": "/bin/sh", "20-bash": "/bin/bash", "30-own": base + "/bash", "40-none": ""} {
		content := "touch " + mark + "\n$(touch " + mark + ")\nset +n\ntouch " + mark + "\n"
		if shebang != "" {
			content = "#!" + shebang + "\n" + content
		}
		write(t, filepath.Join(base, "configure.d", name), content, 0o755)
	}
	write(t, filepath.Join(base, "bash"), "#!/bin/sh\ntouch "+mark+"\n", 0o755)
	got := Check(mustLoad(t, Options{Base: base}), CheckOptions{})
	if diff := cmp.Diff([]brief{{CodeNoShebang, phased.SeverityWarning, 1}}, briefs(got)); diff != "" {
		t.Errorf("findings (-want +got):\n%s\n%+v", diff, got)
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("something was executed")
	}
}

// Every kind of entry that does not run.
func TestCheckSkipped(t *testing.T) {
	base := t.TempDir()
	low, high := filepath.Join(base, "low"), filepath.Join(base, "high")
	d := filepath.Join(high, "configure.d")
	write(t, d+"/README", "read me\n", 0o644)
	write(t, d+"/forgotten", "#!/bin/sh\n", 0o644)
	write(t, d+"/hook.sh", "#!/bin/sh\n", 0o644)
	write(t, d+"/tool.bin", "x", 0o755)
	write(t, d+"/notes.txt", "x", 0o644)
	write(t, d+"/a b", "#!/bin/sh\n", 0o755)
	write(t, d+"/c+d", "x", 0o644)
	write(t, d+"/10-a~", "#!/bin/sh\n", 0o755)
	write(t, d+"/10-a.dpkg-old", "x", 0o644)
	link(t, "nowhere", d+"/dangling")
	mkdir(t, d+"/sub")
	link(t, "/dev/null", d+"/masking")
	link(t, "/dev/zero", d+"/device")
	link(t, "/dev/null", d+"/99-off")
	hook(t, low+"/configure.d/99-off")
	hook(t, d+"/10-a")
	hook(t, low+"/configure.d/10-a")
	hook(t, low+"/configure.d/forgotten")
	s := parse(t, "roots: ["+low+", "+high+"]")
	got := Check(mustLoad(t, Options{Settings: s}), CheckOptions{})
	told(t, got)
	want := map[string]brief{
		"high/forgotten": {"not-executable", phased.SeverityWarning, 0}, "low/forgotten": {"shadowed", phased.SeverityWarning, 0},
		"high/hook.sh": {"name-has-dot", phased.SeverityWarning, 0}, "high/tool.bin": {"name-has-dot", phased.SeverityWarning, 0},
		"high/notes.txt": {"name-has-dot", phased.SeverityInfo, 0}, "high/a b": {"name-chars", phased.SeverityWarning, 0},
		"high/c+d": {"name-chars", phased.SeverityInfo, 0}, "high/10-a~": {"name-backup", phased.SeverityWarning, 0},
		"high/10-a.dpkg-old": {"name-backup", phased.SeverityWarning, 0}, "high/dangling": {"dangling-link", phased.SeverityError, 0},
		"high/sub": {"directory", phased.SeverityInfo, 0}, "high/masking": {"masked", phased.SeverityInfo, 0},
		"high/device": {"special-file", phased.SeverityWarning, 0}, "high/99-off": {"masked", phased.SeverityInfo, 0},
		"low/99-off": {"masked", phased.SeverityInfo, 0}, "low/10-a": {"shadowed", phased.SeverityInfo, 0},
	}
	is := map[string]brief{}
	for _, f := range got {
		path, err := filepath.Rel(base, string(f.File))
		if err != nil {
			t.Fatal(err)
		}
		path = strings.Replace(path, "/configure.d/", "/", 1)
		if _, twice := is[path]; twice {
			t.Errorf("%s is told twice", path)
		}
		is[path] = brief{f.Code, f.Severity, f.Line}
	}
	if diff := cmp.Diff(want, is); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	strict := Check(mustLoad(t, Options{Settings: s}), CheckOptions{Strict: true})
	if len(strict) != len(got) {
		t.Fatalf("strict finds %d, want %d", len(strict), len(got))
	}
	for i, f := range strict {
		want := got[i]
		if want.Severity == phased.SeverityWarning {
			want.Severity = phased.SeverityError
		}
		if diff := cmp.Diff(want, f); diff != "" {
			t.Errorf("strict (-want +got):\n%s", diff)
		}
	}
}

func TestCheckOrder(t *testing.T) {
	for name, c := range map[string]struct {
		names string
		want  string
	}{
		"numbers":         {"10-a 20-b 030-c", ""},
		"plain ties":      {"10-a 10-b 10-c", ""},
		"one":             {"alone", ""},
		"no numbers":      {"a b", "a no-number info; b no-number info"},
		"one without":     {"10-a 20-b c", "c no-number warning"},
		"case":            {"10-a 10-B", "10-a tie-by-bytes warning"},
		"punctuation":     {"10-a-c 10-ab", "10-ab tie-by-bytes warning"},
		"equal but signs": {"10-a 10_a", "10_a tie-by-bytes warning"},
		"leading zeros":   {"007-z 07-b", "07-b tie-by-bytes warning"},
		"by value":        {"1-b 2-A 10-A", ""},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			for n := range strings.FieldsSeq(c.names) {
				hook(t, filepath.Join(base, "configure.d", n))
			}
			var got []string
			found := Check(mustLoad(t, Options{Base: base}), CheckOptions{})
			told(t, found)
			for _, f := range found {
				got = append(got, fmt.Sprintf("%s %s %s", filepath.Base(string(f.File)), f.Code, f.Severity))
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" {
				t.Errorf("findings (-want +got):\n%s\n%+v", diff, found)
			}
		})
	}
	// Where names order bytewise, numbers do not matter.
	base := t.TempDir()
	hook(t, base+"/cron.daily/b")
	hook(t, base+"/cron.daily/10-a")
	s := parse(t, "lifecycles: {cron: {base: "+base+", order: glob, phases: [{name: daily, dir: cron.daily}]}}")
	if got := Check(mustLoad(t, Options{Settings: s, Lifecycle: "cron"}), CheckOptions{}); len(got) > 0 {
		t.Errorf("glob: %+v", got)
	}
}

func TestCheckOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give files to others")
	}
	base := t.TempDir()
	d := base + "/configure.d"
	for _, c := range []struct {
		name     string
		mode     os.FileMode
		uid, gid int
		want     string
	}{
		{"10-good", 0o755, 0, 0, ""},
		{"20-root-group", 0o775, 0, 0, ""},
		{"30-all", 0o757, 0, 0, "writable error"},
		{"40-group", 0o775, 0, 50, "writable warning"},
		{"50-all-and-group", 0o777, 0, 50, "writable error"},
		{"60-theirs", 0o755, 65534, 0, "owner error"},
	} {
		path := d + "/" + c.name
		write(t, path, "#!/bin/sh\n", c.mode)
		if err := os.Chown(path, c.uid, c.gid); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range Check(mustLoad(t, Options{Base: base}), CheckOptions{}) {
			if string(f.File) == path {
				got = append(got, fmt.Sprintf("%s %s", f.Code, f.Severity))
			}
		}
		if diff := cmp.Diff(c.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	// Directories: the hook tree and the phase's own.
	for _, dir := range []string{base, d} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		got := Check(mustLoad(t, Options{Base: base}), CheckOptions{})
		if len(got) != 1 || string(got[0].File) != dir || got[0].Code != CodeWritable || got[0].Severity != phased.SeverityError {
			t.Errorf("%s: %+v", dir, got)
		}
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}
