package web

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard sets the headers that every answer has, also those that refuse, and
// refuses who asks for another server.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		// No Strict-Transport-Security: it would count for all ports of this host.
		next.ServeHTTP(w, r)
	})
}

// hosts refuses names that this server does not go by. A page from elsewhere can
// have its own name lead to this host, and would then read the runs as if they
// were its own; the cookie of a login is bound to the name, so that a server with
// a login needs no such list.
func (s *Server) hosts(next http.Handler) http.Handler {
	if s.sessions != nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := hostName(r.Host)
		if loopbackName(name) || slices.ContainsFunc(s.Hosts, func(h string) bool { return strings.EqualFold(h, name) }) {
			next.ServeHTTP(w, r)
			return
		}
		s.answer(func(http.ResponseWriter, *http.Request) error {
			return &statusError{http.StatusMisdirectedRequest, fmt.Sprintf(
				"This server was asked for as %q, which it does not go by: a page from elsewhere could be behind that. "+
					"It goes by localhost and 127.0.0.1; phased serve --host NAME allows another name.", name)}
		})(w, r)
	})
}

// hostName returns the name of a Host header, without its port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), ".")
}

// loopbackName reports whether a name is one of this host for itself.
func loopbackName(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(name)
	return err == nil && a.IsLoopback()
}

// nothing answers what no route is for.
func (s *Server) nothing(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return notFound("There is no such page.")
	}
	w.Header().Set("Allow", "GET, HEAD")
	return &statusError{http.StatusMethodNotAllowed, "These pages can be read, and nothing else."}
}
