package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

var update = flag.Bool("update", false, "rewrite golden files and docs/events.md")

const runFiles = "../../testdata/runs"

// golden is what a run file must be read as.
type golden struct {
	Summary phased.Summary   `json:"summary"`
	Run     phased.Run       `json:"run"`
	Kinds   []phased.Kind    `json:"kinds"`
	Output  []phased.Text    `json:"output"`
	Unknown []phased.Unknown `json:"unknown,omitempty"`
}

// TestKeptRunFiles reads the run files of every released version. They are
// never written anew: what cannot be read any more is a bug of the reader.
func TestKeptRunFiles(t *testing.T) {
	files, err := filepath.Glob(runFiles + "/v*.jsonl")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d run files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := openStore(t, Options{})
			first, err := parse(content[:bytes.IndexByte(content, '\n')])
			if err != nil {
				t.Fatal(err)
			}
			put(t, s, first.run, content)
			got := readGolden(t, s, first.run)
			path := strings.TrimSuffix(file, suffix) + ".golden.json"
			text, err := json.MarshalIndent(got, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, '\n')
			if *update {
				if err := os.WriteFile(path, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(text)); d != "" {
				t.Errorf("%s (-want +got):\n%s", path, d)
			}
		})
	}
}

func readGolden(t *testing.T, s *Store, id string) golden {
	t.Helper()
	var g golden
	runs, err := s.Runs(t.Context())
	if err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	g.Summary = runs[0]
	if g.Run, err = s.Run(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	var full phased.Run
	for e, err := range s.Follow(t.Context(), id, 0) {
		if err != nil {
			t.Fatal(err)
		}
		full.Apply(e)
		g.Kinds = append(g.Kinds, e.Data.Kind())
		switch d := e.Data.(type) {
		case phased.HookOutput:
			g.Output = append(g.Output, d.Text)
		case phased.Unknown:
			g.Unknown = append(g.Unknown, d)
		}
	}
	sameRun(t, full.AsInterrupted(), g.Run)
	return g
}

// TestKeptRunFilesAreClosed closes those that no phased has closed.
func TestKeptRunFilesAreClosed(t *testing.T) {
	content, err := os.ReadFile(runFiles + "/v1-torn.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if content[len(content)-1] == '\n' {
		t.Fatal("the kept file is not torn any more")
	}
	s := openStore(t, Options{})
	rec, err := parse(content[:bytes.IndexByte(content, '\n')])
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, rec.run, content)
	if runs, err := s.CloseDead("x"); err != nil || len(runs) != 1 {
		t.Fatalf("%d, %v", len(runs), err)
	}
	run, err := s.Run(t.Context(), rec.run)
	if err != nil || run.Status != phased.StatusInterrupted || run.Seq != 6 {
		t.Errorf("%s at %d, %v", run.Status, run.Seq, err)
	}
	if _, err := s.Run(t.Context(), "01OTHER"); !errors.Is(err, phased.ErrNoRun) {
		t.Error(err)
	}
}
