// Command phased is the runner: the name that it is called by picks a
// personality or phased's own command line. It must do nothing before that, so
// that a personality starts as fast as it can.
package main

import (
	"os"

	"phased/internal/cli"
)

// version is set by the linker.
var version = "unknown"

func main() {
	os.Exit(dispatch())
}

// dispatch runs what the name stands for and returns the exit status.
func dispatch() int {
	return cli.Main(cli.World{
		Argv: os.Args, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
	})
}
