package cli

import (
	"os"
	"os/user"
	"strconv"
	"time"

	"phased/internal/config"
	"phased/internal/phased"
	"phased/internal/proc"
	"phased/internal/report"
)

// start returns the facts of run.started that the plan does not have.
func (j *job) start() phased.RunStarted {
	s := startFacts(j.w, j.settings, j.plan)
	s.Parent, s.Resumes, s.Output = orText(j.o.parent, j.w.getenv("PHASED_RUN_ID")), j.resumes, "captured"
	return s
}

// startFacts returns what run.started tells of this process.
func startFacts(w *World, settings *config.Settings, p phased.Plan) phased.RunStarted {
	names := secretNames(settings)
	s := phased.RunStarted{
		Host: hostname(), BootID: w.bootID(), Version: w.Version, Pid: os.Getpid(), UID: os.Geteuid(), SudoUser: w.getenv("SUDO_USER"),
		Surroundings: withoutSecrets(names, p.Surroundings), Trigger: phased.Text(w.trigger()),
	}
	for _, a := range w.Argv {
		s.Argv = append(s.Argv, phased.Text(withoutSecret(names, a)))
	}
	if st, err := proc.Read(s.Pid); err == nil {
		s.PidStart = st.Start
	}
	if st, err := proc.Caller(os.Getppid()); err == nil {
		s.Caller = &phased.Caller{Pid: st.Pid, Command: phased.Text(st.Command)}
	}
	if u, err := user.LookupId(strconv.Itoa(s.UID)); err == nil {
		s.User = u.Username
	}
	return s
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
