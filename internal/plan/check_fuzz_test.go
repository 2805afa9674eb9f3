package plan

import (
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"phased/internal/phased"
)

// Whatever a hook consists of, Check returns findings that have a place in it.
func TestCheckAnyContent(t *testing.T) {
	c := &checker{shells: findShells(), plan: phased.Plan{Surroundings: phased.Surroundings{Dir: "/", Env: []phased.Text{"PATH=" + defaultPath}}}}
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{
			"#!", "/bin/sh", "/bin/bash", "/usr/bin/env", " -S", " bash", "\n", "\r\n", "\t", "if ", "fi\n", "(", ")", "$((", "${", "`", "'", "\"",
			"<<E\n", "E\n", "case x in\n", ";;", "esac\n", "[[ ", "\x00", "\xff", "function f", "{", "}", "#", "&", "|", "!", "a=(", "/ksh\n",
		}),
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
	rapid.Check(t, func(r *rapid.T) {
		content := ""
		for _, p := range rapid.SliceOfN(piece, 0, 30).Draw(r, "pieces") {
			content += p
		}
		checkContent(r, c, []byte(content))
	})
}

func checkContent(t interface{ Fatalf(string, ...any) }, c *checker, content []byte) {
	f := &finder{file: "hook"}
	c.content(f, content, true)
	lines := 1
	for _, b := range content {
		if b == '\n' {
			lines++
		}
	}
	seen := map[string]bool{}
	for _, x := range f.sorted() {
		if x.Line < 0 || x.Line > lines || x.Message == "" || x.Cure == "" || x.Code == "" {
			t.Fatalf("%q: half a finding: %+v", content, x)
		}
		k := string(x.Code) + x.Message
		if seen[k] {
			t.Fatalf("%q: told twice: %+v", content, x)
		}
		seen[k] = true
	}
}

// Check never fails over what a hook consists of.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"#!/bin/sh\nif\n", "#!/usr/bin/env bash\n$((\n", "#!/bin/bash\r\n", "", "\x7fELF", "#!/bin/ksh\n((a[", "x\x00"} {
		f.Add([]byte(s))
	}
	c := &checker{shells: findShells(), plan: phased.Plan{Surroundings: phased.Surroundings{Dir: "/"}}}
	f.Fuzz(func(t *testing.T, content []byte) { checkContent(t, c, content) })
}

// A plan over random trees can be linted, and all findings say something.
func TestCheckAnyTree(t *testing.T) {
	top := t.TempDir()
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		base := filepath.Join(top, string(rune('a'+n%26))+filepath.Base(t.Name())+rapid.StringMatching(`[a-z]{8}`).Draw(r, "dir"))
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(treeNames()), 1, 6, rapid.ID[string]).Draw(r, "names") {
			makeKind(t, base+"/configure.d/"+name, rapid.IntRange(0, 8).Draw(r, "kind"))
		}
		defer removeAll(t, base)
		told(t, Check(mustLoad(t, Options{Base: base}), CheckOptions{}))
	})
}
