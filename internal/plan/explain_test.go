package plan

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
)

func TestExplain(t *testing.T) {
	dir := t.TempDir()
	low, run, high := dir+"/low", dir+"/run", dir+"/high"
	for _, p := range []string{low + "/configure.d/10-a", low + "/configure.d/20-b", low + "/configure.d/30-c", low + "/configure.d/c", high + "/configure.d/20-b", low + "/error.d/20-b", low + "/configure.d/40-d"} {
		hook(t, p)
	}
	mkdir(t, run)
	link(t, "/dev/null", high+"/configure.d/30-c")
	write(t, high+"/configure.d/40-d", "#!/bin/sh\n", 0o644)
	s := parse(t, fmt.Sprintf("roots: [%s, %s, %s]\nhook-timeout: 5m", low, run, high))
	p := mustLoad(t, Options{Settings: s})

	got, err := Explain(p, "20-b")
	if err != nil {
		t.Fatal(err)
	}
	want := []Explanation{
		{
			Phase: "configure", Name: "20-b", Verdict: "run", Path: phased.Text(high + "/configure.d/20-b"), Position: 3, Of: 3, Number: "20",
			After: "10-a", Why: "runs as 3 of 3: a regular file that may be executed; ordered by its number 20, by value",
			Places: []Place{
				{Dir: phased.Text(low + "/configure.d"), Root: phased.Text(low), Found: true, Verdict: "shadowed", Detail: "shadowed by " + high + "/configure.d/20-b"},
				{Dir: phased.Text(run + "/configure.d"), Root: phased.Text(run), Detail: "no such directory"},
				{Dir: phased.Text(high + "/configure.d"), Root: phased.Text(high), Found: true, Wins: true, Verdict: "run"},
			},
		},
		{
			Phase: "error", Failure: true, Name: "20-b", Verdict: "run", Path: phased.Text(low + "/error.d/20-b"), Position: 1, Of: 1, Number: "20",
			Why: "runs as 1 of 1: a regular file that may be executed; ordered by its number 20, by value",
			Places: []Place{
				{Dir: phased.Text(low + "/error.d"), Root: phased.Text(low), Found: true, Wins: true, Verdict: "run"},
				{Dir: phased.Text(run + "/error.d"), Root: phased.Text(run), Detail: "no such directory"},
				{Dir: phased.Text(high + "/error.d"), Root: phased.Text(high), Detail: "no such directory"},
			},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Explanation{}, "Options")); diff != "" {
		t.Errorf("explanation (-want +got):\n%s", diff)
	}
	options := map[string]string{}
	for _, o := range got[0].Options {
		if o.Phase != "" && o.Phase != "configure" {
			t.Errorf("%+v is about another phase", o)
		}
		options[o.Phase+"/"+o.Option] = o.Value + " " + o.From
	}
	if options["configure/hook-timeout"] != "5m0s /etc/phased/phased.yaml:2" || options["/umask"] != "022 default" {
		t.Errorf("options %q", options)
	}

	for name, want := range map[string]string{
		"c":                        "configure run 1/3 -> 10-a: runs as 1 of 3: a regular file that may be executed; its name starts with no number, which counts as 0",
		"configure/10-a":           "configure run 2/3 c -> 20-b: runs as 2 of 3: a regular file that may be executed; ordered by its number 10, by value",
		"configure.d/10-a":         "configure run 2/3 c -> 20-b: runs as 2 of 3: a regular file that may be executed; ordered by its number 10, by value",
		low + "//configure.d/10-a": "configure run 2/3 c -> 20-b: runs as 2 of 3: a regular file that may be executed; ordered by its number 10, by value",
		"error/20-b":               "error run 1/1 : runs as 1 of 1: a regular file that may be executed; ordered by its number 20, by value",
		"30-c":                     "configure masked 0/3 : does not run: it is masked (link to /dev/null)",
		low + "/configure.d/30-c":  "configure masked 0/3 : does not run: it is masked (link to /dev/null)",
		"40-d":                     "configure not-executable 0/3 : does not run: it is not executable (mode 0644)",
	} {
		all, err := Explain(p, name)
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %v, %v", name, all, err)
			continue
		}
		x := all[0]
		between := ""
		if x.After != "" {
			between += string(x.After) + " "
		}
		if x.Before != "" {
			between += "-> " + string(x.Before)
		}
		if got := fmt.Sprintf("%s %s %d/%d %s: %s", x.Phase, x.Verdict, x.Position, x.Of, between, x.Why); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		wins := 0
		for _, pl := range x.Places {
			wins += boolInt(pl.Wins)
		}
		if wins != 1 {
			t.Errorf("%s: %d places win: %+v", name, wins, x.Places)
		}
	}
	for name, want := range map[string]string{
		"10-b":       `no entry "10-b" (did you mean 10-a?) in `,
		"xyzzy":      `no entry "xyzzy" in ` + low + "/configure.d, " + high + "/configure.d, " + low + "/error.d",
		"error/10-a": `no entry "error/10-a" (did you mean 10-a?) in `,
		"/none/10-a": `no entry "/none/10-a" (did you mean 10-a?) in `,
		"":           `no entry "" in `,
	} {
		if x, err := Explain(p, name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want %s", name, x, err, want)
		}
	}
	if _, err := Explain(mustLoad(t, Options{Base: run}), "a"); err == nil || err.Error() != `no entry "a": the lifecycle refresh has no directory` {
		t.Error(err)
	}
}

// Differences from other tools, with their reasons.
func TestCompareTools(t *testing.T) {
	dir := t.TempDir()
	low, high := dir+"/low", dir+"/high"
	for _, p := range []string{low + "/configure.d/10-a", low + "/configure.d/9-b", high + "/configure.d/9-b", high + "/configure.d/x\n9-b", high + "/configure.d/-1"} {
		hook(t, p)
	}
	link(t, "nowhere", high+"/configure.d/gone")
	link(t, "/dev/zero", high+"/configure.d/zero")
	hook(t, dir+"/elsewhere/50-m")
	link(t, dir+"/elsewhere", high+"/migration.d")
	write(t, low+"/error.d/10-e.sh", "", 0o755)
	s := parse(t, fmt.Sprintf("roots: [%s, %s]\nlifecycles: {refresh: {failure: {name: error, names: 'sh$'}}}", low, high))
	p := mustLoad(t, Options{Settings: s})
	got, err := CompareTools(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	shadowed := []ToolEntry{{"9-b", "shadowed here: shadowed by " + high + "/configure.d/9-b"}}
	notes := []string{"gone: run-parts complains about the link", "zero: run-parts calls it no executable plain file and exits 1, whatever the hooks do"}
	linked := "dib-run-parts does not follow a directory that is a link, and runs nothing"
	e := func(tool string) []ToolEntry {
		return []ToolEntry{{"10-e.sh", tool + " takes only names of letters, digits, - and _; this one has a dot"}}
	}
	want := []ToolDifference{
		{Tool: "dib-run-parts", Phase: "configure", Dir: phased.Text(low + "/configure.d"), Here: []phased.Text{"10-a"}, There: []phased.Text{"9-b", "10-a"}, OnlyThere: shadowed},
		{
			Tool: "dib-run-parts", Phase: "configure", Dir: phased.Text(high + "/configure.d"), Here: []phased.Text{"-1", "9-b"}, There: []phased.Text{"-1", "9-b", "9-b", "x"},
			OnlyThere: []ToolEntry{{"9-b", `dib-run-parts takes a line of the name "x\n9-b" for a name`}, {"x", `dib-run-parts takes a line of the name "x\n9-b" for a name`}},
		},
		{Tool: "dib-run-parts", Phase: "migration", Dir: phased.Text(high + "/migration.d"), Here: []phased.Text{"50-m"}, There: []phased.Text{}, OnlyHere: []ToolEntry{{"50-m", linked}}, Notes: []string{linked}},
		{Tool: "dib-run-parts", Phase: "error", Dir: phased.Text(low + "/error.d"), Here: []phased.Text{"10-e.sh"}, There: []phased.Text{}, OnlyHere: e("dib-run-parts")},
		{Tool: "run-parts", Phase: "configure", Dir: phased.Text(low + "/configure.d"), Here: []phased.Text{"10-a"}, There: []phased.Text{"10-a", "9-b"}, OnlyThere: shadowed},
		{Tool: "run-parts", Phase: "configure", Dir: phased.Text(high + "/configure.d"), Same: true, Here: []phased.Text{"-1", "9-b"}, There: []phased.Text{"-1", "9-b"}, Notes: notes},
		{Tool: "run-parts", Phase: "migration", Dir: phased.Text(high + "/migration.d"), Same: true, Here: []phased.Text{"50-m"}, There: []phased.Text{"50-m"}},
		{Tool: "run-parts", Phase: "error", Dir: phased.Text(low + "/error.d"), Here: []phased.Text{"10-e.sh"}, There: []phased.Text{}, OnlyHere: e("run-parts")},
	}
	// The order in which dib-run-parts has x, whose number is 0, is by number.
	want[1].There = []phased.Text{"-1", "x", "9-b", "9-b"}
	want[1].OnlyThere[0], want[1].OnlyThere[1] = want[1].OnlyThere[1], want[1].OnlyThere[0]
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
}

// Where the order differs, places count among what both run.
func TestCompareToolsOrder(t *testing.T) {
	base := t.TempDir()
	for _, n := range []string{"10-a", "9-b", "100-c", "5-d"} {
		hook(t, base+"/configure.d/"+n)
	}
	got, err := CompareTools(mustLoad(t, Options{Base: base}), []string{ToolRunParts})
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	want := []Moved{{"5-d", 1, 3}, {"9-b", 2, 4}, {"10-a", 3, 1}, {"100-c", 4, 2}}
	if diff := cmp.Diff(want, got[0].Moved); diff != "" || got[0].Same {
		t.Errorf("moved (-want +got):\n%s", diff)
	}
	if _, err := CompareTools(phased.Plan{}, []string{"cron", ToolRunParts, "x"}); err == nil ||
		err.Error() != "unknown tool \"cron\"; known are dib-run-parts and run-parts\nunknown tool \"x\"; known are dib-run-parts and run-parts" {
		t.Error(err)
	}
	p := mustLoad(t, Options{Base: base})
	check(t, os.RemoveAll(base+"/configure.d"))
	if _, err := CompareTools(p, nil); err == nil || !strings.Contains(err.Error(), "is gone since the plan was made") {
		t.Error(err)
	}
}

// Of a sourced entry it is told how it is sourced, and where it lies.
func TestExplainSourced(t *testing.T) {
	top := stackTop(t, "extras.d/10-a.sh", "extras.d/20-b.sh", "extras.d/x.SH", "steps/stack/start.d/5.sh")
	pl := plugin(t, "p", nil, "plugin.sh")
	p := mustLoad(t, Options{Lifecycle: "stack", TopDir: top, Plugins: []phased.Plugin{pl}, Conf: top + "/local.conf", Localrc: "A=1"})
	for name, want := range map[string]string{
		"install/20-b.sh":              "install 2/3 is sourced as 2 of 3, in a function and with the arguments stack install; the order is that of the shell's pattern *.sh",
		"source/10-a.sh":               "source 1/2 is sourced as 1 of 2, in a function and with the arguments source; the order is that of the shell's pattern *.sh",
		"start/5.sh":                   "start 1/1 is sourced as 1 of 1, at the top level of the shell and without arguments; base steps, in the order of their list",
		"install/p/devstack/plugin.sh": "install 3/3 is sourced as 3 of 3, in a function and with the arguments stack install; plugins come behind the hooks, in their order",
		"localrc":                      "localrc 1/1 is sourced at the top level of the shell (the localrc section of the file)",
		"extra/x.SH":                   "extra 0/3 is not sourced: looks like a hook: it ends with .SH; the name does not match *.sh",
		"source/p/devstack/settings":   "source 0/2 is not sourced: the plugin has no such file",
	} {
		all, err := Explain(p, name)
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %+v, %v", name, all, err)
			continue
		}
		x := all[0]
		if got := fmt.Sprintf("%s %d/%d %s", x.Phase, x.Position, x.Of, x.Why); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		if len(x.Places) != 1 || !x.Places[0].Wins || !strings.HasPrefix(string(x.Path), string(x.Places[0].Dir)+"/") {
			t.Errorf("%s lies in %+v", name, x.Places)
		}
	}
	if all, err := Explain(p, "p/devstack/plugin.sh"); err != nil || len(all) != 5 {
		t.Errorf("a plugin's file is sourced at %d points, %v", len(all), err)
	}
	if all, err := Explain(p, "10-a.sh"); err != nil || len(all) != 5 {
		t.Errorf("a hook is sourced at %d points, %v", len(all), err)
	}
	if _, err := CompareTools(p, nil); err == nil || err.Error() != "the hooks of the lifecycle stack are sourced: no other tool does that" {
		t.Error(err)
	}
}
