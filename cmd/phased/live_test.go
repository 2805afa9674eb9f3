package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// onTerminal is a command that runs on a terminal of its own.
type onTerminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	before *unix.Termios
	slave  *os.File // held open, so that the terminal keeps its state
	read   chan struct{}
	err    chan error

	mu  sync.Mutex
	out bytes.Buffer
}

// open starts a command on a new terminal of 80 columns.
func (h *host) open(cmd *exec.Cmd, env ...string) *onTerminal {
	h.t.Helper()
	master, slave, err := openTerminal(80)
	if err != nil {
		h.t.Fatal(err)
	}
	r := &onTerminal{t: h.t, cmd: cmd, master: master, slave: slave, read: make(chan struct{}), err: make(chan error, 1)}
	if r.before, err = unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS); err != nil {
		h.t.Fatal(err)
	}
	cmd.Env = append(append(cmd.Env, "TERM=xterm-256color", "LANG=C.UTF-8"), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() {
		defer close(r.read)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			r.mu.Lock()
			r.out.Write(buf[:n])
			r.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() { r.err <- cmd.Wait() }()
	h.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = slave.Close()
		_ = master.Close()
	})
	return r
}

// shown is all that the terminal was sent.
func (r *onTerminal) shown() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// await waits until a text was sent after the first n bytes, and returns where the
// sending stands.
func (r *onTerminal) await(after int, text string) int {
	r.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if all := r.shown(); len(all) >= after && strings.Contains(all[after:], text) {
			return len(all)
		}
	}
	r.t.Fatalf("%q does not come; the terminal was sent\n%q", text, r.shown())
	return 0
}

func (r *onTerminal) press(keys string) {
	r.t.Helper()
	if _, err := io.WriteString(r.master, keys); err != nil {
		r.t.Fatal(err)
	}
}

// ended waits for the end, and wants that exit code and the terminal as it was.
func (r *onTerminal) ended(code int) string {
	r.t.Helper()
	select {
	case err := <-r.err:
		if got := exitCode(err); got != code {
			r.t.Fatalf("ended with %d, want %d\n%s", got, code, r.shown())
		}
	case <-time.After(patience):
		r.t.Fatalf("does not end\n%q", r.shown())
	}
	now, err := unix.IoctlGetTermios(int(r.slave.Fd()), unix.TCGETS)
	if err != nil {
		r.t.Fatal(err)
	}
	if *now != *r.before {
		r.t.Errorf("the terminal is left as %+v, and was %+v", *now, *r.before)
	}
	if err := r.slave.Close(); err != nil {
		r.t.Fatal(err)
	}
	<-r.read
	for _, pair := range [][2]string{{"\x1b[?1049h", "\x1b[?1049l"}, {"\x1b[?2026h", "\x1b[?2026l"}, {"\x1b[?7l", "\x1b[?7h"}} {
		if on, off := strings.Count(r.shown(), pair[0]), strings.Count(r.shown(), pair[1]); on != off {
			r.t.Errorf("%q was sent %d times, %q %d times", pair[0], on, pair[1], off)
		}
	}
	return r.shown()
}

// waitingHost is a host with a hook that waits for the file go, and a failure
// phase.
func waitingHost(t *testing.T) *host {
	h := newHost(t, 0)
	for name, text := range map[string]string{
		"configure.d/10-waits": "#!/bin/sh\necho it waits\necho $$ >$STATE/started.new\nmv $STATE/started.new $STATE/started\nuntil test -e $STATE/go; do sleep 0.02; done\necho it goes on\n",
		"configure.d/20-next":  "#!/bin/sh\necho next\n",
		"error.d/10-tell":      "#!/bin/sh\necho told >$STATE/told\n",
	} {
		path := filepath.Join(h.dir, "base", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *host) goAhead() {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, "go"), nil, 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) has(name string) bool {
	_, err := os.Stat(filepath.Join(h.dir, name))
	return err == nil
}

// status is how the newest run on record ended.
func (h *host) status() string {
	h.t.Helper()
	r, ok := h.last()
	if !ok {
		h.t.Fatal("no run is on record")
	}
	return r.Status
}

// TestKeysOnTheTerminal looks at log, list and help while a run goes on; q ends
// nothing.
func TestKeysOnTheTerminal(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	r := h.open(h.run())
	at := r.await(0, "it waits")
	r.press("l")
	at = r.await(at, "\x1b[?1049h")
	r.await(0, "following")
	r.press("?")
	at = r.await(at, "everywhere")
	r.press("q\x1b")
	at = r.await(at, "\x1b[?1049l")
	r.press("p")
	at = r.await(at, "20-next")
	r.press("q")
	at = r.await(at, "\x1b[?1049l")
	r.press("q")
	r.await(at, "q ends no run")
	h.goAhead()
	if text := r.ended(0); !strings.Contains(text, "succeeded") {
		t.Errorf("the end is not told:\n%s", text)
	}
}

// TestInterruptOnTheTerminal types ctrl-C: the hook ends, and the failure phase
// runs; typed twice, what runs is killed.
func TestInterruptOnTheTerminal(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	r := h.open(h.run())
	r.await(0, "it waits")
	r.press("\x03")
	text := r.ended(130)
	if !h.has("told") || h.status() != "stopped" || !strings.Contains(text, "STOPPED") {
		t.Errorf("the failure phase has run: %v; the run: %s\n%s", h.has("told"), h.status(), text)
	}
	h = waitingHost(t)
	trap := "#!/bin/sh\ntrap '' TERM\necho it traps\nwhile :; do sleep 0.02; done\n"
	if err := os.WriteFile(filepath.Join(h.dir, "base/configure.d/10-waits"), []byte(trap), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := h.phased("run", "--base", filepath.Join(h.dir, "base"), "--env", "STATE="+h.dir, "--grace", "10m")
	r = h.open(cmd)
	at := r.await(0, "it traps")
	r.press("\x03")
	at = r.await(at, "SIGINT: ending configure/10-waits")
	r.press("\x03")
	r.await(at, "killing what still runs")
	r.ended(130)
	if h.has("told") {
		t.Error("the failure phase has run after the second ctrl-C")
	}
}

// TestWatchOnTheTerminal: the run of a watch draws, reads no keys, and ends by what
// the watch is told.
func TestWatchOnTheTerminal(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	r := h.open(h.phased("watch", "--initial", "--once", "--path", h.settings(), "--base", filepath.Join(h.dir, "base"), "--env", "STATE="+h.dir))
	r.await(0, "it waits")
	r.await(0, "ctrl-C stop")
	r.press("\x03")
	if text := r.ended(130); !h.has("told") || h.status() != "stopped" || !strings.Contains(text, "STOPPED") || strings.Contains(text, "? keys") {
		t.Errorf("the failure phase has run: %v; the run: %s\n%s", h.has("told"), h.status(), text)
	}
}

// TestSuspend types ctrl-Z: phased stops, with the terminal as it was, and goes on.
func TestSuspend(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	r := h.open(h.run())
	at := r.await(0, "it waits")
	if err := r.cmd.Process.Signal(syscall.SIGTSTP); err != nil { // ctrl-Z does nothing to a group without a shell
		t.Fatal(err)
	}
	for stopped := false; !stopped; time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + pidOf(r.cmd) + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		stopped = bytes.Contains(stat, []byte(") T "))
	}
	if now, err := unix.IoctlGetTermios(int(r.slave.Fd()), unix.TCGETS); err != nil || *now != *r.before {
		t.Errorf("the terminal of what is suspended is %+v (%v), and was %+v", now, err, r.before)
	}
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	r.await(at, "it waits")
	h.goAhead()
	r.ended(0)
}

// TestTerminalGoesAway hangs up: SIGHUP ends the hook, and the failure phase runs,
// although nothing can be shown any more.
func TestTerminalGoesAway(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	r := h.open(h.run())
	r.await(0, "it waits")
	if err := errors.Join(r.slave.Close(), r.master.Close()); err != nil {
		t.Fatal(err)
	}
	if got := exitCode(<-r.err); got != 129 {
		t.Errorf("ended with %d, want 129", got)
	}
	if !h.has("told") || h.status() != "stopped" {
		t.Errorf("the failure phase has run: %v; the run: %s", h.has("told"), h.status())
	}
}

// TestTerminatedOnTheTerminal leaves the terminal as it was, out of a screen of its
// own.
func TestTerminatedOnTheTerminal(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	r := h.open(h.run())
	at := r.await(0, "it waits")
	r.press("l")
	r.await(at, "following")
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if text := r.ended(143); !strings.Contains(text, "STOPPED") {
		t.Errorf("the end is not told:\n%s", text)
	}
}

// TestResizeOnTheTerminal makes the terminal narrower: what is drawn next fits.
func TestResizeOnTheTerminal(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	r := h.open(h.run())
	at := r.await(0, "ctrl-C stop")
	if err := unix.IoctlSetWinsize(int(r.master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 10, Col: 40}); err != nil {
		t.Fatal(err)
	}
	at = r.await(at, "? keys  ctrl-C stop\x1b[0m\x1b[?7h")
	for line := range strings.Lines(r.shown()[at:]) {
		if n := len([]rune(strings.TrimRight(line, "\r\n"))); n > 200 {
			t.Errorf("a line of %d characters on 40 columns: %q", n, line)
		}
	}
	h.goAhead()
	r.ended(0)
}

// TestBackground starts phased in the background of a terminal: it prints plain
// lines, reads no key and does not stop, also where the terminal stops who writes.
func TestBackground(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	cmd := h.run()
	script := `set -m; stty tostop; "$0" "$@" & wait $!`
	shell := exec.Command("bash", append([]string{"-c", script, cmd.Path}, cmd.Args[1:]...)...)
	shell.Env = append(cmd.Env, "PHASED_TEST_ARGV0=phased")
	link := filepath.Join(h.dir, "phased")
	if err := os.Symlink(cmd.Path, link); err != nil {
		t.Fatal(err)
	}
	shell.Args[3] = link
	h.goAhead()
	r := h.open(shell)
	select {
	case err := <-r.err:
		if exitCode(err) != 0 {
			t.Fatalf("%v\n%s", err, r.shown())
		}
	case <-time.After(patience):
		t.Fatalf("it has stopped\n%s", r.shown())
	}
	if text := r.shown(); !strings.Contains(text, "hook configure/10-waits succeeded") || strings.Contains(text, "\x1b") {
		t.Errorf("in the background:\n%s", text)
	}
}

// TestTop watches a run from another terminal: leaving it changes nothing about the
// run, and staying shows its end.
func TestTop(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	first := h.open(h.phased("top"))
	first.await(0, "waiting for the next one")
	run := h.open(h.run())
	run.await(0, "it waits")
	first.await(0, "it waits")
	second := h.open(h.phased("top"))
	at := second.await(0, "it waits")
	second.press("q")
	second.await(at, "goes on: phased top")
	second.ended(0)
	third := h.open(h.phased("top", "last"))
	third.await(0, "it waits")
	third.press("\x03")
	third.ended(0)
	if _, err := os.Stat(filepath.Join(h.dir, "go")); err == nil || h.status() != "running" {
		t.Errorf("the run is %s while somebody has looked at it", h.status())
	}
	h.goAhead()
	if text := first.ended(0); !strings.Contains(text, "succeeded") {
		t.Errorf("top does not show the end:\n%s", text)
	}
	run.ended(0)
}

// TestTopOfWhatHasEnded looks through a run: its list, and the log of a hook.
func TestTopOfWhatHasEnded(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	h.goAhead()
	if out, err := h.run().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := h.open(h.phased("top", "last"))
	at := r.await(0, "20-next")
	r.press("gjj\r")
	r.await(at, "it goes on")
	r.press("qq")
	if text := r.ended(0); !strings.Contains(text, "succeeded") {
		t.Errorf("the end is not told:\n%s", text)
	}
}

// TestTopOfARunThatDies shows it as interrupted.
func TestTopOfARunThatDies(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	run := h.run()
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	r := h.open(h.phased("top"))
	r.await(0, "it waits")
	if err := run.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = run.Wait() // it was killed
	if text := r.ended(0); !strings.Contains(text, "INTERRUPTED") {
		t.Errorf("the end is not told:\n%s", text)
	}
	h.goAhead()
}

// TestKeysAreForHooks: where hooks read stdin, phased reads nothing of it.
func TestKeysAreForHooks(t *testing.T) {
	t.Parallel()
	h := waitingHost(t)
	asks := "#!/bin/sh\necho asks\nread answer </dev/tty || exit 9\necho \"$answer\" >$STATE/answer\n"
	if err := os.WriteFile(filepath.Join(h.dir, "base/configure.d/10-waits"), []byte(strings.Replace(asks, " </dev/tty", "", 1)), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := h.run()
	cmd.Args = append(cmd.Args, "--stdin", "inherit")
	r := h.open(cmd)
	r.await(0, "asks")
	if now, err := unix.IoctlGetTermios(int(r.slave.Fd()), unix.TCGETS); err != nil || now.Lflag&unix.ICANON == 0 {
		t.Errorf("the terminal of a hook that reads is raw: %+v, %v", now, err)
	}
	if strings.Contains(r.shown(), "? keys") {
		t.Error("keys are offered")
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	<-r.err
}

func pidOf(cmd *exec.Cmd) string { return strconv.Itoa(cmd.Process.Pid) }
