package journal

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

func TestWriteFailure(t *testing.T) {
	s := openStore(t, Options{})
	id := testID(1)
	f := phased.Failure{Phase: "configure", Hook: "20-b\xff", Path: "/x/20-b\xff", Exit: phased.Exit{Cause: phased.CauseSignal, Status: 139, Signal: 11, Message: "SIGSEGV"}}
	out := func(phase string, hook phased.Text, stream, text string) phased.HookOutput {
		return phased.HookOutput{Phase: phase, Hook: hook, Stream: stream, Text: phased.Text(text)}
	}
	sc := newScript(id)
	events := sc.all(
		started("/base\xff"), phased.PhaseStarted{Phase: "pre"}, phased.HookStarted{Phase: "pre", Hook: f.Hook}, out("pre", f.Hook, "out", "no"),
		phased.PhaseStarted{Phase: "configure"}, phased.HookStarted{Phase: "configure", Hook: "10-a"}, out("configure", "10-a", "out", "no"),
		phased.HookStarted{Phase: "configure", Hook: f.Hook},
		out("configure", f.Hook, "out", "one\xff\n"), out("configure", f.Hook, "err", "two\n"),
		phased.HookCut{Phase: "configure", Hook: f.Hook, Dropped: 42, Limit: 8}, out("configure", f.Hook, "out", "three"),
		phased.HookFinished{Phase: "configure", Hook: f.Hook, Exit: f.Exit}, phased.RunFailed{Failure: f},
	)
	w := begin(t, s, id) // it is live, as it is when the failure phase is to come
	if err := w.Append(events...); err != nil {
		t.Fatal(err)
	}
	files, err := s.WriteFailure(id, f)
	if err != nil {
		t.Fatal(err)
	}
	dir := s.path(failuresDir, id)
	if d := cmp.Diff(FailureFiles{Dir: dir, JSON: dir + "/failure.json", Log: dir + "/hook.log"}, files); d != "" {
		t.Error(d)
	}
	for path, mode := range map[string]os.FileMode{s.path(failuresDir): 0o700, files.Dir: 0o700, files.JSON: 0o600, files.Log: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if p, _ := os.ReadFile(files.Log); string(p) != "one\xff\ntwo\nthree" {
		t.Errorf("log %q", p)
	}
	p, err := os.ReadFile(files.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var story FailureStory
	if err := json.Unmarshal(p, &story); err != nil {
		t.Fatal(err)
	}
	want := FailureStory{
		Run: id, Lifecycle: "refresh", Base: "/base\xff", Host: "host", Began: events[0].Time, At: story.At, Failure: f, Output: "captured",
		Log: phased.Text(files.Log), Dropped: 42,
	}
	if d := cmp.Diff(want, story); d != "" {
		t.Errorf("story (-want +got):\n%s", d)
	}
	if story.At.IsZero() || !strings.Contains(string(p), `"run": "`+id) {
		t.Errorf("%s", p)
	}
	if _, err := s.WriteFailure(id, f); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if live, _ := s.Live(""); len(live) != 1 {
		t.Error("the run was disturbed")
	}
}

func TestWriteFailureWithoutOutput(t *testing.T) {
	start := started("/x")
	start.Output = "inherited"
	at := []phased.Descriptor{{FD: 1, Type: "file", Path: "/var/log/x", Offset: 100}}
	to := []phased.Descriptor{{FD: 1, Type: "file", Path: "/var/log/x", Offset: 300}}
	s := openStore(t, Options{})
	f := phased.Failure{Phase: "configure", Hook: "10-a", Exit: phased.Exit{Cause: phased.CauseExit, Status: 1}}
	keep(t, s, newScript(testID(1)).all(
		start, phased.PhaseStarted{Phase: "configure"}, phased.HookStarted{Phase: "configure", Hook: "10-a", Files: at},
		phased.HookFinished{Phase: "configure", Hook: "10-a", Exit: f.Exit, Files: to},
	))
	keep(t, s, goodRun(testID(2), "/x"))
	files, err := s.WriteFailure(testID(1), f)
	if err != nil || files.Log != "" || exists(files.Dir+"/hook.log") {
		t.Fatalf("%+v, %v", files, err)
	}
	var story FailureStory
	p, _ := os.ReadFile(files.JSON)
	if err := json.Unmarshal(p, &story); err != nil || story.Log != "" || !cmp.Equal(story.Starts, at) || !cmp.Equal(story.Ends, to) {
		t.Errorf("%s, %v", p, err)
	}
	// No hook failed: the phase could not be listed.
	files, err = s.WriteFailure(testID(2), phased.Failure{Phase: "configure", Exit: phased.Exit{Cause: phased.CauseList}})
	if err != nil || files.Log != "" || !exists(files.JSON) {
		t.Errorf("%+v, %v", files, err)
	}
	// A hook that wrote nothing has an empty log.
	files, err = s.WriteFailure(testID(2), phased.Failure{Phase: "configure", Hook: "99-quiet"})
	if info, statErr := os.Stat(files.Log); err != nil || statErr != nil || info.Size() != 0 {
		t.Errorf("%+v, %v, %v", files, err, statErr)
	}
	if _, err = s.WriteFailure(testID(9), f); !errors.Is(err, phased.ErrNoRun) {
		t.Errorf("no such run: %v", err)
	}
}
