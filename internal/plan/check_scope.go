package plan

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"phased/internal/phased"
)

// parseSourced parses text that bash sources; nil where that is not possible.
func parseSourced(content []byte) (file *syntax.File) {
	if len(content) > maxParse || nesting(content) > maxNesting {
		return nil
	}
	defer func() {
		if recover() != nil {
			file = nil // a fault of the parser is none of the script
		}
	}()
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(content), "")
	if err != nil {
		return nil
	}
	return file
}

// scopeCheck looks in a sourced file for what it does to those that come after
// it. It looks at the commands that the shell of the session itself may run when
// the file is sourced: those of functions, subshells, pipelines and background
// jobs are left out.
type scopeCheck struct {
	f         *finder
	at        *sourcedFile
	lifecycle string
	options   []string // switched on when the session starts

	left map[string]*change // by option, "shopt NAME", "IFS", "umask", "directory"
}

// change is the last thing that a file did to some state of the shell.
type change struct {
	line int
	text string
	on   bool
}

// where is how a command stands in the file.
type where struct {
	listed bool // behind && or ||
}

func (s *scopeCheck) check(file *syntax.File) {
	s.left = map[string]*change{}
	s.stmts(file.Stmts, where{})
	if s.ofOthers() { // base steps set up what all others live in
		s.leftChanged()
	}
	if slices.Contains(s.options, "errexit") {
		s.lastCommand(file.Stmts)
	}
	if sourcedLifecycleOf(s.lifecycle) != nil && s.ofOthers() {
		s.deadPoints(file)
	}
}

// ofOthers reports whether the file is a guest of the session: a hook, or a
// plugin's.
func (s *scopeCheck) ofOthers() bool { return s.at.isHook() || s.at.entry.Plugin != "" }

func (s *scopeCheck) warn(code Code, line int, cure, format string, args ...any) {
	s.f.add(code, phased.SeverityWarning, line, fmt.Sprintf(format, args...), cure)
}

// stmts goes over commands that run one after the other.
func (s *scopeCheck) stmts(all []*syntax.Stmt, w where) {
	for _, st := range all {
		if st.Background || st.Coprocess {
			continue
		}
		s.command(st.Cmd, w)
	}
}

func (s *scopeCheck) command(cmd syntax.Command, w where) {
	switch c := cmd.(type) {
	case *syntax.CallExpr:
		s.call(c, w)
	case *syntax.DeclClause:
		s.declare(c)
	case *syntax.Block:
		s.stmts(c.Stmts, w)
	case *syntax.IfClause:
		for ; c != nil; c = c.Else {
			s.stmts(c.Cond, w)
			s.stmts(c.Then, w)
		}
	case *syntax.WhileClause:
		s.stmts(c.Cond, w)
		s.stmts(c.Do, w)
	case *syntax.ForClause:
		s.stmts(c.Do, w)
	case *syntax.CaseClause:
		for _, i := range c.Items {
			s.stmts(i.Stmts, w)
		}
	case *syntax.TimeClause:
		if c.Stmt != nil {
			s.stmts([]*syntax.Stmt{c.Stmt}, w)
		}
	case *syntax.BinaryCmd:
		if c.Op == syntax.AndStmt || c.Op == syntax.OrStmt {
			s.stmts([]*syntax.Stmt{c.X}, w)
			s.stmts([]*syntax.Stmt{c.Y}, where{listed: true})
		}
	}
}

// declare tells of variables that end with the phase.
func (s *scopeCheck) declare(c *syntax.DeclClause) {
	if c.Variant.Value != "declare" && c.Variant.Value != "typeset" || !s.at.inFunction() {
		return
	}
	name := ""
	for _, a := range c.Args {
		if a.Name == nil {
			flags, _ := literal(a.Value)
			if len(flags) > 1 && (flags[0] == '-' || flags[0] == '+') && strings.ContainsAny(flags, "gfFpI") {
				return
			}
			continue
		}
		if name == "" {
			name = a.Name.Value
		}
	}
	if name == "" {
		return
	}
	s.warn(CodeLocalDeclare, line(c), "write "+c.Variant.Value+" -g, or drop the "+c.Variant.Value+" where a plain variable will do",
		"%s without -g: hooks are sourced in a function here, so that %s is gone at the end of the point", c.Variant.Value, name)
}

// call looks at a simple command.
func (s *scopeCheck) call(c *syntax.CallExpr, w where) {
	if len(c.Args) == 0 {
		for _, a := range c.Assigns {
			if a.Name.Value == "IFS" {
				s.ifs(a)
			}
		}
		return
	}
	words := make([]string, len(c.Args))
	for i, a := range c.Args {
		words[i], _ = literal(a)
	}
	if words[0] == "builtin" || words[0] == "command" {
		words = words[1:]
	}
	if len(words) == 0 {
		return
	}
	switch words[0] {
	case "":
		s.restored() // $XTRACE, as libraries put options back
	case "eval":
		s.restored()
	case "exit":
		s.exit(c, words)
	case "set":
		s.set(c, words[1:], w)
	case "shopt":
		s.shopt(c, words[1:], w)
	case "trap":
		s.trap(c, words[1:])
	case "unset":
		if slices.Contains(words, "IFS") {
			delete(s.left, "IFS")
		}
	case "cd", "pushd":
		if _, whole := literal(c.Args[len(c.Args)-1]); words[len(words)-1] == "-" || !whole && s.left["directory"] != nil {
			delete(s.left, "directory") // cd "$old"
			return
		}
		s.change("directory", c, words[0], true, w)
	case "popd":
		delete(s.left, "directory")
	case "umask":
		switch _, whole := literal(c.Args[len(c.Args)-1]); {
		case len(words) < 2 || strings.HasPrefix(words[1], "-"):
		case !whole: // umask "$old"
			delete(s.left, "umask")
		default:
			s.change("umask", c, "umask "+words[1], true, w)
		}
	}
}

// restored takes it that a command made by an expansion puts options back.
func (s *scopeCheck) restored() {
	for k := range s.left {
		if k != "directory" && k != "umask" && k != "IFS" {
			delete(s.left, k)
		}
	}
}

func (s *scopeCheck) ifs(a *syntax.Assign) {
	if _, whole := literal(a.Value); a.Value != nil && !whole && !isQuoted(a.Value) { // IFS=$old
		delete(s.left, "IFS")
		return
	}
	if v, _ := literal(a.Value); v == " \t\n" || v == ` \t\n` { // as it is, or in $'...'
		delete(s.left, "IFS")
		return
	}
	s.left["IFS"] = &change{line: line(a), text: "IFS="}
}

// isQuoted reports whether a word has $'...', which is a value of its own.
func isQuoted(w *syntax.Word) bool {
	for _, p := range w.Parts {
		if q, ok := p.(*syntax.SglQuoted); ok && q.Dollar {
			return true
		}
	}
	return false
}

func (s *scopeCheck) exit(c *syntax.CallExpr, words []string) {
	if len(words) > 2 || len(words) == 2 && words[1] != "0" {
		return
	}
	s.warn(CodeExitEarly, line(c), "write return 0", "%s ends the whole run, with status 0 where nothing has failed", strings.Join(words, " "))
}

// set looks at the options that set changes.
func (s *scopeCheck) set(c *syntax.CallExpr, args []string, w where) {
	letters := map[byte]string{'e': "errexit", 'x': "xtrace", 'f': "noglob", 'u': "nounset", 'E': "errtrace", 'C': "noclobber", 'a': "allexport"}
	for i := 0; i < len(args); i++ {
		a := args[i]
		if len(a) < 2 || a[0] != '-' && a[0] != '+' || a == "--" {
			return
		}
		for j := 1; j < len(a); j++ {
			name := letters[a[j]]
			if a[j] == 'o' && i+1 < len(args) {
				i++
				name = args[i]
			}
			if name != "" {
				s.change(name, c, fmt.Sprintf("set %co %s", a[0], name), a[0] == '-', w)
			}
		}
	}
}

func (s *scopeCheck) shopt(c *syntax.CallExpr, args []string, w where) {
	if len(args) < 2 || args[0] != "-s" && args[0] != "-u" {
		return
	}
	for _, name := range args[1:] {
		key := "shopt " + name
		if old := s.left[key]; old != nil && old.on != (args[0] == "-s") {
			delete(s.left, key)
			continue
		}
		if !w.listed {
			s.left[key] = &change{line: line(c), text: "shopt " + args[0] + " " + name, on: args[0] == "-s"}
		}
	}
}

// change notes what a command does to some state. One that stands behind && or ||
// depends on what went before: it may put things back, and is no mistake.
func (s *scopeCheck) change(key string, c *syntax.CallExpr, text string, on bool, w where) {
	if key != "directory" && key != "umask" && on == slices.Contains(s.options, key) {
		delete(s.left, key) // as the session started
		return
	}
	if w.listed && key != "directory" {
		return
	}
	s.left[key] = &change{line: line(c), text: text, on: on}
}

// leftChanged tells what is not put back at the end of the file.
func (s *scopeCheck) leftChanged() {
	for _, key := range slices.Sorted(maps.Keys(s.left)) {
		ch := s.left[key]
		switch {
		case key == "errexit" && !ch.on:
			s.warn(CodeOptionLeft, ch.line, "write || true behind the command that may fail", "%s stays so: no later hook that fails ends the run", ch.text)
		case key == "errexit":
			s.warn(CodeOptionLeft, ch.line, "put it back: set +e", "%s stays so: any later hook that fails ends the run, which it would not otherwise", ch.text)
		case key == "noglob":
			s.warn(CodeOptionLeft, ch.line, "put it back: set +f", "%s stays so: later points find no hooks at all", ch.text)
		case key == "IFS":
			s.warn(CodeStateLeft, ch.line, "write local IFS=... in a function, or IFS=... before one command", "IFS stays changed for all later hooks")
		case key == "directory":
			s.warn(CodeStateLeft, ch.line, "write ( cd ... && ... ), or pushd and popd", "%s: later hooks start in that directory", ch.text)
		case key == "umask":
			s.warn(CodeStateLeft, ch.line, "write ( umask ... && ... ), or put it back", "%s: later hooks have that umask", ch.text)
		default:
			s.warn(CodeOptionLeft, ch.line, "put it back at the end of the hook", "%s stays so for all later hooks", ch.text)
		}
	}
}

// trap tells of EXIT traps, of which the session has one.
func (s *scopeCheck) trap(c *syntax.CallExpr, args []string) {
	for len(args) > 0 && (args[0] == "--" || args[0] == "-p" || args[0] == "-l") {
		if args[0] != "--" {
			return
		}
		args = args[1:]
	}
	if len(args) < 2 || !s.ofOthers() || !slices.ContainsFunc(args[1:], func(a string) bool {
		return a == "0" || strings.EqualFold(a, "EXIT")
	}) {
		return
	}
	s.warn(CodeTrapExit, line(c), "clean up before the hook returns, or keep what trap -p EXIT tells and call it as well",
		"replaces the EXIT trap of the whole session: it runs once, at the end of the run, and the one before it does not")
}

// lastCommand tells of a file that may end with a false test: source returns 1
// then, which errexit takes for a failure.
func (s *scopeCheck) lastCommand(all []*syntax.Stmt) {
	if len(all) == 0 {
		return
	}
	last := all[len(all)-1]
	if last.Background || last.Negated {
		return
	}
	switch c := last.Cmd.(type) {
	case *syntax.BinaryCmd:
		if c.Op == syntax.AndStmt && isTest(c.X) {
			s.falseEnd(line(c))
		}
	case *syntax.TestClause, *syntax.ArithmCmd:
		s.falseEnd(line(c))
	case *syntax.CallExpr:
		if isTest(last) {
			s.falseEnd(line(c))
		}
	case *syntax.Block:
		s.lastCommand(c.Stmts)
	case *syntax.IfClause:
		for ; c != nil; c = c.Else {
			s.lastCommand(c.Then)
		}
	case *syntax.CaseClause:
		for _, i := range c.Items {
			s.lastCommand(i.Stmts)
		}
	case *syntax.ForClause:
		s.lastCommand(c.Do)
	case *syntax.WhileClause:
		s.lastCommand(c.Do)
	}
}

func (s *scopeCheck) falseEnd(at int) {
	s.warn(CodeFalseEnd, at, "write if ...; then ...; fi, or return 0 as the last line",
		"is the last command of the file: where its test is false, source returns 1, and errexit ends the run")
}

// isTest reports whether a command is a test, or a list of tests.
func isTest(st *syntax.Stmt) bool {
	switch c := st.Cmd.(type) {
	case *syntax.TestClause, *syntax.ArithmCmd:
		return true
	case *syntax.BinaryCmd:
		return isTest(c.Y) || isTest(c.X)
	case *syntax.CallExpr:
		if len(c.Args) == 0 {
			return false
		}
		word, _ := literal(c.Args[0])
		return word == "[" || word == "test" || strings.HasPrefix(word, "is_") // is_service_enabled
	}
	return false
}

// literal returns the text of a word without expansions; whole says that it has
// none.
func literal(w *syntax.Word) (text string, whole bool) {
	if w == nil {
		return "", true
	}
	return literalParts(w.Parts)
}

func literalParts(parts []syntax.WordPart) (text string, whole bool) {
	var b strings.Builder
	whole = true
	for _, p := range parts {
		switch p := p.(type) {
		case *syntax.Lit:
			b.WriteString(p.Value)
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			inner, ok := literalParts(p.Parts)
			b.WriteString(inner)
			whole = whole && ok
		default:
			whole = false
		}
	}
	return b.String(), whole
}

func line(n syntax.Node) int { return int(n.Pos().Line()) }

// parameter returns the name of the parameter that a word is: "1" for "$1".
func parameter(w *syntax.Word) string {
	if w == nil || len(w.Parts) != 1 {
		return ""
	}
	part := w.Parts[0]
	if q, ok := part.(*syntax.DblQuoted); ok && len(q.Parts) == 1 {
		part = q.Parts[0]
	}
	if p, ok := part.(*syntax.ParamExp); ok && p.Param != nil && !p.Length && p.Slice == nil && p.Repl == nil {
		return p.Param.Value
	}
	return ""
}
