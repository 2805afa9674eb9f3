package examples_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCronSettings runs the lifecycle of examples/cron over a directory of its
// own: what comes after a failed script runs too, by name and not by number.
func TestCronSettings(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile("cron/phased.yaml")
	if err != nil {
		t.Fatal(err)
	}
	settings := strings.Replace(string(text), "base: /etc\n", "base: "+dir+"\n", 1)
	if settings == string(text) {
		t.Fatal("cron/phased.yaml no longer names /etc: mend this test")
	}
	config := filepath.Join(dir, "phased.yaml")
	write(t, config, settings, 0o644)
	for name, body := range map[string]string{"9-first": "exit 3", "apt": "exit 0", "10-early": "exit 0", "skipped.sh": "exit 0"} {
		write(t, filepath.Join(dir, "cron.daily", name), "#!/bin/sh\necho $PHASED_HOOK >>"+dir+"/ran\n"+body+"\n", 0o755)
	}
	bin, state := build(t), filepath.Join(dir, "state")

	out, err := exec.Command(bin, "run", "daily", "--config", config, "--state-dir", state).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Fatalf("run ends with %v, want exit status 1\n%s", err, out)
	}
	ran, err := os.ReadFile(filepath.Join(dir, "ran"))
	if want := "10-early\n9-first\napt\n"; err != nil || string(ran) != want {
		t.Errorf("ran %q (%v), want %q", ran, err, want)
	}
}

// TestCronSettingsFitThisHost plans the example as it stands.
func TestCronSettingsFitThisHost(t *testing.T) {
	entries, missing := os.ReadDir("/etc/cron.daily")
	cmd := exec.Command(build(t), "plan", "daily", "--config", "cron/phased.yaml", "--json")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if missing != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
			t.Errorf("plan of a directory that is not there ends with %v, want exit status 2", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	var plan struct {
		Phases []struct {
			Entries []struct{ Name string }
		}
	}
	if err := json.Unmarshal(out, &plan); err != nil {
		t.Fatal(err)
	}
	if len(plan.Phases) != 1 || len(plan.Phases[0].Entries) != len(entries) {
		t.Errorf("the plan has %+v, want one phase with the %d entries of /etc/cron.daily", plan.Phases, len(entries))
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
