package arch_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/config"
)

// TestUnits lets systemd's own parser read the units: unknown keys, values that
// mean nothing and orders that contradict each other.
func TestUnits(t *testing.T) {
	units, err := filepath.Glob("packaging/systemd/*.*")
	units = slices.DeleteFunc(units, func(u string) bool {
		return slices.Contains([]string{".sysusers", ".tmpfiles"}, filepath.Ext(u))
	})
	if err != nil || len(units) < 6 {
		t.Fatalf("units %q, %v", units, err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	args := []string{"verify", "--man=no"}
	for _, unit := range units {
		const runner = "ExecStart=/usr/bin/phased "
		text := readPage(t, unit)
		if filepath.Ext(unit) == ".service" && !strings.Contains(text, "\n"+runner) {
			t.Errorf("%s does not start phased by its path", unit)
		}
		// What ExecStart names must be there to be verified.
		copied := filepath.Join(dir, filepath.Base(unit))
		write(t, copied, strings.ReplaceAll(text, runner, "ExecStart="+self+" "))
		// A template is verified as one of its units.
		if template := strings.Replace(copied, "@.", "@nightly.", 1); template != copied {
			if err := os.Symlink(filepath.Base(copied), template); err != nil {
				t.Fatal(err)
			}
			copied = template
		}
		args = append(args, copied)
	}
	if out, err := exec.Command("systemd-analyze", args...).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

// TestServeIsShutIn lets systemd judge what the unit of the dashboard may do, and
// holds it to what must not change whatever the sum is.
func TestServeIsShutIn(t *testing.T) {
	const unit = "packaging/systemd/phased-serve.service"
	text := readPage(t, unit)
	for _, line := range []string{
		"User=phased", "Group=phased", "CapabilityBoundingSet=", "AmbientCapabilities=", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes",
		"RestrictAddressFamilies=AF_INET AF_INET6", "IPAddressDeny=any", "InaccessiblePaths=-/var/lib/phased/private", "ExecStart=/usr/bin/phased serve",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("%s has no %s", unit, line)
		}
	}
	if strings.Contains(text, "ReadWritePaths") || strings.Contains(text, "StateDirectory") {
		t.Errorf("%s may write", unit)
	}
	// In tenths of the exposure that systemd counts, 100 being none of it shut.
	out, err := exec.Command("systemd-analyze", "security", "--offline=yes", "--threshold=20", unit).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// TestDirectoriesOfThePackage makes users and directories in a tree, as systemd
// does on a host, and holds them against section 2 of docs/design.md.
func TestDirectoriesOfThePackage(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give directories to other users")
	}
	root := t.TempDir()
	write(t, filepath.Join(root, "usr/lib/sysusers.d/phased.conf"), readPage(t, "packaging/systemd/phased.sysusers"))
	write(t, filepath.Join(root, "usr/lib/tmpfiles.d/phased.conf"), readPage(t, "packaging/systemd/phased.tmpfiles"))
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{"systemd-sysusers", "--root=" + root},
		{"systemd-tmpfiles", "--root=" + root, "--create"},
		{"systemd-tmpfiles", "--root=" + root, "--create"}, // as at each boot
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil || strings.Contains(string(out), "phased.conf") {
			t.Fatalf("%q: %v\n%s", command, err, out)
		}
	}
	ids := map[string]string{"0": "root"}
	for line := range strings.Lines(readPage(t, filepath.Join(root, "etc/passwd"))) {
		if f := strings.Split(strings.TrimSpace(line), ":"); f[0] == "phased" {
			ids[f[2]] = f[0]
			if diff := cmp.Diff([]string{"/var/lib/phased-fleet", "/usr/sbin/nologin"}, f[5:]); diff != "" {
				t.Errorf("home and shell of phased (-want +got):\n%s", diff)
			}
			if f[2] != f[3] {
				t.Errorf("user phased has number %s, its group %s", f[2], f[3])
			}
		}
	}
	got := map[string]string{}
	for _, dir := range []string{"run/phased", "var/lib/phased", "var/lib/phased-fleet"} {
		err := filepath.Walk(filepath.Join(root, dir), func(path string, info os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			st := info.Sys().(*syscall.Stat_t)
			got[strings.TrimPrefix(path, root)] = fmt.Sprintf("%s:%s %04o", ids[fmt.Sprint(st.Uid)], ids[fmt.Sprint(st.Gid)], st.Mode&0o7777)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{
		"/run/phased":             "root:root 0755",
		"/run/phased/gates":       "root:phased 0750",
		"/run/phased/trigger":     "root:root 0644",
		"/var/lib/phased":         "root:phased 0750",
		"/var/lib/phased/inbox":   "root:phased 1770",
		"/var/lib/phased/private": "root:root 0700",
		"/var/lib/phased/runs":    "root:phased 0750",
		"/var/lib/phased-fleet":   "phased:phased 0750",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("directories (-want +got):\n%s", diff)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSettingsOfThePackage reads the file that is installed, as it is and with
// all that it names: the defaults that it tells are those of phased.
func TestSettingsOfThePackage(t *testing.T) {
	const path = "packaging/phased.yaml"
	defaults := config.Default()
	shipped, err := config.Load(path, true)
	if err != nil {
		t.Fatal(err)
	}
	shipped.File = ""
	if diff := cmp.Diff(defaults, shipped, cmpopts.IgnoreUnexported(config.Settings{})); diff != "" {
		t.Errorf("%s changes a default (-default +file):\n%s", path, diff)
	}
	var named []string
	for line := range strings.Lines(readPage(t, path)) {
		if rest, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(rest, " ") || strings.HasPrefix(line, "#  ") {
			line = rest
		}
		named = append(named, line)
	}
	all := filepath.Join(t.TempDir(), "phased.yaml")
	write(t, all, strings.Join(named, ""))
	s, err := config.Load(all, true)
	if err != nil {
		t.Fatalf("with all that %s names: %v", path, err)
	}
	if len(s.Lifecycles) == 0 || len(s.RebootCommand) == 0 || len(s.Secrets.Names) == 0 {
		t.Errorf("%s: what is commented out was not read", path)
	}
	// These are examples.
	s.File, s.StateDir, s.Env, s.RebootCommand, s.Secrets, s.Lifecycles = "", "", nil, nil, config.Secrets{}, nil
	if diff := cmp.Diff(defaults, s, cmpopts.IgnoreUnexported(config.Settings{})); diff != "" {
		t.Errorf("%s tells a default that is none (-default +told):\n%s", path, diff)
	}
}
