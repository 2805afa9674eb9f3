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
	ends := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		ends = append(ends, syscall.SIGHUP)
	}
	ctx, end := context.WithCancelCause(context.Background())
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, ends...)
	go func() { // until the process ends
		if sig, ok := (<-caught).(syscall.Signal); ok {
			end(&fleetcli.Ended{Signal: sig})
		}
	}()
	os.Exit(fleetcli.Main(ctx, fleetcli.World{Argv: os.Args, Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Version: version}))
}
