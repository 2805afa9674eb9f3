package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// TestLinesAreTheFile: what Lines yields is the run file byte for byte, and
// every line decodes to its event.
func TestLinesAreTheFile(t *testing.T) {
	s := openStore(t, Options{})
	events := goodRun(testID(1), "/x")
	keep(t, s, events)
	var all []byte
	n := 0
	for l, err := range s.Lines(t.Context(), testID(1)) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := l.Event()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(events[n], e); d != "" || l.Kind != e.Data.Kind() {
			t.Error(l.Kind, d)
		}
		if again, err := EncodeLine(e); err != nil || !bytes.Equal(again, l.Raw) {
			t.Errorf("%q is written again as %q: %v", l.Raw, again, err)
		}
		all = append(all, l.Raw...)
		n++
	}
	file, err := os.ReadFile(s.RunFile(testID(1)))
	if err != nil || !bytes.Equal(all, file) {
		t.Errorf("%d bytes of %d: %v", len(all), len(file), err)
	}
}

// TestCopy: a run file that was copied tells the same run; one that was cut or
// damaged, what stands before.
func TestCopy(t *testing.T) {
	s := openStore(t, Options{})
	events := goodRun(testID(1), "/x")
	keep(t, s, events)
	file, err := os.ReadFile(s.RunFile(testID(1)))
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(bytes.Lines(file))
	c, err := ReadCopy("copy", bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	run, err := c.Run(t.Context())
	if err != nil || c.ID() != testID(1) {
		t.Error(c.ID(), err)
	}
	sameRun(t, foldOf(events), run)
	n := 0
	for e, err := range c.Events(t.Context()) {
		if d := cmp.Diff(events[n], e); err != nil || d != "" {
			t.Error(err, d)
		}
		n++
	}
	if n != len(events) {
		t.Errorf("%d events of %d", n, len(events))
	}

	for name, c := range map[string]struct {
		file    []byte
		status  phased.Status
		seq     uint64
		damaged bool
	}{
		"went on":      {bytes.Join(lines[:3], nil), phased.StatusRunning, 3, false},
		"torn":         {file[:len(file)-5], phased.StatusRunning, uint64(len(lines)) - 1, false},
		"a line less":  {bytes.Join(slices.Delete(slices.Clone(lines), 2, 3), nil), phased.StatusRunning, 2, true},
		"a line wrong": {bytes.Replace(file, []byte("10-a"), []byte("10-b"), 1), phased.StatusRunning, 1, true},
	} {
		copied, err := ReadCopy("copy", bytes.NewReader(c.file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		run, err := copied.Run(t.Context())
		_, damaged := errors.AsType[*CorruptError](err)
		if run.Status != c.status || run.Seq != c.seq || damaged != c.damaged || !damaged && err != nil {
			t.Errorf("%s: %s at %d, %v", name, run.Status, run.Seq, err)
		}
	}
}

// TestNoCopy: what is no run file is told from one that is damaged.
func TestNoCopy(t *testing.T) {
	good := func(e phased.Event) string {
		line, err := EncodeLine(e)
		if err != nil {
			t.Fatal(err)
		}
		return string(line)
	}
	first := newScript(testID(1)).next(started("/x"))
	strange := first
	strange.Run = "../x"
	later := first
	later.Seq = 2
	newest := strings.Replace(good(first), `{"v":1,`, `{"v":2,`, 1)
	newest = newest[:len(newest)-crcLen-1] + "}\n" // as a newer phased may write it
	for name, c := range map[string]struct{ file, want string }{
		"empty":     {"", "no run file"},
		"no line":   {`{"v":1`, "no run file"},
		"text":      {"hello\n", "no run file"},
		"json":      {"{\"a\": 1}\n", "no run file"},
		"page":      {"<!doctype html>\n", "no run file"},
		"damaged":   {strings.Replace(good(first), "/x", "/y", 1), "damaged at line 1"},
		"middle":    {good(later), "not the beginning"},
		"odd id":    {good(strange), "not the beginning"},
		"newer":     {newest, "newer"},
		"other run": {good(first) + good(newScript(testID(2)).next(phased.RunWarning{})), ""},
	} {
		copied, err := ReadCopy("f", strings.NewReader(c.file))
		if c.want == "" {
			if err == nil {
				_, err = copied.Run(t.Context())
			}
			c.want = "belongs to run"
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	dir, err := os.Open(filepath.Dir(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if _, err := ReadCopy("dir", dir); err == nil || errors.Is(err, ErrNoRunFile) {
		t.Errorf("a directory: %v", err)
	}
}
