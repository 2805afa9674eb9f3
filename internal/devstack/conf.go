// Package devstack owns local.conf and DevStack's plugins: it reads the file,
// says which plugins it enables, where they lie and what they need, orders them
// and clones those that are not there yet.
//
// It must not source, evaluate or run anything of what it reads: what cannot be
// known by reading is an error that says how to write it. The one program that
// it starts is git.
package devstack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"phased/internal/phased"
)

// maxConf is how many bytes a local.conf or a plugin's settings may have: the
// parser recurses, and a stack that overflows would take phased with it.
const maxConf = 128 << 10

// Options say in which surroundings a local.conf is read.
type Options struct {
	// TopDir is the value of TOP_DIR.
	TopDir string
	// PluginDir is where plugins are cloned to, as PluginDir/NAME; "": where DEST
	// of the localrc or of the environment says, else /opt/stack, as DevStack does.
	PluginDir string
	// Environ is the environment that the localrc is sourced in, NAME=value.
	Environ []string
}

// Conf is what a local.conf says.
type Conf struct {
	// File is its absolute path.
	File string
	// Localrc is the bash text of its localrc sections, with empty lines in place
	// of all others, so that bash's messages name the lines of the file.
	Localrc phased.Text
	// Plugins are those that it enables, as it lists them.
	Plugins []phased.Plugin
	// Warnings are of things that were passed over.
	Warnings []Warning
}

// Warning is something in a file that surprises and stops nothing.
type Warning struct {
	File    string
	Line    int // from 1; 0: the whole file
	Message string
}

// String returns FILE:LINE: MESSAGE.
func (w Warning) String() string { return place(w.File, w.Line) + ": " + w.Message }

// Error is one mistake in a file.
type Error struct {
	File    string
	Line    int // from 1; 0 where there is no line to name
	Message string
}

// Error returns FILE:LINE: MESSAGE.
func (e *Error) Error() string { return place(e.File, e.Line) + ": " + e.Message }

// Errors are all mistakes of a local.conf, in the order of its lines.
type Errors []*Error

// Error returns one mistake a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

func place(file string, line int) string {
	if line > 0 {
		return file + ":" + strconv.Itoa(line)
	}
	return file
}

// Load reads a local.conf. Its error is Errors with every mistake of the file,
// or that of opening it, which wraps fs.ErrNotExist where it is not there.
func Load(file string, o Options) (Conf, error) {
	text, err := readSmall(file)
	if err != nil {
		return Conf{}, fmt.Errorf("cannot read local.conf: %w", err)
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return Conf{}, fmt.Errorf("cannot find the directory of %s: %v", file, err)
	}
	c := Conf{File: abs}
	s := split(file, text)
	c.Localrc, c.Warnings = phased.Text(s.localrc), s.warnings
	r := newReader(file, o)
	r.errs = s.errs
	if len(s.errs) == 0 {
		r.read(s.localrc)
	}
	c.Plugins, c.Warnings = r.plugins, append(c.Warnings, r.warnings...)
	l := locator{dir: filepath.Dir(abs), plugins: o.PluginDir}
	if l.plugins == "" {
		l.plugins = r.dest()
	}
	for i := range c.Plugins {
		p := &c.Plugins[i]
		if err := l.locate(p); err != nil {
			r.fail(p.Line, "%v", err)
			continue
		}
		c.Warnings = append(c.Warnings, Read(p)...)
	}
	if len(r.errs) > 0 {
		slices.SortStableFunc(r.errs, func(a, b *Error) int { return a.Line - b.Line })
		return Conf{}, r.errs
	}
	return c, nil
}

// readSmall reads a file that cannot be as large as to hurt.
func readSmall(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0 {
		return nil, errors.New(name + " is no regular file")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxConf+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxConf {
		return nil, errors.New(name + " is larger than 128 KiB")
	}
	return text, nil
}
