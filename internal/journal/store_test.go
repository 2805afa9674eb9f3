package journal

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"phased/internal/faultdisk"
	"phased/internal/phased"
)

func TestDefaultDir(t *testing.T) {
	for _, c := range []struct {
		euid int
		env  map[string]string
		want string
	}{
		{0, nil, "/var/lib/phased"},
		{0, map[string]string{"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/var/lib/phased"},
		{0, map[string]string{"PHASED_STATE_DIR": "/p"}, "/p"},
		{7, map[string]string{"PHASED_STATE_DIR": "p", "HOME": "/h"}, "p"},
		{7, map[string]string{"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/phased"},
		{7, map[string]string{"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/phased"},
		{7, map[string]string{"HOME": "/h"}, "/h/.local/state/phased"},
		{7, map[string]string{"HOME": "relative"}, ""},
		{7, nil, ""},
	} {
		if got := DefaultDir(c.euid, func(n string) string { return c.env[n] }); got != c.want {
			t.Errorf("euid %d, %v: %q, want %q", c.euid, c.env, got, c.want)
		}
	}
}

func TestLayout(t *testing.T) {
	old := syscall.Umask(0o077) // modes do not depend on it
	defer syscall.Umask(old)
	dir := filepath.Join(t.TempDir(), "a", "b", "state")
	s, err := Open(dir, Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	begin(t, s, testID(1))
	for path, mode := range map[string]fs.FileMode{
		".": 0o750, "runs": 0o750, "open": 0o750, "failures": 0o700, "locks": 0o750, "runs/" + testID(1) + ".jsonl": 0o640, "open/" + testID(1): 0o640,
	} {
		if info, err := os.Lstat(filepath.Join(dir, path)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	if s.Dir() != dir {
		t.Errorf("Dir is %s", s.Dir())
	}
	// What an administrator has set stays.
	if err := os.Chmod(filepath.Join(dir, "runs"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Create: true}); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(filepath.Join(dir, "runs")); info.Mode().Perm() != 0o755 {
		t.Errorf("the mode was changed to %v", info.Mode())
	}
}

func TestRunFilesAreForTheGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give a directory to another group")
	}
	s := openStore(t, Options{})
	want := os.Getegid()
	if g, err := user.LookupGroup("phased"); err == nil {
		if want, err = strconv.Atoi(g.Gid); err != nil {
			t.Fatal(err)
		}
	}
	gid := func(path string) int {
		var st syscall.Stat_t
		if err := syscall.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		return int(st.Gid)
	}
	if got := gid(s.path(runsDir)); got != want {
		t.Errorf("runs belongs to group %d, want %d", got, want)
	}
	const other = 54321
	if err := os.Chown(s.path(runsDir), 0, other); err != nil {
		t.Fatal(err)
	}
	s, err := Open(s.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := begin(t, s, testID(1))
	if got := gid(w.path); got != other {
		t.Errorf("the run file belongs to group %d, its directory to %d", got, other)
	}
}

func TestOpenRefuses(t *testing.T) {
	fresh := func() string {
		dir := filepath.Join(t.TempDir(), "state")
		if _, err := Open(dir, Options{Create: true}); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	cases := map[string]struct {
		dir  func() string
		o    Options
		want string
	}{
		"nothing": {func() string { return "" }, Options{Create: true}, "its name is empty"},
		"a file": {func() string {
			p := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(p, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return p
		}, Options{Create: true}, "it is not a directory"},
		"below a file": {func() string {
			p := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(p, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return p + "/state"
		}, Options{Create: true}, "not a directory"},
		"not there": {func() string { return filepath.Join(t.TempDir(), "x") }, Options{}, "no such file"},
		"a link for runs": {func() string {
			dir := fresh()
			os.Remove(dir + "/runs")
			if err := os.Symlink(t.TempDir(), dir+"/runs"); err != nil {
				t.Fatal(err)
			}
			return dir
		}, Options{Create: true}, "runs in it is a symbolic link"},
		"a link for runs, to read": {func() string {
			dir := fresh()
			os.Remove(dir + "/runs")
			if err := os.Symlink(t.TempDir(), dir+"/runs"); err != nil {
				t.Fatal(err)
			}
			return dir
		}, Options{ReadOnly: true}, "runs in it is a symbolic link"},
		"a file for locks": {func() string {
			dir := fresh()
			os.Remove(dir + "/locks")
			if err := os.WriteFile(dir+"/locks", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return dir
		}, Options{Create: true}, "locks in it is not a directory"},
	}
	for name, c := range cases {
		dir := c.dir()
		s, err := Open(dir, c.o)
		if err == nil || s != nil || !strings.HasPrefix(err.Error(), "cannot use state directory "+dir+": ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestLinkedStateDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, dir+"-link"); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir + "-link")
	if _, err := Open(dir+"-link", Options{}); err != nil {
		t.Errorf("the administrator may put it elsewhere: %v", err)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a tmpfs")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m,mode=0755"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, s, goodRun(testID(1), "/x"))
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "cannot be written") {
		t.Errorf("%v", err)
	}
	r, err := Open(dir, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if run, err := r.Run(t.Context(), testID(1)); err != nil || run.Status != phased.StatusSucceeded {
		t.Errorf("%s, %v", run.Status, err)
	}
}

// TestNothingReadsAsEmpty opens a state directory that does not exist.
func TestNothingReadsAsEmpty(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s, err := Open(dir, Options{ReadOnly: true, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	runs, err := s.Runs(t.Context())
	if err != nil || len(runs) != 0 {
		t.Errorf("Runs: %v, %v", runs, err)
	}
	if _, err := s.Run(t.Context(), testID(1)); !errors.Is(err, phased.ErrNoRun) {
		t.Errorf("Run: %v", err)
	}
	if _, err := s.Resolve(t.Context(), "last"); !errors.Is(err, phased.ErrNoRun) {
		t.Errorf("Resolve: %v", err)
	}
	if live, err := s.Live(""); err != nil || len(live) != 0 {
		t.Errorf("Live: %v, %v", live, err)
	}
	for name, err := range map[string]error{
		"Begin":        second(s.Begin(testID(1))),
		"CloseDead":    second(s.CloseDead("x")),
		"Prune":        second(s.Prune(t.Context(), Limits{}, false)),
		"WriteFailure": second(s.WriteFailure(testID(1), phased.Failure{})),
	} {
		if err == nil || !strings.Contains(err.Error(), "reading only") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if exists(dir) {
		t.Error("it was created")
	}
}

func second[T any](_ T, err error) error { return err }

// TestOthersMayRead has an unprivileged process read what root wrote, and fail
// where it may not.
func TestOthersMayRead(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	top, err := os.MkdirTemp("", "journal") //nolint:usetesting // others must get to it, and t.TempDir is for its owner only
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(top)
	if err := os.Chmod(top, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := Open(top+"/state", Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	keep(t, s, goodRun(testID(1), "/x"))
	bin, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(top+"/reader", bin, 0o755); err != nil {
		t.Fatal(err)
	}
	as := func(gid uint32, part string) (string, error) {
		cmd := exec.Command(top + "/reader")
		cmd.Dir = top
		cmd.Env = []string{"JOURNAL_TEST_CHILD=" + part, "JOURNAL_TEST_DIR=" + s.dir}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 54321, Gid: gid}}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	const group = 54321
	for _, p := range []string{"", runsDir, openDir, runsDir + "/" + testID(1) + suffix} {
		if err := os.Chown(s.path(p), 0, group); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := as(group, "read"); err != nil || out != "1 succeeded\n" {
		t.Errorf("a member of the group reads %q, %v", out, err)
	}
	if out, err := as(12345, "read"); err == nil || !strings.Contains(out, "cannot use state directory "+s.dir) || !strings.Contains(out, "permission denied") {
		t.Errorf("a stranger reads %q, %v", out, err)
	}
	if out, err := as(group, "begin"); err == nil || !strings.Contains(out, "cannot be written: permission denied") {
		t.Errorf("a member of the group writes: %q, %v", out, err)
	}
}

// TestMadeDirectoriesAreSafe: what is synced in a directory whose own name is
// not on the disk is lost in a power cut.
func TestMadeDirectoriesAreSafe(t *testing.T) {
	root, found := t.TempDir(), t.TempDir()
	disk := faultdisk.New(root)
	if _, err := Open(filepath.Join(root, "var", "lib", "state"), Options{Create: true, disk: disk}); err != nil {
		t.Fatal(err)
	}
	if err := disk.PowerCut(found, faultdisk.Nothing, faultdisk.Nothing); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{runsDir, openDir, locksDir, failuresDir} {
		if !exists(filepath.Join(found, "var", "lib", "state", dir)) {
			t.Errorf("%s is gone after a power cut", dir)
		}
	}
	again := faultdisk.New(root)
	for _, o := range []Options{{disk: again}, {disk: again, Create: true, Durability: "none"}} {
		dir := filepath.Join(root, "var", "lib", "state")
		if o.Durability == "none" {
			dir += "-other"
		}
		if _, err := Open(dir, o); err != nil {
			t.Fatal(err)
		}
	}
	if done := again.Done(); slices.Contains(done, "sync directory") {
		t.Errorf("a sync that nobody needs: %q", done)
	}
}
