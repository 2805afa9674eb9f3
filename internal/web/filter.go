package web

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"phased/internal/config"
	"phased/internal/phased"
	"phased/internal/report"
)

// filter is which runs the list shows. Its fields are those of the form.
type filter struct {
	Status      phased.Status
	Lifecycle   string
	Personality string
	Base        string
	Since       string
	Text        string // in the id, the base, or what failed
	Before      string // id: only older runs
	After       string // id: only newer runs

	since time.Time
}

// field is a field of the filter with its name in an address.
type field struct {
	name  string
	value *string
}

func (f *filter) fields() []field {
	return []field{
		{"status", (*string)(&f.Status)},
		{"lifecycle", &f.Lifecycle},
		{"personality", &f.Personality},
		{"base", &f.Base},
		{"since", &f.Since},
		{"text", &f.Text},
		{"before", &f.Before},
		{"after", &f.After},
	}
}

// filterOf reads a filter from an address. What an address has besides is
// nobody's.
func filterOf(v url.Values, now time.Time) (filter, error) {
	var f filter
	for _, field := range f.fields() {
		*field.value = strings.TrimSpace(v.Get(field.name))
	}
	if f.Status != "" && !slices.Contains(statuses(), f.Status) {
		return filter{}, badRequest("There is no status %q: expected running, waiting-reboot, failed, timed-out, interrupted, stopped or succeeded.", f.Status)
	}
	var err error
	f.since, err = sinceOf(f.Since, now)
	return f, err
}

// sinceOf reads a duration before now, or a date in UTC, as the pages have them.
func sinceOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := config.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, time.UTC); err == nil {
			return t, nil
		}
	}
	return time.Time{}, badRequest("Since %q: expected a duration such as 36h or 7d, or a date such as 2026-03-01 or 2026-03-01T03:00 (UTC).", text)
}

// nameOf is a base as it is shown, and as an address has it: what cannot be shown
// is in no address. "" where there is none.
func nameOf(base phased.Text) string {
	if base == "" {
		return ""
	}
	return report.Name(base)
}

// fits reports whether the run is shown, on whichever page.
func (f filter) fits(r phased.Summary) bool {
	return (f.Status == "" || onList(r.Status) == f.Status) &&
		(f.Lifecycle == "" || report.Safe(r.Lifecycle, false) == f.Lifecycle) &&
		(f.Personality == "" || report.Safe(r.Personality, false) == f.Personality) &&
		(f.Base == "" || nameOf(r.Base) == f.Base || string(r.Base) == f.Base) &&
		(f.since.IsZero() || !r.Began.Before(f.since)) &&
		(f.Text == "" || f.finds(r))
}

// finds reports whether the text stands in what the list shows of a run, in
// whichever case.
func (f filter) finds(r phased.Summary) bool {
	text := strings.ToLower(f.Text)
	shown := []string{r.ID, report.Name(r.Base), r.Parent, r.Resumes, r.From}
	if r.Failure != nil {
		shown = append(shown, report.FailureText(*r.Failure), report.Name(r.Failure.Hook))
	}
	return slices.ContainsFunc(shown, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

// Narrow reports whether anything but the page is chosen.
func (f filter) Narrow() bool {
	f.Before, f.After = "", ""
	return f.query() != ""
}

// Detailed reports whether a field is chosen that narrow screens fold away.
func (f filter) Detailed() bool {
	return f.Since != "" || f.Lifecycle != "" || f.Personality != "" || f.Base != ""
}
