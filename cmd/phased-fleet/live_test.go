package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// until waits until an expression is true in a world beside the page: one that goes away
// where the page is loaded anew.
func (w *tab) until(world runtime.ExecutionContextID, expression string) {
	w.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if eval[bool](w, world, expression) {
			return
		}
	}
	w.t.Fatalf("%s: never true at %s, which says\n%s", expression, w.path(), eval[string](w, world, `document.querySelector("main").innerText.slice(0, 2000)`))
}

// TestLiveUpdate: the list, the page of a run and that of its hook tell what happens while
// they are looked at, without being loaded again.
func TestLiveUpdate(t *testing.T) {
	s := newSite(t)
	s.phased(0, s.lifecycle()...)
	release := s.goesOn()
	s.serve()

	first := newTab(t, s.origin)
	first.as(look{width: 1280})
	first.open("/")
	run := first.click(`main table tbody tr:first-child a[href^="/runs/"]`)
	hook := first.click(`a.hook[href$="/hooks/40-slow"]`)

	type page struct {
		*tab
		world runtime.ExecutionContextID
		done  string
	}
	var pages []page
	for path, done := range map[string]string{
		"/":  `document.querySelector("main table tbody tr").innerText.includes("succeeded")`,
		run:  `document.querySelector("h1").innerText.includes("succeeded") && document.querySelector("#run-phases").innerText.includes("90-scratch")`,
		hook: `document.querySelector("h1").innerText.includes("succeeded")`,
	} {
		w := newTab(t, s.origin)
		w.as(look{width: 1280})
		w.open(path)
		p := page{w, w.aside(), done}
		if eval[bool](w, p.world, done) {
			t.Errorf("%s: it has ended already", path)
		}
		w.until(p.world, `document.querySelector(".live")?.dataset.state === "live"`)
		pages = append(pages, p)
		if path == hook {
			n := eval[int](w, p.world, `globalThis.lines = document.querySelectorAll("#log-lines .ln, #log-pending .ln").length`)
			if n == 0 {
				t.Error("the log of the running hook has no lines")
			}
			w.until(p.world, `document.querySelectorAll("#log-lines .ln, #log-pending .ln").length > globalThis.lines`)
		}
	}
	release()
	for _, p := range pages {
		p.until(p.world, p.done)
		p.harmless(p.path())
		p.accessible(p.path())
		p.fits(p.path())
		p.quiet(p.path())
	}
}

// TestLogin: where a token is asked for, nothing is shown before it is given, and it
// can be given by keyboard.
func TestLogin(t *testing.T) {
	s := newSite(t)
	s.phased(0, s.lifecycle()...)
	token := filepath.Join(s.dir, "token")
	s.must(os.WriteFile(token, []byte(strings.Repeat("0123456789abcdef", 4)+"\n"), 0o600))
	s.serve("--token-file", token)
	w := newTab(t, s.origin)
	w.as(look{width: 390})
	w.open("/")
	if !strings.HasPrefix(w.path(), "/login") {
		t.Fatalf("it shows %s without a login", w.path())
	}
	for _, dark := range []bool{false, true} {
		l := look{width: 390, dark: dark, still: true}
		w.as(l)
		w.accessible("the login")
		w.fits("the login")
		w.shape("the login")
		w.picture("login-390-"+map[bool]string{false: "light", true: "dark"}[dark], l)
	}
	w.quiet("the login")

	w.submit("not the token")
	w.waitFor(`!!document.querySelector("[role=alert]")`)
	w.accessible("the login, refused")
	for _, c := range w.take() {
		if !strings.Contains(c, "403") {
			t.Error(c)
		}
	}
	w.submit(strings.Repeat("0123456789abcdef", 4))
	w.waitFor(`!!document.querySelector("main table")`)
	if w.path() != "/" {
		t.Errorf("the login leads to %s", w.path())
	}
	w.quiet("the list, logged in")
	if cookies := eval[string](w, w.aside(), "document.cookie"); cookies != "" {
		t.Errorf("scripts see the session: %q", cookies)
	}
	w.take() // that somebody has asked for cookies
	other := newTab(t, s.origin)
	other.open("/")
	if !strings.HasPrefix(other.path(), "/login") {
		t.Error("somebody else is let in, too")
	}
}

// submit types into the field that has the focus, and hands it in.
func (w *tab) submit(text string) {
	w.t.Helper()
	w.waitFor(`document.activeElement?.id === "token"`)
	ctx, cancel := w.limited()
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.KeyEvent(text+"\r")); err != nil { // until the answer is there
		w.t.Fatalf("handing in: %v", err)
	}
}
