package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// schema compiles the schema that is shipped, against draft 2020-12 itself.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("phased.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("phased.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// places returns where the schema finds mistakes in a file: keys with dots, as
// phased names them; nil where it finds none. ok is false for what is no YAML.
func places(t *testing.T, s *jsonschema.Schema, text string) (found []string, ok bool) {
	t.Helper()
	d := &decoder{}
	n := d.document([]byte(text))
	if len(d.errs) > 0 || strings.Count(text, "*") > 50 { // an alias may stand for very many
		return nil, false
	}
	if n == nil {
		return nil, true
	}
	err := s.Validate(jsonValue(t, n))
	var wrong *jsonschema.ValidationError
	if err == nil {
		return nil, true
	}
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	collect(wrong, &found)
	slices.Sort(found)
	return slices.Compact(found), true
}

func collect(e *jsonschema.ValidationError, found *[]string) {
	place := strings.Join(e.InstanceLocation, ".")
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, p := range k.Properties {
			*found = append(*found, join(place, p))
		}
		return
	case *kind.DependentRequired:
		place = join(place, k.Prop)
	case *kind.PropertyNames:
		*found = append(*found, place)
		return
	}
	if len(e.Causes) == 0 {
		*found = append(*found, place)
	}
	for _, c := range e.Causes {
		collect(c, found)
	}
}

// TestSchemaSeesWrongFiles: each mistake that phased tells in the wrong files
// the schema tells at the same key, but for those that it cannot see.
func TestSchemaSeesWrongFiles(t *testing.T) {
	s := schema(t)
	files, err := filepath.Glob("testdata/wrong/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	unseen := cannotSee()
	used := map[string]bool{}
	seen, refused := 0, 0
	for _, f := range files {
		told, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(f, ".txt") + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".txt")
		found, parsed := places(t, s, string(text))
		if found != nil {
			refused++
		}
		for line := range strings.Lines(string(told)) {
			place, message := placeOf(line)
			i := slices.IndexFunc(unseen, func(u blind) bool { return regexp.MustCompile(u.message).MatchString(message) })
			switch {
			case i >= 0:
				used[unseen[i].message] = true
				if slices.Contains(found, place) && unseen[i].always {
					t.Errorf("%s: the schema sees %q, which is listed as unseen", name, message)
				}
			case !parsed:
				t.Errorf("%s: it is no YAML, so that no schema can see %q, and that is not listed", name, message)
			case !slices.Contains(found, place):
				t.Errorf("%s: the schema does not see at %q: %s; it sees %q", name, place, message, found)
			default:
				seen++
			}
		}
	}
	for _, u := range unseen {
		if !used[u.message] {
			t.Errorf("%q is listed as unseen, and no wrong file has it", u.message)
		}
	}
	t.Logf("%d wrong files, %d of them refused by the schema, %d mistakes seen at their keys", len(files), refused, seen)
	if len(files) < 30 || refused < 30 {
		t.Errorf("%d wrong files and %d that the schema refuses, want 30 and more", len(files), refused)
	}
}

// placeOf takes the key out of what phased tells.
func placeOf(line string) (place, message string) {
	message = strings.TrimSuffix(regexp.MustCompile(`^phased\.yaml:\d+:\d+: `).ReplaceAllString(line, ""), "\n")
	if m := regexp.MustCompile(`^unknown key "([^"]*)"`).FindStringSubmatch(message); m != nil {
		return m[1], message
	}
	place, _, _ = strings.Cut(message, ": ")
	if place == "the file" {
		place = ""
	}
	return place, message
}

// blind is a mistake that a schema cannot see.
type blind struct {
	message string
	why     string
	always  bool // false: some of that kind it does see
}

func cannotSee() []blind {
	return []blind{
		{`^not YAML: `, "YAML itself, which an editor tells", true},
		{`is not UTF-8|^control character|^larger than|values, with aliases followed`, "bytes and size", true},
		{`^a second document starts here`, "a schema holds for one document", true},
		{`is given twice|^merge keys|^expected a key such as`, "keys, before they are values", true},
		{`is named twice|another phase called|has a meaning already`, "values that must differ from others elsewhere, or when they are cleaned up", false},
		{`holds a NUL character`, "a NUL is a character to JSON", true},
		{`expected an RE2 expression such as .*: (missing|invalid|not an RE2)`, "RE2 is not JSON Schema's ECMA-262", false},
		{`matches also texts of fewer than`, "how short what an expression matches may be", true},
		{`is no pattern of (names of hooks|file names)`, "the syntax of a pattern within brackets", false},
		{`is too large|is too long|99999999999d`, "a number in a text", false},
		{`there is no lifecycle|comes back to itself|calls itself`, "names that stand elsewhere in the file", true},
		{`^stdin: .*not nothing`, "null and ~ are one value to JSON", true},
		{`umask: .*not the number (18|1022|64|65)`, "YAML's number is not what is written", false},
		{`not (the number |")0o22|"0o22" is not a size`, "YAML's number is not what is written", false},
		{`not the date`, "a date is a text to JSON", false},
		{`such as 10-12, not "12-10"`, "two numbers in a text", false},
		{`of the type !`, "YAML's tags", false},
		{`dir: .*not the text "a/\.\./\.\."`, "a path that leads out when it is cleaned up", false},
	}
}

// TestSchemaAgreesWithTheDecoder: what the decoder takes at a key the schema
// takes, and what it refuses the schema refuses, for every key of every table
// and values of all kinds; the few that differ are listed.
func TestSchemaAgreesWithTheDecoder(t *testing.T) {
	s := schema(t)
	d := &decoder{}
	tables := map[string][]string{
		"": fieldKeys("", d.topFields(&Settings{})), "retention.": fieldKeys("", d.retentionFields(&Retention{})),
		"personalities.": fieldKeys("", d.personalityFields(&Personalities{})), "secrets.": fieldKeys("", d.secretFields(&Secrets{})),
		"carry.":     fieldKeys("", d.carryFields(&Settings{})),
		"lifecycle.": fieldKeys("", d.lifecycleFields(&Lifecycle{})), "phase.": fieldKeys("", d.phaseFields(&Phase{})),
		"hook.": fieldKeys("", d.hookFields(&HookRule{})),
	}
	taken, total := map[string]bool{}, 0
	for scope, keys := range tables {
		for _, key := range keys {
			values := append(choices(scope, key), everyKind()...)
			for n, value := range values {
				for i, text := range around(scope, key, value) {
					if i > 0 && n > 20 && n%3 != 0 && hopeless(scope, key, value) {
						continue
					}
					total++
					_, wrong := Parse("f", []byte(text))
					found, parsed := places(t, s, text)
					if !parsed {
						t.Fatalf("no YAML: %s", text)
					}
					taken[scope+key] = taken[scope+key] || wrong == nil
					if (wrong == nil) != (found == nil) && (found != nil || !excused(wrong)) {
						t.Errorf("%s\tphased: %v\n\tthe schema: %q", text, wrong, found)
					}
				}
			}
			if !taken[scope+key] {
				t.Errorf("%s%s: no value of the test is right: it proves nothing", scope, key)
			}
		}
	}
	t.Logf("%d files for %d keys", total, len(taken))
}

// hopeless reports whether a value is wrong wherever the key stands.
func hopeless(scope, key, value string) bool {
	_, err := Parse("f", []byte(at(scope, key, value)))
	return err != nil && strings.Contains(err.Error(), "expected")
}

// around puts a value at a key, in a lifecycle of processes and in one that is
// sourced, and in built-in ones.
func around(scope, key, value string) []string {
	texts := []string{at(scope, key, value)}
	if scope == "lifecycle." {
		for _, l := range []string{"refresh", "stack"} {
			texts = append(texts, "lifecycles: {"+l+": {"+key+": "+value+"}}\n")
		}
		if key != "phases" {
			if key != "executor" {
				texts = append(texts, "lifecycles: {own: {executor: session, phases: [a], local-conf: x, "+key+": "+value+"}}\n")
			}
			if key == "local-conf" {
				texts = texts[:len(texts)-1]
				texts = append(texts, "lifecycles: {own: {executor: session, phases: [a], "+key+": "+value+"}}\n")
			}
			texts = append(texts, "lifecycles: {own: {phases: [{name: a, executor: session}, b], "+key+": "+value+"}}\n")
		}
	}
	if scope == "phase." && key != "name" {
		texts = append(texts, "lifecycles: {own: {executor: session, phases: [{name: a, "+key+": "+value+"}]}}\n")
		if slices.Contains(fieldKeys("", (&decoder{}).failureFields(&Phase{})), key) {
			texts = append(texts, "lifecycles: {own: {phases: [a], failure: {"+key+": "+value+"}, always: [{name: z, "+key+": "+value+"}]}}\n")
		}
	}
	return texts
}

// everyKind are values of all kinds, right and wrong.
func everyKind() []string {
	return []string{
		"", "~", "null", "true", "false", "0", "1", "3", "64", "65", "100", "101", "103", "125", "126", "255", "256", "-1", "1.5", "22", "0o22", `"022"`, `"0"`, `""`, `"5"`,
		"10s", "1d12h", "1.5d", "5", "-5m", "1 day", "none", "8MiB", "8MB", "4096", `"4096B"`, "/x", "/x/", "x", "x/y", "../x", ".", "..", "x/", "./../x",
		"apply", "a b", "a.d", "'*'", "'*.sh'", "settings", "plugin.sh", "plugin", "'*_PIN'", "A-B", "'^[a-z]{8}$'", "notified:a", "'notified:'", "changed:/etc/*", "changed:x", "notifed:a",
		"'a,b'", "'3,10-12'", "'3,'", "3-", "[]", "[a]", "[/a]", "[/a, /b]", "[/a, /a]", "[a, a]", "[[a]]", "[3]", "['3-5', 7]", "[0]", "['']", "[a, b, c]", "[errexit]",
		"[errexit, pipefail]", "['*_PIN']", "[A_B, 7]", "[notified:a, 'changed:/x']", "['a,b']", "[{name: a1, dir: x}]", "[{dir: x}]", "[a1, b1]", "[{name: a1, colour: 1}]", "[ABCDEFGH]",
		"{}", "{a: b}", "{colour: 1}", "{names: ['*_PIN']}", "{runs: 3}", "{capture: tee}", "{name: z1}", "{name: z1, dir: x, on-failure: stop}", "{now: 103}", "{now: 0}", "{now: 125}", "{now: 126}", "{A: 1}", "{A: [x]}", "{A: }", "{1A: x}",
		"{PHASED_X: 1}", "{a1: {phases: [x]}}", "{a1: {base: /x}}", "{a1: {base: /x, roots: [/y], phases: [x]}}", "{refresh: {timeout: 1h}}", "{'a b': {phases: [x]}}",
		"{'2*': {leak: kill}}", "{'2*': {leek: kill}}", "{'': {leak: kill}}", "2026-01-01",
	}
}

// choices are the words that the decoder itself names, as it tells that a value
// is none of them.
func choices(scope, key string) []string {
	_, err := Parse("f", []byte(at(scope, key, "no-such-word")))
	if err == nil {
		return nil
	}
	m := regexp.MustCompile(`expected ([a-z-]+(?:, [a-z-]+)* or [a-z-]+), not`).FindStringSubmatch(err.Error())
	if m == nil {
		return nil
	}
	return strings.Split(strings.ReplaceAll(m[1], " or ", ", "), ", ")
}

// excused reports whether every mistake that phased tells is one that a schema
// cannot see.
func excused(wrong error) bool {
	var all Errors
	if !errors.As(wrong, &all) {
		return false
	}
	for _, e := range all {
		if !slices.ContainsFunc(cannotSee(), func(u blind) bool { return regexp.MustCompile(u.message).MatchString(e.Message) }) {
			return false
		}
	}
	return true
}

// TestSchemaTakesEverything: what is right to phased is right to the schema:
// the examples, the pages, the scripts, the file that has every key.
func TestSchemaTakesEverything(t *testing.T) {
	s := schema(t)
	texts := map[string]string{}
	for _, root := range []string{"../../examples", "../../packaging", "../../scripts", "../../docs", "../../testdata/script", "testdata/right"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "nfpm-") { // what packages are made of
				return err
			}
			text, err := os.ReadFile(path)
			switch filepath.Ext(path) {
			case ".yaml", ".yml":
				texts[path] = string(text)
			case ".md":
				for i, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
					texts[fmt.Sprintf("%s: block %d", path, i+1)] = m[1]
				}
			case ".txtar":
				for _, m := range regexp.MustCompile(`(?ms)^-- (\S+\.yaml) --\n(.*?)(?:^-- |\z)`).FindAllStringSubmatch(string(text), -1) {
					texts[path+": "+m[1]] = m[2]
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	right := 0
	for name, text := range texts {
		_, wrong := Parse("f", []byte(text))
		if wrong != nil && !strings.Contains(name, ".txtar") {
			t.Errorf("%s: %v", name, wrong)
		}
		if wrong != nil {
			continue // a script's wrong file
		}
		right++
		if found, _ := places(t, s, text); found != nil {
			t.Errorf("%s: the schema refuses %q in\n%s", name, found, text)
		}
	}
	if right < 30 {
		t.Errorf("only %d settings files found: the search is wrong", right)
	}
}

// TestSchemaDefaults: the defaults of the schema are those of the decoder.
func TestSchemaDefaults(t *testing.T) {
	got := map[string]any{}
	for key, p := range schema(t).Properties {
		if p.Default != nil {
			got[key] = *p.Default
		}
	}
	var text strings.Builder
	for key, v := range got {
		b, err := encode(v)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s: %s\n", key, b)
	}
	s, err := Parse("f", []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.File, s.lines, want.lines = "f", nil, nil
	if diff := cmp.Diff(want, s, cmp.AllowUnexported(Settings{})); diff != "" || len(got) < 12 {
		t.Errorf("with the %d defaults of the schema (-default +got):\n%s", len(got), diff)
	}
}
