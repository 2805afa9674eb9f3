package web

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"phased/internal/phased"
)

// plansHostile would do something on a page or a terminal if it could.
const plansHostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{.}}\x1b[2J\x07\u202e\xff\r\njavascript:alert(1)"

// poisonPlan fills every text of a value.
func poisonPlan(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(plansHostile)
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
			p.Plan.Phases[i].Entries[j].Verdict = [2]phased.Verdict{"run", plansHostile}[j%2]
		}
	}
	pub := published(p)
	pub.Time = planNow()
	bad := phased.PublishedPlan{Key: "0000000000000001", File: plansHostile, Err: errors.New(plansHostile)}
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
		record.output[id+" "+plansHostile+"/"+plansHostile] = strings.Repeat(plansHostile+id+"\n", 3)
	}
	h := record.handler(t)
	hook := "&phase=" + url.QueryEscape(plansHostile) + "&hook=" + url.QueryEscape(plansHostile)
	for _, address := range []string{
		"/plans", "/plans/" + pub.Key, "/plans/" + pub.Key + "?show=findings", "/checks", "/runs/R1/plan", "/compare", "/compare?a=R1&b=R2",
		"/compare?a=R1&b=R2" + hook, "/compare?a=R1&b=R2&digits=hidden" + hook, "/compare?a=" + url.QueryEscape(plansHostile), "/plans/" + url.PathEscape(plansHostile),
		"/plans/" + pub.Key + "?show=" + url.QueryEscape(plansHostile), "/compare?a=R1&b=R2&hook=" + url.QueryEscape(plansHostile), "/checks?severity=" + url.QueryEscape(plansHostile),
	} {
		wantHarmless(t, h, address)
	}
}
