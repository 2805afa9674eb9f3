package space_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// soak returns how many cases a random test tries: n, or n times PHASED_SOAK.
func soak(t testing.TB, n int) int {
	t.Helper()
	s := os.Getenv("PHASED_SOAK")
	if s == "" {
		return n
	}
	f, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("PHASED_SOAK=%s: expected a factor such as 20", s)
	}
	return n * max(f, 1)
}

// seed returns the seed of a test with random input: PHASED_SEED, or 1.
func seed(t testing.TB) uint64 {
	t.Helper()
	s := os.Getenv("PHASED_SEED")
	if s == "" {
		return 1
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("PHASED_SEED=%s: expected a number", s)
	}
	return n
}

// generator writes bash text that makes a random variable space.
type generator struct {
	*rand.Rand
	b     strings.Builder
	names []string // of variables
	taken map[string]bool
}

func newGenerator(seed uint64) *generator {
	return &generator{Rand: rand.New(rand.NewPCG(seed, 17)), taken: map[string]bool{}}
}

func (g *generator) line(format string, args ...any) { fmt.Fprintf(&g.b, format+"\n", args...) }

func (g *generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g *generator) one(in int) bool { return g.IntN(in) == 0 }

// octal quotes a text in a way of its own.
func octal(s string) string {
	var b strings.Builder
	b.WriteString("$'")
	for i := range len(s) {
		fmt.Fprintf(&b, `\%03o`, s[i])
	}
	return b.String() + "'"
}

// text is a value: of every byte but NUL, of what is special to bash, or of
// what looks like a snapshot.
func (g *generator) text() string {
	switch g.IntN(8) {
	case 0:
		return ""
	case 1:
		return g.pick("1", "true", "a b", " ", "\n", "~", "~root/x", "*", "é", "日本", "\xc3", "\xff\xfe", "-n", "--", "a=b", "[0]", "a\\", "\\", "'", "\"", "$x", "`ls`", "$(ls)", "${x}", "!", "!!", "#", "(a b)", "()", ")", "(", "\x7f", "\x01", "\x01\x7f", "\x01\x01", "\r\n", "\t", "a\n}\nf () \n{ \n", "declare -- x=\"1\"\n", "\"\ndeclare -- y=\"", "trap -- '' INT", "\\\n", "end", "\x1b[0m")
	case 2:
		return strings.Repeat(g.pick("x", "\"", "\n", "é", "\x01", "\\"), 1+g.IntN(300))
	case 3:
		b := make([]byte, g.IntN(30))
		for i := range b {
			b[i] = `\"'$`[g.IntN(4)]
			if g.one(3) {
				b[i] = " \n()[]{}=;&|<>`!~*?#a@"[g.IntN(22)]
			}
		}
		return string(b)
	case 4:
		return strconv.Itoa(g.IntN(1000))
	}
	b := make([]byte, g.IntN(40))
	for i := range b {
		b[i] = byte(1 + g.IntN(255))
		if g.one(2) {
			b[i] = byte(32 + g.IntN(95))
		}
	}
	return string(b)
}

func (g *generator) name() string {
	for {
		b := []byte{"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"[g.IntN(53)], 'v'}
		for range g.IntN(6) {
			b = append(b, "abcxyzABCXYZ_0189"[g.IntN(17)])
		}
		if n := string(b); !g.taken[n] {
			g.taken[n] = true
			g.names = append(g.names, n)
			return n
		}
	}
}

func (g *generator) key() string {
	if k := g.text(); k != "" {
		return k
	}
	return "k"
}

func (g *generator) elements(associative bool) string {
	var b strings.Builder
	for range g.IntN(6) {
		k := strconv.Itoa(g.IntN(50))
		if associative {
			k = octal(g.key())
		}
		fmt.Fprintf(&b, "[%s]=%s ", k, octal(g.text()))
	}
	return "(" + b.String() + ")"
}

// variable makes one, and gives it attributes before or after its value.
func (g *generator) variable(declare string) {
	n := g.name()
	attributes := ""
	for _, a := range []string{"i", "l", "u", "x", "t"} {
		if g.one(6) && (a != "u" || !strings.Contains(attributes, "l")) {
			attributes += a
		}
	}
	if attributes == "" && g.one(8) {
		attributes = "c"
	}
	kind := g.pick("", "", "", "", "", "a", "A", "n")
	if kind == "n" {
		target := g.pick(append([]string{"nowhere", "array[3]", "map[@]", "_"}, g.names...)...)
		if target != n {
			g.line("%s -n %s=%s", declare, n, octal(target))
		} else {
			g.line("%s -n %s", declare, n)
		}
		return
	}
	if kind != "" {
		g.line("%s -%s %s", declare, kind, n)
	}
	value := octal(g.text())
	if kind != "" {
		value = g.elements(kind == "A")
	}
	if attributes != "" && g.one(2) && !strings.Contains(attributes, "i") {
		g.line("%s -%s %s", declare, attributes, n)
	}
	if !g.one(5) {
		if kind == "" {
			g.line("%s %s=%s", declare, n, value)
		} else {
			g.line("%s=%s", n, value)
		}
	}
	if attributes != "" {
		g.line("%s -%s %s", declare, attributes, n)
	}
	if g.one(6) {
		g.line("%s -r %s", declare, n)
	}
}

func (g *generator) bodies() []string {
	return []string{
		":", "return 3", "echo \"$1\" '" + "x\ny" + "'", "cat <<X\n}\ng () \n{ \n$1\nX\n",
		"cat <<'E F' | sort\n}\n\nfoo () \n{ \n    :\n}\nE F\n", "x='\n}\ng () \n{ \n'",
		"case $1 in @(a|b)*) echo \"${1//[^a]/$'\\n'}\";; *) ! true;; esac",
		"local -A m=([a]=1); for i in \"${!m[@]}\"; do ((i<<2)); done < <(echo $((1 << 2)))",
		"if [[ $1 =~ ^(a|b) && -n $2 ]]; then :; elif test x; then echo \"$(echo \"`date`\")\"; else { :; } fi",
		"while read -r l; do echo \"${l%%#*}\"; done <<< \"$1\" # gone", "( exit 3 ) & wait",
		"cat <<-A <<\"B\"\n\tx $(echo })\n\tA\n`y`\nB\n", "f2() { echo 'in }'; }; f2", "echo ${x:-\"a}b\"} ${#x} $# >&2 2>|/dev/null",
		"select s in a b; do break; done; until false; do coproc cat; done; time -p ls | wc",
	}
}

// function makes one; some have names that only the word function takes.
func (g *generator) function() {
	n := g.pick("f", "g", "foo", "a-b", "a.b", "a:b", "x/y", "é", "1a", "@x", "a+b", "%p", ",", "f_9", "run_phase", "zz[1]", "a=b", "q{r}", "--", "-x", "!", "if", "[[", "]", "~", "a~b", "^", "test", "[", "cd", "echo", "read", "printf", "declare", "set", "shopt", "trap", "alias", "umask", "pwd", "dirs", "local", "export", "unset", "eval", "command", "true", "return", "source", ".", ":")
	g.line("function %s { %s\n} %s", n, g.pick(g.bodies()...), g.pick("", "", "", "2>/dev/null", "< /dev/null >&2", "<<Z\n}\nZ\n"))
	if strings.Contains(n, "=") {
		return
	}
	for _, a := range []string{"x", "t", "r"} {
		if g.one(8) {
			g.line("'builtin' declare -f%s -- %s", a, octal(n))
		}
	}
}

func (g *generator) options() {
	for _, o := range []string{"allexport", "errexit", "errtrace", "functrace", "hashall", "histexpand", "history", "ignoreeof", "interactive-comments", "keyword", "monitor", "noclobber", "noglob", "nolog", "notify", "nounset", "physical", "pipefail", "posix", "verbose", "vi", "emacs", "xtrace", "braceexpand"} {
		if g.one(7) {
			g.line("'builtin' set %s %s", g.pick("-o", "-o", "+o"), o)
		}
	}
}

func (g *generator) shopts() {
	for _, o := range []string{"assoc_expand_once", "autocd", "cdable_vars", "cdspell", "checkhash", "checkwinsize", "cmdhist", "compat31", "compat42", "compat44", "dirspell", "dotglob", "expand_aliases", "extdebug", "extglob", "extquote", "failglob", "force_fignore", "globasciiranges", "globstar", "gnu_errfmt", "huponexit", "inherit_errexit", "interactive_comments", "lastpipe", "lithist", "localvar_inherit", "localvar_unset", "nocaseglob", "nocasematch", "nullglob", "progcomp", "promptvars", "shift_verbose", "sourcepath", "xpg_echo"} {
		if g.one(9) {
			g.line("'builtin' shopt %s %s", g.pick("-s", "-s", "-u"), o)
		}
	}
}

// special changes variables that mean something to bash.
func (g *generator) special() {
	for _, l := range []string{
		"IFS=" + octal(g.text()), "'builtin' unset IFS", "PS4=" + octal(g.text()), "OPTIND=3", "'builtin' declare +i OPTIND", "'builtin' unset OPTIND", "GLOBIGNORE='*.o:x'", "IGNOREEOF=4",
		"BASH_COMPAT=4.3", "FUNCNEST=90", "POSIXLY_CORRECT=1", "HISTSIZE=10", "CDPATH=/:/usr", "'builtin' unset PATH", "'builtin' declare -r PATH", "'builtin' export OLDPWD=/x", "'builtin' unset OLDPWD", "PWD=/elsewhere",
		"'builtin' unset PWD", "'builtin' unset HOME", "LC_ALL=C", "LC_CTYPE=C.UTF-8", "LANG=C", "'builtin' export LC_COLLATE=C", "TIMEFORMAT=%R", "EXECIGNORE='*'", "MAILCHECK=3", "'builtin' unset SECONDS",
		"'builtin' export BASH_ENV=/nowhere", "'builtin' unset TERM SHLVL", "i=/x/h", "mode=1 phase=2", "'builtin' declare -i IFS", "HOSTTYPE=z", "SHLVL=9", "OPTERR=0", "'builtin' export -n PATH", "'builtin' set -- " + octal(g.text()) + " a ''",
	} {
		if g.one(14) {
			g.line("%s", l)
		}
	}
}

func (g *generator) traps() {
	for _, s := range []string{"EXIT", "USR1", "HUP", "INT", "CHLD", "ERR", "DEBUG", "RETURN", "WINCH", "RTMIN+1"} {
		if !g.one(6) {
			continue
		}
		command := g.pick("", "((1))", "# "+strings.ReplaceAll(g.text(), "\n", " "), "((1)) # it's\n((2))")
		g.line("'builtin' trap -- %s %s", octal(command), s)
	}
}

func (g *generator) aliases() {
	for range g.IntN(4) {
		g.line("'builtin' alias -- %s", octal(g.pick("ll", "-x", "é", "a.b", "if", "builtin", "declare", "{", "%", "printf", "__phased_dump")+"="+g.text()))
	}
}

// places makes directories under root and goes into them.
func (g *generator) places(root string) {
	if g.one(2) {
		g.line("'builtin' umask %03o", g.IntN(0o1000)&^0o700)
	}
	for i := range g.IntN(4) {
		d := root + "/" + strings.ReplaceAll(strings.ReplaceAll(g.text(), "/", "_"), "\n", "n") + strconv.Itoa(i)
		if len(d) < 200 && os.MkdirAll(d, 0o700) == nil {
			g.line("'builtin' %s -- %s >/dev/null", g.pick("cd", "cd", "pushd", "pushd -n"), octal(d))
		}
	}
}

// program is a whole space: its parts in an order of its own, and behind them
// what changes how bash reads or runs the others.
func (g *generator) program(root string) string {
	parts := []func(){func() { g.places(root) }, g.aliases}
	for range g.IntN(25) {
		parts = append(parts, func() { g.variable("'builtin' declare") })
	}
	for range g.IntN(8) {
		parts = append(parts, g.function)
	}
	g.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	g.line("shopt -s extglob")
	for _, p := range parts {
		p()
	}
	if g.one(2) {
		g.line("'builtin' shopt -u extglob")
	}
	g.special()
	g.shopts()
	g.traps()
	g.options()
	return g.b.String()
}
