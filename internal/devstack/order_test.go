package devstack

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"phased/internal/phased"
)

// parsePlugins reads "a:b,c d": a requires b and c.
func parsePlugins(s string) []phased.Plugin {
	var all []phased.Plugin
	for one := range strings.FieldsSeq(s) {
		name, requires, _ := strings.Cut(one, ":")
		p := phased.Plugin{Name: name}
		if requires != "" {
			p.Requires = strings.Split(requires, ",")
		}
		all = append(all, p)
	}
	return all
}

func names(plugins []phased.Plugin) string {
	var all []string
	for _, p := range plugins {
		all = append(all, p.Name)
	}
	return strings.Join(all, " ")
}

func TestOrder(t *testing.T) {
	for _, c := range []struct{ plugins, how, want, err string }{
		{plugins: "b:a a", how: "", want: "b a"},
		{plugins: "b:a a", how: OrderListed, want: "b a"},
		{plugins: "a:b b:a", how: OrderListed, want: "a b"},
		{plugins: "", how: OrderRequired},
		{plugins: "c a b", how: OrderRequired, want: "c a b"},
		{plugins: "b:a a", how: OrderRequired, want: "a b"},
		{plugins: "x a:c y c z", how: OrderRequired, want: "x c a y z"},
		{plugins: "a:c,b b c:b", how: OrderRequired, want: "b c a"},
		{plugins: "a:missing b", how: OrderRequired, want: "a b"},
		{plugins: "a:b b:c c:a", how: OrderRequired, err: "plugins cannot be ordered: a requires b requires c requires a: "},
		{plugins: "x a:b b:c c:b", how: OrderRequired, err: "plugins cannot be ordered: b requires c requires b: "},
		{plugins: "a", how: "other", err: `plugin order "other" is not known: expected listed or required`},
	} {
		got, err := Order(parsePlugins(c.plugins), c.how)
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s, %s: error %v, want %q", c.plugins, c.how, err, c.err)
			}
			continue
		}
		if err != nil || names(got) != c.want {
			t.Errorf("%s, %s: %s, %v, want %s", c.plugins, c.how, names(got), err, c.want)
		}
	}
}

// TestOrderProperty: what is required comes first, nothing is lost, and what is
// in order already stays as it is.
func TestOrderProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 8).Draw(t, "plugins")
		rank := rapid.Permutation(make0(n)).Draw(t, "rank")
		var plugins []phased.Plugin
		for i := range n {
			p := phased.Plugin{Name: string(rune('a' + i))}
			for k := range n {
				if rank[k] < rank[i] && rapid.Bool().Draw(t, "requires") { // never a circle
					p.Requires = append(p.Requires, string(rune('a'+k)))
				}
			}
			plugins = append(plugins, p)
		}
		got, err := Order(plugins, OrderRequired)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, p := range got {
			for _, r := range p.Requires {
				if !seen[r] {
					t.Fatalf("%s comes before %s, which it requires", p.Name, r)
				}
			}
			seen[p.Name] = true
		}
		if len(got) != n || len(seen) != n {
			t.Fatalf("%d plugins became %s", n, names(got))
		}
		again, err := Order(got, OrderRequired)
		if diff := cmp.Diff(names(got), names(again)); err != nil || diff != "" {
			t.Fatalf("what was in order was changed: %v, %s", err, diff)
		}
	})
}

func make0(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestRequires(t *testing.T) {
	for name, c := range map[string]struct {
		settings string
		requires []string
		warnings []string // line: part of it
	}{
		"none":           {settings: "X=1\n"},
		"plain":          {settings: "define_plugin p\nplugin_requires p a\nplugin_requires p b\nplugin_requires p a\n", requires: []string{"a", "b"}},
		"undefined":      {settings: "plugin_requires p a\n", requires: []string{"a"}},
		"in a condition": {settings: "if x; then\n plugin_requires p 'a'\nfi\n", requires: []string{"a"}},
		"comment":        {settings: "# plugin_requires p a\necho plugin_requires p a\n"},
		"other name":     {settings: "define_plugin q\nplugin_requires q a\n", requires: []string{"a"}, warnings: []string{"1: calls itself q and is enabled as p"}},
		"of another":     {settings: "plugin_requires q a\n", warnings: []string{"1: this plugin is p"}},
		"itself":         {settings: "plugin_requires p p\n", warnings: []string{"1: cannot require itself"}},
		"variable":       {settings: "\nplugin_requires p $X\n", warnings: []string{"2: $X has no value here"}},
		"one word":       {settings: "plugin_requires p\n", warnings: []string{"1: it has 1 arguments, expected 2"}},
		"syntax":         {settings: "\n\nif then\n", warnings: []string{"3: what it requires is not known"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, map[string]string{"devstack/settings": c.settings})
			p := phased.Plugin{Name: "p", Dir: phased.Text(root), Requires: []string{"stale"}}
			warnings := Read(&p)
			if diff := cmp.Diff(c.requires, p.Requires); diff != "" {
				t.Errorf("requires (-want +got):\n%s", diff)
			}
			if len(warnings) != len(c.warnings) {
				t.Fatalf("warnings %v, want %d", warnings, len(c.warnings))
			}
			for i, w := range warnings {
				line, part, _ := strings.Cut(c.warnings[i], ": ")
				if want := root + "/devstack/settings:" + line + ": "; !strings.HasPrefix(w.String(), want) || !strings.Contains(w.Message, part) {
					t.Errorf("warning %v, want %s...%s", w, want, part)
				}
			}
		})
	}
}

func TestEmptyPlugin(t *testing.T) {
	root := tree(t, map[string]string{"p/devstack/README": ""})
	c, err := load(t, root, "[[local|localrc]]\nenable_plugin p @/p\n")
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0].Message, "nothing of it will be sourced") {
		t.Errorf("%+v, %v, want a warning", c.Warnings, err)
	}
}
