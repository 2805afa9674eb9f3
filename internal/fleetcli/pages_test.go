package fleetcli

import (
	"bufio"
	"context"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"phased/internal/journal"
	"phased/internal/phased"
)

// page asks for a page that is there.
func (p *program) page(t *testing.T, path string) string {
	t.Helper()
	answer, err := http.Get(p.url + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %v: %s", path, answer.StatusCode, err, text)
	}
	return string(text)
}

// stream opens the stream that a page names, and returns what reads it until a text
// comes.
func (p *program) stream(t *testing.T, page string) (until func(string) string) {
	t.Helper()
	at := regexp.MustCompile(`hx-sse:connect="([^"]*)"`).FindStringSubmatch(page)
	if at == nil {
		t.Fatalf("the page names no stream:\n%s", page)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), patience, context.DeadlineExceeded)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+html.UnescapeString(at[1]), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	lines := bufio.NewReader(answer.Body)
	return func(want string) string {
		t.Helper()
		var seen strings.Builder
		for !strings.Contains(seen.String(), want) {
			line, err := lines.ReadString('\n')
			seen.WriteString(line)
			if err != nil {
				t.Fatalf("%q does not come: %v\n%s", want, err, seen.String())
			}
		}
		return seen.String()
	}
}

// TestPagesFollowARecord: a run that is being recorded, by a journal and over a
// socket; first as it goes on, then as its phased has died.
func TestPagesFollowARecord(t *testing.T) {
	dir := t.TempDir()
	s, err := journal.Open(dir, journal.Options{Create: true})
	if err != nil {
		t.Fatal(err)
	}
	d := &diary{began: time.Now().UTC()}
	d.id = journal.NewID(d.began)
	w, err := s.Begin(d.id)
	if err != nil {
		t.Fatal(err)
	}
	tell := func(data ...phased.Payload) {
		t.Helper()
		from := len(d.all)
		for _, one := range data {
			d.tell(time.Millisecond, one)
		}
		if err := w.Append(d.all[from:]...); err != nil {
			t.Fatal(err)
		}
	}
	out := func(text phased.Text) phased.HookOutput {
		return phased.HookOutput{Phase: "p", Hook: "10-a\xff", Stream: "out", Text: text}
	}
	tell(
		phased.RunStarted{Lifecycle: "x", Base: "/b", Output: "captured", Phases: []string{"p"}, Hooks: 1},
		phased.PhaseStarted{Phase: "p", Entries: []phased.Entry{{Name: "10-a\xff", Path: "/b/p.d/10-a\xff", Verdict: phased.VerdictRun}}},
		phased.HookStarted{Phase: "p", Hook: "10-a\xff", Path: "/b/p.d/10-a\xff", Pid: 1}, out("one\ntw"),
	)
	p := run(t, "--state-dir", dir)
	whole := p.page(t, "/runs/last")
	hook := p.page(t, "/runs/last/phases/p/hooks/10-a%FF")
	for page, wants := range map[string][]string{whole: {"RUNNING", "one", `10-a\xff`, "phased show --state-dir " + dir + " "}, hook: {`id="L1"`, "one", "tw"}} {
		for _, want := range wants {
			if !strings.Contains(page, want) {
				t.Errorf("there is no %q in\n%s", want, page)
			}
		}
	}
	ofRun, ofHook := p.stream(t, whole), p.stream(t, hook)
	tell(out("o\nthree\n"))
	if text := ofHook("three"); strings.Contains(text, ">one<") || !strings.Contains(text, `id="L2"`) {
		t.Errorf("the hook's stream has what its page had:\n%s", text)
	}
	ofRun("three")
	if err := w.Close(); err != nil { // as by a kill: there is no final event
		t.Fatal(err)
	}
	if text := ofRun("event: over"); !strings.Contains(text, "INTERRUPTED") {
		t.Errorf("of a run that died:\n%s", text)
	}
	ofHook("event: over")
	if page := p.page(t, "/runs/"+d.id); !strings.Contains(page, "interrupted") || strings.Contains(page, "hx-sse:connect") {
		t.Errorf("the page of a run that died:\n%s", page)
	}
	if log := p.page(t, "/runs/"+d.id+"/phases/p/hooks/10-a%FF/log"); log != "one\ntwo\nthree\n" {
		t.Errorf("the download has %q", log)
	}
}
