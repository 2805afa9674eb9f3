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
// the same fields in the same order as MarshalJSON. An unknown kind goes out
// byte for byte as it came in.
func (e Event) AppendJSON(b []byte) ([]byte, error) {
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
	b, err := appendPayload(b, e.Data)
	if err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

func appendPayload(b []byte, p Payload) ([]byte, error) {
	switch d := p.(type) {
	case Unknown:
		return appendRaw(b, d.Raw)
	case RunStarted:
		return appendRunStarted(b, d), nil
	case PhaseStarted:
		return appendPhaseStarted(b, d)
	case PhaseFinished:
		return appendPhaseFinished(b, d), nil
	case HookStarted:
		return appendHookStarted(b, d), nil
	case HookOutput:
		return appendHookOutput(b, d), nil
	case HookFinished:
		return appendHookFinished(b, d), nil
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

// appendHookOutput is written out because output is the bulk of a record, and
// encoding/json goes three times over what a MarshalJSON method returns.
func appendHookOutput(b []byte, d HookOutput) []byte {
	b = append(b, `{"phase":`...)
	b = appendString(b, d.Phase)
	b = append(b, `,"hook":`...)
	b = d.Hook.appendJSON(b)
	b = append(b, `,"stream":`...)
	b = appendString(b, d.Stream)
	b = append(b, `,"text":`...)
	b = d.Text.appendJSON(b)
	if d.Late {
		b = append(b, `,"late":true`...)
	}
	return append(b, '}')
}

func (t Text) appendJSON(b []byte) []byte {
	if utf8.ValidString(string(t)) {
		return append(appendEscaped(append(b, '"'), string(t)), '"')
	}
	b = append(b, `{"b64":"`...)
	b = base64.StdEncoding.AppendEncode(b, []byte(t))
	return append(b, `"}`...)
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
