package main

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// carried runs hooks of one phase in order, and returns what the run printed.
func carried(t *testing.T, hooks ...string) string {
	t.Helper()
	base := t.TempDir()
	for i, text := range hooks {
		path := filepath.Join(base, "configure.d", fmt.Sprintf("%d-hook", 10+i))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe", "run", "--plain", "--base", base, "--state-dir", t.TempDir(), "--trust", "off")
	cmd.Env = append(os.Environ(), noSleep, "HERE="+base)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// The examples of the page are hooks that run in that order and do what the page
// says.
func TestPageOfCarry(t *testing.T) {
	page, err := os.ReadFile("../../docs/carry.md")
	if err != nil {
		t.Fatal(err)
	}
	var hooks []string
	for _, m := range regexp.MustCompile("(?s)```[a-z]+\n(#!.*?)```").FindAllStringSubmatch(string(page), -1) {
		hooks = append(hooks, m[1])
	}
	if len(hooks) != 4 {
		t.Fatalf("the page has %d hooks, expected sh, python, perl and awk", len(hooks))
	}
	out := carried(t, append(hooks, "#!/bin/sh\necho \"url $APP_URL\"\n")...)
	for _, want := range []string{
		"11-hook | version 1.0 in /opt/app/bin\n",
		"13-hook | port 8080, IT'S \"HERE\",\nout configure/13-hook | TWO LINES = ONE VALUE\n",
		"14-hook | url http://localhost:8080/\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// Random bytes come through python, bash and perl as they were, by the forms that
// the page tells.
func TestAnyBytesAreCarried(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	var table, names strings.Builder
	for i := range 40 {
		value := make([]byte, r.IntN(200))
		for j := range value {
			if value[j] = byte(1 + r.IntN(255)); r.IntN(4) == 0 {
				value[j] = "\n\n=<'\"\\$`\r #E"[r.IntN(12)]
			}
		}
		fmt.Fprintf(&table, "    'V%d': '%s',\n", i, hex.EncodeToString(value))
		fmt.Fprintf(&names, " V%d", i)
	}
	python := "#!/usr/bin/python3\nimport os\nvalues = {\n" + table.String() + "}\n"
	write := `with open(os.environ["PHASED_ENV"], "ab") as f:
    for name, text in values.items():
        v = bytes.fromhex(text)
        block = f"{name}<<-end-\n".encode() + v + b"\n-end-\n"
        f.write(block if b"\n" in v else name.encode() + b"=" + v + b"\n")
`
	bash := "#!/bin/bash\nLC_ALL=C\nfor name in" + names.String() + "; do\n" +
		`    printf '%s_BASH<<.end.\n%s\n.end.\n' "$name" "${!name}" >>"$PHASED_ENV"` + "\ndone\n"
	perl := `#!/usr/bin/perl
open(my $f, ">>", $ENV{PHASED_ENV}) or die;
print $f "${_}_PERL<<-perl-\n$ENV{$_}\n-perl-\n" for grep /_BASH$/, keys %ENV;
`
	check := `bad = 0
for name, text in values.items():
    v = bytes.fromhex(text)
    for way in "", "_BASH", "_BASH_PERL":
        got = os.environb.get((name + way).encode())
        if got != v:
            bad += 1
            print("DIFFERENT", name + way, v, got)
print("checked", len(values), "bad", bad)
`
	out := carried(t, python+write, bash, perl, python+check)
	if !strings.Contains(out, "checked 40 bad 0\n") {
		t.Error(out)
	}
}
