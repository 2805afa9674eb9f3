package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// Every key of sourced hooks is read.
func TestSourcedKeys(t *testing.T) {
	const two = "lifecycles:\n  l:\n    phases: [{name: two, executor: session, dir: /two.d}]\n    roots: [/a, /b]\n"
	if _, err := Parse("f", []byte(two)); err == nil || err.Error() != "f:4:5: lifecycles.l.roots: sourced hooks lie in one hook tree, the top directory; write `base: /b`" {
		t.Errorf("sourced hooks in two trees: %v", err)
	}
	got, err := Parse("f", []byte(`
secrets: ['*_PIN', OS_?]
private-ttl: 0
lifecycles:
  site:
    executor: session
    shell: posix
    options: []
    provenance: false
    resume: on
    local-conf: conf//site.conf
    plugin-dir: /srv/plugins/
    plugin-order: required
    on-failure: shell
    phases:
      - localrc
      - {name: a, files: [lib/a.sh, /etc/b.sh], scope: function, optional: true}
      - {name: b, dir: extras.d, args: [stack, 7], scope: top, glob: '[0-9]*.sh', plugins: plugin.sh, on-failure: stop}
      - {name: c, calls: refresh}
      - {name: d, executor: process, order: glob}
      - {name: e, plugins: override-defaults}
  stack: {options: [errexit], resume: keep, local-conf: /etc/local.conf}
  pieces:
    phases: [one, {name: two, executor: session, dir: /two.d}]
    roots: [/a]
    shell: bash
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Lifecycle{
		"site": {
			Name: "site", Executor: "session", Shell: "posix", Options: []string{}, Provenance: new(false), Resume: "on", LocalConf: "conf/site.conf",
			PluginDir: "/srv/plugins", PluginOrder: "required", OnFailure: phased.Shell,
			Phases: []Phase{
				{Name: "localrc"},
				{Name: "a", Files: []string{"lib/a.sh", "/etc/b.sh"}, Scope: "function", Optional: new(true)},
				{Name: "b", Dir: "extras.d", Args: []string{"stack", "7"}, Scope: "top", Glob: "[0-9]*.sh", Plugins: "plugin.sh", OnFailure: phased.Stop},
				{Name: "c", Calls: "refresh"},
				{Name: "d", Executor: "process", Order: "glob"},
				{Name: "e", Plugins: "override-defaults"},
			},
		},
		"stack": {Name: "stack", Options: []string{"errexit"}, Resume: "keep", LocalConf: "/etc/local.conf"},
		"pieces": {
			Name: "pieces", Roots: []string{"/a"}, Shell: "bash",
			Phases: []Phase{{Name: "one"}, {Name: "two", Executor: "session", Dir: "/two.d"}},
		},
	}
	if diff := cmp.Diff(want, got.Lifecycles); diff != "" {
		t.Errorf("lifecycles (-want +got):\n%s", diff)
	}
	if !cmp.Equal(got.Secrets.Names, []string{"*_PIN", "OS_?"}) || got.PrivateTTL != 0 {
		t.Errorf("secrets %q, private-ttl %v", got.Secrets.Names, got.PrivateTTL)
	}
	site := got.Lifecycles["site"]
	for i, want := range []bool{true, true, true, true, false, true} {
		if site.Sourced(site.Phases[i]) != want {
			t.Errorf("phase %s sourced: %v", site.Phases[i].Name, !want)
		}
	}
	for name, want := range map[string]bool{"site": true, "stack": true, "pieces": true} {
		if got.Lifecycles[name].HasSourced() != want {
			t.Errorf("%s has sourced phases: %v", name, !want)
		}
	}
}
