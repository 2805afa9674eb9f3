package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// recorder is a test whose failures are kept instead of told.
type recorder struct {
	testing.TB
	told []string
}

func (r *recorder) Error(args ...any) { r.told = append(r.told, fmt.Sprint(args...)) }

func (r *recorder) Errorf(format string, args ...any) {
	r.told = append(r.told, fmt.Sprintf(format, args...))
}

func (r *recorder) Helper() {}

// TestChecksFindFaults: what the checks of a page are for is found, on pages that
// have it.
func TestChecksFindFaults(t *testing.T) {
	const body = `<!doctype html><html lang="en"><title>x</title><link rel="icon" href="/icon"><body><a href="#main">skip</a><main id="main"><h1>x</h1>%s</main>`
	checks := map[string]func(*tab, string){
		"accessible": (*tab).accessible, "fits": (*tab).fits, "still": (*tab).still,
		"harmless": (*tab).harmless, "shape": (*tab).shape, "keyboard": (*tab).keyboard, "quiet": (*tab).quiet,
	}
	for name, c := range map[string]struct{ check, body, want string }{
		"nothing":            {"", ``, ""},
		"inline script":      {"quiet", `<script>document.title = "y"</script>`, "Content Security Policy"},
		"inline style":       {"quiet", `<p style="color: red">x</p>`, "Content Security Policy"},
		"from elsewhere":     {"quiet", `<img alt="x" src="http://127.0.0.2:9/x.png">`, "which is elsewhere"},
		"not there":          {"quiet", `<img alt="x" src="/nothing.png">`, "404 for"},
		"console":            {"quiet", `<script src="/error.js"></script>`, "console: error"},
		"uncaught":           {"quiet", `<script src="/throw.js"></script>`, "uncaught"},
		"image without text": {"accessible", `<img src="/icon">`, "image-alt"},
		"field without name": {"accessible", `<input>`, "label"},
		"too wide":           {"fits", `<pre>` + strings.Repeat("x", 1000) + `</pre>`, "sideways"},
		"moves":              {"still", `<link rel="stylesheet" href="/move.css"><p>x</p>`, "move although"},
		"escape":             {"harmless", "<p>a\x1b[31mb</p>", "as it is"},
		"turns direction":    {"harmless", "<p title=\"a\u202eb\">x</p>", "attribute title"},
		"two headings":       {"shape", `<h1>y</h1>`, "2 first headings"},
		"no target":          {"shape", `<a href="#y">x</a>`, "no target of #y"},
		"id twice":           {"shape", `<p id="a">x</p><p id="a">x</p>`, "id a twice"},
		"focus not shown":    {"keyboard", `<link rel="stylesheet" href="/unseen.css"><a href="/">x</a>`, "nothing shows the focus"},
		"not by keyboard":    {"keyboard", `<script src="/trap.js" defer></script><a href="/">x</a><a href="/" id="b">y</a><a href="/">z</a>`, "not reached by keyboard"},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{
				"/": fmt.Sprintf(body, c.body), "/icon": "", "/error.js": "console.error('x')", "/throw.js": "throw 1",
				"/move.css":   "@keyframes m { to { color: red } } p { animation: m 1s infinite }",
				"/unseen.css": "a:focus { outline: none }",
				"/trap.js":    "b.addEventListener('keydown', e => e.preventDefault())",
			}
			h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text, ok := files[r.URL.Path]
				if !ok {
					http.NotFound(w, r)
					return
				}
				w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' http://127.0.0.2:9")
				for end, kind := range map[string]string{".js": "text/javascript", ".css": "text/css", "/": "text/html; charset=utf-8", "icon": "image/svg+xml"} {
					if strings.HasSuffix(r.URL.Path, end) {
						w.Header().Set("Content-Type", kind)
					}
				}
				fmt.Fprint(w, text)
			}))
			defer h.Close()
			r := &recorder{TB: t}
			w := newTab(t, h.URL)
			w.as(look{width: 1280})
			w.open("/")
			w.t = r
			for name, check := range checks {
				if c.check == "" || c.check == name {
					check(w, "here")
				}
			}
			w.take()
			if told := strings.Join(r.told, "\n"); c.want == "" && told != "" || !strings.Contains(told, c.want) {
				t.Errorf("told %q, not %q", told, c.want)
			}
		})
	}
}
