package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// TestAhead proves that output goes to the disk while a run goes on, once there
// is much of it, and only where something is to be durable.
func TestAhead(t *testing.T) {
	for level, want := range map[string]int64{"": 5 << 20, "run": 5 << 20, "none": 0} {
		s := openStore(t, Options{Durability: level})
		w := begin(t, s, testID(1))
		sc := newScript(testID(1))
		output := phased.HookOutput{Phase: "configure", Hook: "10-a", Stream: "out", Text: phased.Text(strings.Repeat("x", 64<<10))}
		if err := w.Append(sc.all(started("/x"), phased.PhaseStarted{Phase: "configure"}, phased.HookStarted{Phase: "configure", Hook: "10-a"}, output)...); err != nil {
			t.Fatal(err)
		}
		if w.asked != 0 {
			t.Errorf("durability %q: asked for %d bytes of little output", level, w.asked)
		}
		for range 100 {
			if err := w.Append(sc.next(output)); err != nil {
				t.Fatal(err)
			}
			w.asks.Wait() // with one under way there is no other
		}
		if page := int64(os.Getpagesize()); w.asked < want || w.asked > w.size || want == 0 && w.asked > 0 || w.asked%page != 0 {
			t.Errorf("durability %q: asked for %d of %d bytes", level, w.asked, w.size)
		}
		if err := w.Close(); err != nil {
			t.Errorf("durability %q: %v", level, err)
		}
	}
}

func TestWriteAndRead(t *testing.T) {
	for _, level := range []string{"", "run", "phase", "hook"} {
		s := openStore(t, Options{Durability: level})
		events := goodRun(testID(1), "/x")
		w := begin(t, s, testID(1))
		if !exists(s.path(openDir, testID(1))) || w.Path() != s.path(runsDir, testID(1)+".jsonl") || w.ID() != testID(1) {
			t.Fatal("no marker, or the file lies elsewhere")
		}
		for i, e := range events {
			if err := w.Append(e); err != nil {
				t.Fatal(err)
			}
			// It is there for everybody as soon as Append returns.
			got, err := s.Run(t.Context(), testID(1))
			if err != nil {
				t.Fatal(err)
			}
			sameRun(t, foldOf(events[:i+1]), got)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if exists(s.path(openDir, testID(1))) {
			t.Error("the marker was left behind")
		}
		var read []phased.Event
		for e, err := range s.Events(t.Context(), testID(1)) {
			if err != nil {
				t.Fatal(err)
			}
			read = append(read, e)
		}
		if d := cmp.Diff(events, read); d != "" {
			t.Errorf("durability %q: events (-written +read):\n%s", level, d)
		}
		if info, err := os.Stat(w.Path()); err != nil || info.Mode() != 0o640 {
			t.Errorf("run file: %v, %v", info.Mode(), err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	}
}

// TestLinesAreJSON reads a file as jq would, and computes the checksum by the
// documented rule.
func TestLinesAreJSON(t *testing.T) {
	s := openStore(t, Options{})
	keep(t, s, goodRun(testID(1), "/x"))
	p, err := os.ReadFile(s.RunFile(testID(1)))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(p), "\n")
	if len(lines) != 9 || lines[8] != "" {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines[:8] {
		var o map[string]any
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			t.Fatalf("%v in %s", err, l)
		}
		i := strings.LastIndex(l, `,"crc"`)
		if want := fmt.Sprintf(`,"crc":"%08x"}`+"\n", castagnoli(l[:i])); l[i:] != want {
			t.Errorf("ends with %q, want %q", l[i:], want)
		}
	}
}

// castagnoli computes CRC-32C bit by bit.
func castagnoli(s string) uint32 {
	crc := ^uint32(0)
	for _, b := range []byte(s) {
		crc ^= uint32(b)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0x82f63b78
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}

func TestAppendIsOneWrite(t *testing.T) {
	s := openStore(t, Options{Durability: "run"})
	w := begin(t, s, testID(1))
	sc := newScript(testID(1))
	least := 1000
	for range 5 { // the runtime may write to wake a thread
		batch := sc.all(phased.RunWarning{Message: "a"}, phased.RunWarning{Message: "b"}, phased.RunWarning{Message: "c"})
		before := writes(t)
		if err := w.Append(batch...); err != nil {
			t.Fatal(err)
		}
		least = min(least, writes(t)-before)
	}
	if least != 1 {
		t.Errorf("a batch of 3 events takes %d writes", least)
	}
}

// writes returns the number of write(2) calls of this process.
func writes(t *testing.T) int {
	p, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(p)) {
		var n int
		if k, _ := fmt.Sscanf(l, "syscw: %d", &n); k == 1 {
			return n
		}
	}
	t.Fatal("no syscw in /proc/self/io")
	return 0
}

func TestAppendRefuses(t *testing.T) {
	first := func(w *Writer) phased.Event { return phased.Event{Run: w.id, Seq: 1, Data: started("/x")} }
	cases := []struct {
		name, want string
		events     func(*Writer) []phased.Event
	}{
		{"a gap", "event 2 follows event 0", func(w *Writer) []phased.Event {
			return []phased.Event{{Run: w.id, Seq: 2, Data: phased.RunWarning{}}}
		}},
		{"a repetition in the batch", "event 1 follows event 1", func(w *Writer) []phased.Event {
			return []phased.Event{first(w), first(w)}
		}},
		{"another run", `event 1 is of run "other"`, func(*Writer) []phased.Event {
			return []phased.Event{{Run: "other", Seq: 1, Data: phased.RunWarning{}}}
		}},
		{"no data", "no data", func(w *Writer) []phased.Event { return []phased.Event{{Run: w.id, Seq: 1}} }},
		{"after the end", "event 2 follows the final one", func(w *Writer) []phased.Event {
			return []phased.Event{{Run: w.id, Seq: 1, Data: phased.RunFinished{}}, {Run: w.id, Seq: 2, Data: phased.RunWarning{}}}
		}},
		{"a line that no reader takes", "at most 67108864", func(w *Writer) []phased.Event {
			return []phased.Event{{Run: w.id, Seq: 1, Data: phased.Unknown{Name: "big", Raw: bytes.Repeat([]byte("1"), maxLine)}}}
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := openStore(t, Options{})
			w := begin(t, s, testID(1))
			err := w.Append(c.events(w)...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q in it", err, c.want)
			}
			if again := w.Append(first(w)); !errors.Is(again, err) {
				t.Errorf("the error does not stick: %v", again)
			}
			if p, _ := os.ReadFile(w.Path()); len(p) != 0 {
				t.Errorf("was written: %s", p)
			}
			if got := w.Close(); !errors.Is(got, err) {
				t.Errorf("Close returns %v", got)
			}
			if !exists(w.marker) {
				t.Error("the marker of an unfinished run is gone")
			}
		})
	}
	s := openStore(t, Options{})
	w := begin(t, s, testID(1))
	w.Close()
	if err := w.Append(first(w)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("Append after Close: %v", err)
	}
}

func TestBeginRefuses(t *testing.T) {
	s := openStore(t, Options{})
	for _, id := range []string{"", "../x", "a/b", "-1", "a.b", "a b", strings.Repeat("a", 65), "\xff"} {
		if w, err := s.Begin(id); err == nil {
			t.Errorf("began run %q at %s", id, w.Path())
		}
	}
	keep(t, s, goodRun(testID(1), "/x"))
	before, _ := os.ReadFile(s.RunFile(testID(1)))
	if _, err := s.Begin(testID(1)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("began a run that exists: %v", err)
	}
	if after, _ := os.ReadFile(s.RunFile(testID(1))); !bytes.Equal(before, after) {
		t.Error("and changed it")
	}
	if exists(s.path(openDir, testID(1))) {
		t.Error("and left a marker")
	}
	begin(t, s, testID(2))
	if _, err := s.Begin(testID(2)); !errors.Is(err, fs.ErrExist) {
		t.Errorf("began a live run again: %v", err)
	}
	if !exists(s.path(openDir, testID(2))) {
		t.Error("and took its marker away")
	}
}

// TestProbesDoNotDisturb has readers probe as fast as they can while runs begin,
// write and end. None of them ever takes a run for a dead one.
func TestProbesDoNotDisturb(t *testing.T) {
	s := openStore(t, Options{Durability: "run"})
	ctx, cancel := context.WithCancel(t.Context())
	probes := []func() error{
		func() error {
			runs, err := s.Runs(context.Background())
			for _, r := range runs {
				if r.Status == phased.StatusInterrupted {
					err = fmt.Errorf("%s is listed as interrupted", r.ID)
				}
			}
			return err
		},
		func() error { _, err := s.Live(""); return err },
		func() error { // another writer's start
			runs, err := s.CloseDead("test")
			if len(runs) > 0 {
				err = fmt.Errorf("closed %d runs", len(runs))
			}
			return err
		},
		func() error {
			ids, err := s.ids()
			if err != nil || len(ids) == 0 {
				return err
			}
			run, err := s.Run(context.Background(), ids[0])
			if run.Status == phased.StatusInterrupted {
				err = fmt.Errorf("%s is read as interrupted", run.ID)
			}
			return err
		},
		func() error {
			ids, err := s.ids()
			if err != nil || len(ids) == 0 {
				return err
			}
			var last phased.Event
			for last, err = range s.Follow(context.Background(), ids[0], 0) {
				if err != nil {
					return err
				}
			}
			if last.Data == nil || !last.Closing() {
				err = fmt.Errorf("the following of %s ends after event %d", ids[0], last.Seq)
			}
			return err
		},
	}
	stopped := make(chan error, len(probes))
	for _, probe := range probes {
		go func() {
			var err error
			for ctx.Err() == nil && err == nil {
				err = probe()
			}
			stopped <- err
		}()
	}
	for i := range 60 {
		id := testID(i)
		w := begin(t, s, id)
		for _, e := range goodRun(id, "/x") {
			if err := w.Append(e); err != nil {
				t.Fatal(err)
			}
			if !exists(w.marker) || !exists(w.path) {
				t.Fatal("a live run lost its marker or its file")
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	for range probes {
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}
	runs, err := s.Runs(t.Context())
	if err != nil || len(runs) != 60 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	for _, r := range runs {
		if r.Status != phased.StatusSucceeded {
			t.Errorf("%s is %s", r.ID, r.Status)
		}
	}
}

func TestSyncErrorSticks(t *testing.T) {
	s := openStore(t, Options{Durability: "run"})
	w := begin(t, s, testID(1))
	w.dir = "/nowhere" // the sync of the directory fails, after Append has returned
	events := goodRun(testID(1), "/x")
	if err := w.Append(events[0]); err != nil {
		t.Fatalf("the start waited for its sync: %v", err)
	}
	if err := w.Append(events[1:7]...); err != nil {
		t.Fatalf("nothing was to be synced yet: %v", err)
	}
	err := w.Append(events[7])
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "cannot sync directory") {
		t.Fatalf("the end did not join the sync of the start: %v", err)
	}
	if got := w.Close(); !errors.Is(got, err) {
		t.Errorf("Close: %v", got)
	}
}

func TestCloseJoinsSync(t *testing.T) {
	s := openStore(t, Options{})
	w := begin(t, s, testID(1))
	w.dir = "/nowhere"
	if err := w.Append(goodRun(testID(1), "/x")[0]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Close: %v", err)
	}
}

func TestDurability(t *testing.T) {
	type row struct{ run, phase, hook int }
	want := map[phased.Kind]row{
		phased.KindRunStarted:     {soonAndDir, soonAndDir, soonAndDir},
		phased.KindPhaseFinished:  {whenever, atOnce, atOnce},
		phased.KindHookStarted:    {whenever, whenever, soon},
		phased.KindHookFinished:   {whenever, whenever, atOnce},
		phased.KindRunFinished:    {atOnce, atOnce, atOnce},
		phased.KindRunInterrupted: {atOnce, atOnce, atOnce},
		phased.KindRunWaiting:     {atOnce, atOnce, atOnce},
	}
	for _, p := range phased.Payloads() {
		got := row{syncRun.when(p), syncPhase.when(p), syncHook.when(p)}
		if got != want[p.Kind()] {
			t.Errorf("%s: %v, want %v", p.Kind(), got, want[p.Kind()])
		}
	}
	// A phase that ran nothing is not waited for.
	w := &Writer{level: syncPhase}
	end, hook := phased.PhaseFinished{}, phased.HookStarted{}
	var got []int
	for _, p := range []phased.Payload{phased.RunStarted{}, end, hook, end, end, hook, hook, end} {
		got = append(got, w.when(p))
	}
	if want := []int{soonAndDir, whenever, whenever, atOnce, whenever, whenever, whenever, atOnce}; !slices.Equal(got, want) {
		t.Errorf("synced %v, want %v", got, want)
	}
	if _, err := Open(t.TempDir(), Options{Durability: "always"}); err == nil || !strings.Contains(err.Error(), "run, phase or hook") {
		t.Errorf("unknown durability: %v", err)
	}
}

func TestNothingIsSyncedWithoutDurability(t *testing.T) {
	for _, p := range phased.Payloads() {
		if w := syncNone.when(p); w != whenever {
			t.Errorf("%T is synced: %d", p, w)
		}
	}
	if level, err := parseDurability("none"); err != nil || level != syncNone {
		t.Errorf("none is %d, %v", level, err)
	}
}
