package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"phased/internal/phased"
)

// expected says by the plan alone what a run does that nothing keeps from it:
// the hooks of the phases and of the failure phase, as Exec notes them, and how
// it exits.
func (p *played) expected() (ran, failure []string, code int) {
	var now time.Duration
	never := 1000 * time.Hour
	after := func(d phased.Duration) time.Duration {
		if d == 0 {
			return never
		}
		return now + time.Duration(d)
	}
	end, cause := after(p.plan.Timeout), phased.CauseTimeout
	if stop := after(limitOf(p.what.Stop, stopFraction)); stop < end {
		end, cause = stop, phased.CauseStopped
	}
	hooks := func(ph phased.PlannedPhase, runEnd time.Duration, skipped bool) (ran []string, first phased.Cause, fatal bool) {
		phaseEnd, phaseCause := after(ph.Timeout), phased.CauseTimeout
		if runEnd < phaseEnd {
			phaseEnd, phaseCause = runEnd, cause
		}
		for _, e := range ph.Hooks() {
			if reason, _ := p.passes(ph.Name, e.Name); reason != "" && skipped {
				continue
			}
			if now >= phaseEnd {
				return ran, orCause(first, phaseCause), false
			}
			m := p.l.hook(ph.Name, e.Name)
			is := m.end(p.number).Cause
			hookEnd, hookCause := after(e.Timeout), phased.CauseTimeout
			if phaseEnd < hookEnd {
				hookEnd, hookCause = phaseEnd, phaseCause
			}
			if is != phased.CauseCannotRun {
				if takes := time.Duration(m.Takes) * time.Second; now+takes < hookEnd {
					now += takes
				} else {
					now, is = hookEnd, hookCause
				}
			}
			ran = append(ran, ph.Name+"/"+string(e.Name)+" "+string(is))
			if is == phased.CauseOK {
				continue
			}
			first = orCause(first, is)
			if is == phased.CauseInternal || ph.OnFailure == phased.Stop {
				return ran, first, is == phased.CauseInternal
			}
		}
		return ran, first, false
	}
	var of phased.Cause
	for _, ph := range p.plan.Phases {
		if reason, _ := p.passes(ph.Name, ""); reason != "" {
			continue
		}
		if now >= end {
			of = orCause(of, cause)
			break
		}
		some, first, fatal := hooks(ph, end, true)
		ran, of = append(ran, some...), orCause(of, first)
		if first != "" && (ph.OnFailure != phased.Continue || now >= end || fatal) {
			break
		}
	}
	if p.plan.Failure != nil {
		failure, _, _ = hooks(*p.plan.Failure, never, false)
	}
	return ran, failure, codes()[of]
}

func codes() map[phased.Cause]int {
	return map[phased.Cause]int{
		phased.CauseExit: 1, phased.CauseSignal: 1, phased.CauseCannotRun: 1,
		phased.CauseTimeout: 124, phased.CauseStopped: 143, phased.CauseInternal: 74,
	}
}

func orCause(first, c phased.Cause) phased.Cause {
	if first == "" {
		return c
	}
	return first
}

func (p *played) passes(phase string, hook phased.Text) (reason, message string) {
	if p.skip == nil {
		return "", ""
	}
	for _, ph := range p.plan.Phases {
		for _, e := range ph.Hooks() {
			if ph.Name == phase && e.Name == hook {
				reason, message, _ = p.skip(phase, e)
			}
		}
	}
	return reason, message
}

// check holds a run to the model and its record to what it did. It returns the
// run as it is on record after the next writer has looked at it; nil where
// nothing is.
func (w *world) check(p *played) (*phased.Run, error) {
	ran, failure, code := p.expected()
	for _, r := range append(ran, failure...) {
		if strings.HasSuffix(r, " timeout") {
			w.met["timeout"]++
		}
	}
	if p.dead || p.lost {
		w.met[p.what.Ends]++
	}
	if p.what.Stop > 0 && code == 143 {
		w.met["stop"]++
	}
	if err := p.checkHooks(ran, failure, code); err != nil {
		return nil, err
	}
	kept, err := w.checkFile(p)
	if err != nil || kept == nil {
		return nil, err
	}
	run := phased.Run{}
	for _, e := range kept {
		before := run.Seq
		if !run.Apply(e) || run.Apply(e) || run.Seq != before+1 {
			return nil, fmt.Errorf("event %d (%s) does not apply once", e.Seq, e.Data.Kind())
		}
	}
	p.status, p.kept = run.Status, min(len(kept), len(p.acked))
	if _, cut := kept[len(kept)-1].Data.(phased.RunInterrupted); cut {
		p.kept = len(kept) - 1
	}
	if !run.Status.Final() || run.Apply(phased.Event{Run: run.ID, Seq: run.Seq + 1, Data: phased.PhaseStarted{Phase: "p0"}}) {
		return nil, fmt.Errorf("it is left %s", run.Status)
	}
	if run.Status != phased.StatusSucceeded {
		w.met["failed"]++
	}
	if slices.ContainsFunc(run.Phases, func(ph phased.PhaseRun) bool { return ph.Failure }) {
		w.met["failure phase"]++
	}
	return &run, nested(p, kept)
}

// checkHooks holds what was run to what the model says.
func (p *played) checkHooks(ran, failure []string, code int) error {
	at := slices.IndexFunc(p.ran, func(s string) bool { return strings.HasPrefix(s, "failure/") })
	if at < 0 {
		at = len(p.ran)
	}
	did, then := p.ran[:at], p.ran[at:]
	failed := func(s string) bool { return !strings.HasSuffix(s, " ok") }
	switch {
	case len(did) > len(ran) || !slices.Equal(did, ran[:len(did)]):
		return fmt.Errorf("it ran %q; the model says %q", did, ran)
	case p.dead:
		if len(then) > len(failure) || !slices.Equal(then, failure[:len(then)]) {
			return fmt.Errorf("its failure phase ran %q; the model says %q", then, failure)
		}
		return nil
	case p.lost:
		// What failed first, or that the record is lost.
		if i := slices.IndexFunc(did, failed); p.run.ExitCode == 74 || i < 0 && len(did) < len(ran) || code == 0 {
			code = 74
		} else if i >= 0 {
			code = codes()[phased.Cause(strings.Fields(did[i])[1])]
		}
		if p.err == nil || p.run.ExitCode != code && p.seen > 1 && p.what.At > 1 {
			return fmt.Errorf("it could not be recorded, and ended with %d (%v); the model says %d", p.run.ExitCode, p.err, code)
		}
		// Lost with its last event, or before it began: nothing was to be told.
		if p.what.At == 1 || len(then) == 0 && code == 74 && len(did) == len(ran) {
			return nil
		}
	case len(did) < len(ran):
		return fmt.Errorf("it ran %q only; the model says %q", did, ran)
	case p.run.ExitCode != code || (p.err != nil) != (code == 74 || strings.Contains(fmt.Sprint(ran), "internal")):
		return fmt.Errorf("it ended with %d, %v; the model says %d", p.run.ExitCode, p.err, code)
	}
	if code != 0 && !slices.Equal(then, failure) || code == 0 && len(then) > 0 {
		return fmt.Errorf("it ended with %d, and its failure phase ran %q; the model says %q", code, then, failure)
	}
	return nil
}

// checkFile reads the run file: all that was acknowledged is there, or after a
// power cut what is safe, and the next writer closes it. It returns the events,
// the end included.
func (w *world) checkFile(p *played) ([]phased.Event, error) {
	ctx := context.Background()
	before, err := w.store.Run(ctx, p.id)
	if err != nil {
		return nil, err
	}
	least := len(p.acked)
	if p.dead && p.what.Ends == "power" {
		least = p.safe
	}
	if n := int(before.Seq); n < least || n > len(p.acked) {
		return nil, fmt.Errorf("%d events can be read; %d were acknowledged, %d are safe", n, len(p.acked), least)
	}
	closed, err := w.store.CloseDead("model")
	if err != nil {
		return nil, err
	}
	if before.Seq == 0 {
		if _, err := os.Stat(p.writer.Path()); err == nil || len(closed) > 0 {
			return nil, errors.New("a run without an event was kept")
		}
		return nil, nil
	}
	over := before.Seq > 0 && p.acked[before.Seq-1].Closing()
	if !over != (len(closed) == 1) {
		return nil, fmt.Errorf("its end is on record: %v; %d runs were closed", over, len(closed))
	}
	var kept []phased.Event
	for e, err := range w.store.Follow(ctx, p.id, 0) {
		if err != nil {
			return nil, err
		}
		kept = append(kept, e)
	}
	for i, e := range kept {
		if i < int(before.Seq) {
			if is, want := line(e), line(p.acked[i]); is != want {
				return nil, fmt.Errorf("event %d is read as\n%s, and was\n%s", e.Seq, is, want)
			}
			continue
		}
		if d, ok := e.Data.(phased.RunInterrupted); !ok || d.ClosedBy != "model" || i != len(kept)-1 {
			return nil, fmt.Errorf("event %d is %s, and the run had %d", e.Seq, e.Data.Kind(), before.Seq)
		}
	}
	return kept, nil
}

func line(e phased.Event) string {
	b, err := e.AppendJSON(nil)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// nested holds the order of the events of a whole record: phases and hooks begin
// and end one inside of the other, the failure phase comes last, and exactly
// when it is due.
func nested(p *played, events []phased.Event) error {
	var phase, hook string
	failing, failure, ended := false, false, false
	for i, e := range events {
		bad := ended || (i == 0) != (e.Data.Kind() == phased.KindRunStarted)
		switch d := e.Data.(type) {
		case phased.PhaseStarted:
			bad = bad || phase != "" || failure || d.Failure && !failing
			phase, failure = d.Phase, d.Failure
		case phased.PhaseSkipped:
			bad = bad || phase != "" || failure
		case phased.PhaseFinished:
			bad = bad || phase != d.Phase || hook != ""
			phase = ""
		case phased.HookStarted:
			bad = bad || phase != d.Phase || hook != ""
			hook = string(d.Hook)
		case phased.HookSkipped:
			bad = bad || phase != d.Phase || hook != ""
		case phased.HookOutput:
			bad = bad || phase != d.Phase || hook != string(d.Hook)
		case phased.HookFinished:
			bad = bad || phase != d.Phase || hook != string(d.Hook)
			hook = ""
		case phased.RunFailed:
			bad = bad || failing || hook != ""
			failing = true
		case phased.RunFinished:
			due := d.Status != phased.StatusSucceeded
			bad = bad || phase != "" || hook != "" || failing != due || failure != (due && p.plan.Failure != nil)
			ended = true
		case phased.RunInterrupted:
			ended = true
		}
		if bad {
			return fmt.Errorf("event %d (%s) is out of place: %+v", e.Seq, e.Data.Kind(), e.Data)
		}
	}
	if !ended {
		return errors.New("the record has no end")
	}
	return nil
}

// recorded returns the hooks that have succeeded on record. Each hook that ended
// while its record held is there exactly once in a run, and none has succeeded
// in two runs.
func recorded(all []*played) (map[string]bool, error) {
	done := map[string]bool{}
	for _, p := range all {
		var on []string
		for _, e := range p.acked[:p.kept] {
			if d, ok := e.Data.(phased.HookFinished); ok {
				on = append(on, d.Phase+"/"+string(d.Hook)+" "+string(d.Exit.Cause))
			}
		}
		lacks := len(p.ran) - len(on)
		if lacks < 0 || !slices.Equal(on, p.ran[:len(on)]) || lacks > 0 && !p.dead && !p.lost {
			return nil, fmt.Errorf("run %d let these hooks end: %q; on record are %q", p.number, p.ran, on)
		}
		for _, r := range on {
			name, cause, _ := strings.Cut(r, " ")
			if cause != string(phased.CauseOK) || strings.HasPrefix(name, "failure/") {
				continue
			}
			if done[name] {
				return nil, fmt.Errorf("%s was done, and was run again in run %d", name, p.number)
			}
			done[name] = true
		}
	}
	return done, nil
}

// final wants the runs to be as they were when they ended, however many came
// after them.
func (w *world) final(all []*played) error {
	if closed, err := w.store.CloseDead("later"); err != nil || len(closed) > 0 {
		return fmt.Errorf("%d runs are closed once more, %v", len(closed), err)
	}
	runs, err := w.store.Runs(context.Background())
	if err != nil || len(runs) != len(all) {
		return fmt.Errorf("%d runs are left of %d, %v", len(runs), len(all), err)
	}
	slices.Reverse(runs)
	for i, p := range all {
		if run := runs[i]; run.ID != p.id || run.Status != p.status {
			return fmt.Errorf("run %d was %s, and is %s", p.number, p.status, run.Status)
		}
	}
	return nil
}
