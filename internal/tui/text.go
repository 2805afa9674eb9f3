package tui

import (
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"phased/internal/report"
)

// The colours, by their use: the sixteen of every terminal.
const (
	bold    = "1"
	dim     = "2"
	red     = "31"
	green   = "32"
	yellow  = "33"
	cyan    = "36"
	alarm   = "1;31"
	reverse = "7"
)

// sgr returns the length of the SGR sequence that the text begins with, or 0.
func sgr(text string) int {
	if len(text) < 3 || text[0] != 0x1b || text[1] != '[' {
		return 0
	}
	for i := 2; i < len(text); i++ {
		switch c := text[i]; {
		case c == 'm':
			return i + 1
		case c >= '0' && c <= '9', c == ';', c == ':':
		default:
			return 0
		}
	}
	return 0
}

// harmless returns a line that does nothing to a terminal but colour it: as it is,
// where it is one already.
func harmless(line string, colour bool) string {
	line = tabs(line)
	plain := line
	if strings.IndexByte(line, 0x1b) >= 0 {
		var b strings.Builder
		for i := 0; i < len(line); {
			if n := sgr(line[i:]); n > 0 && colour {
				i += n
				continue
			}
			b.WriteByte(line[i])
			i++
		}
		plain = b.String()
	}
	if report.Safe(plain, false) == plain {
		return line
	}
	return report.Safe(line, colour)
}

// width returns the columns that a line takes, without its SGR sequences.
func width(line string) int {
	n := 0
	for {
		esc := strings.IndexByte(line, 0x1b)
		if esc < 0 {
			return n + displaywidth.String(line)
		}
		n += displaywidth.String(line[:esc])
		line = line[esc+max(1, sgr(line[esc:])):]
	}
}

// cut returns a line in at most n columns, with more at its end where something
// is missing. Colours that are open there are closed.
func cut(line string, n int, more string) string {
	if width(line) <= n {
		return line
	}
	if n <= 0 {
		return ""
	}
	room := n - displaywidth.String(more)
	if room < 0 {
		room, more = n, ""
	}
	var b strings.Builder
	used, coloured := 0, false
	for line != "" {
		if i := sgr(line); i > 0 {
			b.WriteString(line[:i])
			coloured, line = true, line[i:]
			continue
		}
		plain := line
		if esc := strings.IndexByte(line, 0x1b); esc > 0 {
			plain = line[:esc]
		}
		full := false
		for g := displaywidth.StringGraphemes(plain); g.Next(); {
			if used+g.Width() > room {
				full = true
				break
			}
			used += g.Width()
			b.WriteString(g.Value())
		}
		if full {
			break
		}
		line = line[len(plain):]
	}
	b.WriteString(more)
	if coloured {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

// from returns a line without its first n columns; colours stay.
func from(line string, n int) string {
	if n <= 0 {
		return line
	}
	var b strings.Builder
	gone := 0
	for line != "" && gone < n {
		if i := sgr(line); i > 0 {
			b.WriteString(line[:i])
			line = line[i:]
			continue
		}
		g := displaywidth.StringGraphemes(line)
		g.Next()
		gone += g.Width()
		line = line[max(1, len(g.Value())):]
	}
	b.WriteString(line)
	return b.String()
}

// pad returns a line filled with blanks to n columns.
func pad(line string, n int) string { return line + strings.Repeat(" ", max(0, n-width(line))) }

// tabs writes tabs out: columns are counted here, and where a tab leads to is for
// the terminal.
func tabs(line string) string {
	if strings.IndexByte(line, '\t') < 0 {
		return line
	}
	var b strings.Builder
	at := 0
	for i, part := range strings.Split(line, "\t") {
		if i > 0 {
			n := 8 - at%8
			b.WriteString(strings.Repeat(" ", n))
			at += n
		}
		b.WriteString(part)
		at += width(part)
	}
	return b.String()
}

// fewer returns a line with its colours as a terminal of so many has them: 16,
// 256, or more. Everything else of SGR that it may have passes.
func fewer(line string, colours int) string {
	if colours > 256 || !strings.Contains(line, "8;") && !strings.Contains(line, "8:") {
		return line
	}
	var b strings.Builder
	for line != "" {
		esc := strings.IndexByte(line, 0x1b)
		if esc < 0 {
			break
		}
		n := sgr(line[esc:])
		b.WriteString(line[:esc])
		if n == 0 {
			n = 1
			b.WriteByte(0x1b)
		} else {
			b.WriteString("\x1b[" + fewerCodes(line[esc+2:esc+n-1], colours) + "m")
		}
		line = line[esc+n:]
	}
	b.WriteString(line)
	return b.String()
}

// fewerCodes is fewer for what stands between ESC [ and m.
func fewerCodes(codes string, colours int) string {
	in := strings.FieldsFunc(codes, func(r rune) bool { return r == ';' || r == ':' })
	var out []string
	for i := 0; i < len(in); i++ {
		back := in[i] == "48"
		switch {
		case (in[i] == "38" || back) && i+2 < len(in) && in[i+1] == "5":
			if n := number(in[i+2]); colours < 256 {
				out = append(out, basic(palette(n), n, back))
			} else {
				out = append(out, in[i], "5", strconv.Itoa(n))
			}
			i += 2
		case (in[i] == "38" || back) && i+4 < len(in) && in[i+1] == "2":
			rgb := [3]int{number(in[i+2]), number(in[i+3]), number(in[i+4])}
			if colours < 256 {
				out = append(out, basic(rgb, 255, back))
			} else {
				out = append(out, in[i], "5", strconv.Itoa(cube(rgb)))
			}
			i += 4
		default:
			out = append(out, in[i])
		}
	}
	return strings.Join(out, ";")
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return min(max(n, 0), 255)
}

// palette returns about the colour that a number of the 256 stands for.
func palette(n int) [3]int {
	switch {
	case n >= 232:
		v := 8 + 10*(n-232)
		return [3]int{v, v, v}
	case n >= 16:
		n -= 16
		return [3]int{n / 36 * 51, n / 6 % 6 * 51, n % 6 * 51}
	}
	return [3]int{}
}

// cube returns the number, of the 256, that is nearest to a colour.
func cube(c [3]int) int { return 16 + 36*((c[0]+25)/51) + 6*((c[1]+25)/51) + (c[2]+25)/51 }

// basic returns the code of one of the sixteen colours that is near another.
func basic(c [3]int, n int, back bool) string {
	code := 30
	if n < 16 {
		if code += n; n > 7 {
			code += 90 - 38
		}
	} else {
		most := max(c[0], c[1], c[2])
		bit := 1
		for _, v := range c {
			if most > 60 && v*2 > most {
				code += bit
			}
			bit *= 2
		}
		if most > 200 && code != 37 || most > 230 || most <= 60 && most > 30 {
			code += 60
		}
	}
	if back {
		code += 10
	}
	return strconv.Itoa(code)
}
