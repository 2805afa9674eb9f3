package redact

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// Least is the length of the shortest value that is taken for a secret, in
// bytes: shorter ones are found everywhere.
const Least = 4

// Set knows secrets and removes them from text. It may be used by several
// goroutines at once.
type Set struct {
	names Names

	mu     sync.RWMutex
	values []string // longest first
}

// NewSet returns a set that takes names for secret, and knows no value yet.
func NewSet(names Names) *Set { return &Set{names: names} }

// Secret reports whether the values of name are secret.
func (s *Set) Secret(name string) bool { return s.names.Match(name) }

// Learn remembers value where name is secret, and reports whether it did: values
// shorter than Least, and words that are no secret (true, none, and so on), are
// not remembered.
func (s *Set) Learn(name, value string) {
	if s.Secret(name) {
		s.Add(value)
	}
}

// Add remembers a value, whatever its name is.
func (s *Set) Add(value string) {
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

// plain reports whether a value says nothing that is secret.
func plain(value string) bool {
	switch strings.ToLower(value) {
	case "true", "false", "none", "null", "default", "disabled", "enabled", "unset", "undefined", "auto":
		return true
	}
	return strings.Trim(value, " \t\n") == ""
}

// Clean returns text with every known value replaced by Mark.
func (s *Set) Clean(text string) string {
	for _, v := range s.known() {
		if strings.Contains(text, v) {
			text = strings.ReplaceAll(text, v, Mark)
		}
	}
	return text
}
