package executor

import (
	"bytes"
	"strings"

	"phased/internal/phased"
	"phased/internal/redact"
)

// cleaner takes secrets out of the captured output of one hook before anybody
// sees it. What a reader of a tee sees is not touched. A nil cleaner knows of
// none.
type cleaner struct {
	set   *redact.Set
	emit  func([]phased.Part)
	texts [2]cleaned
	parts []phased.Part
}

// cleaned is one stream of output on its way.
type cleaned struct {
	stream redact.Stream
	line   []byte // what has come of a line of set -x: it waits for its end
	inLine bool   // what comes next is not the beginning of a line
	last   []byte // what came last, as it was: see cut
}

const (
	// maxTraceLine bounds how much of a line is kept to find out what it assigns.
	maxTraceLine = 64 << 10
	// maxPluses bounds the depth at which a line of set -x is known as one.
	maxPluses = 32
)

// newCleaner returns what takes the secrets of a set out of output; nil where
// there is no set.
func newCleaner(set *redact.Set) *cleaner {
	if set == nil {
		return nil
	}
	c := &cleaner{set: set}
	for i := range c.texts {
		c.texts[i].stream.Set = set
	}
	return c
}

// output takes parts of the output, and emits what can be passed on. All of them
// are learned from first: of what was written to one stream before something was
// written to the other, the reader may have read the latter first.
func (c *cleaner) output(parts []phased.Part) {
	all := c.parts[:0]
	for _, p := range parts {
		all = append(all, phased.Part{Stream: p.Stream, Bytes: c.texts[streamIndex(p.Stream)].next(c.set, p.Bytes)})
	}
	out := all[:0]
	for _, p := range all {
		if rest := c.texts[streamIndex(p.Stream)].stream.Next(p.Bytes); len(rest) > 0 {
			out = append(out, phased.Part{Stream: p.Stream, Bytes: rest})
		}
	}
	c.send(out)
}

func (c *cleaner) send(out []phased.Part) {
	if len(out) > 0 {
		c.emit(out)
	}
	clear(out) // of what is valid during the call only
	c.parts = out[:0]
}

func streamIndex(name string) int {
	if name == stream(0) {
		return 0
	}
	return 1
}

// end sends out what was held back as the possible beginning of a secret.
func (c *cleaner) end() { c.finish(edges{}, false) }

// cut ends the text before a gap in it, and begins it again behind that: see
// edges for what is known of the gap.
func (c *cleaner) cut(gap edges) { c.finish(gap, true) }

func (c *cleaner) finish(gap edges, goesOn bool) {
	if c == nil {
		return
	}
	out := c.parts[:0]
	for i := range c.texts {
		t := &c.texts[i]
		line := t.line
		t.line, t.inLine = nil, goesOn
		if len(line) > 0 {
			whole, _, _ := bytes.Cut(append(bytes.Clone(line), gap.first[i]...), []byte("\n"))
			learn(c.set, whole)
		}
		// Two pieces, each valid on its own.
		for _, p := range [][]byte{t.stream.Next(line), t.stream.Break(gap.first[i])} {
			if len(p) > 0 {
				out = append(out, phased.Part{Stream: stream(i), Bytes: p})
			}
		}
		if goesOn {
			t.stream.Skip(gap.before(i, t.last))
		}
		t.last = t.last[:0]
	}
	c.send(out)
}

// next returns what goes on of the text when more comes. It finds secrets in
// what set -x shows, `+ NAME=value`: the hook that sets one shows it before its
// variables can be looked at. Such a line waits for its end.
func (t *cleaned) next(set *redact.Set, p []byte) []byte {
	t.remember(set, p)
	text := p
	if len(t.line) > 0 {
		text = append(t.line, p...)
		t.line = nil
	}
	if len(text) == 0 {
		return text
	}
	begin := 0
	if t.inLine || text[0] != '+' {
		begin = lineWithPlus(text, 0)
	}
	for begin < len(text) {
		n := bytes.IndexByte(text[begin:], '\n')
		if n < 0 {
			break
		}
		learn(set, text[begin:begin+n])
		begin = lineWithPlus(text, begin+n)
	}
	if begin < len(text) && mayBeTrace(text[begin:]) {
		t.line, t.inLine = bytes.Clone(text[begin:]), false
		return text[:begin]
	}
	t.inLine = text[len(text)-1] != '\n'
	return text
}

// remember keeps what came last, as much as a secret may need.
func (t *cleaned) remember(set *redact.Set, p []byte) {
	n := set.Reach()
	if len(p) >= n {
		t.last = append(t.last[:0], p[len(p)-n:]...)
		return
	}
	if drop := len(t.last) + len(p) - n; drop > 0 {
		t.last = t.last[:copy(t.last, t.last[drop:])]
	}
	t.last = append(t.last, p...)
}

// lineWithPlus returns where the next line begins, behind from, that begins with
// a plus sign: the length of text where there is none.
func lineWithPlus(text []byte, from int) int {
	if n := bytes.Index(text[from:], []byte("\n+")); n >= 0 {
		return from + n + 1
	}
	return len(text)
}

// mayBeTrace reports whether a line that has no end yet may be one of set -x.
func mayBeTrace(line []byte) bool {
	rest := bytes.TrimLeft(line, "+")
	if pluses := len(line) - len(rest); len(rest) == 0 {
		return pluses < maxPluses
	}
	return rest[0] == ' ' && len(line) < maxTraceLine
}

// learn finds the secrets in a line of set -x: values that it assigns to secret
// names, also as words of a command (export, env, local).
func learn(set *redact.Set, line []byte) {
	if bytes.IndexByte(line, '=') < 0 || len(line) > maxTraceLine {
		return
	}
	rest := strings.TrimLeft(string(line), "+")
	if !strings.HasPrefix(rest, " ") {
		return
	}
	for rest != "" {
		var word string
		word, rest = traceWord(rest)
		if name, value, found := strings.Cut(word, "="); found && isShellName(name) && set.Secret(name) {
			set.Learn(name, value)
		}
	}
}

func isShellName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// traceWord takes the first word off what set -x shows, without its quotes.
func traceWord(s string) (word, rest string) {
	s = strings.TrimLeft(s, " ")
	var b strings.Builder
	for s != "" && s[0] != ' ' {
		switch {
		case s[0] == '\'':
			text, after, _ := strings.Cut(s[1:], "'")
			b.WriteString(text)
			s = after
		case strings.HasPrefix(s, "$'"):
			var text string
			text, s = ansiText(s[2:])
			b.WriteString(text)
		case s[0] == '\\' && len(s) > 1:
			b.WriteByte(s[1])
			s = s[2:]
		default:
			b.WriteByte(s[0])
			s = s[1:]
		}
	}
	return b.String(), s
}

// ansiText reads what stands between $' and ', and returns what is behind that.
func ansiText(s string) (text, rest string) {
	const letters = "a\ab\be\x1bE\x1bf\fn\nr\rt\tv\v"
	var b strings.Builder
	for s != "" && s[0] != '\'' {
		if s[0] != '\\' || len(s) == 1 {
			b.WriteByte(s[0])
			s = s[1:]
			continue
		}
		n, c := 1, 0
		for n < 4 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			c = c*8 + int(s[n]-'0')
			n++
		}
		if n > 1 {
			b.WriteByte(byte(c))
			s = s[n:]
			continue
		}
		if i := strings.IndexByte(letters, s[1]); i >= 0 && i%2 == 0 {
			b.WriteByte(letters[i+1])
		} else {
			b.WriteByte(s[1])
		}
		s = s[2:]
	}
	return b.String(), strings.TrimPrefix(s, "'")
}

// tellNotices warns of secrets that are left alone: each once a run.
func tellNotices(set *redact.Set, sink phased.Sink) {
	for _, n := range set.Notices() {
		sink.Warning(n)
	}
}
