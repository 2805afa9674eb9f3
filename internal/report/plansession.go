package report

import (
	"fmt"
	"slices"
	"strings"

	"phased/internal/phased"
)

// sourcedTitle tells what a sourced phase is: which arguments its hooks get, in
// which scope they are sourced, and from where.
func sourcedTitle(ph phased.PlannedPhase) string {
	var words []string
	switch {
	case ph.Calls != "":
		return "runs the lifecycle " + ph.Calls + " as a process of its own"
	case ph.Files != nil && len(ph.Dirs) > 0:
		return "base steps of " + list(ph.Dirs, 4)
	case ph.Files != nil:
		return "base steps"
	case len(ph.Args) > 0:
		words = append(words, "`"+commandLine(ph.Args)+"`")
	}
	switch ph.Scope {
	case phased.ScopeFunction:
		words = append(words, "in a function")
	case phased.ScopeTop:
		words = append(words, "at the top level")
	}
	var from []string
	for _, d := range ph.Dirs {
		from = append(from, Name(d)+"/"+Safe(ph.Glob, false))
	}
	if ph.Plugins != "" && slices.ContainsFunc(ph.Entries, func(e phased.Entry) bool { return e.Plugin != "" }) {
		from = append(from, ph.Plugins+" of each plugin")
	}
	if len(from) > 0 {
		words = append(words, strings.Join(from, ", then "))
	}
	return strings.Join(words, ", ")
}

// sourcedNotes tells of an entry what its phase does not.
func sourcedNotes(ph phased.PlannedPhase, e phased.Entry) []string {
	var words []string
	if !slices.Equal(e.Args, ph.Args) && len(ph.Args) > 0 {
		with := "without arguments"
		if len(e.Args) > 0 {
			with = "with `" + commandLine(e.Args) + "`"
		}
		words = append(words, with)
	}
	if e.Detail != "" && e.Detail != "regular file" {
		words = append(words, Safe(e.Detail, false))
	}
	return words
}

// session prints how the shell starts into which hooks are sourced.
func (p *printer) session(pl phased.Plan) {
	s := pl.Session
	p.line("")
	shell := "bash"
	if s.Posix {
		shell = "bash in POSIX mode"
	}
	p.fact("shell", shell+", $0 is "+Name(s.Name)+", TOP_DIR is "+Name(s.TopDir))
	options := "none"
	if len(s.Options) > 0 {
		options = Safe(strings.Join(s.Options, ", "), false)
	}
	p.fact("options", options+failureRule(pl))
	p.fact("locale", localeText(pl.Surroundings))
	dir, umask, stdin := surroundingsText(pl.Surroundings)
	p.fact("starts with", "directory "+dir+", umask "+umask+", stdin "+stdin)
	if pl.Surroundings.Dir == "" {
		p.fact("environment", count(len(pl.Surroundings.Env), "variable")+", the caller's but for what is said here")
	} else {
		for i, v := range pl.Surroundings.Env {
			name := ""
			if i == 0 {
				name = "environment"
			}
			p.fact(name, Name(v))
		}
	}
	p.fact("record", recordRule(*s))
	if s.Conf != "" {
		p.fact("local.conf", Name(s.Conf))
	}
	p.plugins(s.Plugins)
}

// localeText tells which locale decides the order of hooks.
func localeText(s phased.Surroundings) string {
	for _, name := range []string{"LC_ALL", "LC_COLLATE", "LANG"} {
		for _, v := range s.Env {
			if value, ok := strings.CutPrefix(string(v), name+"="); ok && value != "" {
				return word(value) + " (" + name + ")"
			}
		}
	}
	return "C (none is set)"
}

// surroundingsText tells what hooks start with.
func surroundingsText(s phased.Surroundings) (dir, umask, stdin string) {
	dir, umask, stdin = "the caller's", "the caller's", "/dev/null"
	if s.Dir != "" {
		dir = Name(s.Dir)
	}
	if s.Umask >= 0 {
		umask = fmt.Sprintf("%03o", s.Umask)
	}
	if s.Stdin == "inherit" {
		stdin = "inherited"
	}
	return dir, umask, stdin
}

// sameSkipped returns the earlier phase in whose directory the same entries are
// skipped for the same reasons, so that they need not be told again; "" where
// there is none.
func sameSkipped(pl phased.Plan, ph phased.PlannedPhase) (phase string, n int) {
	mine := skippedOf(ph)
	if len(mine) < 2 {
		return "", 0
	}
	for _, other := range pl.Phases {
		if other.Name == ph.Name {
			break
		}
		if slices.EqualFunc(skippedOf(other), mine, func(a, b phased.Entry) bool { return a.Path == b.Path && a.Verdict == b.Verdict }) {
			return other.Name, len(mine)
		}
	}
	return "", 0
}

// skippedOf returns the entries of a sourced phase's directory that do not run.
func skippedOf(ph phased.PlannedPhase) []phased.Entry {
	var all []phased.Entry
	for _, e := range ph.Entries {
		if ph.Executor == phased.ExecutorSession && e.Verdict != phased.VerdictRun && e.Plugin == "" {
			all = append(all, e)
		}
	}
	return all
}

// failureRule tells what a hook that fails ends, where the shell decides it.
func failureRule(pl phased.Plan) string {
	for _, ph := range pl.Phases {
		if ph.OnFailure != phased.Shell {
			return ""
		}
	}
	if slices.Contains(pl.Session.Options, "errexit") {
		return ": a hook that fails ends the run"
	}
	return ", so no errexit: a hook that fails ends nothing"
}

// recordRule tells what of the variable space is kept, and for how long.
func recordRule(s phased.Session) string {
	text := "what each hook changes in the variable space"
	if !s.Provenance {
		text = "not what hooks change in the variable space"
	}
	switch s.Resume {
	case "off":
		return text + "; no resume"
	case "keep":
		return text + "; can be resumed and started from, also after it ends well"
	}
	return text + "; can be resumed until it ends well"
}

func (p *printer) plugins(all []phased.Plugin) {
	wide := 0
	for _, pl := range all {
		wide = max(wide, columns(Name(phased.Text(pl.Name))))
	}
	for i, pl := range all {
		name := ""
		if i == 0 {
			name = "plugins"
		}
		text := pad(Name(phased.Text(pl.Name)), min(wide, 24)) + "  " + Name(pl.Dir)
		var words []string
		if pl.Source != "" && pl.Source != pl.Dir {
			words = append(words, "from "+Name(pl.Source))
		}
		if pl.Ref != "" {
			words = append(words, "at "+Name(phased.Text(pl.Ref)))
		}
		if len(pl.Requires) > 0 {
			words = append(words, "requires "+Safe(strings.Join(pl.Requires, ", "), false))
		}
		if pl.Line > 0 {
			words = append(words, fmt.Sprintf("line %d", pl.Line))
		}
		if len(words) > 0 {
			text += p.paint(dim, "  "+strings.Join(words, ", "))
		}
		if pl.Fetch {
			text += p.paint(yellow, "  cloned when the run starts")
		}
		p.fact(name, text)
	}
}
