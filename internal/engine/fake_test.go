package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"phased/internal/phased"
)

// fake is an executor whose hooks are functions.
type fake struct {
	mu    sync.Mutex
	hooks map[string]func(ctx context.Context, h phased.Hook) (phased.Result, error)
	enter map[string]error
	leave map[string]error
	now   map[string]phased.PlannedPhase // as the phase is found, where not as planned
	sink  phased.Sink
	phase string
	calls []string
	envs  map[string][]phased.Text
	open  int
	// session is how the shell ends at Close; nil: there is none.
	session *phased.Exit
}

func (f *fake) note(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, s)
}

func (f *fake) Enter(_ context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	f.sink, f.phase = s.Sink, p.Name
	if now, ok := f.now[p.Name]; ok {
		p = now
	}
	if err := f.enter[p.Name]; err != nil {
		return p, err
	}
	f.open++
	return p, nil
}

func (f *fake) Exec(ctx context.Context, h phased.Hook) (phased.Result, error) {
	f.note(h.Phase + "/" + string(h.Name))
	if f.envs == nil {
		f.envs = map[string][]phased.Text{}
	}
	f.envs[string(h.Name)] = h.Env
	if run := f.hooks[string(h.Name)]; run != nil {
		return run(ctx, h)
	}
	f.sink.Started(h, phased.Process{Pid: 1})
	return phased.Result{Exit: phased.Exit{Cause: phased.CauseOK}}, nil
}

func (f *fake) Leave(context.Context) error {
	f.open--
	return f.leave[f.phase]
}

func (f *fake) Close(context.Context) error {
	f.note("close")
	if f.session == nil {
		return nil
	}
	f.sink.Tell(phased.SessionEnded{Exit: *f.session})
	if f.session.OK() {
		return nil
	}
	return &phased.ExitError{Exit: *f.session}
}

// exits is a hook that ends with the status.
func (f *fake) exits(status int) func(context.Context, phased.Hook) (phased.Result, error) {
	return func(_ context.Context, h phased.Hook) (phased.Result, error) {
		f.sink.Started(h, phased.Process{Pid: 1})
		if status == 0 {
			return phased.Result{Exit: phased.Exit{Cause: phased.CauseOK}}, nil
		}
		return phased.Result{Exit: phased.Exit{Cause: phased.CauseExit, Status: status}}, nil
	}
}

// hangs is a hook that runs until its context ends.
func (f *fake) hangs(ctx context.Context, h phased.Hook) (phased.Result, error) {
	f.sink.Started(h, phased.Process{Pid: 1})
	<-ctx.Done()
	return phased.Result{Exit: phased.ExitByCause(context.Cause(ctx))}, nil
}

// planOf makes a plan from lines "phase: hook hook"; "!error: hook" is the
// failure phase.
func planOf(lines ...string) phased.Plan {
	p := phased.Plan{Lifecycle: "test", Base: "/base", Grace: phased.Duration(10e9)}
	for _, l := range lines {
		name, hooks, _ := strings.Cut(l, ":")
		ph := phased.PlannedPhase{Phase: phased.Phase{Name: strings.TrimPrefix(name, "!"), OnFailure: phased.Stop}}
		for h := range strings.FieldsSeq(hooks) {
			ph.Entries = append(ph.Entries, phased.Entry{Name: phased.Text(h), Path: phased.Text("/base/" + ph.Name + ".d/" + h), Verdict: phased.VerdictRun})
		}
		if name[0] == '!' {
			ph.Failure, ph.OnFailure = true, phased.Continue
			p.Failure = &ph
			continue
		}
		p.Phases = append(p.Phases, ph)
	}
	return p
}

// recorder is a Record that fails from the nth event on (0: never).
type recorder struct {
	mu         sync.Mutex
	failFrom   int
	events     []phased.Event
	unrecorded []phased.Event
}

var errDisk = errors.New("no space left on device")

func (r *recorder) record(ev ...phased.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failFrom > 0 && len(r.events)+len(ev) >= r.failFrom {
		return errDisk
	}
	r.events = append(r.events, ev...)
	return nil
}

func (r *recorder) kinds() []string {
	var k []string
	for _, e := range r.events {
		k = append(k, string(e.Data.Kind()))
	}
	return k
}

func start(t *testing.T, ctx context.Context, p phased.Plan, f *fake, o Options) (phased.Run, *recorder, error) {
	t.Helper()
	rec := &recorder{}
	o.Executor, o.ID = f, "01TEST"
	if o.Record == nil {
		o.Record = rec.record
	}
	run, err := Run(ctx, p, o)
	if f.open != 0 {
		t.Errorf("%d phases entered and not left", f.open)
	}
	if n := len(f.calls); n > 0 && f.calls[n-1] != "close" {
		t.Errorf("the executor was not closed last: %q", f.calls)
	}
	f.calls = slices.DeleteFunc(f.calls, func(s string) bool { return s == "close" })
	return run, rec, err
}
