package report

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"phased/internal/phased"
)

// secretText stands for every value that is a secret.
const secretText = "[secret]"

// shownWord returns the text as one word of bash in at most room columns, with
// how much there is of it where it was cut; room 0 cuts nothing. whole is the
// size of the whole text in bytes where the text is only its beginning.
func (s Style) shownWord(text string, whole, room int) string {
	w := word(text)
	if whole <= len(text) && (room <= 0 || columns(w) <= room) {
		return w
	}
	note := s.mark("…", "~") + " (" + sizeNote(text, whole) + ")"
	if room <= 0 {
		return w + note
	}
	n := min(len(text), room)
	for ; n > 0; n-- {
		if n < len(text) && !utf8.RuneStart(text[n]) {
			continue
		}
		if w = word(text[:n]); columns(w)+columns(note) <= room {
			break
		}
	}
	if n == 0 {
		w = ""
	}
	return w + note
}

// sizeNote tells how long a text is.
func sizeNote(text string, whole int) string {
	size := Size(int64(max(whole, len(text))))
	if lines := strings.Count(strings.TrimSuffix(text, "\n"), "\n") + 1; lines > 1 && whole <= len(text) {
		return fmt.Sprintf("%d lines, %s", lines, size)
	}
	return size
}

// value returns a value of a variable space in at most room columns, 0 cuts
// nothing: a word of bash, an array as bash writes it, or in words why there is
// nothing to show.
func (s Style) value(kind phased.ChangeKind, v *phased.Value, room int) string {
	switch {
	case v == nil:
		return "not set"
	case v.Secret:
		return secretText
	case kind == phased.ChangeFunction:
		return functionText(*v)
	case v.Unset:
		return "declared, without a value"
	case kind == phased.ChangeVariable && strings.ContainsAny(v.Attributes, "aA"):
		text := Safe(string(v.Text), false)
		if room > 0 && columns(text) > room {
			note := " (" + Size(int64(max(v.Size, len(v.Text)))) + ")"
			text = s.cut(text, max(2, room-columns(note))) + note
		}
		return text
	}
	return s.shownWord(string(v.Text), v.Size, room)
}

func functionText(v phased.Value) string {
	var words []string
	if v.Size > 0 {
		words = append(words, Size(int64(v.Size)))
	}
	if v.Digest != "" {
		words = append(words, v.Digest[:min(12, len(v.Digest))])
	}
	return strings.Join(words, ", ")
}

// attributes returns the attributes of a variable or function in words:
// "exported, readonly".
func attributes(v *phased.Value) string {
	if v == nil {
		return ""
	}
	var words []string
	for _, a := range v.Attributes {
		switch a {
		case 'a':
			words = append(words, "array")
		case 'A':
			words = append(words, "associative array")
		case 'i':
			words = append(words, "integer")
		case 'l':
			words = append(words, "lower case")
		case 'n':
			words = append(words, "name reference")
		case 'r':
			words = append(words, "readonly")
		case 't':
			words = append(words, "traced")
		case 'u':
			words = append(words, "upper case")
		case 'x':
			words = append(words, "exported")
		case '-', 'f':
		default:
			words = append(words, string(a))
		}
	}
	return strings.Join(words, ", ")
}

// contrast returns two values of which the end is wanted where they differ:
// what they have in common at their beginning is left out where they are too
// long for room columns.
func (s Style) contrast(kind phased.ChangeKind, was, is *phased.Value, room int) (string, string) {
	a, b := s.value(kind, was, 0), s.value(kind, is, 0)
	long := room > 0 && (columns(a) > room || columns(b) > room)
	if !long || was == nil || is == nil || was.Secret || is.Secret || was.Unset || is.Unset {
		return s.value(kind, was, room), s.value(kind, is, room)
	}
	same := 0
	x, y := string(was.Text), string(is.Text)
	for same < len(x) && same < len(y) && x[same] == y[same] {
		same++
	}
	from := same - room/3 // some of what is the same, to find the place by
	for from > 0 && from < len(x) && from < len(y) && (!utf8.RuneStart(x[from]) || !utf8.RuneStart(y[from])) {
		from--
	}
	if from <= 0 {
		return s.value(kind, was, room), s.value(kind, is, room)
	}
	more := s.mark("…", "~")
	return more + s.shownWord(x[from:], was.Size-from, room-1), more + s.shownWord(y[from:], is.Size-from, room-1)
}
