package journal

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// TestKilledAnywhere kills a writer at random moments: what it had acknowledged
// is in the file, the file can be read, and it is closed. PHASED_KILLS sets how
// often, 50 by default.
func TestKilledAnywhere(t *testing.T) {
	kills := 50
	if n, err := strconv.Atoi(os.Getenv("PHASED_KILLS")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := openStore(t, Options{})
	torn, empty := 0, 0
	for i := range kills {
		id := testID(i)
		durability := []string{"run", "phase", "hook"}[i%3]
		cmd, out := child(t, "append", "JOURNAL_TEST_DIR="+s.dir, "JOURNAL_TEST_RUN="+id, "JOURNAL_TEST_BASE=/x", "JOURNAL_TEST_DURABILITY="+durability)
		// Some die while they begin: the marker is there, or not yet.
		after := rnd.IntN(6)
		acked := uint64(0)
		read := func() bool {
			if !out.Scan() {
				return false
			}
			n, err := strconv.ParseUint(out.Text(), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			acked = n
			return true
		}
		if after == 0 {
			eventually(t, "the marker", func() bool { return exists(s.path(openDir, id)) })
		} else {
			for range after * after * 4 {
				read()
			}
			time.Sleep(time.Duration(rnd.IntN(3000)) * time.Microsecond)
		}
		cmd.Process.Kill()
		for read() {
		}
		cmd.Wait()
		if raw, err := os.ReadFile(s.RunFile(id)); err == nil && (len(raw) == 0 || raw[len(raw)-1] != '\n') {
			torn++
		}
		run, err := s.Run(t.Context(), id)
		switch {
		case acked == 0 && (errors.Is(err, phased.ErrNoRun) || run.Seq == 0):
			empty++
		case err != nil || run.Status != phased.StatusInterrupted || run.Seq < acked:
			t.Fatalf("kill %d: %d acknowledged, %d in the file, %s, %v", i, acked, run.Seq, run.Status, err)
		}
		for _, h := range finished(run, acked) {
			if h.Exit == nil {
				t.Fatalf("kill %d: hook %s was acknowledged as finished", i, h.Hook)
			}
		}
		closed, err := s.CloseDead("closer")
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if run.Seq == 0 {
			if len(closed) != 0 || exists(s.RunFile(id)) || exists(s.path(openDir, id)) {
				t.Fatalf("kill %d: an empty run was not removed; closed %d", i, len(closed))
			}
			continue
		}
		after2, err := s.Run(t.Context(), id)
		if err != nil || len(closed) != 1 || after2.Seq != run.Seq+1 || after2.ClosedBy != "closer" || exists(s.path(openDir, id)) {
			t.Fatalf("kill %d: closed %d, as %+v, %v", i, len(closed), after2.Status, err)
		}
		sameRun(t, after2, closed[0])
	}
	t.Logf("%d kills: %d before anything was on record, %d left a torn line", kills, empty, torn)
	if left, err := s.list(openDir); err != nil || len(left) > 0 {
		t.Errorf("markers left: %v, %v", left, err)
	}
}

// finished returns the hooks whose end is at or before seq, by the order in
// which childAppend writes: two events, then four a hook.
func finished(run phased.Run, seq uint64) []phased.HookRun {
	if seq < 6 || len(run.Phases) == 0 {
		return nil
	}
	return run.Phases[0].Hooks[:(seq-2)/4]
}

func TestCloseDead(t *testing.T) {
	s := openStore(t, Options{})
	events := goodRun(testID(1), "/x")
	w := begin(t, s, testID(1))
	if err := w.Append(events[:3]...); err != nil {
		t.Fatal(err)
	}
	if runs, err := s.CloseDead("x"); err != nil || len(runs) != 0 {
		t.Fatalf("closed a live run: %d, %v", len(runs), err)
	}
	w.Close()
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"v":1,"run":"torn`); err != nil {
		t.Fatal(err)
	}
	f.Close()
	begun := time.Now()
	runs, err := s.CloseDead("01NEXT")
	if err != nil || len(runs) != 1 {
		t.Fatalf("closed %d, %v", len(runs), err)
	}
	run, err := s.Run(t.Context(), testID(1))
	if err != nil {
		t.Fatal(err)
	}
	sameRun(t, run, runs[0])
	if run.Status != phased.StatusInterrupted || run.ClosedBy != "01NEXT" || run.Seq != 4 || run.Ended.Before(begun.Add(-time.Second)) || run.Took != events[2].Mono {
		t.Errorf("%+v", run)
	}
	if h := run.Hook("configure", "10-a"); h == nil || h.Status != phased.StatusInterrupted {
		t.Errorf("its hook: %+v", h)
	}
	sums, err := s.Runs(t.Context())
	if err != nil || sums[0].Status != phased.StatusInterrupted || sums[0].Ran != 1 || !sums[0].Ended.Equal(run.Ended) {
		t.Errorf("listed as %+v, %v", sums, err)
	}
	if exists(w.marker) {
		t.Error("its marker was left")
	}
	before, _ := os.ReadFile(w.path)
	if runs, err := s.CloseDead("x"); err != nil || len(runs) != 0 {
		t.Errorf("closed again: %d, %v", len(runs), err)
	}
	if after, _ := os.ReadFile(w.path); !bytes.Equal(before, after) {
		t.Error("a closed run was changed")
	}
}

func TestCloseDeadKeepsTheFailure(t *testing.T) {
	s := openStore(t, Options{})
	f := phased.Failure{Phase: "configure", Hook: "10-a", Exit: phased.Exit{Cause: phased.CauseExit, Status: 9}}
	sc := newScript(testID(1))
	keep(t, s, sc.all(
		started("/x"), phased.PhaseStarted{Phase: "configure"}, phased.HookStarted{Phase: "configure", Hook: "10-a"},
		phased.HookFinished{Phase: "configure", Hook: "10-a", Exit: f.Exit}, phased.RunFailed{Failure: f}, phased.PhaseStarted{Phase: "error", Failure: true},
		phased.HookStarted{Phase: "error", Hook: "10-z"},
	))
	if _, err := s.CloseDead("x"); err != nil {
		t.Fatal(err)
	}
	sums, err := s.Runs(t.Context())
	if err != nil || sums[0].Ran != 1 || sums[0].Failed != 1 {
		t.Fatalf("%+v, %v", sums, err)
	}
	if d := cmp.Diff(&f, sums[0].Failure); d != "" {
		t.Error(d)
	}
}

func TestCloseDeadOddities(t *testing.T) {
	good := encode(t, goodRun(testID(1), "/x"))
	three := encode(t, goodRun(testID(1), "/x")[:3])
	damaged := bytes.Clone(three)
	damaged[20] ^= 1
	cases := map[string]struct {
		content *[]byte // nil: no run file
		marker  bool
		closed  int
		stays   bool
		seq     uint64 // of the last event then
		err     bool
	}{
		"a marker without a run":       {nil, true, 0, false, 0, false},
		"an empty file":                {&[]byte{}, true, 0, false, 0, false},
		"an empty file, no marker":     {&[]byte{}, false, 0, false, 0, false},
		"only a torn line":             {new(good[:30]), true, 0, false, 0, false},
		"ended, died before unmarking": {&good, true, 0, true, 8, false},
		"ended, no marker":             {&good, false, 0, true, 8, false},
		"no marker":                    {&three, false, 1, true, 4, false},
		"damaged":                      {&damaged, true, 1, true, 4, true},
		"a file that is no record":     {new([]byte("hello\nyou\n")), true, 1, true, 1, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, Options{})
			id := testID(1)
			if c.content != nil {
				put(t, s, id, *c.content)
			}
			if c.marker {
				if err := os.WriteFile(s.path(openDir, id), nil, 0o640); err != nil {
					t.Fatal(err)
				}
			}
			runs, err := s.CloseDead("x")
			if len(runs) != c.closed || (err != nil) != c.err {
				t.Fatalf("closed %d, %v", len(runs), err)
			}
			if _, damaged := errors.AsType[*CorruptError](err); damaged != c.err {
				t.Errorf("error %v", err)
			}
			if exists(s.path(openDir, id)) {
				t.Error("the marker is left")
			}
			if exists(s.RunFile(id)) != c.stays {
				t.Errorf("the run file stays: %v", !c.stays)
			}
			if !c.stays {
				return
			}
			content, _ := os.ReadFile(s.RunFile(id))
			rec, err := parse(lastSound(content, true))
			if err != nil || rec.seq != c.seq || content[len(content)-1] != '\n' {
				t.Errorf("ends with %+v, %v", rec, err)
			}
			if runs, err := s.CloseDead("x"); len(runs) != 0 || err != nil {
				t.Errorf("again: %d, %v", len(runs), err)
			}
		})
	}
}

// TestOlderDeadRunsAreFound does not rely on the newest file.
func TestOlderDeadRunsAreFound(t *testing.T) {
	s := openStore(t, Options{Durability: "run"})
	keep(t, s, goodRun(testID(1), "/x")[:3])
	keep(t, s, goodRun(testID(2), "/x")[:5])
	keep(t, s, goodRun(testID(3), "/x"))
	runs, err := s.CloseDead("x")
	if err != nil || len(runs) != 2 || runs[0].ID != testID(1) || runs[1].ID != testID(2) {
		t.Errorf("%+v, %v", runs, err)
	}
}

func TestClosersTogether(t *testing.T) {
	s := openStore(t, Options{Durability: "run"})
	const dead = 6
	for i := range dead {
		keep(t, s, longRun(testID(i))[:9])
	}
	var mu sync.Mutex
	closed := map[string]int{}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			runs, err := s.CloseDead("x")
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			for _, r := range runs {
				closed[r.ID]++
			}
		})
	}
	wg.Wait()
	for i := range dead {
		if closed[testID(i)] != 1 {
			t.Errorf("run %d was closed %d times", i, closed[testID(i)])
		}
		p, _ := os.ReadFile(s.RunFile(testID(i)))
		if n := bytes.Count(p, []byte(`"run.interrupted"`)); n != 1 {
			t.Errorf("run %d has %d final events", i, n)
		}
	}
}

func TestLive(t *testing.T) {
	s := openStore(t, Options{})
	base := filepath.Join(t.TempDir(), "base")
	if err := os.Mkdir(base, 0o755); err != nil {
		t.Fatal(err)
	}
	link := base + "-link"
	if err := os.Symlink(base, link); err != nil {
		t.Fatal(err)
	}
	keep(t, s, goodRun(testID(1), base))     // ended
	keep(t, s, goodRun(testID(2), base)[:3]) // dead
	cmd, out := child(t, "append", "JOURNAL_TEST_DIR="+s.dir, "JOURNAL_TEST_RUN="+testID(3), "JOURNAL_TEST_BASE="+link)
	out.Scan()
	go func() {
		for out.Scan() {
		}
	}()
	other := begin(t, s, testID(4))
	if err := other.Append(goodRun(testID(4), "/elsewhere")[0]); err != nil {
		t.Fatal(err)
	}
	ids := func(base string) []string {
		runs, err := s.Live(base)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range runs {
			ids = append(ids, r.ID)
		}
		return ids
	}
	for _, b := range []string{base, link, base + "/../base/", link + "/"} {
		if got := ids(b); !slices.Equal(got, []string{testID(3)}) {
			t.Errorf("live on %s: %v", b, got)
		}
	}
	if got := ids(""); !slices.Equal(got, []string{testID(3), testID(4)}) {
		t.Errorf("live: %v", got)
	}
	runs, _ := s.Live(base)
	if runs[0].Pid != cmd.Process.Pid || runs[0].PidStart == 0 || runs[0].BootID == "" {
		t.Errorf("who it is: %+v", runs[0])
	}
	kill(cmd)
	if got := ids(base); len(got) != 0 {
		t.Errorf("live after its death: %v", got)
	}
}

// TestLiveAndUnreadable has runs of a newer phased in the directory: a dead one
// keeps nobody from running, a live one is told.
func TestLiveAndUnreadable(t *testing.T) {
	s := openStore(t, Options{})
	line := []byte(seal(`{"v":2,"run":"` + testID(1) + `"`))
	put(t, s, testID(1), line)
	if err := os.Link(s.RunFile(testID(1)), s.path(openDir, testID(1))); err != nil {
		t.Fatal(err)
	}
	if live, err := s.Live("/x"); err != nil || len(live) > 0 {
		t.Errorf("dead: %v, %v", live, err)
	}
	w := begin(t, s, testID(2))
	if err := os.WriteFile(w.path, line, 0o640); err != nil {
		t.Fatal(err)
	}
	var newer *phased.NewerVersionError
	if live, err := s.Live("/x"); !errors.As(err, &newer) || len(live) > 0 {
		t.Errorf("live: %v, %v", live, err)
	}
}

// TestMarkerOfABeginningRunStays stands where a writer is between its marker
// and its run file.
func TestMarkerOfABeginningRunStays(t *testing.T) {
	s := openStore(t, Options{})
	f, err := s.create(s.path(openDir, testID(1)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := s.dropMarker(testID(1)); err != nil || !exists(f.Name()) {
		t.Errorf("a locked marker was taken away: %v", err)
	}
	put(t, s, testID(2), nil)
	if err := os.WriteFile(s.path(openDir, testID(2)), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.dropMarker(testID(2)); err != nil || !exists(s.path(openDir, testID(2))) {
		t.Errorf("the marker of a run file that has come was taken away: %v", err)
	}
}

// TestDeadRunsWithoutMarkers: a power cut can take the markers of all runs that
// went on then, and the first line of one that had just begun.
func TestDeadRunsWithoutMarkers(t *testing.T) {
	s := openStore(t, Options{Durability: "run"})
	keep(t, s, goodRun(testID(1), "/x"))
	keep(t, s, goodRun(testID(2), "/x")[:3])
	keep(t, s, goodRun(testID(3), "/x")[:5])
	for i := 2; i <= 3; i++ {
		if err := os.Remove(s.path(openDir, testID(i))); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, testID(4), append(make([]byte, 4096), "of which the first block was never written\n"...))
	live := begin(t, s, testID(5))
	if err := live.Append(goodRun(testID(5), "/x")[:2]...); err != nil {
		t.Fatal(err)
	}
	runs, err := s.CloseDead("x")
	if err != nil || len(runs) != 2 || runs[0].ID != testID(2) || runs[1].ID != testID(3) {
		t.Errorf("closed %+v, %v", runs, err)
	}
	if exists(s.RunFile(testID(4))) {
		t.Error("a file without any line is kept")
	}
	if err := live.Append(goodRun(testID(5), "/x")[2:]...); err != nil {
		t.Error(err)
	}
	if runs, err := s.CloseDead("x"); len(runs) != 0 || err != nil {
		t.Errorf("again: %+v, %v", runs, err)
	}
}
