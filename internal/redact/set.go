package redact

import (
	"iter"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// Least is the length of the shortest value that is taken for a secret, in
	// bytes: shorter ones are found everywhere.
	Least = 6
	// LeastLine is the length of the shortest line of a secret of several lines
	// that is taken for a secret by itself, in bytes.
	LeastLine = 16
	// maxNames bounds how many names are remembered of which something was told.
	maxNames = 10_000
)

// Set knows secrets and removes them from text. It may be used by several
// goroutines at once. A nil Set knows none, and no name is secret to it.
type Set struct {
	names Names

	stale   atomic.Bool // something was learned since current was made
	current atomic.Pointer[matcher]
	watch   atomic.Pointer[func()] // see Watch

	mu       sync.Mutex
	values   map[string]bool // that were added, hidden or not
	needles  map[string]bool
	patterns []*Pattern
	told     map[string]bool // what a notice was made about
	notices  []string
}

// NewSet returns a set that takes names for secret, and knows no value yet.
func NewSet(names Names) *Set { return &Set{names: names} }

// Secret reports whether the values of name are secret.
func (s *Set) Secret(name string) bool { return s != nil && s.names.Match(name) }

// Learn remembers value where name is secret. Where it cannot be hidden, Notices
// says so of the variable.
func (s *Set) Learn(name, value string) {
	if s.Secret(name) {
		s.add("the value of "+name, value)
	}
}

// Add remembers a value, whatever its name is, in every form that Forms lists,
// and the long lines of one that has several. Values shorter than Least, and
// common words, are not remembered.
func (s *Set) Add(value string) { s.add("", value) }

// AddFile remembers the content of a file that is secret: the whole, without the
// blanks around it, its long lines, and the values of the variables with secret
// names that it assigns. Where nothing of it can be hidden, Notices says so of
// the path.
func (s *Set) AddFile(path, content string) {
	s.add("the content of "+path, strings.TrimSpace(content))
	for line := range strings.Lines(content) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if name = strings.TrimSpace(strings.TrimPrefix(name, "export ")); found && s.Secret(name) {
			s.add("the value of "+name+" in "+path, strings.Trim(strings.TrimSpace(value), `"'`))
		}
	}
}

// AddPattern takes everything that a pattern matches for a secret.
func (s *Set) AddPattern(p *Pattern) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patterns = append(s.patterns, p)
	s.stale.Store(true)
}

// Watch has look called each time before a text is searched: it may add what has
// become known since the last time, is called by several goroutines at once, and
// must not search a text itself. A set has one look.
func (s *Set) Watch(look func()) { s.watch.Store(&look) }

// Note adds something to the Notices, once.
func (s *Set) Note(what, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notice(what, why)
}

// Notices returns what was left alone since it was last called, in words and
// without the values: each variable and each file once.
func (s *Set) Notices() []string {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.notices
	s.notices = nil
	return n
}

func (s *Set) add(what, value string) {
	value = strings.TrimRight(value, "\r\n")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.values[value] && what == "" {
		return
	}
	if why := leftAlone(value); why != "" {
		s.notice(what, why)
		return
	}
	if s.values[value] {
		return
	}
	if s.values == nil {
		s.values, s.needles = map[string]bool{}, map[string]bool{}
	}
	s.values[value] = true
	before := len(s.needles)
	for _, f := range Forms(value) {
		s.needle(f, len(value) <= maxNeedle)
	}
	for _, line := range longLines(value) {
		for _, f := range quotedForms(line) {
			s.needle(f, len(line) <= maxNeedle)
		}
	}
	if len(s.needles) > before {
		s.stale.Store(true)
	}
}

// notice keeps what is to be told of a value that is left alone, once.
func (s *Set) notice(what, why string) {
	if what == "" || why == silently || s.told[what] || len(s.told) >= maxNames {
		return
	}
	if s.told == nil {
		s.told = map[string]bool{}
	}
	s.told[what] = true
	s.notices = append(s.notices, what+" "+why)
}

// needle takes one form into what is looked for, in pieces where it is long: a
// piece of a secret is one as well, and a search for pieces needs to look ahead
// no further than one of them. Pieces of a whole value of few different bytes are
// taken in as well: what is too uniform of a longer one is rather something else.
func (s *Set) needle(form string, whole bool) {
	if len(form) <= maxNeedle {
		if leftAlone(form) == "" {
			s.needles[form] = true
		}
		return
	}
	for piece := range inPieces(form) {
		if whole || !filler(piece) {
			s.needles[piece] = true
		}
	}
}

// inPieces cuts a long text in pieces of maxNeedle bytes. They touch, or lie over
// each other: the last ends where the text does, and none begins with a blank,
// because every line's end would then be held back as the beginning of one.
func inPieces(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for at := 0; at < len(text); {
			begin := min(at, len(text)-maxNeedle)
			for begin > 0 && at-begin < maxNeedle/2 && strings.IndexByte(" \t\r\n", text[begin]) >= 0 {
				begin--
			}
			if at = begin + maxNeedle; !yield(text[begin:at]) {
				return
			}
		}
	}
}

// filler reports whether a piece is made of so few different bytes that it is
// rather a line drawn or a run of blanks than part of a secret.
func filler(piece string) bool {
	var seen [256]bool
	different := 0
	for i := range len(piece) {
		if !seen[piece[i]] {
			seen[piece[i]] = true
			different++
		}
	}
	return different < 4
}

// matcher returns what finds everything that is known; nil where nothing is.
func (s *Set) matcher() *matcher {
	if s == nil {
		return nil
	}
	if look := s.watch.Load(); look != nil {
		(*look)()
	}
	if !s.stale.Load() {
		return s.current.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale.Load() {
		s.current.Store(newMatcher(s.needles, s.patterns))
		s.stale.Store(false)
	}
	return s.current.Load()
}

// Empty reports whether nothing is known that could be hidden.
func (s *Set) Empty() bool { return s.matcher() == nil }

// Reach returns how many bytes around a place may belong to one secret there, also
// to one that is learned later; 0 of a nil Set.
func (s *Set) Reach() int {
	if s == nil {
		return 0
	}
	if m := s.matcher(); m != nil {
		return max(m.reach, maxNeedle)
	}
	return maxNeedle
}

// silently is why a value is left alone that says nothing: nobody is told.
const silently = "says nothing"

// leftAlone says why a value is not hidden; "" where it is.
func leftAlone(value string) string {
	word := strings.TrimSpace(value)
	switch lower := strings.ToLower(word); {
	case word == "" || len(value) == 1 || flag(lower):
		return silently
	case len(value) < Least:
		return "is too short to be hidden: it has fewer than " + strconv.Itoa(Least) + " bytes"
	case commonWord(lower) || strings.Contains(Mark, value):
		return "is a common word, and is not hidden"
	case len(value) > maxNeedle && allFiller(value):
		return "is too uniform to be hidden"
	}
	return ""
}

// allFiller reports whether there is no piece of a long value to be looked for.
func allFiller(value string) bool {
	for piece := range inPieces(value) {
		if !filler(piece) {
			return false
		}
	}
	return true
}

// flag reports whether a word switches something: variables with names like
// secrets often say whether there are any.
func flag(lower string) bool {
	switch lower {
	case "true", "false", "none", "null", "nil", "yes", "no", "on", "off", "default", "disabled", "enabled", "unset", "undefined", "auto":
		return true
	}
	return false
}

// commonWord reports whether a word stands in every second text. Who has one for
// a password has none.
func commonWord(lower string) bool {
	switch lower {
	case "password", "passwd", "passphrase", "secret", "secrets", "private", "public", "changeme", "change-me", "change_me",
		"username", "administrator", "manager", "service", "system", "localhost", "localdomain", "example", "example.com",
		"testing", "develop", "development", "production", "staging", "string", "number", "network", "server", "client",
		"stdout", "stderr", "output", "configure", "configured", "install", "installed", "unknown", "optional", "required",
		"debian", "ubuntu", "centos", "fedora", "openstack", "postgres", "postgresql", "rabbitmq", "mariadb", "sqlite", "keystone",
		"/bin/sh", "/bin/bash", "/dev/null", "/dev/stdin", "123456", "1234567", "12345678", "123456789", "1234567890", "000000", "00000000":
		return true
	}
	return false
}

// longLines returns the lines of a value of several lines that are secrets by
// themselves. What frames a key in PEM is none.
func longLines(value string) []string {
	if !strings.Contains(value, "\n") {
		return nil
	}
	var lines []string
	for line := range strings.Lines(value) {
		line = strings.TrimSpace(line)
		if len(line) >= LeastLine && !strings.HasPrefix(line, "-----") && leftAlone(line) == "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// Clean returns text with Mark in place of every run of bytes that belong to a
// known secret.
func (s *Set) Clean(text string) string {
	m := s.matcher()
	if m == nil || !m.in(text) {
		return text
	}
	c := Stream{Set: s}
	b := append([]byte(nil), c.Next([]byte(text))...)
	return string(append(b, c.End()...))
}
