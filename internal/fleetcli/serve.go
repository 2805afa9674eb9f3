package fleetcli

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/report"
	"phased/internal/state"
	"phased/internal/usage"
	"phased/internal/web"
)

// serveOptions are the flags of `phased serve`.
type serveOptions struct {
	stateDir  string
	listen    string
	hosts     []string
	tokenFile string
	tlsCert   string
	tlsKey    string
}

func newServe(w *World) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: usage.Short("serve"),
		Long: `Shows the runs of this host in a browser, and follows those that go on. It reads the
record and changes nothing. Started by root, it runs as user phased.

It answers this host only, unless it has both a certificate and a token to log in
with. From another host, ssh brings its pages: ssh -L 8642:127.0.0.1:8642 HOST.`,
		Example: `phased serve
phased serve --listen 127.0.0.1:9000 --host runs.example.org
phased serve --listen :8642 --tls-cert host.crt --tls-key host.key --token-file token`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.given(cmd.Flags()); err != nil {
				return err
			}
			return runServe(cmd.Context(), w, &o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.listen, "listen", "127.0.0.1:8642", "`ADDRESS` to listen at (default 127.0.0.1:8642)")
	f.StringSliceVar(&o.hosts, "host", nil, "`NAME` that the pages may be asked for by, beside localhost: that of a proxy; may be repeated")
	f.StringVar(&o.tokenFile, "token-file", "", "`FILE` with the token to log in with: at least 32 bytes, mode 0600")
	f.StringVar(&o.tlsCert, "tls-cert", "", "`FILE` with the certificate chain, in PEM")
	f.StringVar(&o.tlsKey, "tls-key", "", "`FILE` with the certificate's key, in PEM")
	f.StringVar(&o.stateDir, "state-dir", "", "`DIR` of the record (default $PHASED_STATE_DIR, then the settings', then /var/lib/phased)")
	return cmd
}

// record opens the record for reading, and looks whether it can be read.
func (o *serveOptions) record(ctx context.Context, w *World) (*journal.Store, *journal.Cache, error) {
	dir := o.stateDir
	if dir == "" {
		dir = journal.DefaultDir(os.Geteuid(), w.getenv)
	}
	store, err := journal.Open(dir, journal.Options{ReadOnly: true})
	if err != nil {
		return nil, nil, unreadable(err)
	}
	cache := journal.NewCache(store)
	if _, err = cache.Runs(ctx); err != nil {
		return nil, nil, unreadable(err)
	}
	if _, err := os.Stat(store.Dir()); errors.Is(err, fs.ErrNotExist) {
		w.talk("there is no %s yet: its runs will appear", store.Dir())
	}
	return store, cache, nil
}

// unreadable is the error of a record that cannot be read.
func unreadable(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return broken("%v: user %d may not read it. The runner makes it for the group phased where there is one: add the user to it, or chgrp -R phased the directory", err, os.Geteuid())
	}
	return broken("%v", err)
}

// again returns the flags that a command needs to find the same record.
func (o *serveOptions) again() string {
	if o.stateDir == "" {
		return ""
	}
	dir, err := filepath.Abs(o.stateDir)
	if err != nil { // there is no working directory
		dir = o.stateDir
	}
	return "--state-dir " + report.ShellWord(dir)
}

func hostname() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", broken("cannot tell this host's name: %v", err)
	}
	return host, nil
}

// runServe is `phased serve`.
func runServe(ctx context.Context, w *World, o *serveOptions) error {
	address, err := net.ResolveTCPAddr("tcp", o.listen)
	if err != nil {
		return invalid("serve: --listen %q: %v (expected an address such as 127.0.0.1:8642)", o.listen, err)
	}
	if err := o.allowed(address); err != nil {
		return err
	}
	encrypted, err := o.certificate()
	if err != nil {
		return err
	}
	var token []byte
	if o.tokenFile != "" {
		if token, err = readToken(o.tokenFile); err != nil {
			return invalid("serve: --token-file: %v", err)
		}
	}
	store, cache, err := o.record(ctx, w)
	if err != nil {
		return err
	}
	host, err := hostname()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(w.Stderr, nil))
	past := newHistories(ctx, store.Run)
	defer past.close()
	plans := state.NewPlans(store.Dir())
	pages, err := web.New(web.Options{
		Source: cache, Resolve: store.Resolve, Hook: store.OfHook, History: past.of, Version: w.Version, Host: host, Log: log,
		Published: func(context.Context) ([]phased.PublishedPlan, error) { return plans.All() },
		Flags:     o.again(),
		Token:     token, Hosts: o.hosts, Secure: encrypted != nil,
	})
	if err != nil {
		return broken("%v", err)
	}
	l, err := net.ListenTCP("tcp", address)
	if err != nil {
		return invalid("cannot listen at %s: %v", o.listen, err)
	}
	server := newServer(pages, log)
	server.TLSConfig = encrypted
	scheme := "http"
	if encrypted != nil {
		scheme = "https"
	}
	w.talk("the runs in %s are at %s://%s/ (ctrl-C ends it)", store.Dir(), scheme, strings.Replace(l.Addr().String(), "[::]", host, 1))
	return serve(ctx, server, bound(l, mostConnections))
}

// newServer returns a server that no reader can hold up.
func newServer(pages *web.Server, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           pages.Handler(),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      2 * time.Minute, // streams have limits of their own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	s.RegisterOnShutdown(pages.EndStreams)
	return s
}

// serve answers until the context ends, and then lets answers on their way end.
func serve(ctx context.Context, server *http.Server, l net.Listener) error {
	gone := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			gone <- server.ServeTLS(l, "", "")
			return
		}
		gone <- server.Serve(l)
	}()
	select {
	case err := <-gone:
		return broken("cannot serve: %v", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), 5*time.Second, errors.New("readers took too long to go"))
	defer cancel()
	if err := server.Shutdown(patience); err != nil {
		server.Close() // whoever still reads has had the time
	}
	if err := <-gone; !errors.Is(err, http.ErrServerClosed) {
		return broken("cannot end: %v", err)
	}
	return nil
}
