package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// hostileName is what a hook, a phase or a path can be called to lead a page astray.
const hostileName = "10-a\"'<b>&%2F..\x1b[31m\xff\u202e#?q=1 x"

const hostileText = "</pre><script>alert(1)</script> <img src=x onerror=alert(1)> ]]> {{.}} \x1b]8;;http://evil/\x07x \xff\xfe\u202e\u2028\x9b31m &lt; javascript:alert(1)\n"

// hostileRun tells a run all of whose texts are meant to do harm.
func hostileRun() *teller {
	run := tell("01HOSTILE", phased.RunStarted{
		Lifecycle: "x<script>", Base: hostileText, Settings: hostileText, Argv: []phased.Text{hostileText}, Trigger: hostileText, Host: hostileText, User: hostileText,
		Phases: []string{hostileName, "<later>"}, Caller: &phased.Caller{Pid: 1, Command: hostileText},
	})
	run.say(phased.RunWarning{Message: hostileText})
	p := phased.PhaseStarted{
		Phase: hostileName, Entries: []phased.Entry{{
			Name: hostileName, Path: hostileText, Verdict: phased.VerdictRun, Detail: hostileText, Plugin: hostileText, Number: hostileText,
			HookOptions: phased.HookOptions{Locks: []string{hostileText}, Inputs: []phased.Text{hostileText}, When: []string{hostileText}, Retries: 1},
		}, {Name: hostileText, Verdict: phased.VerdictNameChars, Detail: hostileText}},
		Differences: []phased.Difference{{Name: hostileText, What: "content", Was: hostileText, Is: hostileText}},
	}
	run.say(p)
	for attempt := 1; attempt <= 2; attempt++ {
		run.say(phased.HookStarted{
			Phase: hostileName, Hook: hostileName, Path: hostileText, Args: []phased.Text{hostileText}, Pid: 1, Attempt: attempt, Why: hostileText,
			Locks: []string{hostileText}, Inputs: []phased.Input{{Path: hostileText, Digest: hostileText}}, Run: hostileText,
		})
		run.wait(time.Second)
		run.output(hostileName, hostileName, "out", hostileText)
		run.output(hostileName, hostileName, "err", hostileText+"a\rb\b"+hostileText)
		run.say(phased.HookProgress{Phase: hostileName, Hook: hostileName, Out: 1, Last: []phased.OutputLine{{Stream: "err", Text: hostileText}}})
		run.say(phased.HookSignalled{Phase: hostileName, Hook: hostileName, Signal: hostileText, Reason: hostileText})
		run.say(phased.HookFinished{
			Phase: hostileName, Hook: hostileName, Exit: phased.Exit{Cause: phased.CauseInternal, Status: 3, Message: hostileText}, Took: time.Second, Again: attempt == 1,
			LeftBehind: []phased.LeftBehind{{Pid: 3, Command: hostileText}}, Usage: &phased.Usage{User: 1, MaxRSS: 9},
			Trace: &phased.Trace{
				How: hostileText, File: hostileText, Line: 3, Command: hostileText, Source: []phased.Text{hostileText},
				Stack: []phased.Frame{{Function: hostileText, File: hostileText, Line: 1}}, Variables: []phased.Variable{{Name: hostileText, Value: &phased.Value{Text: hostileText}}},
			},
		})
	}
	run.say(phased.HookSummary{Phase: hostileName, Hook: hostileName, Text: "# " + hostileText + "\n- " + hostileText + "\n```\n" + hostileText, Size: 9})
	run.say(phased.HookNotified{Phase: hostileName, Hook: hostileName, Names: []string{hostileText}})
	run.say(phased.SpaceChanged{Phase: hostileName, Hook: hostileName, Changes: []phased.Change{{
		Kind: phased.ChangeVariable, Name: hostileText, What: phased.WhatChanged, Was: &phased.Value{Text: hostileText}, Is: &phased.Value{Text: hostileText, Attributes: "x"},
	}}})
	run.say(phased.HookWarning{Phase: hostileName, Hook: hostileName, Code: hostileText, Message: hostileText, File: hostileText, Line: 4})
	run.say(phased.RunFailed{Failure: phased.Failure{Phase: hostileName, Hook: hostileName, Path: hostileText, Exit: phased.Exit{Cause: phased.CauseInternal, Message: hostileText}}})
	run.say(phased.RunFinished{Status: phased.StatusFailed, ExitCode: 1, Took: run.at, Ran: 1, Failed: 1})
	return run
}

// page asks for a page that is there, and takes it apart.
func (r record) page(t testing.TB, address string) *node {
	t.Helper()
	w := httptest.NewRecorder()
	r.serve(t).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+address, http.NoBody))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d: %s", address, w.Code, w.Body)
	}
	return parsePage(t, strings.TrimPrefix(w.Body.String(), "<!doctype html>"))
}

func TestHostileRunIsHarmless(t *testing.T) {
	r := hostileRun().record()
	run := r.page(t, "/runs/01HOSTILE")
	harmless(t, run)
	var to string
	for _, a := range run.all(named("a")) {
		if strings.Contains(a.attr["href"], "/hooks/") {
			to = a.attr["href"]
		}
	}
	hook := r.page(t, to)
	harmless(t, hook)
	harmless(t, r.page(t, to+"?q=%3Cscript%3E%22%27&at=1&from=1&stream=err"))
	for _, p := range []*node{run, hook} {
		if !strings.Contains(p.text, "<script>alert(1)</script>") {
			t.Error("what the hook wrote is not shown")
		}
	}
	if !strings.Contains(hook.text, `\xff\xfe\u202e`) || !strings.Contains(hook.text, "^[]8;;") {
		t.Error("what cannot be shown is not written out")
	}
	w := httptest.NewRecorder()
	r.serve(t).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+to+"/log", http.NoBody))
	if h := w.Header(); h.Get("Content-Type") != "text/plain; charset=utf-8" || !strings.HasPrefix(h.Get("Content-Disposition"), `attachment; filename="`) || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the download is %v", h)
	}
	if want := strings.Repeat(hostileText+hostileText+"a\rb\b"+hostileText, 2); w.Body.String() != want {
		t.Errorf("the download has %q, not %q", w.Body, want)
	}
	if d := w.Header().Get("Content-Disposition"); strings.Count(d, `"`) != 2 || strings.ContainsAny(d, "<%\x1b") {
		t.Errorf("the file is called %q", d)
	}
}

// TestEveryRecordedRunIsShown: of every released version, each hook with its page.
func TestEveryRecordedRunIsShown(t *testing.T) {
	r := recorded(t)
	for id := range r.runs {
		run, _ := r.Run(t.Context(), id)
		if run.Seq == 0 {
			continue
		}
		page := r.page(t, "/runs/"+id)
		harmless(t, page)
		if got, want := page.all(named("h1"))[0].text, statusWord(run.Status); !strings.Contains(got, want) {
			t.Errorf("%s: the heading is %q, without %q", id, got, want)
		}
		for i := range run.Phases {
			for j, row := range rowsOf(&run.Phases[i]) {
				line := page.id(rowID(i, j))
				if line == nil {
					t.Errorf("%s: no row for %s", id, row.Name)
					continue
				}
				if !strings.Contains(line.text, report.Name(row.Name)) || row.Last() != nil && !row.Last().Ignored && !strings.Contains(line.text, string(row.Status())) {
					t.Errorf("%s: the row of %s is %q", id, row.Name, line.text)
				}
				harmless(t, r.page(t, hookAddress(id, run.Phases[i].Phase, row.Name)))
			}
		}
	}
}

// TestResumedRunLeadsOn: of a run that was gone on with, the page tells to look at the
// newest of those that did, not to resume it.
func TestResumedRunLeadsOn(t *testing.T) {
	all := record{map[string][]phased.Event{}}
	for i, resumes := range []string{"", "01A", "01B"} {
		run := tell("01"+string(rune('A'+i)), phased.RunStarted{Lifecycle: "refresh", Base: "/etc/phased", Hooks: 1, Resumes: resumes})
		run.phase("configure", "", "10-a")
		run.start("configure", "10-a")
		run.end("configure", "10-a", 3, time.Second)
		run.say(phased.RunFailed{Failure: phased.Failure{Phase: "configure", Hook: "10-a", Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}}})
		run.say(phased.RunFinished{Status: phased.StatusFailed, ExitCode: 1, Took: time.Second, Ran: 1, Failed: 1})
		all.runs[run.id] = run.events
	}
	for id, want := range map[string]string{"01A": "phased show 01C", "01B": "phased show 01C", "01C": "phased resume 01C"} {
		story := all.page(t, "/runs/"+id).id("run-story").text
		if !strings.Contains(story, want) || (id != "01C" && strings.Contains(story, "phased resume")) {
			t.Errorf("the story of %s does not lead on by %q:\n%s", id, want, story)
		}
	}
}

// TestFailureIsToldFirst: which hook, how, its last lines, its file, what to type.
func TestFailureIsToldFirst(t *testing.T) {
	run := tell("01A", phased.RunStarted{Lifecycle: "refresh", Base: "/etc/phased", Phases: []string{"configure", "after"}, Hooks: 3})
	run.phase("configure", "", "10-a", "20-b", "30-c")
	run.start("configure", "10-a")
	run.wait(time.Second)
	run.end("configure", "10-a", 0, time.Second)
	run.start("configure", "20-b")
	for i := range 100 {
		run.output("configure", "20-b", "err", fmt.Sprintf("line %d\n", i))
	}
	run.wait(3 * time.Second)
	run.end("configure", "20-b", 3, 3*time.Second)
	run.say(phased.PhaseFinished{Phase: "configure", Status: phased.StatusFailed, Took: 4 * time.Second})
	run.say(phased.RunFailed{Failure: phased.Failure{Phase: "configure", Hook: "20-b", Path: "/hooks/configure.d/20-b", Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}}})
	run.say(phased.RunFinished{Status: phased.StatusFailed, ExitCode: 1, Took: 4 * time.Second, Ran: 2, Failed: 1})
	page := run.record().page(t, "/runs/01A")
	story := page.id("run-story").text
	for _, want := range []string{"FAILED configure/20-b exit status 3", "/hooks/configure.d/20-b, after 3.0 s", "line 99", "phased resume 01A", "phased logs 01A configure/20-b"} {
		if !strings.Contains(story, want) {
			t.Errorf("the story does not say %q:\n%s", want, story)
		}
	}
	if strings.Contains(story, "line 50\n") {
		t.Error("the story has more than the last lines")
	}
	text := page.id("main").text
	if at := strings.Index(text, "FAILED"); at < 0 || at > strings.Index(text, "About this run") || at > strings.Index(text, "Took") {
		t.Error("the story does not come first")
	}
	if row := page.id("row-0-2"); row == nil || !strings.Contains(row.text, "not run") {
		t.Errorf("the hook that was not run is %v", row)
	}
	if !strings.Contains(text, "Not entered: after") {
		t.Error("it does not name the phase that was not entered")
	}
	bars := page.id("run-timeline").all(classed("bar"))
	if len(page.id("run-timeline").all(classed("failed"))) == 0 || len(bars) < 2 || !strings.Contains(page.id("run-timeline").text, "✗ 20-b") {
		t.Error("the timeline does not mark the failure by shape and text")
	}
}

func TestAddresses(t *testing.T) {
	run := tell("01ABCDEF", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", "", "a/b", "..", "10-a", "%2F")
	for _, h := range []phased.Text{"a/b", "..", "10-a", "%2F"} {
		run.start("p", h)
		run.end("p", h, 0, 1)
	}
	run.say(phased.RunFinished{Status: phased.StatusSucceeded})
	r := run.record()
	for _, h := range []phased.Text{"a/b", "..", "10-a", "%2F"} {
		page := r.page(t, hookAddress("01ABCDEF", "p", h))
		if !strings.Contains(page.all(named("h1"))[0].text, report.Name(h)) {
			t.Errorf("%q: the page is %q", h, page.all(named("h1"))[0].text)
		}
	}
	h := r.serve(t)
	for address, want := range map[string]struct {
		code int
		to   string
	}{
		"/runs/last":                          {302, "/runs/01ABCDEF"},
		"/runs/01A":                           {302, "/runs/01ABCDEF"},
		"/runs/last/phases/p/hooks/a%2Fb?q=1": {302, "/runs/01ABCDEF/phases/p/hooks/a%2Fb?q=1"},
		"/runs/last/phases/p/hooks/10-a/log":  {302, "/runs/01ABCDEF/phases/p/hooks/10-a/log"},
		"/runs/nothing":                       {404, ""},
		"/runs/01ABCDEF/phases/q/hooks/10-a":  {404, ""},
		"/runs/01ABCDEF/phases/p/hooks/none":  {404, ""},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+address, http.NoBody))
		if w.Code != want.code || w.Header().Get("Location") != want.to {
			t.Errorf("%s: %d %s", address, w.Code, w.Header().Get("Location"))
		}
	}
}

// TestLongPhasesAreFolded: what is to be looked at stands before the fold.
func TestLongPhasesAreFolded(t *testing.T) {
	page := bigRun(1000).record().page(t, "/runs/01BIG")
	harmless(t, page)
	look := page.id("phase-0-look").all(named("tr"))
	if len(look) != 1+4 { // with the heading
		t.Errorf("%d rows are to be looked at", len(look))
	}
	if rows := page.all(named("details"))[0].all(named("tr")); len(rows) != 1+1000 {
		t.Errorf("%d rows in all", len(rows))
	}
}

// bigRun tells a run of many hooks, of which one in 250 fails.
func bigRun(hooks int) *teller {
	run := tell("01BIG", phased.RunStarted{Lifecycle: "big", Base: "/big", Phases: []string{"p"}, Hooks: hooks})
	var names []phased.Text
	for i := range hooks {
		names = append(names, phased.Text(fmt.Sprintf("%05d-hook", i)))
	}
	run.phase("p", "", names...)
	for i, h := range names {
		run.start("p", h)
		run.output("p", h, "out", "one line of output\n")
		run.wait(time.Duration(1+i%7) * time.Millisecond)
		status := 0
		if i%250 == 77 {
			status = 4
		}
		run.end("p", h, status, time.Duration(1+i%7)*time.Millisecond)
	}
	run.say(phased.PhaseFinished{Phase: "p", Status: phased.StatusFailed, Took: run.at})
	run.say(phased.RunFinished{Status: phased.StatusFailed, Took: run.at, Ran: hooks})
	return run
}

func BenchmarkRunPage(b *testing.B) {
	for _, hooks := range []int{12, 1000, 5000} {
		h := bigRun(hooks).record().serve(b)
		b.Run(fmt.Sprint(hooks), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/runs/01BIG", http.NoBody))
				b.SetBytes(int64(w.Body.Len()))
			}
		})
	}
}

func BenchmarkHookPage(b *testing.B) {
	run := tell("01LOG", phased.RunStarted{Lifecycle: "x"})
	run.phase("p", "", "10-a")
	run.start("p", "10-a")
	for range 128 { // 8 MiB
		run.output("p", "10-a", "out", strings.Repeat("a line of output of some length, as they are: 0123456789abcdef01\n", 1024))
	}
	run.end("p", "10-a", 0, 1)
	h := run.record().serve(b)
	for name, query := range map[string]string{"end": "", "start": "?from=1", "find": "?q=nothing+like+it"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://localhost/runs/01LOG/phases/p/hooks/10-a"+query, http.NoBody))
			}
		})
	}
}

// damaged is a record that cannot be read to its end.
type damaged struct{ record }

func (d damaged) Run(ctx context.Context, id string) (phased.Run, error) {
	run, _ := d.record.Run(ctx, id)
	return run, errors.New("run file <x> is damaged at line 7")
}

// TestDamagedRecord: what can be read is shown, and what is wrong is said.
func TestDamagedRecord(t *testing.T) {
	told := bigRun(3)
	s, err := New(Options{Source: damaged{told.record()}, Hook: told.record().hook})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"/runs/01BIG", "/runs/01BIG/phases/p/hooks/00001-hook"} {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+address, http.NoBody))
		page := parsePage(t, strings.TrimPrefix(w.Body.String(), "<!doctype html>"))
		if w.Code != http.StatusOK || !strings.Contains(page.text, "run file <x> is damaged at line 7") || !strings.Contains(page.text, "00001-hook") {
			t.Errorf("%s: %d %s", address, w.Code, page.text)
		}
	}
}

// pastOf is a History of one hook.
type pastOf []Past

func (p pastOf) Past(string, phased.Text) []Past { return p }

func (p pastOf) Usual(string, phased.Text) (phased.Usual, bool) {
	return phased.Usual{P50: 2 * time.Second, P95: 9 * time.Second, Runs: 7}, len(p) > 0
}

// TestPast: the chart has a bar for each time, which tells the failures and this run
// by more than colour, and the table below has the same.
func TestPast(t *testing.T) {
	told := bigRun(3)
	past := pastOf{{Run: "01A", Began: tellTime, Took: time.Second}, {Run: "01B", Began: tellTime, Took: 3 * time.Second, Failed: true}, {Run: "01BIG", Began: tellTime, Took: 2 * time.Second}}
	for _, known := range []bool{true, false} {
		s, err := New(Options{Source: told.record(), Hook: told.record().hook, History: func(context.Context, *phased.Run, []phased.Summary) History {
			if !known {
				return nil
			}
			return past
		}})
		if err != nil {
			t.Fatal(err)
		}
		get := func(address string) *node {
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+address, http.NoBody))
			return parsePage(t, strings.TrimPrefix(w.Body.String(), "<!doctype html>"))
		}
		hook, run := get("/runs/01BIG/phases/p/hooks/00001-hook"), get("/runs/01BIG")
		if !known {
			for _, page := range []*node{hook, run} {
				if !strings.Contains(page.text, "still being read from the record: reload to see it") {
					t.Errorf("what is not known yet is not told: %s", page.text)
				}
			}
			continue
		}
		chart := hook.all(classed("chart"))[0]
		if bars := chart.all(classed("bar")); len(bars) != 3 || len(chart.all(classed("level"))) != 2 || len(chart.all(classed("this"))) != 2 || strings.Count(chart.text, "✗") != 1 {
			t.Errorf("the chart has %d bars: %s", len(bars), chart.text)
		}
		if want := "The last 3 times: from 1.0 s to 3.0 s, 1 of them failed; p50 2.0 s, p95 9.0 s"; chart.attr["aria-label"] != want {
			t.Errorf("the chart says %q, not %q", chart.attr["aria-label"], want)
		}
		table := hook.all(classed("past"))[0]
		if rows := table.all(named("tr")); len(rows) != 4 || !strings.Contains(rows[1].text, "this run") || !strings.Contains(rows[2].text, "failed") {
			t.Errorf("the table has %s", table.text)
		}
		if row := run.id("row-0-1"); !strings.Contains(row.text, "2.0 s") || !strings.Contains(hook.text, "usually 2.0 s, rarely over 9.0 s (7 runs)") {
			t.Errorf("what is usual is not told: %s", row.text)
		}
	}
}

// TestEmptyRecord: of a run whose phased died before it could say anything no page tells
// a time, or who started it.
func TestEmptyRecord(t *testing.T) {
	run := phased.Run{ID: "01EMPTY", Status: phased.StatusInterrupted}
	var capsule strings.Builder
	c := Capsule{Run: run, Made: time.Unix(1e9, 0), Events: eventsOf(nil), Record: func(io.Writer) error { return nil }}
	if err := c.Write(&capsule); err != nil {
		t.Fatal(err)
	}
	server, err := New(Options{Source: oneRun{run}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"capsule": capsule.String(), "page": body(t, server, "/runs/01EMPTY")} {
		for _, never := range []string{"0001-01-01", "uid 0", "process 0", "took"} {
			if strings.Contains(text, never) {
				t.Errorf("the %s says %q", name, never)
			}
		}
		if !strings.Contains(text, "nothing else of it is on record") || !strings.Contains(text, "it is empty") {
			t.Errorf("the %s does not say that nothing is on record:\n%s", name, text)
		}
	}
}

// oneRun is a Source of one run that nothing is on record of.
type oneRun struct{ run phased.Run }

func (o oneRun) Runs(context.Context) ([]phased.Summary, error) { return nil, nil }

func (o oneRun) Run(context.Context, string) (phased.Run, error) { return o.run, nil }

func (o oneRun) Follow(context.Context, string, uint64) iter.Seq2[phased.Event, error] {
	return func(func(phased.Event, error) bool) {}
}

func body(t *testing.T, s *Server, address string) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+address, http.NoBody))
	return w.Body.String()
}

// TestExplained: the command that explains a hook finds the plan that the run had.
func TestExplained(t *testing.T) {
	for want, r := range map[string]phased.RunStarted{
		"phased plan daily --explain p/10-a":                                      {Lifecycle: "daily"},
		"phased plan refresh --explain p/10-a":                                    {Lifecycle: "refresh", Base: "/etc/phased", Roots: []phased.Text{"/etc/phased"}, Settings: "/etc/phased/phased.yaml"},
		"phased plan refresh --base '/srv/my hooks' --explain p/10-a":             {Lifecycle: "refresh", Base: "/srv/my hooks", Roots: []phased.Text{"/srv/my hooks"}},
		"phased plan refresh --config /srv/x.yaml --base /srv/x --explain p/10-a": {Lifecycle: "refresh", Base: "/srv/x", Roots: []phased.Text{"/srv/x"}, Settings: "/srv/x.yaml"},
		"phased plan refresh --config /srv/x.yaml --explain p/10-a":               {Lifecycle: "refresh", Base: "/b", Roots: []phased.Text{"/a", "/b"}, Settings: "/srv/x.yaml"},
	} {
		run := tell("01A", r)
		run.phase("p", "", "10-a")
		run.start("p", "10-a")
		run.end("p", "10-a", 0, 1)
		text := strings.Join(strings.Fields(run.record().page(t, "/runs/01A/phases/p/hooks/10-a").text), " ")
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
}
