package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// elsewhere are the addresses that no link of a walk leads to, and the test that goes there.
func elsewhere() map[string]string {
	return map[string]string{"GET /login": "TestLogin"}
}

// patterns reads the addresses that pages have out of the table in internal/web.
func patterns(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../internal/web/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	entry := regexp.MustCompile(`\{"(GET /[^"]*)",`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range entry.FindAllSubmatch(text, -1) {
			if !strings.HasSuffix(file, "_test.go") {
				all = append(all, string(m[1]))
			}
		}
	}
	if len(all) == 0 {
		t.Fatal("internal/web has no table of addresses any more")
	}
	return all
}

// link is a way from one page to another.
type link struct {
	path, from string // path with its query
	leads      string // the same, where that sends the reader on
	written    string // the href attribute; "" for a form
}

// walk is a visit of all pages that links lead to.
type walk struct {
	*tab
	mux     *http.ServeMux
	queue   []link
	known   map[string]bool
	kinds   map[string]int // how many pages were visited, by pattern and names of the query
	visited map[string]int // by pattern
	also    func(w *walk, where string)
	large   bool // the pages are: axe-core, which takes its time for each element, is left out
}

// Of the pages of one kind, the first is looked at from all sides, some further ones are opened
// in the browser, and of the others a number is fetched: fewer where each is large.
const (
	opened, fetched           = 2, 40
	openedLarge, fetchedLarge = 1, 4
)

// TestWalk opens every page that can be reached from the first, over all kinds of
// runs, one of them going on.
func TestWalk(t *testing.T) {
	s := newSite(t)
	s.history()
	s.goesOn()
	s.serve()
	walkAll(t, s)
}

// walkAll visits what links lead to, and wants every address of the table to
// have been asked for.
func walkAll(t *testing.T, s *site) *walk {
	t.Helper()
	return walkWith(t, s, walk{})
}

// walkWith is walkAll in another way: with a further look at each page, for example.
func walkWith(t *testing.T, s *site, way walk) *walk {
	t.Helper()
	table := patterns(t)
	w := &walk{tab: newTab(t, s.origin), mux: http.NewServeMux(), known: map[string]bool{"/": true}, kinds: map[string]int{}, visited: map[string]int{}, also: way.also, large: way.large}
	for _, p := range table {
		w.mux.Handle(p, http.NotFoundHandler())
	}
	for w.queue = []link{{path: "/"}}; len(w.queue) > 0; {
		l := w.queue[0]
		w.queue = w.queue[1:]
		w.visit(l)
	}
	for _, address := range w.asked {
		w.visited[w.pattern(w.parseURL(address))]++
	}
	for _, p := range table {
		if w.also == nil && w.visited[p] == 0 && elsewhere()[p] == "" {
			t.Errorf("no link leads to %s", p)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(w.kinds)) {
		t.Logf("%d × %s", w.kinds[k], k)
	}
	return w
}

// pattern is the entry of the table that an address belongs to.
func (w *walk) pattern(u *url.URL) string {
	_, p := w.mux.Handler(&http.Request{Method: http.MethodGet, Host: u.Host, URL: u})
	return p
}

// kind is what pages have in common that are made by the same code.
func (w *walk) kind(path string) string {
	u := w.parseURL(path)
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(u.Query())), func(n string) bool { return u.Query().Get(n) == "" })
	return strings.TrimSpace(w.pattern(u) + " " + strings.Join(names, " "))
}

// visit looks at one page, and queues what it leads to.
func (w *walk) visit(l link) {
	k := w.kind(l.path)
	w.kinds[k]++
	n := w.kinds[k]
	open, fetch := opened, fetched
	if w.large {
		open, fetch = openedLarge, fetchedLarge
	}
	if n > fetch {
		return
	}
	if !w.fetch(&l) || n > open {
		return
	}
	w.as(look{width: 1280})
	w.reach(l, n == 1)
	where := l.path
	w.shape(where)
	w.harmless(where)
	w.follow(l)
	if w.also != nil {
		w.also(w, where)
	}
	switch {
	case n == 1 && w.also == nil:
		w.allSides(l.path, k)
	case w.large:
		w.fits(where)
	default:
		w.accessible(where)
		w.fits(where)
	}
	w.quiet(where)
}

// reach goes to a page: by a click where the link can be seen.
func (w *walk) reach(l link, click bool) {
	if click && l.written != "" {
		w.open(l.from)
		selector := fmt.Sprintf("a[href=%q]:not(svg a)", l.written)
		if !strings.ContainsAny(l.written, "\"\\") && eval[bool](w.tab, w.aside(), fmt.Sprintf(`document.querySelector(%q).checkVisibility({visibilityProperty: true})`, selector)) {
			if got, _, _ := strings.Cut(w.click(selector), "#"); got != l.leads {
				w.t.Errorf("%s: the link %s leads to %s", l.from, l.written, got)
			}
			return
		}
	}
	w.open(l.path)
}

// fetch asks for an address without a browser and tells whether a page is there that a browser
// should look at.
func (w *walk) fetch(l *link) bool {
	r, err := http.Get(w.origin + l.path)
	if err != nil {
		w.t.Errorf("%s (from %s): %v", l.path, l.from, err)
		return false
	}
	defer r.Body.Close()
	text, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil || r.StatusCode != http.StatusOK {
		w.t.Errorf("%s (from %s): %s %v\n%s", l.path, l.from, r.Status, err, tail(text))
		return false
	}
	w.visited[w.pattern(r.Request.URL)]++
	if w.also != nil {
		noSecret(w.t, l.path, text)
	}
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if got := r.Header.Get(name); !strings.Contains(got, want) || strings.Contains(got, "unsafe-") {
			w.t.Errorf("%s: %s is %q", l.path, name, got)
		}
	}
	l.leads = strings.TrimPrefix(r.Request.URL.String(), w.origin)
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") {
		return false
	}
	tame(w.t, l.path, text)
	return true
}

// follow queues the links and the forms of a page.
func (w *walk) follow(l link) {
	found := eval[[]struct{ Href, Written string }](w.tab, w.aside(), `(() => {
		const all = [...document.querySelectorAll("a[href]")].map(a => ({Href: new URL(a.getAttribute("href"), document.baseURI).href, Written: a.closest("svg") ? "" : a.getAttribute("href")})); // those of a picture have thin bars to click on
		for (const f of document.querySelectorAll("form")) if (f.method === "get") {
			const u = new URL(f.action); u.search = new URLSearchParams(new FormData(f)); all.push({Href: u.href, Written: ""});
		}
		return all;
	})()`)
	for _, f := range found {
		address, _, _ := strings.Cut(f.Href, "#")
		path, ours := strings.CutPrefix(address, w.origin)
		if !ours {
			w.t.Errorf("%s: a link leads elsewhere: %s", l.path, f.Href)
			continue
		}
		if !w.known[path] {
			w.known[path] = true
			w.queue = append(w.queue, link{path: path, from: l.path, written: f.Written})
		}
	}
}

// allSides looks at a page in light and dark, at three widths, enlarged, by keyboard, without
// motion and without JavaScript.
func (w *walk) allSides(path, kind string) {
	name := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(strings.TrimPrefix(kind, "GET ")), "-"), "-")
	if name == "" {
		name = "first"
	}
	for _, dark := range []bool{false, true} {
		for _, width := range []int64{390, 768, 1280} {
			l := look{width: width, dark: dark, still: true}
			w.as(l)
			where := fmt.Sprintf("%s at %d px, dark %t", path, width, dark)
			w.fits(where)
			w.picture(fmt.Sprintf("%s-%d-%s", name, width, map[bool]string{false: "light", true: "dark"}[dark]), l)
			if width != 768 {
				w.accessible(where)
			}
			w.still(where)
		}
	}
	w.as(look{width: 1280})
	w.open(path) // anew: a click may have led to a part of it, where the keyboard goes on
	w.keyboard(path)
	w.as(look{width: 640, height: 400, scale: 2})
	w.fits(path + " at 200 %")
	w.withoutScript(path)
}

// withoutScript wants the same of a page where JavaScript is off.
func (w *walk) withoutScript(path string) {
	const text = `[...document.querySelectorAll("h1, h2, h3, th[scope=col], nav a[href], button, summary")].filter(e => e.checkVisibility()).map(e => e.textContent.trim()).join("\n")`
	w.as(look{width: 1280})
	w.open(path)
	with := eval[string](w.tab, w.aside(), text)
	w.as(look{width: 1280, noScript: true})
	w.open(path)
	without := eval[string](w.tab, w.aside(), text)
	for line := range strings.SplitSeq(with, "\n") {
		if !strings.Contains(without, line) {
			w.t.Errorf("%s: without JavaScript there is no %q", path, line)
		}
	}
	w.as(look{width: 1280})
}
