package web

import (
	"context"
	"fmt"
	"html/template"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// hookBody is what the page of a hook shows.
type hookBody struct {
	RunID    string
	RunTitle string
	Began    time.Time // of the run
	Phase    string
	Hook     phased.Text
	Address  string // of this page
	Row      hookRow
	Last     *phased.HookRun // nil: it was not started
	Entry    *phased.Entry   // nil: the phase does not list it
	How      string
	Took     string
	Usual    string
	Where    string
	Warn     []string
	Quiet    []string
	Attempts []string
	Inherits string
	Log      *logView
	Facts    []report.Fact
	Options  []report.Fact
	Explain  string // command that tells where they came from; "": there is none
	Inputs   []phased.Input
	Left     []phased.LeftBehind
	LeftMore int
	Changes  []changeRow
	Summary  template.HTML
	Cut      int64 // bytes of the summary's whole, where it was cut
	Chart    template.HTML
	Past     []Past
	Reading  bool
	Previous *hookLink
	Next     *hookLink
	Damage   string
	Live     string
}

// hookLink leads to another hook of the run.
type hookLink struct{ Name, Address string }

// changeRow is one change of the variable space.
type changeRow struct{ Name, What, Was, Is string }

// logView is a part of a log with its ways to others.
type logView struct {
	logPart
	HTML                    template.HTML
	Pending                 template.HTML
	Older, Newer, End       string // addresses; "": there is none
	PrevHit, NextHit, Clear string
	Both, Out, Err          string
	Download                string
	Goes                    bool // there may be more
}

// hookEvents yields what is on record of the hook.
func (s *Server) hookEvents(ctx context.Context, id, phase string, hook phased.Text) logEvents {
	return func() iter.Seq2[phased.Event, error] { return s.Hook(ctx, id, phase, hook) }
}

// findHook returns the place of a hook in a run.
func findHook(run *phased.Run, phase string, hook phased.Text) (p *phased.PhaseRun, rows []hookRow, at int) {
	for i := len(run.Phases) - 1; i >= 0; i-- {
		if run.Phases[i].Phase != phase {
			continue
		}
		rows = rowsOf(&run.Phases[i])
		at = slices.IndexFunc(rows, func(r hookRow) bool { return r.Name == hook })
		return &run.Phases[i], rows, at
	}
	return nil, nil, -1
}

// entryOf returns what a phase says of an entry; nil: nothing.
func entryOf(p *phased.PhaseRun, name phased.Text) *phased.Entry {
	for i := range p.Entries {
		if p.Entries[i].Name == name {
			return &p.Entries[i]
		}
	}
	return nil
}

// hookPage is the page of one hook of a run.
func (s *Server) hookPage(w http.ResponseWriter, r *http.Request) error {
	run, damage, err := s.runOf(w, r)
	if err != nil || run == nil {
		return err
	}
	phase, hook := r.PathValue("phase"), phased.Text(r.PathValue("hook"))
	p, rows, at := findHook(run, phase, hook)
	if p == nil {
		return notFound("run %s has not entered a phase %s", run.ID, report.Name(phased.Text(phase)))
	}
	entry := entryOf(p, hook)
	if at < 0 && entry == nil {
		return notFound("phase %s of run %s has no hook %s", report.Name(phased.Text(phase)), run.ID, report.Name(hook))
	}
	b := s.hookBody(run, p, hook)
	b.Entry, b.Damage = entry, damage
	if at >= 0 {
		b.Row, b.Last = rows[at], rows[at].Last()
		s.tellHook(&b, run)
	}
	b.neighbours(run)
	if err := s.tellPast(r.Context(), &b, run); err != nil {
		return err
	}
	b.Options = s.options(&b)
	b.Explain = s.explain(&b, run)
	if err := s.tellChanges(r.Context(), &b, run); err != nil {
		b.Damage = err.Error()
	}
	if err := s.tellLog(r, &b, run); err != nil {
		b.Damage = err.Error()
	}
	title := statusWord(b.Row.Status()) + ": " + hookText(phase, hook)
	return s.show(w, http.StatusOK, "hook.html", page{Title: title, Here: "runs", Body: b})
}

func (s *Server) hookBody(run *phased.Run, p *phased.PhaseRun, hook phased.Text) hookBody {
	return hookBody{
		RunID: run.ID, RunTitle: s.words().Title(run.Start), Began: run.Began, Phase: p.Phase, Hook: hook, Address: hookAddress(run.ID, p.Phase, hook),
	}
}

// tellHook fills in what the run tells of the hook.
func (s *Server) tellHook(b *hookBody, run *phased.Run) {
	h := b.Last
	if h == nil {
		return
	}
	words := s.words()
	v := &view{Run: run, Now: runNow(run, s.Now())}
	rows := rowWriter{v: v, words: words}
	b.Took = rows.took(b.Row)
	if h.Exit != nil {
		b.How = report.ExitText(*h.Exit)
	}
	if len(b.Row.Attempts) > 1 {
		for _, one := range b.Row.Attempts {
			b.Attempts = append(b.Attempts, v.attempt(one))
		}
	}
	b.Where = words.Where(*h)
	b.Warn, b.Quiet = words.HookNotes(*run, *h)
	if len(b.Attempts) > 0 { // which say the same
		b.Quiet = slices.DeleteFunc(b.Quiet, func(l string) bool { return strings.HasPrefix(l, "attempt ") })
	}
	if run.Start.Output == "inherited" && len(b.Row.Attempts) > 0 {
		b.Inherits = words.NotRecorded(*run, *h)
	}
	b.Facts = hookFacts(words, run, h)
	b.Inputs, b.Left, b.LeftMore = h.Inputs, h.LeftBehind, h.LeftMore
	if h.Summary != "" {
		b.Summary, b.Cut = summaryHTML(string(h.Summary)), h.SummarySize
	}
}

// neighbours finds the hooks before and behind, in run order.
func (b *hookBody) neighbours(run *phased.Run) {
	var last *hookLink
	found := false
	for i := range run.Phases {
		for _, row := range rowsOf(&run.Phases[i]) {
			name := run.Phases[i].Phase
			one := &hookLink{hookText(name, row.Name), hookAddress(run.ID, name, row.Name)}
			if found {
				b.Next = one
				return
			}
			if name == b.Phase && row.Name == b.Hook {
				found, b.Previous = true, last
			}
			last = one
		}
	}
}

// tellPast fills in what earlier runs tell of the hook.
func (s *Server) tellPast(ctx context.Context, b *hookBody, run *phased.Run) error {
	if s.History == nil {
		return nil
	}
	all, err := s.Source.Runs(ctx)
	if err != nil {
		return fmt.Errorf("cannot read the record: %w", err)
	}
	history := s.History(ctx, run, all)
	if history == nil {
		b.Reading = true
		return nil
	}
	past := history.Past(b.Phase, b.Hook)
	usual, known := history.Usual(b.Phase, b.Hook)
	b.Chart, b.Past = chart(past, usual, known, run.ID), newestFirst(past)
	if known {
		b.Usual = s.words().Usual(usual)
	}
	return nil
}

// tellChanges fills in what the hook changed in the variable space.
func (s *Server) tellChanges(ctx context.Context, b *hookBody, run *phased.Run) error {
	if b.Last == nil || b.Last.Changes == 0 || s.Hook == nil {
		return nil
	}
	words := s.words()
	for e, err := range s.Hook(ctx, run.ID, b.Phase, b.Hook) {
		if err != nil {
			return err
		}
		if d, ok := e.Data.(phased.SpaceChanged); ok {
			for _, c := range d.Changes {
				var row changeRow
				row.Name, row.What, row.Was, row.Is = words.Change(c)
				b.Changes = append(b.Changes, row)
			}
		}
	}
	return nil
}

// tellLog fills in the log.
func (s *Server) tellLog(r *http.Request, b *hookBody, run *phased.Run) error {
	awaited := !run.Status.Final() && b.Row.Due
	if run.Start.Output == "inherited" || len(b.Row.Attempts) == 0 && !awaited || s.Hook == nil {
		return nil
	}
	q := logQueryOf(r.URL.Query())
	part, err := readLog(s.hookEvents(r.Context(), run.ID, b.Phase, b.Hook), s.words(), q)
	if err != nil {
		return err
	}
	part.Reader.over = run.Status.Final()
	b.Log = newLogView(part, b.Address)
	if b.Log.Goes = !run.Status.Final() && (awaited || part.Reader.goesOn()); b.Log.Goes {
		live := url.Values{"after": {strconv.FormatUint(part.Reader.seq, 10)}}
		if q.Stream != "" {
			live.Set("stream", q.Stream)
		}
		if part.More || q.Find != "" || q.From > 0 {
			live.Set("log", "no")
		}
		b.Live = b.Address + "/live?" + live.Encode()
	}
	return nil
}

// logQueryOf reads which part of a log is asked for. What makes no sense is left
// out.
func logQueryOf(v url.Values) logQuery {
	from, _ := strconv.Atoi(v.Get("from"))
	at, _ := strconv.Atoi(v.Get("at"))
	q := logQuery{From: max(0, from), At: max(0, at), Find: v.Get("q")}
	if q.Find = strings.TrimSpace(q.Find); len(q.Find) > 200 {
		q.Find = q.Find[:200]
	}
	if s := v.Get("stream"); s == "out" || s == "err" {
		q.Stream = s
	}
	return q
}

// newLogView makes the HTML of a part of a log, and the addresses of others.
func newLogView(part logPart, address string) *logView {
	l := &logView{logPart: part, Download: address + "/log"}
	to := func(change func(url.Values), at string) string {
		v := url.Values{}
		if part.Find != "" {
			v.Set("q", part.Find)
		}
		if part.Stream != "" {
			v.Set("stream", part.Stream)
		}
		change(v)
		if len(v) == 0 {
			return address + at
		}
		return address + "?" + v.Encode() + at
	}
	line := func(n int) string {
		return to(func(v url.Values) { v.Set("from", strconv.Itoa(max(1, n))) }, "#L"+strconv.Itoa(max(1, n)))
	}
	hit := func(n int) string {
		if n == 0 {
			return ""
		}
		return to(func(v url.Values) { v.Set("at", strconv.Itoa(n)) }, "#L"+strconv.Itoa(n))
	}
	if part.First > 1 {
		l.Older = line(part.First - pageLines)
	}
	if part.More {
		l.Newer = line(part.Last + 1)
		l.End = to(func(v url.Values) { v.Del("q") }, "#end")
	}
	l.PrevHit, l.NextHit = hit(part.Prev), hit(part.Next)
	l.Clear = to(func(v url.Values) { v.Del("q") }, "#log")
	l.Both = to(func(v url.Values) { v.Del("stream") }, "#log")
	l.Out = to(func(v url.Values) { v.Set("stream", "out") }, "#log")
	l.Err = to(func(v url.Values) { v.Set("stream", "err") }, "#log")
	if part.Stream != "" {
		l.Download += "?stream=" + part.Stream
	}
	w := logWriter{find: part.Find, target: part.At, pens: part.Pens}
	w.link = to(func(v url.Values) { v.Set("from", strconv.Itoa(max(1, part.First))) }, "")
	w.lines(part.Lines)
	l.HTML = w.html()
	if part.Reader != nil && part.Reader.goesOn() && !part.More {
		l.Pending = pendingHTML(part.Reader)
	}
	return l
}

// pendingHTML shows what a hook that runs has written without a line end, and what
// is known of output that is not on record yet.
func pendingHTML(r *logReader) template.HTML {
	var w logWriter
	w.lines(r.pending())
	if p := r.progress; p != nil {
		w.lines(progressLines(p, r.over))
	}
	return w.html()
}

// progressLines are the last lines of a hook that has written more than is recorded
// as it comes; over says that nothing more will be, as that of a run which died.
func progressLines(p *phased.HookProgress, over bool) []logLine {
	text := report.Written(*p) + ", more than is recorded as it comes; its last lines:"
	if over {
		text = report.WrittenInAll(*p)
	}
	all := []logLine{{Text: text}}
	for _, l := range p.Last {
		all = append(all, logLine{Stream: l.Stream, Text: string(l.Text), unnumbered: true})
	}
	return all
}
