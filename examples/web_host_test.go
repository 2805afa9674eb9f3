package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemo runs the demo of the web host, which checks itself: who is restarted,
// and when. What it must say stands here in order.
func TestDemo(t *testing.T) {
	tmp := t.TempDir()
	cmd := exec.Command("./demo.sh", build(t))
	cmd.Env = append(os.Environ(), "TMPDIR="+tmp, "NO_COLOR=1")
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	out := string(text)
	rest := out
	for _, want := range []string{
		"30-render-pages", "not-notified", "50-check-web    at most 10s, tried up to 9 times",
		"# Do it.", "hook configure/20-install-webd notified web", "post-configure/20-restart-web | webd restarted", "says that it is version 1.0", "3 visits imported",
		"example serves version 1.0", "scratch directory removed", "12 hooks ran",
		"# Again.", "20-restart-web skipped: nothing has notified web", "50-import-visits skipped", "10 of 12 hooks ran",
		"# Version 2.0", "configure/30-render-pages failed", "phase success skipped", "error/50-tell-story | configure/30-render-pages failed: exit 1", "notice: No such file",
		"webd serves on, as version 1.0", "scratch directory removed",
		"# Mended.", "20-restart-web  notified web: configure/30-render-conf", "post-configure/20-restart-web | webd restarted", "says that it is version 2.0", "example serves version 2.0",
		"# What is on record", "**example** serves version 2.0", "visits in the book: 3",
		"# And who said", "configure/10-facts", "2.0",
	} {
		_, behind, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("this does not say %q behind what came before:\n%s", want, out)
		}
		rest = behind
	}
	for text, want := range map[string]int{"| webd restarted": 2, "visits imported": 1, "hook configure/30-render-conf notified web": 2} {
		if n := strings.Count(out, text); n != want {
			t.Errorf("the demo says %q %d times, want %d:\n%s", text, n, want, out)
		}
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("the demo has left %v (%v)", left, err)
	}
}

// TestWebHostPage: the page names every hook, and what phased checks has no
// findings.
func TestWebHostPage(t *testing.T) {
	page, err := os.ReadFile("web-host/README.md")
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := filepath.Glob("web-host/*.d/*")
	if err != nil || len(hooks) != 13 {
		t.Fatalf("%q, %v", hooks, err)
	}
	for _, h := range hooks {
		phase, _, _ := strings.Cut(filepath.Base(filepath.Dir(h)), ".d")
		if name := filepath.Base(h); !strings.Contains(string(page), "`"+name+"`") || !strings.Contains(string(page), "| "+phase+" |") {
			t.Errorf("web-host/README.md does not have %s", h)
		}
	}
	base, err := filepath.Abs("web-host")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(build(t), "check", "web-host", "--config", "web-host/phased.yaml", "--base", base).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "no findings") {
		t.Errorf("phased check: %v\n%s", err, out)
	}
}
