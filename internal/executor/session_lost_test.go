package executor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"phased/internal/phased"
)

// TestWhatASnapshotDoesNotHoldIsTold begins a session with the space of one that
// held a descriptor and a process, and one that held nothing.
func TestWhatASnapshotDoesNotHoldIsTold(t *testing.T) {
	dir := t.TempDir()
	private := func(name string) string {
		d := filepath.Join(dir, name)
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		return d
	}
	run := func(text, private, restore string) *recorder {
		t.Helper()
		hook := filepath.Join(t.TempDir(), "hook")
		if err := os.WriteFile(hook, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r := &recorder{}
		s := &Session{Config: &phased.Session{Resume: "keep"}, Private: private, Restore: restore, CloseOthers: true}
		p := phased.PlannedPhase{Phase: phased.Phase{Name: "p", Executor: phased.ExecutorSession, Scope: phased.ScopeTop, Files: []phased.Text{phased.Text(hook)}}}
		ctx := context.Background()
		if _, err := s.Enter(ctx, p, native(r)); err != nil {
			t.Fatal(err)
		}
		if res, err := s.Exec(ctx, hookOf(hook)); err != nil || !res.OK() {
			t.Fatalf("%+v, %v", res, err)
		}
		if err := s.Leave(ctx); err != nil {
			t.Error(err)
		}
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		return r
	}
	held, pidFile := private("held"), filepath.Join(dir, "pid")
	run("exec 7>"+dir+"/file; sleep 600 & echo $! >"+pidFile+"; until [[ $(</proc/$!/comm) == sleep ]]; do :; done; VALUE=kept", held, "")
	t.Cleanup(func() { _ = syscall.Kill(pidIn(t, pidFile), syscall.SIGKILL) })
	again := run(`[[ $VALUE == kept ]]`, private("again"), filepath.Join(held, SavedLast))
	lost := strings.Join(lostOf(t, again), "\n")
	if !strings.Contains(lost, "descriptor 7 was open on "+dir+"/file") || !strings.Contains(lost, "ran in the background: sleep 600") {
		t.Errorf("lost: %q", lost)
	}
	free := private("free")
	run("exec 7>"+dir+"/file; exec 7>&-; VALUE=kept", free, "")
	if lost := lostOf(t, run(`[[ $VALUE == kept ]]`, private("once more"), filepath.Join(free, SavedLast))); len(lost) > 0 {
		t.Errorf("nothing was lost, and told are %q", lost)
	}
}

func lostOf(t *testing.T, r *recorder) []string {
	t.Helper()
	for _, p := range r.told {
		if s, ok := p.(phased.SessionStarted); ok {
			return s.Lost
		}
	}
	t.Fatal("no session is told of")
	return nil
}
