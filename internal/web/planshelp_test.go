package web

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

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

func (p planRecord) Hook(_ context.Context, run, phase string, hook phased.Text) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		text := p.output[run+" "+phase+"/"+string(hook)]
		for len(text) > 0 {
			n := min(len(text), 64<<10)
			if !yield(phased.Event{Data: phased.HookOutput{Phase: phase, Hook: hook, Stream: "out", Text: phased.Text(text[:n])}}, nil) {
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
		Source: p, Hook: p.Hook, Now: planNow, Host: "example",
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

func newRecorder() *httptest.ResponseRecorder { return httptest.NewRecorder() }

func newRequest(address string) *http.Request {
	return httptest.NewRequest(http.MethodGet, "http://localhost"+address, http.NoBody)
}

type htmlAttribute = html.Attribute
