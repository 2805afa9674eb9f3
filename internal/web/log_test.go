package web

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// eventsOf yields events of one hook.
func eventsOf(all []phased.Event) logEvents {
	return func() iter.Seq2[phased.Event, error] {
		return func(yield func(phased.Event, error) bool) {
			for _, e := range all {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// pieces tells a hook that writes a text to each stream, cut anywhere.
func pieces(r *rand.Rand, out, err string) *teller {
	run := tell("01A", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", "", "10-a")
	run.start("p", "10-a")
	for out != "" || err != "" {
		from, stream := &out, "out"
		if out == "" || err != "" && r.IntN(3) == 0 {
			from, stream = &err, "err"
		}
		n := 1 + r.IntN(min(len(*from), 2000))
		run.wait(time.Millisecond)
		run.output("p", "10-a", stream, (*from)[:n])
		*from = (*from)[n:]
	}
	run.end("p", "10-a", 0, time.Second)
	return run
}

// TestPagesHaveEveryLineOnce: who follows "later" from the first line sees all lines
// of a log in order, each once, whatever they are made of and however they came.
func TestPagesHaveEveryLineOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var out, err strings.Builder
	var outs, errs []string
	for i := range 3300 {
		line := fmt.Sprintf("line %d %s", i, strings.Repeat("é\x1b[31mx\xff", r.IntN(20)))
		if i%500 == 0 {
			line += strings.Repeat("w", 50_000) // less than a page, more than is shown
		}
		if r.IntN(4) == 0 {
			errs = append(errs, line)
			err.WriteString(line + "\n")
			continue
		}
		outs = append(outs, line)
		out.WriteString(line + "\n")
	}
	run := pieces(r, out.String(), strings.TrimSuffix(err.String(), "\n"))
	for _, stream := range []string{"", "out", "err"} {
		seen := map[string][]string{}
		last, pages := 0, 0
		for from := 1; from > 0; pages++ {
			part, failed := readLog(eventsOf(run.events), report.Page{}, logQuery{From: from, Stream: stream})
			if failed != nil {
				t.Fatal(failed)
			}
			bytes := 0
			for _, l := range part.Lines {
				if l.N == 0 {
					continue
				}
				if l.N <= last || stream == "" && l.N != last+1 {
					t.Fatalf("line %d follows line %d", l.N, last)
				}
				last = l.N
				bytes += min(len(l.Text), lineShown)
				seen[l.Stream] = append(seen[l.Stream], l.Text)
			}
			if len(part.Lines) > pageLines+10 || bytes > pageBytes+lineShown {
				t.Errorf("a page has %d lines of %d bytes", len(part.Lines), bytes)
			}
			from = 0
			if part.More {
				from = part.Last + 1
			}
			if part.Total != len(outs)+len(errs) {
				t.Fatalf("%d lines in all, not %d", part.Total, len(outs)+len(errs))
			}
		}
		if stream != "err" && !slices.Equal(seen["out"], outs) || stream != "out" && !slices.Equal(seen["err"], errs) {
			t.Errorf("stream %q: %d and %d lines, not %d and %d", stream, len(seen["out"]), len(seen["err"]), len(outs), len(errs))
		}
		if pages < 2 && stream != "err" {
			t.Errorf("stream %q is on %d pages", stream, pages)
		}
	}
	end, failed := readLog(eventsOf(run.events), report.Page{}, logQuery{})
	if failed != nil || end.More || end.Last != len(outs)+len(errs) {
		t.Errorf("the end ends with line %d: %v", end.Last, failed)
	}
}

// TestFind: from one line that has it to the next, through both ends.
func TestFind(t *testing.T) {
	run := tell("01A", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", "", "10-a")
	run.start("p", "10-a")
	for i := 1; i <= 5000; i++ {
		text := "nothing"
		if i%1700 == 3 {
			text = "an \x1b[1mErr\x1b[0mor & <b>"
		}
		run.output("p", "10-a", "out", text+"\n")
	}
	run.end("p", "10-a", 0, 1)
	find := func(at int) logPart {
		t.Helper()
		part, err := readLog(eventsOf(run.events), report.Page{}, logQuery{Find: "eRROR & <", At: at})
		if err != nil {
			t.Fatal(err)
		}
		return part
	}
	for _, c := range []struct{ at, target, hit, prev, next int }{{0, 3, 1, 0, 1703}, {4, 1703, 2, 3, 3403}, {3403, 3403, 3, 1703, 0}} {
		p := find(c.at)
		if p.Hits != 3 || p.At != c.target || p.Hit != c.hit || p.Prev != c.prev || p.Next != c.next || p.First > c.target || p.Last < c.target {
			t.Errorf("from %d: %+v", c.at, []int{p.Hits, p.At, p.Hit, p.Prev, p.Next, p.First, p.Last})
		}
	}
	l := newLogView(find(0), "/x")
	text := string(l.HTML)
	page := parsePage(t, text)
	var marked string
	for _, m := range page.all(named("mark")) {
		marked += m.text
	}
	if marked != "Error & <" {
		t.Errorf("marked is %q", marked)
	}
	if u, err := url.Parse(l.NextHit); err != nil || u.Query().Get("at") != "1703" || u.Query().Get("q") != "eRROR & <" || u.Fragment != "L1703" {
		t.Errorf("the next is at %s: %v", l.NextHit, err)
	}
	if hit := page.all(classed("hit")); len(hit) != 1 || hit[0].attr["id"] != "L3" {
		t.Errorf("gone to is %v", hit)
	}
}

func TestWrittenOver(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "crlf\r": "crlf", "10 %\r20 %\r100 %": "100 %", "a\rb\r": "b", "|\b/\b-\b": "-", "ab\b\bcd": "cd", "\x1b[31mx\x1b[0m\by": "y",
		"x\b\b\by": "y", "\r\r": "", "é\bè": "è",
	} {
		shown, whole := overwritten(in)
		if shown != want {
			t.Errorf("%q shows %q, not %q", in, shown, want)
		}
		if over := strings.ContainsAny(strings.TrimRight(in, "\r"), "\r\b"); over != (whole != "") {
			t.Errorf("%q: what was there before is %q", in, whole)
		}
	}
}

// TestColoursGoOn: from one line to the next of the stream, also where the page
// begins behind the line that began them.
func TestColoursGoOn(t *testing.T) {
	run := tell("01A", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", "", "10-a")
	run.start("p", "10-a")
	run.output("p", "10-a", "out", "\x1b[31mred\n")
	run.output("p", "10-a", "err", "not\n")
	run.output("p", "10-a", "out", "red too\x1b[0m\nnot\n")
	run.end("p", "10-a", 0, 1)
	for _, from := range []int{1, 3} {
		part, err := readLog(eventsOf(run.events), report.Page{}, logQuery{From: from})
		if err != nil {
			t.Fatal(err)
		}
		page := parsePage(t, string(newLogView(part, "/x").HTML))
		for n, red := range map[int]bool{1: true, 2: false, 3: true, 4: false} {
			line := page.id("L" + strconv.Itoa(n))
			if line == nil {
				continue
			}
			if got := len(line.all(classed("f-r"))) == 1; got != red {
				t.Errorf("from %d: line %d is red: %v", from, n, got)
			}
		}
	}
}

// TestLogTellsWhatIsMissing: a cut, attempts, signals, how it ended, lines that are
// too long, and what came late.
func TestLogTellsWhatIsMissing(t *testing.T) {
	run := tell("01A", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", "", "10-a")
	run.start("p", "10-a")
	run.output("p", "10-a", "out", "head\n"+strings.Repeat("y", 20_000)+"\n")
	run.say(phased.HookCut{Phase: "p", Hook: "10-a", Dropped: 3 << 20, Limit: 8 << 20})
	run.say(phased.HookSignalled{Phase: "p", Hook: "10-a", Signal: "SIGTERM", Reason: "time limit", Count: 2})
	run.say(phased.HookFinished{Phase: "p", Hook: "10-a", Exit: phased.Exit{Cause: phased.CauseExit, Status: 9}, Took: time.Second, Again: true})
	run.say(phased.HookStarted{Phase: "p", Hook: "10-a", Attempt: 2})
	run.output("p", "10-a", "out", strings.Repeat("z", longestLine+5))
	run.end("p", "10-a", 0, 1)
	run.say(phased.HookOutput{Phase: "p", Hook: "10-a", Stream: "err", Text: "late\n", Late: true})
	part, err := readLog(eventsOf(run.events), report.Page{}, logQuery{})
	if err != nil {
		t.Fatal(err)
	}
	page := parsePage(t, string(newLogView(part, "/x").HTML))
	for _, want := range []string{
		"3 MiB left out of the record here; it keeps 8 MiB of a hook", "sent SIGTERM to 2 processes: time limit", "exit status 9, after 1.0 s", "attempt 2",
		"11.5 KiB more of this line", "the line goes on", "written after the hook had ended",
	} {
		if !strings.Contains(page.text, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if part.Total != 5 {
		t.Errorf("%d lines", part.Total)
	}
}

// TestLoudHookOfADeadRun: where phased died, nothing more goes on record, and no page
// speaks as if it did.
func TestLoudHookOfADeadRun(t *testing.T) {
	run := tell("01DEAD", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", "", "10-a")
	run.start("p", "10-a")
	run.output("p", "10-a", "out", "head\n")
	run.say(phased.HookProgress{Phase: "p", Hook: "10-a", Out: 120 << 20, Last: []phased.OutputLine{{Stream: "err", Text: "its end"}}})
	so, over := "120 MiB written so far", "120 MiB written; what is known of its end:"
	texts := func() map[string]string {
		var capsule bytes.Buffer
		r, err := run.record().Run(t.Context(), "01DEAD")
		if err != nil {
			t.Fatal(err)
		}
		c := Capsule{Run: r, Events: eventsOf(run.events), Record: func(io.Writer) error { return nil }}
		if err := c.Write(&capsule); err != nil {
			t.Fatal(err)
		}
		return map[string]string{
			"the run":     run.record().page(t, "/runs/01DEAD").text,
			"the hook":    run.record().page(t, "/runs/01DEAD/phases/p/hooks/10-a").text,
			"the capsule": capsule.String(),
		}
	}
	for name, text := range texts() {
		if !strings.Contains(text, so) || strings.Contains(text, over) {
			t.Errorf("while it runs, %s says:\n%s", name, text)
		}
	}
	run.say(phased.RunInterrupted{ClosedBy: "x", Ran: 1})
	for name, text := range texts() {
		if strings.Contains(text, so) || !strings.Contains(text, over) || !strings.Contains(text, "its end") {
			t.Errorf("of the dead run %s says:\n%s", name, text)
		}
	}
}
