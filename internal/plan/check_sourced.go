package plan

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// sourcedFile is a file that is sourced, and where: the same one at most points
// of a lifecycle.
type sourcedFile struct {
	entry  phased.Entry
	phases []phased.PlannedPhase
}

// inFunction reports whether it is sourced in a function anywhere.
func (s sourcedFile) inFunction() bool {
	return s.entry.Plugin != "" || slices.ContainsFunc(s.phases, func(p phased.PlannedPhase) bool { return p.Scope == phased.ScopeFunction })
}

// isHook reports whether it is a hook of a directory: neither a base step nor a
// file of a plugin.
func (s sourcedFile) isHook() bool { return s.entry.Plugin == "" && s.phases[0].Dir != "" }

// sourcedFiles returns the files that the plan sources, by path.
func sourcedFiles(p phased.Plan) map[phased.Text]*sourcedFile {
	all := map[phased.Text]*sourcedFile{}
	for _, ph := range p.Phases {
		if ph.Executor != phased.ExecutorSession || ph.Localrc || ph.Calls != "" {
			continue
		}
		for _, e := range ph.Hooks() {
			if all[e.Path] == nil {
				all[e.Path] = &sourcedFile{entry: e}
			}
			all[e.Path].phases = append(all[e.Path].phases, ph)
		}
	}
	return all
}

// sourcedPhase returns the checks of one sourced phase. What lies in a directory
// is checked at the first point that sources it; told has those that were.
func (c *checker) sourcedPhase(ph phased.PlannedPhase, files map[phased.Text]*sourcedFile, told map[phased.Text]bool) []func() []phased.Finding {
	var jobs []func() []phased.Finding
	first := func(path phased.Text) bool {
		known := told[path]
		told[path] = true
		return !known
	}
	for _, d := range ph.Dirs {
		if first(d) {
			jobs = append(jobs, func() []phased.Finding { return c.directories(ph.Name, []phased.Text{d}) },
				func() []phased.Finding { return c.byLocale(ph) })
		}
	}
	for _, e := range ph.Entries {
		switch {
		case ph.Calls != "" || !first(e.Path):
		case ph.Localrc:
			jobs = append(jobs, func() []phased.Finding { return c.localrc(ph, e) })
		case e.Verdict == phased.VerdictRun:
			jobs = append(jobs, func() []phased.Finding { return c.sourced(ph, files[e.Path]) })
		default:
			jobs = append(jobs, func() []phased.Finding { return notSourced(ph, e) })
		}
	}
	return jobs
}

// localrc checks the text of the local.conf.
func (c *checker) localrc(ph phased.PlannedPhase, e phased.Entry) []phased.Finding {
	f := &finder{phase: ph.Name, file: e.Path}
	if _, err := os.Stat(string(e.Path)); err == nil {
		c.owner(f, string(e.Path), "file")
	}
	c.sourcedText(f, []byte(c.plan.Session.Localrc), true)
	return f.sorted()
}

// sourced checks a file that is sourced: it needs neither an x bit nor a #! line.
func (c *checker) sourced(ph phased.PlannedPhase, s *sourcedFile) []phased.Finding {
	f := &finder{phase: ph.Name, file: s.entry.Path}
	e := s.entry
	headerFindings(f, e)
	var st unix.Stat_t
	if unix.Stat(string(e.Path), &st) != nil {
		if len(ph.Files) > 0 {
			f.add(Code(phased.VerdictDanglingLink), phased.SeverityError, 0, "is not there: sourcing it fails", "restore it, or take it out of files")
		}
		return f.found // a plugin that is cloned first
	}
	if s.isHook() {
		reservedNumber(f, string(e.Name))
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		c.owner(f, string(e.Path), "file")
	case unix.S_IFDIR:
		f.add(Code(phased.VerdictDirectory), phased.SeverityError, 0, "is a directory: sourcing it fails", "rename it, or move it elsewhere")
		return f.found
	case unix.S_IFCHR:
		if st.Rdev == unix.Mkdev(1, 3) {
			f.add(Code(phased.VerdictMasked), phased.SeverityInfo, 0, "is /dev/null: it does nothing", "remove the link to let it run")
			return f.found
		}
		fallthrough
	default:
		f.add(Code(phased.VerdictSpecialFile), phased.SeverityWarning, 0, "is a FIFO, a socket or a device: what sourcing it does depends on who writes to it", "remove it, or keep it elsewhere")
		return f.found
	}
	content, whole, err := readStart(string(e.Path), maxRead)
	if err != nil {
		f.add(Code(phased.VerdictUnreadable), phased.SeverityError, 0, fmt.Sprintf("cannot be read: %v", err), "let the user that runs phased read it: chmod a+r")
		return f.found
	}
	c.sourcedText(f, content, whole)
	if file := parseSourced(content); whole && file != nil {
		t := &scopeCheck{f: f, at: s, options: c.startOptions()}
		t.lifecycle = c.plan.Lifecycle
		t.check(file)
	}
	return f.sorted()
}

// sourcedText checks the syntax of text that bash sources.
func (c *checker) sourcedText(f *finder, content []byte, whole bool) {
	if !whole {
		f.add(CodeShellSyntax, phased.SeverityInfo, 0, "larger than 1 MiB: its syntax was not checked", "keep data out of the script")
		return
	}
	f.sourced = true
	c.syntax(f, content, "bash")
}

func (c *checker) startOptions() []string {
	if c.plan.Session == nil {
		return nil
	}
	return c.plan.Session.Options
}

// reservedNumber tells of numbers that are the base system's.
func reservedNumber(f *finder, name string) {
	if len(name) < 3 || !isDigit(name[0]) || !isDigit(name[1]) || isDigit(name[2]) || name[0] != '0' && name[0] != '9' {
		return
	}
	f.add(CodeReservedNumber, phased.SeverityWarning, 0, fmt.Sprintf("has the number %s: 00 to 09 and 90 to 99 are the base system's", name[:2]),
		"choose a number from 10 to 89, unless it belongs to the base system")
}

// notSourced checks an entry that is not sourced: was it meant to?
func notSourced(ph phased.PlannedPhase, e phased.Entry) []phased.Finding {
	f := &finder{phase: ph.Name, file: e.Path}
	code := Code(e.Verdict)
	switch e.Verdict {
	case phased.VerdictNoMatch:
		if e.LooksLikeHook() {
			f.add(code, phased.SeverityWarning, 0, "is not sourced: "+e.Detail, cureLookAlike(string(e.Name), ph.Glob))
		}
	case phased.VerdictDanglingLink:
		f.add(code, phased.SeverityError, 0, "is passed over in silence: "+e.Detail, "restore the target, or remove the link")
	case phased.VerdictUnreadable:
		f.add(code, phased.SeverityWarning, 0, "is passed over in silence: "+e.Detail, "let the user that runs phased read it: chmod a+r")
	default: // of a plugin
		f.add(code, phased.SeverityWarning, 0, "is not sourced: "+e.Detail, "make it a regular file")
	}
	return f.found
}

func cureLookAlike(name, glob string) string {
	if leftover(name) != "" {
		return "remove it once nobody needs it"
	}
	return fmt.Sprintf("if it is a hook, rename it to match %s; if not, keep it elsewhere", glob)
}

// byLocale tells of hooks whose order another locale would turn round: unstack
// and clean have that of their caller. In a dictionary neither case nor
// punctuation count first.
func (c *checker) byLocale(ph phased.PlannedPhase) []phased.Finding {
	if ph.Dir == "" || c.ownLocale(ph) {
		return nil
	}
	var all []phased.Finding
	var names []string
	paths := map[string]phased.Text{}
	for _, h := range ph.Hooks() {
		if h.Plugin == "" {
			names = append(names, string(h.Name))
			paths[string(h.Name)] = h.Path
		}
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		a, b := names[i-1], names[i]
		if !turnsRound(a, b) {
			continue
		}
		f := &finder{phase: ph.Name, file: paths[b]}
		f.add(CodeLocaleOrder, phased.SeverityWarning, 0,
			fmt.Sprintf("comes after %s in the C locale, as in stack, and may come before it in another, as unstack and clean have it from their caller", a),
			"give them different numbers")
		all = append(all, f.found...)
	}
	return all
}

// ownLocale reports whether nothing sources the phase's directory in a locale of
// the caller's: extras.d is that of unstack and clean as well.
func (c *checker) ownLocale(ph phased.PlannedPhase) bool {
	if c.regime() && ph.Dir == extrasDir {
		return false
	}
	return byBytes(globEnv(c.plan.Surroundings.Env))
}

func (c *checker) regime() bool { return sourcedLifecycleOf(c.plan.Lifecycle) != nil }

// turnsRound reports whether a dictionary has two names, in byte order here, the
// other way round. Of names that differ in case alone it has the small letters
// first.
func turnsRound(a, b string) bool {
	wordA, wordB := lettersOf(a), lettersOf(b)
	foldA, foldB := strings.ToLower(wordA), strings.ToLower(wordB)
	return foldA > foldB || foldA == foldB && wordA < wordB
}

// lettersOf returns a name without its punctuation.
func lettersOf(name string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x80 && (!plainByte(byte(r)) || r == '-' || r == '_') {
			return -1
		}
		return r
	}, name)
}

// requires checks what plugins say that they need of each other.
func (c *checker) requires() []phased.Finding {
	if c.plan.Session == nil {
		return nil
	}
	f := &finder{file: c.plan.Session.Conf}
	place := map[string]int{}
	for i, p := range c.plan.Session.Plugins {
		place[p.Name] = i + 1
	}
	for i, p := range c.plan.Session.Plugins {
		for _, r := range p.Requires {
			switch at := place[r]; {
			case at == 0:
				f.add(CodePluginRequires, phased.SeverityError, p.Line, fmt.Sprintf("plugin %s requires plugin %s, which is not enabled", p.Name, r),
					fmt.Sprintf("enable_plugin %s URL before %s", r, p.Name))
			case at == i+1:
			case at > i+1:
				f.add(CodePluginRequires, phased.SeverityWarning, p.Line, fmt.Sprintf("plugin %s requires plugin %s, which comes after it", p.Name, r),
					fmt.Sprintf("enable %s first, or say `plugin-order: required` in the settings", r))
			}
		}
	}
	return f.found
}
