package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// statuses are the different lines that a run tells as it goes on.
func statuses(tp *tape) []string {
	var r phased.Run
	var lines []string
	for _, e := range tp.events {
		r.Apply(e)
		if text := UnitStatus(r); len(lines) == 0 || lines[len(lines)-1] != text {
			lines = append(lines, text)
		}
	}
	return lines
}

func TestUnitStatus(t *testing.T) {
	start := func(hook string) phased.HookStarted {
		return phased.HookStarted{Phase: "configure", Hook: phased.Text(hook)}
	}
	end := func(hook string) phased.HookFinished {
		return phased.HookFinished{Phase: "configure", Hook: phased.Text(hook), Exit: okExit}
	}
	tests := map[string]struct {
		tape *tape
		want []string
	}{
		"success": {success(), []string{
			"refresh begins",
			"pre-configure",
			"pre-configure/10-quiesce (1 of 4)",
			"pre-configure (1 of 4)",
			"configure (1 of 4)",
			"configure/20-render (2 of 4)",
			"configure (2 of 4)",
			"configure/25-late (3 of 4)",
			"configure (3 of 4)",
			"configure/\"30 odd name\" (4 of 4)",
			"configure (4 of 4)",
			"post-configure (4 of 4)",
			"migration (4 of 4)",
			"succeeded: 4 hooks ran",
		}},
		"failure": {failure(), []string{
			"refresh begins",
			"pre-configure",
			"pre-configure/10-quiesce (1 of 6)",
			"pre-configure (1 of 6)",
			"configure (1 of 6)",
			"configure/20-render (2 of 6)",
			"configure (2 of 6)",
			"configure/30-database (3 of 6)",
			"configure (3 of 6)",
			"configure, after configure/30-database: exit status 3",
			"error, after configure/30-database: exit status 3",
			"error/10-notify, after configure/30-database: exit status 3",
			"error, after configure/30-database: exit status 3",
			"error/20-broken, after configure/30-database: exit status 3",
			"error, after configure/30-database: exit status 3",
			"failed: configure/30-database: exit status 3; 3 of 6 hooks ran, 1 failed",
		}},
		"several at once": {(&tape{}).add(0, started(3), phased.PhaseStarted{Phase: "configure", Entries: runs("20-a", "20-b", "20-c")},
			start("20-a"), start("20-b"), start("20-c"), end("20-a"), end("20-c"), end("20-b")), []string{
			"refresh begins",
			"configure",
			"configure/20-a (1 of 3)",
			"configure: 2 hooks, 20-a first (2 of 3)",
			"configure: 3 hooks, 20-a first (3 of 3)",
			"configure: 2 hooks, 20-b first (3 of 3)",
			"configure/20-b (3 of 3)",
			"configure (3 of 3)",
		}},
		"waits": {(&tape{}).add(0, started(3), phased.RunWaiting{Why: "asked for by\nx"}), []string{"refresh begins", "waits for a reboot: asked for by; x"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, statuses(tt.tape)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}
