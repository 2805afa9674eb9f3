package config

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"go.yaml.in/yaml/v4"
)

// What the words of the pages' type column are in JSON Schema. Keywords for
// texts and for numbers stand side by side, as each counts for its own type
// only: an editor then tells the one thing that is wrong.

const (
	namePattern = `^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$`
	number      = `([0-9]+(\.[0-9]*)?|\.[0-9]+)`
	days        = `^(` + number + `d)?(\+?(0|(` + number + `(ns|us|µs|μs|ms|s|m|h))+))?$`
	outside     = `^(\.\.?(/\.?)*)?$|^(\./)*\.\./`
	wordPattern = `[0-9A-Za-z_-][0-9A-Za-z._-]{0,63}`
	aDuration   = "a duration such as 10s, 5m, 1h30m or 90d"
	aSize       = "a size such as 8MiB, 512KiB or 1GiB"
	aName       = "up to 64 letters, digits, - and _, such as post-configure"
	status      = `0*([1-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])(-[0-9]+)?`
)

// told is what an editor says where a pattern does not fit: VS Code and
// yaml-language-server know this keyword, and others pass it over.
func told(expected string) member { return member{"patternErrorMessage", "expected " + expected} }

func ref(name string) obj { return obj{{"$ref", "#/$defs/" + name}} }

// scalars are the definitions of single values.
func scalars() obj {
	text := func(pattern, expected string) obj {
		return obj{{"type", "string"}, {"pattern", pattern}, told(expected)}
	}
	zero := func(def obj) obj {
		return append(def, member{"minLength", 1}, member{"minimum", 0}, member{"maximum", 0})
	}
	both := []string{"string", "integer"}
	return obj{
		{"duration", zero(obj{{"type", both}, {"pattern", days}, told(aDuration)})},
		{"size", obj{{"type", both}, {"pattern", `^[0-9]+(B|[KMGT]iB)?$`}, told(aSize), {"minimum", 0}}},
		{"path", text(`^/`, "an absolute path such as /etc/phased")},
		{"octal", obj{{"type", both}, {"pattern", `^(0o)?0*[0-7]{1,3}$`}, told("an octal number from 000 to 777 in quotes"), {"minimum", 0}, {"maximum", 777}}},
		{"expression", obj{{"type", "string"}, {"minLength", 1}}},
		{"name", text(namePattern, aName)},
		{"directory", obj{{"type", "string"}, {"not", obj{{"pattern", outside}}}}},
		{"file", obj{{"type", "string"}, {"not", obj{{"pattern", outside + `|/$`}}}}},
		{"scalar", obj{{"type", []string{"string", "number", "boolean"}}}},
	}
}

func listOf(item any, more ...member) obj {
	return append(obj{{"type", "array"}, {"items", item}}, more...)
}

// fragment is what a value may be, by its key where the type of the page does
// not say it all, and else by that.
func (g *generator) fragment(key, kind string) obj {
	g.t.Helper()
	whole, unique := obj{{"type", []string{"object", "null"}}}, member{"uniqueItems", true}
	least := member{"minItems", 1}
	switch key {
	case "environment":
		return append(whole, member{"propertyNames", obj{{"pattern", `^[A-Za-z_][A-Za-z0-9_]*$`}, {"not", obj{{"pattern", `^PHASED_`}}}}}, member{"additionalProperties", ref("scalar")})
	case "output-limit":
		return obj{{"type", []string{"string", "integer"}}, {"pattern", `^0*[1-9][0-9]*(B|[KMGT]iB)?$`}, told(aSize), {"minimum", 1}}
	case "jobs":
		return obj{{"type", "integer"}, {"minimum", 0}, {"maximum", MaxJobs}}
	case "lifecycles":
		return append(whole, member{"propertyNames", ref("name")},
			member{"properties", obj{{"refresh", ref("refresh")}, {"stack", ref("sourced-builtin")}, {"unstack", ref("sourced-builtin")}, {"clean", ref("sourced-builtin")}}},
			member{"additionalProperties", ref("own")})
	case "lifecycle.hooks":
		return append(whole, member{"propertyNames", obj{{"minLength", 1}}}, member{"additionalProperties", ref("hook")})
	case "lifecycle.reboot-exit":
		exit := obj{{"type", "integer"}, {"minimum", 1}, {"maximum", 125}}
		return append(whole, member{"additionalProperties", false}, member{"properties", obj{{"now", exit}, {"now-same", exit}, {"after-phase", exit}, {"after-run", exit}}})
	case "secrets":
		return obj{{"type", []string{"object", "array"}}, {"items", secretName()}, unique}
	case "secrets.names":
		return listOf(secretName(), unique)
	case "secrets.files":
		return listOf(ref("path"), unique)
	case "carry.allow":
		return listOf(append(secretName(), member{"not", obj{{"pattern", `^PHASED_`}}}), unique)
	case "lifecycle.options":
		return listOf(obj{{"enum", shellOptions()}}, unique)
	case "lifecycle.phases":
		return listOf(ref("phase"), least)
	case "lifecycle.failure", "lifecycle.success":
		return ref("beside")
	case "phase.args":
		return listOf(append(scalar(), member{"minLength", 1}), least, member{"maxItems", 2})
	case "phase.glob":
		return obj{{"type", "string"}, {"pattern", `^[0-9A-Za-z._*?\[\]!^-]+$`}, told("a pattern of letters, digits, . _ - * ? [ ] ! ^ such as *.sh")}
	case "phase.calls":
		return obj{{"type", "string"}}
	}
	if option, found := hookFragments()[key]; found {
		return option
	}
	return g.byKind(key, kind)
}

func scalar() obj { return obj{{"type", []string{"string", "number", "boolean"}}} }

func secretName() obj {
	return obj{{"type", "string"}, {"pattern", `^[*?]*[A-Za-z0-9_][A-Za-z0-9_*?]*$`}, told("letters, digits, _, * and ?, such as *_PIN")}
}

func (g *generator) byKind(key, kind string) obj {
	g.t.Helper()
	switch kind {
	case "duration", "size", "path", "octal", "expression", "name", "directory", "file":
		return ref(kind)
	case "number":
		return obj{{"type", "integer"}, {"minimum", 0}}
	case "`true`, `false`":
		return obj{{"type", "boolean"}}
	case "mapping":
		return obj{{"type", []string{"object", "null"}}}
	case "list of paths":
		return listOf(ref("path"), member{"minItems", 1}, member{"uniqueItems", true})
	case "list of files":
		return listOf(ref("file"), member{"minItems", 1}, member{"uniqueItems", true})
	case "list of words":
		return obj{{"type", "array"}, {"prefixItems", []any{append(scalar(), member{"minLength", 1})}}, {"items", ref("scalar")}}
	case "list of expressions":
		return listOf(ref("expression"), member{"uniqueItems", true})
	case "list of phases":
		return listOf(ref("always"), member{"minItems", 1})
	}
	if words := wordsOf(kind); words != nil {
		choices := []any{}
		for _, w := range words {
			choices = append(choices, w)
		}
		if words[0] == "null" {
			choices = append(choices, nil) // `stdin: null` is the word
		}
		return obj{{"enum", choices}}
	}
	g.t.Fatalf("%s: the type %q of the page is not known here: say what it is in JSON Schema", key, kind)
	return nil
}

// wordsOf returns the words of "`a`, `b`"; nil where a type is something else.
func wordsOf(kind string) []string {
	if !regexp.MustCompile("^(`[a-z.-]+`(, )?)+$").MatchString(kind) {
		return nil
	}
	var words []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(kind, -1) {
		words = append(words, m[1])
	}
	return words
}

// hookFragments are the values of options of hooks, as in headers: one value, a
// text with commas, or a list.
func hookFragments() map[string]obj {
	several := func(expected, item, single string, kind ...string) obj {
		def := obj{{"type", append(kind, "array")}, {"pattern", `^` + item + `(,` + item + `)*$`}, told(expected)}
		one := obj{{"type", kind}, {"pattern", `^` + single + `$`}, told(expected)}
		if slices.Contains(kind, "integer") {
			limits := obj{{"minimum", 1}, {"maximum", maxExit}}
			def, one = append(def, limits...), append(one, limits...)
		}
		return append(def, member{"items", one})
	}
	scalar := []string{"string", "number", "boolean"}
	when := `((notified|changed):` + wordPattern + `|changed:/`
	exits := several("an exit status from 1 to 255, or a range such as 10-12", status, status, "string", "integer")
	return map[string]obj{
		"hook.timeout":    {{"type", []string{"string", "integer"}}, {"pattern", days + `|^none$`}, told(aDuration + ", or none"), {"minLength", 1}, {"minimum", 0}, {"maximum", 0}},
		"hook.backoff":    ref("duration"),
		"hook.retries":    {{"type", []string{"integer", "string"}}, {"pattern", `^\+?0*([0-9]|[1-9][0-9]|100)$`}, told("a whole number from 0 to 100"), {"minimum", 0}, {"maximum", maxRetries}},
		"hook.lock":       several("the name of a lock such as apt", wordPattern, wordPattern, scalar...),
		"hook.when":       several("notified:NAME, changed:NAME or changed:/PATH", when+`[^,]*)`, when+`.*)`, "string"),
		"hook.allow-exit": exits,
		"hook.skip-exit":  exits,
		"hook.secret":     several("the absolute path of a file", `/[^,]*`, `/.*`, "string"),
		"hook.inputs":     several("a pattern of files such as /etc/app/*.conf", `[^,]+`, `.+`, scalar...),
		"hook.frequency":  {{"enum", []string{"always", "once", "once-per-boot", "once-per-content"}}},
		"hook.leak":       {{"enum", []string{"keep", "kill", "fail"}}},
	}
}

// lifecycleRules are the definitions of lifecycles: which keys go together.
func lifecycleRules() obj {
	runBy := func(executor string) obj {
		return obj{{"type", "object"}, {"properties", obj{{"executor", obj{{"const", executor}}}}}, {"required", []string{"executor"}}}
	}
	session, process := runBy("session"), runBy("process")
	without := func(more obj, keys ...string) obj {
		props := obj{}
		for _, k := range keys {
			props = append(props, member{k, false})
		}
		return obj{{"properties", append(props, more...)}}
	}
	choose := func(test, then, otherwise any) obj { return obj{{"if", test}, {"then", then}, {"else", otherwise}} }
	noShell := member{"on-failure", obj{{"not", obj{{"const", "shell"}}}}}
	has := func(key string) obj { return obj{{"required", []string{key}}} }
	contains := func(what any) obj {
		return obj{{"required", []string{"phases"}}, {"properties", obj{{"phases", obj{{"contains", what}}}}}}
	}
	notProcess := obj{{"not", process}}
	processes := obj{{"phases", obj{{"items", choose(session, ref("sourced-phase"), ref("process-phase"))}}}}
	sourced := obj{{"phases", obj{{"items", choose(process, ref("process-phase"), ref("sourced-phase"))}}}}
	anySourced := obj{{"properties", obj{{"roots", obj{{"maxItems", 1}}}}}}
	needsConf := obj{{"dependentRequired", obj{{"plugin-order", []string{"local-conf"}}}}}
	noneSourced := without(obj{noShell}, "shell", "options", "provenance", "local-conf", "plugin-dir", "plugin-order")
	ofSession := without(sourced, "order", "names", "leak", "reboot-exit", "parallel", "siblings")
	phases := func(what any) obj { return obj{{"allOf", []any{has("phases"), obj{{"not", contains(what)}}}}} }
	allSourced := obj{{"anyOf", []any{
		obj{{"allOf", []any{session, phases(process)}}},
		obj{{"allOf", []any{obj{{"not", session}}, phases(obj{{"not", session}})}}},
	}}}
	own := []any{
		obj{{"if", allSourced}, {"then", without(nil, "environment-dir")}},
		choose(session, ofSession, obj{{"properties", processes}}),
		choose(obj{{"anyOf", []any{
			obj{{"allOf", []any{session, contains(notProcess)}}},
			obj{{"allOf", []any{obj{{"not", session}}, contains(session)}}},
		}}}, obj{{"allOf", []any{anySourced, needsConf}}}, noneSourced),
	}
	return obj{
		{"process-phase", without(obj{noShell}, "files", "args", "scope", "glob", "calls", "plugins")},
		{"sourced-phase", obj{{"allOf", []any{
			without(nil, "order", "leak", "names", "parallel", "siblings"),
			choose(has("calls"), without(nil, "dir", "files", "glob", "args", "scope", "plugins", "optional"),
				choose(has("files"), without(nil, "dir", "glob", "args", "plugins"),
					obj{{"if", obj{{"required", []string{"plugins"}}, {"not", has("dir")}}}, {"then", without(nil, "glob")}})),
		}}}},
		{"own", append(ref("lifecycle"), member{"required", []string{"phases"}}, member{"type", "object"}, member{"allOf", own})},
		{"refresh", append(ref("lifecycle"), member{"allOf", own})},
		{"sourced-builtin", append(ref("lifecycle"), member{"allOf", []any{
			without(append(obj{{"executor", obj{{"not", obj{{"const", "process"}}}}}}, sourced...), "order", "names", "leak", "reboot-exit", "parallel", "siblings"),
			choose(obj{{"anyOf", []any{obj{{"not", has("phases")}}, contains(notProcess)}}}, anySourced, noneSourced),
			obj{{"if", obj{{"not", contains(process)}}}, {"then", without(nil, "environment-dir")}},
		}})},
	}
}

// jsonValue is what a JSON Schema sees of a value in YAML 1.2.
func jsonValue(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.DocumentNode:
		return jsonValue(t, n.Content[0])
	case yaml.AliasNode:
		return jsonValue(t, n.Alias)
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, jsonValue(t, c))
		}
		return list
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = jsonValue(t, n.Content[i+1])
		}
		return m
	default:
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
	case "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			t.Fatal(err)
		}
		switch v := v.(type) {
		case int, int64, uint64:
			return v
		case float64:
			if v-v == 0 {
				return v
			}
		}
		return fmt.Sprint(v) // .inf has no JSON
	}
	return n.Value
}
