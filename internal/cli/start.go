package cli

import (
	"time"

	"phased/internal/config"
	"phased/internal/phased"
	"phased/internal/report"
)

// start returns the facts of run.started that the plan does not have.
func (j *job) start() phased.RunStarted {
	s := j.ahead.facts
	planFacts(&s, j.w, j.settings, j.plan)
	s.Parent, s.Resumes, s.Output = orText(j.o.parent, j.w.getenv("PHASED_RUN_ID")), j.resumes, "captured"
	return s
}

// startFacts returns what run.started tells of this process.
func startFacts(w *World, settings *config.Settings, p phased.Plan) phased.RunStarted {
	s := processFacts(w)
	planFacts(&s, w, settings, p)
	return s
}

// planFacts adds what run.started tells of what this process was told to do.
func planFacts(s *phased.RunStarted, w *World, settings *config.Settings, p phased.Plan) {
	names := secretNames(settings)
	s.Surroundings = withoutSecrets(names, p.Surroundings)
	for _, a := range w.Argv {
		s.Argv = append(s.Argv, phased.Text(withoutSecret(names, a)))
	}
}

// trigger tells what made this run start: PHASED_TRIGGER, or the unit that was
// due, which systemd names to what it starts.
func (w *World) trigger() string {
	if t := w.getenv("PHASED_TRIGGER"); t != "" {
		return t
	}
	t := w.getenv("TRIGGER_UNIT")
	if path := w.getenv("TRIGGER_PATH"); t != "" && path != "" {
		t += ": " + path
	}
	return t
}

func aboutAgo(d time.Duration) string { return report.About(d) + " ago" }
