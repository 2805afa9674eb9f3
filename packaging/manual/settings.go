package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// node is what the pages take of the JSON Schema of the settings.
type node struct {
	Description string
	Default     json.RawMessage
	Examples    []json.RawMessage
	Enum        []json.RawMessage
	Type        json.RawMessage
	Pattern     string `json:"patternErrorMessage"`
	Ref         string `json:"$ref"`
	Properties  keys
	Defs        keys `json:"$defs"`
}

// keys are the properties in the order of the file, which is that of
// docs/settings.md.
type keys []key

type key struct {
	name string
	node node
}

// UnmarshalJSON keeps the order.
func (k *keys) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		one := key{name: fmt.Sprint(name)}
		// `false` says that a key may not be there.
		if raw[0] == '{' {
			if err := json.Unmarshal(raw, &one.node); err != nil {
				return err
			}
		}
		*k = append(*k, one)
	}
	_, err := dec.Token()
	return err
}

// of returns the node of that name.
func (k keys) of(name string) (node, error) {
	for _, one := range k {
		if one.name == name {
			return one.node, nil
		}
	}
	return node{}, fmt.Errorf("the schema of the settings has no %s: %w", name, io.ErrUnexpectedEOF)
}

// settingsPages are phased.yaml(5) and phased-hooks(5).
func settingsPages(text []byte) ([]page, error) {
	var schema node
	if err := json.Unmarshal(text, &schema); err != nil {
		return nil, fmt.Errorf("cannot read the schema of the settings: %v", err)
	}
	lists := map[string][]block{"": nodeItems("", schema.Properties)}
	for _, name := range []string{"lifecycle", "phase", "hook"} {
		def, err := schema.Defs.of(name)
		if err != nil {
			return nil, err
		}
		if len(def.Properties) == 0 {
			return nil, fmt.Errorf("the schema of the settings has no keys of a %s", name)
		}
		lists[name] = nodeItems("", def.Properties)
	}
	return []page{settingsPage(lists), hooksPage(lists["hook"])}, nil
}

// nodeItems are the keys of a mapping, and of those in it.
func nodeItems(prefix string, all keys) []block {
	var list []block
	for _, k := range all {
		// The built-in lifecycles have the keys of the others.
		if k.node.Description == "" {
			continue
		}
		list = append(list, item(prefix+k.name, nodeText(k.node)))
		list = append(list, nodeItems(prefix+k.name+".", k.node.Properties)...)
	}
	return list
}

// nodeText says what a key does, what is written there, and what holds without
// it.
func nodeText(n node) string {
	text := sentence(n.Description)
	if what := n.kind(); what != "" {
		text += " Value: " + what + "."
	}
	if len(n.Default) > 0 && !strings.Contains(n.Description, "Default:") {
		text += " Default: `" + plain(n.Default) + "`."
	}
	if len(n.Enum) == 0 && n.Pattern == "" && len(n.Examples) > 0 {
		if example := plain(n.Examples[0]); example != plain(n.Default) {
			text += " Example: `" + example + "`."
		}
	}
	return text
}

// kind says what is written as a value.
func (n node) kind() string {
	var words []string
	for _, e := range n.Enum {
		if string(e) != "null" {
			words = append(words, "`"+plain(e)+"`")
		}
	}
	if len(words) > 0 {
		return strings.Join(words, ", ")
	}
	if what, ok := strings.CutPrefix(n.Pattern, "expected "); ok {
		return what
	}
	switch _, name, _ := strings.Cut(n.Ref, "#/$defs/"); name {
	case "duration", "size", "name", "directory", "file":
		return name
	case "path":
		return "absolute path"
	case "octal":
		return "octal number in quotes"
	case "expression":
		return "regular expression (RE2)"
	}
	switch t := string(n.Type); {
	case strings.Contains(t, `"array"`) && strings.Contains(t, `"object"`):
		return "mapping, or list"
	case strings.Contains(t, `"array"`):
		return "list"
	case strings.Contains(t, `"object"`):
		return "mapping"
	case strings.Contains(t, `"boolean"`):
		return "`true`, `false`"
	case strings.Contains(t, `"integer"`):
		return "number"
	}
	return ""
}

// plain writes a JSON value as it may stand in YAML.
func plain(raw json.RawMessage) string {
	var v any
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	return yaml(v)
}

// yaml writes a value in YAML's flow style. Mappings are short: the order of
// their keys is that of the alphabet.
func yaml(v any) string {
	switch v := v.(type) {
	case []any:
		var words []string
		for _, e := range v {
			words = append(words, yaml(e))
		}
		return "[" + strings.Join(words, ", ") + "]"
	case map[string]any:
		var words []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			words = append(words, k+": "+yaml(v[k]))
		}
		return "{" + strings.Join(words, ", ") + "}"
	case string:
		if v == "" || strings.ContainsAny(v[:1], "*&^!%@`{[") || strings.ContainsAny(v, ":,[]{}#") || v[0] == '0' && len(v) > 1 {
			return "'" + v + "'"
		}
		return v
	}
	return fmt.Sprint(v)
}

func settingsPage(lists map[string][]block) page {
	return page{name: "phased.yaml", section: "5", short: "settings of phased", parts: []part{
		{"SYNOPSIS", []block{synopsis("/etc/phased/phased.yaml")}},
		{"DESCRIPTION", []block{
			para("The file is YAML, in UTF-8. Without it, every default holds; --config names another one, which must exist. As root, phased reads it only where nobody else could have written it."),
			para("It is read strictly: keys that are not known, wrong types, keys given twice and values out of range are errors, and all of them are told at once, with line and column. Any error ends phased with status 2 before it does anything. `phased check` finds them, too."),
			para("A flag of the command line comes before the settings. `phased plan --explain NAME` shows every option that is in force for a hook, and where it came from."),
			para("Names such as plan.md in this page are those of pages in /usr/share/doc/phased. /usr/share/phased/phased.schema.json is a JSON Schema of the file, for editors."),
			heading("Values"),
			item("duration", "`10s`, `5m`, `1h30m`, `90d`; `0` for none."),
			item("size", "`8MiB`, `512KiB`, `1GiB`, or bytes: `4096`."),
			item("expression", "RE2, not anchored: write ^ and $ where they are meant."),
			item("name", "Up to 64 letters, digits, - and _."),
		}},
		{"KEYS", lists[""]},
		{"KEYS OF A LIFECYCLE", append([]block{para("Below `lifecycles`, by its name. Refresh, stack, unstack and clean are built in: settings of these change only what they name. Others must have phases.")}, lists["lifecycle"]...)},
		{"KEYS OF A PHASE", append([]block{para("An entry of `phases`, `failure`, `success` or `always` is the name of a phase, or a mapping with these keys.")}, lists["phase"]...)},
		{"EXAMPLES", []block{
			para("A limit for every hook, and a lifecycle whose phases are in /srv/deploy:"),
			literal("hook-timeout: 10m\nlifecycles:\n  deploy:\n    base: /srv/deploy\n    phases:\n      - prepare\n      - name: apply\n        on-failure: finish-phase\n    failure: undo"),
		}},
		{"FILES", []block{item("/etc/phased/phased.yaml", "The settings."), item("/usr/share/phased/phased.schema.json", "Their JSON Schema.")}},
		{"SEE ALSO", []block{para("phased(1), phased-hooks(5), phased-plan(1), phased-check(1)")}},
	}}
}

func hooksPage(options []block) page {
	return page{name: "phased-hooks", section: "5", short: "hooks of phased, and what their headers say", parts: []part{
		{"DESCRIPTION", []block{
			para("A hook is an executable file in a directory that is named for its phase, such as /etc/phased/configure.d/20-render. Its name has letters, digits, - and _ only. " +
				"Hooks run in the order of the number that the name begins with; without one it counts as 0."),
			para("A hook may carry options in comments at its beginning, in its first 4 KiB:"),
			literal("#!/bin/bash\n# phased: frequency=once-per-content inputs=/etc/app/*.conf\n# phased: timeout=5m retries=2 backoff=10s"),
			para("A comment begins with #, //, -- or ;, and then `phased:` and a blank. Several lines add up. A value with blanks stands in quotes; several values have commas between them. " +
				"A mistake ends phased with status 2 before anything runs; `phased check` finds it."),
			para("The settings may give the same options to hooks by name, and come before the header: `hooks` in phased.yaml(5)."),
			para("Hooks that are sourced may have timeout, lock, secret and inputs only. Hooks of os-refresh-config and dib-run-parts have no header."),
		}},
		{"OPTIONS", options},
		{"FREQUENCIES", []block{
			para("A hook with one of these is passed over, and the record says so. One that has failed runs again. phased forget HOOK lets it run again, too."),
			item("once", "It has succeeded before."),
			item("once-per-boot", "It has succeeded since the host was booted."),
			item("once-per-content", "It has succeeded with the content, and the inputs, that it has now."),
		}},
		{"EXIT STATUS", []block{
			para("0 is a success. Any other status is a failure, but for those of `skip-exit` and `allow-exit`, and those by which a lifecycle lets hooks ask for a reboot (`reboot-exit`)."),
		}},
		{"EXAMPLES", []block{
			para("Restart nginx once, and only if its settings have changed. In configure.d/20-nginx:"),
			literal("phased changed --notify nginx '/etc/nginx/*.conf'"),
			para("In post-configure.d/50-restart-nginx:"),
			literal("#!/bin/sh\n# phased: when=notified:nginx\nsystemctl restart nginx"),
			para("Hand a value to later hooks:"),
			literal("echo DATABASE_HOST=db1 >>\"$PHASED_ENV\""),
		}},
		{"SEE ALSO", []block{para("phased(1), phased.yaml(5), phased-check(1), phased-notify(1), phased-changed(1), phased-reboot-needed(1)"), para("/usr/share/doc/phased/hooks.md")}},
	}}
}
