package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// storyTail is how many of the last lines of a hook the story of a run has.
const storyTail = 15

// runBody is what the page of a run shows. A page that has no server behind it is
// made of the same.
type runBody struct {
	ID       string
	Run      *phased.Run
	Title    string
	Tally    string
	Began    time.Time
	Took     string
	Trigger  string
	Heading  *report.Heading
	Subject  string // address of the hook that the heading is about
	Tail     template.HTML
	Inherits string // where its output went, where that was not recorded
	Next     [][2]string
	Timeline template.HTML
	Longest  []pathHook
	More     int
	Between  string
	Serial   bool // all hooks are on the critical path
	Phases   template.HTML
	Notes    []runSummary
	Facts    []report.Fact
	Links    []runLink
	Damage   string
	Reading  bool   // what is usual is not known yet
	Live     string // address of the stream; "": nothing changes any more
	link     func(phase string, hook phased.Text) string
}

// Link is where a hook's page is, "" where there is none.
func (b runBody) Link(phase string, hook phased.Text) string {
	if b.link == nil {
		return ""
	}
	return b.link(phase, hook)
}

// runSummary is what a hook says of itself.
type runSummary struct {
	Phase string
	Hook  phased.Text
	Text  template.HTML
	Cut   int64 // bytes of the whole, where it was cut
}

// runLink leads to another run.
type runLink struct{ What, ID string }

// runMaker makes the parts of a run's page, with or without a server.
type runMaker struct {
	words report.Page
	now   time.Time
	usual func(phase string, hook phased.Text) (phased.Usual, bool)
	link  func(phase string, hook phased.Text) string
	tail  []logLine // the last lines of the hook that the story is about
	by    string    // the newest run that went on with it
}

// body returns the whole page of a run.
func (m runMaker) body(r *phased.Run) runBody {
	v := newView(r, m.now)
	b := m.head(v)
	m.story(v, &b)
	m.drawn(v, &b)
	rows := m.rows(v)
	b.Phases = rows.phases()
	b.Facts = m.words.Facts(*r)
	for i := range r.Phases {
		for j := range r.Phases[i].Hooks {
			if h := &r.Phases[i].Hooks[j]; h.Summary != "" {
				b.Notes = append(b.Notes, runSummary{h.Phase, h.Hook, summaryHTML(string(h.Summary)), h.SummarySize})
			}
		}
	}
	return b
}

func (m runMaker) rows(v *view) *rowWriter {
	return &rowWriter{v: v, words: m.words, usual: m.usual, link: m.link}
}

// head returns what stands at the top.
func (m runMaker) head(v *view) runBody {
	r := v.Run
	b := runBody{ID: r.ID, Trigger: m.words.Line(string(r.Start.Trigger)), Run: r, Title: m.words.Title(r.Start), Tally: m.words.Tally(*r), Began: r.Began, link: m.link}
	if r.Status.Final() {
		b.Took = report.Took(r.Took)
	} else {
		b.Took = report.About(v.Now) + " so far"
	}
	return b
}

// story tells what failed, or runs.
func (m runMaker) story(v *view, b *runBody) {
	st := report.Story{Run: *v.Run, ResumedBy: m.by}
	b.Heading = m.words.Heading(st)
	if b.Heading != nil || !v.Run.Status.Final() {
		b.Next = m.words.NextSteps(st)
	}
	if b.Heading == nil || b.Heading.Hook == "" {
		return
	}
	if m.link != nil {
		b.Subject = m.link(b.Heading.Phase, b.Heading.Hook)
	}
	h := v.Run.Hook(b.Heading.Phase, b.Heading.Hook)
	if h != nil && v.Run.Start.Output == "inherited" {
		b.Inherits = m.words.NotRecorded(*v.Run, *h)
	}
	w := logWriter{}
	if b.Subject != "" {
		w.link = b.Subject
	}
	w.lines(m.tail)
	b.Tail = w.html()
}

// drawn makes the timeline and what it shows, in words.
func (m runMaker) drawn(v *view, b *runBody) {
	b.Timeline = v.timeline(m.link)
	if len(v.All) < 2 {
		return
	}
	var between time.Duration
	b.Longest, b.More, between = v.longest(5)
	b.Serial = len(v.Critical) == len(v.All)
	b.Between = report.Took(between)
}

// runOf reads the run that an address names. Where it names it by another word than
// its id, the reader is sent there, and the run is nil.
func (s *Server) runOf(w http.ResponseWriter, r *http.Request) (*phased.Run, string, error) {
	id, err := s.resolve(r.Context(), r.PathValue("run"))
	if err != nil {
		return nil, "", err
	}
	if id != r.PathValue("run") {
		http.Redirect(w, r, otherRun(r, id), http.StatusFound)
		return nil, "", nil
	}
	run, damage, err := s.read(r.Context(), id)
	if err != nil {
		return nil, "", err
	}
	return &run, damage, nil
}

// resolve returns the id of the run that a word means.
func (s *Server) resolve(ctx context.Context, word string) (string, error) {
	if s.Resolve == nil {
		return word, nil
	}
	id, err := s.Resolve(ctx, word)
	switch {
	case err == nil || ctx.Err() != nil:
		return id, err
	case errors.Is(err, phased.ErrNoRun):
		return "", notFound("%v", err)
	}
	return "", badRequest("%v", err)
}

// read reads a run. damage says why only the beginning of it could be read; "": all
// of it was.
func (s *Server) read(ctx context.Context, id string) (run phased.Run, damage string, err error) {
	run, err = s.Source.Run(ctx, id)
	if err != nil && run.Seq > 0 && ctx.Err() == nil {
		return run, err.Error(), nil
	}
	return run, "", err
}

// otherRun is the address of the request with another run in it.
func otherRun(r *http.Request, id string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/runs/"), "/")
	address := runAddress(id)
	if rest != "" {
		address += "/" + rest
	}
	if r.URL.RawQuery != "" {
		address += "?" + r.URL.RawQuery
	}
	return address
}

// words are those of the reports, as they are now.
func (s *Server) words() report.Page {
	return report.NewPage(report.Style{Now: s.Now(), Flags: s.Flags})
}

// maker returns what makes the parts of a run's page. All are the runs on record.
func (s *Server) maker(ctx context.Context, r *phased.Run, all []phased.Summary) (m runMaker, known bool) {
	m = runMaker{words: s.words(), now: s.Now(), link: func(phase string, hook phased.Text) string { return hookAddress(r.ID, phase, hook) }}
	m.by = phased.NewestOf(all, r.ID)
	history := s.history(ctx, r, all)
	if history != nil {
		m.usual = history.Usual
	}
	return m, history != nil
}

func (s *Server) history(ctx context.Context, r *phased.Run, all []phased.Summary) History {
	if s.History == nil {
		return nil
	}
	return s.History(ctx, r, all)
}

// runPage is the page of one run.
func (s *Server) runPage(w http.ResponseWriter, r *http.Request) error {
	run, damage, err := s.runOf(w, r)
	if err != nil || run == nil {
		return err
	}
	all, err := s.Source.Runs(r.Context())
	if err != nil {
		return fmt.Errorf("cannot read the record: %w", err)
	}
	m, known := s.maker(r.Context(), run, all)
	if m.tail, err = s.subjectTail(r.Context(), run); err != nil {
		damage = err.Error()
	}
	b := m.body(run)
	b.Damage, b.Reading = damage, !known && s.History != nil
	b.Links = links(run, all)
	if !run.Status.Final() {
		b.Live = runAddress(run.ID) + "/live?after=" + strconv.FormatUint(run.Seq, 10)
	}
	return s.show(w, http.StatusOK, "run.html", page{Title: statusWord(run.Status) + ": " + b.Title, Here: "runs", Body: b})
}

// subjectTail returns the last lines of the hook that the story of a run is about.
func (s *Server) subjectTail(ctx context.Context, run *phased.Run) ([]logLine, error) {
	phase, hook, ok := report.Subject(*run)
	if !ok || s.Hook == nil || run.Start.Output == "inherited" {
		return nil, nil
	}
	var t ring
	r := &logReader{words: s.words(), emit: t.add, over: run.Status.Final()}
	for e, err := range s.Hook(ctx, run.ID, phase, hook) {
		if err != nil {
			return t.lines, err
		}
		r.event(e)
	}
	return t.with(r), nil
}

// ring keeps the last lines of a log.
type ring struct{ lines []logLine }

func (t *ring) add(l logLine) {
	if len(t.lines) == storyTail {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, l)
}

// with returns the last lines with those that have no end yet, or that are known
// before they are on record.
func (t *ring) with(r *logReader) []logLine {
	all := append([]logLine(nil), t.lines...)
	all = append(all, r.pending()...)
	if p := r.progress; p != nil {
		all = append(all, progressLines(p, r.over)...)
	}
	return all[max(0, len(all)-storyTail):]
}

// links returns the runs that belong to a run.
func links(run *phased.Run, runs []phased.Summary) []runLink {
	var all []runLink
	add := func(what, id string) {
		if id != "" {
			all = append(all, runLink{what, id})
		}
	}
	add("inside of run", run.Start.Parent)
	add("goes on with run", run.Start.Resumes)
	if run.Start.From != run.Start.Resumes {
		add("began with the variable space of run", run.Start.From)
	}
	before, after := "", ""
	for i := range runs {
		o := &runs[i]
		if o.Resumes == run.ID {
			add("is gone on with by run", o.ID)
		}
		if o.Parent == run.ID {
			add("has started run", o.ID)
		}
		if o.Lifecycle != run.Start.Lifecycle || o.Base != run.Start.Base || o.Parent != run.Start.Parent {
			continue
		}
		switch {
		case o.ID > run.ID:
			after = o.ID // they come newest first
		case o.ID < run.ID && before == "":
			before = o.ID
		}
	}
	add("the one before", before)
	add("the one after", after)
	return all
}
