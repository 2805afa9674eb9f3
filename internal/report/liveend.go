package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"phased/internal/phased"
)

// Ages from which a hook that runs is talked about.
const (
	showAfter  = 1 * time.Second
	quietAfter = 10 * time.Second
	signEvery  = time.Minute
)

// Tick shows that a hook still runs, or is to be tried again; call it about once a
// second.
func (l *Live) Tick(now time.Time) {
	if len(l.current) == 0 {
		if text := l.waits(now); l.Signs && text != "" && l.half == "" {
			l.sign(strings.TrimPrefix(text, "; "))
		}
		return
	}
	if v := l.only(); v != nil && l.openHalf(v) || l.half != "" {
		return
	}
	age, quiet := ages(l.current, now)
	names := viewNames(l.current, 3, func(v *hookView) string { return Name(v.hook) })
	if !l.Signs {
		if quiet >= quietAfter && now.Sub(l.signed) >= signEvery {
			l.signed = now
			l.talk(dim, "... "+lifeSign(names, len(l.current), age, quiet)+leftInRun(l.Left, l.run, now))
		}
		return
	}
	if age < showAfter {
		return
	}
	left := leftInRun(l.Left, l.run, now)
	text := names + "  " + About(age) + written(l.current)
	if quiet >= quietAfter {
		if text += ", quiet for " + About(quiet); left == "" {
			text = lifeSign(names, len(l.current), age, quiet)
		}
	}
	l.sign(text + left + l.waits(now))
}

// sign draws the life sign.
func (l *Live) sign(text string) {
	if text == l.drawn {
		return
	}
	l.drawn = text
	l.out.flush()
	l.err.erase()
	l.err.printf("  %s %s", l.statusMark(phased.StatusRunning), l.paint(dim, l.cut(text, max(l.width(), l.Width)-5)))
	l.err.flush()
}

// lifeSign tells that a quiet hook is alive, or that n hooks are, the oldest of
// which is of that age.
func lifeSign(names string, n int, age, quiet time.Duration) string {
	if n > 1 {
		return names + " have been running for up to " + About(age) + ", quiet for " + About(quiet)
	}
	return names + " has been running for " + About(age) + ", quiet for " + About(quiet)
}

// ages returns how long the oldest of the hooks has been running, and for how long
// all of them have been quiet.
func ages(views []*hookView, now time.Time) (age, quiet time.Duration) {
	quiet = now.Sub(views[0].last)
	for _, v := range views {
		age, quiet = max(age, now.Sub(v.began)), min(quiet, now.Sub(v.last))
	}
	return age, quiet
}

// viewNames returns the names of hooks with commas, the first max of them.
func viewNames(views []*hookView, max int, name func(*hookView) string) string {
	var words []string
	for i, v := range views {
		if i == max {
			words = append(words, fmt.Sprintf("and %d more", len(views)-max))
			break
		}
		words = append(words, name(v))
	}
	return strings.Join(words, ", ")
}

// openHalf shows output that has no line end yet, such as a row of dots.
func (l *Live) openHalf(v *hookView) bool {
	for i, stream := range []string{"out", "err"} {
		part := &v.parts[i]
		if part.held == "" {
			continue
		}
		if l.half != stream || l.block != v {
			l.head(v)
			l.clear()
			l.out.printf("    %s", l.gutter(stream))
		}
		whole, rest := splitWhole(part.held)
		shown := rows(whole)
		for j, row := range shown {
			l.out.printf("%s", l.Style.output(row))
			if j < len(shown)-1 {
				l.out.printf("\n    %s", l.gutter(stream))
			}
		}
		part.held, l.half = rest, stream
		l.out.flush()
		return true
	}
	return false
}

// splitWhole keeps back what at the end of a text is the beginning of a
// character, of a line end or of an SGR sequence.
func splitWhole(text string) (whole, rest string) {
	if i := strings.LastIndexByte(text, 0x1b); i >= 0 && len(text)-i < 32 && !strings.ContainsFunc(text[i:], isLetter) {
		return text[:i], text[i:]
	}
	if strings.HasSuffix(text, "\r") {
		return text[:len(text)-1], "\r"
	}
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if i := len(text) - n; utf8.RuneStart(text[i]) {
			if !utf8.FullRuneInString(text[i:]) {
				return text[:i], text[i:]
			}
			break
		}
	}
	return text, ""
}

func isLetter(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }

// endAll shows what hooks have left without a line end.
func (l *Live) endAll() {
	for _, key := range slices.Sorted(maps.Keys(l.hooks)) {
		v := l.hooks[key]
		for i, stream := range []string{"out", "err"} {
			v.parts[i].end(func(line string) { l.rows(v, stream, line) })
		}
	}
}

func (l *Live) runFinished(d phased.RunFinished) {
	l.endAll()
	l.line("")
	id := l.id(l.run.ID)
	if d.Failure == nil {
		if h := endedHalfWay(l.run); h != nil {
			l.out.halfWay(*h)
			l.line("")
		}
		what := l.paint(green, "succeeded") + " in " + Took(d.Took) + ": " + count(d.Ran, "hook") + " ran"
		if d.Failed > 0 {
			what += l.paint(yellow, fmt.Sprintf(", %d failed and ended nothing", d.Failed))
		}
		l.line(l.right(what, l.paint(dim, l.Command("show", id))))
		return
	}
	f := *d.Failure
	if l.run.Session != nil {
		l.sessionFailed(f)
	} else {
		l.out.failure(f, d.Status)
	}
	if v := l.above(f); v != nil && l.run.Session == nil {
		l.out.tail(v.tail)
	}
	l.line("")
	l.line("  after " + Took(d.Took) + ": " + tally(d.Ran, d.Failed, l.run.Start.Hooks) + fmt.Sprintf("; phased exits %d", d.ExitCode))
	next := append(l.out.resumeNext(Story{Run: l.run, NoResume: l.NoResume}), [2]string{l.Command("show", id), "what happened"})
	if f.Hook != "" && l.run.Start.Output != "inherited" && l.run.Hook(f.Phase, f.Hook) != nil {
		next = append(next, [2]string{l.Command("logs", id, f.Phase+"/"+string(f.Hook)), "all of its output"})
	}
	next = append(next, l.out.afterNext(l.run)...)
	l.out.next(next)
}

// above returns the hook of a failure where something was shown since it ended, so
// that its output stands far above; else nil.
func (l *Live) above(f phased.Failure) *hookView {
	if v := l.failed[Hook(f.Phase, f.Hook)]; v != nil && v.shown < l.shown {
		return v
	}
	return nil
}

// runWaiting ends a run that waits for a reboot.
func (l *Live) runWaiting(d phased.RunWaiting) {
	l.endAll()
	l.line("")
	l.out.waiting(d)
	l.line("  after " + Took(d.Took) + ": " + tally(d.Ran, d.Failed, l.run.Start.Hooks) + fmt.Sprintf("; phased exits %d", d.ExitCode))
	l.out.next([][2]string{
		{l.Command("resume", "--after-reboot"), "go on, once the host was rebooted"},
		{l.Command("show", l.id(l.run.ID)), "what happened"},
	})
}

// waiting prints what a run waits for, and where it goes on.
func (p *printer) waiting(d phased.RunWaiting) {
	p.line(p.paint(yellow, headline(phased.StatusWaiting)) + "  " + Safe(d.Why, false))
	if d.Next != "" {
		p.line("  goes on at " + p.paint(bold, Safe(d.Next, false)))
	}
}

// failure prints the headline of a failure.
func (p *printer) failure(f phased.Failure, s phased.Status) {
	what := ""
	if f.Phase != "" {
		what = "  " + p.paint(bold, Hook(f.Phase, f.Hook))
	}
	p.line(p.paint(alarm, headline(s)) + what + "  " + ExitText(f.Exit))
}

func headline(s phased.Status) string {
	switch s {
	case phased.StatusTimedOut:
		return "TIMED OUT"
	case phased.StatusStopped:
		return "STOPPED"
	case phased.StatusInterrupted:
		return "INTERRUPTED"
	case phased.StatusWaiting:
		return "WAITING FOR A REBOOT"
	}
	return "FAILED"
}

// next prints what an operator may want to type now.
func (p *printer) next(commands [][2]string) { p.printf("%s\n", p.Next(commands)) }

// Next returns commands that an operator may want to type now, a line each with
// what it does. Where there is room, these stand below each other.
func (s Style) Next(commands [][2]string) string {
	wide, words := 0, 0
	for _, c := range commands {
		wide, words = max(wide, columns(c[0])), max(words, columns(c[1]))
	}
	if s.Terminal { // what is longer than the rest pushes nothing over the edge
		wide = min(wide, max(0, s.width()-words-5))
	}
	lines := make([]string, len(commands))
	for i, c := range commands {
		lines[i] = "  " + pad(c[0], wide) + s.paint(dim, "   "+c[1])
	}
	return strings.Join(lines, "\n")
}
