package main

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalsEndIt: while a page is live, and so that it can be started again at
// once at the same place.
func TestSignalsEndIt(t *testing.T) {
	program := filepath.Join(t.TempDir(), "phased-fleet")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	listen := "127.0.0.1:0"
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		cmd := exec.CommandContext(t.Context(), program, "serve", "--listen", listen, "--state-dir", t.TempDir())
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := bufio.NewReader(stderr)
		line, err := said.ReadString('\n')
		_, at, ok := strings.Cut(line, " are at http://")
		if err != nil || !ok {
			t.Fatalf("%s: it said %q, %v", s, line, err)
		}
		listen, _, _ = strings.Cut(at, "/")
		r, err := http.Get("http://" + listen + "/live/runs")
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		hung := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
		if text, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(text), "event: live") {
			t.Errorf("%s: the stream ended with %v after %q", s, err, text)
		}
		r.Body.Close()
		if rest, _ := io.ReadAll(said); len(rest) > 0 {
			t.Errorf("%s: it said %q", s, rest)
		}
		if err := cmd.Wait(); err != nil || !hung.Stop() {
			t.Errorf("%s: it ended with %v", s, err)
		}
	}
}
