package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"phased/internal/phased"
)

// shellRig is an EnvShell with a directory of environment files, and the file
// that its output goes to.
type shellRig struct {
	EnvShell
	t    *testing.T
	dir  string
	rec  *recorder
	with phased.Setup
	said []string
}

// newShellRig makes an EnvShell that sources the given texts, in order.
func newShellRig(t *testing.T, env []string, files ...string) *shellRig {
	t.Helper()
	r := &shellRig{t: t, dir: t.TempDir(), rec: &recorder{}}
	for i, text := range files {
		path := filepath.Join(r.dir, "env"+string(rune('a'+i)))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		r.Files = append(r.Files, path)
	}
	out, err := os.OpenFile(filepath.Join(r.dir, "output"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close(); in.Close() })
	r.Name, r.Stdin, r.Stdout, r.Stderr, r.ForwardSignal, r.Output = "/name/of/drp", in, out, out, true, Inherited
	r.Sourcing = func(f string) { r.said = append(r.said, filepath.Base(f)) }
	r.with = phased.Setup{Sink: r.rec, Grace: patience, Kill: make(chan struct{})}
	r.with.Surroundings.Env = []phased.Text{"PATH=/usr/bin:/bin"}
	for _, e := range env {
		r.with.Surroundings.Env = append(r.with.Surroundings.Env, phased.Text(e))
	}
	return r
}

func (r *shellRig) enter(ctx context.Context) error {
	r.t.Helper()
	_, err := r.Enter(ctx, phased.PlannedPhase{}, r.with)
	r.t.Cleanup(func() { _ = r.Close(context.Background()) })
	return err
}

// run runs a hook with that text and returns how it ended.
func (r *shellRig) run(text string) phased.Exit {
	r.t.Helper()
	res, err := r.Exec(r.t.Context(), hookOf(program(r.t, "hook", text)))
	if err != nil {
		r.t.Fatal(err)
	}
	return res.Exit
}

func (r *shellRig) output() string {
	p, err := os.ReadFile(filepath.Join(r.dir, "output"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(p)
}

const bashHook = "#!/bin/bash\n"

// Whatever an environment file does to its shell, hooks run, their status
// comes back, and what they should get of it reaches them.
func TestEnvShellWithstands(t *testing.T) {
	tests := []struct {
		name string
		env  []string
		file string
		hook string
		want string // at the end of the output
	}{
		{"export", nil, "export V='a  b'", `echo "[$V]"`, "[a  b]\n"},
		{"plain variable", nil, "V=1", `echo "[${V-unset}]"`, "[unset]\n"},
		{"exported function", nil, "f() { echo hi; }; export -f f", "f", "hi\n"},
		{"umask", nil, "umask 027", "umask", "0027\n"},
		{"limit", nil, "ulimit -n 77", "ulimit -n", "77\n"},
		{"directory", nil, "cd /usr", "pwd", "/usr\n"},
		{"declare -x", nil, "declare -x V=1", `echo "[${V-unset}]"`, "[1]\n"},
		{"declare -x of one that hooks had", []string{"V=0"}, "declare -x V=1", `echo "[$V]"`, "[1]\n"},
		{"typeset -rx with newlines", nil, "typeset -rx V=$'a\\ndeclare -x W=1'", `echo "[$V][${W-unset}]"`, "[a\ndeclare -x W=1][unset]\n"},
		{"declare without x", []string{"V=0"}, "declare V=1", `echo "[$V]"`, "[0]\n"},
		{"local hides", []string{"V=0"}, "local V=1; local -i W=5", `echo "[$V][${W-unset}]"`, "[0][unset]\n"},
		{"local hides what was exported here", nil, "export V=0; local V=1", `echo "[$V]"`, "[0]\n"},
		{"local -x", nil, "local -x V=1", `echo "[${V-unset}]"`, "[1]\n"},
		{"return", nil, "export V=1; return 0; export V=2", `echo "[$V]"`, "[1]\n"},
		{"IFS", nil, "IFS=0123456789", "exit 11", ""},
		{"IFS exported", nil, "export IFS=/", "exit 11", ""},
		{"functions", nil, "printf() { :; }; source() { :; }; output() { :; }; exit() { :; }; local() { :; }; eval() { :; }; read() { :; }", "exit 11", ""},
		{"function builtin", nil, "builtin() { echo fooled; }", "exit 11", ""},
		{"function builtin that lies", nil, "builtin() { return 0; }", "exit 11", ""},
		{"function builtin of the caller", []string{"BASH_FUNC_builtin%%=() { echo fooled; }"}, ":", "exit 11", ""},
		{"functions of the caller", []string{"BASH_FUNC_printf%%=() { echo fooled; }", "BASH_FUNC_f%%=() { echo hi; }"}, "f", "f; exit 11", "hi\n"},
		{"options of the caller", []string{"SHELLOPTS=allexport:xtrace:verbose"}, ":", "exit 11", ""},
		{"noclobber", nil, "set -C", "exit 11", ""},
		{"noglob", nil, "set -f", "exit 11", ""},
		{"aliases", nil, "shopt -s expand_aliases; alias builtin=false printf=false", "exit 11", ""},
		{"errexit off", nil, "set +e", "exit 11", ""},
		{"allexport", nil, "set -a; V=1", `env | grep -c phased; echo "[$V]"`, "0\n[1]\n"},
		{"no PATH", nil, "PATH=", "exit 11", ""},
		{"POSIX mode", []string{"POSIXLY_CORRECT=1"}, "export V=1", `echo "[$V]"`, "[1]\n"},
		{"redirected", nil, "exec 0<&- 3>&1", "exit 11", ""},
		{"input closed", nil, "exec 255<&- 254<&- 10<&-", "exit 11", ""},
		{"verbose", nil, "set -v", "exit 11", ""},
		{"readonly", nil, "readonly REPLY=1 name=2 PROFILE_DIR=3; export target=x", `echo "[$target]"`, "[x]\n"},
		{"functions removed", nil, "unset -f $(compgen -A function)", "exit 11", ""},
		{"job control", nil, "set -m", "exit 11", ""},
		{"background", nil, "sleep 60 & export PID=$!", `kill $PID; exit 11`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newShellRig(t, tt.env, tt.file, "export LATER=1")
			if err := r.enter(t.Context()); err != nil {
				t.Fatalf("%v\n%s", err, r.output())
			}
			e := r.run(bashHook + tt.hook)
			if strings.Contains(tt.hook, "exit 11") && e.Status != 11 {
				t.Errorf("hook ended %+v, want status 11\n%s", e, r.output())
			}
			if !strings.HasSuffix(r.output(), tt.want) {
				t.Errorf("output does not end with %q:\n%s", tt.want, r.output())
			}
			if e := r.run(bashHook + "[ \"$LATER\" = 1 ] && [ -z \"${POSIXLY_CORRECT-}\" -o " + strconv.Quote(tt.name) + " = 'POSIX mode' ]"); !e.OK() {
				t.Errorf("second hook ended %+v\n%s", e, r.output())
			}
			if err := r.Leave(t.Context()); err != nil {
				t.Error(err)
			}
			if strings.Join(r.said, " ") != "enva envb" {
				t.Errorf("announced %q", r.said)
			}
		})
	}
}

// An environment that cannot be made ends bash, tells why, and with what status.
func TestEnvShellFails(t *testing.T) {
	tests := []struct {
		name, file string
		status     int
		unsaid     bool
		message    string
	}{
		{"exit 0", "exit 0", 1, true, "enva ended bash with exit status 0"},
		{"exec", "exec true", 1, true, "enva ended bash with exit status 0"},
		{"exec fails", "exec sh -c 'exit 5'", 5, false, "enva failed: exit status 5"},
		{"false", "false", 1, false, "enva failed"},
		{"pipe", "false | true", 1, false, "enva failed"},
		{"return", "return 5", 5, false, "enva failed: exit status 5"},
		{"unset", "echo $SURELY_UNSET", 1, false, "enva failed"},
		{"syntax", "if then", 2, false, "enva failed"},
		{"missing command", "no-such-command-zz", 127, false, "enva failed"},
		{"killed", "kill -9 $$", 137, false, "enva failed: ended by SIGKILL"},
		{"noexec", "set -n", 1, true, "set -n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			never := filepath.Join(t.TempDir(), "never")
			r := newShellRig(t, nil, tt.file, "touch "+never)
			err := r.enter(t.Context())
			var e *EnvError
			var exit *phased.ExitError
			if !errors.As(err, &e) || !errors.As(err, &exit) {
				t.Fatalf("entered with %v", err)
			}
			if exit.Exit.Status != tt.status || e.Unsaid != tt.unsaid || !strings.Contains(err.Error(), tt.message) {
				t.Errorf("status %d, unsaid %v, %q; want %d, %v, %q", exit.Exit.Status, e.Unsaid, err, tt.status, tt.unsaid, tt.message)
			}
			if _, err := os.Stat(never); len(r.said) != 1 || err == nil {
				t.Errorf("announced %q, or the next file was sourced", r.said)
			}
		})
	}
}

func TestEnvShellTrap(t *testing.T) {
	tests := []struct {
		name, file string
		hook       int
		status     int // of Leave's error; 0: none
		want       string
	}{
		{"runs last", "trap 'echo trap $?' EXIT", 0, 0, "hook\ntrap 0\n"},
		{"sees the hook's status", "trap 'echo trap $?' EXIT", 7, 0, "hook\ntrap 7\n"},
		{"has the last word on success", "trap 'exit 5' EXIT", 0, 5, "hook\n"},
		{"cannot make a failure good", "trap 'exit 0' EXIT", 7, 0, "hook\n"},
		{"changes a failure", "trap 'exit 5' EXIT", 7, 5, "hook\n"},
		{"runs under errexit", "trap 'false; echo passed' EXIT", 0, 1, "hook\n"},
		{"runs without errexit", "set +e; trap 'false; echo passed' EXIT", 0, 0, "hook\npassed\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newShellRig(t, nil, tt.file)
			if err := r.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.run(bashHook + "echo hook; exit " + strconv.Itoa(tt.hook))
			err := r.Leave(t.Context())
			var e *phased.ExitError
			if got := errors.As(err, &e); got != (tt.status != 0) || got && e.Exit.Status != tt.status {
				t.Errorf("left with %v, want status %d", err, tt.status)
			}
			if !strings.HasSuffix(r.output(), tt.want) {
				t.Errorf("output does not end with %q:\n%s", tt.want, r.output())
			}
		})
	}
}

func TestEnvShellTrapRunsWhereAFileFails(t *testing.T) {
	r := newShellRig(t, nil, "trap 'echo trap $?' EXIT", "exit 9")
	if err := r.enter(t.Context()); err == nil || !strings.HasSuffix(r.output(), "trap 9\n") {
		t.Errorf("entered with %v:\n%s", err, r.output())
	}
}

func TestEnvShellShowsTheTrace(t *testing.T) {
	r := newShellRig(t, nil, "A=1\nset -x", "set +x", "B='x y'")
	if err := r.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := r.dir
	want := "+ source DIR/enva\n++ A=1\n++ set -x\n+ set +o xtrace\n+ source DIR/envb\n++ set +x\n+ source DIR/envc\n++ B='x y'\n+ set +o xtrace\n"
	if got := strings.ReplaceAll(r.output(), dir, "DIR"); got != want {
		t.Errorf("traced\n%swant\n%s", got, want)
	}
}

// What an environment file can see of its shell is what dib-run-parts shows.
func TestEnvShellLooksLikeTheOriginal(t *testing.T) {
	r := newShellRig(t, nil, `echo "$0 $# $- ${FUNCNAME[1]:+in a function} ${BASH_SOURCE[0]##*/}" | sed s/x//`)
	if err := r.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := "/name/of/drp 0 ehuB in a function enva\n"; !strings.Contains(r.output(), want) {
		t.Errorf("output lacks %q:\n%s", want, r.output())
	}
}

func TestEnvShellHookIsOnRecord(t *testing.T) {
	r := newShellRig(t, nil, "sleep 60 & trap \"kill $!\" EXIT")
	if err := r.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid, goOn := filepath.Join(r.dir, "pid"), filepath.Join(r.dir, "go")
	r.rec.onStart = func(phased.Process) { _ = os.WriteFile(goOn, nil, 0o644) }
	r.run(bashHook + "echo $$ >" + pid + "; while [ ! -e " + goOn + " ]; do sleep 0.01; done")
	if len(r.rec.started) != 1 || r.rec.started[0].Pid != pidIn(t, pid) || r.rec.started[0].Start == 0 {
		t.Errorf("started %+v, the hook was %s", r.rec.started, content(pid))
	}
	if err := r.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestEnvShellEndsWithTheContext(t *testing.T) {
	tests := []struct {
		name  string
		cause error
		hook  string // runs once its start is known
		want  phased.Exit
		out   string
	}{
		{
			"limit", &phased.Timeout{Of: "run", Limit: time.Second}, "trap '' TERM HUP INT; ready; sleep 60",
			phased.Exit{Cause: phased.CauseTimeout, Status: 124},
			"",
		},
		{
			"forwarded signal", &phased.StopRequest{Signal: 1}, "trap 'echo hup; exit' HUP; ready; while :; do sleep 0.01; done",
			phased.Exit{Cause: phased.CauseStopped, Status: 129},
			"hup\ntrap 129\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newShellRig(t, nil, "trap 'echo trap $?' EXIT")
			ctx, cancel := context.WithCancelCause(t.Context())
			if err := r.enter(ctx); err != nil {
				t.Fatal(err)
			}
			ready := filepath.Join(r.dir, "ready")
			go func() {
				await(t, "the hook", func() bool { return content(ready) != "" })
				cancel(tt.cause)
			}()
			res, err := r.Exec(ctx, hookOf(program(t, "hook", bashHook+"ready() { echo 1 >"+ready+"; }\n"+tt.hook)))
			if err != nil {
				t.Fatal(err)
			}
			if res.Cause != tt.want.Cause || res.Status != tt.want.Status {
				t.Errorf("ended %+v, want %+v", res.Exit, tt.want)
			}
			if err := r.Leave(ctx); err != nil {
				t.Error(err)
			}
			if !strings.HasSuffix(r.output(), tt.out) {
				t.Errorf("output does not end with %q:\n%s", tt.out, r.output())
			}
		})
	}
}

func TestEnvShellKillsWhatDoesNotEnd(t *testing.T) {
	r := newShellRig(t, nil, "trap 'echo trap' EXIT")
	r.with.Grace = time.Millisecond
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := r.enter(ctx); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(r.dir, "ready")
	go func() {
		await(t, "the hook", func() bool { return content(ready) != "" })
		cancel(&phased.StopRequest{Signal: 15})
	}()
	res, err := r.Exec(ctx, hookOf(program(t, "hook", bashHook+"trap '' TERM; echo 1 >"+ready+"; while :; do sleep 60; done")))
	if err != nil || res.Cause != phased.CauseStopped || res.Status != 143 {
		t.Errorf("ended %+v, %v", res.Exit, err)
	}
	if s := strings.Join(r.rec.signals, " "); s != "SIGTERM SIGKILL" {
		t.Errorf("signals sent: %s", s)
	}
}

func TestEnvShellEndsAFileThatHangs(t *testing.T) {
	for _, cause := range []error{&phased.Timeout{Of: "run"}, &phased.StopRequest{Signal: 15}} {
		t.Run(fmt.Sprintf("%T", cause), func(t *testing.T) {
			ready := filepath.Join(t.TempDir(), "ready")
			r := newShellRig(t, nil, "echo 1 >"+ready+"; sleep 60")
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				await(t, "the file", func() bool { return content(ready) != "" })
				cancel(cause)
			}()
			var e *phased.ExitError
			want := phased.ExitByCause(cause)
			if err := r.enter(ctx); !errors.As(err, &e) || e.Exit.Cause != want.Cause || e.Exit.Status != want.Status {
				t.Errorf("entered with %+v, want %+v", err, want)
			}
		})
	}
}

func TestEnvShellSurvivesTheDeathOfBash(t *testing.T) {
	r := newShellRig(t, nil, ":")
	if err := r.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := r.run(bashHook + "kill -9 $PPID"); e.Cause != phased.CauseSignal || e.Status != 137 {
		t.Errorf("ended %+v", e)
	}
	if e := r.run(bashHook + "echo never"); e.OK() || strings.Contains(r.output(), "never") {
		t.Errorf("ended %+v", e)
	}
	if err := r.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

// A process that stays behind with the hook's output delays nothing.
func TestEnvShellWaitsForNoDaemon(t *testing.T) {
	r := newShellRig(t, nil, ":")
	if err := r.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid := filepath.Join(r.dir, "pid")
	if e := r.run(bashHook + "sleep 60 & echo $! >" + pid); !e.OK() {
		t.Errorf("ended %+v", e)
	}
	if err := r.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	p, err := os.FindProcess(pidIn(t, pid))
	if err != nil || p.Kill() != nil {
		t.Error("the daemon did not outlive the phase")
	}
}

// Whatever a hook finds beside 0, 1 and 2, phased has put nothing there.
func TestEnvShellGivesHooksNoDescriptor(t *testing.T) {
	r := newShellRig(t, nil, ":")
	if err := r.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	fds := filepath.Join(r.dir, "fds")
	r.run("#!/bin/bash\ncd /proc/$$/fd && stat -c %N * >" + fds + "\n")
	given := map[string]bool{"0": true, "1": true, "2": true, "255": true} // 255: bash's script, the hook
	self, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range self { // what this process was started with is nobody's business
		n, _ := strconv.Atoi(e.Name())
		if flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			given[e.Name()] = true
		}
	}
	lines := strings.Split(content(fds), "\n")
	for _, l := range lines {
		if n, what, _ := strings.Cut(l, " -> "); !given[strings.Trim(n, "'")] {
			t.Errorf("a hook has %s as %s", what, n)
		}
	}
	if len(lines) < 4 {
		t.Errorf("the hook saw only %q", lines)
	}
}

func TestEnvShellTeesTheOutputOfHooks(t *testing.T) {
	r := newShellRig(t, nil, "echo not a hook\nset -C\nexec 2>/dev/null")
	r.Output = Tee
	if err := r.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	pid := filepath.Join(r.dir, "pid")
	res, err := r.Exec(t.Context(), hookOf(program(t, "hook", bashHook+"head -c 300000 /dev/zero | tr '\\0' x; echo err >&2; sleep 60 & echo $! >"+pid)))
	if err != nil || !res.OK() || res.Out != 300000 || res.Err != 4 || !res.Left {
		t.Errorf("ended %+v, %v", res, err)
	}
	if r.rec.stdout() != strings.Repeat("x", 300000) || r.rec.stderr() != "err\n" {
		t.Errorf("captured %d bytes and %q", len(r.rec.stdout()), r.rec.stderr())
	}
	if res, err := r.Exec(t.Context(), hookOf(program(t, "hook", bashHook+"echo second"))); err != nil || res.Out != 7 || res.Left {
		t.Errorf("ended %+v, %v", res, err)
	}
	if got := r.output(); !strings.Contains(got, "not a hook\n") || strings.Count(got, "x") < 300000 || !strings.Contains(got, "err\n") {
		t.Errorf("only %d bytes were passed on", len(got))
	}
	if err := r.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	if p, err := os.FindProcess(pidIn(t, pid)); err != nil || p.Kill() != nil {
		t.Error("what the hook left behind did not live on")
	}
	if err := r.Close(context.Background()); err != nil {
		t.Error(err)
	}
	r.rec.check(t)
}

// More than any pipe holds.
func TestEnvShellSourcesManyFiles(t *testing.T) {
	r := newShellRig(t, nil, "export N=$((${N:-0} + 1))")
	one := r.Files[0]
	for range 1999 {
		r.Files = append(r.Files, one)
	}
	if err := r.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e := r.run(bashHook + "[ $N = 2000 ]"); !e.OK() {
		t.Errorf("ended %+v", e)
	}
}
