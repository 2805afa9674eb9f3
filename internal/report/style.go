package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"phased/internal/phased"
)

// Style says how a text is laid out. The zero value is for files and pipes:
// no colour, no limit of width, nothing cut, full ids and exact times.
type Style struct {
	Terminal bool           // for people: short ids, rounded times, control characters neutralised
	Width    int            // columns, where Terminal; 0 counts as 80
	Colour   bool           // SGR colours
	Unicode  bool           // marks beyond ASCII
	Zone     *time.Location // of times shown; nil is UTC
	Now      time.Time      // for ages and for what still runs
	Flags    string         // flags that every command that is suggested needs, such as "--state-dir /tmp/x"
}

func (s Style) width() int {
	switch {
	case s.Width <= 0:
		return 80
	case s.Width > 120:
		return 120
	}
	return s.Width
}

// The colours, by their use.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	alarm  = "1;31"
)

func (s Style) paint(colour, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (s Style) mark(unicode, ascii string) string {
	if s.Unicode {
		return unicode
	}
	return ascii
}

// gutter stands before each line of a hook's output.
func (s Style) gutter(stream string) string {
	g := s.mark("│", "|")
	if stream == "err" {
		return s.paint(yellow, g) + " "
	}
	return s.paint(dim, g) + " "
}

// columns returns the columns that a text takes on a terminal: its characters,
// without SGR sequences.
func columns(text string) int {
	n := 0
	for i := 0; i < len(text); {
		if end := sgrEnd(text[i:]); end > 0 {
			i += end
			continue
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
		n++
	}
	return n
}

// pad returns the text filled with blanks to n columns.
func pad(text string, n int) string {
	if c := columns(text); c < n {
		return text + strings.Repeat(" ", n-c)
	}
	return text
}

// cut returns the plain text (without SGR sequences) in at most n columns.
func (s Style) cut(text string, n int) string {
	if columns(text) <= n || n < 2 {
		return text
	}
	more := s.mark("…", "~")
	runes := []rune(text)
	return string(runes[:n-1]) + more
}

// cutHook returns PHASE/HOOK in at most n columns: where there is no room, without
// the phase.
func (s Style) cutHook(phase string, hook phased.Text, n int) string {
	text := Hook(phase, hook)
	if columns(text) <= n {
		return text
	}
	return s.cut(s.mark("…/", ".../")+Name(hook), n)
}

// right returns left and text on one line, text at the right edge, or two blanks
// after left where there is no room.
func (s Style) right(left, text string) string {
	return pad(left, s.width()-columns(text)-2) + "  " + text
}

// Command returns a phased command line that an operator can paste.
func (s Style) Command(args ...string) string {
	words := []string{"phased", args[0]}
	if s.Flags != "" {
		words = append(words, s.Flags)
	}
	for _, a := range args[1:] {
		words = append(words, ShellWord(a))
	}
	return strings.Join(words, " ")
}

// printer collects one text and remembers the first error of its writer.
type printer struct {
	Style
	w    *bufio.Writer
	err  error
	text []byte // of the last printf
	// collect, where it is set, gets what fact prints as well.
	collect *[]Fact
}

func newPrinter(w io.Writer, s Style) *printer { return &printer{Style: s, w: bufio.NewWriter(w)} }

// printf prints a text that is to be read: whatever got into it, nothing comes
// out that does more to a terminal than colour it. Who puts it together makes
// names and output safe where that can be told; this is what holds anyway.
func (p *printer) printf(format string, args ...any) {
	p.text = fmt.Appendf(p.text[:0], format, args...)
	if tame(p.text) {
		p.raw(p.text)
	} else {
		p.raw([]byte(tamed(string(p.text))))
	}
	if cap(p.text) > 1<<20 {
		p.text = nil
	}
}

// raw prints bytes as they are: data, and what this package itself tells the
// terminal.
func (p *printer) raw(text []byte) {
	if p.err == nil {
		_, p.err = p.w.Write(text)
	}
}

// line prints the text without blanks at its end.
func (p *printer) line(text string) { p.printf("%s\n", strings.TrimRight(text, " ")) }

func (p *printer) flush() error {
	if err := p.w.Flush(); p.err == nil {
		p.err = err
	}
	return p.err
}
