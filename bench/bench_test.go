package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// record makes a run file of the given data objects, one event each.
func record(lines ...string) string {
	var b strings.Builder
	for i, line := range lines {
		kind, data, _ := strings.Cut(line, " ")
		body := fmt.Sprintf(`{"v":1,"run":"R","seq":%d,"kind":%q,"data":%s`, i+1, kind, data)
		fmt.Fprintf(&b, "%s,\"crc\":\"%08x\"}\n", body, crc32.Checksum([]byte(body), crc32.MakeTable(crc32.Castagnoli)))
	}
	return b.String()
}

const (
	okHook  = `hook.finished {"exit":{"cause":"ok"},"out":5}`
	badHook = `hook.finished {"exit":{"cause":"exit"}}`
	goodEnd = `run.finished {"status":"succeeded"}`
)

func TestReadRunRefusesWhatIsDamaged(t *testing.T) {
	good := record(okHook, `hook.output {"text":",\"crc\":\"00000000\"}"}`, goodEnd)
	events, err := readRun([]byte(good))
	if err != nil || len(events) != 3 {
		t.Fatalf("readRun gives %d events and %v, want 3", len(events), err)
	}
	lines := strings.SplitAfter(good, "\n")
	for name, text := range map[string]string{
		"a changed byte":   strings.Replace(good, `"cause":"ok"`, `"cause":"oh"`, 1),
		"a line lost":      lines[0] + lines[2],
		"a torn last line": good[:len(good)-9],
		"no checksum":      `{"v":1,"run":"R","seq":1,"kind":"run.started","data":{}}` + "\n",
		"nothing":          "",
	} {
		if _, err := readRun([]byte(text)); err == nil {
			t.Errorf("readRun takes a run file with %s", name)
		}
	}
}

func TestFinished(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"all", []string{okHook, okHook, goodEnd}, ""},
		{"one missing", []string{okHook, goodEnd}, "has 1 hooks"},
		{"one too many", []string{okHook, okHook, okHook, goodEnd}, "has 3 hooks"},
		{"one failed", []string{okHook, badHook, goodEnd}, "has 1 hooks"},
		{"no end", []string{okHook, okHook}, "ends with hook.finished"},
		{"bad end", []string{okHook, okHook, `run.finished {"status":"failed"}`}, "run.finished failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := readRun([]byte(record(c.lines...)))
			if err != nil {
				t.Fatal(err)
			}
			wantError(t, finished(events, 2), c.want)
		})
	}
}

func TestShown(t *testing.T) {
	const run = `{"status":"succeeded","phases":[{"hooks":[{"status":"succeeded"}]},{"hooks":[{"status":"succeeded"}]}]}`
	wantError(t, shown([]byte(run), 2), "")
	wantError(t, shown([]byte(run), 3), "2 hooks")
	wantError(t, shown([]byte(strings.Replace(run, `{"status":"succeeded"}`, `{"status":"failed"}`, 1)), 2), "1 hooks")
	wantError(t, shown([]byte(strings.Replace(run, "succeeded", "interrupted", 1)), 2), "interrupted")
	wantError(t, shown([]byte("2 hooks"), 2), "cannot read")
}

func TestAccounted(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"all kept", []string{`hook.output {"text":"abcde"}`, okHook}, ""},
		{"some left out", []string{`hook.output {"text":"ab"}`, `hook.cut {"dropped":2}`, `hook.output {"text":{"b64":"/w=="}}`, okHook}, ""},
		{"some lost", []string{`hook.output {"text":"abcd"}`, okHook}, "keeps 4"},
		{"nothing kept", []string{`hook.cut {"dropped":5}`, okHook}, "keeps 0"},
		{"wrong count", []string{`hook.output {"text":"abcde"}`, `hook.finished {"out":4}`}, "counts 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := readRun([]byte(record(c.lines...)))
			if err != nil {
				t.Fatal(err)
			}
			wantError(t, accounted(events, 5), c.want)
		})
	}
}

func wantError(t *testing.T, err error, part string) {
	t.Helper()
	if part == "" && err != nil || part != "" && (err == nil || !strings.Contains(err.Error(), part)) {
		t.Errorf("error is %v, want one that says %q", err, part)
	}
}

func TestNewTableComparesMediansWithTheFirstRow(t *testing.T) {
	tools := []tool{{name: "base"}, {name: "other"}}
	got := newTable("title", "", tools, [][]float64{{3, 1, 2}, {4, 2, 9, 6}})
	want := []row{
		{Tool: "base", Median: 2, Min: 1, Max: 3, Ratio: 1, Samples: []float64{3, 1, 2}},
		{Tool: "other", Median: 5, Min: 2, Max: 9, Ratio: 2.5, Over: 3, Samples: []float64{4, 2, 9, 6}},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestRoundsInterleave(t *testing.T) {
	tools := []tool{{name: "a"}, {name: "b"}, {name: "c"}}
	var turns []string
	samples, err := rounds(t.Context(), 20, 1, tools, func(_ context.Context, c tool) (float64, error) {
		turns = append(turns, c.name)
		return float64(c.name[0]), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	orders := map[string]bool{}
	for i := 0; i < len(turns); i += 3 {
		round := strings.Join(turns[i:i+3], "")
		orders[round] = true
		for _, name := range []string{"a", "b", "c"} {
			if !strings.Contains(round, name) {
				t.Fatalf("round %d is %q: each tool has one turn", i/3, round)
			}
		}
	}
	if len(orders) < 4 {
		t.Errorf("20 rounds had the orders %v: a tool always comes after the same one", orders)
	}
	for i, c := range tools {
		if len(samples[i]) != 20 || samples[i][7] != float64(c.name[0]) {
			t.Errorf("samples of %s are %v", c.name, samples[i])
		}
	}
	_, err = rounds(t.Context(), 1, 1, tools, func(context.Context, tool) (float64, error) { return 0, errors.New("broken") })
	wantError(t, err, "round 1")
}

func TestFillReplacesTheFiguresOnly(t *testing.T) {
	r := report{Facts: facts{Phased: "phased 1"}, Tables: []table{{Title: "hooks", Rows: []row{{Tool: "base", Median: 0.5, Ratio: 1}}}}}
	once, err := r.fill("# Page\n" + pageBegin + "old\n" + pageEnd + "after\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Page\n", "phased 1", "500.00", "base", "\nafter\n"} {
		if !strings.Contains(once, want) {
			t.Errorf("the page lacks %q:\n%s", want, once)
		}
	}
	if strings.Contains(once, "old") {
		t.Errorf("the page keeps the old figures:\n%s", once)
	}
	twice, err := r.fill(once)
	if diff := cmp.Diff(once, twice); err != nil || diff != "" {
		t.Errorf("filled twice (%v; -once +twice):\n%s", err, diff)
	}
	_, err = r.fill("# Page\n" + pageBegin)
	wantError(t, err, "marks")
}
