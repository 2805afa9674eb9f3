package phased_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// Every text of a published plan is cleaned, but for words that phased gives and
// names that the settings give; what was given is as it was.
func TestPublishedIsCleaned(t *testing.T) {
	left := map[string]bool{}
	for path := range strings.FieldsSeq(`
		.plan.lifecycle .plan.base .plan.roots .plan.digest .plan.surroundings.stdin .plan.session.resume .plan.untrusted.phase
		.plan.origins.phase .plan.origins.option .plan.reboot_exits.when .options.options.phase .options.options.option
		.findings.code .findings.severity .findings.phase`) {
		left[path] = true
	}
	for _, of := range []string{".plan.phases", ".plan.failure", ".plan.environment"} {
		for path := range strings.FieldsSeq(`
			name dir on_failure order executor names leak when parallel siblings glob scope calls plugins roots
			entries.root entries.verdict entries.number entries.mode entries.digest entries.leak entries.frequency`) {
			left[of+"."+path] = true
		}
	}
	var p phased.Plan
	var findings []phased.Finding
	fill(reflect.ValueOf(&p).Elem(), "hunter22")
	findings = make([]phased.Finding, 2)
	fill(reflect.ValueOf(&findings).Elem(), "hunter22")
	before, _ := json.Marshal([]any{p, findings})
	pub := phased.NewPublished(p, findings, func(s string) string { return strings.ReplaceAll(s, "hunter22", "[secret]") })
	for path := range textsWith(pub, "hunter22") {
		if !left[path] {
			t.Errorf("%s is not cleaned", path)
		}
		delete(left, path)
	}
	for path := range left {
		t.Errorf("%s is cleaned, or is not there", path)
	}
	if after, _ := json.Marshal([]any{p, findings}); string(after) != string(before) {
		t.Error("what was given has changed")
	}
	if pub.Plan.Session.Localrc != "" || len(pub.Options) == 0 || len(pub.Findings) != 2 {
		t.Errorf("published: localrc %q, %d options, %d findings", pub.Plan.Session.Localrc, len(pub.Options), len(pub.Findings))
	}
}

// TestUserinfoIsHidden: plugins are often cloned with a token in the URL.
func TestUserinfoIsHidden(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.org/x":                         "https://example.org/x",
		"https://me:tok3n@example.org/x":                "https://[secret]@example.org/x",
		"https://tok3n@example.org":                     "https://[secret]@example.org",
		"a https://u:p@h/1 and git+ssh://u:p@x@h/2 end": "a https://[secret]@h/1 and git+ssh://[secret]@h/2 end",
		"mail me@example.org, see https://h/a@b":        "mail me@example.org, see https://h/a@b",
		"://@":                                          "://@",
		"":                                              "",
	} {
		p := phased.Plan{Session: &phased.Session{Plugins: []phased.Plugin{{Source: phased.Text(in)}}}}
		got := phased.NewPublished(p, nil, func(s string) string { return s }).Plan.Session.Plugins[0].Source
		if string(got) != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestPublishedIsBounded: a script of which every line is wrong fills no disk.
func TestPublishedIsBounded(t *testing.T) {
	findings := make([]phased.Finding, 7000)
	for i := range findings {
		findings[i] = phased.Finding{Code: "x", Message: strings.Repeat("ä", 5000)}
	}
	pub := phased.NewPublished(phased.Plan{}, findings, func(s string) string { return s })
	if len(pub.Findings) != 5000 || pub.FindingsMore != 2000 {
		t.Errorf("%d findings, and %d more", len(pub.Findings), pub.FindingsMore)
	}
	if m := pub.Findings[0].Message; len(m) > 2100 || !strings.HasSuffix(m, "ä...") {
		t.Errorf("a message of %d bytes that ends in %q", len(m), m[len(m)-5:])
	}
}

func TestParsePublished(t *testing.T) {
	good := phased.Published{V: 1, Time: time.Unix(1e9, 0).UTC(), Host: "h", Plan: phased.Plan{Lifecycle: "refresh", Base: "/b\xff", Phases: []phased.PlannedPhase{}}, Findings: []phased.Finding{}}
	text, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	got, err := phased.ParsePublished(text)
	if diff := cmp.Diff(good, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	for text, want := range map[string]string{
		`{"v":2,"plan":"of another kind"}`: "newer phased, in format 2; this one reads up to 1",
		`{}`:                               "no published plan",
		`{"v":1,"t":"2026-01-01T00:00:00Z","plan":{}}`: "no published plan",
		`[1]`: "cannot unmarshal",
		``:    "unexpected end",
	} {
		if _, err := phased.ParsePublished([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestPlanKeyTellsApart: no two pairs make one text.
func TestPlanKeyTellsApart(t *testing.T) {
	seen := map[string]string{}
	for _, p := range [][2]string{{"refresh", "/a"}, {"refresh/", "a"}, {"refres", "h/a"}, {"", "refresh/a"}, {"refresh", "/a\x00"}} {
		key := phased.PlanKey(p[0], phased.Text(p[1]))
		if other, found := seen[key]; found || len(key) != 16 {
			t.Errorf("%q has the key %s, as %s", p, key, other)
		}
		seen[key] = p[0] + p[1]
	}
}
