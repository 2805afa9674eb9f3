package report

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"phased/internal/phased"
)

// hostile is what a hook's name, its output or a message may be made of to steer
// a terminal: escapes, controls of C0 and C1, marks of direction, what is not
// shown, and what is no text.
const hostile = "a\x1b[2J\x1b]0;t\a\x1bPq\x1b\\\b\r\v\f\x00\x7f\u009b31m\x9b31m\u202eevil\u2066\u061c\ufeff\u2060\U000e0041\u2028\xff"

// poison fills every text of a value with what is hostile.
func poison(v reflect.Value, depth int) {
	if depth > 8 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		if !known(v) {
			v.SetString(hostile)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type() != reflect.TypeFor[time.Time]() {
				poison(v.Field(i), depth+1)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		poison(v.Elem(), depth+1)
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			poison(v.Index(0), depth+1)
			poison(v.Index(1), depth+1)
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	}
}

// known gives words of phased's own, which no hook can choose, a value that
// leads on.
func known(v reflect.Value) bool {
	switch v.Interface().(type) {
	case phased.Status:
		v.SetString(string(phased.StatusFailed))
	case phased.Cause:
		v.SetString(string(phased.CauseExit))
	case phased.Verdict:
		v.SetString(string(phased.VerdictNotExecutable))
	default:
		return false
	}
	return true
}

func poisoned[T any]() T {
	var v T
	poison(reflect.ValueOf(&v).Elem(), 0)
	return v
}

// steers returns what in a text would do more to a terminal than show letters.
func steers(text string) string {
	if !utf8.ValidString(text) {
		return "no UTF-8"
	}
	for i, r := range text {
		switch {
		case r == '\n' || r == '\t':
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return text[max(i-60, 0):min(i+20, len(text))]
		}
	}
	return ""
}

// Nothing that a hook, a file name or a message can be made of steers the
// terminal of whoever looks, whatever is printed.
func TestNothingHostileIsShown(t *testing.T) {
	now := time.Date(2026, 3, 1, 3, 15, 0, 0, time.UTC)
	run := poisoned[phased.Run]()
	run.Failure.Exit.Cause = phased.CauseCannotRun
	tail := Tail{Max: 4}
	tail.Add(phased.HookOutput{Stream: "out", Text: hostile + "\n" + hostile})
	tail.End()
	plain := func(draw func(p *Plain)) func(*bytes.Buffer, Style) {
		return func(b *bytes.Buffer, s Style) {
			p := NewPlain(b, b, s)
			draw(p)
			if err := p.Flush(); err != nil {
				t.Error(err)
			}
		}
	}
	seq := uint64(0)
	event := func(p *Plain, d phased.Payload) {
		seq++
		p.Event(phased.Event{Run: "R", Seq: seq, Time: now, Data: d})
	}
	draws := map[string]func(*bytes.Buffer, Style){
		"show":           func(b *bytes.Buffer, s Style) { _ = Show(b, s, Story{Run: run, Tail: tail, All: true}) },
		"failure report": func(b *bytes.Buffer, s Style) { _ = FailureReport(b, s, Story{Run: run, Tail: tail}) },
		"plan":           func(b *bytes.Buffer, s Style) { _ = Plan(b, s, poisoned[phased.Plan]()) },
		"explain":        func(b *bytes.Buffer, s Style) { _ = Explain(b, s, poisoned[[]Explanation]()) },
		"check":          func(b *bytes.Buffer, s Style) { _ = Check(b, s, poisoned[[]phased.Finding](), 1) },
		"published":      func(b *bytes.Buffer, s Style) { _ = Published(b, s, poisoned[phased.Published](), hostile) },
		"plan page": func(b *bytes.Buffer, _ Style) {
			pl := poisoned[phased.Plan]()
			ph := pl.Phases[0]
			source, rules := PlanPhase(ph)
			was, is := SpaceValues(hostile, &phased.Value{Text: hostile, Attributes: hostile}, &phased.Value{Text: hostile + "x"}, 60)
			fmt.Fprintln(b, PlanFacts(pl), source, rules, PlanEntry(pl, ph, ph.Entries[0], []phased.Text{hostile}), PlanPlugin(pl.Session.Plugins[0]), PlanUntrusted(pl.Untrusted[0]),
				PlanDifference(poisoned[phased.Difference]()), FindingPlace(poisoned[phased.Finding]()), CommandWords([]phased.Text{hostile}), RunTitle(hostile, hostile), SpaceName(hostile, ""), was, is)
		},
		"compare": func(b *bytes.Buffer, s Style) { _ = Compare(b, s, poisoned[[]ToolDifference]()) },
		"runs":    func(b *bytes.Buffer, s Style) { _ = Runs(b, s, poisoned[[]phased.Summary]()) },
		"blame":   func(b *bytes.Buffer, s Style) { _ = Blame(b, s, poisoned[Blamed]()) },
		"progress": plain(func(p *Plain) {
			event(p, poisoned[phased.RunStarted]())
			event(p, poisoned[phased.PhaseStarted]())
			event(p, poisoned[phased.HookStarted]())
			event(p, phased.HookOutput{Phase: "p", Hook: hostile, Stream: "out", Text: hostile + "\n"})
			event(p, poisoned[phased.HookCut]())
			event(p, poisoned[phased.HookWarning]())
			event(p, poisoned[phased.HookSkipped]())
			event(p, poisoned[phased.PhaseSkipped]())
			event(p, poisoned[phased.HookFinished]())
			event(p, poisoned[phased.RunWarning]())
			event(p, poisoned[phased.PhaseFinished]())
			event(p, poisoned[phased.RunFailed]())
			event(p, poisoned[phased.RunFinished]())
		}),
		"logs": func(b *bytes.Buffer, s Style) {
			s.Terminal = true
			l := NewLogs(b, b, s)
			l.Headings = true
			l.Output(phased.HookOutput{Phase: "p", Hook: hostile, Stream: "out", Text: hostile + "\n" + hostile})
			_ = l.End()
		},
	}
	for name, draw := range draws {
		for style, s := range map[string]Style{
			"terminal": {Terminal: true, Width: 100, Unicode: true, Now: now, Zone: time.UTC},
			"pipe":     {Now: now, Zone: time.UTC},
		} {
			var b bytes.Buffer
			draw(&b, s)
			if b.Len() == 0 {
				t.Errorf("%s, %s: nothing was printed", name, style)
			}
			if bad := steers(b.String()); bad != "" {
				t.Errorf("%s, %s: %q", name, style, bad)
			}
		}
	}
}

// `logs --raw` gives the bytes as they were.
func TestRawLogsKeepEverything(t *testing.T) {
	var b bytes.Buffer
	l := NewLogs(&b, &b, Style{Terminal: true})
	l.Raw = true
	l.Output(phased.HookOutput{Phase: "p", Hook: "h", Stream: "out", Text: hostile})
	if err := l.End(); err != nil || b.String() != hostile {
		t.Errorf("%q, %v", b.String(), err)
	}
}

// A line that never ends is let go piece by piece: nothing of it is kept back but
// the last piece, however much of it there is.
func TestEndlessLineIsNotKept(t *testing.T) {
	var parts lines
	piece, shown := strings.Repeat("x", 64<<10), 0
	for range 4096 { // 256 MiB
		parts.add(piece, func(line string) { shown += len(line) })
		if len(parts.held) > longestLine {
			t.Fatalf("%d bytes are held back", len(parts.held))
		}
	}
	parts.end(func(line string) { shown += len(line) })
	if shown != 256<<20 {
		t.Errorf("%d bytes were shown", shown)
	}
}
