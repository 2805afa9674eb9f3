package arch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestPagesAreListed: a page that the index does not name is not found.
func TestPagesAreListed(t *testing.T) {
	index := readPage(t, "docs/README.md")
	for _, page := range pages(t) {
		if name := filepath.Base(page); filepath.Dir(page) == "docs" && name != "README.md" && !strings.Contains(index, "]("+name+")") {
			t.Errorf("docs/README.md does not list %s", name)
		}
	}
}

// TestLinksLeadSomewhere follows the links between pages, to the headings that
// they name.
func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]*)(#[^)]*)?\)`)
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(readPage(t, page), -1) {
			to := page
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
				continue
			}
			if m[2] != "" && filepath.Ext(to) == ".md" && !slices.Contains(anchors(readPage(t, to)), m[2]) {
				t.Errorf("%s links to %s%s: there is no such heading", page, m[1], m[2])
			}
		}
	}
}

// anchors returns the headings of a page as links name them.
func anchors(page string) []string {
	var all []string
	drop := regexp.MustCompile(`[^a-z0-9_ -]`)
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		all = append(all, "#"+strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}

func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) < 5 {
		t.Fatalf("found only the pages %q", all)
	}
	return all
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDocumentedCommandsAreRun: every verb of phased that a page tells to type
// is run by a script, and every make target exists.
func TestDocumentedCommandsAreRun(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) < 10 {
		t.Fatalf("scripts %q, %v", scripts, err)
	}
	run := map[string]bool{}
	verb := regexp.MustCompile(`(?m)\bphased ([a-z][a-z-]+)`)
	for _, script := range scripts {
		for _, m := range regexp.MustCompile(`(?m)^[^#\n]*\bphased ([a-z-]+)`).FindAllStringSubmatch(readPage(t, script), -1) {
			run[m[1]] = true
		}
	}
	makefile := readPage(t, "Makefile")
	code := regexp.MustCompile("(?m)^(?:    |\\$ )(?:phased|make) [^\n]*|`(?:phased|make) [^`\n]*`")
	seen := 0
	for _, page := range pages(t) {
		for _, line := range code.FindAllString(readPage(t, page), -1) {
			seen++
			if m := regexp.MustCompile(`\bmake ([a-z-]+)`).FindStringSubmatch(line); m != nil && !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: %s: the Makefile has no target %s", page, line, m[1])
			}
			if strings.HasPrefix(page, "docs/design") || page == "docs/commands.md" || strings.Contains(line, "make ") {
				continue // the design names what is still to come; the list of commands is made of the commands
			}
			if m := verb.FindStringSubmatch(line); m != nil && !run[m[1]] {
				t.Errorf("%s: %s: no script runs phased %s", page, line, m[1])
			}
		}
	}
	if seen < 20 {
		t.Errorf("found only %d commands in the pages: the search is wrong", seen)
	}
}
