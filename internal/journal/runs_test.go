package journal

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

func TestRunsAreListed(t *testing.T) {
	s := openStore(t, Options{Durability: "run"})
	failure := &phased.Failure{Phase: "configure", Hook: "10-a", Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}}
	start := started("/x")
	start.Personality = "os-refresh-config"
	keep(t, s, newScript(testID(1)).all(start, phased.RunFinished{Status: phased.StatusFailed, ExitCode: 1, Failure: failure, Took: 5, Ran: 7, Failed: 2}))
	keep(t, s, goodRun(testID(2), "/y"))
	keep(t, s, goodRun(testID(3), "/z")[:4]) // dead
	live := begin(t, s, testID(4))
	if err := live.Append(goodRun(testID(4), "/x")[:3]...); err != nil {
		t.Fatal(err)
	}
	begin(t, s, testID(5)) // live, nothing on record yet
	put(t, s, testID(6), nil)
	if err := os.Chtimes(s.RunFile(testID(6)), time.Time{}, time.Unix(1000, 0)); err != nil {
		t.Fatal(err)
	}
	put(t, s, testID(7), []byte("{}\n{}\n"))
	for _, stray := range []string{"README", ".01.jsonl", "01.jsonl.gz", "a b.jsonl"} {
		if err := os.WriteFile(s.path(runsDir, stray), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runs, err := s.Runs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	at := newScript("").start
	of := func(n int, base phased.Text, status phased.Status, took time.Duration) phased.Summary {
		return phased.Summary{
			ID: testID(n), Lifecycle: "refresh", Base: base, Status: status, Began: at.Add(time.Millisecond), Took: took,
			Pid: start.Pid, PidStart: start.PidStart, BootID: start.BootID,
		}
	}
	failed := of(1, "/x", phased.StatusFailed, 5)
	failed.Personality, failed.Ended, failed.ExitCode, failed.Failure, failed.Ran, failed.Failed = "os-refresh-config", at.Add(2*time.Millisecond), 1, failure, 7, 2
	good := of(2, "/y", phased.StatusSucceeded, 9)
	good.Ended, good.Ran = at.Add(8*time.Millisecond), 1
	want := []phased.Summary{
		{ID: testID(7), Status: phased.StatusInterrupted, Began: runs[0].Began},
		{ID: testID(6), Status: phased.StatusInterrupted, Began: time.Unix(1000, 0).UTC()},
		{ID: testID(5), Status: phased.StatusRunning},
		of(4, "/x", phased.StatusRunning, 3*time.Millisecond),
		of(3, "/z", phased.StatusInterrupted, 4*time.Millisecond),
		good, failed,
	}
	if d := cmp.Diff(want, runs); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, sum := range runs[1:] { // the list and the fold agree
		run, err := s.Run(t.Context(), sum.ID)
		if err != nil || run.Status != sum.Status || run.Took != sum.Took || run.ExitCode != sum.ExitCode || !run.Ended.Equal(sum.Ended) {
			t.Errorf("%s is listed as %+v, and folds to %+v, %v", sum.ID, sum, run, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Runs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := s.Run(ctx, testID(2)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestStatusOfANewerPhased has a final status that this version does not know.
func TestStatusOfANewerPhased(t *testing.T) {
	s := openStore(t, Options{})
	keep(t, s, newScript(testID(1)).all(started("/x"), phased.RunFinished{Status: "abandoned"}))
	runs, err := s.Runs(t.Context())
	if err != nil || runs[0].Status != phased.StatusFailed {
		t.Errorf("listed as %s, %v", runs[0].Status, err)
	}
	if run, err := s.Run(t.Context(), testID(1)); err != nil || run.Status != phased.StatusFailed {
		t.Errorf("folds to %s, %v", run.Status, err)
	}
	if closed, err := s.CloseDead("x"); err != nil || len(closed) > 0 {
		t.Errorf("closed %v, %v", closed, err)
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	s := openStore(t, Options{})
	if err := syscall.Mkfifo(s.RunFile(testID(1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.RunFile(testID(2)), 0o700); err != nil {
		t.Fatal(err)
	}
	target := t.TempDir() + "/secret"
	if err := os.WriteFile(target, encode(t, goodRun(testID(3), "/x")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, s.RunFile(testID(3))); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 3; i++ {
		if _, err := s.Run(t.Context(), testID(i)); err == nil || !strings.Contains(err.Error(), s.RunFile(testID(i))) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestResolve(t *testing.T) {
	s := openStore(t, Options{})
	if _, err := s.Resolve(t.Context(), "last"); !errors.Is(err, phased.ErrNoRun) || !strings.Contains(err.Error(), "has no runs yet") {
		t.Errorf("nothing has run: %v", err)
	}
	put(t, s, "01JAAA", nil)
	if _, err := s.Resolve(t.Context(), "-2"); !errors.Is(err, phased.ErrNoRun) || !strings.Contains(err.Error(), "there is one, -1") {
		t.Errorf("one has run: %v", err)
	}
	for _, id := range []string{"01JABB", "01JABC", "01JAB", "02X"} {
		put(t, s, id, nil)
	}
	for ref, want := range map[string]string{
		"last": "02X", "-1": "02X", "-2": "01JABC", "-5": "01JAAA", "01JABC": "01JABC", "01jabb": "01JABB", "02": "02X", "01JAA": "01JAAA",
		"01JAB": "01JAB", // an id beats a prefix
	} {
		if got, err := s.Resolve(t.Context(), ref); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", ref, got, err, want)
		}
	}
	for ref, want := range map[string]string{
		"-6": "there are 5, -1 is the last and -5 the first", "-0": "there are 5", "03": `type last, -2, or an id or the start of one`, "": "type last",
		"01JABCD": "type last", "1": "type last", "+1": "type last", "../01": "type last", "LAST": "type last",
	} {
		if got, err := s.Resolve(t.Context(), ref); !errors.Is(err, phased.ErrNoRun) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %q", ref, got, err, want)
		}
	}
	// What was run inside of another run is not the last one.
	inner := started("/x")
	inner.Parent = "02X"
	line, err := appendLine(nil, newScript("03X").next(inner))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "03X", line)
	if got, err := s.Resolve(t.Context(), "last"); err != nil || got != "02X" {
		t.Errorf("last is %q, %v; want 02X, in which 03X was run", got, err)
	}
	if got, err := s.Resolve(t.Context(), "03X"); err != nil || got != "03X" {
		t.Errorf("by its id: %q, %v", got, err)
	}
	_, err = s.Resolve(t.Context(), "01")
	if !errors.Is(err, ErrAmbiguous) || !strings.HasSuffix(err.Error(), `"01" is the start of 4 ids: 01JABC, 01JABB, 01JAB, 01JAAA; type more of it`) {
		t.Errorf("ambiguous: %v", err)
	}
	for _, id := range []string{"01K1", "01K2", "01K3"} {
		put(t, s, id, nil)
	}
	if _, err = s.Resolve(t.Context(), "0"); err == nil || !strings.Contains(err.Error(), "9 ids: 03X, 02X, 01K3, 01K2, 01K1 and 4 more") {
		t.Errorf("ambiguous: %v", err)
	}
}

func TestLastFindsTheLastSoundLine(t *testing.T) {
	a, b := []byte(seal(`{"a":1`)), []byte(seal(`{"b":2`))
	cases := map[string]struct {
		p     []byte
		whole bool
		want  []byte
	}{
		"the last":               {slices.Concat(a, b), true, b},
		"before a torn one":      {slices.Concat(a, b, b[:9]), true, b},
		"before a bad one":       {slices.Concat(a, []byte("{}\n")), true, a},
		"none":                   {[]byte("{}\n{"), true, nil},
		"nothing":                {nil, true, nil},
		"a part is not the line": {a, false, nil},
		"the second of a part":   {slices.Concat(a[3:], b), false, b},
		"the first of the whole": {a, true, a},
	}
	for name, c := range cases {
		got := lastSound(c.p, c.whole)
		if c.want != nil {
			c.want = c.want[:len(c.want)-1]
		}
		if string(got) != string(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestEndBeforeTheProbe has a run end between the last look at its file and the
// probe of its lock: nobody may take it for a dead one.
func TestEndBeforeTheProbe(t *testing.T) {
	readers := map[string]func(s *Store, id string) (phased.Status, error){
		"Run": func(s *Store, id string) (phased.Status, error) {
			run, err := s.Run(t.Context(), id)
			return run.Status, err
		},
		"Runs": func(s *Store, _ string) (phased.Status, error) {
			runs, err := s.Runs(t.Context())
			return runs[0].Status, err
		},
		"Follow": func(s *Store, id string) (phased.Status, error) {
			var run phased.Run
			for e, err := range s.Follow(t.Context(), id, 0) {
				if err != nil {
					return "", err
				}
				run.Apply(e)
			}
			return run.Status, nil
		},
		"CloseDead": func(s *Store, id string) (phased.Status, error) {
			closed, err := s.CloseDead("x")
			if len(closed) > 0 {
				return "closed", err
			}
			run, err := s.Run(t.Context(), id)
			return run.Status, err
		},
	}
	for name, status := range readers {
		s := openStore(t, Options{Durability: "run"})
		id := testID(1)
		w := begin(t, s, id)
		events := goodRun(id, "/x")
		if err := w.Append(events[:3]...); err != nil {
			t.Fatal(err)
		}
		ended := false
		s.locked = func(f *os.File) (bool, error) {
			if !ended {
				ended = true
				if err := errors.Join(w.Append(events[3:]...), w.Close()); err != nil {
					t.Error(err)
				}
			}
			return locked(f)
		}
		if got, err := status(s, id); err != nil || got != phased.StatusSucceeded || !ended {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}
