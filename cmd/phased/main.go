// Command phased is the runner: the name that it is called by picks a
// personality or phased's own command line. It must do nothing before that, so
// that a personality starts as fast as it can.
package main

import (
	"os"
	"path/filepath"

	"phased/internal/cli"
	"phased/internal/compat"
)

// version is set by the linker.
var version = "unknown"

func main() {
	os.Exit(dispatch(nil))
}

// dispatch runs what the name stands for and returns the exit status. boot tells
// the kernel's boot id; nil: as /proc has it. Tests alone give another.
func dispatch(boot func() string) int {
	if name := filepath.Base(os.Args[0]); compat.Known(name) {
		return compat.Main(name, os.Args, compat.Env{
			Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
		})
	}
	return cli.Main(cli.World{
		Argv: os.Args, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version, BootID: boot,
	})
}
