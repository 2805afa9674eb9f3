package web

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// listed makes the list of a phase: "10-a", "-b.sh" (skipped).
func entriesOf(names ...string) []phased.Entry {
	var all []phased.Entry
	for _, n := range names {
		e := phased.Entry{Name: phased.Text(n), Path: phased.Text("/p/" + n), Verdict: "run", Digest: strings.Repeat("a", 64), Size: 10, Mode: "0755"}
		if name, skipped := strings.CutPrefix(n, "-"); skipped {
			e = phased.Entry{Name: phased.Text(name), Path: phased.Text("/p/" + name), Verdict: "name-has-dot"}
		}
		all = append(all, e)
	}
	return all
}

// TestComparePlans: each way in which a plan may differ is told once, and by what
// it was and is.
func TestComparePlans(t *testing.T) {
	base := []string{"10-a", "20-b", "30-c", "-x.sh"}
	tests := map[string]struct {
		change func(all []phased.Entry) []phased.Entry
		want   []string
	}{
		"nothing": {func(all []phased.Entry) []phased.Entry { return all }, nil},
		"added":   {func(all []phased.Entry) []phased.Entry { return append(entriesOf("05-new"), all...) }, []string{"05-new added:  -> runs"}},
		"removed": {func(all []phased.Entry) []phased.Entry { return all[1:] }, []string{"10-a removed: runs -> "}},
		"verdict": {func(all []phased.Entry) []phased.Entry {
			all[2].Verdict, all[2].Digest = "not-executable", ""
			return all
		}, []string{"30-c verdict: run -> not-executable"}},
		"content":                    {func(all []phased.Entry) []phased.Entry { all[0].Digest = strings.Repeat("b", 64); return all }, []string{"10-a content: 10 B, sha256 aaaaaaaaaaaa -> 10 B, sha256 bbbbbbbbbbbb"}},
		"mode":                       {func(all []phased.Entry) []phased.Entry { all[0].Mode = "0700"; return all }, []string{"10-a mode: 0755 -> 0700"}},
		"order":                      {func(all []phased.Entry) []phased.Entry { all[0], all[1], all[2] = all[2], all[0], all[1]; return all }, []string{"30-c order: 3. of those that both run -> 1."}},
		"options":                    {func(all []phased.Entry) []phased.Entry { all[0].Retries = 3; return all }, []string{"10-a options:  -> retries 3"}},
		"arguments":                  {func(all []phased.Entry) []phased.Entry { all[0].Args = []phased.Text{"stack", "install"}; return all }, []string{"10-a arguments:  -> stack install"}},
		"moved elsewhere":            {func(all []phased.Entry) []phased.Entry { all[0].Path = "/q/10-a"; return all }, []string{"10-a path: /p/10-a -> /q/10-a"}},
		"times and details are none": {func(all []phased.Entry) []phased.Entry { all[0].ModTime, all[0].Detail = planNow(), "x"; return all }, nil},
	}
	plan := func(entries []phased.Entry) planned {
		return planned{plan: phased.Plan{Phases: []phased.PlannedPhase{{Phase: phased.Phase{Name: "configure"}, Entries: entries}}}}
	}
	for name, test := range tests {
		var got []string
		for _, d := range comparePlans(plan(entriesOf(base...)), plan(test.change(entriesOf(base...)))) {
			got = append(got, fmt.Sprintf("%s %s: %s -> %s", d.Name, d.What, d.Was, d.Is))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestComparePhases: phases that come and go, and those that a run did not enter.
func TestComparePhases(t *testing.T) {
	run := func(planned []string, entered ...string) phased.Run {
		all := []phased.Payload{phased.RunStarted{Phases: planned}}
		for _, name := range entered {
			all = append(all, phased.PhaseStarted{Phase: name, Failure: name == "error", Entries: entriesOf("10-a")})
		}
		var r phased.Run
		for _, e := range events("R", planNow(), all...) {
			r.Apply(e)
		}
		return r
	}
	all := []string{"one", "two", "three"}
	for name, test := range map[string]struct {
		a, b phased.Run
		want []string
	}{
		"the same":       {run(all, all...), run(all, all...), nil},
		"neither":        {run(all, "one"), run(all, "one"), nil},
		"not entered":    {run(all, all...), run(all, "one", "error"), []string{"two entered: 1 hook -> not entered", "three entered: 1 hook -> not entered", "error entered: not entered -> 1 hook"}},
		"no error phase": {run(all, "one", "error"), run(all, "one"), []string{"error entered: 1 hook -> not entered"}},
		"another plan":   {run([]string{"one"}, "one"), run([]string{"one", "two"}, "one", "two"), []string{"two added:  -> 1 hook"}},
		"a smaller plan": {run([]string{"one", "two"}, "one", "two"), run([]string{"one"}, "one"), []string{"two removed: 1 hook -> "}},
	} {
		var got []string
		for _, d := range comparePlans(ofRun(test.a), ofRun(test.b)) {
			got = append(got, fmt.Sprintf("%s %s: %s -> %s", d.Phase, d.What, d.Was, d.Is))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestMovedIsLeast: moving what is told, and nothing else, makes one order of the
// other; and nothing less would.
func TestMovedIsLeast(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for range 2000 {
		n := 1 + random.IntN(7)
		var old, now []phased.Entry
		for i := range n {
			e := phased.Entry{Name: phased.Text(fmt.Sprint(i))}
			old, now = append(old, e), append(now, e)
		}
		random.Shuffle(n, func(i, j int) { now[i], now[j] = now[j], now[i] })
		// One that only one side has moves nothing.
		now = slices.Insert(now, random.IntN(n+1), phased.Entry{Name: "new"})
		got := moved(old, now)
		names := map[phased.Text]bool{}
		for _, m := range got {
			names[m.name] = true
		}
		keeps := func(e phased.Entry) bool { return names[e.Name] || e.Name == "new" }
		a, b := slices.DeleteFunc(slices.Clone(old), keeps), slices.DeleteFunc(slices.Clone(now), keeps)
		if diff := cmp.Diff(a, b, cmp.AllowUnexported(phased.Entry{})); diff != "" {
			t.Fatalf("seed %d: %v does not explain %s", seed, got, diff)
		}
		if least := n - longestCommon(old, now); len(got) != least {
			t.Fatalf("seed %d: %d have moved, %d would do", seed, len(got), least)
		}
	}
}

// longestCommon is the length of the longest row that both lists have, the slow
// way.
func longestCommon(a, b []phased.Entry) int {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	if a[0].Name == b[0].Name {
		return 1 + longestCommon(a[1:], b[1:])
	}
	return max(longestCommon(a[1:], b), longestCommon(a, b[1:]))
}

// twoRuns are runs of which the second is slower, failed, and found other hooks.
func twoRuns() planRecord {
	env := func(extra ...phased.Text) phased.Surroundings {
		return phased.Surroundings{Env: append([]phased.Text{"PATH=/bin", "TOKEN=[secret]"}, extra...), Umask: 0o22}
	}
	hook := func(name phased.Text, took time.Duration, cause phased.Cause) []phased.Payload {
		return []phased.Payload{
			phased.HookStarted{Phase: "configure", Hook: name}, phased.HookFinished{Phase: "configure", Hook: name, Exit: phased.Exit{Cause: cause, Status: len(cause) - 2}, Took: took},
		}
	}
	space := func(hook phased.Text, pairs ...phased.Text) phased.Payload {
		d := phased.SpaceChanged{Phase: "configure", Hook: hook}
		for i := 0; i < len(pairs); i += 2 {
			c := phased.Change{Kind: phased.ChangeEnvironment, Name: pairs[i], What: phased.WhatSet, Is: &phased.Value{Text: pairs[i+1]}}
			if pairs[i+1] == "secret" {
				c.Is = &phased.Value{Secret: true}
			}
			d.Changes = append(d.Changes, c)
		}
		return d
	}
	join := slices.Concat[[]phased.Payload]
	phases := []string{"configure"}
	return planRecord{
		runs: map[string][]phased.Event{
			"A": events("A", planNow().Add(-2*time.Hour), join(
				[]phased.Payload{phased.RunStarted{Lifecycle: "refresh", Base: "/b", Host: "old-host", Version: "1.0", PlanDigest: "d1", Surroundings: env("X=1"), Phases: phases, Hooks: 3}, phased.PhaseStarted{Phase: "configure", Entries: entriesOf("10-a", "20-b", "30-gone")}},
				hook("10-a", 100*time.Millisecond, "ok"), []phased.Payload{space("10-a", "VERSION", "1.0", "SAME", "x", "PASSWORD", "secret")},
				hook("20-b", time.Second, "ok"), hook("30-gone", time.Second, "ok"),
				[]phased.Payload{phased.RunFinished{Status: "succeeded", Took: 3 * time.Second}})...),
			"B": events("B", planNow().Add(-time.Hour), join(
				[]phased.Payload{phased.RunStarted{Lifecycle: "refresh", Base: "/b", Host: "new-host", Version: "1.0", PlanDigest: "d2", Surroundings: env("Y=2"), Phases: phases, Hooks: 3}, phased.PhaseStarted{Phase: "configure", Entries: entriesOf("10-a", "20-b", "40-new")}},
				hook("10-a", 4*time.Second, "ok"), []phased.Payload{space("10-a", "VERSION", "2.0", "SAME", "x", "PASSWORD", "secret", "MORE", "yes")},
				hook("20-b", 20*time.Millisecond, "exit"),
				[]phased.Payload{phased.RunFinished{Status: "failed", ExitCode: 1, Took: 5 * time.Second, Failure: &phased.Failure{Phase: "configure", Hook: "20-b", Exit: phased.Exit{Cause: "exit", Status: 2}}}})...),
			"C": events("C", planNow().Add(-30*time.Minute), phased.RunStarted{Lifecycle: "other", Base: "/b"}, phased.RunFinished{Status: "succeeded"}),
		},
		output: map[string]string{
			"A configure/10-a": "start 09:59:01\nfetch\none\ndone in 100 ms\n", "B configure/10-a": "start 10:59:01\nfetch\ntwo\ndone in 4000 ms\n",
			"A configure/20-b": "pid 17\n", "B configure/20-b": "pid 2345\n",
		},
	}
}

// TestCompare: what differs is told, and what does not is not.
func TestCompare(t *testing.T) {
	page := pageTree(t, twoRuns().handler(t), "/compare?a=A&b=B")
	var rows [][]string
	for _, table := range page.all(func(n tree) bool { return is("table", "pairs")(n) || is("table", "times")(n) }) {
		rows = append(rows, pageTexts(table.all(is("tbody", ""))[0].all(is("tr", ""))))
	}
	if diff := cmp.Diff([][]string{
		{
			"status succeeded failed", "cause — configure/20-b: exit status 2", "exit code 0 1", "hooks 3 of 3 hooks ran, 0 failed 2 of 3 hooks ran, 1 failed", "plan digest d1 d2",
			"host old-host new-host", "environment X 1 not set", "environment Y not set 2",
		},
		{"30-gone configure removed runs —", "40-new configure added — runs"},
		{
			"configure/10-a 100 ms 4.0 s 40 × as long", "configure/20-b 1.0 s 20 ms failed", "configure/30-gone 1.0 s not there",
		},
		{"MORE environment not set yes by configure/10-a", "VERSION environment 1.0 by configure/10-a 2.0 by configure/10-a"},
	}, rows); diff != "" {
		t.Error(diff)
	}
	text := page.text()
	for _, want := range []string{"B began 60 min later.", "The same: lifecycle, base, phased, user, starts with."} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in %s", want, text)
		}
	}
	// The links of hooks lead to their comparison.
	for _, a := range page.all(is("table", "times"))[0].all(is("a", "")) {
		u, err := url.Parse(a.attr("href"))
		if err != nil || u.Fragment != "hook" {
			t.Fatalf("%s: %v", u, err)
		}
		if n := len(pageTree(t, twoRuns().handler(t), u.Path+"?"+u.RawQuery).all(func(n tree) bool { return n.attr("id") == "hook" })); n != 1 {
			t.Errorf("%s: %d elements have that id", u, n)
		}
	}
}

// TestCompareItself: nothing differs.
func TestCompareItself(t *testing.T) {
	text := pageTree(t, twoRuns().handler(t), "/compare?a=B&b=B").text()
	for _, want := range []string{"Nothing but when they ran.", "Both runs had the same plan, by its digest.", "No difference is on record."} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in %s", want, text)
		}
	}
}

// TestCompareOutput: lines that differ are shown with their numbers; where digits
// do not count, those that differ in them alone are the same.
func TestCompareOutput(t *testing.T) {
	h := twoRuns().handler(t)
	lines := func(address string) []string {
		page := pageTree(t, h, address)
		var all []string
		for _, tr := range page.all(is("table", "diff")) {
			for _, l := range tr.all(is("tr", "")) {
				all = append(all, l.attr("class")+" "+l.text())
			}
		}
		return all
	}
	const hook = "/compare?a=A&b=B&phase=configure&hook="
	if diff := cmp.Diff([]string{
		"gone 1 - start 09:59:01", "new 1 + start 10:59:01", "same 2 2 fetch", "gone 3 - one", "gone 4 - done in 100 ms", "new 3 + two", "new 4 + done in 4000 ms",
	}, lines(hook+"10-a")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"same 1 1 start 10:59:01", "same 2 2 fetch", "gone 3 - one", "new 3 + two", "same 4 4 done in 4000 ms",
	}, lines(hook+"10-a&digits=hidden")); diff != "" {
		t.Error(diff)
	}
	text := pageTree(t, h, hook+"20-b&digits=hidden").text()
	if !strings.Contains(text, "The same but for digits: 1 line.") {
		t.Errorf("20-b: %s", text)
	}
	text = pageTree(t, h, hook+"10-a").text()
	for _, want := range []string{"What it changed", "MORE environment not set untouched yes set", "4 lines in A, 4 lines in B."} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in %s", want, text)
		}
	}
	if code, _ := getPage(h, hook+"no-such"); code != http.StatusNotFound {
		t.Errorf("a hook that neither has: status %d", code)
	}
}

// TestCompareChooses: the run before, where one is named; the newest two of the
// same in the form; an id that is none, or of several, says so in the form.
func TestCompareChooses(t *testing.T) {
	h := twoRuns().handler(t)
	sidesOf := func(address string) []string {
		return pageTexts(pageTree(t, h, address).all(func(n tree) bool { return n.Data == "h2" && is("section", "side")(tree{n.Parent}) }))
	}
	for _, address := range []string{"/compare?b=B", "/compare?a=B", "/compare?a=A&b=B"} {
		if diff := cmp.Diff([]string{"A A", "B B"}, sidesOf(address)); diff != "" {
			t.Errorf("%s: %s", address, diff)
		}
	}
	if diff := cmp.Diff([]string{"A B", "B A"}, sidesOf("/compare?a=B&b=A")); diff != "" {
		t.Error(diff)
	}
	page := pageTree(t, h, "/compare")
	var chosen []string
	for _, i := range page.all(is("input", "")) {
		if i.attr("type") == "radio" && slices.ContainsFunc(i.Attr, func(a htmlAttribute) bool { return a.Key == "checked" }) {
			chosen = append(chosen, i.attr("name")+"="+i.attr("value"))
		}
	}
	slices.Sort(chosen)
	if diff := cmp.Diff([]string{"a=A", "b=B"}, chosen); diff != "" {
		t.Error(diff)
	}
	for address, want := range map[string]string{
		"/compare?a=A&b=nothing": "no such run on record", "/compare?b=A": "none of the same lifecycle and base before it", "/compare?a=A&b=two": "is the start of 2 ids",
	} {
		code, text := getPage(h, address)
		wantCode := http.StatusNotFound
		if address == "/compare?b=A" { // the first of its kind, and no mistake
			wantCode = http.StatusOK
		}
		if code != wantCode || !strings.Contains(text, want) || !strings.Contains(text, "<form") {
			t.Errorf("%s: status %d: %s", address, code, text)
		}
	}
}

// TestCompareDoesNotWait: a run that goes on is compared as far as it is.
func TestCompareDoesNotWait(t *testing.T) {
	record := twoRuns()
	record.runs["B"] = record.runs["B"][:5]
	record.waiting = true
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := newRecorder()
	record.handler(t).ServeHTTP(w, newRequest("/compare?a=A&b=B").WithContext(ctx))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "running") || ctx.Err() != nil {
		t.Errorf("status %d, %v", w.Code, ctx.Err())
	}
}

// TestCompareIsBounded: two runs of 5,000 hooks with nothing in common, and logs of
// 8 MiB: the page says what it leaves out.
func TestCompareIsBounded(t *testing.T) {
	record := planRecord{runs: map[string][]phased.Event{}, output: map[string]string{}}
	for i, id := range []string{"A", "B"} {
		var entries []string
		all := []phased.Payload{phased.RunStarted{Lifecycle: "refresh", Base: "/b", Phases: []string{"p"}}, nil}
		for n := range 5000 {
			name := fmt.Sprintf("%05d-%s", n, id)
			if n < 2500 {
				name = fmt.Sprintf("%05d", n)
			}
			entries = append(entries, name)
			all = append(all, phased.HookStarted{Phase: "p", Hook: phased.Text(name)}, phased.HookFinished{Phase: "p", Hook: phased.Text(name), Exit: phased.Exit{Cause: "ok"}, Took: time.Duration(1+n*(i+1)) * time.Millisecond})
			space := phased.SpaceChanged{Phase: "p", Hook: phased.Text(name)}
			for v := range 5 {
				space.Changes = append(space.Changes, phased.Change{Kind: phased.ChangeVariable, Name: phased.Text(fmt.Sprintf("V%d_%d", n, v)), What: phased.WhatSet, Is: &phased.Value{Text: phased.Text(id + strings.Repeat("x", 300))}})
			}
			all = append(all, space)
		}
		all[1] = phased.PhaseStarted{Phase: "p", Entries: entriesOf(entries...)}
		record.runs[id] = events(id, planNow(), all...)
		var b strings.Builder
		for n := 0; b.Len() < 8<<20; n++ {
			fmt.Fprintf(&b, "%s line %d %x\n", id, n, n*n)
		}
		record.output[id+" p/00001"] = b.String()
	}
	h := record.handler(t)
	for address, wants := range map[string][]string{
		"/compare?a=A&b=B":                         {"and 4800 more", "All hooks</a>: 7400 more", "and 24800 more"},
		"/compare?a=A&b=B&phase=p&hook=00001":      {"Only the beginning of the output of the first run is compared: 3", "20000 lines.", "Only the first 2000 lines of the difference are shown"},
		"/compare?a=A&b=B&phase=p&hook=01000":      {"Neither run has any output of it on record"},
		"/compare?a=A&b=B&times=all&digits=hidden": {"04999-B"},
	} {
		code, text := getPage(h, address)
		if code != http.StatusOK {
			t.Fatalf("%s: status %d", address, code)
		}
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s: there is no %q", address, want)
			}
		}
		if most := 1 << 20; len(text) > most && !strings.Contains(address, "times=all") {
			t.Errorf("%s has %d bytes", address, len(text))
		}
	}
}

// TestDiffTellsAll: one output made of the other by what is shown, whatever the
// two are.
func TestDiffTellsAll(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 2))
	words := []string{"", "a", "b", "\r", "a\x1b[0m", "\xff", "12", "7"}
	text := func() []string {
		all := make([]string, random.IntN(40))
		for i := range all {
			all[i] = words[random.IntN(len(words))]
		}
		return all
	}
	for range 2000 {
		a, b := text(), text()
		if random.IntN(2) == 0 { // mostly the same
			b = slices.Insert(slices.Clone(a), random.IntN(len(a)+1), "new")
		}
		if random.IntN(3) == 0 { // changes in several places, some of them close together
			a = slices.Concat(a, text(), text(), text())
			b = slices.Clone(a)
			for range random.IntN(8) {
				at := random.IntN(len(b) + 1)
				b = slices.Insert(b, at, "new")
				b = slices.Delete(b, at, at+random.IntN(2))
			}
		}
		var d outputDiff
		d.fill(a, b, false)
		if d.Same != slices.Equal(a, b) {
			t.Fatalf("seed %d: %q and %q are the same: %v", seed, a, b, d.Same)
		}
		// Take the lines that are shown out of both: what is left is the same.
		x, y := slices.Clone(a), slices.Clone(b)
		for _, h := range slices.Backward(d.Hunks) {
			for _, l := range slices.Backward(h.Lines) {
				if l.A > 0 {
					if at(a, l.A) != l.Text && l.B == 0 {
						t.Fatalf("seed %d: line %d of %q is shown as %q", seed, l.A, a, l.Text)
					}
					x = slices.Delete(x, l.A-1, l.A)
				}
				if l.B > 0 {
					if at(b, l.B) != l.Text {
						t.Fatalf("seed %d: line %d of %q is shown as %q", seed, l.B, b, l.Text)
					}
					y = slices.Delete(y, l.B-1, l.B)
				}
			}
		}
		if !slices.Equal(x, y) {
			t.Fatalf("seed %d: %q and %q: beyond %v, %q and %q are left", seed, a, b, d.Hunks, x, y)
		}
	}
}

// TestDrift: a plan that is not what ran last says so, and what differs.
func TestDrift(t *testing.T) {
	record := twoRuns()
	pub := phased.Published{V: 1, Time: planNow().Add(-time.Minute), Plan: phased.Plan{
		Lifecycle: "refresh", Base: "/b", Digest: "d9", Phases: []phased.PlannedPhase{{Phase: phased.Phase{Name: "configure"}, Entries: entriesOf("10-a", "20-b")}},
		Surroundings: phased.Surroundings{Env: []phased.Text{"PATH=/bin", "TOKEN=[secret]"}},
	}}
	record.pubs = []phased.PublishedPlan{published(pub)}
	address := "/plans/" + record.pubs[0].Key
	text := pageTree(t, record.handler(t), address).text()
	for _, want := range []string{"This is not what ran last: run B (failed, 2026-03-01 11:00:00 UTC)", "40-new configure added — runs", "environment Y not set 2"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in %s", want, text)
		}
	}
	if text := pageTree(t, record.handler(t), "/runs/B/plan").text(); !strings.Contains(text, "a plan was published 60 s ago : it is another one") {
		t.Errorf("the run's plan does not say so: %s", text)
	}
	record.pubs[0].Plan.Digest = "d2"
	text = pageTree(t, record.handler(t), address).text()
	if strings.Contains(text, "not what ran last") || !strings.Contains(text, "Newest run: failed") {
		t.Errorf("it is what ran last: %s", text)
	}
}

// TestRunPlan: what a run found, phase by phase as planned, with what became of it.
func TestRunPlan(t *testing.T) {
	entries := entriesOf("10-a", "20-b", "-x.sh")
	entries[0].Number = "10"
	record := planRecord{runs: map[string][]phased.Event{"R": events("R", planNow(),
		phased.RunStarted{Lifecycle: "refresh", Base: "/b", Phases: []string{"one", "two", "done"}},
		phased.PhaseStarted{Phase: "one", Entries: entries, Differences: []phased.Difference{{Name: "20-b", What: "added"}}},
		phased.HookStarted{Phase: "one", Hook: "10-a"}, phased.HookFinished{Phase: "one", Hook: "10-a", Exit: phased.Exit{Cause: "exit", Status: 1}, Took: time.Second},
		phased.PhaseSkipped{Phase: "done", Message: "the run has failed"}, phased.PhaseStarted{Phase: "error", Failure: true},
	)}}
	page := pageTree(t, record.handler(t), "/runs/R/plan")
	var got []string
	for _, s := range page.all(func(n tree) bool { return n.Data == "section" && is("", "phase")(n) }) {
		got = append(got, s.text())
	}
	if diff := cmp.Diff([]string{
		"one 2 run, 1 skipped 20-b: added since the plan 1 10-a failed 1.0 s number 10 file of 10-a path /p/10-a mode 0755 size 10 B sha256 " + strings.Repeat("a", 64) +
			" 2 20-b no number, counts as 0 file of 20-b path /p/20-b mode 0755 size 10 B sha256 " + strings.Repeat("a", 64) + " – x.sh name-has-dot does not run: name-has-dot file of x.sh path /p/x.sh",
		"two not entered: what lies in it is not on record", "done skipped: the run has failed", "error failure phase nothing to run",
	}, got[:4]); diff != "" {
		t.Error(diff)
	}
	links := page.all(is("ol", "entries"))[0].all(is("a", ""))
	if len(links) != 1 || links[0].attr("href") != "/runs/R/phases/one/hooks/10-a" {
		t.Errorf("%d links", len(links))
	}
}
