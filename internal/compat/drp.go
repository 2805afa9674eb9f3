package compat

import (
	"context"
	"path/filepath"
	"strings"
	"syscall"

	"phased/internal/engine"
	"phased/internal/phased"
)

// usage is what dib-run-parts prints on stderr where it is called wrongly.
const usage = `Usage: dib-run-parts [OPTION] scripts_directory
Option:
      --list  print names of all valid files

Examples:
      dib-run-parts --list /opt/stack/os-config-refresh/configure.d/
      dib-run-parts /opt/stack/os-config-refresh/configure.d/
`

// dibRunParts is dib-run-parts. What follows the directory is ignored.
func dibRunParts(e *Env, argv []string) int {
	say := newConsole(e)
	args := argv[1:]
	if len(args) == 0 {
		say.raw(usage)
		return 1
	}
	list := args[0] == "--list"
	if list {
		args = args[1:]
	}
	dir := ""
	if len(args) > 0 {
		dir = args[0]
	}
	if !isDir(dir) {
		say.noDirectory(dir)
		return 1
	}
	if list {
		return listHooks(e, say, dir)
	}
	return runHooks(e, say, dir, argv)
}

// noDirectory says that the argument is no directory.
func (c *console) noDirectory(dir string) {
	c.line("Scripts directory [%s] must exist and be a directory", dir)
	c.raw(usage)
}

// listHooks is --list.
func listHooks(e *Env, say *console, dir string) int {
	entries, err := e.list(context.Background(), dir)
	if err != nil {
		say.line("%v", err)
		return 1
	}
	var b strings.Builder
	for _, x := range entries {
		if x.Verdict == phased.VerdictRun {
			b.WriteString(string(x.Path) + "\n")
		}
	}
	if write(say.out, b.String()) != nil {
		return 128 + int(syscall.SIGPIPE)
	}
	return 0
}

// runHooks runs the hooks of one directory.
func runHooks(e *Env, say *console, dir string, argv []string) int {
	r := &runParts{env: e, say: say, name: programPath(e, argv[0], drpName)}
	ctx, s := newJob(e, say, drpName, argv, func(sig syscall.Signal) {
		say.line("Received %s: passing it on, and waiting for what runs", phased.SignalName(sig))
	})
	defer s.end()
	r.setUp(s, false)
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	p := phased.Plan{
		Lifecycle: drpName, Base: phased.Text(filepath.Dir(abs)), Grace: s.grace,
		Phases:       []phased.PlannedPhase{{Phase: phaseOf(baseName(dir), dir)}},
		Surroundings: surroundings(),
	}
	s.run(ctx, p, engine.Options{Executor: r, ExitCode: func(x phased.Exit) int { return x.Status }})
	if sig := s.stop.signal(); sig != 0 {
		return 128 + int(sig)
	}
	return r.status
}

// phaseOf is a phase as the originals run one.
func phaseOf(name, dir string) phased.Phase {
	return phased.Phase{Name: name, Dir: dir, OnFailure: phased.Stop, Order: phased.Numeric, Executor: "process"}
}
