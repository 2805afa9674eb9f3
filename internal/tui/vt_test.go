package tui

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// screenVT is a terminal, as far as a canvas uses one. It breaks no lines anew when
// it is made narrower.
type screenVT struct {
	w, h   int
	cells  [][]string // clusters, "" behind a wide one
	y, x   int
	scroll []string // lines that have left at the top
	noWrap bool
	saved  *screenVT
	fault  string
}

func newScreenVT(w, h int) *screenVT {
	s := &screenVT{w: w, h: h}
	s.cells = make([][]string, h)
	for i := range s.cells {
		s.cells[i] = blank(w)
	}
	return s
}

func blank(w int) []string {
	row := make([]string, w)
	for i := range row {
		row[i] = " "
	}
	return row
}

func (s *screenVT) rows() (all []string) {
	for _, row := range s.cells {
		all = append(all, strings.Join(row, ""))
	}
	return all
}

func (s *screenVT) write(text string) {
	for text != "" {
		switch text[0] {
		case '\r':
			s.x, text = 0, text[1:]
		case '\n':
			s.feed()
			text = text[1:]
		case 0x1b:
			text = s.escape(text)
		default:
			plain := text
			if i := strings.IndexAny(text, "\r\n\x1b"); i >= 0 {
				plain = text[:i]
			}
			for g := displaywidth.StringGraphemes(plain); g.Next(); {
				s.put(g.Value(), g.Width())
			}
			text = text[len(plain):]
		}
	}
}

func (s *screenVT) feed() {
	if s.y++; s.y == s.h {
		s.scroll = append(s.scroll, strings.TrimRight(strings.Join(s.cells[0], ""), " "))
		s.cells = append(s.cells[1:], blank(s.w))
		s.y--
	}
}

func (s *screenVT) put(cluster string, w int) {
	if w == 0 {
		at := max(0, min(s.x, s.w)-1)
		s.cells[s.y][at] += cluster
		return
	}
	if s.x+w > s.w {
		if s.noWrap || w > s.w {
			return
		}
		s.x = 0
		s.feed()
	}
	s.cells[s.y][s.x] = cluster
	for i := 1; i < w; i++ {
		s.cells[s.y][s.x+i] = ""
	}
	s.x += w
}

// escape takes one sequence.
func (s *screenVT) escape(text string) string {
	if n := sgr(text); n > 0 {
		return text[n:]
	}
	if len(text) < 3 || text[1] != '[' {
		s.fault = fmt.Sprintf("%.20q", text)
		return text[1:]
	}
	end := 2
	for end < len(text) && (text[end] < 0x40 || text[end] > 0x7e) {
		end++
	}
	params, final := text[2:end], text[end]
	switch {
	case final == 'A':
		n, _ := strconv.Atoi(params)
		s.y = max(0, s.y-n)
	case final == 'J' && params == "":
		copy(s.cells[s.y][min(s.x, s.w):], blank(s.w))
		for i := s.y + 1; i < s.h; i++ {
			s.cells[i] = blank(s.w)
		}
	case final == 'J' && params == "2":
		for i := range s.cells {
			s.cells[i] = blank(s.w)
		}
	case final == 'K' && params == "2":
		s.cells[s.y] = blank(s.w)
	case final == 'H':
		row, _, _ := strings.Cut(params, ";")
		n, _ := strconv.Atoi(row)
		s.y, s.x = min(s.h-1, max(0, n-1)), 0
	case params == "?7" && (final == 'l' || final == 'h'):
		s.noWrap = final == 'l'
	case params == "?2026" && (final == 'l' || final == 'h'):
	case params == "?1049" && final == 'h':
		was := *s
		*s = *newScreenVT(s.w, s.h)
		s.saved, s.scroll = &was, was.scroll
	case params == "?1049" && final == 'l' && s.saved != nil:
		*s = *s.saved
	default:
		s.fault = fmt.Sprintf("%q", text[:end+1])
	}
	return text[end+1:]
}
