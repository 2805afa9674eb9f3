package web

import (
	"strconv"
	"strings"

	"phased/internal/report"
)

// Colours are told by classes, since a page has no styles of its own text, and
// brought to a few: each of them can be read on the page's ground, in light and in
// dark, which what a hook asks for may not be.
const hues = "roylgtcabvmp" // red, orange, yellow, ..., pink: 30 degrees each

// The greys: black, middle, white.
const (
	greyDark  = 'k'
	greyMid   = 'd'
	greyLight = 'w'
)

// pen is how the next text is written, by the SGR sequences before it. The zero
// value is how a page writes.
type pen struct {
	fg, bg                                      byte // one of hues or the greys; 0: the page's own
	bold, dim, italic, underline, strike, swaps bool
}

// span is text written with one pen.
type span struct {
	class string
	text  string
}

// spans returns a piece of output as text that may be shown, cut where the pen
// changes. What is neither text nor colour is written out, as report.Safe does.
func (p *pen) spans(raw string) []span {
	safe := report.Safe(raw, true)
	if !strings.Contains(safe, "\x1b") {
		if safe == "" {
			return nil
		}
		return []span{{p.class(), safe}}
	}
	safe = strings.TrimSuffix(safe, "\x1b[0m") // which Safe has put there
	var all []span
	for safe != "" {
		text, rest, found := strings.Cut(safe, "\x1b[")
		if text != "" {
			all = append(all, span{p.class(), text})
		}
		if !found {
			break
		}
		code, after, _ := strings.Cut(rest, "m")
		p.apply(code)
		safe = after
	}
	return all
}

// apply follows one SGR sequence.
func (p *pen) apply(code string) {
	all := strings.Split(code, ";")
	for i := 0; i < len(all); i++ {
		parts := strings.Split(all[i], ":")
		n := figure(parts[0])
		switch {
		case n == 38 || n == 48:
			colour, used := extended(parts[1:], all[i+1:])
			i += used
			if n == 38 {
				p.fg = colour
			} else {
				p.bg = colour
			}
		case n == 4 && len(parts) > 1:
			p.underline = figure(parts[1]) != 0
		default:
			p.simple(n)
		}
	}
}

// simple follows a parameter that stands alone.
func (p *pen) simple(n int) {
	switch {
	case n == 0:
		*p = pen{}
	case n == 1:
		p.bold = true
	case n == 2:
		p.dim = true
	case n == 3:
		p.italic = true
	case n == 4 || n == 21:
		p.underline = true
	case n == 7:
		p.swaps = true
	case n == 9:
		p.strike = true
	case n == 22:
		p.bold, p.dim = false, false
	case n == 23:
		p.italic = false
	case n == 24:
		p.underline = false
	case n == 27:
		p.swaps = false
	case n == 29:
		p.strike = false
	case n >= 30 && n <= 37:
		p.fg = basic(n - 30)
	case n == 39:
		p.fg = 0
	case n >= 40 && n <= 47:
		p.bg = basic(n - 40)
	case n == 49:
		p.bg = 0
	case n >= 90 && n <= 97:
		p.fg = basic(n - 90 + 8)
	case n >= 100 && n <= 107:
		p.bg = basic(n - 100 + 8)
	}
}

// figure is a parameter; one that is left out, or is none, counts as 0.
func figure(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// extended returns the colour that the parameters behind 38 or 48 name, and how
// many of those that follow belong to it.
func extended(own, following []string) (colour byte, used int) {
	from := own
	if len(own) == 0 {
		from = following
	}
	at := func(i int) int {
		if i < len(from) {
			return min(figure(from[i]), 255)
		}
		return 0
	}
	switch {
	case at(0) == 5:
		colour, used = indexed(at(1)), 2
	case at(0) == 2 && len(own) >= 5: // with a colour space before the colours
		colour = nearest(at(2), at(3), at(4))
	case at(0) == 2:
		colour, used = nearest(at(1), at(2), at(3)), 4
	default:
		used = 1
	}
	if len(own) > 0 {
		used = 0
	}
	return colour, min(used, len(following))
}

// basic returns one of the sixteen colours that terminals name.
func basic(n int) byte {
	if n == 8 { // bright black
		return greyMid
	}
	return "krgybmcw"[n%8]
}

// indexed returns a colour of the table of 256.
func indexed(n int) byte {
	switch {
	case n < 16:
		return basic(n)
	case n >= 232:
		return nearest(8+10*(n-232), 8+10*(n-232), 8+10*(n-232))
	}
	level := func(i int) int {
		if i == 0 {
			return 0
		}
		return 55 + 40*i
	}
	n -= 16
	return nearest(level(n/36), level(n/6%6), level(n%6))
}

// nearest returns the colour that is most like a mixture of red, green and blue.
func nearest(r, g, b int) byte {
	high, low := max(r, g, b), min(r, g, b)
	chroma := high - low
	if chroma < 24 {
		switch {
		case high < 64:
			return greyDark
		case high < 170:
			return greyMid
		}
		return greyLight
	}
	var hue int
	switch high {
	case r:
		hue = 60 * (g - b) / chroma
	case g:
		hue = 120 + 60*(b-r)/chroma
	default:
		hue = 240 + 60*(r-g)/chroma
	}
	return hues[(hue+360+15)/30%12]
}

// class returns the classes of the pen. Where both colours are set, the text is the
// page's own: nobody knows whether the two could be told apart.
func (p *pen) class() string {
	if *p == (pen{}) {
		return ""
	}
	fg, bg := p.fg, p.bg
	var b strings.Builder
	add := func(on bool, name string) {
		if on {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(name)
		}
	}
	add(p.swaps && fg == 0 && bg == 0, "a-swap")
	if p.swaps {
		fg, bg = bg, fg
	}
	add(fg != 0 && bg == 0, "f-"+string(rune(fg)))
	add(bg != 0, "b-"+string(rune(bg)))
	add(p.bold, "a-bold")
	add(p.dim && fg == 0 && bg == 0 && !p.swaps, "a-dim")
	add(p.italic, "a-italic")
	add(p.underline, "a-under")
	add(p.strike, "a-strike")
	return b.String()
}
