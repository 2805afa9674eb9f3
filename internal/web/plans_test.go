package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

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
