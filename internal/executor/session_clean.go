package executor

import (
	"bytes"
	"strings"

	"phased/internal/phased"
	"phased/internal/redact"
)

// cleaner is a Sink that takes secrets out of captured output before it is on
// record. What a reader of a tee sees is not touched.
type cleaner struct {
	phased.Sink
	set   *redact.Set
	texts [2]cleaned
	hook  phased.Hook // whose output is held back
	late  bool
}

// cleaned is one stream of output on its way.
type cleaned struct {
	stream redact.Stream
	line   []byte // the beginning of a line whose end has not come
}

// maxTraceLine bounds how much of a line is kept to find out what it assigns.
const maxTraceLine = 64 << 10

// clean returns a sink that takes the secrets of a set out of output.
func clean(sink phased.Sink, r any) phased.Sink {
	set, ok := r.(*redact.Set)
	if !ok || set == nil {
		return sink
	}
	c := &cleaner{Sink: sink, set: set}
	for i := range c.texts {
		c.texts[i].stream.Set = set
	}
	return c
}

// Output implements phased.Sink.
func (c *cleaner) Output(h phased.Hook, parts []phased.Part, late bool) {
	if h.Name != c.hook.Name || h.Phase != c.hook.Phase || late != c.late {
		c.end()
	}
	c.hook, c.late = h, late
	var out []phased.Part
	for _, p := range parts {
		t := &c.texts[0]
		if p.Stream != "out" {
			t = &c.texts[1]
		}
		t.learn(c.set, p.Bytes)
		if rest := t.stream.Next(p.Bytes); len(rest) > 0 {
			out = append(out, phased.Part{Stream: p.Stream, Bytes: bytes.Clone(rest)})
		}
	}
	if len(out) > 0 {
		c.Sink.Output(h, out, late)
	}
}

// Cut implements phased.Sink.
func (c *cleaner) Cut(h phased.Hook, dropped, limit int64) {
	c.end()
	c.Sink.Cut(h, dropped, limit)
}

// end sends out what was held back as the possible beginning of a secret.
func (c *cleaner) end() {
	var out []phased.Part
	for i, name := range []string{"out", "err"} {
		c.texts[i].line = nil
		if rest := c.texts[i].stream.End(); len(rest) > 0 {
			out = append(out, phased.Part{Stream: name, Bytes: bytes.Clone(rest)})
		}
	}
	if len(out) > 0 {
		c.Sink.Output(c.hook, out, c.late)
	}
}

// endOutput tells a cleaner that a hook's output ends here.
func endOutput(sink phased.Sink) {
	if c, ok := sink.(*cleaner); ok {
		c.end()
	}
}

// learn finds secrets in what set -x shows, `+ NAME=value`: the hook that sets
// one shows it before its variables can be looked at.
func (t *cleaned) learn(set *redact.Set, p []byte) {
	text := p
	if len(t.line) > 0 {
		text = append(t.line, p...)
	}
	for {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		if !found {
			t.line = nil
			if len(line) <= maxTraceLine {
				t.line = bytes.Clone(line)
			}
			return
		}
		if assignment := bytes.TrimLeft(line, "+"); len(assignment) < len(line) {
			name, value, _ := strings.Cut(string(bytes.TrimPrefix(assignment, []byte(" "))), "=")
			if isShellName(name) && set.Secret(name) {
				set.Add(unquoteTrace(value))
			}
		}
		text = rest
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

// unquoteTrace undoes the quotes of set -x.
func unquoteTrace(s string) string {
	if len(s) >= 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], `'\''`, `'`)
	}
	return s
}
