package shellinit

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/records"
)

const runID = "01JZ0000000000000000000001"

// tape makes the records of a shell.
type tape struct {
	b  []byte
	at int // microseconds
}

func (p *tape) add(kind string, fields ...string) *tape {
	p.at += 1000
	p.b = records.Append(p.b, append([]string{kind, fmt.Sprintf("1700000000.%06d", p.at)}, fields...)...)
	return p
}

// calm is the state of a shell that nobody has touched.
func calm() []string {
	return []string{"braceexpand:errexit:hashall", "extglob", "= \t\n", "/srv", "0022\n", "trap -- 'echo '\\''bye'\\''' EXIT\n"}
}

func (p *tape) shell(name, top string) *tape {
	return p.add("shell", append([]string{"4711", "4711 (bash) S 1 2 3 " + strings.Repeat("0 ", 13) + "1 0 99 0", "5.2.15(1)-release", name, top}, calm()...)...)
}

func (p *tape) before(path string) *tape {
	return p.add("before", append([]string{path}, calm()...)...)
}

func (p *tape) after(status string) *tape {
	return p.add("after", append([]string{status}, calm()...)...)
}

func head(t testing.TB) *tape {
	t.Helper()
	b, err := Head(phased.RunStarted{Host: "host", BootID: "boot", Personality: Personality})
	if err != nil {
		t.Fatal(err)
	}
	return &tape{b: b}
}

// begun is a shell that is recorded.
func begun(t testing.TB) *tape { return head(t).shell("/srv/stack.sh", "/srv/top") }

// story tells events in a line each.
func story(events []phased.Event) []string {
	var all []string
	for _, e := range events {
		text, err := json.Marshal(e.Data)
		if err != nil {
			panic(err)
		}
		switch d := e.Data.(type) {
		case phased.PhaseStarted:
			var names []string
			for _, entry := range d.Entries {
				names = append(names, string(entry.Name))
			}
			all = append(all, fmt.Sprintf("phase %s %v missing=%v", d.Phase, names, d.Missing))
		case phased.HookStarted:
			all = append(all, fmt.Sprintf("start %s/%s %s %q pid %d.%d", d.Phase, d.Hook, d.Path, d.Args, d.Pid, d.PidStart))
		case phased.HookFinished:
			all = append(all, fmt.Sprintf("end %s/%s %s %d ended=%v ignored=%v took %v", d.Phase, d.Hook, d.Exit.Cause, d.Exit.Status, d.Ended, d.Ignored, d.Took))
		case phased.HookWarning:
			all = append(all, fmt.Sprintf("warn %s/%s %s: %s", d.Phase, d.Hook, d.Code, d.Message))
		case phased.HookSkipped:
			all = append(all, fmt.Sprintf("skip %s/%s %s", d.Phase, d.Hook, d.Message))
		case phased.PhaseFinished:
			all = append(all, fmt.Sprintf("left %s %s %v", d.Phase, d.Status, d.Took))
		case phased.RunFinished:
			all = append(all, fmt.Sprintf("finished %s %d ran %d failed %d", d.Status, d.ExitCode, d.Ran, d.Failed))
		case phased.RunFailed:
			all = append(all, fmt.Sprintf("failed %s/%s %s: %s", d.Phase, d.Hook, d.Path, d.Exit.Message))
		case phased.SessionEnded:
			all = append(all, fmt.Sprintf("shell ended %s %d", d.Exit.Cause, d.Exit.Status))
		default:
			all = append(all, string(e.Data.Kind())+" "+string(text))
		}
	}
	return all
}

// tell folds a tape to its end; what begins every run is left out.
func tell(p *tape) []string {
	f := New(runID, nil)
	events := f.Add(p.b)
	f.Torn()
	return story(append(events, f.End()...))[2:]
}

func TestFold(t *testing.T) {
	enter := func(p *tape) *tape {
		return p.add("enter", "/srv/top/extras.d", "found", "stack", "install", "/srv/top/extras.d/10-a.sh", "/srv/top/extras.d/20-b.sh")
	}
	phase := "phase install [10-a.sh 20-b.sh] missing=false"
	start := `start install/10-a.sh /srv/top/extras.d/10-a.sh ["stack" "install"] pid 4711.99`
	end := "end install/10-a.sh ok 0 ended=false ignored=false took 1ms"
	at := time.Unix(1700000000, 900000000)
	for name, c := range map[string]struct {
		tape *tape
		want []string
	}{
		"a good point": {
			enter(begun(t)).before("/srv/top/extras.d/10-a.sh").after("0").add("leave"),
			[]string{phase, start, end, "left install succeeded 3ms", "finished succeeded 0 ran 1 failed 0"},
		},
		"a failure that nobody minds": {
			enter(begun(t)).before("/srv/top/extras.d/10-a.sh").after("3").add("leave"),
			[]string{
				phase, start, "end install/10-a.sh exit 3 ended=false ignored=true took 1ms", "left install succeeded 3ms",
				"finished succeeded 0 ran 1 failed 1",
			},
		},
		"no directory": {
			begun(t).add("enter", "/srv/top/extras.d", "", "unstack", "").add("leave"),
			[]string{"phase unstack [] missing=true", "left unstack succeeded 1ms", "finished succeeded 0 ran 0 failed 0"},
		},
		"skipped": {
			enter(begun(t)).add("skip", "/srv/top/extras.d/10-a.sh", "there").add("skip", "/srv/top/extras.d/20-b.sh", "").
				add("skip", "/srv/top/extras.d/*.sh", "").add("leave"),
			[]string{
				phase, "skip install/10-a.sh it cannot be read", "warn install/10-a.sh unreadable: cannot be read, and was passed over",
				"skip install/20-b.sh it is not there any more", "left install succeeded 4ms", "finished succeeded 0 ran 0 failed 0",
			},
		},
		"ended in a hook, status unknown": {
			enter(begun(t)).before("/srv/top/extras.d/10-a.sh"),
			[]string{
				phase, start, "end install/10-a.sh exit 1 ended=true ignored=false took 0s", "left install failed 1ms",
				"failed install/10-a.sh /srv/top/extras.d/10-a.sh: the shell ended in 10-a.sh; its exit status is not known",
				"finished failed 1 ran 1 failed 1",
			},
		},
		"ended in a hook, by 5": {
			withEnd(enter(begun(t)).before("/srv/top/extras.d/10-a.sh"), Ended(at, phased.Exit{Status: 5})),
			[]string{
				phase, start, "end install/10-a.sh exit 5 ended=true ignored=false took 897ms", "left install failed 898ms", "shell ended exit 5",
				"failed install/10-a.sh /srv/top/extras.d/10-a.sh: exit status 5: the shell ended in 10-a.sh", "finished failed 5 ran 1 failed 1",
			},
		},
		"ended in a hook, by 0": {
			withEnd(enter(begun(t)).before("/srv/top/extras.d/10-a.sh"), Ended(at, phased.Exit{})),
			[]string{
				phase, start, "end install/10-a.sh ok 0 ended=true ignored=false took 897ms",
				"warn install/10-a.sh exit-early: ended the shell with status 0: what comes after it did not run",
				"left install succeeded 898ms", "shell ended ok 0", "finished succeeded 0 ran 1 failed 0",
			},
		},
		"ended by a signal, in no hook": {
			withEnd(begun(t), Ended(at, phased.Exit{Status: 137, Signal: 9})),
			[]string{"shell ended signal 137", "failed / : ended by SIGKILL: the shell ended in no hook", "finished failed 137 ran 0 failed 0"},
		},
		"ended, nothing known": {withEnd(begun(t), Unknown(at)), []string{"finished succeeded 0 ran 0 failed 0"}},
		"a torn record": {
			&tape{b: append(enter(begun(t)).before("/srv/top/extras.d/10-a.sh").after("0").add("leave").b, "9\x00before\x0017000"...)},
			[]string{phase, start, end, "left install succeeded 3ms", "finished succeeded 0 ran 1 failed 0"},
		},
		"damage": {
			withEnd(enter(begun(t)), []byte("oh\x00dear\x00")),
			[]string{
				phase, `run.warning {"message":"the rest of the shell's records cannot be read"}`, "left install failed 0s",
				"failed install/ : the shell ended in phase install; its exit status is not known", "finished failed 1 ran 0 failed 0",
			},
		},
		"a point inside of a hook": {
			enter(begun(t)).before("/srv/top/extras.d/10-a.sh").add("enter", "/x", "found", "deep", "", "/x/1.sh").before("/x/1.sh").after("0").
				add("leave").after("0").add("leave"),
			[]string{
				phase, start, "phase deep [1.sh] missing=false", `start deep/1.sh /x/1.sh ["deep"] pid 4711.99`,
				"end deep/1.sh ok 0 ended=false ignored=false took 1ms", "left deep succeeded 3ms",
				"end install/10-a.sh ok 0 ended=false ignored=false took 5ms", "left install succeeded 7ms", "finished succeeded 0 ran 2 failed 0",
			},
		},
		"records out of turn": {
			begun(t).after("0").add("leave").add("skip", "/x", "").before("/x").shell("/again.sh", "/again").add("unheard of").add("enter"),
			[]string{"finished succeeded 0 ran 0 failed 0"},
		},
		"a function for plugins": {
			enter(begun(t)).before("run_plugins").after("0").add("leave"),
			[]string{
				phase, `start install/run_plugins run_plugins ["stack" "install"] pid 4711.99`,
				"end install/run_plugins ok 0 ended=false ignored=false took 1ms", "left install succeeded 3ms", "finished succeeded 0 ran 1 failed 0",
			},
		},
	} {
		if d := cmp.Diff(c.want, tell(c.tape)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func withEnd(p *tape, b []byte) *tape { return &tape{b: append(p.b, b...), at: p.at} }

func TestFoldOfWarnings(t *testing.T) {
	changed := []string{"braceexpand:hashall:noglob:xtrace", "nullglob", "", "/tmp\xff", "0077\n", "trap -- 'x\ny' EXIT\ntrap -- '' SIGINT\n"}
	p := begun(t).add("enter", "/x", "found", "source", "", "/x/a.sh").before("/x/a.sh").add("after", append([]string{"0"}, changed...)...)
	var got []string
	for _, line := range tell(p) {
		if rest, ok := strings.CutPrefix(line, "warn source/a.sh "); ok {
			got = append(got, rest)
		}
	}
	want := []string{
		"noglob: left noglob on", "xtrace: left xtrace on", "errexit-off: left errexit off", "option: left shopt nullglob on",
		"option: left shopt extglob off", "ifs: left IFS changed", "directory: left another working directory: /tmp?",
		"umask: left another umask: 0077, was 0022", "trap: left other traps: EXIT, INT",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestParseTraps(t *testing.T) {
	out, err := exec.Command("bash", "-c", `trap 'echo "it'\''s"; trap -- '\''x'\'' EXIT
' EXIT; trap '' INT; trap : SIGUSR1; trap -p; set -o posix; trap -p`).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"EXIT": "echo \"it's\"; trap -- 'x' EXIT\n", "INT": "", "USR1": ":"}
	if d := cmp.Diff(want, parseTraps(string(out))); d != "" {
		t.Errorf("%s (-want +got):\n%s", out, d)
	}
	for _, text := range []string{"trap -- 'x", "trap -- '", "trap", "\x00", "trap -- 'a'\\''", "trap -- 'a'"} {
		parseTraps(text) // must end, and not panic
	}
}

func TestFoldOfRunStarted(t *testing.T) {
	for _, c := range []struct{ name, top, lifecycle, base string }{
		{"/srv/stack.sh", "/srv/top", "stack", "/srv/top"},
		{"./unstack.sh", "", "unstack", "/srv"},
		{"bash", "top", "shell", "/srv/top"},
		{"-bash", "/t", "shell", "/t"},
		{"\xff", "/\xff", "?", "/\xff"},
	} {
		f := New(runID, nil)
		events := f.Add(head(t).shell(c.name, c.top).b)
		if len(events) != 2 {
			t.Fatalf("%+v: %v", c, story(events))
		}
		d := events[0].Data.(phased.RunStarted)
		if d.Lifecycle != c.lifecycle || string(d.Base) != c.base || d.Host != "host" || d.Surroundings.Umask != 0o22 || d.Surroundings.Dir != "/srv" {
			t.Errorf("%+v: %+v", c, d)
		}
		if s, ok := f.Shell(); !ok || s != (Shell{4711, 99}) {
			t.Errorf("shell %+v, %v", s, ok)
		}
		s := events[1].Data.(phased.SessionStarted)
		if d := cmp.Diff(phased.SessionStarted{Pid: 4711, PidStart: 99, Bash: "5.2.15(1)-release", Options: []string{"errexit"}}, s); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

func TestPointNames(t *testing.T) {
	for want, args := range map[string][2]string{
		"install": {"stack", "install"}, "stack": {"stack", ""}, "unstack": {"unstack", ""}, "override-defaults": {"override_defaults", ""},
		"clean deep": {"clean", "deep"}, "?": {"", ""},
	} {
		if got := pointName(args[0], args[1]); got != want {
			t.Errorf("%q: %q, want %q", args, got, want)
		}
	}
}

// TestFoldDoesNotDependOnWhoFolds: the recorder folds as records come and lists
// directories; who comes after it folds them at once and lists none. The events
// are as many, of the same kinds.
func TestFoldDoesNotDependOnWhoFolds(t *testing.T) {
	p := begun(t).add("enter", "/x", "found", "source", "", "/x/a.sh", "/x/b.sh").before("/x/a.sh").after("0").
		add("skip", "/x/b.sh", "there").add("leave").add("enter", "/x", "", "unstack", "")
	whole := New(runID, nil)
	want := append(whole.Add(p.b), whole.End()...)
	for size := 1; size < len(p.b); size = size*3 + 1 {
		for name, list := range map[string]List{
			"nobody lists": nil,
			"it fails":     func(p phased.PlannedPhase, _ []phased.Text) (phased.PlannedPhase, error) { return p, errors.New("no") },
			"listed": func(p phased.PlannedPhase, _ []phased.Text) (phased.PlannedPhase, error) {
				p.Entries = []phased.Entry{{Name: "other"}}
				return p, nil
			},
		} {
			f := New(runID, list)
			var got []phased.Event
			for chunk := range slices.Chunk(p.b, size) {
				got = append(got, f.Add(chunk)...)
			}
			got = append(got, f.End()...)
			if name == "listed" {
				for i := range got {
					if d, ok := got[i].Data.(phased.PhaseStarted); ok && !d.Missing {
						if len(d.Entries) != 1 || d.Entries[0].Name != "other" {
							t.Errorf("entries %+v are not those of the list", d.Entries)
						}
						got[i].Data = want[i].Data
					}
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s, %d bytes a time (-whole +parts):\n%s", name, size, d)
			}
		}
	}
}

func TestFoldIsBounded(t *testing.T) {
	f := New(runID, nil)
	f.Add(begun(t).b)
	big := records.Append(nil, "unheard of", "1700000000.000000", strings.Repeat("x", 1<<20))
	for range MaxBytes>>20 + 2 {
		f.Add(big)
	}
	if f.Torn() > 2<<20 || len(f.Run().Warnings) != 1 || !strings.Contains(f.Run().Warnings[0], "more than 64 MiB") {
		t.Errorf("warnings %q", f.Run().Warnings)
	}
}

func TestTimesNeverGoBack(t *testing.T) {
	p := begun(t).add("enter", "/x", "found", "source", "")
	for _, clock := range []string{"1600000000.000000", "", "x.y", "99999999999999999999.000000", "253370764801.000000", "1700000009,500000", "-1.000000"} {
		p.b = records.Append(p.b, append([]string{"before", clock, "/x/a.sh"}, calm()...)...)
		p.b = records.Append(p.b, append([]string{"after", clock, "0"}, calm()...)...)
	}
	f := New(runID, nil)
	events := append(f.Add(p.b), f.End()...)
	last := time.Duration(0)
	for _, e := range events {
		if _, err := json.Marshal(e); err != nil {
			t.Error(err)
		}
		if h, ok := e.Data.(phased.HookFinished); ok && h.Took < 0 || e.Mono < last {
			t.Errorf("event %d: mono %v after %v, %+v", e.Seq, e.Mono, last, e.Data)
		}
		last = e.Mono
	}
	if last < 9*time.Second {
		t.Errorf("a clock with a comma is not read: %v", last)
	}
}

// TestTextIsBash: the text is one that bash reads, whatever the path is.
func TestTextIsBash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's \"odd\" $(touch no) \n`touch no`\xff")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "records")
	if err := os.MkdirAll(filepath.Join(dir, "top", "extras.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "top", "extras.d", "a b.sh"), []byte("echo $#: \"$1\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("bash", "-c", `eval "$1"; run_phase "it's"; run_phase clean; eval "$1"; ls`, "bash", Text(Options{Records: file, Leave: []string{"clean", "x y"}}))
	c.Dir, c.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "TOP_DIR=" + filepath.Join(dir, "top")}
	out, err := c.CombinedOutput()
	if err != nil || string(out) != "1: it's\nrecords\ntop\n" {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b = append(head(t).b, b...)
	f := New(runID, nil)
	var got []string
	for _, e := range f.Add(b) {
		got = append(got, string(e.Data.Kind()))
	}
	want := []string{"run.started", "session.started", "phase.started", "hook.started", "hook.finished", "phase.finished", "phase.started", "phase.finished"}
	if d := cmp.Diff(want, got); d != "" || f.Torn() != 0 {
		t.Errorf("(-want +got):\n%s", d)
	}
	if s, _ := f.Shell(); s.Pid != c.Process.Pid || s.Start == 0 {
		t.Errorf("shell %+v, want process %d", s, c.Process.Pid)
	}
}

// FuzzFold: whatever a shell, or somebody else, writes, the fold ends, never
// panics, makes a sound run of it, and comes to the same end by parts.
func FuzzFold(f *testing.F) {
	p := begun(f).add("enter", "/x", "found", "source", "", "/x/a.sh").before("/x/a.sh").after("7").add("skip", "/x", "there").add("leave")
	f.Add(p.b, 10)
	f.Add(withEnd(p, Ended(time.Unix(1700000001, 0), phased.Exit{Status: 143, Signal: 15})).b, 100)
	f.Add([]byte("2\x00run\x00{}\x001\x00decline\x00"), 1)
	first := head(f).b
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		b = append(slices.Clone(first), b...)
		cut = min(max(cut, 0), len(b))
		whole, parts := New(runID, nil), New(runID, nil)
		want := append(whole.Add(b), whole.End()...)
		got := append(parts.Add(b[:cut]), parts.Add(b[cut:])...)
		got = append(got, parts.End()...)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("(-whole +parts):\n%s", d)
		}
		var run phased.Run
		for i, e := range got {
			if e.Seq != uint64(i+1) || !run.Apply(e) {
				t.Fatalf("event %d has the number %d, or does not follow", i, e.Seq)
			}
			if _, err := json.Marshal(e); err != nil {
				t.Fatal(err)
			}
		}
		if len(got) > 0 && !run.Status.Final() {
			t.Fatalf("the run is %s at its end", run.Status)
		}
	})
}
