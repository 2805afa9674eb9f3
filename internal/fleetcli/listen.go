package fleetcli

import (
	"crypto/tls"
	"net"
	"strings"
	"sync"

	"github.com/spf13/pflag"
)

// mostConnections is how many are open at once; further ones are closed.
const mostConnections = 512

// loopback reports whether only this host can reach an address.
func loopback(a *net.TCPAddr) bool { return a.IP != nil && a.IP.IsLoopback() }

// given refuses flags that are there and say nothing, as --token-file "$FILE" does
// where FILE is not set: pages would be open that were to be locked. A --host is a
// name, as a browser has it before the port.
func (o *serveOptions) given(flags *pflag.FlagSet) error {
	for _, name := range []string{"listen", "token-file", "tls-cert", "tls-key", "host"} {
		if f := flags.Lookup(name); f.Changed && strings.Trim(f.Value.String(), "[]") == "" {
			return invalid("serve: --%s is empty: give it a value, or leave it out", name)
		}
	}
	for _, host := range o.hosts {
		if host == "" || strings.ContainsAny(host, "/@:?# \t\r\n") && net.ParseIP(host) == nil {
			return invalid("serve: --host %q is no name: expected one such as runs.example.org, without scheme, port and path", host)
		}
	}
	return nil
}

// allowed says what is missing for an address, if anything is.
func (o *serveOptions) allowed(a *net.TCPAddr) error {
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return invalid("serve: --tls-cert and --tls-key belong together")
	}
	if loopback(a) || (o.tlsCert != "" && o.tokenFile != "") {
		return nil
	}
	host, err := hostname()
	if err != nil {
		return err
	}
	return invalid("serve: --listen %s can be reached from elsewhere: that needs --tls-cert FILE, --tls-key FILE and --token-file FILE.\n"+
		"Without them, serve on 127.0.0.1 and come from another host by\n    ssh -L %d:127.0.0.1:%d %s", o.listen, a.Port, a.Port, host)
}

// certificate reads what TLS needs; nil where it was not asked for.
func (o *serveOptions) certificate() (*tls.Config, error) {
	if o.tlsCert == "" {
		return nil, nil //nolint:nilnil // no TLS is no error
	}
	// The group may read it: Debian has ssl-cert for that.
	if _, err := secretFile(o.tlsKey, 0o027); err != nil {
		return nil, invalid("serve: --tls-key: %v", err)
	}
	pair, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
	if err != nil {
		return nil, invalid("serve: cannot use --tls-cert %s with --tls-key %s: %v", o.tlsCert, o.tlsKey, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// bounded is a listener of which only so many connections are open at once: who
// comes then is sent away at once, and takes no descriptor.
type bounded struct {
	net.Listener
	slots chan struct{}
}

func bound(l net.Listener, most int) *bounded { return &bounded{l, make(chan struct{}, most)} }

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.slots <- struct{}{}:
			return &held{Conn: c, free: sync.OnceFunc(func() { <-b.slots })}, nil
		default:
			c.Close()
		}
	}
}

// held is a connection that gives its slot back.
type held struct {
	net.Conn
	free func()
}

// Close implements net.Conn.
func (h *held) Close() error {
	h.free()
	return h.Conn.Close()
}
