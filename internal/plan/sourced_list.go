package plan

import (
	"path/filepath"
	"strings"

	"phased/internal/config"
	"phased/internal/phased"
)

// listSourced lists a sourced phase as the shell will find it, if nothing changes
// until then. keep is false for a phase of a built-in lifecycle that has nothing
// to do here: base steps and plugins that there are none of.
func (c *setting) listSourced(ph phased.Phase, p *phased.Plan) (pp phased.PlannedPhase, keep bool, err error) {
	pp = phased.PlannedPhase{Phase: ph, Entries: []phased.Entry{}}
	top := string(p.Base)
	s := newSourcedLister(ph, c.listed)
	defer func() { c.listed = append(c.listed, pp.Entries...) }() // the points of a lifecycle have the same hooks
	switch {
	case ph.Localrc:
		pp.Entries = append(pp.Entries, phased.Entry{
			Name: config.LocalrcPhase, Path: p.Session.Conf, Verdict: phased.VerdictRun, Digest: textDigest(p.Session.Localrc),
			Detail: "the localrc section of the file", Size: int64(len(p.Session.Localrc)),
		})
		return pp, true, nil
	case ph.Calls != "":
		pp.Entries = append(pp.Entries, phased.Entry{
			Name: phased.Text(ph.Calls), Verdict: phased.VerdictRun, Detail: "the lifecycle " + ph.Calls + ", as a run and a process of its own",
		})
		return pp, true, nil
	case ph.Files != nil:
		pp.Roots = p.Roots
		pp, err = s.files(pp)
		return pp, true, err
	}
	if !filepath.IsAbs(ph.Dir) && ph.Dir != "" {
		pp.Roots = p.Roots
	}
	dir := ph.Dir
	if dir != "" && !filepath.IsAbs(dir) {
		dir = filepath.Join(top, dir)
	}
	if c.isSteps(ph) {
		return c.listSteps(pp, s, dir)
	}
	var paths []phased.Text
	if dir != "" {
		names, err := c.expand(dir, ph.Glob, p)
		if err != nil {
			return pp, true, err
		}
		for _, n := range names {
			paths = append(paths, phased.Text(joinPath(dir, n)))
		}
	}
	err = s.directory(&pp, dir, paths)
	s.pluginFiles(pluginEntries(ph, p.Session.Plugins))
	s.unfetched(p.Session.Plugins)
	pp.Entries = s.entries()
	return pp, dir != "" || len(s.plugins) > 0 || len(c.own.Phases) > 0, err
}

// isSteps reports whether a phase is one of base steps of a built-in lifecycle.
func (c *setting) isSteps(ph phased.Phase) bool {
	return c.regime != nil && len(c.own.Phases) == 0 && strings.HasPrefix(ph.Dir, stepsDir+"/")
}

// listSteps turns a directory of base steps into the list of its files, in byte
// order: no locale, and nothing that a hook does to the shell's pattern, touches
// what the user's own scripts do.
func (c *setting) listSteps(pp phased.PlannedPhase, s *sourcedLister, dir string) (phased.PlannedPhase, bool, error) {
	d, err := s.open(&pp, dir)
	if d == nil {
		return pp, false, err
	}
	files, err := d.ReadDir(-1)
	d.Close()
	if err != nil {
		return pp, true, &Error{File: dir, Message: "cannot be read: " + reason(err).Error()}
	}
	names := make([]string, 0, len(files))
	for _, f := range files {
		if fitsByBytes(f.Name(), pp.Glob) {
			names = append(names, f.Name())
		}
	}
	if len(files) == 0 {
		return pp, false, nil
	}
	Sort(phased.Glob, names)
	pp.Files = make([]phased.Text, len(names))
	for i, n := range names {
		pp.Files[i] = phased.Text(pp.Dir + "/" + n)
	}
	pp.Dirs, pp.Dir = []phased.Text{phased.Text(dir)}, ""
	pp.Optional = false // it is there, and what it had is sourced
	s.phase = pp.Phase
	pp, err = s.files(pp)
	return pp, true, err
}

// pluginEntries returns the file of each plugin that takes part in a phase.
func pluginEntries(ph phased.Phase, plugins []phased.Plugin) []phased.Entry {
	var all []phased.Entry
	if ph.Plugins == "" {
		return nil
	}
	for _, pl := range plugins {
		e := phased.Entry{
			Name: phased.Text(pl.Name + "/devstack/" + ph.Plugins), Path: phased.Text(joinPath(string(pl.Dir), "devstack/"+ph.Plugins)), Plugin: pl.Name,
		}
		if ph.Plugins == "plugin.sh" {
			e.Args = ph.Args
		}
		all = append(all, e)
	}
	return all
}

// unfetched takes for granted that a plugin that is cloned first has the file.
func (s *sourcedLister) unfetched(plugins []phased.Plugin) {
	fetch := map[string]bool{}
	for _, pl := range plugins {
		fetch[pl.Name] = pl.Fetch
	}
	for i := range s.plugins {
		if e := &s.plugins[i]; fetch[e.Plugin] && e.Verdict == phased.VerdictNoMatch {
			e.Verdict, e.Detail = phased.VerdictRun, "the plugin is cloned first; runs where it has this file"
		}
	}
}
