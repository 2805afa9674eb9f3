package cli

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/report"
)

// isTerminal reports whether the file is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// width returns the columns of a terminal, 0 where they are not known.
func width(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// style returns how to print to stdout: for people where it is a terminal and
// nobody asked for plain lines.
func (w *World) style(plain bool, again string) report.Style {
	if plain {
		return report.Style{Now: time.Now(), Zone: time.Local, Flags: again}
	}
	return w.styleOf(w.Stdout, again)
}

// styleOf returns how to print to a file: for people where it is a terminal.
func (w *World) styleOf(f *os.File, again string) report.Style {
	s := report.Style{Now: time.Now(), Zone: time.Local, Flags: again}
	if !isTerminal(f) {
		return s
	}
	s.Terminal = true
	s.Width = width(f)
	s.Colour = w.getenv("NO_COLOR") == "" && w.smart()
	s.Unicode = w.utf8()
	return s
}

// smart reports whether the terminal knows escape sequences.
func (w *World) smart() bool {
	term := w.getenv("TERM")
	return term != "" && term != "dumb"
}

// utf8 reports whether the terminal shows marks beyond ASCII: the locale says
// so, and it is not the kernel's console, whose font has few.
func (w *World) utf8() bool {
	if w.getenv("TERM") == "linux" || !w.smart() {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := w.getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}
