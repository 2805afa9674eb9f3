package fleetcli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/state"
	"phased/internal/web"
)

// serveOptions are the flags of `phased serve`.
type serveOptions struct {
	stateDir string
	listen   string
}

func newServe(w *World) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "show the runs of this host in a browser",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return runServe(cmd.Context(), w, &o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.listen, "listen", "127.0.0.1:8642", "`ADDRESS` to listen at")
	f.StringVar(&o.stateDir, "state-dir", "", "`DIR` of the record (default $PHASED_STATE_DIR, then /var/lib/phased)")
	return cmd
}

// record opens the record for reading.
func (o *serveOptions) record(w *World) (*journal.Store, error) {
	dir := o.stateDir
	if dir == "" {
		dir = w.getenv("PHASED_STATE_DIR")
	}
	if dir == "" {
		dir = journal.DefaultDir(os.Geteuid(), w.getenv)
	}
	store, err := journal.Open(dir, journal.Options{ReadOnly: true})
	if err != nil {
		return nil, broken("%v", err)
	}
	return store, nil
}

// runServe is `phased serve`.
func runServe(ctx context.Context, w *World, o *serveOptions) error {
	store, err := o.record(w)
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return broken("cannot tell this host's name: %v", err)
	}
	plans := state.NewPlans(store.Dir())
	pages, err := web.New(web.Options{
		Source: store, Resolve: store.Resolve, Output: store.Output, Version: w.Version, Host: host,
		Published: func(context.Context) ([]phased.PublishedPlan, error) { return plans.All() },
	})
	if err != nil {
		return broken("%v", err)
	}
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return invalid("cannot listen at %s: %v", o.listen, err)
	}
	server := &http.Server{Handler: pages.Handler(), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	w.talk("the runs in %s are at http://%s/ (ctrl-C ends it)", store.Dir(), l.Addr())
	return serve(ctx, server, l)
}

// serve answers until the context ends, and then lets answers on their way end.
func serve(ctx context.Context, server *http.Server, l net.Listener) error {
	gone := make(chan error, 1)
	go func() { gone <- server.Serve(l) }()
	select {
	case err := <-gone:
		return broken("cannot serve: %v", err)
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(patience); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return broken("cannot end: %v", err)
	}
	<-gone
	return nil
}
