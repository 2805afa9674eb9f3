package redact

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

const (
	// Least is the length of the shortest value that is taken for a secret, in
	// bytes: shorter ones are found everywhere.
	Least = 4
	// LeastLine is the length of the shortest line of a secret of several lines
	// that is taken for a secret by itself.
	LeastLine = 16
)

// Set knows secrets and removes them from text. It may be used by several
// goroutines at once.
type Set struct {
	names Names

	mu     sync.RWMutex
	values []string // longest first; replaced, never changed
}

// NewSet returns a set that takes names for secret, and knows no value yet.
func NewSet(names Names) *Set { return &Set{names: names} }

// Secret reports whether the values of name are secret.
func (s *Set) Secret(name string) bool { return s.names.Match(name) }

// Learn remembers value where name is secret.
func (s *Set) Learn(name, value string) {
	if s.Secret(name) {
		s.Add(value)
	}
}

// Add remembers a value, whatever its name is: as it is, as a shell quotes it,
// and the long lines of one that has several. Values shorter than Least, and
// words that are no secret by themselves (true, none), are not remembered.
func (s *Set) Add(value string) {
	s.add(value)
	if strings.Contains(value, "'") {
		s.add(strings.ReplaceAll(value, "'", `'\''`))
	}
	if trimmed := strings.TrimRight(value, "\n"); trimmed != value {
		s.add(trimmed)
	}
	if strings.Contains(value, "\n") {
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); len(line) >= LeastLine {
				s.add(line)
			}
		}
	}
}

func (s *Set) add(value string) {
	if len(value) < Least || plain(value) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := slices.BinarySearchFunc(s.values, value, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	})
	if !found {
		s.values = slices.Insert(slices.Clone(s.values), i, value)
	}
}

// known returns the values, longest first. The slice is never changed.
func (s *Set) known() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.values
}

// plain reports whether a value says nothing that is secret, or is part of Mark.
func plain(value string) bool {
	switch strings.ToLower(value) {
	case "true", "false", "none", "null", "default", "disabled", "enabled", "unset", "undefined", "auto":
		return true
	}
	return strings.TrimSpace(value) == "" || strings.Contains(Mark, value)
}

// Clean returns text with Mark in place of every run of bytes that belong to a
// known value.
func (s *Set) Clean(text string) string {
	found := false
	for _, v := range s.known() {
		if strings.Contains(text, v) {
			found = true
			break
		}
	}
	if !found {
		return text
	}
	c := Stream{Set: s}
	b := append([]byte(nil), c.Next([]byte(text))...)
	return string(append(b, c.End()...))
}
