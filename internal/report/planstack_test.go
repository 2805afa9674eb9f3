package report

import (
	"bytes"
	"testing"

	"phased/internal/phased"
)

// stackPlan has every kind of phase that a session has.
func stackPlan() phased.Plan {
	phase := func(name string, scope phased.Scope, args ...phased.Text) phased.Phase {
		return phased.Phase{Name: name, OnFailure: phased.Shell, Order: phased.Glob, Executor: phased.ExecutorSession, Scope: scope, Args: args}
	}
	hook := func(name string, args ...phased.Text) phased.Entry {
		return phased.Entry{Name: phased.Text(name), Path: phased.Text(extras + name), Verdict: phased.VerdictRun, Args: args}
	}
	skipped := []phased.Entry{
		{Name: "60-x.sh", Path: extras + "60-x.sh", Verdict: phased.VerdictUnreadable, Detail: "is not readable: mode 0600; the shell passes over it, unless that changes before its turn"},
		{Name: "70-zaqar.SH", Path: extras + "70-zaqar.SH", Verdict: phased.VerdictNoMatch, Detail: "looks like a hook: it ends with .SH; the name does not match *.sh"},
	}
	point := func(name string, plugins string, args ...phased.Text) phased.PlannedPhase {
		pp := phased.PlannedPhase{Phase: phase(name, phased.ScopeFunction, args...), Dirs: []phased.Text{"/opt/devstack/extras.d"}}
		pp.Dir, pp.Glob, pp.Plugins = "extras.d", "*.sh", plugins
		pluginArgs := args
		if plugins != "plugin.sh" {
			pluginArgs = nil
		}
		e := phased.Entry{Name: phased.Text("heat/devstack/" + plugins), Verdict: phased.VerdictRun, Plugin: "heat", Args: pluginArgs}
		pp.Entries = append([]phased.Entry{hook("50-heat.sh", args...), hook("80 tempest.sh", args...), e}, skipped...)
		return pp
	}
	steps := phased.PlannedPhase{Phase: phase("functions", phased.ScopeTop), Dirs: []phased.Text{"/opt/devstack/steps/stack/functions.d"}}
	steps.Files = []phased.Text{"steps/stack/functions.d/10-base.sh"}
	steps.Entries = []phased.Entry{hook("10-base.sh")}
	calls := phased.PlannedPhase{Phase: phase("unstack", ""), Entries: []phased.Entry{{Name: "unstack", Verdict: phased.VerdictRun}}}
	calls.Calls = "unstack"
	localrc := phased.PlannedPhase{Phase: phase("localrc", phased.ScopeTop), Entries: []phased.Entry{{Name: "localrc", Path: "/opt/devstack/local.conf", Verdict: phased.VerdictRun, Detail: "the localrc section of the file"}}}
	empty := phased.PlannedPhase{Phase: phase("extra", phased.ScopeTop, "stack", "extra"), Missing: true}
	empty.Dir = "extras.d"
	return phased.Plan{
		Lifecycle: "stack", Base: "/opt/devstack", Roots: []phased.Text{"/opt/devstack"},
		Phases:       []phased.PlannedPhase{steps, localrc, point("source", "settings", "source"), calls, point("install", "plugin.sh", "stack", "install"), empty},
		Surroundings: phased.Surroundings{Env: []phased.Text{"PATH=/bin", "LC_ALL=C", "SECRET=x"}, Umask: 0o022, Stdin: "inherit"},
		Session: &phased.Session{
			Name: "/opt/devstack/stack.sh", TopDir: "/opt/devstack", Options: []string{"errexit", "xtrace"}, Conf: "/opt/devstack/local.conf",
			Localrc: "DB_PASSWORD=hidden\n", Provenance: true, Resume: "on",
			Plugins: []phased.Plugin{
				{Name: "heat", Source: "/opt/stack/heat", Dir: "/opt/stack/heat", Line: 12},
				{Name: "zaqar ui", Source: "https://opendev.org/openstack/zaqar-ui", Ref: "stable/2026.1", Dir: "/opt/stack/zaqar-ui", Requires: []string{"heat", "horizon"}, Line: 14, Fetch: true},
			},
		},
		Digest: "0123456789abcdef",
	}
}

func TestPlanStack(t *testing.T) {
	goldenSession(t, "stack-plan", func(b *bytes.Buffer, s Style) {
		pl := stackPlan()
		if err := Plan(b, s, pl); err != nil {
			t.Error(err)
		}
		for _, secret := range []string{"hidden", "SECRET"} {
			if bytes.Contains(b.Bytes(), []byte(secret)) {
				t.Errorf("%q is in the plan", secret)
			}
		}
		b.WriteString("\n[another shell]\n")
		pl.Phases = pl.Phases[:1]
		pl.Surroundings = phased.Surroundings{Env: []phased.Text{"LANG=de_DE.UTF-8", "HOME=/root"}, Dir: "/", Umask: -1, Stdin: "null"}
		pl.Session = &phased.Session{Name: "x", TopDir: "/x", Posix: true, Resume: "keep"}
		if err := Plan(b, s, pl); err != nil {
			t.Error(err)
		}
	})
}

func TestExplainSourced(t *testing.T) {
	goldenSession(t, "stack-explain", func(b *bytes.Buffer, s Style) {
		err := Explain(b, s, []Explanation{
			{Phase: "install", Name: "50-heat.sh", Verdict: phased.VerdictRun, Path: extras + "50-heat.sh", Why: "the name matches *.sh", Sourced: true, Args: []phased.Text{"stack", "install"}, After: "10-a.sh"},
			{Phase: "source", Name: "heat/devstack/settings", Verdict: phased.VerdictRun, Path: "/opt/stack/heat/devstack/settings", Why: "the plugin has it", Sourced: true, Plugin: "heat"},
			{Phase: "source", Name: "x.SH", Verdict: phased.VerdictNoMatch, Path: extras + "x.SH", Why: "looks like a hook: it ends with .SH", Sourced: true},
		})
		if err != nil {
			t.Error(err)
		}
	})
}
