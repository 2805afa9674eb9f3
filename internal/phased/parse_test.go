package phased

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// checkParse holds ParseEvent to encoding/json, by what it returns and by
// whether it returns an error.
func checkParse(t interface{ Fatalf(string, ...any) }, line string) {
	var want Event
	wantErr := json.Unmarshal([]byte(line), &want)
	got, err := ParseEvent([]byte(line))
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%s\nerror %v, of encoding/json %v", line, err, wantErr)
	}
	if d := cmp.Diff(want, got); err == nil && d != "" {
		t.Fatalf("%s\nread in two ways (-encoding/json +ParseEvent):\n%s", line, d)
	}
}

func anyOutput(t *rapid.T) Event {
	e := anyEvent(t)
	text := strings.Join(rapid.SliceOfN(anyText(), 0, 8).Draw(t, "pieces"), "")
	e.Data = HookOutput{Phase: "configure", Hook: Text(anyText().Draw(t, "hook")), Stream: "out", Text: Text(text), Late: rapid.Bool().Draw(t, "late")}
	return e
}

// TestParseEvent reads lines as they are written, as a journal ends them, and
// changed in one place.
func TestParseEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := anyEvent(t)
		if rapid.Bool().Draw(t, "output") {
			e = anyOutput(t)
		}
		line, err := e.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		checkParse(t, string(line))
		ended := string(line[:len(line)-1]) + `,"crc":"0123abcd"}`
		checkParse(t, ended)
		at := rapid.IntRange(0, len(ended)-1).Draw(t, "at")
		with := rapid.SampledFrom([]string{"", "\"", "\\", "\\u", "\\ud83d", "\\ud83d\\ude00", "\\/", "\\u00e4", "\\u+041", "\\u0_41", "\n", "\x01", "\xff", "0", "-", " ", "{", "}", `,"late":true`, `,"seq":9`, ",", "null", "\u2028"}).Draw(t, "with")
		checkParse(t, ended[:at]+with+ended[at:])
		checkParse(t, ended[:at]+with+ended[at+1:])
	})
}

// TestParseFast proves that what is written goes the fast way; the other
// one would return the same.
func TestParseFast(t *testing.T) {
	for _, text := range []Text{"", "a line\n", "\x00\x1f\t\r\b\f\"\\/", "Schlüssel\u2027\u2028\u2029€", "\U0001F4A9", "\uFFFD"} {
		e := Event{Run: "01JZ0000000000000000000000", Seq: 7, Mono: 3, Data: HookOutput{Phase: "configure", Hook: "50-x", Stream: "err", Text: text, Late: true}}
		line, err := e.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parseFast(string(line))
		if d := cmp.Diff(e, got); !ok || d != "" {
			t.Errorf("%s: %v\n%s", line, ok, d)
		}
	}
}

// TestParseFastHook proves the same of the two events that every hook has.
func TestParseFastHook(t *testing.T) {
	for _, d := range []Payload{
		HookStarted{Phase: "configure", Hook: "50-x", Path: "/etc/phased/configure.d/50-x", Pid: 7},
		HookStarted{Phase: "extra", Hook: "50-x.sh", Path: "extras.d/50-ä.sh", Args: []Text{"stack", "", "install"}, Pid: 7, PidStart: 1 << 60},
		HookFinished{Phase: "configure", Hook: "50-x", Exit: Exit{Cause: CauseOK}, Took: 3},
		HookFinished{Phase: "configure", Hook: "50-x", Exit: Exit{Cause: CauseOK}, Took: 3, Usage: &Usage{User: 1, System: 2}, Out: 9},
		HookFinished{Phase: "configure", Hook: "50-x", Exit: Exit{Cause: CauseOK}, Usage: &Usage{MaxRSS: 4096}, Err: 9},
	} {
		e := Event{Run: "01JZ0000000000000000000000", Seq: 7, Mono: 3, Data: d}
		line, err := e.AppendJSON(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := parseFast(string(line))
		if d := cmp.Diff(e, got); !ok || d != "" {
			t.Errorf("%s: %v\n%s", line, ok, d)
		}
	}
}

func TestParseEventOdd(t *testing.T) {
	const line = `{"v":1,"run":"R","seq":7,"t":"2026-01-02T03:04:05Z","mono":3,"kind":"hook.output","data":{"phase":"p","hook":"h","stream":"out","text":"x"}}`
	checkParse(t, line)
	for _, change := range [][2]string{
		{`"2026`, `"\u0032026`},
		{`05Z`, `5Z`},
		{`05Z`, `05,5Z`},
		{`"R"`, `"\u0052"`},
		{`"R"`, `""`},
		{`:7,`, `:0,`},
		{`:7,`, `:07,`},
		{`:7,`, `:7e0,`},
		{`:7,`, `:18446744073709551615,`},
		{`:3,`, `:-3,`},
		{`:3,`, `:9223372036854775808,`},
		{`"v":1`, `"v":2`},
		{`"v":1`, `"v":0`},
		{`"x"`, `null`},
		{`"x"`, `"x","text":"y"`},
		{`}}`, `},"seq":8}`},
		{`}}`, `},"crc":7}`},
		{`}}`, `},"crc":"0"} `},
		{`}}`, `}} x`},
		{`"out"`, `"\ud800"`},
		{`"h"`, `{"b64":"/w=="}`},
	} {
		odd := strings.Replace(line, change[0], change[1], 1)
		if odd == line {
			t.Fatalf("%q is not there", change[0])
		}
		checkParse(t, odd)
	}
}

func FuzzParseEvent(f *testing.F) {
	for _, d := range []HookOutput{{Phase: "configure", Hook: "50-x", Stream: "out", Text: "a \"line\"\n\x01\u2028ä"}, {Phase: "p", Hook: "\xff", Stream: "err", Text: "\xff", Late: true}} {
		line, err := Event{Run: "01JZ0000000000000000000000", Seq: 7, Mono: 3, Data: d}.AppendJSON(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(line))
		f.Add(string(line[:len(line)-1]) + `,"crc":"0123abcd"}`)
	}
	f.Fuzz(func(t *testing.T, line string) { checkParse(t, line) })
}
