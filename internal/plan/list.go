package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"phased/internal/phased"
)

// List lists the phase again, as it is now. Digests are taken over where
// device, inode, size and times of a file agree. Its error is an Errors, or a
// *phased.ExitError where the header of a hook has a mistake by now.
func List(p phased.PlannedPhase) (phased.PlannedPhase, error) {
	known := make(map[phased.Text]phased.Entry, len(p.Entries))
	for _, e := range p.Entries {
		if e.File != (phased.FileID{}) {
			known[e.Path] = e
		}
	}
	roots := p.Roots
	now, err := list(p.Phase, roots, known)
	if err != nil {
		return now, err
	}
	if errs := headerErrors(now.Entries); len(errs) > 0 {
		return now, &phased.ExitError{Exit: phased.Exit{Cause: phased.CauseList, Status: 2, Message: errs.Error()}}
	}
	if now.Missing && len(roots) > 0 {
		// The whole base may have gone since the plan was made.
		plain := make([]string, len(roots))
		for i, r := range roots {
			plain[i] = string(r)
		}
		return now, Errors(nil).with(checkRoots(plain)).orNil()
	}
	return now, nil
}

// treesOf returns the directories that a phase may be found in, lowest root
// first.
func treesOf(ph phased.Phase, roots []phased.Text) []tree {
	if filepath.IsAbs(ph.Dir) {
		return []tree{{dir: ph.Dir}}
	}
	trees := make([]tree, len(roots))
	for i, r := range roots {
		trees[i] = tree{root: string(r), dir: filepath.Join(string(r), ph.Dir)}
	}
	return trees
}

// tree is a hook tree, and a phase's directory in it.
type tree struct {
	root, dir string
	d         *os.File
}

// list lists a phase: every entry of its directories, each with one verdict.
func list(ph phased.Phase, roots []phased.Text, known map[phased.Text]phased.Entry) (phased.PlannedPhase, error) {
	pp := phased.PlannedPhase{Phase: ph, Entries: []phased.Entry{}}
	var filter *regexp.Regexp
	if ph.Names != "" {
		re, err := regexp.Compile(ph.Names)
		if err != nil {
			return pp, Errors{{Message: fmt.Sprintf("phase %s: name filter: %v", ph.Name, err)}}
		}
		filter = re
	}
	l := lister{phase: ph, filter: filter, known: known}
	return listBy(l, roots)
}

// listBy lists the phase of a lister.
func listBy(l lister, roots []phased.Text) (phased.PlannedPhase, error) {
	ph := l.phase
	pp := phased.PlannedPhase{Phase: ph, Entries: []phased.Entry{}}
	trees := treesOf(ph, roots)
	if !filepath.IsAbs(ph.Dir) {
		pp.Roots = roots
	}
	var errs Errors
	open := trees[:0]
	for _, t := range trees {
		d, err := openDir(t.dir)
		errs = errs.with(err)
		if d != nil {
			defer d.Close()
			t.d = d
			open = append(open, t)
			pp.Dirs = append(pp.Dirs, phased.Text(t.dir))
		}
	}
	pp.Missing = len(open) == 0
	if pp.Missing && len(errs) == 0 && !ph.Optional {
		errs = append(errs, missing(ph, pp.Roots))
	}
	for _, t := range slices.Backward(open) {
		errs = errs.with(l.read(t))
	}
	pp.Entries = l.sorted()
	return pp, errs.orNil()
}

func missing(ph phased.Phase, roots []phased.Text) *Error {
	const cure = "make it, or say `optional: true` in the settings"
	if filepath.IsAbs(ph.Dir) {
		return &Error{File: ph.Dir, Message: fmt.Sprintf("directory of the phase %s does not exist; %s", ph.Name, cure)}
	}
	in := make([]string, len(roots))
	for i, r := range roots {
		in[i] = string(r)
	}
	return &Error{Message: fmt.Sprintf("phase %s: there is no directory %s in %s; %s", ph.Name, ph.Dir, strings.Join(in, ", "), cure)}
}

// openDir opens a directory to list it; nil where there is none.
func openDir(dir string) (*os.File, error) {
	d, err := os.OpenFile(dir, os.O_RDONLY|openDirectory, 0)
	if err == nil {
		return d, nil
	}
	fi, lerr := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) && lerr != nil {
		return nil, nil //nolint:nilerr // that there is none is no error here: the phase may be optional
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		target, _ := os.Readlink(dir)
		return nil, &Error{File: dir, Message: fmt.Sprintf("is a link to %s, which does not exist; a phase is a directory of hooks", target)}
	case lerr == nil && isNotDir(err):
		what := "a file"
		if fi.Mode()&fs.ModeSymlink != 0 {
			what = "a link to something else"
		}
		return nil, &Error{File: dir, Message: fmt.Sprintf("is not a directory but %s; a phase is a directory of hooks", what)}
	case isNotDir(err):
		return nil, &Error{File: dir, Message: "cannot be reached: a part of the path is not a directory"}
	}
	return nil, &Error{File: dir, Message: fmt.Sprintf("cannot be read: %v", reason(err))}
}
