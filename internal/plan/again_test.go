package plan

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// old gives a file times that lie far enough back for its digest to be kept,
// and waits until the kernel's own time of change does so too.
func old(t *testing.T, path string) {
	t.Helper()
	for {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil {
			t.Fatal(err)
		}
		if time.Since(time.Unix(st.Ctim.Unix())) > 2*settled {
			return
		}
		time.Sleep(settled)
	}
}

// configure returns the phase configure of a plan of that base.
func configure(t *testing.T, base string) phased.PlannedPhase {
	t.Helper()
	return mustLoad(t, Options{Base: base}).Phases[1]
}

func mustList(t *testing.T, p phased.PlannedPhase) phased.PlannedPhase {
	t.Helper()
	now, err := List(p)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// A digest is taken over only where nothing about the file has changed, and a
// file that was changed a moment ago is read again.
func TestDigestsAreTakenOver(t *testing.T) {
	base := t.TempDir()
	path := base + "/configure.d/10-a"
	hook(t, path)
	fresh := configure(t, base)
	if fresh.Entries[0].File != (phased.FileID{}) {
		t.Error("a file that was written just now may change within the same tick, and is trusted")
	}
	old(t, path)
	p := configure(t, base)
	p.Entries[0].Digest = "taken over"
	if got := mustList(t, p).Entries[0].Digest; got != "taken over" {
		t.Errorf("the digest of a file that was left alone was made again: %s", got)
	}
	again := mustList(t, mustList(t, p))
	if got := again.Entries[0].Digest; got != "taken over" {
		t.Errorf("listed twice: %s", got)
	}
	// The same size and modification time, another content.
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, "#!/bin/SH\n", 0o755)
	if err := os.Chtimes(path, fi.ModTime(), fi.ModTime()); err != nil {
		t.Fatal(err)
	}
	if got := mustList(t, p).Entries[0].Digest; got == "taken over" || got == fresh.Entries[0].Digest {
		t.Errorf("the digest of another content is %s", got)
	}
	// Another file in its place, with the same times.
	old(t, path)
	p = configure(t, base)
	p.Entries[0].Digest = "taken over"
	hook(t, base+"/other")
	if err := os.Rename(base+"/other", path); err != nil {
		t.Fatal(err)
	}
	if got := mustList(t, p).Entries[0].Digest; got != fresh.Entries[0].Digest {
		t.Errorf("the digest of another file is %s", got)
	}
}

// What changes between plan and run, and what Compare says of it.
func TestCompare(t *testing.T) {
	diff := func(name, what, was, is string) []phased.Difference {
		return []phased.Difference{{Name: phased.Text(name), What: what, Was: was, Is: is}}
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, d string)
		want   []phased.Difference
	}{
		"nothing":                {func(*testing.T, string) {}, nil},
		"touched":                {func(t *testing.T, d string) { check(t, os.Chtimes(d+"10-a", time.Now(), time.Unix(1, 0))) }, nil},
		"same again":             {func(t *testing.T, d string) { check(t, os.Remove(d+"10-a")); hook(t, d+"10-a") }, nil},
		"vanished":               {func(t *testing.T, d string) { check(t, os.Remove(d+"10-a")) }, diff("10-a", "removed", "run", "")},
		"lost its x":             {func(t *testing.T, d string) { check(t, os.Chmod(d+"10-a", 0o644)) }, diff("10-a", "verdict", "run", "not-executable")},
		"got its x":              {func(t *testing.T, d string) { check(t, os.Chmod(d+"20-b", 0o755)) }, diff("20-b", "verdict", "not-executable", "run")},
		"other content":          {func(t *testing.T, d string) { write(t, d+"10-a", "#!/bin/bash\n", 0o755) }, diff("10-a", "content", "a8076d3d28d2", "b875f928546a")},
		"other content, not run": {func(t *testing.T, d string) { write(t, d+"20-b", "x", 0o644) }, nil},
		"added":                  {func(t *testing.T, d string) { hook(t, d+"15-c") }, diff("15-c", "added", "", "run")},
		"added, not run":         {func(t *testing.T, d string) { write(t, d+"c.sh", "", 0o755) }, diff("c.sh", "added", "", "name-has-dot")},
		"masked":                 {func(t *testing.T, d string) { check(t, os.Remove(d+"10-a")); link(t, "/dev/null", d+"10-a") }, diff("10-a", "verdict", "run", "masked")},
		"all gone": {
			func(t *testing.T, d string) { check(t, os.RemoveAll(d)) },
			append(diff("10-a", "removed", "run", ""), diff("20-b", "removed", "not-executable", "")...),
		},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			hook(t, base+"/configure.d/10-a")
			write(t, base+"/configure.d/20-b", "", 0o644)
			p := configure(t, base)
			c.change(t, base+"/configure.d/")
			if diff := cmp.Diff(c.want, Compare(p, mustList(t, p))); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// An override that turns up changes two entries of the same name; an order that
// changes is told by places.
func TestCompareRootsAndOrder(t *testing.T) {
	dir := t.TempDir()
	hook(t, dir+"/low/configure.d/10-a")
	mkdir(t, dir+"/high")
	p := mustLoad(t, Options{Settings: parse(t, fmt.Sprintf("roots: [%[1]s/low, %[1]s/high]", dir))}).Phases[1]
	hook(t, dir+"/high/configure.d/10-a") // a directory that was not there before
	now := mustList(t, p)
	want := []phased.Difference{{Name: "10-a", What: "verdict", Was: "run", Is: "shadowed"}, {Name: "10-a", What: "added", Is: "run"}}
	if diff := cmp.Diff(want, Compare(p, now)); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if len(now.Dirs) != 2 || string(now.Hooks()[0].Path) != dir+"/high/configure.d/10-a" {
		t.Errorf("listed %+v", now)
	}
	a, b, c := phased.Entry{Name: "a", Path: "/a", Verdict: "run"}, phased.Entry{Name: "b", Path: "/b", Verdict: "run"}, phased.Entry{Name: "c", Path: "/c", Verdict: "run"}
	got := Compare(phased.PlannedPhase{Entries: []phased.Entry{a, b, c}}, phased.PlannedPhase{Entries: []phased.Entry{b, a, c}})
	want = []phased.Difference{{Name: "a", What: "order", Was: "1", Is: "2"}, {Name: "b", What: "order", Was: "2", Is: "1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	// One that goes moves no other.
	got = Compare(phased.PlannedPhase{Entries: []phased.Entry{a, b, c}}, phased.PlannedPhase{Entries: []phased.Entry{b, c}})
	if diff := cmp.Diff([]phased.Difference{{Name: "a", What: "removed", Was: "run"}}, got); diff != "" {
		t.Errorf("removed (-want +got):\n%s", diff)
	}
}

// A phase that cannot be listed any more is an error, and no empty phase.
func TestListErrors(t *testing.T) {
	base := t.TempDir() + "/base"
	hook(t, base+"/configure.d/10-a")
	p := configure(t, base)
	check(t, os.RemoveAll(base+"/configure.d"))
	if now := mustList(t, p); !now.Missing || len(now.Entries) != 0 {
		t.Errorf("an optional phase that went: %+v", now)
	}
	strict := p
	strict.Optional = false
	if _, err := List(strict); err == nil || !strings.Contains(err.Error(), "there is no directory configure.d") {
		t.Errorf("a phase that must be there went: %v", err)
	}
	write(t, base+"/configure.d", "", 0o644)
	if _, err := List(p); err == nil || !strings.Contains(err.Error(), "is not a directory but a file") {
		t.Errorf("a phase that became a file: %v", err)
	}
	check(t, os.RemoveAll(base))
	if _, err := List(p); err == nil || !strings.Contains(err.Error(), "base directory does not exist") {
		t.Errorf("a base that went: %v", err)
	}
	p.Names = "["
	if _, err := List(p); err == nil || !strings.Contains(err.Error(), "name filter") {
		t.Errorf("a filter that is none: %v", err)
	}
}

// The digest changes with everything that a plan will do, and with nothing else.
func TestPlanDigest(t *testing.T) {
	base := t.TempDir()
	hook(t, base+"/configure.d/10-a")
	hook(t, base+"/configure.d/20-b")
	write(t, base+"/configure.d/README", "", 0o644)
	write(t, base+"/error.d/10-e", "", 0o755)
	o := func(text string) Options { return Options{Base: base, Settings: parse(t, text)} }
	first := mustLoad(t, o("")).Digest
	if len(first) != 64 {
		t.Fatalf("digest %q", first)
	}
	seen := map[string]string{first: "the first"}
	same := func(what string, o Options) {
		t.Helper()
		if got := mustLoad(t, o).Digest; got != first {
			t.Errorf("%s: the digest changed", what)
		}
	}
	other := func(what string, o Options) {
		t.Helper()
		d := mustLoad(t, o).Digest
		if was, known := seen[d]; known {
			t.Errorf("%s: the digest is that of %s", what, was)
		}
		seen[d] = what
	}
	same("again", o(""))
	same("settings that say the default", o("grace: 10s\numask: 022\nretention: {runs: 5}\ndurability: hook"))
	minute := time.Minute
	for _, text := range []string{
		"grace: 9s", "timeout: 1h", "phase-timeout: 1h", "hook-timeout: 1h", "failure-timeout: 1h", "umask: 027", "stdin: inherit",
		"directory: /usr", "environment: {A: b}", "environment: {A: c}", "environment: {AB: ''}", "lifecycles: {refresh: {on-failure: continue}}",
		"lifecycles: {refresh: {order: glob}}", "lifecycles: {refresh: {list: pinned}}", "lifecycles: {refresh: {names: '^[0-9A-Za-z_-]*$'}}",
		"lifecycles: {refresh: {failure: {name: error, hook-timeout: 1h}}}", "lifecycles: {refresh: {phases: [{name: configure}]}}",
		"lifecycles: {refresh: {phases: [{name: x, dir: configure.d}]}}", "lifecycles: {refresh: {phases: [{name: configure, optional: true}]}}",
	} {
		other(text, o(text))
	}
	other("--timeout", Options{Base: base, Timeout: &minute})
	other("--env", Options{Base: base, Env: []string{"A=--env"}})
	check(t, os.Chtimes(base+"/configure.d/10-a", time.Now(), time.Unix(1, 0)))
	same("another time", o(""))
	write(t, base+"/configure.d/README", "other", 0o644)
	same("another content of what does not run", o(""))
	for _, c := range []struct {
		what string
		do   func()
	}{
		{"content", func() { write(t, base+"/configure.d/10-a", "#!/bin/bash\n", 0o755) }},
		{"mode of a hook", func() { check(t, os.Chmod(base+"/configure.d/10-a", 0o700)) }},
		{"verdict", func() { check(t, os.Chmod(base+"/configure.d/20-b", 0o644)) }},
		{"new entry", func() { write(t, base+"/configure.d/c.txt", "", 0o644) }},
		{"rename", func() { check(t, os.Rename(base+"/configure.d/10-a", base+"/configure.d/11-a")) }},
		{"failure phase", func() { write(t, base+"/error.d/10-e", "x", 0o755) }},
		{"new phase", func() { mkdir(t, base+"/migration.d") }},
	} {
		c.do()
		other(c.what, o(""))
	}
}
