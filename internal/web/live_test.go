package web

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"phased/internal/phased"
)

// reader is one that a stream is sent to.
type reader struct {
	mu     sync.Mutex
	text   strings.Builder
	header http.Header
	gone   bool
	until  time.Time // by when what is sent must be taken
}

// SetWriteDeadline is that of a connection.
func (r *reader) SetWriteDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.until = t
	return nil
}

func (r *reader) Header() http.Header { return r.header }

func (r *reader) WriteHeader(int) {}

func (r *reader) Flush() {}

func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return 0, errors.New("gone")
	}
	return r.text.Write(p)
}

// take returns what came since it was asked last.
func (r *reader) take() string {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	text := r.text.String()
	r.text.Reset()
	return text
}

// watch follows a stream of the error page, whose content is a text.
func watch(ctx context.Context, s *Server, last string, look look) (*reader, <-chan error) {
	w, end := &reader{header: http.Header{}}, make(chan error, 1)
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/live", http.NoBody)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	go func() { end <- s.live(w, r, "error.html", look) }()
	return w, end
}

func serverOf(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Source == nil {
		o.Source = source{}
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// scene is what a look tells.
type scene struct {
	mu    sync.Mutex
	frame frame
	looks atomic.Int32
}

func (s *scene) set(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.frame = f
}

func (s *scene) look(context.Context) (frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks.Add(1)
	return s.frame, nil
}

func (s *scene) status(st phased.Status) { s.set(frame{Parts: statusOf(st)}) }

func statusOf(s phased.Status) []part { return []part{{ID: "st", Name: "status", Data: s}} }

// TestLiveSendsWhatChanges: once, at most once a second, with an id by which
// whoever comes back is not sent it again.
func TestLiveSendsWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(t, Options{}) // its channels belong to the bubble
		ctx, cancel := context.WithCancel(t.Context())
		var now scene
		now.status(phased.StatusRunning)
		w, end := watch(ctx, s, "", now.look)
		first := w.take()
		if !strings.Contains(first, "event: live\n") || !strings.Contains(first, `hx-target="[id='st']"`) || !strings.Contains(first, "running") {
			t.Fatalf("the first event is %q", first)
		}
		id := between(t, first, "id: ", "\n")
		time.Sleep(900 * time.Millisecond)
		if text := w.take(); text != "" || now.looks.Load() != 1 {
			t.Errorf("within a second: %q after %d looks", text, now.looks.Load())
		}
		time.Sleep(3 * time.Second)
		if text := w.take(); text != "" {
			t.Errorf("without a change: %q", text)
		}
		now.status(phased.StatusFailed)
		time.Sleep(time.Second)
		if text := w.take(); strings.Count(text, "data:") != 1 || !strings.Contains(text, "failed") || between(t, text, "id: ", "\n") == id {
			t.Errorf("after a change: %q", text)
		}
		cancel()
		if err := <-end; err != nil {
			t.Errorf("a reader who goes is no error: %v", err)
		}

		now.status(phased.StatusRunning)
		ctx, cancel = context.WithCancel(t.Context())
		defer cancel()
		w, _ = watch(ctx, s, id, now.look)
		if text := w.take(); strings.Contains(text, "running") {
			t.Errorf("sent again to who has it: %q", text)
		}
		now.status(phased.StatusStopped)
		time.Sleep(time.Second)
		if text := w.take(); !strings.Contains(text, "stopped") {
			t.Errorf("nothing was sent to who came back: %q", text)
		}
	})
}

// between returns what stands between two texts.
func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, text, ok := strings.Cut(text, from)
	found, _, also := strings.Cut(text, to)
	if !ok || !also {
		t.Fatalf("no %q and then %q in %q", from, to, text)
	}
	return found
}

// TestLiveKey: a part whose key is the same is not made again; one that is
// appended is sent whenever it is there.
func TestLiveKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(t, Options{}) // its channels belong to the bubble
		var now scene
		set := func(st phased.Status, key string, more bool) {
			now.set(frame{Parts: []part{{ID: "st", Name: "status", Data: st, Key: key, Append: more}}, ID: "7"})
		}
		set(phased.StatusRunning, "1", false)
		w, _ := watch(t.Context(), s, "", now.look)
		if text := w.take(); !strings.Contains(text, "id: 7\n") {
			t.Errorf("the id is not the frame's: %q", text)
		}
		set(phased.StatusFailed, "1", false)
		time.Sleep(time.Second)
		if text := w.take(); text != "" {
			t.Errorf("with the key of before: %q", text)
		}
		set(phased.StatusFailed, "2", false)
		time.Sleep(time.Second)
		if text := w.take(); !strings.Contains(text, "failed") {
			t.Errorf("with another key: %q", text)
		}
		set(phased.StatusFailed, "2", true)
		for range 2 {
			time.Sleep(time.Second)
			if text := w.take(); !strings.Contains(text, "beforeend") {
				t.Errorf("to be appended: %q", text)
			}
		}
		s.EndStreams()
		synctest.Wait()
	})
}

// TestLiveEnds: with what is over, with the server, with a reader who takes
// nothing, and with an error; and it speaks where there is nothing to tell.
func TestLiveEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(t, Options{})
		over := func(context.Context) (frame, error) {
			return frame{Parts: statusOf(phased.StatusFailed), Over: true}, nil
		}
		w, end := watch(t.Context(), s, "", over)
		if text := w.take(); !strings.Contains(text, "failed") || !strings.HasSuffix(text, "event: over\ndata:\n\n") {
			t.Errorf("what is over: %q", text)
		}
		<-end

		same := func(context.Context) (frame, error) { return frame{Parts: statusOf(phased.StatusRunning)}, nil }
		w, end = watch(t.Context(), s, "", same)
		w.take()
		time.Sleep(liveRest)
		if text := w.take(); text != ":\n\n" {
			t.Errorf("in silence: %q", text)
		}
		w.mu.Lock()
		if left := time.Until(w.until); left != livePatience {
			t.Errorf("a reader may take %s for what is sent", left)
		}
		w.gone = true
		w.mu.Unlock()
		time.Sleep(liveRest)
		<-end

		bad := errors.New("bad")
		if _, end = watch(t.Context(), s, "", func(context.Context) (frame, error) { return frame{}, bad }); !errors.Is(<-end, bad) {
			t.Error("the error of the first look is no answer")
		}
		_, end = watch(t.Context(), s, "", same)
		synctest.Wait()
		s.EndStreams()
		s.EndStreams()
		<-end
		_, end = watch(t.Context(), s, "", same)
		<-end
	})
}

// TestLiveIsBounded: there are so many streams, and who comes then is told.
func TestLiveIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serverOf(t, Options{Streams: 2}) // its channels belong to the bubble
		same := func(context.Context) (frame, error) { return frame{Parts: statusOf(phased.StatusRunning)}, nil }
		ctx, cancel := context.WithCancel(t.Context())
		_, one := watch(ctx, s, "", same)
		watch(t.Context(), s, "", same)
		synctest.Wait()
		w, end := watch(t.Context(), s, "", same)
		if <-end; !strings.HasPrefix(w.take(), "event: busy\n") {
			t.Error("a third stream was opened")
		}
		cancel()
		<-one
		w, _ = watch(t.Context(), s, "", same)
		if text := w.take(); !strings.Contains(text, "event: live") {
			t.Errorf("where one has gone: %q", text)
		}
		s.EndStreams()
	})
}

// TestLiveDataIsOneEvent: whatever stands in the text.
func TestLiveDataIsOneEvent(t *testing.T) {
	for text, want := range map[string]string{
		"a":                "data: a\n\n",
		"a\nb\n":           "data: a\ndata: b\n\n",
		"a\r\nid: 1\rb":    "data: a\ndata: id: 1\ndata: b\n\n",
		"a\n\nevent: over": "data: a\ndata: \ndata: event: over\n\n",
	} {
		if got := data(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}

// TestLiveOutlivesTheTimeToRead: a request must be read in time; a stream goes on.
func TestLiveOutlivesTheTimeToRead(t *testing.T) {
	var now scene
	now.status(phased.StatusRunning)
	s := serverOf(t, Options{})
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.live(w, r, "error.html", now.look); err != nil {
			t.Error(err)
		}
	}))
	web.Config.ReadTimeout = 100 * time.Millisecond
	web.Config.WriteTimeout = 100 * time.Millisecond
	web.Start()
	defer web.Close()
	defer s.EndStreams()
	r, err := http.Get(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	time.Sleep(3 * web.Config.ReadTimeout) // a wrong program ends the stream in this time
	now.status(phased.StatusFailed)
	for lines := bufio.NewScanner(r.Body); ; {
		if !lines.Scan() {
			t.Fatalf("the stream has ended: %v", lines.Err())
		}
		if strings.Contains(lines.Text(), "failed") {
			return
		}
	}
}
