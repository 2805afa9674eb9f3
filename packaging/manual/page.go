package main

import (
	"strings"
	"time"
)

// page is one manual page.
type page struct {
	name    string // phased-run
	section string // 1, 5, 8
	short   string // of the line NAME
	parts   []part
}

// imprint is what stands at the foot of every page.
type imprint struct {
	version string
	date    time.Time
}

// part is a section of a page.
type part struct {
	title  string
	blocks []block
}

// block is a paragraph, a literal text, or an item of a list.
type block struct {
	text     string
	literal  bool
	synopsis bool
	tag      string // of an item: `text` explains it; literal tags are bold but for words in capitals
	heading  bool
}

func para(text string) block     { return block{text: text} }
func literal(text string) block  { return block{text: text, literal: true} }
func synopsis(text string) block { return block{text: text, synopsis: true} }
func item(tag, text string) block {
	return block{tag: tag, text: text}
}
func heading(text string) block { return block{text: text, heading: true} }

// prose takes a text of a command apart: paragraphs, and lines that begin with
// two blanks, which stay as they are.
func prose(text string) []block {
	var all []block
	var lines []string
	indented := false
	flush := func() {
		if len(lines) > 0 && indented {
			all = append(all, literal(strings.Join(lines, "\n")))
		} else if len(lines) > 0 {
			all = append(all, para(strings.Join(lines, " ")))
		}
		lines = nil
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		if strings.TrimSpace(line) == "" {
			flush()
			continue
		}
		if now := strings.HasPrefix(line, "  "); now != indented {
			flush()
			indented = now
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	flush()
	return all
}

// word is a part of a text and how it is shown.
type word struct {
	text string
	face rune // 'B' to be typed, 'I' to be replaced, 'R'
}

// lexicon is what the words of a text are known by.
type lexicon struct {
	commands []string // full paths: phased run
	metavars map[string]bool
}

// words takes a text apart: commands, flags and what stands in backquotes are
// to be typed; names in capitals that the command takes are to be replaced.
func (l lexicon) words(text string) []word {
	var all []word
	plain := 0
	add := func(from, to int, face rune, cut int) {
		if plain < from {
			all = append(all, word{text[plain:from], 'R'})
		}
		all = append(all, word{text[from+cut : to-cut], face})
		plain = to
	}
	for i := 0; i < len(text); {
		if i > 0 && isWord(text[i-1]) || i > 0 && text[i-1] == '$' {
			i++
			continue
		}
		if text[i] == '`' {
			if end := strings.IndexByte(text[i+1:], '`'); end >= 0 {
				add(i, i+end+2, 'B', 1)
				i += end + 2
				continue
			}
		}
		end, face := l.known(text, i)
		if end == i {
			i++
			continue
		}
		add(i, end, face, 0)
		i = end
	}
	if plain < len(text) {
		all = append(all, word{text[plain:], 'R'})
	}
	return all
}

// known returns where the command, flag or name in capitals ends that begins
// there; at the same place where none does.
func (l lexicon) known(text string, at int) (end int, face rune) {
	rest := text[at:]
	for _, c := range l.commands {
		if strings.HasPrefix(rest, c) && (len(rest) == len(c) || !isWord(rest[len(c)]) && rest[len(c)] != '-' && rest[len(c)] != '(' && rest[len(c)] != '.' || isEndOfSentence(rest[len(c):])) {
			return at + len(c), 'B'
		}
	}
	n := 0
	for n < len(rest) && (isWord(rest[n]) || rest[n] == '-') {
		n++
	}
	switch w := strings.TrimRight(rest[:n], "-"); {
	case len(w) > 2 && strings.HasPrefix(w, "--"):
		return at + len(w), 'B'
	case l.metavars[w]:
		return at + len(w), 'I'
	case n > 0:
		return at, 'R'
	}
	return at, 'R'
}

// isEndOfSentence reports whether a text begins with a point that ends one.
func isEndOfSentence(text string) bool {
	return text == "." || strings.HasPrefix(text, ". ")
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
