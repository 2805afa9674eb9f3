package web

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"phased/internal/phased"
)

//go:embed templates static
var assets embed.FS

// Options is what a Server is made of.
type Options struct {
	// Source is where runs are read from.
	Source phased.Source
	// Resolve returns the id of the run that a word names: an id, the beginning of
	// one, last, -2. phased.ErrNoRun where there is none.
	Resolve func(ctx context.Context, word string) (string, error)
	// Output yields what a hook wrote, piece by piece, as far as it is on record.
	Output func(ctx context.Context, run, phase string, hook phased.Text) iter.Seq2[phased.HookOutput, error]
	// Published returns the plans that were published; nil: none are.
	Published func(ctx context.Context) ([]phased.PublishedPlan, error)
	// Version is phased's, for the foot of each page.
	Version string
	// Host names the host whose runs these are.
	Host string
	// Streams is how many pages are kept up to date at once; 0: 64.
	Streams int
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Log hears of requests that could not be answered; nil: nobody does.
	Log *slog.Logger
}

// Server answers requests for the pages.
type Server struct {
	Options
	pages   map[string]*template.Template
	streams *streams
}

// New returns a Server, or an error where a page does not parse.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{Options: o, streams: newStreams(o.Streams)}
	var err error
	if s.pages, err = parsePages(s.functions()); err != nil {
		return nil, fmt.Errorf("cannot read the pages: %w", err)
	}
	return s, nil
}

// route is one kind of address.
type route struct {
	pattern string // of http.ServeMux
	handle  handler
}

// handler answers a request, or says why it cannot.
type handler func(http.ResponseWriter, *http.Request) error

// routes is the table of all addresses.
func (s *Server) routes() []route {
	return []route{
		{"GET /{$}", s.runsPage},
		{"GET /plans", s.plansPage},
		{"GET /plans/{plan}", s.planPage},
		{"GET /runs/{run}/plan", s.runPlanPage},
		{"GET /checks", s.checksPage},
		{"GET /compare", s.comparePage},
		{"GET /live/runs", s.runsLive},
		{"GET /static/", s.static},
	}
}

// Handler returns the pages, with what guards them around.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(r.pattern, s.answer(r.handle))
	}
	mux.HandleFunc("/", s.answer(func(http.ResponseWriter, *http.Request) error { return notFound("there is no such page") }))
	return http.NewCrossOriginProtection().Handler(s.guard(mux))
}

// guard sets the headers that every answer has.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}
