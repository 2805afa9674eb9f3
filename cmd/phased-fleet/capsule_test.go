package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCapsule: the page of one run in one file is as good as the others, opened from
// the file, and phased reads the same run back.
func TestCapsule(t *testing.T) {
	s := newSite(t)
	s.history()
	for name, run := range map[string]string{"failed": "last"} {
		file := filepath.Join(s.dir, name+".html")
		s.program("phased-fleet", 0, "capsule", run, "-o", file)
		for _, args := range [][]string{{"show", "--json"}, {"logs", "--raw"}, {"logs", "--json"}} {
			want := s.phased(0, append(args, run)...)
			got := s.phased(0, append(args, "--file", file)...)
			if !bytes.Equal(want, got) {
				t.Errorf("%s: phased %v tells another run", name, args)
			}
		}
		w := newTab(t, "file://")
		look := &walk{tab: w}
		look.capsule(name, (&url.URL{Scheme: "file", Path: file}).String())
	}
}

// capsule looks at a page in a file from all sides.
func (w *walk) capsule(name, address string) {
	w.t.Helper()
	for _, dark := range []bool{false, true} {
		for _, width := range []int64{390, 768, 1280} {
			if name != "failed" && (dark || width != 1280) {
				continue // one is looked at from all sides
			}
			l := look{width: width, dark: dark, still: true}
			w.as(l)
			w.goTo(address)
			where := fmt.Sprintf("capsule %s at %d px, dark %t", name, width, dark)
			w.fits(where)
			w.picture(fmt.Sprintf("capsule-%s-%d-%s", name, width, map[bool]string{false: "light", true: "dark"}[dark]), l)
			eval[int](w.tab, w.aside(), `document.querySelectorAll("details").forEach(d => d.open = true), 1`)
			w.fits(where + ", unfolded")
			w.picture(fmt.Sprintf("capsule-%s-%d-%s-unfolded", name, width, map[bool]string{false: "light", true: "dark"}[dark]), l)
			if width != 768 {
				w.accessible(where)
			}
			w.shape(where)
			w.harmless(where)
			w.still(where)
		}
	}
	w.as(look{width: 1280})
	w.goTo(address)
	w.keyboard(address)
	w.as(look{width: 640, height: 400, scale: 2})
	w.fits(address + " at 200 %")
	// A link to a hook unfolds it.
	w.as(look{width: 1280})
	w.goTo(address)
	w.press(`#run-phases a.hook[href^="#h"]`)
	if bad := eval[string](w.tab, w.aside(), `(() => { const e = document.getElementById(location.hash.slice(1)); return !e ? "no target" : e.checkVisibility() ? "" : "folded"; })()`); bad != "" {
		w.t.Errorf("%s: the link to a hook: %s", name, bad)
	}
	if n := eval[int](w.tab, w.aside(), `document.querySelectorAll("script, link, img, iframe, object, embed, form, [style], [onclick], [onload]").length`); n != 0 {
		w.t.Errorf("%s: %d things that a page of text does not need", name, n)
	}
	w.quiet(name)
}

// TestCapsuleFiles: what is there is not replaced, what is made is for its owner,
// and nothing is left behind.
func TestCapsuleFiles(t *testing.T) {
	s := newSite(t)
	s.program("phased-fleet", 2, "capsule", "-o", "none.html") // nothing is on record
	s.phased(0, s.lifecycle()...)
	s.program("phased-fleet", 2, "capsule")
	s.program("phased-fleet", 2, "capsule", "0ZZZ", "-o", "x.html")
	s.program("phased-fleet", 2, "capsule", "-o", "x.html", "--output-limit", "much")
	s.program("phased-fleet", 2, "capsule", "-o", "nowhere/x.html")
	s.program("phased-fleet", 2, "capsule", "-o", "/dev/null", "--force")
	s.program("phased-fleet", 0, "capsule", "-o", "run.html")
	s.program("phased-fleet", 2, "capsule", "-o", "run.html")
	s.program("phased-fleet", 0, "capsule", "-o", "run.html", "--force")
	info, err := os.Stat(filepath.Join(s.dir, "run.html"))
	s.must(err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	names, err := filepath.Glob(filepath.Join(s.dir, ".phased*"))
	s.must(err)
	if len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
	page, err := os.ReadFile(filepath.Join(s.dir, "run.html"))
	s.must(err)
	out := s.program("phased-fleet", 0, "capsule", "-o", "-")
	if a, b := strip(page), strip(out); a != b {
		t.Error("stdout gets another page than a file")
	}

	// Cut off, changed on its way, and of somebody else.
	for name, c := range map[string]struct {
		page []byte
		says string
	}{
		"cut":     {page[:bytes.Index(page, []byte("\n=record "))], "cut off on its way"},
		"half":    {page[:len(page)/2], "cut off on its way"},
		"edited":  {bytes.Replace(page, []byte("\n=record "), []byte("\nAAAA\n=record "), 1), "damaged"},
		"another": {[]byte("<!doctype html>\n<title>x</title>\n"), "no record of a run"},
	} {
		file := filepath.Join(s.dir, name+".html")
		s.must(os.WriteFile(file, c.page, 0o600))
		for _, verb := range []string{"show", "logs"} {
			cmd := s.command(t.Context(), "phased", verb, "--file", file)
			text, err := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(text), c.says) {
				t.Errorf("%s %s: %v\n%s", verb, name, err, text)
			}
		}
	}
}

// strip takes the time out of a page at which it was made.
func strip(page []byte) string {
	before, _, _ := strings.Cut(string(page), "<footer>")
	return before
}

// TestCapsuleLimit: what does not go in is said, and how much, in the page and in the
// record.
func TestCapsuleLimit(t *testing.T) {
	s := newSite(t)
	s.phased(0, s.lifecycle()...)
	s.program("phased-fleet", 0, "capsule", "-o", "small.html", "--output-limit", "2KiB")
	page, err := os.ReadFile(filepath.Join(s.dir, "small.html"))
	s.must(err)
	if !strings.Contains(string(page), "of what hooks wrote are left out here") {
		t.Error("the page does not say that it lacks something")
	}
	logs := string(s.phased(0, "logs", "--file", "small.html"))
	if !strings.Contains(logs, "left out of") || strings.Contains(logs, "line 150 ") || !strings.Contains(logs, "line 300 ") || !strings.Contains(logs, "up to date") {
		t.Errorf("the log:\n%s", logs)
	}
	if len(logs) > 4<<10 {
		t.Errorf("the log has %d bytes", len(logs))
	}
	s.phased(0, "show", "--file", "small.html")
}

// TestCapsuleOfRoot: root's capsule is made by the user phased, and lies where root
// wants it, which that user could not write.
func TestCapsuleOfRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives its rights up")
	}
	s := newSite(t)
	s.phased(0, s.lifecycle()...)
	for dir := s.dir; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		s.must(os.Chmod(dir, 0o755))
	}
	s.must(os.Chmod(filepath.Dir(s.bin), 0o755))
	const group = 54321
	s.must(filepath.WalkDir(s.state(), func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, 0, group))
	}))
	s.must(os.Mkdir(filepath.Join(s.dir, "mine"), 0o700))
	s.must(os.WriteFile(filepath.Join(s.dir, "passwd"), []byte("root:x:0:0::/root:/bin/sh\nphased:x:54321:54321::/nonexistent:/bin/false\n"), 0o644))
	run := func(want int, args ...string) string {
		t.Helper()
		cmd := s.command(t.Context(), "phased", append([]string{"capsule"}, args...)...)
		script := `mount --bind "$1" /etc/passwd && shift && exec "$@"`
		cmd.Args = append([]string{"unshare", "-m", "sh", "-c", script, "sh", filepath.Join(s.dir, "passwd")}, append([]string{cmd.Path}, cmd.Args[1:]...)...)
		cmd.Path = "/usr/bin/unshare"
		text, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("capsule %q: %d, not %d: %v\n%s", args, got, want, err, tail(text))
		}
		return string(text)
	}
	file := filepath.Join(s.dir, "mine", "run.html")
	run(0, "-o", file)
	run(2, "-o", file)
	run(0, "-o", file, "--force", "last")
	run(2, "-o", file, "--force", "0ZZZ")
	run(2, "-o", filepath.Join(s.dir, "nowhere", "x.html"))
	if text := run(0, "-o", "-"); !strings.HasPrefix(text, "<!doctype html>") {
		t.Errorf("stdout has %.100q", text)
	}
	info, err := os.Stat(file)
	s.must(err)
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid != 0 || info.Mode() != 0o600 {
		t.Errorf("the file is %v", info.Mode())
	}
	s.phased(0, "show", "--file", file)
	names, err := os.ReadDir(filepath.Dir(file))
	s.must(err)
	if len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

// TestCapsuleOfRootEndsBySignals: where it is ended, nothing is left where the page
// was to be, and the exit code tells of the signal.
func TestCapsuleOfRootEndsBySignals(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives its rights up")
	}
	s := newSite(t)
	bin, place := filepath.Join(s.dir, "bin"), filepath.Join(s.dir, "mine")
	s.must(errors.Join(os.Mkdir(bin, 0o755), os.Mkdir(place, 0o700)))
	s.must(os.Link(filepath.Join(s.bin, "phased"), filepath.Join(bin, "phased")))
	s.must(os.WriteFile(filepath.Join(bin, "phased-fleet"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o755))
	for dir := bin; dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		s.must(os.Chmod(dir, 0o755))
	}
	s.must(os.WriteFile(filepath.Join(s.dir, "passwd"), []byte("root:x:0:0::/root:/bin/sh\nphased:x:54321:54321::/nonexistent:/bin/false\n"), 0o644))
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", `mount --bind "$1" /etc/passwd && exec "$2" capsule -o "$3"`,
			"sh", filepath.Join(s.dir, "passwd"), filepath.Join(bin, "phased"), filepath.Join(place, "run.html"))
		cmd.Env = append(os.Environ(), "PHASED_STATE_DIR="+s.state())
		s.must(cmd.Start())
		left := func() []os.DirEntry {
			names, err := os.ReadDir(place)
			s.must(err)
			return names
		}
		for end := time.Now().Add(patience); len(left()) == 0; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: it did not begin", sig)
			}
		}
		s.must(cmd.Process.Signal(sig))
		// An error is in the exit code.
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 128+int(sig) {
			t.Errorf("%s: it ended with %v", sig, cmd.ProcessState)
		}
		if names := left(); len(names) > 0 {
			t.Fatalf("%s: left behind: %v", sig, names)
		}
	}
}

// TestCapsuleOfOldRuns: runs of every version that was released, of every kind of
// lifecycle, go into a capsule and come out as they are.
func TestCapsuleOfOldRuns(t *testing.T) {
	s := newSite(t)
	files, err := filepath.Glob("../../testdata/runs/*.jsonl")
	s.must(err)
	s.must(os.MkdirAll(filepath.Join(s.state(), "runs"), 0o750))
	id := regexp.MustCompile(`^\{"v":1,"run":"([^"]*)"`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		s.must(err)
		found := id.FindSubmatch(text)
		if found == nil {
			t.Fatalf("%s does not begin as a run file", file)
		}
		run := string(found[1])
		s.must(os.WriteFile(filepath.Join(s.state(), "runs", run+".jsonl"), text, 0o640))
		page := filepath.Join(s.dir, run+".html")
		s.program("phased-fleet", 0, "capsule", run, "-o", page)
		var said [2]string
		for i, path := range []string{file, page} {
			path, err := filepath.Abs(path)
			s.must(err)
			said[i] = string(s.phased(0, "show", "--json", "--file", path)) + string(s.phased(0, "logs", "--json", "--file", path))
		}
		if said[0] != said[1] {
			t.Errorf("%s comes out of a capsule as another run", file)
		}
	}
	if len(files) < 5 {
		t.Errorf("only %d old runs", len(files))
	}
}
