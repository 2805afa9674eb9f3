package carry

import (
	"bytes"
	"fmt"
	"strings"
)

// The bounds of what a hook may hand on, in bytes.
const (
	// MaxFile is the size of the largest file that is read.
	MaxFile = 4 << 20
	// MaxValue is the length of the longest NAME=value. The kernel starts no
	// program with a longer one: MAX_ARG_STRLEN, less the NUL behind it.
	MaxValue = 128<<10 - 1
	// MaxTotal is how much all that is carried may come to, where the kernel would
	// take more.
	MaxTotal = 1 << 20
)

// Assignment is one variable that a hook hands on.
type Assignment struct {
	Name  string
	Value string // any bytes but NUL
	Line  int    // of the file, where it begins
}

// text returns the assignment as an environment has it.
func (a Assignment) text() string { return a.Name + "=" + a.Value }

// Error is why a file was refused. Its words hold nothing of the file but names
// that are fit to be one: a line that goes wrong may be a part of a secret.
type Error struct {
	File    string
	Line    int // 0: the file as a whole
	Message string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

func wrong(line int, format string, args ...any) *Error {
	return &Error{Line: line, Message: fmt.Sprintf(format, args...)}
}

// Parse reads what a hook has written to $PHASED_ENV:
//
//	NAME=value     the rest of the line, as it is: quotes, blanks, = and # have no meaning
//	NAME<<WORD     the lines up to one that is WORD and nothing else, without
//	...            the last line end
//	WORD
//
// and empty lines between them. Bytes are kept as they are. Of two lines for one
// name the later one counts. An error is an *Error without its File.
func Parse(content []byte, names Names) ([]Assignment, error) {
	var all []Assignment
	l := lines{rest: content}
	for {
		text, more := l.next()
		switch {
		case !more:
			return all, nil
		case len(text) == 0:
			continue
		}
		a, err := assignment(text, &l)
		if err == nil {
			err = check(a, names)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
}

// lines takes a text apart. Its last line may lack its end.
type lines struct {
	rest []byte
	line int // number of the line that was taken last
}

func (l *lines) next() (text []byte, more bool) {
	if len(l.rest) == 0 {
		return nil, false
	}
	l.line++
	text, l.rest, _ = bytes.Cut(l.rest, []byte("\n"))
	return text, true
}

// assignment reads the line, and the block that it may begin.
func assignment(text []byte, l *lines) (Assignment, error) {
	a := Assignment{Name: name(text), Line: l.line}
	rest := text[len(a.Name):]
	switch {
	case a.Name == "":
	case len(rest) > 0 && rest[0] == '=':
		a.Value = string(rest[1:])
		return a, nul(rest, l.line)
	case bytes.HasPrefix(rest, []byte("<<")):
		var err error
		a.Value, err = block(a.Name, rest[2:], l)
		return a, err
	}
	return a, wrong(l.line, "expected NAME=value or NAME<<WORD, with a name of letters, digits and _ that begins with no digit. %s", cure(text))
}

// cure says what to do about a line that is neither.
func cure(text []byte) string {
	switch {
	case text[0] == '#':
		return "There are no comments here: leave the line out"
	case bytes.HasPrefix(text, []byte("export ")), bytes.HasPrefix(text, []byte("declare ")):
		return "Leave out the word before the name"
	case name(text) != "" && bytes.HasPrefix(bytes.TrimLeft(text[len(name(text)):], " \t"), []byte("=")):
		return "Leave out the blank before ="
	case len(text) == 1 && text[0] == '\r':
		return `Lines end with \n alone`
	}
	return "A value of several lines is written as NAME<<EOF, its lines, EOF"
}

// name returns the name that a line begins with, or "".
func name(text []byte) string {
	for i, c := range text {
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return string(text[:i])
		}
	}
	return string(text)
}

// block reads the lines up to the one that is the word.
func block(name string, word []byte, l *lines) (string, error) {
	begin := l.line
	if why := badWord(word); why != "" {
		return "", wrong(begin, "%s<<WORD: %s", name, why)
	}
	start, size := l.rest, 0
	for {
		text, more := l.next()
		if !more {
			return "", wrong(begin, "the block of %s has no end: expected a line that is the word behind << and nothing else", name)
		}
		if bytes.Equal(text, word) {
			return string(start[:max(size-1, 0)]), nil
		}
		if err := nul(text, l.line); err != nil {
			return "", err
		}
		size = len(start) - len(l.rest)
	}
}

// badWord says why a word cannot end a block, or "".
func badWord(word []byte) string {
	const expected = "expected a word of letters, digits, _, - and ., without quotes or blanks, such as EOF"
	if len(word) == 0 {
		return "there is no word behind <<; " + expected
	}
	for _, c := range word {
		if c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			continue
		}
		if c == '\r' {
			return `the line ends with \r\n; lines end with \n alone`
		}
		return expected
	}
	return ""
}

func nul(text []byte, line int) error {
	if bytes.IndexByte(text, 0) < 0 {
		return nil
	}
	return wrong(line, "holds a NUL byte, which no variable can; encode the value, for example by base64")
}

// check refuses names that hooks may not set, and what no program could be
// started with.
func check(a Assignment, names Names) error {
	if why := names.refuse(a.Name); why != "" {
		return wrong(a.Line, "%s: %s", a.Name, why)
	}
	if n := len(a.text()); n > MaxValue {
		return wrong(a.Line, "%s: with its name the value has %d bytes; the kernel starts no program with more than %d in one variable. Write it to a file, and hand on the path", a.Name, n, MaxValue)
	}
	return nil
}

// ParsePath reads what a hook has written to $PHASED_PATH: a directory a line, as
// it is, and empty lines. An error is an *Error without its File.
func ParsePath(content []byte) ([]string, error) {
	var dirs []string
	length := 0
	for l := (lines{rest: content}); ; {
		text, more := l.next()
		switch dir := string(text); {
		case !more:
			return dirs, nil
		case dir == "":
			continue
		case strings.IndexByte(dir, 0) >= 0:
			return nil, wrong(l.line, "holds a NUL byte; expected the path of a directory")
		case dir[0] != '/':
			return nil, wrong(l.line, "expected the absolute path of a directory, such as /opt/app/bin: what PATH names by a relative one depends on where a program stands")
		case strings.Contains(dir, ":"):
			return nil, wrong(l.line, "holds a colon, which parts the directories of PATH; expected one directory a line")
		case strings.HasSuffix(dir, "\r"):
			return nil, wrong(l.line, `the line ends with \r\n; lines end with \n alone`)
		default:
			if length += len(dir) + 1; length > MaxValue {
				return nil, wrong(l.line, "up to here the directories have more than %d bytes: the kernel starts no program with a longer PATH", MaxValue)
			}
			dirs = append(dirs, dir)
		}
	}
}
