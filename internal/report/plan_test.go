package report

import (
	"bytes"
	"testing"
	"time"

	"phased/internal/phased"
)

func samplePlan() phased.Plan {
	return phased.Plan{
		Lifecycle: "refresh", Base: "/etc/phased", Roots: []phased.Text{"/usr/lib/phased", "/run/phased", "/etc/phased"}, Settings: "/etc/phased/phased.yaml",
		Phases: []phased.PlannedPhase{
			{Phase: phased.Phase{Name: "pre-configure", Dir: "pre-configure.d"}, Missing: true},
			{
				Phase: phased.Phase{Name: "configure", Dir: "configure.d", OnFailure: phased.Continue, HookTimeout: phased.Duration(time.Minute)},
				Dirs:  []phased.Text{"/usr/lib/phased/configure.d", "/etc/phased/configure.d"},
				Entries: []phased.Entry{
					{Name: "10-a", Root: "/etc/phased", Verdict: phased.VerdictRun, Number: "10", HookOptions: phased.HookOptions{Timeout: phased.Duration(time.Minute)}},
					{Name: "20 b\n", Root: "/usr/lib/phased", Verdict: phased.VerdictRun, Number: "20", HookOptions: phased.HookOptions{Timeout: phased.Duration(5 * time.Second)}},
					{Name: "10-a", Root: "/usr/lib/phased", Verdict: phased.VerdictShadowed, Detail: "/etc/phased has it too"},
					{Name: "30-x.sh", Root: "/etc/phased", Verdict: phased.VerdictNameHasDot},
					{Name: "40-m", Root: "/etc/phased", Verdict: phased.VerdictMasked, Detail: "a link to /dev/null"},
				},
			},
			{
				Phase: phased.Phase{Name: "migration", Dir: "migration.d", OnFailure: phased.FinishPhase, Order: phased.Glob, Names: `\.sh$`}, Dirs: []phased.Text{"/etc/phased/migration.d"},
				Entries: []phased.Entry{{Name: "one.sh", Root: "/etc/phased", Verdict: phased.VerdictRun}},
			},
		},
		Failure: &phased.PlannedPhase{Phase: phased.Phase{Name: "error", Dir: "error.d", Failure: true}, Dirs: []phased.Text{"/etc/phased/error.d"}},
		Timeout: phased.Duration(time.Hour), Grace: phased.Duration(10 * time.Second), FailureLimit: phased.Duration(5 * time.Minute), Pinned: true,
		Surroundings: phased.Surroundings{Env: []phased.Text{"HOME=/root", "PATH=/usr/bin:/bin", "WHO=a b"}, Dir: "/", Umask: 0o022, Stdin: "null"},
		Digest:       "0123456789abcdef",
	}
}

func TestPlan(t *testing.T) {
	golden(t, "plan", func(b *bytes.Buffer, s Style) {
		if err := Plan(b, s, samplePlan()); err != nil {
			t.Error(err)
		}
	})
}

func TestExplain(t *testing.T) {
	all := []Explanation{
		{
			Phase: "configure", Name: "10-a", Verdict: phased.VerdictRun, Path: "/etc/phased/configure.d/10-a", Why: "executable regular file with an accepted name",
			Position: 1, Of: 2, Number: "10", Before: "20 b\n",
			Places: []Place{
				{Dir: "/usr/lib/phased/configure.d", Found: true, Verdict: phased.VerdictShadowed},
				{Dir: "/run/phased/configure.d", Detail: "no such directory"},
				{Dir: "/etc/phased/configure.d", Found: true, Wins: true, Verdict: phased.VerdictRun},
			},
			Options: []phased.Origin{{Phase: "configure", Option: "hook-timeout", Value: "1m0s", From: "/etc/phased/phased.yaml:3"}, {Option: "on-failure", Value: "stop", From: "default"}},
		},
		{Phase: "error", Failure: true, Name: "10-a", Verdict: phased.VerdictNotExecutable, Path: "/etc/phased/error.d/10-a", Why: "mode 0644 has no x bit"},
	}
	golden(t, "explain", func(b *bytes.Buffer, s Style) {
		if err := Explain(b, s, all); err != nil {
			t.Error(err)
		}
	})
}

func TestCheckAndCompareAndPrune(t *testing.T) {
	golden(t, "check", func(b *bytes.Buffer, s Style) {
		err := Check(b, s, []phased.Finding{
			{Code: "no-interpreter", Severity: "error", File: "/etc/phased/configure.d/10-a", Line: 1, Message: "interpreter /bin/nope\ndoes not exist", Cure: "install it"},
			{Code: "name-dot", Severity: "warning", File: "/etc/phased/configure.d/20 b.sh", Message: "no tool runs this name", Cure: "rename it to 20-b"},
			{Code: "no-number", Severity: "info", File: "/etc/phased/configure.d/x", Message: "no number"},
		}, 7)
		if err != nil {
			t.Error(err)
		}
		if err := Check(b, s, nil, 1); err != nil {
			t.Error(err)
		}
		err = Compare(b, s, []ToolDifference{
			{Tool: "run-parts", Dir: "/etc/cron.daily", Same: true, Here: 3, There: 3},
			{Tool: "dib-run-parts", Dir: "/etc/x.d", Here: 2, There: 3, OnlyHere: []ToolEntry{{Name: "a", Why: "reads\nas b"}}, OnlyThere: []ToolEntry{{Name: "b c", Why: "no"}}, Moved: []Moved{{Name: "9-x", Here: 1, There: 2}}, Notes: []string{"it sources environment.d"}},
		})
		if err != nil {
			t.Error(err)
		}
		for _, dry := range []bool{true, false} {
			if err := Prune(b, s, []Pruned{{ID: "01JNXZ5M8GT3Q2V9K7B1C4D6E8", Status: phased.StatusSucceeded, Size: 2048, Reason: "older than 90 days"}}, dry); err != nil {
				t.Error(err)
			}
		}
	})
}
