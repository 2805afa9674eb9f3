package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// soaking reports whether the tests are to take their time.
func soaking() bool {
	s := os.Getenv("PHASED_SOAK")
	return s != "" && s != "0"
}

// rounds is how often a run is killed: a sample, and 1,000 times in a soak.
func rounds() int {
	if soaking() {
		return 1000
	}
	return 15
}

// resumesProcesses says whether phased resume goes on with a run whose hooks are
// processes; until it does, the run after a killed one begins anew.
const resumesProcesses = true

// lockingHook takes a lock of its own, which no other hook may hold then, and
// writes down when it starts and ends.
const lockingHook = `#!/bin/bash
exec 9>>"$STATE/lock"
flock -n 9 || echo "$PHASED_RUN_ID $PHASED_HOOK" >>"$STATE/overlap"
echo "start $PHASED_RUN_ID $PHASED_HOOK" >>"$STATE/log"
echo some output
sleep 0.01
echo "end $PHASED_RUN_ID $PHASED_HOOK" >>"$STATE/log"
`

// host is a directory with hooks, and phased to run on it.
type host struct {
	t    *testing.T
	dir  string
	self string
}

func newHost(t *testing.T, hooks int) *host {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, dir: t.TempDir(), self: self}
	// Every run is looked at again at the end: none may be removed as too old.
	if err := os.WriteFile(h.settings(), []byte("retention: {runs: 0}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(h.dir, "base", "configure.d")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range hooks {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d-hook", i+1)), []byte(lockingHook), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func (h *host) settings() string { return filepath.Join(h.dir, "phased.yaml") }

// phased returns a command line of phased on this host.
func (h *host) phased(args ...string) *exec.Cmd {
	args = append([]string{"phased"}, args...)
	cmd := &exec.Cmd{Path: h.self, Args: append(args, "--state-dir", filepath.Join(h.dir, "state"), "--config", h.settings())}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "GORACE=" + noSleep}
	return cmd
}

func (h *host) run() *exec.Cmd {
	return h.phased("run", "--base", filepath.Join(h.dir, "base"), "--env", "STATE="+h.dir, "--orphans=kill", "--grace", "50ms")
}

// goOn returns the command that goes on after the run was killed.
func (h *host) goOn(id string) *exec.Cmd {
	if !resumesProcesses {
		return h.run()
	}
	return h.phased("resume", id, "--orphans=kill", "--grace", "50ms")
}

// record is what the test reads of `phased show --json`.
type record struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Phases []struct {
		Hooks []struct {
			Hook   string `json:"hook"`
			Status string `json:"status"`
		} `json:"hooks"`
	} `json:"phases"`
}

// last returns the newest run on record; false where there is none.
func (h *host) last() (record, bool) {
	h.t.Helper()
	out, err := h.phased("runs", "--json", "-n", "1").Output()
	if err != nil {
		h.t.Fatalf("runs: %v", err)
	}
	if strings.TrimSpace(string(out)) == "[]" {
		return record{}, false
	}
	cmd := h.phased("show", "--json")
	var talk bytes.Buffer
	cmd.Stderr = &talk
	out, err = cmd.Output()
	if err != nil {
		h.t.Fatalf("show: %v\n%s", err, &talk)
	}
	var r record
	if err := json.Unmarshal(out, &r); err != nil {
		h.t.Fatal(err)
	}
	return r, true
}

// finished returns the hooks of the run that must be on record as finished: all
// that wrote their end and were followed by another.
func (h *host) finished(id string) []string {
	text, err := os.ReadFile(filepath.Join(h.dir, "log"))
	if err != nil {
		return nil
	}
	var ended, followed []string
	for line := range strings.SplitSeq(string(text), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) != 3 || f[1] != id:
		case f[0] == "end":
			ended = append(ended, f[2])
		case f[0] == "start":
			followed = slices.Clone(ended)
		}
	}
	return followed
}

// TestKillAtAnyMoment kills phased at random moments of runs. No event of a
// finished hook may be lost, the record must stay readable, the run be shown and
// then closed as interrupted, and no two hooks of the base may ever overlap.
func TestKillAtAnyMoment(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	h := newHost(t, 8)
	killed := map[string]bool{} // whether a phase was on record
	for len(killed) < rounds() {
		cmd := h.run()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond)
		// It may have ended before.
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		h.afterKill(killed)
	}
	if out, err := h.run().CombinedOutput(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, out)
	}
	h.allClosed(killed)
	h.noOverlap()
	t.Logf("%d runs were killed before their end", len(killed))
}

// afterKill looks at the record of the run that was killed last, and adds it to
// killed unless it had ended. It returns the hooks that are done on record.
func (h *host) afterKill(killed map[string]bool) (r record, done []string) {
	h.t.Helper()
	r, ok := h.last()
	// A child that was forked and has not yet called exec has the lock of the run
	// file for a moment longer.
	for end := time.Now().Add(patience); ok && r.Status == "running" && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		r, ok = h.last()
	}
	if !ok {
		return r, nil
	}
	if r.Status != "succeeded" {
		killed[r.ID] = len(r.Phases) > 0
		if r.Status != "interrupted" {
			h.t.Errorf("run %s is shown as %s", r.ID, r.Status)
		}
	}
	for _, p := range r.Phases {
		for _, hook := range p.Hooks {
			if hook.Status == "succeeded" {
				done = append(done, hook.Hook)
			}
		}
	}
	for _, want := range h.finished(r.ID) {
		if !slices.Contains(done, want) {
			h.t.Errorf("run %s: %s has finished, and the record has only %q", r.ID, want, done)
		}
	}
	return r, done
}

func (h *host) noOverlap() {
	h.t.Helper()
	if text, err := os.ReadFile(filepath.Join(h.dir, "overlap")); err == nil {
		h.t.Errorf("these hooks ran while another did:\n%s", text)
	}
}

// manyHooks make a run of some 60 events.
const manyHooks = 18

// TestKillAtEveryEvent kills phased as soon as event n is in the run file, for
// every n that a run has (each fourth of them outside of a soak), and then lets
// the next run go on to its end.
func TestKillAtEveryEvent(t *testing.T) {
	h := newHost(t, manyHooks)
	step := 4
	if soaking() {
		step = 1
	}
	first := 1 + int(time.Now().UnixNano())%step
	t.Logf("from event %d on, each %d", first, step)
	killed := map[string]bool{}
	n := first
	for ; h.killAtEvent(n, killed); n += step {
		if n > 1000 {
			t.Fatal("the run never ends")
		}
	}
	if out, err := h.run().CombinedOutput(); err != nil {
		t.Fatalf("the last run: %v\n%s", err, out)
	}
	h.allClosed(killed)
	h.noOverlap()
	t.Logf("%d runs were killed before their end, up to event %d", len(killed), n)
	if len(killed) < 50/step {
		t.Errorf("only %d runs were killed before their end", len(killed))
	}
}

// killAtEvent starts a run and kills it when the event is in its file. It reports
// whether a run has as many events.
func (h *host) killAtEvent(n int, killed map[string]bool) bool {
	h.t.Helper()
	before := h.files()
	cmd := h.run()
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	reached := false
	for over := false; !reached && !over; {
		select {
		case <-ended:
			over = true // and a last look
		case <-time.After(200 * time.Microsecond):
		}
		for _, f := range h.files() {
			if text, err := os.ReadFile(f); err == nil && !slices.Contains(before, f) {
				reached = bytes.Count(text, []byte("\n")) >= n
			}
		}
	}
	// It may have ended before.
	_ = cmd.Process.Kill()
	<-ended
	r, done := h.afterKill(killed)
	if r.Status == "interrupted" {
		h.ends(r, done)
	}
	return reached
}

// ends lets the run that was killed be gone on with, and wants every hook to be
// run to its end then, but those that are passed over as done.
func (h *host) ends(killed record, done []string) {
	h.t.Helper()
	if out, err := h.goOn(killed.ID).CombinedOutput(); err != nil {
		h.t.Fatalf("after run %s: %v\n%s", killed.ID, err, out)
	}
	r, _ := h.last()
	text, err := os.ReadFile(filepath.Join(h.dir, "log"))
	if err != nil || r.ID == killed.ID || r.Status != "succeeded" {
		h.t.Fatalf("the run after %s is %s (%s), %v", killed.ID, r.ID, r.Status, err)
	}
	for i := range manyHooks {
		hook := fmt.Sprintf("%02d-hook", i+1)
		want := 1
		if resumesProcesses && slices.Contains(done, hook) {
			want = 0
		}
		if got := bytes.Count(text, []byte("end "+r.ID+" "+hook+"\n")); got != want {
			h.t.Errorf("run %s, after %s: %s was run %d times, want %d", r.ID, killed.ID, hook, got, want)
		}
	}
}

// files returns the run files.
func (h *host) files() []string {
	all, err := filepath.Glob(filepath.Join(h.dir, "state", "runs", "*.jsonl"))
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// allClosed wants every killed run to be on record as interrupted, with its
// final event in the file. One that was killed before its first line was whole
// has started no hook, and its file is removed.
func (h *host) allClosed(killed map[string]bool) {
	h.t.Helper()
	for id, entered := range killed {
		text, err := os.ReadFile(filepath.Join(h.dir, "state", "runs", id+".jsonl"))
		if errors.Is(err, fs.ErrNotExist) && !entered {
			continue
		}
		if err != nil {
			h.t.Error(err)
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, `"kind":"run.interrupted"`) {
			h.t.Errorf("run %s was not closed; its last line is %s", id, last)
		}
	}
}
