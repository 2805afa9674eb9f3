package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDevStackPlugin runs a mock-up of today's DevStack, without the plugin and
// with it: then every script of extras.d is sourced at every point, once, and
// all else is as it was.
func TestDevStackPlugin(t *testing.T) {
	h := newShellHost(t)
	head, err := filepath.Abs("../../testdata/shell-init/head.sh")
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"50-mine.sh", "80-tempest.sh"} {
		h.write("top/extras.d/"+name, `echo "`+name+` $# $* ${FUNCNAME[1]-top}" >>"$TRACE"`+"\n")
	}
	if err := os.MkdirAll(h.path("other/devstack"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"settings", "override-defaults", "plugin.sh"} {
		h.write("other/devstack/"+name, `echo "other/`+name+` $# $*" >>"$TRACE"`+"\n")
	}
	run := func(localrc string) (trace, out string) {
		h.write("top/localrc", localrc)
		if err := os.RemoveAll(h.path("trace")); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"stack", "unstack", "clean"} {
			h.write("trace", h.read("trace")+"== "+command+"\n")
			b, err := h.command("bash", head, command, "--top-dir", h.path("top")).CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v\n%s", command, err, b)
			}
			out += string(b)
		}
		return h.read("trace"), out
	}
	other := "enable_plugin other " + h.path("other") + "\n"
	without, out := run(other)
	if !strings.Contains(out, "50-mine.sh is skipped") {
		t.Fatalf("the mock-up does not close extras.d:\n%s", out)
	}

	got, out := run("enable_plugin phased " + plugin + "\n" + other)
	if d := cmp.Diff(wantPlugin(), got); d != "" {
		t.Errorf("trace with the plugin (-want +got):\n%s", d)
	}
	// At the point at which it is installed: in stack, unstack, and clean's unstack.
	if n := strings.Count("\n"+out, "\nWARN 50-mine.sh is skipped"); n != 3 {
		t.Errorf("extras.d is closed %d times with the plugin, want 3", n)
	}
	h.settled()
	// The last run to begin is that of clean's unstack.
	want := []string{"unstack/50-mine.sh succeeded", "unstack/80-tempest.sh succeeded", "unstack/run_plugins succeeded"}
	if d := cmp.Diff(want, h.show().hooks()); d != "" {
		t.Errorf("on record (-want +got):\n%s", d)
	}

	for what, localrc := range map[string]string{
		"not found":     "PHASED=no-such-phased\nenable_plugin phased " + plugin + "\n" + other,
		"it has failed": "PHASED=false\nenable_plugin phased " + plugin + "\n" + other,
	} {
		got, out := run(localrc)
		if d := cmp.Diff(without, got); d != "" {
			t.Errorf("%s: trace (-without the plugin +with it):\n%s", what, d)
		}
		if !strings.Contains(out, "phased plugin: ") || !strings.Contains(out, "extras.d stays as DevStack has it") {
			t.Errorf("%s: no word of it:\n%s", what, out)
		}
	}
}

// wantPlugin is what DevStack does with the plugin, in the order of the points.
func wantPlugin() string {
	var b strings.Builder
	both := func(format string, args ...any) {
		for _, name := range []string{"50-mine.sh", "80-tempest.sh"} {
			fmt.Fprintf(&b, "%s "+format+"\n", append([]any{name}, args...)...)
		}
	}
	installed := "80-tempest.sh 1 override_defaults run_phase\nother/override-defaults 0 \n"
	b.WriteString("== stack\n" + installed)
	both("1 source run_phase")
	b.WriteString("other/settings 0 \nverified in source\n")
	for _, phase := range []string{"pre-install", "install", "post-config", "extra", "test-config"} {
		both("2 stack %s run_phase", phase)
		fmt.Fprintf(&b, "other/plugin.sh 2 stack %s\n", phase)
	}
	unstack := func() {
		b.WriteString(installed)
		both("1 source top")
		b.WriteString("other/settings 0 \n")
		both("1 unstack run_phase")
		b.WriteString("other/plugin.sh 1 unstack\n")
	}
	b.WriteString("== unstack\n")
	unstack()
	b.WriteString("== clean\n")
	both("1 source top")
	b.WriteString("other/settings 0 \n")
	unstack()
	b.WriteString("other/plugin.sh 1 clean\n")
	both("1 clean top")
	return b.String()
}
