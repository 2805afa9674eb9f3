package space

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"phased/internal/phased"
)

const format = "phased space 1"

// Error tells which line of a snapshot cannot be read.
type Error struct {
	Section string
	Line    int // in the file, from 1; sections are ended by NUL bytes
	Message string
}

func (e *Error) Error() string {
	if e.Section == "" {
		return fmt.Sprintf("snapshot of the variable space, line %d: %s", e.Line, e.Message)
	}
	return fmt.Sprintf("snapshot of the variable space, line %d (%s): %s", e.Line, e.Section, e.Message)
}

// parser reads one snapshot. Sections end in NUL, which nothing of a shell can hold.
type parser struct {
	all, rest  string
	section    string
	raw, local string // the sections variables and locals
	names      string
	flags      string
	ends       int // sections end that must come: the function's own, and its caller's
	s          *Space
}

// Parse reads what DumpFunction writes. What it cannot read, and a snapshot
// that was not written to its end, is an *Error.
func Parse(b []byte) (*Space, error) {
	p := &parser{all: string(b), ends: 1, s: &Space{
		Options: map[string]bool{}, Shopts: map[string]bool{}, Aliases: map[string]string{}, Traps: map[string]string{},
	}}
	p.rest = p.all
	if err := p.head(); err != nil {
		return nil, err
	}
	for p.rest != "" {
		section, rest, ok := strings.Cut(p.rest, "\x00")
		if !ok {
			return nil, p.fail(p.rest, "the section has no end: the shell was stopped while it wrote")
		}
		name, body, _ := strings.Cut(section, "\n")
		p.section, p.rest = name, rest
		if err := p.read(name, body); err != nil {
			return nil, err
		}
	}
	p.section = ""
	if p.ends != 0 {
		return nil, p.fail(p.rest, "it has no end: the shell was stopped while it wrote")
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.s, nil
}

// fail makes an error about the place where at begins, which is a part of the
// whole text.
func (p *parser) fail(at, format string, args ...any) error {
	line := 1
	if i := strings.LastIndex(p.all, at); at != "" && i >= 0 {
		line += strings.Count(p.all[:i], "\n")
	} else {
		line += strings.Count(p.all, "\n")
	}
	return &Error{Section: p.section, Line: line, Message: fmt.Sprintf(format, args...)}
}

func (p *parser) field() (string, bool) {
	f, rest, ok := strings.Cut(p.rest, "\x00")
	if ok {
		p.rest = rest
	}
	return f, ok
}

func (p *parser) head() error {
	var f [7]string
	for i := range f {
		var ok bool
		if f[i], ok = p.field(); !ok || i == 0 && f[0] != format {
			return p.fail(p.all, "it does not begin with %q and six fields", format)
		}
	}
	p.s.Bash, p.s.Phase, p.s.Hook, p.flags = f[1], f[2], phased.Text(f[3]), f[4]
	p.s.seconds = f[5]
	n, err := strconv.Atoi(f[6])
	if err != nil || n < 0 || n > len(p.rest) {
		return p.fail(p.all, "a number of parameters is expected, not %q", f[6])
	}
	for i := range n {
		v, ok := p.field()
		if !ok {
			return p.fail(p.rest, "parameter %d is missing", i)
		}
		if i == 0 {
			p.ends, p.s.HasPositional, p.s.Frame = 2, v == "top", v == "frame"
			continue
		}
		p.s.Positional = append(p.s.Positional, v)
	}
	return nil
}

func (p *parser) read(name, body string) error {
	switch name {
	case "variables":
		p.raw = body
		return nil
	case "functions":
		p.s.functions = body
		return nil
	case "names":
		p.names = body
		return nil
	case "locals":
		p.local = body
		return nil
	case "options":
		return p.options(body)
	case "shopts":
		return p.shopts(body)
	case "aliases":
		return p.aliases(body)
	case "umask":
		p.s.Umask = strings.TrimPrefix(strings.TrimSuffix(body, "\n"), "umask ")
		return nil
	case "directory":
		p.directory(strings.TrimSuffix(body, "\n"))
		return nil
	case "traps-within":
		return p.traps(body)
	case "traps":
		p.s.TrapsKnown = true
		clear(p.s.Traps)
		return p.traps(body)
	case "end":
		p.ends--
		return nil
	}
	return p.fail(p.rest, "section %.40q is not known: did a trap write into the snapshot?", name)
}

func (p *parser) directory(d string) {
	switch {
	case d == "":
	case p.s.Dir == "":
		p.s.Dir = d
	default:
		p.s.DirStack = append(p.s.DirStack, d)
	}
}

// finish reads what needs more than one section.
func (p *parser) finish() error {
	p.section = "variables"
	all, err := p.variables(p.raw, strings.Count(p.raw, "\n")+1)
	if err != nil {
		return err
	}
	p.s.Variables = all
	if p.s.Frame {
		p.section = "locals"
		names, err := p.variables(p.local, 8)
		if err != nil {
			return err
		}
		p.s.Locals = make(map[string]Variable, len(names))
		for name, v := range names {
			if whole, ok := all[name]; ok {
				v = whole // bash 5.0 prints no attributes of locals
			}
			p.s.Locals[name] = v
			delete(all, name)
		}
	}
	p.letters()
	p.section = "functions"
	return p.readFunctions()
}

// letters takes the options that have one from the caller's $-.
func (p *parser) letters() {
	for name, letter := range optionLetters() {
		if _, ok := p.s.Options[name]; ok {
			p.s.Options[name] = strings.IndexByte(p.flags, letter) >= 0
		}
	}
}

func optionLetters() map[string]byte {
	return map[string]byte{
		"allexport": 'a', "notify": 'b', "errexit": 'e', "noglob": 'f', "hashall": 'h', "keyword": 'k',
		"monitor": 'm', "privileged": 'p', "nounset": 'u', "verbose": 'v', "xtrace": 'x', "braceexpand": 'B',
		"noclobber": 'C', "errtrace": 'E', "histexpand": 'H', "physical": 'P', "functrace": 'T',
	}
}

func ours(name string) bool { return strings.HasPrefix(name, "__phased") }

func (p *parser) variables(text string, n int) (map[string]Variable, error) {
	vars := make(map[string]Variable, n)
	for text != "" {
		start := text
		attributes := ""
		if rest, ok := strings.CutPrefix(text, "declare -"); ok {
			if attributes, text, ok = strings.Cut(rest, " "); !ok {
				return nil, p.fail(start, "a declaration is cut short: %.60q", start)
			}
		}
		n := identifier(text)
		if n == 0 {
			return nil, p.fail(start, "a declaration of a variable is expected, not %.60q", start)
		}
		name := text[:n]
		text = text[n:]
		v := Variable{Attributes: strings.TrimPrefix(attributes, "-")}
		if text != "" && text[0] == '=' {
			end := word(text[1:], ' ')
			if end < 0 {
				return nil, p.fail(start, "the value of %s has no end", name)
			}
			v.Set, v.Raw = true, text[1:1+end]
			text = text[1+end:]
		}
		if text == "" || text[0] != '\n' {
			return nil, p.fail(start, "the declaration of %s does not end with its line", name)
		}
		text = text[1:]
		if !ours(name) {
			vars[name] = v
		}
	}
	return vars, nil
}

func (p *parser) options(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		on, isOn := strings.CutPrefix(line, "set -o ")
		off, isOff := strings.CutPrefix(line, "set +o ")
		switch {
		case isOn:
			p.s.Options[on] = true
		case isOff:
			p.s.Options[off] = false
		default:
			return p.fail(line, "set -o or set +o is expected, not %.60q", line)
		}
	}
	return nil
}

func (p *parser) shopts(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		on, isOn := strings.CutPrefix(line, "shopt -s ")
		off, isOff := strings.CutPrefix(line, "shopt -u ")
		switch {
		case isOn:
			p.s.Shopts[on] = true
		case isOff:
			p.s.Shopts[off] = false
		default:
			return p.fail(line, "shopt -s or shopt -u is expected, not %.60q", line)
		}
	}
	return nil
}

func (p *parser) aliases(text string) error {
	for text != "" {
		start := text
		rest, ok := strings.CutPrefix(text, "alias ")
		if !ok {
			return p.fail(start, "an alias is expected, not %.60q", start)
		}
		rest = strings.TrimPrefix(rest, "-- ")
		name, value, ok := strings.Cut(rest, "=")
		end := word(value, ' ')
		if !ok || end < 0 || end >= len(value) || value[end] != '\n' || strings.Contains(name, "\n") {
			return p.fail(start, "an alias has no end: %.60q", start)
		}
		decoded, err := Decode(value[:end])
		if err != nil {
			return p.fail(start, "alias %s: %v", name, err)
		}
		if !ours(name) {
			p.s.Aliases[name] = decoded
		}
		text = value[end+1:]
	}
	return nil
}

func (p *parser) traps(text string) error {
	for text != "" {
		start := text
		rest, ok := strings.CutPrefix(text, "trap -- ")
		end := word(rest, ' ')
		if !ok || end < 0 || end >= len(rest) {
			return p.fail(start, "a trap is expected, not %.60q", start)
		}
		signal, next, ok := strings.Cut(rest[end+1:], "\n")
		command, err := Decode(rest[:end])
		if err != nil || !ok {
			return p.fail(start, "a trap has no end: %.60q", start)
		}
		if rest[:end] != "-" { // posix mode lists those that are not set
			p.trap(canonical(signal), command)
		}
		text = next
	}
	return nil
}

// canonical returns the name of a signal as bash has it outside of posix mode.
func canonical(signal string) string {
	switch signal {
	case "EXIT", "ERR", "DEBUG", "RETURN":
		return signal
	}
	if strings.HasPrefix(signal, "SIG") {
		return signal
	}
	return "SIG" + signal
}

// trap keeps one, without what phased has put in front of it.
func (p *parser) trap(signal, command string) {
	if command, ok := users(command); ok {
		p.s.Traps[signal] = command
	}
}

// users returns what a trap's command has of a user: behind what phased has put
// there, a command of its own, in braces where its trace is hidden.
func users(command string) (string, bool) {
	var end string
	switch {
	case ours(command):
		end = "; "
	case strings.HasPrefix(command, "{ __phased"):
		end = "} 2>/dev/null; "
	default:
		return command, true
	}
	_, rest, _ := strings.Cut(command, end)
	return rest, rest != ""
}

// ParseVariables reads what declare -p prints. An error is an *Error.
func ParseVariables(b []byte) (map[string]Variable, error) {
	p := parser{all: string(b), section: "variables"}
	return p.variables(p.all, bytes.Count(b, []byte("\n"))+1)
}

var errQuote = errors.New("a quotation has no end")
