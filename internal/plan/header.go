package plan

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// headerSize is how much of a hook is looked through for its header, in bytes.
const headerSize = 4 << 10

// Header is what a hook says of itself, in comments at its beginning:
//
//	# phased: timeout=5m retries=2 lock=apt inputs="/etc/my app/*.conf"
type Header struct {
	phased.HookOptions
	Lines map[string]int // of each key, from 1; of one that may be repeated the first
}

// ParseHeader reads the header in the first 4 KiB of a hook (more of it is not
// looked at), and tells every mistake with its line. What is no text, such as an
// ELF program, has no header. It is pure.
func ParseHeader(first []byte) (Header, []phased.HeaderFault) {
	p := headerParser{}
	cut := len(first) >= headerSize
	first = first[:min(len(first), headerSize)]
	if !bytes.Contains(first, []byte(headerWord)) || bytes.HasPrefix(first, []byte("\x7fELF")) || bytes.IndexByte(first, 0) >= 0 {
		return p.header, nil
	}
	for rest := string(first); rest != ""; {
		line, after, whole := strings.Cut(rest, "\n")
		rest = after
		p.line++
		text, is := headerLine(line)
		switch {
		case !is:
		case !whole && cut:
			p.fault("the header goes beyond the first %d bytes of the hook; write it further up", headerSize)
		case text != "" && text[0] != ' ' && text[0] != '\t':
			p.fault("a blank is missing behind phased: in the header; write `# phased: %s`", text)
		default:
			p.words(text)
		}
	}
	return p.header, p.faults
}

const headerWord = "phased:"

// headerLine returns what stands behind `phased:` in a comment of #, //, -- or ;.
// Behind that comes a blank; a known key in its place is a mistake, and no comment.
func headerLine(line string) (string, bool) {
	line = strings.Trim(line, " \t\r")
	rest := line
	for _, leader := range []string{"#", ";", "//", "--"} {
		if strings.HasPrefix(line, leader) {
			rest = strings.TrimLeft(line, leader[:1])
			break
		}
	}
	if rest == line {
		return "", false
	}
	text, is := strings.CutPrefix(strings.TrimLeft(rest, " \t"), headerWord)
	if is && text != "" && text[0] != ' ' && text[0] != '\t' {
		key, _, set := strings.Cut(text, "=")
		_, known := config.HookOptionOf(key)
		return text, set && known // phased:// and the like are none
	}
	return text, is
}

// headerParser collects a header and its faults.
type headerParser struct {
	header Header
	faults []phased.HeaderFault
	line   int
}

func (p *headerParser) fault(format string, args ...any) {
	p.faults = append(p.faults, phased.HeaderFault{Line: p.line, Message: fmt.Sprintf(format, args...)})
}

// words reads the assignments of one line.
func (p *headerParser) words(text string) {
	n := 0
	for {
		text = strings.TrimLeft(text, " \t")
		if text == "" {
			break
		}
		n++
		end := strings.IndexAny(text, "= \t")
		if end <= 0 || text[end] != '=' {
			word, rest := cutBlank(text)
			p.fault("expected key=value in the header, not %s%s; a comment that is none begins otherwise", config.QuoteShort(word), keyHint(word))
			text = rest
			continue
		}
		key := text[:end]
		value, rest, err := headerValue(text[end+1:])
		if err != "" {
			p.fault("%s: %s", key, err)
			return // where the next word begins is not known
		}
		text = rest
		p.set(key, value)
	}
	if n == 0 {
		p.fault("the header is empty; expected such as `# phased: frequency=once`")
	}
}

func cutBlank(s string) (word, rest string) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// headerValue reads a value: up to a blank, or in quotes. In double quotes a
// backslash takes the next character as it is.
func headerValue(s string) (value, rest, err string) {
	if s == "" || s[0] != '"' && s[0] != '\'' {
		value, rest = cutBlank(s)
		if strings.ContainsAny(value, `"'`) {
			return "", "", "a quote stands inside the value; put the quotes around the whole of it"
		}
		return value, rest, ""
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			if i+1 < len(s) && s[i+1] != ' ' && s[i+1] != '\t' {
				return "", "", "a blank is missing behind the closing quote"
			}
			return b.String(), s[i+1:], ""
		case s[i] == '\\' && s[0] == '"' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", "the closing quote is missing"
}

// set takes one assignment.
func (p *headerParser) set(key, value string) {
	option, known := config.HookOptionOf(key)
	if !known {
		hint := keyHint(key)
		if hint == "" {
			hint = "; known are " + strings.Join(config.HookKeys(), ", ")
		}
		p.fault("unknown key %s in the header%s", config.QuoteShort(key), hint)
		return
	}
	if _, twice := p.header.Lines[key]; twice && !option.List {
		p.fault("%s is set twice, first in line %d", key, p.header.Lines[key])
		return
	}
	values := []string{value}
	if option.List {
		values = strings.Split(value, ",")
	}
	for _, v := range values {
		if fault := option.Set(&p.header.HookOptions, v); fault != "" {
			p.fault("%s: %s", key, fault)
		}
	}
	if p.header.Lines == nil {
		p.header.Lines = map[string]int{}
	}
	if p.header.Lines[key] == 0 {
		p.header.Lines[key] = p.line
	}
}

func keyHint(word string) string {
	word, _, _ = strings.Cut(word, ":")
	return didYouMean(word, config.HookKeys())
}

func didYouMean(word string, known []string) string {
	if n := config.Nearest(word, known); n != "" {
		return fmt.Sprintf(" (did you mean %s?)", n)
	}
	return ""
}

// options gives an entry that runs what its header, the rules of the phase and
// the phase itself say: the last rule that fits, else the header, else the phase.
func (l *lister) options(e *phased.Entry, h Header, faults []phased.HeaderFault) {
	e.Faults = faults
	if e.Leak = l.phase.Leak; h.Lines == nil && len(l.phase.Rules) == 0 {
		return
	}
	for _, o := range config.HookOptions() {
		from := ""
		if line := h.Lines[o.Key]; line > 0 {
			if l.phase.Executor == phased.ExecutorSession && o.Executed != "" {
				e.Faults = append(e.Faults, phased.HeaderFault{Line: line, Message: o.Key + " " + o.Executed})
				continue
			}
			o.Take(&e.HookOptions, &h.HookOptions)
			from = fmt.Sprintf("%s:%d", e.Path, line)
		}
		for _, r := range l.phase.Rules {
			fits, _ := path.Match(r.Pattern, string(e.Name))
			switch {
			case !fits || r.From[o.Key] == "":
			case l.phase.Executor == phased.ExecutorSession && o.Executed != "":
				e.Options = append(e.Options, phased.Origin{Phase: l.phase.Name, Option: o.Key, Value: "does not count: " + o.Executed, From: r.From[o.Key]})
			default:
				o.Take(&e.HookOptions, &r.HookOptions)
				from = r.From[o.Key]
			}
		}
		if from != "" {
			e.Options = append(e.Options, phased.Origin{Phase: l.phase.Name, Option: o.Key, Value: orText(o.Text(&e.HookOptions), "none"), From: from})
		}
	}
	if e.Frequency == phased.Always {
		e.Frequency = ""
	}
	if e.Leak == phased.LeakKeep {
		e.Leak = ""
	}
}

// headerErrors returns the faults of headers as reasons for which nothing is run.
func headerErrors(entries []phased.Entry) Errors {
	var errs Errors
	for _, e := range entries {
		for _, f := range e.Faults {
			errs = append(errs, &Error{File: string(e.Path), Line: f.Line, Message: f.Message})
		}
	}
	return errs
}
