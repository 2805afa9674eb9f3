package executor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
)

// seam is the engine's Executor, word for word: rooms do not import each other.
type seam interface {
	Enter(ctx context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error)
	Exec(ctx context.Context, h phased.Hook) (phased.Result, error)
	Leave(ctx context.Context) error
	Close(ctx context.Context) error
}

// Options are what a behaviour asks of an executor beside its default, which is
// captured output and native hooks.
type Options struct {
	Limit int64
	Stdin *os.File
	List  func(phased.PlannedPhase) (phased.PlannedPhase, error)
}

func (o Options) listSourced() func(phased.PlannedPhase, []phased.Text) (phased.PlannedPhase, error) {
	if o.List == nil {
		return nil
	}
	return func(p phased.PlannedPhase, _ []phased.Text) (phased.PlannedPhase, error) { return o.List(p) }
}

// behaviour is one row of the table that every executor must pass: a hook, what
// happens to it, and how that has to come out.
type behaviour struct {
	name    string
	body    string // of the hook; "": hook makes it
	options Options
	setup   func(s *phased.Setup)
	hook    func(t *testing.T, s *scene)
	before  error          // the context has ended by this before Exec
	during  func(s *scene) // called in a goroutine once the hook has made $DIR/ready
	want    phased.Exit    // Message is not compared
	slow    bool           // its own process may not have ended by SIGTERM when the short grace is over
	message string         // part of the message
	out     string         // whole stdout, where check is nil
	err     string         // whole stderr, where check is nil
	check   func(t *testing.T, s *scene)
	// executed says why the row is for executed hooks only; sourced makes it what
	// it has to be for sourced ones.
	executed string
	top      string                       // why the row is not for hooks that are sourced in a function
	closed   func(t *testing.T, s *scene) // checks what is told by Close
	sourced  func(b *behaviour)
}

// scene is one behaviour while it is tested.
type scene struct {
	*recorder
	t      *testing.T
	dir    string // $DIR of the hook
	hook   phased.Hook
	result phased.Result
	cancel context.CancelCauseFunc
	kill   chan struct{}
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) exists(name string) bool {
	_, err := os.Lstat(s.path(name))
	return err == nil
}

func (s *scene) touch(name string) {
	if err := os.WriteFile(s.path(name), nil, 0o644); err != nil {
		s.t.Error(err)
	}
}

var (
	exitOK  = phased.Exit{Cause: phased.CauseOK}
	timeout = &phased.Timeout{Of: "hook", Name: "hook", Limit: 3 * time.Second}
	stopInt = &phased.StopRequest{Signal: syscall.SIGINT}
)

func exitBy(cause phased.Cause, status, signal int) phased.Exit {
	return phased.Exit{Cause: cause, Status: status, Signal: signal}
}

// kind is what kind of hooks an executor runs.
type kind struct {
	sourced bool
	scope   phased.Scope
}

func (k kind) phase() phased.PlannedPhase {
	return phased.PlannedPhase{Phase: phased.Phase{Name: "configure", Scope: k.scope}}
}

// testExecutor runs the table against executors that build makes.
func testExecutor(t *testing.T, k kind, build func(testing.TB, Options) seam) {
	t.Helper()
	for _, table := range [][]behaviour{statuses(), outputs(), surroundings(), refusals(), endings()} {
		for _, b := range table {
			if k.sourced && b.executed != "" {
				t.Logf("not for sourced hooks: %s: %s", b.name, b.executed)
				continue
			}
			if k.scope == phased.ScopeFunction && b.top != "" {
				t.Logf("not for the hooks of a function: %s: %s", b.name, b.top)
				continue
			}
			if k.sourced && b.sourced != nil {
				b.sourced(&b)
			}
			t.Run(b.name, func(t *testing.T) { b.run(t, k, build(t, b.options)) })
		}
	}
	t.Run("list", func(t *testing.T) { testList(t, build) })
	if !k.sourced {
		t.Run("one after the other", func(t *testing.T) { testSequence(t, build(t, Options{})) })
		t.Run("at once", func(t *testing.T) { testTogether(t, build) })
	}
}

func (b behaviour) run(t *testing.T, k kind, x seam) {
	s := &scene{recorder: &recorder{}, t: t, dir: t.TempDir(), kill: make(chan struct{})}
	s.hook = hookOf(program(t, "hook", "#!/bin/sh\n"+b.body))
	s.hook.Env = []phased.Text{phased.Text("DIR=" + s.dir), phased.Text(marker), "PHASED_PHASE=configure", "PHASED_HOOK=hook"}
	setup := native(s)
	setup.Kill = s.kill
	if b.setup != nil {
		b.setup(&setup)
	}
	if b.hook != nil {
		b.hook(t, s)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	s.cancel = cancel
	defer cancel(nil)
	if _, err := x.Enter(ctx, k.phase(), setup); err != nil {
		if e, ok := errors.AsType[*phased.ExitError](err); ok && k.sourced && e.Exit.Cause == b.want.Cause {
			s.result.Exit = e.Exit // the session itself is not started
			s.verify(t, b)
			return
		}
		t.Fatal(err)
	}
	if b.before != nil {
		cancel(b.before)
	}
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		if b.during != nil {
			for end := time.Now().Add(patience); !s.exists("ready") && time.Now().Before(end); {
				time.Sleep(time.Millisecond)
			}
			b.during(s)
		}
	}()
	var err error
	if s.result, err = x.Exec(ctx, s.hook); err != nil {
		t.Fatal(err)
	}
	<-waited
	s.verify(t, b)
	if err := x.Leave(ctx); err != nil {
		t.Error(err)
	}
	err = x.Close(context.Background())
	if ended := k.sourced && s.result.Ended && errors.As(err, new(*phased.ExitError)); err != nil && !ended {
		t.Error(err)
	}
	if b.closed != nil {
		b.closed(t, s)
	}
	s.recorder.check(t)
}

func (s *scene) verify(t *testing.T, b behaviour) {
	t.Helper()
	if b.slow && s.result.Signal == int(syscall.SIGKILL) {
		b.want.Signal = s.result.Signal
	}
	if diff := cmp.Diff(b.want, s.result.Exit, cmpopts.IgnoreFields(phased.Exit{}, "Message")); diff != "" {
		t.Errorf("exit (-want +got):\n%s(message %q, %v)", diff, s.result.Message, s)
	}
	if !strings.Contains(s.result.Message, b.message) || (b.want.Cause == phased.CauseOK || s.result.Skipped != "") != (s.result.Message == "") {
		t.Errorf("message %q, expected %q in it", s.result.Message, b.message)
	}
	if b.check != nil {
		b.check(t, s)
		return
	}
	if got := s.stdout(); got != b.out {
		t.Errorf("stdout %.200q, expected %.200q", got, b.out)
	}
	if got := s.stderr(); got != b.err {
		t.Errorf("stderr %.200q, expected %.200q", got, b.err)
	}
	if s.result.Left {
		t.Error("something is said to hold the output still")
	}
}

func statuses() []behaviour {
	exits := func(n int) phased.Exit { return exitBy(phased.CauseExit, n, 0) }
	return []behaviour{
		{name: "exit 0", body: "exit 0", want: exitOK},
		{name: "exit 1", body: "exit 1", want: exits(1), message: "exit status 1"},
		{name: "exit 255", body: "exit 255", want: exits(255)},
		{name: "exit 124 is no timeout", body: "exit 124", want: exits(124)},
		{name: "exit 127 of its own", body: "no-such-command 2>/dev/null", want: exits(127)},
		{name: "ended by TERM", body: "kill -TERM $$; sleep 600", want: exitBy(phased.CauseSignal, 143, 15), message: "SIGTERM"},
		{name: "ended by KILL", body: "kill -KILL $$", want: exitBy(phased.CauseSignal, 137, 9), message: "SIGKILL"},
		{name: "ended by SEGV", body: "ulimit -c 0; kill -SEGV $$", want: exitBy(phased.CauseSignal, 139, 11), message: "SIGSEGV"},
		{name: "TERM to itself that it survives", body: "trap : TERM; kill -TERM $$; exit 3", want: exits(3)},
		{name: "is told of once, before its output", body: "echo x", want: exitOK, check: func(t *testing.T, s *scene) {
			if len(s.started) != 1 || s.started[0].Pid <= 0 || s.started[0].Start == 0 {
				t.Errorf("started %+v, expected one process with pid and start time", s.started)
			}
		}},
		{name: "what it used", body: "dd if=/dev/zero of=/dev/null bs=128M count=3 2>/dev/null", want: exitOK, check: func(t *testing.T, s *scene) {
			u := s.result.Usage
			if u == nil || u.System <= 0 || u.User+u.System > time.Minute {
				t.Errorf("usage %+v", u)
			}
		}},
	}
}

func surroundings() []behaviour {
	const environ = "tr '\\0' '\\n' </proc/$$/environ | grep -v ^DIR= | sort"
	return []behaviour{
		{
			name: "environment", body: environ, want: exitOK,
			setup: func(s *phased.Setup) {
				s.Surroundings.Env = []phased.Text{"A=1", "B=of the phase", "C=x y\tz", "PATH=/usr/bin:/bin", "D=\xff"}
			},
			hook: func(_ *testing.T, s *scene) {
				s.hook.Env = []phased.Text{phased.Text("DIR=" + s.dir), "B=of the hook", "BB="}
			},
			out: "A=1\nB=of the hook\nBB=\nC=x y\tz\nD=\xff\nPATH=/usr/bin:/bin\n",
			sourced: func(b *behaviour) { // what bash adds of itself is none of ours
				b.body = "env | grep -Ev '^(DIR|PWD|OLDPWD|SHLVL|_)=' | sort"
			},
		},
		{
			top:  "their arguments are mode and phase: TestFrame",
			name: "arguments", body: `printf '%s|' "$#" "$@"`, want: exitOK,
			hook: func(_ *testing.T, s *scene) { s.hook.Args = []phased.Text{"", "a b", "\xff", "-x"} },
			out:  "4||a b|\xff|-x|",
		},
		{
			name: "its name as given", body: `printf '%s' "$0"`, want: exitOK,
			hook: func(t *testing.T, s *scene) {
				link := s.path("-odd name\n")
				if err := os.Symlink(string(s.hook.Path), link); err != nil {
					t.Fatal(err)
				}
				s.hook.Path = phased.Text(s.dir + "//-odd name\n")
			},
			check: func(t *testing.T, s *scene) {
				if got := s.stdout(); got != string(s.hook.Path) {
					t.Errorf("$0 is %q, expected %q", got, s.hook.Path)
				}
			},
			sourced: func(b *behaviour) { b.body = `printf '%s' "${BASH_SOURCE[0]}"` }, // $0 is the session's
		},
		{
			name: "directory", body: "pwd -P", want: exitOK, out: "/usr/lib\n",
			setup: func(s *phased.Setup) { s.Surroundings.Dir = "/usr/lib" },
		},
		{
			name: "directory of the caller", body: "pwd -P", want: exitOK,
			setup: func(s *phased.Setup) { s.Surroundings.Dir = "" },
			check: func(t *testing.T, s *scene) {
				if wd, _ := os.Getwd(); s.stdout() != wd+"\n" {
					t.Errorf("directory %q, expected %q", s.stdout(), wd)
				}
			},
		},
		{
			name: "umask", body: "umask; : >$DIR/file; stat -c %a $DIR/file", want: exitOK, out: "0027\n640\n",
			setup: func(s *phased.Setup) { s.Surroundings.Umask = 0o27 },
		},
		{name: "null stdin", body: "readlink /proc/$$/fd/0; cat | wc -c", want: exitOK, out: "/dev/null\n0\n"},
		{
			name: "no signal is ignored or blocked", body: "exec sed -n 's/^Sig[BI][lg][kn]:.//p' /proc/self/status", want: exitOK,
			check: func(t *testing.T, s *scene) {
				// But for 32 and 33, which are the C library's: a make that
				// starts its commands by posix_spawn hands them on as ignored.
				const libc = 1<<31 | 1<<32
				masks := strings.Fields(s.stdout())
				for _, m := range masks {
					if bits, err := strconv.ParseUint(m, 16, 64); err != nil || bits&^libc != 0 {
						t.Errorf("signals blocked and ignored: %q", masks)
					}
				}
				if len(masks) != 2 {
					t.Errorf("masks %q, expected two", masks)
				}
			},
		},
	}
}

// passedOver makes of a row that of a sourced hook that is passed over in
// silence.
func passedOver(b *behaviour) {
	b.want, b.message = phased.Exit{}, ""
	b.check = func(t *testing.T, s *scene) {
		if len(s.started) > 0 || s.stdout() != "" || !strings.Contains(s.result.Skipped, string(s.hook.Path)) {
			t.Errorf("it was not passed over: %q, %v", s.result.Skipped, s)
		}
		if len(s.told) != 2 {
			t.Errorf("told %v, expected the session and a warning", s.told)
		} else if w, ok := s.told[1].(phased.HookWarning); !ok || w.Code != phased.WarnUnreadable {
			t.Errorf("told %+v, expected a warning", s.told[1])
		}
	}
}

// comesOut makes of a row that of a sourced hook, which bash reads whatever its
// mode and first line.
func comesOut(out string) func(b *behaviour) {
	return func(b *behaviour) { b.want, b.message, b.check, b.out = exitOK, "", nil, out }
}

// but changes a row for sourced hooks.
func (b behaviour) but(change func(b *behaviour)) behaviour {
	b.sourced = change
	return b
}

// refused is a hook that cannot be run.
func refused(name string, status int, message string, hook func(t *testing.T, s *scene)) behaviour {
	return behaviour{
		name: name, hook: hook, body: "echo ran", message: message, want: exitBy(phased.CauseCannotRun, status, 0),
		check: func(t *testing.T, s *scene) {
			if len(s.started) > 0 || s.stdout() != "" {
				t.Errorf("it was started: %v", s)
			}
			if !strings.Contains(s.result.Message, string(s.hook.Path)) {
				t.Errorf("message %q does not name %s", s.result.Message, s.hook.Path)
			}
		},
	}
}

// with makes the hook a file of that content and mode.
func with(content string, mode os.FileMode) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) {
		path := program(t, "other", content)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		s.hook.Path = phased.Text(path)
	}
}

func refusals() []behaviour {
	return []behaviour{
		refused("vanished", 127, "does not exist (any more)", func(t *testing.T, s *scene) {
			if err := os.Remove(string(s.hook.Path)); err != nil {
				t.Fatal(err)
			}
		}).but(passedOver),
		refused("vanished directory", 127, "does not exist (any more)", func(_ *testing.T, s *scene) {
			s.hook.Path = phased.Text(s.path("none/hook"))
		}).but(passedOver),
		refused("link to nothing", 127, "is a link to nowhere, which does not exist", func(t *testing.T, s *scene) {
			if err := os.Symlink("nowhere", s.path("link")); err != nil {
				t.Fatal(err)
			}
			s.hook.Path = phased.Text(s.path("link"))
		}).but(passedOver),
		refused("a file for a directory", 126, "not a directory", func(_ *testing.T, s *scene) { s.hook.Path += "/x" }).but(passedOver),
		refused("not executable", 126, "is not executable: its mode is 0644", with("#!/bin/sh\n", 0o644)).but(comesOut("")),
		refused("a directory", 126, "is a directory", func(_ *testing.T, s *scene) { s.hook.Path = phased.Text(s.dir) }).but(func(b *behaviour) {
			b.want, b.message = exitBy(phased.CauseExit, 1, 0), ""
			b.check = func(t *testing.T, s *scene) {
				if !strings.Contains(s.stderr(), "is a directory") {
					t.Errorf("%v", s)
				}
			}
		}),
		refused("no interpreter", 127, "interpreter /no/such/sh of ", with("#! /no/such/sh -e\n", 0o755)).but(comesOut("")),
		refused("CRLF", 127, "ends in CRLF", with("#!/bin/sh\r\necho x\r\n", 0o755)).but(comesOut("x\r\n")),
		refused("interpreter not executable", 126, "interpreter /etc/passwd of ", with("#!/etc/passwd\n", 0o755)).but(comesOut("")),
		refused("binary", 126, "is a binary file that this machine cannot execute", with("\x7fELF\x00\x01\x02 nonsense", 0o755)).but(func(b *behaviour) { // bash takes it for text, as it does for anyone
			b.want, b.message, b.check = exitBy(phased.CauseExit, 127, 0), "", func(*testing.T, *scene) {}
		}),
		refused("open for writing", 126, "text file busy", func(t *testing.T, s *scene) {
			f, err := os.OpenFile(string(s.hook.Path), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
		}).but(comesOut("ran\n")),
		{
			name: "no such working directory", want: exitBy(phased.CauseCannotRun, 126, 0), message: "cannot enter working directory /no/such: ",
			setup: func(s *phased.Setup) { s.Surroundings.Dir = "/no/such" },
		},
		{
			name: "NUL in an argument", want: exitBy(phased.CauseCannotRun, 126, 0), message: "NUL",
			hook: func(_ *testing.T, s *scene) { s.hook.Args = []phased.Text{"a\x00b"} },
		},
		{
			name: "no #! line", want: exitOK, out: "bash a b\nbash\n",
			top:     "their arguments are mode and phase: TestFrame",
			sourced: func(b *behaviour) { b.out, b.want = "bash a b\n", exitBy(phased.CauseExit, 1, 0) }, // $0 is the session's
			hook: func(t *testing.T, s *scene) {
				with("echo ${BASH_VERSION:+bash} \"$@\"; [ \"$0\" = \""+"$SELF\" ] && readlink /proc/$$/exe | sed 's,.*/,,'\n", 0o755)(t, s)
				s.hook.Args = []phased.Text{"a", "b"}
				s.hook.Env = append(s.hook.Env, "SELF="+s.hook.Path)
			},
		},
		{name: "no #! line, NUL in the second", want: exitOK, out: "x\n", hook: with("echo x; exit\n\x00\x01\x02", 0o755)},
		{name: "empty file", want: exitOK, hook: with("", 0o755)},
	}
}
