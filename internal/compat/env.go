package compat

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Env is the process that a personality runs in.
type Env struct {
	Environ               []string // NAME=value
	Stdin, Stdout, Stderr *os.File
	Version               string // phased's
}

// The names of the personalities.
const (
	orcName = "os-refresh-config"
	drpName = "dib-run-parts"
)

// lookup returns the value of an environment variable, and whether it is set.
func (e *Env) lookup(name string) (string, bool) {
	for _, v := range e.Environ {
		if rest, ok := strings.CutPrefix(v, name); ok && strings.HasPrefix(rest, "=") {
			return rest[1:], true
		}
	}
	return "", false
}

func (e *Env) getenv(name string) string {
	v, _ := e.lookup(name)
	return v
}

// executable reports whether the caller may execute the file, as access(2) says.
func executable(path string) bool { return unix.Access(path, unix.X_OK) == nil }

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// exists follows links, as the originals do: a dangling one is not there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
