package plan

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"phased/internal/phased"
)

// said is a name that a script notifies, as it is written.
type said struct {
	name string
	line int
}

// unheard tells of names that a script notifies and no hook of the lifecycle waits
// for. Only what is written out counts: what a variable holds is not known.
func (c *checker) unheard(f *finder, content []byte, dialect string) {
	for _, s := range notified(content, dialect) {
		if slices.Contains(c.awaited, s.name) {
			continue
		}
		message := fmt.Sprintf("notifies %s, and no hook of %s waits for that%s", s.name, c.plan.Lifecycle, didYouMean(s.name, c.awaited))
		f.add(CodeUnheard, phased.SeverityWarning, s.line, message, "write `# phased: when=notified:"+s.name+"` in the hook that is to run then, or another name here")
	}
}

// notified finds `phased notify NAME...` and `phased changed --notify NAME` in a
// script of a shell.
func notified(content []byte, dialect string) (all []said) {
	if !bytes.Contains(content, []byte("phased")) || !bytes.Contains(content, []byte("notify")) || len(content) > maxParse || nesting(content) > maxNesting {
		return nil
	}
	defer func() {
		if recover() != nil {
			all = nil // a fault of the parser is none of the script
		}
	}()
	variant := syntax.LangBash
	if dialect == "sh" {
		variant = syntax.LangPOSIX
	}
	script, err := syntax.NewParser(syntax.Variant(variant)).Parse(bytes.NewReader(content), "")
	if err != nil {
		return nil // which is told otherwise
	}
	syntax.Walk(script, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			all = append(all, notifiedBy(call)...)
		}
		return true
	})
	return all
}

func notifiedBy(call *syntax.CallExpr) []said {
	words := make([]string, len(call.Args)) // "": not written out
	for i, a := range call.Args {
		if text, whole := literal(a); whole {
			words[i] = text
		}
	}
	if len(words) < 3 || path.Base(words[0]) != "phased" {
		return nil
	}
	var all []said
	line := int(call.Pos().Line())
	switch words[1] {
	case "notify":
		for _, w := range words[2:] {
			if strings.HasPrefix(w, "-") {
				return nil // it may be for another lifecycle
			}
			if w != "" {
				all = append(all, said{w, line})
			}
		}
	case "changed":
		for i, w := range words[2:] {
			name, found := strings.CutPrefix(w, "--notify=")
			if w == "--notify" && i+3 < len(words) {
				name, found = words[i+3], true
			}
			if strings.HasPrefix(w, "--lifecycle") || strings.HasPrefix(w, "--base") {
				return nil
			}
			if found && name != "" {
				all = append(all, said{name, line})
			}
		}
	}
	return all
}
