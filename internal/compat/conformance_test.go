package compat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The kits: what the originals do, and what is fixed of it.
const (
	kitDir   = "../../testdata/conformance/os-refresh-config"
	fixedDir = "../../testdata/conformance/fixed"
)

// target is one pair of programs that the kit is run against.
type target struct {
	name string
	bin  string // directory with os-refresh-config and dib-run-parts; first on PATH
	race string // where the race detector reports; "": there is none
}

// originals returns Debian's programs. Where they have to be there, they are.
func originals(tb testing.TB) target {
	tb.Helper()
	bin := shared(tb)
	for _, name := range []string{"os-refresh-config", "dib-run-parts"} {
		path := "/usr/bin/" + name
		if _, err := os.Stat(path); err != nil {
			if os.Getenv("CI") == "true" {
				tb.Fatalf("%s is not there: install python3-os-refresh-config and python3-dib-utils", path)
			}
			tb.Skipf("%s is not there: install python3-os-refresh-config and python3-dib-utils (CI=true makes this a failure)", path)
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			tb.Fatal(err)
		}
	}
	return target{name: "original", bin: bin}
}

// static returns phased as it is shipped.
func static(tb testing.TB) target {
	return build(tb, "static", []string{"CGO_ENABLED=0"}, "-trimpath", "-ldflags", "-s -w")
}

func raced(tb testing.TB) target {
	t := build(tb, "race", []string{"CGO_ENABLED=1"}, "-race")
	t.race = filepath.Join(shared(tb), "report")
	return t
}

func build(tb testing.TB, name string, env []string, flags ...string) target {
	tb.Helper()
	bin := shared(tb)
	cmd := exec.Command("go", append(append([]string{"build", "-o", filepath.Join(bin, "phased")}, flags...), "phased/cmd/phased")...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("cannot build: %v\n%s", err, out)
	}
	for _, link := range []string{"os-refresh-config", "dib-run-parts"} {
		if err := os.Symlink("phased", filepath.Join(bin, link)); err != nil {
			tb.Fatal(err)
		}
	}
	return target{name: name, bin: bin}
}

// shared makes a directory that every user may read and write.
func shared(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "phased-kit-") //nolint:usetesting // a TempDir lies where only its owner gets
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// clean lists what the kit wants unset; testscript passes none of it on, and
// this says so.
func clean() []string {
	return []string{
		"OS_REFRESH_CONFIG_BASE_DIR", "RUN_PARTS_REGEX", "BASH_ENV", "DIB_DEBUG_TRACE", "COLUMNS", "PS4", "LC_ALL", "LANG", "TZ",
		"PHASED_RUN_ID", "XDG_STATE_HOME",
	}
}

// run runs every script of a directory against the target.
func (tg target) run(t *testing.T, dir string) {
	t.Helper()
	state := shared(t)
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  false,
		Condition:           condition,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", tg.bin+":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
			e.Setenv("PHASED_STATE_DIR", filepath.Join(state, filepath.Base(e.WorkDir)))
			if tg.race != "" {
				e.Setenv("GORACE", "log_path="+tg.race+" atexit_sleep_ms=20")
			}
			for _, name := range clean() {
				if e.Getenv(name) != "" {
					return fmt.Errorf("%s is set", name)
				}
			}
			return nil
		},
	})
	if tg.race == "" {
		return
	}
	t.Cleanup(func() {
		reports, _ := filepath.Glob(tg.race + "*")
		for _, r := range reports {
			text, _ := os.ReadFile(r)
			t.Errorf("%s", text)
		}
	})
}

// condition knows [root] and [mount]: a mount namespace can be made.
func condition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Geteuid() == 0, nil
	case "mount":
		return exec.Command("unshare", "-m", "true").Run() == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

func TestKitHasAllCases(t *testing.T) {
	cases, err := filepath.Glob(kitDir + "/*.txtar")
	if err != nil || len(cases) != 54 {
		t.Fatalf("the kit has %d cases, want 54 (%v)", len(cases), err)
	}
}

// TestConformance runs the kit against phased as it is shipped, phased with the
// race detector, and the originals, which proves the cases themselves.
func TestConformance(t *testing.T) {
	shipped := static(t)
	t.Run("original", func(t *testing.T) { originals(t).run(t, kitDir) })
	for _, tg := range []target{shipped, raced(t)} {
		t.Run(tg.name, func(t *testing.T) {
			t.Run("kit", func(t *testing.T) { tg.run(t, kitDir) })
			t.Run("fixed", func(t *testing.T) { tg.run(t, fixedDir) })
		})
	}
	t.Run("nobody", func(t *testing.T) { shipped.asNobody(t) })
}

// nobody is the user that the kit is run as once more.
const nobody = 65534

// asNobody runs both kits as nobody: by this very test binary, from a directory
// that nobody may read.
func (tg target) asNobody(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become nobody")
	}
	dir := shared(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	copyFile(t, self, filepath.Join(dir, "test"), 0o755)
	for _, kit := range []string{kitDir, fixedDir} {
		to := filepath.Join(dir, filepath.Base(kit))
		if err := os.Mkdir(to, 0o755); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(kit + "/*.txtar")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			copyFile(t, f, filepath.Join(to, filepath.Base(f)), 0o644)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	args := []string{"-test.run=^TestChild$", "-test.v=" + fmt.Sprint(testing.Verbose())}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "test"), args...)
	cmd.Dir = dir
	cmd.Env = []string{"PHASED_KIT_CHILD=" + tg.bin, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "CI=" + os.Getenv("CI")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if testing.Verbose() {
		t.Logf("%s", out)
	}
}

// TestChild is what asNobody starts.
func TestChild(t *testing.T) {
	bin := os.Getenv("PHASED_KIT_CHILD")
	if bin == "" {
		return // it is started by TestConformance, and is no test by itself
	}
	if os.Geteuid() != nobody {
		t.Fatalf("runs as %d", os.Geteuid())
	}
	tg := target{name: "nobody", bin: bin}
	t.Run("kit", func(t *testing.T) { tg.run(t, filepath.Base(kitDir)) })
	t.Run("fixed", func(t *testing.T) { tg.run(t, filepath.Base(fixedDir)) })
}

func copyFile(tb testing.TB, from, to string, mode fs.FileMode) {
	tb.Helper()
	src, err := os.Open(from)
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	syscall.ForkLock.RLock() // a child that inherits it would make it busy
	defer syscall.ForkLock.RUnlock()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = io.Copy(dst, src)
	if err := errors.Join(err, dst.Chmod(mode), dst.Close()); err != nil {
		tb.Fatal(err)
	}
}
