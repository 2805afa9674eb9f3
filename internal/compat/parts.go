package compat

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"phased/internal/engine"
	"phased/internal/executor"
	"phased/internal/phased"
)

// runParts is what dib-run-parts does with a directory, as an executor: it
// lists, sources environment.d, writes dib-run-parts' lines round each hook and
// the profile behind the last.
type runParts struct {
	env     *Env
	say     *console
	name    string // path of dib-run-parts: $0 of environment files
	process executor.Process

	// Of the phase that was entered:
	dir    string
	inner  engine.Executor
	shells []*executor.EnvShell // of the phases so far
	rows   []row
	status int         // what dib-run-parts would exit with
	exit   phased.Exit // the failure that it comes from
}

// setUp says how hooks are run. Under os-refresh-config they get no descriptor
// above 2.
func (r *runParts) setUp(s *job, closeOthers bool) {
	r.process = executor.Process{
		Output: s.output, Limit: s.limit, ForwardSignal: true, KillAtOnce: true, CloseOthers: closeOthers,
		DrainCommand: []string{"/proc/self/exe", "drain-output"}, Contain: s.contain,
		Stdin: r.env.Stdin, Stdout: r.env.Stdout, Stderr: r.env.Stderr, Redact: s.secrets,
	}
}

// Enter implements engine.Executor.
func (r *runParts) Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	r.dir, r.rows, r.status, r.exit, r.inner = p.Dir, nil, 0, phased.Exit{}, nil
	if !isDir(r.dir) {
		r.say.noDirectory(r.dir)
		return p, r.fail(phased.Exit{Cause: phased.CauseList, Status: 1, Message: r.dir + " is not a directory"})
	}
	entries, err := r.env.list(ctx, r.dir)
	if err != nil {
		return p, r.cannotList(ctx, err)
	}
	p.Entries, p.Dirs = entries, []phased.Text{phased.Text(r.dir)}
	files, err := environmentFiles(r.dir)
	if err != nil {
		return p, r.cannotList(ctx, err)
	}
	s.Surroundings = r.env.inherited()
	r.inner = &r.process
	if len(files) > 0 || r.env.getenv("BASH_ENV") != "" {
		r.inner = r.shell(files)
	}
	if _, err := r.inner.Enter(ctx, p, s); err != nil {
		var unsaid *executor.EnvError
		if errors.As(err, &unsaid) && unsaid.Unsaid {
			r.say.line("%v", err)
		}
		return p, r.failBy(err)
	}
	return p, nil
}

// shell makes the bash of a phase.
func (r *runParts) shell(files []string) *executor.EnvShell {
	s := &executor.EnvShell{
		Name: r.name, Files: files, ForwardSignal: true, CloseOthers: r.process.CloseOthers,
		Sourcing: func(f string) { r.say.line("Sourcing environment file %s", f) },
		Output:   r.process.Output, Limit: r.process.Limit, DrainCommand: r.process.DrainCommand, Redact: r.process.Redact, Contain: r.process.Contain,
		Stdin: r.env.Stdin, Stdout: r.env.Stdout, Stderr: r.env.Stderr,
	}
	r.shells = append(r.shells, s)
	return s
}

// inherited is the process state of the caller, all of which hooks get.
func (e *Env) inherited() phased.Surroundings {
	s := phased.Surroundings{Umask: -1, Stdin: "inherit", Env: make([]phased.Text, len(e.Environ))}
	for i, v := range e.Environ {
		s.Env[i] = phased.Text(v)
	}
	return s
}

// surroundings is what is recorded of it: the environment may hold secrets.
func surroundings() phased.Surroundings {
	dir, _ := os.Getwd() // no name is no reason not to run
	return phased.Surroundings{Dir: phased.Text(dir), Umask: -1, Stdin: "inherit"}
}

// cannotList says why the hooks cannot be listed; unless the run is being ended.
func (r *runParts) cannotList(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return r.fail(phased.ExitByCause(context.Cause(ctx)))
	}
	r.say.line("%v", err)
	return r.fail(phased.Exit{Cause: phased.CauseList, Status: 1, Message: err.Error()})
}

// fail makes dib-run-parts fail with that.
func (r *runParts) fail(x phased.Exit) error {
	r.status, r.exit = x.Status, x
	return &phased.ExitError{Exit: x}
}

func (r *runParts) failBy(err error) error {
	if x, ok := errors.AsType[*phased.ExitError](err); ok {
		return r.fail(x.Exit)
	}
	r.say.line("%v", err)
	r.status, r.exit = 1, phased.Exit{Cause: phased.CauseInternal, Status: 1, Message: err.Error()}
	return err
}

// Exec implements engine.Executor.
func (r *runParts) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	r.say.line("Running %s", h.Path)
	if strings.HasPrefix(string(h.Path), "-") {
		h.Path = "./" + h.Path // the kernel gives it to an interpreter, which would read options
	}
	began := time.Now()
	res, err := r.inner.Exec(ctx, h)
	if err != nil {
		return res, r.failBy(err)
	}
	if !res.OK() {
		res.Exit = stoppedToo(ctx, res.Exit)
		r.status, r.exit = res.Status, res.Exit
		if res.Cause == phased.CauseCannotRun {
			r.say.line("%s", res.Message)
		}
		return res, nil
	}
	r.rows = append(r.rows, row{string(h.Name), time.Since(began)})
	r.say.line("%s completed", h.Name)
	return res, nil
}

// Leave implements engine.Executor.
func (r *runParts) Leave(ctx context.Context) error {
	if r.inner == nil {
		return nil
	}
	err := r.inner.Leave(ctx)
	switch {
	case err != nil:
		return r.failBy(err)
	case r.status != 0:
		return nil
	case ctx.Err() != nil:
		return r.fail(phased.ExitByCause(context.Cause(ctx)))
	}
	slices.SortFunc(r.rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	r.say.profile(r.dir, r.rows)
	return nil
}

// Close implements engine.Executor.
func (r *runParts) Close(ctx context.Context) error {
	var err error
	for _, s := range r.shells {
		err = errors.Join(err, s.Close(ctx))
	}
	return errors.Join(err, r.process.Close(ctx))
}

// programPath is the path by which a program was called, as a script would find
// it in $0.
func programPath(e *Env, arg0, name string) string {
	if strings.Contains(arg0, "/") {
		return arg0
	}
	if path, err := e.lookPath(name); err == nil {
		return path
	}
	if self, err := os.Executable(); err == nil {
		return filepath.Join(filepath.Dir(self), name)
	}
	return name
}
