package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestDevstackPage runs docs/devstack.md.
func TestDevstackPage(t *testing.T) { runPage(t, "../docs/devstack.md", 8) }

// TestHooksPage runs docs/hooks.md.
func TestHooksPage(t *testing.T) { runPage(t, "../docs/hooks.md", 22) }

// TestHowtoPage runs docs/howto.md.
func TestHowtoPage(t *testing.T) { runPage(t, "../docs/howto.md", 41) }

// TestComingFromPage runs docs/coming-from.md.
func TestComingFromPage(t *testing.T) { runPage(t, "../docs/coming-from.md", 15) }

// TestTutorial runs docs/tutorial.md, and lets systemd read its timer.
func TestTutorial(t *testing.T) {
	dir := runPage(t, "../docs/tutorial.md", 20)
	verifyTimer(t, filepath.Join(dir, "phased-daily.timer"))
}

// runPage runs the commands of a page, block by block, as a reader would paste
// them. What a block of text behind them says must come out, line by line and in
// that order; ... stands for anything. It returns the directory of all this. Readers
// are ordinary users: root becomes nobody for it.
func runPage(t *testing.T, path string, least int) string {
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
	who := reader(t, dir, bin)
	out := ""
	for _, b := range blocks {
		switch b[1] {
		case "sh":
			cmd := exec.Command("bash", "-euc", b[2])
			cmd.Dir, cmd.Env, cmd.SysProcAttr = dir, env, who
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
	return dir
}

// reader returns as whom the commands of a page are run, and lets them have dir and
// reach bin.
func reader(t *testing.T, dir, bin string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	const nobody = 65534
	for _, at := range []string{filepath.Dir(dir), filepath.Dir(bin)} {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// verifyTimer lets systemd's own parser read a timer, and looks for the unit that
// it starts among those that are shipped.
func verifyTimer(t *testing.T, timer string) {
	t.Helper()
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", timer).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	text, err := os.ReadFile(timer)
	if err != nil {
		t.Fatal(err)
	}
	starts := regexp.MustCompile(`(?m)^Unit=([a-z]+@)[a-z]+(\.service)$`).FindStringSubmatch(string(text))
	if starts == nil {
		t.Fatalf("no unit that it starts in\n%s", text)
	}
	if _, err := os.Stat(filepath.Join("../packaging/systemd", starts[1]+starts[2])); err != nil {
		t.Errorf("it starts what is not shipped: %v", err)
	}
}
