package compat

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"phased/internal/config"
	"phased/internal/engine"
	"phased/internal/executor"
	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/redact"
	"phased/internal/trust"
)

// settingsFile is where the settings lie. The personalities have no option for
// another.
const settingsFile = "/etc/phased/phased.yaml"

// job is one run of a personality: what it is recorded by and ended by.
type job struct {
	env  *Env
	say  *console
	as   string
	argv []string
	stop *stopper

	grace  phased.Duration
	output executor.Output
	limit  int64
	// secrets are kept out of the record, where output is recorded; nil: it is not.
	secrets *redact.Set

	warn    bool                  // put down what somebody else could have written
	contain *executor.Containment // nil: there is none
	store   *journal.Store        // nil: there is no record
	writer  *journal.Writer
	id      string
}

// newJob opens the record, where that is possible, and listens for signals: the
// first one ends the context.
func newJob(e *Env, say *console, as string, argv []string, stopping func(syscall.Signal)) (context.Context, *job) {
	s := &job{env: e, say: say, as: as, argv: argv, output: executor.Inherited}
	ctx, stop := listen(stopping)
	s.stop = stop
	settings := readSettings()
	s.grace, s.limit = phased.Duration(settings.Grace), settings.OutputLimit
	s.warn = settings.Personalities.Trust == string(trust.Warn)
	if settings.Personalities.Journal {
		s.record(settings)
	}
	if s.store != nil && settings.Personalities.Capture == string(executor.Tee) {
		s.output = executor.Tee
		s.secrets = secretSet(e, settings)
	}
	return ctx, s
}

// secretSet is what is known to be secret. A file that cannot be read is passed
// over like every mistake in the settings.
func secretSet(e *Env, settings *config.Settings) *redact.Set {
	env := make([]phased.Text, len(e.Environ))
	for i, v := range e.Environ {
		env[i] = phased.Text(v)
	}
	set, _ := settings.SecretSet(env)
	return set
}

// readSettings reads the settings. A file that cannot be used is none: this is
// no place to tell of it.
func readSettings() *config.Settings {
	if !exists(settingsFile) {
		return config.Default()
	}
	s, err := loadSettings()
	if err != nil {
		return config.Default()
	}
	return s
}

// loadSettings reads the settings; of root, those that nobody else could have
// written.
func loadSettings() (*config.Settings, error) {
	if trust.Default(os.Geteuid()) == trust.Off {
		return config.Load(settingsFile, false)
	}
	c := trust.NewChecker(os.Geteuid())
	defer c.Close()
	f, problem, err := c.Open(settingsFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if problem != nil {
		return nil, problem
	}
	return config.Read(settingsFile, f)
}

// record begins the record of the run. Without one the run goes on.
func (s *job) record(settings *config.Settings) {
	dir := s.env.getenv("PHASED_STATE_DIR")
	if dir == "" {
		dir = settings.StateDir
	}
	if dir == "" {
		dir = journal.DefaultDir(os.Geteuid(), s.env.getenv)
	}
	durability := "none"
	if settings.Line("durability") != 0 {
		durability = settings.Durability
	}
	store, err := journal.Open(dir, journal.Options{Create: true, Durability: durability})
	if err != nil {
		return
	}
	now := time.Now()
	id := journal.NewID(now)
	writer, err := store.Begin(id)
	if err != nil {
		return
	}
	s.store, s.writer, s.id = store, writer, id
}

// run runs the plan. What the engine itself cannot go on for was said by its
// executor.
func (s *job) run(ctx context.Context, p phased.Plan, o engine.Options) phased.Run {
	o.ID, o.Start, o.Kill, o.RecordOptional = s.id, s.start(), s.stop.kill, true
	if s.secrets != nil {
		o.Clean = func(p phased.Payload) phased.Payload { return phased.Cleaned(p, s.secrets.Clean) }
	}
	o.Start.Containment = s.contain.Fact()
	o.Record = func(...phased.Event) error { return nil }
	if s.writer != nil {
		o.Record = s.writer.Append
		if s.warn {
			o.Executor = &executor.Guarded{Inner: o.Executor, Guard: &trust.Guard{EUID: os.Geteuid(), Beside: besides}, Warn: true}
		}
	}
	run, _ := engine.Run(ctx, p, o)
	return run
}

// besides are the files that are obeyed beside the hooks of a phase: those of
// its environment.d.
func besides(p phased.PlannedPhase) []string {
	files, err := environmentFiles(p.Dir)
	if err != nil {
		return nil // the phase has told it
	}
	return files
}

// containHooks makes the cgroup of a run that has a time limit, where there can be
// one: without, what descends from a hook is looked for while it moves.
func (s *job) containHooks() {
	id := s.id
	if id == "" {
		id = s.as + "-" + strconv.Itoa(os.Getpid())
	}
	s.contain, _ = executor.Contain(executor.ContainOptions{Run: id, Shared: true})
}

// end closes the record.
func (s *job) end() {
	s.contain.Close()
	if s.writer != nil {
		_ = s.writer.Close() // nobody is told of the record here
	}
	s.stop.close()
}

// start returns the facts of run.started that the plan does not have.
func (s *job) start() phased.RunStarted {
	if s.writer == nil {
		return phased.RunStarted{}
	}
	host, _ := os.Hostname()
	f := phased.RunStarted{
		Personality: s.as, Host: host, BootID: proc.BootID(), Version: s.env.Version, Pid: os.Getpid(), UID: os.Geteuid(),
		SudoUser: s.env.getenv("SUDO_USER"), Parent: s.env.getenv("PHASED_RUN_ID"), Output: string(s.output),
	}
	for _, a := range s.argv {
		f.Argv = append(f.Argv, phased.Text(a))
	}
	if st, err := proc.Read(f.Pid); err == nil {
		f.PidStart = st.Start
	}
	if st, err := proc.Caller(os.Getppid()); err == nil {
		f.Caller = &phased.Caller{Pid: st.Pid, Command: phased.Text(st.Command)}
	}
	if u, err := user.LookupId(strconv.Itoa(f.UID)); err == nil {
		f.User = u.Username
	}
	if s.output != executor.Captured {
		f.Inherited = executor.Describe(s.env.Stdout, s.env.Stderr)
	}
	return f
}

// story writes the story of a failure for error.d, and returns what tells its
// hooks of it.
func (s *job) story(f phased.Failure) []phased.Text {
	if s.store == nil {
		return nil
	}
	files, err := s.store.WriteFailure(s.id, f)
	if err != nil {
		return nil
	}
	env := []phased.Text{phased.Text("PHASED_FAILURE=" + files.JSON)}
	if files.Log != "" {
		env = append(env, phased.Text("PHASED_FAILED_LOG="+files.Log))
	}
	return env
}

// absolute returns the absolute path, or the path itself where there is none.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}
