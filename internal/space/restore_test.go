package space_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/space"
)

// changing are the variables of which two snapshots of one shell differ, and
// those that bash owns.
var changing = strings.Fields(`BASHOPTS SHELLOPTS BASHPID BASH_ALIASES BASH_ARGC BASH_ARGV BASH_ARGV0 BASH_CMDS BASH_COMMAND BASH_LINENO BASH_SOURCE
BASH_SUBSHELL BASH_VERSINFO BASH_REMATCH UID EUID PPID GROUPS _ RANDOM SRANDOM LINENO HISTCMD EPOCHSECONDS EPOCHREALTIME FUNCNAME PIPESTATUS DIRSTACK COMP_WORDBREAKS SECONDS`)

// exactly is all that a space holds, without what nobody can restore.
func exactly(s *space.Space) map[string]any {
	vars := maps.Clone(s.Variables)
	for _, n := range changing {
		delete(vars, n)
	}
	return map[string]any{
		"variables": vars, "locals": s.Locals, "functions": s.Functions, "options": s.Options, "shopts": s.Shopts,
		"aliases": s.Aliases, "traps": s.Traps, "umask": s.Umask, "dir": s.Dir, "stack": s.DirStack, "parameters": s.Positional,
	}
}

// A random space is written down, restored in a new shell and written down
// again: both must be the same to the byte.
func TestRestoredSpacesAreTheSame(t *testing.T) {
	first, deaths, cases := seed(t), 0, soak(t, 300)
	for i := range cases {
		n := first*1_000_000 + uint64(i)
		dir := t.TempDir()
		program := newGenerator(n).program(filepath.Join(dir, "d"))
		locale := []string{"LC_ALL=C", "LC_ALL=C.UTF-8", "LANG=C.UTF-8"}[i%3]
		was, problem := snapshot(t, dir, program, locale)
		if problem == died {
			deaths++
			continue
		}
		if problem != "" {
			t.Fatalf("seed %d: no snapshot: %s\n%s", n, problem, program)
		}
		global, _, lost := space.Restore(was)
		if len(lost) > 0 {
			t.Errorf("seed %d: lost %q", n, lost)
		}
		file := filepath.Join(dir, "restore")
		if err := os.WriteFile(file, global, 0o600); err != nil {
			t.Fatal(err)
		}
		strays := "function stray { :; }\n'builtin' export -f stray\nexport STRAY=1\n"
		is, problem := snapshot(t, dir, strays+". "+file, "LC_ALL=C")
		if problem != "" {
			t.Fatalf("seed %d: restored, no snapshot: %s\n%s\n\n%s", n, problem, program, global)
		}
		if d := cmp.Diff(exactly(was), exactly(is)); d != "" {
			t.Fatalf("seed %d (%s): restored, it differs:\n%s\nfrom\n%s\nby\n%s", n, locale, d, program, global)
		}
		if changes := space.Diff(was, is, nothing{}); len(changes) > 0 {
			t.Fatalf("seed %d: Diff finds %+v", n, changes)
		}
		os.RemoveAll(dir)
	}
	if deaths > cases/10 {
		t.Errorf("%d of %d programs ended before their end: they prove nothing", deaths, cases)
	}
}

// died is the problem of a program that did not come to its end.
const died = "the program ended the shell"

// snapshot runs a program in a new bash, and returns its space, or why there is none.
func snapshot(t testing.TB, dir, program string, env ...string) (*space.Space, string) {
	t.Helper()
	b, problem := raw(t, dir, program, env...)
	if problem != "" {
		return nil, problem
	}
	s, err := space.Parse(b)
	if err != nil {
		return nil, fmt.Sprintf("%v\n%s", err, head(b))
	}
	return s, ""
}

// raw is the snapshot as it was written.
func raw(t testing.TB, dir, program string, env ...string) ([]byte, string) {
	t.Helper()
	marker := filepath.Join(dir, "marker")
	script, file := filepath.Join(dir, "script"), filepath.Join(dir, "space")
	text := space.DumpFunction + program + "\n'builtin' printf x >|" + marker + "\n" + space.Snapshot(file, "p", "h", "", false) + "\n"
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	os.Remove(file)
	os.Remove(marker)
	cmd := exec.CommandContext(t.Context(), "/bin/bash", script)
	cmd.Env = append([]string{"PATH=/usr/bin:/bin", "HOME=/"}, env...)
	cmd.Dir = "/"
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // the EXIT trap may say anything
	if _, err := os.Stat(marker); err != nil {
		t.Logf("%s: %s", died, out.String())
		return nil, died
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Sprint(err, out.String())
	}
	return b, ""
}

func names[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
