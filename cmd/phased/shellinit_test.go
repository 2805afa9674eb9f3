package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shellHost is a place where scripts of others run, with phased on the PATH. It
// can be used by any user.
type shellHost struct {
	t   *testing.T
	dir string
}

func newShellHost(t *testing.T) *shellHost {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	h := &shellHost{t, dir}
	t.Cleanup(h.settled)
	for _, d := range []string{"", "bin", "states", "top/extras.d"} {
		if err := os.MkdirAll(h.path(d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for d, mode := range map[string]fs.FileMode{"": 0o755, "states": 0o777 | fs.ModeSticky} {
		if err := os.Chmod(h.path(d), mode); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	h.write("bin/phased", string(self))
	return h
}

func (h *shellHost) path(name string) string { return filepath.Join(h.dir, name) }

func (h *shellHost) write(name, text string) string {
	h.t.Helper()
	if err := os.WriteFile(h.path(name), []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
	return h.path(name)
}

func (h *shellHost) state() string {
	return filepath.Join(h.path("states"), strconv.Itoa(os.Geteuid()))
}

// command is a command line on this host.
func (h *shellHost) command(args ...string) *exec.Cmd {
	c := exec.Command(args[0], args[1:]...)
	c.Dir = h.dir
	c.Env = []string{
		"PATH=" + h.path("bin") + ":" + os.Getenv("PATH"), "HOME=" + h.dir, "GORACE=" + noSleep,
		"TRACE=" + h.path("trace"), "PHASED_STATE_DIR=" + h.state(), "H=" + h.dir,
	}
	return c
}

// bash runs a script, wants its exit status and returns what it prints.
func (h *shellHost) bash(status int, text string) string {
	h.t.Helper()
	c := h.command("bash", h.write("script.sh", text))
	out, err := c.CombinedOutput()
	if exitCode(err) != status {
		h.t.Fatalf("the script ended with %v, want %d:\n%s", err, status, out)
	}
	return string(out)
}

// settled waits until no recorder of this host is left.
func (h *shellHost) settled() {
	h.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		left, err := filepath.Glob(h.path("states/*/shells/*"))
		if err != nil {
			h.t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("these were never folded: %q", left)
		}
	}
}

// shellRun is what these tests read of `phased show --json`.
type shellRun struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Exit   int    `json:"exit_code"`
	Start  struct {
		Pid int `json:"pid"`
	} `json:"start"`
	Session struct {
		Pid     int      `json:"pid"`
		Options []string `json:"options"`
	} `json:"session"`
	Phases []struct {
		Phase   string `json:"phase"`
		Status  string `json:"status"`
		Entries []struct {
			Name   string `json:"name"`
			Digest string `json:"digest"`
		} `json:"entries"`
		Hooks []struct {
			Hook   string `json:"hook"`
			Status string `json:"status"`
			Pid    int    `json:"pid"`
		} `json:"hooks"`
	} `json:"phases"`
}

// hooks returns the run's hooks as PHASE/HOOK STATUS.
func (r shellRun) hooks() []string {
	var all []string
	for _, p := range r.Phases {
		for _, h := range p.Hooks {
			all = append(all, p.Phase+"/"+h.Hook+" "+h.Status)
		}
	}
	return all
}

func (h *shellHost) show() shellRun {
	h.t.Helper()
	out, err := h.command("phased", "show", "--json").Output()
	if err != nil {
		h.t.Fatalf("show: %v\n%s", err, out)
	}
	var r shellRun
	if err := json.Unmarshal(out, &r); err != nil {
		h.t.Fatal(err)
	}
	return r
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestShellInitTracesEqualTheLoops runs the cases of the conformance suite with
// a script that has the loops of its own, and with the same script whose
// run_phase comes from phased shell-init.
func TestShellInitTracesEqualTheLoops(t *testing.T) {
	h := newShellHost(t)
	loops, err := filepath.Abs("../../testdata/shell-init/loops.sh")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(loops)
	if err != nil {
		t.Fatal(err)
	}
	h.write("loops.sh", string(text))
	if out, err := exec.Command("cp", "-a", "../../testdata/conformance/devstack", h.path("cases")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h.write("own", "#!/bin/bash\nexec /bin/bash "+h.path("loops.sh")+` "$@"`+"\n")
	h.write("init", "#!/bin/bash\nexport PHASED_INIT=\"/usr/bin/env GORACE="+noSleep+" "+h.path("bin/phased")+
		" shell-init bash --state-dir "+h.path("states")+"/$EUID\"\nexec /bin/bash "+h.path("loops.sh")+` "$@"`+"\n")
	for _, script := range []string{"own", "init"} {
		out, err := h.command("bash", h.path("cases/run-cases.sh"), "-v", h.path(script)).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("pass=96 fail=0 skip=0")) {
			t.Fatalf("%s: %v\n%s", script, err, regexp.MustCompile(`(?m)^ok .*\n`).ReplaceAll(out, nil))
		}
	}
	h.settled()
	states, err := os.ReadDir(h.path("states"))
	if err != nil {
		t.Fatal(err)
	}
	runs := 0
	for _, s := range states {
		out, err := h.command("phased", "runs", "--json", "-n", "1000", "--state-dir", filepath.Join(h.path("states"), s.Name())).Output()
		var all []shellRun
		if err != nil || json.Unmarshal(out, &all) != nil {
			t.Fatalf("runs: %v\n%s", err, out)
		}
		for _, r := range all {
			if runs++; r.Status != "succeeded" && r.Status != "failed" {
				t.Errorf("run %s is %s", r.ID, r.Status)
			}
		}
	}
	if runs < 120 {
		t.Errorf("%d runs are on record, want one of each command of 96 cases", runs)
	}
}

// TestShellInitLeavesTheShellAlone compares all that a shell can tell of itself,
// with and without phased: descriptors, children, jobs, traps, options,
// variables, environment.
func TestShellInitLeavesTheShellAlone(t *testing.T) {
	h := newShellHost(t)
	h.write("top/extras.d/10-tell.sh", `
for f in /proc/$$/fd/*; do echo "${f##*/} $(readlink "$f")"; done >"$H/fds-$1"
unset f
`)
	text := `
set -o errexit -o nounset; shopt -s extglob; IFS=:; umask 027
trap 'echo bye' EXIT; trap 'echo err' ERR; trap 'echo usr' USR1
exec 5</dev/null 9>&1
TOP_DIR=$H/top
run_phase() { local mode=$1 phase=${2-}; for i in "$TOP_DIR"/extras.d/*.sh; do [[ -r $i ]] && source "$i" "$mode"; done; }
set -a
INIT
set +a
export -nf run_phase
run_phase source; run_phase unstack
wait
jobs -l
wait -n || echo "wait -n: $?"
echo "last job ${!-none}, children: $(</proc/$$/task/$$/children)"
trap -p; set +o; shopt -p; umask; printf '%q\n' "$IFS"
env | grep -v '^_=' | sort
declare -p | grep -v -e __phased -e '^declare .. \(_\|BASH_.*\|PIPESTATUS\|RANDOM\|SECONDS\|EPOCH.*\|SRANDOM\|BASHPID\|PPID\|FUNCNAME\|COLUMNS\|LINES\)\(=\|$\)'
declare -F | grep -v __phased
`
	clean := func(out string) string { // of children: the substitution's own
		return regexp.MustCompile(`children: (\d+ ?)?\n`).ReplaceAllStringFunc(out, func(s string) string {
			return "children: " + strconv.Itoa(len(strings.Fields(s))-1) + "\n"
		})
	}
	plain := clean(h.bash(0, strings.Replace(text, "INIT", "", 1)))
	fds := h.fds()
	with := clean(h.bash(0, strings.Replace(text, "INIT", `eval "$(phased shell-init bash)"`, 1)))
	if d := cmp.Diff(plain, with); d != "" {
		t.Errorf("(-without +with):\n%s", d)
	}
	if !strings.Contains(plain, "children: ") || !strings.Contains(plain, "wait -n: 127") {
		t.Errorf("the script tells too little:\n%s", plain)
	}
	if d := cmp.Diff(fds, h.fds()); d != "" {
		t.Errorf("descriptors in hooks (-without +with):\n%s", d)
	}
	h.settled()
	r := h.show()
	if d := cmp.Diff([]string{"allexport", "errexit", "nounset"}, r.Session.Options); d != "" || r.Status != "succeeded" {
		t.Errorf("the run is %s; options of the session (-want +got):\n%s", r.Status, d)
	}
}

func (h *shellHost) fds() string {
	h.t.Helper()
	var all string
	for _, mode := range []string{"source", "unstack"} {
		b, err := os.ReadFile(h.path("fds-" + mode))
		if err != nil {
			h.t.Fatal(err)
		}
		all += regexp.MustCompile(`(pipe|socket):\[\d+\]`).ReplaceAllString(string(b), "$1")
	}
	return all
}

// TestShellInitOutlivesItsRecorder kills the recorder in the middle of a hook:
// the script goes on, nobody takes it for dead while it lives, and the next
// phased finds all of it.
func TestShellInitOutlivesItsRecorder(t *testing.T) {
	for name, c := range map[string]struct {
		last   string
		status int
		want   string
		hook   string
	}{
		"to its end":    {"true", 0, "succeeded", "succeeded"},
		"into a hook":   {"exit 4", 4, "failed", "failed"},
		"killed itself": {"kill -9 $$", 137, "failed", "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newShellHost(t)
			h.write("top/extras.d/10-a.sh", `
echo "a $*" >>"$TRACE"
if [[ ${2-} == install ]]; then echo >"$H/began"; until [[ -e $H/go ]]; do sleep 0.01; done; fi
`)
			h.write("top/extras.d/20-b.sh", `echo "b $*" >>"$TRACE"; if [[ ${2-} == extra ]]; then `+c.last+"; fi\n")
			script := h.command("bash", h.write("script.sh", `
TOP_DIR=$H/top
eval "$(phased shell-init bash)"
run_phase source
run_phase stack install
wait
run_phase stack extra
jobs
`))
			var out bytes.Buffer
			script.Stdout, script.Stderr = &out, &out
			if err := script.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if t.Failed() {
					t.Logf("the script printed: %s", &out)
				}
			}()
			until(t, "the hook runs", func() bool { _, err := os.Stat(h.path("began")); return err == nil })
			until(t, "it is on record", func() bool { return len(h.show().hooks()) == 3 })
			r := h.show()
			if r.Session.Pid != script.Process.Pid || r.Start.Pid == script.Process.Pid {
				t.Errorf("shell %d, recorder %d; the script is %d", r.Session.Pid, r.Start.Pid, script.Process.Pid)
			}
			if err := syscall.Kill(r.Start.Pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			until(t, "the recorder is gone", func() bool { return h.show().Status == "interrupted" })
			h.next()
			if n := len(h.shells()); n != 1 {
				t.Errorf("%d sidecars while the shell lives, want 1", n)
			}
			h.write("go", "")
			if err := script.Wait(); exitCode(err) != c.status || out.Len() > 0 {
				t.Errorf("the script ended with %v, want %d, and printed %q", err, c.status, out.String())
			}
			h.next()
			if n := len(h.shells()); n != 0 {
				t.Errorf("%d sidecars are left", n)
			}
			r = h.show()
			want := []string{
				"source/10-a.sh succeeded", "source/20-b.sh succeeded", "install/10-a.sh succeeded", "install/20-b.sh succeeded",
				"extra/10-a.sh succeeded", "extra/20-b.sh " + c.hook,
			}
			if d := cmp.Diff(want, r.hooks()); d != "" || r.Status != c.want {
				t.Errorf("the run is %s, want %s; hooks (-want +got):\n%s", r.Status, c.want, d)
			}
			trace, err := os.ReadFile(h.path("trace"))
			if want := "a source\nb source\na stack install\nb stack install\na stack extra\nb stack extra\n"; err != nil || string(trace) != want {
				t.Errorf("trace %q, %v", trace, err)
			}
		})
	}
}

// next is the next phased that writes to the record: a run that has no hooks.
// Its own record is removed, so that the script's stays the last one.
func (h *shellHost) next() {
	h.t.Helper()
	if err := os.MkdirAll(h.path("nothing/configure.d"), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if out, err := h.command("phased", "run", "--base", h.path("nothing")).CombinedOutput(); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(h.state(), "runs", "*"))
	if err != nil || len(files) < 2 {
		h.t.Fatal(files, err)
	}
	if err := os.Remove(files[len(files)-1]); err != nil {
		h.t.Fatal(err)
	}
}

func (h *shellHost) shells() []string {
	h.t.Helper()
	found, err := filepath.Glob(filepath.Join(h.state(), "shells", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	return found
}

func (h *shellHost) read(name string) string {
	h.t.Helper()
	b, err := os.ReadFile(h.path(name))
	if err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	return string(b)
}
