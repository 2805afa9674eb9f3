package arch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryAttackIsTried holds the table of docs/security.md to the tests: each
// row names one that exists, and no script of that name is left out.
func TestEveryAttackIsTried(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "\n|---|---|---|\n")
	if !found {
		t.Fatal("docs/security.md has no table of attacks")
	}
	var tests strings.Builder
	for _, s := range sources(t) {
		if s.test {
			tests.WriteString(s.text)
		}
	}
	named, rows := map[string]bool{}, 0
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) < 3 {
			continue
		}
		rows++
		name := cells[len(cells)-1]
		named[name] = true
		if strings.HasSuffix(name, ".txtar") {
			if _, err := os.Stat(filepath.Join("testdata/script", name)); err != nil {
				t.Errorf("%s: there is no such script", cells[0])
			}
		} else if !strings.Contains(tests.String(), "func "+name+"(t *testing.T)") {
			t.Errorf("%s: there is no test %s", cells[0], name)
		}
	}
	if rows < 25 {
		t.Errorf("the table has %d rows, want 25 or more", rows)
	}
	scripts, err := filepath.Glob("testdata/script/security_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scripts {
		if !named[filepath.Base(s)] {
			t.Errorf("no row of docs/security.md names %s", s)
		}
	}
}
