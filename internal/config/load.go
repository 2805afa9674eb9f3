package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxSize bounds a settings file, in bytes.
const maxSize = 1 << 20

// Load reads the settings file. Where it does not exist and is not required,
// Load returns Default. Every other error is an Errors.
func Load(path string, required bool) (*Settings, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		if !required && errors.Is(err, fs.ErrNotExist) {
			return Default(), nil
		}
		return nil, unreadable(path, err)
	}
	defer f.Close()
	return Read(path, f)
}

// Read reads a settings file that was opened, without blocking for one that is
// no regular file. Its error is an Errors.
func Read(path string, f *os.File) (*Settings, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, unreadable(path, err)
	}
	if fi.IsDir() {
		return nil, Errors{{File: path, Message: "is a directory; a settings file is expected, such as /etc/phased/phased.yaml"}}
	}
	if !fi.Mode().IsRegular() {
		return nil, Errors{{File: path, Message: "is no regular file; a settings file is expected, such as /etc/phased/phased.yaml"}}
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	s, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	if abs, err := filepath.Abs(path); err == nil {
		s.File = abs
	}
	return s, nil
}

func unreadable(path string, err error) Errors {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return Errors{{File: path, Message: fmt.Sprintf("cannot read settings: %v", err)}}
}

// Parse reads the bytes of a settings file; file is its name for messages.
// Every error is an Errors, each with its line.
func Parse(file string, data []byte) (*Settings, error) {
	d := &decoder{file: file, lines: map[string]int{}, keys: map[string]*yaml.Node{}}
	doc := d.document(data)
	s := Default()
	s.File, s.lines = file, d.lines
	if doc != nil {
		d.settings(s, doc)
	}
	if len(d.errs) > 0 {
		sort.SliceStable(d.errs, func(i, j int) bool {
			a, b := d.errs[i], d.errs[j]
			return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
		})
		return nil, d.errs
	}
	return s, nil
}

// document parses YAML up to the one value of the file; nil where there is
// none, or where it cannot be parsed.
func (d *decoder) document(data []byte) *yaml.Node {
	if len(data) > maxSize {
		d.errorAt(1, 1, "larger than 1 MiB; this is no settings file")
		return nil
	}
	if line, column, bad := badCharacter(data); bad != "" {
		d.errorAt(line, column, "%s; settings are UTF-8 text", bad)
		return nil
	}
	l, err := yaml.NewLoader(bytes.NewReader(data))
	if err != nil {
		d.errorAt(1, 1, "cannot read YAML: %v", err)
		return nil
	}
	var doc, next yaml.Node
	if err := l.Load(&doc); err != nil {
		d.syntax(data, err)
		return nil
	}
	if err := l.Load(&next); err == nil {
		d.errorAt(next.Line, next.Column, "a second document starts here; a settings file has one")
		return nil
	} else if !errors.Is(err, io.EOF) {
		d.syntax(data, err)
		return nil
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	if hasAlias(root) && !d.expandable(data, root) {
		return nil
	}
	return root
}

// expandable lets the library build the whole value once, so that its own
// limits catch an alias that contains itself and one that grows beyond bounds.
func (d *decoder) expandable(data []byte, root *yaml.Node) bool {
	var v any
	err := root.Decode(&v)
	var many *yaml.LoadErrors // wrong values: told later, and better
	if err == nil || errors.As(err, &many) {
		return true
	}
	d.syntax(data, err)
	return false
}

// syntax turns an error of the library into one with a place.
func (d *decoder) syntax(data []byte, err error) {
	if errors.Is(err, io.EOF) {
		return
	}
	var one *yaml.LoadError
	if !errors.As(err, &one) {
		d.errorAt(1, 1, "not YAML: %v", err)
		return
	}
	mark := one.Mark
	if mark.Line == 0 {
		mark = one.ContextMark
	}
	msg := one.Message
	if one.ContextMsg != "" {
		msg = one.ContextMsg + ": " + msg
		if l := one.ContextMark.Line; l > 0 && l != mark.Line {
			msg += fmt.Sprintf(" (it starts in line %d)", l)
		}
	}
	if strings.Contains(msg, "cannot start any token") && tabAt(data, mark.Line, mark.Column) {
		msg = "a tab indents this line; indent with blanks"
	}
	d.errorAt(mark.Line, mark.Column, "not YAML: %s", msg)
}

func tabAt(data []byte, line, column int) bool {
	lines := bytes.Split(data, []byte("\n"))
	return line >= 1 && line <= len(lines) && column >= 1 && column <= len(lines[line-1]) && lines[line-1][column-1] == '\t'
}

// badCharacter finds the first byte that is not UTF-8, or the first control
// character that YAML does not allow.
func badCharacter(data []byte) (line, column int, what string) {
	line, column = 1, 1
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return line, column, fmt.Sprintf("the byte 0x%02x is not UTF-8", data[i])
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r >= 0x7f && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			return line, column, fmt.Sprintf("control character U+%04X is not allowed", r)
		case r == '\n':
			line, column = line+1, 0
		}
		i += n
		column++
	}
	return 0, 0, ""
}

func hasAlias(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		return true
	}
	return slices.ContainsFunc(n.Content, hasAlias)
}
