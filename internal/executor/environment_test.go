package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// entered is an executor that notes the environment that it is entered with.
type entered struct{ env []phased.Text }

func (e *entered) Enter(_ context.Context, p phased.PlannedPhase, s phased.Setup) (phased.PlannedPhase, error) {
	e.env = s.Surroundings.Env
	return p, nil
}

func (*entered) Exec(context.Context, phased.Hook) (phased.Result, error) {
	return phased.Result{}, nil
}
func (*entered) Leave(context.Context) error { return nil }
func (*entered) Close(context.Context) error { return nil }

// warnings is a sink that takes warnings.
type warnings struct{ all []string }

func (*warnings) Started(phased.Hook, phased.Process)                {}
func (*warnings) Output(phased.Hook, []phased.Part, bool)            {}
func (*warnings) Cut(phased.Hook, int64, int64)                      {}
func (*warnings) Signalled(phased.Hook, syscall.Signal, string, int) {}
func (w *warnings) Warning(message string)                           { w.all = append(w.all, message) }
func (*warnings) Tell(phased.Payload)                                {}

// environmentOf returns an executor whose environment files have these texts, and
// where they lie.
func environmentOf(t *testing.T, texts ...string) (*Environment, string) {
	t.Helper()
	dir := t.TempDir()
	p := phased.PlannedPhase{}
	for i, text := range texts {
		path := filepath.Join(dir, fmt.Sprintf("%d.sh", i+1))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p.Entries = append(p.Entries, phased.Entry{Name: phased.Text(filepath.Base(path)), Path: phased.Text(path), Verdict: phased.VerdictRun})
	}
	return &Environment{Inner: &entered{}, List: func() (phased.PlannedPhase, error) { return p, nil }}, dir
}

func (e *Environment) enter(ctx context.Context, p phased.PlannedPhase) ([]phased.Text, []string, error) {
	sink := &warnings{}
	s := phased.Setup{Sink: sink, Grace: time.Second, Surroundings: phased.Surroundings{Env: []phased.Text{"PATH=/usr/bin:/bin", "LANG=C"}, Dir: "/"}}
	_, err := e.Enter(ctx, p, s)
	return e.Inner.(*entered).env, sink.all, err
}

func TestEnvironmentFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		files []string
		want  []phased.Text
	}{
		"none":      {nil, []phased.Text{"PATH=/usr/bin:/bin", "LANG=C"}},
		"in order":  {[]string{"export A=1 PATH=/x:$PATH", "export B=$A$A\nLOCAL=1\nunset LANG"}, []phased.Text{"A=1", "B=11", "PATH=/x:/usr/bin:/bin"}},
		"all bytes": {[]string{`export A=$'\xff\n=\''`}, []phased.Text{"A=\xff\n='", "LANG=C", "PATH=/usr/bin:/bin"}},
		"function":  {[]string{"f() { :; }; export -f f"}, []phased.Text{"BASH_FUNC_f%%=() {  :\n}", "LANG=C", "PATH=/usr/bin:/bin"}},
		"directory": {[]string{"cd /tmp; export OLDPWD PWD SHLVL; umask 077; trap 'echo x' EXIT; echo out"}, []phased.Text{"LANG=C", "PATH=/usr/bin:/bin"}},
		"allexport": {[]string{"set -a; A=1", "B=2"}, []phased.Text{"A=1", "B=2", "LANG=C", "PATH=/usr/bin:/bin"}},
		"arguments": {[]string{"set -- x y; shift", "export A=1"}, []phased.Text{"A=1", "LANG=C", "PATH=/usr/bin:/bin"}},
		"left":      {[]string{"sleep 1000 & export A=1"}, []phased.Text{"A=1", "LANG=C", "PATH=/usr/bin:/bin"}},
	} {
		e, _ := environmentOf(t, tt.files...)
		got, warned, err := e.enter(t.Context(), phased.PlannedPhase{Phase: phased.Phase{Name: "a"}})
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil || len(warned) > 0 {
			t.Errorf("%s: %v, %q (-want +got):\n%s", name, err, warned, diff)
		}
	}
}

func TestEnvironmentFilesThatFail(t *testing.T) {
	for text, want := range map[string]string{
		"\nfalse":                   "2.sh:2: it ended bash (exit status 1)",
		"export B=$NOPE":            "2.sh:1: it ended bash (exit status 1): NOPE: unbound variable",
		"exit 0":                    "2.sh: it ended bash (exit status 0)",
		"echo why >&2; exit 4":      "2.sh: it ended bash (exit status 4): why",
		"if":                        "it ended bash (exit status 2): syntax error: unexpected end of file",
		"f() {\nfalse | true\n}\nf": "2.sh:2: it ended bash (exit status 1)",
		"kill -9 $$":                "2.sh: it ended bash (ended by SIGKILL)",
		"export PHASED_RUN_ID=1":    "one of them exports PHASED_RUN_ID; names that begin with PHASED_ are phased's own",
		"exec true":                 "2.sh: it ended bash (exit status 0)",
		"no-such-program":           "no-such-program: command not found",
		"export A=" + strings.Repeat("x", 128<<10): "Argument list too long",
	} {
		e, _ := environmentOf(t, "export A=1", text)
		_, _, err := e.enter(t.Context(), phased.PlannedPhase{Phase: phased.Phase{Name: "a"}})
		x, ok := errors.AsType[*phased.ExitError](err)
		if !ok || x.Exit.OK() || x.Exit.Status == 0 || !strings.Contains(x.Exit.Message, want) {
			t.Errorf("%q: %+v, expected %q", text, err, want)
		}
	}
}

// The failure phase is there for things that go wrong: it runs in the environment
// that there was before.
func TestEnvironmentOfTheFailurePhase(t *testing.T) {
	e, dir := environmentOf(t, "export A=1")
	if _, _, err := e.enter(t.Context(), phased.PlannedPhase{Phase: phased.Phase{Name: "a"}}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "1.sh"), []byte("touch tried; cd "+dir+"; touch tried; false"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, p := range []phased.Phase{{Name: "error", Failure: true}, {Name: "last", When: phased.WhenAlways}} {
		got, warned, err := e.enter(t.Context(), phased.PlannedPhase{Phase: p})
		if err != nil || !strings.Contains(fmt.Sprint(got), "A=1") || len(warned) != 1-i {
			t.Errorf("%s: %q, %q, %v", p.Name, got, warned, err)
		}
	}
}

func TestEnvironmentFilesAtALimit(t *testing.T) {
	e, _ := environmentOf(t, "sleep 1000 & sleep 1000")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, &phased.Timeout{Of: "phase", Name: "a", Limit: 50 * time.Millisecond})
	defer cancel()
	_, _, err := e.enter(ctx, phased.PlannedPhase{Phase: phased.Phase{Name: "a"}})
	if x, ok := errors.AsType[*phased.ExitError](err); !ok || x.Exit.Cause != phased.CauseTimeout {
		t.Errorf("%v", err)
	}
}
