package plan

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// toolEntry is a directory entry as the other tools look at it.
type toolEntry struct {
	name       string
	kind       phased.Verdict // VerdictRun: a regular file, links followed
	executable bool           // by access(2), which asks for the real user
}

// toolEntries lists a directory for the rules of another tool.
func toolEntries(dir string) ([]toolEntry, error) {
	d, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, &Error{File: dir, Message: "is gone since the plan was made"}
	}
	defer d.Close()
	files, err := d.ReadDir(-1)
	if err != nil {
		return nil, &Error{File: dir, Message: fmt.Sprintf("cannot be read: %v", reason(err))}
	}
	var all []toolEntry
	fd := int(d.Fd())
	for _, f := range files {
		found, gone := inspect(fd, f.Name(), f.Type())
		if gone {
			continue
		}
		e := toolEntry{name: f.Name(), kind: found.verdict}
		if e.kind == phased.VerdictRun {
			e.executable = unix.Faccessat(fd, e.name, unix.X_OK, 0) == nil
		}
		all = append(all, e)
	}
	return all, nil
}

// dibRunParts predicts dib-run-parts in the C locale: docs/upstream.md,
// section 3.
func dibRunParts(dir string) (prediction, error) {
	p := prediction{why: map[string]string{}}
	entries, err := toolEntries(dir)
	if err != nil {
		return p, err
	}
	fi, err := os.Lstat(dir)
	if err != nil {
		return p, &Error{File: dir, Message: reason(err).Error()}
	}
	switch {
	case fi.Mode()&fs.ModeSymlink != 0:
		p.rest = "dib-run-parts does not follow a directory that is a link, and runs nothing"
	case strings.ContainsAny(dir, " \t\n"):
		p.rest = "dib-run-parts splits a directory's name at blanks, and runs nothing or something else"
	case isPattern(dir):
		p.rest = "dib-run-parts takes a directory's name for a pattern, and runs what that matches"
	}
	if p.rest != "" {
		p.notes = append(p.notes, p.rest)
		return p, nil
	}
	for _, e := range entries {
		if e.kind != phased.VerdictRun || !e.executable {
			continue
		}
		lines := strings.Split(e.name, "\n")
		for _, line := range lines {
			if !plainName(line) {
				continue
			}
			p.hooks = append(p.hooks, line)
			if len(lines) > 1 {
				p.why[line] = fmt.Sprintf("dib-run-parts takes a line of the name %q for a name", e.name)
			}
		}
		if !plainName(e.name) {
			p.why[e.name] = unlike(ToolDibRunParts, e.name)
		}
	}
	Sort(phased.Numeric, p.hooks)
	return p, nil
}

// isPattern reports whether an unquoted word of bash may become another one.
func isPattern(dir string) bool {
	if !strings.ContainsAny(dir, `*?[\`) {
		return false
	}
	names, err := filepath.Glob(dir)
	alone := len(names) == 0 || len(names) == 1 && names[0] == dir
	return err != nil || !alone || strings.Contains(dir, `\`)
}

// complains is what run-parts does about what is neither file nor directory.
const complains = "calls it no executable plain file and exits 1, whatever the hooks do"

// runParts predicts Debian's run-parts without options.
func runParts(dir string) (prediction, error) {
	p := prediction{why: map[string]string{}}
	entries, err := toolEntries(dir)
	if err != nil {
		return p, err
	}
	for _, e := range entries {
		if !plainName(e.name) {
			p.why[e.name] = unlike(ToolRunParts, e.name)
			continue
		}
		switch e.kind {
		case phased.VerdictRun:
			if e.executable {
				p.hooks = append(p.hooks, e.name)
			}
		case phased.VerdictDirectory:
		case phased.VerdictMasked, phased.VerdictSpecialFile:
			p.notes = append(p.notes, e.name+": run-parts "+complains)
		default:
			p.notes = append(p.notes, e.name+": run-parts complains about the link")
		}
	}
	slices.Sort(p.hooks)
	slices.Sort(p.notes)
	return p, nil
}
