package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDevstackPage runs docs/devstack.md.
func TestDevstackPage(t *testing.T) { runPage(t, "../docs/devstack.md", 8) }

// TestHooksPage runs docs/hooks.md.
func TestHooksPage(t *testing.T) { runPage(t, "../docs/hooks.md", 22) }

// runPage runs the commands of a page, block by block, as a reader would paste
// them. What a block of text behind them says must come out, line by line and in
// that order; ... stands for anything.
func runPage(t *testing.T, path string, least int) {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < least || strings.Count(string(page), "\n```") != 2*len(blocks) {
		t.Fatalf("found only %d blocks in the page", len(blocks))
	}
	dir, bin := t.TempDir(), filepath.Dir(build(t))
	env := append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PHASED_STATE_DIR="+dir+"/state", "HOME="+dir)
	out := ""
	for _, b := range blocks {
		switch b[1] {
		case "sh":
			cmd := exec.Command("bash", "-euc", b[2])
			cmd.Dir, cmd.Env = dir, env
			said, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s%s", err, b[2], said)
			}
			out = string(said)
		case "text":
			rest := out
			for want := range strings.Lines(b[2]) {
				if want = strings.TrimSpace(want); want == "" {
					continue
				}
				parts := strings.Split(want, "...")
				for i, part := range parts {
					parts[i] = regexp.QuoteMeta(part)
				}
				at := regexp.MustCompile("(?m)^.*" + strings.Join(parts, ".*") + ".*$").FindStringIndex(rest)
				if at == nil {
					t.Fatalf("this does not say %q behind what came before:\n%s", want, out)
				}
				rest = rest[at[1]:]
			}
		default:
			t.Errorf("a block of %q: the page has sh and text", b[1])
		}
	}
}
