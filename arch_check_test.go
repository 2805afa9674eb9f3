package arch_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// importsOfRooms holds the layers: siblings never import each other.
func importsOfRooms(s source) []string {
	var found []string
	for _, path := range s.imports() {
		to, ok := strings.CutPrefix(path, "phased/internal/")
		if !ok {
			if strings.HasPrefix(path, "phased/") {
				found = append(found, fmt.Sprintf("imports %s: programs, benchmarks and examples are imported by nobody", path))
			}
			continue
		}
		to, _, _ = strings.Cut(to, "/")
		if r := rooms()[to]; r.tests && !s.test && s.dir() != to {
			found = append(found, fmt.Sprintf("imports internal/%s outside of tests: %s", to, r.why))
		} else if why := mayNot(s.dir(), to, s.internal()); why != "" {
			found = append(found, fmt.Sprintf("imports internal/%s: %s", to, why))
		}
	}
	return found
}

// mayNot returns why from must not import to, or "".
func mayNot(from, to string, internal bool) string {
	if !internal {
		may, ok := commands()[from]
		if !ok {
			return from + " has no row in commands()"
		}
		if slices.Contains(may, to) {
			return ""
		}
		return fmt.Sprintf("%s may import only %v: it wires nothing by itself", from, may)
	}
	r, known := rooms()[from]
	target := rooms()[to]
	switch {
	case !known:
		return from + " has no row in rooms()"
	case from == to, slices.Contains(r.may, to), target.leaf && !r.leaf, to == "phased":
		return ""
	case r.wires && !target.wires:
		return ""
	case r.wires:
		return "rooms that wire do not wire each other; " + from + ": " + r.why
	}
	return fmt.Sprintf("siblings never import each other; %s: %s", from, r.why)
}

// standardImports holds what a room may not touch of the standard library. Test
// files may use anything: they are where files are made and programs started.
func standardImports(s source) []string {
	if s.test || !s.internal() && s.dir() != "cmd/phased" {
		return nil
	}
	var found []string
	for _, path := range s.imports() {
		if why, shut := shutToAll()[path]; shut && !slices.Contains(rooms()[s.dir()].opens, path) {
			found = append(found, fmt.Sprintf("imports %s: %s", path, why))
		} else if r := rooms()[s.dir()]; slices.Contains(r.shut, path) {
			found = append(found, fmt.Sprintf("imports %s: %s", path, r.why))
		}
	}
	return found
}

// libraryImports holds who may use which foreign module.
func libraryImports(s source) []string {
	var found []string
	for _, path := range s.imports() {
		first, _, _ := strings.Cut(path, "/")
		if !strings.Contains(first, ".") {
			continue // standard or the product's own
		}
		name, lib := libraryOf(path)
		switch {
		case name == "":
			found = append(found, fmt.Sprintf("imports %s: the module has no row in libraries()", path))
		case lib.tests && !s.test:
			found = append(found, fmt.Sprintf("imports %s outside of tests: %s", path, lib.why))
		case !s.test && lib.rooms != nil && !slices.Contains(lib.rooms, s.dir()):
			found = append(found, fmt.Sprintf("imports %s: %s", path, lib.why))
		}
	}
	return found
}

func libraryOf(path string) (string, library) {
	for name, lib := range libraries() {
		if path == name || strings.HasPrefix(path, name+"/") {
			return name, lib
		}
	}
	return "", library{}
}

// blankImports: a package that is imported for its side effect is a registry.
func blankImports(s source) []string {
	var found []string
	for _, i := range s.file.Imports {
		path := strings.Trim(i.Path.Value, `"`)
		switch {
		case i.Name == nil, i.Name.Name == "_" && path == "embed": // what //go:embed of a string asks for
		case i.Name.Name == "_":
			found = append(found, fmt.Sprintf("imports %s for its side effect: call what you need", path))
		case i.Name.Name == ".":
			found = append(found, fmt.Sprintf("imports %s with a dot: the reader cannot tell whose names these are", path))
		}
	}
	return found
}

func inits(s source) []string {
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			return []string{"has func init: it runs at every start of every personality, whether it is needed or not"}
		}
	}
	return nil
}

// packageVariables allows sentinel errors, embedded files, interface assertions
// and what globals() lists.
func packageVariables(s source) []string {
	if s.test {
		return nil
	}
	var found []string
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for i, name := range v.Names {
				if why := badVariable(s, g, v, i, name.Name); why != "" {
					found = append(found, fmt.Sprintf("var %s: %s", name.Name, why))
				}
			}
		}
	}
	return found
}

func badVariable(s source, g *ast.GenDecl, v *ast.ValueSpec, i int, name string) string {
	if _, ok := globals()[filepath.ToSlash(filepath.Dir(s.path))+" "+name]; ok || name == "_" {
		return ""
	}
	if strings.Contains(g.Doc.Text()+comment(g.Doc)+comment(v.Doc), "//go:embed") {
		return ""
	}
	if i < len(v.Values) {
		switch call := callee(v.Values[i]); call {
		case "errors.New":
			return ""
		case "regexp.MustCompile", "regexp.MustCompilePOSIX", "template.Must":
			return call + " at package level is paid for at every start: build it where it is used"
		}
	}
	return "package-level state: make it a constant, a function that returns a table, or a field"
}

// comment returns the raw text of a comment group, directives included.
func comment(g *ast.CommentGroup) string {
	if g == nil {
		return ""
	}
	var b strings.Builder
	for _, c := range g.List {
		b.WriteString(c.Text + "\n")
	}
	return b.String()
}

// callee returns "pkg.Func" of a call, or "".
func callee(e ast.Expr) string {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return ""
	}
	return selector(call.Fun)
}

func selector(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return x.Name + "." + sel.Sel.Name
}

// printing: only what speaks to a person prints, and only main ends the process.
func printing(s source) []string {
	if s.test {
		return nil
	}
	prints := slices.Contains(printers(), s.dir())
	_, passes := passers()[s.dir()]
	main := s.file.Name.Name == "main"
	var found []string
	ast.Inspect(s.file, func(n ast.Node) bool {
		if id, ok := n.(*ast.CallExpr); ok {
			if f, ok := id.Fun.(*ast.Ident); ok && (f.Name == "print" || f.Name == "println") {
				found = append(found, f.Name+": it is for debugging")
			}
		}
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		switch name := selector(e); name {
		case "fmt.Print", "fmt.Println", "fmt.Printf":
			if !prints {
				found = append(found, name+": nothing prints but cli and compat; take a writer")
			}
		case "os.Stdout", "os.Stderr", "os.Stdin":
			if !prints && !passes {
				found = append(found, name+": nothing touches the terminal but cli and compat; take a writer")
			}
		case "os.Exit", "log.Fatal", "log.Fatalf", "syscall.Exit":
			if !main {
				found = append(found, name+": it skips what was deferred; return a status, main ends the process")
			}
		}
		return true
	})
	return found
}

func length(s source) []string {
	if n := strings.Count(s.text, "\n"); n >= maxLines {
		return []string{fmt.Sprintf("has %d lines: files stay under %d, split by subject", n, maxLines)}
	}
	return nil
}

// networkFindings judges what a program links.
func networkFindings(linked []pkg) []string {
	var found []string
	for _, p := range linked {
		if why, never := neverLinked()[p.ImportPath]; never {
			found = append(found, fmt.Sprintf("cmd/phased links %s: %s", p.ImportPath, why))
		}
		if p.Standard || !slices.Contains(p.Imports, "net") {
			continue
		}
		if _, ok := netImporters()[p.ImportPath]; !ok {
			found = append(found, fmt.Sprintf("%s brings net into cmd/phased and is not in netImporters()", p.ImportPath))
		}
	}
	return found
}
