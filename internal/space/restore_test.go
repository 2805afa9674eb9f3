package space_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// The same for the frame of a phase: its locals come back in a new frame.
func TestRestoredFramesAreTheSame(t *testing.T) {
	first := seed(t)
	for i := range soak(t, 40) {
		n := first*1_000_000 + uint64(i)
		g := newGenerator(n)
		g.line("'builtin' shopt -s extglob")
		for range g.IntN(6) {
			g.variable("'builtin' declare")
		}
		globals := g.names
		before := g.b.String()
		g.b.Reset()
		for range 1 + g.IntN(8) {
			g.variable(g.pick("'builtin' declare", "'builtin' local", "'builtin' declare -g"))
		}
		for _, name := range globals {
			if g.one(3) {
				g.line("'builtin' local %s=%s 2>/dev/null", name, octal(g.text()))
			}
		}
		g.traps()
		top, _, last := within(t, before, g.b.String())
		last.Inherit(top)
		global, locals, _ := space.Restore(last)
		file := filepath.Join(t.TempDir(), "restore")
		if err := os.WriteFile(file, global, 0o600); err != nil {
			t.Fatal(err)
		}
		newTop, _, is := within(t, ". "+file, "'builtin' eval "+space.Quote(string(locals)))
		is.Inherit(newTop)
		if d := cmp.Diff(exactly(last), exactly(is)); d != "" {
			t.Fatalf("seed %d: restored, it differs:\n%s\nfrom\n%s\n--\n%s\nby\n%s\n--\n%s", n, d, before, g.b.String(), global, locals)
		}
	}
}

// What must not stand in the way of its own restoring.
func TestRestoreOfWhatShadowsIt(t *testing.T) {
	for _, script := range []string{
		"builtin() { echo no; }",
		"builtin() { echo no; }; export -f builtin; set -a",
		"builtin() { echo no; }; set -a; trap 'x=1' DEBUG",
		"declare() { echo no; }; shopt() { echo no; }; trap() { echo no; }; set -ex",
		"command() { echo no; }; alias builtin=x declare=y; shopt -s expand_aliases",
		"set -euo pipefail; trap 'echo ERR' ERR; trap 'echo DBG' DEBUG; trap 'echo RET' RETURN; set -T",
	} {
		dir := t.TempDir()
		was, problem := snapshot(t, dir, script)
		if problem != "" {
			t.Fatal(problem)
		}
		global, _, lost := space.Restore(was)
		file := filepath.Join(dir, "restore")
		if err := os.WriteFile(file, global, 0o600); err != nil {
			t.Fatal(err)
		}
		is, problem := snapshot(t, dir, ". "+file)
		if problem != "" {
			t.Fatalf("%s: %s", script, problem)
		}
		if d := cmp.Diff(exactly(was), exactly(is)); d != "" || len(lost) > 0 {
			t.Errorf("%s: lost %q\n%s", script, lost, d)
		}
		if out := shell(t, ". "+file); out != "" && !strings.Contains(script, "DBG") {
			t.Errorf("%s: restoring it prints %q", script, out)
		}
	}
}

// What is lost is told, by Restore or by the shell.
func TestLostIsTold(t *testing.T) {
	for script, want := range map[string]string{
		"exec 19>&2; BASH_XTRACEFD=19": "BASH_XTRACEFD",
		"set -a; function a=b { :; }":  "the attributes (x) of function a=b",
	} {
		was, problem := snapshot(t, t.TempDir(), script)
		if problem != "" {
			t.Errorf("%s: %s", script, problem)
			continue
		}
		if _, _, lost := space.Restore(was); !strings.Contains(strings.Join(lost, "\n"), want) {
			t.Errorf("%s: lost %q, want %q", script, lost, want)
		}
	}
	dir := t.TempDir()
	gone := filepath.Join(dir, "it's gone")
	was := take(t, "mkdir -p "+space.Quote(gone)+"; cd "+space.Quote(gone))
	if err := os.RemoveAll(gone); err != nil {
		t.Fatal(err)
	}
	global, _, _ := space.Restore(was)
	file := filepath.Join(dir, "restore")
	if err := os.WriteFile(file, global, 0o600); err != nil {
		t.Fatal(err)
	}
	out := shell(t, ". "+file+"\nprintf '%s|' \"${__phased_lost[@]}\"; echo")
	if want := "the working directory " + gone + ": it cannot be entered|\n"; out != want {
		t.Errorf("the shell has lost %q, want %q", out, want)
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/bash", script)
	cmd.WaitDelay = time.Second
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
