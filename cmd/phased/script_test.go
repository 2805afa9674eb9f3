package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write what the scripts print into them")

// patience is how long a script waits for what must happen at some time.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "exe" {
		os.Exit(dispatch(testBoot())) // started by this binary as phased, by the kernel's link to it
	}
	testscript.Main(m, map[string]func(){
		"phased":            func() { os.Exit(dispatch(testBoot())) },
		"os-refresh-config": func() { os.Exit(dispatch(testBoot())) },
		"dib-run-parts":     func() { os.Exit(dispatch(testBoot())) },
	})
}

// testBoot tells the boot that a script wants to be in: PHASED_TEST_BOOT_ID, which
// only this binary knows.
func testBoot() func() string {
	if id := os.Getenv("PHASED_TEST_BOOT_ID"); id != "" {
		return func() string { return id }
	}
	return nil
}

// TestScripts runs testdata/script: phased end to end, as this binary.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		WorkdirRoot:         t.TempDir(),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(10 * time.Minute), // a script that hangs says where
		Setup:               setup,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "start": start, "send": send, "ended": ended,
			"norm": norm, "tty": tty, "await": await, "gone": gone, "touch-hooks": touchHooks,
		},
	})
}

// noSleep keeps the race detector from sleeping a second at the end of each
// process.
const noSleep = "atexit_sleep_ms=0"

// setup gives every script a record of its own, and makes files that begin with
// #! executable.
func setup(e *testscript.Env) error {
	e.Setenv("PHASED_STATE_DIR", filepath.Join(e.WorkDir, "state"))
	e.Setenv("TZ", "UTC")
	e.Setenv("GORACE", noSleep)
	for _, name := range []string{"PHASED_RUN_ID", "SUDO_USER", "XDG_STATE_HOME"} {
		e.Setenv(name, "")
	}
	jobs := &jobs{}
	e.Values[jobsKey{}] = jobs
	e.Defer(func() { endAll(e.WorkDir) })
	e.Defer(jobs.killAll)
	return filepath.WalkDir(e.WorkDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.HasPrefix(text, []byte("#!")) {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
}

// condition knows [root]: the test runs as root; [mount]: it may make a mount
// namespace; [userns]: it may make a user namespace, and limit inotify in it.
func condition(cond string) (bool, error) {
	switch cond {
	case "root":
		return os.Geteuid() == 0, nil
	case "mount":
		return exec.Command("unshare", "-m", "true").Run() == nil, nil
	case "userns":
		return exec.Command("unshare", "-Ur", "sh", "-c", "echo 100 >/proc/sys/user/max_inotify_watches").Run() == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// exits CODE COMMAND... runs a command and wants that exit code of it, or, for
// CODE *, any.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	if got := strconv.Itoa(exitCode(err)); args[0] != "*" && got != args[0] {
		ts.Fatalf("%s ended with %s, want %s (%v)", args[1], got, args[0], err)
	}
}

func exitCode(err error) int {
	var e *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e) && e.ExitCode() >= 0:
		return e.ExitCode()
	case errors.As(err, &e):
		return 128 + int(e.Sys().(syscall.WaitStatus).Signal())
	}
	return -1
}

type jobsKey struct{}

// jobs are the commands that a script has started.
type jobs struct {
	mu  sync.Mutex
	all map[string]*job
}

type job struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

func (j *jobs) killAll() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, one := range j.all {
		select {
		case <-one.done:
		default:
			// It may end by itself at this moment.
			_ = one.cmd.Process.Kill()
			<-one.done
		}
	}
}

// endAll kills what a script that failed has left running: the processes whose
// command line names its directory.
func endAll(dir string) {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, d := range all {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", d.Name(), "cmdline"))
		if err == nil && bytes.Contains(line, []byte(dir+"/")) {
			// It may have ended by itself at this moment.
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func jobsOf(ts *testscript.TestScript) *jobs { return ts.Value(jobsKey{}).(*jobs) }

func jobOf(ts *testscript.TestScript, name string) *job {
	j := jobsOf(ts)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.all[name] == nil {
		ts.Fatalf("nothing was started as %s", name)
	}
	return j.all[name]
}

// start NAME COMMAND... starts a command; its output goes to the files NAME.out
// and NAME.err.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME COMMAND...")
	}
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.Command(path, args[2:]...)
	cmd.Args[0] = args[1]
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "HOME", "WORK", "TMPDIR", "PHASED_STATE_DIR", "TZ", "LANG", "LC_ALL", "GORACE", "PHASED_TEST_BOOT_ID", "OS_REFRESH_CONFIG_BASE_DIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	out, err := os.Create(ts.MkAbs(args[0] + ".out"))
	ts.Check(err)
	defer out.Close()
	talk, err := os.Create(ts.MkAbs(args[0] + ".err"))
	ts.Check(err)
	defer talk.Close()
	cmd.Stdout, cmd.Stderr = out, talk
	ts.Check(cmd.Start())
	one := &job{cmd: cmd, done: make(chan struct{})}
	go func() {
		one.err = cmd.Wait()
		close(one.done)
	}()
	j := jobsOf(ts)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.all == nil {
		j.all = map[string]*job{}
	}
	j.all[args[0]] = one
}

// send NAME SIGNAL sends a signal to what was started as NAME.
func send(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || unix.SignalNum(args[1]) == 0 {
		ts.Fatalf("usage: send NAME SIGNAL")
	}
	ts.Check(jobOf(ts, args[0]).cmd.Process.Signal(unix.SignalNum(args[1])))
}

// ended NAME CODE waits for what was started as NAME, and wants that exit code, or,
// for CODE *, any; a signal n counts as 128+n.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: ended NAME CODE")
	}
	one := jobOf(ts, args[0])
	select {
	case <-one.done:
	case <-time.After(patience):
		ts.Fatalf("%s has not ended after %v", args[0], patience)
	}
	if got := strconv.Itoa(exitCode(one.err)); args[1] != "*" && got != args[1] {
		ts.Fatalf("%s ended with %s, want %s\n%s", args[0], got, args[1], ts.ReadFile(args[0]+".err"))
	}
}

// await FILE [TEXT] waits until the file exists, and holds the text.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: await FILE [TEXT]")
	}
	var last []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && (len(args) == 1 || bytes.Contains(text, []byte(args[1]))) {
			return
		}
		last = text
	}
	ts.Fatalf("%s does not hold %q after %v; it holds\n%s", args[0], args[1:], patience, last)
}

// gone PIDFILE waits until the process of that number has ended; with ! it
// wants the process to be there.
func gone(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] gone PIDFILE")
	}
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile(args[0])))
	ts.Check(err)
	there := func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err == nil && !bytes.Contains(stat, []byte(") Z "))
	}
	if neg {
		if !there() {
			ts.Fatalf("process %d has ended", pid)
		}
		return
	}
	for deadline := time.Now().Add(patience); there(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("process %d is still there after %v", pid, patience)
		}
	}
}

// touchHooks DIR N makes N hooks that do nothing.
func touchHooks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: touch-hooks DIR N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	for i := range n {
		ts.Check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d-hook", i)), []byte("#!/bin/true\n"), 0o755))
	}
}

// norm IN OUT writes what IN (stdout, stderr or a file) holds to OUT, with all
// that differs from run to run replaced by words.
func norm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: norm stdout|stderr|FILE OUT")
	}
	text := strings.ReplaceAll(ts.ReadFile(args[0]), ts.Getenv("WORK"), "$WORK")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(normal(text)), 0o644))
}

// normal replaces run ids by RUN1, RUN2 and so on in order of appearance, and
// times, process numbers, hosts and digests by words.
func normal(text string) string {
	ids := map[string]string{}
	text = regexp.MustCompile(`\b0[0-9A-HJKMNP-TV-Z]{25}\b`).ReplaceAllStringFunc(text, func(id string) string {
		if ids[id] == "" {
			ids[id] = fmt.Sprintf("RUN%d", len(ids)+1)
		}
		return ids[id]
	})
	for _, r := range [][2]string{
		{`\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?\b`, "TIME"},
		{`(?m)\bfor \d+ (s|min)\b`, "for AGE"},
		{`\d+ (s|min) ago`, "AGE ago"},
		{`\b[0-9a-f]{64}\b`, "DIGEST"},
		{`process \d+`, "process PID"},
		{`, called by \S+ \(process PID\)`, ""}, // it is whoever runs the tests
		{`notes\.d/[0-9a-f]{16}\.(\w+)\.[0-9a-f]{32}`, "notes.d/SCOPE.$1.HOOK"},
		{`\b(HOME|USER|LOGNAME)(=|: )\S+`, "$1${2}WHO"},
		{` +\d+\.\d{3}s +\d+ %( +cpu \d+\.\d{3}s)?( +mem [\d.]+ \w+)?( +io [\d.]+ \w+)?`, " TOOK"},
		{` +\d+\.\d{3}s\b`, " TOOK"},
		{`(by +)\S+ on \S+,`, "${1}WHO on HOST,"},
		{`"(took_ns|mono|pid|pid_start|user_ns|system_ns|max_rss)":( ?)\d+`, `"$1":${2}0`},
		{`,\s*"(read|written|memory_peak|tasks_peak)":( ?)\d+`, ""}, // only where the disk was asked
		{`(\S)  +`, "$1  "},                                         // columns are as wide as paths are long
	} {
		text = regexp.MustCompile(r[0]).ReplaceAllString(text, r[1])
	}
	return text
}
