package web

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// How a page gets live: it has an element with the part "live" of the templates,
// which names the address of a stream; the handler there calls Server.live with
// what tells the parts that the page has now. What has changed is sent, as the
// elements that the page was made of, and takes the place of those in the page.
const (
	// livePace is the least time between two events of a stream.
	livePace = time.Second
	// liveRest is how long a stream may be silent: whoever has gone is noticed,
	// and what stands between keeps the connection.
	liveRest = 15 * time.Second
	// livePatience is how long a reader may take for what is sent.
	livePatience = 20 * time.Second
	// liveMost is how many streams there are at once where Options says nothing.
	liveMost = 64
)

// part is a piece of a page that is kept up to date: an element with an id.
type part struct {
	ID   string // of the element
	Name string // of the template that makes the element; the page has it from the same
	Data any    // of the template
	// Key is what the part shows: while it is the same, the part is not made
	// again. "": it is made each time, and sent where it came out otherwise.
	Key string
	// Append has what is made put behind what the element has; it is sent whenever
	// a frame has it.
	Append bool
}

// frame is what a page shows at one time.
type frame struct {
	Parts []part
	// ID is what a reader who comes back names as the last that it has seen, in
	// the header Last-Event-ID; "": a digest of the parts, of which nothing is sent
	// again.
	ID string
	// Over says that nothing will change any more: the stream ends after it.
	Over bool
}

// look tells what a page shows now. It is called once a second at most, and by
// one goroutine at a time.
type look func(context.Context) (frame, error)

// streams counts the streams that are open, and ends them.
type streams struct {
	slots  chan struct{}
	ending chan struct{}
	once   sync.Once
}

func newStreams(most int) *streams {
	if most <= 0 {
		most = liveMost
	}
	return &streams{slots: make(chan struct{}, most), ending: make(chan struct{})}
}

// EndStreams ends all streams, also those that are asked for later: a server that
// ends does not wait for them. Their readers come back to the next one.
func (s *Server) EndStreams() { s.streams.once.Do(func() { close(s.streams.ending) }) }

// live answers with a stream of what changes of a page. The first look decides
// whether there is one at all: its error is an answer like that of each page.
func (s *Server) live(w http.ResponseWriter, r *http.Request, page string, look look) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	first, err := look(ctx)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // a proxy would collect what is for now
	if r.Method == http.MethodHead {
		return nil
	}
	out := &stream{server: s, w: w, control: http.NewResponseController(w), page: page, digest: r.Header.Get("Last-Event-ID")}
	select {
	case s.streams.slots <- struct{}{}:
		defer func() { <-s.streams.slots }()
	default:
		// Not an answer that says so: a page would show it in its own place.
		_ = out.write("event: busy\nretry: 30000\ndata:\n\n")
		return nil
	}
	err = out.run(ctx, s.streams.ending, first, func(ctx context.Context) (frame, error) {
		if s.sessions != nil && !s.sessions.known(r) {
			return frame{}, errSessionOver
		}
		return look(ctx)
	})
	if err != nil && ctx.Err() == nil {
		s.Log.Info("a page is no longer live", "path", r.URL.Path, "error", err)
	}
	return nil
}

// errSessionOver ends a stream: whoever logs out, logs out of all pages.
var errSessionOver = errors.New("the session is over")

// stream is one reader that a page is kept up to date for.
type stream struct {
	server  *Server
	w       io.Writer
	control *http.ResponseController
	page    string
	digest  string            // of what the reader has
	sent    map[string]string // by the part's id: its key or text
}

// run sends frames until nothing changes any more, somebody goes, or it fails.
func (o *stream) run(ctx context.Context, ending <-chan struct{}, f frame, look look) error {
	// At once: the reader's page shows that it is connected.
	if err := o.write("retry: 2000\nevent: live\ndata:\n\n"); err != nil {
		return err
	}
	pace := time.NewTicker(livePace)
	defer pace.Stop()
	spoke := time.Now()
	for {
		text, err := o.event(f)
		if err != nil {
			return err
		}
		if f.Over {
			return o.write(text + "event: over\ndata:\n\n")
		}
		if text == "" && time.Since(spoke) >= liveRest {
			text = ":\n\n"
		}
		if text != "" {
			if err := o.write(text); err != nil {
				return err
			}
			spoke = time.Now()
		}
		select {
		case <-pace.C:
		case <-ending:
			return nil
		case <-ctx.Done():
			return nil
		}
		if f, err = look(ctx); err != nil {
			return err
		}
	}
}

// event returns the event of what the reader does not have of a frame, "" where
// there is nothing.
func (o *stream) event(f frame) (string, error) {
	sum := fnv.New128a()
	var text strings.Builder
	now := make(map[string]string, len(f.Parts))
	for _, p := range f.Parts {
		was, known := o.sent[p.ID]
		if p.Key != "" && known && was == p.Key && !p.Append {
			now[p.ID] = was
			fmt.Fprintf(sum, "%s\x00%s\x00", p.ID, was)
			continue
		}
		made, err := o.server.fragment(o.page, p)
		if err != nil {
			return "", err
		}
		now[p.ID] = p.Key
		if p.Key == "" {
			now[p.ID] = made
		}
		fmt.Fprintf(sum, "%s\x00%s\x00", p.ID, now[p.ID])
		if p.Append || !known || was != now[p.ID] {
			text.WriteString(made)
		}
	}
	o.sent = now
	id := f.ID
	if id == "" {
		id = hex.EncodeToString(sum.Sum(nil))
		if id == o.digest {
			return "", nil // it comes back, and has them
		}
		o.digest = id
	}
	if text.Len() == 0 {
		return "", nil
	}
	return "id: " + id + "\n" + data(text.String()), nil
}

// data writes a text as the data of an event. A reader takes a carriage return
// for the end of a line as well.
func data(text string) string {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	return "data: " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\ndata: ") + "\n\n"
}

// write sends a text now, or finds that the reader does not take it.
func (o *stream) write(text string) error {
	// Where a time cannot be set there is no connection to be slow: in tests.
	_ = o.control.SetWriteDeadline(time.Now().Add(livePatience))
	if _, err := io.WriteString(o.w, text); err != nil {
		return fmt.Errorf("cannot send: %w", err)
	}
	return o.control.Flush()
}

// fragment makes a part, with the place where it belongs.
func (s *Server) fragment(page string, p part) (string, error) {
	how := "outerMorph"
	if p.Append {
		how = "beforeend"
	}
	var b bytes.Buffer
	// A template keeps rows that stand outside of a table as they are.
	fmt.Fprintf(&b, `<template hx type="partial" hx-target="[id='%s']" hx-swap="%s">`, attribute(p.ID), how)
	if err := s.pages[page].ExecuteTemplate(&b, p.Name, p.Data); err != nil {
		return "", fmt.Errorf("cannot make part %s of page %s: %w", p.ID, page, err)
	}
	b.WriteString("</template>\n")
	return b.String(), nil
}

// attribute keeps an id to what needs no quoting in a selector: ids of parts are
// made of letters, digits, - and _.
func attribute(id string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || (r >= '0' && r <= '9') || (r >= 'A' && r <= 'Z') || (r >= 'a' && r <= 'z') {
			return r
		}
		return '_'
	}, id)
}
