// Package examples_test runs the examples for real: under the original
// dib-run-parts, which proves that their hooks are plain ones, and under phased.
package examples_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// host is one example host in a temporary directory.
type host struct {
	t    *testing.T
	root string
	// refresh runs the phases and returns their output.
	refresh func() (string, error)
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, root: t.TempDir()}
	h.write("etc/facts", "host=example\nversion=1.0\ngreeting=Hello\n")
	h.write("data/guestbook.txt", "Ada was here on 1843-07-10\nGrace was here on 1959-05-28\n")
	t.Cleanup(h.stop)
	return h
}

// stop ends the service by its pid file and waits until it is gone.
func (h *host) stop() {
	file := filepath.Join(h.root, "run/greeter/pid")
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	if err := syscall.Kill(h.number(string(text)), syscall.SIGTERM); err != nil {
		h.t.Errorf("cannot stop greeter: %v", err)
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file); err != nil {
			return
		}
	}
	h.t.Error("greeter did not end when it was told to")
}

func (h *host) number(text string) int {
	h.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func (h *host) write(name, text string) {
	h.t.Helper()
	path := filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) read(name string) string {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.root, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// ask asks the service, as the hooks do.
func (h *host) ask(request string) string {
	h.t.Helper()
	cmd := exec.Command("bash", "-c", `. refresh/share/greeter-lib.bash; greeter_ask `+request)
	cmd.Env = append(os.Environ(), "DEMO_ROOT="+h.root)
	out, err := cmd.Output()
	if err != nil {
		h.t.Fatalf("greeter does not answer %q: %v", request, err)
	}
	return strings.TrimSpace(string(out))
}

// must refreshes and fails the test where that fails.
func (h *host) must() string {
	h.t.Helper()
	out, err := h.refresh()
	if err != nil {
		h.t.Fatalf("refresh: %v\n%s", err, out)
	}
	return out
}

func (h *host) wantOutput(out, part string) {
	h.t.Helper()
	if !strings.Contains(out, part) {
		h.t.Errorf("the run does not say %q:\n%s", part, out)
	}
}

func base(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("refresh")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// command returns a refresh that runs one command.
func command(env []string, name string, args ...string) func() (string, error) {
	return func() (string, error) {
		var out bytes.Buffer
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), env...)
		cmd.Stdout, cmd.Stderr = &out, &out
		// The service outlives the run: that it holds nothing of it is part of
		// the test, which would hang here otherwise.
		err := cmd.Run()
		return out.String(), err
	}
}

// original runs the example under Debian's os-refresh-config and dib-run-parts.
func original(h *host) func() (string, error) {
	h.t.Helper()
	env := []string{"DEMO_ROOT=" + h.root, "OS_REFRESH_CONFIG_BASE_DIR=" + base(h.t), "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	return command(env, "/usr/bin/os-refresh-config", "--lockfile", filepath.Join(h.root, "lock"))
}

// product runs the example under phased.
func product(h *host) func() (string, error) {
	h.t.Helper()
	return command(nil, build(h.t), "run", "--base", base(h.t),
		"--state-dir", filepath.Join(h.root, "state"), "--env", "DEMO_ROOT="+h.root)
}

// build makes both programs in a directory, and returns the path of phased.
func build(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir, "phased/cmd/phased", "phased/cmd/phased-fleet")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cannot build phased and phased-fleet: %v\n%s", err, out)
	}
	return filepath.Join(dir, "phased")
}

func TestRefreshUnderTheOriginal(t *testing.T) {
	h := newHost(t)
	h.refresh = original(h)
	h.story(false)
}

func TestRefreshUnderPhased(t *testing.T) {
	h := newHost(t)
	h.refresh = product(h)
	h.story(true)
}

// story takes a host through its refreshes. told says that the failure phase is
// told what failed.
func (h *host) story(told bool) {
	h.t.Helper()
	h.firstRefresh()
	h.secondRefresh()
	h.thirdRefresh()
	h.failedRefresh(told)
}

func (h *host) firstRefresh() {
	out := h.must()
	h.wantOutput(out, "nothing to drain")
	h.wantOutput(out, "2 visits migrated; the guest book has 3")
	if got := h.ask("version"); got != "1.0" {
		h.t.Errorf("greeter is version %q, want 1.0", got)
	}
	if book := h.read("data/guestbook.tsv"); !strings.Contains(book, "1843-07-10\tAda\n1959-05-28\tGrace\n") {
		h.t.Errorf("guest book after the migration:\n%s", book)
	}
	if _, err := os.Stat(filepath.Join(h.root, "data/guestbook.txt")); err == nil {
		h.t.Error("the old guest book is still in place")
	}
}

// secondRefresh has new facts: the service is drained and restarted.
func (h *host) secondRefresh() {
	before := h.read("run/greeter/pid")
	waiting := h.request("waiting hello Eve")
	h.write("etc/facts", "host=example\nversion=2.0\ngreeting=Good day\n")

	out := h.must()
	h.wantOutput(out, "has answered what was waiting and ended")
	h.wantOutput(out, "nothing to migrate")
	if got := waiting(); got != "Hello, Eve (greeter 1.0)" {
		h.t.Errorf("the request that waited when greeter was drained was answered %q", got)
	}
	if after := h.read("run/greeter/pid"); after == before {
		h.t.Errorf("greeter was not restarted: it is still pid %s", after)
	}
	if got := h.ask("version"); got != "2.0" {
		h.t.Errorf("greeter is version %q, want 2.0", got)
	}
	if got := h.ask("visits"); got != "5" {
		h.t.Errorf("guest book has %s visits, want 5: two migrated once, two refreshes, Eve", got)
	}
}

// request sends a request by hand and returns what reads the answer.
func (h *host) request(line string) func() string {
	h.t.Helper()
	reply, _, _ := strings.Cut(line, " ")
	path := filepath.Join(h.root, "run/greeter", reply)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		h.t.Fatal(err)
	}
	answers, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	requests, err := os.OpenFile(filepath.Join(h.root, "run/greeter/requests"), os.O_WRONLY, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	defer requests.Close()
	if _, err := requests.WriteString(line + "\n"); err != nil {
		h.t.Fatal(err)
	}
	return func() string {
		defer answers.Close()
		if err := answers.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			h.t.Fatal(err)
		}
		b := make([]byte, 4096)
		n, err := answers.Read(b)
		if err != nil {
			h.t.Fatal(err)
		}
		return strings.TrimSpace(string(b[:n]))
	}
}

// thirdRefresh has nothing to do: what is up to date is left alone.
func (h *host) thirdRefresh() {
	before := h.inode("etc/greeter.conf")
	out := h.must()
	h.wantOutput(out, "etc/greeter.conf is up to date")
	h.wantOutput(out, "lib/greeter is up to date")
	if after := h.inode("etc/greeter.conf"); after != before {
		h.t.Error("greeter.conf was written again though nothing had changed")
	}
}

func (h *host) inode(name string) uint64 {
	h.t.Helper()
	info, err := os.Stat(filepath.Join(h.root, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// failedRefresh breaks the facts: the failure phase brings the service back.
func (h *host) failedRefresh(told bool) {
	h.write("etc/facts", "host=example\nversion=3.0\n")
	out, err := h.refresh()
	if err == nil {
		h.t.Fatalf("a refresh with a missing fact succeeded:\n%s", out)
	}
	h.wantOutput(out, "does not say @GREETING@")
	h.wantOutput(out, "greeter serves again, as version 2.0")
	if got := h.ask("version"); got != "2.0" {
		h.t.Errorf("greeter is version %q after the failure, want 2.0", got)
	}
	if note := h.read("log/failures"); told && !strings.HasSuffix(note, "phase configure, hook 50-render-greeter-conf: exit 1\n") {
		h.t.Errorf("the failure phase's note is %q", note)
	}
}
