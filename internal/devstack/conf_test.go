package devstack

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// write writes files below a new directory, "" for a directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, filepath.Join(root, name), text)
	}
	return root
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// load loads a local.conf of the text; @/ in it is the root of the tree.
func load(t *testing.T, root, text string, environ ...string) (Conf, error) {
	t.Helper()
	conf := filepath.Join(root, "local.conf")
	write(t, conf, strings.ReplaceAll(text, "@/", root+"/"))
	return Load(conf, Options{TopDir: root + "/top", PluginDir: root + "/clones", Environ: append(environ, "HOME="+root+"/home")})
}

func plugin(t *testing.T) string {
	t.Helper()
	return tree(t, map[string]string{
		"p/devstack/plugin.sh": ":", "p q/devstack/settings": ":", "home/p/devstack/plugin.sh": ":", "top/p/devstack/plugin.sh": ":",
		"p*/devstack/plugin.sh": ":", "p$x/devstack/plugin.sh": ":", "p=a/devstack/plugin.sh": ":", "p~q/devstack/plugin.sh": ":",
	})
}

// TestEnablePlugin compares with bash itself: what reading says that the
// arguments are is what a function enable_plugin of a real bash is given.
func TestEnablePlugin(t *testing.T) {
	root := plugin(t)
	for name, text := range map[string]string{
		"plain":              "enable_plugin a @/p",
		"relative":           "enable_plugin a p",
		"dot":                "enable_plugin a ./p",
		"single quotes":      "enable_plugin 'a' '@/p q' 'v1'",
		"double quotes":      `enable_plugin "a" "@/p q" "v1"`,
		"mixed quotes":       `enable_plugin a @/"p"' 'q`,
		"backslash":          `enable_plugin a @/p\ q`,
		"quoted backslash":   `enable_plugin a "@/p\$x"`,
		"useless backslash":  `enable_plugin \a @/\p`,
		"continued":          "enable_plugin a \\\n  @/p",
		"continued in word":  "enable_plugin a @/\\\np",
		"quoted continued":   "enable_plugin a \"@/\\\np\"",
		"dollar quotes":      `enable_plugin a $'@/p q'`,
		"locale quotes":      `enable_plugin a $"@/p"`,
		"quoted wildcard":    "enable_plugin a '@/p*'",
		"home":               "enable_plugin a $HOME/p",
		"home in braces":     "enable_plugin a ${HOME}/p",
		"home in quotes":     `enable_plugin a "$HOME/p"`,
		"tilde":              "enable_plugin a ~/p",
		"tilde in value":     "X=~/p\nenable_plugin a $X",
		"tilde in quotes":    "X=~/'p'\nenable_plugin a \"$X\"",
		"no tilde":           "enable_plugin a @/p~q",
		"top dir":            "enable_plugin a $TOP_DIR/p",
		"environment":        "enable_plugin a $BASE/p",
		"variable":           "X=@/p\nenable_plugin a $X",
		"variable twice":     "X=no\nX=@/p\nenable_plugin a $X",
		"variable of others": "B=@/p; X=$B\nenable_plugin a $X",
		"exported":           "export X=@/p\nenable_plugin a $X",
		"declared":           "declare -gx X=@/p\nenable_plugin a $X",
		"readonly":           "readonly X=@/p\nenable_plugin a $X",
		"appended":           "X=@/\nX+=p\nenable_plugin a $X",
		"wildcard in value":  "X=@/p*\nenable_plugin a \"$X\"",
		"spaces in value":    "X='@/p q'\nenable_plugin a \"$X\"",
		"default of unset":   "enable_plugin a ${NONE:-@/p}",
		"default of empty":   "X=\nenable_plugin a ${X:-@/p}",
		"no default":         "X=@/p\nenable_plugin a ${X:-no}",
		"default unused":     "X=@/p\nenable_plugin a ${X-no}",
		"default in value":   "X=${X:-@/p}\nenable_plugin a $X",
		"default quoted":     "enable_plugin a \"${NONE:-@/p q}\"",
		"empty ref vanishes": "REF=\nenable_plugin a @/p $REF",
		"prefix":             "X=1 enable_plugin a @/p",
		"several":            "enable_plugin a @/p v1; enable_plugin b @/p; enable_plugin c.d-e_f+g @/p",
		"comment":            "# enable_plugin no no\nenable_plugin a @/p # enable_plugin no no",
		"here document":      "cat <<X >/dev/null\nenable_plugin no no\nX\nenable_plugin a @/p",
		"quoted call":        "'enable_plugin' a @/p",
		"in words":           "echo enable_plugin no no >/dev/null\nenable_plugin a @/p",
		"condition beside":   "if true; then X=1; fi\nenable_plugin a @/p",
		"exported name":      "X=@/p\nexport X\nenable_plugin a $X",
		"equals sign":        "enable_plugin a @/p=a",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("BASE", root)
			c, err := load(t, root, "[[local|localrc]]\n"+text+"\n", "BASE="+root)
			if err != nil {
				t.Fatal(err)
			}
			var got strings.Builder
			for _, p := range c.Plugins {
				got.WriteString(p.Name + "|" + string(p.Source))
				if p.Ref != "" {
					got.WriteString("|" + p.Ref)
				}
				got.WriteString("\n")
				want := string(p.Source)
				if !filepath.IsAbs(want) {
					want = filepath.Join(root, want)
				}
				if string(p.Dir) != want || p.Fetch {
					t.Errorf("%+v: want it in place, in %s", p, want)
				}
			}
			if want := bashSays(t, root, string(c.Localrc)); got.String() != want {
				t.Errorf("reading says\n%sbash says\n%s", got.String(), want)
			}
		})
	}
}

func bashSays(t *testing.T, root, localrc string) string {
	t.Helper()
	cmd := exec.Command("bash", "-c", "TOP_DIR=$0/top\nenable_plugin() { local IFS='|'; printf '%s\\n' \"$*\"; }\n"+localrc, root)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "HOME="+root+"/home")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bash: %v\n%s", err, localrc)
	}
	return string(out)
}

// TestRefusedLocalrc has what reading cannot know, or must not take. Each
// message names its line and says what to do.
func TestRefusedLocalrc(t *testing.T) {
	root := plugin(t)
	const topLevel = "enable_plugin must stand by itself at the top level"
	for name, c := range map[string]struct {
		text string
		line string
		want string
	}{
		"if":                     {"if true; then\n enable_plugin a @/p\nfi", "3", topLevel},
		"and":                    {"true && enable_plugin a @/p", "2", topLevel},
		"or":                     {"enable_plugin a @/p || true", "2", topLevel},
		"loop":                   {"for x in a b; do\nenable_plugin $x @/p\ndone", "3", topLevel},
		"function":               {"f() {\n enable_plugin a @/p\n}\nf", "3", topLevel},
		"subshell":               {"(enable_plugin a @/p)", "2", topLevel},
		"group":                  {"{ enable_plugin a @/p; }", "2", topLevel},
		"substitution":           {"X=$(enable_plugin a @/p)", "2", topLevel},
		"pipe":                   {"enable_plugin a @/p | cat", "2", topLevel},
		"background":             {"enable_plugin a @/p &", "2", topLevel},
		"negated":                {"! enable_plugin a @/p", "2", topLevel},
		"argument of another":    {"echo $(enable_plugin a @/p)", "2", topLevel},
		"command substitution":   {"enable_plugin a $(pwd)/p", "2", "a command substitution cannot be read here"},
		"backquotes":             {"enable_plugin a `pwd`/p", "2", "a command substitution cannot be read here"},
		"substitution in quotes": {`enable_plugin a "$(pwd)/p"`, "2", "a command substitution cannot be read here"},
		"arithmetic":             {"enable_plugin a$((1)) @/p", "2", "an arithmetic expansion cannot be read here"},
		"process substitution":   {"enable_plugin a <(true)", "2", "a process substitution cannot be read here"},
		"unset variable":         {"enable_plugin a $NONE/p", "2", "$NONE has no value here"},
		"set below":              {"enable_plugin a $X\nX=@/p", "2", "$X has no value here"},
		"substituted variable":   {"X=$(pwd)\nenable_plugin a $X/p", "3", "the value of $X cannot be known: a command substitution"},
		"set in a condition":     {"X=@/p\nif true; then X=@/q; fi\nenable_plugin a $X", "4", "the value of $X cannot be known: line 3 sets it"},
		"set in a loop":          {"X=@/p\nfor X in 1; do :; done\nenable_plugin a $X", "4", "line 3 sets it"},
		"set by read":            {"X=@/p\nread X <<<@\nenable_plugin a $X", "4", "line 3 sets it"},
		"set by printf":          {"X=@/p\nprintf -v X %s @\nenable_plugin a $X", "4", "line 3 sets it"},
		"set by eval":            {"X=@/p\neval 'X=1'\nenable_plugin a $X", "4", "line 3 sets it"},
		"unset":                  {"X=@/p\nunset X\nenable_plugin a $X", "4", "line 3 sets it"},
		"array":                  {"X=(@/p)\nenable_plugin a $X", "3", "line 2 sets it"},
		"integer":                {"declare -i X=1+1\nenable_plugin a$X @/p", "3", "line 2 sets it"},
		"appended to unknown":    {"X=$(pwd)\nX+=/p\nenable_plugin a $X", "4", "cannot be known"},
		"own variable":           {"enable_plugin a $PWD/p", "2", "bash sets it by itself"},
		"other expansions":       {"X=@/p\nenable_plugin a ${X%p}p", "3", "only $NAME, ${NAME} and ${NAME:-default}"},
		"positional":             {"enable_plugin a $1", "2", "$1 has no value here"},
		"wildcard":               {"enable_plugin a @/p*", "2", "a * out of quotes"},
		"braces":                 {"enable_plugin {a,b} @/p", "2", "a { out of quotes"},
		"value is split":         {"X='@/p q'\nenable_plugin a $X", "3", "$X has blanks or wildcards"},
		"value is globbed":       {"X=@/p*\nenable_plugin a $X", "3", "$X has blanks or wildcards"},
		"tilde of a user":        {"enable_plugin a ~root/p", "2", "a tilde can only be read as"},
		"escapes":                {`enable_plugin a $'@/\x70'`, "2", "$'...' with a backslash"},
		"no arguments":           {"enable_plugin", "2", "enable_plugin has 0 arguments: expected enable_plugin NAME PATH [REF]"},
		"name alone":             {"enable_plugin a", "2", "has 1 arguments"},
		"too many":               {"enable_plugin a @/p v1 v2", "2", "has 4 arguments"},
		"empty name":             {"enable_plugin '' @/p", "2", "the name is empty"},
		"empty path":             {"enable_plugin a ''", "2", "the path is empty"},
		"name with slash":        {"enable_plugin a/b @/p", "2", `"a/b" is no name for a plugin`},
		"name goes up":           {"enable_plugin ../x @/p", "2", `"../x" is no name for a plugin`},
		"dots":                   {"enable_plugin .. @/p", "2", `".." is no name for a plugin`},
		"hidden name":            {"enable_plugin .git @/p", "2", `".git" is no name for a plugin`},
		"name with comma":        {"enable_plugin a,b @/p", "2", `"a,b" is no name for a plugin`},
		"name with blank":        {"enable_plugin 'a b' @/p", "2", `"a b" is no name for a plugin`},
		"name is an option":      {"enable_plugin --upload-pack=id @/p", "2", `"--upload-pack=id" is no name for a plugin`},
		"path is an option":      {"enable_plugin a --upload-pack=id", "2", `"--upload-pack=id" begins with -`},
		"ref is an option":       {"enable_plugin a @/p --force", "2", `"--force" can be no branch, tag or commit`},
		"ref with expression":    {"enable_plugin a @/p 'v1^{tree}'", "2", "can be no branch, tag or commit"},
		"ref with range":         {"enable_plugin a @/p a..b", "2", "can be no branch, tag or commit"},
		"path with line end":     {"enable_plugin a '@/p\n'", "2", "has a line end in it"},
		"same name twice":        {"enable_plugin a @/p\n\nenable_plugin a @/p", "4", "line 2 has enabled a plugin of this name already"},
		"no such path":           {"enable_plugin a @/none", "2", "no such file or directory: expected a directory with devstack/ in it"},
		"no plugin":              {"enable_plugin a @/", "2", "holds no devstack/ and is no git repository"},
		"password in URL":        {"enable_plugin a https://me:hunter2@example.org/x", "2", "the URL holds a user or password"},
		"token in URL":           {"enable_plugin a https://hunter2@example.org/x", "2", "the URL holds a user or password"},
		"odd URL":                {"enable_plugin a 'https://hunter2 x@exa mple/'", "2", "the URL cannot be read"},
		"file URL with host":     {"enable_plugin a file://host/p", "2", "expected file:///PATH"},
		"syntax":                 {"enable_plugin a @/p\nif then", "3", "cannot read the localrc as bash"},
	} {
		t.Run(name, func(t *testing.T) {
			conf, err := load(t, root, "[[local|localrc]]\n"+c.text+"\n")
			all, ok := errors.AsType[Errors](err)
			if !ok {
				t.Fatalf("Load returned %+v, %v, want Errors", conf, err)
			}
			if len(all) != 1 {
				t.Errorf("want one error, got\n%v", all)
			}
			if want := root + "/local.conf:" + c.line + ": "; !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error\n%v\nwant it to start with %s and to say %q", err, want, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the message shows the password")
			}
		})
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	root := plugin(t)
	_, err := load(t, root, "[[local|localrc]]\nenable_plugin a @/none\nenable_plugin b/c @/p\nenable_plugin d @/p\nenable_plugin d @/p\n")
	var lines []int
	all, _ := errors.AsType[Errors](err)
	for _, e := range all {
		lines = append(lines, e.Line)
	}
	if diff := cmp.Diff([]int{2, 3, 5}, lines); diff != "" {
		t.Errorf("lines of the errors (-want +got):\n%s\n%v", diff, err)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "local.conf"), Options{})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist in it", err)
	}
}

func TestLargeFile(t *testing.T) {
	if _, err := load(t, t.TempDir(), strings.Repeat("#", maxConf+1)); err == nil || !strings.Contains(err.Error(), "larger than 128 KiB") {
		t.Errorf("error %v", err)
	}
}

// TestDest: clones lie where DevStack puts them, unless it is said otherwise.
func TestDest(t *testing.T) {
	root := t.TempDir()
	conf := filepath.Join(root, "local.conf")
	for name, c := range map[string]struct {
		text string
		o    Options
		want string
	}{
		"default":        {"", Options{}, "/opt/stack"},
		"environment":    {"", Options{Environ: []string{"DEST=/env"}}, "/env"},
		"localrc":        {"DEST=/rc\n", Options{Environ: []string{"DEST=/env"}}, "/rc"},
		"below":          {"D=/rc\nenable_plugin b ssh://h/p\nDEST=$D/late\n", Options{}, "/rc/late"},
		"asked for":      {"DEST=/rc\n", Options{PluginDir: "/asked"}, "/asked"},
		"cannot be read": {"DEST=$(pwd)\n", Options{}, "/opt/stack"},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, conf, "[[local|localrc]]\n"+c.text+"enable_plugin no-such host:x.git\n")
			got, err := Load(conf, c.o)
			if err != nil {
				t.Fatal(err)
			}
			p := got.Plugins[len(got.Plugins)-1]
			if want := c.want + "/no-such"; string(p.Dir) != want || !p.Fetch || p.Source != "host:x.git" {
				t.Errorf("%+v, want it to be fetched to %s", p, want)
			}
		})
	}
}

func TestBashAloneReadsIt(t *testing.T) {
	c, err := load(t, t.TempDir(), "[[local|localrc]]\nX=1\nif then\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || c.Warnings[0].Line != 3 || c.Localrc != phased.Text("\nX=1\nif then\n") {
		t.Errorf("got %+v, want the text as it is and a warning for line 3", c)
	}
}

// TestAssigned: what a secret may become is known before bash runs.
func TestAssigned(t *testing.T) {
	got := Assigned("A_TOKEN=one\nexport B_TOKEN=\"$A_TOKEN-two\"\nC=$(date)\nC+=x\nif x; then A_TOKEN='th ree'; fi\n"+
		"f() { local D_TOKEN=four; }\nE_TOKENS=(five 'six 7')\nA_TOKEN+=more\nG_TOKEN=a\nG_TOKEN+=b\nH_TOKEN=$HOME run\n", []string{"HOME=/home"})
	want := map[Assignment]bool{
		{"A_TOKEN", "one"}: true, {"B_TOKEN", "one-two"}: true, {"A_TOKEN", "th ree"}: true, {"D_TOKEN", "four"}: true, {"E_TOKENS", "five"}: true,
		{"E_TOKENS", "six 7"}: true, {"G_TOKEN", "a"}: true, {"G_TOKEN", "ab"}: true, {"H_TOKEN", "/home"}: true,
	}
	for _, a := range got {
		delete(want, a)
		if a.Name == "C" && a.Value != "x" {
			t.Errorf("%+v cannot be known", a)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v, of %v", want, got)
	}
}
