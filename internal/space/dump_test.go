package space_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/space"
)

// What a hook may do to a shell must not keep it from being written down. Each
// of these ends with a variable of its own, which must be in the snapshot, and
// the shell must live on behind it.
func TestDumpSurvives(t *testing.T) {
	shadows := ""
	for n := range strings.FieldsSeq("printf declare shopt set trap alias umask pwd dirs local eval shift echo read test [ unset export true : exit return") {
		shadows += "function " + n + " { 'builtin' printf 'shadow of %s\\n' " + n + "; }\n"
	}
	tests := map[string]string{
		"functions named like builtins": shadows,
		"a function named builtin":      "builtin() { echo no; }",
		"a wrapper named builtin":       `builtin() { command builtin "$@"; }`,
		"a function named command":      "command() { echo no; }",
		"options":                       "set -o errexit -o nounset -o noglob -o noclobber -o pipefail -o errtrace; trap 'echo ERR' ERR",
		"posix mode":                    "set -o posix",
		"POSIXLY_CORRECT":               "POSIXLY_CORRECT=y",
		"IFS":                           "IFS='ptd \\x-/e0'",
		"an IFS of half a character":    "IFS=$'\\320t'",
		"no IFS":                        "unset IFS",
		"readonly variables":            "readonly i n PATH IFS x SECONDS OPTIND 2>/dev/null",
		"aliases":                       "shopt -s expand_aliases; alias __phased_dump=false builtin=false printf=false if=false then=false '{=false' declare=false",
		"no environment":                "for v in PATH HOME PWD OLDPWD TERM SHELL; do unset $v; done",
		"a trap of DEBUG":               "trap 'printf dbg' DEBUG",
		"a traced trap of DEBUG":        "set -o functrace; trap 'printf dbg' DEBUG; trap 'printf ret' RETURN",
		"special names unset":           "unset FUNCNAME SECONDS DIRSTACK BASH_VERSION RANDOM",
		"a directory that is gone":      "d=$(mktemp -d); cd $d; rmdir $d",
		"allexport and keyword":         "set -o allexport -o keyword",
		"localvar_inherit":              "shopt -s localvar_inherit localvar_unset extdebug nullglob failglob nocasematch xpg_echo",
		"references":                    "declare -n value=mark mode=value; declare -n loop=pool pool=loop 2>/dev/null",
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			for _, frame := range []bool{false, true} {
				dir := t.TempDir()
				file := filepath.Join(dir, "space")
				text := script + "\nmark=here\n" + space.Snapshot(file, "p", "h", "", frame) + "\nmark=behind\n'__phased_dump' " + file + ".plain p h\n"
				if frame {
					text = "f() {\n'builtin' local inner=1\n" + text + "}\nf\n"
				}
				out := shell(t, space.DumpFunction+text)
				s, plain := parseFile(t, file), parseFile(t, file+".plain")
				if got := s.Variables["mark"].Text(); got != "here" {
					t.Errorf("frame %v: mark is %q\n%s", frame, got, out)
				}
				if got := plain.Variables["mark"].Text(); got != "behind" {
					t.Errorf("frame %v: in the plain one mark is %q\n%s", frame, got, out)
				}
				if got := s.Locals["inner"].Text(); frame && got != "1" {
					t.Errorf("inner is %q", got)
				}
			}
		})
	}
}

// A snapshot that cannot be written ends no shell, not even under errexit.
func TestDumpThatFailsHarmsNothing(t *testing.T) {
	for _, file := range []string{"/dev/full", "/nowhere/space"} {
		out := shell(t, space.DumpFunction+"set -eu -o pipefail; trap 'echo ERR' ERR\n"+space.Snapshot(file, "p", "h", "", false)+"\necho alive\n")
		if !strings.HasSuffix(out, "alive\n") || strings.Contains(out, "ERR\n") {
			t.Errorf("%s: bash said %q", file, out)
		}
	}
}

// Where nothing leads to the builtins, there is an end, and no space.
func TestDumpWithoutBuiltinsEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "space")
	out := shell(t, space.DumpFunction+"mark=old\n"+space.Snapshot(file, "p", "h", "", false)+"\nbuiltin() { :; }; command() { :; }\n"+space.Snapshot(file, "p", "h", "", false)+"\necho alive\n")
	if s, err := space.Parse(readFile(t, file)); err == nil || out != "alive\n" {
		t.Errorf("a space %v, %v; bash said %q", s, err, out)
	}
}

// The dump must change nothing of the space that it writes down: two of them,
// one after the other, are equal.
func TestDumpChangesNothing(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	shell(t, space.DumpFunction+"set -T; set -o posix; x=1; f() { :; }; trap 'y=1' DEBUG; cd /usr; set -- a b\n"+
		space.Snapshot(one, "p", "h", "", false)+"\n"+space.Snapshot(two, "p", "h", "", false)+"\n")
	a, b := parseFile(t, one), parseFile(t, two)
	if d := cmp.Diff(exactly(a), exactly(b)); d != "" {
		t.Errorf("the second snapshot differs: %s", d)
	}
	if !b.Options["functrace"] || !b.Options["posix"] {
		t.Errorf("options: %v", b.Options)
	}
}

// Options are those of the flags that the caller kept, where it changed its own.
func TestDumpTakesTheFlagsOfItsCaller(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "space")
	shell(t, space.DumpFunction+"set -eux; flags=$-; { set +eux; } 2>/dev/null\n"+space.Snapshot(file, `"p q"`, "$'h\\377'", `"$flags"`, false)+"\n")
	s := parseFile(t, file)
	if !s.Options["errexit"] || !s.Options["nounset"] || !s.Options["xtrace"] || s.Options["noglob"] {
		t.Errorf("options: %v", s.Options)
	}
	if s.Phase != "p q" || s.Hook != "h\xff" {
		t.Errorf("phase %q, hook %q", s.Phase, s.Hook)
	}
}

// What phased itself has in the shell is not in the space.
func TestOwnThingsAreNotInTheSpace(t *testing.T) {
	s := take(t, `__phased_x=1; __phased_f() { :; }; alias __phased_a=b; exit() { { __phased_call "$?"; } 2>/dev/null; 'builtin' exit "$@"; }
trap '__phased_exit "$?"; echo user; :' EXIT; trap '{ __phased_err "$?" "$-"; } 2>/dev/null' ERR; trap __phased_sig USR1; trap '{ __phased_x "$_" && [[ 1 ]]; } 2>/dev/null; { echo; } 2>/dev/null; x' USR2`)
	if len(s.Functions) > 0 {
		t.Errorf("functions %q", names(s.Functions))
	}
	for _, m := range [][]string{names(s.Variables), names(s.Functions), names(s.Aliases)} {
		if slices.ContainsFunc(m, func(n string) bool { return strings.HasPrefix(n, "__phased") }) {
			t.Errorf("%q", m)
		}
	}
	if d := cmp.Diff(map[string]string{"EXIT": "echo user; :", "SIGUSR2": "{ echo; } 2>/dev/null; x"}, s.Traps); d != "" {
		t.Error(d)
	}
}

func TestWarnings(t *testing.T) {
	tests := map[string]struct {
		before, hook string
		want         []phased.WarningCode
		says         string
	}{
		"nothing":       {"set -e", "x=1", nil, ""},
		"errexit off":   {"set -e", "set +e", []phased.WarningCode{phased.WarnErrexitOff}, "no longer stop the run"},
		"errexit on":    {"", "set -e", []phased.WarningCode{phased.WarnErrexitOn}, "ends the run"},
		"xtrace":        {"", "{ set -x; } 2>/dev/null", []phased.WarningCode{phased.WarnXtrace}, "set -x"},
		"noglob":        {"", "set -f", []phased.WarningCode{phased.WarnNoglob}, "find no hooks"},
		"pipefail":      {"", "set -o pipefail", []phased.WarningCode{phased.WarnOption}, "set -o pipefail"},
		"nullglob":      {"", "shopt -s nullglob", []phased.WarningCode{phased.WarnOption}, "which hooks"},
		"posix":         {"", "set -o posix", []phased.WarningCode{phased.WarnOption}, "set -o posix"},
		"extdebug":      {"", "shopt -s extdebug", []phased.WarningCode{phased.WarnOption}, "extdebug"},
		"IFS":           {"", "IFS=,", []phased.WarningCode{phased.WarnIFS}, "','"},
		"no IFS":        {"", "unset IFS", []phased.WarningCode{phased.WarnIFS}, "unset"},
		"directory":     {"", "cd /usr", []phased.WarningCode{phased.WarnDirectory}, "from / to /usr"},
		"umask":         {"umask 022", "umask 077", []phased.WarningCode{phased.WarnUmask}, "from 0022 to 0077"},
		"trap":          {"", "trap 'echo x' EXIT", []phased.WarningCode{phased.WarnTrap}, "end of the run"},
		"trap of ERR":   {"", "trap 'echo x' ERR", []phased.WarningCode{phased.WarnTrap}, "later hooks"},
		"ignored":       {"", "trap '' INT", []phased.WarningCode{phased.WarnTrap}, "SIGINT ignored"},
		"trap is gone":  {"trap x USR1", "trap - USR1", []phased.WarningCode{phased.WarnTrap}, "removes the trap of SIGUSR1"},
		"local":         {"", "declare bare=1; local two", []phased.WarningCode{phased.WarnLocal}, "declares bare, two local"},
		"put back":      {"", "set -f; cd /usr; IFS=,; set +f; cd /; IFS=$' \\t\\n'", nil, ""},
		"global by -g":  {"", "declare -g x=1; declare -x mode=2", nil, ""},
		"several":       {"set -e", "set +e; umask 0", []phased.WarningCode{phased.WarnErrexitOff, phased.WarnUmask}, ""},
		"trap as it is": {"trap 'x' ERR EXIT USR1", "y=1", nil, ""},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			_, first, last := within(t, "umask 022\n"+c.before, c.hook)
			warned := space.Warnings(first, last, phased.ScopeFunction)
			var codes []phased.WarningCode
			for _, w := range warned {
				codes = append(codes, w.Code)
			}
			if d := cmp.Diff(c.want, codes); d != "" || !strings.Contains(messages(warned), c.says) {
				t.Errorf("%s%s", d, messages(warned))
			}
		})
	}
}
