package space

import "strings"

// lexer follows quotations and here-documents through a function as bash
// prints it.
type lexer struct {
	s       string
	i       int
	open    []byte // what is open: " ( { and A for arithmetic
	pending []document
}

// document is a here-document that begins behind the line.
type document struct {
	end  string
	tabs bool
}

// closed reports whether no quotation, substitution or here-document is open at
// the end of text. It need not be exact about all of bash: it decides only where
// there is a choice.
func closed(text string) bool {
	l := lexer{s: text}
	for l.i < len(l.s) {
		if !l.step() {
			return false
		}
	}
	return len(l.open) == 0 && len(l.pending) == 0
}

func (l *lexer) mode() byte {
	if len(l.open) == 0 {
		return 0
	}
	return l.open[len(l.open)-1]
}

func (l *lexer) push(what byte, n int) {
	l.open = append(l.open, what)
	l.i += n
}

func (l *lexer) has(prefix string) bool { return strings.HasPrefix(l.s[l.i:], prefix) }

// step passes one thing; false: the text ends inside of it.
func (l *lexer) step() bool {
	m := l.mode()
	switch c := l.s[l.i]; {
	case c == '\\':
		l.i += 2
	case c == '"' && m == '"', c == ')' && m == '(', c == '}' && m == '{':
		l.open = l.open[:len(l.open)-1]
		l.i++
	case c == ')' && m == 'A' && l.has("))"):
		l.open = l.open[:len(l.open)-1]
		l.i += 2
	case l.has("$(("):
		l.push('A', 3)
	case l.has("$("):
		l.push('(', 2)
	case l.has("${"):
		l.push('{', 2)
	case m == '"':
		l.i++
	case c == '"':
		l.push('"', 1)
	case c == '\'', l.has("$'"):
		n := quoted(l.s[l.i:])
		if n < 0 {
			return false
		}
		l.i += n
	case m == 'A' || m == '{':
		l.i++
	default:
		return l.command(c, m)
	}
	return true
}

// command passes one thing where commands stand.
func (l *lexer) command(c, m byte) bool {
	switch {
	case c == '\n':
		l.i++
		return l.documents()
	case c == '#' && l.i > 0 && (l.s[l.i-1] == ' ' || l.s[l.i-1] == '\n'):
		n := strings.IndexByte(l.s[l.i:], '\n')
		if n < 0 {
			return false
		}
		l.i += n
	case l.has("(("):
		l.push('A', 2)
	case c == '(' && m == '(':
		l.push('(', 1)
	case l.has("<<<"):
		l.i += 3
	case l.has("<<"):
		l.document()
	default:
		l.i++
	}
	return true
}

// document notes the here-document whose operator stands here.
func (l *lexer) document() {
	before := strings.TrimRight(l.s[:l.i], "0123456789")
	l.i += 2
	if before != "" && before[len(before)-1] != ' ' && before[len(before)-1] != '}' {
		return
	}
	d := document{tabs: l.has("-")}
	if d.tabs {
		l.i++
	}
	end := delimiter(l.s[l.i:])
	l.i += len(end)
	if text, err := Decode(end); err == nil {
		d.end = text
		l.pending = append(l.pending, d)
	}
}

// delimiter returns the word that s begins with.
func delimiter(s string) string {
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case strings.IndexByte(" \t\n;|&()<>", c) >= 0:
			return s[:i]
		case c == '\\' || c == '"' || c == '\'' || c == '$' && i+1 < len(s) && s[i+1] == '\'':
			n := quoted(s[i:])
			if n < 0 {
				return s
			}
			i += n
		default:
			i++
		}
	}
	return s
}

// documents passes the here-documents that begin here.
func (l *lexer) documents() bool {
	for len(l.pending) > 0 {
		if l.i >= len(l.s) {
			return false
		}
		line, _, _ := strings.Cut(l.s[l.i:], "\n")
		l.i = min(l.i+len(line)+1, len(l.s))
		if l.pending[0].tabs {
			line = strings.TrimLeft(line, "\t")
		}
		if line == l.pending[0].end {
			l.pending = l.pending[1:]
		}
	}
	return true
}
