package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

// Output that is left out is told once a hook, with the way to see it, and does
// not count as silence; what comes after it is shown.
func TestElidedOutputIsToldOnce(t *testing.T) {
	for _, name := range []string{"plain"} {
		t.Run(name, func(t *testing.T) {
			var out, sign bytes.Buffer
			v := NewPlain(&out, &sign, Style{})
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			seq := uint64(0)
			add := func(d phased.Payload) {
				seq++
				v.Event(phased.Event{Run: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Seq: seq, Time: now, Data: d})
			}
			add(phased.RunStarted{})
			add(phased.PhaseStarted{Phase: "p"})
			add(phased.HookStarted{Phase: "p", Hook: "loud"})
			add(phased.HookOutput{Phase: "p", Hook: "loud", Stream: "out", Text: "first\n"})
			for range 3 {
				now = now.Add(50 * time.Second)
				add(phased.HookOutput{Phase: "p", Hook: "loud"})
			}
			v.Tick(now.Add(time.Second))
			add(phased.HookOutput{Phase: "p", Hook: "loud", Stream: "out", Text: "last\n"})
			add(phased.HookFinished{Phase: "p", Hook: "loud", Exit: phased.Exit{Cause: phased.CauseOK}})
			if err := v.Flush(); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if n := strings.Count(text, "writes more than is shown"); n != 1 || !strings.Contains(text, "phased logs 01ARZ3NDEK") {
				t.Errorf("told %d times:\n%s", n, text)
			}
			first, told, last := strings.Index(text, "first"), strings.Index(text, "writes more"), strings.Index(text, "last")
			if first < 0 || told < first || last < told {
				t.Errorf("not in order:\n%s", text)
			}
			if s := sign.String() + text; strings.Contains(s, "quiet for 2 min") {
				t.Errorf("a loud hook is called quiet:\n%s", s)
			}
		})
	}
}
