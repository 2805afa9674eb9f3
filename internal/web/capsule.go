package web

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"phased/internal/phased"
	"phased/internal/report"
)

// Capsule is a run as one page that needs no server: nothing in it runs, is loaded
// or leads elsewhere.
type Capsule struct {
	Run phased.Run
	// Damage tells why the record could not be read to its end; "": it could.
	Damage string
	// Events yields the events of the run, with as much of the output as goes in.
	Events func() iter.Seq2[phased.Event, error]
	// Record writes what the run can be read from again into the page, as lines that
	// a browser does not show.
	Record func(io.Writer) error
	// LeftOut is how many bytes of output do not go in, because of Limit.
	LeftOut, Limit int64
	Version        string
	Made           time.Time
}

// capsuleBody is what the page shows.
type capsuleBody struct {
	Run     runBody
	Title   string
	Host    string
	Version string
	Made    time.Time
	LeftOut int64
	Limit   int64
	Ended   bool
	Phases  []capsulePhase
	Space   []changeRow // what the variable space began with
}

// capsulePhase is a phase with what is told of each hook, and its plan.
type capsulePhase struct {
	ID      string
	Name    string
	Status  phased.Status
	Hooks   []capsuleHook
	Entries []phased.Entry
	Dirs    []phased.Text
	Why     string // it was skipped
}

// capsuleHook is one hook; a folded one in most cases.
type capsuleHook struct {
	hookBody
	ID   string
	Size string
	Text template.HTML // of its log
	Open bool
}

// Write writes the page.
func (c Capsule) Write(to io.Writer) error {
	w := bufio.NewWriter(to)
	body, err := c.body()
	if err != nil {
		return err
	}
	s := &Server{Options: Options{Version: c.Version}}
	pages, err := template.New("capsule.html").Funcs(s.functions()).ParseFS(assets, "templates/parts/*.html", "templates/capsule/*.html")
	if err != nil {
		return fmt.Errorf("cannot read the page: %w", err)
	}
	if err := c.head(w, body.Title); err != nil {
		return err
	}
	if err := pages.Execute(w, body); err != nil {
		return fmt.Errorf("cannot make the page: %w", err)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := c.Record(to); err != nil {
		return fmt.Errorf("cannot put the record into the page: %w", err)
	}
	_, err = io.WriteString(to, "</body>\n</html>\n")
	return err
}

// head writes what stands before the page: a policy that lets nothing happen but
// the one style sheet, by its digest.
func (c Capsule) head(w io.Writer, title string) error {
	var styles strings.Builder
	for _, name := range []string{"static/style.css", "static/run.css", "static/capsule.css"} {
		text, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		styles.Write(text)
	}
	sum := sha256.Sum256([]byte(styles.String()))
	_, err := fmt.Fprintf(w, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>%s</title>
<style>%s</style>
</head>
`, base64.StdEncoding.EncodeToString(sum[:]), template.HTMLEscapeString(title), styles.String())
	return err
}

// maker makes the parts of the page. What still runs has done so until the last event:
// who reads it later knows no better.
func (c Capsule) maker() runMaker {
	return runMaker{words: report.NewPage(report.Style{}), now: c.now(), link: c.link}
}

func (c Capsule) now() time.Time { return c.Run.Began.Add(c.Run.Took) }

// link is where a hook is in the page.
func (c Capsule) link(phase string, hook phased.Text) string {
	for i, p := range slices.Backward(c.Run.Phases) {
		if p.Phase == phase {
			return "#" + capsuleID(i, hook)
		}
	}
	return ""
}

// capsuleID names a hook in the page; two names are never one.
func capsuleID(phase int, hook phased.Text) string {
	id := []byte("h" + strconv.Itoa(phase) + "-")
	for i := range len(hook) {
		switch c := hook[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-':
			id = append(id, c)
		default:
			id = fmt.Appendf(id, "_%02x", c)
		}
	}
	return string(id)
}

// body works out the whole page.
func (c Capsule) body() (capsuleBody, error) {
	logs := newCapsuleLogs(c.Run.Start.Output != "inherited")
	for e, err := range c.Events() {
		if err != nil {
			return capsuleBody{}, err
		}
		logs.event(e)
	}
	logs.end(c.Run.Status.Final())
	m := c.maker()
	b := capsuleBody{Made: c.Made, LeftOut: c.LeftOut, Limit: c.Limit, Version: c.Version, Host: report.Safe(c.Run.Start.Host, false), Ended: c.Run.Status.Final(), Space: logs.space}
	if phase, hook, ok := report.Subject(c.Run); ok {
		if l := logs.hooks[capsuleKey{phase, hook}]; l != nil {
			m.tail = l.lines[max(0, len(l.lines)-storyTail):]
		}
	}
	b.Run = m.body(&c.Run)
	b.Run.Damage, b.Run.Tail, b.Run.Subject = c.Damage, logHTML(m.tail), ""
	b.Title = statusWord(c.Run.Status) + ": " + b.Run.Title + " on " + b.Host
	s := &Server{Options: Options{Now: c.now}}
	for i := range c.Run.Phases {
		b.Phases = append(b.Phases, c.phase(s, i, logs))
	}
	return b, nil
}

// phase works out one phase.
func (c Capsule) phase(s *Server, i int, logs *capsuleLogs) capsulePhase {
	p := &c.Run.Phases[i]
	one := capsulePhase{ID: "p" + strconv.Itoa(i), Name: report.Safe(p.Phase, false), Status: p.Status, Entries: p.Entries, Dirs: p.Dirs, Why: report.Safe(p.Reason, false)}
	entries := make(map[phased.Text]*phased.Entry, len(p.Entries))
	for j := range p.Entries {
		entries[p.Entries[j].Name] = &p.Entries[j]
	}
	for _, row := range rowsOf(p) {
		h := capsuleHook{ID: capsuleID(i, row.Name), hookBody: hookBody{Phase: p.Phase, Hook: row.Name, Row: row, Last: row.Last(), Entry: entries[row.Name]}}
		s.tellHook(&h.hookBody, &c.Run)
		h.Options = s.options(&h.hookBody)
		if l := logs.hooks[capsuleKey{p.Phase, row.Name}]; l != nil {
			h.Text, h.Changes = logHTML(l.lines), l.changes
		}
		if h.Last != nil {
			h.Size = wrote(h.Last)
			h.Open = h.Last.Exit != nil && !h.Last.Exit.OK() && !h.Last.Ignored
		}
		one.Hooks = append(one.Hooks, h)
	}
	return one
}

// capsuleKey names a hook of a run.
type capsuleKey struct {
	phase string
	hook  phased.Text
}

// capsuleLog is what only the events have of a hook.
type capsuleLog struct {
	reader  *logReader
	lines   []logLine
	changes []changeRow
}

// capsuleLogs takes the events of a run apart by hook.
type capsuleLogs struct {
	captured bool
	hooks    map[capsuleKey]*capsuleLog
	space    []changeRow
}

func newCapsuleLogs(captured bool) *capsuleLogs {
	return &capsuleLogs{captured: captured, hooks: map[capsuleKey]*capsuleLog{}}
}

func (l *capsuleLogs) of(phase string, hook phased.Text) *capsuleLog {
	key := capsuleKey{phase, hook}
	one := l.hooks[key]
	if one == nil {
		one = &capsuleLog{}
		one.reader = &logReader{words: report.NewPage(report.Style{}), emit: func(line logLine) { one.lines = append(one.lines, line) }}
		l.hooks[key] = one
	}
	return one
}

// event takes the next event of the run.
func (l *capsuleLogs) event(e phased.Event) {
	var phase string
	var hook phased.Text
	switch d := e.Data.(type) {
	case phased.SpaceChanged:
		l.changed(d)
		return
	case phased.HookStarted:
		phase, hook = d.Phase, d.Hook
	case phased.HookOutput:
		phase, hook = d.Phase, d.Hook
	case phased.HookCut:
		phase, hook = d.Phase, d.Hook
	case phased.HookProgress:
		phase, hook = d.Phase, d.Hook
	case phased.HookSignalled:
		phase, hook = d.Phase, d.Hook
	case phased.HookFinished:
		phase, hook = d.Phase, d.Hook
	default:
		return
	}
	if l.captured {
		l.of(phase, hook).reader.event(e)
	}
}

func (l *capsuleLogs) changed(d phased.SpaceChanged) {
	words := report.NewPage(report.Style{})
	rows := &l.space
	if d.Hook != "" {
		rows = &l.of(d.Phase, d.Hook).changes
	}
	for _, c := range d.Changes {
		var row changeRow
		row.Name, row.What, row.Was, row.Is = words.Change(c)
		*rows = append(*rows, row)
	}
}

// end takes what has no line end, and what is known of output that is not on record;
// over says that the run is.
func (l *capsuleLogs) end(over bool) {
	for _, one := range l.hooks {
		one.lines = append(one.lines, one.reader.pending()...)
		if p := one.reader.progress; p != nil {
			one.lines = append(one.lines, progressLines(p, over)...)
		}
	}
}
