package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"phased/internal/phased"
	"phased/internal/report"
)

// hookKey names a hook within a run.
type hookKey struct {
	phase string
	hook  phased.Text
}

// runWatch is the page of a run that goes on: what of it has changed since it was
// sent last.
type runWatch struct {
	server  *Server
	maker   runMaker
	follow  *follower
	after   uint64           // what the reader has seen
	changed map[hookKey]bool // rows
	heads   map[string]bool  // phases
	entered []string         // phases that the reader has no section of
	tails   map[hookKey]*hookTail
	sizes   map[int]int // rows of the sections that were sent
	drawn   string      // key of the timeline that was sent
}

// hookTail is the end of the output of one hook.
type hookTail struct {
	ring   ring
	reader *logReader
}

// runLive is the stream of a run's page.
func (s *Server) runLive(w http.ResponseWriter, r *http.Request) error {
	run, _, err := s.runOf(w, r)
	if err != nil || run == nil {
		return err
	}
	all, err := s.Source.Runs(r.Context())
	if err != nil {
		return fmt.Errorf("cannot read the record: %w", err)
	}
	m, _ := s.maker(r.Context(), run, all)
	rw := &runWatch{server: s, maker: m, after: seenUpTo(r), tails: map[hookKey]*hookTail{}, sizes: map[int]int{}}
	rw.forget()
	var stop func()
	rw.follow, stop = s.follow(r.Context(), run.ID, rw.took)
	defer stop()
	return s.live(w, r, "run.html", rw.look)
}

// forget begins a new frame.
func (rw *runWatch) forget() {
	rw.changed, rw.heads, rw.entered = map[hookKey]bool{}, map[string]bool{}, nil
}

// took notes what an event changes of the page.
func (rw *runWatch) took(e phased.Event) {
	news := e.Seq > rw.after
	note := func(phase string, hook phased.Text) {
		if news {
			rw.changed[hookKey{phase, hook}] = true
			rw.heads[phase] = rw.heads[phase] || hook == ""
		}
	}
	switch d := e.Data.(type) {
	case phased.PhaseStarted:
		if news {
			rw.entered = append(rw.entered, d.Phase)
		}
	case phased.PhaseSkipped:
		if news {
			rw.entered = append(rw.entered, d.Phase)
		}
	case phased.PhaseFinished:
		note(d.Phase, "")
	case phased.HookStarted:
		t := &hookTail{}
		t.reader = &logReader{words: rw.maker.words, emit: t.ring.add}
		t.reader.event(e)
		rw.tails[hookKey{d.Phase, d.Hook}] = t
		note(d.Phase, d.Hook)
	case phased.HookFinished:
		rw.tail(e, d.Phase, d.Hook)
		if d.Exit.OK() {
			delete(rw.tails, hookKey{d.Phase, d.Hook})
		}
		note(d.Phase, d.Hook)
	case phased.HookOutput:
		rw.tail(e, d.Phase, d.Hook)
	case phased.HookCut:
		rw.tail(e, d.Phase, d.Hook)
	case phased.HookProgress:
		rw.tail(e, d.Phase, d.Hook)
	case phased.HookSkipped:
		note(d.Phase, d.Hook)
	case phased.HookWarning:
		note(d.Phase, d.Hook)
		if news {
			rw.heads[d.Phase] = true
		}
	case phased.HookSlow:
		note(d.Phase, d.Hook)
	case phased.HookSummary:
		note(d.Phase, d.Hook)
	case phased.HookNotified:
		note(d.Phase, d.Hook)
	case phased.SpaceChanged:
		note(d.Phase, d.Hook)
	}
}

func (rw *runWatch) tail(e phased.Event, phase string, hook phased.Text) {
	if t := rw.tails[hookKey{phase, hook}]; t != nil {
		t.reader.event(e)
	}
}

// look tells what the page shows now.
func (rw *runWatch) look(ctx context.Context) (frame, error) {
	f := rw.follow
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed != nil {
		return frame{}, f.failed
	}
	if f.run.Seq < rw.after && !f.over || f.run.Seq == 0 { // it is still being read
		return frame{ID: seenID(rw.after), Over: f.over}, nil
	}
	run := f.snapshot()
	m := rw.maker
	m.now, m.words = rw.server.Now(), rw.server.words()
	if phase, hook, ok := report.Subject(*run); ok {
		if t := rw.tails[hookKey{phase, hook}]; t != nil {
			t.reader.over = run.Status.Final()
			m.tail = t.ring.with(t.reader)
		}
	}
	v := newView(run, m.now)
	b := m.head(v)
	m.story(v, &b)
	parts := []part{{ID: "run-head", Name: "run-head", Data: b}, {ID: "run-story", Name: "run-story", Data: b}}
	if key := pace(v); key != rw.drawn || f.over {
		rw.drawn = key
		m.drawn(v, &b)
		parts = append(parts, part{ID: "run-timeline", Name: "run-timeline", Data: b, Key: key})
	}
	parts = append(parts, rw.tables(m, v)...)
	if f.over {
		whole := m.body(run)
		all, err := rw.server.Source.Runs(ctx)
		if err != nil {
			return frame{}, fmt.Errorf("cannot read the record: %w", err)
		}
		whole.Links = links(run, all)
		parts = append(parts, part{ID: "run-more", Name: "run-more", Data: whole})
	}
	rw.after = max(rw.after, run.Seq)
	rw.forget()
	return frame{Parts: parts, ID: seenID(run.Seq), Over: f.over}, nil
}

// pace is the key of the timeline: of many hooks it is drawn more seldom.
func pace(v *view) string {
	seconds := v.Now.Milliseconds() / 1000
	seq := v.Run.Seq
	if len(v.All) > ownInAll && !v.Run.Status.Final() {
		seconds /= 3
		seq = 0
	}
	return fmt.Sprintf("%d %d %s", seq, seconds, v.Run.Status)
}

// tables returns what has changed in the tables of the phases.
func (rw *runWatch) tables(m runMaker, v *view) []part {
	var parts []part
	raw := func(id, key string, more bool, write func(*rowWriter)) {
		w := m.rows(v)
		write(w)
		parts = append(parts, part{ID: id, Name: "raw", Data: w.html(), Key: key, Append: more})
	}
	for i := range v.Run.Phases {
		p := &v.Run.Phases[i]
		size, known := rw.sizes[i]
		if !known {
			size = len(v.Rows[i])
		}
		rw.sizes[i] = len(v.Rows[i])
		switch {
		case slices.Contains(rw.entered, p.Phase):
			raw("run-phases", "", true, func(w *rowWriter) { w.phase(i) })
			continue
		case size != len(v.Rows[i]):
			raw(phaseID(i), strconv.FormatUint(v.Run.Seq, 10), false, func(w *rowWriter) { w.phase(i) })
			continue
		}
		if rw.heads[p.Phase] {
			raw(phaseID(i)+"-head", strconv.FormatUint(v.Run.Seq, 10), false, func(w *rowWriter) { w.head(i) })
		}
		look := false
		for j, row := range v.Rows[i] {
			changed := rw.changed[hookKey{p.Phase, row.Name}]
			if !changed && row.Status() != phased.StatusRunning {
				continue
			}
			look = look || changed
			raw(rowID(i, j), "", false, func(w *rowWriter) { w.row(i, j, "") })
		}
		if look && len(v.Rows[i]) > longPhase {
			raw(phaseID(i)+"-look", "", false, func(w *rowWriter) { w.toLookAt(i) })
		}
	}
	if len(rw.entered) > 0 {
		raw("not-entered", "", false, func(w *rowWriter) { w.notEntered() })
	}
	return parts
}
