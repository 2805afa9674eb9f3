package tui

import (
	"slices"
	"strings"
	"testing"
)

// reflow makes the terminal narrower, as most do it: each line is broken anew.
func (s *screenVT) reflow(w int) {
	now := newScreenVT(w, s.h)
	now.scroll = s.scroll
	for i := 0; i <= s.y; i++ {
		if i > 0 {
			now.write("\r\n")
		}
		now.write(strings.TrimRight(strings.Join(s.cells[i], ""), " "))
	}
	*s = *now
}

// narrow only cuts lines, as an xterm does.
func (s *screenVT) narrow(w int) {
	for i := range s.cells {
		s.cells[i] = s.cells[i][:w]
	}
	s.w, s.x = w, min(s.x, w)
}

// TestNarrower makes a terminal narrower under a frame: it stands there once, below
// what was told.
func TestNarrower(t *testing.T) {
	told := []string{"first", "second"}
	wide := []string{strings.Repeat("a", 99), "b", strings.Repeat("c", 70), strings.Repeat("d", 99)}
	small := []string{"A", "B", "C", "D"}
	for name, reflows := range map[string]bool{"breaks lines anew": true, "cuts them": false} {
		t.Run(name, func(t *testing.T) {
			c := &canvas{reflows: reflows}
			term := newScreenVT(100, 30)
			term.write(c.draw(told, wide, false, 100))
			if reflows {
				term.reflow(40)
			} else {
				term.narrow(40)
			}
			term.write(c.draw([]string{"third"}, small, false, 40))
			var shown []string
			for _, row := range term.rows() {
				if row = strings.TrimRight(row, " "); row != "" {
					shown = append(shown, row)
				}
			}
			if want := append(slices.Clone(told), "third", "A", "B", "C", "D"); !slices.Equal(shown, want) {
				t.Errorf("%q, want %q", shown, want)
			}
		})
	}
}

// TestNothingIsDrawnTwice: where nothing has changed, nothing is sent, and of what
// has changed only the lines that did.
func TestNothingIsDrawnTwice(t *testing.T) {
	c := &canvas{}
	frame := []string{"one", "two", "three", "foot"}
	c.draw(nil, frame, false, 80)
	if got := c.draw(nil, frame, false, 80); got != "" {
		t.Errorf("the same frame again sends %q", got)
	}
	frame[1] = "TWO"
	if got := c.draw(nil, frame, false, 80); strings.Contains(got, "one") || strings.Contains(got, "three") || !strings.Contains(got, "TWO") {
		t.Errorf("one line that has changed sends %q", got)
	}
}

// TestOtherScreen: what was told meanwhile stands above the frame afterwards, which
// is where it was.
func TestOtherScreen(t *testing.T) {
	c := &canvas{}
	term := newScreenVT(80, 10)
	term.write(c.draw([]string{"told"}, []string{"a", "b"}, false, 80))
	term.write(c.draw(nil, []string{"whole", "screen"}, true, 80))
	if got := strings.TrimRight(term.rows()[0], " "); got != "whole" {
		t.Errorf("the other screen begins with %q", got)
	}
	term.write(c.draw([]string{"meanwhile"}, []string{"a", "b", "c"}, false, 80))
	var shown []string
	for _, row := range term.rows()[:5] {
		shown = append(shown, strings.TrimRight(row, " "))
	}
	if want := []string{"told", "meanwhile", "a", "b", "c"}; !slices.Equal(shown, want) {
		t.Errorf("%q, want %q", shown, want)
	}
	term.write(c.leave())
	if got := strings.TrimSpace(strings.Join(term.rows()[2:], "")); got != "" || term.y != 2 {
		t.Errorf("what was drawn is not taken away: %q, the cursor is in row %d", got, term.y)
	}
}
