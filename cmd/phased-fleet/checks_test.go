package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

//go:embed testdata/axe/axe.min.js
var axe string

// finding is what axe-core tells of a page.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// accessible runs axe-core on the page: nothing serious or critical may be found.
func (w *tab) accessible(where string) {
	w.t.Helper()
	world := w.aside()
	eval[chromedp.Void](w, world, axe+"\n;undefined")
	found := eval[[]finding](w, world, `axe.run(document, {preload: false, resultTypes: ["violations"]}).then(r => r.violations.map(v => ({
		ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.slice(0, 3).map(n => ({HTML: n.html.slice(0, 300), FailureSummary: n.failureSummary})) })))`)
	for _, f := range found {
		text := fmt.Sprintf("%s: axe-core: %s: %s (%s)", where, f.Impact, f.Help, f.ID)
		for _, n := range f.Nodes {
			text += "\n    " + n.HTML + "\n    " + strings.ReplaceAll(n.FailureSummary, "\n", "\n    ")
		}
		if f.Impact == "serious" || f.Impact == "critical" {
			w.t.Error(text)
		} else {
			w.t.Log(text)
		}
	}
}

// fits wants the body of the page to need no horizontal scrolling.
func (w *tab) fits(where string) {
	w.t.Helper()
	if wide := eval[string](w, w.aside(), `(() => {
		const root = document.documentElement, room = root.clientWidth;
		if (root.scrollWidth <= room) return "";
		const inScroller = e => { for (e = e.parentElement; e && e !== document.body; e = e.parentElement) if (getComputedStyle(e).overflowX !== "visible") return true; return false; };
		const all = [...document.body.querySelectorAll("*")].filter(e => e.checkVisibility() && !inScroller(e));
		let widest = all.filter(e => e.getBoundingClientRect().right > room + 1);
		if (!widest.length) widest = all.filter(e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX === "visible" && getComputedStyle(e).display !== "inline").reverse();
		return root.scrollWidth + " px in " + room + ": " + widest.slice(0, 3).map(e => e.outerHTML.slice(0, 160)).join(" | ");
	})()`); wide != "" {
		w.t.Errorf("%s: the page must be scrolled sideways: %s", where, wide)
	}
}

// still wants nothing to move for a reader who asked for that.
func (w *tab) still(where string) {
	w.t.Helper()
	if n := eval[int](w, w.aside(), `document.getAnimations().filter(a => a.playState === "running").length + (getComputedStyle(document.documentElement).scrollBehavior === "smooth" ? 1 : 0)`); n != 0 {
		w.t.Errorf("%s: %d things move although no motion is wanted", where, n)
	}
}

// harmless wants no control character and no character that turns the direction of
// text in what the page holds: neither in its text nor in its attributes.
func (w *tab) harmless(where string) {
	w.t.Helper()
	if bad := eval[string](w, w.aside(), `(() => {
		const evil = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
		const text = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
		for (let n; n = text.nextNode();) if (evil.test(n.data)) return "text " + JSON.stringify(n.data.slice(0, 120));
		for (const e of document.querySelectorAll("*")) for (const a of e.attributes) if (evil.test(a.value)) return "attribute " + a.name + " " + JSON.stringify(a.value.slice(0, 120));
		return "";
	})()`); bad != "" {
		w.t.Errorf("%s: what must not be shown as it is: %s", where, bad)
	}
}

// shape wants what every page has: a language, a title, one first heading, a main part,
// and targets of its inner links.
func (w *tab) shape(where string) {
	w.t.Helper()
	if bad := eval[string](w, w.aside(), `(() => {
		const all = [];
		if (!document.documentElement.lang) all.push("no language");
		if (!document.title) all.push("no title");
		if (document.querySelectorAll("h1").length !== 1) all.push(document.querySelectorAll("h1").length + " first headings");
		if (document.querySelectorAll("main").length !== 1) all.push("no main part");
		const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
		for (const [n, id] of ids.entries()) if (ids.indexOf(id) !== n) { all.push("id " + id + " twice"); break; }
		for (const a of document.querySelectorAll('a[href^="#"]')) {
			const id = decodeURIComponent(a.getAttribute("href").slice(1));
			if (id && !document.getElementById(id)) all.push("no target of #" + id);
		}
		return all.join(", ");
	})()`); bad != "" {
		w.t.Errorf("%s: %s", where, bad)
	}
}

// keyboard goes through the page by the tabulator key: everything that can be used is reached,
// shows that it is, and the first of all skips to the content. It stops after
// most things.
func (w *tab) keyboard(where string) {
	w.t.Helper()
	const most = 150
	world := w.aside()
	count := eval[int](w, world, `(() => {
		document.activeElement?.blur();
		window.list = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex="-1"])')].filter(e => !e.disabled && e.checkVisibility({visibilityProperty: true}) && !e.closest("[inert]") && e.tabIndex >= 0 && !(e.type === "radio" && !e.checked));
		window.plain = list.map(e => { const s = getComputedStyle(e); return s.outline + s.boxShadow + s.textDecoration + s.backgroundColor + s.borderColor; });
		window.reached = new Set();
		return list.length;
	})()`)
	if count == 0 {
		w.t.Errorf("%s: nothing can be reached by keyboard", where)
		return
	}
	for n := range min(count, most) + 8 { // scrollable parts are stops, too
		w.do("tab key", chromedp.KeyEvent(kb.Tab))
		bad := eval[string](w, world, `(() => {
			const e = document.activeElement, n = list.indexOf(e);
			if (n < 0) return "";
			const first = reached.size === 0; reached.add(n);
			const s = getComputedStyle(e), r = e.getBoundingClientRect();
			if (first && !(e.getAttribute("href") || "").startsWith("#")) return "the first stop does not skip to the content: " + e.outerHTML.slice(0, 120);
			if (s.outline + s.boxShadow + s.textDecoration + s.backgroundColor + s.borderColor === plain[n]) return "nothing shows the focus of " + e.outerHTML.slice(0, 120);
			if (r.width === 0 || r.right <= 0 || r.bottom <= 0 || r.left >= innerWidth || r.top >= innerHeight) return "has the focus, and is not to be seen: " + e.outerHTML.slice(0, 120);
			return "";
		})()`)
		if bad != "" {
			w.t.Errorf("%s: stop %d: %s", where, n+1, bad)
			return
		}
	}
	if missed := eval[[]string](w, world, fmt.Sprintf(`list.slice(0, %d).filter((e, n) => !reached.has(n)).map(e => e.outerHTML.slice(0, 120))`, min(count, most))); len(missed) > 0 {
		w.t.Errorf("%s: not reached by keyboard: %d things, such as %s", where, len(missed), missed[0])
	}
	w.do("first stop", chromedp.Evaluate[chromedp.Void](`document.activeElement.blur(); window.scrollTo(0, 0)`))
}

// picture takes a picture of the page and wants it to be one.
func (w *tab) picture(name string, l look) { w.t.Helper(); w.keep(name, w.shoot(name, l, 4000)) }

// shoot takes a picture of the page, to that height at most, as PNG.
func (w *tab) shoot(name string, l look, tallest float64) []byte {
	w.t.Helper()
	data := w.capture(l, tallest, page.CaptureScreenshotFormatPng)
	shot, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	if got := shot.Bounds().Dx(); got != int(l.width) {
		w.t.Errorf("%s: %d px wide, not %d", name, got, l.width)
	}
	if light := brightness(shot); light < 128 != l.dark {
		w.t.Errorf("%s: its brightness is %d of 255", name, light)
	}
	return data
}

func (w *tab) capture(l look, tallest float64, format page.CaptureScreenshotFormat) []byte {
	w.t.Helper()
	height := min(eval[float64](w, w.aside(), `Math.max(document.documentElement.scrollHeight, innerHeight)`), tallest)
	beyond := true
	return call(w, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Clip: &page.Viewport{Width: float64(l.width), Height: height, Scale: 1}, CaptureBeyondViewport: &beyond, Format: format,
	}).Data
}

// keep writes a picture to where pictures go.
func (w *tab) keep(name string, data []byte) {
	w.t.Helper()
	if filepath.Ext(name) == "" {
		name += ".png"
	}
	if err := os.WriteFile(filepath.Join(pictures(w.t), name), data, 0o644); err != nil { //nolint:gosec // for whoever looks at pictures
		w.t.Error(err)
	}
}

// brightness is how light a picture is in the middle, 0 to 255.
func brightness(shot image.Image) uint32 {
	var sum, n uint32
	b := shot.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y += 7 {
		for x := b.Min.X; x < b.Max.X; x += 7 {
			r, g, blue, _ := shot.At(x, y).RGBA()
			sum += (r + g + blue) / 3 >> 8
			n++
		}
	}
	return sum / max(n, 1)
}

// pictures is where pictures go: $PHASED_PICTURES, or the test's own directory.
func pictures(t interface {
	Fatal(...any)
	ArtifactDir() string
},
) string {
	dir := os.Getenv("PHASED_PICTURES")
	if dir == "" {
		return t.ArtifactDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
