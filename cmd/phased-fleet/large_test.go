package main

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The largest run that a page must cope with.
const (
	manyHooks = 5000
	muchLog   = 100 << 20 // bytes, all of them on record
)

// largest is how large a page may be, in bytes: what a browser shows at once.
const largest = 16 << 20

// TestLarge: a run of 5,000 hooks and one with 100 MiB of output stay usable: as pages, as
// capsules and in phased show.
func TestLarge(t *testing.T) {
	s := newSite(t)
	base := filepath.Join(s.dir, "large")
	for _, dir := range []string{"many.d", "much.d"} {
		s.must(os.MkdirAll(filepath.Join(base, dir), 0o755))
	}
	for i := range manyHooks {
		script := "#!/bin/true\n"
		if i%500 == 7 {
			script = "#!/bin/sh\necho hook " + fmt.Sprint(i) + "\n"
		}
		s.must(os.WriteFile(filepath.Join(base, "many.d", fmt.Sprintf("%04d-hook", i)), []byte(script), 0o755))
	}
	line := "\x1b[32mok\x1b[0m <b>" + strings.Repeat("x", 60)
	s.must(os.WriteFile(filepath.Join(base, "much.d", "10-much"), fmt.Appendf(nil, "#!/bin/bash\nyes '%s' | head -c %d\necho the last line\nexit 3\n", line, muchLog), 0o755))
	s.must(os.WriteFile(filepath.Join(s.dir, "large.yaml"), fmt.Appendf(nil, "output-limit: %d\nlifecycles:\n  many: {phases: [many]}\n  much: {phases: [much]}\n", 2*muchLog), 0o644))
	for lifecycle, want := range map[string]int{"many": 0, "much": 1} {
		cmd := s.command(t.Context(), "phased", "run", lifecycle, "--config", "large.yaml", "--base", base, "--json")
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != want {
			t.Fatalf("%s: %v", lifecycle, err)
		}
	}

	for _, run := range []string{"last", "-2"} {
		text := s.terminal("show", run)
		tame(t, "show "+run, text)
		if lines := bytes.Count(text, []byte("\n")); lines > 100 {
			t.Errorf("show %s has %d lines", run, lines)
		}
		file := filepath.Join(s.dir, "run"+run+".html")
		s.program("phased-fleet", 0, "capsule", run, "-o", file)
		info, err := os.Stat(file)
		s.must(err)
		t.Logf("the capsule of %s has %d KiB", run, info.Size()>>10)
		if info.Size() > 2*largest {
			t.Errorf("the capsule of %s has %d MiB", run, info.Size()>>20)
		}
		if out := s.terminal("show", "--file", file); !bytes.Contains(out, []byte("large")) {
			t.Errorf("show --file: %s", tail(out))
		}
		w := &walk{tab: newTab(t, "file://")}
		w.as(look{width: 1280})
		w.goTo((&url.URL{Scheme: "file", Path: file}).String())
		w.shape(file)
		w.fits(file)
		w.quiet(file)
	}

	s.serve()
	walkWith(t, s, walk{large: true, also: func(w *walk, where string) {
		if n := eval[int](w.tab, w.aside(), `document.documentElement.outerHTML.length`); n > largest {
			w.t.Errorf("%s has %d KiB", where, n>>10)
		}
	}})
}
