package plan

import (
	"errors"
	"strconv"
	"strings"
)

// Error is one reason for which no plan can be made.
type Error struct {
	File         string // settings file, or the directory that the message is about; may be ""
	Line, Column int    // 0: none
	Message      string
}

// Error returns FILE:LINE:COLUMN: MESSAGE, without what there is none of.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File)
		if e.Line > 0 {
			b.WriteString(":" + strconv.Itoa(e.Line))
			if e.Column > 0 {
				b.WriteString(":" + strconv.Itoa(e.Column))
			}
		}
		b.WriteString(": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Errors are all reasons for which no plan can be made.
type Errors []*Error

// Error returns one reason a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// with adds an error that is an *Error or an Errors; nil adds nothing.
func (e Errors) with(err error) Errors {
	if err == nil {
		return e
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return append(e, one)
	}
	if all, ok := errors.AsType[Errors](err); ok {
		return append(e, all...)
	}
	return append(e, &Error{Message: err.Error()})
}

func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}
