package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// constants returns the values of the constants of a type in a Go file.
func constants(t *testing.T, file, typ string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == typ {
			v, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, v)
		}
		return true
	})
	if len(all) == 0 {
		t.Fatalf("%s has no constants of the type %s", file, typ)
	}
	slices.Sort(all)
	return all
}

// codesOf returns the first column of the tables of a page whose header is that.
func codesOf(t *testing.T, page, header string) []string {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	tables := strings.Split(string(data), "\n| "+header+" |")
	for _, table := range tables[1:] {
		for i, line := range strings.Split(table, "\n") {
			if i < 2 {
				continue
			}
			m := regexp.MustCompile("^\\| `([a-z-]+)` \\| ").FindStringSubmatch(line)
			if m == nil {
				break
			}
			all = append(all, m[1])
		}
	}
	slices.Sort(all)
	return all
}

// The pages have every verdict, code and severity, and no other.
func TestPagesHaveEveryCode(t *testing.T) {
	verdicts := constants(t, "../phased/plan.go", "Verdict")
	if diff := cmp.Diff(verdicts, codesOf(t, "../../docs/plan.md", "verdict")); diff != "" {
		t.Errorf("verdicts (-are +docs/plan.md):\n%s", diff)
	}
	codes := append(constants(t, "check.go", "Code"), slices.DeleteFunc(verdicts, func(v string) bool { return v == "run" })...)
	slices.Sort(codes)
	if diff := cmp.Diff(codes, codesOf(t, "../../docs/check.md", "code")); diff != "" {
		t.Errorf("codes (-are +docs/check.md):\n%s", diff)
	}
	if diff := cmp.Diff(constants(t, "../phased/finding.go", "Severity"), codesOf(t, "../../docs/check.md", "severity")); diff != "" {
		t.Errorf("severities (-are +docs/check.md):\n%s", diff)
	}
}
