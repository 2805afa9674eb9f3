package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// runsShown is how many runs a page of the list has.
const runsShown = 50

// runsBody is the list of runs.
type runsBody struct {
	Filter   filter
	Statuses []statusCount
	Offered  offered
	Found    runsFound
	Live     string // address of the stream of news
}

// runsFound is the part of the list that follows what happens.
type runsFound struct {
	Rows         []runRow
	First, Last  int // numbers of the rows among those that fit, from 1
	Fit, All     int
	Newer, Older string // addresses of the pages beside this one; "": there is none
	Newest       string // address of the first page
}

// runRow is a run with how it stands now.
type runRow struct {
	phased.Summary
	Went time.Duration // since it began, where it goes on
}

// Unread reports whether nothing of the run's record could be read.
func (r runRow) Unread() bool { return r.Lifecycle == "" && !r.GoesOn() }

// GoesOn reports whether the run has not ended. One whose record nobody may read
// has no status.
func (r runRow) GoesOn() bool { return r.Status != "" && !r.Status.Final() }

// Counted reports whether the record says how many hooks ran: it does where it
// was closed.
func (r runRow) Counted() bool { return r.Status.Final() && !r.Ended.IsZero() }

// statusCount is a status with how many runs of it fit the rest of the filter.
type statusCount struct {
	Status  phased.Status // "": all
	Count   int
	Address string
	Here    bool
}

// offered is what the fields of the filter offer: what is on record.
type offered struct {
	Lifecycles, Personalities, Bases []string
}

// statuses lists those that a run on the list has, in the order in which one
// wants to know of them. A run that is failing is on the list as running.
func statuses() []phased.Status {
	return []phased.Status{
		phased.StatusRunning, phased.StatusWaiting, phased.StatusFailed, phased.StatusTimedOut,
		phased.StatusInterrupted, phased.StatusStopped, phased.StatusSucceeded,
	}
}

// runsPage lists the runs, newest first.
func (s *Server) runsPage(w http.ResponseWriter, r *http.Request) error {
	f, err := filterOf(r.URL.Query(), s.Now())
	if err != nil {
		return err
	}
	all, err := s.runs(r.Context())
	if err != nil {
		return err
	}
	body := runsBody{Filter: f, Statuses: counted(all, f), Offered: offeredBy(all), Found: s.found(all, f)}
	body.Live = "/live/runs"
	if q := f.query(); q != "" {
		body.Live += "?" + q
	}
	return s.show(w, http.StatusOK, "runs.html", page{Title: "Runs", Here: "runs", Body: body})
}

// runsLive keeps the list up to date. What time goes by is told apart, so that
// the list is sent only when it has changed.
func (s *Server) runsLive(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	return s.live(w, r, "runs.html", func(ctx context.Context) (frame, error) {
		f, err := filterOf(query, s.Now()) // "within the last hour" moves on
		if err != nil {
			return frame{}, err
		}
		all, err := s.runs(ctx)
		if err != nil {
			return frame{}, err
		}
		found := s.found(all, f)
		return frame{Parts: found.parts(counted(all, f))}, nil
	})
}

func (s *Server) runs(ctx context.Context) ([]phased.Summary, error) {
	all, err := s.Source.Runs(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot read the record: %w", err)
	}
	return all, nil
}

// parts are those of the list's page.
func (l runsFound) parts(counts []statusCount) []part {
	parts := []part{
		{ID: "statuses", Name: "statuses", Data: counts, Key: fmt.Sprint(counts)},
		{ID: "found", Name: "found", Data: l, Key: l.key()},
	}
	for _, r := range l.Rows {
		if r.GoesOn() {
			parts = append(parts, part{ID: "went-" + r.ID, Name: "went", Data: r})
		}
	}
	return parts
}

// key is what the list shows but for the time that goes by.
func (l runsFound) key() string {
	l.Rows = slices.Clone(l.Rows)
	for i := range l.Rows {
		l.Rows[i].Went = 0
		if l.Rows[i].GoesOn() {
			l.Rows[i].Took = 0 // it is of the last event so far
		}
	}
	text, err := json.Marshal(l)
	if err != nil { // a summary is always text
		return ""
	}
	return string(text)
}

// found returns the page of the list that the filter names.
func (s *Server) found(all []phased.Summary, f filter) runsFound {
	var fit []phased.Summary
	for _, r := range all {
		if f.fits(r) {
			fit = append(fit, r)
		}
	}
	// Ids sort by time, and pages are named by an id: they keep what they show
	// while new runs come.
	from := 0
	switch {
	case f.Before != "":
		from = len(fit)
		if i := slices.IndexFunc(fit, func(r phased.Summary) bool { return r.ID < f.Before }); i >= 0 {
			from = i
		}
	case f.After != "":
		end := len(fit)
		if i := slices.IndexFunc(fit, func(r phased.Summary) bool { return r.ID <= f.After }); i >= 0 {
			end = i
		}
		from = max(0, end-runsShown)
	}
	to := min(len(fit), from+runsShown)
	l := runsFound{Fit: len(fit), All: len(all), First: from + 1, Last: to, Newest: f.at("", "")}
	now := s.Now()
	for _, r := range fit[from:to] {
		row := runRow{Summary: r}
		if !r.Status.Final() && !r.Began.IsZero() {
			row.Went = max(0, now.Sub(r.Began))
		}
		l.Rows = append(l.Rows, row)
	}
	if from > 0 {
		if l.Newer = l.Newest; from > runsShown {
			l.Newer = f.at("after", fit[from].ID)
			if from == len(fit) {
				l.Newer = f.at("after", fit[from-1].ID)
			}
		}
	}
	if to < len(fit) && to > 0 {
		l.Older = f.at("before", fit[to-1].ID)
	}
	return l
}

// counted counts the runs that fit but for their status.
func counted(all []phased.Summary, f filter) []statusCount {
	chosen := f.Status
	f.Status = ""
	count, sum := map[phased.Status]int{}, 0
	for _, r := range all {
		if f.fits(r) {
			count[onList(r.Status)]++
			sum++
		}
	}
	rows := []statusCount{{Count: sum, Address: f.at("", ""), Here: chosen == ""}}
	for _, st := range statuses() {
		if count[st] == 0 && st != chosen {
			continue
		}
		f.Status = st
		rows = append(rows, statusCount{Status: st, Count: count[st], Address: f.at("", ""), Here: chosen == st})
	}
	return rows
}

// onList is the status by which a run is counted.
func onList(s phased.Status) phased.Status {
	if s == phased.StatusFailing {
		return phased.StatusRunning
	}
	return s
}

// offeredBy collects what is on record, in order and without end.
func offeredBy(all []phased.Summary) offered {
	const most = 100
	collect := func(of func(phased.Summary) string) []string {
		seen := map[string]bool{}
		var words []string
		for _, r := range all {
			if word := of(r); word != "" && !seen[word] && len(words) < most {
				seen[word] = true
				words = append(words, word)
			}
		}
		slices.Sort(words)
		return words
	}
	return offered{
		Lifecycles:    collect(func(r phased.Summary) string { return report.Safe(r.Lifecycle, false) }),
		Personalities: collect(func(r phased.Summary) string { return report.Safe(r.Personality, false) }),
		Bases:         collect(func(r phased.Summary) string { return nameOf(r.Base) }),
	}
}

// at returns the address of the list with this filter, at a page.
func (f filter) at(side, id string) string {
	f.Before, f.After = "", ""
	switch side {
	case "before":
		f.Before = id
	case "after":
		f.After = id
	}
	if q := f.query(); q != "" {
		return "/?" + q
	}
	return "/"
}

// query returns the filter as an address has it.
func (f filter) query() string {
	v := url.Values{}
	for _, field := range f.fields() {
		if *field.value != "" {
			v.Set(field.name, *field.value)
		}
	}
	return v.Encode()
}
