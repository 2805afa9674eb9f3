package examples_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestStackDemo runs the demo, which checks itself: that the stack serves, that
// the report of its failure is right, and that nothing is left.
func TestStackDemo(t *testing.T) {
	cmd := exec.Command("./demo-stack.sh", build(t))
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.HasSuffix(string(out), "\n# Nothing is left running or on disk\n") {
		t.Errorf("the demo ended early:\n%s", out)
	}
	left, err := os.ReadDir(strings.TrimPrefix(cmd.Env[len(cmd.Env)-1], "TMPDIR="))
	if err != nil || len(left) != 0 {
		t.Errorf("the demo has left %v (%v)", left, err)
	}
}

// loops does by hand what DevStack does: the steps and hooks of the example are
// plain ones, which need no phased. DevStack has no base steps; they stand for
// what stack.sh has between its points.
const loops = `
command=$1 TOP_DIR=$2
enable_plugin() { :; }
plugin=$TOP_DIR/plugins/greetings/devstack
steps() { for i in "$TOP_DIR/steps/$command/$1.d"/*.sh; do [[ ! -r $i ]] || source "$i"; done; }
run_phase() {
    local mode=$1 phase=${2-}
    for i in "$TOP_DIR"/extras.d/*.sh; do source "$i" "$mode" ${phase:+"$phase"}; done
    case $mode in
    source) source "$plugin/settings" ;;
    *) source "$plugin/plugin.sh" "$mode" ${phase:+"$phase"} ;;
    esac
}
begin() {
    steps functions
    source <(sed '1,/local|localrc/d' "$TOP_DIR/local.conf")
    source "$plugin/override-defaults"
    steps libraries
    run_phase source
}
case $command in
stack)
    set -e
    begin
    steps prerequisites
    run_phase stack pre-install
    steps services
    run_phase stack install
    steps initialize
    run_phase stack post-config
    steps start
    run_phase stack extra
    source "$plugin/plugin.sh" stack test-config
    steps finish
    ;;
unstack)
    begin
    steps stop
    run_phase unstack
    steps finish
    ;;
clean)
    begin
    bash "$0" unstack "$TOP_DIR"
    run_phase clean
    steps finish
    ;;
esac
`

// TestStackByLoops takes the example up and down without phased.
func TestStackByLoops(t *testing.T) {
	root := t.TempDir()
	dest := filepath.Join(root, "dest")
	top, err := filepath.Abs("stack")
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(root, "loops.sh")
	write(t, script, loops, 0o644)
	bash := func(args ...string) string {
		cmd := exec.Command("bash", args...)
		cmd.Dir, cmd.Env = root, append(os.Environ(), "DEST="+dest)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("bash %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	t.Cleanup(func() {
		if _, err := os.Stat(dest); err == nil {
			bash(script, "clean", top)
		}
	})
	for range 2 { // the second one finds what the first has left
		bash(script, "stack", top)
		bash(dest+"/bin/notes", "add", "Ada", "it's 5 o'clock")
		if got := bash(dest+"/bin/notes", "list", "Ada"); !strings.Contains(got, "; it's 5 o'clock\n") {
			t.Errorf("notes list Ada: %s", got)
		}
		if got := bash(dest+"/bin/notes", "greet", "Ada"); got != "Good day, Ada: you have written 2 notes\n" {
			t.Errorf("notes greet Ada: %s", got)
		}
		bash(script, "unstack", top)
		if pids, err := filepath.Glob(dest + "/run/*"); err != nil || len(pids) != 0 {
			t.Errorf("unstack has left %v (%v)", pids, err)
		}
	}
	bash(script, "clean", top)
	if _, err := os.Stat(dest); err == nil {
		t.Error("clean has left " + dest)
	}
}
