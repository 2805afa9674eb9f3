package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"phased/internal/engine"
	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/usage"
)

// TestExitCodesPage holds docs/exit-codes.md to the table.
func TestExitCodesPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, c := range exitCodes() {
		meaning := c.meaning
		if c.reserved {
			meaning = "reserved: this version never ends with it"
		}
		fmt.Fprintf(&want, "| %s | %s | %s |\n", c.label(), c.name, meaning)
	}
	if !strings.Contains(string(page), "|---|---|---|\n"+want.String()+"\n") {
		t.Errorf("docs/exit-codes.md does not have the table\n%s", want.String())
	}
}

// TestEveryExitCodeIsMet wants a script for every code that this version ends
// with.
func TestEveryExitCodeIsMet(t *testing.T) {
	scripts, err := filepath.Glob("../../testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	met := map[string]bool{}
	line := regexp.MustCompile(`(?m)^(?:exits (\d+) phased|ended \S+ (\d+)$)`)
	for _, s := range scripts {
		text, err := os.ReadFile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range line.FindAllStringSubmatch(string(text), -1) {
			met[m[1]+m[2]] = true
		}
	}
	for _, c := range exitCodes() {
		want := []string{c.label()}
		if c.code == exitSignal {
			want = []string{"129", "130", "143"}
		}
		for _, w := range want {
			if met[w] == c.reserved {
				t.Errorf("code %s: reserved is %v, and a script that meets it: %v", w, c.reserved, met[w])
			}
		}
	}
}

// TestExitCodesOfRuns holds the engine's codes to the table.
func TestExitCodesOfRuns(t *testing.T) {
	for _, c := range []struct {
		exit phased.Exit
		want int
	}{
		{phased.Exit{Cause: phased.CauseOK}, exitOK},
		{phased.Exit{Cause: phased.CauseExit, Status: 42}, exitHook},
		{phased.Exit{Cause: phased.CauseSignal, Status: 139}, exitHook},
		{phased.Exit{Cause: phased.CauseCannotRun, Status: 127}, exitHook},
		{phased.Exit{Cause: phased.CauseList, Status: 2}, exitInvalid},
		{phased.Exit{Cause: phased.CauseInternal, Status: 74}, exitInternal},
		{phased.Exit{Cause: phased.CauseTimeout, Status: 124}, exitTimeout},
		{phased.Exit{Cause: phased.CauseStopped, Status: 130}, exitSignal + 2},
	} {
		if got := engine.ExitCode(c.exit); got != c.want {
			t.Errorf("%s: the engine says %d, the table %d", c.exit.Cause, got, c.want)
		}
	}
}

func TestCodeOfErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   int
		silent bool
	}{
		{nil, 0, true},
		{status(1), 1, true},
		{status(0), 0, true},
		{invalid("x"), 2, false},
		{broken("x"), 74, false},
		{fmt.Errorf("wrapped: %w", invalid("x")), 2, false},
		{stopped(&phased.StopRequest{Signal: syscall.SIGTERM}), 143, false},
		{os.ErrClosed, 74, false},
		{&os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.EPIPE}, 141, true},
	} {
		if code, silent := codeOf(c.err); code != c.code || silent != c.silent {
			t.Errorf("%v: %d, %v; want %d, %v", c.err, code, silent, c.code, c.silent)
		}
	}
}

func TestRunArguments(t *testing.T) {
	for _, c := range []struct{ in, out []string }{
		{[]string{"show", "-1"}, []string{"show", "last~1"}},
		{[]string{"logs", "-12", "-f"}, []string{"logs", "last~12", "-f"}},
		{[]string{"show", "-"}, []string{"show", "-"}},
		{[]string{"show", "-1a", "--1"}, []string{"show", "-1a", "--1"}},
		{[]string{"show", "--", "-1"}, []string{"show", "--", "-1"}},
	} {
		got := usage.RunArguments(slices.Clone(c.in))
		if diff := cmp.Diff(c.out, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.in, diff)
		}
		for i, a := range got {
			if back := usage.RunArgument(a); back != c.in[i] {
				t.Errorf("%q comes back as %q", c.in[i], back)
			}
		}
	}
}

func TestMoment(t *testing.T) {
	zone := time.FixedZone("X", 2*3600)
	now := time.Date(2026, 3, 8, 12, 0, 0, 0, zone)
	for in, want := range map[string]time.Time{
		"":                          {},
		"36h":                       now.Add(-36 * time.Hour),
		"7d":                        now.Add(-7 * 24 * time.Hour),
		"2026-03-01":                time.Date(2026, 3, 1, 0, 0, 0, 0, zone),
		"2026-03-01T03:04":          time.Date(2026, 3, 1, 3, 4, 0, 0, zone),
		"2026-03-01 03:04:05":       time.Date(2026, 3, 1, 3, 4, 5, 0, zone),
		"2026-03-01T03:04:05+00:00": time.Date(2026, 3, 1, 3, 4, 5, 0, time.UTC),
	} {
		if got, err := moment(in, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", in, got, err, want)
		}
	}
	for _, in := range []string{"yesterday", "2026-13-01", "-1h", "5"} {
		if got, err := moment(in, now); err == nil {
			t.Errorf("%q: %v, want an error", in, got)
		}
	}
}

func TestRerun(t *testing.T) {
	for _, c := range []struct{ argv, flag, want string }{
		{"phased run", "--wait", "phased run --wait"},
		{"phased run --wait=5s --base b", "--wait", "phased run --base b --wait"},
		{"phased run --orphans refuse --base b", "--orphans=kill", "phased run --base b --orphans=kill"},
		{"phased run --orphans=wait nightly", "--orphans=kill", "phased run nightly --orphans=kill"},
		{"phased run --base=b -- nightly", "--wait", "phased run --base=b --wait -- nightly"},
		{"phased run --base $x", "--wait", "phased run --base '$x' --wait"},
	} {
		j := job{w: &World{Argv: strings.Fields(c.argv)}}
		if got := j.rerun(c.flag); got != c.want {
			t.Errorf("%s: %s, want %s", c.argv, got, c.want)
		}
	}
}

// TestSignalProcess wants a signal to reach the process that is meant and no
// other that has its number.
func TestSignalProcess(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	st, err := proc.Read(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := signalProcess(st.Pid, st.Start+1, unix.SIGKILL); !errors.Is(err, errGone) {
		t.Errorf("another start time: %v, want %v", err, errGone)
	}
	if !proc.Alive(st.Pid, st.Start) {
		t.Fatal("the signal went to a process of another start time")
	}
	if err := signalProcess(st.Pid, st.Start, unix.SIGTERM); err != nil {
		t.Errorf("the process itself: %v", err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended by %v", cmd.ProcessState)
	}
	if err := signalProcess(st.Pid, st.Start, unix.SIGTERM); !errors.Is(err, errGone) {
		t.Errorf("a process that is gone: %v, want %v", err, errGone)
	}
}

// TestEveryCommandIsDocumented holds docs/cli.md to the commands and flags.
func TestEveryCommandIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	w := &World{}
	for _, c := range newRoot(w).Commands() {
		if !strings.Contains(string(page), "phased "+c.Name()) && !strings.Contains(string(page), "`"+c.Name()+"`") {
			t.Errorf("docs/cli.md does not have %s", c.Name())
		}
		if c.Short == "" || c.Args == nil && c.Name() != "help" {
			t.Errorf("%s lacks a short text or a check of its arguments", c.Name())
		}
	}
	var flags []string
	flag := regexp.MustCompile(`--[a-z-]+`)
	for _, c := range newRoot(w).Commands() {
		flags = append(flags, flag.FindAllString(c.Flags().FlagUsages(), -1)...)
	}
	slices.Sort(flags)
	for _, f := range slices.Compact(flags) {
		if name := strings.TrimPrefix(f, "--"); !strings.Contains(string(page), f) && name != "follow" && name != "number" && name != "dry-run" {
			t.Errorf("docs/cli.md does not have the flag %s", f)
		}
	}
}

func TestTerminalStyle(t *testing.T) {
	for _, c := range []struct {
		env         string
		smart, utf8 bool
	}{
		{"TERM=xterm LANG=de_DE.UTF-8", true, true},
		{"TERM=xterm LANG=C.utf8", true, true},
		{"TERM=xterm LANG=C.UTF-8 LC_ALL=C", true, false},
		{"TERM=xterm", true, false},
		{"TERM=linux LANG=C.UTF-8", true, false},
		{"TERM=dumb LANG=C.UTF-8", false, false},
		{"LANG=C.UTF-8", false, false},
	} {
		w := &World{Environ: strings.Fields(c.env)}
		if w.smart() != c.smart || w.utf8() != c.utf8 {
			t.Errorf("%s: smart %v, utf8 %v", c.env, w.smart(), w.utf8())
		}
	}
}
