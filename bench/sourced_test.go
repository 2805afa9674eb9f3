package main

import (
	"slices"
	"strings"
	"testing"
)

func TestChangedWantsWhatEachHookSet(t *testing.T) {
	const (
		start = `space.changed {"changes":[{"kind":"variable","name":"HOME"}]}`
		hook  = `space.changed {"hook":"a.sh","changes":[{"kind":"variable","name":"i"},{"kind":"variable","name":"LAST_HOOK"}]}`
		bytes = `space.changed {"hook":"a.sh","changes":[{"kind":"variable","name":{"b64":"/w=="}}]}`
	)
	for _, c := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"all", []string{start, hook, bytes, hook}, ""},
		{"one untold", []string{start, hook}, "has 1 changes"},
		{"another name", []string{start, hook, bytes}, "has 1 changes"},
		{"another kind", []string{hook, strings.Replace(hook, "space.changed", "hook.output", 1)}, "has 1 changes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := readRun([]byte(record(c.lines...)))
			if err != nil {
				t.Fatal(err)
			}
			wantError(t, changed(events, 2), c.want)
		})
	}
}

func TestLocatedWantsFileLineAndCalls(t *testing.T) {
	const told = `hook.finished {"exit":{"cause":"exit"},"trace":{"file":"/a.sh","line":2,"stack":[{},{}]}}`
	for name, c := range map[string]struct{ line, want string }{
		"all":          {told, ""},
		"no trace":     {badHook, "/a.sh:2"},
		"another line": {strings.Replace(told, `"line":2`, `"line":4`, 1), "/a.sh:2"},
		"another file": {strings.Replace(told, "/a.sh", "/b.sh", 1), "/a.sh:2"},
		"no calls":     {strings.Replace(told, "{},{}", "{}", 1), "2 calls"},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := readRun([]byte(record(c.line)))
			if err != nil {
				t.Fatal(err)
			}
			wantError(t, located(events, "/a.sh", 2, 2), c.want)
		})
	}
}

func TestPairTakesRatiosWithinARound(t *testing.T) {
	tools := []tool{{name: "base"}, {name: "other"}}
	table := newTable("title", "", tools, [][]float64{{1, 2, 10}, {3, 4, 20}})
	table.pair()
	if table.Rows[0].Ratio != 1 || table.Rows[1].Ratio != 2 {
		t.Errorf("ratios are %v and %v, want 1 and the median of 3, 2 and 2", table.Rows[0].Ratio, table.Rows[1].Ratio)
	}
}

func TestPickKeepsTheBaseline(t *testing.T) {
	all := []tool{{name: baseline}, {name: "run-parts"}, {name: "phased run"}}
	for _, c := range []struct {
		only []string
		want int
	}{{nil, 3}, {[]string{"phased"}, 2}, {[]string{"nothing"}, 1}} {
		got := pick(all, c.only)
		if len(got) != c.want || got[0].name != baseline {
			t.Errorf("pick %v gives %d tools, first %s, want %d", c.only, len(got), got[0].name, c.want)
		}
	}
	if all[1].name != "run-parts" {
		t.Errorf("pick changed what it was given: %v", all)
	}
}

func TestQuickKeepsWhatIsNamed(t *testing.T) {
	o, err := parse([]string{"-quick", "-hooks", "0", "-space", "900"})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.hooks) != 0 || o.space != 900 || o.rounds != 3 || o.mib != 16 || o.sourced != 100 {
		t.Errorf("options are %+v", o)
	}
	o, err = parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.hooks, []int{10, 100, 1000}) || o.sourced != 1000 || o.space != 900 {
		t.Errorf("without arguments options are %+v", o)
	}
}
