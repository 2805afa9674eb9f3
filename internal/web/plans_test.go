package web

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"phased/internal/phased"
)

// planRecord is a record of runs, by their events, and of published plans.
type planRecord struct {
	runs    map[string][]phased.Event // newest last, by id
	output  map[string]string         // by run, phase and hook
	pubs    []phased.PublishedPlan
	waiting bool // whoever follows beyond the last event waits for ever
}

func (p planRecord) Runs(context.Context) ([]phased.Summary, error) {
	var all []phased.Summary
	for _, id := range slices.Backward(slices.Sorted(mapKeys(p.runs))) {
		r, _ := p.Run(context.Background(), id)
		all = append(all, *summaryOf(r))
	}
	return all, nil
}

func mapKeys[V any](m map[string]V) iter.Seq[string] {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func (p planRecord) Run(_ context.Context, id string) (r phased.Run, err error) {
	if p.runs[id] == nil {
		return r, phased.ErrNoRun
	}
	for _, e := range p.runs[id] {
		r.Apply(e)
	}
	return r, nil
}

func (p planRecord) Follow(ctx context.Context, id string, after uint64) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		for _, e := range p.runs[id] {
			if e.Seq > after && !yield(e, nil) {
				return
			}
		}
		if p.waiting {
			<-ctx.Done()
			yield(phased.Event{}, ctx.Err())
		}
	}
}

func (p planRecord) Output(_ context.Context, run, phase string, hook phased.Text) iter.Seq2[phased.HookOutput, error] {
	return func(yield func(phased.HookOutput, error) bool) {
		text := p.output[run+" "+phase+"/"+string(hook)]
		for len(text) > 0 {
			n := min(len(text), 64<<10)
			if !yield(phased.HookOutput{Phase: phase, Hook: hook, Stream: "out", Text: phased.Text(text[:n])}, nil) {
				return
			}
			text = text[n:]
		}
	}
}

// now is when the pages are looked at.
func planNow() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// handler returns the pages over the record.
func (p planRecord) handler(t testing.TB) http.Handler {
	t.Helper()
	s, err := New(Options{
		Source: p, Output: p.Output, Now: planNow, Host: "example",
		Resolve: func(_ context.Context, word string) (string, error) {
			if word == "two" {
				return "", errors.New("\"two\" is the start of 2 ids: type more of it")
			}
			if p.runs[word] == nil {
				return "", phased.ErrNoRun
			}
			return word, nil
		},
		Published: func(context.Context) ([]phased.PublishedPlan, error) { return p.pubs, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s.Handler()
}

// events gives payloads the numbers and times of one run.
func events(id string, began time.Time, all ...phased.Payload) []phased.Event {
	out := make([]phased.Event, len(all))
	for i, d := range all {
		out[i] = phased.Event{Run: id, Seq: uint64(i + 1), Time: began.Add(time.Duration(i) * time.Second), Mono: time.Duration(i) * time.Second, Data: d}
	}
	return out
}

// tree is a page taken apart.
type tree struct{ *html.Node }

func pageTree(t testing.TB, h http.Handler, address string) tree {
	t.Helper()
	answer, text := getPage(h, address)
	if answer != http.StatusOK {
		t.Fatalf("%s: status %d: %s", address, answer, text)
	}
	n, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return tree{n}
}

// all returns the elements that a test takes, in their order.
func (n tree) all(want func(tree) bool) []tree {
	var found []tree
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && want(tree{d}) {
			found = append(found, tree{d})
		}
	}
	return found
}

// is tells elements by their name and class; each may be "".
func is(name, class string) func(tree) bool {
	return func(n tree) bool {
		return (name == "" || n.Data == name) && (class == "" || slices.Contains(strings.Fields(n.attr("class")), class))
	}
}

func (n tree) attr(name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what a person reads of it, with single blanks.
func (n tree) text() string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func pageTexts(all []tree) []string {
	out := make([]string, len(all))
	for i, n := range all {
		out[i] = n.text()
	}
	return out
}

// example is a published plan with something of everything.
func examplePlan() phased.Published {
	etc, lib := phased.Text("/etc/phased"), phased.Text("/usr/lib/phased")
	in := func(root phased.Text, name phased.Text, v phased.Verdict) phased.Entry {
		return phased.Entry{Name: name, Root: root, Path: root + "/configure.d/" + name, Verdict: v}
	}
	ten, twenty := in(etc, "10-facts", "run"), in(lib, "20-nginx", "run")
	ten.Number, ten.Digest, ten.Size, ten.Mode = "10", strings.Repeat("a", 64), 120, "0755"
	twenty.Number, twenty.Retries, twenty.Locks = "20", 2, []string{"packages"}
	shadowed, dot := in(lib, "10-facts", "shadowed"), in(etc, "foo.sh", "name-has-dot")
	shadowed.Detail, dot.Detail = "/etc/phased has an entry of that name", "a dot in the name"
	configure := phased.PlannedPhase{Phase: phased.Phase{Name: "configure", Dir: "configure.d", OnFailure: "finish-phase"}, Dirs: []phased.Text{lib + "/configure.d", etc + "/configure.d"}}
	configure.Entries = []phased.Entry{ten, twenty, shadowed, dot}
	return phased.Published{
		V: 1, Time: planNow().Add(-3 * time.Hour), Host: "example", Version: "9.9", User: "root", SudoUser: "ada",
		Plan: phased.Plan{
			Lifecycle: "refresh", Base: etc, Roots: []phased.Text{lib, etc}, Digest: "d1g3st", Timeout: phased.Duration(time.Hour),
			Phases: []phased.PlannedPhase{
				{Phase: phased.Phase{Name: "pre-configure", Dir: "pre-configure.d"}, Missing: true},
				configure,
				{Phase: phased.Phase{Name: "unlock", When: phased.WhenAlways}},
			},
			Failure:     &phased.PlannedPhase{Phase: phased.Phase{Name: "error", Failure: true}, Entries: []phased.Entry{{Name: "50-tell", Path: "/e/50-tell", Verdict: "run"}}},
			Environment: &phased.PlannedPhase{Phase: phased.Phase{Name: "environment.d"}, Entries: []phased.Entry{{Name: "05-proxy", Path: "/e/05-proxy", Verdict: "run"}}},
			Origins:     []phased.Origin{{Option: "timeout", Value: "1h", From: "/etc/phased/phased.yaml:3"}, {Phase: "configure", Option: "on-failure", Value: "finish-phase", From: "/etc/phased/phased.yaml:9"}},
			Untrusted:   []phased.Untrusted{{Phase: "configure", Path: ten.Path, At: etc, What: "can be written by others", Cure: "chmod o-w /etc/phased"}},
		},
		Refused: true,
		Options: []phased.EntryOptions{{Path: twenty.Path, Options: []phased.Origin{{Option: "retries", Value: "2", From: string(twenty.Path) + ":4"}}}},
		Findings: []phased.Finding{
			{Code: "writable", Severity: "error", File: etc, Message: "others can write it", Cure: "chmod o-w"},
			{Code: "shell-syntax", Severity: "error", Phase: "configure", File: twenty.Path, Line: 7, Message: "bash -n: unexpected end of file", Cure: "look there"},
			{Code: "name-has-dot", Severity: "warning", Phase: "configure", File: dot.Path, Message: "no tool runs it", Cure: "rename it: foo"},
			{Code: "owner", Severity: "info", Phase: "configure", File: "/etc/phased/configure.d", Message: "belongs to ada"},
		},
	}
}

func published(p phased.Published) phased.PublishedPlan {
	key := phased.PlanKey(p.Plan.Lifecycle, p.Plan.Base)
	return phased.PublishedPlan{Key: key, File: "/var/lib/phased/plans/x." + key + ".json", Published: p}
}

// TestPlanPage: every entry with its verdict, why, place, tree, options and
// findings, phase by phase.
func TestPlanPage(t *testing.T) {
	pub := published(examplePlan())
	page := pageTree(t, planRecord{pubs: []phased.PublishedPlan{pub}}.handler(t), "/plans/"+pub.Key)
	want := []string{
		"environment.d environment files 1 run", "pre-configure", "configure 2 run, 2 skipped", "unlock always runs", "error failure phase 1 run",
	}
	sections := page.all(func(n tree) bool { return n.Data == "section" && is("", "phase")(n) })
	var heads []string
	for _, s := range sections {
		heads = append(heads, s.all(is("h2", ""))[0].text())
	}
	if diff := cmp.Diff(append(append([]string{"Findings about no single entry"}, want...), "What hooks start with"), heads); diff != "" {
		t.Fatal(diff)
	}
	configure := sections[3]
	entries := configure.all(is("li", "entry"))
	var got []string
	for _, e := range entries {
		got = append(got, e.all(is("", "place"))[0].text()+" "+strings.Join(pageTexts(e.all(func(n tree) bool {
			return is("code", "name")(n) || is("", "verdict")(n) || is("", "words")(n)
		})), " | "))
	}
	if diff := cmp.Diff([]string{
		"1 10-facts | /etc/phased, overrides /usr/lib/phased · number 10",
		"2 20-nginx | /usr/lib/phased, tried up to 3 times, lock packages · number 20",
		"– 10-facts | shadowed | does not run: /etc/phased has an entry of that name",
		"– foo.sh | name-has-dot",
	}, got); diff != "" {
		t.Error(diff)
	}
	for where, facts := range map[tree][]string{
		entries[0]: {"sha256 " + strings.Repeat("a", 64), "120 B", "path /etc/phased/configure.d/10-facts"},
		entries[1]: {"error bash -n: unexpected end of file [shell-syntax] /usr/lib/phased/configure.d/20-nginx:7 Cure: look there", "retries 2 /usr/lib/phased/configure.d/20-nginx:4"},
		entries[3]: {"warning no tool runs it [name-has-dot] /etc/phased/configure.d/foo.sh Cure: rename it: foo"},
		configure:  {"info belongs to ada [owner] /etc/phased/configure.d", "a failure ends the run after this phase", "on-failure finish-phase /etc/phased/phased.yaml:9"},
		sections[0]: {
			"error others can write it [writable] /etc/phased Cure: chmod o-w",
		},
		sections[2]: {"no directory pre-configure.d"},
		page: {
			"Published 3 h ago (2026-03-01 09:00:00 UTC) by root, called by ada, on example, phased 9.9", "phased run would run nothing", "chmod o-w /etc/phased",
			"timeout 1h /etc/phased/phased.yaml:3", "run 1h0m0s", "Digest d1g3st", "No run of it is on record", "hook trees a later one wins: /usr/lib/phased, /etc/phased",
		},
	} {
		for _, fact := range facts {
			if !strings.Contains(where.text(), fact) {
				t.Errorf("there is no %q in: %s", fact, where.text())
			}
		}
	}
}

// TestPlanFilters: what only runs, is skipped or has findings; each link leads
// where its count says.
func TestPlanFilters(t *testing.T) {
	pub := published(examplePlan())
	h := planRecord{pubs: []phased.PublishedPlan{pub}}.handler(t)
	for show, want := range map[string][]string{
		"":              {"05-proxy", "10-facts", "20-nginx", "10-facts", "foo.sh", "50-tell"},
		"?show=run":     {"05-proxy", "10-facts", "20-nginx", "50-tell"},
		"?show=skipped": {"10-facts", "foo.sh"}, "?show=findings": {"20-nginx", "foo.sh"},
	} {
		page := pageTree(t, h, "/plans/"+pub.Key+show)
		if diff := cmp.Diff(want, pageTexts(page.all(is("code", "name")))); diff != "" {
			t.Errorf("%s: %s", show, diff)
		}
		here := page.all(func(n tree) bool { return n.Data == "a" && n.attr("aria-current") == "true" })
		if len(here) != 1 || here[0].attr("href") != "/plans/"+pub.Key+show {
			t.Errorf("%s: the filter in force is %v", show, pageTexts(here))
		}
	}
	for _, bad := range []string{"?show=x", "?from=-1", "?from=x"} {
		if code, _ := getPage(h, "/plans/"+pub.Key+bad); code != http.StatusBadRequest {
			t.Errorf("%s: status %d", bad, code)
		}
	}
}

func getPage(h http.Handler, address string) (int, string) {
	w := newRecorder()
	h.ServeHTTP(w, newRequest(address))
	return w.Code, w.Body.String()
}

// TestLongPlanComesInPages: every entry is on exactly one of them, and none is long.
func TestLongPlanComesInPages(t *testing.T) {
	p := examplePlan()
	var want []string
	for i := range 5000 {
		name := fmt.Sprintf("%04d-hook", i)
		if i%1000 == 0 {
			p.Plan.Phases = append(p.Plan.Phases, phased.PlannedPhase{Phase: phased.Phase{Name: fmt.Sprint("phase-", i)}})
		}
		last := &p.Plan.Phases[len(p.Plan.Phases)-1]
		last.Entries = append(last.Entries, phased.Entry{Name: phased.Text(name), Path: phased.Text("/x/" + name), Verdict: "run"})
		want = append(want, name)
	}
	pub := published(p)
	h := planRecord{pubs: []phased.PublishedPlan{pub}}.handler(t)
	var got []string
	pages := 0
	for address := "/plans/" + pub.Key; address != ""; pages++ {
		_, text := getPage(h, address)
		if len(text) > 1<<20 {
			t.Errorf("%s has %d bytes", address, len(text))
		}
		page := pageTree(t, h, address)
		for _, name := range pageTexts(page.all(is("code", "name"))) {
			if strings.HasSuffix(name, "-hook") {
				got = append(got, name)
			}
		}
		next := page.all(func(n tree) bool { return n.Data == "a" && n.attr("rel") == "next" })
		address = ""
		if len(next) > 0 {
			address = next[0].attr("href")
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 11 {
		t.Errorf("%d pages: %s", pages, diff)
	}
}

// TestPlansList: published plans and what has run, each once; what is damaged is
// told with its file.
func TestPlansList(t *testing.T) {
	old := published(examplePlan())
	old.Time = planNow().Add(-50 * time.Hour)
	bad := phased.PublishedPlan{Key: "0000000000000001", File: "/s/plans/x.0000000000000001.json", Err: errors.New("it was written by a newer phased, in format 7")}
	record := planRecord{pubs: []phased.PublishedPlan{old, bad}, runs: map[string][]phased.Event{
		"R1": events("R1", planNow().Add(-9*time.Hour), phased.RunStarted{Lifecycle: "refresh", Base: "/etc/phased"}, phased.RunFinished{Status: "failed"}),
		"R2": events("R2", planNow().Add(-8*time.Hour), phased.RunStarted{Lifecycle: "refresh", Base: "/etc/phased"}, phased.RunFinished{Status: "succeeded"}),
		"R3": events("R3", planNow().Add(-7*time.Hour), phased.RunStarted{Lifecycle: "deploy", Base: "/srv"}, phased.RunFinished{Status: "failed"}),
	}}
	h := record.handler(t)
	page := pageTree(t, h, "/plans")
	if diff := cmp.Diff([]string{
		"deploy of /srv Not published. phased plan --publish deploy as the user who runs it shows here what would run. Newest run: failed 2026-03-01 05:00:00 UTC , R3 , what it found",
		"refresh of /etc/phased Published 2 days ago old : 2 hooks in 3 phases, 2 errors, 1 warning, 1 hint Newest run: succeeded 2026-03-01 04:00:00 UTC , R2 , what it found",
	}, pageTexts(page.all(is("li", "card")))); diff != "" {
		t.Error(diff)
	}
	for _, address := range []string{"/plans", "/checks"} {
		if text := pageTree(t, h, address).text(); !strings.Contains(text, "/s/plans/x.0000000000000001.json : it was written by a newer phased, in format 7") {
			t.Errorf("%s does not tell of the damaged one: %s", address, text)
		}
	}
	// A plan that was never published is what its newest run found.
	w := newRecorder()
	h.ServeHTTP(w, newRequest("/plans/"+phased.PlanKey("deploy", "/srv")))
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/runs/R3/plan" {
		t.Errorf("status %d, to %s", w.Code, w.Header().Get("Location"))
	}
	for address, code := range map[string]int{"/plans/ffffffffffffffff": 404, "/plans/0000000000000001": 500, "/plans/..%2f": 404} {
		if got, _ := getPage(h, address); got != code {
			t.Errorf("%s: status %d, want %d", address, got, code)
		}
	}
}

// TestChecks: the worst first, each with a link to its entry, which is there.
func TestChecks(t *testing.T) {
	pub := published(examplePlan())
	h := planRecord{pubs: []phased.PublishedPlan{pub}}.handler(t)
	page := pageTree(t, h, "/checks")
	var got []string
	for _, f := range page.all(is("ul", "list"))[0].all(is("li", "")) {
		got = append(got, f.attr("class")+" "+f.all(is("a", ""))[0].text())
	}
	if diff := cmp.Diff([]string{"error /etc/phased", "error /usr/lib/phased/configure.d/20-nginx:7", "warning /etc/phased/configure.d/foo.sh", "info /etc/phased/configure.d"}, got); diff != "" {
		t.Error(diff)
	}
	for _, a := range page.all(is("ul", "list"))[0].all(is("a", "")) {
		u, err := url.Parse(a.attr("href"))
		if err != nil {
			t.Fatal(err)
		}
		target := pageTree(t, h, u.Path+"?"+u.RawQuery)
		if n := len(target.all(func(n tree) bool { return n.attr("id") == u.Fragment })); u.Fragment != "" && n != 1 {
			t.Errorf("%s: %d elements have that id", u, n)
		}
	}
	if n := len(pageTree(t, h, "/checks?severity=error").all(is("ul", "list"))[0].all(is("li", ""))); n != 2 {
		t.Errorf("%d errors", n)
	}
	if code, _ := getPage(h, "/checks?severity=x"); code != http.StatusBadRequest {
		t.Errorf("status %d", code)
	}
}

// hostileText would do something on a page or a terminal if it could.
const hostileText = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{.}}\x1b[2J\x07\u202e\xff\r\njavascript:alert(1)"

// poisonPlan fills every text of a value.
func poisonPlan(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostileText)
	case reflect.Pointer:
		if depth < 6 {
			v.Set(reflect.New(v.Type().Elem()))
			poisonPlan(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			for i := range v.Len() {
				poisonPlan(v.Index(i), depth+1)
			}
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() && f.Type() != reflect.TypeFor[time.Time]() {
				poisonPlan(f, depth+1)
			}
		}
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	}
}

// wantHarmless demands a page in which nothing of what was shown is markup, or
// moves anything.
func wantHarmless(t *testing.T, h http.Handler, address string) {
	t.Helper()
	code, text := getPage(h, address)
	if code >= 500 {
		t.Errorf("%s: status %d: %s", address, code, text)
	}
	n, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for d := range n.Descendants() {
		for _, a := range d.Attr {
			link := a.Key == "href" || a.Key == "src" || a.Key == "action"
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || link && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("%s: <%s %s=%q>", address, d.Data, a.Key, a.Val)
			}
		}
		if d.Type == html.ElementNode && (d.Data == "img" || d.Data == "script" && (d.FirstChild != nil || !slices.ContainsFunc(d.Attr, func(a html.Attribute) bool { return a.Key == "src" }))) {
			t.Errorf("%s: <%s>", address, d.Data)
		}
	}
	for _, bad := range []string{"\x1b", "\x07", "\u202e", "\xff", "\r"} {
		if strings.Contains(text, bad) {
			at := strings.Index(text, bad)
			t.Errorf("%s has %q: %q", address, bad, text[max(0, at-240):min(len(text), at+20)])
			break
		}
	}
}

// TestHostilePlansAreText: whatever a plan, a finding or a run has for texts.
func TestHostilePlansAreText(t *testing.T) {
	var p phased.Published
	poisonPlan(reflect.ValueOf(&p).Elem(), 0)
	for i := range p.Plan.Phases {
		for j := range p.Plan.Phases[i].Entries {
			p.Plan.Phases[i].Entries[j].Verdict = [2]phased.Verdict{"run", hostileText}[j%2]
		}
	}
	pub := published(p)
	pub.Time = planNow()
	bad := phased.PublishedPlan{Key: "0000000000000001", File: hostileText, Err: errors.New(hostileText)}
	record := planRecord{pubs: []phased.PublishedPlan{pub, bad}, runs: map[string][]phased.Event{}, output: map[string]string{}}
	for _, id := range []string{"R1", "R2"} {
		var payloads []phased.Payload
		for _, zero := range phased.Payloads() {
			v := reflect.New(reflect.TypeOf(zero)).Elem()
			poisonPlan(v, 0)
			d := v.Interface().(phased.Payload)
			if s, ok := d.(phased.SpaceChanged); ok {
				s.Changes[0].Is.Text += phased.Text(id)
				d = s
			}
			if s, ok := d.(phased.PhaseStarted); ok {
				s.Entries[0].Mode += id
				d = s
			}
			switch d.Kind() {
			case phased.KindPhaseSkipped, phased.KindRunWaiting, phased.KindRunInterrupted:
			default:
				payloads = append(payloads, d)
			}
		}
		record.runs[id] = events(id, planNow(), payloads...)
		record.output[id+" "+hostileText+"/"+hostileText] = strings.Repeat(hostileText+id+"\n", 3)
	}
	h := record.handler(t)
	hook := "&phase=" + url.QueryEscape(hostileText) + "&hook=" + url.QueryEscape(hostileText)
	for _, address := range []string{
		"/plans", "/plans/" + pub.Key, "/plans/" + pub.Key + "?show=findings", "/checks", "/runs/R1/plan", "/compare", "/compare?a=R1&b=R2",
		"/compare?a=R1&b=R2" + hook, "/compare?a=R1&b=R2&digits=hidden" + hook, "/compare?a=" + url.QueryEscape(hostileText), "/plans/" + url.PathEscape(hostileText),
		"/plans/" + pub.Key + "?show=" + url.QueryEscape(hostileText), "/compare?a=R1&b=R2&hook=" + url.QueryEscape(hostileText), "/checks?severity=" + url.QueryEscape(hostileText),
	} {
		wantHarmless(t, h, address)
	}
}
