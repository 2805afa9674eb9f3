package tui

import (
	"fmt"
	"slices"
	"strings"
)

// canvas keeps what stands on the terminal and tells how to turn it into what is
// to stand there: bytes out, no I/O.
type canvas struct {
	drawn    []string // the frame; the cursor stands at the end of its last line
	whole    bool     // it is on a screen of its own
	under    []string // the frame on the other screen meanwhile
	width    int      // of the terminal when it was drawn
	reflows  bool     // the terminal breaks lines anew when it gets narrower
	noOther  bool     // it has no other screen
	bytes    strings.Builder
	underFor int // width when under was drawn
}

const (
	syncBegin = "\x1b[?2026h" // terminals that do not know it pass over it
	syncEnd   = "\x1b[?2026l"
	eraseLine = "\x1b[2K"
	eraseDown = "\x1b[J"
	wrapOff   = "\x1b[?7l" // a line that takes more columns than was counted stays a line
	wrapOn    = "\x1b[?7h"
)

// draw returns what brings lines above the frame, and the frame up to date; ""
// where nothing changes.
func (c *canvas) draw(above, frame []string, whole bool, width int) string {
	c.bytes.Reset()
	if whole != c.whole {
		c.swap(whole)
	}
	if c.whole {
		c.drawWhole(frame, width)
		return c.sync()
	}
	c.resize(width)
	if len(above) == 0 && slices.Equal(frame, c.drawn) {
		return c.sync()
	}
	c.up(len(c.drawn) - 1)
	if len(above) > 0 || len(frame) < len(c.drawn) {
		c.bytes.WriteString("\r" + eraseDown)
		c.drawn = nil
	}
	for _, line := range above {
		c.bytes.WriteString(line + "\r\n")
	}
	c.wrap(frame, wrapOff)
	for i, line := range frame {
		if i > 0 {
			c.bytes.WriteString("\r\n")
		}
		switch {
		case i >= len(c.drawn):
			c.bytes.WriteString(line)
		case i == len(frame)-1 || line != c.drawn[i]:
			c.bytes.WriteString("\r" + eraseLine + line)
		}
	}
	c.wrap(frame, wrapOn)
	c.drawn = slices.Clone(frame)
	return c.sync()
}

func (c *canvas) wrap(frame []string, how string) {
	if len(frame) > 0 {
		c.bytes.WriteString(how)
	}
}

// up goes to the beginning of the line that is n lines further up.
func (c *canvas) up(n int) {
	if n > 0 {
		fmt.Fprintf(&c.bytes, "\r\x1b[%dA", n)
	}
}

// sync returns what was written, to be shown at once.
func (c *canvas) sync() string {
	if c.bytes.Len() == 0 {
		return ""
	}
	return syncBegin + c.bytes.String() + syncEnd
}

// resize takes the frame away where the terminal has another width now: it was
// broken into more rows there, and would stand twice.
func (c *canvas) resize(now int) {
	was := c.width
	c.width = now
	if was == now || was == 0 || len(c.drawn) == 0 {
		return
	}
	rows := len(c.drawn)
	if c.reflows && now < was {
		rows = 0
		for _, line := range c.drawn {
			rows += max(1, (width(line)+now-1)/now)
		}
	}
	c.up(rows - 1)
	c.bytes.WriteString("\r" + eraseDown)
	c.drawn = nil
}

// swap goes to the other screen.
func (c *canvas) swap(whole bool) {
	c.whole = whole
	if whole {
		c.under, c.underFor, c.drawn = c.drawn, c.width, nil
		c.bytes.WriteString("\x1b[?1049h\x1b[H\x1b[2J")
		return
	}
	if c.noOther {
		c.bytes.WriteString("\x1b[H\x1b[2J")
		c.drawn, c.under = nil, nil
		return
	}
	c.bytes.WriteString("\x1b[?1049l")
	c.drawn, c.width, c.under = c.under, c.underFor, nil
}

// drawWhole draws a frame from the top of a screen.
func (c *canvas) drawWhole(frame []string, width int) {
	if c.width != width || len(frame) < len(c.drawn) {
		c.bytes.WriteString("\x1b[H\x1b[2J")
		c.drawn, c.width = nil, width
	}
	if slices.Equal(frame, c.drawn) {
		return
	}
	c.wrap(frame, wrapOff)
	for i, line := range frame {
		if i < len(c.drawn) && c.drawn[i] == line {
			continue
		}
		fmt.Fprintf(&c.bytes, "\x1b[%d;1H%s%s", i+1, eraseLine, line)
	}
	c.wrap(frame, wrapOn)
	c.drawn = slices.Clone(frame)
}

// leave returns what takes the frame away for good: the cursor stands where it
// began.
func (c *canvas) leave() string {
	c.bytes.Reset()
	if c.whole {
		c.swap(false)
	}
	if len(c.drawn) > 0 {
		c.up(len(c.drawn) - 1)
		c.bytes.WriteString("\r" + eraseDown)
		c.drawn = nil
	}
	return c.sync()
}
