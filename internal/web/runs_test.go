package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// atThree is when the lists of these tests are looked at.
func atThree() time.Time { return time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC) }

// someRuns makes n runs, newest first: one a minute, every tenth failed.
func someRuns(n int) []phased.Summary {
	var all []phased.Summary
	for i := range n {
		r := phased.Summary{
			ID: fmt.Sprintf("01M8%022d", n-i), Lifecycle: "refresh", Base: "/etc/phased/refresh", Status: phased.StatusSucceeded,
			Began: atThree().Add(-time.Duration(i+1) * time.Minute), Took: 3 * time.Second, Ran: 7,
		}
		r.Ended = r.Began.Add(r.Took)
		if i%10 == 9 {
			r.Status, r.Failed = phased.StatusFailed, 1
			r.Failure = &phased.Failure{Phase: "configure", Hook: "20-nginx", Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}}
		}
		all = append(all, r)
	}
	return all
}

func listOf(t *testing.T, all []phased.Summary) *Server {
	t.Helper()
	return serverOf(t, Options{Source: source{all}, Now: atThree})
}

// idsOn returns the ids of the rows of a page.
func idsOn(text string) []string {
	var ids []string
	for _, m := range regexp.MustCompile(`<tr id="run-([^"]+)"`).FindAllStringSubmatch(text, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// link returns the address of a link of a page by its words, "" where it has none.
func link(text, words string) string {
	m := regexp.MustCompile(`<a href="([^"]*)"[^>]*>` + regexp.QuoteMeta(words) + `</a>`).FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// TestPagesKeepWhatTheyShow walks through 2,000 runs by the links, forth and back,
// while new ones come.
func TestPagesKeepWhatTheyShow(t *testing.T) {
	all := someRuns(2000)
	h := listOf(t, all).Handler()
	var seen []string
	address, pages := "/", 0
	var addresses []string
	for ; address != ""; pages++ {
		_, text := get(t, h, address)
		addresses = append(addresses, address)
		seen = append(seen, idsOn(text)...)
		address = link(text, "older")
	}
	var want []string
	for _, r := range all {
		want = append(want, r.ID)
	}
	if pages != 40 || !slices.Equal(seen, want) {
		t.Fatalf("%d pages with %d runs", pages, len(seen))
	}
	_, before := get(t, h, addresses[3])
	more := append([]phased.Summary{{ID: "01M9" + strings.Repeat("0", 22), Lifecycle: "refresh", Status: phased.StatusRunning, Began: atThree()}}, all...)
	h = listOf(t, more).Handler()
	_, after := get(t, h, addresses[3])
	if diff := cmp.Diff(idsOn(before), idsOn(after)); diff != "" {
		t.Errorf("a page shows others after a run has come:\n%s", diff)
	}
	newer := link(after, "newer")
	_, text := get(t, h, newer)
	if diff := cmp.Diff(want[100:150], idsOn(text)); diff != "" {
		t.Errorf("newer than the fourth page is not the third:\n%s", diff)
	}
	for range 3 {
		_, text = get(t, h, link(text, "newer"))
		if len(idsOn(text)) == 0 {
			t.Fatal("the way back ends before the newest")
		}
		if link(text, "newer") == "" {
			break
		}
	}
	if idsOn(text)[0] != more[0].ID {
		t.Errorf("the way back ends at %s", idsOn(text)[0])
	}
}

// TestFilter: each field narrows the list, in the links as well.
func TestFilter(t *testing.T) {
	all := someRuns(100)
	all[3].Lifecycle, all[3].Base = "nightly", "/srv/a b&c"
	all[4].Personality = "os-refresh-config"
	all[5].Status, all[5].Ended = phased.StatusFailing, time.Time{}
	h := listOf(t, all).Handler()
	for query, want := range map[string]int{
		"":                                 50,
		"status=failed":                    10,
		"status=running":                   1,
		"text=NGINX":                       10,
		"text=exit+status+3&status=failed": 10,
		"text=" + all[7].ID[20:]:           1,
		"lifecycle=nightly":                1,
		"personality=os-refresh-config":    1,
		"base=%2Fsrv%2Fa+b%26c":            1,
		"since=10m":                        10,
		"since=2026-11-28T02:55":           5,
		"since=7d&status=failed":           10,
		"text=nothing":                     0,
		"unknown=field":                    50,
	} {
		answer, text := get(t, h, "/?"+query)
		if got := len(idsOn(text)); answer.StatusCode != http.StatusOK || got != want {
			t.Errorf("%s: %d rows, want %d", query, got, want)
		}
		if want == 0 && !strings.Contains(text, "No run of 100 fits") {
			t.Errorf("%s: it does not say that nothing fits", query)
		}
	}
	for _, query := range []string{"status=broken", "since=yesterday"} {
		if answer, text := get(t, h, "/?"+query); answer.StatusCode != http.StatusBadRequest || !strings.Contains(text, "expected") {
			t.Errorf("%s: %d: %s", query, answer.StatusCode, text)
		}
	}
	// The form keeps what is chosen, and so do the statuses.
	_, text := get(t, h, "/?lifecycle=refresh&text=nginx")
	if to := link(text, `<span class="status failed">failed</span> <span class="count">10</span>`); to != "/?lifecycle=refresh&status=failed&text=nginx" {
		t.Errorf("the link to the failed ones is %q", to)
	}
	for _, want := range []string{`<option value="refresh" selected>`, `name="text" value="nginx"`, `hx-sse:connect="/live/runs?lifecycle=refresh&amp;text=nginx"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s", want)
		}
	}
}

// TestFilterIsAnAddress: whatever is chosen comes back from its address.
func TestFilterIsAnAddress(t *testing.T) {
	f := filter{Status: "failed", Lifecycle: "a b", Personality: "x&y", Base: "/é", Since: "7d", Text: "<>\"'", Before: "01"}
	v, err := url.ParseQuery(f.query())
	if err != nil {
		t.Fatal(err)
	}
	got, err := filterOf(v, atThree())
	if err != nil {
		t.Fatal(err)
	}
	f.since = atThree().Add(-7 * 24 * time.Hour)
	if got != f {
		t.Errorf("%+v, want %+v", got, f)
	}
}

// TestOddRuns: runs that go on, wait, died, belong to others, or cannot be read.
func TestOddRuns(t *testing.T) {
	all := someRuns(6)
	all[0].Status, all[0].Ended, all[0].Began = phased.StatusRunning, time.Time{}, atThree().Add(-192*time.Second)
	all[1].Status, all[1].Parent = phased.StatusWaiting, all[0].ID
	all[2].Status, all[2].Ended, all[2].Ran, all[2].Resumes = phased.StatusInterrupted, time.Time{}, 0, all[3].ID
	all[4] = phased.Summary{ID: all[4].ID, Status: phased.StatusInterrupted}
	all = append(all, phased.Summary{ID: "01M7" + strings.Repeat("0", 22)}) // nobody may read it
	_, text := get(t, listOf(t, all).Handler(), "/")
	if n := strings.Count(text, "its record cannot be read"); n != 2 || strings.Count(text, "so far") != 1 {
		t.Errorf("%d records cannot be read: %s", n, text)
	}
	for _, want := range []string{
		"3 min so far", "waiting-reboot", "interrupted", "its record cannot be read",
		`inside <a href="/runs/` + all[0].ID + `">`, `resumes <a href="/runs/` + all[3].ID + `">`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if n := strings.Count(text, `<td class="number">7</td>`); n != 3 { // of those whose record was closed
		t.Errorf("%d rows say how many hooks ran", n)
	}
	if _, text := get(t, listOf(t, nil).Handler(), "/"); !strings.Contains(text, "No run is on record yet") {
		t.Errorf("an empty record: %s", text)
	}
}

// TestListIsSentWhenItChanges: time that goes by is sent alone.
func TestListIsSentWhenItChanges(t *testing.T) {
	all := someRuns(3)
	all[0].Status, all[0].Ended = phased.StatusRunning, time.Time{}
	now := atThree()
	s := serverOf(t, Options{Source: source{all}, Now: func() time.Time { return now }})
	text := func() map[string]string {
		f, err := filterOf(nil, now)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for _, p := range s.found(all, f).parts(counted(all, f)) {
			made, err := s.fragment("runs.html", p)
			if err != nil {
				t.Fatal(err)
			}
			if p.Key != "" {
				made = p.Key
			}
			found[p.ID] = made
		}
		return found
	}
	changed := func(was map[string]string) []string {
		var ids []string
		for id, now := range text() {
			if was[id] != now {
				ids = append(ids, id)
			}
		}
		slices.Sort(ids)
		return ids
	}
	was := text()
	now = now.Add(time.Second)
	all[0].Took += time.Second // of its last event
	if diff := cmp.Diff([]string{"went-" + all[0].ID}, changed(was)); diff != "" {
		t.Errorf("a second later (-want +got):\n%s", diff)
	}
	was = text()
	all[0].Status, all[0].Ended = phased.StatusSucceeded, now
	if diff := cmp.Diff([]string{"found", "statuses"}, changed(was)); diff != "" {
		t.Errorf("when it has ended (-want +got):\n%s", diff)
	}
}
