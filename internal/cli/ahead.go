package cli

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"

	"phased/internal/journal"
	"phased/internal/phased"
	"phased/internal/proc"
)

// ahead is what is made ready on another processor while the plan is made: it
// depends on the settings alone. What goes wrong with it is told in its turn, behind
// what is wrong with the plan.
type ahead struct {
	done  sync.WaitGroup
	facts phased.RunStarted // of this process
	store *journal.Store    // nil: it is not open
	err   error             // why
}

// begin begins, where the state directory is laid out: a plan that fails makes
// none.
func (a *ahead) begin(w *World, dir string, o journal.Options) {
	a.done.Go(func() {
		if _, err := os.Lstat(filepath.Join(dir, "runs")); err == nil {
			a.store, a.err = journal.Open(dir, o)
		}
		a.facts = processFacts(w)
	})
}

// open returns the store, which it opens where that is not done yet.
func (a *ahead) open(dir string, o journal.Options) (*journal.Store, error) {
	a.done.Wait()
	if a.store == nil && a.err == nil {
		return journal.Open(dir, o)
	}
	return a.store, a.err
}

// processFacts returns what run.started tells of this process, whatever it runs.
func processFacts(w *World) phased.RunStarted {
	s := phased.RunStarted{
		Host: hostname(), BootID: w.bootID(), Version: w.Version, Pid: os.Getpid(), UID: os.Geteuid(), SudoUser: w.getenv("SUDO_USER"),
		Trigger: phased.Text(w.trigger()),
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
