package devstack

import (
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// use is what a word is used for: bash splits and globs arguments, and does
// neither with what is assigned.
type use int

const (
	argument use = iota
	value
)

// word returns what bash would make of a word. gone says that an argument
// vanishes, being nothing but empty variables out of quotes. why, if any, says
// in words why reading cannot tell.
func (r *reader) word(w *syntax.Word, u use) (text string, gone bool, why string) {
	var b strings.Builder
	gone = u == argument
	for i, part := range w.Parts {
		var piece string
		switch p := part.(type) {
		case *syntax.Lit:
			gone = false
			piece, why = r.literal(p.Value, u, i == 0, i == len(w.Parts)-1)
		case *syntax.SglQuoted:
			gone = false
			piece, why = p.Value, ""
			if p.Dollar && strings.Contains(p.Value, `\`) {
				why = "$'...' with a backslash cannot be read here: write the text as it is"
			}
		case *syntax.DblQuoted:
			gone = false
			piece, why = r.quoted(p)
		case *syntax.ParamExp:
			piece, why = r.parameter(p, u)
			if u == argument && why == "" && strings.ContainsAny(piece, " \t\n*?[") {
				why = fmt.Sprintf("$%s has blanks or wildcards in its value: put it into double quotes", p.Param.Value)
			}
			gone = gone && piece == ""
		default:
			why = unreadable(part)
		}
		if why != "" {
			return "", false, why
		}
		b.WriteString(piece)
	}
	return b.String(), gone, ""
}

// literal reads text out of quotes: backslashes, and a tilde at its beginning.
func (r *reader) literal(s string, u use, first, last bool) (text, why string) {
	var b strings.Builder
	if first && strings.HasPrefix(s, "~") {
		user, rest, slash := strings.Cut(s[1:], "/")
		home := r.vars["HOME"]
		if user != "" || !slash && !last || home.why != "" || home.text == "" {
			return "", "a tilde can only be read as ~ or ~/..., with HOME set: write the path out"
		}
		b.WriteString(home.text)
		if s = rest; slash {
			s = "/" + rest
		}
	}
	if u == value && strings.Contains(s, ":~") {
		return "", "a tilde behind a colon cannot be read here: write the path out"
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			if i++; s[i] != '\n' {
				b.WriteByte(s[i])
			}
		case u == argument && strings.IndexByte("*?[{", c) >= 0:
			return "", fmt.Sprintf("a %c out of quotes cannot be read here: put the word into quotes", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}

// quoted reads text in double quotes.
func (r *reader) quoted(q *syntax.DblQuoted) (text, why string) {
	var b strings.Builder
	for _, part := range q.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			for i := 0; i < len(p.Value); i++ {
				c := p.Value[i]
				if c == '\\' && i+1 < len(p.Value) && strings.IndexByte("$`\"\\\n", p.Value[i+1]) >= 0 {
					if i++; p.Value[i] == '\n' {
						continue
					}
					c = p.Value[i]
				}
				b.WriteByte(c)
			}
		case *syntax.ParamExp:
			piece, why := r.parameter(p, value)
			if why != "" {
				return "", why
			}
			b.WriteString(piece)
		default:
			return "", unreadable(part)
		}
	}
	return b.String(), ""
}

// parameter reads $NAME, ${NAME}, ${NAME-word} and ${NAME:-word}.
func (r *reader) parameter(p *syntax.ParamExp, u use) (text, why string) {
	if p.Param == nil || p.Excl || p.Length || p.Width || p.IsSet || p.Index != nil || p.Slice != nil || p.Repl != nil || p.Names != 0 {
		return "", "only $NAME, ${NAME} and ${NAME:-default} can be read here: write the value out"
	}
	name := p.Param.Value
	v, set := r.vars[name]
	switch {
	case v.why != "":
		return "", fmt.Sprintf("the value of $%s cannot be known: %s", name, v.why)
	case p.Exp == nil:
		if !set {
			return "", fmt.Sprintf("$%s has no value here: set it in a line above, or write the value out", name)
		}
		return v.text, ""
	case p.Exp.Op == syntax.DefaultUnset || p.Exp.Op == syntax.DefaultUnsetOrNull:
		if set && (v.text != "" || p.Exp.Op == syntax.DefaultUnset) {
			return v.text, ""
		}
		if p.Exp.Word == nil {
			return "", ""
		}
		text, _, why = r.word(p.Exp.Word, u)
		return text, why
	}
	return "", "only $NAME, ${NAME} and ${NAME:-default} can be read here: write the value out"
}

// unreadable says what a part of a word is that only bash can know.
func unreadable(part syntax.WordPart) string {
	what := "this"
	switch part.(type) {
	case *syntax.CmdSubst:
		what = "a command substitution"
	case *syntax.ArithmExp:
		what = "an arithmetic expansion"
	case *syntax.ProcSubst:
		what = "a process substitution"
	case *syntax.ExtGlob:
		what = "a pattern"
	}
	return what + " cannot be read here, since nothing is run to read a local.conf: write the value out"
}
