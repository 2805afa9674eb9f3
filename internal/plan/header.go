package plan

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// headerSize is how much of a hook is looked through for its header, in bytes.
const headerSize = 4 << 10

// Header is what a hook says of itself, in comments at its beginning:
//
//	# phased: frequency=once inputs="/etc/my app/*.conf" leak=kill
type Header struct {
	Frequency phased.Frequency // "": it does not say
	Leak      phased.LeakPolicy
	Inputs    []phased.Text
	Lines     map[string]int // of each key, from 1; of one that may be repeated the first
}

// The keys of a header.
const (
	keyFrequency = "frequency"
	keyInputs    = "inputs"
	keyLeak      = "leak"
)

func headerKeys() []string { return []string{keyFrequency, keyInputs, keyLeak} }

func frequencies() []string {
	return []string{string(phased.Always), string(phased.Once), string(phased.OncePerBoot), string(phased.OncePerContent)}
}

func leakPolicies() []string {
	return []string{string(phased.LeakKeep), string(phased.LeakKill), string(phased.LeakFail)}
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
		default:
			p.words(text)
		}
	}
	return p.header, p.faults
}

const headerWord = "phased:"

// headerLine returns what stands behind `phased:` in a comment of #, //, -- or ;.
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
		return "", false // phased:// and the like
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
			p.fault("expected key=value in the header, not %s%s; a comment that is none begins otherwise", quoteShort(word), keyHint(word))
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
	if _, twice := p.header.Lines[key]; twice && key != keyInputs {
		p.fault("%s is set twice, first in line %d", key, p.header.Lines[key])
		return
	}
	switch key {
	case keyFrequency:
		if p.choice(key, value, frequencies()) {
			p.header.Frequency = phased.Frequency(value)
		}
	case keyLeak:
		if p.choice(key, value, leakPolicies()) {
			p.header.Leak = phased.LeakPolicy(value)
		}
	case keyInputs:
		p.inputs(value)
	default:
		hint := keyHint(key)
		if hint == "" {
			hint = "; known are " + strings.Join(headerKeys(), ", ")
		}
		p.fault("unknown key %s in the header%s", quoteShort(key), hint)
		return
	}
	if p.header.Lines == nil {
		p.header.Lines = map[string]int{}
	}
	if p.header.Lines[key] == 0 {
		p.header.Lines[key] = p.line
	}
}

// inputs takes patterns with commas between them.
func (p *headerParser) inputs(value string) {
	for one := range strings.SplitSeq(value, ",") {
		switch _, err := path.Match(one, ""); {
		case one == "":
			p.fault("%s: a pattern is empty; expected such as inputs=/etc/app/*.conf", keyInputs)
		case err != nil:
			p.fault("%s: %s is no pattern of file names", keyInputs, quoteShort(one))
		default:
			p.header.Inputs = append(p.header.Inputs, phased.Text(one))
		}
	}
}

func (p *headerParser) choice(key, value string, known []string) bool {
	if slices.Contains(known, value) {
		return true
	}
	or := strings.Join(known[:len(known)-1], ", ") + " or " + known[len(known)-1]
	p.fault("%s: expected %s, not %s%s", key, or, quoteShort(value), didYouMean(value, known))
	return false
}

func keyHint(word string) string {
	word, _, _ = strings.Cut(word, ":")
	return didYouMean(word, headerKeys())
}

func didYouMean(word string, known []string) string {
	if n := config.Nearest(word, known); n != "" {
		return fmt.Sprintf(" (did you mean %s?)", n)
	}
	return ""
}

// quoteShort returns a word of a file as it can be printed.
func quoteShort(word string) string {
	const most = 60
	if len(word) > most {
		word = word[:most] + "..."
	}
	return strconv.Quote(word)
}

// options gives an entry that runs what its header, the rules of the phase and
// the phase itself say: the last rule that fits, else the header, else the phase.
func (l *lister) options(e *phased.Entry, h Header, faults []phased.HeaderFault) {
	from := func(key string) string { return fmt.Sprintf("%s:%d", e.Path, h.Lines[key]) }
	note := func(option, value, from string) {
		e.Options = append(e.Options, phased.Origin{Phase: l.phase.Name, Option: option, Value: value, From: from})
	}
	e.Faults = faults
	if l.phase.Executor == phased.ExecutorSession {
		for _, key := range []string{keyFrequency, keyLeak} {
			if h.Lines[key] > 0 {
				e.Faults = append(e.Faults, phased.HeaderFault{Line: h.Lines[key], Message: key + " is for hooks that are executed: a sourced hook is a part of its shell, which keeps what it starts and runs it at every point"})
			}
		}
		h.Frequency, h.Leak = "", ""
	}
	frequency, freqFrom := h.Frequency, ""
	leak, leakFrom := h.Leak, ""
	if h.Frequency != "" {
		freqFrom = from(keyFrequency)
	}
	if h.Leak != "" {
		leakFrom = from(keyLeak)
	}
	for _, r := range l.phase.Rules {
		if fits, _ := path.Match(r.Pattern, string(e.Name)); !fits {
			continue
		}
		if r.Frequency != "" {
			frequency, freqFrom = r.Frequency, r.FreqFrom
		}
		if r.Leak != "" {
			leak, leakFrom = r.Leak, r.LeakFrom
		}
	}
	if frequency != "" {
		note(keyFrequency, string(frequency), freqFrom)
	}
	if e.Frequency = frequency; frequency == phased.Always {
		e.Frequency = ""
	}
	if leak != "" {
		note(keyLeak, string(leak), leakFrom)
	} else {
		leak = l.phase.Leak
	}
	if e.Leak = leak; leak == phased.LeakKeep {
		e.Leak = ""
	}
	if e.Inputs = h.Inputs; len(h.Inputs) > 0 {
		note(keyInputs, joined(h.Inputs, ","), from(keyInputs))
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
