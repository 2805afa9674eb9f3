package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"phased/internal/phased"
)

// TestKeptRunFilesAreShown draws the run files of every version in every way
// and wants text that is safe on any terminal.
func TestKeptRunFilesAreShown(t *testing.T) {
	files, err := filepath.Glob("../../testdata/runs/v*.jsonl")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d run files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			tp := &tape{events: keptEvents(t, file)}
			for name, style := range styles() {
				var b, short bytes.Buffer
				play(&b, Style{Terminal: style.Terminal, Width: style.Width, Unicode: style.Unicode, Zone: style.Zone, Now: style.Now}, tp.events)
				style.Colour = false
				show(t, tp)(&b, style)
				report(t, tp)(&short, style)
				b.Write(short.Bytes())
				for i, line := range strings.Split(b.String(), "\n") {
					if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return r < 0x20 && r != '\t' }) {
						t.Errorf("%s, line %d is not safe: %q", name, i+1, line)
					}
				}
				if b.Len() == 0 {
					t.Errorf("%s: nothing is shown", name)
				}
			}
		})
	}
}

// keptEvents reads a run file up to a line that is torn.
func keptEvents(t *testing.T, file string) []phased.Event {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var events []phased.Event
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e phased.Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			break
		}
		events = append(events, e)
	}
	return events
}

// TestKeptStack wants what a kept session tells to be in its story.
func TestKeptStack(t *testing.T) {
	tp := &tape{events: keptEvents(t, "../../testdata/runs/v1-stack.jsonl")}
	goldenSession(t, "kept-stack", func(b *bytes.Buffer, s Style) { show(t, tp)(b, s) })
}
