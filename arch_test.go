// Package arch_test holds the architecture: the import rules of
// docs/design.md section 3 and the house rules that a machine can check. Each
// rule is a row with its reason in arch_rules_test.go; the reason is what a
// failing test prints.
package arch_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// source is one parsed Go file of the product.
type source struct {
	path string // slashed, relative to the module's root
	test bool
	text string
	file *ast.File
}

// dir returns the folder that the rules know the file by: "internal/plan" gives
// "plan", others the path itself.
func (s source) dir() string {
	d := filepath.ToSlash(filepath.Dir(s.path))
	if rest, ok := strings.CutPrefix(d, "internal/"); ok {
		first, _, _ := strings.Cut(rest, "/")
		return first
	}
	return d
}

func (s source) internal() bool { return strings.HasPrefix(s.path, "internal/") }

func (s source) imports() []string {
	var paths []string
	for _, i := range s.file.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

func parse(t *testing.T, path, text string) source {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return source{path, strings.HasSuffix(path, "_test.go"), text, f}
}

// sources parses every Go file of the product's own module.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if skip := d.Name() == "testdata" || path == "bin" || path == "tools" || strings.HasPrefix(d.Name(), ".") && path != "."; skip {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, ".go") {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all = append(all, parse(t, filepath.ToSlash(path), string(text)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found only %d Go files: the walk is wrong", len(all))
	}
	return all
}

// check runs one rule over every file.
func check(t *testing.T, rule func(source) []string) {
	t.Helper()
	for _, s := range sources(t) {
		for _, finding := range rule(s) {
			t.Errorf("%s: %s", s.path, finding)
		}
	}
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T)        { check(t, importsOfRooms) }
func TestStandardPackagesThatAreShut(t *testing.T)       { check(t, standardImports) }
func TestLibrariesStayInTheirRooms(t *testing.T)         { check(t, libraryImports) }
func TestNoBlankOrDotImports(t *testing.T)               { check(t, blankImports) }
func TestNoInit(t *testing.T)                            { check(t, inits) }
func TestNoPackageLevelState(t *testing.T)               { check(t, packageVariables) }
func TestOnlyPrintersPrintAndOnlyMainExits(t *testing.T) { check(t, printing) }
func TestNoShellIsBuiltFromNames(t *testing.T)           { check(t, shellTexts) }
func TestFilesAreShort(t *testing.T)                     { check(t, length) }

// TestRoomsAreKnown: the folder list is the architecture.
func TestRoomsAreKnown(t *testing.T) {
	design, err := os.ReadFile("docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	found, err := os.ReadDir("internal")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range found {
		if _, ok := rooms()[d.Name()]; !ok {
			t.Errorf("internal/%s is a room without rules: give it a row in arch_rules_test.go", d.Name())
		}
		if !strings.Contains(string(design), "\n      "+d.Name()+"/") {
			t.Errorf("internal/%s is not in the layout of docs/design.md section 3", d.Name())
		}
	}
	for name := range rooms() {
		if !slices.ContainsFunc(found, func(d fs.DirEntry) bool { return d.Name() == name }) {
			t.Errorf("internal/%s has rules and does not exist: a package that nothing needs yet is not made yet", name)
		}
	}
}

func TestPackagesSayWhatTheyOwn(t *testing.T) {
	docs := map[string]string{} // by folder
	for _, s := range sources(t) {
		dir := filepath.Dir(s.path)
		if s.test && dir != "." {
			continue
		}
		if s.file.Doc != nil || docs[dir] == "" {
			docs[dir] = s.file.Doc.Text() + docs[dir]
		}
	}
	for dir, doc := range docs {
		want := "Package "
		if strings.HasPrefix(dir, "cmd/") || dir == "bench" || dir == "packaging/manual" {
			want = "Command "
		}
		if !strings.HasPrefix(doc, want) {
			t.Errorf("%s has no package comment that starts with %q: say what it owns and what it must not do", dir, want)
		}
	}
}

// pkg is what go list tells of a package.
type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// TestNothingBringsTheNetworkIn looks at what is linked, not only at what is
// imported by hand.
func TestNothingBringsTheNetworkIn(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports", "./cmd/phased")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cannot list what cmd/phased links: %v", err)
	}
	var linked []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		linked = append(linked, p)
	}
	if len(linked) < 50 {
		t.Fatalf("go list names only %d packages", len(linked))
	}
	for _, finding := range networkFindings(linked) {
		t.Error(finding)
	}
}
