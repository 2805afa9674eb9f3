package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"phased/internal/phased"
)

// ask sends a request and returns the answer and its text.
func ask(h http.Handler, method, address, body string, header map[string]string) (*http.Response, string) {
	r := httptest.NewRequest(method, address, strings.NewReader(body))
	r.Host = "localhost:8642"
	for name, value := range header {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

// addresses are one for each route, and some that there are none for.
func addresses(s *Server) []string {
	all := []string{"/nothing", "/static/../server.go", "/static/", "/static/templates/layout.html"}
	for _, r := range s.routes() {
		_, pattern, _ := strings.Cut(r.pattern, " ")
		pattern = strings.ReplaceAll(pattern, "{$}", "")
		for _, name := range []string{"{run}", "{phase}", "{hook}", "{plan}"} {
			pattern = strings.ReplaceAll(pattern, name, "x")
		}
		all = append(all, pattern)
	}
	return all
}

// TestEveryRouteIsGuarded: each address, by each method, with a login or without,
// from elsewhere or not, has the headers; and nothing but a login takes anything.
func TestEveryRouteIsGuarded(t *testing.T) {
	for _, token := range [][]byte{nil, []byte(strings.Repeat("t", 32))} {
		s := serverOf(t, Options{Token: token})
		s.EndStreams()
		h := s.Handler()
		for _, address := range addresses(s) {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
				for _, site := range []string{"same-origin", "cross-site"} {
					answer, text := ask(h, method, address, "", map[string]string{"Sec-Fetch-Site": site})
					what := method + " " + address + " " + site
					policy := answer.Header.Get("Content-Security-Policy")
					if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") {
						t.Errorf("%s: the policy is %q", what, policy)
					}
					for name, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"} {
						if got := answer.Header.Get(name); got != value {
							t.Errorf("%s: %s is %q", what, name, got)
						}
					}
					if answer.Header.Get("Access-Control-Allow-Origin") != "" {
						t.Errorf("%s: others may read it", what)
					}
					if method == "GET" || method == "HEAD" || answer.StatusCode == http.StatusTemporaryRedirect {
						continue // to the same address written plainly
					}
					entry := method == "POST" && (address == "/login" || address == "/logout")
					code := answer.StatusCode
					switch {
					case site == "cross-site" && method != "OPTIONS" && code != http.StatusForbidden:
						t.Errorf("%s: %d: %s", what, code, text)
					case !entry && code < 400:
						t.Errorf("%s: %d: %s", what, code, text)
					case !entry && token == nil && site == "same-origin" && code != http.StatusMethodNotAllowed:
						t.Errorf("%s: %d, not 405", what, code)
					}
				}
			}
		}
	}
}

// TestOnlyLoginsPost: there is no other route that takes anything.
func TestOnlyLoginsPost(t *testing.T) {
	for _, r := range serverOf(t, Options{Token: []byte("x")}).routes() {
		method, address, _ := strings.Cut(r.pattern, " ")
		if method != "GET" && address != "/login" && address != "/logout" {
			t.Errorf("%s: these pages start and change nothing", r.pattern)
		}
	}
}

// TestForeignNames: what was asked for by the name of another server is refused,
// unless there is a login, or the name is allowed.
func TestForeignNames(t *testing.T) {
	plain := serverOf(t, Options{}).Handler()
	named := serverOf(t, Options{Hosts: []string{"runs.example.org"}}).Handler()
	for host, code := range map[string]int{
		"localhost": 200, "localhost:8642": 200, "LOCALHOST:1": 200, "127.0.0.1:8642": 200, "127.9.9.9": 200, "[::1]:8642": 200, "[::1]": 200,
		"evil.example": 421, "evil.example:8642": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example": 421, "10.0.0.1": 421, "0.0.0.0": 421,
		"": 421, "runs.example.org": 421, "[::]": 421, "2130706433": 421,
	} {
		answer, text := ask(plain, "GET", "/", "", map[string]string{"Host": host})
		if answer.StatusCode != code {
			t.Errorf("%q: %d, not %d", host, answer.StatusCode, code)
		}
		if code == 421 && !strings.Contains(text, "--host NAME") {
			t.Errorf("%q: the page does not say what to do: %s", host, text)
		}
	}
	if answer, _ := ask(named, "GET", "/", "", map[string]string{"Host": "Runs.Example.org:443"}); answer.StatusCode != http.StatusOK {
		t.Errorf("an allowed name: %d", answer.StatusCode)
	}
	if answer, _ := ask(named, "GET", "/", "", map[string]string{"Host": "evil.example"}); answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another than the allowed name: %d", answer.StatusCode)
	}
}

// TestRangesAndHeads: a part of a page is the whole page, a head has no body.
func TestRangesAndHeads(t *testing.T) {
	h := serverOf(t, Options{Source: source{[]phased.Summary{{ID: "01M8HK8PRV875TVJ7TJATP9QDC", Lifecycle: "refresh"}}}}).Handler()
	whole, text := ask(h, "GET", "/", "", nil)
	part, got := ask(h, "GET", "/", "", map[string]string{"Range": "bytes=0-1"})
	if whole.StatusCode != http.StatusOK || part.StatusCode != http.StatusOK || got != text {
		t.Errorf("%d and %d", whole.StatusCode, part.StatusCode)
	}
	real := httptest.NewServer(h)
	defer real.Close()
	for _, address := range []string{"/", "/live/runs", "/static/style.css"} {
		r, err := http.Head(real.URL + address)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK {
			t.Errorf("HEAD %s: %d", address, r.StatusCode)
		}
	}
}
