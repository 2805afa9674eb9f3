package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// ListSourced lists a sourced phase again, as it is now: the entries of paths
// first, in that order, all of them to be run, since the shell that expanded its
// pattern to paths tests each again when its turn comes. A path that is the
// pattern itself, which fitted nothing, is left out. Digests are taken over as in
// List. Its error is an Errors.
func ListSourced(p phased.PlannedPhase, paths []phased.Text) (phased.PlannedPhase, error) {
	s := newSourcedLister(p.Phase, p.Entries)
	s.now = true
	switch {
	case p.Localrc, p.Calls != "":
		p.Entries = slices.Clone(p.Entries)
		return p, nil
	case p.Files != nil:
		return s.files(p)
	}
	var pluginFiles []phased.Entry
	for _, e := range p.Entries {
		if e.Plugin != "" {
			pluginFiles = append(pluginFiles, e)
		}
	}
	dir := ""
	if len(p.Dirs) > 0 {
		dir = string(p.Dirs[0])
	} else if t := treesOf(p.Phase, p.Roots); p.Dir != "" && len(t) > 0 {
		dir = t[0].dir
	}
	paths = slices.DeleteFunc(slices.Clone(paths), func(t phased.Text) bool {
		return slices.ContainsFunc(pluginFiles, func(e phased.Entry) bool { return e.Path == t })
	})
	if len(paths) > 0 { // TOP_DIR may have moved
		dir = path.Dir(string(paths[0]))
	}
	now := phased.PlannedPhase{Phase: p.Phase, Roots: p.Roots}
	err := s.directory(&now, dir, paths)
	s.pluginFiles(pluginFiles)
	now.Entries = s.entries()
	return now, err
}

// sourcedLister collects the entries of one sourced phase.
type sourcedLister struct {
	lister
	phase   phased.Phase
	now     bool           // the shell has expanded its pattern already
	run     []phased.Entry // of the directory or the files
	plugins []phased.Entry // in their order, whatever their verdict
	rest    []phased.Entry
}

func newSourcedLister(ph phased.Phase, known []phased.Entry) *sourcedLister {
	s := &sourcedLister{phase: ph, lister: lister{phase: ph, known: make(map[phased.Text]phased.Entry, len(known))}}
	for _, e := range known {
		if e.File != (phased.FileID{}) {
			s.known[e.Path] = e
		}
	}
	return s
}

// entries returns what was collected: what runs first, in run order.
func (s *sourcedLister) entries() []phased.Entry {
	slices.SortStableFunc(s.rest, func(a, b phased.Entry) int { return strings.Compare(string(a.Name), string(b.Name)) })
	return append(slices.Concat(s.run, s.plugins), append([]phased.Entry{}, s.rest...)...)
}

// directory adds the entries of the directory: paths are what the pattern fits.
func (s *sourcedLister) directory(pp *phased.PlannedPhase, dir string, paths []phased.Text) error {
	if s.phase.Dir == "" {
		return nil
	}
	d, err := s.open(pp, dir)
	if d == nil {
		for _, t := range paths {
			s.gone(t)
		}
		return err
	}
	defer d.Close()
	pp.Dirs = []phased.Text{phased.Text(dir)}
	files, err := d.ReadDir(-1)
	if err != nil {
		return Errors{{File: dir, Message: fmt.Sprintf("cannot be read: %v", reason(err))}}
	}
	there := make(map[string]fs.FileMode, len(files))
	for _, f := range files {
		there[f.Name()] = f.Type()
	}
	root := ""
	if len(pp.Roots) > 0 && !filepath.IsAbs(s.phase.Dir) {
		root = string(pp.Roots[0])
	}
	for _, t := range paths {
		name := path.Base(string(t))
		typ, found := there[name]
		if !found {
			s.gone(t)
			continue
		}
		s.entry(int(d.Fd()), phased.Entry{Name: phased.Text(name), Path: t, Root: phased.Text(root), Args: s.phase.Args}, typ, true)
		delete(there, name)
	}
	for name, typ := range there {
		s.entry(int(d.Fd()), phased.Entry{Name: phased.Text(name), Path: phased.Text(joinPath(dir, name)), Root: phased.Text(root)}, typ, false)
	}
	return nil
}

// open opens the directory; nil where there is none to be listed. As in stack.sh
// what is no directory is none, where the phase is optional.
func (s *sourcedLister) open(pp *phased.PlannedPhase, dir string) (*os.File, error) {
	d, err := openDir(dir)
	if d != nil {
		return d, nil
	}
	if fi, serr := os.Stat(dir); err != nil && s.phase.Optional && (errors.Is(serr, fs.ErrNotExist) || serr == nil && !fi.IsDir()) {
		err = nil
	}
	pp.Missing = err == nil
	if err == nil && !s.phase.Optional {
		err = missing(s.phase, pp.Roots)
	}
	return nil, Errors(nil).with(err).orNil()
}

// gone adds a path that the shell found and that is not there any more. The
// pattern itself, which stands for no file, is none.
func (s *sourcedLister) gone(t phased.Text) {
	name := path.Base(string(t))
	if name == s.phase.Glob {
		return
	}
	s.run = append(s.run, phased.Entry{
		Name: phased.Text(name), Path: t, Args: s.phase.Args, Verdict: phased.VerdictRun,
		Detail: "is not there any more; the shell looks again when its turn comes",
	})
}

// entry adds one entry of the directory; fits says that the pattern fits it.
func (s *sourcedLister) entry(dir int, e phased.Entry, typ fs.FileMode, fits bool) {
	name := string(e.Name)
	f, gone := inspect(dir, name, typ)
	if gone {
		if fits {
			s.gone(e.Path)
		}
		return
	}
	f.describe(&e)
	if !fits {
		e.Verdict, e.Detail = phased.VerdictNoMatch, whyNoMatch(name, s.phase.Glob, s.now)
		s.rest = append(s.rest, e)
		return
	}
	e.Verdict, e.Detail = phased.VerdictRun, howSourced(f)
	switch f.verdict {
	case phased.VerdictDanglingLink, phased.VerdictUnreadable:
		s.passedOver(&e, f.verdict)
	default:
		if err := ignoringEINTR(func() error { return unix.Faccessat(dir, name, unix.R_OK, unix.AT_EACCESS) }); err != nil {
			e.Detail = fmt.Sprintf("is not readable: mode %s", e.Mode)
			s.passedOver(&e, phased.VerdictUnreadable)
		}
	}
	if e.Verdict != phased.VerdictRun {
		s.rest = append(s.rest, e)
		return
	}
	if f.verdict == phased.VerdictRun {
		s.digest(&e, f, dir, name)
	}
	s.run = append(s.run, e)
}

// passedOver judges an entry that the shell will pass over, if nothing changes.
func (s *sourcedLister) passedOver(e *phased.Entry, v phased.Verdict) {
	e.Detail += "; the shell passes over it, unless that changes before its turn"
	if !s.now {
		e.Verdict = v
	}
}

// howSourced says what is to be known of an entry that the pattern fits.
func howSourced(f found) string {
	switch f.verdict {
	case phased.VerdictDirectory:
		return f.detail + ": sourcing it fails"
	case phased.VerdictMasked:
		return f.detail + ": it does nothing"
	case phased.VerdictSpecialFile:
		return f.detail + ": what sourcing it does depends on who writes to it"
	}
	return f.detail
}

// files lists base steps: each is sourced, and one that is not there fails.
func (s *sourcedLister) files(p phased.PlannedPhase) (phased.PlannedPhase, error) {
	var errs Errors
	top := ""
	if len(p.Roots) > 0 {
		top = string(p.Roots[0])
	}
	known := map[phased.Text]bool{}
	for _, t := range p.Files {
		full := string(t)
		if !filepath.IsAbs(full) {
			full = filepath.Join(top, full)
		}
		known[phased.Text(full)] = true
		e := phased.Entry{Name: t, Path: phased.Text(full), Verdict: phased.VerdictRun}
		if len(p.Dirs) > 0 { // they come from a directory of base steps
			e.Name = phased.Text(filepath.Base(full))
		}
		errs = errs.with(s.file(e))
	}
	if len(p.Dirs) > 0 {
		s.beside(string(p.Dirs[0]), known)
	}
	p.Entries = s.entries()
	return p, errs.orNil()
}

func (s *sourcedLister) file(e phased.Entry) error {
	dir, name := filepath.Split(string(e.Path))
	why := ""
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		var f found
		if f, err = lookAt(fd, name); err == nil {
			f.describe(&e)
			e.Detail = howSourced(f)
			switch f.verdict {
			case phased.VerdictRun:
				s.digest(&e, f, fd, name)
			case phased.VerdictDanglingLink, phased.VerdictUnreadable:
				why = f.detail
			}
		}
	}
	if err != nil {
		why = err.Error()
	}
	switch {
	case why == "":
	case s.phase.Optional:
		e.Verdict, e.Detail = phased.VerdictUnreadable, why
		s.rest = append(s.rest, e)
		return nil
	case s.now:
		e.Detail = why + ": sourcing it fails"
	default:
		return &Error{File: string(e.Path), Message: fmt.Sprintf(
			"cannot be sourced by the phase %s: %s; make it, or say `optional: true` in the settings", s.phase.Name, why)}
	}
	s.run = append(s.run, e)
	return nil
}

// lookAt inspects one name of a directory.
func lookAt(dir int, name string) (found, error) {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return found{}, err
	}
	var typ fs.FileMode
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		typ = fs.ModeSymlink
	}
	f, gone := inspect(dir, name, typ)
	if gone {
		return f, unix.ENOENT
	}
	return f, nil
}

// beside adds what else lies in the directory of base steps.
func (s *sourcedLister) beside(dir string, known map[phased.Text]bool) {
	d, err := openDir(dir)
	if d == nil || err != nil {
		return
	}
	defer d.Close()
	files, _ := d.ReadDir(-1) // what is missing would not run
	for _, f := range files {
		e := phased.Entry{Name: phased.Text(f.Name()), Path: phased.Text(joinPath(dir, f.Name()))}
		if known[e.Path] {
			continue
		}
		s.entry(int(d.Fd()), e, f.Type(), false)
		if s.now && fitsByBytes(f.Name(), s.phase.Glob) && len(s.rest) > 0 {
			s.rest[len(s.rest)-1].Detail = "it was not there when the plan was made"
		}
	}
}

// pluginFiles adds the plugins' files as they are now: what counts is whether
// each is a regular file.
func (s *sourcedLister) pluginFiles(planned []phased.Entry) {
	for _, e := range planned {
		s.plugins = append(s.plugins, s.pluginFile(e))
	}
}

func (s *sourcedLister) pluginFile(planned phased.Entry) phased.Entry {
	e := phased.Entry{Name: planned.Name, Path: planned.Path, Plugin: planned.Plugin, Args: planned.Args, Verdict: phased.VerdictNoMatch}
	dir, name := filepath.Split(string(e.Path))
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
	}
	var f found
	if err == nil {
		f, err = lookAt(fd, name)
	}
	if err != nil {
		e.Detail = "the plugin has no such file"
		return e
	}
	f.describe(&e)
	e.Verdict, e.Detail = f.verdict, f.detail
	if f.verdict == phased.VerdictRun {
		s.digest(&e, f, fd, name)
	} else {
		e.Detail = "no regular file: " + f.detail
	}
	return e
}

func textDigest(t phased.Text) string {
	sum := sha256.Sum256([]byte(t))
	return hex.EncodeToString(sum[:])
}
