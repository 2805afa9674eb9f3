// Package trust owns the question whether a file is one that this user may run
// or obey: whether nobody else could have written it, the directories on the
// way to it up to /, or the links by which it is reached.
//
// It looks and opens; it must not run, change or print anything, and it knows
// neither settings nor plans beyond the language.
package trust

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"phased/internal/phased"
)

// Mode says what becomes of what is not trusted.
type Mode string

// The modes.
const (
	Refuse Mode = "refuse" // nothing is run
	Warn   Mode = "warn"   // it is told, and run
	Off    Mode = "off"    // nobody looks
)

// Modes returns all modes, as flags and settings know them.
func Modes() []string { return []string{string(Refuse), string(Warn), string(Off)} }

// Default returns the mode that holds where nobody says otherwise: root refuses,
// and other users run what is theirs to run.
func Default(euid int) Mode {
	if euid == 0 {
		return Refuse
	}
	return Off
}

// Borrowed reports whether this process has rights that its caller does not
// have: it is run setuid or setgid. Then the environment, the working directory
// and the descriptors are the caller's, and what is run would be as he likes.
func Borrowed() bool { return os.Getuid() != os.Geteuid() || os.Getgid() != os.Getegid() }

// BorrowedText says so.
const BorrowedText = "is installed setuid or setgid: it runs hooks as its caller only; remove the bit (chmod ug-s), and use sudo"

// Problem is one reason for which a file is not trusted.
type Problem struct {
	File string // what was asked about, as it was named
	At   string // the file, directory or link that has the fault: File, or on the way to it
	What string // of At, in words: "can be written by everybody (mode 0777)"
	Cure string // commands that mend At; "" where there are none
}

// Error tells the file, what is wrong and the cure, in one line.
func (p *Problem) Error() string {
	text := shown(p.File) + " is not trusted: "
	switch {
	case p.At == p.File, !filepath.IsAbs(p.File) && strings.HasSuffix(p.At, "/"+filepath.Clean(p.File)):
		text += "it " + p.What
	default:
		text += shown(p.At) + ", on the way to it, " + p.What
	}
	if p.Cure != "" {
		text += "; " + p.Cure
	}
	return text
}

// Untrusted returns the problem as plans have it.
func (p *Problem) Untrusted(phase string) phased.Untrusted {
	return phased.Untrusted{Phase: phase, Path: phased.Text(p.File), At: phased.Text(p.At), What: p.What, Cure: p.Cure}
}

// Text tells one untrusted thing of a plan, in one line.
func Text(u phased.Untrusted) string {
	return (&Problem{File: string(u.Path), At: string(u.At), What: u.What, Cure: u.Cure}).Error()
}

// Error is all reasons for which nothing was run.
type Error struct{ Found []phased.Untrusted }

// most is how many reasons are told at once.
const most = 20

// Error tells one reason a line.
func (e *Error) Error() string {
	var b strings.Builder
	for i, u := range e.Found {
		if i == most {
			fmt.Fprintf(&b, "\nand %d more", len(e.Found)-most)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(Text(u))
	}
	return b.String()
}

// shown returns a path as one word of bash in printable ASCII: nothing in a name
// may steer a terminal, nor be run where a cure is copied.
func shown(path string) string {
	plain, printable := path != "", true
	for i := range len(path) {
		c := path[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		plain = plain && (letter || strings.IndexByte("_-./=:,@%+", c) >= 0)
		printable = printable && c >= 0x20 && c < 0x7f
	}
	switch {
	case plain:
		return path
	case printable:
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(path) {
		switch c := path[i]; {
		case c == '\'' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c >= 0x20 && c < 0x7f:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\%03o`, c)
		}
	}
	b.WriteByte('\'')
	return b.String()
}
