package config

import (
	"strconv"
	"strings"
)

// Error is one mistake in a settings file.
type Error struct {
	File         string
	Line, Column int // from 1; 0 where the file could not be read at all
	Message      string
}

// Error returns FILE:LINE:COLUMN: MESSAGE, or FILE: MESSAGE without a line.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteString(":" + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column))
	}
	b.WriteString(": " + e.Message)
	return b.String()
}

// Errors are all mistakes of a settings file, in the order of its lines.
type Errors []*Error

// Error returns one mistake a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}
