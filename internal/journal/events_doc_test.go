package journal

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"phased/internal/phased"
)

// TestEventsDocument holds docs/events.md to the code. With -update it is
// written from the code.
func TestEventsDocument(t *testing.T) {
	const path = "../../docs/events.md"
	got := eventsDocument(t)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("docs/events.md is not what the code says; run go test ./internal/journal -run EventsDocument -update\n%s", d)
	}
}

func eventsDocument(t *testing.T) string {
	line, err := appendLine(nil, newScript("01KAPTGDVB0000000000000001").next(phased.HookFinished{
		Phase: "configure", Hook: "50-hostname", Exit: phased.Exit{Cause: phased.CauseExit, Status: 3}, Took: 31415926 * time.Nanosecond,
		Usage: &phased.Usage{User: 12 * time.Millisecond, System: 3 * time.Millisecond, MaxRSS: 3 << 20}, Err: 14,
	}))
	if err != nil {
		t.Fatal(err)
	}
	src := readSource(t)
	var b strings.Builder
	b.WriteString(strings.Replace(eventsHead, "LINE\n", string(line), 1))
	b.WriteString("## Kinds\n\nIn the order of a run.\n\n| kind | |\n|---|---|\n")
	for _, p := range phased.Payloads() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", p.Kind(), anchor(string(p.Kind())), src.summary(t, p))
	}
	var nested []reflect.Type
	for _, p := range phased.Payloads() {
		typ := reflect.TypeOf(p)
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", p.Kind(), src.doc(t, typ.Name(), string(p.Kind())))
		writeFields(t, &b, typ, &nested)
	}
	b.WriteString("\n## Parts\n\nObjects that stand in the fields above.\n")
	for written := 0; written < len(nested); { // writing one may find more
		typ := nested[written]
		written++
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", typ.Name(), src.doc(t, typ.Name(), typ.Name()))
		writeFields(t, &b, typ, &nested)
	}
	b.WriteString("\n## Codes\n\nThese are frozen: a code never changes its meaning. New ones may come.\n")
	for _, name := range codeTypes() {
		fmt.Fprintf(&b, "\n### %s\n\n| code | |\n|---|---|\n", strings.ToLower(name))
		for _, c := range src.codes[name] {
			fmt.Fprintf(&b, "| `%s` | %s |\n", c[0], c[1])
		}
	}
	b.WriteString(eventsTail)
	return b.String()
}

// codeTypes are the types of strings whose values have a table.
func codeTypes() []string {
	return []string{"Status", "Cause", "Verdict", "ChangeKind", "WarningCode", "LeakPolicy"}
}

func anchor(heading string) string {
	return strings.ToLower(strings.NewReplacer(".", "", " ", "-").Replace(heading))
}

// writeFields writes the table of a struct's JSON fields, and collects the
// structs in them.
func writeFields(t *testing.T, b *strings.Builder, typ reflect.Type, nested *[]reflect.Type) {
	b.WriteString("| field | type | |\n|---|---|---|\n")
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for f := range typ.Fields() {
			if f.Anonymous {
				walk(f.Type)
				continue
			}
			name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
			doc := f.Tag.Get("doc")
			switch {
			case name == "-":
				continue
			case name == "" || doc == "":
				t.Errorf("%s.%s needs a json name and a doc tag", typ.Name(), f.Name)
			}
			typ := typeName(t, f.Type, nested)
			if strings.Contains(opts, "omit") {
				typ += ", optional"
			}
			fmt.Fprintf(b, "| `%s` | %s | %s |\n", name, typ, doc)
		}
	}
	walk(typ)
}

func typeName(t *testing.T, typ reflect.Type, nested *[]reflect.Type) string {
	switch typ {
	case reflect.TypeFor[phased.Text]():
		return "text"
	case reflect.TypeFor[phased.Duration]():
		return "duration"
	case reflect.TypeFor[time.Duration]():
		return "integer"
	case reflect.TypeFor[time.Time]():
		return "time"
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return typeName(t, typ.Elem(), nested)
	case reflect.Slice:
		return "list of " + typeName(t, typ.Elem(), nested)
	case reflect.Struct:
		if !slices.Contains(*nested, typ) {
			*nested = append(*nested, typ)
		}
		return fmt.Sprintf("[%s](#%s)", typ.Name(), anchor(typ.Name()))
	case reflect.String:
		if slices.Contains(codeTypes(), typ.Name()) {
			return fmt.Sprintf("[%s](#%s)", strings.ToLower(typ.Name()), anchor(typ.Name()))
		}
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "integer"
	}
	t.Errorf("no name for the type %v", typ)
	return ""
}

// source is what the comments of the package phased say.
type source struct {
	docs  map[string]string      // of types
	codes map[string][][2]string // constants of string types: value, comment
}

func readSource(t *testing.T) source {
	t.Helper()
	files, err := filepath.Glob("../phased/*.go")
	if err != nil {
		t.Fatal(err)
	}
	s := source{map[string]string{}, map[string][][2]string{}}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				s.add(t, g, spec)
			}
		}
	}
	return s
}

func (s source) add(t *testing.T, g *ast.GenDecl, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		s.docs[spec.Name.Name] = g.Doc.Text()
	case *ast.ValueSpec:
		typ, ok := spec.Type.(*ast.Ident)
		if !ok || len(spec.Values) != 1 {
			return
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return
		}
		value, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		s.codes[typ.Name] = append(s.codes[typ.Name], [2]string{value, strings.TrimSpace(spec.Comment.Text())})
	}
}

// doc returns the comment of a type, under the name that the reader knows.
func (s source) doc(t *testing.T, typ, name string) string {
	text, ok := strings.CutPrefix(s.docs[typ], typ)
	if !ok {
		t.Errorf("%s has no comment", typ)
	}
	return "`" + name + "` " + strings.Join(strings.Fields(text), " ")
}

// summary returns the first sentence of a kind's comment, without its name.
func (s source) summary(t *testing.T, p phased.Payload) string {
	doc := strings.TrimPrefix(s.doc(t, reflect.TypeOf(p).Name(), ""), "`` ")
	first, _, _ := strings.Cut(doc, ". ")
	return strings.TrimSuffix(first, ".")
}

const eventsHead = `# Events

<!-- Written from the code by: go test ./internal/journal -run EventsDocument -update -->

A run is the sequence of its events, and nothing else. They lie in the file
` + "`runs/<run id>.jsonl`" + ` of the state directory ([journal.md](journal.md)), one a line:

` + "```json" + `
LINE
` + "```" + `

| field | type | |
|---|---|---|
| ` + "`v`" + ` | integer | major version of the format: 1 |
| ` + "`run`" + ` | string | run id, a ULID |
| ` + "`seq`" + ` | integer | 1, 2, 3, ... without gaps. (run, seq) identifies an event everywhere |
| ` + "`t`" + ` | time | wall clock, UTC |
| ` + "`mono`" + ` | integer | nanoseconds since the start of the run, by the monotonic clock |
| ` + "`kind`" + ` | string | what happened: see below |
| ` + "`data`" + ` | object | the fields of that kind |
| ` + "`crc`" + ` | string | checksum of the line: always the last field |

**Types.** A *time* is RFC 3339 with up to nine digits of fraction. A *duration* is a string
as ` + "`1h30m`, `90s`, `1.5s`" + `. A *text* can be any bytes: it is a string where they are
valid UTF-8, and ` + "`{\"b64\": \"...\"}`" + ` (standard base64) where they are not; what comes out
is byte for byte what went in. Plain strings are valid UTF-8 always. An *optional* field is
absent where it would be empty, false or 0; any list may be ` + "`null`" + ` where it is empty.

**Checksum.** ` + "`crc`" + ` is CRC-32C (Castagnoli) over all bytes of the line before ` + "`,\"crc\"`" + `,
as eight lower-case hexadecimal digits. A last line that is incomplete or does not fit its
checksum was being written when the process or the power went: it is dropped. Anywhere else
such a line is damage, and is reported with file and line.

**What readers can rely on.** Kinds and fields may be added without a new ` + "`v`" + `; readers
skip what they do not know. A field or code never changes its meaning or type within one
` + "`v`" + `. A reader that finds a greater ` + "`v`" + ` than it knows must stop. The last event of a
run is ` + "`run.finished` or `run.interrupted`" + `; a file that has neither and that nobody holds
locked is of a run that died, and is shown as interrupted. Files of every released version
are kept in testdata/runs and are read for ever.

`

const eventsTail = `
## With jq

` + "```sh" + `
f=/var/lib/phased/runs/01KAPTGDVB0000000000000001.jsonl

# hooks by cost, in seconds
jq -r 'select(.kind == "hook.finished").data | [.took_ns / 1e9, .phase, .hook] | @tsv' $f | sort -rn | head

# why it failed
jq 'select(.kind == "run.failed").data' $f

# what was skipped, and why
jq -r 'select(.kind == "phase.started").data | .phase as $p | .entries[]? | select(.verdict != "run") | [$p, .name, .verdict] | @tsv' $f

# output of one hook; bytes that are no UTF-8 come as U+FFFD (phased logs gives them exactly)
jq -rj 'select(.kind == "hook.output" and .data.hook == "50-hostname").data.text | if type == "object" then .b64 | @base64d else . end' $f
` + "```" + `
`
