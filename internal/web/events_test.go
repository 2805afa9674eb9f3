package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"phased/internal/phased"
)

// record is a Source of runs whose events lie in memory.
type record struct{ runs map[string][]phased.Event }

func (r record) Runs(context.Context) ([]phased.Summary, error) {
	var all []phased.Summary
	for id := range r.runs {
		run, _ := r.Run(context.Background(), id)
		all = append(all, phased.Summary{
			ID: id, Lifecycle: run.Start.Lifecycle, Base: run.Start.Base, Status: run.Status, Began: run.Began, Took: run.Took,
			Parent: run.Start.Parent, Resumes: run.Start.Resumes,
		})
	}
	slices.SortFunc(all, func(a, b phased.Summary) int { return strings.Compare(b.ID, a.ID) })
	return all, nil
}

func (r record) Run(_ context.Context, id string) (phased.Run, error) {
	events, ok := r.runs[id]
	if !ok {
		return phased.Run{}, phased.ErrNoRun
	}
	var run phased.Run
	for _, e := range events {
		run.Apply(e)
	}
	return run, nil
}

func (r record) Follow(_ context.Context, id string, after uint64) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		for _, e := range r.runs[id] {
			if e.Seq > after && !yield(e, nil) {
				return
			}
		}
	}
}

func (r record) hook(_ context.Context, id, phase string, hook phased.Text) iter.Seq2[phased.Event, error] {
	return func(yield func(phased.Event, error) bool) {
		for _, e := range r.runs[id] {
			p, h := phased.HookOf(e.Data)
			switch d := e.Data.(type) {
			case phased.SpaceChanged:
				p, h = d.Phase, d.Hook
			case phased.HookSummary:
				p, h = d.Phase, d.Hook
			}
			if p == phase && h == hook && !yield(e, nil) {
				return
			}
		}
	}
}

func (r record) resolve(_ context.Context, word string) (string, error) {
	var ids []string
	for id := range r.runs {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if strings.HasPrefix(id, word) {
			return id, nil
		}
	}
	if word == "last" {
		return ids[len(ids)-1], nil
	}
	return "", fmt.Errorf("%w: %q", phased.ErrNoRun, word)
}

// serve returns the pages of a record.
func (r record) serve(t testing.TB) http.Handler {
	t.Helper()
	return r.server(t).Handler()
}

func (r record) server(t testing.TB) *Server {
	t.Helper()
	s, err := New(Options{
		Source: r, Resolve: r.resolve, Hook: r.hook, Host: "example",
		Now: func() time.Time { return tellTime.Add(time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var _ phased.Source = record{}

// tellTime is when told runs begin.
var tellTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// teller tells a run by its events.
type teller struct {
	id     string
	events []phased.Event
	at     time.Duration
}

func tell(id string, start phased.RunStarted) *teller {
	t := &teller{id: id}
	start.Output = "captured"
	t.say(start)
	return t
}

// say adds an event at the moment that it is.
func (t *teller) say(p phased.Payload) {
	t.events = append(t.events, phased.Event{Run: t.id, Seq: uint64(len(t.events) + 1), Time: tellTime.Add(t.at), Mono: t.at, Data: p})
}

func (t *teller) wait(d time.Duration) { t.at += d }

// phase enters a phase with hooks that are called as said.
func (t *teller) phase(name string, parallel phased.Parallel, hooks ...phased.Text) {
	p := phased.PhaseStarted{Phase: name, Parallel: parallel}
	for _, h := range hooks {
		number, _, _ := strings.Cut(string(h), "-")
		p.Entries = append(p.Entries, phased.Entry{Name: h, Path: "/hooks/" + phased.Text(name) + ".d/" + h, Verdict: phased.VerdictRun, Number: number})
	}
	t.say(p)
}

func (t *teller) start(phase string, hook phased.Text) {
	t.say(phased.HookStarted{Phase: phase, Hook: hook, Path: "/hooks/" + phased.Text(phase) + ".d/" + hook, Pid: 1})
}

func (t *teller) output(phase string, hook phased.Text, stream, text string) {
	t.say(phased.HookOutput{Phase: phase, Hook: hook, Stream: stream, Text: phased.Text(text)})
}

func (t *teller) end(phase string, hook phased.Text, status int, took time.Duration) {
	x := phased.Exit{Cause: phased.CauseOK}
	if status != 0 {
		x = phased.Exit{Cause: phased.CauseExit, Status: status}
	}
	t.say(phased.HookFinished{Phase: phase, Hook: hook, Exit: x, Took: took})
}

func (t *teller) record() record { return record{map[string][]phased.Event{t.id: t.events}} }

// recorded reads the run files of released versions.
func recorded(t testing.TB) record {
	t.Helper()
	files, err := filepath.Glob("../../testdata/runs/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no run files: %v", err)
	}
	r := record{map[string][]phased.Event{}}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var e phased.Event
			if e.UnmarshalJSON(lines.Bytes()) != nil {
				break // torn
			}
			r.runs[e.Run] = append(r.runs[e.Run], e)
		}
	}
	return r
}

// node is one element of a page, or the page.
type node struct {
	name     string
	attr     map[string]string
	text     string // all text in it
	children []*node
	parent   *node
}

// parsePage takes a page apart, and fails where it is not well formed.
func parsePage(t testing.TB, page string) *node {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	root := &node{}
	at := root
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v\n%s", err, page)
		}
		switch v := token.(type) {
		case xml.StartElement:
			n := &node{name: v.Name.Local, attr: map[string]string{}, parent: at}
			for _, a := range v.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			at.children = append(at.children, n)
			at = n
		case xml.EndElement:
			if at.parent == nil || at.name != v.Name.Local {
				t.Fatalf("</%s> in <%s>", v.Name.Local, at.name)
			}
			at = at.parent
		case xml.CharData:
			for n := at; n != nil; n = n.parent {
				n.text += string(v)
			}
		}
	}
	if at != root {
		t.Fatalf("<%s> does not end", at.name)
	}
	return root
}

// all returns the elements that fit, in the order of the page.
func (n *node) all(fits func(*node) bool) []*node {
	var found []*node
	for _, c := range n.children {
		if fits(c) {
			found = append(found, c)
		}
		found = append(found, c.all(fits)...)
	}
	return found
}

func named(name string) func(*node) bool { return func(n *node) bool { return n.name == name } }

func classed(class string) func(*node) bool {
	return func(n *node) bool { return slices.Contains(strings.Fields(n.attr["class"]), class) }
}

func (n *node) id(id string) *node {
	found := n.all(func(n *node) bool { return n.attr["id"] == id })
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

// harmless fails where a page has something that a browser would follow, run or
// load, other than what phased itself put there.
func harmless(t testing.TB, page *node) {
	t.Helper()
	seen := map[string]bool{}
	for _, n := range page.all(func(*node) bool { return true }) {
		if id := n.attr["id"]; id != "" && seen[id] {
			t.Errorf("two elements have the id %q", id)
		} else {
			seen[id] = true
		}
		for name, value := range n.attr {
			if strings.HasPrefix(name, "on") || name == "style" {
				t.Errorf("<%s> has %s=%q", n.name, name, value)
			}
			if name == "href" || name == "src" || name == "action" {
				if !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "#") || strings.HasPrefix(value, "//") {
					t.Errorf("<%s> leads to %q", n.name, value)
				}
			}
		}
		switch n.name {
		case "iframe", "object", "embed", "base", "img", "style", "foreignObject", "use":
			t.Errorf("the page has <%s>", n.name)
		case "script":
			if !strings.HasPrefix(n.attr["src"], "/static/") || strings.TrimSpace(n.text) != "" {
				t.Errorf("the page has <script> %v %q", n.attr, n.text)
			}
		}
	}
	for _, c := range page.text {
		if c < 0x20 && c != '\n' && c != '\t' || c == 0x7f || c >= 0x80 && c < 0xa0 {
			t.Errorf("the page has the character %q", c)
		}
	}
}
