package report

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"phased/internal/phased"
)

// Space is a variable space as Env shows it.
type Space struct {
	View   phased.SpaceView
	Picked bool // the reader has asked for these entries: every one is listed
}

// longKind is the number of functions from which on people are told their
// number only.
const longKind = 20

// SpaceKinds returns the kinds of things in a variable space, in the order in
// which they are shown.
func SpaceKinds() []phased.ChangeKind {
	return []phased.ChangeKind{
		phased.ChangeVariable, phased.ChangeFunction, phased.ChangeOption, phased.ChangeShopt,
		phased.ChangeAlias, phased.ChangeTrap, phased.ChangeDirectory, phased.ChangeUmask, phased.ChangeEnvironment,
	}
}

// PickSpace returns the view with those entries only that are of one of the
// kinds (none: of every kind) and whose name matches one of the patterns, which
// are a shell's: *, ? and [...] (none: every name). A pattern that is none is
// an error.
func PickSpace(v phased.SpaceView, kinds []phased.ChangeKind, names []string) (phased.SpaceView, error) {
	for _, n := range names {
		if _, err := path.Match(n, ""); err != nil {
			return v, fmt.Errorf("%s is no pattern of names: a [ without its ]", Name(phased.Text(n)))
		}
	}
	matches := func(e phased.SpaceEntry) bool {
		if len(kinds) > 0 && !slices.Contains(kinds, e.Kind) {
			return false
		}
		return len(names) == 0 || slices.ContainsFunc(names, func(pattern string) bool {
			// A name has no slash that * would have to stop at, but one of a
			// function can have: both sides are compared without any.
			ok, _ := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(string(e.Name), "/", "\x00"))
			return ok
		})
	}
	all := v.Entries
	v.Entries = []phased.SpaceEntry{}
	for _, e := range all {
		if matches(e) {
			v.Entries = append(v.Entries, e)
		}
	}
	return v, nil
}

// Env prints a variable space: what is in it, with who set or changed it last.
// For people it leaves out what is off, and lists many functions only where they
// were asked for; otherwise each entry is a line that begins with its kind.
func Env(w io.Writer, s Style, sp Space) error {
	p := newPrinter(w, s)
	if s.Terminal {
		p.spaceTitle(sp.View)
	}
	for _, kind := range SpaceKinds() {
		var some []phased.SpaceEntry
		for _, e := range sp.View.Entries {
			if e.Kind == kind {
				some = append(some, e)
			}
		}
		switch {
		case len(some) == 0:
		case !s.Terminal:
			for _, e := range some {
				p.line(string(kind) + " " + p.entry(e, 0) + entryNote(e))
			}
		default:
			p.spaceKind(kind, some, sp)
		}
	}
	if s.Terminal && len(sp.View.Entries) == 0 {
		p.line(p.paint(dim, "nothing of it is on record, or has such a name"))
	}
	return p.flush()
}

func (p *printer) spaceTitle(v phased.SpaceView) {
	when := "at its end"
	switch {
	case v.Hook != "":
		when = "after " + p.paint(bold, Hook(v.Phase, v.Hook))
	case v.Phase != "":
		when = "after phase " + p.paint(bold, v.Phase)
	}
	p.line("variable space of run " + p.paint(bold, p.id(v.Run)) + " " + when)
}

// spaceKind prints the entries of one kind below a heading.
func (p *printer) spaceKind(kind phased.ChangeKind, some []phased.SpaceEntry, sp Space) {
	p.line("")
	if kind == phased.ChangeOption || kind == phased.ChangeShopt {
		p.shellOptions(kind, some, sp.Picked)
		return
	}
	title := p.paint(bold, kindTitle(kind))
	if n := len(some); n > 1 {
		title += p.paint(dim, fmt.Sprintf("  %d", n))
	}
	if kind == phased.ChangeFunction && len(some) > longKind && !sp.Picked {
		p.line(title + p.paint(dim, "  "+p.Command("env", p.id(sp.View.Run), "--name", "*")+" lists them"))
		return
	}
	p.line(title)
	for _, e := range some {
		note := strings.TrimPrefix(entryNote(e), "  # ")
		left := "  " + p.entry(e, p.width()-2)
		if note == "" || columns(left)+columns(note)+2 <= p.width() {
			p.line(p.right(left, p.paint(dim, note)))
			continue
		}
		p.line("  " + p.entry(e, max(p.width()-4-columns(note), p.width()/2)) + "  " + p.paint(dim, note))
	}
}

// shellOptions prints options: those that are on, or all in which state they are.
func (p *printer) shellOptions(kind phased.ChangeKind, some []phased.SpaceEntry, all bool) {
	title := kindTitle(kind) + " on"
	var words []string
	for _, e := range some {
		switch on := e.Value.Text == "on"; {
		case all && !on:
			words = append(words, Name(e.Name)+" (off)")
		case on:
			words = append(words, Name(e.Name))
		}
	}
	if all {
		title = kindTitle(kind)
	}
	if len(words) == 0 {
		words = []string{"none"}
	}
	p.line(p.paint(bold, title))
	row := " "
	for _, w := range words {
		if columns(row)+columns(w)+2 > p.width() {
			p.line(row)
			row = " "
		}
		row += " " + w
	}
	p.line(row)
}

func kindTitle(kind phased.ChangeKind) string {
	switch kind {
	case phased.ChangeVariable:
		return "variables"
	case phased.ChangeFunction:
		return "functions"
	case phased.ChangeOption:
		return "options of set"
	case phased.ChangeShopt:
		return "options of shopt"
	case phased.ChangeAlias:
		return "aliases"
	case phased.ChangeTrap:
		return "traps"
	case phased.ChangeDirectory:
		return "working directory"
	case phased.ChangeEnvironment:
		return "environment of executed hooks"
	}
	return string(kind)
}

// entry prints one thing of a variable space in at most room columns, 0 cuts
// nothing.
func (p *printer) entry(e phased.SpaceEntry, room int) string {
	name, join := Name(e.Name), "="
	switch e.Kind {
	case phased.ChangeFunction:
		return name
	case phased.ChangeOption, phased.ChangeShopt, phased.ChangeTrap:
		join = " "
	case phased.ChangeDirectory, phased.ChangeUmask:
		name, join = "", ""
	}
	if e.Value.Unset && !e.Value.Secret {
		return name
	}
	if room > 0 {
		room = max(20, room-columns(name)-1)
	}
	return name + join + p.value(e.Kind, &e.Value, room)
}

// entryNote tells more of a thing, as a comment of bash: its attributes, and who
// set or changed it.
func entryNote(e phased.SpaceEntry) string {
	var words []string
	if e.Kind == phased.ChangeFunction {
		words = append(words, functionText(e.Value))
	}
	if a := attributes(&e.Value); a != "" {
		words = append(words, a)
	}
	if e.Value.Unset && !e.Value.Secret {
		words = append(words, "without a value")
	}
	if e.Local {
		words = append(words, "local to the point")
	}
	if e.ByPhase != "" {
		words = append(words, "by "+Hook(e.ByPhase, e.ByHook))
	}
	if len(words) == 0 {
		return ""
	}
	return "  # " + strings.Join(words, ", ")
}
