package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen at some time. Nothing is
// decided by it: what is never done fails there, and says so.
const patience = 3 * time.Minute

// programs builds phased and phased-fleet, once for all tests, and returns their
// directory.
func programs(t testing.TB) string {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// build, work and chrome are made when the first test needs them, and removed by
// TestMain.
var (
	work  = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "phased-browser-") })
	build = sync.OnceValues(func() (string, error) {
		dir, err := work()
		if err != nil {
			return "", err
		}
		bin := filepath.Join(dir, "bin")
		cmd := exec.Command("go", "build", "-o", bin+"/", "phased/cmd/phased", "phased/cmd/phased-fleet")
		if text, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("cannot build: %w\n%s", err, text)
		}
		return bin, nil
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := closeChrome(); err != nil {
		fmt.Fprintln(os.Stderr, "the browser does not end:", err)
		code = max(code, 1)
	}
	if dir, err := work(); err == nil {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// site is a host with runs on record, whose pages are served.
type site struct {
	t      testing.TB
	dir    string // hooks, state and what hooks write
	bin    string
	origin string // http://127.0.0.1:PORT, once it is served
}

// newSite copies the hook tree of testdata to a directory of its own.
func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), bin: programs(t)}
	for _, name := range []string{"scratch", "hooks"} {
		s.must(os.MkdirAll(filepath.Join(s.dir, name), 0o755))
	}
	s.must(os.CopyFS(filepath.Join(s.dir, "hooks"), os.DirFS("testdata/hooks")))
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// state is the directory of the record.
func (s *site) state() string { return filepath.Join(s.dir, "state") }

// command is a command line of one of the programs, for this record.
func (s *site) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PHASED_STATE_DIR="+s.state(), "SITE_DIR="+filepath.Join(s.dir, "scratch"), "PHASED_RUN_ID=", "TZ=UTC")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	return cmd
}

// phased runs phased with the site's settings and wants an exit status of it; it
// returns what it printed to stdout.
func (s *site) phased(want int, args ...string) []byte {
	s.t.Helper()
	return s.program("phased", want, args...)
}

func (s *site) program(name string, want int, args ...string) []byte {
	s.t.Helper()
	cmd := s.command(s.t.Context(), name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if got := cmd.ProcessState.ExitCode(); got != want {
		s.t.Fatalf("%s %q ended with %d, not %d (%v)\n%s%s", name, args, got, want, err, tail(out), tail(stderr.Bytes()))
	}
	return out
}

// tail is the end of a text that is told of.
func tail(text []byte) []byte { return text[max(0, len(text)-4000):] }

// lifecycle is the command line of a run of the tree.
func (s *site) lifecycle(more ...string) []string {
	args := []string{"run", "site", "--config", "hooks/phased.yaml", "--base", filepath.Join(s.dir, "hooks"), "--jobs", "3", "--plain"}
	return append(args, more...)
}

// history makes the runs that most pages are looked at with: good ones, so that
// there are usual times, one that failed, one that a time limit ended; and publishes
// the plan.
func (s *site) history() {
	s.t.Helper()
	for range 3 {
		s.phased(0, s.lifecycle("--env", "SITE_NAME=example")...)
	}
	s.phased(124, s.lifecycle("--env", "SITE_WAIT="+filepath.Join(s.dir, "never"), "--timeout", "2s", "--grace", "1s")...)
	s.phased(1, s.lifecycle("--env", "SITE_BROKEN=1")...)
	s.phased(0, "plan", "site", "--config", "hooks/phased.yaml", "--base", filepath.Join(s.dir, "hooks"), "--publish")
}

// goesOn starts a run whose slow hook waits, and returns a function that lets it
// end. It has ended when the test has.
func (s *site) goesOn() (release func()) {
	s.t.Helper()
	gate := filepath.Join(s.dir, "scratch", "go")
	cmd := s.command(context.WithoutCancel(s.t.Context()), "phased", s.lifecycle("--env", "SITE_WAIT="+gate)...)
	out, err := cmd.StdoutPipe()
	s.must(err)
	cmd.Stderr = os.Stderr
	s.must(cmd.Start())
	waits, gone := make(chan struct{}), make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for seen := false; lines.Scan(); {
			if !seen && strings.Contains(lines.Text(), "| waiting") {
				seen = true
				close(waits)
			}
		}
		gone <- cmd.Wait()
	}()
	release = sync.OnceFunc(func() {
		if err := errors.Join(os.WriteFile(gate, nil, 0o600), <-gone); err != nil {
			s.t.Errorf("the run that went on: %v", err)
		}
	})
	s.t.Cleanup(release)
	select {
	case <-waits:
	case err := <-gone:
		gone <- err
		s.t.Fatal("the run did not go on")
	case <-time.After(patience):
		s.t.Fatal("the slow hook did not begin")
	}
	return release
}

// serve starts the pages on a free port of the loopback, until the test ends.
func (s *site) serve(more ...string) {
	s.t.Helper()
	cmd := s.command(context.WithoutCancel(s.t.Context()), "phased-fleet", append([]string{"serve", "--listen", "127.0.0.1:0"}, more...)...)
	talk, err := cmd.StderrPipe()
	s.must(err)
	s.must(cmd.Start())
	address := make(chan string, 1)
	var said strings.Builder
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewReader(talk)
		found := false
		for {
			line, err := lines.ReadString('\n')
			said.WriteString(line)
			if at := regexp.MustCompile(`https?://127\.0\.0\.1:\d+`).FindString(line); at != "" && !found {
				found = true
				address <- at
			}
			if err != nil {
				if err != io.EOF {
					said.WriteString(err.Error())
				}
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // where it has gone already, Wait tells
		<-read
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("serve ended with %v:\n%s", err, said.String())
		}
	})
	select {
	case s.origin = <-address:
	case <-read:
		s.t.Fatalf("serve ended at once:\n%s", said.String())
	case <-time.After(patience):
		s.t.Fatal("serve does not tell its address")
	}
}
