package web

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"strconv"

	"phased/internal/phased"
)

// freshLines is how many new lines a page is sent at once: of more, the last ones.
const freshLines = 500

// hookWatch is the page of a hook that runs.
type hookWatch struct {
	server *Server
	follow *follower
	phase  string
	hook   phased.Text
	link   string // of lines
	stream string // out or err alone; "": both
	quiet  bool   // the page does not show the end of the log
	after  uint64 // what the reader has seen
	reader *logReader
	fresh  []logLine
	passed int // new lines that were left out
	pens   [2]pen
	ended  bool
	told   bool // that it has ended was sent; what is told of it behind its end may come still
}

// hookLive is the stream of a hook's page.
func (s *Server) hookLive(w http.ResponseWriter, r *http.Request) error {
	run, _, err := s.runOf(w, r)
	if err != nil || run == nil {
		return err
	}
	q := r.URL.Query()
	hw := &hookWatch{
		server: s, phase: r.PathValue("phase"), hook: phased.Text(r.PathValue("hook")), stream: logQueryOf(q).Stream,
		quiet: q.Get("log") == "no", after: seenUpTo(r),
	}
	if _, _, at := findHook(run, hw.phase, hw.hook); at < 0 {
		return notFound("run %s has not run %s", run.ID, hookText(hw.phase, hw.hook))
	}
	hw.link = hookAddress(run.ID, hw.phase, hw.hook)
	hw.reader = &logReader{words: s.words()}
	var stop func()
	hw.follow, stop = s.follow(r.Context(), run.ID, hw.took)
	defer stop()
	return s.live(w, r, "hook.html", hw.look)
}

// took adds what an event tells of the hook.
func (hw *hookWatch) took(e phased.Event) {
	phase, hook := phased.HookOf(e.Data)
	if phase != hw.phase || hook != hw.hook {
		return
	}
	switch d := e.Data.(type) {
	case phased.HookStarted:
		hw.ended = false
	case phased.HookFinished:
		hw.ended = !d.Again
	}
	hw.reader.emit = hw.old
	if e.Seq > hw.after {
		hw.reader.emit = hw.line
	}
	hw.reader.event(e)
}

// old follows the colours of lines that the reader has.
func (hw *hookWatch) old(l logLine) {
	i, _ := streamOf(l.Stream)
	l.follow(&hw.pens[i])
}

// line keeps a line that is new.
func (hw *hookWatch) line(l logLine) {
	if hw.quiet || hw.stream != "" && l.N > 0 && l.Stream != hw.stream {
		return
	}
	if len(hw.fresh) == freshLines {
		hw.old(hw.fresh[0])
		hw.fresh = append(hw.fresh[:0], hw.fresh[1:]...)
		hw.passed++
	}
	hw.fresh = append(hw.fresh, l)
}

// look tells what the page shows now.
func (hw *hookWatch) look(ctx context.Context) (frame, error) {
	f := hw.follow
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return frame{}, f.failed
	}
	if f.run.Seq < hw.after && !f.over || f.run.Seq == 0 { // it is still being read
		return frame{ID: seenID(hw.after), Over: f.over}, nil
	}
	run := f.snapshot()
	over := f.over || hw.ended && hw.told
	hw.told = hw.ended
	p, rows, at := findHook(run, hw.phase, hw.hook)
	if at < 0 {
		return frame{ID: seenID(run.Seq), Over: over}, nil
	}
	b := hw.server.hookBody(run, p, hw.hook)
	b.Entry, b.Row, b.Last = entryOf(p, hw.hook), rows[at], rows[at].Last()
	hw.server.tellHook(&b, run)
	parts := []part{{ID: "hook-head", Name: "hook-head", Data: b}, {ID: "hook-body", Name: "hook-body", Data: b}}
	hw.reader.over = run.Status.Final()
	parts = append(parts, hw.log()...)
	if over {
		b.Options, b.Explain = hw.server.options(&b), hw.server.explain(&b, run)
		if err := hw.server.tellPast(ctx, &b, run); err != nil {
			return frame{}, err
		}
		if err := hw.server.tellChanges(ctx, &b, run); err != nil {
			return frame{}, err
		}
		parts = append(parts, part{ID: "hook-more", Name: "hook-more", Data: b})
	}
	hw.after = max(hw.after, run.Seq)
	return frame{Parts: parts, ID: seenID(run.Seq), Over: over}, nil
}

// log returns the new lines, and what has no line end yet.
func (hw *hookWatch) log() []part {
	if hw.quiet {
		return nil
	}
	var pending template.HTML
	var parts []part
	if hw.reader.goesOn() {
		pending = pendingHTML(hw.reader)
	}
	if len(hw.fresh) > 0 {
		w := logWriter{link: hw.link + "?from=" + strconv.Itoa(max(1, hw.fresh[0].N)), pens: hw.pens}
		if hw.passed > 0 {
			w.note(logLine{Text: fmt.Sprintf("%d lines are left out here: reload to see them", hw.passed)})
		}
		w.lines(hw.fresh)
		hw.pens = w.pens
		key := strconv.FormatUint(hw.follow.run.Seq, 10)
		parts = append(parts, part{ID: "log-lines", Name: "raw", Data: w.html(), Append: true, Key: key})
		hw.fresh, hw.passed = nil, 0
	}
	parts = append(parts, part{ID: "log-pending", Name: "log-pending", Data: pending})
	total := strconv.Itoa(hw.reader.lines)
	return append(parts, part{ID: "log-total", Name: "log-total", Data: total})
}
