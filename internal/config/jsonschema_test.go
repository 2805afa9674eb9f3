package config

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

const (
	schemaFile = "../../docs/phased.schema.json"
	headerPage = "../../docs/hook-header.md"
)

// TestSchemaDocument holds docs/phased.schema.json to the pages, which are held
// to the decoder by TestPageHasEveryKey. With -update it is written again.
func TestSchemaDocument(t *testing.T) {
	got := schemaDocument(t)
	if *update {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s is not what the pages say; run go test ./internal/config -run SchemaDocument -update\n%s", schemaFile, d)
	}
}

// obj is a JSON object that keeps its order.
type obj []member

type member struct {
	key   string
	value any
}

func (o obj) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		k, err := encode(m.key)
		if err != nil {
			return nil, err
		}
		v, err := encode(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// get returns the value of a key, or nil.
func (o obj) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// row is a row of a table of keys.
type row struct{ key, kind, standard, what string }

func rows(t *testing.T, file, header string) []row {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n| "+header+" |")
	if !found {
		t.Fatalf("%s has no table %q", file, header)
	}
	_, rest, _ = strings.Cut(rest, "\n|---")
	_, rest, _ = strings.Cut(rest, "\n")
	var all []row
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 6 {
			break
		}
		r := row{strings.Trim(cells[1], " `"), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3]), strings.TrimSpace(strings.Join(cells[4:len(cells)-1], "|"))}
		r.what = regexp.MustCompile(`\[([^]]+)\]\([^)]+\)`).ReplaceAllString(r.what, "$1")
		all = append(all, r)
	}
	return all
}

// generator makes the schema of the pages' tables.
type generator struct {
	t         *testing.T
	lifecycle map[string]row
}

func schemaDocument(t *testing.T) []byte {
	t.Helper()
	g := &generator{t: t, lifecycle: map[string]row{}}
	lifecycle := rows(t, page, "key of a lifecycle")
	for _, r := range lifecycle {
		g.lifecycle[r.key] = r
	}
	phase := rows(t, page, "key of a phase")
	beside := map[string]bool{}
	for _, k := range fieldKeys("", (&decoder{}).failureFields(&Phase{})) {
		beside[k] = true
	}
	var besides []row
	for _, r := range phase {
		if beside[r.key] {
			besides = append(besides, r)
		}
	}
	top := rows(t, page, "key")
	doc := obj{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", "phased.yaml"},
		{"description", "The settings of phased, /etc/phased/phased.yaml. Made from docs/settings.md and docs/hook-header.md."},
		{"type", []string{"object", "null"}},
		{"additionalProperties", false},
		{"properties", g.properties("", top)},
		{"examples", []any{obj{{"hook-timeout", "10m"}, {"lifecycles", obj{{"deploy", obj{{"phases", []string{"prepare", "apply"}}}}}}}}},
		{"$defs", append(scalars(), append(obj{
			{"phase", phaseDef(g.properties("phase.", phase), true)},
			{"beside", phaseDef(g.properties("phase.", besides), false)},
			{"always", phaseDef(g.properties("phase.", besides), true)},
			{"hook", mapping(g.properties("hook.", rows(t, headerPage, "key")))},
			{"lifecycle", append(mapping(g.properties("lifecycle.", lifecycle)), member{"not", obj{{"required", []string{"base", "roots"}}}})},
		}, lifecycleRules()...)...)},
	}
	text, err := doc.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func mapping(properties obj) obj {
	return obj{{"type", []string{"object", "null"}}, {"additionalProperties", false}, {"properties", properties}}
}

// phaseDef is a phase: its name alone, or a mapping.
func phaseDef(properties obj, named bool) obj {
	def := obj{{"type", []string{"string", "object"}}, {"pattern", namePattern}, told(aName), {"additionalProperties", false}}
	if named {
		def = append(def, member{"required", []string{"name"}})
	}
	return append(def, member{"properties", properties})
}

// properties makes the properties of a table; keys with a dot stand in the
// mapping that they name.
func (g *generator) properties(scope string, table []row) obj {
	g.t.Helper()
	var all obj
	for _, r := range table {
		if strings.Contains(r.key, ".") {
			continue
		}
		inner := []row{}
		for _, i := range table {
			if rest, found := strings.CutPrefix(i.key, r.key+"."); found {
				i.key = rest
				inner = append(inner, i)
			}
		}
		all = append(all, member{r.key, g.property(scope, r, inner)})
	}
	return all
}

// property makes one property: what it does, what it may be, its default, and
// the example that the decoder gives.
func (g *generator) property(scope string, r row, inner []row) obj {
	g.t.Helper()
	if above, found := g.lifecycle[r.key]; found && r.kind == "as above" {
		r.kind = above.kind
		what := strings.TrimPrefix(above.what, "of every phase that has none: ")
		if r.what != "" {
			what += "; " + r.what
		}
		r.what = what
	}
	standard, given := g.standard(r.standard)
	text := r.what
	if text != "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	if !given && r.standard != "none" && r.standard != "see below" && r.standard != "" {
		text = strings.TrimSuffix(text, ".") + ". Default: " + r.standard
	}
	p := obj{{"description", strings.TrimPrefix(text, ". ")}}
	if given {
		p = append(p, member{"default", standard})
	}
	def := g.fragment(scope+r.key, r.kind)
	if example, found := g.example(scope, r.key); found && def.get("enum") == nil {
		p = append(p, member{"examples", []any{example}})
	}
	if len(inner) > 0 {
		def = append(def, member{"additionalProperties", false}, member{"properties", g.properties(scope+r.key+".", inner)})
	}
	return append(p, def...)
}

// standard returns the default of a cell that is one piece of YAML.
func (g *generator) standard(cell string) (any, bool) {
	g.t.Helper()
	m := regexp.MustCompile("^`([^`]+)`(?: \\(none\\))?$").FindStringSubmatch(cell)
	if m == nil {
		return nil, false
	}
	if m[1] == "null" { // of stdin: the word
		return "null", true
	}
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(m[1]), &n); err != nil {
		return nil, false
	}
	return jsonValue(g.t, &n), true
}

// example asks the decoder for one: what it says of a value that cannot be.
func (g *generator) example(scope, key string) (any, bool) {
	g.t.Helper()
	for _, wrong := range []string{"[]", "{}", "!x ''", ""} {
		_, err := Parse("f", []byte(at(scope, key, wrong)))
		if err == nil {
			continue
		}
		m := regexp.MustCompile("such as `" + regexp.QuoteMeta(key) + ": (.*)`").FindStringSubmatch(err.Error())
		if m == nil {
			continue
		}
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(m[1]), &n); err != nil {
			g.t.Fatalf("%s%s: the example of the decoder is no YAML: %v", scope, key, err)
		}
		v := jsonValue(g.t, &n)
		if text, isText := v.(string); isText && scope == "hook." && text == "null" {
			return nil, false
		}
		return v, true
	}
	return nil, false
}

// at is a settings file with a value at a key of a scope.
func at(scope, key, value string) string {
	switch scope {
	case "lifecycle.":
		if key == "phases" {
			return "lifecycles: {own: {phases: " + value + "}}\n"
		}
		return "lifecycles: {own: {phases: [a], " + key + ": " + value + "}}\n"
	case "phase.":
		name := "name: a, "
		if key == "name" {
			name = ""
		}
		return "lifecycles: {own: {phases: [{" + name + key + ": " + value + "}]}}\n"
	case "hook.":
		return "lifecycles: {own: {phases: [a], hooks: {'1*': {" + key + ": " + value + "}}}}\n"
	case "":
		return key + ": " + value + "\n"
	}
	return strings.TrimSuffix(scope, ".") + ": {" + key + ": " + value + "}\n"
}
