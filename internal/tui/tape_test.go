package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/report"
)

var update = flag.Bool("update", false, "write the golden files")

// began is when the runs of the tests began.
func began() time.Time { return time.Date(2026, 3, 1, 2, 12, 9, 0, time.UTC) }

// film plays a run to a Model and takes pictures of it.
type film struct {
	t    *testing.T
	m    *Model
	seq  uint64
	at   time.Duration
	w, h int
	text strings.Builder
}

func options() Options {
	return Options{Style: report.Style{Terminal: true, Unicode: true}, Colours: 16, Keys: true}
}

func newFilm(t *testing.T, w, h int, o Options) *film {
	f := &film{t: t, m: NewModel(o)}
	f.resize(w, h)
	return f
}

func (f *film) resize(w, h int) *film {
	f.w, f.h = w, h
	f.m.Resize(w, h)
	return f
}

// add plays events, after some time.
func (f *film) add(after time.Duration, data ...phased.Payload) *film {
	f.at += after
	for _, d := range data {
		f.seq++
		f.m.Event(phased.Event{Run: "01JNXZ5M8GT3Q2V9K7B1C4D6E8", Seq: f.seq, Time: began().Add(f.at), Mono: f.at, Data: d})
	}
	return f
}

func (f *film) wait(d time.Duration) *film {
	f.at += d
	f.m.Tick(began().Add(f.at))
	return f
}

func (f *film) keys(all ...string) *film {
	for _, k := range all {
		f.m.Key(k)
	}
	return f
}

// shot takes a picture: what was told since the last one, and the frame.
func (f *film) shot(title string) *film {
	fmt.Fprintf(&f.text, "== %s, after %v, %dx%d\n", title, f.at, f.w, f.h)
	for _, line := range f.m.Lines() {
		fmt.Fprintf(&f.text, "%s\n", visible(line))
	}
	frame, whole := f.m.Frame()
	what := "frame"
	if whole {
		what = "screen"
	}
	fmt.Fprintf(&f.text, "-- %s\n", what)
	for _, line := range frame {
		fmt.Fprintf(&f.text, "%s\n", visible(line))
	}
	sane(f.t, frame, f.w, f.h)
	return f
}

func visible(line string) string {
	return strings.TrimRight(strings.ReplaceAll(line, "\x1b", "␛"), " ")
}

// sane wants lines that fit and do nothing to a terminal but colour it.
func sane(t interface {
	Helper()
	Errorf(string, ...any)
}, frame []string, w, h int,
) {
	t.Helper()
	if len(frame) > h {
		t.Errorf("%d lines on a terminal of %d", len(frame), h)
	}
	for _, line := range frame {
		if n := width(line); n > w {
			t.Errorf("%d columns on a terminal of %d: %q", n, w, line)
		}
		tame(t, line)
	}
}

func tame(t interface {
	Helper()
	Errorf(string, ...any)
}, line string,
) {
	t.Helper()
	for i := 0; i < len(line); i++ {
		if n := sgr(line[i:]); n > 0 {
			i += n - 1
			continue
		}
		if c := line[i]; c < 0x20 || c == 0x7f || c == 0xc2 && i+1 < len(line) && line[i+1] >= 0x80 && line[i+1] < 0xa0 {
			t.Errorf("a control character at %d: %q", i, line)
			return
		}
	}
}

// golden compares the pictures with testdata/NAME.golden.
func (f *film) golden(name string) {
	f.t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			f.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(f.text.String()), 0o644); err != nil {
			f.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		f.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), f.text.String()); diff != "" {
		f.t.Errorf("%s is not as expected (-want +got); run with -update where it should be:\n%s", file, diff)
	}
}

func started(hooks int) phased.RunStarted {
	return phased.RunStarted{
		Lifecycle: "refresh", Base: "/etc/phased", Output: "captured", Hooks: hooks,
		Phases: []string{"pre-configure", "configure", "post-configure", "migration"},
	}
}

func runs(names ...string) (all []phased.Entry) {
	for _, n := range names {
		all = append(all, phased.Entry{Name: phased.Text(n), Path: phased.Text("/etc/phased/x.d/" + n), Verdict: phased.VerdictRun})
	}
	return all
}

func start(phase, name string) phased.HookStarted {
	return phased.HookStarted{Phase: phase, Hook: phased.Text(name), Path: phased.Text("/etc/phased/" + phase + ".d/" + name), Pid: 4711}
}

func says(phase, name, stream, text string) phased.HookOutput {
	return phased.HookOutput{Phase: phase, Hook: phased.Text(name), Stream: stream, Text: phased.Text(text)}
}

func ends(phase, name string, took time.Duration, status int) phased.HookFinished {
	exit := phased.Exit{Cause: phased.CauseOK}
	if status != 0 {
		exit = phased.Exit{Cause: phased.CauseExit, Status: status}
	}
	return phased.HookFinished{Phase: phase, Hook: phased.Text(name), Exit: exit, Took: took}
}

// hook plays a whole hook.
func (f *film) hook(phase, name string, took time.Duration, output ...string) *film {
	f.add(0, start(phase, name))
	for _, o := range output {
		stream, text, _ := strings.Cut(o, ":")
		f.add(time.Millisecond, says(phase, name, stream, text))
	}
	return f.add(took, ends(phase, name, took, 0))
}

func (f *film) phase(name string, hooks ...string) *film {
	return f.add(0, phased.PhaseStarted{Phase: name, Entries: runs(hooks...)})
}

func (f *film) finished(name string, status phased.Status, took time.Duration) *film {
	return f.add(0, phased.PhaseFinished{Phase: name, Status: status, Took: took})
}

func (f *film) failed(phase, name string, status int) *film {
	failure := phased.Failure{Phase: phase, Hook: phased.Text(name), Path: phased.Text("/etc/phased/" + phase + ".d/" + name), Exit: phased.Exit{Cause: phased.CauseExit, Status: status}}
	return f.add(0, phased.RunFailed{Failure: failure})
}

func (f *film) over(status phased.Status, code int) *film {
	r := f.m.Run()
	ran, failed := r.Counts()
	return f.add(0, phased.RunFinished{Status: status, ExitCode: code, Failure: r.Failure, Took: f.at, Ran: ran, Failed: failed})
}

func (f *film) events(data ...phased.Payload) (all []phased.Event) {
	for _, d := range data {
		all = append(all, phased.Event{Data: d})
	}
	return all
}
