package cli

import (
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/config"
	"phased/internal/report"
	"phased/internal/tui"
)

// isTerminal reports whether the file is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// writer writes to a file. A run must not be stopped by what it tells: where that is
// a terminal, whose background it may be in, nothing of it stops.
func writer(f *os.File) io.Writer {
	if isTerminal(f) {
		return tui.NewTerminal(nil, f)
	}
	return f
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

// lively reports whether stdout is a terminal on which a run can be shown as it
// goes on: one that knows escape sequences, that is ours to draw on, and whose
// user has not asked for lines (who has them read out, for one).
func (w *World) lively(s *config.Settings) bool {
	if v := w.getenv("PHASED_PLAIN"); v != "" && v != "0" || s.Terminal == "plain" {
		return false
	}
	return isTerminal(w.Stdout) && w.smart() && w.terminal(nil).Foreground()
}

// watchGroup names the process group of the watch that has started a run: where that
// is in the foreground, the run may draw, although its own group is not.
const watchGroup = "PHASED_WATCH_GROUP"

// terminal returns the terminal that stdout is; keys is where its keys come from, or
// nil.
func (w *World) terminal(keys *os.File) *tui.Terminal {
	t := tui.NewTerminal(keys, w.Stdout)
	if group, err := strconv.Atoi(w.getenv(watchGroup)); err == nil {
		t.For = group
	}
	return t
}

// newScreen returns a screen on stdout; keys is where its keys come from, or nil.
func (w *World) newScreen(keys *os.File, again string) *tui.Screen {
	term := w.getenv("TERM")
	s := &tui.Screen{Options: tui.Options{Style: w.styleOf(w.Stdout, again), Colours: w.colours(), Keys: keys != nil}, Terminal: w.terminal(keys)}
	s.NoOther = term == "linux"
	s.Fallow = s.NoOther || w.getenv("XTERM_VERSION") != "" || strings.HasPrefix(term, "screen") && w.getenv("TMUX") == ""
	return s
}

// colours is how many colours the terminal has, as far as its name and COLORTERM
// tell.
func (w *World) colours() int {
	term := w.getenv("TERM")
	switch colorterm := w.getenv("COLORTERM"); {
	case colorterm == "truecolor", colorterm == "24bit", strings.HasSuffix(term, "-direct"):
		return 1 << 24
	case strings.Contains(term, "256color"):
		return 256
	}
	return 16
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
