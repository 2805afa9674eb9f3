package space_test

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
	"phased/internal/redact"
	"phased/internal/space"
)

// between returns the spaces before and after a script, of one shell.
func between(t testing.TB, before, script string) (was, is *space.Space) {
	t.Helper()
	dir := t.TempDir()
	shell(t, space.DumpFunction+before+"\n"+space.Snapshot(dir+"/was", "p", "''", "", false)+"\n"+script+"\n"+space.Snapshot(dir+"/is", "p", "h.sh", "", false)+"\n")
	return parseFile(t, dir+"/was"), parseFile(t, dir+"/is")
}

func TestDiffTellsEveryKindOfChange(t *testing.T) {
	was, is := between(t, "a=1 b=2 c=3; declare -a arr=(1 2); f() { :; }; g() { :; }; export -f g; alias x=y; trap 'echo 1' USR1; umask 022",
		"a=one; unset b; export c; arr+=(3); d=$'new\\nline'; declare -A m; unset -f f; g() { echo; }; h() { :; }; alias x=z w=v; trap - USR1; trap 'echo 2' EXIT; umask 077; cd /usr; set -f; shopt -s nullglob; RANDOM=3; [[ ab =~ b ]]; sleep 0")
	got := space.Diff(was, is, nothing{})
	text := func(s string) *phased.Value { return &phased.Value{Text: phased.Text(s)} }
	function := func(c phased.Change) phased.Change {
		for _, v := range []*phased.Value{c.Was, c.Is} {
			if v != nil {
				if len(v.Digest) != 12 || v.Size == 0 {
					t.Errorf("function %s has the value %+v", c.Name, v)
				}
				v.Digest, v.Size = "", 0
			}
		}
		return c
	}
	for i := range got {
		if got[i].Kind == phased.ChangeFunction {
			got[i] = function(got[i])
		}
	}
	want := []phased.Change{
		{Kind: "alias", Name: "w", What: "set", Is: text("v")},
		{Kind: "alias", Name: "x", What: "changed", Was: text("y"), Is: text("z")},
		{Kind: "directory", What: "changed", Was: text("/"), Is: text("/usr")},
		{Kind: "function", Name: "f", What: "removed", Was: &phased.Value{}},
		{Kind: "function", Name: "g", What: "changed", Was: &phased.Value{Attributes: "x"}, Is: &phased.Value{Attributes: "x"}},
		{Kind: "function", Name: "h", What: "set", Is: &phased.Value{}},
		{Kind: "option", Name: "noglob", What: "changed", Was: text("off"), Is: text("on")},
		{Kind: "shopt", Name: "nullglob", What: "changed", Was: text("off"), Is: text("on")},
		{Kind: "trap", Name: "EXIT", What: "set", Is: text("echo 2")},
		{Kind: "trap", Name: "SIGUSR1", What: "removed", Was: text("echo 1")},
		{Kind: "umask", What: "changed", Was: text("0022"), Is: text("0077")},
		{Kind: "variable", Name: "a", What: "changed", Was: text("1"), Is: text("one")},
		{Kind: "variable", Name: "arr", What: "changed", Was: &phased.Value{Text: `([0]="1" [1]="2")`, Attributes: "a"}, Is: &phased.Value{Text: `([0]="1" [1]="2" [2]="3")`, Attributes: "a"}},
		{Kind: "variable", Name: "b", What: "removed", Was: text("2")},
		{Kind: "variable", Name: "c", What: "changed", Was: text("3"), Is: &phased.Value{Text: "3", Attributes: "x"}},
		{Kind: "variable", Name: "d", What: "set", Is: text("new\nline")},
		{Kind: "variable", Name: "m", What: "set", Is: &phased.Value{Attributes: "A", Unset: true}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("changes: %s", d)
	}
	if back := space.Diff(is, was, nothing{}); len(back) != len(want) {
		t.Errorf("the other way round there are %d changes: %q", len(back), describe(back))
	}
}

// The loop of the session sets i to the hook's path; a hook that sets it to
// something else is told.
func TestDiffLeavesOutTheLoop(t *testing.T) {
	was, is := between(t, "i=/x/extras.d/g.sh", "i=/x/extras.d/h.sh")
	if got := describe(space.Diff(was, is, nothing{})); len(got) > 0 {
		t.Errorf("told: %q", got)
	}
	was, is = between(t, "i=/x/extras.d/g.sh", "i=5")
	if got := describe(space.Diff(was, is, nothing{})); !cmp.Equal(got, []string{"changed variable i"}) {
		t.Errorf("told: %q", got)
	}
}

func TestSecretsAreNotInChanges(t *testing.T) {
	set := redact.NewSet(redact.DefaultNames())
	was, is := between(t, "ADMIN_PASSWORD='old horse'", `ADMIN_PASSWORD='s3cr\et"x'; url="mysql://root:$ADMIN_PASSWORD@db"; declare -A conf=([host]=a [db_password]=swordfish [line]="pw=swordfish;")
declare -a API_TOKENS=(alpha-token beta-token); f() { echo "$ADMIN_PASSWORD"; }; alias login="mysql -p'$ADMIN_PASSWORD'"; trap "echo alpha-token" EXIT; list=(x "$ADMIN_PASSWORD"); was='old horse'; export GIT_TOKEN`)
	for _, changes := range [][]phased.Change{space.Diff(was, is, set), space.Initial(is, set), space.Diff(is, was, set)} {
		for _, c := range changes {
			b, err := phased.Event{Run: "r", Seq: 1, Data: phased.SpaceChanged{Changes: []phased.Change{c}}}.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{"s3cr", "swordfish", "alpha-token", "beta-token", "old horse"} {
				if strings.Contains(string(b), secret) {
					t.Errorf("%s is in %s", secret, b)
				}
			}
		}
	}
	changes := space.Diff(was, is, set)
	at := func(name string) *phased.Value {
		i := slices.IndexFunc(changes, func(c phased.Change) bool { return string(c.Name) == name })
		if i < 0 {
			t.Fatalf("no change of %s", name)
		}
		return changes[i].Is
	}
	if v := at("ADMIN_PASSWORD"); !v.Secret || v.Text != "" {
		t.Errorf("ADMIN_PASSWORD is %+v", v)
	}
	if v := at("GIT_TOKEN"); !v.Unset || v.Secret {
		t.Errorf("GIT_TOKEN is %+v", v)
	}
	if v := at("url"); v.Text != "mysql://root:"+redact.Mark+"@db" {
		t.Errorf("url is %q", v.Text)
	}
	if v := at("conf"); !strings.Contains(string(v.Text), `[host]="a"`) {
		t.Errorf("conf is %q", v.Text)
	}
}

func TestLongValuesAreCut(t *testing.T) {
	_, is := between(t, "", "printf -v long '%0100000d' 7")
	for _, c := range space.Initial(is, nothing{}) {
		if c.Name == "long" && (len(c.Is.Text) != space.Most || c.Is.Size != 100000) {
			t.Errorf("it has %d bytes of %d", len(c.Is.Text), c.Is.Size)
		}
	}
}

// Folding the changes of a run gives the space at its end.
func TestFoldIsTheSpaceAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	g := newGenerator(seed(t))
	text := space.DumpFunction + "shopt -s extglob\n"
	const steps = 8
	for i := range steps {
		g.b.Reset()
		g.aliases()
		for range 4 {
			g.variable("'builtin' declare")
			g.function()
		}
		if i > 2 {
			g.line("'builtin' unset %s 2>/dev/null; 'builtin' unset -f f g foo 2>/dev/null", g.names[0])
			g.names = g.names[1:]
		}
		text += g.b.String() + space.Snapshot(dir+"/"+string(rune('a'+i)), "p", "h", "", false) + "\n"
	}
	shell(t, text)
	var spaces []*space.Space
	for i := range steps {
		spaces = append(spaces, parseFile(t, dir+"/"+string(rune('a'+i))))
	}
	changes := func(yield func(phased.SpaceChanged) bool) {
		if !yield(phased.SpaceChanged{Changes: space.Initial(spaces[0], nothing{})}) {
			return
		}
		for i := range steps - 1 {
			if !yield(phased.SpaceChanged{Phase: "p", Hook: "h", Changes: space.Diff(spaces[i], spaces[i+1], nothing{})}) {
				return
			}
		}
	}
	last := func(yield func(phased.SpaceChanged) bool) {
		yield(phased.SpaceChanged{Changes: space.Initial(spaces[steps-1], nothing{})})
	}
	strip := func(v *space.View) []space.Entry {
		all := v.Entries()
		for i := range all {
			all[i].Phase, all[i].Hook = "", ""
		}
		return all
	}
	if d := cmp.Diff(strip(space.Fold(last)), strip(space.Fold(changes))); d != "" {
		t.Errorf("folded, it is not the space at the end: %s", d)
	}
}

func TestBlame(t *testing.T) {
	change := func(name, what string) phased.Change {
		return phased.Change{Kind: phased.ChangeVariable, Name: phased.Text(name), What: what}
	}
	events := []phased.Event{
		{Seq: 1, Data: phased.RunWarning{}},
		{Seq: 2, Data: phased.SpaceChanged{Changes: []phased.Change{change("x", "set"), change("y", "set")}}},
		{Seq: 5, Data: phased.SpaceChanged{Phase: "p", Hook: "h", Changes: []phased.Change{change("y", "changed"), {Kind: phased.ChangeDirectory, What: "changed"}}}},
		{Seq: 9, Data: phased.SpaceChanged{Phase: "q", Hook: "k", Changes: []phased.Change{change("x", "removed"), {Kind: phased.ChangeFunction, Name: "x", What: "set"}}}},
	}
	all := func(err error) iter.Seq2[phased.Event, error] {
		return func(yield func(phased.Event, error) bool) {
			for _, e := range events {
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(phased.Event{}, err)
			}
		}
	}
	steps, err := space.Blame(all(nil), "x")
	want := []space.Step{
		{Seq: 2, Change: change("x", "set")},
		{Seq: 9, Phase: "q", Hook: "k", Change: change("x", "removed")},
		{Seq: 9, Phase: "q", Hook: "k", Change: phased.Change{Kind: phased.ChangeFunction, Name: "x", What: "set"}},
	}
	if d := cmp.Diff(want, steps); d != "" || err != nil {
		t.Errorf("%v %s", err, d)
	}
	if steps, _ := space.Blame(all(nil), "directory"); len(steps) != 1 || steps[0].Hook != "h" {
		t.Errorf("directory: %+v", steps)
	}
	broken := errors.New("broken")
	if _, err := space.Blame(all(broken), "x"); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
}
