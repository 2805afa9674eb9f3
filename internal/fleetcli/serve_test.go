package fleetcli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"phased/internal/web"
)

const patience = 30 * time.Second

// program is a phased-fleet that runs within the test.
type program struct {
	url    string
	cancel context.CancelFunc
	code   chan int
	stderr *os.File
}

// run starts `phased-fleet serve` with arguments, and waits until it listens.
func run(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{cancel: cancel, code: make(chan int, 1), stderr: r}
	argv := append([]string{"phased-fleet", "serve", "--listen", "127.0.0.1:0", "--state-dir", t.TempDir()}, args...)
	go func() {
		p.code <- Main(ctx, World{Argv: argv, Stdout: w, Stderr: w, Version: "test"})
		w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	_, at, ok := strings.Cut(line, " are at ")
	if err != nil || !ok {
		t.Fatalf("it said %q, %v", line, err)
	}
	p.url = strings.TrimSuffix(strings.Fields(at)[0], "/")
	go io.Copy(io.Discard, r)
	t.Cleanup(func() { cancel(); r.Close() })
	return p
}

// end tells the program to end, and returns its exit code.
func (p *program) end(t *testing.T) int {
	t.Helper()
	p.cancel()
	select {
	case code := <-p.code:
		return code
	case <-time.After(patience):
		t.Fatal("it does not end")
		return -1
	}
}

// TestServeEndsWithReaders: also while streams are open.
func TestServeEndsWithReaders(t *testing.T) {
	p := run(t)
	r, err := http.Get(p.url + "/live/runs")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	stream := bufio.NewReader(r.Body)
	for want := 2; want > 0; { // the words of the connection, then the list
		line, err := stream.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "data:") && strings.TrimSpace(line) != "data:" || strings.HasPrefix(line, "event: live") {
			want--
		}
	}
	if code := p.end(t); code != 0 {
		t.Errorf("it ended with %d", code)
	}
	if _, err := io.Copy(io.Discard, stream); err != nil {
		t.Errorf("the stream did not end as one: %v", err)
	}
}

// TestServeRefusesTheUnbounded: headers and addresses without end, bodies, and
// what is no HTTP.
func TestServeRefusesTheUnbounded(t *testing.T) {
	p := run(t)
	host := strings.TrimPrefix(p.url, "http://")
	for what, text := range map[string]string{
		"431":  "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"431 ": "GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"400":  "hello\r\n\r\n",
		"405":  "FROB / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"200":  "GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\nx",
	} {
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		go io.WriteString(c, text) // it may not read all
		c.SetReadDeadline(time.Now().Add(patience))
		line, _ := bufio.NewReader(c).ReadString('\n')
		if want := strings.TrimSpace(what); !strings.HasPrefix(line, "HTTP/1.1 "+want) {
			t.Errorf("%s: it answered %q", want, line)
		}
		c.Close()
	}
	if code := p.end(t); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// TestServeWithTLS: reachable from elsewhere, with a login.
func TestServeWithTLS(t *testing.T) {
	cert, key, pool := certificate(t)
	token := secretAt(t, strings.Repeat("0123456789abcdef", 2)+"\n", 0o600)
	p := run(t, "--tls-cert", cert, "--tls-key", key, "--token-file", token)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	r, err := client.Get(p.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.Request.URL.Path != "/login" {
		t.Errorf("without a login: %s", r.Request.URL)
	}
	r, err = client.PostForm(p.url+"/login", url.Values{"token": {strings.Repeat("0123456789abcdef", 2)}, "next": {"/?status=failed"}})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if r.StatusCode != http.StatusOK || r.Request.URL.RequestURI() != "/?status=failed" || !bytes.Contains(text, []byte("Log out")) {
		t.Errorf("after the login: %d at %s", r.StatusCode, r.Request.URL)
	}
	r, err = client.Get(p.url + "/live/runs") // by HTTP/2
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if line, err := bufio.NewReader(r.Body).ReadString('\n'); r.ProtoMajor != 2 || line != "retry: 2000\n" {
		t.Errorf("HTTP/%d, %q, %v", r.ProtoMajor, line, err)
	}
	if code := p.end(t); code != 0 {
		t.Errorf("it ended with %d", code)
	}
}

// TestServeIsBounded: connections beyond the bound are closed at once.
func TestServeIsBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := bound(l, 1)
	defer b.Close()
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := b.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(patience))
		return c
	}
	defer dial().Close()
	first := <-accepted
	if _, err := dial().Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("a second one is kept: %v", err)
	}
	first.Close()
	first.Close() // twice, as net/http may
	defer dial().Close()
	if _, ok := <-accepted; !ok {
		t.Error("where one has gone, none may come")
	}
}

// TestServeHasLimits: nobody who is slow, at any point, holds the server up.
func TestServeHasLimits(t *testing.T) {
	pages, err := web.New(web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(pages, slog.New(slog.DiscardHandler))
	for what, limit := range map[string]time.Duration{
		"header": s.ReadHeaderTimeout, "request": s.ReadTimeout, "answer": s.WriteTimeout, "silence": s.IdleTimeout,
	} {
		if limit <= 0 || limit > 2*time.Minute {
			t.Errorf("%s: %s", what, limit)
		}
	}
}

// TestServeEndsTheSlow: a header that does not come.
func TestServeEndsTheSlow(t *testing.T) {
	pages, err := web.New(web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(pages, slog.New(slog.DiscardHandler))
	s.ReadHeaderTimeout = 50 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, s, l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); os.IsTimeout(err) {
		t.Error("it waits on")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestSecretFiles: a token that others could know is none.
func TestSecretFiles(t *testing.T) {
	good := strings.Repeat("k", 32)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(secretAt(t, good, 0o600), link); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, wrong string }{
		{secretAt(t, good+"\n", 0o600), ""},
		{secretAt(t, good, 0o400), ""},
		{secretAt(t, good, 0o640), "mode 0640"},
		{secretAt(t, good, 0o604), "mode 0604"},
		{secretAt(t, good[1:], 0o600), "31 bytes"},
		{secretAt(t, good[1:]+"\n", 0o600), "31 bytes"},
		{secretAt(t, good+"\n"+good, 0o600), "several lines"},
		{secretAt(t, strings.Repeat("k", 5000), 0o600), "5000 bytes"},
		{link, "symbolic link"},
		{fifo, "not a regular file"},
		{t.TempDir(), "not a regular file"},
		{filepath.Join(t.TempDir(), "none"), "no such file"},
	} {
		text, err := readToken(c.path)
		switch {
		case c.wrong == "" && (err != nil || string(text) != good):
			t.Errorf("%q, %v", text, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%v, want %q", err, c.wrong)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	alien := secretAt(t, good, 0o600)
	if err := os.Chown(alien, 4711, 4711); err != nil {
		t.Fatal(err)
	}
	if _, err := readToken(alien); err == nil || !strings.Contains(err.Error(), "belongs to user 4711") {
		t.Errorf("somebody else's: %v", err)
	}
}

func secretAt(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAllowed: only this host is answered without TLS and login.
func TestAllowed(t *testing.T) {
	whole := serveOptions{tlsCert: "c", tlsKey: "k", tokenFile: "t"}
	for _, c := range []struct {
		address string
		o       serveOptions
		ok      bool
	}{
		{"127.0.0.1:8642", serveOptions{}, true},
		{"[::1]:8642", serveOptions{}, true},
		{"127.3.3.3:1", serveOptions{tokenFile: "t"}, true},
		{"127.0.0.1:8642", serveOptions{tlsCert: "c"}, false},
		{"127.0.0.1:8642", serveOptions{tlsKey: "k", tokenFile: "t"}, false},
		{":8642", serveOptions{}, false},
		{"0.0.0.0:8642", serveOptions{tokenFile: "t"}, false},
		{"[::]:8642", serveOptions{tlsCert: "c", tlsKey: "k"}, false},
		{"192.0.2.1:8642", serveOptions{}, false},
		{":8642", whole, true},
		{"192.0.2.1:8642", whole, true},
	} {
		a, err := net.ResolveTCPAddr("tcp", c.address)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.o.allowed(a); (err == nil) != c.ok {
			t.Errorf("%s, %+v: %v", c.address, c.o, err)
		}
	}
}

// certificate makes one for 127.0.0.1.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(kind string, der []byte) string {
		return secretAt(t, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})), 0o600)
	}
	pool = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	return write("CERTIFICATE", der), write("PRIVATE KEY", pkcs), pool
}
