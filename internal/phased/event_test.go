package phased

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// anyText draws arbitrary bytes, with those that encoders trip over.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) }),
		rapid.SampledFrom([]string{
			"\uFFFD", "a\uFFFDb", "\xff", "\xed\xa0\x80", "\u2028\u2029", "\x00\x01\x1f\x7f\"\\/\b\f\n\r\t", "<&>",
			`{"b64":"aGk="}`, "null", "{", "\xf0\x9f\x92", "\U0001F4A9",
		}),
	)
}

// fill draws a value of any type of the language.
func fill(t *rapid.T, v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *Text:
		*x = Text(anyText().Draw(t, "text"))
		return
	case *time.Time:
		if rapid.Bool().Draw(t, "has time") {
			*x = time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fill(t, v.Field(i))
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "has value") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		if n := rapid.IntRange(0, 3).Draw(t, "length"); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i))
			}
		}
	case reflect.String:
		v.SetString(strings.ToValidUTF8(anyText().Draw(t, "string"), "?"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Int64(), rapid.Just(int64(0))).Draw(t, "int"))
	case reflect.Uint64:
		v.SetUint(rapid.OneOf(rapid.Uint64(), rapid.Just(uint64(0))).Draw(t, "uint"))
	default:
		t.Fatalf("a field has the type %v, which this test cannot fill", v.Type())
	}
}

func anyEvent(t *rapid.T) Event {
	p := rapid.SampledFrom(Payloads()).Draw(t, "payload")
	v := reflect.New(reflect.TypeOf(p))
	fill(t, v.Elem())
	e := Event{
		Run:  "01JZ0000000000000000000000",
		Seq:  rapid.Uint64Min(1).Draw(t, "seq"),
		Mono: time.Duration(rapid.Int64Min(0).Draw(t, "mono")),
		Data: v.Elem().Interface().(Payload),
	}
	fill(t, reflect.ValueOf(&e.Time).Elem())
	return e
}

func TestEventRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(t)
		p, err := e.AppendJSON([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		p, ok := bytes.CutPrefix(p, []byte("before"))
		if !ok || bytes.IndexByte(p, '\n') >= 0 || !utf8.Valid(p) {
			t.Fatalf("not one line of UTF-8 after what was there: %q", p)
		}
		var back Event
		if err := json.Unmarshal(p, &back); err != nil {
			t.Fatalf("%v in %s", err, p)
		}
		if d := cmp.Diff(e, back); d != "" {
			t.Fatalf("changed on the way (-want +got):\n%s\n%s", d, p)
		}
	})
}

// TestEncodingMatchesTags holds the hand-written encoder to what encoding/json
// makes of the struct tags, byte for byte.
func TestEncodingMatchesTags(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(t)
		got, err := e.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		data, err := appendAny(nil, e.Data)
		if err != nil {
			t.Fatal(err)
		}
		want, err := appendAny(nil, eventHead{EventVersion, e.Run, e.Seq, e.Time, e.Mono, e.Data.Kind(), data})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Fatalf("encoders disagree (-tags +hand):\n%s", d)
		}
	})
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyText().Draw(t, "text")
		p, err := json.Marshal(Text(s))
		if err != nil {
			t.Fatal(err)
		}
		var back Text
		if err := json.Unmarshal(p, &back); err != nil {
			t.Fatal(err)
		}
		if string(back) != s {
			t.Fatalf("%q came back as %q by way of %s", s, back, p)
		}
		if utf8.ValidString(s) {
			want, _ := appendAny(nil, s)
			if got := Text(s).appendJSON(nil); string(got) != string(want) {
				t.Fatalf("valid UTF-8 is not written as a plain string: %s, want %s", got, want)
			}
		} else if !strings.HasPrefix(string(p), `{"b64":"`) {
			t.Fatalf("invalid UTF-8 %q is written as %s", s, p)
		}
	})
}

func TestTextRefusesOtherValues(t *testing.T) {
	for _, in := range []string{`{}`, `{"b64":1}`, `{"b64":"!"}`, `{"ref":"x"}`, `1`, `[]`, `true`} {
		x := Text("before")
		if err := json.Unmarshal([]byte(in), &x); err == nil {
			t.Errorf("%s was read as the text %q", in, x)
		}
	}
}

func TestUnknownKindIsKept(t *testing.T) {
	raw := `{"b":1, "a" : "<x>&\u2028\u003c", "n":1.50e3}`
	line := `{"v":1,"run":"R","seq":7,"t":"2026-01-02T03:04:05.000000006Z","mono":9,"kind":"hook.dreamt","data":` + raw + `}`
	var e Event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	u, ok := e.Data.(Unknown)
	if !ok || u.Name != "hook.dreamt" || string(u.Raw) != raw {
		t.Fatalf("read as %#v", e.Data)
	}
	out, err := e.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != line {
		t.Fatalf("not kept byte for byte:\n in: %s\nout: %s", line, out)
	}
	e.Data = Unknown{Name: "k", Raw: json.RawMessage("{\n \"a\": 1\n}")}
	if out, err = e.AppendJSON(nil); err != nil || bytes.IndexByte(out, '\n') >= 0 || !bytes.Contains(out, []byte(`"data":{"a":1}}`)) {
		t.Fatalf("a payload over several lines: %s, %v", out, err)
	}
	e.Data = Unknown{Name: "k"}
	if out, err = e.AppendJSON(nil); err != nil || !json.Valid(out) {
		t.Fatalf("a payload without data: %s, %v", out, err)
	}
}

func TestUnknownFieldsAreSkipped(t *testing.T) {
	line := `{"v":1,"later":{},"run":"R","seq":1,"t":"2026-01-02T03:04:05Z","mono":0,"kind":"run.warning","data":{"message":"m","more":[1]}}`
	var e Event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatal(err)
	}
	if e.Data != (RunWarning{Message: "m"}) {
		t.Fatalf("read as %#v", e.Data)
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	for _, line := range []string{
		`{"v":2,"run":"R","seq":1,"t":"2026-01-02T03:04:05Z","mono":0,"kind":"run.warning","data":{}}`,
		`{"v":3,"run":{"id":"R"},"seq":"1","t":5,"kind":["x"]}`,
	} {
		var e Event
		err := json.Unmarshal([]byte(line), &e)
		var newer *NewerVersionError
		if !errors.As(err, &newer) || newer.Version < 2 {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestNotAnEvent(t *testing.T) {
	for _, line := range []string{
		``, `null`, `[]`, `{}`, `1`,
		`{"v":0,"run":"R","seq":1,"kind":"run.warning","data":{}}`,
		`{"v":1,"seq":1,"kind":"run.warning","data":{}}`,
		`{"v":1,"run":"R","kind":"run.warning","data":{}}`,
		`{"v":1,"run":"R","seq":0,"kind":"run.warning","data":{}}`,
		`{"v":1,"run":"R","seq":1,"data":{}}`,
		`{"v":1,"run":"R","seq":1,"kind":"run.warning"}`,
		`{"v":1,"run":"R","seq":1,"kind":"run.warning","data":[]}`,
		`{"v":1,"run":"R","seq":-1,"kind":"run.warning","data":{}}`,
	} {
		var e Event
		if err := json.Unmarshal([]byte(line), &e); err == nil {
			t.Errorf("%s was read as %#v", line, e)
		}
	}
}

// TestEveryKindIsDecoded fails where a kind was added to the table and not to
// the decoder, or the other way round.
func TestEveryKindIsDecoded(t *testing.T) {
	seen := map[Kind]bool{}
	for _, p := range Payloads() {
		if seen[p.Kind()] {
			t.Errorf("%s is listed twice", p.Kind())
		}
		seen[p.Kind()] = true
		back, err := decodePayload(p.Kind(), json.RawMessage(`{}`))
		if err != nil || reflect.TypeOf(back) != reflect.TypeOf(p) {
			t.Errorf("%s is decoded as %T, %v", p.Kind(), back, err)
		}
	}
}

func BenchmarkAppendHook(b *testing.B) {
	at := time.Now()
	started := Event{Run: "01JZ0000000000000000000000", Seq: 1, Time: at, Data: HookStarted{
		Phase: "configure", Hook: "50-something", Path: "/etc/phased/configure.d/50-something", Pid: 4711, PidStart: 123456789,
	}}
	finished := Event{Run: started.Run, Seq: 2, Time: at, Data: HookFinished{
		Phase: "configure", Hook: "50-something", Exit: Exit{Cause: CauseOK}, Took: 1234567, Usage: &Usage{User: 1, System: 2, MaxRSS: 3},
	}}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = started.AppendJSON(buf[:0])
		buf, _ = finished.AppendJSON(buf)
	}
}
