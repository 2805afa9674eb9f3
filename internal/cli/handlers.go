package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/plan"
	"phased/internal/state"
)

// turns is what is known of the hooks of a run whose turn has come. Hooks that run
// together use it at once.
type turns struct {
	mu      sync.Mutex
	pending map[state.Hook]phased.Served // what was pending when a hook started
	told    map[string]bool              // what was told already
	secrets map[state.Hook][]phased.Text // files of hooks that have any
}

func (t *turns) starts(s phased.Served) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending == nil {
		t.pending = map[state.Hook]phased.Served{}
	}
	t.pending[state.Hook{Base: s.Base, Lifecycle: s.Lifecycle, Phase: s.Phase, Name: s.Hook}] = s
}

func (t *turns) started(h state.Hook) (phased.Served, bool) {
	if t == nil {
		return phased.Served{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s, found := t.pending[h]
	return s, found
}

// first reports whether something was not told before.
func (t *turns) first(what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told[what] {
		return false
	}
	if t.told == nil {
		t.told = map[string]bool{}
	}
	t.told[what] = true
	return true
}

// hides notes which files of a hook are secret.
func (t *turns) hides(h state.Hook, files []phased.Text) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.secrets == nil {
		t.secrets = map[state.Hook][]phased.Text{}
	}
	t.secrets[h] = files
}

func (t *turns) secretsOf(h state.Hook) []phased.Text {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.secrets[h]
}

func (m memory) scope() state.Scope { return state.Scope{Base: m.base, Lifecycle: m.lifecycle} }

// condition judges a hook that waits for something: the reason for which it is
// passed over, "" where it runs, and why. what is what it serves when it ends well.
func (m memory) condition(phase string, e phased.Entry) (what phased.Served, reason, message string, err error) {
	what = phased.Served{Base: m.base, Lifecycle: m.lifecycle, Phase: phase, Hook: e.Name, Run: m.run}
	was, err := m.store.Served(m.hook(phase, e))
	if err != nil {
		return what, "", "", err
	}
	var pending []phased.Notification
	if names, _ := plan.WaitsFor(e); len(names) > 0 {
		all, err := m.store.Notifications(m.scope(), names...)
		if err != nil {
			return what, "", "", err
		}
		pending = plan.Pending(e, all, was)
	}
	if what.Files, err = plan.WaitedFor(e); err != nil {
		return what, "", "", err
	}
	for _, n := range pending {
		what.IDs = append(what.IDs, n.ID)
	}
	reason, message = plan.Condition(e, pending, was.Files, what.Files)
	return what, reason, message, nil
}

// serve puts down that a hook has ended well that waits for something.
func (m memory) serve(phase string, e phased.Entry) error {
	what, started := m.turns.started(m.hook(phase, e))
	if !started {
		return fmt.Errorf("it is not known what %s/%s was started for", phase, e.Name)
	}
	what.Time = time.Now().UTC()
	return m.store.Serve(what)
}

// notesPath is the value of PHASED_NOTIFY for a hook. Those of a phase that are
// sourced have one together: they run one at a time, and a shell that is told
// something else before each of them takes longer.
func (m memory) notesPath(phase string, hook phased.Text) string {
	if m.sourced[phase] {
		hook = ""
	}
	return m.store.NotesPath(m.run, m.scope().Hook(phase, hook))
}

// notesOf returns where the notes of a hook lie: what it was given, which is
// cheaper than to find out again.
func notesOf(h phased.Hook) string {
	for _, e := range h.Env {
		if path, is := strings.CutPrefix(string(e), notesEnv); is {
			return path
		}
	}
	return ""
}

const notesEnv = "PHASED_NOTIFY="

// looking is the memory of who only wants to know what would be passed over: it
// notes nothing of hooks that start.
func (m memory) looking() memory {
	m.turns = nil
	return m
}

// beforeHook lets a hook be run whose secret files can be kept out of the record,
// after what else is to be done before.
func (j *job) beforeHook(m memory, also func(*phased.Hook) error) func(*phased.Hook) error {
	return func(h *phased.Hook) error {
		if err := also(h); err != nil {
			return err
		}
		for _, s := range m.turns.secretsOf(m.scope().Hook(h.Phase, h.Name)) {
			if err := j.files.Check(s); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w; what it holds could not be kept out of the record", err)
			}
		}
		return nil
	}
}

// afterHook takes what a hook has left, also what else looks at that. A secret file
// that is still not there may have another name than its header says: that is told.
func (j *job) afterHook(m memory, also after) after {
	return func(h phased.Hook, res *phased.Result) ([]phased.Payload, error) {
		found, err := m.ended(j.plan, h, res, also)
		for _, s := range m.turns.secretsOf(m.scope().Hook(h.Phase, h.Name)) {
			if cannot := j.files.Check(s); cannot != nil && m.turns.first("secret "+string(s)) {
				found = append(found, phased.RunWarning{Message: fmt.Sprintf("%s/%s: %v: nothing of it is hidden", h.Phase, h.Name, cannot)})
			}
		}
		return found, err
	}
}

// pickUp looks after what runs that died have left said, where this run alone runs
// hooks of the base.
func (j *job) pickUp(m memory, lock *journal.Lock) error {
	if err := m.store.ReadyNotes(); err != nil {
		return cannotRecord(err)
	}
	if lock == nil {
		return nil
	}
	told, err := m.pickUp(j.plan)
	for _, t := range told {
		j.talk("%s", j.secrets.Clean(t))
	}
	return err
}

// ended takes what an attempt of a hook has notified and seen: the form of
// engine.Options.After. What was notified counts also where the attempt failed:
// what has changed has changed. What `phased changed` has seen counts only where it
// has ended well. Between the two comes what else looks at what the hook has left:
// it sees as failed whom bad lines made fail, and may let the hook fail itself.
func (m memory) ended(p phased.Plan, h phased.Hook, res *phased.Result, also after) ([]phased.Payload, error) {
	path := notesOf(h)
	notes, found, err := m.store.ReadNotes(path)
	switch {
	case err != nil:
		failed(res, fmt.Sprintf("what it notified cannot be read: %v", err))
		err = m.store.DropNotes(path)
	case found && len(notes.Bad) > 0:
		failed(res, notes.Bad[0])
	}
	at := m.scope().Hook(h.Phase, h.Name)
	if err == nil && found {
		err = m.take(notes, at, m.run)
	}
	more, err2 := also(h, res)
	if err = errors.Join(err, err2); err != nil || !found {
		return more, err
	}
	if res.OK() {
		if err := m.seen(notes, at); err != nil {
			return more, err
		}
	}
	if err := m.store.DropNotes(path); err != nil {
		return more, fmt.Errorf("cannot take what %s/%s has notified: %w", h.Phase, h.Name, err)
	}
	return append(m.tellNotified(p, h, append(slices.Clone(notes.Told), notes.Names...)), more...), nil
}

// failed makes a hook that ended well one that has failed.
func failed(res *phased.Result, why string) {
	if res.OK() {
		res.Exit = phased.Exit{Cause: phased.CauseNotify, Status: exitHook, Message: why}
	}
}

// take puts down what notes say.
func (m memory) take(notes state.Notes, at state.Hook, run string) error {
	for _, name := range notes.Names {
		n := phased.Notification{Base: m.base, Lifecycle: m.lifecycle, Name: name, Phase: at.Phase, Hook: at.Name, Run: run, Time: time.Now().UTC()}
		if err := m.store.Notify(n); err != nil {
			return fmt.Errorf("cannot put down that %s/%s has notified %s: %w", at.Phase, at.Name, name, err)
		}
	}
	return nil
}

// seen puts down what a hook has seen of files that has ended well.
func (m memory) seen(notes state.Notes, at state.Hook) error {
	for _, key := range slices.Sorted(maps.Keys(notes.Looks)) {
		if err := m.store.Looked(keyHolder(at, key), key, notes.Looks[key]); err != nil {
			return fmt.Errorf("cannot put down what %s/%s has seen of files: %w", at.Phase, at.Name, err)
		}
	}
	return nil
}

// tellNotified are the events of what a hook has notified.
func (m memory) tellNotified(p phased.Plan, h phased.Hook, names []string) []phased.Payload {
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return nil
	}
	events := []phased.Payload{phased.HookNotified{Phase: h.Phase, Hook: h.Name, Names: names}}
	for _, name := range names {
		if text := unheard(p, name); text != "" && m.turns.first("notified "+name) {
			events = append(events, phased.RunWarning{Message: fmt.Sprintf("%s/%s has notified %s, and %s", h.Phase, h.Name, name, text)})
		}
	}
	return events
}

// unheard says that no hook of a plan waits for a name; "" where one does.
func unheard(p phased.Plan, name string) string {
	known := plan.Awaited(p.AllPhases())
	if slices.Contains(known, name) {
		return ""
	}
	return "no hook of " + p.Lifecycle + " waits for that" + nearest(name, known)
}

// pickUp puts down what hooks of runs that died have left said. Nobody else runs
// hooks of the base now.
func (m memory) pickUp(p phased.Plan) (told []string, err error) {
	left, err := m.store.Untaken(m.scope())
	if err != nil {
		return nil, broken("cannot find out what hooks of a run that died have notified: %v", err)
	}
	for _, u := range left {
		notes, found, err := m.store.ReadNotes(u.Path)
		if err != nil {
			return nil, broken("what a hook of run %s, which died, has notified cannot be read (remove it, and what it says is forgotten): %v", u.Run, err)
		}
		if !found {
			continue
		}
		at, where := m.scope().Hook("", ""), "a hook"
		for _, ph := range p.AllPhases() {
			for _, e := range ph.Hooks() {
				if h := m.hook(ph.Name, e); u.Of(h) {
					at, where = h, ph.Name+"/"+string(e.Name)
				}
			}
		}
		for _, bad := range notes.Bad {
			told = append(told, fmt.Sprintf("warning: %s of run %s, which died: %s", where, u.Run, bad))
		}
		if err := errors.Join(m.take(notes, at, u.Run), m.store.DropNotes(u.Path)); err != nil {
			return nil, &failure{exitInternal, err}
		}
		if len(notes.Names) > 0 {
			told = append(told, fmt.Sprintf("%s of run %s, which died, had notified %s: that is pending now", where, u.Run, strings.Join(notes.Names, ", ")))
		}
	}
	return told, nil
}

// settle removes the notifications that every hook has served which waits for
// them, and, where the run ended well, those that no hook waits for.
func (m memory) settle(p phased.Plan, run phased.Run) error {
	all, err := m.store.Notifications(m.scope())
	if err != nil || len(all) == 0 {
		return err
	}
	phases := enteredPhases(p, run)
	var gone []phased.Notification
	for _, n := range all {
		waiters := plan.Waiters(phases, n.Name)
		done := len(waiters) > 0 || run.Status == phased.StatusSucceeded
		for _, w := range waiters {
			was, err := m.store.Served(m.scope().Hook(w.Phase, w.Hook))
			if err != nil {
				return err
			}
			done = done && slices.Contains(was.IDs, n.ID)
		}
		if done {
			gone = append(gone, n)
		}
	}
	_, err = m.store.Drop(gone) // where somebody is just saying something, the next run does
	return err
}

// enteredPhases are the phases of a plan, those that were entered as they were
// then.
func enteredPhases(p phased.Plan, run phased.Run) []phased.PlannedPhase {
	all := p.AllPhases()
	for i := range all {
		for _, ph := range run.Phases {
			if ph.Phase == all[i].Name && ph.Status != phased.StatusSkipped && !ph.Missing {
				all[i].Entries = ph.Entries
			}
		}
	}
	return all
}

// keyHolder is whom a key of `phased changed` belongs to: "" the hook, another one
// all hooks of the lifecycle.
func keyHolder(at state.Hook, key string) state.Hook {
	if key == "" {
		return at
	}
	return state.Hook{Base: at.Base, Lifecycle: at.Lifecycle}
}
