package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The hooks notify where the generation is another than when they last did, by each
// of the three ways, and the handlers write down which generation they serve.
func notifyHooks() map[string]string {
	handler := func(name string) string {
		return "#!/bin/sh\n# phased: when=notified:" + name + "\n" +
			`echo "start ` + name + ` $(cat "$STATE/generation") $PHASED_RUN_ID" >>"$STATE/served"` + "\n" +
			`echo "end ` + name + ` $(cat "$STATE/generation") $PHASED_RUN_ID" >>"$STATE/served"` + "\n"
	}
	ifNew := func(how string) string {
		return "#!/bin/sh -e\n" + `if ! cmp -s "$STATE/generation" "$STATE/$PHASED_HOOK"; then
	` + how + `
	cp "$STATE/generation" "$STATE/$PHASED_HOOK"
fi
`
	}
	return map[string]string{
		"configure.d/10-changed":    "#!/bin/sh -e\nphased changed --notify changed \"$STATE/generation\"\n",
		"configure.d/20-notify":     ifNew("phased notify notify"),
		"configure.d/30-line":       ifNew(`echo line >>"$PHASED_NOTIFY"`),
		"configure.d/40-else":       "#!/bin/sh\n",
		"post-configure.d/10-first": handler("changed"),
		"post-configure.d/20-next":  handler("notify"),
		"post-configure.d/30-last":  handler("line"),
		"post-configure.d/40-else":  "#!/bin/sh\n",
	}
}

// notifyHost is a host with those hooks.
func notifyHost(t *testing.T) *host {
	t.Helper()
	h := newHost(t, 0)
	for name, text := range notifyHooks() {
		path := filepath.Join(h.dir, "base", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(h.dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(h.self, filepath.Join(h.dir, "bin", "phased")); err != nil {
		t.Fatal(err)
	}
	return h
}

// generation starts a new generation.
func (h *host) generation(n int) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, "generation"), fmt.Appendln(nil, n), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) runNotify() *exec.Cmd {
	return h.phased("run", "--base", filepath.Join(h.dir, "base"), "--env", "STATE="+h.dir, "--env", "PATH="+h.dir+"/bin:"+os.Getenv("PATH"),
		"--env", "GORACE="+noSleep, "--orphans=kill", "--grace", "50ms")
}

// facts tells what lies in the private part of the state directory, so that a
// change of it shows.
func (h *host) facts() string {
	var all []string
	dirs, _ := filepath.Glob(filepath.Join(h.dir, "state", "private", "*.d", "*"))
	for _, f := range dirs {
		if info, err := os.Lstat(f); err == nil {
			all = append(all, f+" "+strconv.FormatInt(info.ModTime().UnixNano(), 10)+" "+strconv.FormatInt(info.Size(), 10))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// killNotify starts a run and kills it when enough is true. It reports whether that
// came before its end.
func (h *host) killNotify(enough func() bool) bool {
	h.t.Helper()
	cmd := h.runNotify()
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	for reached := false; !reached; {
		select {
		case <-ended:
			return false
		default:
			reached = enough()
		}
	}
	_ = cmd.Process.Kill() // it may have ended before
	<-ended
	return true
}

// pendingNow tells which names are pending for their handlers.
func (h *host) pendingNow() map[string]bool {
	h.t.Helper()
	out, err := h.phased("plan", "--base", filepath.Join(h.dir, "base")).CombinedOutput()
	if err != nil {
		h.t.Fatalf("plan: %v\n%s", err, out)
	}
	pending := map[string]bool{}
	for _, name := range []string{"changed", "notify", "line"} {
		pending[name] = bytes.Contains(out, []byte("pending: notified "+name+":"))
	}
	return pending
}

// starts counts how often a handler was started for a generation.
func (h *host) starts(name string, generation int) int {
	text, err := os.ReadFile(filepath.Join(h.dir, "served"))
	if err != nil {
		return 0
	}
	return bytes.Count(text, fmt.Appendf(nil, "start %s %d ", name, generation))
}

// serves lets a killed run be gone on with, and wants each handler to have run once
// for the generation; more often only where it was started, and neither on record
// as ended nor put down as having ended well when phased died. (That it was started
// may not be on record yet.)
func (h *host) serves(generation int, at string) {
	h.t.Helper()
	r, _ := h.afterKill(map[string]bool{})
	ended := map[string]bool{}
	for _, p := range r.Phases {
		for _, hook := range p.Hooks {
			ended[hook.Hook] = hook.Status == "succeeded"
		}
	}
	pending := h.pendingNow()
	cmd := h.runNotify()
	if len(r.Phases) > 0 && r.Status == "interrupted" {
		cmd = h.phased("resume", r.ID, "--orphans=kill", "--grace", "50ms")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		h.t.Fatalf("%s: after run %s: %v\n%s", at, r.ID, err, out)
	}
	for name, hook := range map[string]string{"changed": "10-first", "notify": "20-next", "line": "30-last"} {
		n := h.starts(name, generation)
		again := !ended[hook] && pending[name]
		if n == 0 || n > 1 && !again {
			h.t.Errorf("%s: %s was served %d times in generation %d (on record as ended when phased died: %v, pending then: %v)", at, name, n, generation, ended[hook], pending[name])
		}
		if still := h.pendingNow(); still[name] {
			h.t.Errorf("%s: %s is still pending", at, name)
		}
	}
}

// TestKillBetweenNotifiedAndServed kills phased as soon as event n is on record, and
// as soon as the nth change of what is remembered shows, for all n (each third one
// outside of a soak), and goes on. Each time every handler runs, and once.
func TestKillBetweenNotifiedAndServed(t *testing.T) {
	h := notifyHost(t)
	step := 3
	if soaking() {
		step = 1
	}
	generation := 1
	h.generation(generation)
	if out, err := h.runNotify().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	killed := 0
	for n := 1 + int(time.Now().UnixNano()/1000)%step; ; n += step {
		generation++
		h.generation(generation)
		before := h.files()
		reached := h.killNotify(func() bool { return h.events(before) >= n })
		h.serves(generation, fmt.Sprintf("at event %d", n))
		if !reached {
			break
		}
		killed++
	}
	events := killed
	for n := 1 + int(time.Now().UnixNano()/1000)%step; ; n += step {
		generation++
		h.generation(generation)
		last, changes := h.facts(), 0
		reached := h.killNotify(func() bool {
			if now := h.facts(); now != last {
				last = now
				changes++
			}
			return changes >= n
		})
		h.serves(generation, fmt.Sprintf("at change %d", n))
		if !reached {
			break
		}
		killed++
	}
	t.Logf("killed at %d events and %d changes", events, killed-events)
	if events < 15/step || killed-events < 6/step {
		t.Errorf("only %d runs were killed at events, and %d at changes", events, killed-events)
	}
}

// events counts the lines of the run files that are new.
func (h *host) events(before []string) int {
	n := 0
	for _, f := range h.files() {
		if text, err := os.ReadFile(f); err == nil && !slices.Contains(before, f) {
			n += bytes.Count(text, []byte("\n"))
		}
	}
	return n
}

// TestManyNotifyAtOnce lets 50 processes notify at once, in one hook: none is lost.
func TestManyNotifyAtOnce(t *testing.T) {
	h := notifyHost(t)
	hook := "#!/bin/sh\nfor i in $(seq 50); do phased notify n$i & done; wait\n"
	if err := os.WriteFile(filepath.Join(h.dir, "base", "configure.d", "50-many"), []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		text := fmt.Sprintf("#!/bin/sh\n# phased: when=notified:n%d\necho \"$PHASED_HOOK\" >>\"$STATE/many\"\n", i+1)
		if err := os.WriteFile(filepath.Join(h.dir, "base", "post-configure.d", fmt.Sprintf("50-n%d", i+1)), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.generation(1)
	if out, err := h.runNotify().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(h.dir, "many"))
	if err != nil || bytes.Count(text, []byte("\n")) != 50 {
		t.Errorf("%d of 50 handlers ran, %v\n%s", bytes.Count(text, []byte("\n")), err, text)
	}
}
