package tui

import (
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"phased/internal/phased"
	"phased/internal/report"
)

// hostile words: what would steer a terminal, what is no text, what is wide, and
// what is put on top of what stands before it.
func words() []string {
	return []string{
		"a", "b", "configure", "10-a", "20-b", "", "ok", "exit", "running", "run", "out", "err", "lock", "succeeded", "failed", "waiting-reboot",
		"\x1b[2J\x1b]0;t\a", "a\tb\r\nc\n", "\xff\xfe\x9b31m", "\u202eevil\u2066", "漢字かな漢字", "e\u0301\u0301\u0301", "👩‍👩‍👧‍👦🏳️‍🌈", "\x1b[38;2;1;2;3mred\x1b[0m",
		strings.Repeat("long ", 60), strings.Repeat("\u0301", 30), "\u00ad\u200d", "\x00\x7f", "💥\x1b", "\x1b[", "\x1b[31",
	}
}

func fill(t *rapid.T, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() && v.Type() != reflect.TypeFor[time.Time]() {
				fill(t, f, depth+1)
			}
		}
	case reflect.Pointer:
		if depth < 5 && rapid.Bool().Draw(t, "has value") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth+1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			n := rapid.IntRange(0, 3).Draw(t, "length")
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(t, v.Index(i), depth+1)
			}
		}
	case reflect.String:
		v.SetString(rapid.SampledFrom(words()).Draw(t, "word"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 300)).Draw(t, "int"))
	}
}

// anyPayload draws a payload: mostly one of a phase and its hooks, in some order.
func anyPayload(t *rapid.T) phased.Payload {
	if rapid.IntRange(0, 3).Draw(t, "plausible") > 0 {
		phase := rapid.SampledFrom([]string{"configure", "a"}).Draw(t, "phase")
		hook := rapid.SampledFrom([]phased.Text{"10-a", "漢字かな漢字", "\x1b[2J\x1b]0;t\a"}).Draw(t, "hook")
		switch rapid.IntRange(0, 6).Draw(t, "kind") {
		case 0:
			return phased.PhaseStarted{Phase: phase, Entries: []phased.Entry{{Name: "10-a", Verdict: phased.VerdictRun}, {Name: "漢字かな漢字", Verdict: phased.VerdictRun}, {Name: "\x1b[2J\x1b]0;t\a", Verdict: phased.VerdictRun}, {Name: "no", Verdict: phased.VerdictNameBackup}}}
		case 1, 2:
			return phased.HookStarted{Phase: phase, Hook: hook, Path: "/" + hook}
		case 3:
			return ends(phase, string(hook), time.Second, rapid.IntRange(0, 1).Draw(t, "status"))
		case 4:
			return phased.PhaseFinished{Phase: phase, Status: phased.StatusSucceeded}
		default:
			return phased.HookOutput{Phase: phase, Hook: hook, Stream: rapid.SampledFrom([]string{"out", "err"}).Draw(t, "stream"), Text: phased.Text(rapid.SampledFrom(words()).Draw(t, "text"))}
		}
	}
	p := rapid.SampledFrom(phased.Payloads()).Draw(t, "payload")
	v := reflect.New(reflect.TypeOf(p)).Elem()
	fill(t, v, 0)
	return v.Interface().(phased.Payload)
}

func anyKey(t *rapid.T) string {
	return rapid.SampledFrom([]string{"?", "p", "l", "tab", "q", "esc", "up", "down", "pgup", "pgdown", "home", "end", "enter", "x", "f", "left", "right", "/", "n", "N", "a", "space", "backspace", "\u00e9", "漢"}).Draw(t, "key")
}

// TestAnyRun draws any events, sizes and keys: no frame is larger than the
// terminal, and nothing gets through that does more than colour it. A canvas
// brings all of it to a terminal, which then shows the frame below what was told.
func TestAnyRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{
			Style:   report.Style{Terminal: true, Unicode: rapid.Bool().Draw(t, "unicode"), Colour: rapid.Bool().Draw(t, "colour")},
			Colours: rapid.SampledFrom([]int{16, 256, 1 << 24}).Draw(t, "colours"), Keys: true,
			Attached: rapid.Bool().Draw(t, "attached"), Browse: rapid.Bool().Draw(t, "browse"),
		}
		m := NewModel(o)
		w, h := 80, 24
		c := &canvas{}
		term := newScreenVT(w, h)
		seq := uint64(0)
		var log []phased.Event
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				w, h = rapid.IntRange(1, 200).Draw(t, "width"), rapid.IntRange(1, 60).Draw(t, "height")
				m.Resize(w, h)
				c, term = &canvas{}, newScreenVT(w, h) // what a terminal makes of it is another test's
			case 1, 2:
				m.Key(anyKey(t))
			case 3:
				m.Tick(began().Add(time.Duration(rapid.Int64().Draw(t, "now"))))
			case 4:
				if phase, hook, _, ok := m.Log(); ok {
					m.LogEvents(phase, hook, log, rapid.Bool().Draw(t, "over"))
				}
			case 5:
				m.progressed(phased.HookProgress{Phase: "configure", Hook: "10-a", Out: 1 << 30, Last: []phased.OutputLine{{Stream: "err", Text: phased.Text(rapid.SampledFrom(words()).Draw(t, "ahead"))}}}, began())
			case 6:
				m.Say(rapid.SampledFrom(words()).Draw(t, "said"))
			default:
				seq++
				e := phased.Event{Run: "R", Seq: seq, Time: began().Add(time.Duration(seq) * time.Second), Data: anyPayload(t)}
				m.Event(e)
				log = append(log, e)
			}
			if rapid.Bool().Draw(t, "draw") {
				drawn(t, m, c, term, w, h)
			}
		}
		m.End(m.Run().AsInterrupted())
		drawn(t, m, c, term, w, h)
	})
}

// drawn draws the model, and compares what the terminal shows with the frame.
func drawn(t *rapid.T, m *Model, c *canvas, term *screenVT, w, h int) {
	frame, whole := m.Frame()
	sane(t, frame, w, h)
	var above []string
	if !whole {
		above = m.Lines()
	}
	for _, line := range above {
		tame(t, line)
	}
	term.write(c.draw(above, frame, whole, w))
	if term.fault != "" {
		t.Fatalf("the terminal was sent %s", term.fault)
	}
	shown := term.rows()
	at := 0
	if !whole {
		at = term.y - len(frame) + 1
	}
	if len(frame) == 0 {
		return
	}
	if at < 0 {
		t.Fatalf("the frame of %d lines begins above the screen of %d", len(frame), h)
	}
	for i, line := range frame {
		want := strings.TrimRight(marks(stripped(line)), " ")
		if got := strings.TrimRight(marks(shown[at+i]), " "); got != want {
			t.Fatalf("line %d of the frame is shown as\n%q, want\n%q", i, got, want)
		}
	}
	for _, line := range shown[at+len(frame):] {
		if strings.TrimSpace(line) != "" {
			t.Fatalf("below the frame stands %q", line)
		}
	}
}

// marks returns a line without what is put on top of what stands before it:
// where that goes at the beginning of a line, terminals do not agree.
func marks(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
			return -1
		}
		return r
	}, line)
}

func stripped(line string) string {
	var b strings.Builder
	for i := 0; i < len(line); {
		if n := sgr(line[i:]); n > 0 {
			i += n
			continue
		}
		b.WriteByte(line[i])
		i++
	}
	return b.String()
}
