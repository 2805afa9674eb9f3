package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"phased/internal/phased"
)

// found writes findings down: code, severity, name of the file and line.
func found1(all []phased.Finding) []string {
	var out []string
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s %s %s:%d", f.Code, f.Severity, filepath.Base(string(f.File)), f.Line))
	}
	return out
}

// What the text of a sourced hook shows.
func TestCheckSourcedText(t *testing.T) {
	for name, c := range map[string]struct {
		content   string
		stack     string // findings of `check stack`: code:line
		lifecycle string
	}{
		"plain":               {content: "f() {\n local a=1\n declare b\n}\nif [[ $1 == stack ]]; then\n  f\nfi\n"},
		"no x bit, no #!":     {content: "echo hello\n"},
		"other #!":            {content: "#!/usr/bin/python9\necho hello\n"},
		"empty":               {content: ""},
		"syntax":              {content: ":\nif true; then\n  echo )\nfi\n", stack: "shell-syntax:3"},
		"bash alone reads it": {content: "declare -gA A\n: ${A[key.x y]}\nset +e\n", stack: "shell-syntax:2"},
		"declare":             {content: ":\ndeclare -a x=(1)\n", stack: "local-declare:2"},
		"typeset in if":       {content: "if true; then\n typeset x=1\nfi\n", stack: "local-declare:2"},
		"declare -g":          {content: "declare -g x=1\ndeclare -ga y=(1)\ntypeset -g -A z\n"},
		"declare -f":          {content: "declare -f f >/dev/null\ndeclare -p\ndeclare -F x\n"},
		"declare elsewhere":   {content: "( declare x=1 )\nx=$(declare y)\ndeclare z=1 | cat\nf() { declare a; }\n"},
		"declare at the top":  {content: "declare x=1\n", lifecycle: "clean"},
		"declare in unstack":  {content: "declare x=1\n", lifecycle: "unstack", stack: "local-declare:1"},
		"exit":                {content: ":\nexit\n", stack: "exit-early:2"},
		"exit 0":              {content: "[[ -d /x ]] || exit 0\n", stack: "exit-early:1"},
		"exit 1":              {content: "exit 1\nexit $?\n"},
		"exit elsewhere":      {content: "( exit 0 )\nf() { exit 0; }\n: | exit\n{ exit 0; } &\n"},
		"set +e":              {content: ":\nset +e\n", stack: "option-left:2"},
		"set -e":              {content: "set -e\nset -o errexit -x\n"},
		"set -e in unstack":   {content: "set -e\n", lifecycle: "unstack", stack: "option-left:1"},
		"set put back":        {content: "set +e\nfalse\nset -e\n"},
		"set -o":              {content: "set -o pipefail\nset +o noglob\nset -f\n", stack: "option-left:1 option-left:3"},
		"set two":             {content: "set -fu\n", stack: "option-left:1 option-left:1"},
		"saved":               {content: "XTRACE=$(set +o | grep xtrace)\nset +o xtrace\n:\n$XTRACE\n"},
		"saved, eval":         {content: "s=$(set +o)\nset +x\neval \"$s\"\n"},
		"as octavia does":     {content: "saved=$-\nset +e +x\n[[ $saved =~ e ]] && set -e\n[[ $saved =~ x ]] && set -x\n:\n"},
		"set --":              {content: "set -- -e +x\nset a b\n"},
		"set elsewhere":       {content: "f() { set +e; }\n( set +e )\n"},
		"shopt":               {content: "shopt -s nullglob\n", stack: "option-left:1"},
		"shopt put back":      {content: "shopt -s nullglob dotglob\nshopt -u nullglob dotglob\nshopt -q extglob\nshopt\n"},
		"IFS":                 {content: "IFS=,\n", stack: "state-left:1"},
		"IFS of a command":    {content: "IFS=, read -r a b <<<x,y\n"},
		"IFS put back":        {content: "old=$IFS\nIFS=,\nIFS=$old\n"},
		"IFS put back 2":      {content: "IFS=,\nIFS=$' \\t\\n'\n", stack: ""},
		"IFS unset":           {content: "IFS=,\nunset IFS\n"},
		"cd":                  {content: "cd /tmp\n", stack: "state-left:1"},
		"cd and back":         {content: "cd /tmp\ncd -\npushd /tmp\npopd\nd=$PWD\ncd /x\ncd \"$d\"\n"},
		"cd elsewhere":        {content: "( cd /tmp )\nx=$(cd / && pwd)\n"},
		"umask":               {content: "umask\numask -S\numask 077\n", stack: "state-left:3"},
		"umask put back":      {content: "u=$(umask)\numask 077\numask \"$u\"\n"},
		"trap":                {content: "trap 'rm x' EXIT\ntrap : INT\ntrap -p EXIT\n", stack: "trap-exit:1"},
		"trap 0":              {content: "trap - 0\n", stack: "trap-exit:1"},
		"trap of a subshell":  {content: "( trap : EXIT )\n"},
		"false end":           {content: ":\n[[ $x == 1 ]] && echo\n", stack: "false-end:2"},
		"false end, old test": {content: "[ -n \"$x\" ] && test -n x && echo\n", stack: "false-end:1"},
		"false end, service":  {content: "is_service_enabled heat && echo\n", stack: "false-end:1"},
		"false end inside":    {content: "if true; then\n  :\nelif false; then\n  [[ a ]] && b\nfi\n", stack: "false-end:4"},
		"false end in case":   {content: "case $1 in\nstack) [[ a ]] && b ;;\n*) :;;\nesac\n", stack: "false-end:2"},
		"false end in loop":   {content: "for i in 1; do\n  [[ a ]] && b\ndone\n", stack: "false-end:2"},
		"a bare test":         {content: "[[ -n $x ]]\n", stack: "false-end:1"},
		"arithmetic":          {content: "(( x > 1 ))\n", stack: "false-end:1"},
		"not false":           {content: "[[ a ]] && b || true\n"},
		"not last":            {content: "[[ a ]] && b\n:\n"},
		"negated":             {content: "! [[ a ]]\n"},
		"a command":           {content: "mkdir x && cd -\n"},
		"false end, unstack":  {content: "[[ a ]] && b\n", lifecycle: "unstack"},
		"dead":                {content: "if [[ \"$1\" == \"stack\" && \"$2\" == \"post-extra\" ]]; then\n :\nfi\n", stack: "dead-point:1"},
		"dead, old test":      {content: "if [ \"$1\" = stak ]; then :; fi\n", stack: "dead-point:1"},
		"dead, case":          {content: "case ${2} in\ninstall|post-installl) :;;\n*) :;;\nesac\n", stack: "dead-point:2"},
		"dead, named":         {content: "if [[ $phase = testconfig || $mode == source ]]; then :; fi\n", stack: "dead-point:1"},
		"dead, of plugins":    {content: "if [[ $1 == override_defaults || $2 == test-config ]]; then :; fi\n", stack: "dead-point:1 dead-point:1"},
		"alive": {content: "if [[ $1 == source || $1 == unstack || clean == \"$1\" ]]; then :; fi\n" +
			"case $1 in stack) case \"$2\" in pre-install|install|post-config|extra) :;; esac;; esac\nif [[ $1 == s* ]]; then :; fi\n"},
		"of a function": {content: "f() { [[ $1 == anything ]]; return 0; }\n"},
		"of others":     {content: "if [[ $VIRT == libvirt && $3 == x && $1 != foo ]]; then :; fi\n"},
		"too large":     {content: strings.Repeat("#\n", 1<<20), stack: "shell-syntax:0"},
	} {
		t.Run(name, func(t *testing.T) {
			top := stackTop(t)
			write(t, top+"/extras.d/50-x.sh", c.content, 0o644)
			if c.lifecycle == "" {
				c.lifecycle = "stack"
			}
			var got []string
			all := Check(mustLoad(t, Options{Lifecycle: c.lifecycle, TopDir: top}), CheckOptions{})
			for _, f := range all {
				got = append(got, fmt.Sprintf("%s:%d", f.Code, f.Line))
			}
			if s := strings.Join(got, " "); s != c.stack {
				t.Errorf("got %q, want %q\n%+v", s, c.stack, all)
			}
			told(t, all)
		})
	}
}

// What the entries of extras.d and their names show; each is told once, although
// five points source them.
func TestCheckSourcedEntries(t *testing.T) {
	top := stackTop(t, "extras.d/05-a.sh", "extras.d/90-b.sh", "extras.d/50-B.sh", "extras.d/50-a.sh", "extras.d/80-c.sh", "extras.d/80-C_d.sh", "extras.d/70.x.sh", "extras.d/70_x.sh", "extras.d/8-c.sh",
		"extras.d/x.SH", "extras.d/README", "steps/stack/start.d/05-s.sh", "steps/stack/start.d/05-S.sh", "steps/stack/start.d/20-t.sh~")
	dir := top + "/extras.d/"
	mkdir(t, dir+"60-dir.sh")
	link(t, "nowhere", dir+"61-gone.sh")
	link(t, "/dev/null", dir+"62-null.sh")
	write(t, dir+"63-open.sh", ":", 0o666)
	write(t, top+"/steps/stack/start.d/30-state.sh", "cd /\nset -u\ntrap : EXIT\ndeclare x=1\n", 0o644)
	want := []string{
		"reserved-number warning 05-a.sh:0", "directory error 60-dir.sh:0", "masked info 62-null.sh:0", "writable error 63-open.sh:0",
		"reserved-number warning 90-b.sh:0", "dangling-link error 61-gone.sh:0", "no-match warning x.SH:0",
		"locale-order warning 50-a.sh:0", "locale-order warning 80-C_d.sh:0", "no-match warning 20-t.sh~:0",
	}
	got := found1(Check(mustLoad(t, Options{Lifecycle: "stack", TopDir: top}), CheckOptions{}))
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for locale, findings := range map[string]int{"C": 0, "en_US.UTF-8": 2} {
		s := parse(t, "environment: {LANG: "+locale+"}\nlifecycles: {l: {executor: session, phases: [{name: a, dir: extras.d}]}}")
		n := 0
		for _, f := range Check(mustLoad(t, Options{Lifecycle: "l", TopDir: top, Settings: s}), CheckOptions{}) {
			if f.Code == CodeLocaleOrder {
				n++
			}
		}
		if n != findings {
			t.Errorf("%d orders depend on a locale in %s, want %d", n, locale, findings)
		}
	}
}

// The localrc and the files of plugins are read as hooks are, and plugins have
// what they require.
func TestCheckPlugins(t *testing.T) {
	top := stackTop(t)
	write(t, top+"/local.conf", "x", 0o644)
	a := plugin(t, "a", []string{"b", "none", "a"}, "plugin.sh", "settings")
	b := plugin(t, "b", []string{"a"}, "plugin.sh")
	write(t, string(a.Dir)+"/devstack/plugin.sh", "if [[ $1 == source ]]; then :; fi\nif [[ $1 == stack && $2 == test-config ]]; then :; fi\nset +x\n", 0o644)
	write(t, string(a.Dir)+"/devstack/settings", "declare -A x\n", 0o644)
	p := mustLoad(t, Options{
		Lifecycle: "stack", TopDir: top, Conf: top + "/local.conf", Localrc: "\n\nif\n", Plugins: []phased.Plugin{a, b, {Name: "f", Dir: "/nowhere", Fetch: true}},
	})
	got := found1(Check(p, CheckOptions{}))
	want := []string{
		"plugin-requires warning local.conf:3", "plugin-requires error local.conf:3", "shell-syntax error local.conf:3",
		"local-declare warning settings:1", "dead-point warning plugin.sh:1", "option-left warning plugin.sh:3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if strict := Check(p, CheckOptions{Strict: true}); strict[0].Severity != phased.SeverityError {
		t.Errorf("strict: %+v", strict[0])
	}
}

// A hook that is gone, or turned into something else, when the check comes.
func TestCheckSourcedGone(t *testing.T) {
	top := stackTop(t, "extras.d/50-a.sh", "steps/stack/start.d/1.sh")
	p := mustLoad(t, Options{Lifecycle: "stack", TopDir: top})
	removeAll(t, top+"/extras.d/50-a.sh")
	removeAll(t, top+"/steps/stack/start.d/1.sh")
	if got := found1(Check(p, CheckOptions{})); !cmp.Equal(got, []string{"dangling-link error 1.sh:0"}) {
		t.Errorf("got %q", got)
	}
}

// A user who cannot read a hook is told so.
func TestCheckSourcedUnreadable(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	top := stackTop(t)
	for _, d := range []string{filepath.Dir(top), top, top + "/extras.d"} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, top+"/extras.d/60-b.sh", ":", 0o600)
	asUser(t, 54321, func() {
		if got := found1(Check(mustLoad(t, Options{Lifecycle: "stack", TopDir: top}), CheckOptions{})); !cmp.Equal(got, []string{"unreadable warning 60-b.sh:0"}) {
			t.Errorf("got %q", got)
		}
	})
}

// Whatever a hook consists of, the check comes to an end.
func FuzzCheckSourced(f *testing.F) {
	for _, s := range []string{"", "[[ a ]] && b", "set -", "set -o", "declare", "declare -", "case x in esac", "IFS=", "[ = ]", "trap", "cd", "$x", "a() b", "if", "shopt -s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := parseSourced([]byte(text))
		if file == nil {
			return
		}
		at := &sourcedFile{entry: phased.Entry{Name: "p/devstack/plugin.sh", Plugin: "p"}, phases: []phased.PlannedPhase{{Phase: phased.Phase{Scope: phased.ScopeFunction}}}}
		s := &scopeCheck{f: &finder{}, at: at, lifecycle: "stack", options: []string{"errexit"}}
		s.check(file)
		lines := strings.Count(text, "\n") + 1
		for _, one := range s.f.found {
			if one.Line < 1 || one.Line > lines {
				t.Errorf("line %d of %d: %+v", one.Line, lines, one)
			}
		}
	})
}
