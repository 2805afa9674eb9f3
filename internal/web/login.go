package web

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// sessionLasts is how long a login counts, whatever happens meanwhile.
	sessionLasts = 12 * time.Hour
	// mostSessions is how many logins count at once; the oldest goes first.
	mostSessions = 1000
	// mostForm is how long the form of a login may be, in bytes.
	mostForm = 8 << 10
	// mostFailures of one address within failuresLast close the login for it.
	mostFailures = 10
	failuresLast = 10 * time.Minute
	// mostAddresses is for how many addresses failures are counted at once.
	mostAddresses = 10000
)

// sessions knows who has logged in. All is in memory: a server that starts again
// knows nobody.
type sessions struct {
	token  [sha256.Size]byte // digest of the token
	cookie string            // its name
	now    func() time.Time

	mu       sync.Mutex
	until    map[[sha256.Size]byte]time.Time // by the digest of the cookie
	failures map[netip.Prefix]failures
}

// failures are the logins that failed from one address.
type failures struct {
	count int
	until time.Time
}

func newSessions(token []byte, secure bool, now func() time.Time) *sessions {
	if token == nil {
		return nil
	}
	// Cookies know no ports: the pages of two hosts that ssh brings to 127.0.0.1
	// would log each other out if their cookies had one name.
	cookie := "phased-" + rand.Text()[:8]
	if secure {
		cookie = "__Host-" + cookie // a browser takes it from this host by TLS only
	}
	return &sessions{token: sha256.Sum256(token), cookie: cookie, now: now, until: map[[sha256.Size]byte]time.Time{}, failures: map[netip.Prefix]failures{}}
}

// known reports whether a request comes from who has logged in.
func (s *sessions) known(r *http.Request) bool {
	c, err := r.Cookie(s.cookie)
	if err != nil {
		return false
	}
	key := sha256.Sum256([]byte(c.Value))
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.until[key]
	if ok && !s.now().Before(until) {
		delete(s.until, key)
		return false
	}
	return ok
}

// open begins a session and returns its cookie's value.
func (s *sessions) open() string {
	value := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var oldest [sha256.Size]byte
	var first time.Time
	for key, until := range s.until {
		if !now.Before(until) {
			delete(s.until, key)
		} else if first.IsZero() || until.Before(first) {
			oldest, first = key, until
		}
	}
	if len(s.until) >= mostSessions {
		delete(s.until, oldest)
	}
	s.until[sha256.Sum256([]byte(value))] = now.Add(sessionLasts)
	return value
}

// end ends the session of a request.
func (s *sessions) end(r *http.Request) {
	c, err := r.Cookie(s.cookie)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, sha256.Sum256([]byte(c.Value)))
}

// try compares a token. While an address has failed too often, nothing that it
// tries counts; wait is how long that is.
func (s *sessions) try(from netip.Prefix, token string) (ok bool, wait time.Duration) {
	// Digests have one length, and are compared in a time that tells nothing.
	digest := sha256.Sum256([]byte(token))
	right := subtle.ConstantTimeCompare(digest[:], s.token[:]) == 1
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	f := s.failures[from]
	if !now.Before(f.until) {
		f = failures{}
	}
	if f.count >= mostFailures {
		return false, f.until.Sub(now)
	}
	if right {
		delete(s.failures, from)
		return true, 0
	}
	if _, known := s.failures[from]; !known && len(s.failures) >= mostAddresses {
		s.forget(now)
	}
	s.failures[from] = failures{f.count + 1, now.Add(failuresLast)}
	return false, 0
}

// forget makes room for another address: those whose time is over go, else any.
func (s *sessions) forget(now time.Time) {
	for from, f := range s.failures {
		if !now.Before(f.until) {
			delete(s.failures, from)
		}
	}
	for from := range s.failures {
		if len(s.failures) < mostAddresses {
			return
		}
		delete(s.failures, from)
	}
}

// addressOf returns the network that a request is counted for: who has one IPv6
// address has all of its 64 bits.
func addressOf(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	bits := 32
	if a = a.Unmap(); a.Is6() {
		bits = 64
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// loginBody is the page that asks for the token.
type loginBody struct {
	Next  string // where to go then
	Wrong string // what is wrong with what was tried
}

// login lets nobody on who has not logged in, but to what the login page is
// made of.
func (s *Server) login(next http.Handler) http.Handler {
	if s.sessions == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		open := r.URL.Path == "/login" || strings.HasPrefix(r.URL.Path, "/static/")
		switch {
		case open || s.sessions.known(r):
			next.ServeHTTP(w, r)
		case (r.Method == http.MethodGet || r.Method == http.MethodHead) && !strings.Contains(r.Header.Get("Accept"), "text/event-stream"):
			http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		default: // a stream would take the login page for news
			s.answer(func(http.ResponseWriter, *http.Request) error {
				return &statusError{http.StatusUnauthorized, "Log in first: the session is over, or the server was started again."}
			})(w, r)
		}
	})
}

// loginPage asks for the token.
func (s *Server) loginPage(w http.ResponseWriter, r *http.Request) error {
	return s.showLogin(w, http.StatusOK, loginBody{Next: local(r.URL.Query().Get("next"))})
}

func (s *Server) showLogin(w http.ResponseWriter, code int, b loginBody) error {
	return s.show(w, code, "login.html", page{Title: "Log in", Here: "login", Body: b})
}

// loginTry compares what was typed, and opens a session.
func (s *Server) loginTry(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		return badRequest("The form cannot be read: %v", err)
	}
	b := loginBody{Next: local(r.PostForm.Get("next"))}
	from := addressOf(r)
	ok, wait := s.sessions.try(from, strings.TrimSpace(r.PostForm.Get("token")))
	if wait > 0 {
		s.Log.Warn("login refused after too many failures", "from", from)
		seconds := max(1, int(wait.Seconds()))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		b.Wrong = "Too many logins have failed from your address. Wait " + strconv.Itoa(seconds/60+1) + " min."
		return s.showLogin(w, http.StatusTooManyRequests, b)
	}
	if !ok {
		s.Log.Warn("login failed", "from", from)
		b.Wrong = "That is not the token. It is what the file has that phased serve was started with as --token-file."
		return s.showLogin(w, http.StatusForbidden, b)
	}
	http.SetCookie(w, s.cookie(s.sessions.open(), int(sessionLasts.Seconds())))
	http.Redirect(w, r, b.Next, http.StatusSeeOther)
	return nil
}

// logout ends the session.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) error {
	s.sessions.end(r)
	http.SetCookie(w, s.cookie("", -1))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
	return nil
}

func (s *Server) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: s.sessions.cookie, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteStrictMode,
	}
}

// local returns an address of these pages, whatever it was given: a login leads
// nowhere else.
func local(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return "/"
	}
	// A browser takes \ for /, and // for the start of a host.
	if !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(address, "\\\r\n\t") {
		return "/"
	}
	return (&url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
}
