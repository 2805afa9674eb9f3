package compat

import (
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/engine"
	"phased/internal/phased"
)

// The base directories of os-refresh-config, where the environment names none.
const (
	baseVariable = "OS_REFRESH_CONFIG_BASE_DIR"
	oldBase      = "/opt/stack/os-config-refresh"
	newBase      = "/usr/libexec/os-refresh-config"
)

func orcPhases() []string {
	return []string{"pre-configure", "configure", "post-configure", "migration"}
}

// osRefreshConfig is os-refresh-config.
func osRefreshConfig(e *Env, argv []string) int {
	say := newConsole(e)
	base := e.base(say)
	args, err := parseArgs(argv[1:])
	switch {
	case err != nil:
		say.raw(usageText(e.columns()) + pyText(orcName+": error: "+err.Error()) + "\n")
		return 2
	case args.help:
		return e.print(helpText(e.columns()))
	case args.printBase:
		return e.print(base + "\n")
	case args.printPhases:
		return e.print(strings.Join(orcPhases(), "\t") + "\n")
	}
	say.setLevel(args.logLevel)
	lock, status := takeLock(say, args.lockFile)
	if lock == nil {
		return status
	}
	defer unlock(lock)
	if args.timeout.tooBig {
		say.log(levelError, "argument --timeout: out of range: at most 2147483647 seconds")
		return 1
	}
	return refreshConfig(e, say, base, args, argv)
}

// base returns the base directory, and warns where it is the old default.
func (e *Env) base(say *console) string {
	if b, set := e.lookup(baseVariable); set {
		return b
	}
	if isDir(oldBase) && !isDir(newBase) {
		say.raw("WARNING:root:Base directory " + oldBase + " is deprecated. The recommended base directory is " + newBase + "\n")
		return oldBase
	}
	return newBase
}

// print writes to stdout, and returns the exit status.
func (e *Env) print(s string) int {
	if write(e.Stdout, s) != nil {
		return 120 // Python's, where stdout cannot be written
	}
	return 0
}

// columns is the width that the help is laid out for.
func (e *Env) columns() int {
	if n, ok := parsePyInt(e.getenv("COLUMNS")); ok && n.value > 0 {
		return n.value
	}
	if w, err := unix.IoctlGetWinsize(int(e.Stdout.Fd()), unix.TIOCGWINSZ); err == nil && w.Col > 0 {
		return int(w.Col)
	}
	return 80
}

// refreshConfig runs the phases.
func refreshConfig(e *Env, say *console, base string, args orcArgs, argv []string) int {
	ctx, s := newJob(e, say, orcName, argv, func(sig syscall.Signal) {
		say.log(levelError, "Received %s. Passing it on, and waiting for what runs.", phased.SignalName(sig))
	})
	defer s.end()
	p := phased.Plan{Lifecycle: "refresh", Base: phased.Text(absolute(base)), Grace: s.grace, Surroundings: surroundings()}
	if args.timeout.value > 0 {
		p.Timeout = phased.Duration(time.Duration(args.timeout.value) * time.Second)
	}
	for _, name := range orcPhases() {
		p.Phases = append(p.Phases, phased.PlannedPhase{Phase: phaseIn(base, name)})
	}
	failure := phased.PlannedPhase{Phase: phaseIn(base, "error")}
	failure.Failure = true
	p.Failure = &failure
	if args.timeout.value > 0 {
		s.containHooks()
	}
	r := newRefresh(e, say, s, args.timeout.value, failure.Dir)
	run := s.run(ctx, p, engine.Options{
		Executor: r, FailureEnv: r.story, NoFailurePhaseOnStop: true, TimeoutStrikesOnce: true, ExitCode: orcExit,
	})
	if run.Failure != nil || s.stop.signal() != 0 {
		say.log(levelError, "Aborting...")
	}
	switch sig := s.stop.signal(); {
	case sig != 0:
		return 128 + int(sig)
	case run.Failure != nil:
		return 1
	}
	return 0
}

// orcExit is the exit status of os-refresh-config, whatever has failed.
func orcExit(x phased.Exit) int {
	if x.Cause == phased.CauseStopped {
		return x.Status
	}
	return 1
}

// phaseIn is a phase of os-refresh-config. It need not be there.
func phaseIn(base, name string) phased.Phase {
	dir := name + ".d"
	if base != "" && !strings.HasSuffix(base, "/") {
		base += "/"
	}
	p := phaseOf(name, base+dir)
	p.Optional = true
	return p
}

// partsProgram finds the dib-run-parts that PATH names, where that is another
// program than this one and can be executed by execve: "" stands for this one.
func partsProgram(e *Env) string {
	path, err := e.lookPath(drpName)
	if err != nil {
		return ""
	}
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return ""
	}
	other, err := os.Stat(path)
	if err != nil || os.SameFile(self, other) || !isProgram(path) {
		return ""
	}
	return path
}

// isProgram reports whether the file starts as what the kernel executes: a
// script with #! or a binary.
func isProgram(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true // a binary that may only be executed
	}
	defer f.Close()
	var head [4]byte
	n, _ := f.Read(head[:])
	return strings.HasPrefix(string(head[:n]), "#!") || string(head[:n]) == "\x7fELF"
}
