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
	// Hook yields what is on record of one hook, its output among it; nil: pages have
	// no output.
	Hook func(ctx context.Context, run, phase string, hook phased.Text) iter.Seq2[phased.Event, error]
	// History returns what other runs tell of the hooks of a run, of all that are on
	// record; nil where that is not known yet.
	History func(ctx context.Context, run *phased.Run, all []phased.Summary) History
	// Flags are those that every command which a page suggests needs.
	Flags string
	// Published returns the plans that were published; nil: none are.
	Published func(ctx context.Context) ([]phased.PublishedPlan, error)
	// Version is phased's, for the foot of each page.
	Version string
	// Host names the host whose runs these are.
	Host string
	// Token is what readers log in with; nil: nobody has to.
	Token []byte
	// Hosts are the names that this server goes by beside those of the loopback;
	// they count where there is no token.
	Hosts []string
	// Secure says that requests come by TLS.
	Secure bool
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
	pages    map[string]*template.Template
	streams  *streams
	sessions *sessions // nil: nobody has to log in
}

// New returns a Server, or an error where a page does not parse.
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{Options: o, streams: newStreams(o.Streams), sessions: newSessions(o.Token, o.Secure, o.Now)}
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
	all := []route{
		{"GET /{$}", s.runsPage},
		{"GET /live/runs", s.runsLive},
		{"GET /plans", s.plansPage},
		{"GET /plans/{plan}", s.planPage},
		{"GET /runs/{run}/plan", s.runPlanPage},
		{"GET /checks", s.checksPage},
		{"GET /compare", s.comparePage},
		{"GET /static/", s.static},
		{"GET /runs/{run}", s.runPage},
		{"GET /runs/{run}/live", s.runLive},
		{"GET /runs/{run}/phases/{phase}/hooks/{hook}", s.hookPage},
		{"GET /runs/{run}/phases/{phase}/hooks/{hook}/live", s.hookLive},
		{"GET /runs/{run}/phases/{phase}/hooks/{hook}/log", s.hookLog},
	}
	if s.sessions != nil {
		all = append(all, route{"GET /login", s.loginPage}, route{"POST /login", s.loginTry}, route{"POST /logout", s.logout})
	}
	return all
}

// Handler returns the pages, with what guards them around.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		mux.HandleFunc(r.pattern, s.answer(r.handle))
	}
	mux.HandleFunc("/", s.answer(s.nothing))
	return s.guard(http.NewCrossOriginProtection().Handler(s.hosts(s.login(mux))))
}
