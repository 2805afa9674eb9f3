package devstack

import (
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"phased/internal/phased"
)

// reader finds the enable_plugin lines of a localrc, and the values of the
// variables that they use, by reading from top to bottom.
type reader struct {
	file     string
	vars     map[string]variable
	assigned []Assignment
	plugins  []phased.Plugin
	warnings []Warning
	errs     Errors
}

// Assignment is one assignment of a localrc whose value is known by reading.
type Assignment struct{ Name, Value string }

// Assigned returns what a localrc may assign, in conditions and functions too, as
// far as reading can know it: so that a secret is known before bash sets it.
func Assigned(localrc phased.Text, environ []string) []Assignment {
	r := newReader("", Options{Environ: environ})
	r.read(string(localrc))
	return r.assigned
}

// variable is a shell variable as far as reading can know it.
type variable struct {
	text string
	// why says why the value cannot be known; "": it is known.
	why string
}

func newReader(file string, o Options) *reader {
	r := &reader{file: file, vars: map[string]variable{}}
	for _, e := range o.Environ {
		if name, value, found := strings.Cut(e, "="); found {
			r.vars[name] = variable{text: value}
		}
	}
	for _, name := range []string{"PWD", "OLDPWD", "SHLVL", "_", "RANDOM", "SECONDS", "LINENO"} {
		r.vars[name] = variable{why: "bash sets it by itself"}
	}
	r.vars["TOP_DIR"] = variable{text: o.TopDir}
	return r
}

// dest is where DevStack puts the sources of everything.
func (r *reader) dest() string {
	if v, set := r.vars["DEST"]; set && v.why == "" && v.text != "" {
		return v.text
	}
	return "/opt/stack"
}

func (r *reader) fail(line int, format string, args ...any) {
	r.errs = append(r.errs, &Error{File: r.file, Line: line, Message: fmt.Sprintf(format, args...)})
}

const enablePlugin = "enable_plugin"

// read reads the whole localrc.
func (r *reader) read(localrc string) {
	file, line, err := parse(localrc)
	if err != nil {
		if strings.Contains(localrc, enablePlugin) {
			r.fail(line, "cannot read the localrc as bash, to find its enable_plugin lines: %v", err)
		} else {
			r.warnings = append(r.warnings, Warning{r.file, line, fmt.Sprintf("bash may refuse this: %v", err)})
		}
		return
	}
	for _, s := range file.Stmts {
		r.stmt(s)
	}
}

// parse parses bash text; line is that of the error.
func parse(text string) (file *syntax.File, line int, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			file, line, err = nil, 0, fmt.Errorf("the parser failed: %v", fault)
		}
	}()
	if deep(text) {
		return nil, 0, errors.New("too many nested brackets")
	}
	file, err = syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	var p syntax.ParseError
	var l syntax.LangError
	switch {
	case errors.As(err, &p):
		return nil, int(p.Pos.Line()), errors.New(p.Text)
	case errors.As(err, &l):
		return nil, int(l.Pos.Line()), fmt.Errorf("%s is not for bash", l.Feature)
	}
	return file, 0, err
}

// deep says that brackets nest too deep for a parser that recurses.
func deep(text string) bool {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '[', '{':
			if depth++; depth > 2000 {
				return true
			}
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return false
}

// stmt takes one top-level statement. Only simple commands and assignments can
// be followed by reading; what else sets a variable makes it unknown.
func (r *reader) stmt(s *syntax.Stmt) {
	if s.Negated || s.Background || s.Coprocess || s.Disown {
		r.inside(s)
		return
	}
	switch cmd := s.Cmd.(type) {
	case *syntax.CallExpr:
		r.call(cmd)
	case *syntax.DeclClause:
		r.declare(cmd)
	default:
		r.inside(s)
	}
}

func (r *reader) call(c *syntax.CallExpr) {
	if len(c.Args) == 0 {
		for _, a := range c.Assigns {
			r.assign(a)
		}
		return
	}
	for _, a := range c.Assigns { // of this command alone
		was, set := r.vars[a.Name.Value]
		if r.inside(a); set {
			r.vars[a.Name.Value] = was
		} else {
			delete(r.vars, a.Name.Value)
		}
	}
	name, _, _ := r.word(c.Args[0], argument)
	switch name {
	case enablePlugin:
		r.enable(c)
		return
	case "unset", "read", "printf", "mapfile", "readarray", "getopts", "let", "eval":
		for _, a := range c.Args[1:] {
			r.forget(a)
		}
	}
	for _, a := range c.Args {
		r.inside(a)
	}
}

// declare takes declare, export, readonly and typeset.
func (r *reader) declare(d *syntax.DeclClause) {
	for _, a := range d.Args {
		switch {
		case a.Name == nil: // an option
			if text, _, _ := r.word(a.Value, argument); strings.Trim(text, "-gxr") != "" {
				r.inside(d)
				return
			}
		case !a.Naked:
			r.assign(a)
		}
	}
}

func (r *reader) assign(a *syntax.Assign) {
	if a.Name == nil || a.Index != nil || a.Array != nil {
		r.inside(a)
		return
	}
	was, v := r.vars[a.Name.Value], variable{}
	if a.Value != nil {
		v.text, _, v.why = r.word(a.Value, value)
	}
	if a.Append {
		v.text = was.text + v.text
		if was.why != "" {
			v.why = was.why
		}
	}
	r.inside(a)
	r.vars[a.Name.Value] = v
	if v.why == "" {
		r.assigned = append(r.assigned, Assignment{a.Name.Value, v.text})
	}
}

// inside walks through what cannot be followed: variables that it sets are
// unknown from there on, and an enable_plugin in it is an error.
func (r *reader) inside(n syntax.Node) {
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Assign:
			if n.Name != nil && !n.Naked {
				r.note(n)
				r.unknown(n.Name.Value, n.Pos())
			}
		case *syntax.WordIter:
			r.unknown(n.Name.Value, n.Pos())
		case *syntax.CallExpr:
			if len(n.Args) > 0 && n.Args[0].Lit() == enablePlugin {
				r.fail(int(n.Pos().Line()), "enable_plugin must stand by itself at the top level, in no condition, loop, function, list or subshell: phased reads it and runs nothing to find it")
			}
		}
		return true
	})
}

// note keeps what an assignment assigns, where that is known.
func (r *reader) note(a *syntax.Assign) {
	words := []*syntax.Word{a.Value}
	if a.Array != nil {
		for _, e := range a.Array.Elems {
			words = append(words, e.Value)
		}
	}
	for _, w := range words {
		if w == nil {
			continue
		}
		if text, _, why := r.word(w, value); why == "" {
			r.assigned = append(r.assigned, Assignment{a.Name.Value, text})
		}
	}
}

func (r *reader) unknown(name string, at syntax.Pos) {
	r.vars[name] = variable{why: fmt.Sprintf("line %d sets it in a way that cannot be followed by reading", at.Line())}
}

// forget makes every variable unknown that the word names.
func (r *reader) forget(w *syntax.Word) {
	syntax.Walk(w, func(n syntax.Node) bool {
		var text string
		switch n := n.(type) {
		case *syntax.Lit:
			text = n.Value
		case *syntax.SglQuoted:
			text = n.Value
		}
		for _, name := range strings.FieldsFunc(text, func(c rune) bool { return c > 127 || !isName(byte(c)) }) {
			if _, set := r.vars[name]; set {
				r.unknown(name, w.Pos())
			}
		}
		return true
	})
}

// enable takes one enable_plugin.
func (r *reader) enable(c *syntax.CallExpr) {
	line := int(c.Pos().Line())
	var args []string
	for _, w := range c.Args[1:] {
		text, gone, why := r.word(w, argument)
		if why != "" {
			r.fail(line, "enable_plugin: %s", why)
			return
		}
		if !gone {
			args = append(args, text)
		}
	}
	if len(args) < 2 || len(args) > 3 {
		r.fail(line, "enable_plugin has %d arguments: expected enable_plugin NAME PATH [REF]", len(args))
		return
	}
	p := phased.Plugin{Name: args[0], Source: phased.Text(args[1]), Line: line}
	if len(args) == 3 {
		p.Ref = args[2]
	}
	if err := checkPlugin(p); err != nil {
		r.fail(line, "%v", err)
		return
	}
	for _, was := range r.plugins {
		if was.Name == p.Name {
			r.fail(line, "enable_plugin %s: line %d has enabled a plugin of this name already: remove one of the two", p.Name, was.Line)
			return
		}
	}
	r.plugins = append(r.plugins, p)
}
