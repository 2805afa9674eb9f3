package report

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

var update = flag.Bool("update", false, "write the golden files")

// styles are those that every frame is drawn in.
func styles() map[string]Style {
	now := time.Date(2026, 3, 1, 3, 15, 0, 0, time.UTC)
	zone := time.FixedZone("CET", 3600)
	return map[string]Style{
		"plain":    {Now: now, Zone: zone},
		"term60":   {Terminal: true, Width: 60, Colour: true, Unicode: true, Now: now, Zone: zone},
		"term100":  {Terminal: true, Width: 100, Colour: true, Unicode: true, Now: now, Zone: zone},
		"nocolour": {Terminal: true, Width: 100, Unicode: true, Now: now, Zone: zone},
		"term80":   {Terminal: true, Width: 80, Colour: true, Unicode: true, Now: now, Zone: zone},
		"nocol80":  {Terminal: true, Width: 80, Unicode: true, Now: now, Zone: zone},
		"nocol120": {Terminal: true, Width: 120, Unicode: true, Now: now, Zone: zone},
		"ascii60":  {Terminal: true, Width: 60, Now: now, Zone: zone, Flags: "--state-dir /tmp/s"},
	}
}

// golden compares what was printed in every style with testdata/NAME.golden.
func golden(t *testing.T, name string, draw func(*bytes.Buffer, Style)) {
	t.Helper()
	goldenIn(t, name, []string{"plain", "term60", "term100", "nocolour", "ascii60"}, draw)
}

// goldenSession is golden in the styles that sessions are drawn in.
func goldenSession(t *testing.T, name string, draw func(*bytes.Buffer, Style)) {
	t.Helper()
	goldenIn(t, name, []string{"plain", "term80", "nocol80", "nocol120", "ascii60"}, draw)
}

func goldenIn(t *testing.T, name string, names []string, draw func(*bytes.Buffer, Style)) {
	t.Helper()
	var all bytes.Buffer
	for _, style := range names {
		var b bytes.Buffer
		draw(&b, styles()[style])
		text := strings.NewReplacer("\x1b", "␛", "\r", "␍").Replace(b.String())
		fmt.Fprintf(&all, "-- %s --\n%s", style, text)
		if s := styles()[style]; s.Terminal && !s.Colour && strings.Contains(b.String(), "\x1b[3") {
			t.Errorf("%s: colours without Colour:\n%q", style, b.String())
		}
		for i, line := range strings.Split(b.String(), "\n") {
			if strings.HasSuffix(line, " ") {
				t.Errorf("%s: line %d ends with a blank: %q", style, i+1, line)
			}
		}
	}
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, all.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), all.String()); diff != "" {
		t.Errorf("%s is not as expected (-want +got); run with -update where it should be:\n%s", file, diff)
	}
}

// tape makes the events of a synthetic run.
type tape struct {
	events []phased.Event
	at     time.Duration
}

func (tp *tape) add(after time.Duration, data ...phased.Payload) *tape {
	tp.at += after
	for _, d := range data {
		tp.events = append(tp.events, phased.Event{
			Run: "01JNXZ5M8GT3Q2V9K7B1C4D6E8", Seq: uint64(len(tp.events) + 1),
			Time: time.Date(2026, 3, 1, 2, 12, 9, 0, time.UTC).Add(tp.at), Mono: tp.at, Data: d,
		})
	}
	return tp
}

func (tp *tape) hook(phase, name string, took time.Duration, exit phased.Exit, output ...string) *tape {
	tp.add(0, phased.HookStarted{Phase: phase, Hook: phased.Text(name), Path: phased.Text("/etc/phased/" + phase + ".d/" + name), Pid: 4711})
	var out, err int64
	for _, o := range output {
		stream, text, _ := strings.Cut(o, ":")
		tp.add(time.Millisecond, phased.HookOutput{Phase: phase, Hook: phased.Text(name), Stream: stream, Text: phased.Text(text)})
		if stream == "out" {
			out += int64(len(text))
		} else {
			err += int64(len(text))
		}
	}
	return tp.add(took, phased.HookFinished{
		Phase: phase, Hook: phased.Text(name), Exit: exit, Took: took, Out: out, Err: err,
		Usage: &phased.Usage{User: took / 2, System: took / 8, MaxRSS: 12 << 20},
	})
}

func (tp *tape) fold() phased.Run { return tp.until(len(tp.events)) }

// until folds the first n events.
func (tp *tape) until(n int) phased.Run {
	var r phased.Run
	for _, e := range tp.events[:n] {
		r.Apply(e)
	}
	return r
}

func (tp *tape) tail(phase, hook string) Tail {
	t := Tail{Max: ShowTail}
	for _, e := range tp.events {
		if o, ok := e.Data.(phased.HookOutput); ok && o.Phase == phase && o.Hook == phased.Text(hook) {
			t.Add(o)
		}
	}
	t.End()
	return t
}

func runs(names ...string) []phased.Entry {
	var all []phased.Entry
	for _, n := range names {
		all = append(all, phased.Entry{Name: phased.Text(n), Path: phased.Text("/etc/phased/x.d/" + n), Verdict: phased.VerdictRun})
	}
	return all
}

func skipped(name string, v phased.Verdict) phased.Entry {
	return phased.Entry{Name: phased.Text(name), Verdict: v}
}

var okExit = phased.Exit{Cause: phased.CauseOK}

func started(hooks int) phased.RunStarted {
	return phased.RunStarted{
		Lifecycle: "refresh", Base: "/etc/phased", Host: "web1", User: "root", SudoUser: "ada", Pid: 4700, Output: "captured",
		Argv:   []phased.Text{"phased", "run", "--env", "WHO=a b"},
		Phases: []string{"pre-configure", "configure", "post-configure", "migration"}, Hooks: hooks, Settings: "/etc/phased/phased.yaml",
	}
}

// success is a run in which all goes well.
func success() *tape {
	tp := (&tape{}).add(0, started(4))
	tp.add(2*time.Millisecond, phased.PhaseStarted{Phase: "pre-configure", Entries: append(runs("10-quiesce"), skipped("10-quiesce.dpkg-old", phased.VerdictNameBackup))})
	tp.hook("pre-configure", "10-quiesce", 412*time.Millisecond, okExit)
	tp.add(0, phased.PhaseFinished{Phase: "pre-configure", Status: phased.StatusSucceeded, Took: 414 * time.Millisecond})
	tp.add(0, phased.PhaseStarted{
		Phase: "configure", Entries: runs("20-render", "25-late", "30 odd name"),
		Differences: []phased.Difference{{Name: "25-late", What: "added"}, {Name: "20-render", What: "content"}, {Name: "x.sh", What: "verdict", Was: "run", Is: "not-executable"}},
	})
	tp.hook("configure", "20-render", 1300*time.Millisecond, okExit, "out:rendered /etc/a.conf\nrendered /etc/", "err:warning: \x1b[33mold\x1b[0m template\n", "out:b.conf\n")
	tp.hook("configure", "25-late", 80*time.Millisecond, okExit, "out:10%\r50%\r100%\r\nno line end")
	tp.hook("configure", "30 odd name", 5*time.Millisecond, okExit, "out:bell \a, screen \x1b[2J\x1b]0;title\a, bytes \xff\xfe, \u202eflip\n")
	tp.add(0, phased.PhaseFinished{Phase: "configure", Status: phased.StatusSucceeded, Took: 1400 * time.Millisecond})
	tp.add(0, phased.PhaseStarted{Phase: "post-configure", Missing: true, Entries: []phased.Entry{}})
	tp.add(0, phased.PhaseFinished{Phase: "post-configure", Status: phased.StatusSucceeded})
	tp.add(0, phased.PhaseStarted{Phase: "migration", Entries: []phased.Entry{}})
	tp.add(0, phased.PhaseFinished{Phase: "migration", Status: phased.StatusSucceeded})
	return tp.add(0, phased.RunFinished{Status: phased.StatusSucceeded, Took: tp.at, Ran: 4})
}

// failure is a run that a hook of many words stops.
func failure() *tape {
	tp := (&tape{}).add(0, started(6))
	tp.add(2*time.Millisecond, phased.PhaseStarted{Phase: "pre-configure", Entries: runs("10-quiesce")})
	tp.hook("pre-configure", "10-quiesce", 412*time.Millisecond, okExit)
	tp.add(0, phased.PhaseFinished{Phase: "pre-configure", Status: phased.StatusSucceeded, Took: 414 * time.Millisecond})
	tp.add(0, phased.PhaseStarted{Phase: "configure", Entries: runs("20-render", "30-database", "40-after", "50-after")})
	tp.hook("configure", "20-render", 1300*time.Millisecond, okExit, "out:rendered\n")
	var words strings.Builder
	for i := range 40 {
		fmt.Fprintf(&words, "step %d\n", i+1)
	}
	tp.hook("configure", "30-database", 2*time.Second, phased.Exit{Cause: phased.CauseExit, Status: 3}, "out:"+words.String(), "err:cannot connect to the database: connection refused, and this line goes on for longer than any screen is wide so that it is folded\n")
	f := phased.Failure{Phase: "configure", Hook: "30-database", Path: "/etc/phased/configure.d/30-database", Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}}
	tp.add(0, phased.RunFailed{Failure: f}, phased.PhaseFinished{Phase: "configure", Status: phased.StatusFailed, Took: 3300 * time.Millisecond})
	tp.add(0, phased.PhaseStarted{Phase: "error", Failure: true, Entries: runs("10-notify", "20-broken")})
	tp.hook("error", "10-notify", 12*time.Millisecond, okExit, "out:told the operators\n")
	tp.hook("error", "20-broken", 1*time.Millisecond, phased.Exit{Cause: phased.CauseCannotRun, Status: 127, Message: "interpreter /bin/nope does not exist"})
	tp.add(0, phased.PhaseFinished{Phase: "error", Status: phased.StatusFailed, Took: 14 * time.Millisecond})
	return tp.add(0, phased.RunFinished{Status: phased.StatusFailed, ExitCode: 1, Failure: &f, Took: tp.at, Ran: 3, Failed: 1})
}
