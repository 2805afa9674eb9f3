package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"phased/internal/cli"
	"phased/internal/fleetcli"
)

// TestPagesNameWhatThereIs: the commands that pages tell to type are commands of
// phased, with flags that they have.
func TestPagesNameWhatThereIs(t *testing.T) {
	flags := map[string]string{}
	for _, c := range append(cli.Tree().Commands(), fleetcli.Tree().Commands()...) {
		flags[c.Name()] = c.Flags().FlagUsages()
	}
	var pages []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../examples/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, found...)
	}
	typed := regexp.MustCompile("(?m)(?:^ *|[`(]|[$|] |root )phased ([a-z][a-z-]*)((?: +[^ `|;&<>#\n]+)*)")
	flag := regexp.MustCompile(`(?:^| )(--[a-z][a-z-]*)`)
	seen := 0
	for _, page := range pages {
		if filepath.Base(page) == "design.md" {
			continue // it names what is still to come
		}
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range typedOn(string(text)) {
			for _, m := range typed.FindAllStringSubmatch(code, -1) {
				usage, known := flags[m[1]]
				if !known && m[1] != "completion" && m[1] != "help" {
					t.Errorf("%s: %s: no such command", page, m[0])
					continue
				}
				seen++
				for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
					if !regexp.MustCompile(regexp.QuoteMeta(f[1]) + `[ \[=]`).MatchString(usage) {
						t.Errorf("%s: %s: no flag %s", page, m[0], f[1])
					}
				}
			}
		}
	}
	if seen < 200 {
		t.Errorf("found only %d commands: the search is wrong", seen)
	}
}

// typedOn returns what of a page is code: blocks of sh, indented lines, and what
// stands in backquotes.
func typedOn(page string) []string {
	code := regexp.MustCompile("(?ms)^```sh\n.*?^```$").FindAllString(page, -1)
	rest := regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(page, "")
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "    ") {
			code = append(code, strings.TrimSpace(line))
		}
	}
	return append(code, regexp.MustCompile("`[^`\n]+`").FindAllString(rest, -1)...)
}
