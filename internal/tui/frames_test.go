package tui

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

// TestSuccess follows a run in which all goes well.
func TestSuccess(t *testing.T) {
	o := options()
	o.Usual = func(_ string, hook phased.Text) (phased.Usual, bool) {
		return phased.Usual{P50: 9600 * time.Millisecond, Runs: 8}, hook == "20-render"
	}
	o.Left = func(_ phased.Run, now time.Time) (phased.TimeLeft, bool) {
		return phased.TimeLeft{Time: began().Add(90 * time.Second).Sub(now)}, true
	}
	f := newFilm(t, 100, 24, o).shot("nothing is known")
	f.add(0, started(4))
	f.add(2*time.Millisecond, phased.PhaseStarted{Phase: "pre-configure", Entries: append(runs("10-quiesce"), phased.Entry{Name: "10-quiesce.dpkg-old", Verdict: phased.VerdictNameBackup})})
	f.hook("pre-configure", "10-quiesce", 412*time.Millisecond).finished("pre-configure", phased.StatusSucceeded, 414*time.Millisecond)
	f.add(0, phased.PhaseStarted{
		Phase: "configure", Entries: runs("10-facts", "20-render", "30 odd\nname"),
		Differences: []phased.Difference{{Name: "20-render", What: "content"}},
	})
	f.hook("configure", "10-facts", 80*time.Millisecond)
	f.add(0, start("configure", "20-render")).shot("a hook begins")
	f.add(time.Second, says("configure", "20-render", "out", "rendered /etc/a.conf\nrendered /etc/b.conf\n"), says("configure", "20-render", "err", "W: old template\n"))
	f.add(time.Second, says("configure", "20-render", "out", "10%\r20%\r50%")).wait(2 * time.Second).shot("it writes")
	f.add(time.Second, ends("configure", "20-render", 5*time.Second, 0)).shot("between two hooks")
	f.hook("configure", "30 odd\nname", 5*time.Millisecond, "out:bell \a, screen \x1b[2J, bytes \xff\xfe, \u202eflip\n")
	f.finished("configure", phased.StatusSucceeded, 5100*time.Millisecond)
	f.add(0, phased.PhaseStarted{Phase: "post-configure", Missing: true}).finished("post-configure", phased.StatusSucceeded, 0)
	f.phase("migration").finished("migration", phased.StatusSucceeded, 0)
	f.over(phased.StatusSucceeded, 0).shot("the end").golden("success")
}

// failure is a run that a hook of many words stops.
func failure(f *film) *film {
	f.add(0, started(6)).phase("pre-configure", "10-quiesce").hook("pre-configure", "10-quiesce", 412*time.Millisecond)
	f.finished("pre-configure", phased.StatusSucceeded, 414*time.Millisecond)
	f.phase("configure", "20-render", "30-database", "40-after", "50-after").hook("configure", "20-render", 1300*time.Millisecond, "out:rendered\n")
	f.add(0, start("configure", "30-database"))
	for i := range 40 {
		f.add(time.Millisecond, says("configure", "30-database", "out", fmt.Sprintf("step %d\n", i+1)))
	}
	f.add(2*time.Second, says("configure", "30-database", "err", "cannot connect to the database: connection refused, and this line goes on for longer than any screen is wide so that it is cut\n"))
	f.shot("before it fails")
	f.add(0, ends("configure", "30-database", 2*time.Second, 3)).failed("configure", "30-database", 3)
	f.finished("configure", phased.StatusFailed, 3300*time.Millisecond)
	f.add(0, phased.PhaseStarted{Phase: "error", Failure: true, Entries: runs("10-notify")}, start("error", "10-notify"))
	f.add(time.Second, says("error", "10-notify", "out", "told the operators\n")).shot("the failure phase")
	f.add(0, ends("error", "10-notify", time.Second, 0)).finished("error", phased.StatusSucceeded, time.Second)
	return f.over(phased.StatusFailed, 1).shot("the end")
}

func TestFailure(t *testing.T)       { failure(newFilm(t, 100, 24, options())).golden("failure") }
func TestFailureNarrow(t *testing.T) { failure(newFilm(t, 40, 12, options())).golden("failure-40") }
func TestFailureWide(t *testing.T)   { failure(newFilm(t, 200, 50, options())).golden("failure-200") }

func TestFailureInColour(t *testing.T) {
	o := options()
	o.Colour = true
	failure(newFilm(t, 80, 24, o)).golden("failure-colour")
}

// TestFailureInASCII is that of a terminal without UTF-8, whose keys belong to
// hooks.
func TestFailureInASCII(t *testing.T) {
	o := options()
	o.Unicode, o.Keys = false, false
	o.Flags = "--state-dir /tmp/s"
	failure(newFilm(t, 80, 24, o)).golden("failure-ascii")
}

// TestHeights goes down to a terminal of one line.
func TestHeights(t *testing.T) {
	f := newFilm(t, 60, 24, options())
	f.add(0, started(6)).phase("configure", "10-a", "20-b", "30-c").hook("configure", "10-a", time.Second).add(0, start("configure", "20-b"))
	f.add(time.Second, says("configure", "20-b", "out", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n"))
	for _, h := range []int{24, 12, 9, 6, 4, 3, 2, 1} {
		f.resize(60, h).shot("height")
	}
	f.resize(8, 3).shot("hardly any width")
	f.resize(1, 1).shot("no width").golden("heights")
}

// TestTogether follows hooks that run together.
func TestTogether(t *testing.T) {
	f := newFilm(t, 90, 24, options())
	entries := runs("10-apt", "10-mirror", "10-users", "20-motd")
	for i := range entries {
		entries[i].Number = string(entries[i].Name[:2])
	}
	entries[1].Retries, entries[1].Backoff = 2, phased.Duration(10*time.Second)
	f.add(0, started(4), phased.PhaseStarted{Phase: "configure", Parallel: phased.ParallelSameNumber, Entries: entries})
	f.add(0, start("configure", "10-apt"), start("configure", "10-mirror"), start("configure", "10-users"))
	f.add(time.Second, says("configure", "10-apt", "out", "reading lists\n"), says("configure", "10-mirror", "err", "mirror is away\n"), says("configure", "10-apt", "out", "unpacking\nsetting"))
	f.shot("three at once").keys("tab").shot("another one chosen")
	again := ends("configure", "10-mirror", time.Second, 7)
	again.Again, again.Pause = true, 9800*time.Millisecond
	f.add(0, again).wait(time.Second).shot("one is tried again")
	f.add(100*time.Millisecond, ends("configure", "10-users", 2100*time.Millisecond, 0))
	f.add(8*time.Second, phased.HookStarted{Phase: "configure", Hook: "10-mirror", Path: "/etc/phased/configure.d/10-mirror", Pid: 4712, Attempt: 2})
	f.add(time.Second, ends("configure", "10-mirror", time.Second, 0)).add(0, ends("configure", "10-apt", 12*time.Second, 0))
	f.add(0, phased.HookWarning{Phase: "configure", Hook: "20-motd", Code: phased.WarnLock, Message: "waits for the lock passwd, which process 12 (passwd) holds"})
	f.wait(3 * time.Second).shot("waiting for a lock")
	f.hook("configure", "20-motd", time.Second).finished("configure", phased.StatusSucceeded, 20*time.Second)
	f.over(phased.StatusSucceeded, 0).shot("the end").golden("together")
}

// TestHundreds has 200 hooks in a phase, 30 of which run at once.
func TestHundreds(t *testing.T) {
	f := newFilm(t, 80, 24, options())
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("%03d-hook", i))
	}
	f.add(0, started(200), phased.PhaseStarted{Phase: "configure", Entries: runs(names...)})
	for _, n := range names[:120] {
		f.hook("configure", n, 10*time.Millisecond, "out:hello\n")
	}
	for _, n := range names[120:150] {
		f.add(0, start("configure", n)).add(time.Millisecond, says("configure", n, "out", "working on "+n+"\n"))
	}
	f.shot("30 at once").keys("p").shot("the list").keys("pgup", "pgup", "up").shot("further up").keys("home").shot("its beginning")
	f.keys("end").shot("its end").keys("x").shot("nothing has failed").golden("hundreds")
}

// TestResize changes the width while a hook runs.
func TestResize(t *testing.T) {
	f := newFilm(t, 120, 30, options())
	f.add(0, started(2)).phase("configure", "10-long-name-of-a-hook", "20-b").add(0, start("configure", "10-long-name-of-a-hook"))
	f.add(3*time.Second, says("configure", "10-long-name-of-a-hook", "out", "the quick brown fox jumps over the lazy dog, and so on until the line is long\n"))
	f.shot("wide").resize(70, 20).shot("less").resize(40, 10).shot("narrow").resize(120, 30).shot("wide again").golden("resize")
}

// TestResumed is a run that goes on with another.
func TestResumed(t *testing.T) {
	f := newFilm(t, 90, 24, options())
	s := started(4)
	s.Resumes = "01JNXZ0000AAAAAAAAAAAAAAAA"
	f.add(0, s, phased.PhaseSkipped{Phase: "pre-configure", Reason: "done", Message: "done in run 01JNXZ0000"})
	f.phase("configure", "10-a", "20-b", "30-c", "40-d")
	for _, n := range []phased.Text{"10-a", "20-b"} {
		f.add(0, phased.HookSkipped{Phase: "configure", Hook: n, Reason: "done", Message: "done in run 01JNXZ0000"})
	}
	f.add(0, start("configure", "30-c")).wait(time.Second).shot("goes on").keys("p").shot("the list").keys("q")
	f.add(0, ends("configure", "30-c", time.Second, 0)).hook("configure", "40-d", time.Second).finished("configure", phased.StatusSucceeded, 2*time.Second)
	f.add(0, phased.PhaseSkipped{Phase: "post-configure", Message: "not asked for"}, phased.PhaseSkipped{Phase: "migration", Message: "not asked for"})
	f.over(phased.StatusSucceeded, 0).shot("the end").golden("resumed")
}

// TestReboot ends a run that waits for a reboot.
func TestReboot(t *testing.T) {
	f := newFilm(t, 90, 24, options())
	f.add(0, started(2)).phase("configure", "10-kernel", "20-b").hook("configure", "10-kernel", time.Second)
	f.finished("configure", phased.StatusWaiting, time.Second)
	f.add(0, phased.RunWaiting{Why: "asked for by configure/10-kernel (after-phase)", Next: "configure/20-b", Took: f.at, Ran: 1, ExitCode: 76})
	f.shot("the end").golden("reboot")
}

// TestStopped tells a run to stop, twice.
func TestStopped(t *testing.T) {
	f := newFilm(t, 90, 24, options())
	f.add(0, started(2)).phase("configure", "10-long", "20-next").add(0, start("configure", "10-long")).wait(time.Second)
	f.keys("q").shot("q ends nothing").wait(10 * time.Second)
	f.add(0, phased.RunStopping{Signal: "SIGINT"}, phased.HookSignalled{Phase: "configure", Hook: "10-long", Signal: "SIGTERM", Reason: "told to stop by SIGINT", Count: 3})
	f.wait(time.Second).shot("told to stop")
	f.add(0, phased.RunStopping{Signal: "SIGKILL", Kill: true}, phased.HookSignalled{Phase: "configure", Hook: "10-long", Signal: "SIGKILL", Reason: "told to stop again", Count: 1})
	f.shot("told again")
	exit := phased.Exit{Cause: phased.CauseStopped, Status: 130, Signal: 2, Message: "told to stop by SIGINT"}
	left := []phased.LeftBehind{{Pid: 99, Command: "sleep 1000"}}
	f.add(0, phased.HookFinished{Phase: "configure", Hook: "10-long", Exit: exit, Took: 13 * time.Second, Left: true, LeftBehind: left})
	failure := phased.Failure{Phase: "configure", Hook: "10-long", Path: "/etc/phased/configure.d/10-long", Exit: exit}
	f.add(0, phased.RunFailed{Failure: failure}).finished("configure", phased.StatusStopped, 13*time.Second)
	f.add(0, phased.RunWarning{Message: "cannot do \x1b[2J this"})
	f.over(phased.StatusStopped, 130).shot("the end").golden("stopped")
}

// TestInterrupted is what top shows of a run whose phased dies.
func TestInterrupted(t *testing.T) {
	o := options()
	o.Attached = true
	f := newFilm(t, 90, 24, o).shot("waiting for a run")
	f.add(0, started(2)).phase("configure", "10-long", "20-next").add(0, start("configure", "10-long"), says("configure", "10-long", "out", "the last words\n"))
	f.wait(time.Second).shot("attached")
	f.m.End(f.m.Run().AsInterrupted())
	f.shot("the end").golden("interrupted")
}

// TestLog goes through the log of a hook.
func TestLog(t *testing.T) {
	f := newFilm(t, 60, 10, options())
	f.add(0, started(2)).phase("configure", "10-a", "20-b").add(0, start("configure", "10-a")).keys("l").shot("empty")
	phase, hook, _, ok := f.m.Log()
	if !ok || phase != "configure" || hook != "10-a" {
		t.Fatalf("the log of %s/%s is open: %v", phase, hook, ok)
	}
	log := func(data ...phased.Payload) {
		for _, d := range data {
			f.m.LogEvents(phase, hook, []phased.Event{{Data: d}}, false)
		}
	}
	for i := range 30 {
		log(says("configure", "10-a", []string{"out", "err"}[i%2], fmt.Sprintf("line %d, which goes on and on, and ends far to the right\n", i+1)))
	}
	log(says("configure", "10-a", "out", "half a li"), phased.HookCut{Phase: "configure", Hook: "10-a", Dropped: 3 << 20})
	f.shot("follows").keys("pgup").shot("a page up").keys("home", "right").shot("the beginning, sideways")
	f.keys("left", "/", "l", "i", "n", "e", "space", "2", "7", "enter").shot("found").keys("N", "n", "n").shot("found again")
	f.keys("/", "n", "o", "esc", "end").shot("the end").keys("?").shot("help").keys("q", "q").shot("back").golden("log")
}

// TestBrowse goes through a run that has ended.
func TestBrowse(t *testing.T) {
	o := options()
	o.Attached, o.Browse = true, true
	f := newFilm(t, 70, 16, o)
	f.add(0, started(3)).phase("configure", "10-a", "20-b", "30-c").shot("reading").hook("configure", "10-a", time.Second)
	f.add(0, start("configure", "20-b"), says("configure", "20-b", "err", "no\n"), ends("configure", "20-b", time.Second, 3)).failed("configure", "20-b", 3)
	f.finished("configure", phased.StatusFailed, time.Second).over(phased.StatusFailed, 1)
	frame, whole := f.m.Frame()
	if !whole || len(frame) != 16 {
		t.Errorf("%d lines, whole %v", len(frame), whole)
	}
	f.keys("home", "x").shot("the list").keys("enter").shot("a log").keys("q", "q")
	if !f.m.Quit() {
		t.Error("q does not leave")
	}
	f.shot("the end").golden("browse")
}

// TestKeptRunFiles draws the run files of every version, event by event.
func TestKeptRunFiles(t *testing.T) {
	files, err := filepath.Glob("../../testdata/runs/v*.jsonl")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d run files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			m := NewModel(options())
			m.Resize(70, 20)
			told := 0
			for line := range strings.Lines(string(text)) {
				var e phased.Event
				if json.Unmarshal([]byte(line), &e) != nil {
					continue // torn
				}
				m.Event(e)
				frame, _ := m.Frame()
				sane(t, frame, 70, 20)
				for _, line := range m.Lines() {
					told++
					tame(t, line)
				}
			}
			if told == 0 {
				t.Error("nothing is told")
			}
		})
	}
}

// TestBeyondTheRecord shows what is known of output that goes on record later.
func TestBeyondTheRecord(t *testing.T) {
	f := newFilm(t, 70, 14, options())
	f.add(0, started(1)).phase("configure", "10-a").add(0, start("configure", "10-a"), says("configure", "10-a", "out", "on record\n"))
	f.add(time.Second, says("configure", "10-a", "", "")).wait(time.Second).shot("more than is shown")
	last := []phased.OutputLine{{Stream: "out", Text: "line 999"}, {Stream: "err", Text: "line \x1b[2J1000"}}
	f.wait(20*time.Second).add(0, phased.HookProgress{Phase: "configure", Hook: "10-a", Out: 200 << 20, Err: 100 << 20, Last: last})
	f.shot("far more").keys("l").shot("its log").golden("beyond")
}

// TestTriedAgainAmongOthers: where hooks run together, others start between two attempts
// of one; the list tells of the last one.
func TestTriedAgainAmongOthers(t *testing.T) {
	f := newFilm(t, 100, 24, options())
	f.add(0, started(3)).phase("configure", "10-a", "10-b", "10-c")
	first := ends("configure", "10-a", time.Second, 7)
	first.Again, first.Pause = true, 2*time.Second
	f.add(0, start("configure", "10-a"), start("configure", "10-b")).add(time.Second, first, ends("configure", "10-b", time.Second, 0), start("configure", "10-c"))
	row := func() string {
		t.Helper()
		lines, _ := f.keys("p").m.Frame()
		f.keys("q")
		for _, line := range lines {
			if strings.Contains(line, "10-a") {
				return visible(line)
			}
		}
		t.Fatalf("no row of 10-a in %q", lines)
		return ""
	}
	if got := row(); !strings.Contains(got, "↻") || !strings.Contains(got, "exit status 7, is tried again") {
		t.Errorf("before it is tried again: %q", got)
	}
	second := start("configure", "10-a")
	second.Attempt = 2
	f.add(2*time.Second, second).wait(3 * time.Second)
	if got := row(); !strings.Contains(got, "▸") || !strings.Contains(got, "3 s") || strings.Contains(got, "exit status") {
		t.Errorf("while it is tried again: %q", got)
	}
	f.add(time.Second, ends("configure", "10-a", 4*time.Second, 0))
	if got := row(); !strings.Contains(got, "✓") || !strings.Contains(got, "4.0 s") {
		t.Errorf("when that went well: %q", got)
	}
}

// TestNoRunYet: keys work while a run is waited for, and no time is told of none.
func TestNoRunYet(t *testing.T) {
	o := options()
	o.Attached = true
	f := newFilm(t, 60, 12, o)
	f.wait(0)
	for _, key := range []string{"p", "?", "l"} {
		lines, _ := f.keys(key).m.Frame()
		text := strings.Join(lines, "\n")
		if !strings.Contains(text, "no run goes on") || strings.Contains(text, "days") {
			t.Errorf("after %s:\n%s", key, text)
		}
		f.keys("q")
	}
}
