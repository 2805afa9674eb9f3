package plan

import (
	"os"
	"path/filepath"
	"testing"
)

// Which local.conf a lifecycle reads.
func TestLocalConfOf(t *testing.T) {
	top := stackTop(t, "local.conf", "site.conf")
	bare := stackTop(t)
	s := parse(t, "lifecycles:\n  site: {base: "+top+", executor: session, local-conf: site.conf, plugin-dir: /srv/p, plugin-order: required, phases: [a]}\n"+
		"  none: {base: "+top+", executor: session, phases: [a]}\n  clean: {local-conf: /etc/other.conf}\n")
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o     Options
		named string
		want  LocalConf
	}{
		{Options{Lifecycle: "stack", TopDir: top}, "", LocalConf{File: top + "/local.conf", Order: "listed"}},
		{Options{Lifecycle: "stack", TopDir: bare}, "", LocalConf{Order: "listed"}},
		{Options{Lifecycle: "stack", Base: top}, "", LocalConf{File: top + "/local.conf", Order: "listed"}},
		{Options{Lifecycle: "unstack", TopDir: top}, "my.conf", LocalConf{File: filepath.Join(wd, "my.conf"), Order: "listed"}},
		{Options{Lifecycle: "clean", TopDir: top, Settings: s}, "", LocalConf{File: "/etc/other.conf", Order: "listed"}},
		{Options{Lifecycle: "clean", TopDir: top, Settings: s}, "/x", LocalConf{File: "/x", Order: "listed"}},
		{Options{Lifecycle: "site", Settings: s}, "", LocalConf{File: top + "/site.conf", PluginDir: "/srv/p", Order: "required"}},
		{Options{Lifecycle: "site", Settings: s, TopDir: bare}, "", LocalConf{File: bare + "/site.conf", PluginDir: "/srv/p", Order: "required"}},
		{Options{Lifecycle: "none", Settings: s}, "", LocalConf{Order: "listed"}},
		{Options{}, "", LocalConf{Order: "listed"}},
	} {
		if got := LocalConfOf(c.o, c.named); got != c.want {
			t.Errorf("%s in %s, named %q: got %+v, want %+v", c.o.Lifecycle, c.o.TopDir, c.named, got, c.want)
		}
	}
}

// The digest of a plan changes with all that changes what is sourced, and with
// nothing else.
func TestSourcedDigest(t *testing.T) {
	top := stackTop(t, "extras.d/10-a.sh")
	pl := plugin(t, "p", nil, "plugin.sh")
	o := Options{Lifecycle: "stack", TopDir: top, Environ: []string{"A=1"}, Conf: top + "/c", Localrc: "A=1"}
	base := mustLoad(t, o).Digest
	seen := map[string]string{base: "nothing"}
	for name, change := range map[string]func(*Options){
		"localrc":     func(o *Options) { o.Localrc = "A=2" },
		"plugins":     func(o *Options) { o.Plugins = append(o.Plugins, pl) },
		"environment": func(o *Options) { o.Environ = []string{"A=2"} },
		"options":     func(o *Options) { o.Settings = parse(t, "lifecycles: {stack: {options: [errexit]}}") },
		"shell":       func(o *Options) { o.Settings = parse(t, "lifecycles: {stack: {shell: posix}}") },
		"lifecycle":   func(o *Options) { o.Lifecycle = "unstack" },
		"hook":        func(*Options) { write(t, top+"/extras.d/10-a.sh", "other", 0o644) },
	} {
		changed := o
		change(&changed)
		d := mustLoad(t, changed).Digest
		if was, same := seen[d]; same {
			t.Errorf("%s and %s give the same digest", name, was)
		}
		seen[d] = name
		write(t, top+"/extras.d/10-a.sh", "echo extras.d/10-a.sh\n", 0o644)
	}
	o.Settings = parse(t, "lifecycles: {stack: {resume: keep, provenance: false}}")
	if d := mustLoad(t, o).Digest; d != base {
		t.Error("what is recorded changes the digest")
	}
}
