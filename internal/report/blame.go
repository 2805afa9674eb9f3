package report

import (
	"io"
	"strings"

	"phased/internal/phased"
)

// Blamed is the story of a name as Blame tells it.
type Blamed struct {
	Run   string
	Name  phased.Text
	Steps []phased.BlameStep // in their order
}

// Blame prints who set, changed and removed a name, when, and from which value
// to which.
func Blame(w io.Writer, s Style, b Blamed) error {
	p := newPrinter(w, s)
	title := p.paint(bold, Name(b.Name)) + " in run " + p.id(b.Run) + ": "
	if len(b.Steps) == 0 {
		p.line(title + "nothing on record has set, changed or removed it")
		return p.flush()
	}
	p.line(title + stepsText(b.Steps))
	for _, st := range b.Steps {
		p.step(st, severalKinds(b.Steps), b.Run)
	}
	return p.flush()
}

// stepsText counts what happened: "set once, changed 3 times".
func stepsText(steps []phased.BlameStep) string {
	n := map[string]int{}
	for _, st := range steps {
		n[st.Change.What]++
	}
	var words []string
	for _, what := range []string{phased.WhatSet, phased.WhatChanged, phased.WhatRemoved} {
		switch {
		case n[what] == 1:
			words = append(words, what+" once")
		case n[what] > 1:
			words = append(words, what+" "+count(n[what], "time"))
		}
	}
	return strings.Join(words, ", ")
}

func severalKinds(steps []phased.BlameStep) bool {
	for _, st := range steps {
		if st.Change.Kind != steps[0].Change.Kind {
			return true
		}
	}
	return steps[0].Change.Kind != phased.ChangeVariable && steps[0].Change.Kind != phased.ChangeEnvironment
}

// step prints one change: a line that says who and what, then the values.
func (p *printer) step(st phased.BlameStep, kind bool, run string) {
	c := st.Change
	when := p.time(st.Time)
	if p.Terminal {
		when = when[len("2006-01-02 "):]
	}
	what := c.What
	if kind {
		what += " the " + kindWord(c.Kind)
	}
	text := "  " + p.paint(dim, when) + "  " + p.paint(bold, who(st)) + "  " + p.paint(whatColour(c.What), what)
	if c.Local {
		text += p.paint(dim, "  local to the point")
	}
	if st.Run != "" && st.Run != run {
		text += p.paint(dim, "  in run "+p.id(st.Run))
	}
	if st.File != "" {
		text += p.paint(dim, "  "+position(st.File, st.Line))
	}
	p.line(text)
	const indent = 11
	was, is := p.contrast(c.Kind, c.Was, c.Is, p.room(indent))
	if c.What != phased.WhatSet {
		p.line("      " + p.paint(dim, "was  ") + was + p.noted(c.Was, c.Is))
	}
	if c.What != phased.WhatRemoved {
		p.line("      " + p.paint(dim, "now  ") + is + p.noted(c.Is, c.Was))
	}
}

// noted tells the attributes of a value where they are not those of the other.
func (p *printer) noted(v, other *phased.Value) string {
	a := attributes(v)
	if a == "" || other != nil && attributes(other) == a {
		return ""
	}
	return p.paint(dim, "  ("+a+")")
}

// who tells what has changed something.
func who(st phased.BlameStep) string {
	switch {
	case st.Hook != "":
		return Hook(st.Phase, st.Hook)
	case st.Phase == "":
		return "the start of the session"
	case st.Change.What == phased.WhatRemoved:
		return "the end of phase " + st.Phase
	}
	return "the beginning of phase " + st.Phase
}

func whatColour(what string) string {
	switch what {
	case phased.WhatRemoved:
		return red
	case phased.WhatChanged:
		return yellow
	}
	return green
}

func kindWord(k phased.ChangeKind) string {
	switch k {
	case phased.ChangeOption:
		return "option of set"
	case phased.ChangeShopt:
		return "option of shopt"
	case phased.ChangeDirectory:
		return "working directory"
	case phased.ChangeEnvironment:
		return "variable of executed hooks"
	}
	return string(k)
}
