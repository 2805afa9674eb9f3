package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "0123456789abcdef0123456789abcdef"

// hand is a time that a test moves.
type hand struct{ at time.Time }

func (c *hand) now() time.Time { return c.at }

func locked(t *testing.T, secure bool) (http.Handler, *Server, *hand) {
	t.Helper()
	c := &hand{time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)}
	s := serverOf(t, Options{Token: []byte(secret), Secure: secure, Now: c.now})
	return s.Handler(), s, c
}

func logIn(h http.Handler, token, next, from string) *http.Response {
	body := url.Values{"token": {token}, "next": {next}}.Encode()
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.RemoteAddr = from
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

// TestLogin goes the way of a person: sent to the login, wrong, right, where she
// wanted to go, out again.
func TestLogin(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h, _, clock := locked(t, secure)
		answer, _ := ask(h, "GET", "/?status=failed", "", nil)
		if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || to != "/login?next=%2F%3Fstatus%3Dfailed" {
			t.Fatalf("without a login: %d to %q", answer.StatusCode, to)
		}
		if answer, _ := ask(h, "GET", "/live/runs", "", map[string]string{"Accept": "text/html, text/event-stream"}); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("a stream without a login: %d", answer.StatusCode)
		}
		answer, text := ask(h, "GET", "/login?next=%2F%3Fstatus%3Dfailed", "", nil)
		if answer.StatusCode != http.StatusOK || !strings.Contains(text, `value="/?status=failed"`) || !strings.Contains(text, `method="post"`) {
			t.Fatalf("the login: %d: %s", answer.StatusCode, text)
		}
		if answer, _ := ask(h, "GET", "/static/style.css", "", nil); answer.StatusCode != http.StatusOK {
			t.Errorf("the login has no colours: %d", answer.StatusCode)
		}
		if answer := logIn(h, secret+"x", "/", "192.0.2.1:1"); answer.StatusCode != http.StatusForbidden || len(answer.Cookies()) > 0 {
			t.Errorf("with the wrong token: %d, %v", answer.StatusCode, answer.Cookies())
		}
		answer = logIn(h, secret+"\n", "/?status=failed", "192.0.2.1:1")
		if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || to != "/?status=failed" || len(answer.Cookies()) != 1 {
			t.Fatalf("with the token: %d to %q", answer.StatusCode, to)
		}
		c := answer.Cookies()[0]
		if !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || len(c.Value) < 24 || strings.Contains(c.Value, secret) {
			t.Errorf("the cookie is %v", c)
		}
		if strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("the cookie is called %s", c.Name)
		}
		with := map[string]string{"Cookie": c.Name + "=" + c.Value, "Sec-Fetch-Site": "same-origin"}
		if answer, text := ask(h, "GET", "/", "", with); answer.StatusCode != http.StatusOK || !strings.Contains(text, "Log out") {
			t.Errorf("logged in: %d", answer.StatusCode)
		}
		if answer, _ := ask(h, "GET", "/logout", "", with); answer.StatusCode != http.StatusNotFound {
			t.Errorf("a GET logs out: %d", answer.StatusCode)
		}
		if answer, _ := ask(h, "GET", "/", "", with); answer.StatusCode != http.StatusOK {
			t.Errorf("a GET has logged out: %d", answer.StatusCode)
		}
		if answer, _ := ask(h, "POST", "/logout", "", with); answer.StatusCode != http.StatusSeeOther {
			t.Errorf("log out: %d", answer.StatusCode)
		}
		if answer, _ := ask(h, "GET", "/", "", with); answer.StatusCode != http.StatusSeeOther {
			t.Errorf("the cookie counts after the log out: %d", answer.StatusCode)
		}
		c = logIn(h, secret, "/", "192.0.2.1:1").Cookies()[0]
		with["Cookie"] = c.Name + "=" + c.Value
		clock.at = clock.at.Add(sessionLasts - time.Second)
		if answer, _ := ask(h, "GET", "/", "", with); answer.StatusCode != http.StatusOK {
			t.Errorf("before the session ends: %d", answer.StatusCode)
		}
		clock.at = clock.at.Add(time.Second)
		if answer, _ := ask(h, "GET", "/", "", with); answer.StatusCode != http.StatusSeeOther {
			t.Errorf("after the session has ended: %d", answer.StatusCode)
		}
	}
}

// TestLoginIsNoOracle: who has failed often enough from one address is not
// listened to, right or wrong; others are, and so is she after a while.
func TestLoginIsNoOracle(t *testing.T) {
	h, s, clock := locked(t, false)
	for i := range mostFailures {
		if answer := logIn(h, "wrong", "/", fmt.Sprintf("[2001:db8::%x]:5", i)); answer.StatusCode != http.StatusForbidden {
			t.Fatalf("failure %d: %d", i, answer.StatusCode)
		}
	}
	answer := logIn(h, secret, "/", "[2001:db8::ffff]:5")
	if answer.StatusCode != http.StatusTooManyRequests || answer.Header.Get("Retry-After") == "" || len(answer.Cookies()) > 0 {
		t.Errorf("after too many failures: %d", answer.StatusCode)
	}
	if answer := logIn(h, secret, "/", "[2001:db8:0:1::1]:5"); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("from another network: %d", answer.StatusCode)
	}
	clock.at = clock.at.Add(failuresLast)
	if answer := logIn(h, secret, "/", "[2001:db8::1]:5"); answer.StatusCode != http.StatusSeeOther {
		t.Errorf("after a while: %d", answer.StatusCode)
	}
	for i := range mostAddresses + 10 {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		s.sessions.try(netip.PrefixFrom(a, 32), "wrong")
	}
	if n := len(s.sessions.failures); n > mostAddresses {
		t.Errorf("failures of %d addresses are counted", n)
	}
	for range mostSessions + 10 {
		s.sessions.open()
	}
	if n := len(s.sessions.until); n > mostSessions {
		t.Errorf("%d sessions count", n)
	}
}

// TestLoginLeadsNowhereElse: whatever the address says.
func TestLoginLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/runs/01M8?x=1": "/runs/01M8?x=1", "": "/", "runs": "/", "//evil.example/": "/", `/\evil.example/`: "/", "https://evil.example/": "/",
		"/%5cevil": "/%5cevil", "javascript:alert(1)": "/", "/\t/evil.example": "/", "/runs/a%2Fb": "/runs/a%2Fb",
	} {
		if got := local(next); got != want {
			t.Errorf("%q leads to %q, not %q", next, got, want)
		}
	}
}

// TestLoginsOfTwoServers: on one name, such as 127.0.0.1 with tunnels to two
// hosts, one login does not end the other.
func TestLoginsOfTwoServers(t *testing.T) {
	one, _, _ := locked(t, false)
	two, _, _ := locked(t, false)
	jar := ""
	for _, h := range []http.Handler{one, two} {
		c := logIn(h, secret, "/", "127.0.0.1:1").Cookies()[0]
		jar += c.Name + "=" + c.Value + "; "
	}
	for _, h := range []http.Handler{one, two} {
		if answer, _ := ask(h, "GET", "/", "", map[string]string{"Cookie": jar}); answer.StatusCode != http.StatusOK {
			t.Errorf("the login is gone: %d", answer.StatusCode)
		}
	}
	if strings.Count(jar, "=") != 2 || strings.Split(jar, "=")[0] == strings.Split(strings.Split(jar, "; ")[1], "=")[0] {
		t.Errorf("both have one name: %s", jar)
	}
}

// TestLogoutEndsStreams: of pages that are live in other tabs as well.
func TestLogoutEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, s, _ := locked(t, false)
		c := logIn(h, secret, "/", "127.0.0.1:1").Cookies()[0]
		w, end := &reader{header: http.Header{}}, make(chan struct{})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/live/runs", http.NoBody)
		r.AddCookie(c)
		go func() {
			defer close(end)
			h.ServeHTTP(w, r)
		}()
		time.Sleep(3 * time.Second)
		if text := w.take(); !strings.Contains(text, "event: live") {
			t.Fatalf("the stream is %q", text)
		}
		select {
		case <-end:
			t.Fatal("the stream of a session that goes on has ended")
		default:
		}
		s.sessions.end(r)
		<-end
	})
}
