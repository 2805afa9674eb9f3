package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
)

var update = flag.Bool("update", false, "write the golden files")

func TestWrongFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/wrong/*.yaml")
	if err != nil || len(files) < 25 {
		t.Fatalf("found %d wrong files (%v), want 25 or more", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			s, err := Parse("phased.yaml", data)
			if err == nil || s != nil {
				t.Fatalf("Parse accepted it: %+v", s)
			}
			golden := strings.TrimSuffix(f, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(err.Error()+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, rerr := os.ReadFile(golden)
			if rerr != nil {
				t.Fatal(rerr)
			}
			if diff := cmp.Diff(string(want), err.Error()+"\n"); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryKey(t *testing.T) {
	got, err := Load("testdata/right/full.yaml", true)
	if err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs("testdata/right/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &Settings{
		File: abs, Roots: []string{"/usr/lib/phased", "/etc/phased"}, StateDir: "/srv/state", Durability: "hook",
		Env:   map[string]string{"HTTP_PROXY": "http://proxy:3128", "PORT": "8080", "FLAG": "yes", "EMPTY": "", "OCTAL": "007"},
		Stdin: "inherit", Terminal: "plain", Dir: "/srv", Umask: 0o077, Grace: 3 * time.Second, Timeout: 36 * time.Hour,
		PhaseTimeout: 20 * time.Minute, FailureTimeout: 36 * time.Hour, Orphans: "kill", Containment: "cgroup", Trust: "auto", OutputLimit: 512 << 10,
		Retention:     Retention{Runs: 7, Age: 48 * time.Hour, Size: 2 << 30},
		Personalities: Personalities{Capture: "tee", Trust: "warn"},
		PrivateTTL:    7 * day,
		RebootCommand: []string{"systemctl", "reboot", "--force"}, RebootLimit: 5,
		Lifecycles: map[string]Lifecycle{
			"refresh": {Name: "refresh", Timeout: new(10 * time.Minute), List: "pinned"},
			"cron": {
				Name: "cron", Base: "/etc", OnFailure: "continue", Order: "glob", Names: "^[a-z]+$", Timeout: new(4 * time.Hour),
				PhaseTimeout: new(time.Hour), HookTimeout: new(30 * time.Minute),
				Leak: "kill", RebootExits: []phased.RebootExit{{Status: 103, When: "now"}, {Status: 104, When: "now", Same: true}, {Status: 105, When: "after-run"}},
				Hooks: []HookRule{
					{Pattern: "20-*", HookOptions: phased.HookOptions{Leak: "fail", Frequency: "once"}, Given: []string{"leak", "frequency"}},
					{Pattern: "2*", HookOptions: phased.HookOptions{Frequency: "always"}, Given: []string{"frequency"}},
				},
				Phases: []Phase{
					{Name: "hourly"},
					{
						Name: "daily", Dir: "cron.daily", OnFailure: "finish-phase", Order: "numeric", Names: "x",
						Timeout: new(2 * time.Hour), HookTimeout: new(time.Hour), Optional: new(true), Leak: "keep",
					},
					{Name: "weekly", Dir: "/etc/cron.weekly", Optional: new(false)},
				},
				Failure: &Phase{
					Name: "mail", Dir: "mail.d", Timeout: new(time.Minute), HookTimeout: new(10 * time.Second),
					Order: "glob", Names: "m", Optional: new(true),
				},
			},
			"trees": {
				Name: "trees", Roots: []string{"/a", "/b"}, List: "listed", Phases: []Phase{{Name: "one"}},
				Failure: &Phase{Name: "oops"},
			},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for key, line := range map[string]int{
		"grace": 15, "environment.PORT": 7, "retention.age": 22, "lifecycles.cron": 28,
		"lifecycles.cron.phases.0": 37, "lifecycles.cron.phases.1.timeout": 43, "lifecycles.cron.failure.timeout": 48,
		"lifecycles.trees.phases.0.dir": 0, "lifecycles.cron.hooks.20-*.leak": 52, "colour": 0,
	} {
		if got := got.Line(key); got != line {
			t.Errorf("Line(%q) = %d, want %d", key, got, line)
		}
	}
	if diff := cmp.Diff([]string{"cron", "refresh", "trees"}, got.LifecycleNames()); diff != "" {
		t.Error(diff)
	}
}

// A file that names nothing leaves every default as it is.
func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{
		"", "\n\n", "# nothing\n", "---\n", "--- \n...\n", "~\n", "null\n", "{}\n", "\xef\xbb\xbf# mark\n",
		"retention:\npersonalities:\nenvironment:\nlifecycles:\n",
	} {
		got, err := Parse("f", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		want := Default()
		want.File = "f"
		if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// An alias stands for the value that it names, each with the right lines.
func TestAliases(t *testing.T) {
	got, err := Parse("f", []byte("grace: &t 5s\ntimeout: *t\nlifecycles:\n  a: &a {phases: [x]}\n  b: *a\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got.Timeout != 5*time.Second || got.Lifecycles["b"].Phases[0].Name != "x" || got.Lifecycles["b"].Name != "b" {
		t.Errorf("got %+v", got)
	}
}

// `stdin: null` is the word null, and not YAML's nothing.
func TestStdinNull(t *testing.T) {
	for _, text := range []string{"stdin: null", "stdin: 'null'"} {
		got, err := Parse("f", []byte(text))
		if err != nil || got.Stdin != "null" {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	if _, err := Parse("f", []byte("stdin: ~")); err == nil {
		t.Error("stdin: ~ was accepted")
	}
}

func TestUmasks(t *testing.T) {
	for text, want := range map[string]int{"022": 0o22, `"022"`: 0o22, "0o27": 0o27, "0": 0, "7": 7, "'0002'": 2, "777": 0o777} {
		got, err := Parse("f", []byte("umask: "+text))
		if err != nil || got.Umask != want {
			t.Errorf("umask: %s: %v, %v", text, got, err)
		}
	}
}

func TestLoadFiles(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none.yaml")
	got, err := Load(missing, false)
	if err != nil || got.File != "" {
		t.Errorf("a file that need not be: %+v, %v", got, err)
	}
	if diff := cmp.Diff(Default(), got, cmpopts.IgnoreUnexported(Settings{})); diff != "" {
		t.Error(diff)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("grace: 1s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, []byte(strings.Repeat("# comment\n", 1<<17)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		missing:                     missing + ": cannot read settings: no such file or directory",
		dir:                         dir + ": is a directory; a settings file is expected, such as /etc/phased/phased.yaml",
		filepath.Join(file, "x"):    filepath.Join(file, "x") + ": cannot read settings: not a directory",
		large:                       large + ":1:1: larger than 1 MiB; this is no settings file",
		"/proc/self/mem":            "/proc/self/mem: cannot read settings: input/output error",
		filepath.Join(dir, "a\x00"): filepath.Join(dir, "a\x00") + ": cannot read settings: invalid argument",
	} {
		_, err := Load(path, true)
		var all Errors
		if !errors.As(err, &all) || err.Error() != want {
			t.Errorf("Load(%q): %v, want %s", path, err, want)
		}
	}
	// A file that is there but cannot be reached is an error, required or not.
	if _, err := Load(filepath.Join(file, "x"), false); err == nil {
		t.Error("a path through a file was taken for a missing file")
	}
	if got, err := Load(file, false); err != nil || got.Grace != time.Second || got.File != file {
		t.Errorf("%+v, %v", got, err)
	}
	t.Chdir(dir)
	if got, err := Load("file", true); err != nil || got.File != file {
		t.Errorf("a relative path: %+v, %v", got, err)
	}
}

func TestDurationsAndSizes(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "0d": 0, "1d": 24 * time.Hour, "1.5d": 36 * time.Hour, "1d1h1m1s": 25*time.Hour + time.Minute + time.Second,
		"1h30m": 90 * time.Minute, "250ms": 250 * time.Millisecond, "106751d": 106751 * 24 * time.Hour,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "5", "-1s", "-1d", "1d-1h", "1h1d", "1dd", "1e3d", "+1d", " 1d", "1d ", ".d", "106751d23h59m", "106752d", "infd", "nand", "0x1d", "1_0d"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, got)
		}
	}
	for text, want := range map[string]int64{
		"0": 0, "7": 7, "7B": 7, "1KiB": 1 << 10, "8MiB": 8 << 20, "1GiB": 1 << 30, "2TiB": 2 << 40, "8388607TiB": 8388607 << 40,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "B", "KiB", "1K", "1KB", "1Ki", "-1", "+1", "1 MiB", "8388608TiB", "9223372036854775808", "1.5GiB", "1MiBB", "1_0"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %v, want an error", text, got)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"state-dir", "grace", "hook-timeout", "phase-timeout", "timeout", "roots", "run", "runs"}
	for word, want := range map[string]string{
		"state_dir": "state-dir", "StateDir": "state-dir", "grcae": "grace", "hook-timout": "hook-timeout", "root": "roots",
		"timeouts": "timeout", "rooty": "roots", "timespan": "", "gracious": "", "runner": "", "xyzzy": "", "": "", "a": "", strings.Repeat("grace", 100): "", "statedirectory": "state-dir",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestCheckVariable(t *testing.T) {
	for text, ok := range map[string]bool{
		"A=b": true, "A=": true, "_a1=b=c": true, "A": false, "=b": false, "A-B=c": false, "1=2": false, "PHASED_X=1": false,
		"A=\x00": false, "": false, "Ä=b": false,
	} {
		if err := CheckVariable(text); (err == nil) != ok {
			t.Errorf("CheckVariable(%q) = %v", text, err)
		}
	}
}
