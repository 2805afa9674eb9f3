package phased

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// ParseEvent decodes one line of a record, as json.Unmarshal does. Output, the
// bulk of a record, and the two events that every hook has are read straight
// from the form in which AppendJSON writes them: encoding/json goes four times
// over it.
func ParseEvent(line []byte) (Event, error) {
	if e, ok := parseFast(string(line)); ok {
		return e, nil
	}
	var e Event
	err := json.Unmarshal(line, &e)
	return e, err
}

// parseFast reads the events of hooks as they mostly are, and nothing else: it
// reports false for whatever encoding/json might take in another way.
func parseFast(line string) (Event, bool) {
	c := cursor{line, true}
	var e Event
	c.literal(`{"v":1,"run":`)
	e.Run = c.text()
	c.literal(`,"seq":`)
	e.Seq = uint64(c.number())
	c.literal(`,"t":`)
	before := len(c.rest)
	at := c.text()
	c.ok = c.ok && before-len(c.rest) == len(at)+len(`""`) // time.Time knows no escapes
	c.literal(`,"mono":`)
	e.Mono = time.Duration(c.number())
	c.literal(`,"kind":"hook.`)
	switch {
	case c.option(`output","data":{"phase":`):
		e.Data = c.output()
	case c.option(`started","data":{"phase":`):
		e.Data = c.started()
	case c.option(`finished","data":{"phase":`):
		e.Data = c.finished()
	default:
		return e, false
	}
	c.literal(`}`)
	if c.option(`,"crc":`) { // a journal's
		c.text()
	}
	c.literal(`}`)
	if !c.ok || c.rest != "" || e.Run == "" || e.Seq == 0 {
		return e, false
	}
	return e, e.Time.UnmarshalText([]byte(at)) == nil
}

func (c *cursor) output() (d HookOutput) {
	d.Phase = c.text()
	c.literal(`,"hook":`)
	d.Hook = Text(c.text())
	c.literal(`,"stream":`)
	d.Stream = c.text()
	c.literal(`,"text":`)
	d.Text = Text(c.text())
	d.Late = c.option(`,"late":true`)
	return d
}

func (c *cursor) started() (d HookStarted) {
	d.Phase = c.text()
	c.literal(`,"hook":`)
	d.Hook = Text(c.text())
	c.literal(`,"path":`)
	d.Path = Text(c.text())
	if c.option(`,"args":[`) {
		d.Args = []Text{Text(c.text())}
		for c.ok && c.option(",") {
			d.Args = append(d.Args, Text(c.text()))
		}
		c.literal("]")
	}
	c.literal(`,"pid":`)
	d.Pid = int(c.number())
	if c.option(`,"pid_start":`) {
		d.PidStart = uint64(c.number())
	}
	return d
}

func (c *cursor) finished() (d HookFinished) {
	d.Phase = c.text()
	c.literal(`,"hook":`)
	d.Hook = Text(c.text())
	c.literal(`,"exit":{"cause":`)
	d.Exit.Cause = Cause(c.text())
	c.literal(`,"status":`)
	d.Exit.Status = int(c.number())
	c.literal(`},"took_ns":`)
	d.Took = time.Duration(c.number())
	if c.option(`,"usage":{"user_ns":`) {
		d.Usage = &Usage{User: time.Duration(c.number())}
		c.literal(`,"system_ns":`)
		d.Usage.System = time.Duration(c.number())
		if c.option(`,"max_rss":`) {
			d.Usage.MaxRSS = c.number()
		}
		c.literal("}")
	}
	if c.option(`,"out":`) {
		d.Out = c.number()
	}
	if c.option(`,"err":`) {
		d.Err = c.number()
	}
	return d
}

// cursor takes a line apart. Once something is not as expected, ok is false, and
// what is taken is of no use.
type cursor struct {
	rest string
	ok   bool
}

func (c *cursor) option(s string) bool {
	rest, found := strings.CutPrefix(c.rest, s)
	c.rest = rest
	return found
}

func (c *cursor) literal(s string) { c.ok = c.option(s) && c.ok }

// number takes a number that is not negative.
func (c *cursor) number() int64 {
	n := 0
	for n < len(c.rest) && c.rest[n] >= '0' && c.rest[n] <= '9' {
		n++
	}
	v, err := strconv.ParseInt(c.rest[:n], 10, 64)
	if err != nil || n > 1 && c.rest[0] == '0' {
		c.ok = false
	}
	c.rest = c.rest[n:]
	return v
}

// text takes a string.
func (c *cursor) text() string {
	c.literal(`"`)
	var b []byte
	s, from := c.rest, 0
	for i := 0; c.ok; {
		i += plain(s[i:])
		switch {
		case i == len(s) || s[i] < ' ':
			c.ok = false
		case s[i] == '"':
			c.rest = s[i+1:]
			text := s[:i]
			if b != nil {
				text = string(append(b, s[from:i]...))
			}
			c.ok = utf8.ValidString(text)
			return text
		case s[i] == '\\':
			if b == nil {
				b = make([]byte, 0, len(s))
			}
			b = append(b, s[from:i]...)
			var n int
			b, n = appendUnescaped(b, s[i:])
			c.ok = n > 0
			i += n
			from = i
		default: // of no meaning here
			i++
		}
	}
	return ""
}

// appendUnescaped appends what the escape at the beginning of s stands for, and
// returns its length; 0: another than AppendJSON writes.
func appendUnescaped(b []byte, s string) ([]byte, int) {
	if len(s) < 2 {
		return b, 0
	}
	switch s[1] {
	case 'n':
		return append(b, '\n'), 2
	case '"', '\\':
		return append(b, s[1]), 2
	case 't':
		return append(b, '\t'), 2
	case 'r':
		return append(b, '\r'), 2
	case 'b':
		return append(b, '\b'), 2
	case 'f':
		return append(b, '\f'), 2
	case 'u':
		if len(s) < 6 || strings.IndexByte(s[2:6], '_') >= 0 {
			return b, 0
		}
		r, err := strconv.ParseUint(s[2:6], 16, 16)
		if err != nil || utf16.IsSurrogate(rune(r)) {
			return b, 0
		}
		return utf8.AppendRune(b, rune(r)), 6
	}
	return b, 0
}
