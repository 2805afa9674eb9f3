package space_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phased/internal/space"
)

// shell runs a script in a real bash with a small environment and returns what
// it printed.
func shell(t testing.TB, script string, env ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", file)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=/"}, env...)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Logf("bash: %v", err)
	}
	return out.String()
}

func parseFile(t testing.TB, file string) *space.Space {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := space.Parse(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, head(b))
	}
	return s
}

func head(b []byte) string { return string(b[:min(len(b), 4000)]) }

// take runs a script at the top level of a shell and returns its space then.
func take(t testing.TB, script string, env ...string) *space.Space {
	t.Helper()
	file := filepath.Join(t.TempDir(), "space")
	out := shell(t, space.DumpFunction+script+"\n"+space.Snapshot(file, "p", "h", "", false)+"\n", env...)
	s := parseFile(t, file)
	if out != "" && !strings.Contains(script, "echo") {
		t.Logf("bash said: %s", out)
	}
	return s
}

// nothing is a redactor that knows no secrets.
type nothing struct{}

func (nothing) Secret(string) bool       { return false }
func (nothing) Clean(text string) string { return text }

func readFile(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
