package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

// loud is a run whose hook writes more than goes on record as it comes.
func loud() *tape {
	tp := &tape{}
	tp.add(0, phased.RunStarted{Lifecycle: "refresh", Base: "/etc/phased", Output: "captured", Phases: []string{"configure"}, Hooks: 1})
	tp.add(0, phased.PhaseStarted{Phase: "configure", Entries: []phased.Entry{{Name: "10-loud", Verdict: phased.VerdictRun}}})
	tp.add(0, phased.HookStarted{Phase: "configure", Hook: "10-loud", Path: "/etc/phased/configure.d/10-loud", Pid: 7})
	tp.add(0, phased.HookOutput{Phase: "configure", Hook: "10-loud", Stream: "out", Text: "at first\n"})
	for i := range 3 {
		tp.add(time.Duration(40*i+1)*time.Second, phased.HookProgress{
			Phase: "configure", Hook: "10-loud", Out: int64(2*i+3) << 29, Err: 10,
			Last: []phased.OutputLine{{Stream: "out", Text: "going\rgone\x1b[2J"}, {Stream: "err", Text: "\xffbad"}},
		})
	}
	return tp
}

func ended(tp *tape) *tape {
	tp.add(2*time.Minute, phased.HookFinished{Phase: "configure", Hook: "10-loud", Exit: okExit})
	return tp
}

// Who watches a loud hook sees that it is alive, at most once a minute.
func TestProgressIsALifeSign(t *testing.T) {
	const sign = "... configure/10-loud has been running for 2 min, 3.5 GiB written so far\n"
	var out, err bytes.Buffer
	p := NewPlain(&out, &err, styles()["plain"])
	for _, e := range loud().events {
		p.Event(e)
	}
	if e := p.Flush(); e != nil || err.String() != sign || strings.Contains(out.String(), "gone") {
		t.Errorf("plain: %q, %q, %v", out.String(), err.String(), e)
	}
}

// The story of a hook that runs has the last lines that are known, not those that
// went on record long ago; also where phased died.
func TestShowProgress(t *testing.T) {
	const end = "  │ going\n  │ gone"
	for name, tt := range map[string]struct {
		run  phased.Run
		want string
	}{
		"running":     {loud().fold(), "  ⋮ 3.5 GiB written so far, the end of it:\n" + end},
		"interrupted": {loud().fold().AsInterrupted(), "  ⋮ 3.5 GiB written; what is known of its end:\n" + end},
		"ended":       {ended(loud()).fold(), ""},
	} {
		var b bytes.Buffer
		if err := Show(&b, styles()["nocolour"], Story{Run: tt.run, Tail: Tail{Max: 3, Lines: []TailLine{{"out", "at first"}}}}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), tt.want) || strings.Contains(b.String(), "\x1b[2J") || (tt.want == "") == strings.Contains(b.String(), "written") {
			t.Errorf("%s: %q is not in\n%s", name, tt.want, b.String())
		}
	}
}

func TestLogsTellOfWhatIsToCome(t *testing.T) {
	for name, tt := range map[string]struct {
		tape      *tape
		at, dead  bool
		raw       bool
		out, talk string
	}{
		"follow": {loud(), true, false, false, "at first\n[1.5 GiB written so far; the rest goes on record when the hook ends]\n", ""},
		"now":    {loud(), false, false, false, "at first\n[3.5 GiB written so far; the rest goes on record when the hook ends]\n", ""},
		"dead":   {loud(), false, true, false, "at first\n[3.5 GiB written; phased died before the rest went on record]\n", ""},
		"raw":    {loud(), true, false, true, "at first\n", "phased: [1.5 GiB written so far; the rest goes on record when the hook ends]\n"},
		"ended":  {ended(loud()), false, true, false, "at first\n", ""},
	} {
		var out, talk bytes.Buffer
		l := NewLogs(&out, &talk, styles()["plain"])
		l.Raw, l.Over = tt.raw, tt.dead
		for _, e := range tt.tape.events {
			switch d := e.Data.(type) {
			case phased.HookOutput:
				l.Output(d)
			case phased.HookProgress:
				l.Progress(d, tt.at)
			case phased.HookFinished:
				l.HookEnd(d.Phase, d.Hook)
			}
		}
		if err := l.End(); err != nil || out.String() != tt.out || talk.String() != tt.talk {
			t.Errorf("%s: %q, %q, %v", name, out.String(), talk.String(), err)
		}
	}
}
