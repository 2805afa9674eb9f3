package cli

import (
	"fmt"
	"time"

	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/proc"
	"phased/internal/state"
)

// bootID returns the kernel's boot id.
func (w *World) bootID() string {
	if w.BootID != nil {
		return w.BootID()
	}
	return proc.BootID()
}

// memory is what is remembered of the hooks of a run's lifecycle.
type memory struct {
	store     state.Store
	base      phased.Text
	lifecycle string
	run       string
	boot      string
	turns     *turns          // nil: nothing is run
	sourced   map[string]bool // by name: the phases whose hooks are sourced
}

func (j *job) memory() memory {
	m := memory{store: state.New(j.store.Dir()), base: j.plan.Base, lifecycle: j.plan.Lifecycle, run: j.id, boot: j.w.bootID(), turns: &turns{}, sourced: map[string]bool{}}
	for _, ph := range j.plan.Phases {
		m.sourced[ph.Name] = ph.Executor == phased.ExecutorSession
	}
	return m
}

func (m memory) hook(phase string, e phased.Entry) state.Hook {
	return state.Hook{Base: m.base, Lifecycle: m.lifecycle, Phase: phase, Name: e.Name}
}

// skip passes over a hook that waits for something which has not happened, or that
// has run often enough: the form of engine.Options.Skip.
func (m memory) skip(phase string, e phased.Entry) (reason, message string, err error) {
	why := ""
	if len(e.When) > 0 {
		var what phased.Served
		if what, reason, message, err = m.condition(phase, e); err != nil || reason != "" {
			return reason, message, err
		}
		why = message
		m.turns.starts(what)
	}
	if !e.Limited() {
		return "", why, nil
	}
	was, found, err := m.store.Ran(m.hook(phase, e))
	if err != nil || !found {
		return "", why, err
	}
	if reason = plan.PassedOver(e, was, m.boot); reason != "" {
		return reason, plan.RanText(was), nil
	}
	return "", why, nil
}

// remember puts down that a hook has ended well.
func (m memory) remember(phase string, e phased.Entry) error {
	if len(e.When) > 0 {
		if err := m.serve(phase, e); err != nil {
			return err
		}
	}
	if !e.Limited() {
		return nil
	}
	return m.store.Remember(phased.Ran{
		Base: m.base, Lifecycle: m.lifecycle, Phase: phase, Hook: e.Name,
		Run: m.run, Time: time.Now().UTC(), BootID: m.boot, Digest: e.Digest, Inputs: e.InputFiles,
	})
}

// skipOf is what a run passes over: what the run that it resumes has done, unless
// it was notified since, then what waits and what has run often enough.
func (j *job) skipOf(m memory) plan.Skip {
	return func(phase string, e phased.Entry) (string, string, error) {
		if len(e.Secrets) > 0 { // also of one that is new since the plan
			j.files.Add(e.Secrets...)
			m.turns.hides(m.hook(phase, e), e.Secrets)
		}
		why := ""
		if j.skip != nil {
			reason, message, err := j.skip(phase, e)
			switch {
			case err != nil, reason != "" && (reason != phased.SkippedDone || len(e.When) == 0):
				return reason, message, err
			case reason != "":
				if again, text, err := m.skip(phase, e); again == "" || err != nil {
					return again, text, err
				}
				return reason, message, nil
			}
			why = message
		}
		reason, message, err := m.skip(phase, e)
		if reason == "" {
			message = bothOf(message, why)
		}
		return reason, message, err
	}
}

// bothOf joins what is to be said, where there are two things.
func bothOf(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// forecast adds to the details of hooks what would be passed over now.
func (m memory) forecast(p *phased.Plan) error {
	phases := make([]*phased.PlannedPhase, 0, len(p.Phases)+1)
	for i := range p.Phases {
		phases = append(phases, &p.Phases[i])
	}
	if p.Failure != nil {
		phases = append(phases, p.Failure)
	}
	for _, ph := range phases {
		for i := range ph.Entries {
			e := &ph.Entries[i]
			if e.Verdict != phased.VerdictRun || !e.Limited() && len(e.When) == 0 {
				continue
			}
			reason, message, err := m.skip(ph.Name, *e)
			if err != nil {
				return err
			}
			text := string(e.Frequency)
			switch {
			case reason != "":
				text = fmt.Sprintf("would be skipped (%s): %s", reason, message)
			case message != "":
				text = bothOf(text, "pending: "+message)
			}
			e.Detail = bothOf(e.Detail, text)
		}
	}
	return nil
}
