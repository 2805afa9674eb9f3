package executor

import (
	"os"
	"slices"
	"strings"

	"phased/internal/phased"
	"phased/internal/redact"
	"phased/internal/space"
)

// maxSource is how many lines of a command that goes on are shown.
const maxSource = 20

// quoteSource adds the text of the line, with those that go on with it.
func (s *Session) quoteSource(t *phased.Trace) {
	if t.Line < 1 {
		return
	}
	path := t.File
	if s.phase.Localrc && path == s.Config.Conf {
		path = phased.Text(s.localrcPath())
	}
	lines := s.lines(path)
	for i := t.Line - 1; i < len(lines) && len(t.Source) < maxSource; i++ {
		t.Source = append(t.Source, phased.Text(s.clean(lines[i])))
		if !strings.HasSuffix(lines[i], `\`) {
			break
		}
	}
	t.Command = phased.Text(s.clean(string(t.Command)))
}

func (s *Session) clean(text string) string {
	if s.Redact == nil {
		return text
	}
	return s.Redact.Clean(text)
}

// lineVariables adds the variables that the line uses, as the shell had them at
// the moment of the failure.
func (s *Session) lineVariables(t *phased.Trace) {
	lines := []string{string(t.Command)}
	for _, l := range t.Source {
		lines = append(lines, string(l))
	}
	names := namesIn(strings.Join(lines, "\n"))
	if len(names) == 0 || s.failed == "" {
		return
	}
	p, err := os.ReadFile(s.failed)
	if err != nil || len(p) == 0 {
		return
	}
	all, err := space.Declarations(string(p))
	if err != nil {
		return
	}
	r := s.redactor()
	for _, n := range names {
		v := phased.Variable{Name: phased.Text(n)}
		if d, ok := all[n]; ok {
			v.Value = d.Value(n, r)
		}
		t.Variables = append(t.Variables, v)
	}
}

// namesIn returns the names of variables that a text of bash expands, each once,
// in their order.
func namesIn(text string) []string {
	var names []string
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '\\' {
			i++
			continue
		}
		if text[i] != '$' {
			continue
		}
		rest := text[i+1:]
		if rest[0] == '{' {
			rest = strings.TrimLeft(rest[1:], "#!")
		}
		n := 0
		for n < len(rest) && (rest[n] == '_' || rest[n] >= 'a' && rest[n] <= 'z' || rest[n] >= 'A' && rest[n] <= 'Z' || n > 0 && rest[n] >= '0' && rest[n] <= '9') {
			n++
		}
		if n > 0 && !slices.Contains(names, rest[:n]) {
			names = append(names, rest[:n])
		}
	}
	return names
}

// nothingSecret is the redactor of a session that knows of no secrets.
type nothingSecret struct{}

func (nothingSecret) Secret(string) bool       { return false }
func (nothingSecret) Clean(text string) string { return text }

// secrets are what is taken out of output, nil where there are none.
func (s *Session) secrets() *redact.Set {
	set, _ := s.Redact.(*redact.Set)
	return set
}

func (s *Session) redactor() space.Redactor {
	if s.Redact == nil {
		return nothingSecret{}
	}
	return s.Redact
}
