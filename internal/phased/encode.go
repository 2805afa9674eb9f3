package phased

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the event's JSON object to b and returns it: one line, and
// the same fields in the same order as MarshalJSON. It writes the kinds that
// come once a hook by hand, because a run waits for each of them; an unknown
// kind goes out byte for byte as it came in.
func (e Event) AppendJSON(b []byte) ([]byte, error) {
	var err error
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, EventVersion, 10)
	b = append(b, `,"run":`...)
	b = appendString(b, e.Run)
	b = append(b, `,"seq":`...)
	b = strconv.AppendUint(b, e.Seq, 10)
	b = append(b, `,"t":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","mono":`...)
	b = strconv.AppendInt(b, int64(e.Mono), 10)
	b = append(b, `,"kind":`...)
	b = appendString(b, string(e.Data.Kind()))
	b = append(b, `,"data":`...)
	if b, err = appendPayload(b, e.Data); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func appendPayload(b []byte, p Payload) ([]byte, error) {
	switch d := p.(type) {
	case Unknown:
		return appendRaw(b, d.Raw)
	case HookStarted:
		return appendHookStarted(b, d), nil
	case HookOutput:
		return appendHookOutput(b, d), nil
	case HookFinished:
		return appendHookFinished(b, d), nil
	case PhaseStarted:
		return appendPhaseStarted(b, d), nil
	}
	return appendAny(b, p)
}

// appendRaw appends a value that was read before. A newline can stand in it
// only as blank space, and would end the line.
func appendRaw(b []byte, raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 {
		return append(b, "null"...), nil
	}
	if bytes.IndexByte(raw, '\n') < 0 {
		return append(b, raw...), nil
	}
	buf := bytes.NewBuffer(b)
	err := json.Compact(buf, raw)
	return buf.Bytes(), err
}

func appendAny(b []byte, v any) ([]byte, error) {
	buf := bytes.NewBuffer(b)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

func appendHookStarted(b []byte, d HookStarted) []byte {
	b = appendHookName(b, d.Phase, d.Hook)
	b = append(b, `,"path":`...)
	b = d.Path.appendJSON(b)
	if len(d.Args) > 0 {
		b = append(b, `,"args":`...)
		b = appendTexts(b, d.Args)
	}
	b = append(b, `,"pid":`...)
	b = strconv.AppendInt(b, int64(d.Pid), 10)
	if d.PidStart != 0 {
		b = append(b, `,"pid_start":`...)
		b = strconv.AppendUint(b, d.PidStart, 10)
	}
	b = appendTimeout(b, d.Timeout)
	b = appendDescriptors(b, d.Files)
	return append(b, '}')
}

func appendHookOutput(b []byte, d HookOutput) []byte {
	b = appendHookName(b, d.Phase, d.Hook)
	b = append(b, `,"stream":`...)
	b = appendString(b, d.Stream)
	b = append(b, `,"text":`...)
	b = d.Text.appendJSON(b)
	if d.Late {
		b = append(b, `,"late":true`...)
	}
	return append(b, '}')
}

func appendHookFinished(b []byte, d HookFinished) []byte {
	b = appendHookName(b, d.Phase, d.Hook)
	b = append(b, `,"exit":{"cause":`...)
	b = appendString(b, string(d.Exit.Cause))
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(d.Exit.Status), 10)
	if d.Exit.Signal != 0 {
		b = append(b, `,"signal":`...)
		b = strconv.AppendInt(b, int64(d.Exit.Signal), 10)
	}
	b = appendField(b, "message", d.Exit.Message)
	b = append(b, `},"took_ns":`...)
	b = strconv.AppendInt(b, int64(d.Took), 10)
	if u := d.Usage; u != nil {
		b = append(b, `,"usage":{"user_ns":`...)
		b = strconv.AppendInt(b, int64(u.User), 10)
		b = append(b, `,"system_ns":`...)
		b = strconv.AppendInt(b, int64(u.System), 10)
		b = appendNumber(b, "max_rss", u.MaxRSS)
		b = append(b, '}')
	}
	b = appendNumber(b, "out", d.Out)
	b = appendNumber(b, "err", d.Err)
	b = appendDescriptors(b, d.Files)
	if d.Left {
		b = append(b, `,"left":true`...)
	}
	return append(b, '}')
}

func appendPhaseStarted(b []byte, d PhaseStarted) []byte {
	b = append(b, `{"phase":`...)
	b = appendString(b, d.Phase)
	if len(d.Dirs) > 0 {
		b = append(b, `,"dirs":`...)
		b = appendTexts(b, d.Dirs)
	}
	if d.Failure {
		b = append(b, `,"failure":true`...)
	}
	if d.Missing {
		b = append(b, `,"missing":true`...)
	}
	b = append(b, `,"entries":`...)
	if d.Entries == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, '[')
		for i, e := range d.Entries {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendEntry(b, e)
		}
		b = append(b, ']')
	}
	if len(d.Differences) > 0 {
		b = append(b, `,"differences":[`...)
		for i, x := range d.Differences {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, `{"name":`...)
			b = x.Name.appendJSON(b)
			b = append(b, `,"what":`...)
			b = appendString(b, x.What)
			b = appendField(b, "was", x.Was)
			b = appendField(b, "is", x.Is)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func appendEntry(b []byte, e Entry) []byte {
	b = append(b, `{"name":`...)
	b = e.Name.appendJSON(b)
	b = append(b, `,"path":`...)
	b = e.Path.appendJSON(b)
	if e.Root != "" {
		b = append(b, `,"root":`...)
		b = e.Root.appendJSON(b)
	}
	b = append(b, `,"verdict":`...)
	b = appendString(b, string(e.Verdict))
	b = appendField(b, "detail", e.Detail)
	b = appendField(b, "number", e.Number)
	b = appendField(b, "mode", e.Mode)
	b = appendNumber(b, "size", e.Size)
	if !e.ModTime.IsZero() {
		b = append(b, `,"mtime":"`...)
		b = e.ModTime.AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	}
	b = appendField(b, "digest", e.Digest)
	b = appendTimeout(b, e.Timeout)
	return append(b, '}')
}

// appendHookName opens the object of a hook's event.
func appendHookName(b []byte, phase string, hook Text) []byte {
	b = append(b, `{"phase":`...)
	b = appendString(b, phase)
	b = append(b, `,"hook":`...)
	return hook.appendJSON(b)
}

func appendTimeout(b []byte, d Duration) []byte {
	if d == 0 {
		return b
	}
	return appendField(b, "timeout", d.String())
}

func appendDescriptors(b []byte, list []Descriptor) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"files":[`...)
	for i, d := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"fd":`...)
		b = strconv.AppendInt(b, int64(d.FD), 10)
		b = append(b, `,"type":`...)
		b = appendString(b, d.Type)
		if d.Path != "" {
			b = append(b, `,"path":`...)
			b = d.Path.appendJSON(b)
		}
		b = appendNumber(b, "offset", d.Offset)
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendField appends a string field, unless it is empty.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return appendString(b, value)
}

// appendNumber appends a number, unless it is 0.
func appendNumber(b []byte, name string, value int64) []byte {
	if value == 0 {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, value, 10)
}

func appendTexts(b []byte, list []Text) []byte {
	b = append(b, '[')
	for i, t := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = t.appendJSON(b)
	}
	return append(b, ']')
}

func (t Text) appendJSON(b []byte) []byte {
	if utf8.ValidString(string(t)) {
		return appendString(b, string(t))
	}
	b = append(b, `{"b64":"`...)
	b = base64.StdEncoding.AppendEncode(b, []byte(t))
	return append(b, `"}`...)
}

// appendString appends a JSON string as encoding/json writes it without
// escaping HTML.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[from:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, `\n`...)
			case '\t':
				b = append(b, `\t`...)
			case '\r':
				b = append(b, `\r`...)
			case '\b':
				b = append(b, `\b`...)
			case '\f':
				b = append(b, `\f`...)
			default:
				b = append(b, `\u00`...)
				b = append(b, hex[c>>4], hex[c&15])
			}
			i++
			from = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(append(b, s[from:i]...), `\ufffd`...)
			from = i + n
		case r == '\u2028' || r == '\u2029':
			b = append(append(b, s[from:i]...), `\u202`...)
			b = append(b, hex[r&15])
			from = i + n
		}
		i += n
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
