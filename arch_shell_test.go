package arch_test

import (
	"go/ast"
	"go/token"
	"strings"
)

// shellTexts holds that what a program is told to run by -c is written in the
// source: a name goes into an argument of its own, where nothing in it means
// anything.
func shellTexts(s source) []string {
	if s.test || !s.internal() && s.dir() != "cmd/phased" {
		return nil
	}
	var found []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		var words []ast.Expr
		switch n := n.(type) {
		case *ast.CallExpr:
			words = n.Args
		case *ast.CompositeLit:
			words = n.Elts
		}
		for i, w := range words {
			if !shellOption(w) {
				continue
			}
			if i+1 == len(words) || !written(words[i+1]) {
				found = append(found, "-c with a text that is put together: give a shell names as arguments ($1), or by the environment")
			}
		}
		return true
	})
	return found
}

// shellOption tells -c, and options that end with it, as -ec.
func shellOption(e ast.Expr) bool {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return false
	}
	text := strings.Trim(l.Value, "\"`")
	return len(text) > 1 && text[0] == '-' && text[1] != '-' && text[len(text)-1] == 'c' && !strings.ContainsAny(text, " %=")
}

// written tells a text that stands in the source as a whole.
func written(e ast.Expr) bool {
	l, ok := e.(*ast.BasicLit)
	return ok && l.Kind == token.STRING
}
