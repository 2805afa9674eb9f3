// Command phased-fleet is the network side: what serves, sends and receives. It
// runs no hook, and never calls the runner; people start it by phased's verbs.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"phased/internal/fleetcli"
)

// version is set by the linker.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	code := fleetcli.Main(fleetcli.World{Argv: os.Args, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Version: version, Context: ctx})
	stop()
	os.Exit(code)
}
