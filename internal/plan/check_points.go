package plan

import (
	"fmt"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// deadPoints tells of tests for a mode or a sub-phase that nothing ever sends:
// they stand in hooks of the field, and what they guard never runs.
func (s *scopeCheck) deadPoints(file *syntax.File) {
	syntax.Walk(file, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.FuncDecl:
			return false // $1 is something else there
		case *syntax.BinaryTest:
			if n.Op == syntax.TsMatch || n.Op == syntax.TsMatchShort {
				x, _ := n.X.(*syntax.Word)
				y, _ := n.Y.(*syntax.Word)
				s.compared(x, y)
			}
		case *syntax.CallExpr:
			s.oldTest(n)
		case *syntax.CaseClause:
			for _, i := range n.Items {
				for _, p := range i.Patterns {
					s.compared(n.Word, p)
				}
			}
		}
		return true
	})
}

// oldTest looks at [ "$2" = post-extra ] and at test.
func (s *scopeCheck) oldTest(c *syntax.CallExpr) {
	if len(c.Args) < 4 {
		return
	}
	if name, _ := literal(c.Args[0]); name != "[" && name != "test" {
		return
	}
	for i := 2; i+1 < len(c.Args); i++ {
		if op, whole := literal(c.Args[i]); whole && (op == "=" || op == "==") {
			s.compared(c.Args[i-1], c.Args[i+1])
		}
	}
}

// compared looks at a comparison of an argument of the hook with a text.
func (s *scopeCheck) compared(x, y *syntax.Word) {
	if x == nil || y == nil {
		return
	}
	name := parameter(x)
	text, whole := literal(y)
	if name == "" {
		name = parameter(y)
		text, whole = literal(x)
	}
	if !whole || text == "" || strings.ContainsAny(text, "*?[|") {
		return
	}
	var known []string
	switch name {
	case "1", "mode":
		known = s.modes()
	case "2", "phase":
		known = s.subPhases()
	default:
		return
	}
	if slices.Contains(known, text) {
		return
	}
	s.warn(CodeDeadPoint, line(y), "remove what it guards, or test for one of these: "+strings.Join(known, ", "),
		"tests for %q, which nothing ever sends to %s", text, s.what())
}

func (s *scopeCheck) what() string {
	if s.at.entry.Plugin == "" {
		return "hooks of " + extrasDir
	}
	name := string(s.at.entry.Name)
	return fmt.Sprintf("a plugin's %s", name[strings.LastIndexByte(name, '/')+1:])
}

// modes returns the first arguments that the lifecycles send to such a file:
// stack, unstack and clean all source the same ones.
func (s *scopeCheck) modes() []string { return s.sent(0) }

func (s *scopeCheck) subPhases() []string { return s.sent(1) }

func (s *scopeCheck) sent(argument int) []string {
	var all []string
	for _, l := range sourcedLifecycles() {
		for _, pt := range l.points {
			ofHook := pt.kind == hooks && s.at.entry.Plugin == ""
			ofPlugin := pt.plugins == "plugin.sh" && s.at.entry.Plugin != ""
			if (ofHook || ofPlugin) && len(pt.args) > argument && !slices.Contains(all, string(pt.args[argument])) {
				all = append(all, string(pt.args[argument]))
			}
		}
	}
	return all
}
