package web

import (
	"context"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

// source is a Source of runs that lie in memory.
type source struct{ runs []phased.Summary }

func (s source) Runs(context.Context) ([]phased.Summary, error) { return s.runs, nil }

func (s source) Run(context.Context, string) (phased.Run, error) {
	return phased.Run{}, phased.ErrNoRun
}

func (s source) Follow(context.Context, string, uint64) iter.Seq2[phased.Event, error] {
	return func(func(phased.Event, error) bool) {}
}

// get asks for an address and returns the answer and its text.
func get(t *testing.T, h http.Handler, address string) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+address, http.NoBody))
	return w.Result(), w.Body.String()
}

func pagesOf(t *testing.T, src phased.Source) http.Handler {
	t.Helper()
	s, err := New(Options{Source: src, Host: "example"})
	if err != nil {
		t.Fatal(err)
	}
	return s.Handler()
}

// TestRunsAreText: what a run says of itself is text, never markup.
func TestRunsAreText(t *testing.T) {
	h := pagesOf(t, source{[]phased.Summary{{
		ID: "01M8HK8PRV875TVJ7TJATP9QDC", Lifecycle: "refresh", Base: "/<script>alert(1)</script>\x1b[31m",
		Status: phased.StatusFailed, Began: time.Unix(1, 0),
		Failure: &phased.Failure{Phase: "configure", Hook: "10-<b>", Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}},
	}}})
	answer, text := get(t, h, "/")
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", answer.StatusCode, text)
	}
	for _, bad := range []string{"<script>alert", "<b>", "\x1b"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, want := range []string{"10-&lt;b&gt;", "/&lt;script&gt;", "failed"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q:\n%s", want, text)
		}
	}
}
